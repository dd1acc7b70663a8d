# Copyright (C) Evolu Auth Authors
#
# role=any: replicas lag, each by itself, so the link of one worker does not
# vouch for what another one read.

use strict;
use warnings;

use lib 't/lib';
use EvoluNginx;
use EvoluRedisScript qw(hash hello invalidate);
use Test::More;

my ($slow, $deleted, $cut) = map { "$dir/$_" } qw(slow deleted cut);


# Two replicas behind one address.  The slow one, which the worker named in a
# file is linked to, knows of no deletion before its link is cut.

my $server = EvoluRedisScript->start(
    socket => "$dir/replicas.sock",
    log => "$dir/replicas.log",
    answer => sub {
        my ($link, $command, $name) = @_;
        my $lags = -e $slow && $link->peer == EvoluNginx::read_text($slow);

        return hello(role => 'replica') if $command eq 'HELLO';

        if ($command eq 'GET' && $lags && -e $cut && -z $cut) {
            EvoluNginx::write_file('cut', 'done');
            $link->shut;
            return '';
        }

        return if $command ne 'HGETALL' || $name !~ /aB3dE6gH$/;
        return hash(-e $deleted && !($lags && !-s $cut) ? ()
                                                        : record_of($LIVE));
    });

my $nginx = EvoluNginx->start(redis => $server, workers => 2, live => 2,
                              zone => 'fresh=1h negative=1s',
                              link => 'role=any',
                              server => 'location /m { evolu_auth_status; }');
my ($one, $other) = $nginx->clients($GLOBAL);

EvoluNginx::write_file('slow', $other->get($GLOBAL)->{worker});

is($one->ask($LIVE), '200 MISS ok', 'read from a replica');
is($other->ask($LIVE), '200 FRESH ok', 'fresh for both');

like($one->get(undef, '/m')->{body}, qr/tracking_mode\{[^}]*mode="ttl"\} 1/,
     'by its time of life');

# both links are old enough to vouch for each other

within(10, 'heartbeats', sub { $server->count('GET') >= 8 });

# deleted: the fast replica pushes that, the slow one still has it

EvoluNginx::write_file('deleted', '');
$server->tell('push', invalidate(key_of($LIVE)));

within(5, 'a push is heeded', sub { $other->ask($LIVE) eq '200 MISS ok' });

# its link breaks before it has caught up: there will be no push

EvoluNginx::write_file('cut', '');
within(5, 'the slow link is cut', sub { -s $cut });

within(15, 'what it said is believed for 10 s at most', sub {
    $one->ask($LIVE) =~ /^401/
});

$nginx->stop;

done_testing();
