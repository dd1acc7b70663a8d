# Copyright (C) Evolu Auth Authors
#
# What a server may answer to a lookup, whole or broken: nothing of it allows
# anybody, nor is anybody refused for good by what is no answer.

use strict;
use warnings;

use lib 't/lib';
use EvoluNginx;
use EvoluRedisScript qw(:DEFAULT simple failure integer bulk nil array map_of
                        set_of hash hello invalidate flush);
use Test::More;
use Time::HiRes qw(time);

my $down = '503 - unavailable';
my $void = '401 MISS unknown';


# The slug says what the server does; its record is good otherwise.

sub credential {
    return "evolu_live_$_[0]_ScriptSecret0123456789";
}


sub good {
    my ($slug) = @_;

    return hash(record_of(credential($slug)));
}


# Replies that are given whole

my %reply = (
    loading => failure('LOADING Redis is loading the dataset in memory'),
    busy => failure('BUSY Redis is busy running a script'),
    masterdown => failure('MASTERDOWN Link with MASTER is down'),
    noperm => failure('NOPERM this user has no permissions'),
    noauth => failure('NOAUTH Authentication required.'),
    wrongpass => failure('WRONGPASS invalid username-password pair'),
    clusterdown => failure('CLUSTERDOWN The cluster is down'),
    tryagain => failure('TRYAGAIN'),
    readonly => failure('READONLY'),
    err => failure('ERR unknown command'),
    noword => failure(''),

    wrongtype => failure('WRONGTYPE Operation against a key'),
    string => bulk('key.k1'),
    simple => simple('OK'),
    integer => integer(1),
    null => nil(),
    'null-array' => "*-1\r\n",
    'null-bulk' => "\$-1\r\n",
    bool => "#t\r\n",
    double => ",1.5\r\n",
    verbatim => "=8\r\ntxt:key1\r\n",
    bignum => "(12345678901234567890\r\n",
    odd => array(bulk('v'), bulk('1'), bulk('key.k1')),
    'null-value' => map_of(bulk('v'), nil()),
    'integer-value' => map_of(bulk('v'), integer(1)),
    'error-value' => map_of(bulk('v'), failure('ERR')),
    'map-in-map' => map_of(bulk('v'), map_of(bulk('v'), bulk('1'))),
    'array-of-arrays' => array(array(bulk('v'), bulk('1'))),
    'a-set' => set_of('v', '1'),
    'no-v' => hash('key.k1' => 'hash=' . hash_of(credential('no-v'))),
    'v2' => hash(record_of(credential('v2')), v => 2),
    'no-keys' => hash(v => 1),
    'fields-10000' => hash(map { ("field$_" => 'x') } 1 .. 10_000),
    'fields-200' => hash(record_of(credential('fields-200')),
                         map { ("key.f$_" => 'hash=sha256:' . '0' x 64) }
                         1 .. 200),
    '70k' => hash(record_of(credential('70k')), note => 'x' x 70_000),
    'deep' => '*1' . "\r\n*1" x 20 . "\r\n:1\r\n",
);

my %outage = map { $_ => 1 } qw(loading busy masterdown noperm noauth
                                 wrongpass clusterdown tryagain readonly err
                                 noword);

my %breaks = map { $_ => 1 } qw(fields-10000 deep);


# Replies that need a hand; the count is of those to this key

my %does = (
    bytewise => sub {
        my ($link) = @_;

        $link->slowly(0.001, good('bytewise'));
        return '';
    },
    'two-parts' => sub {
        my ($link) = @_;
        my $reply = good('two-parts');

        $link->send(substr($reply, 0, 7));
        $link->after(0.05, substr($reply, 7));
        return '';
    },
    '60k' => sub {
        return hash(record_of(credential('60k')), note => 'x' x 60_000);
    },
    'as-array' => sub {
        return array(map { bulk($_) } record_of(credential('as-array')));
    },
    garbage => sub { return "what is this\r\n" },
    'garbage-once' => sub {
        return $_[1] == 1 ? "what is this\r\n" : good('garbage-once');
    },
    'cut-once' => sub {
        my ($link, $n) = @_;

        return good('cut-once') if $n > 1;

        $link->send(substr(good('cut-once'), 0, 20));
        $link->reset;
        return '';
    },
    'cut-always' => sub {
        my ($link) = @_;

        $link->send(substr(good('cut-always'), 0, 20));
        $link->reset;
        return '';
    },
    'shut-once' => sub {
        my ($link, $n) = @_;

        return good('shut-once') if $n > 1;

        $link->shut;
        return '';
    },
    'moved-once' => sub {
        return $_[1] == 1 ? failure('MOVED 1234 127.0.0.1:7001')
                          : good('moved-once');
    },
    'ask-once' => sub {
        return $_[1] == 1 ? failure('ASK 1234 127.0.0.1:7001')
                          : good('ask-once');
    },
    'error-once' => sub {
        return $_[1] == 1 ? failure('LOADING') : good('error-once');
    },
    unasked => sub { return good('unasked') . simple('and more') },
    'with-pushes' => sub {
        return ">2\r\n" . bulk('message') . bulk('x')
               . ">1\r\n" . bulk('invalidate')
               . invalidate('other:campaign:live:with-pushes', 'evolu')
               . good('with-pushes')
               . ">1\r\n" . bulk('tracking-redir-broken');
    },
);


my %seen;

my $server = EvoluRedisScript->start(
    socket => "$dir/script.sock",
    log => "$dir/script.log",
    answer => sub {
        my ($link, $command, $name) = @_;

        return if $command ne 'HGETALL';

        my ($slug) = $name =~ /^evolu:campaign:live:(.*)/ or return;

        return $reply{$slug} if defined $reply{$slug};
        return $does{$slug}->($link, ++$seen{$slug}) if $does{$slug};
        return big($link, $slug) if $slug =~ /^big/;
        return good($slug) if $slug =~ /^good/;
        return;
    });

my $held;

# "big" waits for "big-good", so that both are under way when it is too big

sub big {
    my ($link, $slug) = @_;

    if ($slug eq 'big') {
        $held = $link;
        return '';
    }

    if (++$seen{$slug} > 1) {
        return good($slug);
    }

    $held->send(hash(v => 1, note => 'x' x (1200 * 1024)));
    return good($slug);
}


my $nginx = EvoluNginx->start(redis => $server, link => 'timeout=2s',
                              zone => 'negative=1h stale=1h');


sub reads {
    return $server->count('HGETALL', "evolu:campaign:live:$_[0]");
}


# Nothing at all, by default

is($nginx->ask(credential('nobody')), $void, 'an empty map');
is($nginx->ask(credential('nobody')), '401 NEGATIVE unknown', 'kept');
is(reads('nobody'), 1, 'asked once');


for my $slug (sort keys %reply) {
    if ($outage{$slug}) {
        my $answer = $nginx->connect->get(credential($slug));

        is($answer->{text}, $down, "$slug: an outage");
        is($answer->{retry}, 1, "$slug: Retry-After");
        is($nginx->ask(credential($slug)), $down, "$slug: and again");
        is(reads($slug), 2, "$slug: not kept");
        next;
    }

    if ($slug eq 'no-keys') {
        like($nginx->ask(credential($slug)), qr/^401 MISS/, "$slug: refused");
        next;
    }

    is($nginx->ask(credential($slug)), $void, "$slug: void");
    is($nginx->until(2, credential($slug), '401 NEGATIVE unknown')
       =~ s/^\Q$void > \E//r, '401 NEGATIVE unknown', "$slug: kept");
    is(reads($slug), 1, "$slug: asked once") if !$breaks{$slug};
}

cmp_ok(scalar $nginx->logged(qr/failed a lookup: [A-Z]+ ?/), '>=', 1,
       'the log says what the server said');


# Good, however it comes

for my $slug (qw(bytewise two-parts 60k as-array with-pushes good)) {
    is($nginx->ask(credential($slug)), '200 MISS ok', "$slug: read");
    is($nginx->ask(credential($slug)), '200 FRESH ok', "$slug: kept");
    is(reads($slug), 1, "$slug: asked once");
}


# A link lost in the middle: nothing of it is used, and it is asked again once

for my $slug (qw(cut-once shut-once garbage-once)) {
    is($nginx->ask(credential($slug)), '200 MISS ok',
       "$slug: asked again, on another link");
    is(reads($slug), 2, "$slug: twice in all");
}

for my $slug (qw(cut-always garbage)) {
    is($nginx->ask(credential($slug)), $down, "$slug: an outage");
    is(reads($slug), 2, "$slug: asked again once");
    $nginx->reaches(3, credential('good'), '200 FRESH ok',
                    "$slug: others recover");
}

is($nginx->ask(credential('error-once')), $down, 'an error');
is($nginx->ask(credential('error-once')), '200 MISS ok', 'and none any more');

is($nginx->ask(credential('moved-once')), $down, 'moved');
like($nginx->until(3, credential('moved-once'), qr/^200/), qr/200 MISS ok$/,
     'and found on another link');
is($nginx->ask(credential('ask-once')), $down, 'a record that migrates');
is($nginx->ask(credential('ask-once')), '200 MISS ok', 'and is there');


# A word that nobody asked for

my $links = $nginx->logged(qr/is live/);

like($nginx->ask(credential('unasked')), qr/^200 MISS ok$/, 'unasked');
$nginx->linked($links + 1);
is(scalar $nginx->logged(qr/lost: the server spoke unasked/), 1,
   'the link begins again');


# Over 1 MiB: only its own locator pays for it

$links = $nginx->logged(qr/is live/);

my ($big, $other) = map { $nginx->connect } 1 .. 2;

$big->send(credential('big'));
within(5, 'big is asked', sub { reads('big') == 1 });
$other->send(credential('big-good'));

is($big->read->{text}, $void, 'a reply over 1 MiB: void');
is($other->read->{text}, '200 MISS ok', 'one behind it: good');
is(reads('big-good'), 2, 'sent again once');
$nginx->linked($links + 1);
is($nginx->ask(credential('big')), '401 NEGATIVE unknown', 'remembered');
is(reads('big'), 1, 'and not asked again');


# Pushes

$nginx->reaches(2, credential('good'), '200 FRESH ok',
                'good is fresh');

my $before = reads('good');

$server->tell('push', ">2\r\n" . bulk('server-cpu-usage') . integer(1));
$server->tell('push', ">0\r\n");
is($nginx->ask(credential('good')), '200 FRESH ok', 'a push of another kind');

$server->tell('push', invalidate('evolu:campaign:live:good'));
$nginx->reaches(1, credential('good'), '200 MISS ok',
                'a push');
is(reads('good'), $before + 1, 'read again');

$server->tell('push', invalidate((map { "x$_" } 1 .. 500),
                                 'evolu:campaign:live:good'));
$nginx->reaches(1, credential('good'), '200 MISS ok',
                'the last of many names');

for my $push (flush(), ">2\r\n" . bulk('invalidate') . bulk('?')) {
    $server->tell('push', $push);
    $nginx->reaches(1, credential('good'), '200 MISS ok',
                    'a null push, or one that says nothing');
}

$links = $nginx->logged(qr/is live/);
$server->tell('push',
              invalidate(map { "evolu:campaign:live:x$_" } 1 .. 20_000));
$nginx->linked($links + 1);
$nginx->reaches(1, credential('good'), '200 MISS ok',
                'a push of too many names: all is read again');


$nginx->stop;
$server->stop;


# Slow: a deadline, and an answer that is of use to the next

%seen = ();

my $slow = EvoluRedisScript->start(
    socket => "$dir/slow.sock",
    log => "$dir/slow.log",
    answer => sub {
        my ($link, $command, $name) = @_;

        return if $command ne 'HGETALL';

        if ($name =~ /hang/ && !$seen{hang}++) {
            $link->hang;
            return '';
        }

        if ($name =~ /slow/) {
            $link->after(0.4, good('slow'));
            return '';
        }

        return good($name =~ s/.*://r);
    });

$nginx = EvoluNginx->start(redis => $slow, link => 'timeout=100ms',
                           zone => 'stale=1h');

is($nginx->ask(credential('good')), '200 MISS ok', 'slow: another one');

my $begin = time;
my $answer = $nginx->connect->get(credential('slow'));

is($answer->{text}, $down, 'slow: an outage');
cmp_ok($answer->{time}, '>=', 0.095, 'slow: not before its deadline');
cmp_ok(time - $begin, '<', 0.35 * patience(), 'slow: at its deadline');
$nginx->reaches(2, credential('slow'), '200 FRESH ok',
                'slow: the late answer is kept');
is($slow->count('HGETALL', 'evolu:campaign:live:slow'), 1,
   'slow: asked once');

# ended by silence: known records go on

$begin = time;

is($nginx->ask(credential('hang')), $down, 'silent: an outage');
like($nginx->until(5, credential('good'), '200 MISS ok'),
     qr/^200 FRESH ok > (?:200 STALE ok > )?200 MISS ok$/,
     'silent: noticed, and read again');
cmp_ok(time - $begin, '<', 4 * patience(), 'silent: within 3 s and a bit');
is(scalar $nginx->logged(qr/lost: silent for too long/), 1,
   'silent: logged');
is($nginx->ask(credential('hang')), '200 MISS ok', 'silent: asked again');

$nginx->stop;


# Of one link of two: what it knows no more, the other worker's link, which
# heard nothing, does not keep fresh

my %times;

my $two = EvoluRedisScript->start(
    socket => "$dir/two.sock",
    log => "$dir/two.log",
    answer => sub {
        my ($link, $command, $name) = @_;

        return if $command ne 'HGETALL';

        my $slug = $name =~ s/.*://r;

        if (!$times{$slug}++) {
            return failure('MOVED 1234 127.0.0.1:7001') if $slug =~ /^moved/;
            return invalidate(map { "x$_" } 1 .. 20_000) if $slug eq 'many';
        }

        return good($slug);
    });

$nginx = EvoluNginx->start(redis => $two, workers => 2,
                           zone => 'fresh=1h stale=1h',
                           link => 'timeout=2s connect_timeout=2s');

my ($one, $another) = $nginx->clients(credential('good'));

for my $slug (qw(moved many moved-again)) {
    my $lines = $nginx->logged(qr/is live/);

    like($one->ask(credential('good')), qr/^200 (?:MISS|FRESH) ok$/,
         "$slug, of two: read");
    is($another->ask(credential('good')), '200 FRESH ok',
       "$slug, of two: fresh");
    $one->ask(credential($slug));
    is($another->ask(credential('good')), '200 MISS ok',
       "$slug, of two: read again by the other");
    $nginx->linked($lines + 1);
}

$nginx->stop;
$two->stop;


# An emptied store of which nothing was pushed: "no such record" is no answer
# where there is no epoch

my $emptied = EvoluRedisScript->start(
    socket => "$dir/emptied.sock",
    log => "$dir/emptied.log",
    answer => sub {
        my ($link, $command, $name) = @_;

        $times{emptied} = 1 if $command eq 'HGETALL' && $name =~ /good/;

        return nil() if $command eq 'GET' && $times{emptied};
        return;
    });

$nginx = EvoluNginx->start(redis => $emptied);

is($nginx->ask(credential('good')), $down, 'emptied: an outage');
is($nginx->ask(credential('good')), $down, 'emptied: and not kept');
is($emptied->count('HGETALL', 'evolu:campaign:live:good'), 1,
   'emptied: asked once');
is(scalar $nginx->logged(qr/holds no "evolu:epoch"/), 1, 'emptied: logged');

$nginx->stop;
$emptied->stop;


# The token index: an instance that can't be asked is not left out

my $token = 'token-of-both-0123456789';

my $index = EvoluRedisScript->start(
    socket => "$dir/index.sock",
    log => "$dir/index.log",
    answer => sub {
        my ($link, $command, $name) = @_;

        return set_of($times{index}++ ? qw(there gone) : qw(gone there))
            if $command eq 'SMEMBERS';
        return hash(record_of($token)) if $name eq 'evolu:instance:there';
        return failure('LOADING') if $name eq 'evolu:instance:gone';
        return;
    });

for my $order (1, 2) {
    $nginx = EvoluNginx->start(redis => $index, guard =>
        'evolu_auth_scope instance; evolu_auth_token_index on;');

    is($nginx->ask($token), $down, "index, order $order: an outage");
    is($nginx->ask($token), $down, "index, order $order: and again");

    $nginx->stop;
}

$index->stop;


# A link that speaks RESP2 all of a sudden pushes nothing

my $changed = EvoluRedisScript->start(
    socket => "$dir/changed.sock",
    log => "$dir/changed.log",
    answer => sub {
        my ($link, $command) = @_;

        return if $command ne 'HELLO' || ++$times{hello} != 2;
        return hello(proto => 2);
    });

$nginx = EvoluNginx->start(redis => $changed);

within(4, 'another protocol: the link begins again', sub {
    $nginx->logged(qr/lost: its protocol changed/)
});
$nginx->linked(2);

$nginx->stop;
$changed->stop;

done_testing();
