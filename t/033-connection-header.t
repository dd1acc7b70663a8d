# Copyright (C) Evolu Auth Authors
#
# Connection must not name a header of ours: the next hop would drop it.

use lib 't/lib';
use EvoluAuth;

run_tests();

__DATA__

=== TEST 1: identity and credential headers
--- guard
--- cases
apikey: evolu_live_aB3dE6gH_LiveSecret0123456789\nConnection: close, X-Evolu-Instance | 400 | connection_header
apikey: evolu_live_aB3dE6gH_LiveSecret0123456789\nConnection: x-evolu-livemode,close | 400 | connection_header
apikey: evolu_live_aB3dE6gH_LiveSecret0123456789\nConnection: close,\tX-EVOLU-KEY-ID\t, foo | 400 | connection_header
apikey: evolu_live_aB3dE6gH_LiveSecret0123456789\nConnection: close, x_evolu_scope | 400 | connection_header
apikey: evolu_live_aB3dE6gH_LiveSecret0123456789\nConnection: close, apikey | 400 | connection_header
apikey: evolu_live_aB3dE6gH_LiveSecret0123456789\nConnection: close, Authorization | 400 | connection_header
Connection: close, apikey | 400 | connection_header
apikey: evolu_live_aB3dE6gH_LiveSecret0123456789\nConnection: close, X-Other | 200 | ok
apikey: evolu_live_aB3dE6gH_LiveSecret0123456789\nConnection: close, TE, X-Evolu-Scopes | 200 | ok
apikey: evolu_live_aB3dE6gH_LiveSecret0123456789\nConnection: close,,apikeys | 200 | ok



=== TEST 2: spread over two lines
--- guard
--- cases
apikey: evolu_live_aB3dE6gH_LiveSecret0123456789\nConnection: keep-alive, x-evolu-instance\nConnection: close, x-evolu-livemode | 400 | connection_header
apikey: evolu_live_aB3dE6gH_LiveSecret0123456789\nConnection: x-evolu-instance\nConnection: close | 400 | connection_header
apikey: evolu_live_aB3dE6gH_LiveSecret0123456789\nConnection: close\nConnection: x-evolu-instance | 400 | connection_header



=== TEST 3: optional refuses, off and report do not look
--- server_config
location /optional { evolu_auth optional; proxy_pass $TEST_NGINX_UPSTREAM; }
location /report { evolu_auth report; proxy_pass $TEST_NGINX_UPSTREAM; }
location /off { evolu_auth off; proxy_pass $TEST_NGINX_UPSTREAM; }
--- cases
GET /optional | Connection: close, x-evolu-scope | 400 | connection_header
GET /report | Connection: close, x-evolu-scope | 200 | would missing
GET /off | Connection: close, x-evolu-scope | 200 | -



=== TEST 4: names of the location's own lists
--- guard
evolu_auth_key_sources header:X-Token;
evolu_auth_header X-Tenant $evolu_campaign;
--- cases
X-Token: evolu_live_aB3dE6gH_LiveSecret0123456789\nConnection: close, x-token | 400 | connection_header
X-Token: evolu_live_aB3dE6gH_LiveSecret0123456789\nConnection: close, x-tenant | 400 | connection_header
X-Token: evolu_live_aB3dE6gH_LiveSecret0123456789\nConnection: close, foo | 200 | ok



=== TEST 5: what passes is not forwarded as Connection
--- guard
proxy_set_header Connection close;
--- request
GET /
--- more_headers
apikey: evolu_live_aB3dE6gH_LiveSecret0123456789
Connection: close, X-Other
X-Other: here
--- upstream_has
Connection: close
X-Other: here
