# Copyright (C) Evolu Auth Authors
#
# What a request addresses, and when that is ambiguous.

use lib 't/lib';
use EvoluAuth;

run_tests();

__DATA__

=== TEST 1: ambiguous paths are refused, nothing is proxied
--- guard
evolu_auth_instance $evolu_path_last;
--- cases
GET /m/inst-1/../inst-2 | apikey: token-of-inst-1 | 400 | bad_path
GET /m/inst-2/../inst-1 | apikey: token-of-inst-1 | 400 | bad_path
GET /m/./inst-1 | apikey: token-of-inst-1 | 400 | bad_path
GET /m/inst-1/. | apikey: token-of-inst-1 | 400 | bad_path
GET /m/inst-1/.. | apikey: token-of-inst-1 | 400 | bad_path
GET /m/%2e%2e/m/inst-1 | apikey: token-of-inst-1 | 400 | bad_path
GET /m/%2E/inst-1 | apikey: token-of-inst-1 | 400 | bad_path
GET /m/.%2e/inst-1 | apikey: token-of-inst-1 | 400 | bad_path
GET /m/inst-1%2f..%2f..%2fm%2finst-2 | apikey: token-of-inst-1 | 400 | bad_path
GET /m%2Finst-1 | apikey: token-of-inst-1 | 400 | bad_path
GET /m/inst-2%5Cinst-1 | apikey: token-of-inst-1 | 400 | bad_path
GET /m/inst-2\x5cinst-1 | apikey: token-of-inst-1 | 400 | bad_path
GET /m//inst-1 | apikey: token-of-inst-1 | 400 | bad_path
GET //m/inst-1 | apikey: token-of-inst-1 | 400 | bad_path
GET /m/inst-1// | apikey: token-of-inst-1 | 400 | bad_path
GET /m/inst-1;x=y | apikey: token-of-inst-1 | 400 | bad_path
GET /m/inst-1; | apikey: token-of-inst-1 | 400 | bad_path
GET /m/inst-2#/inst-1 | apikey: token-of-inst-1 | 400 | bad_path
GET /m/inst-1# | apikey: token-of-inst-1 | 400 | bad_path
GET /m/inst-1?a#b | apikey: token-of-inst-1 | 400 | bad_path
GET / | apikey: token-of-inst-1 | 400 | bad_path



=== TEST 2: nginx itself refuses NUL, bad escapes, a space
--- guard
evolu_auth_instance $evolu_path_last;
--- cases
GET /m/inst-1%00 | apikey: token-of-inst-1 | 400 | *
GET /m/inst-1%00/inst-2 | apikey: token-of-inst-1 | 400 | *
GET /m/inst-1%zz | apikey: token-of-inst-1 | 400 | *
GET /m/inst-1%2 | apikey: token-of-inst-1 | 400 | *
GET /m/inst-1% | apikey: token-of-inst-1 | 400 | *



=== TEST 3: two targets in one line
--- guard
evolu_auth_instance $evolu_path_last;
--- raw_request eval
"GET /m/inst-1 /x HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n"
. "apikey: token-of-inst-1\r\n\r\n"
--- error_code: 400
--- hits: 0



=== TEST 4: what is not ambiguous passes, its bytes unchanged
--- guard
evolu_auth_instance $evolu_path_last;
--- request eval
["GET /m/inst-1", "GET /m/inst-1/", "GET /m/%69nst-1", "GET /m/a%20b/inst-1",
 "GET /m;x/inst-1", "GET /m/inst-1?a=/../b", "GET /m/inst-1?x=%2f%5c;y",
 "GET /m/a.b/..c/inst-1", "GET /inst-1", "GET /m/inst%2d1?"]
--- more_headers
apikey: token-of-inst-1
--- error_code eval
[(200) x 10]
--- upstream_line eval
["GET /m/inst-1 HTTP/1.0", "GET /m/inst-1/ HTTP/1.0",
 "GET /m/%69nst-1 HTTP/1.0", "GET /m/a%20b/inst-1 HTTP/1.0",
 "GET /m;x/inst-1 HTTP/1.0", "GET /m/inst-1?a=/../b HTTP/1.0",
 "GET /m/inst-1?x=%2f%5c;y HTTP/1.0", "GET /m/a.b/..c/inst-1 HTTP/1.0",
 "GET /inst-1 HTTP/1.0", "GET /m/inst%2d1? HTTP/1.0"]
--- upstream_has eval
[("X-Evolu-Instance: inst-1") x 10]



=== TEST 5: decoded once
--- guard
evolu_auth_instance $evolu_path_last;
--- cases
GET /m/%69nst-2 | apikey: token-of-inst-1 | 401 | bad_secret
GET /m/%2569nst-1 | apikey: token-of-inst-1 | 401 | unknown
GET /m/inst-1+ | apikey: token-of-inst-1 | 401 | unknown
GET /m/inst-1%20 | apikey: token-of-inst-1 | 401 | unknown
GET /m/inst-1%252f | apikey: token-of-inst-1 | 401 | unknown



=== TEST 6: absolute form: the path counts
--- guard
evolu_auth_instance $evolu_path_last;
--- cases
GET http://localhost/m/inst-1 | apikey: token-of-inst-1 | 200 | ok
GET http://localhost/m/inst-2 | apikey: token-of-inst-1 | 401 | bad_secret
GET http://localhost//m/inst-1 | apikey: token-of-inst-1 | 400 | bad_path
GET http://localhost/m/../inst-1 | apikey: token-of-inst-1 | 400 | bad_path
GET http://localhost | apikey: token-of-inst-1 | 400 | bad_path
GET http://localhost?inst-1 | apikey: token-of-inst-1 | 400 | bad_path
GET http://localhost/inst-1?http://x//y | apikey: token-of-inst-1 | 200 | ok



=== TEST 7: where nothing is addressed, a path is just a path
--- guard
--- cases
GET /a//b | apikey: evolu_live_aB3dE6gH_LiveSecret0123456789 | 200 | ok
GET /a/../b | apikey: evolu_live_aB3dE6gH_LiveSecret0123456789 | 200 | ok
GET /a%2fb;c | apikey: evolu_live_aB3dE6gH_LiveSecret0123456789 | 200 | ok



=== TEST 8: a fixed address does not make a path good
--- server_config
location /i/ {
    evolu_auth on;
    evolu_auth_instance inst-1;
    proxy_pass $TEST_NGINX_UPSTREAM;
}
location /c/ {
    evolu_auth on;
    evolu_auth_campaign aB3dE6gH;
    proxy_pass $TEST_NGINX_UPSTREAM;
}
location /off/ {
    evolu_auth on;
    evolu_auth_instance off;
    evolu_auth_campaign off;
    proxy_pass $TEST_NGINX_UPSTREAM;
}
--- cases
GET /i/x | apikey: token-of-inst-1 | 200 | ok
GET /i//x | apikey: token-of-inst-1 | 400 | bad_path
GET /c/x | apikey: evolu_live_aB3dE6gH_LiveSecret0123456789 | 200 | ok
GET /c//x | apikey: evolu_live_aB3dE6gH_LiveSecret0123456789 | 400 | bad_path
GET /off//x | apikey: evolu_live_aB3dE6gH_LiveSecret0123456789 | 200 | ok



=== TEST 9: $evolu_path_bad in a server-level if, $evolu_path_last in set
--- server_config
if ($evolu_path_bad) { return 400 "bad\n"; }
set $last "[$evolu_path_last]";
location / {
    proxy_set_header X-Last $last;
    proxy_pass $TEST_NGINX_UPSTREAM;
}
--- stores
--- request eval
["GET /a//b", "GET /a/%2e%2e/b", "GET /a/b;c", "GET /a/b", "GET /a%20c/",
 "GET /", "GET /a/b%2520/?x/y", "GET /a/b#c"]
--- error_code eval
[400, 400, 400, 200, 200, 200, 200, 400]
--- upstream_has eval
[undef, undef, undef, "X-Last: [b]", "X-Last: [a c]", "X-Last: []",
 "X-Last: [b%20]", undef]
--- hits eval
[0, 0, 0, 1, 1, 1, 1, 0]



=== TEST 10: $evolu_path_bad is of the request line, not of a rewrite
--- server_config
location /a {
    rewrite ^ /b//c?$evolu_path_bad break;
    proxy_set_header X-Bad "[$evolu_path_bad]";
    proxy_set_header X-Last "[$evolu_path_last]";
    proxy_pass $TEST_NGINX_UPSTREAM;
}
--- stores
--- request
GET /a/x
--- upstream_has
X-Bad: []
X-Last: [x]



=== TEST 11: $evolu_arg_NAME
--- guard
evolu_auth_instance $evolu_arg_room;
--- cases
GET /?room=inst-1 | apikey: token-of-inst-1 | 200 | ok
GET /?a=b&room=%69nst-1&c | apikey: token-of-inst-1 | 200 | ok
GET /?r%6fom=inst-1 | apikey: token-of-inst-1 | 200 | ok
GET /?room=inst-2 | apikey: token-of-inst-1 | 401 | bad_secret
GET /?Room=inst-1 | apikey: token-of-inst-1 | 400 | bad_path
GET / | apikey: token-of-inst-1 | 400 | bad_path
GET /?room= | apikey: token-of-inst-1 | 400 | bad_path
GET /?room=inst-1&room=inst-1 | apikey: token-of-inst-1 | 400 | bad_path
GET /?room=inst-1&room=inst-2 | apikey: token-of-inst-1 | 400 | bad_path
GET /?room=inst-1&r%6Fom=inst-2 | apikey: token-of-inst-1 | 400 | bad_path
GET /?room[]=inst-1 | apikey: token-of-inst-1 | 400 | bad_path
GET /?room=inst-1&room[0]=inst-2 | apikey: token-of-inst-1 | 400 | bad_path
GET /?room=inst-1&[room]=inst-2 | apikey: token-of-inst-1 | 400 | bad_path
GET /?room=inst-1%00 | apikey: token-of-inst-1 | 400 | bad_path
GET /?room=a+b%25 | apikey: token-of-inst-1 | 401 | unknown
GET /x//y?room=inst-1 | apikey: token-of-inst-1 | 400 | bad_path



=== TEST 12: a campaign by an argument, and its case
--- guard
evolu_auth_campaign $evolu_arg_campaign;
--- cases
GET /?campaign=aB3dE6gH | apikey: evolu_live_aB3dE6gH_LiveSecret0123456789 | 200 | ok
GET /?campaign=AB3dE6gH | apikey: evolu_live_aB3dE6gH_LiveSecret0123456789 | 403 | wrong_campaign
GET /?campaign=aB3dE6gH&campaign=free | apikey: evolu_live_aB3dE6gH_LiveSecret0123456789 | 400 | bad_path
GET /?Campaign=aB3dE6gH | apikey: evolu_live_aB3dE6gH_LiveSecret0123456789 | 400 | bad_path



=== TEST 13: a bad argument is no empty part of an address
--- guard
evolu_auth_instance inst-$evolu_arg_n$evolu_arg_more;
--- cases
GET /?n=1 | apikey: token-of-inst-1 | 200 | ok
GET /?n=1&more=a&more=b | apikey: token-of-inst-1 | 400 | bad_path
GET /?n=1&more[]=a | apikey: token-of-inst-1 | 400 | bad_path
GET /?n=1&[more]=a | apikey: token-of-inst-1 | 400 | bad_path
