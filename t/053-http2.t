# Copyright (C) Evolu Auth Authors
#
# HTTP/2: the same decisions.  (Test::Nginx's --- http2 needs nginx 1.25.)

use lib 't/lib';
use EvoluAuth;

# --- curl: options of a request over HTTP/2 to h2.sock, or with --- h2load of
# many on one connection (curl 7.88 cannot); --- curl_like, and
# --- curl_unlike: patterns of its whole answer

add_block_preprocessor(sub {
    my ($block) = @_;

    $block->set_value('http_extra', 'server { listen unix:' . dir()
        . '/h2.sock http2; location / { evolu_auth on; '
        . ($block->h2 || '') . "proxy_pass $ENV{TEST_NGINX_UPSTREAM}; } }\n");
    $block->set_value('config', "location / { return 204; }\n");
    $block->set_value('request', "GET /\n");
    $block->set_value('error_code', 204);
});

add_response_body_check(sub {
    my ($block) = @_;

    my @options = split /\n/, $block->curl;
    my ($like, $unlike) = ($block->curl_like, $block->curl_unlike);

    my @command = defined $block->h2load
        ? ('h2load', '-B', 'unix:' . dir() . '/h2.sock', '-T', 5)
        : ('curl', '-s', '-i', '--http2-prior-knowledge', '--max-time', 5,
           '--unix-socket', dir() . '/h2.sock');

    open(my $curl, '-|', @command, @options) or die "$command[0]: $!";

    my $answer = join('', <$curl>) =~ s/\r//gr;

    close($curl);

    like($answer, qr/$like/s, $block->name . ' - answer');
    unlike($answer, qr/$unlike/si, $block->name . ' - not in the answer')
        if defined $unlike;
});

run_tests();

__DATA__

=== TEST 1: refused
--- curl
http://localhost/
--- curl_like chop
\AHTTP/2 401 .*content-type: application/json\n.*www-authenticate: Bearer realm="evolu"\n.*\n\{"detail":"Invalid or missing API key."\}\z



=== TEST 2: allowed
--- curl
-H
apikey: evolu_live_aB3dE6gH_LiveSecret0123456789
-H
X-Evolu-Scope: global
-H
x-evolu-key-id: admin
http://localhost/path?x=y
--- curl_like chop
\AHTTP/2 200 .*\n\nGET /path\?x=y HTTP/1\.0\n.*X-Evolu-Scope: campaign\n.*X-Evolu-Key-Id: k1\n
--- curl_unlike chop
global|admin|apikey



=== TEST 3: bearer
--- curl
-H
Authorization: bearer evolu_test_aB3dE6gH_TestSecret0123456789
http://localhost/
--- curl_like chop
\AHTTP/2 200 .*X-Evolu-Livemode: false\n
--- curl_unlike chop
authorization



=== TEST 4: two credentials
--- curl
-H
apikey: evolu_live_aB3dE6gH_LiveSecret0123456789
-H
authorization: Bearer evolu_live_aB3dE6gH_LiveSecret0123456789
http://localhost/
--- curl_like chop
\AHTTP/2 401 .*"detail"



=== TEST 5: HEAD
--- curl
-I
http://localhost/
--- curl_like chop
\AHTTP/2 401 .*content-length: 40\n



=== TEST 6: a POST is refused (curl may call the early answer an error)
--- curl
--data
hello=world
http://localhost/
--- curl_like chop
\A(?:HTTP/2 401 .*"detail".*)?\z



=== TEST 7: a POST, allowed
--- curl
-H
apikey: evolu_live_aB3dE6gH_LiveSecret0123456789
--data
hello=world
http://localhost/
--- curl_like chop
\AHTTP/2 200 .*\n\nhello=world\z



=== TEST 8: many on one connection, at once
--- h2load
--- curl
-n
100
-c
1
-m
50
-H
apikey: evolu_live_aB3dE6gH_LiveSecret0123456789
http://localhost/
--- curl_like chop
100 succeeded, 0 failed.*status codes: 100 2xx, 0 3xx, 0 4xx, 0 5xx



=== TEST 9: many on one connection, at once, refused
--- h2load
--- curl
-n
100
-c
1
-m
50
-H
apikey: evolu_live_nobody_LiveSecret0123456789
http://localhost/
--- curl_like chop
status codes: 0 2xx, 0 3xx, 100 4xx, 0 5xx



=== TEST 10: an ambiguous path
--- h2
evolu_auth_instance $evolu_path_last;
--- curl
--path-as-is
-H
apikey: token-of-inst-1
http://localhost/m/../inst-1
--- curl_like chop
\AHTTP/2 400 .*"Malformed request\."



=== TEST 11: a path that is none
--- h2
evolu_auth_instance $evolu_path_last;
--- curl
-H
apikey: token-of-inst-1
http://localhost/m/inst-1
--- curl_like chop
\AHTTP/2 200 .*X-Evolu-Instance: inst-1\n



=== TEST 12: a query credential is cut
--- h2
evolu_auth_key_sources query:key;
--- curl
http://localhost/p?a=b&key=evolu_live_aB3dE6gH_LiveSecret0123456789
--- curl_like chop
\AHTTP/2 200 .*\n\nGET /p\?a=b HTTP/1\.0\n
--- curl_unlike chop
LiveSecret



=== TEST 13: and masked in the log, hidden or not
--- h2
evolu_auth_key_sources query:key;
evolu_auth_hide_credentials off;
--- curl
http://localhost/p?a=b&key=evolu_live_aB3dE6gH_LiveSecret0123456789&c
--- curl_like chop
\AHTTP/2 200 .*\n\nGET /p\?a=b&key=evolu_live_aB3dE6gH_LiveSecret0123456789&c HTTP/1\.0\n
--- access_log
"GET /p?a=b&key=****************************************&c HTTP/2.0"
--- no_access_log
LiveSecret
