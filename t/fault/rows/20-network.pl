# Copyright (C) Evolu Auth Authors
#
# Redis is well, and what lies between it and nginx is not.

use strict;
use warnings;

use Fault;
use Time::HiRes qw(sleep time);

my $outage = 'what is cached is served, all else is 503';


# fresh until the silence is noticed: 3 s after the last answered heartbeat

sub noticed {
    my ($r, $p) = @_;

    $r->{note} = sprintf('fresh for %.1f s more', $p->{last_fresh} / 1000);
    $r->check($p->{last_fresh} <= 1000 * $r->within(3) + 100, $r->{note});

    return;
}


for my $silence (['partition', 'hang', 'nothing passes, in no direction'],
                 ['half-open', 'deaf', 'nothing that Redis says passes'])
{
    my ($name, $verb, $fault) = @$silence;

    row $name => (
        fault => "$fault, for 6 s, while records change; stale=0",
        promise => 'fresh for 3 s at most, then 503; recovery in 2 s',
        core => $name eq 'partition',
        outage => 1,
        run => sub {
            my ($r) = @_;

            $r->redis;
            my $proxy = $r->proxy;

            $r->nginx(zone => 'fresh=1h stale=0');
            $r->steady;

            my $p = $r->fault(3.5, sub { $proxy->tell($verb) }, bound => 3100);

            noticed($r, $p);
            $p = $r->fault(2.5, sub { });
            $r->check($p->{allowed} + $p->{denied} == 0,
                      "answered after that: $p->{allowed}, $p->{denied}");

            # what was held up comes, late; the links begin again

            $r->heal(5, sub { $proxy->tell('pass') });
        });
}


row 'partition-stale' => (
    fault => 'nothing passes, for 10 s, while records change; stale=4s',
    promise => 'a revoked key lives for 3 s and "stale" at most, then 503;'
               . ' recovery in 2 s',
    outage => 1,
    run => sub {
        my ($r) = @_;

        $r->redis;
        my $proxy = $r->proxy;

        $r->nginx(zone => 'fresh=1h stale=4s');
        $r->steady;

        my $p = $r->fault(7.2, sub { $proxy->tell('hang') }, bound => 7100);

        noticed($r, $p);
        $r->check($p->{stale} > 100, "served stale: $p->{stale}");

        $p = $r->fault(3, sub { });
        $r->check($p->{allowed} + $p->{denied} == 0,
                  "answered after that: $p->{allowed}, $p->{denied}");
        $r->heal(5, sub { $proxy->tell('pass') });
    });


row 'one-link' => (
    fault => 'nothing passes on the link of one of two workers, for 5 s, while'
             . ' records change; stale=0',
    promise => 'the other one hears for both: revoked in 100 ms, nothing cached'
               . ' is lost',
    core => 1,
    run => sub {
        my ($r) = @_;

        $r->redis;
        my $proxy = $r->proxy;

        # each vouches for the other after a heartbeat

        $r->nginx(zone => 'fresh=1h stale=0');
        sleep(1.5);
        $r->steady;

        my $lost = $r->{nginx}->logged(qr/redis link to .* lost/);

        $r->fault(5, sub { $proxy->tell('hang', 1) });
        $r->check($r->{nginx}->logged(qr/redis link to .* lost/) == $lost + 1,
                  'one link was lost');
        $r->heal(3, sub { $proxy->tell('pass') });
    });


row 'stopped-and-cut' => (
    fault => 'SIGSTOP of one of two workers, and nothing passes on the link of'
             . ' the other one, for 6 s, while records change; stale=0',
    promise => 'who is stopped vouches for nothing: fresh for 3 s at most, then'
               . ' 503; recovery in 2 s',
    outage => 1,
    run => sub {
        my ($r) = @_;

        $r->redis;
        my $proxy = $r->proxy;
        my $nginx = $r->nginx(zone => 'fresh=1h stale=0');

        sleep(1.5);
        $r->steady;

        my ($pid) = $nginx->worker_pids;
        my $p = $r->fault(3.5, sub {
            kill('STOP', $pid);
            $proxy->tell('hang');
        }, bound => 3100);

        noticed($r, $p);
        $p = $r->fault(2.5, sub { });
        $r->check($p->{allowed} + $p->{denied} == 0,
                  "answered after that: $p->{allowed}, $p->{denied}");
        $r->heal(5, sub {
            $proxy->tell('pass');
            kill('CONT', $pid);
        });
    });


row 'latency' => (
    fault => 'all that Redis says comes 500 ms late, for 5 s; timeout=50ms',
    promise => 'what is not cached is 503 after 50 ms, and cached by the late'
               . ' answer; changes are seen 500 ms later',
    run => sub {
        my ($r) = @_;

        $r->redis;
        my $proxy = $r->proxy;

        $r->nginx(link => 'timeout=50ms connect_timeout=2s');
        $r->steady;

        my $p = $r->fault(5, sub { $proxy->tell('latency', 500) },
                          bound => 650, then => 2200);

        $r->check($p->{slowest} < 100 * $r->within(1),
                  "slowest from the cache: $p->{slowest} ms");
        $r->check($p->{fresh} > $p->{miss}, 'most are from the cache');
        $r->heal(3, sub { $proxy->tell('pass') });
    });


# Who hears of a change is another worker than who reads: the race that the
# sequence of a bucket is for.  fault-selftest.sh breaks what this row finds.

row 'late-link' => (
    fault => 'all that Redis says to one of two workers comes 400 ms late, for'
             . ' 8 s',
    promise => 'the other one hears for it: seen in 100 ms',
    core => 1,
    rate => 1000,
    writes => 60,
    run => sub {
        my ($r) = @_;

        $r->redis;
        my $proxy = $r->proxy;

        $r->nginx(zone => 'fresh=1h negative=1h',
                  link => 'timeout=1s connect_timeout=2s');
        sleep(1.5);
        $r->steady;
        $r->fault(8, sub { $proxy->tell('lag', 400) });
        $r->heal(2, sub { $proxy->tell('pass') });
    });


row 'jitter' => (
    fault => 'each link is late by up to 30 ms, at random; 4 workers, records'
             . ' change at full speed',
    promise => 'the last change wins: seen in 150 ms',
    rate => 1000,
    writes => 400,
    clients => 48,
    keys => 24,
    run => sub {
        my ($r) = @_;

        $r->redis;
        my $proxy = $r->proxy;

        $r->nginx(workers => 4, zone => 'fresh=1h negative=1h',
                  link => 'timeout=1s connect_timeout=2s');
        $r->steady;
        $r->fault(10, sub { $proxy->tell('latency', 0, 30) }, bound => 150,
                  then => 150);
        $r->heal(2, sub { $proxy->tell('pass') });
    });


row 'slices' => (
    fault => 'what Redis says comes byte by byte, one a millisecond, for 5 s',
    promise => 'nothing that is half there is used; changes are seen as they'
               . ' come',
    writes => 10,
    run => sub {
        my ($r) = @_;

        $r->redis;
        my $proxy = $r->proxy;

        $r->nginx(link => 'timeout=1s connect_timeout=2s');
        $r->steady;
        $r->fault(5, sub { $proxy->tell('slice', 1) }, bound => 2200,
                  then => 4200);
        $r->heal(4, sub { $proxy->tell('pass') }, bound => 4200);
    });


row 'cuts' => (
    fault => 'RST in the middle of what Redis says, after 3000 bytes of each'
             . ' link, for 5 s',
    promise => "$outage; recovery in 2 s",
    run => sub {
        my ($r) = @_;

        $r->redis;
        my $proxy = $r->proxy;

        $r->nginx;
        $r->steady;

        my $links = $proxy->count;

        $r->fault(5, sub { $proxy->tell('cut', 3000) }, bound => 2200,
                  then => 2200);
        $links = $proxy->count - $links;
        $r->check($links > 8, "links: $links");
        $r->heal(4, sub { $proxy->tell('pass') });
    });


for my $how ('reset', 'shut') {
    row "links-$how" => (
        fault => ($how eq 'reset' ? 'RST' : 'FIN') . ' to all links, every'
                 . ' 300 ms, for 4 s',
        promise => "$outage; recovery in 2 s",
        run => sub {
            my ($r) = @_;

            $r->redis;
            my $proxy = $r->proxy;

            $r->nginx;
            $r->steady;
            $r->fault(4, sub {
                for (1 .. 13) {
                    $proxy->tell($how);
                    sleep(0.3);
                }
            }, bound => 2200, then => 2200);
            $r->heal(4, sub { });
        });
}


row 'refused' => (
    fault => 'RST to all links, and nobody listens, for 5 s',
    promise => "$outage; recovery in 2 s",
    run => sub {
        my ($r) = @_;

        $r->redis;
        my $proxy = $r->proxy;

        $r->nginx;
        $r->steady;
        $r->fault(5, sub { $proxy->tell('refuse') }, bound => 100000,
                  then => 2200);
        $r->heal(5, sub { $proxy->tell('listen') });
    });


# The kernel's own: packets are lost, and sent again later.  In a network
# namespace of this row's.

row 'packets-dropped' => (
    fault => 'iptables drops the packets of all links, for 6 s, while records'
             . ' change; stale=0',
    promise => 'fresh for 3 s at most, then 503; recovery in 2 s',
    outage => 1,
    run => sub {
        my ($r) = @_;

        # unshare(CLONE_NEWNET), on x86-64 and arm64

        my %number = (x86_64 => 272, aarch64 => 97);
        my ($machine) = (POSIX::uname())[4];

        if (!$number{$machine}
            || syscall($number{$machine}, 0x40000000) != 0
            || system('ip link set lo up 2> /dev/null') != 0
            || system('iptables -L > /dev/null 2>&1') != 0)
        {
            return $r->unproduced('takes root, ip and iptables');
        }

        my $port = 16379;
        my $redis = $r->redis('--port', $port, '--bind', '127.0.0.1');

        $r->nginx(zone => 'fresh=1h stale=0',
                  redis => "redis://127.0.0.1:$port");
        $r->steady;

        my $drop = sub {
            my ($how) = @_;

            system("iptables -$how INPUT -p tcp --${_}port $port -j DROP") == 0
                or die 'iptables' for 's', 'd';
        };

        my $p = $r->fault(3.5, sub { $drop->('A') }, bound => 3100);

        noticed($r, $p);
        $p = $r->fault(2.5, sub { });
        $r->check($p->{allowed} + $p->{denied} == 0,
                  "answered after that: $p->{allowed}, $p->{denied}");
        $r->heal(5, sub { $drop->('D') });
    });

1;
