# Copyright (C) Evolu Auth Authors
#
# A configured error_page wins.

use lib 't/lib';
use EvoluAuth;

run_tests();

__DATA__

=== TEST 1: a named location with a body of its own
--- guard
error_page 401 @refused;
--- server_config
location @refused { return 401 "sorry\n"; }
--- request
GET /
--- error_code: 401
--- reason: missing
--- response_body
sorry
--- response_headers
WWW-Authenticate: Bearer realm="evolu"



=== TEST 2: an internal URI, status kept
--- guard
error_page 401 /401.html;
--- server_config
location = /401.html { internal; root $TEST_NGINX_SERVER_ROOT/html; }
--- user_files
>>> 401.html
page
--- request
GET /
--- error_code: 401
--- response_body
page
--- response_headers
WWW-Authenticate: Bearer realm="evolu"
Content-Type: text/html



=== TEST 3: the status changed
--- guard
error_page 401 =200 @refused;
--- server_config
location @refused { return 200 "fine\n"; }
--- request
GET /
--- error_code: 200
--- reason: missing
--- response_body
fine
--- response_headers
!WWW-Authenticate



=== TEST 4: an external URI
--- guard
error_page 401 =302 http://login.example/;
--- request
GET /
--- error_code: 302
--- response_headers
Location: http://login.example/
!WWW-Authenticate



=== TEST 5: the realm of the challenge is the refusing location's
--- guard
evolu_auth_realm "of the guard";
error_page 401 @refused;
--- server_config
location @refused { return 401 "sorry\n"; }
--- request
GET /
--- error_code: 401
--- response_headers
WWW-Authenticate: Bearer realm="of the guard"



=== TEST 6: two passes: the page of a 401 is guarded, too
--- server_config
evolu_auth on;
error_page 401 /401.html;
location = /401.html { root $TEST_NGINX_SERVER_ROOT/html; }
location / { proxy_pass $TEST_NGINX_UPSTREAM; }
--- user_files
>>> 401.html
page
--- request eval
["GET /", "GET /401.html"]
--- error_code eval
[401, 401]
--- response_headers eval
['WWW-Authenticate: Bearer realm="evolu"',
 'WWW-Authenticate: Bearer realm="evolu"']
--- hits eval
[0, 0]



=== TEST 7: one challenge, even if the page adds one of its own
--- guard
error_page 401 @refused;
--- server_config
location @refused {
    add_header X-Page yes always;
    return 401 "sorry\n";
}
--- request
GET /
--- error_code: 401
--- raw_response_headers_like chop
\A(?!.*WWW-Authenticate.*WWW-Authenticate).*X-Page: yes



=== TEST 8: an upstream of the page: no credential, no identity
--- guard
error_page 401 @login;
--- server_config
location @login {
    proxy_pass $TEST_NGINX_UPSTREAM;
}
--- request
GET /
--- more_headers
apikey: evolu_live_aB3dE6gH_LiveSecret0123456780
X-Evolu-Scope: global
--- error_code: 401
--- reason: bad_secret
--- identity
--- hits: 1



=== TEST 9: 403 and 400
--- guard
evolu_auth_scope global instance;
evolu_auth_instance $evolu_path_last;
evolu_auth_reserved_args name;
error_page 403 @e403;
error_page 400 @e400;
--- server_config
location @e403 { return 403 "page 403\n"; }
location @e400 { return 400 "page 400\n"; }
--- request eval
["GET /x/inst-1?name=x", "GET /x//inst-1", "GET /x/inst-1"]
--- more_headers
apikey: token-of-inst-1
--- error_code eval
[403, 400, 200]
--- reason eval
["reserved_arg", "bad_path", "ok"]
--- response_body_like eval
["page 403", "page 400", "GET /x/inst-1"]



=== TEST 10: 503
--- stores
evolu_auth_zone zone=evolu:1m;
evolu_auth_redis unix:$TEST_NGINX_EVOLU_DIR/nobody-is-here.sock;
--- guard
error_page 503 @away;
--- server_config
location @away { return 503 "away\n"; }
--- request
GET /
--- more_headers
apikey: evolu_live_aB3dE6gH_LiveSecret0123456789
--- error_code: 503
--- reason: unavailable
--- response_body
away



=== TEST 11: an error of the upstream after an allow
--- guard
proxy_intercept_errors on;
error_page 502 504 @sorry;
--- server_config
location @sorry { return 502 "sorry\n"; }
--- request
GET /?status=502
--- more_headers
apikey: evolu_live_aB3dE6gH_LiveSecret0123456789
--- error_code: 502
--- reason: ok
--- response_body
sorry
--- hits: 1
--- response_headers
!WWW-Authenticate
!Cache-Control
