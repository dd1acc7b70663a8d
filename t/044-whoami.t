# Copyright (C) Evolu Auth Authors
#
# evolu_auth_whoami.

use lib 't/lib';
use EvoluAuth;

run_tests();

__DATA__

=== TEST 1: a campaign key
--- server_config
location = /me { evolu_auth on; evolu_auth_whoami; }
--- request eval
["GET /me", "GET /me", "GET /me", "GET /me"]
--- more_headers eval
["apikey: $EvoluAuth::LIVE", "apikey: $EvoluAuth::TEST",
 "apikey: evolu_live_free_FreeSecret0123456789",
 "apikey: $EvoluAuth::GLOBAL"]
--- error_code eval
[200, 200, 200, 200]
--- response_body_like eval
[qr/\A\{"scope":"campaign","instance":"inst-1","campaign":"aB3dE6gH","livemode":true,"key_id":"k1","expires_at":null\}\n?\z/,
 qr/\A\{"scope":"campaign","instance":"inst-1","campaign":"aB3dE6gH","livemode":false,"key_id":"t1","expires_at":null\}\n?\z/,
 qr/\A\{"scope":"campaign","instance":null,"campaign":"free","livemode":true,"key_id":"k1","expires_at":null\}\n?\z/,
 qr/\A\{"scope":"global","instance":null,"campaign":null,"livemode":true,"key_id":"g1","expires_at":null\}\n?\z/]
--- response_headers eval
[("Content-Type: application/json\nCache-Control: no-store") x 4]



=== TEST 2: an instance, a key that expires
--- server_config
location /i/ {
    evolu_auth on;
    evolu_auth_instance $evolu_path_last;
    evolu_auth_whoami;
}
location / { evolu_auth on; evolu_auth_whoami; }
--- request eval
["GET /i/inst-1", "GET /"]
--- more_headers eval
["apikey: token-of-inst-1", "apikey: evolu_live_timed_fit-123456789012345"]
--- error_code eval
[200, 200]
--- response_body_like eval
[qr/\A\{"scope":"instance","instance":"inst-1","campaign":null,"livemode":true,"key_id":"i1","expires_at":null\}\n?\z/,
 qr/"key_id":"fit","expires_at":\d{10}\}\n?\z/]



=== TEST 3: refused, and anonymous
--- server_config
location /on { evolu_auth on; evolu_auth_whoami; }
location /optional { evolu_auth optional; evolu_auth_whoami; }
--- request eval
["GET /on", "GET /optional", "GET /optional"]
--- more_headers eval
["", "", "apikey: $EvoluAuth::LIVE"]
--- error_code eval
[401, 401, 200]
--- response_body_like eval
[qr/\A\{"detail":"Invalid or missing API key."\}\z/,
 qr/\A\{"detail":"Invalid or missing API key."\}\z/, qr/"key_id":"k1"/]
--- raw_response_headers_like eval
["WWW-Authenticate: Bearer realm=\"evolu\"\r\n",
 "WWW-Authenticate: Bearer realm=\"evolu\"\r\n", ""]



=== TEST 4: HEAD
--- server_config
location = /me { evolu_auth on; evolu_auth_whoami; }
--- request
HEAD /me
--- more_headers
apikey: evolu_live_aB3dE6gH_LiveSecret0123456789
--- response_body eval: ""
--- response_headers
Content-Type: application/json
