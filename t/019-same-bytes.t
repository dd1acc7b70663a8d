# Copyright (C) Evolu Auth Authors
#
# All 401 answers of a location are the same bytes.

use lib 't/lib';
use EvoluAuth;

my %seen;

# the responses of a block, dates left out, must be one

add_response_body_check(sub {
    my ($block, $body, $index, $repeated) = @_;

    $seen{$block->name}{$body} = 1;

    is(scalar keys %{ $seen{$block->name} }, 1,
       $block->name . ' - one body for all');
});

run_tests();

__DATA__

=== TEST 1: campaign keys
--- guard
--- cases
- | 401 | missing
apikey: | 401 | missing
apikey: short | 401 | malformed
apikey: token-of-inst-1 | 401 | wrong_family
apikey: evolu_live_nobody_LiveSecret0123456789 | 401 | unknown
apikey: evolu_live_aB3dE6gH_LiveSecret0123456780 | 401 | bad_secret
apikey: evolu_live_timed_old-123456789012345 | 401 | expired
apikey: evolu_live_timed_new-123456789012345 | 401 | not_yet_valid
apikey: evolu_live_timed_dis-123456789012345 | 401 | disabled
apikey: a\napikey: b | 401 | duplicate
--- raw_response_headers_like eval
my $h = "\\AHTTP/1.1 401 Unauthorized\r\nServer: nginx[^\r]*\r\nDate: [^\r]+\r\n"
. "Content-Type: application/json\r\nContent-Length: 40\r\n"
. "Connection: close\r\n"
. "(?:WWW-Authenticate: Bearer realm=\"evolu\"\r\nCache-Control: no-store"
. "|Cache-Control: no-store\r\nWWW-Authenticate: Bearer realm=\"evolu\")\r\n\\z";
[($h) x 10]



=== TEST 2: instance tokens
--- guard
evolu_auth_instance $evolu_path_last;
evolu_auth_error_format evolution;
--- cases
GET /x/inst-1 | - | 401 | missing
GET /x/inst-1 | apikey: short | 401 | malformed
GET /x/inst-1 | apikey: token-of-inst-2 | 401 | bad_secret
GET /x/inst-9 | apikey: token-of-inst-2 | 401 | unknown
GET /x/timed | apikey: token-old-timed | 401 | expired
GET /x/timed | apikey: evolu_live_aB3dE6gH_LiveSecret0123456789 | 401 | wrong_family
