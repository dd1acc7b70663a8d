# Copyright (C) Evolu Auth Authors
#
# evolu-keys disable and enable, in Redis and in the key file.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/../lib";

use EvoluKeys;
use JSON::PP ();
use Test::More;

redis_start();

my $file = keys_file('keys');
my $token = 'SHOP-token-0123456789';
my ($status, $out, $err);

sub run_on {
    my ($store, @args) = @_;

    ($status, $out, $err) = keys_run([@$store, @args]);
}

for my $store (['--redis', redis_url()], ['--file', $file]) {
    keys_run([@$store, 'create', 'instance', 'shop', '--token', '-', '--allow',
              '127.0.0.1'], $token);
    keys_run([@$store, 'create', 'instance', 'shop']);

    my $good = sub {
        my ($code) = keys_run([@$store, 'verify', '--address', '127.0.0.1',
                               'instance:shop'], "$token\n");
        return $code == 0;
    };

    ok($good->(), "$store->[0]: good");

    run_on($store, 'disable', 'instance:shop', 'k1');
    is($status, 0, 'one key') or diag $err;
    like($err, qr/disabled key k1 of instance:shop/, 'said');
    is($out, '', 'nothing on stdout');
    ok(!$good->(), 'no more');

    (undef, $out) = keys_run([@$store, '--text', 'list', 'instance:shop']);
    like($out, qr/k1 +disabled .*127\.0\.0\.1/, 'listed');
    like($out, qr/k2 +active/, 'the other is good');

    run_on($store, 'disable', 'instance:shop', 'k1');
    is($status, 0, 'again');
    like($err, qr/k1 of instance:shop was disabled already/, 'nothing to do');

    run_on($store, 'enable', 'instance:shop', 'k1');
    is($status, 0, 'enabled');
    ok($good->(), 'and good again');

    run_on($store, 'disable', 'instance:shop');
    is($status, 0, 'the record');
    ok(!$good->(), 'no key is good');

    (undef, $out) = keys_run([@$store, '--text', 'list', 'instance:shop']);
    unlike($out, qr/active/, 'listed');

    my (undef, $json) = keys_json([@$store, 'enable', 'instance:shop']);
    is_deeply($json, {locator => 'instance:shop', key_id => undef,
                      status => 'active',
                      changed => JSON::PP::true()}, 'enabled, in JSON');
    ok($good->(), 'and good again');

    for my $case ([['disable', 'instance:nobody'], qr/no record/],
                  [['enable', 'instance:shop', 'k9'], qr/no key k9/])
    {
        run_on($store, @{$case->[0]});
        is($status, 1, "@{$case->[0]}");
        like($err, $case->[1], 'says why');
    }
}

my $redis = ['--redis', redis_url()];

is(redis('HGET', 'evolu:instance:shop', 'status'), 'active', 'its own field');
is(redis('SCARD', redis('KEYS', 'evolu:token:*')->[0]), 1,
   'the token index stays');

run_on($redis, 'disable', 'instance:shop');
run_on($redis, 'enable', 'instance:shop', 'k1');
like($err, qr/warning: the record is disabled/, 'a key of a disabled record');

redis('HSET', 'evolu:instance:shop', 'status', 'nonsense');
run_on($redis, 'disable', 'instance:shop', 'k1');
is($status, 1, 'a record that is void');
like($err, qr/would be void/, 'is not changed');
run_on($redis, 'disable', 'instance:shop');
is($status, 0, 'but a status that is none is mended');

keys_run([@$redis, 'create', 'campaign', 'c1']);
run_on($redis, 'disable', 'campaign:live:c1');
is(redis('HGET', 'evolu:campaign:live:c1', 'status'), 'disabled', 'campaign');

run_on($redis, 'disable', 'global');
is($status, 1, 'global keys are in the file');

keys_run(['--file', $file, 'create', 'global']);
run_on(['--file', $file], 'disable', 'global', 'k1');
like(read_file($file), qr/^global k1 hash=\S+ status=disabled$/m,
     'a global key');

done_testing();
