# Copyright (C) Evolu Auth Authors
#
# Subrequests are never judged.

use lib 't/lib';
use EvoluAuth;

repeat_each(1);

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

run_tests();

__DATA__

=== TEST 1: SSI into a protected location: not judged, one warning
--- server_config
location / { ssi on; ssi_types text/plain; root $TEST_NGINX_SERVER_ROOT/html; }
location /inc {
    evolu_auth on;
    proxy_pass $TEST_NGINX_UPSTREAM:/seen-ssi;
}
--- user_files
>>> page.txt
[<!--#include virtual="/inc/1" --><!--#include virtual="/inc/2" -->]
--- request
GET /page.txt
--- more_headers
X-Evolu-Scope: global
--- hits: 2
--- grep_error_log eval
qr{\[warn\].*evolu_auth.*subrequest.*location, "/inc"}
--- grep_error_log_out eval
qr/\A[^\n]+\n\z/
--- seen: ssi
--- seen_unlike chop
^x.evolu



=== TEST 2: SSI of a guarded page: the includes see what the page sees
--- server_config
location / {
    evolu_auth on;
    ssi on;
    ssi_types text/plain;
    root $TEST_NGINX_SERVER_ROOT/html;
}
location /inc { proxy_pass $TEST_NGINX_UPSTREAM:/seen-ssi; }
--- user_files
>>> page.txt
[<!--#include virtual="/inc/1" -->]
--- request
GET /page.txt
--- more_headers
apikey: evolu_live_aB3dE6gH_LiveSecret0123456789
X-Evolu-Scope: global
--- reason: ok
--- hits: 1
--- seen: ssi
--- seen_like chop
^X-Evolu-Scope: campaign$
--- seen_unlike chop
^apikey|global



=== TEST 3: the guarded page is refused before its includes
--- server_config
location / {
    evolu_auth on;
    ssi on;
    ssi_types text/plain;
    root $TEST_NGINX_SERVER_ROOT/html;
}
location /inc { proxy_pass $TEST_NGINX_UPSTREAM:/seen-ssi; }
--- user_files
>>> page.txt
[<!--#include virtual="/inc/1" -->]
--- request
GET /page.txt
--- error_code: 401
--- reason: missing
--- hits: 0



=== TEST 4: a mirror gets no credential
--- guard
mirror /mirror;
--- server_config
location = /mirror { internal; proxy_pass $TEST_NGINX_UPSTREAM:/seen-mirror; }
--- request
GET /
--- more_headers
apikey: evolu_live_aB3dE6gH_LiveSecret0123456789
X-Evolu-Scope: global
--- reason: ok
--- identity
X-Evolu-Scope: campaign
X-Evolu-Instance: inst-1
X-Evolu-Campaign: aB3dE6gH
X-Evolu-Livemode: true
X-Evolu-Key-Id: k1
--- seen: mirror
--- seen_like chop
^X-Evolu-Scope: campaign$
--- seen_unlike chop
^apikey|global



=== TEST 5: what is refused is not mirrored
--- guard
mirror /mirror;
--- server_config
location = /mirror { internal; proxy_pass $TEST_NGINX_UPSTREAM:/seen-mirror; }
--- request
GET /
--- error_code: 401
--- hits: 0



=== TEST 6: the identity of the main request is what variables show
--- guard
mirror /mirror;
--- server_config
location = /mirror {
    internal;
    proxy_set_header X-Key "$evolu_key_id $evolu_auth_result";
    proxy_pass $TEST_NGINX_UPSTREAM:/seen-mirror;
}
--- request
GET /
--- more_headers
apikey: evolu_live_aB3dE6gH_LiveSecret0123456789
X-Evolu-Scope: global
--- seen: mirror
--- seen_like chop
^X-Key: k1 allowed$
--- seen_unlike chop
^apikey



=== TEST 7: addition
--- http_extra
server {
    listen unix:$TEST_NGINX_EVOLU_DIR/plain.sock;
    location / { return 200 "page\n"; }
}
--- server_config
location / {
    evolu_auth on;
    add_after_body /after;
    addition_types text/plain;
    proxy_pass http://unix:$TEST_NGINX_EVOLU_DIR/plain.sock;
}
location /after { internal; proxy_pass $TEST_NGINX_UPSTREAM:/seen-after; }
--- request
GET /
--- more_headers
apikey: evolu_live_aB3dE6gH_LiveSecret0123456789
X-Evolu-Scope: global
--- reason: ok
--- hits: 1
--- response_body_like: \Apage\nGET /seen-after
--- seen: after
--- seen_unlike chop
^apikey|global



=== TEST 8: a subrequest into another policy changes no verdict
--- server_config
location / {
    evolu_auth on;
    ssi on;
    ssi_types text/plain;
    root $TEST_NGINX_SERVER_ROOT/html;
}
location /strict {
    evolu_auth on;
    evolu_auth_scope global;
    proxy_pass $TEST_NGINX_UPSTREAM:/seen-strict;
}
location /inc {
    proxy_set_header X-Key "$evolu_key_id $evolu_auth_result";
    proxy_pass $TEST_NGINX_UPSTREAM:/seen-ssi;
}
--- user_files
>>> page.txt
[<!--#include virtual="/strict/1" wait="yes" --><!--#include virtual="/inc/1" -->]
--- request
GET /page.txt
--- more_headers
apikey: evolu_live_aB3dE6gH_LiveSecret0123456789
--- reason: ok
--- hits: 2
--- seen: ssi
--- seen_like chop
^X-Key: k1 allowed$
