# Copyright (C) Evolu Auth Authors
#
# auth_delay delays a 401 of ours, and nothing else.

use lib 't/lib';
use EvoluAuth;

use Time::HiRes qw(time);

# --- slow: 1 if the answer may not come before auth_delay, else 0

my $began;

add_block_preprocessor(sub { $began = undef; });

add_response_body_check(sub {
    my ($block) = @_;

    my $now = time();
    my $took = $now - (defined $began ? $began : $now);

    $began = $now;

    return if !defined $block->slow || $took == 0;

    if ($block->slow == 1) {
        cmp_ok($took, '>=', 0.5, $block->name . ' - delayed');

    } else {
        cmp_ok($took, '<', 2, $block->name . ' - not delayed');
    }
});

run_tests();

__DATA__

=== TEST 1: a refusal waits, and keeps its answer
--- guard
auth_delay 500ms;
--- request
GET /
--- error_code: 401
--- reason: missing
--- slow: 1
--- response_headers
WWW-Authenticate: Bearer realm="evolu"
Content-Type: application/json
--- response_body chop
{"detail":"Invalid or missing API key."}



=== TEST 2: a bad secret waits as long
--- guard
auth_delay 500ms;
--- request
GET /
--- more_headers
apikey: evolu_live_aB3dE6gH_LiveSecret0123456780
--- error_code: 401
--- reason: bad_secret
--- slow: 1



=== TEST 3: what is allowed does not
--- guard
auth_delay 5s;
--- request
GET /
--- more_headers
apikey: evolu_live_aB3dE6gH_LiveSecret0123456789
--- reason: ok
--- slow: 0



=== TEST 4: nor what is 403 or 400
--- guard
auth_delay 5s;
evolu_auth_scope global;
evolu_auth_instance $evolu_path_last;
--- request eval
["GET /inst-1", "GET /a//inst-1"]
--- more_headers eval
["apikey: token-of-inst-1", "apikey: $EvoluAuth::GLOBAL"]
--- error_code eval
[403, 400]
--- slow: 0
