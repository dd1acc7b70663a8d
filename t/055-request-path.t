# Copyright (C) Evolu Auth Authors
#
# Ways past the policy, and around the upstream's trust in us, that an attack
# on the request path found.

use lib 't/lib';
use EvoluAuth;

add_response_body_check(sub {
    my ($block) = @_;

    my $name = $block->seen or return;

    chomp $name;

    my $text = seen($name);

    like($text, qr/${\ $block->seen_like}/m, $block->name . ' - seen')
        if defined $block->seen_like;
    unlike($text, qr/${\ $block->seen_unlike}/mi, $block->name . ' - not seen')
        if defined $block->seen_unlike;
});

# a secret that is a global key of far away and the token of inst-1, too

write_file('both', 'global gx hash=' . hash_of('token-of-inst-1')
                   . " ip=10.0.0.0/8\n", 0600);

run_tests();

__DATA__

=== TEST 1: a preflight's pass does not outlive its method
--- server_config
location / {
    evolu_auth on;
    evolu_auth_preflight on;
    error_page 405 =200 $uri;
    root $TEST_NGINX_SERVER_ROOT/html;
}
--- user_files
>>> file.txt
inside
--- request
OPTIONS /file.txt
--- more_headers
Origin: http://a.example
Access-Control-Request-Method: PUT
--- error_code: 401
--- reason: missing
--- response_body_unlike: inside



=== TEST 2: nor for another file, and a key on the way is looked at
--- server_config
location / {
    evolu_auth on;
    evolu_auth_preflight on;
    error_page 405 =200 /inside.txt;
    root $TEST_NGINX_SERVER_ROOT/html;
}
--- user_files
>>> file.txt
inside
>>> inside.txt
inside
--- request eval
[("OPTIONS /file.txt") x 3]
--- more_headers eval
["Origin: http://a.example\nAccess-Control-Request-Method: PUT",
 "Origin: http://a.example\nAccess-Control-Request-Method: PUT
apikey: evolu_live_aB3dE6gH_LiveSecret0123456780",
 "Origin: http://a.example\nAccess-Control-Request-Method: PUT
apikey: evolu_live_aB3dE6gH_LiveSecret0123456789"]
--- error_code eval
[401, 401, 200]
--- reason eval
["missing", "bad_secret", "ok"]
--- response_body_like eval
["detail", "detail", "inside"]



=== TEST 3: a pass that stays a preflight's
--- server_config
evolu_auth on;
evolu_auth_preflight on;
location / { try_files /no-such-file @app; }
location @app { proxy_pass $TEST_NGINX_UPSTREAM; }
--- request
OPTIONS /
--- more_headers
Origin: http://a.example
Access-Control-Request-Method: PUT
--- reason: -
--- identity
--- hits: 1



=== TEST 4: $evolu_arg_NAME keeps its case where only a map mentions it
--- http_extra
map $evolu_arg_caseName $mapped {
    "" $evolu_path_last;
    default $evolu_arg_caseName;
}
--- guard
evolu_auth_instance $mapped;
--- cases
GET /mapi/inst-1 | apikey: token-of-inst-1 | 200 | ok
GET /mapi/inst-1?caseName=inst-2 | apikey: token-of-inst-1 | 401 | bad_secret
GET /mapi/inst-1?caseName=inst-2 | apikey: token-of-inst-2 | 200 | ok
GET /mapi/inst-1?case%4Eame=inst-2 | apikey: token-of-inst-1 | 401 | bad_secret
GET /mapi/inst-1?casename=inst-2 | apikey: token-of-inst-1 | 200 | ok
GET /mapi/inst-1?casename=inst-2 | apikey: token-of-inst-2 | 401 | bad_secret
GET /mapi/inst-1?CASENAME=inst-2 | apikey: token-of-inst-1 | 200 | ok
GET /mapi/inst-1?casename=x&caseName=inst-2 | apikey: token-of-inst-2 | 200 | ok
GET /mapi/inst-1?caseName=inst-1&caseName=inst-2 | apikey: token-of-inst-1 | 400 | bad_path
GET /mapi/inst-1?caseName=inst-1&caseName=inst-1 | apikey: token-of-inst-1 | 400 | bad_path
GET /mapi/inst-1?caseName[]=inst-1 | apikey: token-of-inst-1 | 400 | bad_path
GET /mapi/inst-1?caseName[a]=inst-2 | apikey: token-of-inst-1 | 400 | bad_path
GET /mapi/inst-1?[caseName]=inst-1 | apikey: token-of-inst-1 | 400 | bad_path



=== TEST 5: and where an if of the server does
--- server_config
if ($evolu_arg_roomName) { set $room $evolu_arg_roomName; }
location / {
    evolu_auth on;
    evolu_auth_instance $room;
    proxy_pass $TEST_NGINX_UPSTREAM;
}
--- cases
GET /?roomName=inst-1 | apikey: token-of-inst-1 | 200 | ok
GET /?roomName=inst-2 | apikey: token-of-inst-1 | 401 | bad_secret
GET /?roomname=inst-1 | apikey: token-of-inst-1 | 400 | bad_path



=== TEST 6: a comment's spelling does not count
--- http_extra
# $evolu_arg_CASENAME
map $evolu_arg_caseName $mapped { default $evolu_arg_caseName; }  # $evolu_arg_casename
--- guard
evolu_auth_instance $mapped;
--- cases
GET /?caseName=inst-1 | apikey: token-of-inst-1 | 200 | ok
GET /?casename=inst-1 | apikey: token-of-inst-1 | 400 | bad_path



=== TEST 7: a query credential is cut from $request_uri that was read before
--- http_extra
upstream up { server unix:$TEST_NGINX_EVOLU_DIR/upstream.sock; }
--- server_config
location / {
    if ($request_uri ~ zzz) { return 204; }
    evolu_auth on;
    evolu_auth_key_sources query:apikey;
    proxy_set_header X-Uri "[$request_uri]";
    proxy_pass http://up$request_uri;
}
--- suppress_stderr
--- request
GET /p%20q?a=1&apikey=evolu_live_aB3dE6gH_LiveSecret0123456789&b=2
--- reason: ok
--- upstream_line
GET /p%20q?a=1&b=2 HTTP/1.0
--- upstream_has
X-Uri: [/p%20q?a=1&b=2]
--- response_body_unlike: LiveSecret



=== TEST 8: and from the access log of who is allowed
--- http_extra
log_format own "own[$request_uri][$args][$request]";
--- server_config
access_log $TEST_NGINX_SERVER_ROOT/logs/access.log own;
location / {
    if ($request_uri ~ zzz) { return 204; }
    evolu_auth on;
    evolu_auth_key_sources query:apikey;
    proxy_pass $TEST_NGINX_UPSTREAM;
}
--- suppress_stderr
--- request
GET /p?a=1&apikey=evolu_live_aB3dE6gH_LiveSecret0123456789&b=2
--- access_log
own[/p?a=1&b=2][a=1&b=2][GET /p?a=1&apikey=****
--- no_access_log
Secret



=== TEST 9: and of who is refused
--- http_extra
log_format own "own[$request_uri][$args][$request]";
--- server_config
access_log $TEST_NGINX_SERVER_ROOT/logs/access.log own;
location / {
    if ($request_uri ~ zzz) { return 204; }
    evolu_auth on;
    evolu_auth_key_sources query:apikey;
    proxy_pass $TEST_NGINX_UPSTREAM;
}
--- suppress_stderr
--- request
GET /p?a=1&apikey=evolu_live_aB3dE6gH_LiveSecret0123456780&b=2
--- error_code: 401
--- reason: bad_secret
--- access_log
own[/p?a=1&b=2][a=1&b=2][GET /p?a=1&apikey=****
--- no_access_log
Secret



=== TEST 10: refused before anything is read, and twice in one query
--- http_extra
log_format own "own[$request_uri][$args]";
--- server_config
access_log $TEST_NGINX_SERVER_ROOT/logs/access.log own;
location / {
    evolu_auth on;
    evolu_auth_key_sources query:apikey;
    proxy_pass $TEST_NGINX_UPSTREAM;
}
--- suppress_stderr
--- request
GET /p?apikey=evolu_live_aB3dE6gH_LiveSecret0123456789&b=2&api%6bey=evolu_live_aB3dE6gH_LiveSecret0123456780
--- error_code: 401
--- reason: duplicate
--- access_log
own[/p?b=2][b=2]
--- no_access_log
Secret



=== TEST 11: auth_request after try_files sees no identity of before
--- server_config
evolu_auth on;
location / { try_files /no-such-file @app; }
location @app {
    auth_request /auth;
    proxy_pass $TEST_NGINX_UPSTREAM;
}
location = /auth {
    internal;
    evolu_auth off;
    proxy_pass $TEST_NGINX_UPSTREAM:/seen-auth;
}
--- request
GET /
--- more_headers
apikey: evolu_live_aB3dE6gH_LiveSecret0123456789
X-Evolu-Scope: global
--- reason: ok
--- hits: 2
--- identity
X-Evolu-Scope: campaign
X-Evolu-Instance: inst-1
X-Evolu-Campaign: aB3dE6gH
X-Evolu-Livemode: true
X-Evolu-Key-Id: k1
--- seen: auth
--- seen_like chop
^GET /seen-auth
--- seen_unlike chop
^x.evolu.



=== TEST 12: a global key of elsewhere that is a token, too: as a token first
--- stores
evolu_auth_zone zone=evolu:1m;
evolu_auth_pepper p1 $TEST_NGINX_EVOLU_DIR/p1;
evolu_auth_key_file $TEST_NGINX_EVOLU_DIR/both;
evolu_auth_redis $TEST_NGINX_REDIS timeout=2s connect_timeout=2s;
--- server_config
evolu_auth on;
evolu_auth_instance inst-1;
location /token { evolu_auth_scope instance; proxy_pass $TEST_NGINX_UPSTREAM; }
location / { proxy_pass $TEST_NGINX_UPSTREAM; }
--- cases
GET /token | apikey: token-of-inst-1 | 200 | ok
GET /token | apikey: token-of-inst-1 | 200 | ok
GET / | apikey: token-of-inst-1 | 403 | address
GET /token | apikey: token-of-inst-1 | 200 | ok
GET / | apikey: token-of-inst-1 | 403 | address



=== TEST 13: the same: as a global key first
--- stores
evolu_auth_zone zone=evolu:1m;
evolu_auth_pepper p1 $TEST_NGINX_EVOLU_DIR/p1;
evolu_auth_key_file $TEST_NGINX_EVOLU_DIR/both;
evolu_auth_redis $TEST_NGINX_REDIS timeout=2s connect_timeout=2s;
--- server_config
evolu_auth on;
evolu_auth_instance inst-1;
location /token { evolu_auth_scope instance; proxy_pass $TEST_NGINX_UPSTREAM; }
location / { proxy_pass $TEST_NGINX_UPSTREAM; }
--- cases
GET / | apikey: token-of-inst-1 | 403 | address
GET / | apikey: token-of-inst-1 | 403 | address
GET /token | apikey: token-of-inst-1 | 200 | ok
GET / | apikey: token-of-inst-1 | 403 | address



=== TEST 14: a mirror's identity is that of its request
--- server_config
evolu_auth on;
root $TEST_NGINX_SERVER_ROOT/html;
location /mir/ { mirror /mirb; index i.html; }
location = /mir/i.html { evolu_auth_scope global; }
location = /mirb {
    internal;
    evolu_auth off;
    proxy_pass $TEST_NGINX_UPSTREAM:/seen-mirror;
}
--- user_files
>>> mir/i.html
inside
--- request
GET /mir/
--- more_headers
apikey: evolu_live_aB3dE6gH_LiveSecret0123456789
--- error_code: 403
--- reason: scope
--- hits: 1
--- seen: mirror
--- seen_like chop
^X-Evolu-Key-Id: k1$
--- seen_unlike chop
\x00|^apikey



=== TEST 15: error_page 400: a rewrite sees no identity of the client
--- server_config
error_page 400 = /e;
location = /e { return 200 "rw=[$http_x_evolu_scope][$http_x_evolu_key_id]"; }
location / { evolu_auth on; proxy_pass $TEST_NGINX_UPSTREAM; }
--- raw_request eval
"GET / HTTP/1.1\r\nHost: a\r\nX-Evolu-Scope: global\r\nx-evolu-key-id: g1\r\n"
. "Host: b\r\nConnection: close\r\n\r\n"
--- error_code: 200
--- response_body chop
rw=[][]



=== TEST 16: nor does an if or a set of the server
--- server_config
error_page 400 = /e;
set $scope "[$http_x_evolu_scope]";
if ($http_x_evolu_scope = global) { return 200 "trusted"; }
location = /e { return 200 "rw=$scope"; }
location / { evolu_auth on; proxy_pass $TEST_NGINX_UPSTREAM; }
--- raw_request eval
"GET / HTTP/1.1\r\nHost: a\r\nX-Evolu-Scope: global\r\n"
. "Host: b\r\nConnection: close\r\n\r\n"
--- error_code: 200
--- response_body chop
rw=[]



=== TEST 17: nor does one in a named location
--- server_config
error_page 400 = @e;
location @e { return 200 "rw=[$http_x_evolu_scope][$http_x_evolu_key_id]"; }
location / { evolu_auth on; proxy_pass $TEST_NGINX_UPSTREAM; }
--- raw_request eval
"GET / HTTP/1.1\r\nHost: a\r\nX-Evolu-Scope: global\r\nx-evolu-key-id: g1\r\n"
. "Host: b\r\nConnection: close\r\n\r\n"
--- error_code: 200
--- response_body chop
rw=[][]



=== TEST 18: which works as any other
--- server_config
error_page 400 @e;
location @e { evolu_auth off; proxy_pass $TEST_NGINX_UPSTREAM; }
location / { evolu_auth on; proxy_pass $TEST_NGINX_UPSTREAM; }
--- raw_request eval
"GET / HTTP/1.1\r\nHost: a\r\nX-Evolu-Scope: global\r\nx-evolu-key-id: g1\r\n"
. "Host: b\r\nConnection: close\r\n\r\n"
--- error_code: 400
--- identity
--- hits: 1



=== TEST 19: which sees no credential of the query in the request line
--- server_config
error_page 400 = @e;
location @e { return 200 "rw=[$request]"; }
location / { evolu_auth on; evolu_auth_key_sources query:key;
             proxy_pass $TEST_NGINX_UPSTREAM; }
--- raw_request eval
"GET /?a=b&key=token-of-inst-1 HTTP/1.1\r\nHost: a\r\nHost: b\r\n"
. "Connection: close\r\n\r\n"
--- error_code: 200
--- response_body chop
rw=[GET /?*********************** HTTP/1.1]
--- leaks



=== TEST 20: a page that judged and passed: its upstream's challenge alone
--- server_config
location / {
    evolu_auth on;
    error_page 401 @b;
    proxy_pass $TEST_NGINX_UPSTREAM;
}
location @b { evolu_auth optional; proxy_pass $TEST_NGINX_UPSTREAM; }
--- request
GET /?status=401&reply=WWW-Authenticate:%20Basic
--- error_code: 401
--- reason: missing
--- hits: 1
--- response_headers
WWW-Authenticate: Basic
!Cache-Control
--- raw_response_headers_unlike: Bearer



=== TEST 21: HTTP/0.9: the upstream gets an identity, not the credential
--- guard
evolu_auth_key_sources query:apikey;
--- suppress_stderr
--- raw_request eval
"GET /q/x?apikey=$EvoluAuth::LIVE\r\n"
--- http09
--- reason: ok
--- upstream_line
GET /q/x HTTP/1.0
--- identity
X-Evolu-Scope: campaign
X-Evolu-Instance: inst-1
X-Evolu-Campaign: aB3dE6gH
X-Evolu-Livemode: true
X-Evolu-Key-Id: k1
--- hits: 1
--- response_body_unlike: LiveSecret



=== TEST 22: Connection may not name a header that we inject in place of one
--- guard
evolu_auth_key_sources header:apikey;
evolu_auth_header Authorization "Bearer for-the-upstream";
--- cases
apikey: evolu_live_aB3dE6gH_LiveSecret0123456789\nConnection: close, authorization | 400 | connection_header
apikey: evolu_live_aB3dE6gH_LiveSecret0123456789\nConnection: close, Authorization | 400 | connection_header
apikey: evolu_live_aB3dE6gH_LiveSecret0123456789\nConnection: close, X-Evolu-Scope | 400 | connection_header
apikey: evolu_live_aB3dE6gH_LiveSecret0123456789\nConnection: close, Cookie | 200 | ok
apikey: evolu_live_aB3dE6gH_LiveSecret0123456789\nConnection: close | 200 | ok



=== TEST 23: no realm: the own 401 has a bare challenge
--- guard
evolu_auth_realm off;
--- request
GET /
--- error_code: 401
--- reason: missing
--- raw_response_headers_like chop
WWW-Authenticate: Bearer\r\n



=== TEST 24: no realm: a page of its own gets none of ours
--- guard
evolu_auth_realm off;
error_page 401 @refused;
--- server_config
location @refused { return 401 "sorry\n"; }
--- request
GET /
--- error_code: 401
--- reason: missing
--- response_body
sorry
--- raw_response_headers_unlike: WWW-Authenticate



=== TEST 25: nor is one added to that of the page
--- guard
evolu_auth_realm off;
error_page 401 @refused;
--- server_config
location @refused {
    add_header WWW-Authenticate Custom always;
    return 401 "sorry\n";
}
--- request
GET /
--- error_code: 401
--- raw_response_headers_like: WWW-Authenticate: Custom
--- raw_response_headers_unlike: Bearer



=== TEST 26: one line of log when the page of a 401 is refused, too
--- server_config
evolu_auth on;
error_page 401 /401.html;
location / { root $TEST_NGINX_SERVER_ROOT/html; }
--- user_files
>>> 401.html
page
--- cases
- | 401 | missing
apikey: evolu_live_aB3dE6gH_LiveSecret0123456780 | 401 | bad_secret



=== TEST 27: so it is when the page has a location of its own
--- server_config
evolu_auth on;
error_page 401 /401.html;
location = /401.html { root $TEST_NGINX_SERVER_ROOT/html; }
location / { root $TEST_NGINX_SERVER_ROOT/html; }
--- user_files
>>> 401.html
page
--- cases
- | 401 | missing
apikey: evolu_live_aB3dE6gH_LiveSecret0123456780 | 401 | bad_secret
