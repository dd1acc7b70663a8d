# Copyright (C) Evolu Auth Authors
#
# What each metric counts, and that nothing else is counted with it.

use strict;
use warnings;

use lib 't/lib';
use EvoluNginx;
use EvoluRedisScript qw(hash bulk failure invalidate);
use EvoluStatus;
use Test::More;
use Time::HiRes qw(sleep time);

my $redis = EvoluNginx::Redis->start;
my $status = 'location /status { evolu_auth_status; }';
my $record = 'evolu:campaign:live:aB3dE6gH';

# what is tested here is no outage, however slow the machine

my $patience = 'timeout=20s connect_timeout=20s';

$redis->fill;


# The code changes just these.  With one worker: what two say to a client is
# not in the order in which they count.

sub counts {
    my ($nginx, $name, $code, %want) = @_;

    is_deeply(gained($nginx, $code), \%want, $name);

    return;
}


# Requests by what became of them

sub requests {
    my $nginx = EvoluNginx->start(redis => $redis, link => $patience,
                                  server => <<"END");
        $status
        location /off { return 204; }
        location /optional { evolu_auth optional; evolu_auth_whoami; }
        location /report { evolu_auth report; try_files /none \@done; }
        location /preflight { evolu_auth on; evolu_auth_preflight on;
                              try_files /none \@done; }
        location /any { satisfy any; allow all; evolu_auth on;
                        try_files /none \@done; }
        location \@done { evolu_auth off; return 204; }
        location /page { evolu_auth on; error_page 401 = /page/error; }
        location /page/error { evolu_auth off; return 404; }
        location /page/again { evolu_auth on; error_page 401 = /other; }
        location /other { evolu_auth on; evolu_auth_mode test;
                          evolu_auth_whoami; }
        location /next { evolu_auth on; try_files /none /other; }
        location /first { evolu_auth off; try_files /none /other; }
        location /sub { evolu_auth on; addition_types *;
                        add_before_body /status; evolu_auth_whoami; }
        location /limited { limit_except GET { evolu_auth on; }
                            try_files /none \@done; }
END

    my %allowed = ('requests_total allowed' => 1);
    my %denied = ('requests_total denied' => 1);
    my %fresh = ('cache_lookups_total fresh' => 1);
    my %off = ('requests_total off' => 1);

    my $ask = sub {
        my @request = @_;

        return sub { $nginx->ask(@request) };
    };

    counts($nginx, 'the first request is a miss', $ask->($LIVE), %allowed,
           'cache_lookups_total miss' => 1, 'zone_entries record' => 1,
           'lookup_duration_seconds count' => 1);
    counts($nginx, 'the next is a hit', $ask->($LIVE), %allowed, %fresh);
    counts($nginx, 'a global key', $ask->($GLOBAL, '/i/shop'), %allowed,
           'cache_lookups_total file' => 1);
    counts($nginx, 'off', $ask->(undef, '/off'), %off);
    counts($nginx, 'anonymous', $ask->(undef, '/optional'),
           'requests_total anonymous' => 1);
    counts($nginx, 'a preflight', sub {
               my $client = $nginx->connect;

               $client->write("OPTIONS /preflight HTTP/1.1\r\nHost: a\r\n"
                   . "Origin: http://a\r\n"
                   . "Access-Control-Request-Method: GET\r\n\r\n");
               $client->read;
           }, 'requests_total anonymous' => 1);
    counts($nginx, 'denied', $ask->($WRONG), %denied, %fresh,
           'denied_total bad_secret' => 1);
    counts($nginx, 'nothing to look up', $ask->('short'), %denied,
           'denied_total malformed' => 1);
    counts($nginx, 'report, a bad key', $ask->($WRONG, '/report'), %denied,
           %fresh, 'denied_total bad_secret' => 1);
    counts($nginx, 'report, a good one', $ask->($LIVE, '/report'), %allowed,
           %fresh);

    # once a request, however often it was judged

    counts($nginx, 'satisfy any, by another module',
           $ask->($WRONG, '/any'), %denied, %fresh,
           'denied_total bad_secret' => 1);
    counts($nginx, 'an error_page without a policy',
           $ask->($WRONG, '/page'), %denied, %fresh,
           'denied_total bad_secret' => 1);
    counts($nginx, 'an error_page with another policy: the last verdict',
           $ask->($WRONG, '/page/again'), %denied, %fresh,
           'denied_total bad_secret' => 1);
    counts($nginx, 'allowed, then redirected and refused',
           $ask->($LIVE, '/next'), %denied, %fresh,
           'denied_total wrong_mode' => 1);
    counts($nginx, 'off, then redirected and refused',
           $ask->($LIVE, '/first'), %denied, %fresh,
           'denied_total wrong_mode' => 1);
    counts($nginx, 'a subrequest is no request of its own',
           $ask->($LIVE, '/sub'), %allowed, %fresh);
    counts($nginx, 'limit_except: excepted', $ask->(undef, '/limited'), %off);
    counts($nginx, 'a bad request has no verdict', sub {
               my $client = $nginx->connect;

               $client->write("GET / HTTP/1.1\r\nHost: a b\r\n\r\n");
               $client->read;
           });
    counts($nginx, 'many on a connection', sub {
               my $client = $nginx->connect;

               $client->ask($LIVE) for 1 .. 3;
               $client->ask($UNKNOWN);
               $client->ask($UNKNOWN);
           }, 'requests_total allowed' => 3, 'requests_total denied' => 2,
           'cache_lookups_total fresh' => 3, 'cache_lookups_total miss' => 1,
           'cache_lookups_total negative' => 1, 'zone_entries negative' => 1,
           'denied_total unknown' => 2, 'lookup_duration_seconds count' => 1);

    # identity headers, each of them, in every spelling

    counts($nginx, 'headers of clients', sub {
               $nginx->connect->ask($LIVE, '/', 'X-Evolu-Scope: global',
                                    'x-evolu-key-id: 1', 'X-Evolu-Scope: b',
                                    'X-Other: 1');
               $nginx->connect->ask(undef, '/off', 'X-Evolu-Livemode: true');
           }, %allowed, %fresh, %off, 'stripped_headers_total' => 4);

    $nginx->stop;

    return;
}


# The states of links, and the modes: "live live, bcast"

sub links {
    my ($nginx) = @_;

    my $m = metrics($nginx);
    my $links = $m->{redis_links};
    my $modes = $m->{tracking_mode};

    return join(' ', map { ($_) x $links->{$_} } sort keys %$links)
           . ', ' . join(' ', grep { $modes->{$_} } sort keys %$modes);
}


# How much one metric has grown since

sub grown {
    my ($nginx, $before, $metric, $value) = @_;

    return metrics($nginx)->{$metric}{$value} - $before->{$metric}{$value};
}


# Two workers: what each of them hears of, and what is one event of the zone

sub links_and_changes {
    my $nginx = EvoluNginx->start(redis => $redis, workers => 2,
                                  server => $status);

    $nginx->ask($LIVE);
    is(links($nginx), 'live live, bcast', 'links');

    my $before = metrics($nginx);
    my $grows = sub {
        my ($metric, $value, $n, $name) = @_;

        within(5, $name, sub {
            grown($nginx, $before, $metric, $value) == $n
        });
    };

    is($before->{invalidations_total}{link_loss}, 0, 'nothing was lost');
    $redis->do('HSET', $record, 'x', 1);
    $grows->('invalidations_total', 'key', 2, 'a change is heard by each link');

    $redis->do('INCR', 'evolu:epoch');
    $grows->('invalidations_total', 'epoch', 1, 'an epoch is one event');

    $redis->do('FLUSHALL');
    $grows->('invalidations_total', 'flush', 2, 'a flush is heard by each');
    within(5, 'an empty store', sub {
        links($nginx) eq 'not_ready not_ready, '
    });

    # a second link that is no older than 3 s does not take over from the first

    like(grown($nginx, $before, 'invalidations_total', 'link_loss'), qr/^[12]$/,
         'nobody listens to changes');

    $redis->fill;
    within(5, 'live again', sub { links($nginx) eq 'live live, bcast' });
    like($nginx->ask($LIVE), qr/^200/, 'and asked');

    # killed

    $before = metrics($nginx);
    $redis->kill;
    within(5, 'links are lost', sub {
        links($nginx) =~ /^(?:down|connecting) (?:down|connecting), $/
    });
    $grows->('redis_reconnects_total', 'closed', 2, 'each was closed');
    like(grown($nginx, $before, 'invalidations_total', 'link_loss'), qr/^[12]$/,
         'nobody listens again');
    within(5, 'it is tried again', sub {
        grown($nginx, $before, 'redis_reconnects_total', 'connect') >= 3
    });

    $redis->again;
    $redis->fill;
    within(5, 'there again', sub { links($nginx) eq 'live live, bcast' });

    # a worker that was killed has no link

    my ($victim) = $nginx->worker_pids;

    kill('KILL', $victim);
    within(5, 'a new worker, and no link of the old one', sub {
        return !(grep { $_ == $victim } $nginx->worker_pids)
               && links($nginx) eq 'live live, bcast';
    });

    $nginx->{allow} = qr/exited on signal 9/;
    $nginx->stop;

    return;
}


sub outage {
    my $nginx = EvoluNginx->start(redis => $redis, server => $status);

    $nginx->ask($LIVE);
    $redis->kill;
    $nginx->reaches(3, $LIVE, '200 STALE ok', 'stale');

    my $gained = gained($nginx, sub {
        $nginx->ask($LIVE) for 1 .. 3;
        $nginx->ask($WRONG);
        $nginx->ask($UNKNOWN);
    });

    # whether one waits for an attempt, or is told at once, is a matter of time

    delete $gained->{$_} for grep { /^redis_|^lookup_/ } keys %$gained;

    is_deeply($gained, { 'requests_total allowed' => 3,
        'requests_total denied' => 1, 'requests_total unavailable' => 1,
        'cache_lookups_total stale' => 4, 'cache_lookups_total miss' => 1,
        'stale_served_total' => 3, 'denied_total bad_secret' => 1,
        'denied_total unavailable' => 1 }, 'without a store');

    $redis->again;
    $redis->fill;
    $nginx->stop;

    return;
}


# Requests that wait: how many there are, who joined, how long it took

sub waiting {
    my $nginx = EvoluNginx->start(redis => $redis, link => 'timeout=20s',
                                  server => $status);

    $nginx->ask($LIVE);
    kill('STOP', $redis->{pid});

    my $before = metrics($nginx);
    my @clients = map { $nginx->connect } 1 .. 3;

    $_->send($OTHER) for @clients;
    within(10, 'three wait', sub { metrics($nginx)->{pending_lookups} == 3 });
    $clients[2]->close;
    within(10, 'one gave up', sub { metrics($nginx)->{pending_lookups} == 2 });

    # the link is lost before 20 s are over, and found again

    kill('CONT', $redis->{pid});
    like($clients[$_]->read->{text}, qr/^200/, "answered $_") for 0, 1;

    my $after = metrics($nginx);

    is($after->{pending_lookups}, 0, 'nobody waits');
    is($after->{singleflight_joined_total}
       - $before->{singleflight_joined_total}, 2, 'two joined the first');
    is($after->{lookup_duration_seconds}{count}
       - $before->{lookup_duration_seconds}{count}, 2,
       'two were waited for to the end');
    is($after->{lookup_duration_seconds}{buckets}{'+Inf'},
       $after->{lookup_duration_seconds}{count}, 'the last bucket has all');
    cmp_ok($after->{lookup_duration_seconds}{sum}, '>',
           $before->{lookup_duration_seconds}{sum}, 'it took time');

    my $off = $after->{requests_total}{off};

    is(metrics($nginx)->{requests_total}{off}, $off + 1, 'no more of "off"');
    $nginx->stop;

    return;
}


# A server that does what a real one cannot be made to

sub server {
    my ($name, %answers) = @_;

    return EvoluRedisScript->start(
        socket => "$dir/$name.sock",
        log => "$dir/$name.log",
        answer => sub {
            my ($link, @argv) = @_;
            my ($answer) = grep { defined }
                           @answers{join(' ', @argv), $argv[0], 'any'};

            return ref $answer ? $answer->($link) : $answer;
        });
}


sub losses {
    my %servers = (
        refused => server('refused', HELLO => failure('WRONGPASS no')),
        role => server('role', HELLO => EvoluRedisScript::hello(
                                            role => 'replica')),
        protocol => server('protocol', GET => "?\r\n"),
        limit => server('limit', HGETALL => "*5000\r\n"),
        moved => server('moved', HGETALL => failure('MOVED 1 127.0.0.1:1')),
        closed => server('closed', HELLO => sub { $_[0]->shut; '' }),
        greeting => server('greeting', any => ''),
    );

    for my $reason (sort keys %servers) {
        # one that greets nobody is to be noticed, and no other taken for it

        my $wait = $reason eq 'greeting' ? '300ms' : '20s';
        my $nginx = EvoluNginx->start(redis => $servers{$reason}, live => 0,
                                      link => "connect_timeout=$wait",
                                      server => $status);

        # two of them need a lookup to happen

        within(10, "loss: $reason", sub {
            $nginx->ask($LIVE);

            my $losses = metrics($nginx)->{redis_reconnects_total};

            return $losses->{$reason} > 0;
        });

        my $losses = metrics($nginx)->{redis_reconnects_total};

        is_deeply([grep { $_ ne $reason && $losses->{$_} } keys %$losses], [],
                  'and nothing else');

        $nginx->stop;
        $servers{$reason}->stop;
    }

    my $nginx = EvoluNginx->start(redis => "unix:$dir/none.sock", live => 0,
                                  server => $status);

    within(10, 'loss: connect', sub {
        metrics($nginx)->{redis_reconnects_total}{connect} > 0
    });
    $nginx->stop;

    $nginx = EvoluNginx->start(
        redis => 'redis://nobody.invalid:1', live => 0,
        http => 'resolver 127.0.0.1:1 valid=1s; resolver_timeout 50ms;',
        server => $status);
    within(10, 'loss: resolve', sub {
        metrics($nginx)->{redis_reconnects_total}{resolve} > 0
    });
    $nginx->stop;

    return;
}


# A server without tracking

sub untracked {
    my $server = server('untracked', 'CLIENT TRACKING ON BCAST PREFIX evolu:'
                                     => failure('ERR unknown subcommand'));
    my $nginx = EvoluNginx->start(redis => $server, server => $status);

    within(5, 'untracked', sub { links($nginx) eq 'live, ttl' });
    $nginx->stop;
    $server->stop;

    return;
}


# What is void, and why, is told and counted

sub invalid {
    my $token = 'evolu:token:' . hash_of($TOKEN);
    my $nginx = EvoluNginx->start(redis => $redis, link => $patience,
                                  server => <<"END");
        $status
        location /index { evolu_auth on; evolu_auth_scope instance;
                          evolu_auth_token_index on; evolu_auth_whoami; }
END
    my %void = ('requests_total denied' => 1, 'denied_total unknown' => 1,
                'cache_lookups_total miss' => 1, 'zone_entries negative' => 1,
                'lookup_duration_seconds count' => 1,
                'records_invalid_total' => 1);

    $redis->do('HSET', 'evolu:instance:v', 'v', 2);
    $redis->do('SET', 'evolu:instance:type', 'x');
    $redis->do('HSET', 'evolu:instance:part', EvoluNginx::record_of($TOKEN),
               'key.k2', 'hash=md5:1');
    $redis->do('SADD', $token, map { "name-$_" } 1 .. 65);

    my $told = sub {
        my ($path, $pattern) = @_;

        # one such line a second

        my $second = int(time);

        sleep(0.01) until int(time) != $second;

        $nginx->ask($TOKEN, $path);
        like(($nginx->logged(qr/\[error\].*record/))[-1], $pattern,
             "$path: is told");
    };

    counts($nginx, 'no version', sub {
               $told->('/i/v', qr/"instance:v" is void: field "v" is/);
           }, %void);
    counts($nginx, 'another type', sub {
               $told->('/i/type', qr/"instance:type" is void: it is of another type/);
           }, %void);
    counts($nginx, 'too many names', sub {
               $told->('/index', qr/"token:hmac-sha256\/p1:" is void: it holds over 64/);
           }, %void);
    counts($nginx, 'an entry', sub {
               $told->('/i/part', qr/"instance:part" has void entries, 1 of them/);
           }, 'requests_total allowed' => 1, 'cache_lookups_total miss' => 1,
           'lookup_duration_seconds count' => 1, 'records_invalid_total' => 1,
           'zone_entries record' => 1);
    counts($nginx, 'read once', sub {
               $nginx->ask($TOKEN, '/i/v');
           }, 'requests_total denied' => 1, 'denied_total unknown' => 1,
           'cache_lookups_total negative' => 1);

    $redis->do('DEL', 'evolu:instance:v', 'evolu:instance:type',
               'evolu:instance:part', $token);
    $nginx->stop;

    return;
}


# A zone of 32k is soon full

sub zone {
    my $nginx = EvoluNginx->start(redis => $redis, size => '32k',
                                  link => $patience,
                                  server => $status);
    my $bytes = metrics($nginx)->{zone_bytes};

    is($bytes->{used} + $bytes->{free}, 32768, 'used and free are the zone');
    $redis->do('HSET', "evolu:instance:z$_", EvoluNginx::record_of($TOKEN))
        for 1 .. 100;

    my $client = $nginx->connect;

    $client->ask($TOKEN, "/i/z$_") for 1 .. 100;
    $client->ask($TOKEN, "/i/none$_") for 1 .. 100;

    my $m = metrics($nginx);

    cmp_ok($m->{zone_entries}{record}, '>', 10, 'records');
    is($m->{zone_entries}{record} + $m->{zone_evictions_total}{record}, 100,
       'that are there, and that were dropped');
    cmp_ok($m->{zone_evictions_total}{negative}, '>', 10, 'names were, too');
    cmp_ok($m->{zone_bytes}{free}, '<', $bytes->{free}, 'fuller');
    is($m->{requests_total}{allowed}, 100, 'allowed');
    is($m->{denied_total}{unknown}, 100, 'denied');

    $redis->do('DEL', "evolu:instance:z$_") for 1 .. 100;
    $nginx->stop;

    return;
}


requests();
links_and_changes();
outage();
waiting();
losses();
untracked();
invalid();
zone();

done_testing();
