# Copyright (C) Evolu Auth Authors
#
# What evolu-keys shows on a terminal, and what it does not show elsewhere:
# tables, colours, lines that fit, a credential that is typed.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/../lib";

use Digest::SHA qw(sha256_hex);
use EvoluKeys;
use JSON::PP ();
use Test::More;

redis_start();

my @redis = ('--redis', redis_url());
my $keys = 'evolu-keys --redis ' . redis_url();
my $colour = qr/\e\[\d+m/;
my $token = 'typed-token-0123456789';
my $hash = 'hash=sha256:' . '1' x 64;
my ($status, $out, $err, $shown);

sub shown {
    my ($columns, @commands) = @_;

    ($status, $shown) = keys_shown($columns, join "\n", @commands);
}

# its widest line, in columns of a terminal

sub width {
    my ($text) = @_;

    $text =~ s/$colour//g;
    utf8::decode($text);

    return (sort { $b <=> $a } map { length } split /\n/, $text)[0];
}

redis('SET', 'evolu:epoch', 1);
redis('HSET', 'evolu:campaign:live:aB3dE6gH', 'v', 1, 'key.k1',
      "$hash exp=4000000000", 'key.k2', $hash);
redis('HSET', 'evolu:instance:shop', 'v', 1, 'key.k1', "$hash ip=::1",
      'key.k2', "$hash status=disabled", 'key.k3', 'hash=nonsense');

# JSON for programs, a table for people

($status, $out) = keys_run([@redis, 'list']);
my $list = eval { JSON::PP->new->utf8->decode($out) } || [];
is(scalar @$list, 5, 'list in a pipe is JSON');
is(scalar(() = $out =~ /^\{.*\},?$/mg), 5, 'a key a line');
($status, $out) = keys_run([@redis, 'show', 'instance:shop']);
is(JSON::PP->new->utf8->decode($out)->{locator}, 'instance:shop', 'show');
($status, $out) = keys_run([@redis, 'verify'], "$token\n");
is(JSON::PP->new->utf8->decode($out)->{reason}, 'unknown', 'verify');
($status, $out) = keys_run([@redis, 'check']);
like(JSON::PP->new->utf8->decode($out)->[0]{problem}, qr/hash/, 'check');

for my $command ('list', 'show instance:shop', 'check', 'verify < /dev/null')
{
    shown(80, "$keys $command");
    unlike($shown, qr/^[\[{]/, "text on a terminal: $command");
    shown(80, "$keys --json $command");
    like($shown, qr/^[\[{]/, 'JSON where it is asked for');
    shown(80, "$keys $command 2> /dev/null | cat");
    like($shown, qr/^[\[{]/, 'and in a pipe');
    shown(80, "$keys --text $command | cat");
    unlike($shown, qr/^[\[{]/, 'but for --text');
}

shown(80, "$keys --text --json list");
like($shown, qr/^\[/, 'the last one wins');
shown(80, "$keys list 2> /dev/null");
like($shown, qr/^LOCATOR$/m, 'a terminal is where the answer goes to');

# commands that change something say the same everywhere

($status, $out) = keys_run([@redis, 'create', 'instance', 'new']);
like($out, qr/^\w{40}\n\z/, 'a credential alone');
($status, $out) = keys_run([@redis, 'import', 'instances'], "a,$token\n");
like($out, qr/^created 1, /, 'counts');
($status, $out) = keys_run([@redis, 'revoke', 'instance:new']);
is($out, '', 'nothing');
redis('DEL', 'evolu:instance:a', 'evolu:token:sha256:' . sha256_hex($token));

# an array that broke off is none, an empty one is

redis('HSET', 'x:epoch', 1, 1);
($status, $out) = keys_run([@redis, '--prefix', 'y:', 'list']);
is($status, 0, 'nothing is there');
is($out, "[]\n", 'an empty array');
($status, $out) = keys_run([@redis, 'list', 'instance:nobody']);
is($status, 1, 'not found');
is($out, '', 'no array');

# a table

redis('HSET', 'evolu:instance:shop', 'key.k3', "$hash exp=1000000000");
shown(80, "$keys list");
is($status, 0, 'list');
like($shown, qr/^LOCATOR +ID +STATUS +EXPIRES +ALGORITHM +ALLOW$/m,
     'headings');
like($shown, qr/^campaign:live:aB3dE6gH +k1 +${colour}active$colour +\S+Z +/m,
     'a key');
like($shown, qr/k2 +${colour}active$colour +never +sha256 +any$/m,
     'without end, from anywhere');
unlike($shown, qr/redis/, 'one store needs no name');

write_file(keys_file('keys'), "global g1 $hash\n", 0600);
shown(100, "$keys --file '@{[keys_file('keys')]}' list");
like($shown, qr/ALGORITHM +STORE +ALLOW$/m, 'two do');
like($shown, qr/^global +g1 .* sha256 +file +any$/m, 'the file');
redis('HSET', 'evolu:instance:shop', 'key.k3', 'hash=nonsense');

# colours

sub colours { return scalar(() = $shown =~ /$colour/g) }

shown(80, "$keys list");
my %colours = reverse $shown =~ /(\e\[\d+m)(active|disabled|void)/g;
is(scalar keys %colours, 3, 'one for each kind of state');
shown(80, "NO_COLOR=1 $keys list");
is(colours(), 0, 'none with NO_COLOR');
shown(80, "NO_COLOR= $keys list");
isnt(colours(), 0, 'an empty one is none');
shown(80, "TERM=dumb $keys list");
is(colours(), 0, 'none on a dumb terminal');
shown(80, "$keys --text list | cat");
is(colours(), 0, 'none in a pipe');
shown(80, "$keys verify instance:shop < /dev/null");
like($shown, qr/^${colour}denied$colour reason=missing$/m, 'a verdict');
shown(80, "echo 12345678 | $keys create instance w --token -");
like($shown, qr/^evolu-keys: ${colour}warning:$colour this token/m,
     'a warning');
shown(80, "echo 1234567a | $keys create instance w --token - 2>&1 | cat");
like($shown, qr/^evolu-keys: warning: this token .*--pepper$/m,
     'one line without colour in a pipe');

# what does not fit

my $long = 'a-name-that-is-longer-than-' . 'anybody-would-think-' x 4;

redis('HSET', "evolu:instance:$long", 'v', 1, 'key.k1', $hash, 'key.k2',
      "$hash ip=" . join ',', map { "10.$_.0.0/16" } 1 .. 9);
redis('HSET', 'evolu:instance:caf' . "\xC3\xA9", 'v', 1, 'key.k1', $hash);

for my $columns (80, 100, 60, 20) {
    shown($columns, "$keys list");
    like($shown, qr/^instance:\Q$long\E$/m, "$columns columns: a long name");
    like($shown, qr/^    k2 .*10\.1\.0\.0\/16/m, 'its keys below it');
    like($shown, qr/^ +10\.9\.0\.0\/16$/m, 'all of a long list');
    like($shown, qr/^instance:caf\xC3\xA9$/m, 'a name beyond ASCII');
    is(scalar(() = $shown =~ /^instance:\Q$long\E/mg), 1, 'once');

    my ($other) = $shown =~ /\A(.*)^instance:a-name/ms;
    cmp_ok(width($other), '<=', $columns, 'the others fit')
        if $columns >= 80;
}

shown(200, "$keys list");
like($shown, qr/^instance:\Q$long\E +k1 /m, 'one line where it fits');
shown(80, "$keys --text list | cat");
like($shown, qr/^instance:\Q$long\E +k2 .*10\.9\.0\.0\/16$/m,
     'and in a pipe');

redis('DEL', "evolu:instance:$long");
redis('HSET', 'evolu:instance:shop', 'key.k4', "$hash ip="
      . join ',', map { "10.$_.0.0/16" } 1 .. 9);

for my $command ('list', 'show instance:shop', 'check', '--help',
                 (map { "$_ --help" } qw(create rotate revoke disable enable
                                         import list show verify check)),
                 'import instances < /dev/null', 'list nonsense',
                 'create instance x --token secret', 'frobnicate', 'create',
                 '--prefix 1234567890 list', 'create global',
                 "--file @{[keys_file('nobody')]} list",
                 '--password-file /etc/passwd list')
{
    shown(80, "$keys $command");
    cmp_ok(width($shown), '<=', 80, "80 columns: $command") or diag $shown;
    isnt($shown, '', 'something is said');
}

shown(80, "$keys create global");
like($shown, qr/^evolu-keys: .*\n    \S/, 'a message goes on below itself')
    if length($shown) > 80;

($status, undef, $err) = keys_run([@redis, 'rotate', 'instance:nobody']);
is(() = $err =~ /\n/g, 1, 'but is one line elsewhere');

# a credential that is typed

sub typed {
    my ($command, $text) = @_;
    my $run = keys_terminal(80, "$command; echo \"status \$?\"; stty -a");
    my $seen = '';

    while ($seen !~ /it is not shown: $/) {
        sysread $run->{out}, $seen, 4096, length $seen
            or die "no question: $seen\n";
    }

    syswrite $run->{in}, $text;

    ($status, my $rest) = keys_wait($run);
    close $run->{in};

    $shown = $seen . $rest;
    $shown =~ s/\r\n/\n/g;
}

keys_run([@redis, 'create', 'instance', 'typed', '--token', '-'], $token);

typed("$keys verify instance:typed", "$token\n");
like($shown, qr/allowed.* scope=instance id=k1/, 'is read up to its line');
like($shown, qr/^status 0$/m, 'and good');
unlike($shown, qr/\Q$token\E/, 'and not shown');
like($shown, qr/ echo /, 'what is typed next is');

typed("$keys create instance again --token -", "another-$token\n");
like($shown, qr/created key k1 of instance:again/, 'the same for create');
unlike($shown, qr/\Q$token\E/, 'and not shown');

typed("trap : INT; $keys verify", "half of it\cC");
like($shown, qr/^status 130$/m, 'Ctrl-C ends it');
like($shown, qr/ echo /, 'and the terminal is as it was');

done_testing();
