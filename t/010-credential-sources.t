# Copyright (C) Evolu Auth Authors
#
# Where a credential may be, and what one is.

use lib 't/lib';
use EvoluAuth;

run_tests();

__DATA__

=== TEST 1: apikey, in any case of its name
--- guard
--- cases
apikey: evolu_live_aB3dE6gH_LiveSecret0123456789 | 200 | ok
APIKEY: evolu_live_aB3dE6gH_LiveSecret0123456789 | 200 | ok
aPiKeY: evolu_live_aB3dE6gH_LiveSecret0123456789 | 200 | ok
X-apikey: evolu_live_aB3dE6gH_LiveSecret0123456789 | 401 | missing
api-key: evolu_live_aB3dE6gH_LiveSecret0123456789 | 401 | missing
Cookie: apikey=evolu_live_aB3dE6gH_LiveSecret0123456789 | 401 | missing
- | 401 | missing
apikey: | 401 | missing



=== TEST 2: bearer, in any case of its scheme
--- guard
--- cases
Authorization: Bearer evolu_live_aB3dE6gH_LiveSecret0123456789 | 200 | ok
authorization: bearer evolu_live_aB3dE6gH_LiveSecret0123456789 | 200 | ok
AUTHORIZATION: BEARER evolu_live_aB3dE6gH_LiveSecret0123456789 | 200 | ok
Authorization: Bearer    evolu_live_aB3dE6gH_LiveSecret0123456789 | 200 | ok
Authorization: Bearer | 401 | missing
Authorization: Bearer\tevolu_live_aB3dE6gH_LiveSecret0123456789 | 401 | malformed
Authorization: Bearer: evolu_live_aB3dE6gH_LiveSecret0123456789 | 401 | malformed
Authorization: Bearer evolu_live_aB3dE6gH_LiveSecret0123456789,realm=x | 401 | malformed
Authorization: Bearer evolu_live_aB3dE6gH_LiveSecret0123456789 x | 401 | malformed
Authorization: Bearer evolu_live_aB3dE6gH_LiveSecret012345678\t9 | 401 | malformed



=== TEST 3: another scheme, or none, is no credential
--- guard
--- cases
Authorization: Basic YTpi | 401 | missing
Authorization: Token evolu_live_aB3dE6gH_LiveSecret0123456789 | 401 | missing
Authorization: Digest username=x | 401 | missing
Authorization: Bearerevolu_live_aB3dE6gH_LiveSecret0123456789 | 401 | missing
Authorization: evolu_live_aB3dE6gH_LiveSecret0123456789 | 401 | missing
Authorization: | 401 | missing



=== TEST 4: a scheme that is not ours neither counts nor is in the way
--- guard
--- request
GET /
--- more_headers
apikey: evolu_live_aB3dE6gH_LiveSecret0123456789
Authorization: Basic YTpi
--- reason: ok
--- upstream_has
Authorization: Basic YTpi
--- upstream_lacks
apikey



=== TEST 5: grammar of campaign keys
--- guard
--- cases
apikey: evolu_live_aB3dE6gH_LiveSecret012345678X | 401 | bad_secret
apikey: evolu_live_aB3dE6gH_LiveSecret0123456789x | 401 | bad_secret
apikey: evolu_live_aB3dE6gH_LiveSecret012345678 | 401 | bad_secret
apikey: evolu_live_Ab3De6Gh_LiveSecret0123456789 | 401 | unknown
apikey: evolu_live_epoch_LiveSecret0123456789 | 401 | unknown
apikey: evolu_live_aB3dE6gH_short-15-bytes_ | 401 | malformed
apikey: evolu_live_aB3dE6gH_{sx128} | 401 | bad_secret
apikey: evolu_live_aB3dE6gH_{sx129} | 401 | malformed
apikey: evolu_live_{sx64}_LiveSecret0123456789 | 401 | unknown
apikey: evolu_live_{sx65}_LiveSecret0123456789 | 401 | malformed
apikey: evolu_live__LiveSecret0123456789 | 401 | malformed
apikey: evolu_live_aB3dE6gH | 401 | malformed
apikey: evolu_live_aB3dE6gH_ | 401 | malformed
apikey: evolu_live_aB3:E6gH_LiveSecret0123456789 | 401 | malformed
apikey: evolu_live_aB3.E6gH_LiveSecret0123456789 | 401 | malformed
apikey: evolu_live_aB3dE6gH_LiveSecret0123456.89 | 401 | malformed
apikey: evolu_live_aB3dE6gH_LiveSecret 123456789 | 401 | malformed
apikey: evolu_live_aB3dE6gH_LiveSecret012345678\xe9 | 401 | malformed
apikey: evolu_test_ | 401 | malformed



=== TEST 6: what does not begin as a campaign key is opaque, not one
--- guard
--- cases
apikey: Evolu_live_aB3dE6gH_LiveSecret0123456789 | 401 | wrong_family
apikey: evolu_prod_aB3dE6gH_LiveSecret0123456789 | 401 | wrong_family
apikey: evolu-live_aB3dE6gH_LiveSecret0123456789 | 401 | wrong_family
apikey: evolu%5Flive%5FaB3dE6gH%5FLiveSecret0123456789 | 401 | wrong_family
Authorization: Bearer evolu%5Flive%5FaB3dE6gH%5FLiveSecret0123456789 | 401 | wrong_family



=== TEST 7: length and bytes of opaque credentials
--- guard
evolu_auth_instance inst-1;
--- server_config
large_client_header_buffers 4 72k;
--- cases
apikey: 7-bytes | 401 | malformed
apikey: 8-bytes- | 401 | bad_secret
apikey: {ox4096} | 401 | bad_secret
apikey: {ox4097} | 401 | malformed
apikey: {ox65536} | 401 | malformed
apikey: tok\x01en-with-control | 401 | malformed
apikey: tok\x7fen-with-delete | 401 | malformed
apikey: tok\ten-with-a-tab | 401 | malformed
apikey: to ken-of-inst-1 | 401 | bad_secret
apikey: token-of-inst-1, token-of-inst-2 | 401 | bad_secret
apikey: wrong, token-of-inst-1 | 401 | bad_secret
apikey: \xff\xfe\xfd\xfc\xfb\xfa\xf9\xf8 | 401 | bad_secret
apikey: token-of-inst-1 | 200 | ok



=== TEST 8: outer spaces and tabs are not part of it
--- guard
evolu_auth_instance inst-1;
--- raw_request eval
"GET / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n"
. "apikey: \t token-of-inst-1 \t \r\n\r\n"
--- reason: ok



=== TEST 9: nor are spaces around a bearer token
--- guard
--- raw_request eval
"GET / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n"
. "Authorization:  Bearer   $EvoluAuth::LIVE  \r\n\r\n"
--- reason: ok



=== TEST 10: NUL in a value is refused by nginx
--- guard
evolu_auth_instance inst-1;
--- raw_request eval
"GET / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n"
. "apikey: token-of-\0inst-1\r\n\r\n"
--- error_code: 400
--- leaks
--- hits: 0



=== TEST 11: only what is configured is looked at
--- guard
evolu_auth_key_sources header:X-Secret-Key;
--- cases
X-Secret-Key: evolu_live_aB3dE6gH_LiveSecret0123456789 | 200 | ok
x-sEcret-key: evolu_live_aB3dE6gH_LiveSecret0123456789 | 200 | ok
apikey: evolu_live_aB3dE6gH_LiveSecret0123456789 | 401 | missing
Authorization: Bearer evolu_live_aB3dE6gH_LiveSecret0123456789 | 401 | missing
GET /?X-Secret-Key=evolu_live_aB3dE6gH_LiveSecret0123456789 | - | 401 | missing
--- leaks



=== TEST 12: bearer alone
--- guard
evolu_auth_key_sources bearer;
--- cases
apikey: evolu_live_aB3dE6gH_LiveSecret0123456789 | 401 | missing
Authorization: Bearer evolu_live_aB3dE6gH_LiveSecret0123456789 | 200 | ok
Authorization: Bearer global-key-of-the-house | 200 | ok



=== TEST 13: Authorization as a plain header source
--- guard
evolu_auth_key_sources header:Authorization;
--- cases
Authorization: evolu_live_aB3dE6gH_LiveSecret0123456789 | 200 | ok
Authorization: global-key-of-the-house | 200 | ok
Authorization: Bearer evolu_live_aB3dE6gH_LiveSecret0123456789 | 401 | wrong_family



=== TEST 14: a query argument, compared after decoding
--- guard
evolu_auth_key_sources query:apikey;
--- cases
GET /?apikey=evolu_live_aB3dE6gH_LiveSecret0123456789 | - | 200 | ok
GET /?x=1&apikey=evolu_live_aB3dE6gH_LiveSecret0123456789&y=2 | - | 200 | ok
GET /?api%6Bey=evolu_live_aB3dE6gH_LiveSecret0123456789 | - | 200 | ok
GET /?apikey=evolu%5flive%5faB3dE6gH%5fLiveSecret012345678%39 | - | 200 | ok
GET /?APIKEY=x | - | 401 | missing
GET /?apikey= | - | 401 | missing
GET /?apikey | - | 401 | missing
GET /?x;apikey=x | - | 401 | missing
GET / | apikey: evolu_live_aB3dE6gH_LiveSecret0123456789 | 401 | missing
GET /?apikey=evolu_live_aB3dE6gH_LiveSecret012345678%zz | - | 401 | malformed
GET /?apikey=evolu_live_aB3dE6gH_LiveSecret012345678%00 | - | 401 | malformed



=== TEST 15: a body is not looked at
--- guard
--- request
POST /
{"apikey":"evolu_live_aB3dE6gH_LiveSecret0123456789"}
--- error_code: 401
--- reason: missing



=== TEST 16: a location's sources replace those of its server
--- server_config
evolu_auth on;
evolu_auth_key_sources header:X-Server;
location /own {
    evolu_auth_key_sources header:X-Location;
    proxy_pass $TEST_NGINX_UPSTREAM;
}
location / { proxy_pass $TEST_NGINX_UPSTREAM; }
--- cases
GET / | X-Server: evolu_live_aB3dE6gH_LiveSecret0123456789 | 200 | ok
GET / | X-Location: evolu_live_aB3dE6gH_LiveSecret0123456789 | 401 | missing
GET /own | X-Location: evolu_live_aB3dE6gH_LiveSecret0123456789 | 200 | ok
GET /own | X-Server: evolu_live_aB3dE6gH_LiveSecret0123456789 | 401 | missing
