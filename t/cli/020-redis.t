# Copyright (C) Evolu Auth Authors
#
# evolu-keys on Redis: create, list, show, rotate, revoke, and the epoch.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/../lib";

use Digest::SHA qw(hmac_sha256_hex sha256_hex);
use EvoluKeys;
use Test::More;

redis_start();

my $pepper = keys_pepper('p1', 'a');
my @store = ('--redis', redis_url(), '--pepper', $pepper, '--text');
my $key = pack 'H*', 'a' x 64;

sub hash { return hmac_sha256_hex($_[0], $key) }
sub run_ok {
    my ($args, $stdin) = @_;
    my ($status, $out, $err) = keys_run([@store, @$args], $stdin);

    is($status, 0, "@$args") or diag $err;

    return wantarray ? ($out, $err) : $out;
}
sub run_bad {
    my ($args, $expected, $stdin) = @_;
    my ($status, $out, $err) = keys_run([@store, @$args], $stdin);

    is($status, 1, "refused: @$args");
    is($out, '', 'nothing on stdout');
    like($err, $expected, 'says why');
}
sub members { return join ',', sort @{redis('SMEMBERS', $_[0])} }

# the first write sets the epoch

is(redis('GET', 'evolu:epoch'), undef, 'an empty store');

my $out = run_ok(['create', 'campaign', 'aB3dE6gH']);
like($out, qr/^evolu_live_aB3dE6gH_[A-Za-z0-9]{40}\n\z/,
     'the credential alone on stdout');
chomp(my $credential = $out);

is(redis('GET', 'evolu:epoch'), 1, 'the epoch is set');
is(redis('HGET', 'evolu:campaign:live:aB3dE6gH', 'v'), 1, 'v 1');
is(redis('HGET', 'evolu:campaign:live:aB3dE6gH', 'key.k1'),
   'hash=hmac-sha256/p1:' . hash($credential), 'the hash of the whole');
is(redis('HLEN', 'evolu:campaign:live:aB3dE6gH'), 2, 'and nothing else');
is_deeply(redis('KEYS', 'evolu:token:*'), [], 'campaigns are not indexed');

like(run_ok(['create', 'campaign', 'aB3dE6gH', '--mode', 'test']),
     qr/^evolu_test_aB3dE6gH_/, 'a test key');

# options of create

my $before = time;
my ($value) = run_ok(['create', 'instance', 'shop', '--id', 'main',
                      '--expires', '90d', '--allow', '10.0.0.0/8,::1']);
like($value, qr/^[A-Za-z0-9]{40}\n\z/, 'an instance token');
chomp $value;

my $entry = redis('HGET', 'evolu:instance:shop', 'key.main');
like($entry, qr/^hash=hmac-sha256\/p1:[0-9a-f]{64} exp=\d+ ip=10.0.0.0\/8,::1$/,
     'exp and ip');
my ($exp) = $entry =~ /exp=(\d+)/;
cmp_ok(abs($exp - $before - 90 * 86400), '<', 60, '90 days');

run_ok(['create', 'instance', 'shop', '--expires', '2031-12-31']);
like(redis('HGET', 'evolu:instance:shop', 'key.k1'), qr/ exp=1956441600$/,
     'a date, and k1 is the first number');
run_ok(['create', 'instance', 'shop', '--expires', '2031-12-31T23:59:59Z']);
like(redis('HGET', 'evolu:instance:shop', 'key.k2'), qr/ exp=1956527999$/,
     'a time, and k2 is the next');

run_bad(['create', 'instance', 'shop', '--id', 'k1'], qr/has a key k1/);

# global keys

run_bad(['create', 'global'], qr/--file/);
run_bad(['revoke', 'global'], qr/--file/);
run_bad(['show', 'global'], qr/--file/);

# an existing token

my $token = '{0B6A5E3C-6A5B-4B5E-9C1D-2F3A4B5C6D7E}';
is(run_ok(['create', 'instance', 'loja', '--token', '-'], "  $token \n"), '',
   '--token - prints nothing');
is(redis('HGET', 'evolu:instance:loja', 'key.k1'),
   'hash=hmac-sha256/p1:' . hash($token), 'trimmed and hashed');
run_bad(['create', 'instance', 'loja', '--token', '-'], qr/key k1 .*already/,
        "$token\n");
is(run_ok(['create', 'instance', 'shop', '--token', '-'], "$token\n"), '',
   'two instances may share a token');

run_bad(['create', 'instance', 'loja', '--token', '-'], qr/malformed/,
        "short\n");
run_bad(['create', 'instance', 'loja', '--token', '-'], qr/no credential/,
        "\n");
run_bad(['create', 'instance', 'loja', '--token', '-'], qr/one line/,
        "$token\n$token\n");
run_bad(['create', 'instance', 'loja', '--token', '-'], qr/campaign key/,
        "$credential\n");
run_bad(['create', 'campaign', 'other', '--token', '-'], qr/begin with/,
        "$credential\n");
run_bad(['create', 'campaign', 'aB3dE6gH', '--mode', 'test', '--token', '-'],
        qr/begin with/, "$credential\n");
run_bad(['create', 'campaign', 'aB3dE6gH', '--token', '-'], qr/begin with/,
        "$token\n");

my (undef, $err) = run_ok(['create', 'instance', 'weak', '--token', '-'],
                          "short-but-peppered\n");
unlike($err, qr/warning/, 'with a pepper no warning');

my ($status, $none, $warned) = keys_run(['--redis', redis_url(), 'create',
    'instance', 'weak2', '--token', '-'], "tooshort\n");
is($status, 0, 'without a pepper');
like($warned, qr/warning: .*--pepper/, 'a warning');
unlike($warned, qr/tooshort/, 'that does not show the token');
is(redis('HGET', 'evolu:instance:weak2', 'key.k1'),
   'hash=sha256:' . sha256_hex('tooshort'), 'plain');

# the token index

my $set = 'evolu:token:hmac-sha256/p1:' . hash($token);
is(members($set), 'loja,shop', 'both instances are in the index');
is(members('evolu:token:hmac-sha256/p1:' . hash($value)), 'shop',
   'a made token as well');
is(members('evolu:token:sha256:' . sha256_hex('tooshort')), 'weak2',
   'by the default algorithm');

run_ok(['revoke', 'instance:loja', 'k1']);
is(redis('EXISTS', 'evolu:instance:loja'), 0, 'no record without keys');
is(members($set), 'shop', 'the index follows');

run_ok(['create', 'instance', 'shop', '--id', 'again']);
redis('HSET', 'evolu:instance:shop', 'key.twin',
      'hash=hmac-sha256/p1:' . uc hash($token));
run_ok(['revoke', 'instance:shop', 'k3']);
is(members($set), 'shop', 'another key has the same hash');
run_ok(['revoke', 'instance:shop']);
is(redis('EXISTS', 'evolu:instance:shop'), 0, 'all revoked');
is_deeply([sort @{redis('KEYS', 'evolu:token:hmac*')}],
          ['evolu:token:hmac-sha256/p1:' . hash('short-but-peppered')],
          'and out of the index');

run_bad(['revoke', 'instance:shop'], qr/no record/);
run_bad(['revoke', 'campaign:live:aB3dE6gH', 'k9'], qr/no key k9/);

# without the pepper a key can be revoked, and the index follows

run_ok(['create', 'instance', 'gone', '--token', '-'], "$token\n");
is(members($set), 'gone', 'indexed');
($status) = keys_run(['--redis', redis_url(), 'revoke', 'instance:gone']);
is($status, 0, 'revoked without a pepper');
is(redis('EXISTS', $set), 0, 'and out of the index');

# rotate

redis('HSET', 'evolu:campaign:live:aB3dE6gH',
      'key.early', 'hash=sha256:' . '1' x 64 . ' exp=' . (time + 600),
      'key.late', 'status=active hash=sha256:' . '2' x 64 . ' exp='
                  . (time + 86400) . ' note=x',
      'key.off', 'hash=sha256:' . '3' x 64 . ' status=disabled',
      'key.void', 'hash=nonsense');
$before = time;
$out = run_ok(['rotate', 'campaign:live:aB3dE6gH', '--overlap', '1h']);
like($out, qr/^evolu_live_aB3dE6gH_[A-Za-z0-9]{40}\n\z/, 'a new key alone');
chomp(my $new = $out);

my %record = @{redis('HGETALL', 'evolu:campaign:live:aB3dE6gH')};
is($record{'key.k2'}, 'hash=hmac-sha256/p1:' . hash($new), 'it is k2');
like($record{'key.k1'}, qr/^hash=\S+ exp=\d+$/, 'the old one expires');
($exp) = $record{'key.k1'} =~ /exp=(\d+)/;
cmp_ok($exp - $before - 3600, '<=', 30, 'after the overlap');
cmp_ok($exp, '>=', $before + 3600, 'and not before');
($exp) = $record{'key.early'} =~ /exp=(\d+)/;
cmp_ok($exp, '<', $before + 700, 'an earlier exp is not extended');
like($record{'key.late'},
     qr/^status=active hash=sha256:2{64} note=x exp=\d+$/,
     'a later one is replaced, other words stay');
is($record{'key.off'}, 'hash=sha256:' . '3' x 64 . ' status=disabled',
   'a disabled key stays as it is');
is($record{'key.void'}, 'hash=nonsense', 'a void one as well');

run_ok(['rotate', 'campaign:live:aB3dE6gH', '--overlap', '0s']);
my ($s, $verdict) = keys_run([@store, 'verify'], "$new\n");
is($verdict, "denied reason=expired id=k2\n", 'an overlap of nothing');

# what a new key may be used from

my @sets = ('HSET', 'evolu:instance:net', 'v', 1);
redis(@sets, 'key.k1', 'hash=sha256:' . '4' x 64 . ' ip=10.0.0.0/8');
run_ok(['rotate', 'instance:net']);
like(redis('HGET', 'evolu:instance:net', 'key.k2'), qr/ ip=10.0.0.0\/8$/,
     'the addresses are inherited');
redis(@sets, 'key.k9', 'hash=sha256:' . '5' x 64);
run_bad(['rotate', 'instance:net'], qr/--allow/);
run_ok(['rotate', 'instance:net', '--allow', '192.0.2.1']);
like(redis('HGET', 'evolu:instance:net', 'key.k10'), qr/ ip=192.0.2.1$/,
     'or given, and the number follows the highest');

run_bad(['rotate', 'instance:nobody'], qr/no record/);
redis('HSET', 'evolu:instance:off', 'v', 1, 'status', 'disabled', 'key.k1',
      'hash=sha256:' . '6' x 64);
run_bad(['rotate', 'instance:off'], qr/no valid key/);
(undef, $err) = run_ok(['create', 'instance', 'off']);
like($err, qr/warning: the record is disabled/, 'create says so');

($status, undef, $err) = keys_run(['--redis', redis_url(), 'rotate',
                                   'campaign:live:aB3dE6gH']);
is($status, 1, 'keys whose pepper is not given would stay good');
like($err, qr/--pepper/, 'so it is refused');

# void records are not made good by the way

redis('HSET', 'evolu:instance:half', 'key.k1', 'hash=sha256:' . '7' x 64);
run_bad(['create', 'instance', 'half'], qr/void: field "v"/);
redis('SET', 'evolu:instance:text', 'x');
run_bad(['create', 'instance', 'text'], qr/is no hash/);

redis('HSET', 'evolu:instance:full', 'v', 1,
      map { ("key.x$_", 'hash=sha256:' . '8' x 64) } 1 .. 64);
run_bad(['create', 'instance', 'full'], qr/too many keys/);
run_bad(['create', 'instance', 'new', '--allow',
         join(',', ('192.0.2.1') x 65)], qr/too many addresses/);

# list and show

redis('DEL', 'evolu:instance:full', 'evolu:instance:text',
      'evolu:instance:half');
$out = run_ok(['list']);
like($out, qr/^LOCATOR +ID +STATUS +EXPIRES +ALGORITHM +ALLOW$/m,
     'headings');
like($out, qr/^campaign:live:aB3dE6gH +off +disabled/m, 'disabled');
like($out, qr/^campaign:live:aB3dE6gH +void +void .*bad "hash="/m,
     'void, and why');
like($out, qr/^campaign:live:aB3dE6gH +k2 +expired/m, 'expired');
unlike($out, qr/[0-9a-f]{64}/, 'no hash');
unlike($out, qr/epoch|token:/, 'records only');

redis('HSET', 'evolu:instance:off', 'status', 'active', 'key.later',
      'hash=sha256:' . '9' x 64 . ' nbf=9999999999');
like(run_ok(['list', 'instance:off']), qr/later +not_yet_valid/,
     'one locator');
run_bad_list('instance:nobody');

sub run_bad_list {
    my ($status, $out, $err) = keys_run([@store, 'list', $_[0]]);

    is($status, 1, 'not found');
    like($err, qr/no record/, 'says so');
}

my ($code, $list) = keys_json([@store, 'list']);
is($code, 0, 'list --json');
is(ref $list, 'ARRAY', 'an array');
my ($one) = grep { $_->{locator} eq 'instance:net' && $_->{key_id} eq 'k1' }
            @$list;
is_deeply($one->{allow}, ['10.0.0.0/8'], 'its addresses');
is($one->{status}, 'active', 'its status');
is($one->{algorithm}, 'sha256', 'its algorithm');
is($one->{store}, 'redis', 'its store');
ok(exists $one->{not_before} && exists $one->{fault}, 'and the rest');

redis('HSET', 'evolu:campaign:live:aB3dE6gH', 'instance', 'loja');
my ($c, $show) = keys_json([@store, 'show', 'campaign:live:aB3dE6gH']);
is($c, 0, 'show --json');
is($show->{instance}, 'loja', 'the instance');
ok($show->{livemode}, 'the mode');
is(scalar @{$show->{keys}}, 7, 'all keys');
$out = run_ok(['show', 'campaign:live:aB3dE6gH']);
like($out, qr/^instance +loja$/m, 'show');
unlike($out, qr/[0-9a-f]{64}/, 'no hash');
run_bad(['show', 'instance:nobody'], qr/no record/);

my ($made, $object) = keys_json([@store, 'create', 'instance', 'json',
                                 '--expires', '1d']);
is($made, 0, 'create --json');
like($object->{credential}, qr/^[A-Za-z0-9]{40}$/, 'the credential');
is($object->{locator}, 'instance:json', 'its locator');
is($object->{key_id}, 'k1', 'its id');
cmp_ok($object->{expires_at}, '>', time, 'its end');
(undef, $object) = keys_json([@store, 'create', 'instance', 'json', '--token',
                              '-'], "$token\n");
is($object->{credential}, undef, 'a known one is not shown');
(undef, $object) = keys_json([@store, 'revoke', 'instance:json']);
is($object->{revoked}, 2, 'revoke --json');

# names that a terminal must not see

redis('HSET', "evolu:instance:\e[31m", 'v', 1);
redis('HSET', "evolu:instance:\xc3\xa9 \xff", 'v', 1, 'key.k1',
      'hash=sha256:' . '1' x 64);
$out = run_ok(['list']);
unlike($out, qr/\e/, 'no escape sequence');
like($out, qr/instance:\xc3\xa9 \\xFF +k1/, 'what is no text is escaped');
($code, $list) = keys_json([@store, 'list']);
is(ref $list, 'ARRAY', 'and it is JSON all the same');
redis('DEL', "evolu:instance:\e[31m", "evolu:instance:\xc3\xa9 \xff");

# prefix and database

run_ok(['--prefix', '{e*}:', 'create', 'instance', 'p']);
is(redis('EXISTS', '{e*}:instance:p', '{e*}:epoch'), 2, 'another prefix');
redis('HSET', '{ex}:instance:q', 'v', 1, 'key.k1', 'x');
unlike(run_ok(['--prefix', '{e*}:', 'list']), qr/instance:q/,
       'is no pattern');
run_ok(['--db', '3', 'create', 'instance', 'd']);
is(redis('EXISTS', 'evolu:instance:d'), 0, 'another database');

# records without an epoch

redis('DEL', 'evolu:epoch');
for my $command (['create', 'instance', 'x'],
                 ['rotate', 'instance:net', '--allow', '192.0.2.1'],
                 ['revoke', 'instance:net'])
{
    run_bad($command, qr/SET evolu:epoch 1 NX/);
}
is(redis('EXISTS', 'evolu:epoch'), 0, 'it is not set');
is(redis('EXISTS', 'evolu:instance:net'), 1, 'and nothing is written');

done_testing();
