# Copyright (C) Evolu Auth Authors
#
# evolu-keys on the key file: what it writes, what it leaves alone.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/../lib";

use Digest::SHA qw(hmac_sha256_hex sha256_hex);
use EvoluKeys;
use Test::More;

my $pepper = keys_pepper('p1', 'a');
my $file = keys_file('keys');
my @store = ('--file', $file, '--pepper', $pepper, '--text');
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
    my $before = -e $file ? read_file($file) : undef;
    my ($status, $out, $err) = keys_run([@store, @$args], $stdin);

    is($status, 1, "refused: @$args");
    is($out, '', 'nothing on stdout');
    like($err, $expected, 'says why');
    is(-e $file ? read_file($file) : undef, $before, 'the file is as it was');
}
sub mode { return sprintf '%04o', (stat $file)[2] & 07777 }
sub left { return glob(keys_file('.evolu-keys.*')) }

# a file that is not there

for my $command (['list'], ['show', 'global'], ['verify'], ['check']) {
    run_bad($command, qr/no key file/, "12345678\n");
}
run_bad(['rotate', 'global'], qr/no record/);
run_bad(['revoke', 'global'], qr/no record/);

umask 0;
my ($out, $err) = run_ok(['create', 'global']);
like($out, qr/^[A-Za-z0-9]{40}\n\z/, 'a global key alone on stdout');
like($err, qr/reload nginx/, 'nginx must be reloaded');
chomp(my $global = $out);
is(mode(), '0600', 'mode 0600');
is(read_file($file), 'global k1 hash=hmac-sha256/p1:' . hash($global) . "\n",
   'one line');

# names are encoded, lines of a locator stay together

run_ok(['create', 'instance', 'my shop%']);
run_ok(['create', 'campaign', 'aB', '--mode', 'test']);
run_ok(['create', 'instance', 'my shop%', '--allow', '10.0.0.0/8']);
my $lines = read_file($file);
$lines =~ s/:[0-9a-f]{64}/:H/g;
is($lines, <<'END', 'the file');
global k1 hash=hmac-sha256/p1:H
instance my%20shop%25 k1 hash=hmac-sha256/p1:H
instance my%20shop%25 k2 hash=hmac-sha256/p1:H ip=10.0.0.0/8
campaign test aB k1 hash=hmac-sha256/p1:H
END

# sample keys

for my $sample ('429683C4C977415CAAFCCE10F7D57E11', 'BQYHJGJHJ') {
    run_bad(['create', 'global', '--token', '-'], qr/sample key/,
            "$sample\n");
}
run_bad(['create', 'global', '--token', '-'], qr/campaign key/,
        "evolu_live_x_0123456789abcdef\n");

# everything else stays byte for byte, and so does a stricter mode

my $h = 'sha256:' . '1' x 64;
write_file($file, <<"END", 0640);
# comment  with   spaces

  global   g1\thash=$h   status=disabled  \t
global g2 hash=$h
# in between
instance shop k1 hash=$h exp=2000000000
 # last
END

run_ok(['create', 'instance', 'shop', '--token', '-'], "0123456789abcdef\n");
my $new = 'hash=hmac-sha256/p1:' . hash('0123456789abcdef');
is(read_file($file), <<"END", 'create adds a line behind its record');
# comment  with   spaces

  global   g1\thash=$h   status=disabled  \t
global g2 hash=$h
# in between
instance shop k1 hash=$h exp=2000000000
instance shop k2 $new
 # last
END
is(mode(), '0600', 'what was readable for a group is not');

chmod 0400, $file;
run_ok(['revoke', 'instance:shop', 'k1']);
is(mode(), '0400', 'what was stricter stays so');
chmod 0600, $file;

run_ok(['rotate', 'global', '--overlap', '2d']);
$lines = read_file($file);
like($lines, qr/^  global   g1\thash=\S+   status=disabled  \t$/m,
     'a disabled key stays');
like($lines, qr/^global g2 hash=$h exp=\d+$/m, 'a good one expires');
like($lines, qr/^global k1 hash=hmac-sha256\/p1:[0-9a-f]{64}$/m, 'a new one');

run_ok(['revoke', 'global']);
run_ok(['revoke', 'instance:shop', 'k2']);
is(read_file($file), <<'END', 'comments outlive the keys');
# comment  with   spaces

# in between
 # last
END

# no newline at the end

write_file($file, "global g1 hash=$h", 0600);
run_ok(['create', 'instance', 'x']);
like(read_file($file), qr/^global g1 hash=$h\ninstance x k1 hash=\S+\n\z/,
     'a line that did not end');

# files that nginx would refuse are not written

write_file($file, "global g1 hash=$h\ninstance\n", 0600);
run_bad(['create', 'global'], qr/keys:2: bad line/);
run_bad(['list'], qr/keys:2: bad line/);

write_file($file, "global g1 hash=$h\nglobal g1 hash=$h\n", 0600);
run_bad(['create', 'instance', 'x'], qr/keys:2: this key id/);
run_ok(['revoke', 'global', 'g1']);
is(read_file($file), '', 'both are revoked');

write_file($file, "global g1 hash=hmac-sha256/p9:" . '1' x 64 . "\n", 0600);
run_bad(['create', 'instance', 'x'], qr/keys:1: .*--pepper/);
run_bad(['rotate', 'global'], qr/--pepper/);
like(run_ok(['list']), qr/^global +g1 +void .*pepper/m,
     'list tells of it');

# a link stays a link

my $link = keys_file('link');
write_file($file, '', 0600);
symlink 'keys', $link;
my ($status) = keys_run(['--file', $link, 'create', 'global']);
is($status, 0, 'through a link');
ok(-l $link, 'it stays one');
like(read_file($file), qr/^global k1 /, 'the file behind it is written');

# a folder that cannot be written

my ($s, undef, $e) = keys_run(['--file', '/proc/keys-of-nobody', 'create',
                               'global']);
is($s, 1, 'nowhere to write');
like($e, qr/cannot write/, 'says so');

is(scalar(() = left()), 0, 'no temporary file is left');

# one that dies while it writes

my $held = read_file($file);
system('sh', '-c', 'ulimit -c 0; ulimit -f 0; exec "$@" > /dev/null 2>&1', 'sh',
       keys_binary(), '--file', $file, 'create', 'global');
isnt($?, 0, 'it died');
is(read_file($file), $held, 'the file is whole');
is(scalar(() = left()), 1, 'what it wrote is beside it');
is(sprintf('%04o', (stat((left())[0]))[2] & 07777), '0600',
   'and not for others');
unlink left();

# list and show as with Redis

my ($code, $list) = keys_json([@store, 'list']);
is($list->[0]{store}, 'file', 'list --json');
is($list->[0]{locator}, 'global', 'the locator');
my ($c, $show) = keys_json([@store, 'show', 'global']);
is($show->{keys}[0]{key_id}, 'k1', 'show --json');

done_testing();
