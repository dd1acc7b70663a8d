# Copyright (C) Evolu Auth Authors
#
# evolu-keys import: what is read, what is refused, what is written and what is
# left alone, in Redis and in the key file.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/../lib";

use Digest::SHA qw(hmac_sha256_hex sha256_hex);
use EvoluKeys;
use Test::More;

redis_start();

my $file = keys_file('keys');
my $redis = ['--redis', redis_url()];
my $status;
my ($out, $err);

sub import_run {
    my ($store, $args, $csv) = @_;

    ($status, $out, $err) = keys_run([@$store, 'import', 'instances', @$args],
                                     $csv);
}

sub field { return redis('HGET', "evolu:instance:$_[0]", 'key.import') }

sub counts {
    my (%want) = @_;
    my @words = map { "$_ " . ($want{$_} || 0) }
                qw(created changed unchanged removed failed unusable);

    return join ', ', @words;
}

sub both {
    my ($name, $store, $args, $csv, $code, %want) = @_;

    import_run($store, $args, $csv);
    is($status, $code, $name) or diag $err;
    like($out, qr/^\Q@{[counts(%want)]}\E/, "$name: counts") if %want;
}

# forms of the input; all say the same

my $shop = 'SHOP-token-0123456789';

for my $case (
    ['without a heading', "shop,$shop\n"],
    ['with one', "name,token\nshop,$shop\n"],
    ['in another order, any case', "TOKEN,id,Name\n$shop,7,shop\n"],
    ['quoted', qq("shop","$shop"\n)],
    ['three columns', qq(shop,$shop,default\n)],
    ['CRLF', qq("name","token"\r\nshop,$shop\r\n)],
    ['no newline at the end', "shop,$shop"],
    ['CRLF and no newline', qq(name,token\r\n"shop",$shop)],
    ['a byte order mark', "\xEF\xBB\xBFname,token\nshop,$shop\n"],
    ['blank lines', "\n\nname,token\n\nshop,$shop\n\n\r\n"],
    ['the same row twice', "shop,$shop\nshop,$shop\n"])
{
    my ($name, $csv) = @$case;

    redis('FLUSHALL');
    both($name, $redis, [], $csv, 0, created => 1);
    is(field('shop'), 'hash=sha256:' . sha256_hex($shop), 'the hash');
    is(redis('GET', 'evolu:epoch'), 1, 'the epoch');
    is(redis('SISMEMBER', 'evolu:token:sha256:' . sha256_hex($shop), 'shop'),
       1, 'the token index');
}

like($err, qr/repeated rows: 1/, 'a row that is repeated is said');

both('again', $redis, [], "shop,$shop\n", 0, unchanged => 1);

for my $case (
    ['a quote that is not closed', qq(shop,"$shop\n), qr/not closed/],
    ['a quote inside', qq(shop,ab"cdefgh\n), qr/a quote inside/],
    ['text after a quote', qq("shop"x,$shop\n), qr/after a closing quote/],
    ['too few columns', "new1,$shop\nnew2\n", qr/line 2 .*columns/],
    ['too many', "new1,$shop\nnew2,tok,en\n", qr/line 2 .*columns/],
    ['one column', "shop\n", qr/expected two columns/],
    ['columns without end', ',' x 40 . "\n", qr/more than 32/],
    ['another heading', "id,number,foo,bar\n", qr/expected two columns/])
{
    my ($name, $csv, $expected) = @$case;

    both($name, $redis, [], $csv, 1);
    like($err, $expected, "$name: says why");
    is($out, '', 'nothing on stdout');
}

is(redis('EXISTS', 'evolu:instance:new1'), 0, 'nothing of them was written');

# what cannot be read at all is no end

for my $store ($redis, ['--file', keys_file('unread')]) {
    my $run = "'@{[keys_binary()]}' @$store import instances --prune < /";
    $err = `$run 2>&1`;
    is($? >> 8, 1, 'standard input that cannot be read');
    like($err, qr/cannot read standard input: Is a directory/, 'says so');
}

ok(!-e keys_file('unread'), 'nothing is written');

# what is in a token

redis('FLUSHALL');
both('bytes', $redis, [], <<"CSV", 0, created => 5);
"latin","\xC3\xA9t\xC3\xA9-\xC3\xBF\xC2\x80-token"
"comma","with, comma ""and"" quotes"
"inner","inner  spaces count"
"caf\xC3\xA9 / \xF0\x9F\x98\x80","UTF-8 is a name's own"
 outer name ,12345678
CSV
is(field('latin'), 'hash=sha256:' . sha256_hex("\xE9t\xE9-\xFF\x80-token"),
   'UTF-8 becomes Latin-1');
is(field('comma'), 'hash=sha256:' . sha256_hex('with, comma "and" quotes'),
   'quotes');
is(field('inner'), 'hash=sha256:' . sha256_hex('inner  spaces count'),
   'spaces inside');
is(field("caf\xC3\xA9 / \xF0\x9F\x98\x80"),
   'hash=sha256:' . sha256_hex("UTF-8 is a name's own"), 'a name in UTF-8');
is(field(' outer name '), 'hash=sha256:' . sha256_hex('12345678'),
   'spaces of a name are its own');
like($err, qr/warning: \d tokens are short or simple/, 'guessable tokens');

($status, $out) = keys_run([@$redis, 'verify', 'instance:latin'],
                           "\xE9t\xE9-\xFF\x80-token\n");
is($status, 0, 'the edge takes the bytes that a client sends');

# what cannot be used is listed, never shown

my %unusable = (
    short => ['1234567', 'under 8 bytes'],
    before => [' 12345678', 'space'],
    after => ['12345678 ', 'space'],
    beyond => ["12345678\xC4\x80", 'beyond U\+00FF'],
    emoji => ["12345678\xF0\x9F\x98\x80", 'beyond U\+00FF'],
    live => ['evolu_live_x', 'like a campaign key'],
    test => ['evolu_test_slug_0123456789abcdef', 'like a campaign key'],
    control => ["1234\x015678", 'control'],
    tab => ["1234\t5678", 'control'],
    newline => ["1234\n5678", 'control'],
    delete => ["12345678\x7F", 'control'],
    nul => ["1234\x005678", 'control'],
    latin1 => ["1234\xE95678", 'not UTF-8'],
    overlong => ["1234\xC1\x815678", 'not UTF-8'],
    surrogate => ["1234\xED\xA0\x805678", 'not UTF-8'],
    long => ['x' x 4097, 'over 4096'],
    longer => ['x' x 20000, 'over 4096']);
my %names = (
    '' => 'empty', 'x' x 256 => 'over 255', "a\nb" => 'control',
    "a\x7F" => 'control', "caf\xE9" => 'not UTF-8', 'y' x 20000 => 'over 255');

redis('FLUSHALL');

my $csv = join '', map { "$_,\"$unusable{$_}[0]\"\n" } sort keys %unusable;
$csv .= join '', map { "\"$_\",GOOD-token-01234567\n" } sort keys %names;
$csv .= "long-but-good," . "\xC3\xA9" x 4096 . "\n";
my $n = keys(%unusable) + keys(%names);

both('unusable', $redis, [], $csv, 1);
like($err, qr/\Q$n\E rows cannot be used, so nothing was written/, 'counted');
is(redis('DBSIZE'), 0, 'nothing was written');

for my $name (sort keys %unusable) {
    like($err, qr/instance:$name: its token .*$unusable{$name}[1]/,
         "listed: $name");
    unlike($err, qr/\Q$unusable{$name}[0]\E/, 'without the token')
        if $name ne 'newline';
}
like($err, qr/its name .*$names{$_}/, "a name: $names{$_}") for keys %names;
like($err, qr/instance:a\\x0Ab: /, 'names are shown safely');

both('--skip-unusable', $redis, ['--skip-unusable'], $csv, 0, created => 1,
     unusable => $n);
is(field('long-but-good'), 'hash=sha256:' . sha256_hex("\xE9" x 4096),
   'what is 4096 bytes as Latin-1');
is(redis('KEYS', 'evolu:instance:*')->[0], 'evolu:instance:long-but-good',
   'nothing else');

my ($code, $json) = keys_json([@$redis, 'import', 'instances'], $csv);
is($code, 1, 'in JSON');
is(scalar @{$json->{problems}}, $n, 'they are listed');
is($json->{unusable}, $n, 'and counted');
ok(!grep({ /GOOD/ } map { $_->{problem} } @{$json->{problems}}), 'no token');

# null, empty, shared, contradicting, alike

redis('FLUSHALL');
both('no token', $redis, [], qq(name,token\nnull,\nempty,""\nfull,$shop\n), 0,
     created => 1);
like($err, qr/without a token: 2/, 'null and empty tokens');

both('shared', $redis, [], "a,$shop\nb,$shop\nc,OTHER-token-012345\n", 0,
     created => 3);
like($err, qr/instances that share a token with another: 2/, 'said');
is_deeply([sort @{redis('SMEMBERS', 'evolu:token:sha256:'
                        . sha256_hex($shop))}],
          ['a', 'b', 'full'], 'all are in the index');

redis('FLUSHALL');
both('contradicting', $redis, ['--skip-unusable'],
     "a,$shop\na,OTHER-token-012345\nb,$shop\n", 0, created => 1,
     unusable => 2);
is(field('a'), undef, 'neither is taken');

both('alike', $redis, [], "Shop,$shop-1\nshop ,$shop-2\n\xC3\x89t\xC3\xA9,"
     . "$shop-3\n\xC3\xA9t\xC3\xA9,$shop-4\nother,$shop-5\n", 0,
     created => 5);
is(() = $err =~ /differs only by case or by spaces/g, 2, 'two warnings');

# clients

redis('FLUSHALL');
$csv = "name,token,clientName\na,$shop-a,one\nb,$shop-b,two\nc,$shop-c,one\n";
both('--client', $redis, ['--client', 'one'], $csv, 0, created => 2);
like($err, qr/of other clients: 1/, 'said');
is(field('b'), undef, 'another client');
both('--client without a column', $redis, ['--client', 'one'], "a,$shop\n",
     1);
like($err, qr/needs a column clientName/, 'says so');
both('without a heading', $redis, ['--client', 'two'], "b,$shop-b,two\n", 0,
     created => 1);

# changes

redis('FLUSHALL');
keys_run([@$redis, 'create', 'instance', 'shop']);
redis('HSET', 'evolu:instance:shop', 'livemode', 'false');
my $k1 = redis('HGET', 'evolu:instance:shop', 'key.k1');

both('next to others', $redis, [], "shop,$shop\ngone,$shop-g\n", 0,
     created => 2);
is(redis('HGET', 'evolu:instance:shop', 'key.k1'), $k1, 'they stay');

redis('HSET', 'evolu:instance:shop', 'key.import', field('shop')
      . ' ip=10.0.0.0/8 status=disabled');
both('again', $redis, [], "shop,$shop\n", 0, unchanged => 1);
both('another token', $redis, [], "shop,$shop-2\n", 0, changed => 1);
is(field('shop'), 'ip=10.0.0.0/8 status=disabled hash=sha256:'
   . sha256_hex("$shop-2"), 'what restricts the key stays');
is(redis('EXISTS', 'evolu:token:sha256:' . sha256_hex($shop)), 0,
   'the old token left the index');
is(redis('SISMEMBER', 'evolu:token:sha256:' . sha256_hex("$shop-2"), 'shop'),
   1, 'the new one is there');

both('--dry-run', $redis, ['--dry-run', '--prune'],
     "shop,$shop-3\nnew,$shop-n\n", 0, created => 1, changed => 1,
     removed => 1);
like($out, qr/dry run/, 'says so');
is(redis('EXISTS', 'evolu:instance:new'), 0, 'nothing new');
is(redis('EXISTS', 'evolu:instance:gone'), 1, 'nothing removed');
like(field('shop'), qr/\Q@{[sha256_hex("$shop-2")]}\E/, 'nothing changed');

both('--prune', $redis, ['--prune'], "new,$shop-n\nnull,\n", 0, created => 1,
     removed => 2);
is(redis('EXISTS', 'evolu:instance:gone'), 0, 'a record with no other key');
is_deeply({@{redis('HGETALL', 'evolu:instance:shop')}},
          {v => 1, livemode => 'false', 'key.k1' => $k1},
          'of another only the imported key');
both('again', $redis, ['--prune'], "new,$shop-n\nnull,\n", 0, unchanged => 1);

both('a token that can be used no more', $redis,
     ['--prune', '--skip-unusable'], "new,short\nlast,$shop-l\n", 0,
     created => 1, removed => 1, unusable => 1);

# an input that would remove everything is a mistake, unless it says so

my $last = 'hash=sha256:' . sha256_hex("$shop-l");

both('nothing at all', $redis, ['--prune'], '', 1);
like($err, qr/would remove everything/, 'says so');

for my $case (
    ['no row of the client', ['--client', 'tow'], "last,$shop-l,two\n",
     qr/no row has the clientName .*would remove everything/],
    ['no row that can be used', ['--skip-unusable'], "last,short,two\n",
     qr/no row gives a key, .*would remove everything/],
    ['no token at all', [], "last,,two\n", qr/no row gives a key/],
    ['none of the client', ['--skip-unusable', '--client', 'two'],
     "last,short,two\na,$shop-a,one\n", qr/no row gives a key/])
{
    my ($name, $args, $rows, $says) = @$case;

    for my $dry ([], ['--dry-run']) {
        both("$name @$dry", $redis, ['--prune', @$args, @$dry],
             "name,token,clientName\n$rows", 1);
        like($err, $says, "$name: says so");
        is($out, '', "$name: no counts");
    }

    is(field('last'), $last, "$name: nothing was removed");
    is(redis('EXISTS', 'evolu:instance:a'), 0, "$name: nothing was written");
}

($status, my $refused) = keys_json([@$redis, 'import', 'instances', '--prune',
                                    '--skip-unusable'], "last,short\n");
is($status, 1, 'in JSON');
is_deeply([@$refused{qw(read removed unusable)}], [1, 0, 1], 'what was read');
is(scalar @{$refused->{problems}}, 1, 'and why it cannot be used');

# rows that do not tell whose key is good

redis('FLUSHALL');
import_run($redis, [], "caf\xC3\xA9,$shop\nlatin,caf\xC3\xA9-$shop\n"
           . "last,$shop-l\n");

for my $case (
    ['a name in Latin-1', "caf\xE9,$shop\nlast,$shop-l\n", 1],
    ['a token in Latin-1', "latin,caf\xE9-$shop\nlast,$shop-l\n", 1],
    ['two tokens', "last,$shop-l\nlast,$shop-m\nnew,$shop-n\n", 2])
{
    my ($name, $rows, $n) = @$case;

    both($name, $redis, ['--prune', '--skip-unusable'], $rows, 1);
    like($err, qr/$n rows? .*--prune could remove a key that is good: /,
         "$name: says why");
    is(redis('EXISTS', map { "evolu:instance:$_" } "caf\xC3\xA9", 'latin',
             'last', 'new'), 3, "$name: nothing removed, nothing written");
}

both('a client in Latin-1', $redis,
     ['--prune', '--client', "caf\xC3\xA9"],
     "name,token,clientName\nlatin,caf\xC3\xA9-$shop,caf\xC3\xA9\n"
     . "last,$shop-l,caf\xE9\n", 1);
like($err, qr/1 row is .*--prune could remove a key that is good: /,
     'a client in Latin-1: says why');
is(redis('EXISTS', 'evolu:instance:last'), 1, 'and removes nothing');

both('without --prune', $redis, ['--skip-unusable'],
     "caf\xE9,$shop\nlast,$shop-l\n", 0, unchanged => 1, unusable => 1);
both('what is too long, and cut', $redis, ['--prune', '--skip-unusable'],
     "caf\xC3\xA9,$shop\nlatin,x" . "\xC3\xA9" x 9000 . "\nlast,$shop-l\n"
     . 'x' . "\xC3\xA9" x 9000 . ",$shop\n", 0, unchanged => 2, removed => 1,
     unusable => 2);
both('only what is gone', $redis, ['--prune'], "last,$shop-l\n", 0,
     unchanged => 1, removed => 1);

both('a heading alone, of a client', $redis,
     ['--prune', '--client', 'two', '--id', 'two'],
     "name,token,clientName\n", 0, removed => 0);
both('a heading alone', $redis, ['--prune'], "name,token\n", 0, removed => 1);

($status) = keys_run([@$redis, 'check']);
is($status, 0, 'the store is sound');

# a key of another id that has the same token

redis('FLUSHALL');
keys_run([@$redis, 'create', 'instance', 'shop', '--token', '-'], $shop);
keys_run([@$redis, 'disable', 'instance:shop', 'k1']);
both('the token is there', $redis, [], "shop,$shop\n", 0, unchanged => 1);
is(field('shop'), undef, 'nothing is made good again');

# ids of their own keep two clients apart

both('--id', $redis, ['--id', 'one', '--prune'], "a,$shop-a\n", 0,
     created => 1);
both('--id', $redis, ['--id', 'two', '--prune'], "b,$shop-b\n", 0,
     created => 1);
is(redis('HGET', 'evolu:instance:a', 'key.one'),
   'hash=sha256:' . sha256_hex("$shop-a"), 'the first is left alone');

# peppers: another first one changes every hash

my $p1 = keys_pepper('p1', 'a');
my $key = pack 'H*', 'a' x 64;

redis('FLUSHALL');
import_run($redis, [], "a,$shop\n");
both('a pepper', [@$redis, '--pepper', $p1], [], "a,$shop\n", 0,
     changed => 1);
is(field('a'), 'hash=hmac-sha256/p1:' . hmac_sha256_hex($shop, $key),
   'the hash');
is_deeply([sort @{redis('KEYS', 'evolu:token:*')}],
          ['evolu:token:hmac-sha256/p1:' . hmac_sha256_hex($shop, $key)],
          'and the index');

# records that cannot be changed

redis('SET', 'evolu:instance:odd', 'x');
redis('HSET', 'evolu:instance:void', 'v', 2);
redis('HSET', 'evolu:instance:full', 'v', 1,
      map { ("key.$_", 'hash=sha256:' . '1' x 64) } 1 .. 64);
both('records that cannot be changed', $redis, ['--prune'],
     "odd,$shop-o\nvoid,$shop-v\nfull,$shop-f\na,$shop-a\n", 1, changed => 1,
     failed => 3);
like($err, qr/instance:odd: .*no hash/, 'no hash');
like($err, qr/instance:void: /, 'void');
like($err, qr/instance:full: /, 'full');

redis('DEL', 'evolu:epoch');
both('no epoch', $redis, [], "b,$shop-b\n", 1);
like($err, qr/may have lost others/, 'says why');
both('nor in a dry run', $redis, ['--dry-run'], "b,$shop-b\n", 1);

# the key file

my @file = ('--file', $file);

import_run(\@file, [], "caf\xC3\xA9 1,$shop\nb,$shop-b\n");
is($status, 0, 'a new key file');
is(read_file($file), 'instance b import hash=sha256:' . sha256_hex("$shop-b")
   . "\ninstance caf%C3%A9%201 import hash=sha256:" . sha256_hex($shop)
   . "\n", 'its lines');

my $text = "# mine\ninstance b k1 hash=sha256:" . '1' x 64 . "\n"
           . read_file($file) . "global g hash=sha256:" . '2' x 64 . "\n";
write_file($file, $text, 0600);

my $inode = (stat $file)[1];
both('unchanged', \@file, [], "b,$shop-b\n", 0, unchanged => 1);
is((stat $file)[1], $inode, 'not written at all');
both('a dry run', \@file, ['--dry-run', '--prune'], "b,$shop-b\n", 0,
     unchanged => 1, removed => 1);
is(read_file($file), $text, 'nothing written');

both('changed, new and removed', \@file, ['--prune'],
     "b,$shop-2\nc,$shop-c\n", 0, changed => 1, created => 1, removed => 1);
is(read_file($file), "# mine\ninstance b k1 hash=sha256:" . '1' x 64
   . "\ninstance b import hash=sha256:" . sha256_hex("$shop-2")
   . "\nglobal g hash=sha256:" . '2' x 64
   . "\ninstance c import hash=sha256:" . sha256_hex("$shop-c") . "\n",
   'other lines stay where they were');

$text = read_file($file);
both('no row of the client', \@file, ['--prune', '--client', 'two'],
     "b,$shop-2,one\n", 1);
both('no row that can be used', \@file, ['--prune', '--skip-unusable'],
     "b,short\n", 1);
is(read_file($file), $text, 'nothing was removed');
both('all gone', \@file, ['--prune'], "name,token\n", 0, removed => 2);
is(read_file($file), "# mine\ninstance b k1 hash=sha256:" . '1' x 64
   . "\nglobal g hash=sha256:" . '2' x 64 . "\n", 'what import made');

# campaigns

sub campaigns {
    my ($store, $args, $csv) = @_;

    ($status, $out, $err) = keys_run([@$store, 'import', 'campaigns', @$args],
                                     $csv);
}

my $secret = 'x' x 16;
my $whole = "evolu_live_slug1_$secret";
my @peppered = (@$redis, '--pepper', $p1);

redis('FLUSHALL');
campaigns(\@peppered, [], join '', "mode,slug,id,hash,exp\n",
          'live,slug1,a,sha256:' . uc(sha256_hex($whole)) . ",\n",
          'test,slug1,b,sha256-secret:' . sha256_hex($secret)
          . ",1956527999\n",
          'live,slug1,c,hmac-sha256/p1:' . hmac_sha256_hex($whole, $key)
          . ",\n",
          'live,slug2,d,hmac-sha256-secret/p1:'
          . hmac_sha256_hex($secret, $key) . ",\n");
is($status, 0, 'campaigns') or diag $err;
like($out, qr/^created 4, /, 'counted');
is_deeply({@{redis('HGETALL', 'evolu:campaign:live:slug1')}},
          {v => 1, 'key.a' => 'hash=sha256:' . sha256_hex($whole),
           'key.c' => 'hash=hmac-sha256/p1:' . hmac_sha256_hex($whole, $key)},
          'two keys of one record');
is(redis('HGET', 'evolu:campaign:test:slug1', 'key.b'),
   'hash=sha256-secret:' . sha256_hex($secret) . ' exp=1956527999', 'exp');

for my $credential ("evolu_live_slug1_$secret", "evolu_test_slug1_$secret",
                    "evolu_live_slug2_$secret")
{
    ($status) = keys_run([@peppered, 'verify'], "$credential\n");
    is($status, 0, 'is good');
}

my $hash = 'sha256-secret:' . sha256_hex($secret);

campaigns(\@peppered, [], "test,slug1,b,$hash\n");
like($out, qr/^created 0, changed 0, unchanged 1, /, 'again');
campaigns(\@peppered, [], "test,slug1,b,$hash,1956528000\n");
like($out, qr/unchanged 1, /, 'a later expiry does not count');
campaigns(\@peppered, [], "test,slug1,b,$hash,1956000000\n");
like($out, qr/changed 1, unchanged 0/, 'an earlier one does');
is(redis('HGET', 'evolu:campaign:test:slug1', 'key.b'),
   "hash=$hash exp=1956000000", 'is written');

my $rows = join '', map { "$_\n" }
    "live,a_b,k1,$hash", "real,slug,k1,$hash", "live,slug,k 1,$hash",
    "live,slug,k1,sha256:12", "live,slug,k1,md5:" . '1' x 64,
    "live,slug,k1,hmac-sha256/p9:" . '1' x 64, 'live,slug,k1,',
    "live,slug,k1,$hash ip=10.0.0.1", "live,slug,k1,$hash status=active";
campaigns(\@peppered, [], $rows);
is($status, 1, 'rows that cannot be used');
like($err, qr/9 rows cannot be used/, 'are counted');
campaigns(\@peppered, [], "live,slug,k1,$hash,1956527999000\n");
is($status, 1, 'milliseconds');
campaigns(\@peppered, [], "live,slug,k1,$hash,soon\n");
is($status, 1, 'no number');
campaigns(\@peppered, [], "live,slug,k1,$hash\nlive,slug,k1,sha256:"
          . '1' x 64 . "\n");
is($status, 1, 'one id with two hashes');
is(redis('EXISTS', 'evolu:campaign:live:slug'), 0, 'nothing was written');

campaigns(['--file', $file], [], "live,slug,k1,$hash\n");
is($status, 0, 'into the key file');
like(read_file($file), qr/^campaign live slug k1 hash=\Q$hash\E$/m, 'a line');

for my $option (['--prune'], ['--client', 'x'], ['--id', 'x']) {
    campaigns($redis, $option, '');
    is($status, 2, "@$option is for instances");
}

($status) = keys_run([@$redis, 'import', 'planets']);
is($status, 2, 'neither instances nor campaigns');

redis_stop();
both('nobody there', $redis, [], "a,$shop\n", 3);

done_testing();
