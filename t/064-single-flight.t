# Copyright (C) Evolu Auth Authors
#
# Requests that wait for the same record, how many may, and what they get.

use strict;
use warnings;

use lib 't/lib';
use EvoluNginx;
use EvoluRedisScript qw(hash bulk failure invalidate);
use Test::More;
use Time::HiRes qw(time);

my $down = '503 - unavailable';


sub credential {
    return "evolu_live_$_[0]_ScriptSecret0123456789";
}


# The server answers a lookup when it is told to, with what it is told: a
# "send" of the test goes to every link.

sub silent {
    return EvoluRedisScript->start(
        socket => "$dir/$_[0].sock",
        log => "$dir/$_[0].log",
        ordered => 1,
        answer => sub {
            return defined $_[2] && $_[2] =~ /:campaign:/ ? '' : undef;
        });
}


# Of the records of the test: the module has a look for others of its own

sub reads {
    my ($server) = @_;

    return scalar grep { $_->[1] eq 'HGETALL' && $_->[2] =~ /:campaign:/ }
                  $server->commands;
}


sub good {
    return hash(record_of(credential($_[0])));
}


# The clients, each with its request sent

sub crowd {
    my ($nginx, $n, $credential, $address) = @_;
    my @crowd;

    for (1 .. $n) {
        my $client = $nginx->connect($address);

        $client->send($credential);
        push @crowd, $client;
    }

    return @crowd;
}


sub answers {
    my %n;

    $n{$_->read->{text}}++ for @_;

    return join(', ', map { "$n{$_} x $_" } sort keys %n);
}


# As many as there are, and one read

sub one_read {
    my ($name, $reply, $want) = @_;
    my $server = silent('one');
    my $nginx = EvoluNginx->start(redis => $server,
                                  link => 'timeout=20s pending=1024');

    my @crowd = crowd($nginx, 50, credential('cold'));

    within(10, "$name: asked", sub { reads($server) == 1 });

    # a request of another kind that comes later: all of them were read

    like($nginx->ask($GLOBAL), qr/^200 /, "$name: all wait");

    $server->tell('send', $reply);
    is(answers(@crowd), "50 x $want", "$name: all are answered");
    is(reads($server), 1, "$name: by one read");

    $nginx->stop;

    return;
}

one_read('a record', good('cold'), '200 MISS ok');
one_read('void', bulk('x'), '401 MISS unknown');
one_read('an error', failure('LOADING'), $down);


# One read a worker, when there are two

sub two_workers {
    my $server = silent('two');
    my $nginx = EvoluNginx->start(redis => $server, workers => 2,
                                  link => 'timeout=20s pending=1024');
    my @workers = $nginx->clients($GLOBAL);
    my @crowd = crowd($nginx, 50, credential('cold'));

    $_->send(credential('cold')) for @workers;

    within(10, 'both workers ask', sub { reads($server) == 2 });
    like($nginx->ask($GLOBAL), qr/^200 /, 'the rest goes on');

    $server->tell('send', good('cold'));
    is(answers(@crowd, @workers) =~ /^(?:\d+ x 200 (?:MISS|FRESH) ok(?:, )?)+$/
       ? 1 : 0, 1, 'all are answered');
    is(reads($server), 2, 'one read a worker');

    $nginx->stop;

    return;
}

two_workers();


# A deadline ends it for all of them; the answer comes later and is kept

sub late {
    my $server = silent('late');
    my $nginx = EvoluNginx->start(redis => $server, link => 'timeout=200ms');
    my @crowd = crowd($nginx, 20, credential('cold'));

    is(answers(@crowd), "20 x $down", 'late: an outage for all');
    is(reads($server), 1, 'late: one read');

    $server->tell('send', good('cold'));
    $nginx->reaches(2, credential('cold'), '200 FRESH ok',
                    'late: kept');
    is(reads($server), 1, 'late: and not read again');

    $nginx->stop;

    return;
}

late();


# pending: as many as that, an eighth of them for one address

sub limits {
    my $server = silent('limits');
    my $nginx = EvoluNginx->start(redis => $server,
                                  link => 'timeout=20s pending=16');
    my @waiting;

    for my $host (1 .. 8) {
        my @crowd = map { crowd($nginx, 1, credential("cold$host-$_"),
                                "127.0.0.$host") } 1 .. 5;
        my @refused;

        within(10, "127.0.0.$host: three are refused at once", sub {
            @refused = grep { $_->answered } @crowd;
            return @refused == 3;
        });

        is(answers(@refused), "3 x $down", "127.0.0.$host: as an outage");
        push @waiting, grep { my $c = $_; !grep { $_ == $c } @refused } @crowd;
    }

    is(scalar(@waiting), 16, 'sixteen wait');
    is(reads($server), 16, 'for sixteen records');

    my $reply = $nginx->connect('127.0.0.9');

    $reply->send(credential('cold1-1'));
    is($reply->read->{text}, $down, 'nor may one join: all places are taken');

    # what does not wait passes

    like($nginx->ask($GLOBAL), qr/^200 /, 'a global key passes');

    # places are given back

    (shift @waiting)->close;
    within(10, 'who leaves gives his place back', sub {
        my $client = $nginx->connect('127.0.0.9');

        $client->send(credential('one-more'));

        return reads($server) == 17;
    });

    $server->tell('send', good('x') x 17);
    is(answers(@waiting), '15 x 401 MISS bad_secret', 'all are answered');

    my ($one) = crowd($nginx, 1, credential('after'), '127.0.0.1');

    within(10, 'places are free again', sub { reads($server) == 18 });
    $server->tell('send', good('after'));
    is($one->read->{text}, '200 MISS ok', 'and used');

    $nginx->stop;

    return;
}

limits();


# Who comes after an invalidation does not take an answer from before it

sub joined {
    my $server = silent('joined');
    my $nginx = EvoluNginx->start(redis => $server, link => 'timeout=20s');
    my ($before) = crowd($nginx, 1, credential('cold'));

    within(10, 'asked', sub { reads($server) == 1 });

    my ($joins) = crowd($nginx, 1, credential('cold'));

    like($nginx->ask($GLOBAL), qr/^200 /, 'the second was read, too');
    is(reads($server), 1, 'and has joined');

    $server->tell('push', invalidate('evolu:campaign:live:cold'));

    # the push has come when this has an answer, as one link keeps its order

    my $after;

    within(10, 'after an invalidation it is asked anew', sub {
        ($after) = crowd($nginx, 1, credential('cold'));
        $nginx->ask($GLOBAL);

        return reads($server) == 2;
    });

    $server->tell('send', good('cold'));
    is(answers($before, $joins), '2 x 200 MISS ok',
       'who came before gets the answer from before');
    ok(!$after->answered, 'who came after does not');

    $server->tell('send', "%0\r\n");
    is($after->read->{text}, '401 MISS unknown', 'but the new one');
    is($nginx->ask(credential('cold')), '401 NEGATIVE unknown',
       'which is the one that is kept');

    $nginx->stop;

    return;
}

joined();


# A Redis that reads nothing for a while: what it is to be asked waits, more
# than a socket holds, and all of it arrives, in order

sub backlog {
    my $redis = EvoluNginx::Redis->start;

    $redis->fill;

    my $nginx = EvoluNginx->start(redis => $redis, connections => 2048,
        link => 'timeout=20s connect_timeout=20s pending=8192');
    my @crowd;
    my $more = sub {
        my ($hosts) = @_;

        for my $host (@$hosts) {
            my $name = chr(ord('m') + $host) x 240;

            for (1 .. 100) {
                my $client = $nginx->connect("127.0.0.$host");

                $client->send($TOKEN, '/i/' . $name++);
                push @crowd, $client;
            }
        }
    };

    like($nginx->ask($TOKEN, '/i/shop'), qr/^200 /, 'backlog: linked');
    CORE::kill('STOP', $redis->{pid});
    $more->([1 .. 6]);
    like($nginx->ask($GLOBAL), qr/^200 /, 'backlog: all wait');
    CORE::kill('CONT', $redis->{pid});
    $more->([7, 8]);
    is(answers(@crowd), '800 x 401 MISS unknown', 'backlog: all answered');
    is($nginx->ask($TOKEN, '/i/shop'), '200 FRESH ok', 'backlog: and after');

    $nginx->stop;
    $redis->end;

    return;
}

backlog();


done_testing();
