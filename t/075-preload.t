# Copyright (C) Evolu Auth Authors
#
# evolu_auth_zone ... preload: a new zone is filled once, from the store's keys,
# and what can't be read is no reason to stop.

use strict;
use warnings;

use lib 't/lib';
use EvoluNginx;
use EvoluRedisScript qw(failure bulk array hash simple);
use Test::More;

my $many = 1000;
my $number = 0;


sub credential {
    return sprintf('evolu_live_c%d_Secret0123456789%04d', $_[0], $_[0]);
}


sub preloaded {
    my ($nginx, $name, $pattern) = @_;

    $pattern = qr/\[notice\].*: \d+ records were preloaded/
        if !defined $pattern;

    return EvoluNginx::within(30, $name, sub { $nginx->logged($pattern) });
}


# All there is, but what is no record or stands in the key file

my $redis = EvoluNginx::Redis->start->fill;

for my $i (1 .. $many) {
    $redis->send('HSET', EvoluNginx::key_of(credential($i)),
                 EvoluNginx::record_of(credential($i)));
}
$redis->reply for 1 .. $many;

$redis->do('SADD', 'evolu:token:sha256:' . ('0' x 64), 'shop');
$redis->do('SET', 'evolu:campaign:live:string', 'x');
$redis->do('HSET', 'evolu:nonsense', 'v', 1);
$redis->do('HSET', 'evolu:global', 'v', 1);
$redis->do('HSET', 'elsewhere:campaign:live:c1', 'v', 1);
$redis->do('HSET', 'evolu:campaign:live:bad', 'v', 2);

my $nginx = EvoluNginx->start(redis => $redis, workers => 2,
                              zone => 'preload', size => '4m');

preloaded($nginx, 'preloaded');

# the records of fill() are 3, two more are void

is(scalar $nginx->logged(qr/: @{[$many + 5]} records were preloaded/), 1,
   'all of them');

my $reads = $redis->calls('hgetall');

is($nginx->ask(credential($_)), '200 FRESH ok', "record $_ is there")
    for 1, $many / 2, $many;
is($nginx->ask($TOKEN, '/i/shop'), '200 FRESH ok', "an instance's is, too");
is($redis->calls('hgetall'), $reads, 'and nothing was read for them');

# it is watched as what was asked for

$redis->revoke(credential(7));
$nginx->reaches(5, credential(7), '401 NEGATIVE unknown', 'a revoked one');

# once: not at a reload, not when the link comes back

my $scans = $redis->calls('scan');

$nginx->reload;
is($nginx->ask(credential(8)), '200 FRESH ok', 'kept over a reload');
$redis->do('CLIENT', 'KILL', 'TYPE', 'normal', 'SKIPME', 'yes');
$nginx->reaches(10, credential(8), '200 MISS ok', 'the link comes back');
is($redis->calls('scan'), $scans, 'nothing was looked for again');
is(scalar $nginx->logged(qr/were preloaded/), 1, 'and it is logged once');
$nginx->stop;

# without it

$nginx = EvoluNginx->start(redis => $redis);
is($nginx->ask(credential(8)), '200 MISS ok', 'without preload: cold');
is($redis->calls('scan'), $scans, 'and nothing is looked for');
$nginx->stop;


# A zone that is too small

$nginx = EvoluNginx->start(redis => $redis, zone => 'preload', size => '64k');
preloaded($nginx, 'a small zone',
          qr/\[warn\].*zone "evolu" is full with \d+ records preloaded/);
is($nginx->ask(credential(9)) =~ s/FRESH|MISS/*/r, '200 * ok', 'works');
$nginx->stop;


# A store without rights to look

$redis->do('ACL', 'SETUSER', 'default', '-scan');
$nginx = EvoluNginx->start(redis => $redis, zone => 'preload');
preloaded($nginx, 'no right to SCAN',
          qr/\[warn\].*records are not preloaded: SCAN of \S+ failed/);
is($nginx->ask($LIVE), '200 MISS ok', 'works');
$nginx->stop;
$redis->do('ACL', 'SETUSER', 'default', '+scan');


# Scripted: patterns, cursors, and a link that ends in the middle.  By what SCAN
# and, of other records than $LIVE's or before it, HGETALL are answered.

sub server {
    my ($scan, $record) = @_;
    my $name = 'preload' . ++$number;

    return EvoluRedisScript->start(
        socket => "$dir/$name.sock",
        log => "$dir/$name.log",
        answer => sub {
            my ($link, @command) = @_;

            return $scan->($link, @command) if $command[0] eq 'SCAN';
            return if $command[0] ne 'HGETALL';

            my $answer = $record ? $record->($link, @command) : undef;

            return $answer if defined $answer;
            return hash(EvoluNginx::record_of($LIVE))
                if $command[1] =~ /aB3dE6gH$/;
            return;
        });
}


sub keys_of {
    my ($cursor, @keys) = @_;

    return array(bulk($cursor), array(map { bulk($_) } @keys));
}

my $server = server(sub {
    my ($link, @command) = @_;

    return keys_of('18446744073709551615', 'a*[b]?c\\d:epoch')
        if $command[1] eq '0';
    return keys_of('0', 'a*[b]?c\\d:campaign:live:aB3dE6gH');
});

$nginx = EvoluNginx->start(redis => $server, zone => 'preload',
                           link => "'prefix=a*[b]?c\\\\d:'");
preloaded($nginx, 'a prefix with the characters of patterns');
is($server->count('SCAN', '0', 'MATCH', 'a\\*\\[b\\]\\?c\\\\d:*', 'COUNT',
                  '128'), 1, 'which stand for themselves');
is($server->count('SCAN', '18446744073709551615'), 1, 'the largest cursor');
is($nginx->ask($LIVE), '200 FRESH ok', 'works');
$nginx->stop;
$server->stop;

my $file = EvoluNginx::write_file('lost', '');

$server = server(sub {
    my ($link, @command) = @_;

    return keys_of('7', 'evolu:campaign:live:aB3dE6gH')
        if $command[1] eq '0';

    if (-z "$dir/lost") {
        EvoluNginx::write_file('lost', 'once');
        $link->shut;
        return '';
    }

    return keys_of('0');
});

$nginx = EvoluNginx->start(redis => $server, zone => 'preload');
preloaded($nginx, 'a link that ends in the middle');
is($server->count('SCAN', '0'), 1, 'does not begin again');
is($server->count('SCAN', '7'), 2, 'but goes on');
is(scalar $nginx->logged(qr/: 1 records were preloaded/), 1, 'to the end');
$nginx->stop;
$server->stop;

# a record that was not read is not preloaded

EvoluNginx::write_file('lost', '');

$server = server(sub { keys_of('0', 'evolu:campaign:live:aB3dE6gH') }, sub {
    my ($link, $command, $key) = @_;

    return if $key !~ /aB3dE6gH$/ || !-z "$dir/lost";

    EvoluNginx::write_file('lost', 'once');
    $link->shut;
    return '';
});

$nginx = EvoluNginx->start(redis => $server, zone => 'preload');
preloaded($nginx, 'a link that ends while a record is read');
is($server->count('SCAN', '0'), 2, 'is scanned for again');
is(scalar $nginx->logged(qr/: 1 records were preloaded/), 1, 'with the record');
is($nginx->ask($LIVE), '200 FRESH ok', 'which is there');
$nginx->stop;
$server->stop;

# what can't be read ends nothing: a lookup that fails, after an empty record
# whose confirmation comes late; a link that is lost over the same again

$server = server(sub {
    my ($link, @command) = @_;

    return keys_of('0', 'evolu:campaign:live:aB3dE6gH') if $command[1] eq '5';
    return keys_of('5', 'evolu:campaign:live:gone',
                   'evolu:campaign:live:fails');
}, sub {
    my ($link, $command, $key) = @_;

    return failure('TRYAGAIN') if $key =~ /fails$/;
    return if $key !~ /gone$/;

    $link->after(1.2, hash());
    return '';
});

$nginx = EvoluNginx->start(redis => $server, zone => 'preload');
preloaded($nginx, 'a lookup that fails',
          qr/\[warn\].*: 2 records were preloaded; 1 could not be read/);
is($server->count('SCAN', $_), 1, "scanned once, $_") for '0', '5';
is($nginx->ask($LIVE), '200 FRESH ok', 'the others are there');
$nginx->stop;
$server->stop;

$server = server(sub {
    keys_of('0', 'evolu:campaign:live:big', 'evolu:campaign:live:aB3dE6gH')
}, sub {
    return $_[2] =~ /big$/ ? hash(v => 1, note => 'x' x (1200 * 1024)) : undef;
});

$nginx = EvoluNginx->start(redis => $server, zone => 'preload');
preloaded($nginx, 'a record that is over the limits',
          qr/\[warn\].*: 1 records were preloaded; 1 could not be read/);
is(scalar $nginx->logged(qr/begins again: a reply is over the limits/), 2,
   'twice, and no more');
$nginx->stop;
$server->stop;

for my $odd (keys_of('', 'evolu:campaign:live:aB3dE6gH'),
             keys_of('9' x 21), array(bulk('0')), array(), simple('OK'),
             array(bulk('0'), array(array())), bulk('0'),
             failure('ERR unknown command'))
{
    $server = server(sub { $odd });
    $nginx = EvoluNginx->start(redis => $server, zone => 'preload');
    preloaded($nginx, 'an odd answer', qr/\[warn\].*are not preloaded/);
    is($nginx->ask($LIVE), '200 MISS ok', 'works');
    $nginx->stop;
    $server->stop;
}

done_testing();
