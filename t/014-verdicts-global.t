# Copyright (C) Evolu Auth Authors
#
# Global keys: they live in the key file and nowhere else.

use lib 't/lib';
use EvoluAuth;

# hostile: a store that claims to know a global key

redis('HSET', 'evolu:global', v => 1, field('x1', 'global-key-by-redis'));
redis('HSET', 'evolu:instance:global', v => 1,
      field('x2', 'global-key-by-redis'));

run_tests();

__DATA__

=== TEST 1: no tenant addressed
--- guard
--- request
GET /
--- more_headers
apikey: global-key-of-the-house
--- reason: ok
--- identity
X-Evolu-Scope: global
X-Evolu-Livemode: true
X-Evolu-Key-Id: g1



=== TEST 2: an instance addressed, whether it exists or not
--- guard
evolu_auth_instance $evolu_path_last;
--- request eval
["GET /x/inst-1", "GET /x/new%20one"]
--- more_headers
apikey: global-key-of-the-house
--- error_code eval
[200, 200]
--- reason eval
["ok", "ok"]
--- identity eval
["X-Evolu-Scope: global\nX-Evolu-Instance: inst-1\nX-Evolu-Livemode: true
X-Evolu-Key-Id: g1",
"X-Evolu-Scope: global\nX-Evolu-Instance: new%20one\nX-Evolu-Livemode: true
X-Evolu-Key-Id: g1"]



=== TEST 3: a campaign addressed
--- guard
evolu_auth_campaign $evolu_path_last;
--- request
GET /c/spring
--- more_headers
Authorization: Bearer global-key-of-the-house
--- reason: ok
--- identity
X-Evolu-Scope: global
X-Evolu-Campaign: spring
X-Evolu-Livemode: true
X-Evolu-Key-Id: g1



=== TEST 4: only global keys: 403 without a lookup for what is well formed
--- guard
evolu_auth_scope global;
--- cases
apikey: global-key-of-the-house | 200 | ok
apikey: global-key-by-sha256 | 200 | ok
apikey: token-of-inst-1 | 403 | scope
apikey: a-token-of-nobody | 403 | scope
apikey: evolu_live_aB3dE6gH_LiveSecret0123456789 | 403 | scope scope=campaign id=-
apikey: evolu_live_nobody_LiveSecret0123456789 | 403 | scope
apikey: short | 401 | malformed
apikey: evolu_live_broken | 401 | malformed
- | 401 | missing
apikey: global-key-of-the-housf | 403 | scope
apikey: global-key-of-the-house2 | 403 | scope



=== TEST 5: a global key outside its addresses, expired, of another's store
--- guard
--- cases
apikey: global-key-far-away | 403 | address scope=global id=g-far
apikey: global-key-expired | 401 | expired
apikey: global-key-by-redis | 401 | wrong_family



=== TEST 6: where the location does not accept it
--- server_config
location /i {
    evolu_auth on;
    evolu_auth_scope instance;
    evolu_auth_instance inst-1;
    proxy_pass $TEST_NGINX_UPSTREAM;
}
location /c {
    evolu_auth on;
    evolu_auth_scope campaign;
    proxy_pass $TEST_NGINX_UPSTREAM;
}
location /g {
    evolu_auth on;
    evolu_auth_instance global;
    proxy_pass $TEST_NGINX_UPSTREAM;
}
--- cases
GET /i | apikey: global-key-of-the-house | 401 | bad_secret
GET /c | apikey: global-key-of-the-house | 401 | wrong_family
GET /g | apikey: global-key-of-the-house | 200 | ok
GET /i | apikey: token-of-inst-1 | 200 | ok



=== TEST 7: of what may refuse a verified key, only bad_path and address count
--- guard
evolu_auth_instance $evolu_path_last;
evolu_auth_reserved_args instanceName;
evolu_auth_mode test;
--- cases
GET /x/inst-1?instanceName=inst-2 | apikey: global-key-of-the-house | 200 | ok
GET /x//inst-1 | apikey: global-key-of-the-house | 400 | bad_path
GET /x/a/../inst-1 | apikey: global-key-of-the-house | 400 | bad_path
GET /x/inst-1 | apikey: global-key-far-away | 403 | address
GET /x//inst-1 | apikey: global-key-far-away | 400 | bad_path
