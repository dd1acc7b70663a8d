# Copyright (C) Evolu Auth Authors
#
# A worker remembers verdicts that it gave.  What was good a moment ago is
# asked for again here, each time with one thing changed that matters: whoever
# remembers more than holds lets somebody in.

use strict;
use warnings;

use lib 't/lib';
use EvoluNginx;
use Test::More;
use Time::HiRes ();

my $redis = EvoluNginx::Redis->start;

$redis->fill;

# the tail and the middle are those of $LIVE, the rest is not

my $near = $LIVE;

substr($near, 20, 1) = 'X';

my $nginx = EvoluNginx->start(
    redis => $redis, zone => 'fresh=1h negative=1h', link => 'timeout=2s',
    http => "evolu_auth_failure_zone zone=fail:1m rate=1r/m;\n",
    server => <<'END');
location /test { evolu_auth on; evolu_auth_mode test; evolu_auth_whoami; }
location /tokens {
    evolu_auth on; evolu_auth_scope instance; evolu_auth_instance shop;
    evolu_auth_whoami;
}
location /global {
    evolu_auth on; evolu_auth_scope global; evolu_auth_whoami;
}
location /optional { evolu_auth optional; evolu_auth_whoami; }
location /c/ {
    evolu_auth on; evolu_auth_campaign $evolu_path_last; evolu_auth_whoami;
}
location /both/ {
    evolu_auth on; evolu_auth_campaign $arg_c; evolu_auth_instance $arg_i;
    evolu_auth_whoami;
}
location /args {
    evolu_auth on; evolu_auth_reserved_args livemode; evolu_auth_whoami;
}
location /limited {
    evolu_auth on; evolu_auth_failure_limit zone=fail burst=1;
    evolu_auth_whoami;
}
END


# On a connection of its own: an answer of 400 ends it

sub get {
    return $nginx->connect->get(@_);
}


sub ask {
    return get(@_)->{text};
}


# Asks for it until it must be remembered

sub known {
    my ($name, $want, @request) = @_;

    $want = '200 FRESH ok' if !defined $want;
    ask(@request);
    is(join(' > ', map { ask(@request) } 1 .. 3),
       join(' > ', ($want) x 3), "$name: known");

    return;
}


# Knows it, then asks with a change, then again without

sub differs {
    my ($name, $want, $request, @changed) = @_;

    known($name, undef, @$request);
    like(ask(@changed), $want, $name);
    is(ask(@$request), '200 FRESH ok', "$name: and still");

    return;
}


my @live = ($LIVE, '/');

differs('another secret', qr/^401 FRESH bad_secret$/, \@live, $WRONG, '/');
differs('ends and middle the same', qr/^401 FRESH bad_secret$/, \@live, $near,
        '/');
differs('longer', qr/^401 FRESH bad_secret$/, \@live, "${LIVE}9", '/');
differs('shorter', qr/^401 FRESH bad_secret$/, \@live, substr($LIVE, 0, -1),
        '/');
differs('another campaign', qr/^401 \S+ bad_secret$/, \@live,
        $LIVE =~ s/aB3dE6gH/other/r, '/');
differs('another mode', qr/^401 \S+ unknown$/, \@live, $LIVE =~ s/live/test/r,
        '/');
differs('a character that none may have', qr/^401 - malformed$/, \@live,
        "$LIVE!", '/');
differs('no credential', qr/^401 - missing$/, \@live, undef, '/');
differs('two', qr/^401 - duplicate$/, \@live, $LIVE, '/', "apikey: $LIVE");
differs('in two headers', qr/^401 - duplicate$/, \@live, $LIVE, '/',
        "Authorization: Bearer $LIVE");
differs('named by Connection', qr/^400 - connection_header$/, \@live, $LIVE,
        '/', 'Connection: apikey, keep-alive');

differs('a location for the other mode', qr/^403 FRESH wrong_mode$/, \@live,
        $LIVE, '/test');
differs('a location for tokens', qr/^401 - wrong_family$/, \@live, $LIVE,
        '/tokens');
differs('a location that may have none', qr/^200 FRESH ok$/, \@live, $LIVE,
        '/optional');
differs('a reserved argument', qr/^403 FRESH reserved_arg$/, [$LIVE, '/args'],
        $LIVE, '/args?a=1&livemode=0');

differs('another campaign addressed', qr/^403 FRESH wrong_campaign$/,
        [$LIVE, '/c/aB3dE6gH'], $LIVE, '/c/other');
differs('one of its length', qr/^403 FRESH wrong_campaign$/,
        [$LIVE, '/c/aB3dE6gH'], $LIVE, '/c/aB3dE6gX');
differs('a longer one', qr/^403 FRESH wrong_campaign$/,
        [$LIVE, '/c/aB3dE6gH'], $LIVE, '/c/aB3dE6gHx');
differs('a path that reads in two ways', qr/^400 - bad_path$/,
        [$LIVE, '/c/aB3dE6gH'], $LIVE, '/c/x/..%2faB3dE6gH');
differs('another instance addressed', qr/^401 \S+ unknown$/,
        [$TOKEN, '/i/shop'], $TOKEN, '/i/shop2');
differs('none', qr/^401 \S+ \w+$/, [$TOKEN, '/i/shop'], $TOKEN, '/i/');

# what is addressed, taken together, is the same text

$redis->do('HSET', key_of($OTHER), 'instance', 'x');
differs('names that run into each other', qr/^403 FRESH wrong_campaign$/,
        [$OTHER, '/both/?i=x&c=other'], $OTHER, '/both/?i=xo&c=ther');
differs('a path that reads in two ways, and is not addressed',
        qr/^400 - bad_path$/, [$OTHER, '/both/?i=x&c=other'], $OTHER,
        '/both/a%2fb?i=x&c=other');
differs('names that change places', qr/^403 FRESH wrong_campaign$/,
        [$OTHER, '/both/?i=x&c=other'], $OTHER, '/both/?i=other&c=x');


# The key of the file

known('of the file', '200 FILE ok', $GLOBAL, '/');
is(ask($GLOBAL, '/tokens'), '401 FRESH bad_secret', 'it is none there');
is(ask("${GLOBAL}x", '/global'), '403 - scope', 'nearly a global key');
is(ask($GLOBAL, '/global'), '200 FILE ok', 'and still');

EvoluNginx::write_file('keys',
                       'global g2 hash=' . hash_of("${GLOBAL}2") . "\n");
$nginx->reload;
known('of the new file', '200 FILE ok', "${GLOBAL}2", '/global');
is(ask($GLOBAL, '/global'), '403 - scope', 'one of the old file');


# What a record says about its keys

sub given {
    my ($credential) = @_;

    ask($credential) for 1 .. 3;

    my $reply = get($credential);

    return "$reply->{text} $reply->{'key-id'}";
}


my $timed = 'evolu_live_timed_TimedSecret0123456789';
my $hash = 'hash=' . hash_of($timed);
my $now = time;

$redis->do('HSET', key_of($timed), 'v', 1, 'key.end',
           "$hash exp=" . ($now + 3));
like(ask($timed), qr/^200/, 'a key that ends soon');

my %seen;

within(10, 'it ends while it is remembered', sub {
    $seen{ask($timed)}++;
    return $seen{'401 FRESH expired'};
});
is(join(', ', sort grep { !/MISS/ } keys %seen),
   '200 FRESH ok, 401 FRESH expired', 'and nothing else is said');
cmp_ok(Time::HiRes::time(), '>=', $now + 3, 'not earlier');

$now = time;
$redis->do('HSET', key_of($timed), 'key.end', "$hash exp=" . ($now + 3),
           'key.next', "$hash nbf=" . ($now + 2));
within(10, 'a second key is the one when the first has ended', sub {
    my $reply = get($timed);

    return $reply->{text} eq '200 FRESH ok' && $reply->{'key-id'} eq 'next';
});

$redis->do('DEL', key_of($timed));
$redis->do('HSET', key_of($timed), 'v', 1, 'key.all', $hash,
           'key.aim', "$hash nbf=" . (time + 2));
is(given($timed), '200 FRESH ok all', 'the only one that is valid');
within(10, 'the first of two when its time has come', sub {
    return get($timed)->{'key-id'} eq 'aim';
});

$redis->do('DEL', key_of($timed));
$redis->do('HSET', key_of($timed), 'v', 1, 'key.near', "$hash ip=127.0.0.1");
is(given($timed), '200 FRESH ok near', 'a key for an address');
is($nginx->connect('127.0.0.2')->ask($timed), '403 FRESH address',
   'from another one');
is(given($timed), '200 FRESH ok near', 'and still');

$redis->do('DEL', key_of($timed));
$redis->do('HSET', key_of($timed), 'v', 1, 'key.near', "$hash ip=127.0.0.1",
           'key.far', "$hash ip=127.0.0.2");
is(given($timed), '200 FRESH ok near', 'a key for each of two');

my $far = $nginx->connect('127.0.0.2');

$far->ask($timed) for 1 .. 3;
is($far->get($timed)->{'key-id'}, 'far', 'each has its own');
is(given($timed), '200 FRESH ok near', 'and still');


# Who the upstream is told it is

sub told {
    my ($name, $want) = @_;

    my @bodies = map { get($OTHER)->{body} =~ /"instance":("[^"]*"|null)/
                       ? $1 : 'nothing' } 1 .. 4;

    is(join(' ', @bodies), join(' ', ($want) x 4), $name);

    return;
}

told('the instance of the record', '"x"');
$redis->do('HSET', key_of($OTHER), 'instance', 'ein b%C3%BCro');
within(1, 'changed', sub { get($OTHER)->{body} !~ /"x"/ });
$redis->do('HSET', key_of($OTHER), 'instance', 'y' x 64);
within(1, 'changed', sub { get($OTHER)->{body} =~ /yyy/ });
told('a long one', '"' . 'y' x 64 . '"');


# More credentials than there is room for, in turns: each is itself

for my $i (1 .. 600) {
    $redis->do('HSET', "evolu:campaign:live:many$i", 'v', 1, "key.k$i",
               'hash=' . hash_of("evolu_live_many${i}_ManySecret0123456789"));
}

my %wrong;

for my $round (1 .. 4) {
    for my $i (1 .. 600) {
        my $reply = get("evolu_live_many${i}_ManySecret0123456789");

        $wrong{"$i: $reply->{text} $reply->{'key-id'}"}++
            if $reply->{'key-id'} ne "k$i" || $reply->{status} != 200;
    }
}

is(join(', ', sort keys %wrong), '', 'each of many is told by its own key');


# Somebody who is known may come in while his address is throttled, and what
# is not is throttled though it looks like him.

known('before the guesses', undef, $LIVE, '/limited');
ask($WRONG, '/limited') for 1 .. 4;
like(ask($WRONG, '/limited'), qr/^429/, 'guesses are throttled');
is(ask($LIVE, '/limited'), '200 FRESH ok', 'the known is not');


# The store

known('before the key is revoked', undef, @live);
$redis->revoke($LIVE);
within(1, 'revoked', sub { ask(@live) =~ /^401 \w+ unknown$/ });
is(ask(@live), '401 NEGATIVE unknown', 'it stays so');
is(ask($LIVE, '/c/aB3dE6gH'), '401 NEGATIVE unknown', 'everywhere');

$redis->add($LIVE);
within(1, 'added', sub { ask(@live) eq '200 FRESH ok' });
known('before another epoch', undef, @live);

my $reads = $redis->calls('hgetall');

$redis->do('INCR', 'evolu:epoch');
within(1, 'another epoch: it is read again', sub {
    ask(@live);
    return $redis->calls('hgetall') > $reads;
});

known('before the store ends', undef, @live);
$redis->kill;
within(5, 'the store ended: it is served as stale', sub {
    return ask(@live) eq '200 STALE ok';
});
is(join(' ', map { ask(@live) } 1 .. 4),
   join(' ', ('200 STALE ok') x 4), 'and only so');

$nginx->stop;

done_testing();
