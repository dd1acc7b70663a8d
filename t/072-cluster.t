# Copyright (C) Evolu Auth Authors
#
# Redis Cluster: a braced prefix keeps all records in one slot; whoever has the
# slot is the server, wherever it moves.

use strict;
use warnings;

use lib 't/lib';
use EvoluNginx;
use EvoluRedisScript qw(failure bulk hash);
use IO::Socket::INET;
use Test::More;

my $down = '503 - unavailable';
my $number = 0;


sub free_port {
    for my $try (1 .. 100) {
        my $s = IO::Socket::INET->new(LocalAddr => '127.0.0.1', Listen => 1);
        my $port = $s->sockport;

        close($s);

        return $port if $port < 55000;
    }

    die 'no port';
}


# A node that says where the slot is, or has it

sub node {
    my ($moved) = @_;
    my $name = 'node' . ++$number;

    return EvoluRedisScript->start(
        port => 0,
        log => "$dir/$name.log",
        answer => sub {
            my ($link, @command) = @_;

            if ($command[0] eq 'GET' && defined $moved) {
                return failure("MOVED 42 $moved");
            }

            return hash(EvoluNginx::record_of($LIVE))
                if $command[0] eq 'HGETALL' && $command[1] =~ /aB3dE6gH$/;

            return;
        });
}


sub port_of { return $_[0]->address =~ s/.*://r }


# Where it says it is, it is looked for; where that makes no sense, nowhere.

{
    my $owner = node();
    my $nginx = EvoluNginx->start(
        redis => node('127.0.0.1:' . port_of($owner)));

    is($nginx->ask($LIVE), '200 MISS ok', 'moved to an address');
    $nginx->stop;

    # an empty host is that of the node itself, an IPv6 one has no brackets

    for my $where (':' . port_of($owner), '::ffff:127.0.0.1:' . port_of($owner))
    {
        $nginx = EvoluNginx->start(redis => node($where));
        is($nginx->ask($LIVE), '200 MISS ok', "moved to $where");
        $nginx->stop;
    }

    for my $where ('', 'x', '127.0.0.1:', '127.0.0.1:0', '127.0.0.1:65536',
                   'no-resolver.test:6379', ('y' x 300) . ':1', ':::')
    {
        my $first = node($where);

        $nginx = EvoluNginx->start(redis => $first, live => 0);
        EvoluNginx::within(10, "moved to '" . substr($where, 0, 20) . "'",
                           sub { $first->count('HELLO') > 1 });
        is($nginx->ask($LIVE), $down, 'which is an outage');
        $nginx->stop;
    }

    # two that name each other: with pauses, as any other failure

    my $port = free_port();
    my $one = node("127.0.0.1:$port");
    my $two = EvoluRedisScript->start(
        port => $port, log => "$dir/two.log",
        answer => sub {
            return if $_[1] ne 'GET';
            return failure('MOVED 42 127.0.0.1:' . port_of($one));
        });

    $nginx = EvoluNginx->start(redis => $one, live => 0);
    EvoluNginx::within(10, 'two that name each other',
                       sub { $two->count('HELLO') > 2 });
    is($nginx->ask($LIVE), $down, 'are an outage');
    $nginx->stop;
}


# A real one, of three primaries

my @ports = map { free_port() } 1 .. 3;
my @nodes = map {
    my $port = $ports[$_];

    mkdir("$dir/node$_");
    EvoluNginx::Redis->start('--port', $port, '--cluster-enabled', 'yes',
                             '--cluster-port', free_port(),
                             '--cluster-config-file', "nodes-$port.conf",
                             '--cluster-node-timeout', 1000);
} 0 .. 2;

my $create = join(' ', 'redis-cli --cluster create',
                  (map { "127.0.0.1:$_" } @ports), '--cluster-yes');

like(scalar `$create 2>&1`, qr/All 16384 slots covered/, 'a cluster');

my $slot = $nodes[0]->do('CLUSTER', 'KEYSLOT', '{acme}:epoch');
my @ids = map { $_->do('CLUSTER', 'MYID') } @nodes;


# The node that has the slot by what it says itself

sub owner {
    for my $i (0 .. 2) {
        return $i if eval { $nodes[$i]->do('GET', '{acme}:epoch'); 1 };
    }

    return;
}


sub record {
    my ($credential) = @_;

    return (EvoluNginx::key_of($credential) =~ s/^evolu:/{acme}:/r,
            EvoluNginx::record_of($credential));
}


EvoluNginx::within(20, 'which is up', sub {
    3 == grep { $_->do('CLUSTER', 'INFO') =~ /cluster_state:ok/ } @nodes;
});

my $owner = owner();
my $other = ($owner + 1) % 3;

$nodes[$owner]->do('HSET', record($LIVE));
$nodes[$owner]->do('SET', '{acme}:epoch', 1);

my $nginx = EvoluNginx->start(redis => "redis://127.0.0.1:$ports[$other]",
                              link => '"prefix={acme}:"', workers => 2);

is($nginx->ask($LIVE), '200 MISS ok', 'the node is found');
is(scalar $nginx->logged(qr/is live at 127.0.0.1:$ports[$owner],/), 2,
   'by both workers');
$nodes[$owner]->do('DEL', '{acme}:campaign:live:aB3dE6gH');
$nginx->reaches(5, $LIVE, '401 NEGATIVE unknown', 'it pushes');


# The slot moves, with its keys.  What comes new at the other node is seen, too.

$nodes[$owner]->do('HSET', record($LIVE));
$nginx->reaches(5, $LIVE, '200 MISS ok', 'back');

$nodes[$other]->do('CLUSTER', 'SETSLOT', $slot, 'IMPORTING', $ids[$owner]);
$nodes[$owner]->do('CLUSTER', 'SETSLOT', $slot, 'MIGRATING', $ids[$other]);
$nodes[$owner]->do('MIGRATE', '127.0.0.1', $ports[$other], '', 0, 5000,
                   'KEYS', '{acme}:campaign:live:aB3dE6gH');

# -ASK: the record is neither here nor known to be nowhere

is($nginx->ask($LIVE), $down, 'on its way: an outage for that record');
is($nginx->ask($OTHER), $down, 'and for one that may be on its way');

$nodes[$owner]->do('MIGRATE', '127.0.0.1', $ports[$other], '', 0, 5000,
                   'KEYS', '{acme}:epoch');
$nodes[$_]->do('CLUSTER', 'SETSLOT', $slot, 'NODE', $ids[$other])
    for $other, $owner, 3 - $owner - $other;

EvoluNginx::within(10, 'both workers follow', sub {
    2 == $nginx->logged(qr/is live at 127.0.0.1:$ports[$other],/);
});
like($nginx->until(5, $LIVE, '200 FRESH ok'), qr/200 FRESH ok$/, 'there again');
$nodes[$other]->do('DEL', '{acme}:campaign:live:aB3dE6gH');
$nginx->reaches(5, $LIVE, '401 NEGATIVE unknown', 'the new node pushes');
$nodes[$other]->do('HSET', record($LIVE));
$nginx->reaches(5, $LIVE, '200 MISS ok', 'again');

$nginx->heard;
like($nginx->until(5, $LIVE, '200 FRESH ok'), qr/200 FRESH ok$/, 'and kept');


# CLUSTERDOWN

$nodes[$_]->kill for grep { $_ != $other } 0 .. 2;

EvoluNginx::within(20, 'the cluster is down', sub {
    $nodes[$other]->do('CLUSTER', 'INFO') =~ /cluster_state:fail/;
});
EvoluNginx::within(10, 'which is logged', sub {
    $nginx->logged(qr/can't be asked: CLUSTERDOWN/);
});
$nginx->reaches(5, $LIVE, '200 STALE ok', 'what is known serves');
is($nginx->ask($OTHER), $down, 'what is not is an outage');

$nginx->stop;

done_testing();
