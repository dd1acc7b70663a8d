# Copyright (C) Evolu Auth Authors
#
# Identity headers: each exactly once or not at all.

use lib 't/lib';
use EvoluAuth;

run_tests();

__DATA__

=== TEST 1: off, anonymous: none
--- server_config
location /off { evolu_auth off; proxy_pass $TEST_NGINX_UPSTREAM; }
location /none { proxy_pass $TEST_NGINX_UPSTREAM; }
location /optional { evolu_auth optional; proxy_pass $TEST_NGINX_UPSTREAM; }
--- request eval
["GET /off", "GET /none", "GET /optional"]
--- error_code eval
[200, 200, 200]
--- identity eval
["", "", ""]
--- reason eval
["-", "-", "-"]



=== TEST 2: a list of its own replaces the five defaults
--- guard
evolu_auth_header X-Tenant $evolu_campaign;
evolu_auth_header X-Who "$evolu_scope/$evolu_key_id";
--- request
GET /
--- more_headers
apikey: evolu_live_aB3dE6gH_LiveSecret0123456789
X-Tenant: spoofed
x_who: spoofed
--- identity
--- upstream_has
X-Tenant: aB3dE6gH
X-Who: campaign/k1



=== TEST 3: one directive at a level replaces the whole inherited list
--- server_config
evolu_auth on;
evolu_auth_header X-Server $evolu_campaign;
location /own {
    evolu_auth_header X-Own $evolu_campaign;
    proxy_pass $TEST_NGINX_UPSTREAM;
}
location / { proxy_pass $TEST_NGINX_UPSTREAM; }
--- request eval
["GET /", "GET /own"]
--- more_headers
apikey: evolu_live_aB3dE6gH_LiveSecret0123456789
X-Server: spoofed
X-Own: spoofed
--- error_code eval
[200, 200]
--- upstream_has eval
["X-Server: aB3dE6gH", "X-Own: aB3dE6gH"]
--- upstream_lacks eval
["X-Own", "X-Server"]



=== TEST 4: an empty value is not sent, and the client's neither
--- guard
evolu_auth_header X-Instance $evolu_instance;
evolu_auth_header X-Campaign $evolu_campaign;
--- request
GET /
--- more_headers
apikey: evolu_live_free_FreeSecret0123456789
X-Instance: inst-1
--- upstream_has
X-Campaign: free
--- upstream_lacks
X-Instance



=== TEST 5: a fixed value
--- guard
evolu_auth_header X-Edge "evolu auth";
--- request eval
["GET /", "GET /"]
--- more_headers eval
["apikey: evolu_live_aB3dE6gH_LiveSecret0123456789", ""]
--- error_code eval
[200, 401]
--- upstream_has eval
["X-Edge: evolu auth", undef]



=== TEST 6: a fixed value is identity: not for the anonymous
--- guard
evolu_auth optional;
evolu_auth_header X-Edge yes;
--- request
GET /
--- more_headers
X-Edge: spoofed
--- upstream_lacks
X-Edge



=== TEST 7: CR, LF and NUL are not sent
--- guard
evolu_auth_instance inst-1;
evolu_auth_header X-Decoded $bad;
evolu_auth_header X-Scope $evolu_scope;
--- http_extra
map $arg_n $bad {
    cr   "a\rb: c";
    lf   "a\nX-Evolu-Scope: global";
    good "a b";
}
--- request eval
["GET /?n=cr", "GET /?n=lf", "GET /?n=good"]
--- more_headers
apikey: token-of-inst-1
X-Decoded: spoofed
--- error_code eval
[200, 200, 200]
--- upstream_lacks eval
["X-Decoded b X-Evolu-Scope", "X-Decoded X-Evolu-Scope", ""]
--- upstream_has eval
["X-Scope: instance", "X-Scope: instance", "X-Decoded: a b"]



=== TEST 8: and the error log says so
--- guard
evolu_auth_header X-Decoded "a
b";
--- request
GET /
--- more_headers
apikey: evolu_live_aB3dE6gH_LiveSecret0123456789
--- error_log eval
qr/\[error\].*evolu_auth.*X-Decoded/
--- upstream_lacks
X-Decoded



=== TEST 9: proxy_set_header of the same name wins
--- guard
proxy_set_header X-Evolu-Key-Id "mine";
proxy_set_header X-Mine $evolu_key_id;
--- request
GET /
--- more_headers
apikey: evolu_live_aB3dE6gH_LiveSecret0123456789
--- upstream_has
X-Evolu-Key-Id: mine
X-Mine: k1
X-Evolu-Scope: campaign



=== TEST 10: a name that nginx knows
--- guard
evolu_auth_header User-Agent $evolu_campaign;
evolu_auth_header X-Seen $http_user_agent;
--- request
GET /
--- more_headers
apikey: evolu_live_aB3dE6gH_LiveSecret0123456789
User-Agent: spoofed
--- upstream_has
User-Agent: aB3dE6gH



=== TEST 11: Authorization, replaced only where it is injected
--- server_config
evolu_auth on;
evolu_auth_key_sources header:apikey;
location /in {
    evolu_auth_header Authorization "Basic $evolu_key_id";
    proxy_pass $TEST_NGINX_UPSTREAM;
}
location /off {
    evolu_auth off;
    proxy_pass $TEST_NGINX_UPSTREAM;
}
location / { proxy_pass $TEST_NGINX_UPSTREAM; }
--- request eval
["GET /in", "GET /", "GET /off"]
--- more_headers
apikey: evolu_live_aB3dE6gH_LiveSecret0123456789
Authorization: Basic Y2xpZW50
--- error_code eval
[200, 200, 200]
--- upstream_has eval
["Authorization: Basic k1", "Authorization: Basic Y2xpZW50",
 "Authorization: Basic Y2xpZW50"]



=== TEST 12: without proxy_pass_request_headers, variables still do
--- guard
proxy_pass_request_headers off;
proxy_set_header X-Key $evolu_key_id;
--- request
GET /
--- more_headers
apikey: evolu_live_aB3dE6gH_LiveSecret0123456789
X-Evolu-Scope: global
--- identity
--- upstream_has
X-Key: k1



=== TEST 13: $http_ variables see what is injected
--- guard
proxy_set_header X-Via $http_x_evolu_scope;
--- request
GET /
--- more_headers
apikey: evolu_live_aB3dE6gH_LiveSecret0123456789
X-Evolu-Scope: global
--- upstream_has
X-Via: campaign
