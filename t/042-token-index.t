# Copyright (C) Evolu Auth Authors
#
# The token index: a token that names its instance.

use lib 't/lib';
use EvoluAuth;

redis('SADD', 'evolu:token:' . hash_of('token-of-ghosts'), 'ghost');
redis('SADD', 'evolu:token:' . hash_of('token-of-liars-'), 'inst-1');
redis('SADD', 'evolu:token:' . hash_of('token-half-true'), 'inst-1', 'half');
redis('HSET', 'evolu:instance:half', v => 1, field('h', 'token-half-true'));
redis('SET', 'evolu:token:' . hash_of('token-of-string'), 'inst-1');
redis('SADD', 'evolu:token:' . hash_of('token-old-timed'), 'timed');

for my $n (64, 65) {
    my $token = "token-of-$n-names";

    redis('HSET', "evolu:instance:of-$n", v => 1, field('h', $token));
    redis('SADD', 'evolu:token:' . hash_of($token), "of-$n",
          map { "name-$_" } 2 .. $n);
}

run_tests();

__DATA__

=== TEST 1: one instance
--- guard
evolu_auth_scope global instance;
evolu_auth_token_index on;
--- request eval
["GET /", "GET /", "GET /"]
--- more_headers eval
["apikey: token-of-inst-1", "apikey: token-of-sandbox",
 "apikey: $EvoluAuth::GLOBAL"]
--- error_code eval
[200, 200, 200]
--- identity eval
["X-Evolu-Scope: instance\nX-Evolu-Instance: inst-1\nX-Evolu-Livemode: true
X-Evolu-Key-Id: i1",
"X-Evolu-Scope: instance\nX-Evolu-Instance: sandbox\nX-Evolu-Livemode: false
X-Evolu-Key-Id: s1",
"X-Evolu-Scope: global\nX-Evolu-Livemode: true\nX-Evolu-Key-Id: g1"]



=== TEST 2: more than one valid: allowed, and none is named
--- guard
evolu_auth_scope instance;
evolu_auth_token_index on;
--- request
GET /
--- more_headers
apikey: token-they-share
--- reason: ok
--- upstream_has
X-Evolu-Scope: instance
--- upstream_lacks
X-Evolu-Instance



=== TEST 3: the instances' own records decide
--- guard
evolu_auth_scope instance;
evolu_auth_token_index on;
--- cases
apikey: token-of-inst-2 | 401 | unknown
apikey: token-of-nobody | 401 | unknown
apikey: token-of-ghosts | 401 | *
apikey: token-of-liars- | 401 | bad_secret
apikey: token-of-string | 401 | unknown
apikey: token-old-timed | 401 | expired
apikey: evolu_live_aB3dE6gH_LiveSecret0123456789 | 401 | wrong_family
apikey: token-half-true | 200 | ok



=== TEST 4: of two named, the one that is valid
--- guard
evolu_auth_scope instance;
evolu_auth_token_index on;
--- request
GET /
--- more_headers
apikey: token-half-true
--- identity
X-Evolu-Scope: instance
X-Evolu-Instance: half
X-Evolu-Livemode: true
X-Evolu-Key-Id: h



=== TEST 5: where an instance is addressed the index is not asked
--- guard
evolu_auth_token_index on;
evolu_auth_instance $evolu_path_last;
--- cases
GET /inst-2 | apikey: token-of-inst-2 | 200 | ok
GET /inst-2 | apikey: token-of-inst-1 | 401 | bad_secret



=== TEST 6: an index that can't be asked is an outage
--- stores
evolu_auth_zone zone=evolu:1m;
evolu_auth_redis unix:$TEST_NGINX_EVOLU_DIR/nobody-is-here.sock;
--- guard
evolu_auth_scope instance;
evolu_auth_token_index on;
--- request
GET /
--- more_headers
apikey: token-of-inst-1
--- error_code: 503
--- reason: unavailable



=== TEST 7: an index of more than 64 names is void
--- guard
evolu_auth_scope instance;
evolu_auth_token_index on;
--- cases
apikey: token-of-64-names | 200 | ok
apikey: token-of-65-names | 401 | unknown
