# Copyright (C) Evolu Auth Authors
#
# Internal redirects: judged where a request goes, by what it brought.

use lib 't/lib';
use EvoluAuth;

run_tests();

__DATA__

=== TEST 1: rewrite last into a guarded location
--- server_config
location /open { rewrite ^ /guarded last; }
location /guarded { evolu_auth on; proxy_pass $TEST_NGINX_UPSTREAM; }
--- cases
GET /open | - | 401 | missing
GET /open | apikey: evolu_live_aB3dE6gH_LiveSecret0123456780 | 401 | bad_secret
GET /open | apikey: evolu_live_aB3dE6gH_LiveSecret0123456789 | 200 | ok



=== TEST 2: rewrite last inside the same policy
--- server_config
evolu_auth on;
location /a { rewrite ^ /b last; }
location /b { proxy_pass $TEST_NGINX_UPSTREAM; }
--- request
GET /a?x=1
--- more_headers
apikey: evolu_live_aB3dE6gH_LiveSecret0123456789
X-Evolu-Scope: global
--- reason: ok
--- identity
X-Evolu-Scope: campaign
X-Evolu-Instance: inst-1
X-Evolu-Campaign: aB3dE6gH
X-Evolu-Livemode: true
X-Evolu-Key-Id: k1
--- upstream_lacks
apikey



=== TEST 3: try_files into a named location of the same policy
--- server_config
evolu_auth on;
location / { try_files /no-such-file @app; }
location @app { proxy_pass $TEST_NGINX_UPSTREAM; }
--- request
GET /
--- more_headers
apikey: evolu_live_aB3dE6gH_LiveSecret0123456789
X-Evolu-Scope: global
--- reason: ok
--- identity
X-Evolu-Scope: campaign
X-Evolu-Instance: inst-1
X-Evolu-Campaign: aB3dE6gH
X-Evolu-Livemode: true
X-Evolu-Key-Id: k1
--- upstream_lacks
apikey
--- hits: 1



=== TEST 4: try_files, refused once
--- server_config
evolu_auth on;
location / { try_files /no-such-file @app; }
location @app { proxy_pass $TEST_NGINX_UPSTREAM; }
--- cases
- | 401 | missing
apikey: evolu_live_aB3dE6gH_LiveSecret0123456780 | 401 | bad_secret



=== TEST 5: from an open location into a guarded named one
--- server_config
location / { try_files /no-such-file @app; }
location @app { evolu_auth on; proxy_pass $TEST_NGINX_UPSTREAM; }
--- cases
- | 401 | missing
apikey: evolu_live_aB3dE6gH_LiveSecret0123456789 | 200 | ok



=== TEST 6: another policy judges again, from the same credential
--- server_config
evolu_auth on;
location / { try_files /no-such-file @app; }
location @app {
    evolu_auth_scope global;
    proxy_pass $TEST_NGINX_UPSTREAM;
}
--- request eval
["GET /", "GET /"]
--- more_headers eval
["apikey: $EvoluAuth::LIVE", "apikey: $EvoluAuth::GLOBAL"]
--- error_code eval
[403, 200]
--- reason eval
["scope", "ok"]
--- identity eval
["", "X-Evolu-Scope: global\nX-Evolu-Livemode: true\nX-Evolu-Key-Id: g1"]



=== TEST 7: another instance is another question
--- server_config
evolu_auth on;
location /a/ {
    evolu_auth_instance inst-1;
    try_files /no-such-file @other;
}
location @other {
    evolu_auth_instance inst-2;
    proxy_pass $TEST_NGINX_UPSTREAM;
}
--- cases
GET /a/x | apikey: token-of-inst-1 | 401 | bad_secret
GET /a/x | apikey: token-of-inst-2 | 401 | bad_secret
GET /a/x | apikey: global-key-of-the-house | 200 | ok



=== TEST 8: X-Accel-Redirect: the credential was hidden, and is known still
--- server_config
evolu_auth on;
location / { proxy_pass $TEST_NGINX_UPSTREAM; }
location /inner { internal; proxy_pass $TEST_NGINX_UPSTREAM; }
--- request
GET /?reply=X-Accel-Redirect:/inner/file
--- more_headers
apikey: evolu_live_aB3dE6gH_LiveSecret0123456789
X-Evolu-Scope: global
--- reason: ok
--- upstream_line
GET /inner/file HTTP/1.0
--- identity
X-Evolu-Scope: campaign
X-Evolu-Instance: inst-1
X-Evolu-Campaign: aB3dE6gH
X-Evolu-Livemode: true
X-Evolu-Key-Id: k1
--- upstream_lacks
apikey
--- hits: 2



=== TEST 9: X-Accel-Redirect into a stricter location
--- server_config
evolu_auth on;
location / { proxy_pass $TEST_NGINX_UPSTREAM; }
location /inner {
    internal;
    evolu_auth_mode test;
    proxy_pass $TEST_NGINX_UPSTREAM;
}
--- request
GET /?reply=X-Accel-Redirect:/inner/file
--- more_headers
apikey: evolu_live_aB3dE6gH_LiveSecret0123456789
X-Evolu-Scope: global
--- error_code: 403
--- reason: wrong_mode
--- hits: 1



=== TEST 10: X-Accel-Redirect into an open location: none of ours goes there
--- server_config
location / { evolu_auth on; proxy_pass $TEST_NGINX_UPSTREAM; }
location /inner { internal; proxy_pass $TEST_NGINX_UPSTREAM; }
--- request
GET /?reply=X-Accel-Redirect:/inner/file
--- more_headers
apikey: evolu_live_aB3dE6gH_LiveSecret0123456789
X-Evolu-Scope: global
--- reason: ok
--- upstream_lacks
apikey
--- hits: 2



=== TEST 11: a query credential, cut before X-Accel-Redirect
--- server_config
evolu_auth on;
evolu_auth_key_sources query:key;
location / { proxy_pass $TEST_NGINX_UPSTREAM; }
location /inner { internal; proxy_pass $TEST_NGINX_UPSTREAM; }
--- request
GET /?key=evolu_live_aB3dE6gH_LiveSecret0123456789&reply=X-Accel-Redirect:/inner/file
--- reason: ok
--- upstream_line
GET /inner/file HTTP/1.0
--- identity
X-Evolu-Scope: campaign
X-Evolu-Instance: inst-1
X-Evolu-Campaign: aB3dE6gH
X-Evolu-Livemode: true
X-Evolu-Key-Id: k1
--- hits: 2



=== TEST 12: index
--- server_config
evolu_auth on;
location / { index index.html; root $TEST_NGINX_SERVER_ROOT/html; }
location = /index.html { proxy_pass $TEST_NGINX_UPSTREAM; }
--- request
GET /
--- more_headers
apikey: evolu_live_aB3dE6gH_LiveSecret0123456789
X-Evolu-Scope: global
--- reason: ok
--- identity
X-Evolu-Scope: campaign
X-Evolu-Instance: inst-1
X-Evolu-Campaign: aB3dE6gH
X-Evolu-Livemode: true
X-Evolu-Key-Id: k1
--- upstream_lacks
apikey



=== TEST 13: the reserved argument and the path are of the client's request
--- server_config
evolu_auth on;
evolu_auth_reserved_args who;
location /a { rewrite ^ /b?who=me? last; }
location /b { proxy_pass $TEST_NGINX_UPSTREAM; }
--- cases
GET /a | apikey: evolu_live_aB3dE6gH_LiveSecret0123456789 | 200 | ok
GET /a?who=x | apikey: evolu_live_aB3dE6gH_LiveSecret0123456789 | 403 | reserved_arg



=== TEST 14: an off location in between changes nothing
--- server_config
location / { evolu_auth on; try_files /no-such-file @off; }
location @off { rewrite ^ /again last; }
location /again { evolu_auth on; proxy_pass $TEST_NGINX_UPSTREAM; }
--- request
GET /
--- more_headers
apikey: evolu_live_aB3dE6gH_LiveSecret0123456789
X-Evolu-Scope: global
--- reason: ok
--- identity
X-Evolu-Scope: campaign
X-Evolu-Instance: inst-1
X-Evolu-Campaign: aB3dE6gH
X-Evolu-Livemode: true
X-Evolu-Key-Id: k1
--- upstream_lacks
apikey



=== TEST 15: the same location, another instance: another question
--- server_config
evolu_auth on;
location ~ ^/i/(?<who>[^/]+)/ {
    evolu_auth_instance $who;
    proxy_pass $TEST_NGINX_UPSTREAM:/$uri$is_args$args;
}
--- request eval
["GET /i/inst-1/a?reply=X-Accel-Redirect:/i/inst-2/b",
 "GET /i/inst-1/a?reply=X-Accel-Redirect:/i/inst-1/b"]
--- more_headers
apikey: token-of-inst-1
--- error_code eval
[401, 200]
--- reason eval
["bad_secret", "ok"]
--- hits eval
[1, 2]
