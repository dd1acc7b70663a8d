# Copyright (C) Evolu Auth Authors
#
# conf/evolution-api.conf with its switches turned, with the upstream's own key,
# and in report mode.

use strict;
use warnings;

use lib 't/lib';
use EvoluAuth;
use EvoluPreset;

run_tests();

__DATA__

=== TEST 1: a switch opens one door, and no other
--- preset: evolution-api
--- server_config
set $evolu_open_manager on;
--- cases
GET / | - | 200 | -
GET /manager | - | 200 | -
GET /Manager/login | - | 200 | -
GET /assets/app.js | - | 200 | -
GET / | apikey: token-of-nobody | 200 | -
POST /webhook/meta | - | 401 | missing
POST /chatwoot/webhook/inst-1 | - | 401 | missing
GET /store/a/b.jpg | - | 401 | missing
GET /metrics | - | 404 | -
GET /manager/../x/inst-1 | - | 400 | -
GET /manager//x | - | 400 | -
GET /manager/%2e%2e/x/inst-1 | - | 400 | -
GET /manager?a=/instance/create | - | 400 | -
GET /x/inst-1 | - | 401 | missing



=== TEST 2: the others
--- preset: evolution-api
--- server_config
set $evolu_open_webhooks on;
set $evolu_open_store on;
--- cases
POST /webhook/meta | - | 200 | -
POST /webhook/evolution | - | 200 | -
POST /chatwoot/webhook/inst-1 | - | 200 | -
POST /chatwoot/webhook/inst-1/ | - | 200 | -
POST /chatwoot/webhook/inst-1?instanceName=inst-2 | - | 400 | -
POST /chatwoot/webhook/inst-1/more | - | 401 | missing
POST /webhook/meta/inst-1 | - | 401 | missing
GET /store/a/b.jpg | - | 200 | -
GET /store/a?b=/instance/create | - | 400 | -
GET / | - | 401 | missing
GET /metrics | apikey: global-key-of-the-house | 404 | -



=== TEST 3: any other value is none
--- preset: evolution-api
--- server_config
set $evolu_open_manager yes;
set $evolu_open_webhooks 1;
set $evolu_open_store ON;
set $evolu_socket_by_token true;
set $evolu_fetch_by_token yes;
set $evolu_s3_by_token "";
--- cases
GET / | - | 401 | missing
POST /webhook/meta | - | 401 | missing
POST /chatwoot/webhook/inst-1 | - | 401 | missing
GET /store/a | - | 401 | missing
GET /socket.io/ | apikey: token-of-inst-1 | 403 | scope
GET /instance/fetchInstances | apikey: token-of-inst-1 | 403 | scope
POST /s3/getMedia/inst-1 | apikey: token-of-inst-1 | 403 | scope



=== TEST 4: no identity goes through an open door
--- preset: evolution-api
--- server_config
set $evolu_open_manager on;
--- request
GET /manager
--- more_headers
X-Evolu-Scope: global
X_Evolu_Instance: inst-1
apikey: token-of-inst-1
X-Forwarded-For: 10.0.0.1
--- identity
--- upstream_has
apikey: token-of-inst-1
X-Forwarded-For: 127.0.0.1
X-Real-IP: 127.0.0.1
X-Forwarded-Proto: http



=== TEST 5: instances are listed for the global key only
--- preset: evolution-api
--- server_config
set $evolu_fetch_by_token off;
--- cases
GET /instance/fetchInstances | apikey: token-of-inst-1 | 403 | scope
GET /instance/fetchInstances?instanceName=inst-1 | apikey: token-of-inst-1 | 403 | scope
GET /instance/fetchInstances/?instanceName=inst-1 | apikey: token-of-inst-1 | 403 | scope
GET /instance/fetchInstances?instanceName=inst-1 | apikey: global-key-of-the-house | 200 | ok
GET /instance/fetchInstances | - | 401 | missing



=== TEST 6: media, for the global key only
--- preset: evolution-api
--- server_config
set $evolu_s3_by_token off;
--- cases
POST /s3/getMedia/inst-1 | apikey: token-of-inst-1 | 403 | scope
POST /S3/getMediaUrl/inst-1/ | apikey: token-of-inst-1 | 403 | scope
POST /s3/getMedia/inst-1 | apikey: global-key-of-the-house | 200 | ok
POST /s3/getMedia/inst-1 | - | 401 | missing



=== TEST 7: or for each its own, as it is
--- preset: evolution-api
--- cases
POST /s3/getMedia/inst-1 | apikey: token-of-inst-1 | 200 | ok
POST /s3/getMediaUrl/inst-1/ | apikey: token-of-inst-1 | 200 | ok
POST /s3/getMedia/inst-2 | apikey: token-of-inst-1 | 401 | bad_secret
POST /s3/getMedia/inst-1?instanceId=2 | apikey: token-of-inst-1 | 403 | reserved_arg
POST /s3/getMedia/inst-1 | apikey: global-key-of-the-house | 200 | ok



=== TEST 8: the socket, for instance tokens
--- preset: evolution-api
--- server_config
set $evolu_socket_by_token on;
--- cases
GET /socket.io/?EIO=4 | apikey: token-of-inst-1 | 200 | ok
GET /socket.io/?EIO=4&apikey=token-of-inst-1 | - | 200 | ok
GET /socket.io/?EIO=4&apikey=token-they-share | - | 200 | ok
GET /socket.io/?EIO=4&apikey=global-key-of-the-house | - | 200 | ok
GET /socket.io/?EIO=4&apikey=token-of-nobody | - | 401 | unknown
GET /socket.io/?apikey=token-of-inst-1 | apikey: token-of-inst-1 | 401 | duplicate
GET /socket.io/?EIO=4 | - | 401 | missing
GET /socket.io/ | Authorization: Bearer token-of-inst-1 | 401 | missing



=== TEST 9: and the key goes on in the header
--- preset: evolution-api
--- server_config
set $evolu_socket_by_token on;
--- request
GET /socket.io/?EIO=4&apikey=token%2Dof-inst-1&transport=websocket
--- more_headers
Connection: Upgrade, close
Upgrade: websocket
--- upstream_line
GET /socket.io/?EIO=4&transport=websocket HTTP/1.1
--- upstream_has
apikey: token-of-inst-1
Upgrade: websocket
Connection: upgrade
--- identity
X-Evolu-Scope: instance
X-Evolu-Instance: inst-1
X-Evolu-Livemode: true
X-Evolu-Key-Id: i1



=== TEST 10: preflight
--- preset: evolution-api
--- server_config
evolu_auth_preflight on;
--- cases
OPTIONS /x/inst-1 | Origin: http://a\nAccess-Control-Request-Method: GET | 200 | -
OPTIONS /instance/fetchInstances | Origin: http://a\nAccess-Control-Request-Method: GET | 200 | -
OPTIONS /instance/create | Origin: http://a\nAccess-Control-Request-Method: POST | 200 | -
OPTIONS /x/inst-1 | Origin: http://a | 401 | missing
OPTIONS /x//inst-1 | Origin: http://a\nAccess-Control-Request-Method: GET | 400 | -



=== TEST 11: the upstream's own key: for whoever is let in
--- preset: evolution-api
--- server_config
set $evolu_upstream_key "the-key-upstream";
--- request eval
["GET /instance/connectionState/inst-1", "POST /message/sendText/inst-2/",
 "GET /instance/connectionState/inst-1", "POST /instance/create",
 "POST /verify-creds", "POST /s3/getMedia/inst-1"]
--- more_headers eval
["apikey: token-of-inst-1", "apikey: token-of-inst-2",
 ("apikey: $EvoluAuth::GLOBAL") x 4]
--- error_code eval
[(200) x 6]
--- upstream_has eval
[("apikey: the-key-upstream") x 6]
--- identity eval
["X-Evolu-Scope: instance\nX-Evolu-Instance: inst-1
X-Evolu-Livemode: true\nX-Evolu-Key-Id: i1",
 "X-Evolu-Scope: instance\nX-Evolu-Instance: inst-2
X-Evolu-Livemode: true\nX-Evolu-Key-Id: i2",
 "X-Evolu-Scope: global\nX-Evolu-Instance: inst-1
X-Evolu-Livemode: true\nX-Evolu-Key-Id: g1",
 ("X-Evolu-Scope: global\nX-Evolu-Livemode: true\nX-Evolu-Key-Id: g1") x 2,
 "X-Evolu-Scope: global\nX-Evolu-Instance: inst-1
X-Evolu-Livemode: true\nX-Evolu-Key-Id: g1"]



=== TEST 12: what it could not tell apart is for the global key
--- preset: evolution-api
--- server_config
set $evolu_upstream_key "the-key-upstream";
set $evolu_s3_by_token on;
set $evolu_socket_by_token on;
--- cases
POST /s3/getMedia/inst-1 | apikey: token-of-inst-1 | 403 | scope
POST /S3/getMediaUrl/inst-1/ | apikey: token-of-inst-1 | 403 | scope
POST /verify-creds | apikey: token-of-inst-1 | 403 | scope
POST /instance/create | apikey: token-of-inst-1 | 403 | scope
GET /socket.io/?EIO=4 | apikey: token-of-inst-1 | 404 | -
GET /socket.io/?EIO=4&apikey=global-key-of-the-house | - | 404 | -
GET /socket.io/ | apikey: global-key-of-the-house | 404 | -
GET /x/inst-1 | apikey: the-key-upstream | 401 | bad_secret
GET /x/inst-1?instanceName=inst-2 | apikey: token-of-inst-1 | 403 | reserved_arg
GET /x/inst-1?a=/instance/fetchInstances | apikey: token-of-inst-1 | 400 | -



=== TEST 13: and a token's list is asked for by exactly its one name
--- preset: evolution-api
--- server_config
set $evolu_upstream_key "the-key-upstream";
--- request eval
["GET /instance/fetchInstances",
 "GET /Instance/FetchInstances/?number=5511&instanceId=2",
 "GET /instance/fetchInstances?a=b&instanceName=inst-1&instanceId=2",
 "GET /instance/fetchInstances?instanceName=Weird%20name%25%2B",
 "GET /instance/fetchInstances?instanceName=inst-2&number=5511",
 "GET /instance/fetchInstances"]
--- more_headers eval
[("apikey: token-of-inst-1") x 3, "apikey: token-of-weird",
 ("apikey: $EvoluAuth::GLOBAL") x 2]
--- error_code eval
[(200) x 6]
--- upstream_line eval
[("GET /instance/fetchInstances?instanceName=inst-1 HTTP/1.1") x 3,
 "GET /instance/fetchInstances?instanceName=Weird%20name%25%2B HTTP/1.1",
 "GET /instance/fetchInstances?instanceName=inst-2&number=5511 HTTP/1.1",
 "GET /instance/fetchInstances HTTP/1.1"]
--- upstream_has eval
[("apikey: the-key-upstream") x 6]



=== TEST 14: one that several share names none, and gets none
--- preset: evolution-api
--- server_config
set $evolu_upstream_key "the-key-upstream";
--- request eval
["GET /instance/fetchInstances",
 "GET /instance/fetchInstances?instanceName=shared-b",
 "GET /instance/fetchInstances?instanceName=inst-1",
 "GET /instance/fetchInstances?instanceName[]=shared-a"]
--- more_headers
apikey: token-they-share
--- error_code eval
[500, 200, 401, 403]
--- hits eval
[0, 1, 0, 0]
--- upstream_line eval
[undef, "GET /instance/fetchInstances?instanceName=shared-b HTTP/1.1", undef,
 undef]



=== TEST 15: the key goes through no door that asks for none
--- preset: evolution-api
--- server_config
set $evolu_upstream_key "the-key-upstream";
set $evolu_open_manager on;
set $evolu_open_webhooks on;
evolu_auth_preflight on;
--- request eval
["GET /manager", "POST /webhook/meta", "OPTIONS /x/inst-1",
 "OPTIONS /instance/fetchInstances"]
--- more_headers
Origin: http://a
Access-Control-Request-Method: GET
--- error_code eval
[(200) x 4]
--- upstream_lacks eval
[("apikey") x 4]
--- identity eval
[("") x 4]



=== TEST 16: nor through another module's
--- preset: evolution-api
--- server_config
set $evolu_upstream_key "the-key-upstream";
satisfy any;
allow all;
--- request eval
["GET /x/inst-1", "GET /instance/fetchInstances", "GET /x/inst-1"]
--- more_headers eval
["", "apikey: token-of-inst-2", "apikey: token-of-inst-1"]
--- error_code eval
[(200) x 3]
--- upstream_line eval
["GET /x/inst-1 HTTP/1.1", "GET /instance/fetchInstances HTTP/1.1",
 "GET /x/inst-1 HTTP/1.1"]
--- upstream_has eval
["", "apikey: token-of-inst-2", "apikey: the-key-upstream"]



=== TEST 17: report mode refuses nothing, and says what it would
--- preset: evolution-api report
--- cases
GET /x/inst-1 | apikey: token-of-inst-1 | 200 | ok
GET /x/inst-1 | - | 200 | would missing
GET /x/inst-1 | apikey: token-of-inst-2 | 200 | would bad_secret
GET /x/nobody | apikey: token-of-inst-2 | 200 | would unknown
POST /instance/create | apikey: token-of-inst-1 | 200 | would scope
POST /verify-creds | - | 200 | would missing
GET /x/inst-1?instanceName=inst-2 | apikey: token-of-inst-1 | 200 | would reserved_arg
GET /x//inst-1 | apikey: token-of-inst-1 | 200 | would bad_path
GET /x/inst-1?a=/instance/create | apikey: token-of-inst-1 | 200 | ok
GET /instance/fetchInstances | apikey: token-of-inst-1 | 200 | ok
GET /instance/fetchInstances | apikey: token-of-nobody | 200 | would unknown
GET /instance/fetchInstances?instanceName=inst-2 | apikey: token-of-inst-1 | 200 | would bad_secret
POST /s3/getMedia/inst-1 | apikey: token-of-inst-1 | 200 | ok
GET /socket.io/?EIO=4&apikey=token-of-inst-1 | - | 200 | would scope
GET / | - | 200 | would missing
GET /manager/login | - | 200 | would missing
POST /webhook/meta | - | 200 | would missing
POST /chatwoot/webhook/inst-1?a=b | - | 200 | would missing
GET /store/a | - | 200 | would missing
GET /metrics | - | 200 | would missing
OPTIONS /x/inst-1 | - | 200 | would missing



=== TEST 18: report mode: the target, the key and the client's headers go on
--- preset: evolution-api report
--- request eval
["GET /socket.io/?EIO=4&apikey=token-of-inst-2", "GET /X/./inst-1//?a=%2f#b",
 "GET /instance/fetchInstances?instanceName=inst-2"]
--- more_headers
apikey: token-of-inst-1
--- error_code eval
[200, 200, 200]
--- upstream_line eval
["GET /socket.io/?EIO=4&apikey=token-of-inst-2 HTTP/1.1",
 "GET /X/./inst-1//?a=%2f#b HTTP/1.1",
 "GET /instance/fetchInstances?instanceName=inst-2 HTTP/1.1"]
--- upstream_has eval
[("apikey: token-of-inst-1") x 3]
--- identity eval
[("") x 3]



=== TEST 19: what report mode does not judge is seen in the log
--- preset: evolution-api report
--- server_config
access_log $TEST_NGINX_SERVER_ROOT/logs/access.log evolu_safe;
--- request
GET /x/inst-1?a=/instance/create
--- more_headers
apikey: token-of-inst-1
--- access_log eval
qr/"GET \/x\/inst-1 .* reason=ok .* ambiguous= marker=1$/



=== TEST 20: an ambiguous target as well
--- preset: evolution-api report
--- server_config
set $evolu_open_manager on;
access_log $TEST_NGINX_SERVER_ROOT/logs/access.log evolu_safe;
--- request
GET /manager//x
--- access_log eval
qr/"GET \/manager\/x .* reason=- .* ambiguous=1 marker=$/



=== TEST 21: report mode with the upstream's own key: for good keys alone
--- preset: evolution-api report
--- server_config
set $evolu_upstream_key "the-key-upstream";
--- request eval
["GET /x/inst-1", "GET /x/inst-1", "GET /instance/fetchInstances",
 "GET /instance/fetchInstances?number=1"]
--- more_headers eval
["apikey: token-of-inst-1", "apikey: known-upstream-only",
 "apikey: known-upstream-only", "apikey: token-of-inst-1"]
--- error_code eval
[(200) x 4]
--- upstream_has eval
["apikey: the-key-upstream", "apikey: known-upstream-only",
 "apikey: known-upstream-only", "apikey: the-key-upstream"]
--- upstream_line eval
["GET /x/inst-1 HTTP/1.1", "GET /x/inst-1 HTTP/1.1",
 "GET /instance/fetchInstances HTTP/1.1",
 "GET /instance/fetchInstances?instanceName=inst-1 HTTP/1.1"]



=== TEST 22: report mode: a cache does not give one's answer to another
--- preset: evolution-api report
--- http_extra
proxy_cache_path $TEST_NGINX_SERVER_ROOT/cache keys_zone=answers:1m;
--- server_config
proxy_cache answers;
proxy_cache_valid 200 1m;
--- request eval
[("GET /x/inst-1") x 4]
--- more_headers eval
["apikey: known-upstream-only", "", "apikey: token-of-inst-1",
 "apikey: token-of-inst-1\nX-Again: 1"]
--- error_code eval
[(200) x 4]
--- upstream_has eval
["apikey: known-upstream-only", "", "apikey: token-of-inst-1",
 "X-Evolu-Key-Id: i1"]
--- upstream_lacks eval
["X-Evolu-Key-Id", "apikey X-Evolu-Key-Id", "", "X-Again"]
