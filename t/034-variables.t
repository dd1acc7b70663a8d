# Copyright (C) Evolu Auth Authors
#
# Variables.

use lib 't/lib';
use EvoluAuth;

run_tests();

__DATA__

=== TEST 1: of an allowed campaign key, in the access log
--- http_extra
log_format evolu '$evolu_auth_result|$evolu_auth_reason|$evolu_key_id|'
                 '$evolu_scope|$evolu_instance|$evolu_campaign|'
                 '$evolu_livemode|';
access_log $TEST_NGINX_SERVER_ROOT/logs/access.log evolu;
--- guard
--- request
GET /
--- more_headers
apikey: evolu_test_aB3dE6gH_TestSecret0123456789
--- access_log
allowed|ok|t1|campaign|inst-1|aB3dE6gH|false|



=== TEST 2: refused, anonymous, off
--- http_extra
log_format evolu '$uri $evolu_auth_result|$evolu_auth_reason|$evolu_auth_cache|'
                 '$evolu_auth_time|$evolu_key_id|$evolu_scope|'
                 '$evolu_instance|$evolu_campaign|$evolu_livemode|';
access_log $TEST_NGINX_SERVER_ROOT/logs/access.log evolu;
--- server_config
location /on {
    evolu_auth on;
    evolu_auth_instance $evolu_path_last;
    evolu_auth_scope global instance;
    evolu_auth_mode test;
    proxy_pass $TEST_NGINX_UPSTREAM;
}
location /optional { evolu_auth optional; proxy_pass $TEST_NGINX_UPSTREAM; }
location /off { proxy_pass $TEST_NGINX_UPSTREAM; }
--- request eval
["GET /on/inst-2", "GET /on/x", "GET /on/../on/inst-2", "GET /optional",
 "GET /off"]
--- more_headers eval
["apikey: token-of-inst-2", "", "apikey: token-of-inst-2", "", ""]
--- error_code eval
[403, 401, 400, 200, 200]
--- access_log eval
qr{^/o\S+ (?:denied\|wrong_mode\|(?:FRESH|MISS|FILE)\|\d+\.\d{3}\|\|\|\|\|\||denied\|missing\|-\|0\.000\|\|\|\|\|\||denied\|bad_path\|-\|0\.000\|\|\|\|\|\||anonymous\|-?[a-z]*\|-\|0\.000\|\|\|\|\|\||off\|-\|-\|0\.000\|\|\|\|\|\|)$}



=== TEST 3: in proxy_set_header, map and limit_req
--- http_extra
map $evolu_key_id $plan { default none; k1 gold; t1 free; }
--- guard
proxy_set_header X-Plan $plan;
proxy_set_header X-All "$evolu_scope $evolu_campaign $evolu_instance $evolu_livemode";
proxy_set_header X-Result "$evolu_auth_result $evolu_auth_reason";
--- request eval
["GET /", "GET /"]
--- more_headers eval
["apikey: $EvoluAuth::LIVE", "apikey: $EvoluAuth::TEST"]
--- error_code eval
[200, 200]
--- upstream_has eval
["X-Plan: gold\nX-All: campaign aB3dE6gH inst-1 true\nX-Result: allowed ok",
 "X-Plan: free\nX-All: campaign aB3dE6gH inst-1 false\nX-Result: allowed ok"]



=== TEST 4: percent-encoded in variables, too
--- guard
evolu_auth_instance $evolu_path_last;
proxy_set_header X-Instance $evolu_instance;
--- request
GET /x/Weird%20name%25+
--- more_headers
apikey: token-of-weird
--- upstream_has
X-Instance: Weird%20name%25%2B



=== TEST 5: empty in the rewrite phase
--- guard
set $early "[$evolu_key_id$evolu_scope]";
proxy_set_header X-Early $early;
proxy_set_header X-Late "[$evolu_key_id]";
if ($evolu_key_id) { return 418; }
--- request
GET /
--- more_headers
apikey: evolu_live_aB3dE6gH_LiveSecret0123456789
--- upstream_has
X-Early: []
X-Late: [k1]



=== TEST 6: in a response header
--- guard
add_header X-Auth "$evolu_auth_result $evolu_auth_reason $evolu_auth_cache" always;
add_header X-Time $evolu_auth_time always;
--- request eval
["GET /", "GET /", "GET /"]
--- more_headers eval
["", "apikey: $EvoluAuth::GLOBAL", "apikey: short"]
--- error_code eval
[401, 200, 401]
--- raw_response_headers_like eval
["X-Auth: denied missing -\r\nX-Time: 0\\.000\r\n",
 "X-Auth: allowed ok FILE\r\nX-Time: 0\\.000\r\n",
 "X-Auth: denied malformed -\r\nX-Time: 0\\.000\r\n"]



=== TEST 7: of the cache, by one key after another
--- skip_eval: 9: ($ENV{TEST_NGINX_MASTER_PROCESS} || 'off') eq 'on'
--- guard
add_header X-Cache $evolu_auth_cache always;
--- request eval
["GET /", "GET /", "GET /", "GET /", "GET /"]
--- more_headers eval
["apikey: evolu_live_free_FreeSecret0123456789",
 "apikey: evolu_live_free_FreeSecret0123456789",
 "apikey: evolu_live_free_FreeSecret0123456780",
 "apikey: evolu_live_hole_FreeSecret0123456789",
 "apikey: evolu_live_hole_FreeSecret0123456789"]
--- error_code eval
[200, 200, 401, 401, 401]
--- response_headers_like eval
["X-Cache: MISS|FRESH", "X-Cache: FRESH", "X-Cache: FRESH",
 "X-Cache: MISS|NEGATIVE", "X-Cache: NEGATIVE"]



=== TEST 8: without a zone in the configuration they are there, and off
--- stores
--- server_config
location / {
    proxy_set_header X-All "[$evolu_auth_result|$evolu_auth_reason|$evolu_auth_cache|$evolu_auth_time|$evolu_key_id|$evolu_scope|$evolu_instance|$evolu_campaign|$evolu_livemode]";
    proxy_pass $TEST_NGINX_UPSTREAM;
}
--- request
GET /
--- upstream_has
X-All: [off|-|-|0.000|||||]



=== TEST 9: of a redirect into an off location: the earlier verdict's
--- guard
try_files /no-such-file @off;
--- server_config
location @off {
    proxy_set_header X-Key "[$evolu_key_id $evolu_auth_result]";
    proxy_pass $TEST_NGINX_UPSTREAM;
}
--- request
GET /
--- more_headers
apikey: evolu_live_aB3dE6gH_LiveSecret0123456789
--- upstream_has
X-Key: [k1 allowed]
