# Copyright (C) Evolu Auth Authors
#
# The key file: what is refused by file and line, and what is read.

use lib 't/lib';
use EvoluAuth;

# --- names: what the [emerg] line must hold

my $hash = hash_of('token-of-inst-1');
my $sha = hash_of('token-of-inst-1', 'sha256');

my %file = (
    bad => "# first\nglobal g1\n",
    kind => "tenant a b hash=$hash\n",
    mode => "campaign prod slug k1 hash=$hash\n",
    id => "instance inst-1 bad/id hash=$hash\n",
    exp => "instance inst-1 k1 hash=$hash exp=soon\n",
    cidr => "\n\ninstance inst-1 k1 hash=$hash ip=300.0.0.0/8\n",
    hex => "global g1 hash=sha256:abc\n",
    alg => "global g1 hash=md5:" . 'a' x 64 . "\n",
    secret => "global g1 hash=sha256-secret:" . 'a' x 64 . "\n",
    name => "instance a%zz k1 hash=$hash\n",
    slug => "campaign live a_b k1 hash=$hash\n",
    twice => "instance a k1 hash=$hash\ninstance a k1 hash=$hash\n",
    pepper => "# \ninstance a k1 hash=hmac-sha256/p9:" . 'a' x 64 . "\n",
    sample => 'global g hash=' . hash_of('BQYHJGJHJ', 'sha256') . "\n",
    evolution => "\nglobal g hash="
        . hash_of('429683C4C977415CAAFCCE10F7D57E11') . "\n",
    good => "# comment\n\n  # another\n"
        . "instance inst-1 k1 hash=$hash\n"
        . "instance caf%C3%A9 k.2 hash=$sha note=x\n"
        . "global g1 hash=" . hash_of('global-key-of-the-house')
        . " ip=127.0.0.0/8\n"
        . "campaign live c-1 k1 hash="
        . hash_of('evolu_live_c-1_LiveSecret0123456789', 'sha256-secret')
        . "\n",
    both => "instance inst-2 k1 hash=$hash\n",
    last => "instance inst-1 k1 hash=$hash",
);

write_file("keys-$_", $file{$_}, 0600) for keys %file;
write_file('keys-open', $file{good}, 0644);

repeat_each(1);

add_block_preprocessor(sub {
    my ($block) = @_;

    my $file = $block->file;

    if (defined $file) {
        chomp $file;
        $block->set_value('stores', "evolu_auth_zone zone=evolu:1m;\n"
            . 'evolu_auth_pepper p1 ' . dir() . "/p1;\n"
            . 'evolu_auth_key_file ' . dir() . "/keys-$file;\n"
            . (defined $block->redis
               ? 'evolu_auth_redis unix:' . dir() . "/redis.sock;\n" : ''));
    }

    my $want = $block->names;

    if (defined $want) {
        chomp $want;
        $block->set_value('must_die', 1);
        $block->set_value('error_log', [qr/\[emerg\].*(?:$want)/]);
    }
});

run_tests();

__DATA__

=== TEST 1: a file that others can read
--- file: open
--- guard
evolu_auth_scope global;
--- names
keys-open



=== TEST 2: a file that is not there
--- file: none
--- guard
evolu_auth_scope global;
--- names
keys-none



=== TEST 3: a line without a hash
--- file: bad
--- guard
evolu_auth_scope global;
--- names
keys-bad.*2



=== TEST 4: a line of another kind
--- file: kind
--- guard
evolu_auth_scope global;
--- names
keys-kind.*1



=== TEST 5: a mode of another kind
--- file: mode
--- guard
evolu_auth_scope global;
--- names
keys-mode.*1



=== TEST 6: a key id that is none
--- file: id
--- guard
evolu_auth_scope global;
--- names
keys-id.*1



=== TEST 7: a time that is none
--- file: exp
--- guard
evolu_auth_scope global;
--- names
keys-exp.*1



=== TEST 8: an address that is none
--- file: cidr
--- guard
evolu_auth_scope global;
--- names
keys-cidr.*3



=== TEST 9: a digest too short
--- file: hex
--- guard
evolu_auth_scope global;
--- names
keys-hex.*1



=== TEST 10: an algorithm of another kind
--- file: alg
--- guard
evolu_auth_scope global;
--- names
keys-alg.*1



=== TEST 11: an algorithm for campaigns only
--- file: secret
--- guard
evolu_auth_scope global;
--- names
keys-secret.*1



=== TEST 12: a name with a bad escape
--- file: name
--- guard
evolu_auth_scope global;
--- names
keys-name.*1



=== TEST 13: a slug that is none
--- file: slug
--- guard
evolu_auth_scope global;
--- names
keys-slug.*1



=== TEST 14: an id twice
--- file: twice
--- guard
evolu_auth_scope global;
--- names
keys-twice.*2



=== TEST 15: a pepper that is unknown
--- file: pepper
--- guard
evolu_auth_scope global;
--- names
keys-pepper.*2|p9



=== TEST 16: a published sample key
--- file: sample
--- guard
evolu_auth_scope global;
--- names
sample|published|BQYHJGJHJ



=== TEST 17: the other one, with a pepper
--- file: evolution
--- guard
evolu_auth_scope global;
--- names
sample|published|429683C4



=== TEST 18: what is read
--- file: good
--- server_config
location /i/ {
    evolu_auth on;
    evolu_auth_instance $evolu_path_last;
    proxy_pass $TEST_NGINX_UPSTREAM;
}
location / {
    evolu_auth on;
    add_header X-Cache $evolu_auth_cache always;
    proxy_pass $TEST_NGINX_UPSTREAM;
}
--- cases
GET /i/inst-1 | apikey: token-of-inst-1 | 200 | ok
GET /i/caf%C3%A9 | apikey: token-of-inst-1 | 200 | ok
GET /i/inst-2 | apikey: token-of-inst-2 | 401 | unknown
GET /i/inst-2 | apikey: global-key-of-the-house | 200 | ok
GET / | apikey: evolu_live_c-1_LiveSecret0123456789 | 200 | ok
GET / | apikey: evolu_live_c-1_LiveSecret0123456780 | 401 | bad_secret
GET / | apikey: evolu_test_c-1_LiveSecret0123456789 | 401 | unknown



=== TEST 19: a locator of the file is not looked up in Redis
--- file: both
--- redis
--- guard
evolu_auth_instance $evolu_path_last;
--- cases
GET /inst-2 | apikey: token-of-inst-1 | 200 | ok
GET /inst-2 | apikey: token-of-inst-2 | 401 | bad_secret
GET /inst-1 | apikey: token-of-inst-1 | 200 | ok



=== TEST 20: a last line without a newline
--- file: last
--- guard
evolu_auth_instance inst-1;
--- cases
apikey: token-of-inst-1 | 200 | ok
