#!/usr/bin/perl

# Copyright (C) Evolu Auth Authors
#
# bench.pl [--quick] [--rest SECONDS] [PART...]
#
# Measures the module beside nginx without a guard and beside other guards, and
# writes what it finds into bench/results: run.jsonl, and from it, by report.pl,
# the tables and the plot.  Parts that are not run again stay as they are.
#
#     instructions  user-space instructions of a request, by callgrind
#     syscalls      its system calls, by strace
#     allow         CPU of requests that are let through
#     refuse        CPU of requests that are refused
#     cold          keys that are in no cache yet; 1,000,000 keys; the zone
#     workers       1, 2 and 4 workers
#     contention    look-ups in the zone, by processes that do nothing else
#     latency       open loop at half of what each guard can do, and a client
#                   alone
#
# How: guard and floor are both alive.  In slices of the same length the floor,
# the guard, the guard and the floor are asked (A B B A), so that what changes
# on the machine meanwhile falls on both; each four give one difference and one
# ratio, of which the median and its 95 % interval are told.  While others use
# the machine, up to twice as many fours are made, and the least disturbed of
# them count.  CPU time is that
# of the guard's own processes by the kernel's count, divided by answers.  With
# two CPUs or more the guard has the first for itself, and the client, the
# service behind and Redis have the second.  Logs are off.
#
# --rest has it sleep before each slice: on a machine that is shared, run it at
# a high priority ("echo -19 > /proc/self/autogroup" and nice) and let the
# others have every other second.

use strict;
use warnings;

use FindBin;
use Getopt::Long;
use JSON::PP;
use POSIX qw(strftime);
use Time::HiRes qw(sleep time);

use lib "$FindBin::Bin/lib";
use EvoluBench;
use EvoluBench::Stats qw(median interval);


my @PARTS = qw(instructions syscalls allow refuse cold workers contention
               latency);
my %RUN = (
    instructions => \&part_instructions, syscalls => \&part_syscalls,
    allow => \&part_allow, refuse => \&part_refuse, cold => \&part_cold,
    workers => \&part_workers, contention => \&part_contention,
    latency => \&part_latency
);

my @GUARDS = qw(map auth_request lua module);
my $RESULTS = "$EvoluBench::TOP/bench/results";

my $CONNECTIONS = 64;
my $KEYS = 10_000;
my $EACH = 60;                   # the longest that a slice may take

my ($quick, $rest) = (0, 0);

GetOptions('quick' => \$quick, 'rest=f' => \$rest)
    or die "see the head of $0\n";

my $fours = $quick ? 3 : 12;     # A B B A so often
my $heavy = $quick ? 2 : 5;      # where guards differ by more than the noise
my $slice = $quick ? 0.3 : 0.5;  # seconds
my $quiet = 0.03;                # of the machine's time, for others
my $million = $quick ? 100_000 : 1_000_000;

# What a slice may use up of records that are good once only

my $fresh = $quick ? 5_000 : 18_000;

my @parts = @ARGV ? @ARGV : @PARTS;
my @rows;

for my $part (@parts) {
    die "no part \"$part\": @PARTS\n" if !$RUN{$part};
}

$| = 1;


sub row {
    my (%row) = @_;

    push @rows, \%row;
    print '    ', JSON::PP->new->canonical->encode(\%row), "\n";

    return;
}


sub rounded {
    my ($number, $places) = @_;

    return 0 + sprintf("%.${places}f", $number);
}


# A stage with Redis, the service behind, and records of so many keys

sub stage {
    my (%is) = @_;
    my $cpus = processors();
    my $bench = EvoluBench->new(
        $cpus > 1 && !$is{unpinned} ? (cpus => { guard => 0, rest => 1 }) : (),
        %is
    );

    $bench->configure;
    $bench->start_redis;
    $bench->fill('campaigns', 0, $is{keys});
    $bench->fill('digests', 0, $is{keys});
    $bench->fill('instances', 0, 10);
    $bench->start_backend;

    return $bench;
}


sub processors {
    my $n = () = slurp('/proc/cpuinfo') =~ /^processor\s*:/mg;

    return $n;
}


sub slurp {
    my ($path) = @_;

    open(my $fh, '<', $path) or die "$path: $!\n";
    local $/;
    my $text = <$fh>;
    close($fh);

    return $text;
}


# Seconds that all CPUs were not idle; those stolen from this machine count

sub busy {
    my @ticks = (split ' ', slurp('/proc/stat'))[1 .. 8];
    my $busy = 0;

    # user, nice, system, then idle and waiting, interrupts, stolen

    $busy += $ticks[$_] for 0 .. 2, 5 .. 7;

    return $busy / POSIX::sysconf(POSIX::_SC_CLK_TCK);
}


# One slice: what load counted, with CPU and throughput by request

sub slice {
    my ($bench, $guard, $port, $status, @args) = @_;
    my @pids = map { ('-P', $_) } $bench->workers($guard);

    sleep($rest);

    my ($all, $ours) = (busy(), $bench->cpu_of_all);
    my $got = $status
              ? $bench->load_all($status, $port, @args, @pids)
              : $bench->load($port, @args, @pids);

    $got->{us} = $got->{cpu} / $got->{requests} * 1e6;
    $got->{rps} = $got->{requests} / $got->{seconds};
    $got->{others} = busy() - $all - ($bench->cpu_of_all - $ours)
                     - $got->{own};
    $got->{others} /= $got->{seconds} * processors();

    return $got;
}


# Guard against floor in fours of slices.  Of IS: send, what load sends; status,
# of the guard's answers (undef: any); port, if not the guard's own; once: no
# record is to be used twice; connections, seconds, rate, fours.

sub compare {
    my ($bench, $guard, %is) = @_;
    my $reads = $bench->redis_reads;
    my $wanted = $is{fours}
                 || ($guard =~ /^(?:lua|auth_request)$/ ? $heavy : $fours);
    my (@fours, $requests);

    while (@fours < $wanted
           || (@fours < 2 * $wanted
               && $wanted > grep { $_->{others} <= $quiet } @fours))
    {
        # names without a record there are as many as one likes

        last if $is{once} && !$is{status}
                && $bench->{used} + 2 * $fresh > $bench->{keys};

        push @fours, four($bench, $guard, scalar @fours, %is);
        $requests += $_->{requests} for @{ $fours[-1]{guard} };
    }

    $reads = $bench->redis_reads - $reads;
    @fours = sort { $a->{others} <=> $b->{others} } @fours;
    splice(@fours, $wanted) if @fours > $wanted;

    my @floor = map { @{ $_->{floor} } } @fours;
    my @guard = map { @{ $_->{guard} } } @fours;

    return {
        reads => rounded($reads / $requests, 3),
        others => of(3, 'others', @fours),
        floor_us => of(2, 'us', @floor), us => of(2, 'us', @guard),
        spread(3, 'added', @fours), spread(3, 'ratio', @fours),
        spread(1, 'p50_added', @fours),
        floor_rps => of(0, 'rps', @floor), rps => of(0, 'rps', @guard),
        map { ("floor_$_" => of(1, $_, @floor), $_ => of(1, $_, @guard)) }
            qw(p50 p99 p999)
    };
}


# Floor, guard, guard, floor

sub four {
    my ($bench, $guard, $i, %is) = @_;
    my $server = $is{port} && $is{port} =~ /^headers/ ? 'floor' : $guard;
    my $port = $is{port} || $guard;
    my $status = exists $is{status} ? $is{status} : 200;
    my @bare = ($status || 200) == 401 ? ('refuse', 401) : ('proxy', 200);
    my @args = (@{ $is{send} }, '-c', $is{connections} || $CONNECTIONS,
                $is{rate} ? ('-r', $is{rate}) : ());
    my (@a, @b);

    for my $side (qw(a b b a)) {
        my @now = (@args, '-s', 100 * $i + @a + @b);

        push @now, $is{once}
                   ? ('-e', '-f', $bench->{used}, '-k', $fresh, '-d', $EACH)
                   : ('-d', $is{seconds} || $slice);

        if ($side eq 'a') {
            push @a, slice($bench, 'floor', @bare, @now);
            next;
        }

        push @b, slice($bench, $server, $port, $status, @now);
        $bench->{used} += $fresh if $is{once};
    }

    my $sum = sub {
        my ($name, @slices) = @_;

        return $slices[0]{$name} + $slices[1]{$name};
    };

    return {
        floor => \@a, guard => \@b,
        others => ($sum->('others', @a) + $sum->('others', @b)) / 4,
        added => ($sum->('us', @b) - $sum->('us', @a)) / 2,
        ratio => $sum->('us', @b) / $sum->('us', @a),
        p50_added => ($sum->('p50', @b) - $sum->('p50', @a)) / 2
    };
}


# A median and its interval

sub spread {
    my ($places, $name, @fours) = @_;
    my @values = map { $_->{$name} } @fours;

    return ($name => rounded(median(@values), $places),
            "${name}_between" => [map { rounded($_, $places) }
                                      interval(@values)]);
}


sub of {
    my ($places, $name, @slices) = @_;

    return rounded(median(map { $_->{$name} } @slices), $places);
}


# Caches full, code compiled, connections made

sub warm {
    my ($bench, $guard, @send) = @_;

    $bench->load($guard, @send, '-e', '-c', $CONNECTIONS, '-d', $EACH);
    $bench->load($guard, @send, '-c', $CONNECTIONS, '-d', 0.5);

    return;
}


sub part_instructions {
    my $output = "$ENV{BUILD}/bench/instructions.tsv";
    my %workloads = (
        module => [],
        lua => [qw(warm warm10k wrong-secret unknown malformed missing cold)],
        map { $_ => [qw(warm warm10k wrong-secret malformed missing)] }
            qw(map auth_request)
    );

    for my $guard (@GUARDS) {
        system($^X, "$FindBin::Bin/instructions.pl", '--guard', $guard,
               '--output', $output, @{ $workloads{$guard} }) == 0
            or die "instructions.pl failed\n";

        for my $line (split /\n/, slurp($output)) {
            my ($workload, $floor, $all, $added, $target) = split /\t/, $line;

            # headers are added by nginx itself

            row(part => 'instructions', workload => $workload,
                guard => $workload =~ /^headers/ ? 'floor' : $guard,
                floor => 0 + $floor, added => 0 + $added,
                $target ? (target => 0 + $target) : ());
        }
    }

    return;
}


# System calls of a request over one connection: the slope between two numbers
# of requests

sub part_syscalls {
    my $bench = stage(keys => $KEYS);
    my ($few, $many) = (200, 1200);
    my @workloads = (
        [one => 200, 'valid'], [wrong => 401, 'wrong'],
        ['unknown-seen' => 401, 'unknown'], [malformed => 401, 'malformed'],
        [missing => 401, 'missing'], [cold => 200, 'valid', '-e']
    );

    for my $guard ('floor', @GUARDS) {
        $bench->start_guard($guard, workers => 1);
        $bench->{used} = 1000;

        for my $workload (@workloads) {
            my ($name, $status, @send) = @$workload;
            my $port = $guard ne 'floor' ? $guard
                       : $status == 401 ? 'refuse' : 'proxy';

            next if $name eq 'cold' && $guard =~ /map|auth_request/;

            $bench->load($port, @send, '-n', 100, '-d', $EACH)
                if $name ne 'cold';

            my %calls = map { $_ => strace($bench, $guard, $port, $_, @send) }
                            $few, $many;

            row(part => 'syscalls', guard => $guard, workload => $name,
                calls => rounded(($calls{$many} - $calls{$few})
                                 / ($many - $few), 1));
        }

        $bench->stop($guard);
    }

    return;
}


sub strace {
    my ($bench, $guard, $port, $n, @send) = @_;
    my $out = $bench->dir . '/strace';
    my @pids = map { ('-p', $_) } $bench->workers($guard);

    if (grep { $_ eq '-e' } @send) {
        push @send, '-f', $bench->{used}, '-k', $n;
        $bench->{used} += $n;
    }

    unlink($out);
    $bench->spawn('strace', 'strace', '-q', '-c', '-U', 'calls,name', '-o',
                  $out, @pids);
    $bench->await('strace', sub {
        !grep { slurp("/proc/$_/status") !~ /^TracerPid:\s+[1-9]/m }
              grep { $_ ne '-p' } @pids
    });

    $bench->load($port, @send, '-n', $n, '-d', $EACH);
    $bench->stop('strace', 'INT');

    my ($sum) = slurp($out) =~ /^\s*(\d+) total$/m;

    return $sum || 0;
}


sub part_allow {
    my $bench = stage(keys => $KEYS);

    $bench->start_guard($_, workers => 1) for 'floor', @GUARDS;

    for my $port (qw(headers headers4)) {
        row(part => 'allow', guard => $port, workload => 'one',
            %{ compare($bench, 'floor', port => $port, send => ['valid']) });
    }

    for my $guard (@GUARDS) {
        warm($bench, $guard, 'valid');
        row(part => 'allow', guard => $guard, workload => 'one',
            %{ compare($bench, $guard, send => ['valid']) });
    }

    my @token = ('token', '-p', '/i/');

    warm($bench, 'module', @token);
    row(part => 'allow', guard => 'module', workload => 'token',
        %{ compare($bench, 'module', send => \@token) });

    my @many = ('valid', '-k', $KEYS);

    for my $guard (@GUARDS) {
        warm($bench, $guard, @many);
        row(part => 'allow', guard => $guard, workload => 'many',
            %{ compare($bench, $guard, send => \@many) });
    }

    $bench->start_churn($KEYS, 200);

    for my $guard (qw(lua module)) {
        row(part => 'allow', guard => $guard, workload => 'mix',
            %{ compare($bench, $guard, send => ['mix', '-k', $KEYS],
                       status => undef) });
    }

    return;
}


sub part_refuse {
    my $bench = stage(keys => $KEYS);
    my @workloads = (
        [wrong => ['wrong', '-k', $KEYS], 0],
        ['unknown-new' => ['unknown'], 1],
        ['unknown-seen' => ['unknown'], 0],
        [malformed => ['malformed', '-k', $KEYS], 0],
        [missing => ['missing'], 0]
    );

    $bench->start_guard($_, workers => 1) for 'floor', @GUARDS;
    warm($bench, $_, 'valid', '-k', $KEYS) for @GUARDS;
    $bench->{used} = $KEYS;

    for my $workload (@workloads) {
        my ($name, $send, $once) = @$workload;

        for my $guard (@GUARDS) {
            $bench->load($guard, @$send, '-c', $CONNECTIONS, '-d', 0.5);
            row(part => 'refuse', guard => $guard, workload => $name,
                %{ compare($bench, $guard, send => $send, status => 401,
                           once => $once) });
        }
    }

    return;
}


sub part_cold {
    my $bench = stage(keys => $million, zone => $quick ? '64m' : '640m');

    $bench->start_guard('floor', workers => 1);

    # the zone, filled by requests, each for another record

    $bench->start_guard('module', workers => 1);

    my ($worker) = $bench->workers('module');
    my $before = $bench->zone_size($worker);
    my $got = slice($bench, 'module', 'module', 200, 'valid', '-e', '-k',
                    $million, '-c', $CONNECTIONS, '-d', 300);

    row(part => 'cold', guard => 'module', workload => 'fill',
        records => $million, seconds => rounded($got->{seconds}, 2),
        cpu_seconds => rounded($got->{cpu}, 2),
        bytes_per_record => rounded(($bench->zone_size($worker) - $before)
                                    * 1024 / $million, 1));

    # in Lua's dictionary, too

    $bench->start_guard('lua', workers => 1);
    warm($bench, 'lua', 'valid', '-k', $million);

    for my $guard (qw(lua module)) {
        row(part => 'cold', guard => $guard, workload => 'million',
            %{ compare($bench, $guard,
                       send => ['valid', '-k', $million]) });

        # the same process with one key: what a million of them costs more

        row(part => 'cold', guard => $guard, workload => 'million-one',
            %{ compare($bench, $guard, send => ['valid']) });
    }

    for my $guard (qw(lua module)) {
        $bench->stop($guard);
        $bench->start_guard($guard, workers => 1);
        $bench->{used} = 0;

        my $commands = $bench->redis_info('stats', 'total_commands_processed');
        my $reads = $bench->redis_info('stats', 'total_reads_processed');

        my $row = compare($bench, $guard, send => ['valid'], once => 1);

        $commands = $bench->redis_info('stats', 'total_commands_processed')
                    - $commands;
        $reads = $bench->redis_info('stats', 'total_reads_processed') - $reads;

        row(part => 'cold', guard => $guard, workload => 'cold', %$row,
            pipelined => rounded($commands / $reads, 2));

        redis_benchmark($bench, $commands / $reads) if $guard eq 'module';
    }

    preload($bench);

    return;
}


# What the same command can do over one link with that much pipelining, asked
# from the guard's CPU

sub redis_benchmark {
    my ($bench, $pipelined) = @_;

    for my $depth (1, int($pipelined + 0.5)) {
        my @command = ($bench->on('guard'), 'redis-benchmark', '-p',
                       $bench->port('redis'), '-c', 1, '-P', $depth, '-n',
                       $fresh * ($depth == 1 ? 2 : 10), '-r', $million, '-q',
                       'HGETALL', 'evolu:campaign:live:__rand_int__');
        my @rps;

        for my $try (1 .. 3) {
            open(my $fh, '-|', @command) or die "redis-benchmark: $!\n";
            local $/;
            push @rps, <$fh> =~ /([\d.]+) requests per second, p50/;
            close($fh);
        }

        row(part => 'cold', guard => 'redis-benchmark', workload => 'cold',
            pipelined => $depth, rps => rounded(median(@rps), 0));
    }

    return;
}


# The zone filled by the module itself, at its start

sub preload {
    my ($stage) = @_;

    $stage->stop('module');
    $stage->{more} = 'preload';
    $stage->configure;

    my $calls = $stage->redis_info('commandstats', 'cmdstat_hgetall');
    my $start = time;

    $stage->start_guard('module', workers => 1);

    while ($stage->redis_info('commandstats', 'cmdstat_hgetall')
           < $calls + $million)
    {
        die "the zone does not fill\n" if time > $start + 600;
        sleep(0.1);
    }

    my ($worker) = $stage->workers('module');

    row(part => 'cold', guard => 'module', workload => 'preload',
        records => $million, seconds => rounded(time - $start, 2),
        cpu_seconds => rounded($stage->cpu($worker), 2));

    return;
}


sub part_workers {
    for my $workers (1, 2, 4) {
        my $bench = stage(keys => $KEYS, unpinned => 1);
        my @many = ('valid', '-k', $KEYS);

        for my $guard (qw(floor lua module)) {
            $bench->start_guard($guard, workers => $workers, affinity => 1);
        }

        for my $guard (qw(lua module)) {
            for my $workload ([one => 'valid'], [many => @many]) {
                my ($name, @send) = @$workload;

                warm($bench, $guard, @send);
                row(part => 'workers', guard => $guard, workload => $name,
                    workers => $workers,
                    %{ compare($bench, $guard, send => \@send) });
            }
        }
    }

    return;
}


sub part_contention {
    for my $records (1, $KEYS, $million) {
        my %found;

        for my $try (1 .. 5) {
            open(my $fh, '-|', "$ENV{BUILD}/bench/contention", '-s', $slice,
                 $records)
                or die "contention: $!\n";

            while (my $line = <$fh>) {
                my %got = $line =~ /(\w+)=(\d+)/g;

                push @{ $found{ $got{processes} } }, $got{found};
            }

            close($fh) or die "contention failed\n";
        }

        for my $processes (sort { $a <=> $b } keys %found) {
            row(part => 'contention', records => $records,
                processes => $processes,
                found => rounded(median(@{ $found{$processes} }), 0));
        }
    }

    return;
}


sub part_latency {
    my $bench = stage(keys => $KEYS);
    my @many = ('valid', '-k', $KEYS);

    $bench->start_guard($_, workers => 1) for 'floor', @GUARDS;

    for my $guard (@GUARDS) {
        warm($bench, $guard, @many);

        my @most = map { slice($bench, $guard, $guard, 200, @many, '-c',
                               $CONNECTIONS, '-d', 2 * $slice) } 1 .. 3;
        my $rate = of(0, 'rps', @most) / 2;

        row(part => 'latency', guard => $guard, workload => 'half',
            rate => rounded($rate, 0),
            %{ compare($bench, $guard, send => \@many, rate => $rate,
                       seconds => 4 * $slice, fours => $heavy) });

        row(part => 'latency', guard => $guard, workload => 'alone',
            %{ compare($bench, $guard, send => \@many, connections => 1) });
    }

    return;
}


# What was measured before stays, but for what was measured now.

sub write_rows {
    my %now = map { $_ => 1 } @_;
    my $json = JSON::PP->new->canonical;
    my $file = "$RESULTS/run.jsonl";
    my @lines;

    if (open(my $in, '<', $file)) {
        @lines = grep { !$now{ $json->decode($_)->{part} } } <$in>;
        close($in);
    }

    mkdir($RESULTS);

    open(my $out, '>', "$file.new") or die "$file: $!\n";
    print {$out} @lines, map { $json->encode($_) . "\n" } @rows;
    close($out) or die "$file: $!\n";
    rename("$file.new", $file) or die "$file: $!\n";

    return;
}


# Where and when a part was measured

sub machine {
    my ($part) = @_;
    my ($cpu) = slurp('/proc/cpuinfo') =~ /^model name\s*:\s*(.*)$/m;
    my ($memory) = slurp('/proc/meminfo') =~ /^MemTotal:\s*(\d+)/m;
    my ($debian) = slurp('/etc/os-release') =~ /^PRETTY_NAME="(.*)"$/m;
    my ($nginx) = qx(nginx -v 2>&1) =~ m{nginx/(\S+)};
    my ($redis) = qx(redis-server --version) =~ /v=(\S+)/;
    my ($load) = slurp('/proc/loadavg') =~ /^(\S+)/;
    my $commit = qx(git -C '$EvoluBench::TOP' describe --always --dirty 2>&1);

    chomp($commit);

    row(part => $part, machine => 1, date => strftime('%Y-%m-%d', gmtime),
        quick => $quick, cpu => $cpu || 'unknown CPU', cpus => processors(),
        memory_gib => rounded($memory / 1024 / 1024, 0), system => $debian,
        nginx => $nginx, redis => $redis, commit => $commit,
        kernel => (POSIX::uname())[2], load => 0 + $load);

    return;
}


$ENV{BUILD} ||= "$EvoluBench::TOP/build";

for my $part (@parts) {
    print "$part\n";
    @rows = ();
    machine($part);

    $RUN{$part}->();
    write_rows($part);
}

system($^X, "$FindBin::Bin/report.pl") == 0 or die "report.pl failed\n";
