# Copyright (C) Evolu Auth Authors
#
# limit_except takes the directives of a location.

use lib 't/lib';
use EvoluAuth;

run_tests();

__DATA__

=== TEST 1: on for what is not a read
--- server_config
location / {
    limit_except GET { evolu_auth on; }
    proxy_pass $TEST_NGINX_UPSTREAM;
}
--- cases
GET / | - | 200 | -
HEAD / | - | 200 | -
POST / | - | 401 | missing
DELETE / | apikey: evolu_live_aB3dE6gH_LiveSecret0123456789 | 200 | ok
POST / | apikey: evolu_live_aB3dE6gH_LiveSecret0123456780 | 401 | bad_secret



=== TEST 2: off for preflights
--- server_config
location / {
    evolu_auth on;
    limit_except GET POST PUT DELETE { evolu_auth off; }
    proxy_pass $TEST_NGINX_UPSTREAM;
}
--- cases
OPTIONS / | - | 200 | -
GET / | - | 401 | missing
POST / | apikey: evolu_live_aB3dE6gH_LiveSecret0123456789 | 200 | ok



=== TEST 3: a stricter policy for writes
--- server_config
location / {
    evolu_auth on;
    limit_except GET {
        evolu_auth_mode test;
        evolu_auth_error_format evolution;
        evolu_auth_realm writers;
    }
    proxy_pass $TEST_NGINX_UPSTREAM;
}
--- request eval
["GET /", "PUT /", "PUT /", "PUT /"]
--- more_headers eval
["apikey: $EvoluAuth::LIVE", "apikey: $EvoluAuth::LIVE",
 "apikey: $EvoluAuth::TEST", ""]
--- error_code eval
[200, 403, 200, 401]
--- reason eval
["ok", "wrong_mode", "ok", "missing"]
--- response_body_like eval
["X-Evolu-Livemode: true", '"message":\["Forbidden"\]',
 "X-Evolu-Livemode: false", '"message":"Unauthorized"']
--- raw_response_headers_like eval
["", "", "", 'realm="writers"']



=== TEST 4: identity inside
--- server_config
location / {
    limit_except GET { evolu_auth on; }
    proxy_pass $TEST_NGINX_UPSTREAM;
}
--- request eval
["DELETE /", "GET /"]
--- more_headers
apikey: evolu_live_aB3dE6gH_LiveSecret0123456789
X-Evolu-Scope: global
--- error_code eval
[200, 200]
--- identity eval
["X-Evolu-Scope: campaign
X-Evolu-Instance: inst-1
X-Evolu-Campaign: aB3dE6gH
X-Evolu-Livemode: true
X-Evolu-Key-Id: k1", ""]
--- upstream_lacks eval
["apikey", ""]



=== TEST 5: all L directives but the content handlers
--- guard
limit_except GET {
    evolu_auth on;
    evolu_auth_key_sources header:X-Key;
    evolu_auth_scope instance;
    evolu_auth_instance $evolu_path_last;
    evolu_auth_campaign off;
    evolu_auth_token_index off;
    evolu_auth_mode live;
    evolu_auth_reserved_args a;
    evolu_auth_header X-Who $evolu_key_id;
    evolu_auth_hide_credentials off;
    evolu_auth_error_format problem;
    evolu_auth_realm off;
    evolu_auth_preflight on;
}
--- request
PUT /inst-1
--- more_headers
X-Key: token-of-inst-1
X-Who: spoofed
--- reason: ok
--- upstream_has
X-Who: i1
X-Key: token-of-inst-1
