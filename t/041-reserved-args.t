# Copyright (C) Evolu Auth Authors
#
# Reserved arguments: only a global key may send them.

use lib 't/lib';
use EvoluAuth;

run_tests();

__DATA__

=== TEST 1: in every form that some server may read as the name
--- guard
evolu_auth_instance inst-1;
evolu_auth_reserved_args instanceName instanceId;
--- cases
GET /?instanceName=inst-1 | apikey: token-of-inst-1 | 403 | reserved_arg scope=instance id=i1
GET /?instanceName=inst-2 | apikey: token-of-inst-1 | 403 | reserved_arg
GET /?instanceName=inst-1&instanceName=inst-2 | apikey: token-of-inst-1 | 403 | reserved_arg
GET /?instance%4eame=inst-2 | apikey: token-of-inst-1 | 403 | reserved_arg
GET /?%69nstanceName | apikey: token-of-inst-1 | 403 | reserved_arg
GET /?instanceName | apikey: token-of-inst-1 | 403 | reserved_arg
GET /?instanceName= | apikey: token-of-inst-1 | 403 | reserved_arg
GET /?a=b&instanceId=5 | apikey: token-of-inst-1 | 403 | reserved_arg
GET /?instanceName[]=inst-2 | apikey: token-of-inst-1 | 403 | reserved_arg
GET /?instanceName[0]=inst-2 | apikey: token-of-inst-1 | 403 | reserved_arg
GET /?instanceName[a][b]=inst-2 | apikey: token-of-inst-1 | 403 | reserved_arg
GET /?instanceName%5B%5D=inst-2 | apikey: token-of-inst-1 | 403 | reserved_arg
GET /?[instanceName]=inst-2 | apikey: token-of-inst-1 | 403 | reserved_arg
GET /?%5binstanceName%5d=inst-2 | apikey: token-of-inst-1 | 403 | reserved_arg
GET /?[instanceName=inst-2 | apikey: token-of-inst-1 | 403 | reserved_arg
GET /?instanceName[x=%zz | apikey: token-of-inst-1 | 403 | reserved_arg
GET /?instanceName[%zz=x | apikey: token-of-inst-1 | 403 | reserved_arg
GET /?&&&instanceName=x | apikey: token-of-inst-1 | 403 | reserved_arg



=== TEST 2: and nothing else
--- guard
evolu_auth_instance inst-1;
evolu_auth_reserved_args instanceName instanceId;
--- cases
GET /?INSTANCENAME=inst-2 | apikey: token-of-inst-1 | 200 | ok
GET /?a=1;instanceName=inst-2 | apikey: token-of-inst-1 | 200 | ok
GET /?xinstanceName=1&instanceNames=2 | apikey: token-of-inst-1 | 200 | ok
GET /?a=instanceName&b=instanceName=x | apikey: token-of-inst-1 | 200 | ok
GET /?a[instanceName]=x | apikey: token-of-inst-1 | 200 | ok
GET /?instance%254eame=inst-2 | apikey: token-of-inst-1 | 200 | ok
GET /?instance+Name=x | apikey: token-of-inst-1 | 200 | ok
GET /instanceName=x | apikey: token-of-inst-1 | 200 | ok
GET /?instanceName=inst-2 | apikey: global-key-of-the-house | 200 | ok
GET /?instanceName=inst-2 | apikey: token-of-inst-2 | 401 | bad_secret
GET / | apikey: token-of-inst-1 | 200 | ok



=== TEST 3: a campaign key may not, either
--- guard
evolu_auth_reserved_args "campaign id";
--- cases
GET /?campaign+id=1 | apikey: evolu_live_aB3dE6gH_LiveSecret0123456789 | 403 | reserved_arg
GET /?campaign%20id=1 | apikey: evolu_live_aB3dE6gH_LiveSecret0123456789 | 403 | reserved_arg
GET /?campaign%2Bid=1 | apikey: evolu_live_aB3dE6gH_LiveSecret0123456789 | 200 | ok
GET /?campaign+id=1 | apikey: global-key-of-the-house | 200 | ok



=== TEST 4: inherited, replaced, off
--- server_config
evolu_auth on;
evolu_auth_reserved_args a;
location /b { evolu_auth_reserved_args b; proxy_pass $TEST_NGINX_UPSTREAM; }
location /off { evolu_auth_reserved_args off; proxy_pass $TEST_NGINX_UPSTREAM; }
location / { proxy_pass $TEST_NGINX_UPSTREAM; }
--- cases
GET /?a=1 | apikey: evolu_live_aB3dE6gH_LiveSecret0123456789 | 403 | reserved_arg
GET /?b=1 | apikey: evolu_live_aB3dE6gH_LiveSecret0123456789 | 200 | ok
GET /b?b=1 | apikey: evolu_live_aB3dE6gH_LiveSecret0123456789 | 403 | reserved_arg
GET /b?a=1 | apikey: evolu_live_aB3dE6gH_LiveSecret0123456789 | 200 | ok
GET /off?a=1&b=1 | apikey: evolu_live_aB3dE6gH_LiveSecret0123456789 | 200 | ok



=== TEST 5: of the request line, not of a rewrite
--- guard
evolu_auth_reserved_args a;
rewrite ^/clean /x? break;
rewrite ^/dirty /x?a=1 break;
--- cases
GET /clean?a=1 | apikey: evolu_live_aB3dE6gH_LiveSecret0123456789 | 403 | reserved_arg
GET /dirty?b=1 | apikey: evolu_live_aB3dE6gH_LiveSecret0123456789 | 200 | ok



=== TEST 6: anonymous, report
--- server_config
evolu_auth_reserved_args a;
location /optional { evolu_auth optional; proxy_pass $TEST_NGINX_UPSTREAM; }
location /report { evolu_auth report; proxy_pass $TEST_NGINX_UPSTREAM; }
--- cases
GET /optional?a=1 | - | 200 | -
GET /optional?a=1 | apikey: evolu_live_aB3dE6gH_LiveSecret0123456789 | 403 | reserved_arg
GET /report?a=1 | apikey: evolu_live_aB3dE6gH_LiveSecret0123456789 | 200 | would reserved_arg
