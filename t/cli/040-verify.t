# Copyright (C) Evolu Auth Authors
#
# evolu-keys verify: the verdict that the edge would give.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/../lib";

use Digest::SHA qw(sha256_hex);
use EvoluKeys;
use Test::More;

redis_start();

my $file = keys_file('keys');
my @redis = ('--redis', redis_url());
my @both = (@redis, '--file', $file);

my $campaign = 'evolu_live_aB_0123456789abcdef_-';
my $token = 'instance-token-1';
my $global = 'global-key-1';

sub hash { return 'hash=sha256:' . sha256_hex($_[0]) }
sub verdict {
    my ($store, $args, $credential, $expected, $name) = @_;
    my ($status, $out) = keys_run([@$store, '--text', 'verify', @$args],
                                  "$credential\n");

    is($out, "$expected\n", $name);
    is($status, $expected =~ /^allowed/ ? 0 : 1, 'and its exit status');
}

write_file($file, 'global g1 ' . hash($global) . "\n"
                  . 'instance shadow k1 ' . hash($token) . "\n", 0600);
redis('SET', 'evolu:epoch', 1);
redis('HSET', 'evolu:campaign:live:aB', 'v', 1, 'instance', 'shop x',
      'key.k1', hash($campaign) . ' exp=4000000000');
redis('HSET', 'evolu:instance:shop', 'v', 1, 'livemode', 'false', 'key.k1',
      hash($token), 'key.k2', hash('only-from-ten') . ' ip=10.0.0.0/8',
      'key.k3', hash('disabled-key') . ' status=disabled',
      'key.k4', hash('expired-key') . ' exp=1000000000',
      'key.k5', hash('future-key') . ' nbf=4000000000',
      'key.k6', hash('void-key') . ' exp=soon');
redis('SADD', 'evolu:token:sha256:' . sha256_hex($token), 'shop', 'nobody');

# campaigns

verdict(\@redis, [], $campaign, 'allowed scope=campaign id=k1 '
        . 'instance=shop%20x campaign=aB livemode=true expires_at=4000000000',
        'a campaign key');
verdict(\@redis, [], $campaign . 'x', 'denied reason=bad_secret',
        'another secret');
verdict(\@redis, [], 'evolu_live_aC_0123456789abcdef',
        'denied reason=unknown', 'another campaign');
verdict(\@redis, [], 'evolu_test_aB_0123456789abcdef',
        'denied reason=unknown', 'another mode');
verdict(\@redis, [], 'evolu_live_aB_short', 'denied reason=malformed',
        'a campaign key and nothing else');
verdict(\@redis, ['campaign:live:aC'], $campaign,
        'denied reason=wrong_campaign id=k1', 'another campaign addressed');
verdict(\@redis, ['campaign:test:aB'], $campaign,
        'denied reason=wrong_mode id=k1', 'another mode wanted');
verdict(\@redis, ['instance:shop'], $campaign,
        'denied reason=wrong_instance id=k1', 'another instance addressed');

# instances

verdict(\@redis, ['instance:shop'], "  $token\t",
        'allowed scope=instance id=k1 instance=shop livemode=false',
        'an instance token');
verdict(\@redis, ['instance:shop'], 'another-token',
        'denied reason=bad_secret', 'another token');
verdict(\@redis, ['instance:nobody'], $token, 'denied reason=unknown',
        'no such instance');
verdict(\@redis, ['instance:shop'], 'disabled-key',
        'denied reason=disabled id=k3', 'disabled');
verdict(\@redis, ['instance:shop'], 'expired-key',
        'denied reason=expired id=k4', 'expired');
verdict(\@redis, ['instance:shop'], 'future-key',
        'denied reason=not_yet_valid id=k5', 'not yet valid');
verdict(\@redis, ['instance:shop'], 'void-key', 'denied reason=bad_secret',
        'void');
verdict(\@redis, ['instance:shop'], 'short', 'denied reason=malformed',
        'too short');
verdict(\@redis, ['instance:shop'], '', 'denied reason=missing', 'nothing');
verdict(\@redis, ['instance:shop'], 'only-from-ten',
        'denied reason=address id=k2', 'no address');
verdict(\@redis, ['instance:shop', '--address', '::1'], 'only-from-ten',
        'denied reason=address id=k2', 'another address');
verdict(\@redis, ['instance:shop', '--address', '10.1.2.3'], 'only-from-ten',
        'allowed scope=instance id=k2 instance=shop livemode=false',
        'the right address');

# the token index

verdict(\@redis, [], $token,
        'allowed scope=instance id=k1 instance=shop livemode=false',
        'an instance by its token');
redis('HSET', 'evolu:instance:twin', 'v', 1, 'key.t', hash($token));
redis('SADD', 'evolu:token:sha256:' . sha256_hex($token), 'twin');
verdict(\@redis, [], $token,
        'allowed scope=instance id=k1 livemode=false', 'two instances');
redis('HSET', 'evolu:instance:shop', 'status', 'disabled');
verdict(\@redis, [], $token,
        'allowed scope=instance id=t instance=twin livemode=true',
        'one of two');
redis('HSET', 'evolu:instance:twin', 'status', 'disabled');
verdict(\@redis, [], $token, 'denied reason=disabled id=k1', 'none of two');
verdict(\@redis, [], 'not-in-the-index', 'denied reason=unknown',
        'not in the index');

# the file

verdict(\@both, [], $global, 'allowed scope=global id=g1 livemode=true',
        'a global key');
verdict(\@both, ['instance:shop'], $global,
        'allowed scope=global id=g1 instance=shop livemode=true',
        'with an instance addressed');
verdict(\@both, ['global'], $token, 'denied reason=scope',
        'global keys only');
verdict(\@redis, ['instance:twin'], $global, 'denied reason=bad_secret',
        'without the file');
redis('HSET', 'evolu:instance:shadow', 'v', 1, 'key.r', hash('redis-token'));
verdict(\@both, ['instance:shadow'], $token,
        'allowed scope=instance id=k1 instance=shadow livemode=true',
        'the file comes first');
verdict(\@both, ['instance:shadow'], 'redis-token',
        'denied reason=bad_secret', 'and Redis is not asked');

my ($status, $out, $err) = keys_run(['--file', $file, 'verify', '--text'],
                                  "$token\n");
is($out, "denied reason=unknown\n", 'the file has no index');
like($err, qr/verify instance:NAME/, 'says what to do');

# JSON

my ($code, $json) = keys_json([@redis, 'verify'], "$campaign\n");
is($code, 0, 'allowed');
is_deeply($json, { result => 'allowed', reason => 'ok', scope => 'campaign',
                   instance => 'shop x', campaign => 'aB',
                   livemode => JSON::PP::true(), key_id => 'k1',
                   expires_at => 4000000000 }, 'all that whoami says');
($code, $json) = keys_json([@redis, 'verify', 'instance:shop'],
                           "another-token\n");
is($code, 1, 'denied');
is_deeply($json, { result => 'denied', reason => 'bad_secret',
                   scope => undef, instance => undef, campaign => undef,
                   livemode => undef, key_id => undef, expires_at => undef },
          'and nothing told');

done_testing();
