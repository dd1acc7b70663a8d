# Copyright (C) Evolu Auth Authors
#
# Several workers, several links, one zone: whose link is there to hear of a
# change, and what holds when it is not.

use strict;
use warnings;

use lib 't/lib';
use EvoluNginx;
use EvoluRedisScript qw(bulk failure hash invalidate);
use Fcntl qw(O_NONBLOCK O_RDWR);
use POSIX ();
use Test::More;
use Time::HiRes qw(sleep time);

my $down = '503 - unavailable';
my $fresh = qr/^200 (?:MISS|FRESH) ok$/;


# A link is cut, again and again; others hear what it does not

sub cut {
    my $redis = EvoluNginx::Redis->start;

    $redis->fill;

    my $nginx = EvoluNginx->start(redis => $redis, workers => 4,
                                  zone => 'fresh=1h negative=1h',
                                  link => 'timeout=2s connect_timeout=1s');
    my @workers = $nginx->clients($LIVE);

    is(scalar(@workers), 4, 'four workers');
    within(5, 'four links', sub { $redis->links == 4 });

    my $reads = $redis->calls('hgetall');

    for my $n (1 .. 8) {
        my ($id) = ($redis->links)[0] =~ /^id=(\d+)/;
        my $links = $nginx->logged(qr/is live/);

        $redis->do('CLIENT', 'KILL', 'ID', $id);

        # young links do not vouch for the time before them, so it may have
        # to be read again

        like($workers[$_]->ask($LIVE), qr/^200 (?:FRESH|MISS|STALE) ok$/,
             "cut $n: served by worker $_") for 0 .. 3;

        $redis->revoke($LIVE);

        for my $i (0 .. 3) {
            within(1, "cut $n: revoked in worker $i", sub {
                $workers[$i]->ask($LIVE) =~ /^401/
            });
        }

        $redis->add($LIVE);

        for my $i (0 .. 3) {
            within(1, "cut $n: there again in worker $i", sub {
                $workers[$i]->ask($LIVE) =~ $fresh
            });
        }

        within(1, "cut $n: fresh again", sub {
            $workers[0]->ask($LIVE) eq '200 FRESH ok'
        });

        $nginx->linked($links + 1);
    }

    # all of them at once: nobody was there to hear, so all is read again

    $redis->do('CLIENT', 'KILL', 'TYPE', 'normal', 'SKIPME', 'yes');
    $reads = $redis->calls('hgetall');
    like($nginx->until(2, $LIVE, qr/^200 (?:MISS|STALE) ok$/),
         qr/^(?:200 FRESH ok > )?200 (?:MISS|STALE) ok$/,
         'all links cut: read again');
    like($nginx->until(2, $LIVE, '200 FRESH ok'), qr/200 FRESH ok$/,
         'and fresh again');

    $nginx->stop;

    return;
}

cut();


# Of two workers, the one with a link, which can read, and the other one

sub hears_and_deaf {
    my ($nginx) = @_;
    my @workers = $nginx->clients($GLOBAL);
    my $n = 0;
    my ($deaf) = grep {
        $_->ask('evolu_live_try' . ++$n . '_TrySecret0123456789') eq $down
    } @workers;
    my ($hears) = grep { $_ != $deaf } @workers;

    return ($hears, $deaf);
}


# One link for two workers.  The server lets nobody else in.

sub one_link {
    my (%is) = @_;
    my $there = 1;

    my $server = EvoluRedisScript->start(
        socket => "$dir/$is{name}.sock",
        log => "$dir/$is{name}.log",
        answer => sub {
            my ($link, $command, $name) = @_;

            if ($command eq 'HELLO' && $link->number > 1) {
                $link->shut;
                return '';
            }

            return if $command ne 'HGETALL' || $name !~ /aB3dE6gH$/;
            return hash(record_of($LIVE));
        });

    my $nginx = EvoluNginx->start(redis => $server, workers => 2, live => 1,
                                  %is);
    my ($hears, $deaf) = hears_and_deaf($nginx);

    is($hears->ask($LIVE), '200 MISS ok', "$is{name}: one can read");

    return ($server, $nginx, $hears, $deaf);
}


sub deaf {
    my ($server, $nginx, $hears, $deaf) =
        one_link(name => 'deaf', zone => 'fresh=1h stale=1h');

    is($deaf->ask($LIVE), '200 FRESH ok',
       'who has no link trusts those of others');
    is($deaf->ask($OTHER), $down, 'but can ask for nothing');

    $server->tell('push', invalidate(key_of($LIVE)));
    within(1, 'a revocation that another one heard', sub {
        $deaf->ask($LIVE) eq $down
    });
    is($hears->ask($LIVE), '200 MISS ok', 'who has a link reads it again');
    is($deaf->ask($LIVE), '200 FRESH ok', 'for both');

    $nginx->stop;

    return;
}

deaf();


# The worker with the only link is stopped: it can't pretend to listen

sub stopped {
    for my $case (['1h', '200 STALE ok'], ['0', $down]) {
        my ($stale, $then) = @$case;
        my ($server, $nginx, $hears, $deaf) =
            one_link(name => "stopped$stale", zone => "fresh=1h stale=$stale");

        my $pid = $hears->get($LIVE)->{worker};

        is($deaf->ask($LIVE), '200 FRESH ok', "stale=$stale: fresh");

        my $begin = time;

        kill('STOP', $pid);

        # a change that nobody hears

        $server->tell('push', invalidate(key_of($LIVE)));

        my $got;

        within(4, "stale=$stale: noticed", sub {
            $got = $deaf->ask($LIVE);
            return $got ne '200 FRESH ok';
        });

        is($got, $then, "stale=$stale: what serves then");
        cmp_ok(time - $begin, '<', 3.2 * patience(),
               "stale=$stale: within 3 s");

        kill('CONT', $pid);

        # it hears it now, late: what it knew is worth nothing

        $got = $hears->ask($LIVE);
        like($got, qr/^(?:200 (?:MISS|STALE) ok|\Q$down\E)$/,
             "stale=$stale: nor does it trust itself when it goes on");

        $nginx->stop;
        $server->stop;
    }

    return;
}

stopped();


# One of two linked workers is stopped: the other one hears for both

sub half_stopped {
    my $redis = EvoluNginx::Redis->start;

    $redis->fill;

    my $nginx = EvoluNginx->start(redis => $redis, workers => 2,
                                  zone => 'fresh=1h negative=1h stale=0');
    my ($one, $other) = $nginx->clients($LIVE);
    my $pid = $one->get($LIVE)->{worker};

    # both have been there for long enough to vouch for each other

    for my $n (1 .. 2) {
        is($other->ask($LIVE), '200 FRESH ok', "half stopped $n: fresh");
        kill('STOP', $pid);

        $redis->revoke($LIVE);
        within(1, "half stopped $n: revoked in the other", sub {
            $other->ask($LIVE) =~ /^401/
        });

        kill('CONT', $pid);
        like($one->ask($LIVE), qr/^401/,
             "half stopped $n: and in the one, when it goes on");

        $redis->add($LIVE);
        within(1, "half stopped $n: there again", sub {
            $one->ask($LIVE) =~ $fresh && $other->ask($LIVE) =~ $fresh
        });
    }

    $nginx->stop;

    return;
}

half_stopped();


# A worker hangs, in a log that nobody reads, while a read is under way: the
# answer is an old one when it goes on

sub late {
    for my $tracked (1, 0) {
        my $name = $tracked ? 'tracked' : 'not tracked';
        my $revoked = "$dir/revoked$tracked";
        my $server = EvoluRedisScript->start(
            socket => "$dir/late$tracked.sock",
            log => "$dir/late$tracked.log",
            answer => sub {
                my ($link, $command, $key) = @_;

                return failure('ERR no tracking')
                    if $command eq 'CLIENT' && !$tracked;

                return if $command ne 'HGETALL' || $key !~ /aB3dE6gH$/;
                return hash() if -e $revoked;

                # once the worker hangs

                $link->after(0.5, hash(record_of($LIVE)));
                return '';
            });

        my $pipe = "$dir/log$tracked";

        POSIX::mkfifo($pipe, 0600) or die "$pipe: $!";
        sysopen(my $log, $pipe, O_RDWR | O_NONBLOCK) or die "$pipe: $!";

        my $nginx = EvoluNginx->start(redis => $server,
            link => 'timeout=9s connect_timeout=9s', server => "
                location /hang {
                    evolu_auth on; evolu_auth_whoami; access_log $pipe;
                }");
        my ($early, $hangs, $later) = map { $nginx->connect } 1 .. 3;

        is($_->ask($GLOBAL), '200 FILE ok', "$name: connected")
            for $hangs, $later;

        $early->send($LIVE);
        within(2, "$name: a read is under way", sub {
            $server->count('HGETALL', key_of($LIVE)) == 1
        });

        1 while syswrite($log, "\n" x 4096);
        $hangs->send($GLOBAL, '/hang');

        # the answer comes, then it changes, then it is an old one

        sleep(0.8);
        EvoluNginx::write_file("revoked$tracked", '');
        sleep(2.2);
        $later->send($LIVE);

        1 while sysread($log, my $data, 65536);

        # the link begins again, for which nobody else waits

        is($early->read(10)->{text}, '401 MISS unknown',
           "$name: revoked meanwhile");
        like($later->read(10)->{text}, qr/^(?:401 \w+ unknown|\Q$down\E)$/,
             "$name: for another one, too");

        $nginx->stop;
        $server->stop;
    }

    return;
}

late();


# What one worker hears of the store is no news for the other, whose link is
# down: it serves what is not fresh for `stale`, by its own clock

sub own_clock {
    my ($case, $seconds, $change, $greeting) = @_;
    my $gone = "$dir/gone-$case";
    my $only;

    my $server = EvoluRedisScript->start(
        socket => "$dir/own-$case.sock",
        log => "$dir/own-$case.log",
        answer => sub {
            my ($link, $command, $name) = @_;

            if ($command eq 'HELLO') {
                $only ||= $link->peer;

                if ($link->peer != $only) {
                    $link->shut;
                    return '';
                }

                return $greeting;
            }

            return bulk('2') if $command eq 'GET' && -e $gone;
            return if $command ne 'HGETALL' || $name !~ /aB3dE6gH$/;
            return hash(-e $gone ? () : record_of($LIVE));
        });

    my $nginx = EvoluNginx->start(redis => $server, workers => 2, live => 1,
                                  zone => 'fresh=1h stale=2s');
    my ($hears, $deaf) = hears_and_deaf($nginx);

    is($hears->ask($LIVE), '200 MISS ok', "$case: read");
    is($deaf->ask($LIVE), '200 FRESH ok', "$case: fresh for both");

    EvoluNginx::write_file("gone-$case", '');
    $change->($server, $nginx);

    within($seconds, "$case: the worker without a link ends it", sub {
        $deaf->ask($LIVE) eq $down
    });
    is($hears->ask($LIVE), '401 MISS unknown', "$case: the other one knows");

    $nginx->stop;
    $server->stop;

    return;
}

own_clock('gap', 5, sub { $_[0]->tell('shut'); $_[1]->linked(2) });
own_clock('epoch', 5, sub { });
own_clock('untracked', 15, sub { }, failure('ERR unknown command'));

done_testing();
