# Copyright (C) Evolu Auth Authors
#
# conf/evolu-integrators.conf: who reaches what, and its switches.

use strict;
use warnings;

use lib 't/lib';
use EvoluAuth;
use EvoluPreset;

run_tests();

__DATA__

=== TEST 1: Integrators: campaign keys, live and test, two paths
--- preset: evolu-integrators
--- cases
POST /v1/entries | Authorization: Bearer evolu_live_aB3dE6gH_LiveSecret0123456789 | 200 | ok
POST /v1/entries | Authorization: Bearer evolu_test_aB3dE6gH_TestSecret0123456789 | 200 | ok
POST /v1/entries?a=b | Authorization: Bearer evolu_live_aB3dE6gH_LiveSecret0123456789 | 200 | ok
POST /v1/entries | Authorization: Bearer evolu_live_free_FreeSecret0123456789 | 200 | ok
GET /v1/webhook | Authorization: Bearer evolu_live_aB3dE6gH_LiveSecret0123456789 | 200 | ok
PATCH /v1/webhook | Authorization: Bearer evolu_live_aB3dE6gH_LiveSecret0123456789 | 200 | ok
POST /v1/entries | - | 401 | missing
POST /v1/entries | apikey: evolu_live_aB3dE6gH_LiveSecret0123456789 | 401 | missing
POST /v1/entries | Authorization: Basic YTpi | 401 | missing
POST /v1/entries | Authorization: Bearer evolu_live_aB3dE6gH_LiveSecret0123456780 | 401 | bad_secret
POST /v1/entries | Authorization: Bearer evolu_test_aB3dE6gH_LiveSecret0123456789 | 401 | bad_secret
POST /v1/entries | Authorization: Bearer evolu_live_nobody_LiveSecret0123456789 | 401 | unknown
POST /v1/entries | Authorization: Bearer evolu_live_timed_old-123456789012345 | 401 | expired
POST /v1/entries | Authorization: Bearer evolu_live_timed_far-123456789012345 | 403 | address
POST /v1/entries | Authorization: Bearer token-of-inst-1 | 401 | wrong_family
POST /v1/entries | Authorization: Bearer global-key-of-the-house | 401 | wrong_family
GET /v1/webhook | - | 401 | missing



=== TEST 2: other methods, other paths: closed to whoever has a key
--- preset: evolu-integrators
--- cases
GET /v1/entries | Authorization: Bearer evolu_live_aB3dE6gH_LiveSecret0123456789 | 403 | -
PUT /v1/entries | Authorization: Bearer evolu_live_aB3dE6gH_LiveSecret0123456789 | 403 | -
DELETE /v1/entries | Authorization: Bearer evolu_live_aB3dE6gH_LiveSecret0123456789 | 403 | -
OPTIONS /v1/entries | Authorization: Bearer evolu_live_aB3dE6gH_LiveSecret0123456789 | 403 | -
POST /v1/webhook | Authorization: Bearer evolu_live_aB3dE6gH_LiveSecret0123456789 | 403 | -
PUT /v1/webhook | Authorization: Bearer evolu_live_aB3dE6gH_LiveSecret0123456789 | 403 | -
DELETE /v1/webhook | Authorization: Bearer evolu_live_aB3dE6gH_LiveSecret0123456789 | 403 | -
FOO /v1/webhook | Authorization: Bearer evolu_live_aB3dE6gH_LiveSecret0123456789 | 403 | -
GET / | Authorization: Bearer evolu_live_aB3dE6gH_LiveSecret0123456789 | 404 | -
POST /v1/entries/ | Authorization: Bearer evolu_live_aB3dE6gH_LiveSecret0123456789 | 404 | -
POST /v1/entries/1 | Authorization: Bearer evolu_live_aB3dE6gH_LiveSecret0123456789 | 404 | -
POST /v1/entries%0a | Authorization: Bearer evolu_live_aB3dE6gH_LiveSecret0123456789 | 404 | -
POST /V1/entries | Authorization: Bearer evolu_live_aB3dE6gH_LiveSecret0123456789 | 404 | -
GET /v1/workspaces | Authorization: Bearer evolu_live_aB3dE6gH_LiveSecret0123456789 | 404 | -
GET /evolu_error | Authorization: Bearer evolu_live_aB3dE6gH_LiveSecret0123456789 | 404 | -
HEAD /v1/webhook | Authorization: Bearer evolu_live_aB3dE6gH_LiveSecret0123456789 | 200 | ok



=== TEST 3: and who has none is told that first
--- preset: evolu-integrators
--- cases
GET /v1/entries | - | 401 | missing
DELETE /v1/webhook | Authorization: Bearer evolu_live_aB3dE6gH_LiveSecret0123456780 | 401 | bad_secret
GET /v1/workspaces | Authorization: Bearer evolu_live_nobody_LiveSecret0123456789 | 401 | unknown
GET / | Authorization: Bearer global-key-of-the-house | 401 | wrong_family
POST /v1/entries%0a | - | 401 | missing
POST /v1//entries | Authorization: Bearer evolu_live_aB3dE6gH_LiveSecret0123456789 | 400 | -
POST /x/../v1/entries | Authorization: Bearer evolu_live_aB3dE6gH_LiveSecret0123456789 | 400 | -
POST /v1%2fentries | Authorization: Bearer evolu_live_aB3dE6gH_LiveSecret0123456789 | 400 | -
POST /v1/entries;a | Authorization: Bearer evolu_live_aB3dE6gH_LiveSecret0123456789 | 400 | -
POST /v1//entries | - | 400 | -



=== TEST 4: what the upstream sees
--- preset: evolu-integrators
--- request
POST /v1/entries?a=b
{}
--- more_headers
Authorization: Bearer evolu_test_aB3dE6gH_TestSecret0123456789
X-Evolu-Livemode: true
x_evolu_campaign: other
X-Forwarded-For: 10.0.0.1
--- upstream_line
POST /v1/entries?a=b HTTP/1.1
--- identity
X-Evolu-Scope: campaign
X-Evolu-Instance: inst-1
X-Evolu-Campaign: aB3dE6gH
X-Evolu-Livemode: false
X-Evolu-Key-Id: t1
--- upstream_has
Authorization: Bearer evolu_test_aB3dE6gH_TestSecret0123456789
X-Forwarded-For: 127.0.0.1
Content-Length: 2
--- upstream_lacks
Connection



=== TEST 5: refusals and errors, as JSON
--- preset: evolu-integrators
--- request eval
["POST /v1/entries", "POST /v1/entries", "GET /v1/entries", "GET /x",
 "POST /v1//entries", "GET /x"]
--- more_headers eval
["", "Authorization: Bearer evolu_live_timed_far-123456789012345",
 ("Authorization: Bearer $EvoluAuth::LIVE") x 2, "", ""]
--- error_code eval
[401, 403, 403, 404, 400, 401]
--- response_headers eval
["Content-Type: application/json\nCache-Control: no-store
WWW-Authenticate: Bearer realm=\"evolu\"",
 ("Content-Type: application/json\nCache-Control: no-store") x 5]
--- response_body eval
['{"detail":"Invalid or missing API key."}',
 ('{"detail":"This API key is not allowed to access this resource."}') x 2,
 '{"detail":"Not Found"}', '{"detail":"Malformed request."}',
 '{"detail":"Invalid or missing API key."}']



=== TEST 6: a request line that can't be read
--- preset: evolu-integrators
--- raw_request eval
"GET /\x01 HTTP/1.1\r\nHost: localhost\r\n\r\n"
--- error_code: 400
--- response_headers
Content-Type: application/json
--- response_body chop
{"detail":"Malformed request."}



=== TEST 7: an upstream that is away
--- preset: evolu-integrators
--- upstream: 127.0.0.1:1
--- request
GET /v1/webhook
--- more_headers
Authorization: Bearer evolu_live_aB3dE6gH_LiveSecret0123456789
--- error_code: 502
--- reason: ok
--- response_headers
Content-Type: application/json
--- response_body chop
{"detail":"Bad Gateway"}



=== TEST 8: a store that is away
--- preset: evolu-integrators
--- stores
evolu_auth_zone zone=evolu:1m;
evolu_auth_redis unix:$TEST_NGINX_EVOLU_DIR/nobody-is-here.sock;
--- request
GET /v1/webhook
--- more_headers
Authorization: Bearer evolu_live_aB3dE6gH_LiveSecret0123456789
--- error_code: 503
--- reason: unavailable
--- response_headers
Retry-After: 1
Content-Type: application/json
--- response_body chop
{"detail":"Authentication is temporarily unavailable."}



=== TEST 9: what others put into a request goes on as it is
--- preset: evolu-integrators
--- raw_request eval
"POST /v1/entries HTTP/1.1\r
Host: localhost:8443\r
Connection: close\r
Authorization: Bearer evolu_live_aB3dE6gH_LiveSecret0123456789\r
Idempotency-Key: a b/\xc3\xa9\r
X-Evolu-Event-Id: evt_1\r
X-Evolu-Signature: sha256=00ff\r
X-Evolu-Signatures: 1\r
X-Evolu-Scope: global\r
Content-Type: application/json\r
Content-Length: 20\r
\r
{\"hmac_secret\": \"\xff\"}"
--- upstream_has eval
"Host: localhost:8443
Idempotency-Key: a b/\xc3\xa9
X-Evolu-Event-Id: evt_1
X-Evolu-Signature: sha256=00ff
X-Evolu-Signatures: 1
Content-Type: application/json
Content-Length: 20
Authorization: Bearer evolu_live_aB3dE6gH_LiveSecret0123456789
X-Evolu-Scope: campaign"
--- response_body_like eval
qr/\n\n\{"hmac_secret": "\xff"\}\z/



=== TEST 10: a switch opens every path
--- preset: evolu-integrators
--- server_config
set $evolu_open_api on;
--- cases
GET /v1/entries | Authorization: Bearer evolu_live_aB3dE6gH_LiveSecret0123456789 | 200 | ok
DELETE /v1/webhook | Authorization: Bearer evolu_live_aB3dE6gH_LiveSecret0123456789 | 200 | ok
GET /v1/workspaces/1 | Authorization: Bearer evolu_live_aB3dE6gH_LiveSecret0123456789 | 200 | ok
POST /v1/entries | Authorization: Bearer evolu_live_aB3dE6gH_LiveSecret0123456789 | 200 | ok
GET /v1/workspaces/1 | - | 401 | missing
GET /v1/workspaces/1 | Authorization: Bearer global-key-of-the-house | 401 | wrong_family
GET /v1/./entries | Authorization: Bearer evolu_live_aB3dE6gH_LiveSecret0123456789 | 400 | -



=== TEST 11: any other value is none
--- preset: evolu-integrators
--- server_config
set $evolu_open_api yes;
set $evolu_pass_key no;
--- cases
GET /v1/workspaces/1 | Authorization: Bearer evolu_live_aB3dE6gH_LiveSecret0123456789 | 404 | -
POST /v1/entries | Authorization: Bearer evolu_live_aB3dE6gH_LiveSecret0123456789 | 200 | ok



=== TEST 12: test keys, to another upstream
--- preset: evolu-integrators
--- http_extra
upstream evolu_test { server 127.0.0.1:1; }
--- server_config
set $evolu_test_api evolu_test;
--- cases
POST /v1/entries | Authorization: Bearer evolu_live_aB3dE6gH_LiveSecret0123456789 | 200 | ok
POST /v1/entries | Authorization: Bearer evolu_test_aB3dE6gH_TestSecret0123456789 | 502 | ok
GET /v1/webhook?a=%2f | Authorization: Bearer evolu_live_aB3dE6gH_LiveSecret0123456789 | 200 | ok
GET /v1/webhook | Authorization: Bearer evolu_test_aB3dE6gH_LiveSecret0123456789 | 401 | bad_secret
GET /v1/entries | Authorization: Bearer evolu_test_aB3dE6gH_TestSecret0123456789 | 403 | -



=== TEST 13: no Authorization, but identity
--- preset: evolu-integrators
--- server_config
set $evolu_pass_key off;
--- request
POST /v1/entries?a=%2fb
--- more_headers
Authorization: Bearer evolu_live_aB3dE6gH_LiveSecret0123456789
--- upstream_line
POST /v1/entries?a=%2fb HTTP/1.1
--- upstream_lacks
Authorization
--- identity
X-Evolu-Scope: campaign
X-Evolu-Instance: inst-1
X-Evolu-Campaign: aB3dE6gH
X-Evolu-Livemode: true
X-Evolu-Key-Id: k1



=== TEST 14: a cache mixes neither tenants nor modes
--- preset: evolu-integrators
--- http_extra
proxy_cache_path $TEST_NGINX_SERVER_ROOT/cache keys_zone=answers:1m;
--- server_config
proxy_cache answers;
proxy_cache_valid 200 1m;
--- request eval
[("GET /v1/webhook") x 4]
--- more_headers eval
["Authorization: Bearer $EvoluAuth::LIVE",
 "Authorization: Bearer $EvoluAuth::TEST",
 "Authorization: Bearer evolu_live_free_FreeSecret0123456789",
 "Authorization: Bearer $EvoluAuth::LIVE"]
--- error_code eval
[(200) x 4]
--- upstream_has eval
["X-Evolu-Key-Id: k1\nX-Evolu-Livemode: true",
 "X-Evolu-Key-Id: t1\nX-Evolu-Livemode: false", "X-Evolu-Campaign: free",
 "X-Evolu-Campaign: aB3dE6gH\nX-Evolu-Livemode: true"]



=== TEST 15: report mode refuses nothing, and says what it would
--- preset: evolu-integrators report
--- cases
POST /v1/entries | Authorization: Bearer evolu_live_aB3dE6gH_LiveSecret0123456789 | 200 | ok
POST /v1/entries | - | 200 | would missing
POST /v1/entries | Authorization: Bearer evolu_live_aB3dE6gH_LiveSecret0123456780 | 200 | would bad_secret
GET /v1/workspaces/1 | Authorization: Bearer evolu_live_aB3dE6gH_LiveSecret0123456789 | 200 | ok
GET /v1/workspaces/1 | - | 200 | would missing
GET /v1//workspaces/ | Authorization: Bearer evolu_live_aB3dE6gH_LiveSecret0123456789 | 200 | ok
GET /v1/webhook | Authorization: Basic YTpi | 200 | would missing



=== TEST 16: report mode: the target and the key go on
--- preset: evolu-integrators report
--- request
PUT /v1//x/../y?a=%2f
--- more_headers
Authorization: Bearer of-another-kind
--- upstream_line
PUT /v1//x/../y?a=%2f HTTP/1.1
--- upstream_has
Authorization: Bearer of-another-kind
--- identity
