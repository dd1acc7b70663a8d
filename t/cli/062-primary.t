# Copyright (C) Evolu Auth Authors
#
# evolu-keys finds the server that may be written to: not a replica; the one
# that sentinels name, also after a failover; in a cluster the node that has the
# records.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/../lib";

use EvoluKeys;
use EvoluRedisScript qw(simple failure integer bulk array);
use Test::More;

my $number = 0;
my ($status, $out, $err);

sub run {
    my ($url, @args) = @_;

    ($status, $out, $err) = keys_run(['--redis', $url, @args]);
}

# A server that says what it is told to; $answer gets the words.

sub script {
    my ($answer) = @_;

    return EvoluRedisScript->start(
        port => 0,
        log => keys_file('script' . ++$number),
        answer => sub { shift; $answer->(@_) });
}

sub port_of { return $_[0]->address =~ s/.*://r }

sub password_file {
    my ($name, $text) = @_;

    return write_file(keys_file($name), "$text\n", 0600);
}


# Replicas

my $primary = server_start();
my $replica = server_start('--replicaof', "127.0.0.1 $primary");

run("redis://127.0.0.1:$primary", 'create', 'instance', 'shop');
is($status, 0, 'a primary is written to');

ok(until_true(20, sub { redis_at($replica, 'EXISTS', 'evolu:instance:shop') }),
   'and replicated');

for my $writable ('no', 'yes') {
    redis_at($replica, 'CONFIG', 'SET', 'replica-read-only',
             $writable eq 'yes' ? 'no' : 'yes');

    for my $command (['create', 'instance', 'new'],
                     ['rotate', 'instance:shop'], ['revoke', 'instance:shop'],
                     ['disable', 'instance:shop'])
    {
        run("redis://127.0.0.1:$replica", @$command);
        is($status, 1, "writable: $writable; a replica refuses: @$command");
        is($out, '', 'no credential');
        like($err, qr/is a replica, so nothing was written: .*primary/,
             'says what to do');
    }

    is(redis_at($replica, 'EXISTS', 'evolu:instance:new'), 0,
       'nothing is written');
}

for my $command (['list'], ['show', 'instance:shop'], ['check']) {
    run("redis://127.0.0.1:$replica", @$command);
    is($status, 0, "but can be asked: @$command") or diag $err;
}

($status) = keys_run(['--redis', "redis://127.0.0.1:$replica", 'import',
                      'instances', '--dry-run'], "a,0123456789\n");
is($status, 0, 'and looked at: a dry run');

# a server from before HELLO; one that does not say what it is

for my $case (['slave', 1], ['master', 3], [undef, 3]) {
    my ($role, $expected) = @$case;
    my $server = script(sub {
        return failure('ERR unknown command') if $_[0] eq 'HELLO';
        return $role ? array(bulk($role), integer(0), array())
                     : failure('NOPERM this user has no permissions')
            if $_[0] eq 'ROLE';
        return simple('OK') if $_[0] eq 'WATCH';
        return;
    });

    run($server->address, 'create', 'instance', 'x');
    is($status, $expected, 'by ROLE: ' . ($role || 'not said'));
    is($server->count('WATCH'), $expected == 3 ? 1 : 0,
       'is asked to write or not');
}

# a primary that became a replica since

my $late = script(sub {
    return simple('OK') if $_[0] eq 'WATCH';
    return integer(1) if $_[0] eq 'EXISTS';
    return failure("READONLY You can't write against a read only replica.");
});
run($late->address, 'create', 'instance', 'x');
is($status, 3, 'one that turns out to be a replica');
like($err, qr/READONLY .*give the primary's URL/, 'says what to do');


# Sentinels, played

sub sentinel {
    my ($answer) = @_;

    return script(sub {
        return $answer->() if $_[0] eq 'SENTINEL' && ref $answer;
        return array(bulk('127.0.0.1'), bulk($answer)) if $_[0] eq 'SENTINEL';
        return;
    });
}

sub sentinels {
    return 'sentinel://' . join(',', map { '127.0.0.1:'
               . (ref $_ ? port_of($_) : $_) } @_) . '/mymaster';
}

my $nobody = free_port();
my $hung = script(sub { select undef, undef, undef, 2; return '' });
my $stale = sentinel($replica);
my $ignorant = sentinel(sub { array() =~ s/\*0/*-1/r });
my $refusing = sentinel(sub { failure('NOAUTH Authentication required.') });
my $good = sentinel($primary);

my $all = sentinels($nobody, $hung, $ignorant, $refusing, $stale, $good);

run($all, 'create', 'instance', 'by-name');
is($status, 0, 'the last of six leads to the primary') or diag $err;
is(redis_at($primary, 'EXISTS', 'evolu:instance:by-name'), 1,
   'which is written to');
unlike($err, qr/sentinel/, 'and nothing is said of the others');

run(sentinels($nobody, $ignorant, $refusing, $stale), 'list');
is($status, 3, 'none leads there');
like($err, qr/no sentinel led to a primary "mymaster"/, 'says so');
like($err, qr/:$nobody: cannot connect: /, 'one was away');
like($err, qr/knows no primary of that name/, 'one does not know it');
like($err, qr/NOAUTH .*--sentinel-password-file/, 'one wants a password');
like($err, qr/it names 127.0.0.1:$replica, which is no primary/,
     'one named a replica');

my $gone = sentinel($nobody);
run(sentinels($gone, sentinel($nobody)), 'list');
is($status, 3, 'a primary that is away');
like($err, qr/it names 127.0.0.1:$nobody: cannot connect/, 'says so');
like($err, qr/it names 127.0.0.1:$nobody, too/, 'and tries it once');

for my $nonsense (simple('OK'), array(bulk('h')), array(bulk(''), bulk('1')),
                  array(bulk('h'), bulk('x')), array(bulk('h'), bulk('70000')))
{
    run(sentinels(sentinel(sub { $nonsense })), 'list');
    is($status, 3, 'a sentinel that answers nonsense');
    like($err, qr/it answered nonsense/, 'says so');
}

run(sentinels($primary), 'list');
is($status, 3, 'a Redis that is no sentinel');
like($err, qr/it is no sentinel/, 'says so');

run('sentinel://127.0.0.1:' . port_of($good) . '/mymaster/3', 'create',
    'instance', 'three');
is($status, 0, 'a database') or diag $err;
run("redis://127.0.0.1:$primary/3", 'show', 'instance:three');
is($status, 0, 'is the one');

run("redis://127.0.0.1:$primary", '--sentinel-password-file', 'x', 'list');
is($status, 2, 'a password for sentinels that are none');
like($err, qr/is for sentinel:\/\//, 'says so');

server_stop($replica);
server_stop($primary);


# Sentinels, real: passwords of their own, and a failover

my $data = password_file('data', 'data-0123456789');
my $watch = password_file('watch', 'watch-0123456789');
my @auth = ('--requirepass', 'data-0123456789', '--masterauth',
            'data-0123456789');

my @servers = (server_start(@auth));
push @servers, server_start(@auth, '--replicaof', "127.0.0.1 $servers[0]");

my @sentinels = map {
    my $file = write_file(keys_file("sentinel$_.conf"), <<"END");
requirepass watch-0123456789
sentinel sentinel-pass watch-0123456789
sentinel monitor mymaster 127.0.0.1 $servers[0] 2
sentinel auth-pass mymaster data-0123456789
sentinel down-after-milliseconds mymaster 1000
sentinel failover-timeout mymaster 5000
END
    server_start($file, '--sentinel');
} 1 .. 3;

my $url = sentinels(@sentinels);
my @passwords = ('--password-file', $data, '--sentinel-password-file',
                 $watch);

sub asked {
    my ($port, @words) = @_;
    my $link = IO::Socket::INET->new(PeerAddr => "127.0.0.1:$port");

    EvoluKeys::redis_ask($link, 'AUTH', 'data-0123456789');
    return EvoluKeys::redis_ask($link, @words);
}

run($url, @passwords, 'create', 'instance', 'before');
is($status, 0, 'real sentinels') or diag $err;
is(asked($servers[0], 'EXISTS', 'evolu:instance:before'), 1,
   'at the primary');

run($url, '--password-file', $data, 'list');
is($status, 3, 'without their password');
like($err, qr/--sentinel-password-file/, 'says what to do');
run($url, '--sentinel-password-file', $data, '--password-file', $data,
    'list');
is($status, 3, 'with a wrong one');
like($err, qr/it refused the password \(WRONGPASS\)/, 'says so');

my $conf = write_file(keys_file('nginx.conf'), "http { evolu_auth_redis $url "
                      . 'password_file=data sentinel_password_file=watch; }');
($status, undef, $err) = keys_run(['--nginx-conf', $conf, 'list']);
is($status, 0, 'as a configuration says it') or diag $err;

# all know each other, and the replica has all

ok(until_true(30, sub {
       my @seen = map {
           my $link = IO::Socket::INET->new(PeerAddr => "127.0.0.1:$_");
           EvoluKeys::redis_ask($link, 'AUTH', 'watch-0123456789');
           my %is = @{EvoluKeys::redis_ask($link, 'SENTINEL', 'MASTER',
                                           'mymaster')};
           $is{'num-other-sentinels'} == 2 && $is{'num-slaves'} == 1;
       } @sentinels;
       asked($servers[1], 'EXISTS', 'evolu:instance:before')
           && !grep { !$_ } @seen;
   }), 'they have found each other');

server_stop($servers[0], 'KILL');

ok(until_true(60, sub {
       run($url, @passwords, 'create', 'instance', 'after', '--id', 'only');
       $status == 0;
   }), 'the primary dies, and another is written to') or diag $err;
is(asked($servers[1], 'EXISTS', 'evolu:instance:after'), 1,
   'the one that took over');
run($url, @passwords, 'show', 'instance:before');
is($status, 0, 'and it has what was there');

server_stop($_, 'KILL') for @sentinels, $servers[1];


# A cluster, real

my @nodes = map { server_start('--cluster-enabled', 'yes',
                               '--cluster-port', free_port(),
                               '--cluster-node-timeout', '2000') } 1 .. 3;
my $made = `redis-cli --cluster create @{[map { "127.0.0.1:$_" } @nodes]} \\
            --cluster-yes 2>&1`;
is($?, 0, 'a cluster') or diag $made;
ok(until_true(30, sub {
       !grep { redis_at($_, 'CLUSTER', 'INFO') !~ /cluster_state:ok/ } @nodes
   }), 'is whole');

my @braced = ('--prefix', '{evolu}:');

for my $node (@nodes) {
    my $at = "redis://127.0.0.1:$node";

    run($at, @braced, 'create', 'instance', "by-$node");
    is($status, 0, 'any node will do') or diag $err;
    run($at, @braced, 'revoke', 'instance:nobody');
    is($status, 1, 'nothing to revoke');
    like($err, qr/no record/, 'is the answer of the right one');

    run($at, 'list');
    is($status, 1, 'records all over the cluster');
    like($err, qr/prefix in braces, as in --prefix \{evolu\}:/,
         'says what to do');
    run($at, '--prefix', 'e{}:', 'create', 'instance', 'x');
    is($status, 1, 'nothing in the braces');

    {
        local $ENV{EVOLU_REDIS_URL} = $at;
        local $ENV{EVOLU_REDIS_PREFIX} = '{evolu}:';
        ($status, undef, $err) = keys_run(['check']);
        is($status, 0, 'a prefix in the environment') or diag $err;
    }
}

($status, undef, $err) = keys_run(['--redis', "redis://127.0.0.1:$nodes[0]",
                                   @braced, 'import', 'instances'],
                                  join '', map { "i$_,TOKEN-0123456789-$_\n" }
                                           1 .. 500);
is($status, 0, 'an import') or diag $err;

my $slot = redis_at($nodes[0], 'CLUSTER', 'KEYSLOT', '{evolu}:');
my @held = map { redis_at($_, 'CLUSTER', 'COUNTKEYSINSLOT', $slot) } @nodes;
is((sort { $b <=> $a } @held)[0], 2 * 503 + 1, 'all in one slot');

for my $node (@nodes) {
    (undef, my $list) = keys_json(['--redis', "redis://127.0.0.1:$node",
                                   @braced, 'list']);
    is(scalar @$list, 503, 'seen from every node');
}

run("redis://127.0.0.1:$nodes[0]/1", @braced, 'list');
is($status, 3, 'a cluster has one database');

# the node is gone

my ($owner) = grep { redis_at($_, 'CLUSTER', 'COUNTKEYSINSLOT', $slot) }
              @nodes;
my ($another) = grep { $_ != $owner } @nodes;

server_stop($owner, 'KILL');
run("redis://127.0.0.1:$another", @braced, 'list');
is($status, 3, 'the node that has it is away');
like($err, qr/cluster of redis:\/\/127.0.0.1:$another/, 'says where');
ok(until_true(30, sub {
       run("redis://127.0.0.1:$another", @braced, 'list');
       $err =~ /CLUSTERDOWN .*try again when the cluster is whole/;
   }), 'and then that the cluster is not whole');

server_stop($_, 'KILL') for @nodes;


# A cluster, played

sub node {
    my ($answer) = @_;

    return script(sub {
        return array(bulk('mode'), bulk('cluster'), bulk('role'),
                     bulk('master')) if $_[0] eq 'HELLO';
        return $answer->(@_) if ref $answer;
        return failure("MOVED 1 $answer") if $_[0] eq 'EXISTS';
        return;
    });
}

my $last = node(sub { failure('MOVED 1 127.0.0.1:1') });

for my $case (['127.0.0.1:' . port_of($last),
               qr/MOVED 1 .*the slot has moved, run the command again/],
              ["127.0.0.1:$nobody", qr/127.0.0.1:$nobody .*cannot connect/],
              [':' . $nobody, qr/127.0.0.1:$nobody .*cannot connect/],
              ['?:x', qr/does not say which node/],
              ['', qr/does not say which node/],
              ['nonsense', qr/does not say which node/])
{
    run(node($case->[0])->address, @braced, 'list');
    is($status, 3, "moved to \"$case->[0]\"");
    like($err, $case->[1], 'says what to do');
}

for my $error ('ASK 1 127.0.0.1:1', 'TRYAGAIN Multiple keys') {
    my $node = node(sub {
        return integer(1) if $_[0] eq 'EXISTS';
        return simple('OK') if $_[0] eq 'WATCH';
        return failure($error);
    });

    run($node->address, @braced, 'create', 'instance', 'x');
    is($status, 3, $error);
    is($out, '', 'no credential');
    like($err, qr/the slot is on the move, try again later/,
         'says what to do');
}

# a sentinel where Redis should be

my $wrong = script(sub {
    return array(bulk('mode'), bulk('sentinel')) if $_[0] eq 'HELLO';
    return;
});
run($wrong->address, 'list');
is($status, 3, 'a sentinel in place of Redis');
like($err, qr/it is a sentinel: give sentinel:/, 'says what to do');

done_testing();
