# Copyright (C) Evolu Auth Authors
#
# sentinel://: who is asked, in which order, what is believed, and a failover
# of real servers under load.

use strict;
use warnings;

use lib 't/lib';
use EvoluNginx;
use EvoluRedisScript qw(simple failure bulk nil array hash hello);
use IO::Socket::INET;
use Test::More;
use Time::HiRes qw(time);

my $down = '503 - unavailable';
my $password = 'hush-hush-0123456789';
my $other = 'hush-hush-of-sentinels';
my $number = 0;

EvoluNginx::write_file('password', "$password\n");
EvoluNginx::write_file('sentinels', "$other\n");


sub free_port {
    my $s = IO::Socket::INET->new(LocalAddr => '127.0.0.1', Listen => 1);
    my $port = $s->sockport;

    close($s);

    return $port;
}


# What says where the primary is: by the answer, or by a file that holds a port

sub sentinel {
    my ($answer) = @_;
    my $name = 'sentinel' . ++$number;

    return EvoluRedisScript->start(
        port => 0,
        log => "$dir/$name.log",
        answer => sub {
            my ($link, @command) = @_;

            return if $command[0] ne 'SENTINEL';
            return $answer->($link, @command) if ref $answer;

            return array(bulk('127.0.0.1'), bulk(EvoluNginx::read_text($answer)));
        });
}


# A primary with one good record, or what answers that it is none

sub server {
    my ($role, $epoch) = @_;
    my $name = 'server' . ++$number;

    return EvoluRedisScript->start(
        port => 0,
        log => "$dir/$name.log",
        answer => sub {
            my ($link, @command) = @_;

            if ($command[0] eq 'HELLO') {
                $link->{proto} = 3;
                return hello(role => $role || 'master');
            }

            return hash(EvoluNginx::record_of($LIVE))
                if $command[0] eq 'HGETALL' && $command[1] =~ /aB3dE6gH$/;

            return;
        });
}


sub port_of { return $_[0]->address =~ s/.*://r }


sub url {
    my (@sentinels) = @_;

    return 'sentinel://'
           . join(',', map { ref $_ ? '127.0.0.1:' . port_of($_)
                                    : "127.0.0.1:$_" } @sentinels)
           . '/the-primary';
}


# The first that answers is believed, and asked first from then on.

{
    my $primary = server();
    my $where = EvoluNginx::write_file('where', port_of($primary));
    my $hung = sentinel(sub { $_[0]->hang; return '' });
    my $last = sentinel($where);
    my $nginx = EvoluNginx->start(
        redis => url(free_port(), $hung, $last) . '/3',
        link => "password_file=$dir/password"
                . " sentinel_password_file=$dir/sentinels"
                . ' connect_timeout=300ms');

    is($nginx->ask($LIVE), '200 MISS ok', 'by the third sentinel');
    is($last->count('SENTINEL', 'GET-MASTER-ADDR-BY-NAME', 'the-primary'), 1,
       'which is asked once');
    is(join(' | ', map { join(' ', @$_[1 .. $#$_]) } $last->commands),
       "AUTH $other | SENTINEL GET-MASTER-ADDR-BY-NAME the-primary",
       'with its password, and told nothing else');
    is($primary->count('HELLO', '3', 'AUTH', 'default', $password), 1,
       'the primary gets its own');
    is($primary->count('SELECT', '3'), 1, 'and its database');
    is(scalar $nginx->logged(qr/sentinel at 127.0.0.1:\d+: can't connect/), 1,
       'the first is named in the log');
    is(scalar $nginx->logged(qr/sentinel at 127.0.0.1:\d+: no answer/), 1,
       'the second, too');
    is(scalar $nginx->logged(qr/is live at 127.0.0.1:\d+, changes are pushed/),
       1, 'and the primary');

    my $asked = $hung->count('SENTINEL');

    $primary->tell('shut');
    $nginx->linked(2);
    is($last->count('SENTINEL'), 2, 'asked again at a reconnect');
    is($hung->count('SENTINEL'), $asked, 'before the others');

    # it moves

    my $next = server();

    EvoluNginx::write_file('where', port_of($next));
    $primary->tell('refuse');
    $nginx->linked(3);
    is($next->count('CLIENT', 'TRACKING'), 1, 'another primary');
    like($nginx->until(1, $LIVE, '200 FRESH ok'), qr/200 FRESH ok$/,
         'which knows the key');
    is($next->count('HGETALL', 'evolu:campaign:live:aB3dE6gH'), 1,
       'and was asked for it');

    $nginx->stop;
}


# What is not believed; the next one is asked at once.

{
    my $primary = server();
    my $replica = server('replica');
    my $where = EvoluNginx::write_file('where', port_of($primary));
    my $wrong = EvoluNginx::write_file('wrong', port_of($replica));
    my $good = sentinel($where);

    for my $case (
        ['nothing', sub { nil() }, 'it knows no primary of that name'],
        ['RESP2 nothing', sub { "*-1\r\n" }, 'it knows no primary'],
        ['an error', sub { failure('NOAUTH Authentication required.') },
         'refused: NOAUTH'],
        ['a status', sub { simple('OK') }, 'it breaks the protocol'],
        ['one word', sub { array(bulk('127.0.0.1')) }, 'breaks the protocol'],
        ['no host', sub { array(bulk(''), bulk('1')) }, 'breaks the protocol'],
        ['no port', sub { array(bulk('127.0.0.1'), bulk('x')) },
         'it names a host, and http no resolver'],
        ['a large port', sub { array(bulk('127.0.0.1'), bulk('65536')) },
         'it names a host, and http no resolver'],
        ['a name', sub { array(bulk('primary.test'), bulk('6379')) },
         'it names a host, and http no resolver'])
    {
        my ($name, $answer, $why) = @$case;
        my $odd = sentinel($answer);
        my $nginx = EvoluNginx->start(redis => url($odd, $good));

        is($nginx->ask($LIVE), '200 MISS ok', "$name: the next one is asked");
        is(scalar $nginx->logged(qr/sentinel at \S+: .*\Q$why\E/), 1,
           "$name: the log says why");
        $nginx->stop;
    }

    my $late = sentinel($wrong);
    my $nginx = EvoluNginx->start(redis => url($late, $good));

    is($nginx->ask($LIVE), '200 MISS ok', 'a replica: the next one is asked');
    is(scalar $nginx->logged(qr/lost: the server is a replica/), 1,
       'a replica: the log says so');
    is($replica->count('HGETALL'), 0, 'a replica: is asked nothing');
    $nginx->stop;
}


# Nobody answers

{
    my $nginx = EvoluNginx->start(redis => url(free_port(), free_port()),
                                  live => 0);

    EvoluNginx::within(10, 'both are tried', sub {
        2 <= $nginx->logged(qr/sentinel at \S+: can't connect/);
    });
    is($nginx->ask($LIVE), $down, 'and it is an outage');
    $nginx->stop;
}

like(EvoluNginx->tested(redis => 'sentinel://sentinel.test/m'),
     qr/\[emerg\].*sentinel\.test.*give an address, or a "resolver"/,
     'a name without a resolver');
like(EvoluNginx->tested(redis => 'sentinel://user@127.0.0.1/m'),
     qr/\[emerg\].*names a user; name its password's file/, 'a user');


# Real ones: a primary, a replica, three sentinels

sub real {
    my @redis = map {
        my $port = free_port();

        { port => $port,
          server => EvoluNginx::Redis->start('--port', $port,
                                             '--repl-diskless-sync-delay', 0) };
    } 1, 2;

    $redis[0]{server}->fill;
    $redis[1]{server}->do('REPLICAOF', '127.0.0.1', $redis[0]{port});

    my @sentinels = map { real_sentinel($redis[0]{port}) } 1 .. 3;

    EvoluNginx::within(30, 'sentinels know each other and the replica', sub {
        3 == grep { my $s = $_->{server};
                    my %m = @{ $s->do('SENTINEL', 'MASTER', 'the-primary') };

                    $m{'num-other-sentinels'} == 2 && $m{'num-slaves'} == 1 }
             @sentinels;
    });
    EvoluNginx::within(30, 'the replica is in step', sub {
        $redis[1]{server}->do('INFO', 'replication')
            =~ /master_link_status:up/;
    });

    my $nginx = EvoluNginx->start(redis => url(map { $_->{port} } @sentinels),
                                  workers => 2);
    my @clients = $nginx->clients;

    is($_->ask($LIVE), $_->{asked} = '200 MISS ok', 'known to a worker')
        for $clients[0];

    # the failover, while both workers are asked for the same key

    $redis[0]{server}->kill;

    my %seen;
    my $deadline = time + 30 * EvoluNginx::patience();

    until ($nginx->logged(qr/is live at 127.0.0.1:$redis[1]{port},/) >= 2) {
        BAIL_OUT('no failover') if time > $deadline;
        $seen{ $_->ask($LIVE) }++ for @clients;
    }

    is(join(' | ', grep { !/^200 / } sort keys %seen), '',
       'nothing but 200 for a key that is known');
    $nginx->reaches(5, $OTHER, '200 MISS ok', 'a cold one works then');

    $redis[1]{server}->reconnect->revoke($LIVE);
    $nginx->reaches(5, $LIVE, '401 NEGATIVE unknown',
                    'revoked at the new primary');

    $nginx->stop;
    $_->{server}->end for @sentinels, @redis;

    return;
}


sub real_sentinel {
    my ($primary) = @_;
    my $port = free_port();
    my $conf = EvoluNginx::write_file("sentinel-$port.conf", <<"END");
sentinel monitor the-primary 127.0.0.1 $primary 2
sentinel down-after-milliseconds the-primary 1000
sentinel failover-timeout the-primary 5000
END

    chmod(0666, $conf);

    return { port => $port,
             server => EvoluNginx::Redis->start_by($conf, '--sentinel',
                                                   '--port', $port) };
}

real();

done_testing();
