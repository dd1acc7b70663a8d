# Copyright (C) Evolu Auth Authors
#
# Redis goes away, comes back, comes back empty, was never there.

use strict;
use warnings;

use lib 't/lib';
use EvoluNginx;
use EvoluRedisScript qw(flush hash);
use Test::More;
use Time::HiRes qw(time);

my $redis = EvoluNginx::Redis->start;
my $fresh = qr/^200 (?:MISS|FRESH) ok$/;
my $down = '503 - unavailable';


# Killed: what is known is served, what is not known is not refused

sub killed {
    my $expires = int(time) + 3;

    $redis->fill;
    $redis->add($OTHER, "exp=$expires");

    my $nginx = EvoluNginx->start(redis => $redis, workers => 2,
                                  zone => 'fresh=1h stale=1h negative=1h');

    is($nginx->ask($LIVE), '200 MISS ok', 'read');
    is($nginx->ask($LIVE), '200 FRESH ok', 'fresh');
    is($nginx->ask($OTHER), '200 MISS ok', 'one that expires soon');
    is($nginx->ask($UNKNOWN), '401 MISS unknown', 'an unknown one');

    $redis->kill;

    my $seen = $nginx->until(2, $LIVE, '200 STALE ok');

    like($seen, qr/^(?:200 FRESH ok > )?200 STALE ok$/,
         'killed: fresh until it is noticed, stale then');

    is($nginx->ask($LIVE), '200 STALE ok', 'and stale again') for 1 .. 4;

    my $reply = $nginx->connect->get('evolu_live_cold_ColdSecret0123456789');

    is($reply->{text}, $down, 'a cold locator');
    is($reply->{retry}, 1, 'with Retry-After');
    is($reply->{body},
       '{"detail":"Authentication is temporarily unavailable."}',
       'and the body of an outage');

    is($nginx->ask($UNKNOWN), $down, '"unknown" is not served stale');
    is($nginx->ask($WRONG), '401 STALE bad_secret', 'a wrong secret');
    is($nginx->ask('evolu_live_x'), '401 - malformed', 'a malformed one');
    is($nginx->ask(), '401 - missing', 'none at all');
    is($nginx->ask('some-token'), '401 - wrong_family', 'another family');
    like($nginx->ask($GLOBAL), qr/^200 \S+ ok$/, 'a global key');

    # the clock goes on: stale, but not longer than the key itself

    is($nginx->until(5, $OTHER, '401 STALE expired'),
       '200 STALE ok > 401 STALE expired', 'a key expires during an outage');
    cmp_ok(time, '>=', $expires, 'not before its time');
    cmp_ok(time, '<', $expires + 1.5, 'and not long after it');

    # there again

    $redis->again;
    $redis->fill;

    my $back = time;

    $nginx->reaches(2, 'evolu_live_cold_ColdSecret0123456789',
                    '401 MISS unknown', 'back: cold locators within 2 s');

    # the other worker may still be on its way

    like($nginx->until(2 - (time - $back), $LIVE, $fresh),
         qr/^(?:200 STALE ok > )?200 (?:MISS|FRESH) ok$/, 'back: fresh');

    $nginx->linked(4);

    is($nginx->ask($LIVE), '200 FRESH ok', 'and it stays fresh') for 1 .. 4;

    $nginx->stop;

    return;
}


# Hung: nothing is noticed until it was silent for too long

sub hung {
    my $nginx = EvoluNginx->start(redis => $redis, zone => 'fresh=1h',
                                  link => 'timeout=50ms');

    is($nginx->ask($LIVE), '200 MISS ok', 'hung: read before');
    $redis->kill('STOP');

    my $begin = time;

    is($nginx->ask($LIVE), '200 FRESH ok', 'hung: fresh');
    is($nginx->ask($OTHER), $down, 'hung: a cold locator');
    cmp_ok(time - $begin, '<', 1, 'hung: at its deadline');

    is($nginx->until(5, $LIVE, '200 STALE ok'), '200 FRESH ok > 200 STALE ok',
       'hung: noticed');
    cmp_ok(time - $begin, '<', 3.5, 'hung: within 3 s');
    is(scalar $nginx->logged(qr/lost: silent for too long/), 1,
       'hung: logged once');

    $redis->kill('CONT');

    $nginx->reaches(2, $OTHER, '200 MISS ok',
                    'goes on: cold locators within 2 s');
    like($nginx->ask($LIVE), $fresh, 'goes on: fresh');

    $nginx->stop;

    return;
}


# Two bounds of stale

sub bounds {
    my $never = EvoluNginx->start(redis => $redis, zone => 'stale=0');
    my $short = EvoluNginx->start(redis => $redis, zone => 'stale=2s');

    like($_->ask($LIVE), $fresh, 'read before') for $never, $short;

    $redis->kill;

    my $begin = time;

    like($never->until(2, $LIVE, $down), qr/^(?:200 FRESH ok > )?503/,
         'stale=0: nothing is served');
    like($short->until(4, $LIVE, $down),
         qr/^(?:200 FRESH ok > )?200 STALE ok > 503 - unavailable$/,
         'stale=2s: served, and no more');

    my $took = time - $begin;

    cmp_ok($took, '<=', 2.5, 'not longer than stale');
    cmp_ok($took, '>=', 0.5, 'and not much less');

    is($short->ask($LIVE), $down, 'no more');
    is($short->ask($WRONG), $down, 'nor is a wrong secret refused');

    $redis->again;
    $redis->fill;

    like($_->until(2, $LIVE, $fresh), qr/^(?:503 \S+ \S+ > )?200 MISS ok$/,
         'back') for $never, $short;

    $_->stop for $never, $short;

    return;
}


# Restarted empty: no epoch, no word of anybody being unknown

sub empty {
    my $nginx = EvoluNginx->start(redis => $redis);

    like($nginx->ask($LIVE), $fresh, 'empty: read before');

    $redis->kill;
    $redis->again;

    within(5, 'empty: the log says what to do', sub {
        index($nginx->log, 'the store holds no "evolu:epoch": set it with'
                           . ' "SET evolu:epoch 1 NX"') >= 0;
    });

    is($nginx->ask($LIVE), '200 STALE ok', 'empty: the known is served');
    is($nginx->ask($OTHER), $down, 'empty: the unknown is not refused');

    # records without an epoch are records that are not complete

    $redis->add($OTHER);
    is($nginx->ask($OTHER), $down, 'empty: nor is it allowed');

    $redis->fill;
    like($nginx->until(2, $OTHER, $fresh), qr/200 MISS ok$/,
         'empty: filled again');

    # an epoch that is none

    $redis->do('SET', 'evolu:epoch', 'one');

    $nginx->reaches(3, $UNKNOWN, $down,
                    'an epoch that is no number is none');
    is(scalar $nginx->logged(qr/"evolu:epoch" of the store is no number/), 1,
       'and the log says so');

    $redis->do('SET', 'evolu:epoch', 2);
    like($nginx->until(2, $UNKNOWN, qr/401/), qr/401 \S+ unknown$/,
         'a number again');

    $nginx->stop;

    return;
}


# nginx starts first

sub first {
    $redis->kill;

    my $nginx = EvoluNginx->start(redis => $redis, live => 0, workers => 2);

    is($nginx->ask($LIVE), $down, 'no store yet');
    like($nginx->ask($GLOBAL), qr/^200 \S+ ok$/, 'a global key needs none');
    is($nginx->ask('evolu_live_x'), '401 - malformed', 'nor does refusing');

    within(5, 'logged', sub { $nginx->logged(qr/redis link to .* lost/) == 2 });

    # many attempts later

    $redis->again;
    $redis->fill;

    $nginx->reaches(2, $LIVE, $fresh, 'the store appears');
    is(scalar $nginx->logged(qr/redis link to .* lost/), 2,
       'an outage is logged once a worker');

    $nginx->stop;

    return;
}


# What was read while everything became stale is as good as what was there

sub overtaken {
    my $server = EvoluRedisScript->start(
        socket => "$dir/overtaken.sock",
        log => "$dir/overtaken.log",
        ordered => 1,
        answer => sub {
            my ($link, $command, $name) = @_;

            return if $command ne 'HGETALL' || $name !~ /aB3dE6gH$/;
            return -e "$dir/slow" ? '' : hash(record_of($LIVE));
        });
    my $nginx = EvoluNginx->start(redis => $server, link => 'timeout=5s');

    is($nginx->ask($LIVE), '200 MISS ok', 'overtaken: read');
    is($nginx->ask($LIVE), '200 FRESH ok', 'overtaken: kept');

    EvoluNginx::write_file('slow', '');
    $server->tell('push', flush());

    my $client = $nginx->connect;

    within(2, 'overtaken: read again', sub {

        # the push may come after the first of them

        $client = $nginx->connect;
        $client->send($LIVE);
        return $server->count('HGETALL', key_of($LIVE)) == 2;
    });

    $server->tell('push', flush());
    $server->tell('send', hash(record_of($LIVE)));
    is($client->read->{text}, '200 MISS ok', 'overtaken: answered');
    $server->tell('refuse');
    is($nginx->ask($LIVE), '200 STALE ok', 'overtaken: serves in an outage');

    $nginx->stop;
    $server->stop;

    return;
}


killed();
hung();
bounds();
empty();
first();
overtaken();

done_testing();
