package EvoluBench;

# Copyright (C) Evolu Auth Authors
#
# What the bench runs: a Redis with records, the service behind the guards, and
# the guards themselves, each with a configuration of bench/conf.  All of it
# lives in a temporary folder and on loopback, and ends with this process.

use strict;
use warnings;

use Cwd qw(abs_path);
use File::Basename qw(dirname);
use File::Path qw(make_path);
use File::Temp qw(tempdir);
use IO::Socket::INET;
use POSIX qw(WNOHANG _exit);
use Time::HiRes qw(sleep time);


our $TOP = abs_path(dirname(__FILE__) . '/../..');

my $PEPPER = '42' x 32;

# ports that the configurations name, one free port each

my @PORTS = qw(redis proxy headers headers4 refuse module map auth_request lua);

# what the map of clear-text keys holds

my $MAPPED = 10_000;


# zone: size of the module's zone, and of Lua's dictionary; more: parameters of
# the zone; cpus: CPU of the guards, and that of all the rest

sub new {
    my ($class, %is) = @_;

    my $self = bless {
        build => abs_path($ENV{BUILD} || "$TOP/build"),
        dir => tempdir('evolu-bench.XXXXXX', TMPDIR => 1),
        zone => '64m',
        more => 'negative=1h',
        owner => $$,
        children => [],
        %is
    }, $class;

    $ENV{PATH} .= ':/usr/sbin';
    umask(022);
    chmod(0755, $self->{dir});
    make_path("$self->{dir}/tmp");

    $SIG{INT} = $SIG{TERM} = sub { exit 130 };

    $self->{port} = { free_ports(@PORTS) };

    return $self;
}


# Free ports by name, from below the range that the kernel takes client ports
# from.

sub free_ports {
    my @names = @_;
    my %socket;

    for my $try (1 .. 1000) {
        my $port = 10_000 + int(rand(20_000));

        $socket{$port} ||= IO::Socket::INET->new(LocalAddr => '127.0.0.1',
                                                 LocalPort => $port,
                                                 Listen => 1)
            or delete $socket{$port};

        last if keys %socket == @names;
    }

    die "no free ports\n" if keys %socket < @names;

    my %port;

    @port{@names} = keys %socket;

    return %port;
}


sub dir { return $_[0]{dir} }
sub port { return $_[0]{port}{$_[1]} }
sub pid { return $_[0]{pid}{$_[1]} }


# Writes FILE, readable by its owner alone.

sub write_private {
    my ($self, $file, $text) = @_;

    open(my $fh, '>', "$self->{dir}/$file") or die "$file: $!\n";
    chmod(0600, "$self->{dir}/$file");
    print {$fh} $text;
    close($fh) or die "$file: $!\n";

    return;
}


# The configurations, with this run's folder, ports and sizes filled in.

sub configure {
    my ($self) = @_;

    my %value = (
        DIR => $self->{dir},
        MODULE => "$self->{build}/ngx_http_evolu_auth_module.so",
        ZONE => $self->{zone},
        ZONE_MORE => $self->{more},
        map { ('PORT_' . uc($_) => $self->{port}{$_}) } @PORTS
    );

    $self->write_private('pepper', $PEPPER);
    $self->write_private('keys',
                         'global g1 hash=hmac-sha256/p1:' . 'ab' x 32 . "\n");

    for my $path (glob("$TOP/bench/conf/*")) {
        open(my $in, '<', $path) or die "$path: $!\n";
        my $text = do { local $/; <$in> };
        close($in);

        $text =~ s/\@([A-Z0-9_]+)\@/$value{$1} || die "$path: $1\n"/ge;

        my $name = $path =~ s{.*/}{}r;

        open(my $out, '>', "$self->{dir}/$name") or die "$name: $!\n";
        print {$out} $text;
        close($out) or die "$name: $!\n";
    }

    return;
}


# spawn NAME, COMMAND...: its output goes to NAME.out.

sub spawn {
    my ($self, $name, @command) = @_;
    my $pid = fork();

    die "fork: $!\n" if !defined $pid;

    if ($pid == 0) {
        $SIG{INT} = $SIG{TERM} = 'DEFAULT';

        open(STDIN, '<', '/dev/null') or _exit(127);
        open(STDOUT, '>', "$self->{dir}/$name.out") or _exit(127);
        open(STDERR, '>&', \*STDOUT) or _exit(127);

        exec { $command[0] } @command or _exit(127);
    }

    push @{ $self->{children} }, $pid;
    $self->{pid}{$name} = $pid;

    return $pid;
}


# Prefix of a command that is to run on the guards' CPU or on the other one

sub on {
    my ($self, $place) = @_;

    return () if !defined $self->{cpus};
    return ('taskset', '-c', $self->{cpus}{$place});
}


sub start_redis {
    my ($self) = @_;

    $self->spawn('redis', $self->on('rest'), 'redis-server', '--bind',
                 '127.0.0.1', '--port', $self->{port}{redis}, '--save', '',
                 '--appendonly', 'no', '--dir', $self->{dir});

    $self->await('redis', sub { $self->listens('redis') });

    return;
}


sub start_backend {
    my ($self) = @_;

    $self->nginx('backend', place => 'rest', workers => 1);
    $self->await('backend', sub { -S "$self->{dir}/backend.sock" });

    return;
}


# Starts a guard, or the floor; workers => 0: one process, which is how
# callgrind sees it.

sub start_guard {
    my ($self, $name, %is) = @_;

    if ($name eq 'map' || $name eq 'auth_request') {
        $self->write_map;
    }

    if ($name eq 'auth_request') {
        $self->nginx('authorizer', place => 'guard', workers => 1, %is,
                     under => undef);
        $self->await('authorizer', sub { -S "$self->{dir}/authorizer.sock" });
    }

    $self->nginx($name, place => 'guard', workers => 0, %is);

    for my $port ($name eq 'floor' ? qw(proxy headers headers4 refuse)
                                   : ($name))
    {
        $self->await($name, sub { $self->listens($port) });
    }

    return;
}


# The keys of the first records in clear text, as "map" reads them

sub write_map {
    my ($self) = @_;
    my $map = "$self->{dir}/campaigns.map";

    return if -e $map;

    open(my $out, '>', $map) or die "$map: $!\n";
    open(my $keys, '-|', "$self->{build}/bench/records", 'keys', $PEPPER, 0,
         $MAPPED)
        or die "records: $!\n";

    while (my $key = <$keys>) {
        chomp($key);
        print {$out} qq{"Bearer $key" "}, (split /_/, $key)[2], qq{";\n};
    }

    close($keys) && close($out) or die "$map: $!\n";

    return;
}


sub nginx {
    my ($self, $name, %is) = @_;
    my $dir = $self->{dir};

    my @main = ('daemon off', "pid $dir/$name.pid",
                "error_log $dir/$name.log crit",
                'master_process ' . ($is{workers} ? 'on' : 'off'),
                'worker_processes ' . ($is{workers} || 1));

    push @main, 'user root' if $> == 0;
    push @main, 'worker_cpu_affinity auto' if $is{affinity};

    return $self->spawn($name, $is{affinity} ? () : $self->on($is{place}),
                        @{ $is{under} || [] }, 'nginx', '-p', $dir, '-e',
                        "$dir/$name.log", '-c', "$dir/$name.conf", '-g',
                        join('; ', @main) . ';');
}


# The processes whose time a request to this guard takes

sub workers {
    my ($self, $name) = @_;
    my @workers;

    for my $nginx ($name, $name eq 'auth_request' ? 'authorizer' : ()) {
        my $pid = $self->{pid}{$nginx};

        open(my $fh, '<', "/proc/$pid/task/$pid/children")
            or die "$nginx: $!\n";
        push @workers, split(' ', <$fh> || '');
        close($fh);
    }

    return @workers;
}


sub stop {
    my ($self, $name, $signal) = @_;
    my $pid = delete $self->{pid}{$name};

    return if !defined $pid;

    kill($signal || 'TERM', $pid);
    waitpid($pid, 0);

    @{ $self->{children} } = grep { $_ != $pid } @{ $self->{children} };

    return;
}


sub listens {
    my ($self, $name) = @_;

    return IO::Socket::INET->new(PeerAddr => '127.0.0.1',
                                 PeerPort => $self->{port}{$name},
                                 Timeout => 1);
}


sub await {
    my ($self, $name, $true) = @_;
    my $deadline = time + 60;

    until ($true->()) {
        if (time > $deadline
            || waitpid($self->{pid}{$name}, WNOHANG) == $self->{pid}{$name})
        {
            die "$name does not start:\n" . $self->text("$name.out")
                . $self->text("$name.log");
        }

        sleep(0.02);
    }

    return;
}


sub text {
    my ($self, $name) = @_;

    open(my $fh, '<', "$self->{dir}/$name") or return '';
    local $/;
    my $text = <$fh>;
    close($fh);

    return defined $text ? $text : '';
}


# The first number that INFO of Redis has under that name; 0: none

sub redis_info {
    my ($self, $section, $name) = @_;
    my $info = qx(redis-cli -p $self->{port}{redis} info $section);

    return $info =~ /^\Q$name\E:(?:calls=)?(\d+)/m ? $1 : 0;
}


# How often records were asked for, by the module or by Lua

sub redis_reads {
    my ($self) = @_;

    return $self->redis_info('commandstats', 'cmdstat_hgetall')
           + $self->redis_info('commandstats', 'cmdstat_get');
}


# Kibibytes of the module's zone that a worker has touched

sub zone_size {
    my ($self, $pid) = @_;
    my ($mib) = $self->{zone} =~ /^(\d+)m$/;
    my $kib = $mib * 1024;
    my $text = '';

    open(my $fh, '<', "/proc/$pid/smaps") or die "smaps: $!\n";
    { local $/; $text = <$fh>; }
    close($fh);

    if ($text =~ m{/dev/zero\ [^\n]*\nSize:\ +$kib\ kB\n
                   .*?^Rss:\ +(\d+)\ }msx)
    {
        return $1;
    }

    die "no zone of $kib KiB among the maps of $pid\n";
}


# Seconds of CPU that a process has used

sub cpu {
    my ($self, $pid) = @_;

    open(my $fh, '<', "/proc/$pid/schedstat") or die "schedstat: $!\n";
    my ($time) = split(' ', <$fh>);
    close($fh);

    return $time / 1e9;
}


# The same of all that was started here

sub cpu_of_all {
    my ($self) = @_;
    my $sum = 0;

    for my $pid (@{ $self->{children} }) {
        open(my $fh, '<', "/proc/$pid/task/$pid/children") or next;
        my @workers = split(' ', <$fh> || '');
        close($fh);

        $sum += $self->cpu($_) for $pid, @workers;
    }

    return $sum;
}


# Revokes records among the first COUNT and writes them again, RATE a second,
# until the process that it returns is ended.

sub start_churn {
    my ($self, $count, $rate) = @_;
    my $pid = fork();

    die "fork: $!\n" if !defined $pid;

    if ($pid) {
        push @{ $self->{children} }, $pid;
        $self->{pid}{churn} = $pid;
        return;
    }

    $SIG{TERM} = 'DEFAULT';

    my $command = "'$self->{build}/bench/records' campaigns $PEPPER 0 $count";
    my @records = split(/(?=^\*6\r\n)/m, qx($command));
    my $socket = $self->listens('redis');

    $records[-1] =~ s/\*3\r\n.*//s;

    for (my $i = 0; ; $i = ($i + 7919) % @records) {
        my ($key) = $records[$i] =~ /^(evolu:\S+)/m;

        syswrite($socket, "*2\r\n\$3\r\nDEL\r\n\$" . length($key)
                          . "\r\n$key\r\n") or _exit(1);
        sleep(1 / $rate);
        syswrite($socket, $records[$i]) or _exit(1);
        sysread($socket, my $replies, 65_536) or _exit(1);
    }
}


# Writes records FIRST .. FIRST + COUNT - 1 of that kind into Redis.

sub fill {
    my ($self, $kind, $first, $count) = @_;

    my $command = "'$self->{build}/bench/records' $kind $PEPPER $first $count"
                  . " | redis-cli -p $self->{port}{redis} --pipe"
                  . " > '$self->{dir}/fill.out' 2>&1";

    system('bash', '-o', 'pipefail', '-c', $command) == 0
        && $self->text('fill.out') =~ /^errors: 0, replies: \d+$/m
        or die "records do not get into Redis:\n" . $self->text('fill.out');

    return;
}


# load PORT_NAME, WORKLOAD, ARG...: what bench/load counted, by name

sub load {
    my ($self, $port, $workload, @args) = @_;

    my @command = ($self->on('rest'), "$self->{build}/bench/load", @args,
                   $workload, $self->{port}{$port});

    open(my $fh, '-|', @command) or die "load: $!\n";
    my $line = <$fh>;

    close($fh) && defined $line or die "load failed: @command\n";

    return { $line =~ /(\w+)=(\S+)/g };
}


# The same, where every answer must have that status

sub load_all {
    my ($self, $status, @args) = @_;
    my $got = $self->load(@args);

    if (($got->{"status_$status"} || 0) != $got->{requests}) {
        die "not every answer is $status: @args: "
            . join(' ', map { "$_=$got->{$_}" }
                        grep { /^status/ } sort keys %$got) . "\n";
    }

    return $got;
}


# Ends what was started, and nothing else.

sub DESTROY {
    my ($self) = @_;

    return if $self->{owner} != $$;

    local ($?, $@, $!);

    kill('TERM', @{ $self->{children} });

    for my $pid (@{ $self->{children} }) {
        my $deadline = time + 10;

        while (waitpid($pid, WNOHANG) == 0) {
            kill('KILL', $pid) if time > $deadline;
            sleep(0.01);
        }
    }

    system('rm', '-rf', $self->{dir});

    return;
}


1;
