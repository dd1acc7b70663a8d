# Copyright (C) Evolu Auth Authors
#
# Redis is killed, hangs, is emptied, refuses, or becomes another one.

use strict;
use warnings;

use Fault;
use Time::HiRes qw(sleep time);

my @durable = ('--appendonly', 'yes', '--appendfsync', 'always');
my $outage = 'what is cached is served, all else is 503';
my @rights = qw(resetkeys %R~evolu:* resetchannels -@all +hello +auth
                +client|setname +client|tracking +select +role +get +hgetall
                +smembers);


# Commands on connections of their own, which may hang or be lost

sub apart {
    my ($redis, @command) = @_;
    my $socket = IO::Socket::UNIX->new(Peer => $redis->{path}) or return;
    my $other = bless { socket => $socket }, 'EvoluNginx::Redis';

    $other->send(@command);

    return $other;
}


# Ids of the links, as the server has them

sub link_ids {
    my ($redis) = @_;

    return map { /^id=(\d+)/ ? $1 : () } $redis->links;
}


# The data are gone: what changes is unknown until it is written again

sub refill {
    my ($r) = @_;

    $r->load('forget');
    $r->check($r->load('fill') eq 'ok', 'records are written again');
    $r->load('writes', $r->{writes});

    return;
}


row 'redis-killed' => (
    fault => 'kill -9; 6 s later it is back, with its data',
    promise => "$outage; recovery in 2 s",
    core => 1,
    run => sub {
        my ($r) = @_;
        my $redis = $r->redis(@durable);

        $r->nginx;
        $r->steady;

        my $p = $r->fault(6, sub { $redis->kill });

        $r->check($p->{stale} > 100, "served stale: $p->{stale}");
        $r->heal(5, sub { $redis->again });
    });


row 'redis-restarted' => (
    fault => 'kill -9 and at once started again, four times in 6 s',
    promise => "$outage; recovery in 2 s",
    run => sub {
        my ($r) = @_;
        my $redis = $r->redis(@durable);

        $r->nginx;
        $r->steady;
        $r->fault(6, sub {
            for (1 .. 4) {
                $redis->kill;
                $redis->again;
                sleep(1.2);
            }
        }, bound => 2200, then => 2200);
        $r->heal(4, sub { });
    });


row 'stale-ends' => (
    fault => 'kill -9; stale=2s',
    promise => '2 s after Redis was last known good all is 503',
    outage => 1,
    run => sub {
        my ($r) = @_;
        my $redis = $r->redis(@durable);

        $r->nginx(zone => 'fresh=1h stale=2s');
        $r->steady;
        $r->fault(3.2, sub { $redis->kill });

        my $p = $r->fault(3, sub { });

        $r->check($p->{requests} > 100, 'asked');
        $r->check($p->{allowed} + $p->{denied} == 0,
                  "answered after that: $p->{allowed}, $p->{denied}");
        $r->heal(5, sub { $redis->again });
    });


row 'redis-emptied' => (
    fault => 'kill -9, back without its data; 4 s later all is written again',
    promise => "no epoch, so no mass denial: $outage, and what was written"
               . ' again is, until the epoch is; recovery in 2 s',
    core => 1,
    run => sub {
        my ($r) = @_;
        my $redis = $r->redis;

        $r->nginx;
        $r->steady;
        $r->load('writes', 0);
        $r->fault(5, sub { $redis->kill; $redis->again });
        $r->heal(5, sub { refill($r) }, written => 1);
    });


for my $flush (['flushall'], ['flushdb'], ['swapdb', 0, 1]) {
    my ($name, @arguments) = @$flush;

    row $name => (
        fault => join(' ', uc($name), @arguments) . ', 4 s later '
                 . (@arguments ? 'back again' : 'all is written again'),
        promise => "no epoch, so no mass denial: $outage; recovery in 2 s",
        run => sub {
            my ($r) = @_;
            my $redis = $r->redis;

            $r->nginx;
            $r->steady;
            $r->load('writes', 0);
            $r->fault(5, sub { $redis->do(uc($name), @arguments) });
            $r->heal(5, sub {
                return refill($r) if !@arguments;

                $redis->do('SWAPDB', @arguments);
                $r->load('writes', $r->{writes});
            }, written => !@arguments);
        });
}


row 'swapdb-other' => (
    fault => 'SWAPDB with a database that has another epoch, and that key not',
    promise => 'no push tells of it: noticed by the heartbeat, in 2 s',
    may => [],
    run => sub {
        my ($r) = @_;
        my $redis = $r->redis;
        my $nginx = $r->nginx;

        $r->steady;
        $r->load('writes', 0);
        $r->load('rate', 0);

        $redis->add($EvoluNginx::LIVE);
        $nginx->until(2, $EvoluNginx::LIVE, '200 FRESH ok');
        $redis->do('SELECT', 1);
        $redis->do('SET', 'evolu:epoch', 77);

        my $begin = time;

        $redis->do('SWAPDB', 0, 1);
        $nginx->until(5, $EvoluNginx::LIVE, qr/^401/);
        $r->{healed} = time - $begin;
        $r->check($r->{healed} < $r->within(2), "noticed: $r->{healed} s");

        $redis->do('SWAPDB', 0, 1);
        $nginx->until(5, $EvoluNginx::LIVE, '200 FRESH ok');
        $r->load('rate', $r->{rate});
        $r->load('writes', $r->{writes});
        $r->warm;
    });


row 'redis-hung' => (
    fault => 'SIGSTOP for 6 s (the kernel still accepts)',
    promise => "noticed in 3 s, $outage; recovery in 2 s",
    run => sub {
        my ($r) = @_;
        my $redis = $r->redis;

        $r->nginx;
        $r->steady;

        my $p = $r->fault(6, sub { $redis->kill('STOP') });

        $r->check($p->{last_fresh} <= 1000 * $r->within(3) + 100,
                  "fresh for $p->{last_fresh} ms");
        $r->heal(5, sub { $redis->kill('CONT') });
    });


my %hangs = (
    'debug-sleep' => ['DEBUG SLEEP 4',
                      sub { apart($_[0], 'DEBUG', 'SLEEP', 4) },
                      sub { }],
    'client-pause' => ['CLIENT PAUSE ALL for 4 s',
                       sub { apart($_[0], 'CLIENT', 'PAUSE', 4000, 'ALL') },
                       sub { }],
    'busy-script' => ['a script without an end, SCRIPT KILL after 4 s: -BUSY',
                      sub { apart($_[0], 'EVAL', 'while true do end', 0) },
                      sub { apart($_[0], 'SCRIPT', 'KILL')->reply }],
);

for my $name (sort keys %hangs) {
    my ($fault, $begin, $end) = @{ $hangs{$name} };

    row $name => (
        fault => $fault,
        promise => "$outage; recovery in 2 s",
        run => sub {
            my ($r) = @_;
            my $redis = $r->redis('--enable-debug-command', 'yes',
                                  '--busy-reply-threshold', 100);
            my $held;

            $r->nginx;
            $r->steady;
            $r->fault(4, sub { $held = $begin->($redis) }, then => 2200);
            $r->heal(5, sub { $end->($redis) });
        });
}


row 'redis-loading' => (
    fault => 'restarted, and takes some 3 s to load: -LOADING',
    promise => "$outage; recovery in 2 s after it has loaded",
    run => sub {
        my ($r) = @_;
        my $redis = $r->redis(@durable, '--key-load-delay', 30000,
                              '--aof-use-rdb-preamble', 'no');

        $r->nginx;
        $r->steady;

        my $p = $r->fault(2, sub { $redis->kill; $redis->begin });

        $r->check($p->{stale} > 50, "served stale: $p->{stale}");
        $r->fault(0, sub {
            EvoluNginx::awaited('redis to load', sub {
                my $other = apart($redis, 'PING') or return 0;

                return (eval { $other->reply } || '') eq 'PONG';
            });
        }, bound => 2200, then => 2200);
        $r->heal(5, sub { });
    });


row 'out-of-memory' => (
    fault => 'maxmemory 1, noeviction, for 4 s: HSET fails, DEL does not',
    promise => 'reads and revocations go on',
    run => sub {
        my ($r) = @_;
        my $redis = $r->redis;

        $r->nginx;
        $r->steady;

        my $p = $r->fault(4, sub {
            $redis->do('CONFIG', 'SET', 'maxmemory', 1)
        });

        $r->check($p->{failures} > 10, "refused: $p->{failures}");
        $r->check($p->{changes} > 0, "made: $p->{changes}");
        $r->heal(3, sub { $redis->do('CONFIG', 'SET', 'maxmemory', 0) });
    });


row 'evicted' => (
    fault => 'maxmemory 1, allkeys-random: Redis throws records away',
    promise => 'a record that Redis threw away is none: keep "noeviction"',
    may => ['wrong_denies'],
    outage => 1,
    run => sub {
        my ($r) = @_;
        my $redis = $r->redis;

        $r->nginx;
        $r->steady;
        $r->fault(4, sub {
            $redis->do('CONFIG', 'SET', 'maxmemory-policy', 'allkeys-random',
                       'maxmemory', 1);
        });

        $r->heal(5, sub {
            $redis->do('CONFIG', 'SET', 'maxmemory', 0);
            $r->load('writes', 0);
            refill($r);
        });
    });


# Two servers

sub pair {
    my ($r) = @_;
    my @servers = map {
        my $folder = "$EvoluNginx::dir/data$_";

        mkdir($folder);
        EvoluNginx::Redis->start('--dir', $folder, '--port', free_port(),
            '--repl-diskless-sync-delay', 0, '--repl-ping-replica-period', 1,
            '--appendonly', 'yes', '--replica-serve-stale-data', 'no');
    } 1 .. 2;

    for my $s (@servers) {
        (undef, $s->{port}) = @{ $s->do('CONFIG', 'GET', 'port') };
    }

    return @servers;
}


sub free_port {
    my $s = IO::Socket::INET->new(LocalAddr => '127.0.0.1', Listen => 1)
        or die "listen: $!";

    return $s->sockport;
}


sub follows {
    my ($redis, $primary) = @_;

    $redis->do('REPLICAOF', '127.0.0.1', $primary->{port});
    EvoluNginx::awaited('replication', sub {
        $redis->do('INFO', 'replication') =~ /master_link_status:up/
    });

    return;
}


row 'demoted' => (
    fault => 'REPLICAOF: the primary becomes a replica, its clients stay;'
             . ' stale=0',
    promise => 'noticed by its role, in 3 s; then 503; recovery in 2 s',
    outage => 1,
    run => sub {
        my ($r) = @_;
        my ($one, $other) = pair($r);

        $r->{redis} = $one;
        $r->nginx(zone => 'fresh=1h stale=0');
        follows($other, $one);
        $r->steady;

        $r->fault(3, sub {
            $r->load('writes', 0);
            $other->do('REPLICAOF', 'NO', 'ONE');
            follows($one, $other);
            $r->load('store', $other->address);
            $r->load('writes', $r->{writes});
        }, bound => 3000);

        my $p = $r->fault(3, sub { }, bound => 100);

        $r->check($p->{allowed} == 0, "served after that: $p->{allowed}");

        $r->heal(5, sub {
            $r->load('writes', 0);
            sleep(0.2);
            $one->do('REPLICAOF', 'NO', 'ONE');
            $r->load('store', $one->address);
            $r->load('writes', $r->{writes});
        });
    });


row 'replica' => (
    fault => 'role=any on a replica, replica-serve-stale-data no, whose primary'
             . ' is killed: -MASTERDOWN',
    promise => "revocations arrive through it; $outage; recovery in 2 s after"
               . ' it follows again',
    run => sub {
        my ($r) = @_;
        my ($one, $other) = pair($r);

        $r->{redis} = $other;
        $r->{store} = $one;
        follows($other, $one);
        $r->nginx(link => 'timeout=500ms connect_timeout=250ms role=any');
        $r->steady;

        # what it can't be asked for: a full synchronization follows

        $r->fault(4, sub { $one->kill });
        $r->fault(0, sub {
            $one->again;
            EvoluNginx::awaited('replication', sub {
                $other->do('INFO', 'replication') =~ /master_link_status:up/
            });
        }, bound => 5000, then => 2200);
        $r->heal(5, sub { });
    });


# The edge's user

sub with_user {
    my ($r) = @_;
    my $redis = $r->redis;

    $redis->do('ACL', 'SETUSER', 'edge', 'on', '>hush-hush-password', @rights);
    EvoluNginx::write_file('password', "hush-hush-password\n");

    my $proxy = $r->proxy;
    my $to = $proxy->address =~ s{//}{//edge\@}r;

    $r->nginx(redis => $to,
              link => 'timeout=500ms connect_timeout=250ms '
                      . "password_file=$EvoluNginx::dir/password");

    return ($redis, $proxy);
}


row 'acl-denied' => (
    fault => 'the edge\'s user loses +hgetall for 4 s: -NOPERM',
    promise => 'what is cached is fresh, all else is 503, never 401',
    run => sub {
        my ($r) = @_;
        my ($redis) = with_user($r);

        $r->steady;

        my $p = $r->fault(4, sub {
            $redis->do('ACL', 'SETUSER', 'edge', '-hgetall')
        });

        $r->check($p->{other503} > 10, "503: $p->{other503}");
        $r->heal(3, sub { $redis->do('ACL', 'SETUSER', 'edge', '+hgetall') });
    });


my %locked_out = (
    'acl-password' => ['its password is another one, and its links are closed',
        sub {
            my ($redis) = @_;

            $redis->do('ACL', 'SETUSER', 'edge', 'resetpass', '>other');
            $redis->do('CLIENT', 'KILL', 'USER', 'edge');
        },
        sub {
            $_[0]->do('ACL', 'SETUSER', 'edge', 'resetpass',
                      '>hush-hush-password');
        }],
    'acl-deleted' => ['ACL DELUSER',
        sub { $_[0]->do('ACL', 'DELUSER', 'edge') },
        sub {
            $_[0]->do('ACL', 'SETUSER', 'edge', 'on', '>hush-hush-password',
                      @rights);
        }],
);

for my $name (sort keys %locked_out) {
    my ($fault, $begin, $end) = @{ $locked_out{$name} };

    row $name => (
        fault => "the edge's user: $fault, for 5 s",
        promise => "$outage, never 401; at most 3 attempts a second and worker;"
                   . ' recovery in 2 s',
        run => sub {
            my ($r) = @_;
            my ($redis, $proxy) = with_user($r);

            $r->steady;

            my $attempts = $proxy->count;

            $r->fault(5, sub { $begin->($redis) }, bound => 2200,
                      then => 2200);
            $attempts = $proxy->count - $attempts;
            $r->check($attempts <= 2 * 3 * 5 + 8, "attempts: $attempts");
            $r->heal(5, sub { $end->($redis) });
        });
}


row 'links-killed' => (
    fault => 'CLIENT KILL of all links, every 200 ms, for 4 s',
    promise => "$outage; recovery in 2 s",
    run => sub {
        my ($r) = @_;
        my $redis = $r->redis;

        $r->nginx;
        $r->steady;
        $r->fault(4, sub {
            for (1 .. 20) {
                $redis->do('CLIENT', 'KILL', 'ID', $_) for link_ids($redis);
                sleep(0.2);
            }
        }, bound => 2200, then => 2200);
        $r->heal(4, sub { });
    });


row 'output-limit' => (
    fault => 'client-output-buffer-limit normal 32k, and changes that name 3000'
             . ' keys at once, for 4 s',
    promise => "$outage; recovery in 2 s",
    run => sub {
        my ($r) = @_;
        my $redis = $r->redis;
        my $closed = 0;

        $r->nginx;
        $r->steady;

        my $lost = $r->{nginx}->logged(qr/redis link to .* lost/);

        $r->fault(4, sub {
            $redis->do('CONFIG', 'SET', 'client-output-buffer-limit',
                       'normal 32768 0 0');

            for (1 .. 12) {
                $redis->do('EVAL', "for i = 1, 3000 do redis.call('SET',"
                           . " 'evolu:big:' .. i, $_) end", 0);
                sleep(0.3);
            }
        }, bound => 2200, then => 2200);

        $lost = $r->{nginx}->logged(qr/redis link to .* lost/) - $lost;
        $r->{note} = "links lost: $lost, as logged";
        $r->check($lost > 0, 'links were lost');
        $r->heal(4, sub {
            $redis->do('CONFIG', 'SET', 'client-output-buffer-limit',
                       'normal 0 0 0');
        });
    });


row 'big-change' => (
    fault => 'one command that deletes 10000 records, in turns, for 4 s: pushes'
             . ' over the limit',
    promise => 'the link begins again, all is asked for again; recovery in 2 s',
    run => sub {
        my ($r) = @_;
        my $redis = $r->redis;

        $r->nginx;
        $r->steady;
        $r->fault(4, sub {
            for (1 .. 8) {
                $redis->do('EVAL', "for i = 1, 10000 do"
                           . " redis.call('SET', 'evolu:big:' .. i, $_) end"
                           . " for i = 1, 10000 do"
                           . " redis.call('DEL', 'evolu:big:' .. i) end", 0);
                sleep(0.4);
            }
        }, bound => 2200, then => 2200);
        $r->heal(4, sub { });
    });


row 'idle-timeout' => (
    fault => 'timeout 2: Redis closes who is silent for 2 s; for 6 s',
    promise => 'heartbeats keep the links: nothing is lost',
    run => sub {
        my ($r) = @_;
        my $redis = $r->redis;

        $r->nginx;
        $r->steady;

        my $links = $r->{nginx}->logged(qr/is live/);

        $redis->do('CONFIG', 'SET', 'timeout', 2);

        my $p = $r->fault(6, sub { });

        $r->check($r->{nginx}->logged(qr/is live/) == $links, 'the same links');
        $r->check($p->{warm503} + $p->{other503} == 0, 'no 503');
        EvoluNginx::awaited('redis', sub {
            $redis->{socket} = IO::Socket::UNIX->new(Peer => $redis->{path})
        });
        $redis->do('CONFIG', 'SET', 'timeout', 0);
    });


row 'max-clients' => (
    fault => 'all links closed, and maxclients is reached, for 5 s',
    promise => "$outage; recovery in 2 s",
    run => sub {
        my ($r) = @_;
        my $redis = $r->redis;

        $r->nginx;
        $r->steady;
        $r->fault(5, sub {
            my @ids = link_ids($redis);
            my ($n) = $redis->do('INFO', 'clients')
                      =~ /connected_clients:(\d+)/;

            # one more than are left without the links cannot be had

            $redis->do('CONFIG', 'SET', 'maxclients', $n - @ids);
            $redis->do('CLIENT', 'KILL', 'ID', $_) for @ids;
        }, bound => 2200, then => 2200);
        $r->heal(5, sub { $redis->do('CONFIG', 'SET', 'maxclients', 1000) });
    });


row 'epoch-lost' => (
    fault => 'DEL of the epoch, 4 s later it is there again',
    promise => "$outage, nobody is refused; recovery in 2 s",
    run => sub {
        my ($r) = @_;
        my $redis = $r->redis;
        my $epoch;

        $r->nginx;
        $r->steady;
        $r->fault(4, sub {
            $epoch = $redis->do('GET', 'evolu:epoch');
            $redis->do('DEL', 'evolu:epoch');
        }, bound => 100, then => 2200);
        $r->heal(4, sub { $redis->do('SET', 'evolu:epoch', $epoch) });
    });


row 'epoch-advanced' => (
    fault => 'INCR of the epoch, every 300 ms, for 4 s',
    promise => 'all is asked for again, and nothing is lost',
    run => sub {
        my ($r) = @_;
        my $redis = $r->redis;

        $r->nginx;
        $r->steady;

        my $p = $r->fault(4, sub {
            for (1 .. 13) {
                $redis->do('INCR', 'evolu:epoch');
                sleep(0.3);
            }
        });

        $r->check($p->{warm503} + $p->{other503} == 0, 'no 503');
    });


row 'no-redis-at-start' => (
    fault => 'nginx starts with an empty cache and no Redis, which comes 4 s'
             . ' later',
    promise => 'all is 503, but for what is in the key file; recovery in 2 s',
    outage => 1,
    core => 1,
    run => sub {
        my ($r) = @_;
        my $redis = $r->redis;

        $redis->kill;

        my $nginx = $r->nginx(cold => 1);

        $r->load('rate', $r->{rate});

        my $p = $r->fault(4, sub { });

        $r->check($p->{requests} > 100, 'asked');
        $r->check($p->{allowed} + $p->{denied} == 0, 'all of it is 503');
        $r->check($nginx->ask($EvoluNginx::GLOBAL) eq '200 FILE ok',
                  'the key file serves');

        $r->heal(5, sub {
            $redis->again;
            refill($r);
        });
    });


# What it costs that all is asked for again

row 'reads-after' => (
    fault => 'kill -9 for 3 s, 400 records cached',
    promise => 'in the 10 s after recovery Redis is read at most twice as often'
               . ' as before',
    keys => 400,
    rate => 800,
    run => sub {
        my ($r) = @_;
        my $redis = $r->redis(@durable);

        $r->nginx;
        $r->steady(10);
        $r->fault(3, sub { $redis->kill });

        my $p = $r->heal(10, sub { $redis->again });
        my $rate = $r->reads / $p->{ms} * 1000;
        my $times = $rate / $r->{steady_reads};

        $r->{note} = sprintf('%.0f reads a second before, %.0f after: %.2f'
                             . ' times', $r->{steady_reads}, $rate, $times);
        $r->check($times <= 2, $r->{note});
    });

1;
