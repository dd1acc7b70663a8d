# Copyright (C) Evolu Auth Authors
#
# What clients do while their request waits: they leave, they go on talking,
# they are slow.

use strict;
use warnings;

use lib 't/lib';
use EvoluNginx;
use EvoluRedisScript qw(hash);
use Test::More;
use Time::HiRes qw(time);

# Lookups are answered when the test says so.

my $server = EvoluRedisScript->start(
    socket => "$dir/script.sock",
    log => "$dir/script.log",
    ordered => 1,
    answer => sub {
        return defined $_[2] && $_[2] =~ /:campaign:/ ? '' : undef;
    });

EvoluNginx::write_file('big', 'x' x 8_000_000);
chmod(0644, "$dir/big");

my $nginx = EvoluNginx->start(
    redis => $server, link => 'timeout=20s',
    http => 'server { listen unix:' . "$dir/up.sock" . ';
                      location / { client_max_body_size 1m; return 200 up; } }',
    server => "location /up { evolu_auth on; error_page 401 = \@more;
                              proxy_pass http://unix:$dir/up.sock; }
               location /auth { auth_request /granted; evolu_auth on;
                                evolu_auth_whoami; }
               location = /granted { return 204; }
               location = /big { alias $dir/big; }
               location \@more { evolu_auth off; return 401; }");

my ($worker) = $nginx->worker_pids;


sub credential {
    return "evolu_live_$_[0]_ScriptSecret0123456789";
}


sub good {
    return hash(record_of(credential($_[0])));
}


sub asked {
    my ($slug, $n) = @_;

    within(10, "$slug: asked", sub {
        $server->count('HGETALL', "evolu:campaign:live:$slug") >= ($n || 1)
    });

    return;
}


# Closed or reset, by many

my $left = 0;

sub leave {
    my ($slug, $how) = @_;

    # there are as many connections as nobody noticed the end of

    for my $round (1 .. 5) {
        my @crowd = map { $nginx->connect } 1 .. 100;

        $_->send(credential($slug)) for @crowd;

        # it answers this one when it has read all of those

        like($nginx->ask($GLOBAL), qr/^200/, "$slug: all wait ($round)");
        $how->($_) for @crowd;
        like($nginx->ask($GLOBAL), qr/^200/, "$slug: all have left ($round)");

        # they are no more counted as waiting, though no answer came

        $left += @crowd;
        within(5, "$slug: and that is noticed ($round)", sub {
            my $log = EvoluNginx::read_text("$nginx->{root}/logs/access.log");
            my $n = () = $log =~ /" 499 /g;

            return $n >= $left;
        });
    }

    asked($slug);
    $server->tell('send', good($slug));

    $nginx->reaches(5, credential($slug), '200 FRESH ok',
                    "$slug: the answer is kept");
    is($server->count('HGETALL', "evolu:campaign:live:$slug"), 1,
       "$slug: one read");

    return;
}

leave('closed', sub { $_[0]->close });
leave('reset', sub {
    setsockopt($_[0]{socket}, Socket::SOL_SOCKET(), Socket::SO_LINGER(),
               pack('ii', 1, 0));
    $_[0]->close;
});
leave('half', sub { shutdown($_[0]{socket}, 1) });


# Some leave, some stay

sub some {
    my @crowd = map { $nginx->connect } 1 .. 20;

    $_->send(credential('some')) for @crowd;
    asked('some');
    like($nginx->ask($GLOBAL), qr/^200/, 'some: all wait');

    for my $i (grep { $_ % 2 } 0 .. $#crowd) {
        $crowd[$i]->close;
    }

    like($nginx->ask($GLOBAL), qr/^200/, 'some: half of them left');
    $server->tell('send', good('some'));

    is(join(' ', map { $crowd[$_]->read->{text} } grep { !($_ % 2) }
                 0 .. $#crowd),
       join(' ', ('200 MISS ok') x 10), 'some: who stayed has an answer');

    return;
}

some();


# Leaves at the same moment as the answer comes

sub both {
    for my $i (1 .. 40) {
        my @crowd = map { $nginx->connect } 1 .. 3;

        $_->send(credential("both$i")) for @crowd;

        asked("both$i");

        $crowd[0]->close if $i % 2;
        $server->tell('send', good("both$i"));
        $crowd[1]->close;
        $crowd[0]->close if !($i % 2);
    }

    like($nginx->ask($GLOBAL), qr/^200/, 'both: it goes on');

    return;
}

both();


# Goes on talking: the next request of a pipeline, byte by byte

sub pipelined {
    my $client = $nginx->connect;

    $client->send(credential('pipe'));
    asked('pipe');

    my $next = "GET / HTTP/1.1\r\nHost: a\r\napikey: " . credential('pipe')
               . "\r\n\r\n";

    for my $byte (split //, $next) {
        $client->write($byte);
    }

    like($nginx->ask($GLOBAL), qr/^200/, 'pipeline: the rest goes on');
    ok(!$client->answered, 'pipeline: it waits for its answer');
    is($server->count('HGETALL', 'evolu:campaign:live:pipe'), 1,
       'pipeline: of one read');

    $server->tell('send', good('pipe'));
    is($client->read->{text}, '200 MISS ok', 'pipeline: the first');
    is($client->read->{text}, '200 FRESH ok', 'pipeline: the second');

    # the second one waits as well

    $client->send(credential('pipe-1'));
    $client->send(credential('pipe-2'));
    asked('pipe-1');
    $server->tell('send', good('pipe-1'));
    is($client->read->{text}, '200 MISS ok', 'pipeline: one');
    asked('pipe-2');
    $server->tell('send', good('pipe-2'));
    is($client->read->{text}, '200 MISS ok', 'pipeline: and another');

    return;
}

pipelined();


# A response that the client was slow to take leaves the socket watched for
# writing, and then whatever the client says wakes the request that waits

sub woken {
    my $client = $nginx->connect;
    my $get = "GET /big HTTP/1.1\r\nHost: a\r\n\r\n";

    $client->write($get);
    like($nginx->ask($GLOBAL), qr/^200/, 'woken: a response is stuck');
    like($client->read->{text}, qr/^200/, 'woken: and read in the end');

    $client->send(credential('woken'));
    asked('woken');

    for my $byte (split //, $get) {
        $client->write($byte);
    }

    like($nginx->ask($GLOBAL), qr/^200/, 'woken: others go on');
    ok(!$client->answered, 'woken: it waits for its answer');

    $server->tell('send', good('woken'));
    is($client->read->{text}, '200 MISS ok', 'woken: which comes');
    like($client->read->{text}, qr/^200/, 'woken: and the next one');

    return;
}

woken();


# A body that comes while it waits, and one that ends after the answer

sub body {
    for my $case (['before', 1], ['after', 0]) {
        my ($name, $whole) = @$case;
        my $client = $nginx->connect;

        $client->write("POST /up HTTP/1.1\r\nHost: a\r\nContent-Length: 200000"
                       . "\r\napikey: " . credential("body-$name")
                       . "\r\n\r\n" . 'x' x 1000);
        asked("body-$name");

        $client->write('x' x 1000) for 1 .. 9;
        $client->write('x' x 90_000) if $whole;
        like($nginx->ask($GLOBAL), qr/^200/, "body $name: it waits");
        ok(!$client->answered, "body $name: for its answer");
        is($server->count('HGETALL', "evolu:campaign:live:body-$name"), 1,
           "body $name: of one read");

        $server->tell('send', good("body-$name"));
        $client->write('x' x 100_000);
        $client->write('x' x 90_000) if !$whole;
        is($client->read->{status}, 200, "body $name: answered");
        is($client->ask(credential("body-$name")), '200 FRESH ok',
           "body $name: and the next on this connection");
    }

    # who was to be asked for it, and is refused

    my $client = $nginx->connect;

    $client->write("POST /up HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n"
                   . "Expect: 100-continue\r\napikey: "
                   . credential('body-expected') . "\r\n\r\n");
    asked('body-expected');
    ok(!$client->answered, 'expect: no word while it waits');
    $server->tell('send', "%0\r\n");
    is($client->read->{status}, 401, 'expect: refused at once');

    return;
}

body();


# With a subrequest after it

sub subrequest {
    my @crowd = map { $nginx->connect } 1 .. 5;

    $_->send(credential('sub'), '/auth') for @crowd;
    asked('sub');
    like($nginx->ask($GLOBAL), qr/^200/, 'sub: all wait');
    $server->tell('send', good('sub'));
    is(join(' ', map { $_->read->{text} } @crowd),
       join(' ', ('200 MISS ok') x 5), 'auth_request goes on after the wait');

    return;
}

subrequest();


is(join(' ', $nginx->worker_pids), $worker, 'the same worker all the time');
is(scalar $nginx->logged(qr/exited on signal|http request count/), 0,
   'nothing ended but requests');

# all connections were given back: nothing keeps it

my $begin = time;

$nginx->stop;
cmp_ok(time - $begin, '<', 5 * patience(), 'it ends at once');
$server->stop;


# HTTP/2: frames by hand

sub frame {
    my ($type, $flags, $stream, $payload) = @_;

    return substr(pack('N', length($payload)), 1)
           . pack('CCN', $type, $flags, $stream) . $payload;
}


sub headers {
    my ($stream, $credential, $body) = @_;
    my $literal = sub {
        return "\x00" . join('', map { chr(length($_)) . $_ } @_);
    };

    my $block = join('', $literal->(':method', $body ? 'POST' : 'GET'),
                     $literal->(':scheme', 'http'), $literal->(':path', '/'),
                     $literal->(':authority', 'a'),
                     $literal->('apikey', $credential));

    return frame(1, $body ? 0x4 : 0x5, $stream, $block);
}


# The frames that come until those streams have ended: type of the last one

sub ended {
    my ($socket, @streams) = @_;
    my (%end, $in);
    my $deadline = time + 10 * patience();

    $in = '';

    while (grep { !defined $end{$_} } @streams) {
        my $ready = IO::Select->new($socket)->can_read($deadline - time);

        return 'late' if !$ready;
        return 'closed' if !sysread($socket, $in, 65536, length($in));

        while (length($in) >= 9) {
            my $len = unpack('N', "\0" . substr($in, 0, 3));
            my ($type, $flags, $stream) = unpack('CCN', substr($in, 3, 6));

            last if length($in) < 9 + $len;

            my $payload = substr($in, 9, $len);

            substr($in, 0, 9 + $len) = '';

            # 200 and 401 as nginx packs them: in the static table, or not

            if ($type == 1) {
                $end{$stream} = ord($payload) == 0x88 ? '200'
                                : $payload =~ /\A\x08\x03(\d+)/ ? $1
                                : $payload =~ /\A\x48\x03(\d+)/ ? $1
                                : unpack('H12', $payload);

            } elsif ($type == 7) {
                return 'goaway';
            }
        }
    }

    return join(' ', map { $end{$_} } @streams);
}


sub h2 {
    my $script = EvoluRedisScript->start(
        socket => "$dir/h2.sock", log => "$dir/h2.log",
        answer => sub {
            return defined $_[2] && $_[2] =~ /:campaign:/ ? '' : undef;
        });

    my $h2 = EvoluNginx->make(redis => $script, link => 'timeout=20s');

    $h2->{http} = "server { listen unix:$dir/h2-in.sock http2;
                            location / { evolu_auth on; evolu_auth_whoami; }
                   }\n";
    $h2->launch;

    my $reads = sub {
        return $script->count('HGETALL', "evolu:campaign:live:$_[0]");
    };

    my $open = sub {
        my $socket = IO::Socket::UNIX->new(Peer => "$dir/h2-in.sock")
            or die "h2: $!";

        syswrite($socket, "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
                          . frame(4, 0, 0, ''));

        return $socket;
    };

    # streams that are reset while they wait, others that are not

    my $socket = $open->();

    syswrite($socket, join('', map { headers($_, credential('cold')) }
                               1, 3, 5, 7));
    within(10, 'h2: asked', sub { $reads->('cold') == 1 });
    syswrite($socket, join('', map { frame(3, 0, $_, pack('N', 8)) } 1, 5));
    like($h2->ask($GLOBAL), qr/^200/, 'h2: two streams are reset');
    $script->tell('send', good('cold'));
    is(ended($socket, 3, 7), '200 200', 'h2: the others are answered');

    syswrite($socket, headers(9, credential('cold')));
    is(ended($socket, 9), '200', 'h2: and the next one');

    # a body, frame by frame, while it waits

    syswrite($socket, headers(11, credential('body'), 1));
    within(10, 'h2: asked for one with a body', sub { $reads->('body') == 1 });
    syswrite($socket, frame(0, 0, 11, 'x' x 100)) for 1 .. 5;
    like($h2->ask($GLOBAL), qr/^200/, 'h2: it waits');
    syswrite($socket, frame(0, 1, 11, 'x'));
    $script->tell('send', good('body'));
    is(ended($socket, 11), '405', 'h2: and is answered, by who takes no POST');

    # the connection ends with streams that wait

    syswrite($socket, join('', map { headers($_, credential('gone')) }
                               13, 15, 17));
    within(10, 'h2: asked for those', sub { $reads->('gone') == 1 });
    close($socket);
    like($h2->ask($GLOBAL), qr/^200/, 'h2: the client leaves');
    $script->tell('send', good('gone'));
    $h2->reaches(5, credential('gone'), '200 FRESH ok',
                 'h2: its answer is kept');

    $h2->stop;

    return;
}

h2();

done_testing();
