# Copyright (C) Evolu Auth Authors
#
# Load on two workers while keys are made and revoked: nobody is let in by a
# key that was revoked 100 ms ago or earlier, nobody is kept out who may in,
# and nothing fails.  EVOLU_SOAK: seconds, 12 unless told otherwise.

use strict;
use warnings;

use lib 't/lib';
use EvoluNginx;
use POSIX ();
use Test::More;
use Time::HiRes qw(sleep time);

my $seconds = $ENV{EVOLU_SOAK} || 12;
my $bound = 0.1 * patience();
my $keys = 24;

my $redis = EvoluNginx::Redis->start;

$redis->fill;

my $nginx = EvoluNginx->start(redis => $redis, workers => 2,
                              zone => 'fresh=1h negative=1h',
                              link => 'timeout=2s connect_timeout=2s');


sub credential {
    return sprintf('evolu_live_soak-%d_SoakSecret0123456789', $_[0]);
}


# A client: one line an answer, with when it was asked and when answered

sub client {
    my ($n, $until) = @_;
    my $pid = fork();

    die "fork: $!" if !defined $pid;

    return $pid if $pid != 0;

    srand($n);
    open(my $out, '>', "$dir/client$n") or POSIX::_exit(1);

    my $client;

    while (time < $until) {
        $client = $nginx->connect if !$client || rand() < 0.02;

        my $key = int(rand($keys));
        my $sent = time;
        my $reply = $client ? $client->get(credential($key))
                            : { status => 0, worker => 0 };

        printf $out "%d %.6f %.6f %d %s\n", $key, $sent, time,
            $reply->{status}, $reply->{worker};

        undef $client if !$reply->{status};
    }

    close($out);
    POSIX::_exit(0);
}


my $until = time + $seconds;
my @clients = map { client($_, $until) } 1 .. 3;

# each key's changes: [asked for, acknowledged, there]

my @changes = map { [[0, 0, 0]] } 1 .. $keys;
my $made = 0;

srand(42);

while (time < $until) {
    my $key = int(rand($keys));
    my $there = $changes[$key][-1][2];
    my $asked = time;

    if (!$there) {
        $redis->add(credential($key));

    } elsif (rand() < 0.5) {
        $redis->revoke(credential($key));

    } else {
        $redis->do('HDEL', key_of(credential($key)), 'key.k1');
    }

    push @{ $changes[$key] }, [$asked, time, !$there];
    $made++;

    sleep(0.004);
}

waitpid($_, 0) for @clients;


# What was true of a key all the time from then on until then; undef: it changed

sub state_of {
    my ($key, $from, $to) = @_;
    my $state;

    for my $change (reverse @{ $changes[$key] }) {
        next if $change->[0] > $to;
        return $change->[2] if $change->[1] <= $from;
        return undef;
    }

    return;
}


my ($asked, $allowed, $denied, %failed, @wrong, @shut_out, %worker) = (0, 0, 0);

for my $n (1 .. 3) {
    open(my $in, '<', "$dir/client$n") or die "client$n: $!";

    while (my $line = <$in>) {
        my ($key, $sent, $got, $status, $worker) = split ' ', $line;

        $asked++;
        $worker{$worker}++;

        if ($status == 200) {
            $allowed++;
            push @wrong, $line
                if defined state_of($key, $sent - $bound, $got)
                   && !state_of($key, $sent - $bound, $got);

        } elsif ($status == 401) {
            $denied++;
            push @shut_out, $line if state_of($key, $sent - $bound, $got);

        } else {
            $failed{$status}++;
        }
    }
}

cmp_ok($asked, '>', 100 * $seconds / patience(), 'many requests');
cmp_ok($made, '>', 20 * $seconds / patience(), 'many changes');
cmp_ok($allowed, '>', $asked / 20, 'many are allowed');
cmp_ok($denied, '>', $asked / 20, 'and many are refused');
is(scalar(grep { $worker{$_} > $asked / 100 } keys %worker), 2,
   'by two workers');

is(join(', ', map { "$failed{$_} x $_" } sort keys %failed), '',
   'nothing fails');
is(join('', @wrong[0 .. (@wrong > 5 ? 4 : $#wrong)]), '',
   'nobody is let in by a key that was revoked');
is(join('', @shut_out[0 .. (@shut_out > 5 ? 4 : $#shut_out)]), '',
   'nobody is kept out who has a key');

note("$asked requests, $made changes");

$nginx->stop;

done_testing();
