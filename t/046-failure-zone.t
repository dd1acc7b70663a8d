# Copyright (C) Evolu Auth Authors
#
# The failure limit over time: when it lets go, what outlives a reload and a
# store that is away, and what a full zone forgets.

use strict;
use warnings;

use lib 't/lib';
use EvoluNginx;
use POSIX ();
use Test::More;
use Time::HiRes qw(sleep time);

my $redis = EvoluNginx::Redis->start;
my $throttled = '429 - throttled';

$redis->fill;


sub zone {
    my ($rate, $size) = @_;

    $size = '1m' if !defined $size;

    return "evolu_auth_failure_zone zone=f:$size rate=$rate;\n"
           . "set_real_ip_from 127.0.0.1;\n";
}


sub from {
    my ($nginx, $address, $credential) = @_;

    return $nginx->connect->ask($credential, '/', "X-Real-IP: $address");
}


# It lets go when Retry-After says so, and not before

sub lets_go {
    my $nginx = EvoluNginx->start(redis => $redis, http => zone('1r/s'),
                            guard => 'evolu_auth_failure_limit zone=f '
                                     . 'burst=1;');
    my $began = time;

    like($nginx->ask($WRONG), qr/^401 MISS bad_secret/, 'a failure');
    like($nginx->ask($WRONG), qr/^401 FRESH bad_secret/, 'and one more');

    my $reply = $nginx->connect->get($LIVE);

    is($reply->{text}, $throttled, 'a new key waits');
    is($reply->{retry}, 1, 'for a second');

    $nginx->reaches(3, $LIVE, '200 FRESH ok', 'and passes');

    cmp_ok(time - $began, '>', 0.9, 'not before a drop has leaked');

    $nginx->stop;

    return;
}


sub retry_after {
    my $nginx = EvoluNginx->start(redis => $redis, http => zone('2r/m'),
                                  guard => 'evolu_auth_failure_limit zone=f;');

    $nginx->ask($WRONG);

    my $reply = $nginx->connect->get($WRONG);

    cmp_ok($reply->{retry}, '<=', 30, 'a drop in 30 s: that long at most');
    cmp_ok($reply->{retry}, '>=', 25, 'and about that long');

    $nginx->stop;

    return;
}


# The throttled cost no read, and no failure of the store is theirs

sub reads {
    my $nginx = EvoluNginx->start(redis => $redis, http => zone('1r/m'),
                                  guard => 'evolu_auth_failure_limit zone=f;');

    is($nginx->ask($UNKNOWN), '401 MISS unknown', 'a failure');

    my $reads = $redis->calls('hgetall');

    is($nginx->ask("evolu_live_n${_}_NoSecret0123456789"), $throttled,
       "guess $_") for 1 .. 5;

    is($redis->calls('hgetall') - $reads, 0, 'no read');

    $nginx->stop;

    return;
}


# A key that was verified passes by a stale record too: it is asked for again

sub stale {
    my $nginx = EvoluNginx->start(redis => $redis, zone => 'fresh=1s',
                                  http => zone('1r/m'),
                                  guard => 'evolu_auth_failure_limit zone=f;');

    is($nginx->ask($LIVE), '200 MISS ok', 'verified');
    is($nginx->ask($UNKNOWN), '401 MISS unknown', 'a failure');
    is($nginx->ask($OTHER), $throttled, 'others are throttled');

    $redis->do('INCR', 'evolu:epoch');
    $nginx->reaches(3, $LIVE, '200 MISS ok', 'stale by the epoch: passes');

    sleep(1.1);
    is($nginx->ask($LIVE), '200 MISS ok', 'stale by age: passes');

    $redis->revoke($LIVE);
    $nginx->reaches(2, $LIVE, $throttled, 'revoked: unknown, so throttled');
    $redis->add($LIVE);

    $nginx->stop;

    return;
}


sub outage {
    my $nginx = EvoluNginx->start(redis => $redis, http => zone('1r/m'),
                                  guard => 'evolu_auth_failure_limit zone=f;');

    is($nginx->ask($LIVE), '200 MISS ok', 'verified');

    $redis->kill;

    $nginx->reaches(5, $OTHER, '503 - unavailable', 'no store');
    is($nginx->ask($OTHER), '503 - unavailable', 'which is charged to nobody');
    is($nginx->ask('short'), '401 - malformed', 'a failure');
    is($nginx->ask($OTHER), $throttled, 'throttled');
    is($nginx->ask($LIVE), '200 STALE ok', 'the verified key passes');
    like($nginx->ask($GLOBAL), qr/^200/, 'and a global one');

    $redis->again;
    $redis->fill;

    $nginx->stop;

    return;
}


# Buckets outlive a reload, and take the new rate; not one to another size

sub reloads {
    my $nginx = EvoluNginx->start(redis => $redis, workers => 2,
                                  http => zone('1r/m'),
                                  guard => 'evolu_auth_failure_limit zone=f;');

    is($nginx->ask('short'), '401 - malformed', 'a failure');
    is($nginx->ask($OTHER), $throttled, "of all workers, $_") for 1 .. 4;

    $nginx->reload;
    is($nginx->ask($OTHER), $throttled, 'kept');

    $nginx->reload(http => zone('100r/s'));
    $nginx->reaches(2, $OTHER, qr/^200 \S+ ok/, 'at another rate');

    $nginx->reload(http => zone('1r/m'));
    is($nginx->ask('short'), '401 - malformed', 'a failure');
    is($nginx->ask($UNKNOWN), $throttled, 'throttled');

    $nginx->reload(http => zone('1r/m', '2m'));
    like($nginx->ask($UNKNOWN), qr/^401 \S+ unknown/, 'another size: empty');

    $nginx->stop;

    return;
}


# The key file: what one worker verified passes at all of them

sub key_file {
    my $file = EvoluNginx::write_file('tokens',
        "global g1 hash=" . hash_of($GLOBAL) . "\n"
        . "campaign live aB3dE6gH k1 hash=" . hash_of($LIVE) . "\n"
        . "campaign live other k1 hash=" . hash_of($OTHER) . "\n");
    my $nginx = EvoluNginx->start(workers => 2, http => zone('1r/m'),
        stores => "evolu_auth_zone zone=evolu:1m;\n"
                  . "evolu_auth_pepper p1 $dir/p1;\n"
                  . "evolu_auth_key_file $file;\n",
        guard => 'evolu_auth_failure_limit zone=f;');

    my @workers = $nginx->clients($GLOBAL);

    is($workers[0]->ask($LIVE), '200 FILE ok', 'verified by one');
    is($nginx->ask('short'), '401 - malformed', 'a failure');
    is($_->ask($LIVE), '200 FILE ok', 'passes') for @workers;
    is($_->ask($OTHER), $throttled, 'another does not') for @workers;

    $nginx->stop;

    return;
}


# A zone is of fixed size: who comes last is throttled, who was first is not

sub forgets {
    my $nginx = EvoluNginx->start(redis => $redis, http => zone('1r/m', '32k'),
                                  guard => 'evolu_auth_failure_limit zone=f;');
    my $client = $nginx->connect;
    my %n;

    is(from($nginx, '10.255.0.1', 'short'), '401 - malformed', 'the first');
    is(from($nginx, '10.255.0.1', $OTHER), $throttled, 'is throttled');

    for my $i (0 .. 4095) {
        my $address = join('.', 10, $i >> 16, ($i >> 8) & 255, $i & 255);

        $n{$client->ask('short', '/', "X-Real-IP: $address")}++;
    }

    is($n{'401 - malformed'}, 4096, 'so many others');
    is(from($nginx, '10.0.15.255', $OTHER), $throttled, 'the last');
    like(from($nginx, '10.255.0.1', $OTHER), qr/^200/, 'the first is not');
    is($nginx->logged(qr/no memory|could not allocate/), 0, 'no noise');

    $nginx->stop;

    return;
}


# The presets: 60 a minute, a burst of 60, addresses exempt by a map of one's
# own.  Each server is told the address by a proxy in front of it.

sub presets {
    my $conf = POSIX::getcwd() . '/conf';
    my ($http, $server) = ('', '');

    for my $name (qw(evolution-api evolu-integrators)) {
        $http .= "server { listen unix:$dir/$name.sock;
                           set_real_ip_from unix:;
                           include $conf/$name.conf; }\n";
        $server .= "location /$name/ {
                        proxy_pass http://unix:$dir/$name.sock:/v1/webhook;
                    }\n";
    }

    my $nginx = EvoluNginx->start(redis => $redis, server => $server,
        http => "include $conf/http.conf;
                 map \$remote_addr \$evolu_failures {
                     default evolu_failures;
                     192.0.2.1 off;
                 }
                 upstream evolution_api { server 127.0.0.1:1; }
                 upstream evolu_api { server 127.0.0.1:1; }\n$http");

    for my $name (qw(evolution-api evolu-integrators)) {
        for my $address ("192.0.2.1", "198.51.100." . length($name)) {
            my $client = $nginx->connect;
            my @seen;

            for (1 .. 64) {
                push @seen, $client->get(undef, "/$name/",
                    "X-Real-IP: $address", "apikey: $WRONG",
                    "Authorization: Bearer $WRONG")->{status};
            }

            my $good = grep { $_ == 401 } @seen[0 .. 60];
            my $limited = grep { $_ == 429 } @seen[62 .. 63];

            is($good, 61, "$name, $address: 401");
            is($limited, $address eq '192.0.2.1' ? 0 : 2,
               "$name, $address: then " . join(' ', @seen[62, 63]));
        }
    }

    $nginx->stop;

    return;
}


lets_go();
retry_after();
reads();
stale();
outage();
reloads();
key_file();
forgets();
presets();

done_testing();
