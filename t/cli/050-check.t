# Copyright (C) Evolu Auth Authors
#
# evolu-keys check: every problem is found, and nothing else is.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/../lib";

use Digest::SHA qw(sha256_hex);
use EvoluKeys;
use Test::More;

redis_start();

my $file = keys_file('keys');
my $pepper = keys_pepper('p1', 'a');
my @redis = ('--redis', redis_url());
my $h = 'hash=sha256:' . '1' x 64;

sub check {
    my ($store, $expected, $name) = @_;
    my ($status, $out, $err) = keys_run([@$store, 'check', '--text']);

    is_deeply([sort split /\n/, $out], [sort @$expected], $name);
    is($status, @$expected ? 1 : 0, 'and the exit status');

    my $problems = @$expected == 1 ? '1 problem' : @$expected . ' problems';
    like($err, qr/, $problems$/, 'and the count');
}

check(\@redis, ['redis epoch: missing, so no edge uses this store: when the '
                . 'records are whole, SET it to 1 with redis-cli'],
      'an empty store');

my ($status) = keys_run([@redis, 'create', 'instance', 'good']);
($status) = keys_run([@redis, 'create', 'campaign', 'good']);
check(\@redis, [], 'what we make is good');

# the epoch: what the edge takes, and nothing else

for my $epoch ('x', '', '-1', '+1', ' 1', "1\n", '1' x 21, '9' x 30) {
    redis('SET', 'evolu:epoch', $epoch);
    check(\@redis, ['redis epoch: no number of 1 to 20 digits, so no edge uses '
                    . 'this store'], "the epoch \"$epoch\"");
}

redis('DEL', 'evolu:epoch');
redis('SADD', 'evolu:epoch', 1);
check(\@redis, ['redis epoch: no number of 1 to 20 digits, so no edge uses '
                . 'this store'], 'an epoch that is no string');
redis('DEL', 'evolu:epoch');

for my $epoch (0, '007', '9' x 20, 7) {
    redis('SET', 'evolu:epoch', $epoch);
    check(\@redis, [], "the epoch $epoch");
}

# records

redis('HSET', 'evolu:instance:nov', 'key.k1', $h);
redis('HSET', 'evolu:instance:bad', 'v', 1, 'key.k1', "$h exp=x",
      'key.k2', 'hash=hmac-sha256/p9:' . '2' x 64, 'key.a b', $h);
redis('SADD', 'evolu:token:sha256:' . '1' x 64, 'bad', 'nov');
redis('SET', 'evolu:instance:text', 'x');
redis('HSET', 'evolu:campaign:live:a_b', 'v', 1);
redis('HSET', 'evolu:other', 'v', 1);
redis('HSET', 'evolu:global', 'v', 1);

check(\@redis, [
    'redis instance:nov: field "v" is missing or not 1',
    'redis instance:bad k1: bad "exp=" or "nbf=", expected unix seconds '
    . 'below 100000000000',
    'redis instance:bad k2: "hash=" names a pepper that is not configured',
    'redis instance:bad a b: bad key id, expected 1 to 32 of A-Z a-z 0-9 . '
    . '_ -',
    'redis instance:text: not a hash',
    'redis campaign:live:a_b: neither instance:NAME nor campaign:MODE:SLUG, '
    . 'so it is never read',
    'redis other: neither instance:NAME nor campaign:MODE:SLUG, so it is '
    . 'never read',
    'redis global: global keys are refused anywhere but in the key file'],
    'records');

redis('DEL', map { "evolu:$_" } 'instance:nov', 'instance:bad',
      'instance:text', 'campaign:live:a_b', 'other', 'global',
      'token:sha256:' . '1' x 64);
check(\@redis, [], 'clean again');

# the token index

redis('HSET', 'evolu:instance:lost', 'v', 1, 'key.k1', $h);
redis('SADD', 'evolu:token:sha256:' . '3' x 64, 'nobody', 'good', "a\nb");
redis('SADD', 'evolu:token:sha256:' . '4' x 64, map { "n$_" } 1 .. 65);
redis('SADD', 'evolu:token:hmac-sha256/p1:' . '5' x 64, 'good');
redis('SET', 'evolu:token:sha256:' . '6' x 64, 'good');

check(\@redis, [
    'redis instance:lost k1: not in the token index',
    'redis instance:nobody: the token index names this instance, which has '
    . 'no record',
    'redis instance:good: the token index names this instance for a token '
    . 'that none of its keys is',
    "redis token:sha256:33333333: holds what cannot be an instance's name",
    'redis token:sha256:44444444: holds more than 64 names, so it counts as '
    . 'unknown',
    (map { "redis instance:n$_: the token index names this instance, which "
           . 'has no record' } 1 .. 65),
    'redis token:hmac-sha256/p1:55555555: not a set of the token index, '
    . 'which is by the first pepper, or sha256 without one',
    'redis token:sha256:66666666: not a set'], 'the token index');

my ($code, $json) = keys_json([@redis, 'check']);
is($code, 1, 'check --json');
is(scalar @$json, 72, 'an object a problem');
is_deeply((grep { $_->{locator} eq 'instance:lost' } @$json)[0],
          { store => 'redis', locator => 'instance:lost', key_id => 'k1',
            problem => 'not in the token index' }, 'what it holds');

redis('DEL', 'evolu:instance:lost',
      map { ('evolu:token:sha256:' . $_ x 64,
             'evolu:token:hmac-sha256/p1:' . $_ x 64) } 3 .. 6);
($code, $json) = keys_json([@redis, 'check']);
is($code, 0, 'clean again');
is_deeply($json, [], 'an empty array');

# many records

redis('HSET', "evolu:instance:many$_", 'v', 1, 'key.k1', $h) for 1 .. 700;
redis('SADD', 'evolu:token:sha256:' . '1' x 64, map { "many$_" } 1 .. 50);
my ($s, $out, $err) = keys_run([@redis, 'check', '--text']);
is($s, 1, 'several pages');
is(scalar(() = $out =~ /not in the token index/g), 650, 'all are seen');
like($err, qr/^evolu-keys: 702 records, 650 problems$/, 'all are counted');
($s, $out) = keys_run([@redis, 'list', '--text']);
is(scalar(() = $out =~ /\n/g), 703, 'and listed');

# the key file

write_file($file, <<"END", 0600);
# comment
instance
global g1 hash=sha256:@{[sha256_hex('BQYHJGJHJ')]}
instance good k1 $h
instance good k2 hash=hmac-sha256/p1:@{['1' x 64]}
instance twice k1 $h
instance twice k1 $h
planet x
END

check(['--file', $file], [
    'file line 2: bad line, expected "global ID ENTRY", "instance NAME ID '
    . 'ENTRY" or "campaign MODE SLUG ID ENTRY"',
    'file line 8: bad scope, expected global, instance or campaign',
    'file global g1: a sample key that everybody can read in the '
    . 'documentation of Evolution API',
    'file instance:good k2: "hash=" names a pepper that is not configured',
    'file instance:twice: the same field twice'], 'the key file');

write_file($file, "instance good k1 $h\nglobal g1 $h\ncampaign live other k1 "
                  . "$h\n", 0600);
check(['--file', $file], [], 'a good file');

redis('DEL', map { "evolu:instance:many$_" } 1 .. 700);
redis('DEL', 'evolu:token:sha256:' . '1' x 64);
check([@redis, '--file', $file],
      ['redis instance:good: never read, for the key file has a record of '
       . 'the same name'], 'both');

done_testing();
