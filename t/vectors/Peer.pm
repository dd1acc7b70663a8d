package Peer;

# Copyright (C) Evolu Auth Authors
#
# Executable checks for rows of peer-scenarios*.tsv; see Cases.pm.

use strict;
use warnings;

use Cases;
use Edge;
use H2;

my $AUTH = "Authorization: Bearer $A";
my $KEY = "apikey: $TOK1";
my $BASIC = 'Authorization: Basic Z29vZDpiYXNpYw==';
my $BAD_BASIC = 'Authorization: Basic Z29vZDp3cm9uZw==';
my $WRONG = 'evolu_live_aB3dE6gH_WrongSecret012345678';
my $BODY = qr/\A\{"detail":"Invalid or missing API key\."\}\z/;
my $FILLER = 'Secret0123456789abcdef';


sub table {
    return { kong(), apisix(), envoy(), tyk(), unkey(), nginx(), lua(),
             modules(), others() };
}


# evolu-keys(COMMAND...): exit status and what it said

sub evolu_keys {
    my ($input, @command) = @_;

    my $dir = edge()->{dir};

    edge()->write_file('input', $input, 0600);

    local $ENV{EVOLU_PEPPER} = "p1:$dir/p1";
    local $ENV{EVOLU_REDIS_URL} = "unix:$dir/redis.sock";

    my $command = join(' ', map { "'$_'" } edge_keys(), @command);
    my $out = `$command < $dir/input 2> $dir/keys.err`;

    return ($? >> 8, $out =~ s/\n\z//r, edge()->read_file('keys.err'));
}


sub edge_keys {
    return $ENV{EVOLU_KEYS} // Cases::option('evolu_keys');
}


sub campaign {
    my ($slug, @fields) = @_;

    edge()->redis('DEL', "evolu:campaign:live:$slug");
    edge()->redis('HSET', "evolu:campaign:live:$slug", v => 1, @fields);

    return "Authorization: Bearer evolu_live_${slug}_$FILLER";
}


sub key_of {
    my ($slug, $id, @more) = @_;

    return edge()->field($id // 'k1', "evolu_live_${slug}_$FILLER", @more);
}


sub accepts {
    my ($more) = @_;

    my ($http) = config();

    return edge()->check_nginx("$http$more");
}


# A wrong key, one with a suffix, the right one

sub suffixes {
    gives('401 no', "GET $M/inst-1", 'apikey: token-of-nobody');
    gives('401 no', "GET $M/inst-1", "${KEY}abc");
    gives('200 up', "GET $M/inst-1", $KEY);

    return;
}


sub allowed {
    gives('200 up', "GET $M/inst-1", $KEY);
    up_is('X-Evolu-Instance', 'inst-1');
    up_is('X-Evolu-Livemode', 'true');

    return;
}


sub in_query {
    gives('401 no', "GET $M/inst-1?apikey=$TOK1");
    gives('401 no', "GET $M/inst-1?api_key=$TOK1");

    return;
}


sub in_cookie {
    gives('401 no', "GET $M/inst-1", "Cookie: apikey=$TOK1; api_key=$TOK1");

    return;
}


sub refused {
    gives('401 no', "GET $M/inst-1");
    body_is($BODY);
    answer_is('WWW-Authenticate', qr/\ABearer realm="evolu"\z/);

    return;
}


sub kong {
    my $two = '@more GET /query/x?apikey=';

    return (
        'KON-005' => [sub {
            gives('401 no', '@more GET /realm-off/x', 'apikey:');
            answer_is('WWW-Authenticate', qr/\ABearer\z/);
            gives('401 no', "GET $E", 'apikey:');
            answer_is('WWW-Authenticate', qr/\ABearer realm="evolu"\z/);
        }, 'contract 2: unless it is off the realm is "evolu"'],
        'KON-010' => sub {
            gives('401 no', "$two$WRONG");
            answer_is('WWW-Authenticate', qr/\ABearer /);
        },
        'KON-016' => sub {
            gives('401 no', "POST $M/inst-1",
                  \"{\"apikey\":[\"$TOK1\",\"$TOK1\"]}");
        },
        'KON-017' => sub {
            gives('401 no', "POST $M/inst-1",
                  'Content-Type: application/x-www-form-urlencoded',
                  \"apikey=$TOK1&apikey=$TOK1");
        },
        'KON-020' => \&allowed,
        'KON-026' => sub {
            allowed();
            up_is('X-Evolu-Scope', 'instance');
            up_is('X-Evolu-Key-Id', 'k1');
            up_lacks('X-Evolu-Anonymous', 'X-Evolu-Campaign');
        },
        'KON-028' => sub {
            allowed();
            up_lacks('apikey');
        },
        'KON-041' => sub {
            my ($accepted) = accepts("server { evolu_auth on; location / {\n"
                                     . 'evolu_auth_scope instance; } }');

            check('nginx -t takes it', !$accepted);
        },
        'KON-042' => sub {
            gives('200 up', '@more GET /all-basic/x', "apikey: $A", $BASIC);
        },
        'KON-044' => sub {
            gives('401 no', '@more GET /all-basic/x', $BASIC);
            answer_is('WWW-Authenticate', qr/\ABearer /);
        },
        'KON-045' => sub { gives('401 no', '@more GET /all-basic/x') },
        'KON-047' => sub {
            gives('200 up', '@more GET /any-basic/x', "apikey: $A");
            answer_is('WWW-Authenticate');
        },
        'KON-054' => sub {
            gives('401 no', "$two$WRONG", "apikey: $A",
                  \"apikey=$WRONG");
        },
        'KON-056' => sub {
            gives('401 no', "$two$WRONG", "apikey: $WRONG", \"apikey=$WRONG");
        },
        'KON-057' => sub {
            gives('401 no', "$two$WRONG", "apikey: $WRONG", \"apikey=$A");
        },
        'KON-069' => sub {
            my ($status, $one) = evolu_keys('', qw(create instance kon69));
            my ($again, $two) = evolu_keys('', qw(create instance kon69));

            check("exit status $status, $again", $status == 0 && $again == 0);
            check('no credential', length($one) >= 8 && length($two) >= 8);
            check('they are the same', $one ne $two);
            gives('200 up', "GET $M/kon69", "apikey: $_") for $one, $two;
        },
        'KON-071' => sub {
            my $exp = int(time()) + 2;
            my $auth = campaign('kon71', key_of('kon71', 'k1', "exp=$exp"));

            gives('200 up', "GET $E", $auth);
            until_is(3, 200, 401, "GET $E", $auth);
            check('the record is gone', edge()->redis('EXISTS',
                                        'evolu:campaign:live:kon71'));
        },
        'KON-079' => sub {
            my ($status, $out, $err) = evolu_keys('', 'revoke',
                                                  'instance:inst-1', 'none');

            check("exit status $status", $status == 1);
            check('no message', $err =~ /none/);
        },
        'KON-081' => sub {
            my ($accepted, $said) = accepts('');

            check($said, $accepted);
        },
        'KON-091' => sub { gives('200 up', '@more GET /live/x', $AUTH) },
        'KON-092' => [sub {
            gives('403 no', '@more GET /test/x', $AUTH);
        }, 'contract 2: there are no lists of consumers; done with the mode'],
        'KON-093' => [sub {
            gives('401 no', '@more GET /test/x');
            gives('401 no', '@more GET /test/x',
                  "Authorization: Bearer $WRONG");
        }, 'done with the mode'],
        'KON-095' => ['no', 'contract 6: records have no scopes of routes'],
        'KON-098' => [sub {
            my $auth = campaign('kon98', key_of('kon98'));

            gives('200 up', "GET $E", $auth);
            edge()->redis('HSET', 'evolu:campaign:live:kon98',
                          key_of('kon98', 'k1', 'ip=10.0.0.0/8'));
            until_is(1, 200, 403, "GET $E", $auth);
        }, 'contract 6: no scopes of routes; done with ip='],
    );
}


sub apisix {
    return (
        'API-003' => sub {
            allowed();
            gives('401 no', "GET $M/inst-2", $KEY);
            check('the key is in the log',
                  edge()->read_file('error.log') !~ /\Q$TOK1/);
        },
        'API-004' => sub {
            gives('401 no', "GET $M/inst-1", 'apikey: token-123');
            body_is($BODY);
        },
        'API-012' => sub {
            gives('200 up', "GET $M/inst-1", 'X-One: 1', $KEY, 'test: auth-two',
                  'X-Two: 2');
            up_lacks('apikey');
            up_is('test', 'auth-two');
            up_is('X-One', '1');
            up_is('X-Two', '2');
        },
        'API-018' => ['suite', 't/003-key-file.t: global keys and peppers are '
                      . 'in files, read at start and reload'],
        'API-025' => sub {
            gives('401 no', '@more GET /optional/x', "apikey: $WRONG");
        },
        'API-027' => sub {
            gives('401 no', '@more GET /optional/x?auth=INVALID',
                  "apikey: $WRONG");
            gives('200 up', '@more GET /optional/x');
            up_lacks('apikey', 'Authorization', 'X-Evolu-Scope');
        },
        'API-028' => \&refused,
        'API-030' => sub {
            for my $key ('X-None: 1', 'apikey:', "apikey: $WRONG",
                         'apikey: short', "Authorization: Bearer $WRONG")
            {
                gives('401 no', "GET $E", $key);
                answer_is('WWW-Authenticate', qr/\ABearer realm="evolu"\z/);
            }
        },
        'API-032' => \&allowed,
        'API-038' => sub {
            my $other = 'evolu_live_api38_OtherSecret0123456789';
            my $auth = campaign('api38', key_of('api38', 'one'),
                                edge()->field('two', $other));

            gives('200 up', "GET $E", $auth);
            edge()->redis('HDEL', 'evolu:campaign:live:api38', 'key.one');
            until_is(1, 200, 401, "GET $E", $auth);
            gives('200 up', "GET $E", "Authorization: Bearer $other");
        },
        'API-041' => sub {
            my @got = map { my ($bytes, $server) =
                            Cases::bytes_of('@more GET /limited/x', $AUTH);
                            edge()->ask($server, $bytes)->{status} } 1 .. 4;

            check("@got", "@got" eq '200 200 429 429');
        },
        'API-042' => ['no', 'contract 2: limits are limit_req, by '
                      . '$evolu_key_id: rates are of the configuration'],
        'API-045' => ['suite', 't/062-outage.t: never there, and then it is'],
        'API-053' => sub {
            gives('200 up', '@integrators POST /v1/entries', $AUTH, \'{}');
            gives('200 up', '@integrators GET /v1/webhook', $AUTH);
            gives('403 no', '@integrators GET /v1/entries', $AUTH);
        },
        'API-058' => sub {
            gives('401 no', '@more GET /any-basic/x', $BAD_BASIC);
            my $basic = gives('401 no', '@more GET /any-basic/x',
                              'apikey: bad-bad-bad');

            body_is($BODY) if $basic->{body} =~ /detail/;
        },
        'API-061' => ['suite', 't/070-reload.t: meanings: another prefix or '
                      . 'pepper starts anew'],
    );
}


sub envoy {
    return (
        'ENV-004' => \&in_query,
        'ENV-006' => \&in_cookie,
        'ENV-008' => \&in_cookie,
        'ENV-009' => sub {
            gives('401 no', "GET $M/inst-1?apikey=$TOK1",
                  'apikey: token-of-nobody', "Cookie: apikey=$TOK1");
        },
        'ENV-012' => sub {
            gives('401 no', "GET $M/inst-1?apikey=$TOK1",
                  "Cookie: apikey=$TOK1");
        },
        'ENV-018' => sub {
            gives('200 up', '@more GET /custom/x', "X-MyAuth: $A");
            gives('401 no', '@more GET /custom/x', "apikey: $A");
            gives('401 no', '@more GET /custom/x', "X-MyAuth: $WRONG");
        },
        'ENV-020' => sub {
            my ($accepted, $said) =
                accepts('server { evolu_auth_key_sources; }');

            check('nginx -t takes it', !$accepted);
        },
        'ENV-023' => sub {
            gives('200 up', "\@plain GET $E", $AUTH);
            up_is('X-Evolu-Instance', 'camp-a');
            up_is('Authorization', "Bearer $A");
        },
        'ENV-034' => sub {
            my ($accepted, $said) = accepts('');

            check($said, $accepted);
        },
        'ENV-038' => sub {
            gives('401 no', "GET $M/inst-1", 'apikey: token-of-nobody');

            my ($got) = h2(H2::get("$M/inst-1",
                                   ['apikey', 'token-of-nobody']));

            check('HTTP/2: ' . ($got->{status} // 'nothing'),
                  ($got->{status} // 0) == 401);
        },
    );
}


sub tyk {
    return (
        'TYK-001' => \&suffixes,
        'TYK-003' => \&suffixes,
        'TYK-010' => ['suite', 't/062-outage.t: killed, and back'],
        'TYK-016' => \&refused,
        'TYK-018' => sub {
            gives('200 up', "GET $E", "Authorization: bearer $A");
        },
        'TYK-020' => sub {
            gives('401 no', "GET $E", "Authorization: Bearer: $A");
        },
        'TYK-029' => ['suite', 't/070-reload.t: meanings: another pepper'],
        'TYK-034' => sub {
            my $auth = campaign('tyk34', key_of('tyk34'));

            gives('200 up', "GET $E", $auth);
            edge()->redis('HSET', 'evolu:campaign:live:tyk34', 'status',
                          'disabled');
            until_is(1, 200, 401, "GET $E", $auth);
            gives('401 no', "GET $E", $auth);
            body_is($BODY);
            check('no reason in the log', edge()->read_file('error.log')
                  =~ /denied reason=disabled/);
        },
        'TYK-038' => sub {
            gives('200 up', '@more GET /custom/x', "x-myauth: $A");
            up_lacks('x-myauth');
        },
        'TYK-041' => sub {
            my $auth = campaign('tyk41', key_of('tyk41', 'k1',
                                'ip=127.0.0.1,127.0.0.0/24'));

            gives('200 up', "\@realip GET $E", $auth, "X-Forwarded-For: $_")
                for '127.0.0.1', '127.0.0.2';
        },
        'TYK-042' => sub {
            my $auth = campaign('tyk42', key_of('tyk42', 'k1',
                                'ip=127.0.0.1,127.0.0.0/24'));

            gives('403 no', "\@realip GET $E", $auth,
                  'X-Forwarded-For: 10.0.0.1');
        },
        'TYK-045' => sub {
            gives('200 up', '@more GET /any-basic/x', 'apikey: bad-bad-bad',
                  $BASIC);
        },
        'TYK-047' => sub {
            gives('401 no', '@more GET /any-basic/x', 'apikey: bad-bad-bad',
                  $BAD_BASIC);
        },
        'TYK-050' => sub {
            gives('200 up', "GET $M/inst-1", $KEY, $BAD_BASIC);
            gives('200 up', "\@preset GET $M/inst-1", $KEY, $BAD_BASIC);
        },
    );
}


sub unkey {
    return (
        'UNK-007' => sub {
            gives('401 no', "GET $E", "Authorization: ApiKey $A");
            gives('401 no', "GET $M/inst-1", "Authorization: ApiKey $TOK1");
        },
        'UNK-008' => \&in_query,
        'UNK-009' => \&in_query,
        'UNK-010' => sub {
            gives('200 up', "GET $M/inst-1?apikey=other-key", $KEY);
        },
        'UNK-012' => [sub {
            gives('200 up', "GET $M/inst-1", $KEY, 'X-Evolu-Campaign: x',
                  'X-Evolu-Key-Id: x');
            up_lacks('X-Evolu-Campaign');
            up_is('X-Evolu-Key-Id', 'k1');
        }, 'contract 4: the five names and those of evolu_auth_header, not '
         . 'the whole prefix'],
        'UNK-017' => sub {
            gives('200 up', "GET $E", $AUTH);
            up_is('X-Evolu-Scope', 'campaign');
        },
        'UNK-018' => sub {
            gives('200 up', "GET $E", $AUTH);
            up_is('X-Evolu-Instance', 'camp-a');
            up_is('X-Evolu-Campaign', 'aB3dE6gH');
        },
        'UNK-025' => sub {
            edge()->redis('HSET', 'other:campaign:live:unk25', 'v', 1,
                          key_of('unk25'));
            gives('401 no', "GET $E",
                  "Authorization: Bearer evolu_live_unk25_$FILLER");
        },
        'UNK-033' => sub {
            my $auth = campaign('unk33', key_of('unk33', 'k1',
                                                'status=disabled'));

            gives('401 no', "GET $E", $auth);
            check('no reason in the log', edge()->read_file('error.log')
                  =~ /denied reason=disabled/);
        },
        'UNK-037' => ['no', 'contract 6: records have no scopes of routes'],
        'UNK-042' => sub {
            gives('401 no', "GET $E", 'Authorization: InvalidFormat');
            body_is($BODY);
        },
        'UNK-044' => sub {
            gives('401 no', "GET $E", 'Authorization: Bearer invalid_token');
            body_is($BODY);
        },
        'UNK-045' => sub {
            my $key = "evolu_live_unk45_$FILLER";
            my $auth = campaign('unk45', 'key.k1',
                                'hash=' . edge()->hash_of($key, 'sha256'),
                                'key.k2', 'hash='
                                . edge()->hash_of($key, 'sha256-secret'));

            gives('200 up', "GET $E", $auth);
            edge()->redis('HDEL', 'evolu:campaign:live:unk45', 'key.k1');
            sleep(0.1);
            gives('200 up', "GET $E", $auth);
            up_is('X-Evolu-Key-Id', 'k2');
        },
        'UNK-047' => sub {
            my $auth = campaign('unk47', key_of('unk47'));
            my $reads = reads(sub { gives('200 up', "GET $E", $auth) });

            check("$reads reads", $reads == 1);
        },
        'UNK-050' => ['suite', 't/060-cache.t: lives: read again before it is '
                      . 'used'],
        'UNK-053' => sub {
            my $reads = reads(sub {
                gives('401 no', "GET $M/cold-unk53", 'apikey:');
            });

            check("$reads reads", $reads == 0);
        },
    );
}


sub nginx {
    return (
        'NGX-010' => sub { gives('200 up', '@more GET /any-allow/x', $AUTH) },
        'NGX-015' => sub {
            gives('403 no', '@more GET /any-scope/x', 'apikey: some-token');
        },
        'NGX-018' => sub {
            gives('401 no', '@more GET /any-basic-scope/x',
                  'apikey: some-token');
        },
        'NGX-019' => ['suite', 't/022-satisfy.t: nor is 503 (contract 5: 503 '
                      . 'lets no other module grant)'],
        'NGX-022' => ['suite', 't/062-outage.t: killed: 503'],
        'NGX-023' => sub { gives('200 up', '@more GET /off/x') },
        'NGX-027' => ['suite', 't/023-auth-request.t; its challenge: '
                      . 't/020-refusal-bodies.t'],
        'NGX-028' => sub {
            gives('200 up', '@more GET /vars/ngx28', $AUTH);
            gives('401 no', '@more GET /vars/ngx28');
        },
        'NGX-034' => ['suite', 't/050-internal-redirect.t: the credential was '
                      . 'hidden, and is known still'],
        'NGX-036' => sub { gives('403 no', '@more GET /deny/x', $AUTH) },
        'NGX-039' => sub {
            my $n = 0;

            for my $hash ('hmac-sha256/p1:abcd', 'hmac-sha256/p1:' . 'z' x 64,
                          'sha256:' . 'a' x 66, 'hmac-sha256/p1:', 'sha256')
            {
                my $slug = 'ngx39-' . $n++;

                gives('401 no', "GET $E",
                      campaign($slug, 'key.k1', "hash=$hash"));
            }
        },
        'NGX-040' => sub {
            gives('401 no', "GET $E",
                  campaign('ngx40', 'key.k1', 'hash=sha256:' . 'ab' x 20));
        },
        'NGX-045' => sub {
            my $start = time();

            gives('200 up', '@more GET /delay/x', $AUTH);
            check('it was delayed', time() - $start < 1.5);
        },
        'NGX-050' => sub {
            gives('400 no', "GET $M/inst-1", ": $TOK1");
            gives('400 no', "GET $M/inst-1", $KEY, ': x');
        },
        'NGX-053' => sub {
            gives('400 no', "GET $E", $AUTH, $AUTH);
        },
        'NGX-056' => sub {
            my ($bytes, $server) = Cases::bytes_of('@more GET /mirrored/x',
                                                   $AUTH);
            my $answer = edge()->ask($server, $bytes);

            sleep(0.2);

            my @reached = edge()->seen();

            check("answered $answer->{status}", $answer->{status} == 200);
            check(@reached . ' requests', @reached == 2);
            check('the credential is mirrored',
                  !grep { Edge::header($_, 'Authorization') } @reached);
        },
        'NGX-059' => sub {
            my $auth = campaign('ngx59', key_of('ngx59', 'k1',
                                                'ip=10.0.0.0/8'));

            gives('200 up', "\@realip GET $E", $auth,
                  'X-Forwarded-For: 198.51.100.1, 10.0.0.1, 192.0.2.9');
            gives('403 no', "\@realip GET $E", $auth,
                  'X-Forwarded-For: 10.0.0.1, 198.51.100.1, 192.0.2.9');
        },
        'NGX-061' => [sub {
            gives('200 up', '@more GET /report/x', "apikey: $WRONG",
                  'X-Evolu-Scope: global');
            up_lacks('X-Evolu-Scope', 'X-Evolu-Instance');
            check('no line in the log', edge()->read_file('error.log')
                  =~ /would deny reason=bad_secret/);
        }, 'contract 2: report; the result is "denied", the line "would deny"'],
        'NGX-062' => sub {
            gives('200 up', '@more GET /report/x');
            gives('401 no', '@more GET /live/x');
        },
    );
}


sub lua {
    return (
        'LUA-002' => sub {
            gives('403 no', '@more GET /any-scope/x', 'apikey: some-token');
        },
        'LUA-003' => sub { gives('200 up', '@more GET /any-deny/x', $AUTH) },
        'LUA-015' => \&allowed,
        'LUA-016' => sub {
            gives('401 no', '@more GET /error-page/x');
            body_is(qr/\Aa page/);
            answer_is('WWW-Authenticate', qr/\ABearer /);
        },
        'LUA-019' => ['suite', 't/065-abort.t: leave'],
        'LUA-021' => sub {
            my $reads = reads(sub {
                gives('401 no', "GET $M/cold-lua21", 'apikey: some-token');
            });

            check("$reads reads", $reads == 1);
        },
        'LUA-028' => sub {
            for my $n (17 .. 24, 38 .. 43) {
                gives('200 up', "GET $M/inst-1", 'X-Evolu-Instance: first',
                      (map { "X-H$_: $_" } 1 .. $n), $KEY,
                      'X-Evolu-Key-Id: last');
                up_is('X-Evolu-Instance', 'inst-1');
                up_is('X-Evolu-Key-Id', 'k1');
                up_lacks('apikey');
                up_is("X-H$_", $_) for 1 .. $n;
            }
        },
        'MLC-004' => ['no', 'contract 2: nothing is kept for ever'],
        'MLC-008' => ['suite', 't/064-single-flight.t: late'],
        'MLC-012' => sub {
            my $auth = "Authorization: Bearer evolu_live_mlc12_$FILLER";

            gives('401 no', "GET $E", $auth);
            campaign('mlc12', key_of('mlc12'));
            until_is(1, 401, 200, "GET $E", $auth);
        },
    );
}


sub modules {
    return (
        'MOD-001' => \&refused,
        'MOD-002' => [sub {
            gives('401 no', "GET $E", "Authorization: Bearer $WRONG");
            answer_is('WWW-Authenticate', qr/\ABearer realm="evolu"\z/);
        }, 'contract 5: all 401 are the same bytes, so no error= in any'],
        'MOD-006' => sub { gives('200 up', '@more GET /off/x') },
        'MOD-009' => [sub {
            gives('200 up', '@more GET /limited/x', "Authorization: Bearer $B");
        }, 'contract 3: identity is there for limit_req'],
        'MOD-011' => sub {
            my $past = int(time()) - 10;

            gives('200 up', "GET $E", campaign('mod11', key_of('mod11')));
            gives('401 no', "GET $E",
                  campaign('mod11x', key_of('mod11x', 'k1', "exp=$past")));
        },
        'MOD-015' => ['suite', 't/021-error-page.t: one challenge, even if the '
                      . 'page adds one'],
        'MOD-019' => [sub { gives('200 up', '@more GET /off/x') },
                      'without TLS'],
        'MOD-020' => sub {
            gives('401 no', "GET $E", "Authorization: $A");
        },
        'MOD-025' => sub {
            gives('200 up', '@more GET /off/x');
            answer_is('X-Seen', qr/\A\[\]\z/);
        },
        'NIC-003' => sub {
            gives('404 no', '@integrators GET /v1/nothing', $AUTH);
        },
        'NIC-009' => \&in_query,
        'NIC-010' => sub {
            gives('401 no', "GET $E");
            gives('401 no', "GET $E", "Authorization: Bearer $WRONG");
            gives('200 up', "GET $E", $AUTH);
        },
    );
}


sub others {
    return (
        'EGW-004' => sub {
            gives('200 up', "GET $E", "Authorization: BEARER $A");
        },
        'EGW-008' => sub {
            gives('401 no', '@more GET /query-only/x', "apikey: $A");
            gives('200 up', "\@more GET /query-only/x?key=$A");
        },
        'AUT-003' => \&allowed,
        'AUT-006' => ['suite', 't/062-outage.t: never there'],
        'EVO-008' => ['suite', 't/062-outage.t: killed: 503'],
        'EVO-012' => [sub {
            my @upgrade = ('Connection: Upgrade', 'Upgrade: websocket');

            gives('401|403 no', "\@preset GET /socket.io/?apikey=$TOK1"
                  . '&stub=upgrade', @upgrade);
            gives('101 up', '@preset GET /socket.io/?stub=upgrade',
                  "apikey: $GKEY", @upgrade);
        }, 'issue 3, 1: the global key, by default'],
        'EVL-002' => sub {
            gives('200 up', "\@integrators POST $E",
                  "Authorization: Bearer $A_TEST", \'{}');
            up_is('X-Evolu-Livemode', 'false');
        },
        'EVL-009' => sub {
            my $exp = int(time()) - 1;

            gives('401 no', "\@integrators POST $E",
                  campaign('evl9', key_of('evl9', 'k1', "exp=$exp")), \'{}');
        },
        'EVL-011' => sub {
            gives('200 up', "GET $E", "Authorization: Bearer $B");

            my $auth = campaign('evl11', key_of('evl11'));
            my $reads = reads(sub {
                for my $n (1 .. 20) {
                    edge()->redis('HSET', 'evolu:campaign:live:evl11',
                                  edge()->field("k$n", "evolu_live_evl11_$n"
                                                . 'Secret0123456789'));
                    gives('200 up', "GET $E", "Authorization: Bearer $B");
                }
            });

            check("$reads reads", $reads == 0);
        },
        'EVL-012' => sub {
            gives('200 up', "GET $E", "Authorization: Bearer $A_TEST",
                  'X-Evolu-Livemode: true', 'X-Evolu-Instance: x');
            up_is('X-Evolu-Livemode', 'false');
            up_is('X-Evolu-Instance', 'camp-a');
        },
    );
}

1;
