# Copyright (C) Evolu Auth Authors
#
# What changes in the store counts at once: nothing expires by time here.

use strict;
use warnings;

use lib 't/lib';
use EvoluNginx;
use Test::More;
use Time::HiRes qw(time);

my $redis = EvoluNginx::Redis->start;

$redis->fill;

my $nginx = EvoluNginx->start(redis => $redis, workers => 2,
                              zone => 'fresh=1h negative=1h',
                              link => 'timeout=2s');

my $key = key_of($LIVE);
my $worst = 0;


# Both workers, on connections that stay open

my @workers = $nginx->clients($LIVE);

is(scalar(@workers), 2, 'a connection to each worker');


# A change, and how long after its acknowledgement each worker knows of it

sub changes {
    my ($name, $before, $after, $code, $credential) = @_;

    $credential = $LIVE if !defined $credential;

    for my $worker (@workers) {
        like($worker->ask($credential), $before, "$name: before");

        # and what a worker remembers of it does not outlast it

        $worker->ask($credential) for 1 .. 2;
    }

    $code->();

    my $done = time;

    for my $worker (@workers) {
        my $got = '';

        within(1, "$name: after", sub {
            return ($got = $worker->ask($credential)) =~ $after;
        });

        my $took = time - $done;

        $worst = $took if $worst < $took;

        # and it stays so

        like($worker->ask($credential), $after, "$name: still");
    }

    return;
}


my $good = qr/^200 (?:MISS|FRESH) ok$/;
my $unknown = qr/^401 (?:MISS|NEGATIVE) unknown$/;
my $no_match = qr/^401 (?:MISS|FRESH) bad_secret$/;
my $disabled = qr/^401 (?:MISS|FRESH) disabled$/;
my $expired = qr/^401 (?:MISS|FRESH) expired$/;


for my $command (['DEL', $key], ['UNLINK', $key], ['EXPIRE', $key, 0],
                 ['RENAME', $key, 'evolu:campaign:live:gone'],
                 ['PEXPIRE', $key, 1], ['MOVE', $key, 1])
{
    changes($command->[0], $good, $unknown, sub { $redis->do(@$command) });
    changes("a new key, refused a moment before ($command->[0])", $unknown,
            $good, sub { $redis->add($LIVE) });

    if ($command->[0] eq 'MOVE') {
        $redis->do('SELECT', 1);
        $redis->do('DEL', $key);
        $redis->do('SELECT', 0);
    }
}


changes('HSET status', $good, $disabled, sub {
    $redis->do('HSET', $key, 'status', 'disabled');
});

changes('HDEL status', $disabled, $good, sub {
    $redis->do('HDEL', $key, 'status');
});

changes('HSET exp in the past', $good, $expired, sub {
    $redis->do('HSET', $key, 'key.k1', 'hash=' . hash_of($LIVE) . ' exp=1000');
});

$redis->add($LIVE);
changes('HSET of another secret', $good, $no_match, sub {
    $redis->do('HSET', $key, 'key.k1', 'hash=' . hash_of($OTHER));
});

$redis->add($LIVE);
changes('HDEL of one key of two', $good, $no_match, sub {
    $redis->do('HSET', $key, 'key.k2', 'hash=' . hash_of($OTHER));
    $redis->do('HDEL', $key, 'key.k1');
});

$redis->revoke($LIVE);
$redis->add($LIVE);

changes('a transaction', $good, $unknown, sub {
    $redis->do('MULTI');
    $redis->do('DEL', $key);
    $redis->do('EXEC');
});

$redis->add($LIVE);

changes('a script', $good, $unknown, sub {
    $redis->do('EVAL', "return redis.call('DEL', KEYS[1])", 1, $key);
});

changes('SET over it is no record', $unknown, qr/^401 MISS|NEGATIVE unknown/,
        sub { $redis->do('SET', $key, 'x') });

$redis->revoke($LIVE);
$redis->add($LIVE);


# The epoch: everything is asked for again

changes('an epoch', $good, $good, sub { });

my $reads = $redis->calls('hgetall');

$nginx->ask($LIVE) for 1 .. 4;
is($redis->calls('hgetall'), $reads, 'a known record is not read');

$redis->do('INCR', 'evolu:epoch');

within(1, 'a new epoch makes it read again', sub {
    $nginx->ask($LIVE);
    return $redis->calls('hgetall') > $reads;
});

$reads = $redis->calls('hgetall');
$nginx->ask($LIVE) for 1 .. 4;
cmp_ok($redis->calls('hgetall'), '<=', $reads + 1, 'once');


# An emptied store is an outage, and not a denial for everybody

$nginx->reaches(1, $LIVE, '200 FRESH ok',
                'before the flush');

$redis->do('FLUSHALL');

is($nginx->until(1, $LIVE, '200 STALE ok') =~ /40\d/ ? 'denied' : 'served',
   'served', 'a flush: the known is served');
is($nginx->ask($LIVE), '200 STALE ok', 'as stale');
is($nginx->ask($UNKNOWN), '503 - unavailable', 'the unknown is not refused');
cmp_ok(scalar $nginx->logged(qr/holds no "evolu:epoch": set it with "SET /),
       '>=', 1, 'the log says what to do');

$redis->do('SET', 'evolu:epoch', 1, 'NX');

$nginx->reaches(2, $LIVE, qr/unknown$/,
                'with an epoch it counts');

$redis->fill;
$nginx->reaches(1, $LIVE, qr/ok$/,
                'filled again');

# Databases that change places: nobody is told.  What is not there any more
# must not be taken for what never was.

$redis->do('SWAPDB', 0, 1);
is($nginx->ask('evolu_live_cold_ColdSecret0123456789'), '503 - unavailable',
   'an empty database in its place');
$redis->do('SWAPDB', 0, 1);
$nginx->reaches(2, 'evolu_live_cold_ColdSecret0123456789', '401 MISS unknown',
                'the right one again');
$nginx->reaches(2, $LIVE, $good, 'with what is in it');

diag(sprintf('slowest worker: %.1f ms after the answer', $worst * 1000))
    if $ENV{EVOLU_VERBOSE};

$nginx->stop;

done_testing();
