# Copyright (C) Evolu Auth Authors
#
# evolu-keys import with 100,000 rows: time and memory; what a terminal shows;
# another writer meanwhile.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/../lib";

use Digest::SHA qw(sha256_hex);
use EvoluKeys;
use POSIX qw(WNOHANG);
use Test::More;
use Time::HiRes qw(sleep time);

my $rows = 100_000;

# what ASan keeps beside each block is not our memory

my $measured = ($ENV{EVOLU_SUITE} || '') ne 'cli-sanitize';
my $csv = keys_file('rows.csv');

sub token { return sprintf 'TOKEN-%06d-0123456789ABCDEF', $_[0] }

sub rows_write {
    my ($first, $last) = @_;

    open my $out, '>', $csv or die "$csv: $!\n";
    print $out "name,token,clientName\n";
    printf $out "instance-%06d-%s,%s,evolution\n", $_, 'x' x 20, token($_)
        for $first .. $last;
    close $out;
}

# Runs on the file of rows; gives status, stdout, seconds and the peak of its
# memory in KiB, which is read while it runs.

sub large_run {
    my (@args) = @_;
    my ($out, $err) = (keys_file('large.out'), keys_file('large.err'));
    my ($began, $peak) = (time, 0);
    my $pid = fork;

    die "fork: $!\n" unless defined $pid;

    if ($pid == 0) {
        open STDIN, '<', $csv;
        open STDOUT, '>', $out;
        open STDERR, '>', $err;
        exec keys_binary(), @args, 'import', 'instances', '--prune'
            or POSIX::_exit(127);
    }

    while (waitpid($pid, WNOHANG) == 0) {
        if (open my $status, '<', "/proc/$pid/status") {
            my ($now) = join('', <$status>) =~ /^VmHWM:\s+(\d+)/m;
            $peak = $now if defined $now && $now > $peak;
        }

        sleep 0.01;
    }

    my $status = $? & 127 ? 'signal ' . ($? & 127) : $? >> 8;

    diag read_file($err) if $status ne '0';

    return ($status, read_file($out), time - $began, $peak);
}

redis_start();

my @redis = ('--redis', redis_url());

rows_write(1, $rows);

for my $case (['first', qr/^created $rows, changed 0, unchanged 0, removed 0/],
              ['second', qr/^created 0, changed 0, unchanged $rows, removed 0/])
{
    my ($status, $out, $seconds, $peak) = large_run(@redis);

    is($status, 0, "the $case->[0] run");
    like($out, $case->[1], 'counts');
    ok(!$measured || $peak < 64 * 1024, "memory below 64 MiB ($peak KiB)");
    note(sprintf '%.1f s', $seconds);
}

rows_write($rows / 2, $rows + 10);
my ($status, $out, undef, $peak) = large_run(@redis);
is($status, 0, 'half of them are gone');
my $gone = $rows / 2 - 1;
like($out, qr/^created 10, changed 0, unchanged \d+, removed $gone,/,
     'counts');
ok(!$measured || $peak < 64 * 1024, "memory below 64 MiB ($peak KiB)");

is(redis('HGET', 'evolu:instance:instance-100010-' . 'x' x 20, 'key.import'),
   'hash=sha256:' . sha256_hex(token(100_010)), 'one of them');
is(redis('EXISTS', 'evolu:token:sha256:' . sha256_hex(token(1))), 0,
   'the index lost what is gone');
is(redis('DBSIZE'), 2 * ($rows / 2 + 11) + 1,
   'a record, a set each, and the epoch');

# others write while it runs: nothing is lost, and what they wrote stays

my $run = fork;

if ($run == 0) {
    for my $i (1 .. 400) {
        my $name = sprintf 'instance-%06d-%s', $rows / 2 + $i * 100,
                           'x' x 20;
        redis('HSET', "evolu:instance:$name", 'livemode', 'false');
        redis('HSET', "evolu:instance:$name", 'key.k1',
              'hash=sha256:' . '1' x 64);
    }

    POSIX::_exit(0);
}

keys_run([@redis, '--pepper', keys_pepper('p1', 'a'), 'import', 'instances'],
         read_file($csv));
waitpid $run, 0;

my %record = @{redis('HGETALL', 'evolu:instance:instance-090000-'
                     . 'x' x 20)};
is($record{'key.k1'}, 'hash=sha256:' . '1' x 64, 'what the other wrote');
like($record{'key.import'}, qr/^hash=hmac-sha256\/p1:/, 'and what we did');

redis_stop();

# the key file is held whole

my $file = keys_file('keys');

rows_write(1, $rows);
($status, $out, my $seconds, $peak) = large_run('--file', $file);
is($status, 0, 'into a key file');
like($out, qr/^created $rows,/, 'counts');
note(sprintf '%d KiB, %.1f s', $peak, $seconds);
($status, $out, $seconds, $peak) = large_run('--file', $file);
like($out, qr/^created 0, changed 0, unchanged $rows,/, 'again');
ok(!$measured || $peak < 256 * 1024, "memory below 256 MiB ($peak KiB)");

# progress, where somebody looks

redis_start();

my $command = "evolu-keys --redis @{[redis_url()]}";

(undef, my $shown) = keys_shown(80, "$command import instances < '$csv'");
like($shown, qr/\r\e\[Kevolu-keys: writing \[#* *\] [\d,]+ of 100,000/,
     'progress on a terminal');
like($shown, qr/\r\e\[Kcreated 100000/, 'and then the end in its place');

(undef, $shown) = keys_shown(80, "$command import instances < '$csv' "
                             . '2> /dev/null');
unlike($shown, qr/writing/, 'none where nobody sees it');

($status, $shown) = keys_shown(80, "$command check");
is($status, 0, 'check');
like($shown, qr/\revolu-keys|\e\[Kevolu-keys: checking records: [\d,]+/,
     'progress, too');
like($shown, qr/checking the token index: \[#* *\] [\d,]+ of 100,000/,
     'of both its parts');
unlike($shown, qr/\e\[\d+m/, 'nothing to colour');

for my $columns (80, 40) {
    (undef, $shown) = keys_shown($columns, "$command check");
    my @wide = grep { length > $columns - 1 } $shown =~ /\e\[K([^\r\n]*)/g;
    is("@wide", '', "no line of it is too long for $columns columns");
}

done_testing();
