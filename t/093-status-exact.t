# Copyright (C) Evolu Auth Authors
#
# No count is lost: so many requests over several workers, while the
# configuration is read again and a worker is killed, are so many in the
# metrics, and the same as in the access log.

use strict;
use warnings;

use lib 't/lib';
use EvoluNginx;
use EvoluStatus;
use POSIX ();
use Test::More;
use Time::HiRes qw(sleep time);

my $redis = EvoluNginx::Redis->start;

# what is tested here is no outage, however slow the machine

my $patience = 'timeout=20s connect_timeout=20s';

$redis->fill;

my @kinds = (
    [$LIVE, '/', qr/^200 (?:MISS|FRESH) ok$/],
    [$TOKEN, '/i/shop', qr/^200 (?:MISS|FRESH) ok$/],
    [$GLOBAL, '/i/shop', qr/^200 FILE ok$/],
    [$WRONG, '/', qr/^401 (?:MISS|FRESH) bad_secret$/],
    [$UNKNOWN, '/', qr/^401 (?:MISS|NEGATIVE) unknown$/],
    [undef, '/', qr/^401 - missing$/],
    [undef, '/off', qr/^204 - -$/],
);

my $server = <<'END';
        location /status { evolu_auth_status; }
        location /off { try_files /none @off; }
        location @off { return 204; }
END

my $http = <<'END';
    log_format what "$uri $evolu_auth_result $evolu_auth_reason";
END


# A child that asks, each request on a connection of its own; what came back
# stands in a file in the end: so many of each kind, and of none of them.

sub asker {
    my ($nginx, $n, $name) = @_;

    my $pid = fork();

    die "fork: $!" if !defined $pid;

    return $pid if $pid != 0;

    my @n = map { 0 } @kinds, 'lost';

    for my $i (0 .. $n - 1) {
        my ($credential, $path, $want) = @{ $kinds[$i % @kinds] };

        my $client = $nginx->connect;
        my $got = 'none';

        if ($client) {
            $client->send($credential, $path, 'Connection: close');

            my $reply = $client->read;

            $got = $reply->{text} if $reply;
            $client->close;
        }

        $n[$got =~ $want ? $i % @kinds : -1]++;
    }

    EvoluNginx::write_file($name, "@n");
    POSIX::_exit(0);
}


# Runs askers, and the code meanwhile; the sums of what they saw

sub ask_all {
    my ($nginx, $n, $code) = @_;

    my @names = map { "asker-$_" } 1 .. 4;
    my @pids = map { asker($nginx, $n, $_) } @names;

    $code->() if $code;

    waitpid($_, 0) for @pids;

    my @sums;

    for my $name (@names) {
        my @n = split ' ', EvoluNginx::read_text("$dir/$name");

        $sums[$_] += $n[$_] for 0 .. $#n;
    }

    return @sums;
}


# What the metrics must be, given what clients saw

sub expected {
    my ($live, $token, $global, $wrong, $unknown, $missing, $off) = @_;

    return (
        'requests_total allowed' => $live + $token + $global,
        'requests_total denied' => $wrong + $unknown + $missing,
        'denied_total bad_secret' => $wrong,
        'denied_total unknown' => $unknown,
        'denied_total missing' => $missing,
        'cache_lookups_total file' => $global,
        looked_up => $live + $token + $wrong + $unknown,
    );
}


sub actual {
    my ($nginx) = @_;

    my %is = flat(metrics($nginx));

    $is{looked_up} = 0;
    $is{looked_up} += $is{"cache_lookups_total $_"} for qw(fresh miss negative);

    return %is;
}


# Until the last worker has counted the end of its last request

sub counted {
    my ($nginx, $name, %want) = @_;
    my $deadline = time + 10 * EvoluNginx::patience();
    my %is;

    do {
        %is = actual($nginx);
        sleep(0.01);
    } until !(grep { $is{$_} < $want{$_} } keys %want) || time > $deadline;

    is_deeply({ map { ($_ => $is{$_}) } keys %want }, \%want, $name);

    return;
}


# What the lines of the access log say; a client has its answer before its line
# is written

sub lines {
    my ($nginx) = @_;
    my %n;

    for my $line (split /\n/, EvoluNginx::read_text(
                                  "$nginx->{root}/logs/what.log"))
    {
        my ($uri, $result, $reason) = split / /, $line;

        next if $uri eq '/status';

        $n{"requests_total $result"}++ if $result ne 'off';
        $n{"denied_total $reason"}++ if $result eq 'denied';
    }

    return %n;
}


sub logged {
    my ($nginx, $name) = @_;

    my %is = actual($nginx);

    EvoluNginx::within(5, $name, sub {
        my %n = lines($nginx);

        return !grep { $is{$_} != ($n{$_} || 0) }
                    grep { /^(?:denied_total|requests_total (?!off))/ } keys %is;
    });

    return;
}


sub load {
    my $nginx = EvoluNginx->make(redis => $redis, workers => 3, http => $http,
                                 link => $patience);

    $nginx->{server} = "access_log $nginx->{root}/logs/what.log what;$server";
    $nginx->launch;

    my @sums = ask_all($nginx, 700);

    is($sums[-1], 0, 'every answer is as it should be');
    is($sums[0] + $sums[-2], 800, 'so many');
    counted($nginx, 'three workers: exact', expected(@sums));
    logged($nginx, 'and as in the access log');

    # old workers and new ones, of other numbers

    my @more = ask_all($nginx, 700, sub {
        $nginx->reload(workers => 4, live => 4);
        $nginx->reload(workers => 2, live => 2);
        $nginx->reload(workers => 3, live => 3);
    });

    is($more[-1], 0, 'reloads: every answer is as it should be');
    $sums[$_] += $more[$_] for 0 .. $#sums;
    counted($nginx, 'reloads: exact', expected(@sums));
    logged($nginx, 'and as in the access log');

    # killed while it has nothing to do: what it counted stays

    kill('KILL', ($nginx->worker_pids)[0]);
    within(10, 'a new worker', sub { $nginx->worker_pids == 3 });
    counted($nginx, 'a worker was killed: nothing is lost', expected(@sums));

    @more = ask_all($nginx, 70);
    $sums[$_] += $more[$_] for 0 .. $#sums;
    counted($nginx, 'and counting goes on', expected(@sums));

    # a zone of another size is another zone

    $nginx->reload(size => '2m');
    counted($nginx, 'another zone: from the start', expected(map { 0 } @kinds));
    @more = ask_all($nginx, 70);
    counted($nginx, 'and exact', expected(@more));

    $nginx->{allow} = qr/exited on signal 9/;
    $nginx->stop;

    return;
}


# A small zone has no blocks to give: all of its workers share one.

sub elsewhere {
    my ($name, %is) = @_;

    my $nginx = EvoluNginx->start(redis => $redis, server => $server,
                                  link => $patience, %is);
    my @sums = ask_all($nginx, 140);

    counted($nginx, "$name: exact", expected(@sums));

    # without a master, nginx accepts nothing any more after a reload

    if ($nginx->{workers}) {
        $nginx->reload;

        my @more = ask_all($nginx, 140);

        $sums[$_] += $more[$_] for 0 .. $#sums;
        counted($nginx, "$name, a reload: exact", expected(@sums));
    }

    $nginx->stop;

    return;
}


load();
elsewhere('32k', size => '32k', workers => 2);
elsewhere('no master', workers => 0);

done_testing();
