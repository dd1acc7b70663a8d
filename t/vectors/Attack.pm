package Attack;

# Copyright (C) Evolu Auth Authors
#
# Executable checks for rows of attack-cases*.tsv; see Cases.pm.

use strict;
use warnings;

use IO::Select;
use IO::Socket::UNIX;

use Cases;
use Edge;
use H2;

my $WRONG = 'evolu_live_aB3dE6gH_WrongSecret012345678';
my $FILLER = 'Secret0123456789abcdef';


# A socket of the edge for which somebody wrote half a request

sub half {
    my ($server, $text) = @_;

    my $client = edge()->dial($server);

    syswrite($client, $text);

    return $client;
}


sub rss {
    open(my $fh, '<', '/proc/' . edge()->{nginx_pid} . '/status') or return 0;

    my ($size) = map { /^VmRSS:\s*(\d+)/ ? $1 : () } <$fh>;

    return $size // 0;
}


sub set_campaign {
    my ($slug, @fields) = @_;

    edge()->redis('DEL', "evolu:campaign:live:$slug");
    edge()->redis('HSET', "evolu:campaign:live:$slug", @fields);

    return;
}


sub bearer {
    my ($slug) = @_;

    return "Authorization: Bearer evolu_live_${slug}_$FILLER";
}


sub key_of {
    my ($slug, $id, @more) = @_;

    return edge()->field($id // 'k1', "evolu_live_${slug}_$FILLER", @more);
}


sub table {
    return { extraction(), duplicates(), grammar(), scope(), paths(),
             queries(), spoofing(), http2(), smuggling(), methods(), flows(),
             records(), elsewhere() };
}


sub extraction {
    my $slug = $A =~ s/aB3dE6gH/Ab3De6Gh/r;

    return (
        'HX-005' => sub {
            gives('200 up', "GET $M/inst-1", "$_: $TOK1")
                for qw(APIKEY ApiKey aPiKeY);
        },
        'HX-006' => sub {
            gives('200 up', "GET $E", "authorization: bearer $A");
        },
        'HX-009' => sub {
            gives('400|401 no', "GET $E", "Authorization: Bearer\t$A");
        },
        'HX-017' => sub {
            gives('401 no', "GET $M/inst-1", 'apikey: token-of -inst-1');
        },
        'HX-019' => sub {
            gives('400|401 no', "GET $M/inst-1", "apikey: $TOK1, $TOK2");
        },
        'HX-020' => sub {
            gives('400|401 no', "GET $M/inst-1", "apikey: WRONG, $TOK1");
        },
        'HX-022' => sub {
            gives('400|401 no', "GET $E", "Authorization: Bearer $A,realm=x");
        },
        'HX-023' => sub {
            gives('401 no', "GET $E", 'Authorization: Basic YTpi');
            answer_is('WWW-Authenticate', qr/\ABearer realm="evolu"\z/);
        },
        'HX-024' => sub {
            gives('401 no', "GET $E", "Authorization: Token $A");
        },
        'HX-025' => sub {
            gives('401 no', "GET $E", 'Authorization: Digest username=x');
        },
        'HX-031' => sub {
            gives('400 no', "GET $M/inst-1", "apikey: token-of\0-inst-1");
        },
        'HX-042' => sub {
            gives('401 no', "GET $M/inst-1", "Cookie: apikey=$TOK1");
        },
        'HX-044' => sub {
            my $start = time();

            gives('401 no', "POST $M/inst-1", \"{\"apikey\":\"$TOK1\"}");
            gives('401 no', "POST $M/inst-1", 'Content-Length: 100000',
                  "+Content-Type: application/json\r\n");
            check('it waited for the body', time() - $start < 4);
        },
        'HX-045' => sub {
            gives('401 no', "GET $E",
                  'Authorization: Bearer ' . $A =~ s/_/%5F/gr);
        },
        'HX-048' => sub {
            gives('401 no', "GET $E", "Authorization: Bearer $slug");
        },
    );
}


sub duplicates {
    return (
        'HD-001' => sub {
            gives('400 no', "GET $E", "Authorization: Bearer $A",
                  "Authorization: Bearer $A");
        },
        'HD-006' => sub {
            gives('400|401 no', "GET $M/inst-1", "apikey: $TOK1",
                  "ApiKey: $TOK2");
        },
        'HD-007' => sub {
            gives('400|401 no', "GET $M/inst-1", 'apikey:', "apikey: $TOK1");
        },
        'HD-008' => [sub {
            gives('401 no', "GET $M/inst-1", "apikey: $TOK1",
                  "Authorization: Bearer $B");
        }, 'contract 5: duplicate is 401'],
    );
}


sub grammar {
    return (
        'KG-002' => [sub {
            gives('401 no', "GET $M/inst-1", 'apikey: ' . 'k' x 513);

            my $reads = reads(sub {
                gives('401 no', "GET $M/cold-kg-002", 'apikey: ' . 'k' x 4097);
            });

            check("$reads reads", $reads == 0);
        }, 'contract 1: up to 4096 bytes; over that nothing is read'],
        'KG-004' => sub {
            my $reads = reads(sub {
                gives('401 no', "\@big GET $M/cold-kg-004",
                      'apikey: ' . 'k' x 65536);
            });

            check("$reads reads", $reads == 0);
        },
        'KG-017' => sub {
            gives('401 no', "GET $E", 'Authorization: Bearer '
                  . $A =~ s/Live(S)/Mive$1/r);
        },
        'KG-021' => sub {
            my $reads = reads(sub {
                gives('401 no', "GET $E", bearer('a' x 65));
            });

            check("$reads reads", $reads == 0);
        },
        'KG-022' => sub {
            gives('401 no', "GET $E", bearer($_)) for qw(epoch beacon);
        },
        'KG-024' => ['no', 'contract 1: keys have no checksum'],
    );
}


sub scope {
    my $cidr = 'Authorization: Bearer evolu_live_cidr_CidrSecret0123456789';

    return (
        'TS-001' => sub {
            same(gives('401 no', "GET $M/inst-1", "apikey: $TOK2"),
                 gives('401 no', "GET $M/inst-1", 'apikey: token-of-nobody'),
                 gives('401 no', "GET $M/nobody", "apikey: $TOK2"));
        },
        'TS-007' => sub {
            for my $name (qw(shared-1 shared-2 shared-1)) {
                gives('200 up', "GET $M/$name", "apikey: $SHARED");
                up_is('X-Evolu-Instance', $name);
            }

            gives('401 no', "GET $M/inst-1", "apikey: $SHARED");
        },
        'TS-011' => [sub {
            gives('401 no', "GET $M/inst-1", "Authorization: Bearer $A");
            gives('401|403 no', "\@preset GET $M/inst-1", "apikey: $A");
        }, 'in the preset as apikey, the only source there'],
        'TS-013' => ['no', 'contract 6: records have no scopes of routes'],
        'TS-016' => sub {
            gives('200 up', "\@realip GET $E", $cidr,
                  'X-Forwarded-For: ::ffff:10.1.1.1');
            gives('403 no', "\@realip GET $E", $cidr,
                  'X-Forwarded-For: ::ffff:11.1.1.1');
        },
        'TS-018' => sub {
            gives('200 up', "\@realip GET $E", $cidr,
                  'X-Forwarded-For: 10.1.1.1');
            gives('403 no', "\@realip GET $E", $cidr,
                  'X-Forwarded-For: 11.1.1.1');
        },
        'TS-019' => sub {
            gives('403 no', "GET $E", $cidr);
        },
    );
}


sub paths {
    my $key = "apikey: $TOK1";
    my %bad = (
        'PN-002' => "$M/inst-1/../inst-2",
        'PN-003' => "$M/inst-2/../inst-1",
        'PN-004' => "$M/%2e%2e/sendText/inst-2",
        'PN-005' => "$M/inst-1%2f..%2f..%2fsendText%2finst-2",
        'PN-021' => "$M/inst-1%00",
        'PN-022' => "$M/inst-1%00/inst-2",
        'PN-024' => "$M/inst-1%zz",
        'PN-025' => "$M/inst-1%2",
        'PN-032' => "$M/inst-1 /x",
    );
    my %cases;

    for my $id (keys %bad) {
        $cases{$id} = sub {
            gives('400 no', "GET $bad{$id}", $key);
            gives('400 no', "\@preset GET $bad{$id}", $key);
        };
    }

    return (
        %cases,
        'PN-010' => sub {
            for my $server ('', '@preset ') {
                gives('200 up', "${server}GET $M/inst-1/", $key);
                up_is('X-Evolu-Instance', 'inst-1');
            }
        },
        'PN-016' => sub {
            gives('200 up', "GET $M/%69nst-1", $key);
            up_is('X-Evolu-Instance', 'inst-1');
        },
        'PN-017' => sub {
            gives('400|401 no', "GET $M/%69nst-2", $key);
        },
        'PN-036' => sub {
            my $cafe = 'apikey: token-of-the-cafe';

            gives('200 up', "GET $M/caf%C3%A9", $cafe);
            gives('400|401 no', "GET $M/cafe%CC%81", $cafe);
        },
        'PN-037' => sub {
            my $reads = reads(sub {
                gives('400|401 no', "GET $M/" . 'n' x $_, $key)
                    for 256, 4000;
            });

            check("$reads reads", $reads == 0);
        },
        'PN-039' => sub {
            gives('401|404 no', "GET $M/inst-1/extra", $key);
            gives('401|404 no', "\@preset GET $M/inst-1/extra", $key);
        },
        'PN-040' => sub {
            for my $name (qw(__proto__ constructor toString)) {
                gives('200 up', "\@preset GET $M/$name", "apikey: $GKEY");
                body_is(qr{\Aupstream \Q$M/$name\E$}m);
                gives('401 no', "\@preset GET $M/$name", $key);
            }
        },
        'PN-045' => sub {
            gives('200 up', "\@hosts GET http://b$M/inst-1", 'Host: a');
            up_lacks('X-Evolu-Scope', 'X-Evolu-Instance');
            gives('401 no', "\@hosts GET http://a$M/inst-1", 'Host: b');
            gives('401 no', "\@hosts GET $M/inst-1", 'Host: a');
        },
        'PN-046' => sub {
            gives('400|401 no', "GET http://x\@edge$M/inst-1");
            gives('400|401 no', "GET http://x\@edge$M/inst-2", $key);
        },
        'PN-049' => sub {
            gives('400 no', "GET $M/inst-1", "Host: $_", $key)
                for 'a b', "a\x01";
        },
        'PN-052' => sub {
            for my $server (qw(c0 preset)) {
                my $answer = edge()->ask($server, "GET $M/inst-1\r\n");
                my @reached = edge()->seen();

                check('it reached the upstream', @reached == 0);
                check("answered $answer->{raw}",
                      $answer->{raw} !~ /upstream/);
            }
        },
    );
}


sub queries {
    my $key = "apikey: $TOK1";
    my $find = 'GET /chat/findMessages/inst-1';
    my $both = sub {
        my ($want, $query) = @_;

        for my $server ('', '@preset ') {
            gives($want, "$server$find?$query", $key);
            up_is('X-Evolu-Instance', 'inst-1') if $want =~ /up/;
            body_is(qr{\Aupstream \Q/chat/findMessages/inst-1?$query\E$}m)
                if $want =~ /up/;
        }
    };

    return (
        'QO-002' => sub { $both->('403 no', 'instanceName=inst-1') },
        'QO-003' => sub {
            $both->('400|403 no', 'instanceName=inst-1&instanceName=inst-2');
        },
        'QO-008' => sub { $both->('400|403 no', 'instance%4eame=inst-2') },
        'QO-010' => sub { $both->('200 up', 'INSTANCENAME=inst-2') },
        'QO-011' => sub { $both->('200 up', 'a=1;instanceName=inst-2') },
        'QO-012' => sub { $both->('400|403 no', 'instanceId=some-id') },
    );
}


sub spoofing {
    my $key = "apikey: $TOK1";
    my @five = map { "X-Evolu-$_" } qw(Scope Instance Campaign Livemode Key-Id);

    return (
        'SI-002' => sub {
            gives('200 up', "GET $M/inst-1", $key,
                  map { "X-Evolu-Instance: $_" } qw(inst-1 inst-2 x));
            up_is('X-Evolu-Instance', 'inst-1');
        },
        'SI-006' => sub {
            gives('200 up', "\@under GET $M/inst-1", $key,
                  'X-Evolu_Instance: inst-2', 'X_Evolu-Instance: inst-2');
            up_is('X-Evolu-Instance', 'inst-1');

            gives('200 up', "\@under GET $M/inst-1", $key,
                  'X_Evolu_Campaign: x', 'X-Evolu_Campaign: x');
            up_lacks('X-Evolu-Campaign');
        },
        'SI-012' => sub {
            gives('200 up', '@more GET /any-allow/x',
                  map { "$_: inst-2" } @five);
            up_lacks(@five);
        },
        'SI-013' => sub {
            gives('401 no', '@more GET /off-any-basic/x');
        },
        'SI-015' => sub {
            gives('200 up', "\@noreq GET $M/inst-1", $key,
                  'X-Evolu-Instance: inst-2');
            up_lacks(@five);
        },
        'SI-016' => \&uwsgi,
        'SI-022' => sub {
            gives('400 no', "\@connection GET $E",
                  "Authorization: Bearer $A_TEST",
                  'Connection: X-Evolu-Livemode');
        },
        'SI-023' => sub {
            gives('400 no', "\@connection GET $M/inst-1", $key,
                  'Connection: keep-alive, x-evolu-instance',
                  'Connection: x-evolu-livemode');
        },
        'SI-026' => sub {
            gives('200 up', "GET $M/inst-1", $key);
            up_lacks('apikey', 'Authorization');
            gives('200 up', "GET $E", "Authorization: Bearer $A");
            up_lacks('apikey', 'Authorization');
        },
        'SI-027' => sub {
            for my $server (qw(plain preset)) {
                gives('200 up', "\@$server GET $M/inst-1", $key);
                up_is('apikey', $TOK1);
            }
        },
        'SI-029' => [sub {
            gives('200 up', '@more GET /hidden/x?stub=identity',
                  "Authorization: Bearer $A");
            answer_is('X-Evolu-Instance');
            body_is(qr/^for camp-a$/m);
        }, 'answers are the upstream\'s own: proxy_hide_header hides it'],
    );
}


# What a program behind uwsgi_pass sees is one variable a header.

sub uwsgi {
    my $path = edge()->{dir} . '/uwsgi.sock';

    unlink($path);

    my $listen = IO::Socket::UNIX->new(Local => $path, Listen => 1)
        or die "listen: $!";

    chmod(0777, $path);

    my ($bytes) = Cases::bytes_of('GET /uwsgi/x', "Authorization: Bearer $A",
                                  'X-Evolu-Instance: x', 'X_Evolu_Instance: x');
    my $client = half('more', $bytes);

    check('nginx does not connect', IO::Select->new($listen)->can_read(5));

    my $server = $listen->accept();
    my $packet = '';

    while (length($packet) < 4
           || length($packet) < 4 + unpack('x v', $packet))
    {
        last if !sysread($server, $packet, 65536, length($packet));
    }

    syswrite($server, "HTTP/1.1 200 OK\r\n\r\nok");
    close($server);
    edge()->read_answer($client, 5);

    my %vars = unpack('x4 (v/a v/a)*', $packet);
    my $count = () = $packet =~ /HTTP_X_EVOLU_INSTANCE/g;

    check("it is there $count times", $count == 1);
    check('its value is ' . ($vars{HTTP_X_EVOLU_INSTANCE} // '-'),
          ($vars{HTTP_X_EVOLU_INSTANCE} // '') eq 'camp-a');

    return;
}


sub http2 {
    my $key = ['apikey', $TOK1];

    return (
        'H2-002' => sub {
            my ($got) = h2(H2::get("$M/inst-1", $key,
                                   ['connection', 'x-evolu-instance']));

            if (($got->{status} // 0) == 200) {
                up_is('X-Evolu-Instance', 'inst-1');

            } else {
                rejected($got);
            }
        },
        'H2-006' => sub {
            rejected(h2([[':method', 'GET'], [':scheme', 'http'],
                         [':path', "$M/inst-1"], [':path', "$M/inst-2"],
                         [':authority', 'edge'], $key]));
        },
        'H2-008' => sub {
            rejected(h2(H2::get("$M/inst-1", ['apikey', "$TOK1$_"])))
                for "\r", "\n", "\0", "\r\nx: y";
        },
        'H2-011' => sub {
            my @got = h2(H2::get("$M/inst-1", ['host', 'b'], $key),
                         H2::get("$M/inst-1", ['host', 'b']));

            check("with a key: $got[0]{status}",
                  ($got[0]{status} // 0) =~ /\A(?:200|400)\z/);
            check("without a key: $got[1]{status}",
                  ($got[1]{status} // 0) =~ /\A(?:401|400)\z/);
        },
        'H2-013' => sub {
            set_campaign('h2cold', v => 1, key_of('h2cold'));

            my $reads = reads(sub {
                my @got = h2(map { H2::get($E, ['authorization', 'Bearer '
                                 . "evolu_live_h2cold_$FILLER"]) } 1 .. 100);
                my $good = grep { ($_->{status} // 0) == 200 } @got;

                check("$good of 100 are answered", $good == 100);
            });

            check("$reads reads", $reads == 1);
        },
        'H2-016' => sub {
            rejected(h2([[':method', 'GET'], [':scheme', 'http'],
                         [':path', "$M/inst-1"], [':authority', 'edge'],
                         [':evolu', 'x'], $key]));
        },
    );
}


sub rejected {
    my ($got) = @_;

    my @reached = edge()->seen();

    check('answered ' . ($got->{status} // 'nothing'),
          $got->{reset} || ($got->{status} // 0) == 400);

    return;
}


sub smuggling {
    my $auth = "Authorization: Bearer $A";

    return (
        'SM-002' => sub {
            gives('400 no', "POST $E", $auth, 'Content-Length: 5',
                  'Content-Length: 6', \'hello');
        },
        'SM-006' => sub {
            gives('400 no', "POST $E", $auth, "Content-Length: $_", \'hello')
                for '+5', '0x5', '5,5', '-1', '18446744073709551617';
        },
        'SM-013' => sub {
            for my $n (1 .. 10) {
                my $client = half('more', "POST /keep/a$n HTTP/1.1\r\nHost: a"
                                  . "\r\n$auth\r\nContent-Length: 500\r\n\r\n"
                                  . "GET /keep/hidden HTTP/1.1\r\n");

                sleep(0.02);
                close($client);

                gives('200 up', "\@more GET /keep/b$n", $auth);
                body_is(qr{\Aupstream /keep/b$n\n\z});
            }
        },
        'SM-016' => sub {
            gives('200 up', '@preset GET /socket.io/?EIO=4', "apikey: $GKEY",
                  'Connection: Upgrade', 'Upgrade: websocket');
            body_is(qr{\Aupstream /socket\.io/});
            gives('101 up', '@preset GET /socket.io/?stub=upgrade',
                  "apikey: $GKEY", 'Connection: Upgrade',
                  'Upgrade: websocket');
        },
    );
}


sub methods {
    my $auth = "Authorization: Bearer $A";
    my @upgrade = ('Connection: Upgrade', 'Upgrade: websocket',
                   'Sec-WebSocket-Version: 13', 'Sec-WebSocket-Key: AA==');

    return (
        'MU-002' => sub {
            gives('401 no', "GET $M/inst-1?stub=upgrade", @upgrade);
            gives('401 no', '@preset GET /socket.io/?EIO=4&stub=upgrade',
                  @upgrade);
        },
        'MU-009' => sub {
            my $head = gives('401 no', "HEAD $M/inst-1");

            body_is(qr/\A\z/);

            my $get = gives('401 no', "GET $M/inst-1");

            same({ raw => $head->{raw} },
                 { raw => $get->{raw} =~ s/(\r\n\r\n).*\z/$1/sr });
        },
        'MU-010' => sub {
            gives('200 up', "HEAD $M/inst-1", "apikey: $TOK1");
            up_is('X-Evolu-Instance', 'inst-1');
        },
        'MU-011' => sub {
            gives('400|405 no', 'CONNECT edge:443', $auth);
        },
        'MU-015' => sub {
            my $answer = gives('401 no', "POST $E", 'Expect: 100-continue',
                               'Content-Length: 1048576');

            check('100 Continue', !$answer->{continue});
        },
        'MU-017' => sub {
            gives('200 up', "GET $M/inst-1", "apikey: $TOK1",
                  'Expect: 200-ok');
            up_is('X-Evolu-Instance', 'inst-1');
            gives('401 no', "GET $M/inst-1", 'Expect: 200-ok');
        },
        'MU-019' => sub {
            my $start = time();

            gives('401 no', "POST $E", "Authorization: Bearer $WRONG",
                  'Transfer-Encoding: chunked', \"1\r\na");
            check('it waited for the body', time() - $start < 2);
        },
        'MU-022' => [sub {
            my $reads = reads(sub {
                my @slow = map { half('slow', "GET $M/cold-mu HTTP/1.1\r\n"
                                      . "apikey: $TOK1\r\n") } 1 .. 100;

                gives('200 up', "GET $M/inst-2", "apikey: $TOK2");

                my $end = time() + 4;
                my $select = IO::Select->new(@slow);

                while ($select->count() && time() < $end) {
                    $select->remove($select->can_read(1));
                }

                check($select->count() . ' are still open',
                      !$select->count());
            });

            check("$reads reads", $reads <= 1);
        }, '100 connections'],
        'MU-023' => ['no', 'early data is a matter of ssl_early_data, which '
                     . 'is off by default; the runner has no TLS'],
    );
}


sub flows {
    my $auth = "Authorization: Bearer $A";
    my $other = "Authorization: Bearer $B";

    return (
        'IF-019' => sub {
            for my $round (1 .. 3) {
                gives('200 up', "\@more GET /vars/a$round", $auth);
                up_is('X-Mapped', 'camp-a');
                up_is('X-Evolu-Instance', 'camp-a');
                answer_is('X-Now', qr/\Acamp-a\z/);
            }

            check('log: ' . edge()->read_file('vars.log'),
                  edge()->read_file('vars.log')
                  =~ /\A(?:camp-a camp-a k1\n)+\z/);
            unlink(edge()->{dir} . '/vars.log');
        },
        'IF-020' => sub {
            for my $key ($auth, $other, $auth) {
                gives('200 up', '@more GET /early/x', $key);
                answer_is('X-Early', qr/\A\[\]\z/);
            }
        },
        'PC-003' => sub {
            gives('200 up', '@more GET /vars/pc3?stub=cache', $auth);
            gives('200 no', '@more GET /vars/pc3?stub=cache', $auth);
            answer_is('X-Cached', qr/\AHIT\z/);
            body_is(qr/^for camp-a$/m);
            gives('200 up', '@more GET /vars/pc3?stub=cache', $other);
            body_is(qr/^for camp-b$/m);
        },
        'PC-006' => sub {
            my $request = '@more GET /cached/pc6?stub=cache';

            gives('200 up', $request, $auth);
            gives('200 up', $request, $other);
            sleep(2.1);

            # stale for both, and one refresh for each behind them

            for my $round (1 .. 2) {
                for my $pair ([$auth, 'a'], [$other, 'b']) {
                    my ($bytes, $server) =
                        Cases::bytes_of($request, $pair->[0]);
                    my $answer = edge()->ask($server, $bytes);

                    check('another body: ' . $answer->{body},
                          $answer->{body} =~ /^for camp-$pair->[1]$/m);
                }

                sleep(0.2);
            }
        },
        'PC-008' => sub {
            gives('200 up', '@more GET /vars/pc8?stub=cache', $auth,
                  'X-Evolu-Instance: camp-b');
            body_is(qr/^for camp-a$/m);
            gives('200 up', '@more GET /vars/pc8?stub=cache', $other);
            body_is(qr/^for camp-b$/m);
            gives('200 no', '@more GET /vars/pc8?stub=cache', $auth);
            body_is(qr/^for camp-a$/m);
        },
    );
}


sub records {
    my $soon = int(time()) + 600;
    my $past = int(time()) - 600;

    return (
        'RR-001' => sub {
            edge()->redis('SET', 'evolu:campaign:live:rr1', 'text');
            gives('401 no', "GET $E", bearer('rr1'));
        },
        'RR-009' => sub {
            set_campaign('rr9', v => 1, map { key_of('rr9', "k$_") }
                                        1 .. 10_000);

            my $start = time();

            gives('401 no', "GET $E", bearer('rr9'));
            check('it took long', time() - $start < 2);
        },
        'RR-010' => [sub {
            edge()->redis('EVAL', "redis.call('HSET', KEYS[1], 'v', '1', "
                          . "'key.k1', string.rep('a', 33554432))", 1,
                          'evolu:campaign:live:rr10');

            my $before = rss();

            gives('401 no', "GET $E", bearer('rr10'));

            my $grown = rss() - $before;

            check("it grew by $grown KiB", $grown < 4096);
            gives('401 no', "GET $E", bearer('rr10'));
            until_is(2, 503, 200, "GET $E", "Authorization: Bearer $A");
            edge()->redis('DEL', 'evolu:campaign:live:rr10');
        }, '32 MiB'],
        'RR-014' => sub {
            set_campaign('rr14', v => 1, key_of('rr14', 'a', "exp=$past"),
                         key_of('rr14', 'b', "exp=$soon"));
            gives('200 up', "GET $E", bearer('rr14'));
            up_is('X-Evolu-Key-Id', 'b');
        },
        'RR-015' => sub {
            set_campaign('rr15', v => 1, status => 'disabled', key_of('rr15'));
            gives('401 no', "GET $E", bearer('rr15'));
        },
        'RR-016' => [sub {
            set_campaign('rr16', v => 1, key_of('rr16'));
            gives('200 up', "GET $E", bearer('rr16'));
            up_lacks('X-Evolu-Instance');

            set_campaign('rr16e', v => 1, instance => '', key_of('rr16e'));

            my $answer = edge()->ask('c0', (Cases::bytes_of("GET $E",
                                                      bearer('rr16e')))[0]);

            up_lacks('X-Evolu-Instance');
            check("empty: $answer->{status}",
                  $answer->{status} =~ /\A(?:200|401)\z/);
            check('it is sent empty',
                  !grep { Edge::header($_, 'X-Evolu-Instance') }
                   edge()->seen());
        }, 'contract 4: sent where the record has one; never empty'],
        'RR-018' => sub {
            my @names = ("a\0b", "caf\xc3\xa9", 'a b', 'n' x 300);

            for my $n (0 .. $#names) {
                set_campaign("rr18-$n", v => 1, instance => $names[$n],
                             key_of("rr18-$n"));

                my $answer = edge()->ask('c0', (Cases::bytes_of("GET $E",
                                                      bearer("rr18-$n")))[0]);
                my @got = map { Edge::header($_, 'X-Evolu-Instance') }
                          edge()->seen();

                check("$n: $answer->{status}",
                      $answer->{status} =~ /\A(?:200|401|503)\z/);
                check("$n: sent as @got",
                      !grep { !/\A[A-Za-z0-9.~_%-]+\z/ } @got);
            }
        },
        'RR-019' => sub {
            my @lists = ('10.0.0.0/33', 'abc', '10.0.0.0/8,,');

            for my $n (0 .. $#lists) {
                set_campaign("rr19-$n", v => 1,
                             key_of("rr19-$n", 'k1', "ip=$lists[$n]"));
                gives('401 no', "\@realip GET $E", bearer("rr19-$n"),
                      'X-Forwarded-For: 10.0.0.1');
            }
        },
        'RR-023' => sub {
            set_campaign('rr23', v => 1, livemode => 'false', key_of('rr23'));
            gives('401 no', "GET $E", bearer('rr23'));
        },
        'RR-024' => sub {
            my @ways = (['DEL'], ['HDEL', 'key.k1'], ['UNLINK'],
                        ['RENAME', 'other'], ['EXPIRE', 0]);

            for my $n (0 .. $#ways) {
                set_campaign("rr24-$n", v => 1, key_of("rr24-$n"));
                gives('200 up', "GET $E", bearer("rr24-$n"));

                my ($command, @more) = @{$ways[$n]};

                edge()->redis($command, "evolu:campaign:live:rr24-$n", @more);
                until_is(1, 200, 401, "GET $E", bearer("rr24-$n"));
            }
        },
        'RR-025' => [sub {
            set_campaign('rr25', v => 1, key_of('rr25'));
            gives('200 up', "GET $E", bearer('rr25'));
            edge()->redis('HSET', 'evolu:campaign:live:rr25',
                          key_of('rr25', 'k1', 'ip=10.0.0.0/8'));
            until_is(1, 200, 403, "GET $E", bearer('rr25'));
        }, 'contract 6: there are no scopes in records; done with ip='],
        'RR-027' => sub {
            gives('200 up', "GET $E", "Authorization: Bearer $A");
            up_is('X-Evolu-Livemode', 'true');
            gives('200 up', "GET $E", "Authorization: Bearer $A_TEST");
            up_is('X-Evolu-Livemode', 'false');
            up_is('X-Evolu-Key-Id', 't1');
        },
        'RR-028' => [sub {
            my $new = 'evolu_live_rr28_NewSecret0123456789abc';

            set_campaign('rr28', v => 1, key_of('rr28', 'old'));
            gives('200 up', "GET $E", bearer('rr28'));

            my $exp = int(time()) + 2;

            edge()->redis('HSET', 'evolu:campaign:live:rr28',
                          key_of('rr28', 'old', "exp=$exp"),
                          edge()->field('new', $new));
            until_is(1, 401, 200, "GET $E", "Authorization: Bearer $new");

            while (time() < $exp - 0.5) {
                gives('200 up', "GET $E", bearer('rr28'));
                gives('200 up', "GET $E", "Authorization: Bearer $new");
                sleep(0.05);
            }

            until_is(2.5, 200, 401, "GET $E", bearer('rr28'));
            gives('200 up', "GET $E", "Authorization: Bearer $new");
        }, 'one after another; under load: t/090-soak-short.t'],
        'FT-002' => [sub {
            set_campaign('ft2', v => 1, key_of('ft2'));

            my $reads = reads(sub {
                gives('401 no', "GET $E", "Authorization: Bearer "
                      . sprintf('evolu_live_ft2_Guess%020d', $_))
                    for 1 .. 300;
            });

            check("$reads reads", $reads == 1);
        }, '300 secrets'],
        'FT-005' => [sub {
            gives('401 no', "GET $E", bearer('ft5'));
            set_campaign('ft5', v => 1, key_of('ft5'));
            until_is(1, 401, 200, "GET $E", bearer('ft5'));
        }, 'within 1 s; bounds in ms: t/061-invalidation.t'],
        'FT-007' => sub {
            for (1 .. 5) {
                gives('401 no', "GET $E", bearer('ft7'));
                sleep(0.1);
            }

            set_campaign('ft7', v => 1, key_of('ft7'));
            until_is(1, 401, 200, "GET $E", bearer('ft7'));
        },
        'FN-020' => sub {
            my $exp = int(time()) + 2;

            set_campaign('fn20', v => 1, key_of('fn20', 'k1', "exp=$exp"));
            gives('200 up', "GET $E", bearer('fn20'));
            sleep($exp - time() + 0.1);
            gives('401 no', "GET $E", bearer('fn20')) for 1 .. 2;
        },
        'LC-009' => sub {
            my $answer = gives('401 no', "GET $E", bearer('lc9'));

            body_is(qr/\A\{"detail":"Invalid or missing API key\."\}\z/);
            check('a header tells',
                  $answer->{raw} !~ /evolu_auth|redis|reason/i);
        },
        'LC-011' => sub {
            gives('401 no', '@more GET /error-page/x');
            body_is(qr/\Aa page/);
            answer_is('WWW-Authenticate', qr/\ABearer /);
        },
        'LC-012' => \&pepper,
        'LC-018' => [sub {
            my ($http) = config();
            my ($accepted, $said) = edge()->check_nginx("$http}\nhttp {\n");

            check('nginx -t takes it', !$accepted);
            check("it says $said", $said =~ /"http" directive is duplicate/);
        }, 'nginx has one http block'],
    );
}


sub pepper {
    my ($http) = config();
    my $dir = edge()->{dir};
    my %files = (empty => ['', 0600, qr/pepper/],
                 open => ['ab' x 32, 0644, qr/can be read/]);

    for my $name (sort keys %files) {
        my ($text, $mode, $like) = @{$files{$name}};

        edge()->write_file($name, $text, $mode);

        my ($accepted, $said) =
            edge()->check_nginx($http =~ s{\bp1 \Q$dir\E/p1}{p1 $dir/$name}r);

        check("nginx -t takes a pepper file that is $name", !$accepted);
        check("it says $said", $said =~ $like);
    }

    my ($accepted, $said) =
        edge()->check_nginx($http =~ s{\bp1 \Q$dir\E/p1}{p1 $dir/none}r);

    check('nginx -t takes a pepper file that is not there', !$accepted);
    check("it says $said", $said =~ /No such file/);

    return;
}


# What has its own suite, or is not of this version

sub elsewhere {
    my $tls = ['no', 'contract 2: rediss:// is not there yet (README, Limits)'];
    my $cluster = ['no', 'contract 2: one server; no Redis Cluster'];

    return (
        'FT-009' => ['suite', 't/060-cache.t: lives; 064: one read for all'],
        'FT-014' => ['no', 'microseconds are for a bench, not for a test'],
        'RP-001' => ['suite', 't/067-link.t: RESP2'],
        'RP-002' => ['suite', 't/067-link.t: greetings that fail'],
        'RP-003' => ['suite', 't/067-link.t: no tracking'],
        'RP-004' => ['suite', 't/071-many-workers.t: links that do not hear'],
        'RP-006' => ['suite', 't/063-redis-replies.t: pushes'],
        'RP-009' => ['suite', 't/063-redis-replies.t: pushes'],
        'RP-011' => ['suite', 't/063-redis-replies.t: unasked'],
        'RP-012' => ['suite', 't/067-link.t: back off'],
        'RP-015' => ['suite', 't/063-redis-replies.t: over 1 MiB'],
        'RP-019' => ['suite', 't/063-redis-replies.t: good, however it comes'],
        'RP-021' => ['suite', 't/063-redis-replies.t: replies given whole'],
        'RP-025' => ['no', 'latency under load is for a bench'],
        'RP-028' => ['suite', 't/066-put-race.t: a writer at full speed'],
        'FR-004' => ['suite', 't/062-outage.t: killed'],
        'FR-006' => ['suite', 't/062-outage.t: empty'],
        'FR-008' => ['suite', 't/061-invalidation.t: the epoch'],
        'FR-010' => ['suite', 't/062-outage.t: hung'],
        'FR-021' => ['no', 'eviction is an invalidation like others: '
                     . 't/061-invalidation.t'],
        'FR-027' => ['suite', 't/067-link.t: roles; Sentinel is not there yet'],
        'FR-028' => $tls,
        'FR-029' => $tls,
        'FR-032' => ['no', 'no suite sets the timeout of redis-server'],
        'FR-036' => ['suite', 't/071-many-workers.t: a link is cut'],
        'FR-040' => ['no', 'the edge tracks by prefix (BCAST): the table has '
                     . 'no part in it'],
        'FR-041' => $cluster,
        'FR-044' => ['no', 'role=any is documented; no suite has a replica '
                     . 'that lags'],
        'FR-046' => ['suite', 't/061-invalidation.t: the epoch'],
        'FN-003' => ['suite', 't/070-reload.t: meanings'],
        'FN-004' => ['no', 'no suite changes the binary'],
        'FN-008' => ['suite', 't/070-reload.t: pending'],
        'FN-009' => ['suite', 't/070-reload.t: left'],
        'FN-011' => ['no', 'no suite takes the connections away'],
        'FN-013' => ['no', 'no suite fails allocations'],
        'FN-014' => ['suite', 't/065-abort.t: leave'],
        'FN-017' => ['suite', 't/016-expiry.t: by the clock; no faketime'],
        'FN-018' => ['no', 'no faketime here'],
        'FN-026' => ['suite', 't/090-soak-short.t: seconds of it'],
        'LC-007' => ['no', 'contract 8: evolu_auth_status is not there yet '
                     . '(README, Limits)'],
    );
}

1;
