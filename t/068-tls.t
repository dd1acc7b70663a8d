# Copyright (C) Evolu Auth Authors
#
# rediss://: whose certificate is believed, what is sent to whom, and what the
# log says of the rest.

use strict;
use warnings;

use lib 't/lib';
use EvoluNginx;
use EvoluTls;
use IO::Socket::INET;
use Test::More;

my $down = '503 - unavailable';
my $password = 'hush-hush-0123456789';
my $tls = EvoluTls->make($dir);
my $ca = 'ca=' . $tls->file('good.crt');

EvoluNginx::write_file('password', "$password\n");

$tls->cert('server', san => 'DNS:redis.test,IP:127.0.0.1');
$tls->cert('named', san => 'DNS:redis.test');
$tls->cert('numbered', san => 'IP:127.0.0.2');
$tls->cert('old', san => 'IP:127.0.0.1', days => -1);
$tls->cert('foreign', san => 'IP:127.0.0.1', ca => 'other');
$tls->cert('client');
$tls->cert('stranger', ca => 'other');


sub free_port {
    my $s = IO::Socket::INET->new(LocalAddr => '127.0.0.1', Listen => 1);
    my $port = $s->sockport;

    close($s);

    return $port;
}


# A Redis with that certificate, and where it is

sub server {
    my ($cert, %is) = @_;
    my $port = free_port();
    my $redis = EvoluNginx::Redis->start(
        $tls->redis($cert, port => $port, %is), '--requirepass', '');

    $redis->fill;

    return ($redis, "rediss://127.0.0.1:$port");
}


# By address and by name, with a password

{
    my ($redis, $url) = server('server');

    $redis->do('CONFIG', 'SET', 'requirepass', $password);

    my $nginx = EvoluNginx->start(
        redis => $url, link => "$ca password_file=$dir/password");

    is($nginx->ask($LIVE), '200 MISS ok', 'an address that is in it');
    is($nginx->ask($LIVE), '200 FRESH ok', 'is kept');

    # pushes come by the same way

    $redis->revoke($LIVE);
    $nginx->reaches(5, $LIVE, '401 NEGATIVE unknown', 'revoked');

    # more than TLS has in one record, in both directions

    $redis->do('HSET', 'evolu:campaign:live:aB3dE6gH',
               EvoluNginx::record_of($LIVE),
               map { ("x$_", 'y' x 4000) } 1 .. 14);
    $nginx->reaches(5, $LIVE, '200 MISS ok', 'a large record');
    is($nginx->ask($LIVE), '200 FRESH ok', 'which is kept');

    is(scalar $nginx->logged(qr/\Q$password/), 0, 'no password in the log');
    $nginx->stop;
    $redis->end;
}

{
    my ($redis, $url) = server('named');
    my $nginx = EvoluNginx->start(redis => $url,
                                  link => "$ca server_name=redis.test");

    is($nginx->ask($LIVE), '200 MISS ok', 'a name that is in it');
    $nginx->stop;
    $redis->end;
}


# A worker is told to end in the midst of a handshake: who waits for the link
# gets his answer.

{
    my ($redis, $url) = server('server');

    $redis->kill('STOP');

    my $nginx = EvoluNginx->start(redis => $url, live => 0,
                                  link => "$ca connect_timeout=9s timeout=9s");
    my $client = $nginx->connect;

    $client->send($LIVE);
    is($nginx->ask($GLOBAL), '200 FILE ok', 'a handshake: begun');
    $nginx->signal('QUIT');
    within(5, 'a handshake: the worker ends', sub {
        $nginx->logged(qr/gracefully shutting down/)
    });

    my $begin = time;

    $redis->kill('CONT');
    is($client->read->{text}, '200 MISS ok', 'a handshake: who waits');
    cmp_ok(time - $begin, '<', 4 * patience(), 'a handshake: soon');
    $nginx->stop;
    $redis->end;
}


# Who is not the server that was meant is told nothing: no HELLO, no password.

for my $case (
    ['named', $ca, 'it is for another address'],
    ['numbered', $ca, 'it is for another address'],
    ['server', "$ca server_name=other.test", 'it is for another name'],
    ['server', "$ca server_name=127.0.0.2", 'it is for another address'],
    ['old', $ca, 'certificate has expired'],
    ['foreign', $ca, '(?:unable to|self.signed)'],
    ['server', 'ca=' . $tls->file('other.crt'), '(?:unable to|self.signed)'],
    ['server', '', '(?:unable to|self.signed)'])
{
    my ($cert, $link, $why) = @$case;
    my ($redis, $url) = server($cert);
    my $nginx = EvoluNginx->start(
        redis => $url, link => "$link password_file=$dir/password", live => 0);
    my $name = "$cert, $why";

    EvoluNginx::within(10, "$name: logged", sub {
        $nginx->logged(qr/its certificate is refused: .*$why/);
    });
    is($nginx->ask($LIVE), $down, "$name: 503");
    is($redis->calls('hello') + $redis->calls('auth'), 0,
       "$name: is told nothing");
    is(scalar $nginx->logged(qr/is live/), 0, "$name: no link");
    $nginx->stop;
    $redis->end;
}


# verify=off takes anybody, and says so

{
    my ($redis, $url) = server('foreign');
    my $nginx = EvoluNginx->start(redis => $url, link => 'verify=off');

    is($nginx->ask($LIVE), '200 MISS ok', 'verify=off');
    $nginx->stop;
    $redis->end;

    like(EvoluNginx->tested(redis => $url, link => 'verify=off'),
         qr/\[warn\].*"verify=off" trusts/, 'is warned of');
}


# A server that asks for a certificate

{
    my ($redis, $url) = server('server', clients => 'yes');

    my $nginx = EvoluNginx->start(
        redis => $url, link => $ca . ' cert=' . $tls->file('client.crt')
                               . ' key=' . $tls->file('client.key'));

    is($nginx->ask($LIVE), '200 MISS ok', 'our certificate is good');
    $nginx->stop;

    for my $own ('', ' cert=' . $tls->file('stranger.crt')
                     . ' key=' . $tls->file('stranger.key'))
    {
        $nginx = EvoluNginx->start(redis => $url, link => "$ca$own",
                                   live => 0);
        my $name = $own ? 'of a stranger' : 'none';

        EvoluNginx::within(10, "$name: logged", sub {
            $nginx->logged(qr/redis link .* lost: .*alert/);
        });
        is($nginx->ask($LIVE), $down, "$name: 503");
        $nginx->stop;
    }

    $redis->end;
}


# Servers that speak no TLS, or nothing

{
    my $port = free_port();
    my $redis = EvoluNginx::Redis->start('--port', $port);

    $redis->fill;

    my $nginx = EvoluNginx->start(redis => "rediss://127.0.0.1:$port",
                                  link => $ca, live => 0);

    EvoluNginx::within(10, 'plain: logged', sub {
        $nginx->logged(qr/redis link .* lost: timed out connecting/);
    });
    is($nginx->ask($LIVE), $down, 'plain: 503');
    $nginx->stop;
    $redis->end;
}

{
    my $port = free_port();
    my $nginx = EvoluNginx->start(
        redis => "rediss://127.0.0.1:$port", link => $ca, live => 0,
        http => "server { listen 127.0.0.1:$port; }\n");

    EvoluNginx::within(10, 'HTTP: logged', sub {
        $nginx->logged(qr/redis link .* lost: TLS failed: .*wrong version/);
    });
    is($nginx->ask($LIVE), $down, 'HTTP: 503');
    $nginx->stop;
}

{
    my $silent = IO::Socket::INET->new(LocalAddr => '127.0.0.1', Listen => 64);
    my $nginx = EvoluNginx->start(
        redis => 'rediss://127.0.0.1:' . $silent->sockport,
        link => "$ca connect_timeout=100ms", live => 0);

    EvoluNginx::within(10, 'silent: logged', sub {
        $nginx->logged(qr/redis link .* lost: timed out connecting/);
    });
    is($nginx->ask($LIVE), $down, 'silent: 503');
    $nginx->stop;
}


# A TLS server that goes away and comes back; a reload meanwhile

{
    my ($redis, $url) = server('server');
    my $nginx = EvoluNginx->start(redis => $url, link => $ca);

    is($nginx->ask($LIVE), '200 MISS ok', 'there');
    $redis->kill;
    $nginx->reaches(5, $LIVE, '200 STALE ok', 'away');
    is($nginx->ask($OTHER), $down, 'away, and not known');
    $nginx->reload(live => 0);
    is($nginx->ask($LIVE), '200 STALE ok', 'away, after a reload');
    $redis->again->fill;
    $nginx->reaches(10, $OTHER, '200 MISS ok', 'back');
    $nginx->stop;
    $redis->end;
}


# What nginx -t says

for my $case (
    [$ca . ' cert=' . $tls->file('client.crt'), '"cert=PATH" and "key=PATH"'],
    [$ca . ' key=' . $tls->file('client.key'), '"cert=PATH" and "key=PATH"'],
    [$ca . ' cert=' . $tls->file('client.crt') . ' key=/nowhere/key',
     'can\'t open "/nowhere/key"'],
    [$ca . ' cert=' . $tls->file('client.crt') . ' key='
     . $tls->file('server.key'), 'can\'t be used with its key'],
    ['ca=' . $tls->file('good.key'), 'can\'t be used'],
    ['verify=maybe', 'write "on" or "off"'],
    ['ca=', 'invalid parameter "ca="; give it a value'],
    ['sentinel_password_file=x', 'does not go with this kind of URL'])
{
    my ($link, $why) = @$case;

    like(EvoluNginx->tested(redis => 'rediss://127.0.0.1:1', link => $link),
         qr/\[emerg\].*\Q$why\E/, $why);
}

chmod(0644, $tls->file('client.key'));
like(EvoluNginx->tested(redis => 'rediss://127.0.0.1:1',
                         link => $ca . ' cert=' . $tls->file('client.crt')
                                 . ' key=' . $tls->file('client.key')),
     qr/\[emerg\].*client\.key" can be read or changed by others/,
     'a key that others can read');

for my $link ($ca, 'verify=off', 'server_name=x') {
    like(EvoluNginx->tested(redis => 'redis://127.0.0.1:1', link => $link),
         qr/\[emerg\].*does not go with this kind of URL/, "redis:// $link");
}

done_testing();
