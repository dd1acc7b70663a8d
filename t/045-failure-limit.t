# Copyright (C) Evolu Auth Authors
#
# The failure limit: what is charged, whom it holds up, what they are told.
# At 1r/m no drop leaks while a block runs.

use lib 't/lib';
use EvoluAuth;

write_file('more', 'campaign live free k1 hash='
    . hash_of('evolu_live_free_FreeSecret0123456789', 'sha256') . "\n"
    . 'campaign live timed k1 hash='
    . hash_of('evolu_live_timed_fit-123456789012345', 'sha256') . "\n", 0600);

repeat_each(1);

run_tests();

__DATA__

=== TEST 1: malformed, unknown, bad_secret, wrong_family, duplicate
--- http_extra
evolu_auth_failure_zone zone=f:64k rate=1r/m;
set_real_ip_from 127.0.0.1;
--- guard
evolu_auth_failure_limit zone=f;
--- cases
apikey: short\nX-Real-IP: 10.0.0.1 | 401 | malformed
apikey: evolu_live_free_FreeSecret0123456789\nX-Real-IP: 10.0.0.1 | 429 | throttled scope=campaign id=-
apikey: evolu_live_nobody_NoSecret0123456789\nX-Real-IP: 10.0.0.2 | 401 | unknown
apikey: evolu_live_free_FreeSecret0123456789\nX-Real-IP: 10.0.0.2 | 429 | throttled
apikey: evolu_live_aB3dE6gH_LiveSecret0123456780\nX-Real-IP: 10.0.0.3 | 401 | bad_secret
apikey: evolu_live_free_FreeSecret0123456789\nX-Real-IP: 10.0.0.3 | 429 | throttled
apikey: token-of-inst-1\nX-Real-IP: 10.0.0.4 | 401 | wrong_family
apikey: evolu_live_free_FreeSecret0123456789\nX-Real-IP: 10.0.0.4 | 429 | throttled
apikey: a\napikey: a\nX-Real-IP: 10.0.0.5 | 401 | duplicate
apikey: evolu_live_free_FreeSecret0123456789\nX-Real-IP: 10.0.0.5 | 429 | throttled
apikey: evolu_live_free_FreeSecret0123456789\nX-Real-IP: 10.0.0.6 | 200 | ok



=== TEST 2: nothing else
--- http_extra
evolu_auth_failure_zone zone=f:64k rate=1r/m;
set_real_ip_from 127.0.0.1;
--- server_config
location /global {
    evolu_auth on;
    evolu_auth_scope global;
    evolu_auth_failure_limit zone=f;
    proxy_pass $TEST_NGINX_UPSTREAM;
}
location /i/ {
    evolu_auth on;
    evolu_auth_scope global instance campaign;
    evolu_auth_instance $evolu_path_last;
    evolu_auth_mode live;
    evolu_auth_reserved_args a;
    evolu_auth_failure_limit zone=f;
    proxy_pass $TEST_NGINX_UPSTREAM;
}
location /free {
    evolu_auth on;
    evolu_auth_campaign free;
    evolu_auth_failure_limit zone=f;
    proxy_pass $TEST_NGINX_UPSTREAM;
}
location / {
    evolu_auth on;
    evolu_auth_failure_limit zone=f;
    proxy_pass $TEST_NGINX_UPSTREAM;
}
--- cases
GET / | - | 401 | missing
GET / | apikey: | 401 | missing
GET / | Connection: close, apikey | 400 | connection_header
GET /global | apikey: token-of-nobody | 403 | scope
GET /i//inst-1 | apikey: token-of-nobody | 400 | bad_path
GET / | apikey: evolu_live_timed_old-123456789012345 | 401 | expired
GET / | apikey: evolu_live_timed_new-123456789012345 | 401 | not_yet_valid
GET / | apikey: evolu_live_timed_dis-123456789012345 | 401 | disabled
GET / | apikey: evolu_live_timed_far-123456789012345 | 403 | address
GET /i/sandbox | apikey: token-of-sandbox | 403 | wrong_mode
GET /free | apikey: evolu_live_aB3dE6gH_LiveSecret0123456789 | 403 | wrong_campaign
GET /i/inst-2 | apikey: evolu_live_aB3dE6gH_LiveSecret0123456789 | 403 | wrong_instance
GET /i/inst-1?a=1 | apikey: token-of-inst-1 | 403 | reserved_arg
GET / | apikey: evolu_live_free_FreeSecret0123456789 | 200 | ok



=== TEST 3: the order: what is said before the limit, and what is not
--- http_extra
evolu_auth_failure_zone zone=f:64k rate=1r/m;
--- server_config
location /global {
    evolu_auth on;
    evolu_auth_scope global;
    evolu_auth_failure_limit zone=f;
    proxy_pass $TEST_NGINX_UPSTREAM;
}
location /i/ {
    evolu_auth on;
    evolu_auth_instance $evolu_path_last;
    evolu_auth_failure_limit zone=f;
    proxy_pass $TEST_NGINX_UPSTREAM;
}
--- cases
GET /i/inst-1 | apikey: token-of-nobody | 401 | bad_secret
GET /i/inst-1 | Connection: close, apikey | 400 | connection_header
GET /i/inst-1 | apikey: a\napikey: b | 401 | duplicate
GET /i/inst-1 | - | 401 | missing
GET /i/inst-1 | apikey: short | 401 | malformed
GET /global | apikey: token-of-nobody | 429 | throttled
GET /i/inst-1 | apikey: evolu_live_aB3dE6gH_LiveSecret0123456789 | 429 | throttled
GET /i//inst-1 | apikey: token-of-nobody | 429 | throttled
GET /i//inst-1 | apikey: global-key-of-the-house | 400 | bad_path
GET /i/inst-1 | apikey: global-key-of-the-house | 200 | ok
GET /i/inst-1 | apikey: global-key-expired | 401 | expired
GET /global | apikey: global-key-by-sha256 | 200 | ok
GET /i/inst-1 | apikey: token-of-inst-1 | 429 | throttled scope=instance id=-



=== TEST 4: burst
--- http_extra
evolu_auth_failure_zone zone=f:64k rate=1r/m;
--- guard
evolu_auth_failure_limit zone=f burst=2;
--- cases
apikey: short | 401 | malformed
apikey: evolu_live_nobody_NoSecret0123456789 | 401 | unknown
apikey: evolu_live_nobody_NoSecret0123456789 | 401 | unknown
apikey: evolu_live_nobody_NoSecret0123456789 | 429 | throttled
apikey: evolu_live_free_FreeSecret0123456789 | 429 | throttled
apikey: short | 401 | malformed



=== TEST 5: a verified key passes, whoever else fails from there
--- http_extra
evolu_auth_failure_zone zone=f:64k rate=1r/m;
--- server_config
location /i/ {
    evolu_auth on;
    evolu_auth_scope global instance campaign;
    evolu_auth_instance $evolu_path_last;
    evolu_auth_failure_limit zone=f burst=1;
    proxy_pass $TEST_NGINX_UPSTREAM;
}
location / {
    evolu_auth on;
    evolu_auth_failure_limit zone=f burst=1;
    proxy_pass $TEST_NGINX_UPSTREAM;
}
--- cases
GET / | apikey: evolu_live_aB3dE6gH_LiveSecret0123456789 | 200 | ok
GET / | apikey: evolu_live_timed_old-123456789012345 | 401 | expired
GET /i/inst-1 | apikey: token-of-inst-1 | 200 | ok
GET / | apikey: short | 401 | malformed
GET / | apikey: short | 401 | malformed
GET / | apikey: evolu_live_aB3dE6gH_LiveSecret0123456780 | 429 | throttled
GET / | apikey: evolu_live_aB3dE6gH_LiveSecret0123456789 | 200 | ok
GET / | Authorization: Bearer evolu_live_aB3dE6gH_LiveSecret0123456789 | 200 | ok
GET / | apikey: evolu_live_timed_old-123456789012345 | 401 | expired
GET / | apikey: evolu_test_aB3dE6gH_TestSecret0123456789 | 429 | throttled
GET /i/inst-1 | apikey: token-of-inst-1 | 200 | ok
GET /i/inst-2 | apikey: token-of-inst-1 | 429 | throttled
GET /i/inst-2 | apikey: token-of-inst-2 | 429 | throttled
GET /i/inst-1 | apikey: evolu_live_aB3dE6gH_LiveSecret0123456789 | 200 | ok
GET /i/inst-2 | apikey: evolu_live_aB3dE6gH_LiveSecret0123456789 | 403 | wrong_instance
GET /i/inst-1 | apikey: global-key-of-the-house | 200 | ok



=== TEST 6: and so does one that the index finds
--- http_extra
evolu_auth_failure_zone zone=f:64k rate=1r/m;
--- guard
evolu_auth_scope global instance;
evolu_auth_token_index on;
evolu_auth_failure_limit zone=f;
--- cases
apikey: token-they-share | 200 | ok
apikey: token-of-nobody | 401 | unknown
apikey: token-of-nobody | 429 | throttled
apikey: token-they-share | 200 | ok
apikey: token-of-inst-1 | 429 | throttled
apikey: global-key-of-the-house | 200 | ok



=== TEST 7: 429 in each format
--- http_extra
evolu_auth_failure_zone zone=f:64k rate=1r/m;
--- server_config
evolu_auth on;
evolu_auth_failure_limit zone=f;
location / { proxy_pass $TEST_NGINX_UPSTREAM; }
location /evolution {
    evolu_auth_error_format evolution;
    proxy_pass $TEST_NGINX_UPSTREAM;
}
location /problem {
    evolu_auth_error_format problem;
    proxy_pass $TEST_NGINX_UPSTREAM;
}
location /off {
    evolu_auth_error_format off;
    proxy_pass $TEST_NGINX_UPSTREAM;
}
location /page {
    error_page 429 /429.txt;
    proxy_pass $TEST_NGINX_UPSTREAM;
}
location = /429.txt {
    evolu_auth off;
    return 200 "slower";
}
--- more_headers
apikey: evolu_live_nobody_NoSecret0123456789
--- request eval
["GET /", "GET /", "GET /evolution", "GET /problem", "GET /off", "GET /page",
 "HEAD /"]
--- error_code eval
[401, 429, 429, 429, 429, 429, 429]
--- response_body_like eval
['\A\{"detail":"Invalid or missing API key\."\}\z',
 '\A\{"detail":"Too many failed authentication attempts\."\}\z',
 '\A\{"status":429,"error":"Too Many Requests","response":\{"message":\["Too Many Requests"\]\}\}\z',
 '\A\{"type":"about:blank","title":"Too Many Requests","status":429,"detail":"Too many failed authentication attempts\."\}\z',
 '429 Too Many Requests', '\Aslower\z', '\A\z']
--- response_headers_like eval
["Content-Type: application/json",
 "Content-Type: application/json\nRetry-After: (60|59)\nCache-Control: no-store",
 "Content-Type: application/json; charset=utf-8\nRetry-After: (60|59)\nCache-Control: no-store",
 "Content-Type: application/problem.json\nRetry-After: (60|59)\nCache-Control: no-store",
 "Content-Type: text/html\nRetry-After: (60|59)\nCache-Control: no-store",
 "Retry-After: (60|59)\nCache-Control: no-store",
 "Content-Type: application/json\nRetry-After: (60|59)\nContent-Length: 53"]



=== TEST 8: an IPv6 client is its /64, a mapped one is IPv4
--- http_extra
evolu_auth_failure_zone zone=f:64k rate=1r/m;
set_real_ip_from 127.0.0.1;
--- guard
evolu_auth_failure_limit zone=f;
--- cases
apikey: evolu_live_nobody_NoSecret0123456789\nX-Real-IP: 2001:db8:0:1::1 | 401 | unknown
apikey: evolu_live_nobody_NoSecret0123456789\nX-Real-IP: 2001:db8:0:1:ffff::2 | 429 | throttled
apikey: evolu_live_nobody_NoSecret0123456789\nX-Real-IP: 2001:db8:0:2::1 | 401 | unknown
apikey: evolu_live_nobody_NoSecret0123456789\nX-Real-IP: 2001:db8:0:2::1 | 429 | throttled
apikey: evolu_live_nobody_NoSecret0123456789\nX-Real-IP: 10.0.0.1 | 401 | unknown
apikey: evolu_live_nobody_NoSecret0123456789\nX-Real-IP: ::ffff:10.0.0.1 | 429 | throttled
apikey: evolu_live_nobody_NoSecret0123456789\nX-Real-IP: ::ffff:10.0.0.2 | 401 | unknown
apikey: evolu_live_nobody_NoSecret0123456789\nX-Real-IP: 10.0.0.2 | 429 | throttled
apikey: evolu_live_nobody_NoSecret0123456789\nX-Real-IP: a00:1::1 | 401 | unknown
apikey: evolu_live_nobody_NoSecret0123456789 | 401 | unknown



=== TEST 9: realip at location level
--- skip_eval: 12: !$ENV{TEST_NGINX_LOAD_MODULES}
--- http_extra
evolu_auth_failure_zone zone=f:64k rate=1r/m;
--- server_config
evolu_auth on;
evolu_auth_failure_limit zone=f;
location /trusted {
    set_real_ip_from 127.0.0.1;
    proxy_pass $TEST_NGINX_UPSTREAM;
}
location / {
    proxy_pass $TEST_NGINX_UPSTREAM;
}
--- cases
GET / | apikey: evolu_live_nobody_NoSecret0123456789\nX-Real-IP: 10.0.0.1 | 401 | unknown
GET / | apikey: evolu_live_nobody_NoSecret0123456789\nX-Real-IP: 10.0.0.2 | 429 | throttled
GET /trusted | apikey: evolu_live_nobody_NoSecret0123456789\nX-Real-IP: 10.0.0.1 | 401 | unknown
GET /trusted | apikey: evolu_live_nobody_NoSecret0123456789\nX-Real-IP: 10.0.0.1 | 429 | throttled
GET /trusted | apikey: evolu_live_nobody_NoSecret0123456789\nX-Real-IP: 127.0.0.1 | 429 | throttled



=== TEST 10: a unix: peer is exempt, its clients are not
--- http_extra
evolu_auth_failure_zone zone=f:64k rate=1r/m;
server {
    listen unix:$TEST_NGINX_EVOLU_DIR/front.sock;
    evolu_auth on;
    evolu_auth_failure_limit zone=f;
    location / {
        proxy_pass $TEST_NGINX_UPSTREAM;
    }
}
server {
    listen unix:$TEST_NGINX_EVOLU_DIR/other.sock;
    set_real_ip_from unix:;
    evolu_auth on;
    evolu_auth_failure_limit zone=f;
    location / {
        proxy_pass $TEST_NGINX_UPSTREAM;
    }
}
--- config
location / {
    proxy_pass http://unix:$TEST_NGINX_EVOLU_DIR/front.sock;
}
location /other {
    proxy_pass http://unix:$TEST_NGINX_EVOLU_DIR/other.sock;
}
--- cases
GET / | apikey: evolu_live_nobody_NoSecret0123456789 | 401 | unknown
GET / | apikey: evolu_live_nobody_NoSecret0123456789 | 401 | unknown
GET / | apikey: evolu_live_free_FreeSecret0123456789 | 200 | ok
GET /other | apikey: evolu_live_nobody_NoSecret0123456789\nX-Real-IP: 10.0.0.1 | 401 | unknown
GET /other | apikey: evolu_live_nobody_NoSecret0123456789\nX-Real-IP: 10.0.0.1 | 429 | throttled
GET /other | apikey: evolu_live_nobody_NoSecret0123456789 | 401 | unknown



=== TEST 11: report charges nothing, refuses nothing, and says what it would
--- http_extra
evolu_auth_failure_zone zone=f:64k rate=1r/m;
--- server_config
evolu_auth_failure_limit zone=f;
location /report {
    evolu_auth report;
    proxy_pass $TEST_NGINX_UPSTREAM;
}
location / {
    evolu_auth on;
    proxy_pass $TEST_NGINX_UPSTREAM;
}
--- cases
GET /report | apikey: evolu_live_nobody_NoSecret0123456789 | 200 | would unknown
GET /report | apikey: short | 200 | would malformed
GET /report | apikey: evolu_live_nobody_NoSecret0123456789 | 200 | would unknown
GET / | apikey: evolu_live_nobody_NoSecret0123456789 | 401 | unknown
GET /report | apikey: evolu_live_nobody_NoSecret0123456789 | 200 | would throttled
GET / | apikey: evolu_live_nobody_NoSecret0123456789 | 429 | throttled



=== TEST 12: optional: the anonymous and a preflight pass
--- http_extra
evolu_auth_failure_zone zone=f:64k rate=1r/m;
--- guard
evolu_auth optional;
evolu_auth_preflight on;
evolu_auth_failure_limit zone=f;
--- cases
- | 200 | -
apikey: short | 401 | malformed
- | 200 | -
OPTIONS / | apikey: short\nOrigin: http://a\nAccess-Control-Request-Method: GET | 200 | -
apikey: evolu_live_free_FreeSecret0123456789 | 429 | throttled



=== TEST 13: inherited, overridden, off
--- http_extra
evolu_auth_failure_limit zone=f;
evolu_auth_failure_zone zone=f:64k rate=1r/m;
evolu_auth_failure_zone zone=g:64k rate=1r/m;
--- server_config
evolu_auth on;
location /off {
    evolu_auth_failure_limit off;
    proxy_pass $TEST_NGINX_UPSTREAM;
    location /off/not {
        evolu_auth_failure_limit zone=f;
        proxy_pass $TEST_NGINX_UPSTREAM;
    }
}
location /other {
    evolu_auth_failure_limit zone=g;
    proxy_pass $TEST_NGINX_UPSTREAM;
}
location /wide {
    evolu_auth_failure_limit zone=f burst=2;
    proxy_pass $TEST_NGINX_UPSTREAM;
}
location /post {
    limit_except GET {
        evolu_auth on;
        evolu_auth_failure_limit off;
    }
    proxy_pass $TEST_NGINX_UPSTREAM;
}
location / {
    proxy_pass $TEST_NGINX_UPSTREAM;
}
--- cases
GET / | apikey: evolu_live_nobody_NoSecret0123456789 | 401 | unknown
GET / | apikey: evolu_live_nobody_NoSecret0123456789 | 429 | throttled
GET /post | apikey: evolu_live_nobody_NoSecret0123456789 | 429 | throttled
POST /post | apikey: evolu_live_nobody_NoSecret0123456789 | 401 | unknown
GET /off | apikey: evolu_live_nobody_NoSecret0123456789 | 401 | unknown
GET /off | apikey: evolu_live_nobody_NoSecret0123456789 | 401 | unknown
GET /off/not | apikey: evolu_live_nobody_NoSecret0123456789 | 429 | throttled
GET /wide | apikey: evolu_live_nobody_NoSecret0123456789 | 401 | unknown
GET /wide | apikey: evolu_live_nobody_NoSecret0123456789 | 401 | unknown
GET /wide | apikey: evolu_live_nobody_NoSecret0123456789 | 429 | throttled
GET /other | apikey: evolu_live_nobody_NoSecret0123456789 | 401 | unknown
GET /other | apikey: evolu_live_nobody_NoSecret0123456789 | 429 | throttled



=== TEST 14: addresses that are exempt, by map
--- http_extra
map $remote_addr $failures {
    default f;
    10.0.0.1 off;
    10.0.0.2 "";
}
evolu_auth_failure_zone zone=f:64k rate=1r/m;
set_real_ip_from 127.0.0.1;
--- guard
evolu_auth_failure_limit zone=$failures;
--- cases
apikey: evolu_live_nobody_NoSecret0123456789\nX-Real-IP: 10.0.0.1 | 401 | unknown
apikey: evolu_live_nobody_NoSecret0123456789\nX-Real-IP: 10.0.0.1 | 401 | unknown
apikey: evolu_live_nobody_NoSecret0123456789\nX-Real-IP: 10.0.0.2 | 401 | unknown
apikey: evolu_live_nobody_NoSecret0123456789\nX-Real-IP: 10.0.0.2 | 401 | unknown
apikey: evolu_live_nobody_NoSecret0123456789\nX-Real-IP: 10.0.0.4 | 401 | unknown
apikey: evolu_live_nobody_NoSecret0123456789\nX-Real-IP: 10.0.0.4 | 429 | throttled



=== TEST 15: a map that names no zone
--- http_extra
map $remote_addr $failures {
    default none;
}
evolu_auth_failure_zone zone=f:64k rate=1r/m;
--- guard
evolu_auth_failure_limit zone=$failures;
--- more_headers
apikey: evolu_live_free_FreeSecret0123456789
--- request
GET /
--- error_code: 500
--- error_log
unknown failure zone "none" by "$failures"



=== TEST 16: one failure a request, and no 429 in place of its 401
--- http_extra
evolu_auth_failure_zone zone=f:64k rate=1r/m;
set_real_ip_from 127.0.0.1;
--- server_config
evolu_auth on;
evolu_auth_failure_limit zone=f burst=1;
recursive_error_pages on;
location / {
    error_page 401 @again;
    proxy_pass $TEST_NGINX_UPSTREAM;
}
location @again {
    evolu_auth_realm again;
    proxy_pass $TEST_NGINX_UPSTREAM;
}
--- cases
apikey: evolu_live_nobody_NoSecret0123456789\nX-Real-IP: 10.0.0.1 | 401 | *
apikey: evolu_live_nobody_NoSecret0123456789\nX-Real-IP: 10.0.0.1 | 401 | *
apikey: evolu_live_nobody_NoSecret0123456789\nX-Real-IP: 10.0.0.1 | 429 | throttled



=== TEST 17: satisfy any: a 401 lets another module grant, a 429 does not
--- http_extra
evolu_auth_failure_zone zone=f:64k rate=1r/m;
set_real_ip_from 127.0.0.1;
--- guard
satisfy any;
allow 10.0.0.1;
deny all;
evolu_auth_failure_limit zone=f;
--- cases
apikey: evolu_live_nobody_NoSecret0123456789\nX-Real-IP: 10.0.0.1 | 200 | *
apikey: evolu_live_nobody_NoSecret0123456789\nX-Real-IP: 10.0.0.1 | 429 | throttled
apikey: evolu_live_nobody_NoSecret0123456789\nX-Real-IP: 10.0.0.2 | 401 | *
apikey: evolu_live_nobody_NoSecret0123456789\nX-Real-IP: 10.0.0.2 | 429 | throttled



=== TEST 18: variables
--- http_extra
evolu_auth_failure_zone zone=f:64k rate=1r/m;
--- guard
evolu_auth_failure_limit zone=f;
add_header X-Seen "$evolu_auth_result $evolu_auth_reason $evolu_auth_cache" always;
--- cases
apikey: evolu_live_nobody_NoSecret0123456789 | 401 | unknown
apikey: evolu_live_nobody_NoSecret0123456789 | 429 | throttled
--- response_headers_like eval
["X-Seen: denied unknown (MISS|NEGATIVE)", "X-Seen: denied throttled -"]



=== TEST 19: the key file: a key that was verified passes
--- stores
evolu_auth_zone zone=evolu:1m;
evolu_auth_key_file $TEST_NGINX_EVOLU_DIR/more;
--- http_extra
evolu_auth_failure_zone zone=f:64k rate=1r/m;
--- guard
evolu_auth_failure_limit zone=f;
--- cases
apikey: evolu_live_free_FreeSecret0123456789 | 200 | ok
apikey: short | 401 | malformed
apikey: evolu_live_free_FreeSecret0123456789 | 200 | ok
apikey: evolu_live_timed_fit-123456789012345 | 429 | throttled



=== TEST 20: a limit without a zone of that name
--- guard
evolu_auth_failure_limit zone=nowhere;
--- refuses
unknown failure zone "nowhere"



=== TEST 21: even where nothing is judged
--- http_extra
evolu_auth_failure_limit zone=nowhere;
--- config
location / { return 200; }
--- refuses
unknown failure zone "nowhere"



=== TEST 22: the zone of records is no zone of failures
--- guard
evolu_auth_failure_limit zone=evolu;
--- refuses
unknown failure zone "evolu"



=== TEST 23: one name for both
--- http_extra
evolu_auth_failure_zone zone=evolu:1m rate=1r/s;
--- guard
--- refuses
"evolu" is already declared



=== TEST 24: a zone twice
--- http_extra
evolu_auth_failure_zone zone=f:64k rate=1r/s;
evolu_auth_failure_zone zone=f:64k rate=1r/m;
--- guard
--- refuses
duplicate failure zone "f"



=== TEST 25: a zone without a rate
--- http_extra
evolu_auth_failure_zone zone=f:64k;
--- guard
--- refuses
invalid number of arguments



=== TEST 26: a zone with two names
--- http_extra
evolu_auth_failure_zone zone=f:64k zone=g:64k;
--- guard
--- refuses
has two zones



=== TEST 27: a rate that is none
--- http_extra
evolu_auth_failure_zone zone=f:64k rate=0r/s;
--- guard
--- refuses
invalid parameter "rate=0r/s"



=== TEST 28: a rate by the hour
--- http_extra
evolu_auth_failure_zone zone=f:64k rate=1r/h;
--- guard
--- refuses
invalid parameter "rate=1r/h"



=== TEST 29: a zone that is too small
--- http_extra
evolu_auth_failure_zone zone=f:8k rate=1r/s;
--- guard
--- refuses
zone "f" is too small



=== TEST 30: a zone without a size
--- http_extra
evolu_auth_failure_zone zone=f rate=1r/s;
--- guard
--- refuses
invalid parameter "zone=f"



=== TEST 31: a burst that is none
--- http_extra
evolu_auth_failure_zone zone=f:64k rate=1r/s;
--- guard
evolu_auth_failure_limit zone=f burst=-1;
--- refuses
invalid parameter "burst=-1"



=== TEST 32: a limit without a zone
--- guard
evolu_auth_failure_limit burst=1;
--- refuses
needs "zone=NAME"



=== TEST 33: a limit twice
--- http_extra
evolu_auth_failure_zone zone=f:64k rate=1r/s;
--- guard
evolu_auth_failure_limit zone=f;
evolu_auth_failure_limit off;
--- refuses
is duplicate



=== TEST 34: off, with a burst
--- guard
evolu_auth_failure_limit off burst=1;
--- refuses
invalid parameter "off"



=== TEST 35: a zone in a server
--- server_config
evolu_auth_failure_zone zone=f:64k rate=1r/s;
--- guard
--- refuses
directive is not allowed here
