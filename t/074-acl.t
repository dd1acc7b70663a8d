# Copyright (C) Evolu Auth Authors
#
# The user of the edge with no more rights than the README gives it, and what
# becomes of it when it has fewer: an outage, never a refusal.

use strict;
use warnings;

use lib 't/lib';
use EvoluNginx;
use IO::Socket::INET;
use Test::More;

my $down = '503 - unavailable';
my $password = 'hush-hush-0123456789';

EvoluNginx::write_file('password', "$password\n");

# as the README has it

my ($rights) = EvoluNginx::read_text('README.md')
               =~ /ACL SETUSER edge on >PASSWORD (resetkeys.*?)\n\n/s;

ok(defined $rights, 'the README names the rights');

my @rights = split ' ', $rights;


# A server where the user "edge" has them

my $s = IO::Socket::INET->new(LocalAddr => '127.0.0.1', Listen => 1);
my $port = $s->sockport;

close($s);

my $redis = EvoluNginx::Redis->start('--port', $port);

$redis->fill;
$redis->do('SADD', 'evolu:token:' . EvoluNginx::hash_of($TOKEN), 'shop');
$redis->do('ACL', 'SETUSER', 'edge', 'on', ">$password", @rights);


# nginx as that user

sub edge {
    return EvoluNginx->start(
        stores => "evolu_auth_zone zone=evolu:1m;\n"
                  . "evolu_auth_pepper p1 $dir/p1;\n"
                  . "evolu_auth_redis redis://edge\@127.0.0.1:$port"
                  . " password_file=$dir/password;\n",
        server => 'location /index { evolu_auth on; evolu_auth_token_index on;'
                  . ' evolu_auth_scope instance; evolu_auth_whoami; }',
        live => 1);
}

my $nginx = edge();

is(scalar $nginx->logged(qr/changes are pushed/), 1, 'enough for tracking');
is($nginx->ask($LIVE), '200 MISS ok', 'for records');
is($nginx->ask($TOKEN, '/index'), '200 MISS ok', 'for the token index');
$redis->revoke($LIVE);
$nginx->reaches(5, $LIVE, '401 NEGATIVE unknown', 'for pushes');
is($redis->do('ACL', 'LOG', 'RESET'), 'OK', 'the log of denials');
is(scalar @{ $redis->do('ACL', 'LOG') }, 0, 'is empty');

# rights that end while nginx runs

$redis->add($LIVE);
$nginx->reaches(5, $LIVE, '200 MISS ok', 'back');
$redis->do('ACL', 'SETUSER', 'edge', '-hgetall');
is($nginx->ask($OTHER), $down, 'NOPERM of a lookup is an outage');
is($nginx->ask($LIVE), '200 FRESH ok', 'what is known goes on');
is(scalar $nginx->logged(qr/failed a lookup: NOPERM/), 1, 'it is logged');
$redis->do('ACL', 'SETUSER', 'edge', '+hgetall');
$nginx->reaches(5, $OTHER, '200 MISS ok', 'rights again');

$redis->do('ACL', 'SETUSER', 'edge', '-get');
$nginx->reaches(10, $LIVE, '200 STALE ok', 'NOPERM of the epoch: all is stale');
is($nginx->ask($TOKEN, '/i/new'), $down, 'and the rest an outage');
$redis->do('ACL', 'SETUSER', 'edge', '+get');
$nginx->reaches(10, $TOKEN, '401 MISS unknown', 'rights again', '/i/new');

# the user goes, and comes back with another password, then with the right one

$redis->do('ACL', 'DELUSER', 'edge');
$nginx->reaches(5, $LIVE, '200 STALE ok', 'no such user');
EvoluNginx::within(5, 'WRONGPASS', sub {
    $nginx->logged(qr/redis link .* lost: refused: WRONGPASS/);
});
$redis->do('ACL', 'SETUSER', 'edge', 'on', '>another-one', @rights);
is($nginx->ask($LIVE), '200 STALE ok', 'another password');
$redis->do('ACL', 'SETUSER', 'edge', ">$password");
$nginx->reaches(10, $LIVE, '200 MISS ok', 'the right one');

# without tracking: records are trusted for a while, which is said once

$nginx->stop;
$redis->do('ACL', 'SETUSER', 'edge', '-client|tracking');
$nginx = edge();
is($nginx->ask($LIVE), '200 MISS ok', 'without tracking');
is(scalar $nginx->logged(qr/\[warn\].*offers no invalidation/), 1, 'is said');
$nginx->stop;

done_testing();
