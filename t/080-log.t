# Copyright (C) Evolu Auth Authors
#
# The log: one line a refusal, so many and no more, and nothing secret in any.

use strict;
use warnings;

use lib 't/lib';
use EvoluNginx;
use Test::More;
use Time::HiRes qw(time);

my $redis = EvoluNginx::Redis->start;

$redis->fill;
$redis->add('evolu_live_old_ExpiredSecret0123456', 'exp=1000');
$redis->add('evolu_live_far_AddressSecret0123456', 'ip=192.0.2.0/24');
$redis->do('HSET', 'evolu:instance:caf"e', EvoluNginx::record_of($TOKEN));
$redis->do('HSET', "evolu:instance:odd\x7f\"\xff name", v => 2,
           'key.k1' => 'hash=' . hash_of($TOKEN));


sub refusals {
    my ($nginx) = @_;

    return scalar $nginx->logged(qr/evolu_auth: denied/);
}


# The lines: each case is asked on a connection of its own

sub lines {
    my $nginx = EvoluNginx->start(
        redis => $redis, zone => 'stale=0',
        server => 'location /r { evolu_auth report; evolu_auth_whoami; }
                   location /test { evolu_auth on; evolu_auth_mode test;
                                    evolu_auth_whoami; }
                   location /slug { evolu_auth on; evolu_auth_campaign none;
                                    evolu_auth_whoami; }
                   location /off { return 200; }
                   location /query { evolu_auth on; evolu_auth_whoami;
                                     evolu_auth_key_sources query:key; }');

    my @cases = (
        ['missing', 'scope=\S+', '-', undef],
        ['malformed', 'scope=\S+', '-', 'evolu_live_x'],
        ['unknown', 'scope=\S+', '-', $UNKNOWN],
        ['bad_secret', 'scope=\S+', '-', $WRONG],
        ['wrong_family', 'scope=\S+', '-', 'token-of-nobody-here'],
        ['expired', 'scope=campaign', 'k1',
         'evolu_live_old_ExpiredSecret0123456'],
        ['address', 'scope=campaign', 'k1',
         'evolu_live_far_AddressSecret0123456'],
        ['wrong_mode', 'scope=campaign', 'k1', $LIVE, '/test'],
        ['wrong_campaign', 'scope=campaign', 'k1', $LIVE, '/slug'],
        ['bad_path', 'scope=\S+', '-', $TOKEN, '/i/a%2fb'],
    );

    for my $case (@cases) {
        my ($reason, $scope, $id, @request) = @$case;

        my $before = refusals($nginx);
        my $got = $nginx->ask(@request);

        like($got, qr/ $reason$/, "$reason: refused");

        my @lines = $nginx->logged(qr/evolu_auth: denied/);

        is(scalar(@lines), $before + 1, "$reason: one line");
        like($lines[-1], qr{^\d{4}/\d\d/\d\d\ \d\d:\d\d:\d\d\ \[error\]
             \ \d+\#\d+:\ \*\d+\ evolu_auth:\ denied\ reason=$reason\ $scope
             \ id=\Q$id\E,\ client:\ 127\.0\.0\.1,\ server:\ ,\ request:\ "}x,
             "$reason: as agreed");
    }

    my $before = refusals($nginx);

    like($nginx->ask($LIVE), qr/^200/, 'who is allowed');
    like($nginx->ask($LIVE, '/off'), qr/^200/, 'who is not asked');
    is(refusals($nginx), $before, 'has no line');

    my $shadow = $nginx->logged(qr/would deny/);

    $nginx->ask($WRONG, '/r');
    like(($nginx->logged(qr/would deny/))[-1],
         qr/evolu_auth: would deny reason=bad_secret scope=\S+ id=-, client/,
         'a shadow of one');
    is(refusals($nginx), $before, 'is none');
    is(scalar $nginx->logged(qr/would deny/), $shadow + 1, 'one line');

    # a credential in the request line, which nginx itself logs

    like($nginx->ask(undef, "/query?a=1&key=$LIVE"), qr/^200/, 'a query');
    like($nginx->ask(undef, "/query?key=$WRONG&b=2"), qr/bad_secret$/,
         'and a wrong one');
    like($nginx->ask(undef, "/query?key=$WRONG&key=$LIVE"), qr/duplicate$/,
         'and two');
    unlike($nginx->log, qr/Secret0123|Secret0123456|WrongSecret/,
           'not in the error log');

    # records of the store, told of without what is in them

    like($nginx->ask($TOKEN, '/i/odd%7f%22%ff%20name'), qr/bad_path$/,
         'a name that is none');
    $redis->do('HSET', 'evolu:instance:odd"name', v => 2,
               'key.k1' => 'hash=' . hash_of($TOKEN));
    like($nginx->ask($TOKEN, '/i/odd%22name'), qr/unknown$/, 'a void record');
    like(($nginx->logged(qr/is void/))[-1],
         qr/\[error\].*evolu_auth: record "instance:odd\\x22name" is void: /,
         'its name is told, escaped');
    $redis->do('HSET', 'evolu:instance:hash', v => 1,
               'key.k1' => 'hash=sha256:' . '0123456789abcdef' x 4 . 'f');
    like($nginx->ask($TOKEN, '/i/hash'), qr/bad_secret|unknown/,
         'a void entry');

    # an outage

    $redis->kill('STOP');
    is($nginx->ask('evolu_live_cold_ColdSecret0123456789'), '503 - unavailable',
       'an outage');
    like(($nginx->logged(qr/evolu_auth: denied/))[-1],
         qr/\[error\].*evolu_auth: denied reason=unavailable scope=\S+ id=-,/,
         'is a refusal of its own');
    $redis->kill('CONT');

    # bytes that would break the line

    my $client = $nginx->connect;

    $client->write("GET / HTTP/1.1\r\nHost: a\r\napikey: evil\ttoken\x01x\r\n"
                   . "\r\n");
    $client->read;
    unlike($nginx->log, qr/evil/, 'what was refused is not repeated');

    $nginx->stop;

    return;
}

lines();


# So many a second, and what is left out is counted

sub rate {
    my $nginx = EvoluNginx->start(redis => $redis, zone => 'negative=1h');
    my $asked = 0;
    my $client = $nginx->connect;
    my $begin = time;

    while ($asked < 1500 || time - $begin < 0.2) {
        $client->ask($UNKNOWN) =~ /^401/ and $asked++;
        last if $asked >= 20_000;
    }

    my $took = time - $begin;
    my ($lines, $left);

    within(3, 'lines, and a count of the others', sub {
        ($lines, $left) = (refusals($nginx), 0);

        for ($nginx->logged(qr/refusals not logged/)) {
            $left += $1 if /\[error\].*evolu_auth: (\d+) refusals not logged$/;
        }

        return $lines + $left == $asked;
    });

    cmp_ok($lines, '>=', 100, 'a hundred at least');
    cmp_ok($lines, '<=', 100 * (2 + int($took)), 'a second, and no more');
    cmp_ok($left, '>', 0, 'some are left out');

    # when it is calm again, so is the log

    within(3, 'and a line again', sub {
        my $before = refusals($nginx);

        $nginx->ask($UNKNOWN);

        return refusals($nginx) == $before + 1;
    });

    $nginx->stop;

    return;
}

rate();


# A worker that ends leaves nothing uncounted

sub at_the_end {
    my $nginx = EvoluNginx->start(redis => $redis, zone => 'negative=1h');
    my $client = $nginx->connect;

    $client->ask($UNKNOWN) for 1 .. 400;
    $client->close;
    $nginx->stop;

    my $left = 0;

    for ($nginx->logged(qr/refusals not logged/)) {
        $left += $1 if /evolu_auth: (\d+) refusals not logged$/;
    }

    is(refusals($nginx) + $left, 400, 'at the end of a worker: all of them');

    return;
}

at_the_end();


# One line a refusal, also of a shadow that is redirected; and no line of a
# client's own

sub one_line {
    my $nginx = EvoluNginx->start(
        redis => $redis,
        http => "evolu_auth_failure_zone zone=f:64k rate=1r/s;\n",
        server => 'location /again { evolu_auth report;
                                     try_files /none @again; }
                   location @again { evolu_auth report;
                                     try_files /none @done; }
                   location @done { evolu_auth off; return 204; }
                   location /zone { evolu_auth on; evolu_auth_whoami;
                                    evolu_auth_failure_limit zone=$uri; }');

    $nginx->ask($UNKNOWN, '/again');
    is(scalar $nginx->logged(qr/evolu_auth: would deny/), 1,
       'report, redirected: one line');

    my $forged = '%0a2026/01/01%2000:00:00%20[error]%20evolu_auth:%20denied';

    is($nginx->ask($UNKNOWN, "/zone/$forged" . '%ff' x 100), '500 - -',
       'no zone');
    like(($nginx->logged(qr/unknown failure zone/))[0],
         qr{zone "/zone/\\x0A2026/01/01 [^"]{20,256}" by "\$uri", client: },
         'a line in the name of a zone');
    is(scalar $nginx->logged(qr/^2026.01.01/), 0, 'no line of theirs');
    $nginx->stop;

    return;
}

one_line();


# Requests that nginx refuses before any handler sees them are logged, too, and
# what follows a "#" is no part of the query that is looked through

sub masked {
    my ($page, $args) = @_;
    my $key = "key=$LIVE";
    my $stars = $args eq '-' ? '\*+' : $args;
    my $nginx = EvoluNginx->start(
        redis => $redis, level => 'notice',
        guard => 'evolu_auth_key_sources query:key;',
        http => 'log_format target "$status $request\t$request_uri $args";',
        server => "access_log $dir/masked.log target; $page");

    my @cases = (
        ["GET /p?$key HTTP/1.1\r\n\r\n",
         qr{^400 GET /p\?\*+ HTTP/1.1\t/p\?\*+ $stars$}],
        ["GET /p?$key HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n",
         qr{^400 GET /p\?\*+ HTTP/1.1\t/p\?\*+ $stars$}],
        ["TRACE /p?$key HTTP/1.0\r\n\r\n",
         qr{^405 TRACE /p\?\*+ HTTP/1.0\t/p\?\*+ $stars$}],
        ["GET /p?$key HTTP/1.0\r\nTransfer-Encoding: x\r\n\r\n",
         qr{^40\d GET /p\?\*+ HTTP/1.0\t/p\?\*+ $stars$}],
        ["GET /p?$key HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: x\r\n\r\n",
         qr{^501 GET /p\?\*+ HTTP/1.1\t/p\?\*+ $stars$}],
        ["GET /%zz?$key HTTP/1.0\r\n\r\n",
         qr{^400 GET /%zz\?\*+ HTTP/1.0\t- $args$}],
        ["GET /p?a b&$key HTTP/1.0\r\n\r\n",
         qr{^400 GET /p\?\*+ HTTP/1.0\t- $args$}],
        ["GET /p#a b&$key HTTP/1.0\r\n\r\n",
         qr{^400 GET /p#\*+ HTTP/1.0\t- $args$}],
        ["GET /p?$key\x01 HTTP/1.0\r\n\r\n",
         qr{^400 GET /p\?\*+ HTTP/1.0\t- $args$}],
        ["GET /p?x=1#$key?$key HTTP/1.0\r\n\r\n",
         qr{^401 GET /p\?x=1#\*+ HTTP/1.0\t}],
        ["GET /p#?$key HTTP/1.0\r\n\r\n", qr{^401 GET /p#\*+ HTTP/1.0\t}],
        ["GET /p?$key#$key HTTP/1.0\r\n\r\n",
         qr{^200 GET /p\?key=\*{40}#\*+ HTTP/1.0\t}],
    );

    for my $case (@cases) {
        my ($request, $want) = @$case;
        my ($name) = $request =~ s/\Q$key\E/KEY/gr =~ /^(.*?)\r\n/;
        my $client = $nginx->connect;
        my $before = EvoluNginx::read_text("$dir/masked.log");
        my $line;

        $client->write($request);
        unlike($client->read->{body}, qr/LiveSecret/, "$name: nor in a page");
        $client->close;

        EvoluNginx::within(10, "$name: a line", sub {
            $line = substr(EvoluNginx::read_text("$dir/masked.log"),
                           length($before));
            return $line =~ /\n/;
        });

        like($line, $want, "$name: masked");
        unlike($line =~ s/\t.*//r, qr/LiveSecret/, "$name: no credential");
    }

    $nginx->stop;

    return;
}

masked('', '-');

# error pages get no more of it than the log, and lose nothing of their own;
# what nginx says at "info" is not looked at, but sets $request before we do

masked('error_page 400 405 414 501 /e?key=of-the-page;
        location = /e { evolu_auth off; return 200 "$request $args"; }
        error_log /dev/null info;', 'key=of-the-page');

done_testing();
