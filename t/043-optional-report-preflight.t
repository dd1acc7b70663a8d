# Copyright (C) Evolu Auth Authors
#
# optional, report, preflight.

use lib 't/lib';
use EvoluAuth;

run_tests();

__DATA__

=== TEST 1: optional: anonymous, allowed, refused
--- guard
evolu_auth optional;
--- cases
- | 200 | -
X-Other: x | 200 | -
Authorization: Basic YTpi | 200 | -
apikey: evolu_live_aB3dE6gH_LiveSecret0123456789 | 200 | ok
apikey: evolu_live_aB3dE6gH_LiveSecret0123456780 | 401 | bad_secret
apikey: short | 401 | malformed
apikey: token-of-inst-1 | 401 | wrong_family
apikey: evolu_live_timed_old-123456789012345 | 401 | expired



=== TEST 2: optional: an empty header is a header
--- guard
evolu_auth optional;
--- request eval
["GET /", "GET /"]
--- more_headers eval
["apikey:", "Authorization: Bearer"]
--- error_code_like eval
['^(?:200|401)$', '^(?:200|401)$']
--- identity eval
["", ""]



=== TEST 3: report refuses nothing, and says what it would
--- guard
evolu_auth report;
evolu_auth_instance $evolu_path_last;
evolu_auth_scope global instance campaign;
evolu_auth_mode live;
evolu_auth_reserved_args a;
--- cases
GET /inst-1 | - | 200 | would missing
GET /inst-1 | apikey: token-of-inst-2 | 200 | would bad_secret
GET /inst-1 | apikey: token-of-inst-1 | 200 | ok
GET /inst-1?a=1 | apikey: token-of-inst-1 | 200 | would reserved_arg
GET /x//inst-1 | apikey: token-of-inst-1 | 200 | would bad_path
GET /inst-1 | apikey: a\napikey: b | 200 | would duplicate
GET /inst-1 | apikey: short | 200 | would malformed
GET /inst-1 | apikey: evolu_test_aB3dE6gH_TestSecret0123456789 | 200 | would wrong_mode
GET /inst-1 | Connection: close, apikey | 200 | would missing



=== TEST 4: report: identity only of an allow, no credential is hidden
--- guard
evolu_auth report;
--- request eval
["GET /", "GET /"]
--- more_headers eval
["apikey: $EvoluAuth::LIVE\nX-Evolu-Scope: global",
 "apikey: evolu_live_aB3dE6gH_LiveSecret0123456780\nX-Evolu-Scope: global"]
--- error_code eval
[200, 200]
--- identity eval
["X-Evolu-Scope: campaign\nX-Evolu-Instance: inst-1
X-Evolu-Campaign: aB3dE6gH\nX-Evolu-Livemode: true\nX-Evolu-Key-Id: k1", ""]
--- upstream_has eval
["apikey: $EvoluAuth::LIVE",
 "apikey: evolu_live_aB3dE6gH_LiveSecret0123456780"]
--- response_headers eval
["!WWW-Authenticate", "!WWW-Authenticate"]



=== TEST 5: report: an outage passes, too
--- stores
evolu_auth_zone zone=evolu:1m;
evolu_auth_redis unix:$TEST_NGINX_EVOLU_DIR/nobody-is-here.sock;
--- guard
evolu_auth report;
--- cases
apikey: evolu_live_aB3dE6gH_LiveSecret0123456789 | 200 | would unavailable



=== TEST 6: report sets variables
--- guard
evolu_auth report;
proxy_set_header X-Verdict "$evolu_auth_result $evolu_auth_reason [$evolu_key_id]";
--- request eval
["GET /", "GET /"]
--- more_headers eval
["", "apikey: $EvoluAuth::LIVE"]
--- error_code eval
[200, 200]
--- upstream_has eval
["X-Verdict: denied missing []", "X-Verdict: allowed ok [k1]"]



=== TEST 7: a true preflight passes, without identity
--- guard
evolu_auth_preflight on;
--- request eval
["OPTIONS /", "OPTIONS /"]
--- more_headers eval
["Origin: http://a.example\nAccess-Control-Request-Method: PUT
X-Evolu-Scope: global",
 "Origin: http://a.example\nAccess-Control-Request-Method: PUT
apikey: $EvoluAuth::LIVE"]
--- error_code eval
[200, 200]
--- identity eval
["", ""]
--- reason eval
["-", "-"]



=== TEST 8: what is no true preflight is judged
--- guard
evolu_auth_preflight on;
--- cases
OPTIONS / | Origin: http://a.example | 401 | missing
OPTIONS / | Access-Control-Request-Method: PUT | 401 | missing
OPTIONS / | - | 401 | missing
GET / | Origin: http://a.example\nAccess-Control-Request-Method: PUT | 401 | missing
OPTIONS / | apikey: evolu_live_aB3dE6gH_LiveSecret0123456789 | 200 | ok



=== TEST 9: off, the default
--- guard
--- cases
OPTIONS / | Origin: http://a.example\nAccess-Control-Request-Method: PUT | 401 | missing
