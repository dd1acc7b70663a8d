# Copyright (C) Evolu Auth Authors
#
# What takes an nginx that is built for it ("build-nginx.sh fault"): the module
# gets no memory, or its worker is killed inside of the zone's lock.

use strict;
use warnings;

use Fault;
use POSIX ();
use Test::More;
use Time::HiRes qw(sleep time);

my $nginx = "$ENV{EVOLU_BUILD}/fault/nginx";


# The words for the hook, see hook.c: told to all processes at once

sub hook {
    my $file = EvoluNginx::write_file('hook', "\0" x 16);

    chmod(0666, $file);
    $ENV{EVOLU_FAULT} = $file;
    $ENV{TEST_NGINX_BINARY} = $nginx;
    $ENV{EVOLU_MODULE} = '';

    open(my $hook, '+<', $file) or die "$file: $!";
    binmode($hook);

    return $hook;
}


sub tell_hook {
    my ($hook, $mode, $at) = @_;

    sysseek($hook, 0, 0);
    syswrite($hook, pack('l4', 0, $at || 0, 0, 0));
    sysseek($hook, 0, 0);
    syswrite($hook, pack('l', $mode));

    return;
}


# (calls so far, done)

sub ask_hook {
    my ($hook) = @_;

    sysseek($hook, 0, 0);
    sysread($hook, my $words, 16);

    return (unpack('l4', $words))[2, 3];
}


row 'killed-in-lock' => (
    fault => 'kill -9 of a worker inside of the zone\'s lock, in the middle of'
             . ' a change, 12 times in 10 s',
    promise => 'the zone is whole and open; recovery in 2 s',
    core => 1,
    run => sub {
        my ($r) = @_;

        return $r->unproduced("there is no $nginx") if !-x $nginx;

        my $hook = hook();

        $r->redis;

        my $server = $r->nginx(allow =>
            qr/exited on signal 9|shared memory zone "evolu" was locked by/);
        my $done = 0;

        $r->steady;

        my $p = $r->fault(0, sub {
            for my $n (1 .. 12) {
                tell_hook($hook, 3, 1 + int(rand(12)));

                EvoluNginx::awaited('a worker to be killed', sub {
                    (ask_hook($hook))[1] > 0
                });

                $done++;
                tell_hook($hook, 0);
                sleep(0.7);
            }
        }, bound => 2200, then => 2200);

        $r->{note} = "killed: $done, asked again: $p->{aborted}";
        $r->check($server->logged(qr/exited on signal 9/) >= $done,
                  "killed: $done");
        $r->check($server->logged(qr/zone "evolu" was locked by/) >= $done / 2,
                  'with the lock');
        $r->heal(3, sub { });
    });


# Requests that come to all parts of the module.  [NAME, MAY IT BE 200, ...]

sub requests {
    my $live = $EvoluNginx::LIVE;
    my $spoofed = 'X-Evolu-Scope: global';

    return (
        ['unknown', 0, $EvoluNginx::UNKNOWN],
        ['another secret', 0, $EvoluNginx::WRONG],
        ['malformed', 0, 'evolu_live_x'],
        ['none', 0, undef],
        ['two', 0, undef, '/', "apikey: $live", "Authorization: Bearer $live"],
        ['another instance\'s', 0, 'another-token-0123456789', '/i/shop'],
        ['good', 1, $live],
        ['good again', 1, $live],
        ['bearer', 1, undef, '/', "Authorization: Bearer $live"],
        ['query', 1, undef, "/q?apikey=$live"],
        ['global', 1, $EvoluNginx::GLOBAL, '/i/shop'],
        ['instance', 1, $EvoluNginx::TOKEN, '/i/shop'],
        ['proxied', 1, $live, '/up', $spoofed, 'X_Evolu-Campaign: x'],
        ['proxied, refused', 0, $EvoluNginx::WRONG, '/up', $spoofed],
        ['proxied, anonymous', 1, undef, '/optional', $spoofed],
    );
}


# What the upstream may see: the identity that is true, no credential

my %seen = (
    'proxied' => "campaign|aB3dE6gH|true|k1||\n",
    'proxied, anonymous' => "|||||\n",
);


# An nginx of its own, since where the module is at work it removes them

sub upstream {
    my $saw = join('|', map { "\$http_$_" }
                   qw(x_evolu_scope x_evolu_campaign x_evolu_livemode
                      x_evolu_key_id apikey authorization));
    my $upstream = EvoluNginx->make;

    $upstream->{whole_http} = "http { access_log off;
        underscores_in_headers on;
        server { listen 127.0.0.1:$upstream->{port};
                 return 200 '$saw\n'; } }";

    return $upstream->launch;
}


sub locations {
    my ($port) = @_;

    return (
        http => "underscores_in_headers on;\n"
                . "evolu_auth_failure_zone zone=failures:128k rate=1000r/s;\n",
        server => <<"END");
            location /up { evolu_auth on; proxy_pass http://127.0.0.1:$port;
                evolu_auth_failure_limit zone=failures burst=10000; }
            location /optional { evolu_auth optional;
                proxy_pass http://127.0.0.1:$port; }
            location /q { evolu_auth on;
                evolu_auth_key_sources query:apikey; evolu_auth_whoami; }
END
}


# A round, of one of two kinds: the records are read again, and all is asked; or
# the link begins again, and some is asked once that is done.  The answers.

sub ask_all {
    my ($kind, $server, $redis) = @_;
    my @requests = requests();
    my @answers;

    if ($kind eq 'link') {
        $redis->do('CLIENT', 'KILL', 'ID', $_)
            for map { /^id=(\d+)/ ? $1 : () } $redis->links;

        my $deadline = time + 3;

        sleep(0.01) until $redis->links || time > $deadline;

        @requests = @requests[0, 1, 6];
    }

    $redis->do('INCR', 'evolu:epoch');
    $redis->add($EvoluNginx::LIVE);

    for my $request (@requests) {
        my ($name, $may, @send) = @$request;
        my $client = $server->connect;
        my $reply = $client ? $client->get(@send) : { status => 0 };

        push @answers, [$name, $may, $reply];
    }

    return @answers;
}


# What is wrong with the answers, in words

sub wrongs {
    my @wrongs;

    for my $answer (@_) {
        my ($name, $may, $reply) = @$answer;

        next if $reply->{status} != 200;

        if (!$may) {
            push @wrongs, "$name: 200";

        } elsif (defined $seen{$name} && $reply->{body} ne $seen{$name}) {
            push @wrongs, "$name: the upstream saw $reply->{body}";
        }
    }

    return @wrongs;
}


row 'no-memory' => (
    fault => 'each allocation of the module fails in turn: link, lookup,'
             . ' verdict, headers, refusals',
    promise => 'never a wrong 200, no wrong or spoofed identity upstream, no'
               . ' crash; all is well after it',
    no_end => 1,
    run => sub {
        my ($r) = @_;

        return $r->unproduced("there is no $nginx") if !-x $nginx;

        my $redis = $r->redis;
        my $upstream = upstream();
        my $hook = hook();

        $redis->fill;

        my $server = EvoluNginx->start(
            redis => $redis, workers => 1, zone => 'fresh=1h',
            link => 'timeout=500ms', locations($upstream->{port}));

        $r->{nginx} = $server;

        my ($pid) = $server->worker_pids;
        my $well = sub {
            my ($when) = @_;
            my $seen = $server->until(5, $EvoluNginx::LIVE, qr/^200/);

            $r->check(scalar($seen =~ /^(?:503[^>]* > )?200 \w+ ok$/),
                      "$when: $seen");
        };

        my ($failed, $refused) = (0, 0);

        for my $kind ('request', 'link') {

            # all is well

            ask_all($kind, $server, $redis) for 1 .. 3;
            $well->("$kind, before");

            my @answers = ask_all($kind, $server, $redis);
            my @wrong = (wrongs(@answers), map { "$_->[0]: $_->[2]{status}" }
                         grep { $_->[1] != ($_->[2]{status} == 200) }
                         @answers);

            $r->check(@wrong == 0, "$kind: without a fault: @wrong");

            tell_hook($hook, 0);

            # until there are no more; heartbeats have some now and then

            my ($done, $none, $at) = (0, 0, 0);

            while ($none < 5) {
                tell_hook($hook, 2, ++$at);

                @answers = ask_all($kind, $server, $redis);

                my $fired = (ask_hook($hook))[1];

                tell_hook($hook, 0);
                $done += $fired;
                $none = $fired ? 0 : $none + 1;

                @wrong = wrongs(@answers);
                $refused += grep { $_->[1] && $_->[2]{status} != 200 }
                            @answers;
                $r->{total}{requests} += @answers;
                $r->{total}{wrong_allows} += @wrong;
                $r->check(0, "$kind: allocation $at: @wrong") if @wrong;
                $well->("$kind, after allocation $at");
            }

            $failed += $done;
            $r->check($done > 60, "$kind: failed: $done");
        }

        my ($last) = $server->worker_pids;

        $r->check($last == $pid, 'the same worker');
        $r->{note} = "$failed allocations failed, $refused good requests with"
                     . ' them';
    });


row 'no-memory-at-start' => (
    fault => 'each allocation of the module fails in turn while "nginx -t"'
             . ' reads its configuration',
    promise => 'it refuses, and does not crash',
    no_end => 1,
    run => sub {
        my ($r) = @_;

        return $r->unproduced("there is no $nginx") if !-x $nginx;

        my $hook = hook();
        my $redis = $r->redis;
        my $server = EvoluNginx->make(redis => $redis,
                                      locations(1));

        $server->configure;

        my $test = sub {
            system("$nginx -t -p $server->{root} -c $server->{root}/nginx.conf"
                   . " -e $server->{error_log} > $server->{root}/logs/test"
                   . ' 2>&1');
            return $?;
        };

        tell_hook($hook, 1);
        $r->check($test->() == 0, 'it is good');

        my ($calls) = ask_hook($hook);

        $r->check($calls > 50, "allocations: $calls");

        for my $at (1 .. $calls) {
            tell_hook($hook, 2, $at);

            my $status = $test->();

            $r->check(($status & 127) == 0 && $status != 0,
                      "allocation $at: $status");
        }

        $r->{note} = "$calls allocations";
        tell_hook($hook, 0);
    });

1;
