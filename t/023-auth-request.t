# Copyright (C) Evolu Auth Authors
#
# auth_request next to us: its subrequest is not judged by us.

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

run_tests();

__DATA__

=== TEST 1: it sees the client's credential and no identity
--- guard
auth_request /auth;
--- server_config
location = /auth { internal; proxy_pass $TEST_NGINX_UPSTREAM:/seen-auth; }
--- request
GET /
--- more_headers
apikey: evolu_live_aB3dE6gH_LiveSecret0123456789
X-Evolu-Scope: global
--- reason: ok
--- hits: 2
--- upstream_lacks
apikey
--- upstream_has
X-Evolu-Scope: campaign
--- seen: auth
--- seen_like chop
^apikey: evolu_live_aB3dE6gH_LiveSecret0123456789$
--- seen_unlike chop
^x.evolu.



=== TEST 2: it is not asked about what we refuse
--- guard
auth_request /auth;
--- server_config
location = /auth { internal; proxy_pass $TEST_NGINX_UPSTREAM; }
--- request
GET /
--- error_code: 401
--- reason: missing
--- hits: 0



=== TEST 3: it refuses what we allow
--- guard
auth_request /auth;
--- server_config
location = /auth { internal; proxy_pass $TEST_NGINX_UPSTREAM:/?status=403; }
--- request
GET /
--- more_headers
apikey: evolu_live_aB3dE6gH_LiveSecret0123456789
--- error_code: 403
--- reason: ok
--- hits: 1
--- response_body_like: <h1>403 Forbidden</h1>



=== TEST 4: satisfy any: it grants what we refuse, no identity, no credential
--- guard
satisfy any;
auth_request /auth;
--- server_config
location = /auth { internal; proxy_pass $TEST_NGINX_UPSTREAM:/; }
--- request
GET /
--- more_headers
apikey: evolu_live_aB3dE6gH_LiveSecret0123456780
X-Evolu-Scope: global
--- hits: 2
--- identity
--- upstream_lacks
apikey
--- response_headers
!WWW-Authenticate



=== TEST 5: satisfy any: both refuse
--- guard
satisfy any;
auth_request /auth;
--- server_config
location = /auth { internal; proxy_pass $TEST_NGINX_UPSTREAM:/?status=403; }
--- request
GET /
--- error_code: 401
--- hits: 1
--- response_headers
WWW-Authenticate: Bearer realm="evolu"
--- response_body chop
{"detail":"Invalid or missing API key."}



=== TEST 6: an identity of ours in auth_request_set, by variable
--- guard
auth_request /auth;
auth_request_set $who $upstream_http_x_who;
proxy_set_header X-Who $who;
--- server_config
location = /auth {
    internal;
    proxy_pass $TEST_NGINX_UPSTREAM:/?reply=X-Who:joe;
    proxy_set_header X-Key $evolu_key_id;
}
--- request
GET /
--- more_headers
apikey: evolu_live_aB3dE6gH_LiveSecret0123456789
--- hits: 2
--- upstream_has
X-Who: joe
X-Evolu-Key-Id: k1
