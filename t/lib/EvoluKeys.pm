# Copyright (C) Evolu Auth Authors
#
# Runs evolu-keys in tests: against a redis-server of our own on a socket in a
# temporary folder, and against key files there.  Both end with the test.

package EvoluKeys;

use strict;
use warnings;

use Cwd qw(abs_path);
use Exporter qw(import);
use File::Basename qw(dirname);
use File::Temp qw(tempdir);
use IO::Select;
use IO::Socket::INET;
use IO::Socket::UNIX;
use IPC::Open3 qw(open3);
use JSON::PP ();
use POSIX ();
use Symbol qw(gensym);

our @EXPORT = qw(keys_run keys_start keys_wait keys_binary keys_file keys_json
                 keys_shown keys_terminal keys_pepper redis_start redis_stop redis redis_at redis_url
                 free_port server_start server_stop until_true read_file
                 write_file);

my $top = abs_path(dirname(__FILE__) . '/../..');
my $binary = abs_path($ENV{EVOLU_KEYS} || "$top/build/evolu-keys");
my $dir = tempdir('evolu-keys.XXXXXX', TMPDIR => 1, CLEANUP => 1);
my $main = $$;
my ($server, $socket);
my %servers;                            # others, pids by ports
my $ports = 0;
my %given;

delete @ENV{grep { /^EVOLU_(?:REDIS_|PEPPER)/ || $_ eq 'NO_COLOR' } keys %ENV};
$ENV{LC_ALL} = 'C.UTF-8';
$ENV{TERM} = 'xterm';
$SIG{PIPE} = 'IGNORE';

sub keys_binary { return $binary }


# keys_run([ARGUMENTS], stdin) gives (exit status, stdout, stderr)

sub keys_run {
    my ($args, $stdin) = @_;

    return keys_wait(keys_start($args, $stdin));
}


sub keys_start {
    my ($args, $stdin) = @_;
    my ($in, $out, $err) = (undef, undef, gensym);

    my $pid = open3($in, $out, $err, $binary, @$args);

    print $in $stdin if defined $stdin;
    close $in;

    return { pid => $pid, out => $out, err => $err };
}


sub keys_wait {
    my ($run) = @_;
    my %text = (out => '', err => '');
    my %name = (fileno($run->{out}) => 'out', fileno($run->{err}) => 'err');
    my $select = IO::Select->new($run->{out}, $run->{err});

    while ($select->count) {
        my @ready = $select->can_read(30) or die "evolu-keys hangs\n";

        for my $handle (@ready) {
            my $n = sysread $handle, my $data, 65536;

            $select->remove($handle) unless $n;
            $text{$name{fileno $handle}} .= $data if $n;
        }
    }

    waitpid $run->{pid}, 0;

    my $status = $? & 127 ? "signal " . ($? & 127) : $? >> 8;

    return ($status, $text{out}, $text{err});
}


# The answer with --json, decoded

sub keys_json {
    my ($args, $stdin) = @_;
    my ($status, $out) = keys_run([@$args, '--json'], $stdin);

    return ($status, eval { JSON::PP->new->utf8->decode($out) });
}


# What stands on a terminal of so many columns after a shell command, in which
# "evolu-keys" is ours.  script(1) is the terminal.

sub keys_shown {
    my ($columns, $command) = @_;
    my $run = keys_terminal($columns, $command);

    close $run->{in};

    my ($status, $out) = keys_wait($run);

    $out =~ s/\r\n/\n/g;
    return ($status, $out);
}


sub keys_terminal {
    my ($columns, $command) = @_;
    my ($in, $out, $err) = (undef, undef, gensym);
    my $script = write_file("$dir/terminal.sh", "stty cols $columns rows 24\n"
                            . "evolu-keys() { '$binary' \"\$@\"; }\n"
                            . "$command\n");
    my $pid = open3($in, $out, $err, 'script', '-qec', "bash '$script'",
                    '/dev/null');

    return { pid => $pid, in => $in, out => $out, err => $err };
}


sub keys_file {
    my ($name) = @_;

    return "$dir/$name";
}


# A pepper file; gives ID:PATH

sub keys_pepper {
    my ($id, $digit) = @_;

    write_file("$dir/$id.pepper", $digit x 64 . "\n", 0600);

    return "$id:$dir/$id.pepper";
}


sub write_file {
    my ($path, $text, $mode) = @_;

    open my $file, '>', $path or die "$path: $!\n";
    print $file $text;
    close $file;
    chmod $mode, $path if defined $mode;

    return $path;
}


sub read_file {
    my ($path) = @_;

    open my $file, '<', $path or die "$path: $!\n";
    local $/;

    return scalar <$file>;
}


sub redis_start {
    my (@options) = @_;

    $socket = "$dir/redis.sock";
    $server = fork;

    die "fork: $!\n" unless defined $server;

    if ($server == 0) {
        open STDOUT, '>', "$dir/redis.log";
        open STDERR, '>&', \*STDOUT;
        exec 'redis-server', '--port', '0', '--unixsocket', $socket,
             '--save', '', '--appendonly', 'no', '--dir', $dir, @options
            or POSIX::_exit(127);
    }

    for (1 .. 200) {
        my $reply = eval { redis('PING') };

        return if defined $reply;
        die "redis-server ended\n" if waitpid($server, POSIX::WNOHANG()) > 0;

        select undef, undef, undef, 0.05;
    }

    die "redis-server does not answer\n";
}


sub redis_stop {
    return unless $server;

    kill 'TERM', $server;
    waitpid $server, 0;
    undef $server;
}


sub redis_url { return "unix:$socket" }


# More servers, on ports of 127.0.0.1; gives the port.  Options are those of
# redis-server; a first one that is no option is a file.

sub server_start {
    my (@options) = @_;
    my $port = free_port();
    my $pid = fork;

    die "fork: $!\n" unless defined $pid;

    if ($pid == 0) {
        open STDIN, '<', '/dev/null';
        open STDOUT, '>', "$dir/redis-$port.log";
        open STDERR, '>&', \*STDOUT;
        mkdir "$dir/$port";
        my @file = @options && $options[0] !~ /^-/ ? shift @options : ();
        exec 'redis-server', @file, '--port', $port, '--bind', '127.0.0.1',
             '--dir', "$dir/$port", '--save', '', '--appendonly', 'no',
             '--repl-diskless-sync-delay', '0', @options
            or POSIX::_exit(127);
    }

    $servers{$port} = $pid;

    # any reply will do: it may want a password

    until_true(10, sub { eval { redis_at($port, 'PING') } })
        or die "redis-server does not answer: "
               . read_file("$dir/redis-$port.log");

    return $port;
}


sub server_stop {
    my ($port, $signal) = @_;
    my $pid = delete $servers{$port} or return;

    kill $signal || 'TERM', $pid;
    waitpid $pid, 0;
}


# Of the 16 ports that scripts/one-test.sh claims for each file, then any

sub free_port {
    while ($ENV{TEST_NGINX_PORT} && $ports < 16) {
        my $probe = IO::Socket::INET->new(
            Listen => 1, LocalAddr => '127.0.0.1',
            LocalPort => $ENV{TEST_NGINX_PORT} + $ports++);

        return $probe->sockport if $probe;
    }

    for ( ;; ) {
        my $port = IO::Socket::INET->new(Listen => 1,
                                         LocalAddr => '127.0.0.1')->sockport;

        return $port unless $given{$port}++;
    }
}


sub until_true {
    my ($seconds, $test) = @_;
    my $end = time + $seconds;

    while (time < $end) {
        return 1 if $test->();
        select undef, undef, undef, 0.05;
    }

    return $test->();
}


sub redis_at {
    my ($port, @words) = @_;

    return redis_ask(IO::Socket::INET->new(PeerAddr => "127.0.0.1:$port"),
                     @words);
}


# One command on a connection of its own.  Errors come back as a text that
# begins with "-".

sub redis {
    my (@words) = @_;

    return redis_ask(IO::Socket::UNIX->new(Peer => $socket), @words);
}


sub redis_ask {
    my ($link, @words) = @_;

    die "redis: $!\n" unless $link;

    print $link '*' . @words . "\r\n",
                map { '$' . length($_) . "\r\n$_\r\n" } @words;
    $link->flush;

    return redis_reply($link);
}


sub redis_reply {
    my ($link) = @_;
    my $line = do { local $/ = "\r\n"; <$link> };

    die "redis: no reply\n" unless defined $line;

    my ($type, $rest) = $line =~ /^(.)(.*)\r\n\z/s;

    return "-$rest" if $type eq '-';
    return $rest if $type eq '+' || $type eq ':';
    return undef if $rest == -1;

    if ($type eq '$') {
        read $link, my $data, $rest + 2;
        return substr $data, 0, $rest;
    }

    return [map { redis_reply($link) } 1 .. $rest];
}


END {
    if ($$ == $main) {
        my $status = $?;
        redis_stop();
        server_stop($_, 'KILL') for keys %servers;
        $? = $status;
    }
}

1;
