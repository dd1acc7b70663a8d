# Copyright (C) Evolu Auth Authors
#
# What is kept, for how long, and what it saves.

use strict;
use warnings;

use lib 't/lib';
use EvoluNginx;
use Test::More;
use Time::HiRes qw(time);

my $redis = EvoluNginx::Redis->start;

$redis->fill;


sub credential {
    return "evolu_live_$_[0]_CachedSecret0123456789";
}


# Reads of the test's records; the module reads others by itself, at its start

sub reads {
    return $redis->calls('hgetall') - $redis->{calls};
}


sub begin {
    my $nginx = EvoluNginx->start(redis => $redis, @_);

    like($nginx->ask($GLOBAL), qr/^200/, 'a global key');
    $redis->do('CONFIG', 'RESETSTAT');
    $redis->{calls} = 0;

    return $nginx;
}


# What $evolu_auth_cache says

sub states {
    my $nginx = begin(zone => 'fresh=1h stale=1h negative=1h',
                      link => 'timeout=2s');

    is($nginx->ask($LIVE), '200 MISS ok', 'the first time');
    is($nginx->ask($LIVE), '200 FRESH ok', 'and then') for 1 .. 3;
    is(reads(), 1, 'one read');

    is($nginx->ask($UNKNOWN), '401 MISS unknown', 'unknown, the first time');
    is($nginx->ask($UNKNOWN), '401 NEGATIVE unknown', 'and then') for 1 .. 3;
    is(reads(), 2, 'one read');

    # a secret costs nothing, right or wrong: the record was read

    is($nginx->ask($WRONG), '401 FRESH bad_secret', 'a wrong secret');

    for my $n (1 .. 50) {
        $nginx->ask("evolu_live_aB3dE6gH_Guess0123456789-$n") eq
            '401 FRESH bad_secret' or fail("guess $n");
    }

    is(reads(), 2, 'guesses cost no read');
    is($nginx->ask($LIVE), '200 FRESH ok', 'the right one, in between');

    # and when they come first

    is($nginx->ask('evolu_live_other_Guess0123456789-1'),
       '401 MISS bad_secret', 'a guess at a cold record');
    is($nginx->ask($OTHER), '200 FRESH ok', 'is a read for the right one');
    is(reads(), 3, 'one read');

    # no read for what can't be

    is($nginx->ask('evolu_live_aB3dE6gH_short'), '401 - malformed',
       'no grammar');
    is($nginx->ask('not-a-campaign-key'), '401 - wrong_family', 'no family');
    is($nginx->ask($GLOBAL), '200 FILE ok', 'a global key');
    is(reads(), 3, 'none of them is looked up');

    # instances are others than campaigns, and live others than test

    is($nginx->ask($TOKEN, '/i/shop'), '200 MISS ok', 'an instance');
    is($nginx->ask($TOKEN, '/i/shop'), '200 FRESH ok', 'kept');
    is($nginx->ask($TOKEN, '/i/Shop'), '401 MISS unknown', 'case counts');
    is($nginx->ask($LIVE =~ s/live/test/r), '401 MISS unknown', 'another mode');
    is($nginx->ask($LIVE), '200 FRESH ok', 'is another record');

    $redis->kill('STOP');
    is($nginx->ask($LIVE), '200 FRESH ok', 'a store that sleeps');
    $redis->kill('CONT');

    my $time = $nginx->connect->get($LIVE)->{time};

    is($time, '0.000', 'no time spent on what is there');

    $nginx->stop;

    return;
}


# Both lives end by the clock

sub lives {
    my $nginx = begin(zone => 'fresh=1s negative=1s', link => 'timeout=2s');

    for my $case ([$LIVE, '200 MISS ok', '200 FRESH ok'],
                  [$UNKNOWN, '401 MISS unknown', '401 NEGATIVE unknown'])
    {
        my ($credential, $miss, $hit) = @$case;
        my $begin = time;

        is($nginx->ask($credential), $miss, 'read');
        is($nginx->until(3, $credential, $miss), "$hit > $miss",
           'kept, and read again');

        my $took = time - $begin;

        cmp_ok($took, '>=', 0.9, 'not before its time');
        cmp_ok($took, '<', 1.5 * patience(), 'nor long after it');
    }

    $nginx->stop;

    # each has its own

    $nginx = begin(zone => 'fresh=1h negative=1s', link => 'timeout=2s');

    is($nginx->ask($LIVE), '200 MISS ok', 'a long life');
    is($nginx->ask($UNKNOWN), '401 MISS unknown', 'and a short one');
    is($nginx->until(3, $UNKNOWN, '401 MISS unknown'),
       '401 NEGATIVE unknown > 401 MISS unknown', 'the short one ends');
    is($nginx->ask($LIVE), '200 FRESH ok', 'the long one does not');

    $nginx->stop;

    return;
}


# A flood of what does not exist takes nothing from what does

sub flood {
    my $nginx = begin(size => '64k', zone => 'fresh=1h negative=1h',
                      link => 'timeout=2s');
    my @known = map { credential("known-$_") } 1 .. 5;

    $redis->add($_) for @known;

    is($nginx->ask($_), '200 MISS ok', 'known') for @known;

    my $client = $nginx->connect;
    my %n;

    for my $n (1 .. 2000) {
        $n{$client->ask(credential("flood-$n"))}++;
    }

    is(join(', ', %n), '401 MISS unknown, 2000', 'a flood of the unknown');
    is($nginx->ask($_), '200 FRESH ok', 'known as before') for @known;

    # the last of it are known to be unknown

    is($nginx->ask(credential('flood-2000')), '401 NEGATIVE unknown',
       'unknown as before');

    $nginx->stop;

    return;
}


# A zone that is too small for what is asked: slower, and right

sub tiny {
    my $nginx = begin(size => '32k', zone => 'fresh=1h negative=1h',
                      link => 'timeout=2s pending=1024');
    my $many = 600;

    for my $n (1 .. $many) {
        my @more = map { ("key.more$_" => 'hash=' . hash_of("more-$n-$_")
                                          . ' ip=10.0.0.0/8,192.0.2.0/24') }
                   1 .. $n % 12;

        $redis->do('HSET', key_of(credential("many-$n")),
                   record_of(credential("many-$n")), @more);
    }

    my $client = $nginx->connect;
    my %n;

    for my $round (1, 2) {
        for my $n (1 .. $many) {
            $n{$client->ask(credential("many-$n"))}++;
            $n{$client->ask(credential("none-$n"))}++ if $n % 3 == 0;
            $n{$client->ask("evolu_live_many-${n}_WrongSecret0123456789")}++
                if $n % 5 == 0;
        }
    }

    my @right = ('200 MISS ok', '200 FRESH ok', '401 MISS unknown',
                 '401 NEGATIVE unknown', '401 MISS bad_secret',
                 '401 FRESH bad_secret');

    my %other = %n;

    delete @other{@right};
    is(join(', ', sort keys %other), '', 'a tiny zone: right answers only');
    is(($n{'200 MISS ok'} || 0) + ($n{'200 FRESH ok'} || 0), 2 * $many,
       'a tiny zone: all of them');

    # what is asked for often stays

    $client->ask(credential('many-1'));
    is($client->ask(credential('many-1')), '200 FRESH ok', 'it does keep some');

    # changes are heard of all the same

    $redis->revoke(credential('many-1'));
    like($nginx->until(1, credential('many-1'), qr/^401/), qr/unknown$/,
         'a tiny zone: a revocation');

    # one that is as large as they get, and one that is larger than the zone's
    # share

    my @most = map { ("key.k$_" => 'hash=' . hash_of("most-$_") . ' ip='
                      . join(',', map { "10.0.$_.0/24" } 1 .. 60)) } 2 .. 60;

    $redis->do('HSET', key_of(credential('most')),
               record_of(credential('most')), @most);
    like($client->ask(credential('most')), qr/^200 MISS ok$/,
         'a tiny zone: a record that has no room');
    like($client->ask(credential('most')), qr/^200 (?:MISS|FRESH) ok$/,
         'a tiny zone: and again');
    like($client->ask($LIVE), qr/^200/, 'a tiny zone: others');

    is(scalar $nginx->logged(qr/no memory|ngx_slab_alloc/), 0, 'no noise');

    $nginx->stop;

    return;
}


states();
lives();
flood();
tiny();

done_testing();
