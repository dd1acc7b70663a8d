# Copyright (C) Evolu Auth Authors
#
# Two credentials are none.

use lib 't/lib';
use EvoluAuth;

run_tests();

__DATA__

=== TEST 1: the same source twice, whatever is in it
--- guard
evolu_auth_instance inst-1;
--- cases
apikey: token-of-inst-1\napikey: token-of-inst-1 | 401 | duplicate
apikey: token-of-inst-1\nApiKey: token-of-inst-2 | 401 | duplicate
apikey: token-of-inst-1\napikey: wrong-token | 401 | duplicate
apikey: wrong-token\napikey: token-of-inst-1 | 401 | duplicate
apikey:\napikey: token-of-inst-1 | 401 | duplicate
apikey: token-of-inst-1\napikey: | 401 | duplicate
apikey:\napikey: | 401 | duplicate
apikey: short\napikey: token-of-inst-1 | 401 | duplicate



=== TEST 2: two sources at once
--- guard
--- cases
apikey: evolu_live_aB3dE6gH_LiveSecret0123456789\nAuthorization: Bearer evolu_live_aB3dE6gH_LiveSecret0123456789 | 401 | duplicate
apikey: evolu_live_aB3dE6gH_LiveSecret0123456789\nAuthorization: Bearer evolu_test_aB3dE6gH_TestSecret0123456789 | 401 | duplicate
apikey: global-key-of-the-house\nAuthorization: Bearer evolu_live_aB3dE6gH_LiveSecret0123456789 | 401 | duplicate
apikey:\nAuthorization: Bearer evolu_live_aB3dE6gH_LiveSecret0123456789 | 401 | duplicate
apikey: evolu_live_aB3dE6gH_LiveSecret0123456789\nAuthorization: Bearer | 401 | duplicate
apikey: evolu_live_aB3dE6gH_LiveSecret0123456789\nAuthorization: Bearer a b | 401 | duplicate



=== TEST 3: what is not a source does not count
--- guard
--- cases
apikey: evolu_live_aB3dE6gH_LiveSecret0123456789\nAuthorization: Basic YTpi | 200 | ok
apikey: evolu_live_aB3dE6gH_LiveSecret0123456789\nAuthorization: Token abcdefgh | 200 | ok
apikey: evolu_live_aB3dE6gH_LiveSecret0123456789\nX-Api-Key: other | 200 | ok
apikey: evolu_live_aB3dE6gH_LiveSecret0123456789\nCookie: apikey=other | 200 | ok
GET /?apikey=abcdefgh | apikey: evolu_live_aB3dE6gH_LiveSecret0123456789 | 200 | ok



=== TEST 4: nginx refuses two Authorization lines
--- guard
--- request
GET /
--- more_headers
Authorization: Bearer evolu_live_aB3dE6gH_LiveSecret0123456789
Authorization: Bearer evolu_live_aB3dE6gH_LiveSecret0123456789
--- error_code: 400
--- leaks
--- hits: 0



=== TEST 5: the query argument twice
--- guard
evolu_auth_key_sources header:apikey query:key;
--- cases
GET /?key=abcdefgh&key=abcdefgh | - | 401 | duplicate
GET /?key=abcdefgh&k%65y=abcdefgh | - | 401 | duplicate
GET /?key=evolu_live_aB3dE6gH_LiveSecret0123456789&key= | - | 401 | duplicate
GET /?key=evolu_live_aB3dE6gH_LiveSecret0123456789&key | - | 401 | duplicate
GET /?key=evolu_live_aB3dE6gH_LiveSecret0123456789 | apikey: x | 401 | duplicate
GET /?key= | apikey: evolu_live_aB3dE6gH_LiveSecret0123456789 | 401 | duplicate
GET /?key[]=x | apikey: evolu_live_aB3dE6gH_LiveSecret0123456789 | 200 | ok



=== TEST 6: two header sources
--- guard
evolu_auth_key_sources header:apikey header:X-Api-Key;
--- cases
apikey: evolu_live_aB3dE6gH_LiveSecret0123456789\nX-Api-Key: evolu_live_aB3dE6gH_LiveSecret0123456789 | 401 | duplicate
X-Api-Key: evolu_live_aB3dE6gH_LiveSecret0123456789 | 200 | ok
apikey: evolu_live_aB3dE6gH_LiveSecret0123456789 | 200 | ok



=== TEST 7: an optional location refuses two as well
--- guard
evolu_auth optional;
--- cases
apikey:\napikey: | 401 | duplicate
apikey: evolu_live_aB3dE6gH_LiveSecret0123456789\nAuthorization: Bearer x | 401 | duplicate
