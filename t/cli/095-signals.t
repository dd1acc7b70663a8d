# Copyright (C) Evolu Auth Authors
#
# evolu-keys and signals: a small library in front of the C library's calls
# sends them at the worst moment.  A key that was made is shown, the key file is
# the old one or the new one, and nothing is left beside it.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/../lib";

use EvoluKeys;
use POSIX qw(SIGHUP SIGINT SIGKILL SIGTERM);
use Test::More;

plan skip_all => 'no other library may stand before that of ASan'
    if ($ENV{EVOLU_SUITE} || '') eq 'cli-sanitize';

redis_start();

my $file = keys_file('keys');
my $library = keys_file('signals.so');
my ($status, $out, $err);

# SIGNAL_AT=rename SIGNAL=2: before the first call of that name

write_file(keys_file('signals.c'), <<'END');
#define _GNU_SOURCE
#include <dlfcn.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static void now(const char *name)
{
    static int done;
    const char *at = getenv("SIGNAL_AT");

    if (at != NULL && strcmp(at, name) == 0 && !done++) {
        kill(getpid(), atoi(getenv("SIGNAL")));
    }
}

int fsync(int fd)
{
    int (*next)(int) = dlsym(RTLD_NEXT, "fsync");
    now("fsync");
    return next(fd);
}

int rename(const char *from, const char *to)
{
    int (*next)(const char *, const char *) = dlsym(RTLD_NEXT, "rename");
    now("rename");
    return next(from, to);
}

int flock(int fd, int operation)
{
    int (*next)(int, int) = dlsym(RTLD_NEXT, "flock");
    now("flock");
    return next(fd, operation);
}

ssize_t send(int fd, const void *data, size_t len, int flags)
{
    ssize_t (*next)(int, const void *, size_t, int)
        = dlsym(RTLD_NEXT, "send");
    if (len > 4 && memmem(data, len, "EXEC", 4) != NULL) {
        now("exec");
    }
    return next(fd, data, len, flags);
}
END

system('gcc', '-shared', '-fPIC', '-o', $library, keys_file('signals.c'),
       '-ldl') == 0 or die "gcc\n";

sub signalled {
    my ($at, $signal, $args, $stdin) = @_;

    local @ENV{qw(LD_PRELOAD SIGNAL_AT SIGNAL)} = ($library, $at, $signal);
    ($status, $out, $err) = keys_run($args, $stdin);
}

sub left { return scalar(() = glob(keys_file('.evolu-keys.*'))) }

my @file = ('--file', $file);
my @redis = ('--redis', redis_url());

keys_run([@file, 'create', 'global']);

my $id = 0;

for my $signal (SIGINT, SIGTERM, SIGHUP) {
    for my $at ('fsync', 'rename') {
        my $before = read_file($file);

        signalled($at, $signal, [@file, 'create', 'instance', 'shop', '--id',
                                 'i' . ++$id]);
        is($status, "signal $signal", "signal $signal at $at: it ends by it");
        like($out, qr/^\w{40}\n\z/, 'but the credential was shown');
        like(read_file($file), qr/^\Q$before\Einstance shop i$id hash=\S+\n\z/,
             'and the file is the new one');
        is(left(), 0, 'nothing is left beside it');

        my ($code) = keys_run([@file, 'verify', 'instance:shop'], $out);
        is($code, 0, 'and it is good');
    }

    signalled('exec', $signal, [@redis, 'create', 'instance', "r$signal"]);
    is($status, "signal $signal", "signal $signal at EXEC: it ends by it");
    like($out, qr/^\w{40}\n\z/, 'but the credential was shown');

    my ($code) = keys_run([@redis, 'verify', "instance:r$signal"], $out);
    is($code, 0, 'and it is good');
}

# while it waits for others it can be ended at once, and nothing is made

for my $signal (SIGINT, SIGTERM) {
    my $before = read_file($file);

    signalled('flock', $signal, [@file, 'create', 'instance', 'shop']);
    is($status, "signal $signal", 'before the lock');
    is($out, '', 'no credential');
    is(read_file($file), $before, 'the file is the old one');
}

# what cannot wait: the old file is whole

for my $at ('fsync', 'rename') {
    my $before = read_file($file);

    signalled($at, SIGKILL, [@file, 'revoke', 'instance:shop']);
    is($status, 'signal ' . SIGKILL, "killed at $at");
    is(read_file($file), $before, 'the file is the old one');
    is(left(), 1, 'a new one was begun');
    unlink glob(keys_file('.evolu-keys.*'));
}

# other changes of the file

signalled('rename', SIGTERM, [@file, 'revoke', 'instance:shop', 'i1']);
is($status, 'signal ' . SIGTERM, 'revoke');
unlike(read_file($file), qr/ i1 /, 'is done');
is(left(), 0, 'nothing is left');

signalled('rename', SIGINT, [@file, 'import', 'instances'],
          "a,TOKEN-0123456789\n");
is($status, 'signal ' . SIGINT, 'import');
like(read_file($file), qr/^instance a import /m, 'is done');

# under nohup a hangup is none

{
    local $SIG{HUP} = 'IGNORE';
    signalled('rename', SIGHUP, [@file, 'create', 'instance', 'nohup']);
    is($status, 0, 'a signal that is ignored');
    like($out, qr/^\w{40}\n\z/, 'changes nothing');
}

# it leaves no core behind, where others do

sub core {
    my (@command) = @_;

    pipe my $in, my $out;

    my $pid = fork;

    die "fork: $!\n" unless defined $pid;

    if ($pid == 0) {
        open STDIN, '<&', $in;
        open STDOUT, '>', '/dev/null';
        open STDERR, '>', '/dev/null';
        chdir keys_file('');
        exec 'bash', '-c', 'ulimit -c unlimited; exec "$@"', 'bash', @command
            or POSIX::_exit(127);
    }

    syswrite $out, 'half-a-credential';

    # it has read that when the pipe is empty

    until_true(20, sub {
        my $left = pack 'i', 0;
        ioctl $in, 0x541B, $left;               # FIONREAD
        return unpack('i', $left) == 0;
    });

    kill 'SEGV', $pid;
    waitpid $pid, 0;

    return $? & 128;
}

SKIP: {
    skip 'no cores here', 1 unless core('cat');
    ok(!core(keys_binary(), @redis, 'verify'), 'no core');
}

done_testing();
