# Copyright (C) Evolu Auth Authors
#
# How a link begins: the greeting, the password, the role, tracking; and what
# holds where a server offers less.

use strict;
use warnings;

use lib 't/lib';
use EvoluNginx;
use EvoluRedisScript qw(simple failure integer bulk nil array hash hello
                        invalidate);
use Test::More;
use Time::HiRes qw(time);

my $down = '503 - unavailable';
my $password = 'hush-hush-0123456789';
my $number = 0;

EvoluNginx::write_file('password', "$password\n");


# A server with one good record, whose other answers are those of the code

sub server {
    my ($answer, @where) = @_;
    my $name = 'link' . ++$number;

    @where = (socket => "$dir/$name.sock") if !@where;

    return EvoluRedisScript->start(
        @where,
        log => "$dir/$name.log",
        answer => sub {
            my ($link, @command) = @_;
            my $reply = $answer ? $answer->($link, @command) : undef;

            return $reply if defined $reply;
            return if $command[0] ne 'HGETALL' || $command[1] !~ /aB3dE6gH$/;

            return $link->{proto} == 3
                   ? hash(record_of($LIVE))
                   : array(map { bulk($_) } record_of($LIVE));
        });
}


# Commands of the first link, without lookups

sub greeting {
    my ($server) = @_;

    return join(' | ', map { join(' ', @$_[1 .. $#$_]) }
                       grep { $_->[0] == 1 && $_->[1] ne 'HGETALL' }
                       $server->commands);
}


# Trust in a record that nobody watches ends after 10 s, whatever "fresh" says.
# It is looked at again at the end of this file.

my $untracked = server(sub {
    return $_[1] eq 'HELLO' ? hello(proto => 2) : undef;
});
my $ttl = EvoluNginx->start(redis => $untracked, zone => 'fresh=1h',
                            link => 'timeout=2s');
my $asked = time;

is($ttl->ask($LIVE), '200 MISS ok', 'RESP2: works');

my $read = time;

is($ttl->ask($LIVE), '200 FRESH ok', 'RESP2: keeps');


# What is said to a server that can all of it

sub greets {
    my $server = server();
    my $nginx = EvoluNginx->start(redis => $server);

    is(greeting($server) =~ s/GET evolu:epoch\K.*//r,
       'HELLO 3 SETNAME evolu-auth'
       . ' | CLIENT TRACKING ON BCAST PREFIX evolu:'
       . ' | GET evolu:epoch', 'the greeting');
    is($nginx->ask($LIVE), '200 MISS ok', 'and a lookup');
    is($server->count('HGETALL', 'evolu:campaign:live:aB3dE6gH'), 1,
       'of its key');
    $nginx->stop;

    return;
}

greets();


# By TCP, with a database, a user, a password and a prefix

sub all_of_it {
    my $server = server(undef, port => 0);
    my $address = $server->address =~ s{//}{//edge@}r . '/3';
    my $nginx = EvoluNginx->start(
        redis => $address,
        link => "password_file=$dir/password \"prefix={acme}:\"");

    is(greeting($server) =~ s/epoch\K.*//r,
       "HELLO 3 AUTH edge $password SETNAME evolu-auth"
       . ' | SELECT 3'
       . ' | CLIENT TRACKING ON BCAST PREFIX {acme}:'
       . ' | GET {acme}:epoch', 'user, password, database and prefix');
    is($nginx->ask($LIVE), '200 MISS ok', 'and a lookup');
    is($server->count('HGETALL', '{acme}:campaign:live:aB3dE6gH'), 1,
       'of its key');

    # names of another prefix are no business of this one

    $server->tell('push', invalidate('evolu:campaign:live:aB3dE6gH',
                                     'campaign:live:aB3dE6gH'));
    is($nginx->ask($LIVE), '200 FRESH ok', "another prefix's record changed");
    $server->tell('push', invalidate('{acme}:campaign:live:aB3dE6gH'));
    like($nginx->until(1, $LIVE, '200 MISS ok'), qr/200 MISS ok$/,
         "this one's changed");
    $nginx->stop;

    # without a user, it is the default one

    $server = server();
    $nginx = EvoluNginx->start(redis => $server,
                               link => "password_file=$dir/password db=2");
    like(greeting($server),
         qr/^HELLO\ 3\ AUTH\ default\ \Q$password\E\ SETNAME\ evolu-auth
            \ \|\ SELECT\ 2\ /x, 'a password alone, and a database');
    $nginx->stop;

    return;
}

all_of_it();


# A real one with a password; it is no secret to nobody but Redis

sub real_password {
    my $redis = EvoluNginx::Redis->start;

    $redis->fill;
    $redis->do('CONFIG', 'SET', 'requirepass', $password);

    my $nginx = EvoluNginx->start(redis => $redis, zone => 'fresh=1h',
                                  link => "password_file=$dir/password",
                                  level => 'debug');

    is($nginx->ask($LIVE), '200 MISS ok', 'the right password');

    # another one since: no new link, and what was known serves

    $redis->do('CONFIG', 'SET', 'requirepass', 'another');
    $redis->do('CLIENT', 'KILL', 'TYPE', 'normal', 'SKIPME', 'yes');
    is($nginx->until(2, $LIVE, '200 STALE ok') =~ /40\d/ ? 'no' : 'served',
       'served', 'a password that changed is an outage');
    is($nginx->ask($OTHER), $down, 'for others, too');
    within(3, 'and is logged', sub {
        $nginx->logged(qr/redis link to .* lost: /)
    });

    $redis->do('CONFIG', 'SET', 'requirepass', $password);
    like($nginx->until(2, $OTHER, '200 MISS ok'), qr/200 MISS ok$/,
         'the right one again');

    unlike($nginx->log, qr/hush/, 'no password in a debug log, either');
    $nginx->stop;

    return;
}

real_password();


# A greeting that fails is an outage.  For how long may be seen by the attempts.

my @args = "with args beginning with: `3' `AUTH' `default' `$password'";

my %refuses = (
    'a wrong password' => [ HELLO => failure('WRONGPASS invalid pair') ],
    'no permission' => [ HELLO => failure('NOPERM no permissions') ],
    'LOADING' => [ HELLO => failure('LOADING') ],
    'a password that is echoed' =>
        [ HELLO => failure("NOAUTH HELLO must be called @args") ],
    'a database that is none' =>
        [ SELECT => failure('ERR DB index is out of range') ],
    'a tracking that is loading' => [ CLIENT => failure('LOADING') ],
    'no epoch' => [ GET => nil() ],
    'an epoch that is none' => [ GET => bulk('x') ],
    'an epoch that is a number' => [ GET => integer(1) ],
    'an epoch over the limits' => [ GET => bulk('1' x 21) ],
    'an epoch of the wrong type' => [ GET => failure('WRONGTYPE') ],
    'an epoch that may not be read' => [ GET => failure('NOPERM') ],
    'a replica' => [ HELLO => hello(role => 'replica') ],
    'a sentinel' => [ HELLO => hello(role => 'sentinel') ],
    'no role' => [ HELLO => hello() =~ s/role/roll/r ],
    'no map' => [ HELLO => simple('OK') ],
    'garbage' => [ HELLO => "HTTP/1.1 400 Bad Request\r\n\r\n" ],
    'nothing' => [ HELLO => '' ],
    'nothing after a while' => [ GET => '' ],
    'an end' => [ HELLO => undef ],
);

for my $name (sort keys %refuses) {
    my ($command, $reply) = @{ $refuses{$name} };
    my $server = server(sub {
        my ($link, @words) = @_;

        return if $words[0] ne $command;
        return $reply if defined $reply;

        $link->shut;
        return '';
    });

    my $nginx = EvoluNginx->start(
        redis => $server, live => 0,
        link => "connect_timeout=100ms timeout=50ms db=2"
                . " password_file=$dir/password");

    my $got = $nginx->connect->get($LIVE);

    is($got->{text}, $down, "$name: an outage");
    is($got->{retry}, 1, "$name: Retry-After");
    cmp_ok($got->{time}, '<', 0.4 * patience(), "$name: soon");
    like($nginx->ask($GLOBAL), qr/^200/, "$name: global keys pass");
    within(3, "$name: logged", sub {
        $nginx->logged(qr/\[error\].*evolu_auth: (?:redis|the store|"evolu)/)
    });

    is($server->count('HGETALL'), 0, "$name: no lookup");
    $nginx->stop;
    cmp_ok($server->count('HELLO'), '<', 20, "$name: no storm");
    $server->stop;
}


# A password of any bytes: what is logged of it is not what it is

sub echoes {
    my $secret = "h\xc3\xbcsh-hush-0123456789";
    my $server = server(sub {
        my ($link, @words) = @_;

        return failure("NOAUTH with args beginning with: '$words[4]'")
            if $words[0] eq 'HELLO';
        return;
    });

    EvoluNginx::write_file('bytes', $secret);

    my $nginx = EvoluNginx->start(redis => $server, live => 0,
                                  link => "password_file=$dir/bytes");

    within(3, 'echoed bytes: logged', sub {
        $nginx->logged(qr/refused: NOAUTH with args beginning with: '$/)
    });
    unlike($nginx->log, qr/hush/, 'echoed bytes: and no more');
    $nginx->stop;
    $server->stop;

    return;
}


# Each new reason of an outage is logged: the one that explains it may be the
# second

sub explains {
    my $greetings = 0;
    my $server = server(sub {
        my ($link, @words) = @_;

        return if $words[0] ne 'HELLO';

        if (grep { $_ eq 'SETNAME' } @words) {
            return $greetings++ ? failure('WRONGPASS invalid pair') : undef;
        }

        $link->shut;
        return '';
    });
    my $nginx = EvoluNginx->start(redis => $server);

    within(10, 'six attempts', sub { $server->count('HELLO') >= 6 });
    is(scalar $nginx->logged(qr/ lost: the server closed it/), 1,
       'a link that the server closed');
    is(scalar $nginx->logged(qr/ lost: refused: WRONGPASS/), 1,
       'and why it did: once each');
    $nginx->stop;
    $server->stop;

    return;
}


# Back off: 50 ms and doubling to a second

sub backs_off {
    my $server = server(sub {
        return $_[1] eq 'HELLO' ? failure('WRONGPASS') : undef
    });
    my $nginx = EvoluNginx->start(redis => $server, live => 0);
    my $begin = time;

    within(10, 'six attempts', sub { $server->count('HELLO') >= 6 });
    cmp_ok(time - $begin, '>=', 0.1, 'take their time');

    # 503 at once, in between

    my @slow = grep { $_->{time} > 0.4 * patience() }
               map { $nginx->connect->get($LIVE) } 1 .. 20;

    is(scalar(@slow), 0, 'while none is under way, there is no wait');
    is(scalar $nginx->logged(qr/ lost: /), 1, 'logged once');
    $nginx->stop;
    $server->stop;

    return;
}

# A password in the wrong place: "nginx -t" does not say it again

my $said = EvoluNginx->tested(redis => 'redis://127.0.0.1:1',
                              link => "password=$password");

like($said, qr/\[emerg\].*invalid parameter "password"/, 'password=: refused');
unlike($said, qr/hush/, 'password=: and not repeated');

# A key that ends while its record is waited for has ended

sub ends {
    my $server = server(sub {
        my ($link, @words) = @_;

        return if $words[0] ne 'HGETALL';

        # within this second it is good; what is asked meanwhile waits

        my $end = int(time) + 1;

        Time::HiRes::sleep($end + 0.2 - time);

        return hash(record_of($LIVE, "exp=$end"));
    });
    my $nginx = EvoluNginx->start(redis => $server, link => 'timeout=9s');

    is($nginx->ask($LIVE), '401 MISS expired', 'a key that ends');
    $nginx->stop;
    $server->stop;

    return;
}


ends();
echoes();
explains();
backs_off();


# A role that is asked for

sub roles {
    my $server = server(sub {
        return $_[1] eq 'HELLO' ? hello(role => 'replica') : undef
    });
    my $nginx = EvoluNginx->start(redis => $server, link => 'role=any');

    is($nginx->ask($LIVE), '200 MISS ok', 'role=any: a replica will do');
    $nginx->stop;
    $server->stop;

    # one that became a replica, seen by the heartbeat

    my $redis = EvoluNginx::Redis->start;

    $redis->fill;
    $nginx = EvoluNginx->start(redis => $redis);
    is($nginx->ask($LIVE), '200 MISS ok', 'a primary');
    $redis->do('REPLICAOF', '127.0.0.1', 1);
    within(3, 'that is none any more', sub {
        $nginx->logged(qr/lost: the server is a replica, not a primary/)
    });
    is($nginx->until(2, $LIVE, '200 STALE ok') =~ /40\d/ ? 'no' : 'served',
       'served', 'serves as stale');
    is($nginx->ask($OTHER), $down, 'and is not asked');
    $redis->do('REPLICAOF', 'NO', 'ONE');
    like($nginx->until(2, $OTHER, '200 MISS ok'), qr/200 MISS ok$/,
         'a primary again');
    $nginx->stop;

    return;
}

roles();


# No tracking: it works, trusts for less, and says so once

my %untracked = (
    'tracking is refused' =>
        sub { $_[1] eq 'CLIENT' ? failure('ERR unknown subcommand') : undef },
    'tracking is forbidden' =>
        sub { $_[1] eq 'CLIENT' ? failure('NOPERM no') : undef },
    'tracking is not OK' =>
        sub { $_[1] eq 'CLIENT' ? simple('QUEUED') : undef },
    'no RESP3' => sub {
        my ($link, $command) = @_;

        return if $command ne 'HELLO';

        $link->{proto} = 2;
        return failure('NOPROTO unsupported protocol version');
    },
    'no HELLO' => sub {
        my ($link, $command) = @_;

        # what an old server says holds what it was told

        return if $command ne 'HELLO';

        $link->{proto} = 2;
        return failure("ERR unknown command `HELLO`, @args");
    },
);

for my $name (sort keys %untracked) {
    my $server = server($untracked{$name});
    my $nginx = EvoluNginx->start(
        redis => $server, zone => 'fresh=1h',
        link => "timeout=2s db=1 password_file=$dir/password");

    is($nginx->ask($LIVE), '200 MISS ok', "$name: works");
    is($nginx->ask($LIVE), '200 FRESH ok', "$name: keeps");
    is($nginx->ask($UNKNOWN), '401 MISS unknown', "$name: unknown");
    is($nginx->ask($UNKNOWN), '401 NEGATIVE unknown', "$name: kept");

    if ($name eq 'no HELLO' || $name eq 'no RESP3') {
        like(greeting($server),
             qr/ \| AUTH \Q$password\E \| SELECT 1 \| ROLE \| GET evolu:epoch/,
             "$name: greets as of old");
    }

    # a link after another

    for my $n (1, 2) {
        my $links = $nginx->logged(qr/is live/);

        $server->tell('shut');
        $nginx->linked($links + 1);
    }

    is(scalar $nginx->logged(qr/\[warn\].*offers no invalidation/), 1,
       "$name: the log says it once");
    is(scalar $nginx->logged(qr/is live at \S+, changes are not pushed/), 3,
       "$name: three links");
    $nginx->stop;
    $server->stop;
}

# an old server that is a replica

my $old = server(sub {
    my ($link, $command) = @_;

    if ($command eq 'HELLO') {
        $link->{proto} = 2;
        return failure("ERR unknown command 'HELLO'");
    }

    return $command eq 'ROLE' ? array(bulk('slave'), bulk('h'), integer(1))
                              : undef;
});
my $nginx = EvoluNginx->start(redis => $old, live => 0);

is($nginx->ask($LIVE), $down, 'an old replica is none to be asked');
within(2, 'as is logged', sub { $nginx->logged(qr/replica, not a primary/) });
$nginx->stop;


# Back to the first one

my $late = 0;

within(12, 'RESP2: read again', sub {
    my $begin = time;
    my $answer = $ttl->ask($LIVE);

    $late++ if $answer eq '200 FRESH ok' && $begin - $read > 10.1;

    return $answer eq '200 MISS ok';
});
cmp_ok(time - $asked, '>=', 9.9, 'RESP2: not before 10 s');
is($late, 0, 'RESP2: nor trusted after that');
is($untracked->count('HGETALL', key_of($LIVE)), 2, 'RESP2: two reads');
$ttl->stop;

done_testing();
