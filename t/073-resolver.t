# Copyright (C) Evolu Auth Authors
#
# A host name of evolu_auth_redis: by the resolver of the http block, again at
# every connect, while requests go on.

use strict;
use warnings;

use lib 't/lib';
use EvoluDns;
use EvoluNginx;
use IO::Socket::INET;
use Test::More;

my $down = '503 - unavailable';
my $address = EvoluNginx::write_file('address', '127.0.0.1');
my $dns = EvoluDns->start($address);


sub free_port {
    my $s = IO::Socket::INET->new(LocalAddr => '127.0.0.1', Listen => 1);
    my $port = $s->sockport;

    close($s);

    return $port;
}


# The same port at two addresses: the second server is another one.

my $port = free_port();
my $first = EvoluNginx::Redis->start('--port', $port, '--bind', '127.0.0.1');
my $second = EvoluNginx::Redis->start('--port', $port, '--bind', '127.0.0.2');

$first->fill;
$second->fill;
$second->revoke($OTHER);

my $nginx = EvoluNginx->start(
    redis => "redis://redis.test:$port", link => 'connect_timeout=500ms',
    http => "resolver 127.0.0.1:$dns->{port} valid=1s ipv6=off;\n");

is($nginx->ask($LIVE), '200 MISS ok', 'by its name');
is(scalar $nginx->logged(qr/is live at 127.0.0.1:$port,/), 1, 'at its address');

# another address, once the link is lost

EvoluNginx::write_file('address', '127.0.0.2');
EvoluNginx::within(10, 'the new address is found', sub {
    $first->do('CLIENT', 'KILL', 'TYPE', 'normal', 'SKIPME', 'yes');
    $nginx->logged(qr/is live at 127.0.0.2:$port,/);
});
is($nginx->ask($OTHER), '401 MISS unknown', 'where it says something else');

# no name server: what is known serves meanwhile, and nothing hangs

EvoluNginx::write_file('address', '-');
EvoluNginx::within(10, 'no answer of the name server', sub {
    eval { $second->do('CLIENT', 'KILL', 'TYPE', 'normal', 'SKIPME', 'yes') };
    $nginx->logged(qr/redis link .* lost: timed out connecting/);
});
is($nginx->ask($LIVE), '200 STALE ok', 'a known key goes on');
is($nginx->ask($TOKEN, '/i/shop'), $down, 'an unknown one is an outage');

# no such name

EvoluNginx::write_file('address', '');
EvoluNginx::within(40, 'no such name', sub {
    $nginx->logged(qr/redis link .* lost: can't resolve its name/);
});
is($nginx->ask($LIVE), '200 STALE ok', 'a known key goes on');

my $asked = $dns->queries;

EvoluNginx::write_file('address', '127.0.0.1');
$nginx->reaches(40, $OTHER, '200 MISS ok', 'it is there again');
cmp_ok($dns->queries, '>', $asked, 'asked for again');
$nginx->stop;

# without a resolver the configuration is where it is looked up

like(EvoluNginx->tested(redis => 'redis://redis.invalid:1'),
     qr/\[emerg\].*host not found in .*give an address, or a "resolver"/,
     'an unknown host without a resolver');

done_testing();
