# Copyright (C) Evolu Auth Authors
#
# HTTP/1.x: odd requests, connections that live on.

use lib 't/lib';
use EvoluAuth;

run_tests();

__DATA__

=== TEST 1: HTTP/1.0
--- guard
--- cases
GET / HTTP/1.0 | - | 401 | missing
GET / HTTP/1.0 | apikey: evolu_live_aB3dE6gH_LiveSecret0123456789 | 200 | ok



=== TEST 2: HTTP/0.9 has no headers, so no credential
--- guard
--- raw_request eval
"GET /\r\n"
--- http09
--- reason: missing
--- response_body chop
{"detail":"Invalid or missing API key."}



=== TEST 3: HTTP/0.9 where we are off, or ask nothing
--- server_config
location /off { proxy_pass $TEST_NGINX_UPSTREAM; }
location /optional { evolu_auth optional; proxy_pass $TEST_NGINX_UPSTREAM; }
location /on { evolu_auth on; proxy_pass $TEST_NGINX_UPSTREAM; }
--- raw_request eval
"GET /optional\r\n"
--- http09
--- identity
--- hits: 1



=== TEST 4: pipelined: each request has a verdict of its own
--- guard
--- pipelined_requests eval
["GET /1", "GET /2", "GET /3", "GET /4", "GET /5"]
--- more_headers eval
["apikey: $EvoluAuth::LIVE", "", "apikey: $EvoluAuth::TEST", "apikey: short",
 "apikey: $EvoluAuth::LIVE"]
--- error_code eval
[200, 401, 200, 401, 200]
--- response_body_like eval
["GET /1.*X-Evolu-Key-Id: k1", "detail", "GET /3.*X-Evolu-Key-Id: t1",
 "detail", "GET /5.*X-Evolu-Key-Id: k1"]



=== TEST 5: pipelined: a refused body does not become a request
--- guard
--- pipelined_requests eval
["POST /1\nGET /x HTTP/1.1", "GET /2"]
--- more_headers eval
["", "apikey: $EvoluAuth::LIVE"]
--- error_code eval
[401, 200]
--- hits eval
[1, 0]



=== TEST 6: Expect: 100-continue: refused before the body is asked for
--- guard
lingering_timeout 100ms;
--- raw_request eval
"POST / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n"
. "Expect: 100-continue\r\nContent-Length: 1048576\r\n\r\n"
--- error_code: 401
--- reason: missing
--- response_body chop
{"detail":"Invalid or missing API key."}



=== TEST 7: Expect: 100-continue, allowed
--- guard
--- raw_request eval
"POST / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n"
. "apikey: $EvoluAuth::LIVE\r\n"
. "Expect: 100-continue\r\nContent-Length: 5\r\n\r\nhello"
--- error_code: 100
--- response_body_like: 200 OK|200 Answer
--- hits: 1



=== TEST 8: a chunked body
--- guard
--- raw_request eval
"POST / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n"
. "apikey: $EvoluAuth::LIVE\r\n"
. "Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n"
--- reason: ok
--- upstream_has
Content-Length: 5
X-Evolu-Key-Id: k1



=== TEST 9: methods
--- guard
--- cases
DELETE / | - | 401 | missing
PUT / | - | 401 | missing
PATCH / | - | 401 | missing
OPTIONS / | - | 401 | missing
FOO / | - | 401 | missing
FOO / | apikey: evolu_live_aB3dE6gH_LiveSecret0123456789 | 200 | ok
DELETE / | apikey: evolu_live_aB3dE6gH_LiveSecret0123456789 | 200 | ok



=== TEST 10: TRACE is nginx's to refuse
--- guard
--- cases
TRACE / | apikey: evolu_live_aB3dE6gH_LiveSecret0123456789 | 405 | *



=== TEST 11: WebSocket: refused before it is switched, and passed with a key
--- guard
proxy_http_version 1.1;
proxy_set_header Upgrade $http_upgrade;
proxy_set_header Connection upgrade;
--- cases
Connection: Upgrade, close\nUpgrade: websocket | 401 | missing
Connection: Upgrade, close\nUpgrade: websocket\napikey: evolu_live_aB3dE6gH_LiveSecret0123456789 | 200 | ok



=== TEST 12: 400 with an error_page that is proxied: headers were not read
--- server_config
error_page 400 /e400;
location /e400 { proxy_pass $TEST_NGINX_UPSTREAM; }
location /on { evolu_auth on; proxy_pass $TEST_NGINX_UPSTREAM; }
--- raw_request eval
"GET /\x01 HTTP/1.1\r\nHost: localhost\r\nX-Evolu-Scope: global\r\n\r\n"
--- error_code: 400
--- identity
--- hits: 1



=== TEST 13: 400 with an error_page: some headers were read
--- server_config
error_page 400 /e400;
location /e400 { proxy_pass $TEST_NGINX_UPSTREAM; }
location /on { evolu_auth on; proxy_pass $TEST_NGINX_UPSTREAM; }
--- raw_request eval
"GET / HTTP/1.1\r\nX-Evolu-Scope: global\r\nx-evolu-key-id: admin\r\n"
. "apikey: x\r\nContent-Length: nonsense\r\nHost: localhost\r\n\r\n"
--- error_code: 400
--- identity
--- hits: 1



=== TEST 14: 400 with an error_page that is guarded: its verdict
--- server_config
error_page 400 /e400;
location /e400 { evolu_auth on; proxy_pass $TEST_NGINX_UPSTREAM; }
--- raw_request eval
"GET /\x01 HTTP/1.1\r\nHost: localhost\r\n\r\n"
--- error_code: 401
--- reason: missing
--- hits: 0



=== TEST 15: 414, 494 with an error_page
--- server_config
large_client_header_buffers 2 1k;
error_page 414 494 /e400;
location /e400 { proxy_pass $TEST_NGINX_UPSTREAM; }
location /on { evolu_auth on; proxy_pass $TEST_NGINX_UPSTREAM; }
--- request eval
["GET /" . ("a" x 2000), "GET /"]
--- more_headers eval
["X-Evolu-Scope: global", "X-Evolu-Scope: global\nX-Long: " . ("a" x 2000)]
--- error_code_like eval
['4\d\d', '4\d\d']
--- identity eval
["", ""]
--- hits eval
[1, 1]



=== TEST 16: absolute form, another host in it
--- server_config
server_name open;
location / { proxy_pass $TEST_NGINX_UPSTREAM; }
--- http_extra
server {
    listen $TEST_NGINX_SERVER_PORT;
    server_name guarded;
    location / { evolu_auth on; proxy_pass $TEST_NGINX_UPSTREAM; }
}
--- cases
GET http://guarded/x | Host: open | 401 | missing
GET http://open/x | Host: guarded | 200 | -
GET http://x\x40guarded/x | Host: open | 400 | -



=== TEST 17: the body of a refused request is drained on a kept connection
--- guard
--- pipelined_requests eval
["POST /1\n" . ("x" x 20000), "GET /2"]
--- more_headers eval
["apikey: short", "apikey: $EvoluAuth::LIVE"]
--- error_code eval
[401, 200]
--- hits eval
[1, 0]



=== TEST 18: CONNECT, too
--- guard
--- request
CONNECT localhost:443
--- more_headers
apikey: evolu_live_aB3dE6gH_LiveSecret0123456789
--- error_code_like: ^40[05]$
--- hits: 0
