# Copyright (C) Evolu Auth Authors
#
# Refusals, byte for byte.

use lib 't/lib';
use EvoluAuth;

run_tests();

__DATA__

=== TEST 1: evolu, 401
--- guard
--- request
GET /
--- error_code: 401
--- response_body chop
{"detail":"Invalid or missing API key."}
--- response_headers
Content-Type: application/json
Content-Length: 40
Cache-Control: no-store
WWW-Authenticate: Bearer realm="evolu"
!Retry-After
!Last-Modified
!ETag



=== TEST 2: evolu, 403
--- guard
evolu_auth_scope global;
--- request
GET /
--- more_headers
apikey: token-of-inst-1
--- error_code: 403
--- response_body chop
{"detail":"This API key is not allowed to access this resource."}
--- response_headers
Content-Type: application/json
Cache-Control: no-store
!WWW-Authenticate
!Retry-After



=== TEST 3: evolu, 400
--- guard
evolu_auth_instance $evolu_path_last;
--- request
GET /x//inst-1
--- more_headers
apikey: token-of-inst-1
--- error_code: 400
--- response_body chop
{"detail":"Malformed request."}
--- response_headers
Content-Type: application/json
Cache-Control: no-store
!WWW-Authenticate



=== TEST 4: evolu, 503
--- stores
evolu_auth_zone zone=evolu:1m;
evolu_auth_redis unix:$TEST_NGINX_EVOLU_DIR/nobody-is-here.sock;
--- guard
--- request
GET /
--- more_headers
apikey: evolu_live_aB3dE6gH_LiveSecret0123456789
--- error_code: 503
--- reason: unavailable
--- response_body chop
{"detail":"Authentication is temporarily unavailable."}
--- response_headers
Content-Type: application/json
Cache-Control: no-store
Retry-After: 1
!WWW-Authenticate



=== TEST 5: evolution, 401
--- guard
evolu_auth_error_format evolution;
--- request
GET /
--- error_code: 401
--- response_body chop
{"status":401,"error":"Unauthorized","response":{"message":"Unauthorized"}}
--- response_headers
Content-Type: application/json; charset=utf-8
Cache-Control: no-store
WWW-Authenticate: Bearer realm="evolu"



=== TEST 6: evolution, 403 for scope
--- guard
evolu_auth_error_format evolution;
evolu_auth_scope global;
--- request
GET /
--- more_headers
apikey: token-of-inst-1
--- error_code: 403
--- response_body chop
{"status":403,"error":"Forbidden","response":{"message":["Missing global api key","The global api key must be set"]}}
--- response_headers
Content-Type: application/json; charset=utf-8
Cache-Control: no-store



=== TEST 7: evolution, 403 for anything else
--- guard
evolu_auth_error_format evolution;
evolu_auth_mode test;
--- request
GET /
--- more_headers
apikey: evolu_live_aB3dE6gH_LiveSecret0123456789
--- error_code: 403
--- reason: wrong_mode
--- response_body chop
{"status":403,"error":"Forbidden","response":{"message":["Forbidden"]}}
--- response_headers
Content-Type: application/json; charset=utf-8



=== TEST 8: evolution, 400
--- guard
evolu_auth_error_format evolution;
evolu_auth_instance $evolu_path_last;
--- request
GET /x//inst-1
--- more_headers
apikey: token-of-inst-1
--- error_code: 400
--- response_body chop
{"status":400,"error":"Bad Request","response":{"message":["Bad Request"]}}
--- response_headers
Content-Type: application/json; charset=utf-8
Cache-Control: no-store



=== TEST 9: evolution, 503
--- stores
evolu_auth_zone zone=evolu:1m;
evolu_auth_redis unix:$TEST_NGINX_EVOLU_DIR/nobody-is-here.sock;
--- guard
evolu_auth_error_format evolution;
--- request
GET /
--- more_headers
apikey: evolu_live_aB3dE6gH_LiveSecret0123456789
--- error_code: 503
--- response_body chop
{"status":503,"error":"Service Unavailable","response":{"message":["Service Unavailable"]}}
--- response_headers
Retry-After: 1
Cache-Control: no-store



=== TEST 10: problem, RFC 9457
--- guard
evolu_auth_error_format problem;
--- request
GET /
--- error_code: 401
--- response_body_like chop
\A\{"type":"about:blank","title":"Unauthorized","status":401(,.*)?\}\z
--- response_headers
Content-Type: application/problem+json
Cache-Control: no-store
WWW-Authenticate: Bearer realm="evolu"



=== TEST 11: problem, 403
--- guard
evolu_auth_error_format problem;
evolu_auth_scope global;
--- request
GET /
--- more_headers
apikey: token-of-inst-1
--- error_code: 403
--- response_body_like chop
\A\{"type":"about:blank","title":"Forbidden","status":403(,.*)?\}\z
--- response_headers
Content-Type: application/problem+json



=== TEST 12: nginx's own pages
--- guard
evolu_auth_error_format off;
--- request
GET /
--- error_code: 401
--- response_body_like: <center><h1>401 Authorization Required</h1></center>
--- response_headers
Content-Type: text/html
Cache-Control: no-store
WWW-Authenticate: Bearer realm="evolu"



=== TEST 13: nginx's own page, 503
--- stores
evolu_auth_zone zone=evolu:1m;
evolu_auth_redis unix:$TEST_NGINX_EVOLU_DIR/nobody-is-here.sock;
--- guard
evolu_auth_error_format off;
--- request
GET /
--- more_headers
apikey: evolu_live_aB3dE6gH_LiveSecret0123456789
--- error_code: 503
--- response_body_like: <h1>503 Service Temporarily Unavailable</h1>
--- response_headers
Retry-After: 1
Cache-Control: no-store



=== TEST 14: realm
--- guard
evolu_auth_realm "the house \"of\" keys";
--- request
GET /
--- error_code: 401
--- raw_response_headers_like chop
(?m)^WWW-Authenticate: Bearer realm="the house \\"of\\" keys"\r$



=== TEST 15: no realm
--- guard
evolu_auth_realm off;
--- request
GET /
--- error_code: 401
--- response_headers
WWW-Authenticate: Bearer



=== TEST 16: HEAD has the headers and no body
--- guard
--- request
HEAD /
--- error_code: 401
--- response_body eval: ""
--- response_headers
Content-Type: application/json
Content-Length: 40
Cache-Control: no-store
WWW-Authenticate: Bearer realm="evolu"



=== TEST 17: HEAD, allowed
--- guard
--- request
HEAD /
--- more_headers
apikey: evolu_live_aB3dE6gH_LiveSecret0123456789
--- reason: ok
--- hits: 1



=== TEST 18: a location's format and realm replace those of its server
--- server_config
evolu_auth on;
evolu_auth_error_format evolution;
evolu_auth_realm server;
location /own {
    evolu_auth_error_format evolu;
    evolu_auth_realm own;
    proxy_pass $TEST_NGINX_UPSTREAM;
}
location / { proxy_pass $TEST_NGINX_UPSTREAM; }
--- request eval
["GET /", "GET /own"]
--- error_code eval
[401, 401]
--- response_headers eval
['WWW-Authenticate: Bearer realm="server"',
 'WWW-Authenticate: Bearer realm="own"']
--- response_body eval
['{"status":401,"error":"Unauthorized","response":{"message":"Unauthorized"}}',
 '{"detail":"Invalid or missing API key."}']



=== TEST 19: a refused POST is answered before its body is read
--- guard
lingering_timeout 100ms;
--- raw_request eval
"POST / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n"
. "Content-Length: 1000000\r\n\r\n"
--- error_code: 401
--- response_body chop
{"detail":"Invalid or missing API key."}



=== TEST 20: an upstream's own 401 is not touched
--- guard
--- request
GET /?status=401&reply=WWW-Authenticate:%20Mine
--- more_headers
apikey: evolu_live_aB3dE6gH_LiveSecret0123456789
--- error_code: 401
--- reason: ok
--- response_headers
WWW-Authenticate: Mine
Content-Type: text/plain
!Cache-Control
--- response_body_like: \AGET /\?status=401



=== TEST 21: nor is another module's refusal
--- guard
deny all;
--- request
GET /
--- more_headers
apikey: evolu_live_aB3dE6gH_LiveSecret0123456789
--- error_code: 403
--- response_body_like: <h1>403 Forbidden</h1>
--- response_headers
!Cache-Control
Content-Type: text/html
