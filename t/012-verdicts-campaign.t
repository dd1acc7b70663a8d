# Copyright (C) Evolu Auth Authors
#
# Campaign keys: the record decides.

use lib 't/lib';
use EvoluAuth;

my $key = 'evolu_live_algs_secret-0123456789-';
redis('HSET', 'evolu:campaign:live:algs', v => 1,
      'key.h' => 'hash=' . hash_of("${key}h"),
      'key.s' => 'hash=' . hash_of("${key}s", 'sha256'),
      'key.hs' => 'hash=' . hash_of("${key}hs", 'hmac-sha256-secret/p1'),
      'key.ss' => 'hash=' . hash_of("${key}ss", 'sha256-secret'),
      'key.p9' => 'hash=hmac-sha256/p9:' . 'a' x 64);

# restrictions that cannot be read, each on an entry of its own

my %bad = (exp => 'exp=soon', milli => 'exp=1798761600000', nbf => 'nbf=-',
           cidr => 'ip=10.0.0.0/33', name => 'ip=abc', comma => 'ip=127.0.0.1,,',
           noip => 'ip=', stat => 'status=maybe', expo => 'exp=');

redis('HSET', 'evolu:campaign:live:voids', v => 1,
      field('good', 'evolu_live_voids_good-1234567890123'),
      'key.nohash' => 'exp=1900000000',
      'key.extra' => 'hash='
          . hash_of('evolu_live_voids_extra-123456789012') . ' note=x',
      map { field($_, "evolu_live_voids_$_-123456789012", $bad{$_}) }
          keys %bad);

for my $case (['nov'], ['v2', v => 2], ['v1x', v => '1x'],
              ['stat', v => 1, status => 'on'],
              ['noinst', v => 1, instance => ''],
              ['ctl', v => 1, instance => "a\nb"],
              ['many', v => 1, map { ("key.n$_" => 'hash=sha256:' . 'a' x 64) }
                               1 .. 64])
{
    my ($slug, @fields) = @$case;

    redis('HSET', "evolu:campaign:live:$slug", @fields,
          field('k1', "evolu_live_${slug}_secret-0123456789"));
}

redis('SET', 'evolu:campaign:live:string', 'hash=x');
redis('RPUSH', 'evolu:campaign:live:list', 'x');

run_tests();

__DATA__

=== TEST 1: a live key
--- guard
--- request
GET /v1/entries?a=b
--- more_headers
apikey: evolu_live_aB3dE6gH_LiveSecret0123456789
--- reason: ok
--- upstream_line
GET /v1/entries?a=b HTTP/1.0
--- identity
X-Evolu-Scope: campaign
X-Evolu-Instance: inst-1
X-Evolu-Campaign: aB3dE6gH
X-Evolu-Livemode: true
X-Evolu-Key-Id: k1
--- hits: 1



=== TEST 2: a test key
--- guard
--- request
GET /
--- more_headers
Authorization: Bearer evolu_test_aB3dE6gH_TestSecret0123456789
--- reason: ok
--- identity
X-Evolu-Scope: campaign
X-Evolu-Instance: inst-1
X-Evolu-Campaign: aB3dE6gH
X-Evolu-Livemode: false
X-Evolu-Key-Id: t1



=== TEST 3: a record without an instance
--- guard
--- request
GET /
--- more_headers
apikey: evolu_live_free_FreeSecret0123456789
--- reason: ok
--- identity
X-Evolu-Scope: campaign
X-Evolu-Campaign: free
X-Evolu-Livemode: true
X-Evolu-Key-Id: k1



=== TEST 4: unknown, and the wrong secret
--- guard
--- cases
apikey: evolu_live_nobody_LiveSecret0123456789 | 401 | unknown scope=campaign id=-
apikey: evolu_test_free_FreeSecret0123456789 | 401 | unknown
apikey: evolu_live_aB3dE6gH_LiveSecret0123456788 | 401 | bad_secret scope=campaign id=-
apikey: evolu_live_aB3dE6gH_TestSecret0123456789 | 401 | bad_secret
apikey: evolu_live_free_LiveSecret0123456789 | 401 | bad_secret



=== TEST 5: modes
--- server_config
location /live {
    evolu_auth on;
    evolu_auth_mode live;
    proxy_pass $TEST_NGINX_UPSTREAM;
}
location /test {
    evolu_auth on;
    evolu_auth_mode test;
    proxy_pass $TEST_NGINX_UPSTREAM;
}
location /any {
    evolu_auth on;
    evolu_auth_mode any;
    proxy_pass $TEST_NGINX_UPSTREAM;
}
--- cases
GET /live | apikey: evolu_live_aB3dE6gH_LiveSecret0123456789 | 200 | ok
GET /live | apikey: evolu_test_aB3dE6gH_TestSecret0123456789 | 403 | wrong_mode scope=campaign id=t1
GET /test | apikey: evolu_live_aB3dE6gH_LiveSecret0123456789 | 403 | wrong_mode scope=campaign id=k1
GET /test | apikey: evolu_test_aB3dE6gH_TestSecret0123456789 | 200 | ok
GET /any | apikey: evolu_test_aB3dE6gH_TestSecret0123456789 | 200 | ok
GET /any | apikey: evolu_live_aB3dE6gH_LiveSecret0123456789 | 200 | ok
GET /test | apikey: evolu_live_aB3dE6gH_LiveSecret0123456780 | 401 | bad_secret
GET /test | apikey: global-key-of-the-house | 200 | ok



=== TEST 6: the campaign that is addressed
--- guard
evolu_auth_campaign $evolu_path_last;
--- cases
GET /c/aB3dE6gH | apikey: evolu_live_aB3dE6gH_LiveSecret0123456789 | 200 | ok
GET /c/aB3dE6gH | apikey: evolu_test_aB3dE6gH_TestSecret0123456789 | 200 | ok
GET /c/ab3de6gh | apikey: evolu_live_aB3dE6gH_LiveSecret0123456789 | 403 | wrong_campaign
GET /c/free | apikey: evolu_live_aB3dE6gH_LiveSecret0123456789 | 403 | wrong_campaign
GET /c/aB3dE6g%48 | apikey: evolu_live_aB3dE6gH_LiveSecret0123456789 | 200 | ok
GET /c/aB3dE6gHx | apikey: evolu_live_aB3dE6gH_LiveSecret0123456789 | 403 | wrong_campaign
GET /c/free | apikey: evolu_live_aB3dE6gH_LiveSecret0123456780 | 401 | bad_secret
GET / | apikey: evolu_live_aB3dE6gH_LiveSecret0123456789 | 400 | bad_path



=== TEST 7: a campaign key where an instance is addressed
--- guard
evolu_auth_scope instance campaign;
evolu_auth_instance $evolu_path_last;
--- cases
GET /i/inst-1 | apikey: evolu_live_aB3dE6gH_LiveSecret0123456789 | 200 | ok
GET /i/inst-2 | apikey: evolu_live_aB3dE6gH_LiveSecret0123456789 | 403 | wrong_instance
GET /i/inst-1 | apikey: evolu_live_free_FreeSecret0123456789 | 403 | wrong_instance
GET /i/INST-1 | apikey: evolu_live_aB3dE6gH_LiveSecret0123456789 | 403 | wrong_instance
GET /i/inst-1 | apikey: token-of-inst-1 | 200 | ok
GET /i/inst-1 | apikey: global-key-of-the-house | 401 | bad_secret



=== TEST 8: algorithms
--- guard
--- cases
apikey: evolu_live_algs_secret-0123456789-h | 200 | ok
apikey: evolu_live_algs_secret-0123456789-s | 200 | ok
apikey: evolu_live_algs_secret-0123456789-hs | 200 | ok
apikey: evolu_live_algs_secret-0123456789-ss | 200 | ok
apikey: evolu_live_algs_secret-0123456789-p9 | 401 | bad_secret
apikey: evolu_live_algs_secret-0123456789- | 401 | bad_secret



=== TEST 9: a restriction that cannot be read voids its entry, no other
--- guard
--- cases
apikey: evolu_live_voids_good-1234567890123 | 200 | ok
apikey: evolu_live_voids_extra-123456789012 | 200 | ok
apikey: evolu_live_voids_exp-123456789012 | 401 | bad_secret
apikey: evolu_live_voids_expo-123456789012 | 401 | bad_secret
apikey: evolu_live_voids_milli-123456789012 | 401 | bad_secret
apikey: evolu_live_voids_nbf-123456789012 | 401 | bad_secret
apikey: evolu_live_voids_cidr-123456789012 | 401 | bad_secret
apikey: evolu_live_voids_name-123456789012 | 401 | bad_secret
apikey: evolu_live_voids_comma-123456789012 | 401 | bad_secret
apikey: evolu_live_voids_noip-123456789012 | 401 | bad_secret
apikey: evolu_live_voids_stat-123456789012 | 401 | bad_secret



=== TEST 10: a record that cannot be read is none
--- guard
--- cases
apikey: evolu_live_nov_secret-0123456789 | 401 | unknown
apikey: evolu_live_v2_secret-0123456789 | 401 | unknown
apikey: evolu_live_v1x_secret-0123456789 | 401 | unknown
apikey: evolu_live_many_secret-0123456789 | 401 | unknown
apikey: evolu_live_string_secret-0123456789 | 401 | unknown
apikey: evolu_live_list_secret-0123456789 | 401 | unknown
apikey: evolu_live_stat_secret-0123456789 | 401 | *
apikey: evolu_live_noinst_secret-0123456789 | 401 | *
apikey: evolu_live_ctl_secret-0123456789 | 401 | *
