# Copyright (C) Evolu Auth Authors
#
# conf/evolution-api.conf as it is: who reaches what.

use strict;
use warnings;

use lib 't/lib';
use EvoluAuth;
use EvoluPreset;

run_tests();

__DATA__

=== TEST 1: Evolution API: the instance at the end of the path, by its token
--- preset: evolution-api
--- cases
GET /instance/connectionState/inst-1 | apikey: token-of-inst-1 | 200 | ok
POST /message/sendText/inst-1 | apikey: token-of-inst-1 | 200 | ok
DELETE /instance/delete/inst-1 | apikey: token-of-inst-1 | 200 | ok
GET /a/b/c/inst-1/ | apikey: token-of-inst-1 | 200 | ok
GET /instance/connectionState/inst-2 | apikey: token-of-inst-1 | 401 | bad_secret
GET /instance/connectionState/inst-1 | apikey: token-of-inst-2 | 401 | bad_secret
GET /instance/connectionState/nobody | apikey: token-of-inst-1 | 401 | unknown
GET /inst-1/connectionState | apikey: token-of-inst-1 | 401 | unknown
GET /chat/find/Weird%20name%25%2B | apikey: token-of-weird | 200 | ok
GET /instance/connectionState/inst-1 | - | 401 | missing
GET /instance/connectionState/inst-1 | Authorization: Bearer token-of-inst-1 | 401 | missing
GET /instance/connectionState/inst-1?apikey=token-x | - | 401 | missing
GET /instance/connectionState/inst-1 | apikey: evolu_live_aB3dE6gH_LiveSecret0123456789 | 401 | wrong_family
GET /instance/connectionState/inst-1 | apikey: token-of-inst-1\napikey: token-of-inst-1 | 401 | duplicate
GET /instance/connectionState/inst-1 | apikey: token-of-inst-1\nConnection: close, apikey | 400 | connection_header



=== TEST 2: the global key reaches each of them, and what names none
--- preset: evolution-api
--- cases
GET /instance/connectionState/inst-1 | apikey: global-key-of-the-house | 200 | ok
GET /instance/connectionState/nobody | apikey: global-key-of-the-house | 200 | ok
POST /instance/create | apikey: global-key-of-the-house | 200 | ok
POST /instance/create/ | apikey: global-key-of-the-house | 200 | ok
POST /Instance/Create | apikey: global-key-of-the-house | 200 | ok
POST /verify-creds | apikey: global-key-of-the-house | 200 | ok
GET /instance/fetchInstances | apikey: global-key-of-the-house | 200 | ok
GET /socket.io/?EIO=4 | apikey: global-key-of-the-house | 200 | ok
GET /instance/connectionState/inst-1 | apikey: global-key-far-away | 403 | address
GET /instance/connectionState/inst-1 | apikey: global-key-expired | 401 | expired



=== TEST 3: which a token does not
--- preset: evolution-api
--- cases
POST /instance/create | apikey: token-of-inst-1 | 403 | scope
POST /instance/create/ | apikey: token-of-inst-1 | 403 | scope
POST /INSTANCE/CREATE | apikey: token-of-inst-1 | 403 | scope
POST /instance/%63reate | apikey: token-of-inst-1 | 403 | scope
POST /verify-creds | apikey: token-of-inst-1 | 403 | scope
GET /socket.io/?EIO=4 | apikey: token-of-inst-1 | 403 | scope
GET /socket.io/inst-1 | apikey: token-of-inst-1 | 403 | scope
POST /verify-creds/ | apikey: token-of-inst-1 | 403 | scope
POST /Verify-Creds | apikey: token-of-inst-1 | 403 | scope
POST /instance/create | - | 401 | missing
POST /instance/create?instanceName=inst-1 | apikey: token-of-inst-1 | 403 | scope
GET /socket.io/ | - | 401 | missing



=== TEST 4: arguments that would name another instance
--- preset: evolution-api
--- cases
GET /x/inst-1?instanceName=inst-2 | apikey: token-of-inst-1 | 403 | reserved_arg
GET /x/inst-1?a=b&instanceId=2 | apikey: token-of-inst-1 | 403 | reserved_arg
GET /x/inst-1?instance%4Eame=inst-2 | apikey: token-of-inst-1 | 403 | reserved_arg
GET /x/inst-1?instanceName[]=inst-2 | apikey: token-of-inst-1 | 403 | reserved_arg
GET /x/inst-1?[instanceId]=2 | apikey: token-of-inst-1 | 403 | reserved_arg
GET /x/inst-1?instanceName=inst-2 | apikey: global-key-of-the-house | 200 | ok
GET /x/inst-1?page=2 | apikey: token-of-inst-1 | 200 | ok



=== TEST 5: ambiguous paths, whoever asks
--- preset: evolution-api
--- cases
GET /x//inst-1 | apikey: token-of-inst-1 | 400 | -
GET /x/../inst-1 | apikey: token-of-inst-1 | 400 | -
GET /x/inst-2%2finst-1 | apikey: token-of-inst-1 | 400 | -
GET /x/inst-1;a=b | apikey: token-of-inst-1 | 400 | -
GET /x/%2e%2e/inst-1 | apikey: global-key-of-the-house | 400 | -
GET /x/inst-1%00 | apikey: global-key-of-the-house | 400 | -
GET /manager//x | - | 400 | -



=== TEST 6: texts that Evolution API takes for its routes
--- preset: evolution-api
--- cases
GET /x/inst-1?a=/instance/create | apikey: token-of-inst-1 | 400 | -
GET /x/inst-1?a=/instance/fetchInstances | apikey: token-of-inst-1 | 400 | -
GET /x/inst-1?/instance/create | apikey: token-of-inst-1 | 400 | -
GET /x/inst-1?a=/instance/createX | apikey: global-key-of-the-house | 400 | -
GET /x/inst-1#/instance/create | apikey: global-key-of-the-house | 400 | -
GET /instance/fetchInstances?a=/instance/fetchInstances | apikey: token-of-inst-1 | 400 | -
POST /Instance/Create?a=/instance/fetchInstances | apikey: global-key-of-the-house | 400 | -
POST /verify-creds?a=/instance/fetchInstances | apikey: token-of-inst-1 | 400 | -
GET /instance/create/inst-1 | apikey: token-of-inst-1 | 400 | -
GET /instance/fetchInstances/inst-1 | apikey: token-of-inst-1 | 400 | -
GET /instance/createX/inst-1 | apikey: token-of-inst-1 | 400 | -
GET /x/instance/create | apikey: global-key-of-the-house | 400 | -
GET /instance/create?a=/instance/create | apikey: global-key-of-the-house | 400 | -
GET /instance/fetchInstances?a=/instance/create | apikey: global-key-of-the-house | 400 | -
GET http://localhost/x/inst-1?a=/instance/create | apikey: token-of-inst-1 | 400 | -
GET http://localhost/instance/create | apikey: global-key-of-the-house | 200 | ok
GET http://localhost/instance/create | apikey: token-of-inst-1 | 403 | scope
GET /instance/create?a=b | apikey: global-key-of-the-house | 200 | ok
GET /x/inst-1?a=instance/create | apikey: token-of-inst-1 | 200 | ok
GET /x/inst-1?a=/INSTANCE/Create | apikey: token-of-inst-1 | 200 | ok
GET /x/inst-1?a=%2Finstance%2Fcreate | apikey: token-of-inst-1 | 200 | ok
GET /x/create | apikey: token-of-inst-1 | 401 | unknown



=== TEST 7: fetchInstances: a token asks for its own, by name
--- preset: evolution-api
--- cases
GET /instance/fetchInstances?instanceName=inst-1 | apikey: token-of-inst-1 | 200 | ok
GET /instance/fetchInstances/?instanceName=inst-1 | apikey: token-of-inst-1 | 200 | ok
GET /instance/FetchInstances?a=b&instanceName=%69nst-1 | apikey: token-of-inst-1 | 200 | ok
GET /instance/fetchInstances?instanceName=inst-2 | apikey: token-of-inst-1 | 401 | bad_secret
GET /instance/fetchInstances?instanceName=nobody | apikey: token-of-inst-1 | 401 | unknown
GET /instance/fetchInstances?instanceName=inst-1 | - | 401 | missing
GET /instance/fetchInstances?instanceName=inst-2 | apikey: global-key-of-the-house | 200 | ok
GET /instance/fetchInstances?instanceName=inst-1&instanceId=2 | apikey: token-of-inst-1 | 200 | ok



=== TEST 8: or without one, by the index
--- preset: evolution-api
--- cases
GET /instance/fetchInstances | apikey: token-of-inst-1 | 200 | ok
GET /instance/FetchInstances/ | apikey: token-they-share | 200 | ok
GET /instance/fetchInstances?instancename=inst-1 | apikey: token-of-inst-1 | 200 | ok
GET /instance/fetchInstances?instanceId=2 | apikey: token-of-inst-1 | 200 | ok
GET /instance/fetchInstances | apikey: token-of-inst-2 | 401 | unknown
GET /instance/fetchInstances | apikey: token-of-nobody | 401 | unknown
GET /instance/fetchInstances | - | 401 | missing
GET /instance/fetchInstances | apikey: evolu_live_aB3dE6gH_LiveSecret0123456789 | 401 | wrong_family
GET /instance/fetchInstances?instanceName= | apikey: token-of-inst-1 | 403 | reserved_arg
GET /instance/fetchInstances?instanceName[]=inst-1 | apikey: token-of-inst-1 | 403 | reserved_arg
GET /instance/fetchInstances?instanceName[not]=inst-1 | apikey: token-of-inst-1 | 403 | reserved_arg
GET /instance/fetchInstances?instanceName=inst-1&instanceName=inst-2 | apikey: token-of-inst-1 | 403 | reserved_arg
GET /instance/fetchInstances?instanceName=inst-1&instanceName[]=inst-2 | apikey: token-of-inst-1 | 403 | reserved_arg
GET /instance/fetchInstances?instanceName=a&instanceName=b | apikey: global-key-of-the-house | 200 | ok
GET /instance/fetchInstances?instanceName[contains]=a | apikey: global-key-of-the-house | 200 | ok



=== TEST 9: fetchInstances: what the upstream sees
--- preset: evolution-api
--- request eval
["GET /instance/FetchInstances/?a=b&instanceName=%69nst-1",
 "GET /instance/fetchInstances"]
--- more_headers
apikey: token-of-inst-1
X-Evolu-Scope: global
--- error_code eval
[200, 200]
--- upstream_line eval
["GET /instance/FetchInstances/?a=b&instanceName=%69nst-1 HTTP/1.1",
 "GET /instance/fetchInstances HTTP/1.1"]
--- identity eval
[("X-Evolu-Scope: instance\nX-Evolu-Instance: inst-1
X-Evolu-Livemode: true\nX-Evolu-Key-Id: i1") x 2]
--- upstream_has eval
[("apikey: token-of-inst-1") x 2]



=== TEST 10: routes that name no instance: none is told
--- preset: evolution-api
--- request eval
["POST /instance/create", "GET /verify-creds", "GET /instance/fetchInstances",
 "GET /socket.io/", "GET /instance/connectionState/inst-1"]
--- more_headers
apikey: global-key-of-the-house
--- error_code eval
[(200) x 5]
--- identity eval
[("X-Evolu-Scope: global\nX-Evolu-Livemode: true\nX-Evolu-Key-Id: g1") x 4,
 "X-Evolu-Scope: global\nX-Evolu-Instance: inst-1
X-Evolu-Livemode: true\nX-Evolu-Key-Id: g1"]



=== TEST 11: doors that need no key upstream are closed
--- preset: evolution-api
--- cases
GET / | - | 401 | missing
GET /manager | - | 401 | missing
GET /manager/login | - | 401 | missing
GET /assets/app.js | - | 401 | missing
POST /webhook/meta | - | 401 | missing
POST /webhook/evolution/ | - | 401 | missing
POST /chatwoot/webhook/inst-1 | - | 401 | missing
GET /store/a/b.jpg | - | 401 | missing
GET /manager | apikey: token-of-inst-1 | 403 | scope
POST /webhook/meta | apikey: token-of-inst-1 | 403 | scope
POST /chatwoot/webhook/inst-1 | apikey: token-of-inst-1 | 403 | scope
GET /store/inst-1 | apikey: token-of-inst-1 | 403 | scope
GET / | apikey: global-key-of-the-house | 200 | ok
POST /chatwoot/webhook/inst-1 | apikey: global-key-of-the-house | 200 | ok
GET /managers/inst-1 | - | 401 | missing
POST /webhook/set/inst-1 | apikey: token-of-inst-1 | 200 | ok
POST /chatwoot/set/inst-1 | apikey: token-of-inst-1 | 200 | ok



=== TEST 12: metrics, for nobody
--- preset: evolution-api
--- cases
GET /metrics | - | 404 | -
GET /Metrics/ | - | 404 | -
GET /metrics/x | apikey: global-key-of-the-house | 404 | -
GET /metrics | apikey: token-of-inst-1 | 404 | -



=== TEST 13: WebSocket, and nothing else, is upgraded
--- preset: evolution-api
--- request eval
["GET /socket.io/", "GET /socket.io/", "GET /x/inst-1", "GET /x/socket.io/"]
--- more_headers eval
["apikey: $EvoluAuth::GLOBAL\nConnection: Upgrade, close\nUpgrade: WebSocket",
 "apikey: $EvoluAuth::GLOBAL\nConnection: Upgrade, close\nUpgrade: h2c",
 "apikey: token-of-inst-1\nConnection: Upgrade, close\nUpgrade: websocket",
 "apikey: $EvoluAuth::GLOBAL\nConnection: Upgrade, close\nUpgrade: websocket"]
--- error_code eval
[200, 200, 200, 200]
--- upstream_has eval
["Upgrade: websocket\nConnection: upgrade",
 "X-Evolu-Scope: global", "X-Evolu-Scope: instance", "X-Evolu-Scope: global"]
--- upstream_lacks eval
["", "Upgrade Connection", "Upgrade Connection", "Upgrade Connection"]



=== TEST 14: events: the key may be in the query, one is enough
--- preset: evolution-api
--- cases
GET /socket.io/?EIO=4&apikey=global-key-of-the-house | - | 200 | ok
GET /socket.io/?EIO=4&apikey=token-of-inst-1 | - | 403 | scope
GET /socket.io/?EIO=4&apikey=global-key-of-the-house | apikey: global-key-of-the-house | 401 | duplicate
GET /socket.io/?apikey=global-key-of-the-house&apikey=x | - | 401 | duplicate
GET /x/inst-1?apikey=global-key-of-the-house | - | 401 | missing



=== TEST 15: and goes on in the header, decoded
--- preset: evolution-api
--- request eval
["GET /socket.io/?EIO=4&apikey=global%2Dkey-of-the-house&t=1",
 "GET /socket.io/?apikey=%67lobal-key-of-the-house", "GET /socket.io/?EIO=4"]
--- more_headers eval
["", "", "apikey: global-key-of-the-house"]
--- error_code eval
[200, 200, 200]
--- upstream_line eval
["GET /socket.io/?EIO=4&t=1 HTTP/1.1", "GET /socket.io/ HTTP/1.1",
 "GET /socket.io/?EIO=4 HTTP/1.1"]
--- upstream_has eval
[("apikey: global-key-of-the-house") x 3]



=== TEST 16: no log has it, with the upstream away either
--- preset: evolution-api
--- upstream: 127.0.0.1:1
--- http_extra
log_format all '$request $request_uri $uri?$args $http_apikey';
--- server_config
access_log $TEST_NGINX_SERVER_ROOT/logs/access.log all;
--- request
GET /socket.io/?EIO=4&apikey=global-key-of-the-house
--- error_code: 502
--- access_log
GET /socket.io/?EIO=4&apikey=*********
--- no_access_log
global-key
--- error_log
connect() failed
socket.io/?EIO=4"



=== TEST 17: a cache does not give one's answer to another
--- preset: evolution-api
--- http_extra
proxy_cache_path $TEST_NGINX_SERVER_ROOT/cache keys_zone=answers:1m;
--- server_config
proxy_cache answers;
proxy_cache_valid 200 1m;
--- request eval
[("GET /x/inst-1") x 3]
--- more_headers eval
["apikey: token-of-inst-1", "apikey: $EvoluAuth::GLOBAL",
 "apikey: token-of-inst-1"]
--- error_code eval
[200, 200, 200]
--- upstream_has eval
["X-Evolu-Key-Id: i1", "X-Evolu-Key-Id: g1", "X-Evolu-Key-Id: i1"]
--- upstream_lacks eval
["", "", ""]



=== TEST 18: refusals, as Evolution API writes them
--- preset: evolution-api
--- request eval
["GET /x/inst-1", "POST /instance/create", "GET /x/inst-1?instanceId=1"]
--- more_headers eval
["", "apikey: token-of-inst-1", "apikey: token-of-inst-1"]
--- error_code eval
[401, 403, 403]
--- response_headers eval
[("Content-Type: application/json; charset=utf-8
Cache-Control: no-store") x 3]
--- response_body eval
['{"status":401,"error":"Unauthorized","response":'
 . '{"message":"Unauthorized"}}',
 '{"status":403,"error":"Forbidden","response":{"message":'
 . '["Missing global api key","The global api key must be set"]}}',
 '{"status":403,"error":"Forbidden","response":{"message":["Forbidden"]}}']



=== TEST 19: errors, as JSON
--- preset: evolution-api
--- request eval
["GET /metrics", "GET /x//inst-1", "GET /x/inst-1?a=/instance/create",
 "TRACE /x/inst-1"]
--- error_code eval
[404, 400, 400, 405]
--- response_headers eval
[("Content-Type: application/json; charset=utf-8
Cache-Control: no-store") x 4]
--- response_body eval
['{"status":404,"error":"Not Found","response":{"message":["Not Found"]}}',
 ('{"status":400,"error":"Bad Request","response":'
  . '{"message":["Bad Request"]}}') x 2,
 '{"status":405,"error":"Method Not Allowed","response":'
 . '{"message":["Method Not Allowed"]}}']



=== TEST 20: a request line that can't be read
--- preset: evolution-api
--- raw_request eval
"GET /\x01 HTTP/1.1\r\nHost: localhost\r\nX-Evolu-Scope: global\r\n\r\n"
--- error_code: 400
--- response_headers
Content-Type: application/json; charset=utf-8
--- response_body chop
{"status":400,"error":"Bad Request","response":{"message":["Bad Request"]}}



=== TEST 21: a target or a header too long
--- preset: evolution-api
--- request eval
["GET /" . "a" x 17000, "GET /x/inst-1"]
--- more_headers eval
["", "X-Long: " . "a" x 17000]
--- error_code eval
[414, 400]
--- response_headers eval
[("Content-Type: application/json; charset=utf-8") x 2]
--- response_body_like eval
[qr/\A\{"status":414,"error":"URI Too Long",/,
 qr/\A\{"status":400,"error":"Bad Request",/]



=== TEST 22: a body too large
--- preset: evolution-api
--- server_config
lingering_timeout 100ms;
--- raw_request eval
"POST /x/inst-1 HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n"
. "apikey: token-of-inst-1\r\nContent-Length: 200000000\r\n\r\n"
--- error_code: 413
--- response_headers
Content-Type: application/json; charset=utf-8
--- response_body_like: \A\{"status":413,"error":"Payload Too Large",



=== TEST 23: an upstream that is away
--- preset: evolution-api
--- upstream: 127.0.0.1:1
--- request eval
["GET /x/inst-1", "GET /instance/fetchInstances", "POST /s3/getMedia/inst-1"]
--- more_headers
apikey: token-of-inst-1
--- error_code eval
[502, 502, 502]
--- reason: ok
--- response_headers eval
[("Content-Type: application/json; charset=utf-8") x 3]
--- response_body eval
[('{"status":502,"error":"Bad Gateway","response":{"message":["Bad Gateway"]}}')
 x 3]



=== TEST 24: the log that can be shown
--- preset: evolution-api
--- server_config
access_log $TEST_NGINX_SERVER_ROOT/logs/access.log evolu_safe;
--- request
GET /x/inst-1?apikey=token-of-inst-1&a=b
--- more_headers
apikey: token-of-inst-1
--- access_log
"GET /x/inst-1 HTTP/1.1" 200
auth=allowed reason=ok cache=
scope=instance instance=inst-1 campaign= livemode=true key=i1
ambiguous= marker=
--- no_access_log
token-of
a=b



=== TEST 25: bodies: the bytes that came, and how they came
--- preset: evolution-api
--- raw_request eval
["POST /message/sendMedia/inst-1 HTTP/1.1\r
Host: localhost:8443\r
Connection: close\r
apikey: token-of-inst-1\r
Content-Type: application/json\r
Content-Length: 20\r
\r
{\"instanceName\": 17} ", "POST /s3/getMedia/inst-1 HTTP/1.1\r
Host: localhost:8443\r
Connection: close\r
apikey: token-of-inst-1\r
Content-Length: 5\r
\r
\x00\x01a\xff\x0a"]
--- error_code eval
[200, 200]
--- upstream_has eval
[("Content-Length: 20\nHost: localhost:8443\nContent-Type: application/json"),
 "Content-Length: 5"]
--- response_body_like eval
[qr/\n\n\{"instanceName": 17\}\z/, qr/\n\n\x00\x01a\xff\x0a\z/]
