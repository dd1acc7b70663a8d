# Copyright (C) Evolu Auth Authors
#
# What a client says about itself is removed, however it spells it.

use lib 't/lib';
use EvoluAuth;

# n other headers around a spoofed one and a credential

sub crowd {
    my ($n) = @_;

    my @lines = map { "X-N$_: $_" } 1 .. $n - 2;

    splice(@lines, int($n / 2), 0, 'X-Evolu-Scope: global');

    return join("\n", @lines, "apikey: $EvoluAuth::LIVE");
}

sub crowd_seen {
    my ($n) = @_;

    return join("\n", (map { "X-N$_: $_" } 1 .. $n - 2),
                'X-Evolu-Scope: campaign');
}

add_response_body_check(sub {
    my ($block, $body, $index) = @_;

    return if !defined $block->order;

    my @seen = map { /^(X-N\d+): / ? $1 : () } split /\n/, $body;

    is("@seen", join(' ', map { "X-N$_" } 1 .. @seen),
       $block->name . ' - order of the others');
});

run_tests();

__DATA__

=== TEST 1: every spelling, allowed
--- guard
--- server_config
underscores_in_headers on;
ignore_invalid_headers off;
--- request
GET /
--- more_headers
apikey: evolu_live_aB3dE6gH_LiveSecret0123456789
X-Evolu-Scope: global
x-evolu-scope: global
X_Evolu_Scope: global
X_EVOLU-scope: global
X.Evolu.Scope: global
X-Evolu.Instance: inst-2
X-EVOLU_INSTANCE: inst-2
X-Evolu-Campaign: other
X-Evolu-Livemode: false
x.evolu_livemode: false
X-Evolu-Key-Id: admin
X_Evolu_Key_Id: admin
--- identity
X-Evolu-Scope: campaign
X-Evolu-Instance: inst-1
X-Evolu-Campaign: aB3dE6gH
X-Evolu-Livemode: true
X-Evolu-Key-Id: k1



=== TEST 2: every spelling, off, anonymous, report
--- server_config
underscores_in_headers on;
ignore_invalid_headers off;
location /guarded { evolu_auth on; proxy_pass $TEST_NGINX_UPSTREAM; }
location /off { evolu_auth off; proxy_pass $TEST_NGINX_UPSTREAM; }
location /optional { evolu_auth optional; proxy_pass $TEST_NGINX_UPSTREAM; }
location /report { evolu_auth report; proxy_pass $TEST_NGINX_UPSTREAM; }
location / { proxy_pass $TEST_NGINX_UPSTREAM; }
--- request eval
["GET /off", "GET /optional", "GET /report", "GET /"]
--- more_headers
X-Evolu-Scope: global
x_evolu_scope: global
X.Evolu.Scope: global
X-Evolu-Instance: inst-2
X-Evolu-Instance: inst-1
X-Evolu_Campaign: other
X-Evolu-Livemode: true
X-Evolu-Key-Id: admin
--- error_code eval
[200, 200, 200, 200]
--- identity eval
["", "", "", ""]



=== TEST 3: in another server of the http block, too
--- http_extra
server {
    listen unix:$TEST_NGINX_EVOLU_DIR/other.sock;
    location / {
        proxy_set_header X-Seen "[$http_x_evolu_scope]";
        proxy_pass $TEST_NGINX_UPSTREAM;
    }
}
--- server_config
location /on { evolu_auth on; proxy_pass $TEST_NGINX_UPSTREAM; }
location / {
    proxy_set_header X-Evolu-Scope global;
    proxy_pass http://unix:$TEST_NGINX_EVOLU_DIR/other.sock;
}
--- request
GET /
--- identity
--- upstream_has
X-Seen: []



=== TEST 4: nothing is removed where evolu_auth is on nowhere
--- stores
--- server_config
location / { proxy_pass $TEST_NGINX_UPSTREAM; }
--- request
GET /
--- more_headers
X-Evolu-Scope: global
--- identity
X-Evolu-Scope: global



=== TEST 5: names alike stay
--- guard
--- request
GET /
--- more_headers
apikey: evolu_live_aB3dE6gH_LiveSecret0123456789
X-Evolu-Scopes: a
X-Evolu: b
XX-Evolu-Scope: c
X-EvoluScope: d
--- upstream_has
X-Evolu-Scopes: a
X-Evolu: b
XX-Evolu-Scope: c
X-EvoluScope: d



=== TEST 6: if, set and map in the rewrite phase see nothing
--- http_extra
map $http_x_evolu_scope $mapped { default "[$http_x_evolu_scope]"; }
--- server_config
set $early "[$http_x_evolu_scope]";
if ($http_x_evolu_scope) { return 418; }
if ($http_x_evolu_key_id = admin) { return 419; }
--- guard
set $here "[$http_x_evolu_instance]";
proxy_set_header X-Early "$early$here";
--- request
GET /
--- more_headers
apikey: evolu_live_aB3dE6gH_LiveSecret0123456789
X-Evolu-Scope: global
X-Evolu-Key-Id: admin
X-Evolu-Instance: inst-2
--- upstream_has
X-Early: [][]



=== TEST 7: 19 to 22 and 40, 41, 42 headers: parts of nginx's list
--- guard
--- order
--- request eval
["GET /", "GET /", "GET /", "GET /", "GET /", "GET /", "GET /"]
--- more_headers eval
[map { main::crowd($_) } 17, 18, 19, 20, 38, 39, 40]
--- error_code eval
[(200) x 7]
--- upstream_has eval
[map { main::crowd_seen($_) } 17, 18, 19, 20, 38, 39, 40]
--- upstream_lacks eval
[("apikey") x 7]



=== TEST 8: a full list of nothing but spoofed headers
--- guard
--- request eval
["GET /", "GET /"]
--- more_headers eval
[join("\n", "apikey: $EvoluAuth::LIVE", ("X-Evolu-Scope: global") x 45),
 join("\n", ("X-Evolu-Scope: global") x 45, "apikey: $EvoluAuth::LIVE", "X-Z: z")]
--- error_code eval
[200, 200]
--- upstream_has eval
["X-Evolu-Scope: campaign", "X-Evolu-Scope: campaign\nX-Z: z"]



=== TEST 9: first and last
--- guard
--- raw_request eval
"GET / HTTP/1.1\r\nX-Evolu-Scope: global\r\nHost: localhost\r\n"
. "apikey: $EvoluAuth::LIVE\r\nX-Evolu-Key-Id: admin\r\n"
. "Connection: close\r\nX-Evolu-Livemode: false\r\n\r\n"
--- identity
X-Evolu-Scope: campaign
X-Evolu-Instance: inst-1
X-Evolu-Campaign: aB3dE6gH
X-Evolu-Livemode: true
X-Evolu-Key-Id: k1



=== TEST 10: a name that is a credential source somewhere is not removed
--- server_config
location /a {
    evolu_auth on;
    evolu_auth_key_sources header:X-Token;
    proxy_pass $TEST_NGINX_UPSTREAM;
}
location /b {
    evolu_auth on;
    evolu_auth_header X-Token $evolu_key_id;
    evolu_auth_header X-Evolu-Scope $evolu_scope;
    proxy_pass $TEST_NGINX_UPSTREAM;
}
--- cases
GET /a | X-Token: evolu_live_aB3dE6gH_LiveSecret0123456789 | 200 | ok



=== TEST 11: and in a request that is refused by the upstream of error_page
--- guard
error_page 401 = @away;
--- server_config
location @away { proxy_pass $TEST_NGINX_UPSTREAM; }
--- request
GET /
--- more_headers
X-Evolu-Scope: global
--- identity
--- reason: missing



=== TEST 12: a name that nginx looks at itself is not found by its variable
--- server_config
evolu_auth optional;
evolu_auth_header User-Agent $evolu_key_id;
evolu_auth_header X-Forwarded-For $evolu_key_id;
location / {
    proxy_set_header X-Seen "[$http_user_agent]";
    proxy_set_header X-Chain "[$proxy_add_x_forwarded_for]";
    proxy_pass $TEST_NGINX_UPSTREAM;
}
--- request eval
["GET /", "GET /"]
--- more_headers eval
["User-Agent: admin\nX-Forwarded-For: 10.0.0.1",
 "User-Agent: admin\nX-Forwarded-For: 10.0.0.1\napikey: $EvoluAuth::LIVE"]
--- error_code eval
[200, 200]
--- upstream_has eval
["X-Seen: []\nX-Chain: [127.0.0.1]",
 "X-Seen: [k1]\nX-Chain: [k1, 127.0.0.1]"]
--- upstream_lacks eval
["User-Agent\nX-Forwarded-For", ""]
