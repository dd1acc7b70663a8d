# Copyright (C) Evolu Auth Authors
#
# The command line of evolu-keys: what is refused as usage, and files that
# others can read.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/../lib";

use EvoluKeys;
use Test::More;

my $file = keys_file('keys');
my $url = 'redis://127.0.0.1:1';

for my $case (
    [[], qr/no command/],
    [['frobnicate'], qr/no such command/],
    [['import', 'instances'], qr/no store/],
    [['--file', $file, 'import'], qr/needs an argument/],
    [['--file', $file, 'import', 'instances', '--mode', 'live'],
     qr/does not take/],
    [['--file', $file, 'list', '--prune'], qr/does not take/],
    [['--file', $file, 'create', 'instance', 'x', '--dry-run'],
     qr/does not take/],
    [['--file', $file, 'disable'], qr/needs an argument/],
    [['--file', $file, 'disable', 'planet:x'], qr/no locator/],
    [['--file', $file, '--redis', $url, 'import', 'instances'],
     qr/two stores/],
    [['--file', $file], qr/no command/],
    [['list'], qr/no store/],
    [['--file', $file, 'create'], qr/needs an argument/],
    [['--file', $file, 'create', 'instance'], qr/create instance NAME/],
    [['--file', $file, 'create', 'planet', 'x'], qr/create instance NAME/],
    [['--file', $file, 'create', 'global', 'x'], qr/create global/],
    [['--file', $file, 'create', 'campaign', 'a_b'], qr/bad slug/],
    [['--file', $file, 'create', 'instance', "a\nb"], qr/bad instance name/],
    [['--file', $file, 'create', 'instance', ''], qr/bad instance name/],
    [['--file', $file, 'create', 'instance', 'x' x 256],
     qr/bad instance name/],
    [['--file', $file, 'create', 'instance', 'x', '--mode', 'live'],
     qr/--mode/],
    [['--file', $file, 'create', 'campaign', 'x', '--mode', 'real'],
     qr/live or test/],
    [['--file', $file, 'create', 'instance', 'x', '--id', 'a b'],
     qr/bad key id/],
    [['--file', $file, 'create', 'instance', 'x', '--id', 'x' x 33],
     qr/bad key id/],
    [['--file', $file, 'create', 'instance', 'x', '--expires', 'banana'],
     qr/bad time/],
    [['--file', $file, 'create', 'instance', 'x', '--expires', '2030-02-30'],
     qr/bad time/],
    [['--file', $file, 'create', 'instance', 'x', '--expires', '2001-01-01'],
     qr/not in the future/],
    [['--file', $file, 'create', 'instance', 'x', '--expires', '0d'],
     qr/not in the future/],
    [['--file', $file, 'create', 'instance', 'x', '--expires', '9999999d'],
     qr/bad time/],
    [['--file', $file, 'create', 'instance', 'x', '--allow', '10.0.0.0/33'],
     qr/bad list/],
    [['--file', $file, 'create', 'instance', 'x', '--allow', '10.0.0.1,'],
     qr/bad list/],
    [['--file', $file, 'create', 'instance', 'x', '--overlap', '1h'],
     qr/does not take/],
    [['--file', $file, 'list', '--id', 'k1'], qr/does not take/],
    [['--file', $file, 'list', 'global', 'more'], qr/too many/],
    [['--file', $file, 'show', 'planet:x'], qr/no locator/],
    [['--file', $file, 'rotate', 'campaign:x:y'], qr/no locator/],
    [['--file', $file, 'verify', '--address', '10.0.0.0/8'], qr/bad address/],
    [['--file', $file, '--redis', $url, 'create', 'instance', 'x'],
     qr/two stores/],
    [['--file', $file, '--redis', $url, 'revoke', 'instance:x'],
     qr/two stores/],
    [['--redis', 'http://x', 'list'], qr/none of "redis:\/\/"/],
    [['--redis', 'redis://', 'list'], qr/no host/],
    [['--redis', 'redis://h:0', 'list'], qr/port/],
    [['--redis', 'redis://h:70000', 'list'], qr/port/],
    [['--redis', 'redis://h/x', 'list'], qr/database number/],
    [['--redis', 'redis://[::1', 'list'], qr/IPv6/],
    [['--redis', 'sentinel://h', 'list'], qr/name of a primary/],
    [['--redis', $url, '--ca', 'x', 'list'], qr/are for rediss/],
    [['--redis', 'rediss://h', '--cert', 'x', 'list'], qr/go together/],
    [['--redis', 'rediss://h', '--key', 'x', 'list'], qr/go together/],
    [['--redis', 'redis://u@h', 'list'], qr/--password-file/],
    [['--redis', $url, '--db', 'x', 'list'], qr/--db is a number/],
    [['--redis', $url, '--prefix', 'x' x 200, 'list'], qr/prefix/],
    [['--file', $file, '--pepper', 'p1', 'list'], qr/ID:PATH/],
    [['--nonsense'], qr/nonsense/])
{
    my ($args, $expected) = @$case;
    my ($status, $out, $err) = keys_run($args);

    is($status, 2, "usage: @$args");
    is($out, '', 'nothing on stdout');
    like($err, $expected, 'says why');
}

ok(!-e $file, 'none of them made a file');

# what must not be shown, nor stay in the list of processes

my ($status, $out, $err) = keys_run(['--file', $file, 'create', 'instance',
                                     'x', '--token', 'Secr3tSecr3tSecr3t']);
is($status, 2, '--token VALUE');
like($err, qr/--token -/, 'names --token -');
unlike("$out$err", qr/Secr3t/, 'and does not repeat it');

for my $text ('redis://user:Secr3t@h', 'redis://:Secr3t@h',
              'redis://user:Secr3t@x@h')
{
    ($status, $out, $err) = keys_run(['--redis', $text, 'list']);
    is($status, 2, 'a password in the URL');
    like($err, qr/--password-file/, 'names --password-file');
    unlike("$out$err", qr/Secr3t/, 'and does not repeat it');

    local $ENV{EVOLU_REDIS_URL} = $text;
    ($status, $out, $err) = keys_run(['list']);
    is($status, 2, 'the same in EVOLU_REDIS_URL');
    unlike("$out$err", qr/Secr3t/, 'not repeated either');
}

# help

($status, $out) = keys_run(['--help']);
is($status, 0, '--help');
like($out, qr/Examples:/, 'teaches');

($status, $out) = keys_run(['--version']);
is($status, 0, '--version');
like($out, qr/^evolu-keys \d+\.\d+\.\d+$/, 'a version');

# the store cannot be reached

($status, $out, $err) = keys_run(['--redis', $url, 'list']);
is($status, 3, 'nobody listens');
like($err, qr/cannot connect/, 'says so');

{
    local $ENV{EVOLU_REDIS_URL} = $url;

    ($status) = keys_run(['create', 'instance', 'x']);
    is($status, 3, 'EVOLU_REDIS_URL names the store');

    ($status) = keys_run(['--file', $file, 'create', 'instance', 'x']);
    is($status, 0, 'a store on the command line wins over it');
}

# files that others can read

my $good = keys_pepper('p1', 'a');
my $bad = keys_pepper('p2', 'b');
chmod 0604, keys_file('p2.pepper');
write_file(keys_file('password'), "x\n", 0644);

for my $case (
    [['--file', $file, '--pepper', $bad, 'list'], qr/pepper file/],
    [['--redis', $url, '--pepper', $bad, 'list'], qr/pepper file/])
{
    ($status, undef, $err) = keys_run($case->[0]);
    is($status, 1, 'a pepper that others can read is refused');
    like($err, qr/others can read .*chmod 0640/, 'says what to do');
}

chmod 0644, $file;
for my $command (['list'], ['create', 'instance', 'y'], ['check']) {
    ($status, undef, $err) = keys_run(['--file', $file, @$command]);
    is($status, 1, "a key file that others can read: @$command");
    like($err, qr/others can read key file/, 'says so');
}

chmod 0640, $file;
($status) = keys_run(['--file', $file, 'list']);
is($status, 0, 'a group may read it');

# peppers

write_file(keys_file('p3.pepper'), "short\n", 0600);
($status, undef, $err) = keys_run(['--file', $file, '--pepper',
                                   'p3:' . keys_file('p3.pepper'), 'list']);
is($status, 1, 'a pepper that is none');
unlike($err, qr/short/, 'is not shown');

($status) = keys_run(['--file', $file, '--pepper', $good, '--pepper', $good,
                      'list']);
is($status, 1, 'the same pepper id twice');

($status) = keys_run(['--file', $file, '--pepper', 'p1:/nonexistent',
                      'list']);
is($status, 1, 'no such pepper file');

# nowhere to write to

($status, $out, $err) = do {
    my $run = fork;

    if ($run == 0) {
        open STDOUT, '>', '/dev/full';
        open STDERR, '>', keys_file('full.err');
        exec keys_binary(), '--file', $file, 'create', 'instance', 'full';
    }

    waitpid $run, 0;
    ($? >> 8, '', read_file(keys_file('full.err')));
};
is($status, 1, 'a credential that cannot be printed');
like($err, qr/could not be shown: revoke it/, 'is reported');

done_testing();
