# Copyright (C) Evolu Auth Authors
#
# Instance tokens: the path names the instance.

use lib 't/lib';
use EvoluAuth;

run_tests();

__DATA__

=== TEST 1: the token of the addressed instance
--- guard
evolu_auth_instance $evolu_path_last;
--- request
GET /message/sendText/inst-1
--- more_headers
apikey: token-of-inst-1
--- reason: ok
--- upstream_line
GET /message/sendText/inst-1 HTTP/1.0
--- identity
X-Evolu-Scope: instance
X-Evolu-Instance: inst-1
X-Evolu-Livemode: true
X-Evolu-Key-Id: i1



=== TEST 2: another instance, another token, no token
--- guard
evolu_auth_instance $evolu_path_last;
--- cases
GET /message/sendText/inst-2 | apikey: token-of-inst-2 | 200 | ok
GET /message/sendText/inst-1 | apikey: token-of-inst-2 | 401 | bad_secret scope=instance id=-
GET /message/sendText/inst-2 | apikey: token-of-inst-1 | 401 | bad_secret
GET /message/sendText/inst-3 | apikey: token-of-inst-1 | 401 | unknown
GET /message/sendText/INST-1 | apikey: token-of-inst-1 | 401 | unknown
GET /message/sendText/inst-1 | - | 401 | missing
GET /message/sendText/inst-1/extra | apikey: token-of-inst-1 | 401 | unknown
GET /message/sendText/inst-1 | apikey: TOKEN-OF-INST-1 | 401 | bad_secret
GET /message/sendText/inst-1 | apikey: token-of-inst-1x | 401 | bad_secret
GET /message/sendText/inst-1 | apikey: token-of-inst- | 401 | bad_secret
GET /message/sendText/inst-1 | Authorization: Bearer token-of-inst-1 | 200 | ok



=== TEST 3: a token that two instances share
--- guard
evolu_auth_instance $evolu_path_last;
--- request eval
["GET /a/shared-a", "GET /a/shared-b", "GET /a/inst-1"]
--- more_headers
apikey: token-they-share
--- error_code eval
[200, 200, 401]
--- reason eval
["ok", "ok", "bad_secret"]
--- identity eval
["X-Evolu-Scope: instance\nX-Evolu-Instance: shared-a\nX-Evolu-Livemode: true
X-Evolu-Key-Id: sa",
"X-Evolu-Scope: instance\nX-Evolu-Instance: shared-b\nX-Evolu-Livemode: true
X-Evolu-Key-Id: sb", ""]



=== TEST 4: a sandbox instance
--- guard
evolu_auth_instance $evolu_path_last;
--- request
GET /x/sandbox
--- more_headers
apikey: token-of-sandbox
--- reason: ok
--- identity
X-Evolu-Scope: instance
X-Evolu-Instance: sandbox
X-Evolu-Livemode: false
X-Evolu-Key-Id: s1



=== TEST 5: the mode of an instance counts
--- server_config
location /live/ {
    evolu_auth on;
    evolu_auth_instance $evolu_path_last;
    evolu_auth_mode live;
    proxy_pass $TEST_NGINX_UPSTREAM;
}
location /test/ {
    evolu_auth on;
    evolu_auth_instance $evolu_path_last;
    evolu_auth_mode test;
    proxy_pass $TEST_NGINX_UPSTREAM;
}
--- cases
GET /live/sandbox | apikey: token-of-sandbox | 403 | wrong_mode
GET /test/sandbox | apikey: token-of-sandbox | 200 | ok
GET /live/inst-1 | apikey: token-of-inst-1 | 200 | ok
GET /test/inst-1 | apikey: token-of-inst-1 | 403 | wrong_mode
GET /test/inst-1 | apikey: global-key-of-the-house | 200 | ok



=== TEST 6: names that need encoding, asked for as they are
--- guard
evolu_auth_instance $evolu_path_last;
--- request eval
["GET /x/Weird%20name%25%2B", "GET /x/Weird%20name%25+", "GET /x/caf%C3%A9",
 "GET /x/caf%c3%a9/"]
--- more_headers eval
["apikey: token-of-weird", "apikey: token-of-weird", "apikey: token-of-cafe",
 "apikey: token-of-cafe"]
--- error_code eval
[200, 200, 200, 200]
--- reason eval
["ok", "ok", "ok", "ok"]
--- upstream_has eval
["X-Evolu-Instance: Weird%20name%25%2B\nX-Evolu-Key-Id: w.1",
 "X-Evolu-Instance: Weird%20name%25%2B",
 "X-Evolu-Instance: caf%C3%A9", "X-Evolu-Instance: caf%C3%A9"]



=== TEST 7: another normal form is another name
--- guard
evolu_auth_instance $evolu_path_last;
--- cases
GET /x/cafe%CC%81 | apikey: token-of-cafe | 401 | unknown
GET /x/Weird%2520name | apikey: token-of-weird | 401 | unknown
GET /x/__proto__ | apikey: token-of-inst-1 | 401 | unknown
GET /x/constructor | apikey: global-key-of-the-house | 200 | ok



=== TEST 8: a campaign key is of another family
--- guard
evolu_auth_instance $evolu_path_last;
--- cases
GET /x/inst-1 | apikey: evolu_live_aB3dE6gH_LiveSecret0123456789 | 401 | wrong_family scope=campaign id=-
GET /x/inst-1 | Authorization: Bearer evolu_live_aB3dE6gH_LiveSecret0123456789 | 401 | wrong_family
GET /x/inst-1 | apikey: evolu_live_broken | 401 | malformed



=== TEST 9: a fixed instance
--- guard
evolu_auth_instance inst-1;
--- cases
GET /anything | apikey: token-of-inst-1 | 200 | ok
GET /inst-2 | apikey: token-of-inst-1 | 200 | ok
GET /inst-2 | apikey: token-of-inst-2 | 401 | bad_secret



=== TEST 10: the instance of a header, of a map
--- http_extra
map $http_x_room $room {
    red     inst-1;
    blue    inst-2;
}
--- guard
evolu_auth_instance $room;
--- cases
apikey: token-of-inst-1\nX-Room: red | 200 | ok
apikey: token-of-inst-1\nX-Room: blue | 401 | bad_secret
apikey: token-of-inst-1\nX-Room: green | 400 | bad_path
apikey: token-of-inst-1 | 400 | bad_path



=== TEST 11: length and bytes of a name
--- guard
evolu_auth_instance $evolu_path_last;
--- cases
GET /x/{nx255} | apikey: token-of-inst-1 | 401 | unknown
GET /x/{nx256} | apikey: token-of-inst-1 | 400 | bad_path
GET /x/{nx4000} | apikey: token-of-inst-1 | 400 | bad_path
GET /x/a%01b | apikey: token-of-inst-1 | 400 | bad_path
GET /x/a%0Ab | apikey: token-of-inst-1 | 400 | bad_path
GET /x/a%7Fb | apikey: token-of-inst-1 | 400 | bad_path
