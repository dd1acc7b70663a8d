# Copyright (C) Evolu Auth Authors
#
# The credential does not travel on, unless it shall.

use lib 't/lib';
use EvoluAuth;

# what stays must keep its order, and its bytes

run_tests();

__DATA__

=== TEST 1: on, the default: a header
--- guard
--- request
GET /
--- more_headers
X-Before: 1
apikey: evolu_live_aB3dE6gH_LiveSecret0123456789
X-After: 2
--- upstream_lacks
apikey Authorization
--- upstream_has
X-Before: 1
X-After: 2
--- response_body_unlike: LiveSecret



=== TEST 2: on: bearer
--- guard
--- request
GET /
--- more_headers
Authorization: Bearer evolu_live_aB3dE6gH_LiveSecret0123456789
--- upstream_lacks
apikey Authorization
--- response_body_unlike: LiveSecret



=== TEST 3: off: as it came
--- guard
evolu_auth_hide_credentials off;
--- request eval
["GET /", "GET /"]
--- more_headers eval
["apikey: token-of-inst-1\nApiKeys: x", "Authorization: Bearer token-of-inst-1"]
--- error_code eval
[401, 401]
--- reason eval
["wrong_family", "wrong_family"]



=== TEST 4: off: as it came, allowed
--- guard
evolu_auth_hide_credentials off;
evolu_auth_instance inst-1;
--- request eval
["GET /", "GET /"]
--- more_headers eval
["apikey: token-of-inst-1", "Authorization: Bearer token-of-inst-1"]
--- error_code eval
[200, 200]
--- upstream_has eval
["apikey: token-of-inst-1", "Authorization: Bearer token-of-inst-1"]



=== TEST 5: Authorization of another scheme stays
--- guard
--- request
GET /
--- more_headers
apikey: evolu_live_aB3dE6gH_LiveSecret0123456789
Authorization: Basic YTpi
--- upstream_lacks
apikey
--- upstream_has
Authorization: Basic YTpi



=== TEST 6: a header that is no source stays
--- guard
evolu_auth_key_sources bearer;
--- request
GET /
--- more_headers
Authorization: Bearer evolu_live_aB3dE6gH_LiveSecret0123456789
apikey: somebody-else
--- upstream_lacks
Authorization
--- upstream_has
apikey: somebody-else



=== TEST 7: all copies, whoever satisfied access
--- guard
satisfy any;
allow all;
--- request
GET /
--- more_headers
apikey: evolu_live_aB3dE6gH_LiveSecret0123456789
ApiKey: evolu_live_aB3dE6gH_LiveSecret0123456789
APIKEY:
Authorization: Bearer evolu_live_aB3dE6gH_LiveSecret0123456789
--- upstream_lacks
apikey Authorization
--- response_body_unlike: LiveSecret



=== TEST 8: optional removes, off and report do not
--- server_config
location /optional { evolu_auth optional; proxy_pass $TEST_NGINX_UPSTREAM; }
location /report { evolu_auth report; proxy_pass $TEST_NGINX_UPSTREAM; }
location /off { evolu_auth off; proxy_pass $TEST_NGINX_UPSTREAM; }
--- request eval
["GET /optional", "GET /report", "GET /off"]
--- more_headers
apikey: evolu_live_aB3dE6gH_LiveSecret0123456789
--- error_code eval
[200, 200, 200]
--- upstream_lacks eval
["apikey", "", ""]
--- upstream_has eval
[undef, ("apikey: evolu_live_aB3dE6gH_LiveSecret0123456789") x 2]



=== TEST 9: a query argument is cut, path and other arguments unchanged
--- guard
evolu_auth_key_sources query:key;
evolu_auth_instance inst-1;
proxy_set_header X-Args "[$args]";
proxy_set_header X-Uri "[$request_uri]";
proxy_set_header X-Is-Args "[$is_args]";
--- request eval
["GET /a%20b/?key=token-of-inst-1", "GET /p?x=%20&key=token-of-inst-1",
 "GET /p?key=token-of-inst-1&y=+", "GET /p?x&k%65y=token-of-inst-1&y=2&z",
 "GET /p?xkey=1&key=token%2dof%2dinst-1&keys=2"]
--- error_code eval
[200, 200, 200, 200, 200]
--- upstream_line eval
["GET /a%20b/ HTTP/1.0", "GET /p?x=%20 HTTP/1.0", "GET /p?y=+ HTTP/1.0",
 "GET /p?x&y=2&z HTTP/1.0", "GET /p?xkey=1&keys=2 HTTP/1.0"]
--- upstream_has eval
["X-Args: []\nX-Uri: [/a%20b/]", "X-Args: [x=%20]\nX-Uri: [/p?x=%20]",
 "X-Args: [y=+]\nX-Uri: [/p?y=+]", "X-Args: [x&y=2&z]\nX-Uri: [/p?x&y=2&z]",
 "X-Args: [xkey=1&keys=2]\nX-Uri: [/p?xkey=1&keys=2]"]
--- response_body_unlike eval
[("token") x 5]
--- no_access_log
token
--- access_log
key=***************



=== TEST 10: a query argument that is not hidden is masked in $request alone
--- guard
evolu_auth_key_sources query:key;
evolu_auth_hide_credentials off;
evolu_auth_instance inst-1;
--- request
GET /p?x=1&key=token-of-inst-1&y=2
--- upstream_line
GET /p?x=1&key=token-of-inst-1&y=2 HTTP/1.0
--- no_access_log
token-of
--- access_log
GET /p?x=1&key=***************&y=2 HTTP/1.1



=== TEST 11: masked where it is refused, too
--- guard
evolu_auth_key_sources query:key;
evolu_auth_instance inst-1;
--- request
GET /p?key=token-of-inst-2&a=b
--- error_code: 401
--- reason: bad_secret
--- no_access_log
token-of
--- access_log
GET /p?key=***************&a=b HTTP/1.1



=== TEST 12: both copies are masked
--- guard
evolu_auth_key_sources query:key;
evolu_auth_instance inst-1;
--- request
GET /p?key=token-of-inst-1&key=token-of-inst-2
--- error_code: 401
--- reason: duplicate
--- no_access_log
token-of



=== TEST 13: the path may hold what looks like it
--- guard
evolu_auth_key_sources query:key;
evolu_auth_instance inst-1;
--- request
GET /key=abc/x?key=token-of-inst-1
--- upstream_line
GET /key=abc/x HTTP/1.0



=== TEST 14: where proxy_pass has a URI
--- server_config
location /api/ {
    evolu_auth on;
    evolu_auth_key_sources query:key header:apikey;
    evolu_auth_instance inst-1;
    proxy_pass $TEST_NGINX_UPSTREAM:/v2/;
}
--- request eval
["GET /api/a?key=token-of-inst-1&b=c", "GET /api/a?b=c"]
--- more_headers eval
["", "apikey: token-of-inst-1"]
--- error_code eval
[200, 200]
--- upstream_line eval
["GET /v2/a?b=c HTTP/1.0", "GET /v2/a?b=c HTTP/1.0"]
--- upstream_lacks eval
["apikey", "apikey"]



=== TEST 15: the body is passed on
--- guard
--- request
POST /
hello=world
--- more_headers
apikey: evolu_live_aB3dE6gH_LiveSecret0123456789
Content-Type: application/x-www-form-urlencoded
--- upstream_has
Content-Length: 11
--- response_body_like: \n\nhello=world\z



=== TEST 16: all copies of a query argument, whoever satisfied access
--- guard
satisfy any;
allow all;
evolu_auth_key_sources query:key;
evolu_auth_instance inst-1;
proxy_set_header X-Args "[$args]";
--- request
GET /p?key=token-of-inst-1&x=1&key=token-of-inst-2&k%65y=token-of-inst-1
--- upstream_line
GET /p?x=1 HTTP/1.0
--- upstream_has
X-Args: [x=1]
--- response_body_unlike: token
