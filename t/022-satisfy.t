# Copyright (C) Evolu Auth Authors
#
# satisfy, with what nginx has of its own.

use lib 't/lib';
use EvoluAuth;

write_file('htpasswd', "joe:{PLAIN}secret\n", 0644);

run_tests();

__DATA__

=== TEST 1: any, and allow grants: credential gone, identity by our verdict
--- guard
satisfy any;
allow all;
--- request
GET /
--- more_headers
apikey: evolu_live_aB3dE6gH_LiveSecret0123456789
X-Evolu-Scope: global
--- upstream_lacks
apikey
--- identity
X-Evolu-Scope: campaign
X-Evolu-Instance: inst-1
X-Evolu-Campaign: aB3dE6gH
X-Evolu-Livemode: true
X-Evolu-Key-Id: k1



=== TEST 2: any, allow grants what we refuse: nothing of it is left
--- guard
satisfy any;
allow all;
--- request eval
["GET /a", "GET /b", "GET /c"]
--- more_headers eval
["X-Evolu-Instance: inst-2\nX-Evolu-Scope: global",
 "apikey: evolu_live_aB3dE6gH_LiveSecret0123456780\nX-Evolu-Scope: global",
 "apikey: a\napikey: b"]
--- error_code eval
[200, 200, 200]
--- identity eval
["", "", ""]
--- upstream_lacks eval
["apikey", "apikey", "apikey"]
--- response_headers eval
["!WWW-Authenticate", "!WWW-Authenticate", "!WWW-Authenticate"]



=== TEST 3: any, deny all: we decide
--- guard
satisfy any;
deny all;
--- cases
apikey: evolu_live_aB3dE6gH_LiveSecret0123456789 | 200 | ok
- | 401 | *
apikey: evolu_live_aB3dE6gH_LiveSecret0123456780 | 401 | *



=== TEST 4: any, deny all, and our 403
--- guard
evolu_auth_scope global;
satisfy any;
deny all;
--- cases
apikey: token-of-inst-1 | 403 | *
- | 401 | *
apikey: global-key-of-the-house | 200 | ok



=== TEST 5: any, won by us: no challenge is left over
--- guard
satisfy any;
auth_basic "basic";
auth_basic_user_file $TEST_NGINX_EVOLU_DIR/htpasswd;
--- request eval
["GET /", "GET /", "GET /"]
--- more_headers eval
["apikey: evolu_live_aB3dE6gH_LiveSecret0123456789",
 "Authorization: Basic am9lOnNlY3JldA==",
 "apikey: evolu_live_aB3dE6gH_LiveSecret0123456780\n"
 . "Authorization: Basic am9lOnNlY3JldA=="]
--- error_code eval
[200, 200, 200]
--- response_headers eval
["!WWW-Authenticate", "!WWW-Authenticate", "!WWW-Authenticate"]
--- upstream_lacks eval
["apikey", "apikey", "apikey"]
--- upstream_has eval
["X-Evolu-Scope: campaign", "Authorization: Basic am9lOnNlY3JldA==",
 "Authorization: Basic am9lOnNlY3JldA=="]



=== TEST 6: any, both refuse: our answer and our challenge
--- guard
satisfy any;
auth_basic "basic";
auth_basic_user_file $TEST_NGINX_EVOLU_DIR/htpasswd;
--- request eval
["GET /", "GET /"]
--- more_headers eval
["", "Authorization: Basic d3Jvbmc6d3Jvbmc="]
--- error_code eval
[401, 401]
--- raw_response_headers_like eval
['Bearer realm="evolu"', 'Bearer realm="evolu"']
--- hits eval
[0, 0]



=== TEST 7: all, both must grant
--- guard
satisfy all;
auth_basic "basic";
auth_basic_user_file $TEST_NGINX_EVOLU_DIR/htpasswd;
--- request eval
["GET /", "GET /", "GET /"]
--- more_headers eval
["apikey: evolu_live_aB3dE6gH_LiveSecret0123456789\n"
 . "Authorization: Basic am9lOnNlY3JldA==",
 "apikey: evolu_live_aB3dE6gH_LiveSecret0123456789",
 "Authorization: Basic am9lOnNlY3JldA=="]
--- error_code eval
[200, 401, 401]
--- raw_response_headers_like eval
['200 Answer', 'Basic realm="basic"', 'Bearer realm="evolu"']



=== TEST 8: all, with allow and deny
--- server_config
location /in {
    evolu_auth on;
    allow 127.0.0.1;
    deny all;
    proxy_pass $TEST_NGINX_UPSTREAM;
}
location /out {
    evolu_auth on;
    deny all;
    proxy_pass $TEST_NGINX_UPSTREAM;
}
--- cases
GET /in | apikey: evolu_live_aB3dE6gH_LiveSecret0123456789 | 200 | ok
GET /in | - | 401 | missing
GET /out | apikey: evolu_live_aB3dE6gH_LiveSecret0123456789 | 403 | *
GET /out | - | 401 | missing



=== TEST 9: any cannot be won by off, anonymous, a preflight or report
--- server_config
satisfy any;
deny all;
location /off { evolu_auth off; proxy_pass $TEST_NGINX_UPSTREAM; }
location /optional { evolu_auth optional; proxy_pass $TEST_NGINX_UPSTREAM; }
location /report { evolu_auth report; proxy_pass $TEST_NGINX_UPSTREAM; }
location /preflight {
    evolu_auth on;
    evolu_auth_preflight on;
    proxy_pass $TEST_NGINX_UPSTREAM;
}
--- cases
GET /off | apikey: evolu_live_aB3dE6gH_LiveSecret0123456789 | 403 | *
GET /optional | - | 403 | *
GET /report | apikey: evolu_live_aB3dE6gH_LiveSecret0123456789 | 403 | *
OPTIONS /preflight | Origin: http://a\nAccess-Control-Request-Method: GET | 403 | *
GET /optional | apikey: evolu_live_aB3dE6gH_LiveSecret0123456789 | 200 | ok



=== TEST 10: off under any leaves auth_basic in charge
--- server_config
satisfy any;
auth_basic "basic";
auth_basic_user_file $TEST_NGINX_EVOLU_DIR/htpasswd;
location /off { evolu_auth off; proxy_pass $TEST_NGINX_UPSTREAM; }
--- request eval
["GET /off", "GET /off"]
--- more_headers eval
["apikey: evolu_live_aB3dE6gH_LiveSecret0123456789",
 "Authorization: Basic am9lOnNlY3JldA=="]
--- error_code eval
[401, 200]



=== TEST 11: 400 is no "try the next"
--- guard
satisfy any;
evolu_auth_instance $evolu_path_last;
auth_basic "basic";
auth_basic_user_file $TEST_NGINX_EVOLU_DIR/htpasswd;
--- request
GET /x//inst-1
--- more_headers
apikey: token-of-inst-1
--- error_code: 400
--- reason: bad_path
--- response_body chop
{"detail":"Malformed request."}



=== TEST 12: nor is 503
--- stores
evolu_auth_zone zone=evolu:1m;
evolu_auth_redis unix:$TEST_NGINX_EVOLU_DIR/nobody-is-here.sock;
--- guard
satisfy any;
auth_basic "basic";
auth_basic_user_file $TEST_NGINX_EVOLU_DIR/htpasswd;
--- request
GET /
--- more_headers
apikey: evolu_live_aB3dE6gH_LiveSecret0123456789
--- error_code: 503
--- reason: unavailable



=== TEST 13: any, granted by another: what the upstream refuses is its own
--- guard
satisfy any;
auth_basic "basic";
auth_basic_user_file $TEST_NGINX_EVOLU_DIR/htpasswd;
--- request
GET /?status=401
--- more_headers
Authorization: Basic am9lOnNlY3JldA==
apikey: evolu_live_aB3dE6gH_LiveSecret0123456780
--- error_code: 401
--- response_headers
!WWW-Authenticate
!Cache-Control
--- response_body_like: \AGET /\?status=401 HTTP/1\.0
--- hits: 1



=== TEST 14: the same, granted by allow, without a credential
--- guard
satisfy any;
allow all;
--- request
GET /?status=401
--- error_code: 401
--- response_headers
!WWW-Authenticate
!Cache-Control
--- response_body_like: \AGET /\?status=401 HTTP/1\.0
--- hits: 1
