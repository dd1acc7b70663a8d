# Copyright (C) Evolu Auth Authors
#
# proxy_cache: identity is there when the cache key is made, and what a client
# says about itself is not.

use lib 't/lib';
use EvoluAuth;

repeat_each(1);
run_tests();

__DATA__

=== TEST 1: each identity has an answer of its own
--- http_extra
proxy_cache_path $TEST_NGINX_SERVER_ROOT/proxy_cache keys_zone=c:1m;
--- guard
proxy_cache c;
proxy_cache_valid 200 1h;
proxy_cache_key $uri|$evolu_scope|$evolu_instance|$evolu_campaign|$evolu_livemode;
--- request eval
["GET /", "GET /", "GET /", "GET /", "GET /", "GET /", "GET /", "GET /"]
--- more_headers eval
["apikey: $EvoluAuth::LIVE", "apikey: $EvoluAuth::TEST",
 "apikey: evolu_live_free_FreeSecret0123456789\nX-Evolu-Campaign: aB3dE6gH
X-Evolu-Instance: inst-1",
 "apikey: $EvoluAuth::LIVE", "apikey: $EvoluAuth::TEST",
 "apikey: evolu_live_free_FreeSecret0123456789", "",
 "apikey: evolu_live_aB3dE6gH_LiveSecret0123456780"]
--- error_code eval
[200, 200, 200, 200, 200, 200, 401, 401]
--- upstream_has eval
[("X-Evolu-Campaign: aB3dE6gH\nX-Evolu-Livemode: true",
  "X-Evolu-Campaign: aB3dE6gH\nX-Evolu-Livemode: false",
  "X-Evolu-Campaign: free") x 2, undef, undef]
--- hits eval
[1, 1, 1, 0, 0, 0, 0, 0]



=== TEST 2: what is cached is judged before it is served
--- http_extra
proxy_cache_path $TEST_NGINX_SERVER_ROOT/proxy_cache keys_zone=c:1m;
--- guard
proxy_cache c;
proxy_cache_valid 200 1h;
proxy_cache_key $uri;
--- request eval
["GET /", "GET /", "GET /", "GET /"]
--- more_headers eval
["apikey: $EvoluAuth::LIVE", "", "apikey: short", "apikey: $EvoluAuth::LIVE"]
--- error_code eval
[200, 401, 401, 200]
--- reason eval
["ok", "missing", "malformed", "ok"]
--- hits eval
[1, 0, 0, 0]
