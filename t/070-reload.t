# Copyright (C) Evolu Auth Authors
#
# Processes come and go; what they knew stays.

use strict;
use warnings;

use lib 't/lib';
use EvoluNginx;
use EvoluRedisScript qw(hash);
use POSIX ();
use Test::More;
use Time::HiRes qw(sleep time);

my $redis = EvoluNginx::Redis->start;
my $fresh = qr/^200 (?:MISS|FRESH) ok$/;
my $down = '503 - unavailable';

$redis->fill;


# The zone outlives its workers, and is fresh as long as somebody watched

sub keeps {
    my $nginx = EvoluNginx->start(redis => $redis, workers => 2,
                                  zone => 'fresh=1h stale=1h');

    is($nginx->ask($LIVE), '200 MISS ok', 'read');

    my $reads = $redis->calls('hgetall');

    for my $n (1, 2) {
        $nginx->reload;
        is($nginx->ask($LIVE), '200 FRESH ok', "reload $n: fresh");
    }

    # what the module looks up by itself, at the start of a worker, apart

    is($redis->calls('hgetall') - $reads <= 2 ? 1 : 0, 1, 'and not read again');

    # it is the new workers' links that tell, now

    my @workers = $nginx->clients($LIVE);

    $redis->revoke($LIVE);

    within(1, 'a revocation reaches it', sub {
        $_->ask($LIVE) =~ /^401/ or return 0 for @workers;
        return 1;
    });

    $redis->add($LIVE);
    like($nginx->until(1, $LIVE, $fresh), qr/200 \S+ ok$/, 'so does a key');
    $nginx->heard;
    like($nginx->until(1, $LIVE, '200 FRESH ok'), qr/200 FRESH ok$/, 'fresh');

    # the store goes away first

    $redis->kill;
    $nginx->reaches(2, $LIVE, '200 STALE ok',
                    'no store: stale');

    for my $n (1, 2) {
        $nginx->reload(live => 0);
        is($nginx->ask($LIVE), '200 STALE ok', "no store, reload $n: stale");
        is($nginx->ask($OTHER), $down, "no store, reload $n: others");
    }

    $redis->again;
    $redis->fill;
    like($nginx->until(3, $LIVE, $fresh), qr/200 \S+ ok$/, 'there again');

    $nginx->stop;

    return;
}


# A worker ends whose link hears nothing any more, and does not know it yet.
# Those that are linked meanwhile do not know what it missed.

sub deaf {
    for my $signal ('QUIT', 'TERM') {
        my $revoked = "$dir/revoked-$signal";
        my $server = EvoluRedisScript->start(
            socket => "$dir/deaf-$signal.sock",
            log => "$dir/deaf-$signal.log",
            answer => sub {
                my ($link, $command, $name) = @_;

                return if $command ne 'HGETALL' || $name !~ /aB3dE6gH$/;
                return -e $revoked ? hash() : hash(record_of($LIVE));
            });

        my $nginx = EvoluNginx->start(redis => $server, zone => 'fresh=1h');

        is($nginx->ask($LIVE), '200 MISS ok', "deaf, $signal: read");
        is($nginx->ask($LIVE), '200 FRESH ok', "deaf, $signal: kept");

        my ($old) = $nginx->worker_pids;

        $server->tell('hang');
        EvoluNginx::write_file("revoked-$signal", '');

        if ($signal eq 'QUIT') {
            $nginx->reload;

        } else {
            # the master puts another one in its place
            kill($signal, $old);
            $nginx->linked(2);
        }

        $nginx->reaches(4, $LIVE, qr/^401/, "deaf, $signal: noticed");
        $nginx->stop;
        $server->stop;
    }

    return;
}


# The store moves, and a worker that ends has a long way to go.  Its link is
# good, and hears nothing of the new store: there a key is revoked while nobody
# is linked.

sub moved {
    my $new = EvoluNginx::Redis->start;
    my %is = (redis => $redis, zone => 'fresh=1h stale=1h');
    my $nginx = EvoluNginx->start(%is);

    $new->fill;
    is($nginx->ask($LIVE), '200 MISS ok', 'moved: read');

    my $long = $nginx->connect;

    $long->write("GET / HTTP/1.1\r\nHost: a\r\n");
    $nginx->ask($LIVE);
    $nginx->reload(redis => $new, stay => 1);
    within(5, 'moved: the old worker ends', sub {
        $nginx->logged(qr/gracefully shutting down/)
    });
    is($nginx->ask($LIVE), '200 MISS ok', 'moved: another store');
    is($nginx->ask($LIVE), '200 FRESH ok', 'moved: kept');

    my $links = $nginx->logged(qr/is live/);

    $new->do('MULTI');
    $new->do('CLIENT', 'KILL', 'TYPE', 'normal', 'SKIPME', 'yes');
    $new->do('DEL', key_of($LIVE));
    $new->do('EXEC');
    $nginx->linked($links + 1);
    $nginx->reaches(1, $LIVE, qr/^401/, 'moved: what nobody has heard');

    # the old one knows its own store

    is(scalar(my @workers = $nginx->worker_pids), 2, 'moved: it is there yet');
    $long->write("apikey: $LIVE\r\n\r\n");
    is($long->read->{text}, '200 MISS ok', 'moved: the old worker');

    $nginx->stop;

    # another server behind the same name: its epoch tells

    my $name = "$dir/moved.sock";

    symlink($redis->{path}, $name);
    $nginx = EvoluNginx->start(%is, redis => "unix:$name");
    $nginx->ask($LIVE);
    is($nginx->ask($LIVE), '200 FRESH ok', 'moved, one name: kept');
    unlink($name);
    symlink($new->{path}, $name);
    $new->do('INCR', 'evolu:epoch');
    $nginx->reload;
    $nginx->reaches(1, $LIVE, qr/^401/, 'moved, one name: another epoch');

    $nginx->stop;
    $new->kill;

    return;
}


# Records read under another meaning are none

sub meanings {
    my $nginx = EvoluNginx->start(redis => $redis, zone => 'fresh=1h');
    my $key = key_of($LIVE);

    is($nginx->ask($LIVE), '200 MISS ok', 'meanings: read');
    is($nginx->ask($TOKEN, '/i/shop'), '200 MISS ok', 'a token, too');
    is($nginx->ask($GLOBAL, '/i/shop'), '200 FILE ok',
       'a global key is tried though the record is at hand');

    my $stores = "evolu_auth_zone zone=evolu:1m fresh=1h;\n"
                 . 'evolu_auth_redis ' . $redis->address . ";\n";
    my $pepper = "evolu_auth_pepper p1 $dir/p1;\n";

    # one thing at a time, and the links stay, so that nothing else makes it
    # be read again

    $nginx->reload(stores => $stores . $pepper
                             . "evolu_auth_key_file $dir/keys;\n");
    is($nginx->ask($LIVE), '200 FRESH ok', 'nothing changed');
    is($nginx->ask($TOKEN, '/i/shop'), '200 FRESH ok', 'at all');

    $nginx->reload(stores => "$stores${pepper}evolu_auth_key_file "
                             . EvoluNginx::write_file('keys-2',
                                   'global g2 hash=' . hash_of($TOKEN) . "\n")
                             . ";\n");
    is($nginx->ask($TOKEN, '/i/shop'), '200 FILE ok',
       'the token is a global key now');

    $nginx->reload(stores => $stores . $pepper);
    is($nginx->ask($LIVE), '200 MISS ok', 'no global key');

    $nginx->reload(stores => "${stores}evolu_auth_pepper p1 $dir/p2;\n");
    is($nginx->ask($LIVE), '401 MISS bad_secret', 'the pepper alone changed');

    $nginx->reload(stores => undef);

    # the same records under another prefix; the secret is another's

    $redis->do('HSET', $key =~ s/evolu/acme/r, record_of($WRONG));
    $redis->do('SET', 'acme:epoch', 1);

    $nginx->reload(link => 'prefix=acme:');
    is($nginx->ask($LIVE), '401 MISS bad_secret', 'another prefix');
    is($nginx->ask($WRONG), '200 FRESH ok', 'another key');

    $nginx->reload(link => 'db=1', live => 0);
    is($nginx->until(3, $LIVE, $down) =~ /200|401/ ? 'old' : 'down', 'down',
       'another database');

    $stores = "evolu_auth_zone zone=evolu:1m;\n"
              . 'evolu_auth_redis ' . $redis->address . ";\n"
              . "evolu_auth_key_file $dir/keys;\n";

    $nginx->reload(link => '',
                   stores => "${stores}evolu_auth_pepper p1 $dir/p2;\n");
    is($nginx->ask($LIVE), '401 MISS bad_secret', 'another pepper');

    $nginx->reload(stores => "${stores}evolu_auth_pepper p1 $dir/p1;\n");
    like($nginx->ask($LIVE), $fresh, 'the first again');

    $redis->revoke($LIVE);
    $nginx->reaches(1, $LIVE, qr/unknown$/,
                    'and it is told of changes');
    $redis->add($LIVE);

    # a zone of another size is another zone

    like($nginx->until(1, $LIVE, '200 FRESH ok'), qr/200 FRESH ok$/, 'read');
    $nginx->reload(stores => $stores =~ s/:1m/:2m/r
                             . "evolu_auth_pepper p1 $dir/p1;\n");
    is($nginx->ask($LIVE), '200 MISS ok', 'a zone of another size is empty');

    # a configuration that is none changes nothing

    my $reads = $redis->calls('hgetall');

    $nginx->{allow} = qr/\[emerg\].*unknown directive "nonsense"/;
    $nginx->configure(http => "nonsense;\n");
    $nginx->signal('HUP');
    within(5, 'a reload that fails', sub { $nginx->logged(qr/nonsense/) });
    is($nginx->ask($LIVE), '200 FRESH ok', 'changes nothing');
    is($redis->calls('hgetall'), $reads, 'at all');

    $nginx->stop;

    return;
}


# Under load: nobody notices

sub under_load {
    my $nginx = EvoluNginx->start(redis => $redis, workers => 2,
                                  zone => 'fresh=1h',
                                  link => 'timeout=2s connect_timeout=2s');
    my @clients;

    for my $n (1 .. 2) {
        pipe(my $in, my $out) or die "pipe: $!";

        my $pid = fork();

        die "fork: $!" if !defined $pid;

        if ($pid == 0) {
            my ($asked, %other, $over) = (0);

            $SIG{TERM} = sub { $over = 1 };

            until ($over) {
                my $credential = $asked % 3 ? $LIVE
                                 : $n == 1 ? $OTHER : $UNKNOWN;
                my $want = $credential eq $UNKNOWN ? qr/^401 \S+ unknown$/
                                                   : $fresh;
                my $got = $nginx->ask($credential);

                # a worker that ends closes connections that it accepted and
                # that sent nothing yet: nginx's own, and clients ask again

                $got = $nginx->ask($credential) if $got eq 'no answer';

                $asked++;
                $other{$got}++ if $got !~ $want;
            }

            syswrite($out, "$asked " . join(', ', map { "$other{$_} x $_" }
                                                  sort keys %other) . "\n");
            POSIX::_exit(0);
        }

        close($out);
        push @clients, [$pid, $in];
    }

    for my $n (1 .. 4) {
        $nginx->reload;
    }

    for my $client (@clients) {
        kill('TERM', $client->[0]);

        my ($asked, $other) = readline($client->[1]) =~ /^(\d+) (.*)/;

        waitpid($client->[0], 0);
        cmp_ok($asked, '>', 20, "load: requests during four reloads");
        is($other, '', 'load: nothing unexpected');
    }

    $nginx->stop;

    return;
}


# A worker is killed: its successor takes over, and the zone is whole

sub killed_worker {
    my $nginx = EvoluNginx->start(redis => $redis, workers => 2,
                                  zone => 'fresh=1h',
                                  allow => qr/exited on signal 9/);

    like($nginx->ask($LIVE), $fresh, 'kill: read');

    for my $n (1 .. 3) {
        my ($victim) = $nginx->worker_pids;
        my $links = $nginx->logged(qr/is live/);

        kill('KILL', $victim);

        $nginx->linked($links + 1);
        like($nginx->until(2, $LIVE, $fresh), qr/200 \S+ ok$/,
             "kill $n: the zone can be used");

        $redis->revoke($LIVE);
        $nginx->reaches(1, $LIVE, qr/unknown$/,
                        "kill $n: and is told of changes");
        $redis->add($LIVE);
        like($nginx->until(1, $LIVE, $fresh), qr/200 \S+ ok$/,
             "kill $n: of all of them");
    }

    # all at once

    my $links = $nginx->logged(qr/is live/);

    $nginx->reaches(1, $LIVE, '200 FRESH ok',
                    'kill: fresh');
    kill('STOP', $nginx->worker_pids);

    # nobody is there to hear it

    $redis->revoke($LIVE);
    kill('KILL', $nginx->worker_pids);
    $nginx->linked($links + 2);

    my $begin = time;

    like($nginx->until(5, $LIVE, '401 MISS unknown'),
         qr/^(?:200 FRESH ok > )?401 MISS unknown$/,
         'kill: what nobody has heard');
    cmp_ok(time - $begin, '<', 3.2, 'kill: is not served longer than 3 s');
    $redis->add($LIVE);

    $nginx->stop;

    return;
}


# Ends while requests wait

sub pending {
    my $server = EvoluRedisScript->start(
        socket => "$dir/pending.sock",
        log => "$dir/pending.log",
        ordered => 1,
        answer => sub {
            return defined $_[2] && $_[2] =~ /:campaign:/ ? '' : undef;
        });

    my %is = (redis => $server, link => 'timeout=10s', workers => 2);
    my $nginx = EvoluNginx->start(%is);
    my @waiting = map { $nginx->connect } 1 .. 10;

    # graceful: they are answered first

    $_->send($LIVE) for @waiting;
    within(5, 'pending: asked', sub {
        $server->count('HGETALL', key_of($LIVE)) > 0
    });

    my $reply = hash(record_of($LIVE));

    $nginx->signal('QUIT');
    within(5, 'pending: ending', sub {
        $nginx->logged(qr/gracefully shutting down/) >= 2
    });
    $server->tell('send', $reply);
    is(join(' ', map { my $r = $_->read; $r ? $r->{status} : 'lost' } @waiting),
       join(' ', (200) x 10), 'pending: a graceful end waits for them');
    $nginx->stop;

    # a graceful end that has an end

    for my $how (['QUIT', "worker_shutdown_timeout 300ms;\n"], ['TERM', ''],
                 ['QUIT', "worker_shutdown_timeout 300ms;\n", 0])
    {
        my ($signal, $main, $workers) = @$how;

        $nginx = EvoluNginx->start(%is, main => $main,
                                   defined $workers
                                       ? (workers => $workers) : ());

        my $before = $server->count('HGETALL', key_of($LIVE));

        @waiting = map { $nginx->connect } 1 .. 10;
        $_->send($LIVE) for @waiting;
        within(5, "$signal: asked", sub {
            $server->count('HGETALL', key_of($LIVE)) > $before
        });
        $nginx->stop($signal);
    }

    # a reload leaves them with the old workers, until they have an answer

    $nginx = EvoluNginx->start(%is);
    @waiting = map { $nginx->connect } 1 .. 10;
    $_->send($LIVE) for @waiting;
    like($nginx->ask($GLOBAL), qr/^200/, 'reload: all of them wait');
    $nginx->reload(stay => 1);
    like($nginx->ask($GLOBAL), qr/^200/, 'reload: the new ones answer');
    $server->tell('send', $reply);
    is(join(' ', map { my $r = $_->read; $r ? $r->{status} : 'lost' } @waiting),
       join(' ', (200) x 10), 'reload: and so do the old ones');
    $nginx->stop;

    # a store that does not answer keeps nobody alive

    $server->tell('hang');

    $nginx = EvoluNginx->start(%is, live => 0);

    my $begin = time;

    $nginx->stop;
    cmp_ok(time - $begin, '<', 2 * patience(), 'a store that hangs');

    # when those who waited have left, nothing keeps it

    $server->stop;

    $server = EvoluRedisScript->start(
        socket => "$dir/left.sock", log => "$dir/left.log",
        answer => sub {
            return defined $_[2] && $_[2] =~ /:campaign:/ ? '' : undef;
        });
    $nginx = EvoluNginx->start(%is, redis => $server);
    @waiting = map { $nginx->connect } 1 .. 3;
    $_->send($LIVE) for @waiting;
    within(5, 'left: asked', sub {
        $server->count('HGETALL', key_of($LIVE)) > 0
    });
    $_->close for @waiting;
    like($nginx->ask($GLOBAL), qr/^200/, 'left');
    $begin = time;
    $nginx->stop;
    cmp_ok(time - $begin, '<', 3 * patience(), 'left: it ends, soon');

    return;
}


# Without a master

sub single {
    my $nginx = EvoluNginx->start(redis => $redis, workers => 0);

    like($nginx->ask($LIVE), $fresh, 'single: works');
    is($nginx->ask($LIVE), '200 FRESH ok', 'single: keeps');

    $redis->revoke($LIVE);
    $nginx->reaches(1, $LIVE, qr/unknown$/,
                    'single: is told of changes');
    $redis->add($LIVE);
    like($nginx->until(1, $LIVE, $fresh), qr/200 \S+ ok$/,
         'single: of all of them');

    # nginx reads its configuration again but, so run, accepts no more: with
    # or without this module

    $nginx->configure;
    $nginx->signal('HUP');
    within(5, 'single: reload', sub { $nginx->logged(qr/reconfiguring$/) });
    ok(!$nginx->gone, 'single: lives on');
    $nginx->stop;

    $nginx = EvoluNginx->start(redis => $redis, workers => 0);
    $nginx->stop('TERM');

    return;
}


# Where it has nothing to do

sub unused {
    my @plain = (redis => undef, live => 0);
    my $server = "server { listen 127.0.0.1:%d; return 200; }";
    my %http = (
        'no directive of ours' => '',
        'off' => "evolu_auth off;\n",
        'stores, but nothing is on' => "evolu_auth_zone zone=evolu:1m;\n"
            . "evolu_auth_pepper p1 $dir/p1;\nevolu_auth_key_file $dir/keys;\n"
            . 'evolu_auth_redis ' . $redis->address . ";\n",
    );

    for my $name (sort keys %http) {
        for my $workers (1, 0) {
            my $nginx = EvoluNginx->make(@plain, workers => $workers);

            $nginx->{whole_http} = "http { access_log off; $http{$name}"
                                   . sprintf($server, $nginx->{port}) . '}';
            $nginx->launch;

            my $client = $nginx->connect;

            is($client->get($LIVE)->{status}, 200, "$name, $workers workers");
            $client->close;

            if ($workers) {
                $nginx->reload(live => 0);
                $nginx->reload(live => 0);
                is($nginx->connect->get($LIVE)->{status}, 200, 'reloaded');
            }

            $nginx->stop;
        }
    }

    # no http at all

    my $nginx = EvoluNginx->make(@plain, whole_http => '');

    delete $nginx->{port};
    $nginx->launch;
    within(5, 'no http: started', sub { $nginx->worker_pids == 1 });
    $nginx->stop;

    return;
}


keeps();
deaf();
moved();
meanings();
under_load();
killed_worker();
pending();
single();
unused();

done_testing();
