# Copyright (C) Evolu Auth Authors
#
# nginx itself: reloads, upgrades, workers that die, stop or hang, and what it
# has too little of.

use strict;
use warnings;

use Fault;
use Fcntl qw(O_NONBLOCK O_RDWR);
use IO::Socket::INET;
use POSIX ();
use Socket qw(SOL_SOCKET SO_LINGER);
use Time::HiRes qw(sleep time);

my $outage = 'what is cached is served, all else is 503';


row 'reload' => (
    fault => 'HUP every 2 s, for 10 s',
    promise => 'no request is lost, nothing cached is asked for again',
    core => 1,
    run => sub {
        my ($r) = @_;

        $r->redis;
        my $nginx = $r->nginx;

        $r->steady;

        my $p = $r->fault(10, sub {
            for (1 .. 5) {
                my $begin = time;

                $nginx->reload;

                my $left = $begin + 2 - time;

                sleep($left) if $left > 0;
            }
        });

        $r->check($p->{warm503} + $p->{other503} == 0, 'no 503');
        $r->{note} = "closed connections that were asked again: $p->{aborted}";
    });


# USR2: a new master, which begins with an empty zone.  A master whose parent
# lives does not take it, so here it is started by one that ends.

sub orphan {
    my ($out, @command) = @_;
    my $file = "$EvoluNginx::dir/orphan";
    my $parent = EvoluNginx::spawn($out, 'sh', '-c',
        'file=$1; shift; "$@" & echo $! > "$file"; sleep 1', 'sh', $file,
        @command);

    waitpid($parent, 0);

    return 0 + EvoluNginx::read_text($file);
}


row 'upgrade' => (
    fault => 'USR2, WINCH, QUIT: another master takes over; twice; then USR2'
             . ' and back to the old one',
    promise => 'no request is lost; a new master begins with an empty cache',
    run => sub {
        my ($r) = @_;

        # orphans become children of this process: PR_SET_CHILD_SUBREAPER

        my %number = (x86_64 => 157, aarch64 => 167);
        my ($machine) = (POSIX::uname())[4];

        if (!$number{$machine} || syscall($number{$machine}, 36, 1) != 0) {
            return $r->unproduced('takes Linux on x86-64 or arm64');
        }

        $r->redis;

        my $nginx = do {
            no warnings 'redefine';
            my $spawn = \&EvoluNginx::spawn;
            local *EvoluNginx::spawn = sub {
                local *EvoluNginx::spawn = $spawn;

                return orphan(@_);
            };

            $r->nginx;
        };

        my $file = "$nginx->{root}/logs/nginx.pid";

        $r->steady;

        my $p = $r->fault(0, sub {
            for my $back (0, 0, 1) {
                my $old = $nginx->{pid};
                my $links = $nginx->logged(qr/is live/);

                kill('USR2', $old);
                EvoluNginx::awaited('a new master', sub {
                    -s $file && EvoluNginx::read_text($file) != $old
                });
                $nginx->linked($links + 2);

                my $new = 0 + EvoluNginx::read_text($file);

                kill('WINCH', $old);
                sleep(1);

                if ($back) {
                    kill('HUP', $old);
                    $nginx->linked($links + 4);
                    kill('QUIT', $new);
                    waitpid($new, 0);

                } else {
                    kill('QUIT', $old);
                    waitpid($old, 0);
                    $nginx->{pid} = $new;
                }

                sleep(1);
            }
        });

        $r->check($p->{warm503} + $p->{other503} == 0, 'no 503');
        $r->{note} = "closed connections that were asked again: $p->{aborted}";
    });


row 'worker-killed' => (
    fault => 'kill -9 of a worker each second, for 8 s',
    promise => 'requests inside of it are asked again and answered; recovery in'
               . ' 2 s',
    core => 1,
    run => sub {
        my ($r) = @_;

        $r->redis;
        my $nginx = $r->nginx(allow => qr/exited on signal 9/);

        $r->steady;

        my $p = $r->fault(8, sub {
            for (1 .. 8) {
                kill('KILL', ($nginx->worker_pids)[rand(2)]);
                sleep(1);
            }
        }, bound => 2200, then => 2200);

        $r->{note} = "asked again: $p->{aborted}";
        $r->heal(3, sub { });
    });


row 'worker-stopped' => (
    fault => 'SIGSTOP of one of two workers for 5 s, while records change;'
             . ' stale=0',
    promise => 'the other one hears for both: revoked in 100 ms',
    run => sub {
        my ($r) = @_;

        $r->redis;
        my $nginx = $r->nginx(zone => 'fresh=1h stale=0');

        sleep(1.5);
        $r->steady;

        my ($pid) = $nginx->worker_pids;

        $r->fault(5, sub { kill('STOP', $pid) });
        $r->heal(4, sub { kill('CONT', $pid) }, bound => 100);
    });


row 'all-stopped' => (
    fault => 'SIGSTOP of all of nginx for 6 s, while records change (a virtual'
             . ' machine that is moved); stale=0',
    promise => 'who asked meanwhile gets what is true now; recovery in 2 s',
    outage => 1,
    core => 1,
    run => sub {
        my ($r) = @_;

        $r->redis;
        my $nginx = $r->nginx(zone => 'fresh=1h stale=0');

        $r->steady;

        my @pids = ($nginx->worker_pids, $nginx->{pid});

        $r->fault(6, sub { kill('STOP', @pids) });
        $r->heal(4, sub { kill('CONT', @pids) }, bound => 100);
    });


row 'worker-hangs' => (
    fault => 'both workers hang for 4 s, writing to a log that nobody reads,'
             . ' while records change; stale=0',
    promise => 'who asked meanwhile gets what is true now; recovery in 2 s',
    outage => 1,
    run => sub {
        my ($r) = @_;

        $r->redis;

        my $pipe = "$EvoluNginx::dir/log";

        POSIX::mkfifo($pipe, 0600) or die "$pipe: $!";
        sysopen(my $log, $pipe, O_RDWR | O_NONBLOCK) or die "$pipe: $!";

        my $nginx = $r->nginx(zone => 'fresh=1h stale=0', server => "
                location /hang { access_log $pipe; return 204; }");

        $r->steady;

        my @clients = $nginx->clients($EvoluNginx::GLOBAL);

        $r->fault(4, sub {
            1 while syswrite($log, "\n" x 4096);
            $_->send(undef, '/hang') for @clients;
        });

        $r->heal(4, sub {
            for (1 .. 50) {
                1 while sysread($log, my $data, 65536);
                sleep(0.01);
            }
        }, bound => 100);
    });


row 'master-killed' => (
    fault => 'kill -9 of the master',
    promise => 'its workers go on, changes are heard',
    no_end => 1,
    ended => 1,
    run => sub {
        my ($r) = @_;

        $r->redis;
        my $nginx = $r->nginx;

        $r->steady;

        my @workers = $nginx->worker_pids;
        my $p = $r->fault(4, sub {
            kill('KILL', $nginx->{pid});
            waitpid($nginx->{pid}, 0);
            $nginx->{dead} = 1;
        });

        $r->check($p->{warm503} + $p->{other503} == 0, 'no 503');
        $r->check($p->{fresh} > 0, 'fresh');
        $r->load('writes', 0);
        $r->load('settle');
        kill('QUIT', @workers);
        EvoluNginx::awaited('the workers to end', sub {
            !grep { kill(0, $_) } @workers
        });
    });


row 'zone-full' => (
    fault => 'a zone of 128k for 4000 records in use',
    promise => 'all is answered, from Redis where it must be',
    keys => 4000,
    run => sub {
        my ($r) = @_;

        $r->redis;
        $r->nginx(size => '128k', load => { rate => 1000 });

        my $p = $r->steady(6);

        $r->check($p->{miss} > $p->{requests} / 4, "misses: $p->{miss}");
    });


# Descriptors and connections: the link is lost, and can't come back

sub drop_links {
    my ($redis) = @_;

    $redis->do('CLIENT', 'KILL', 'ID', $_)
        for map { /^id=(\d+)/ ? $1 : () } $redis->links;

    return;
}


row 'no-connections' => (
    fault => 'worker_connections 64 are used up by idle clients, and all links'
             . ' are closed, for 5 s',
    promise => 'who gets in is answered from the cache; recovery in 2 s',
    may => ['lost', 'stuck'],
    clients => 8,
    run => sub {
        my ($r) = @_;
        my $redis = $r->redis;
        my $nginx = $r->nginx(connections => 64,
            allow => qr/worker_connections are not enough/);
        my @idle;

        $r->steady;

        my $p = $r->fault(5, sub {
            for (1 .. 300) {
                my $s = IO::Socket::INET->new(PeerAddr => '127.0.0.1',
                                              PeerPort => $nginx->{port})
                    or next;

                $s->blocking(0);
                syswrite($s, "GET / HTTP/1.1\r\n");
                push @idle, $s;
            }

            drop_links($redis);
        }, bound => 100000, then => 2200);

        $r->{note} = "$p->{lost} requests met no free connection";
        $r->check($nginx->logged(qr/worker_connections are not enough/) > 0,
                  'they were used up');
        $r->heal(6, sub { @idle = () });
    });


row 'no-descriptors' => (
    fault => 'both workers have no file descriptor left, and all links are'
             . ' closed, for 5 s',
    promise => 'who is connected is answered from the cache; recovery in 2 s',
    may => ['lost', 'stuck'],
    run => sub {
        my ($r) = @_;

        if (system('prlimit --pid $$ --nofile > /dev/null 2>&1') != 0) {
            return $r->unproduced('takes prlimit');
        }

        my $redis = $r->redis;
        # workers of our own user, whose limits we may set

        my $nginx = $r->nginx(allow => qr/Too many open files/,
                               main => "user root;\n");

        $r->steady;

        my $limit = sub {
            my ($n) = @_;

            system('prlimit', '--pid', $_, "--nofile=$n:") == 0
                or die 'prlimit' for $nginx->worker_pids;
        };

        my $p = $r->fault(5, sub {
            $limit->(8);
            drop_links($redis);
        }, bound => 100000, then => 2200);

        $r->{note} = "$p->{lost} requests on new connections were lost";
        $r->check($nginx->logged(qr/Too many open files/) > 0, 'none was left');
        $r->check($p->{stale} > 0, "served stale: $p->{stale}");
        $r->heal(6, sub { $limit->(1024) });
    });


row 'aborts' => (
    fault => '6000 clients that close while they wait for a slow Redis, half of'
             . ' them with RST',
    promise => 'nobody else waits for them, and nothing is left of them',
    run => sub {
        my ($r) = @_;

        $r->redis;
        my $proxy = $r->proxy;
        my $nginx = $r->nginx;
        my $n = 0;

        $r->steady;

        $r->fault(0, sub {
            $proxy->tell('latency', 200);

            while ($n < 6000) {
                my @clients = grep { defined } map { $nginx->connect } 1 .. 100;

                $_->send('evolu_live_gone' . ++$n . '_NoSecret0123456789')
                    for @clients;

                # as they wait, or before, or after

                sleep(0.01 * int(rand(4)));

                for my $client (@clients) {
                    setsockopt($client->{socket}, SOL_SOCKET, SO_LINGER,
                               pack('ii', 1, 0)) if $n++ % 2;
                    $client->close;
                }
            }
        }, bound => 500);

        # as many may wait as before

        $r->heal(3, sub { $proxy->tell('pass') });

        my @clients = map { $nginx->connect } 1 .. 100;

        $clients[$_]->send("evolu_live_more${_}_NoSecret0123456789")
            for 0 .. $#clients;

        my $refused = grep { $_->read->{text} ne '401 MISS unknown' } @clients;

        $r->check($refused == 0, "not answered after that: $refused");
    });


row 'clock' => (
    fault => 'the clock of nginx is set forth an hour, back two, and right'
             . ' again (faketime)',
    promise => 'expiry follows the clock, at once; nothing is asked for again',
    no_end => 1,
    run => sub {
        my ($r) = @_;
        my ($library) = glob('/usr/lib/*/faketime/libfaketime.so.1');

        return $r->unproduced('takes libfaketime') if !defined $library;

        my $redis = $r->redis;
        my $file = EvoluNginx::write_file('clock', "+0\n");
        my $live = $EvoluNginx::LIVE;

        chmod(0644, $file);             # workers are nobody

        local $ENV{LD_PRELOAD} = $library;
        local $ENV{FAKETIME_TIMESTAMP_FILE} = $file;
        local $ENV{FAKETIME_NO_CACHE} = 1;
        local $ENV{FAKETIME_DONT_FAKE_MONOTONIC} = 1;

        $redis->fill;
        $redis->add($live, 'exp=' . (int(time) + 1800));
        $redis->add($EvoluNginx::OTHER, 'nbf=' . (int(time) - 1800));

        my $nginx = $r->nginx(cold => 1, zone => 'fresh=1h', main => join('',
            map { "env $_;\n" } qw(LD_PRELOAD FAKETIME_TIMESTAMP_FILE
                                   FAKETIME_NO_CACHE
                                   FAKETIME_DONT_FAKE_MONOTONIC)));

        $nginx->linked(2);
        delete $ENV{LD_PRELOAD};

        $nginx->until(2, $live, '200 FRESH ok');
        $nginx->until(2, $EvoluNginx::OTHER, '200 FRESH ok');

        my $reads = $redis->calls('hgetall');

        for my $step (['+3600', '401 FRESH expired', '200 FRESH ok'],
                      ['-3600', '200 FRESH ok', '401 FRESH not_yet_valid'],
                      ['+0', '200 FRESH ok', '200 FRESH ok'])
        {
            my ($by, @want) = @$step;
            my $begin = time;

            EvoluNginx::write_file('clock', "$by\n");
            chmod(0644, $file);

            for my $key ($live, $EvoluNginx::OTHER) {
                my $want = shift @want;
                my $got = $nginx->until(3, $key, $want);

                $r->check(scalar($got =~ /\Q$want\E$/), "$by: $got");
            }

            $r->check(time - $begin < $r->within(1.5), "$by: at once");
        }

        $reads = $redis->calls('hgetall') - $reads;
        $r->check($reads == 0, "reads: $reads");
        $r->{note} = "records read meanwhile: $reads";
        $r->load('quit');
    });

1;
