# Copyright (C) Evolu Auth Authors
#
# limit_req and limit_conn by who is calling; realip before us.

use lib 't/lib';
use EvoluAuth;

repeat_each(1);

run_tests();

__DATA__

=== TEST 1: keyed by $evolu_key_id
--- http_extra
limit_req_zone $evolu_key_id zone=keys:1m rate=1r/m;
--- guard
limit_req zone=keys;
limit_req_status 429;
--- request eval
["GET /", "GET /", "GET /", "GET /", "GET /", "GET /"]
--- more_headers eval
["apikey: $EvoluAuth::LIVE", "apikey: $EvoluAuth::LIVE",
 "apikey: $EvoluAuth::TEST", "apikey: $EvoluAuth::TEST",
 "", "apikey: evolu_live_aB3dE6gH_LiveSecret0123456780"]
--- error_code eval
[200, 429, 200, 429, 401, 401]
--- hits eval
[1, 0, 1, 0, 0, 0]



=== TEST 2: keyed by scope and campaign, by a map
--- http_extra
map $evolu_scope $who { campaign $evolu_campaign; default ""; }
limit_req_zone $who zone=keys:1m rate=1r/m;
--- guard
limit_req zone=keys;
--- request eval
["GET /", "GET /", "GET /", "GET /"]
--- more_headers eval
["apikey: $EvoluAuth::LIVE", "apikey: $EvoluAuth::TEST",
 "apikey: $EvoluAuth::GLOBAL", "apikey: $EvoluAuth::GLOBAL"]
--- error_code eval
[200, 503, 200, 200]
--- response_body_like eval
["GET /", "<h1>503", "GET /", "GET /"]
--- response_headers eval
["", "!Retry-After", "", ""]



=== TEST 3: the limiter still runs for the anonymous
--- http_extra
limit_req_zone $binary_remote_addr zone=peers:1m rate=1r/m;
--- guard
evolu_auth optional;
limit_req zone=peers;
--- request eval
["GET /", "GET /"]
--- error_code eval
[200, 503]



=== TEST 4: and where we are off, and in report
--- http_extra
limit_req_zone $binary_remote_addr zone=peers:1m rate=1r/m;
limit_req_zone $uri zone=uris:1m rate=1r/m;
--- server_config
location /off { limit_req zone=uris; proxy_pass $TEST_NGINX_UPSTREAM; }
location /report {
    evolu_auth report;
    limit_req zone=uris;
    proxy_pass $TEST_NGINX_UPSTREAM;
}
--- request eval
["GET /off", "GET /off", "GET /report", "GET /report"]
--- error_code eval
[200, 503, 200, 503]



=== TEST 5: realip at location level: the address of a key
--- skip_eval: 9: !$ENV{TEST_NGINX_LOAD_MODULES}
--- server_config
location /trusted {
    evolu_auth on;
    set_real_ip_from 127.0.0.1;
    real_ip_header X-Forwarded-For;
    proxy_pass $TEST_NGINX_UPSTREAM;
}
location / {
    evolu_auth on;
    proxy_pass $TEST_NGINX_UPSTREAM;
}
--- cases
GET /trusted | apikey: evolu_live_timed_far-123456789012345\nX-Forwarded-For: 10.1.1.1 | 200 | ok
GET /trusted | apikey: evolu_live_timed_far-123456789012345\nX-Forwarded-For: 11.1.1.1 | 403 | address
GET /trusted | apikey: evolu_live_timed_near-12345678901234\nX-Forwarded-For: 10.1.1.1 | 403 | address
GET / | apikey: evolu_live_timed_far-123456789012345\nX-Forwarded-For: 10.1.1.1 | 403 | address



=== TEST 6: limit_conn by key does not refuse one after another
--- http_extra
limit_conn_zone $evolu_key_id zone=conns:1m;
--- guard
limit_conn conns 1;
--- request eval
["GET /", "GET /"]
--- more_headers
apikey: evolu_live_aB3dE6gH_LiveSecret0123456789
--- error_code eval
[200, 200]
