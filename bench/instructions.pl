#!/usr/bin/perl

# Copyright (C) Evolu Auth Authors
#
# instructions.pl [OPTION...] [WORKLOAD...]
#
# Counts the instructions that nginx spends on a request, in user space, under
# callgrind.  Needs what "make bench-build" makes.
#
#     --guard NAME         lua, map or auth_request in place of the module;
#                          of auth_request only nginx itself is counted
#     --output FILE        the table as tab-separated values, too
#     --annotate WORKLOAD  where the added instructions go, by function
#     --top N              so many lines of it (40)
#     --system-heap        with glibc's heap
#     --list               the names of the workloads
#
# How: nginx is one process and one client sends one request after another over
# one kept connection.  Counters are dumped and zeroed between slices, by
# SIGUSR1, of few and of many requests; the slope between the two is a request,
# without what a slice costs by itself.  The least counts, once three slices
# are as low as that, since timers of nginx and of the module only add.  Slices
# are short, so that some are over between two heartbeats even on a busy
# machine.
#
# Each workload is measured against nginx without a guard, for the same bytes
# of a request: that proxies, where the guard lets through, or answers 401,
# where it refuses.  On both sides jemalloc stands in for glibc's heap, whose
# price for a pool is some 250 instructions more or less, for the whole life of
# a process, by what was freed before.

use strict;
use warnings;

use FindBin;
use Getopt::Long;
use List::Util qw(max min);
use Time::HiRes qw(sleep);

use lib "$FindBin::Bin/lib";
use EvoluBench;


my ($FEW, $MANY, $PAIRS) = (25, 100, 40);

# Of each workload: its floor and port, what load is to send, before and while
# it counts, and what may be added at most (issue 5).  "cold" takes new records
# each time.

my @WORKLOADS = (
    [headers => { port => 'headers', send => ['valid'] }],
    [headers4 => { port => 'headers4', send => ['valid'] }],
    [warm => { send => ['valid'], target => 2500 }],
    ['warm-token' => { send => ['token', '-p', '/i/'], target => 2500 }],
    [warm10k => { send => ['valid', '-k', 10_000], target => 3000,
                  before => ['valid', '-k', 10_000, '-e'] }],
    ['wrong-secret' => { send => ['wrong'], status => 401, target => 6000,
                         before => ['valid'] }],
    [unknown => { send => ['unknown'], status => 401, target => 2500 }],
    [malformed => { send => ['malformed'], status => 401, target => 1000 }],
    [missing => { send => ['missing'], status => 401, target => 800 }],
    [cold => { send => ['valid', '-e'], target => 15_000, cold => 1 }],
);

my $CAMPAIGNS = 60_000;          # the first 10,000 of them stay with warm10k

my ($guarded, $top) = ('module', 40);
my ($output, $annotate, $system, $list);

GetOptions('guard=s' => \$guarded, 'output=s' => \$output,
           'annotate=s' => \$annotate, 'top=i' => \$top,
           'system-heap' => \$system, 'list' => \$list)
    or die "see the head of $0\n";

my %known = map { $_->[0] => $_->[1] } @WORKLOADS;
my @names = @ARGV ? @ARGV : defined $annotate ? ($annotate)
            : map { $_->[0] } @WORKLOADS;

if ($list) {
    print "$_->[0]\n" for @WORKLOADS;
    exit 0;
}

for my $name (@names, defined $annotate ? $annotate : ()) {
    die "no workload \"$name\"; --list names them\n" if !$known{$name};
}

my $bench = EvoluBench->new;
my %dumps;
my $next = 10_000;


sub start {
    my ($guard) = @_;
    my $out = $bench->dir . "/$guard.callgrind";

    $bench->start_guard($guard, under => [
        $system ? () : ('env', 'LD_PRELOAD=libjemalloc.so.2',
                        'MALLOC_CONF=narenas:1,dirty_decay_ms:-1,'
                        . 'muzzy_decay_ms:-1'),
        'valgrind', '--tool=callgrind', "--callgrind-out-file=$out",
        '--dump-before=ngx_reopen_files'
    ]);

    $dumps{$guard} = 0;

    return;
}


# Ends a slice: the name of the file with its counters, and their sum.  A signal
# that comes right before nginx waits for events is not seen until the next.

sub dump_counters {
    my ($guard) = @_;
    my $file = "$guard.callgrind." . ++$dumps{$guard};

    for my $try (0 .. 5999) {
        if ($bench->text($file) =~ /^totals: (\d+)$/m) {
            return ($file, $1);
        }

        if ($try % 100 == 0 && !-e $bench->dir . "/$file") {
            kill('USR1', $bench->pid($guard));
        }

        sleep(0.01);
    }

    die "callgrind leaves no counters\n";
}


# Instructions of a request, and the dump of the cheapest slice of many

sub measure {
    my ($guard, $port, $is) = @_;
    my $status = $port eq 'refuse' ? 401 : $is->{status} || 200;
    my %sums = ($FEW => [], $MANY => []);
    my $cheapest;

    for my $pair (1 .. $PAIRS) {
        for my $n ($FEW, $MANY) {
            my @first = $is->{cold} ? ('-f', $next, '-k', $n) : ();

            $next += $n if $is->{cold} && $guard ne 'floor';

            $bench->load_all($status, $port, @{ $is->{send} }, @first, '-n', $n,
                             '-d', 60, '-s', $pair);

            my ($file, $sum) = dump_counters($guard);
            my $least = min(@{ $sums{$n} });

            $cheapest = $file
                if $n == $MANY && (!defined $least || $sum < $least);

            push @{ $sums{$n} }, $sum;
        }

        last if settled($sums{$FEW}) && settled($sums{$MANY});
    }

    return ((min(@{ $sums{$MANY} }) - min(@{ $sums{$FEW} })) / ($MANY - $FEW),
            $cheapest);
}


# Are the three lowest the same, to 1 in 2,000?

sub settled {
    my ($sums) = @_;
    my @lowest = sort { $a <=> $b } @$sums;

    return @lowest >= 3 && $lowest[2] - $lowest[0] <= $lowest[0] / 2000;
}


# Requests that are not counted: the link comes up, caches fill.

sub prepare {
    my ($guard, $port, $is) = @_;
    my @before = $is->{before} ? @{ $is->{before} } : @{ $is->{send} };

    return if $is->{cold};

    $bench->load($port, @before, '-n', max(100, $is->{before} ? 10_000 : 0),
                 '-d', 60);
    dump_counters($guard);

    return;
}


# "-" stands for the floor itself

sub run {
    my ($name) = @_;
    my $is = $known{$name};
    my $guard = $is->{port} ? 'floor' : $guarded;
    my $port = $is->{port} || $guarded;
    my $floor = ($is->{status} || 200) == 401 ? 'refuse' : 'proxy';
    my %result = (name => $name, target => $is->{target}, floor_name => $floor);

    prepare('floor', $floor, $is);
    ($result{floor}, $result{floor_dump}) = measure('floor', $floor, $is);

    prepare($guard, $port, $is);
    ($result{all}, $result{dump}) = measure($guard, $port, $is);

    $result{added} = $result{all} - $result{floor};

    return \%result;
}


sub count {
    my ($n) = @_;
    my $text = sprintf('%.0f', $n);

    1 while $text =~ s/^(-?\d+)(\d{3})/$1,$2/;

    return $text;
}


# Instructions by function and request.  What was on the stack when the first
# counters were dumped is shown with the sum of all as its own: left out.

sub functions {
    my ($file, $inclusive) = @_;
    my %by_function;

    open(my $fh, '-|', 'callgrind_annotate', '--threshold=100', '--auto=no',
         '--inclusive=' . ($inclusive ? 'yes' : 'no'), $bench->dir . "/$file")
        or die "callgrind_annotate: $!\n";

    while (my $line = <$fh>) {
        next if $line !~ /^\s*([\d,]+)\s+\([\s\d.]+%\)\s+(.*:.*)$/;

        my ($n, $function) = ($1, $2);

        $n =~ tr/,//d;
        next if $function =~ /\(below main\)|:main \[|__libc_start|\/ld-linux/;

        $function =~ s/^(?:\?\?\?|\S*?([^\/:]+)):/defined $1 ? "$1:" : ''/e;
        $function =~ s/ \[(?:\S*\/)?([^\]\/]*)\]$/ [$1]/;

        $by_function{$function} += $n / $MANY;
    }

    close($fh);

    return \%by_function;
}


sub show_functions {
    my ($result) = @_;

    for my $inclusive (0, 1) {
        my $with = functions($result->{dump}, $inclusive);
        my $without = functions($result->{floor_dump}, $inclusive);
        my %added = map { $_ => ($with->{$_} || 0) - ($without->{$_} || 0) }
                    keys %$with, keys %$without;

        my @order = sort { abs($added{$b}) <=> abs($added{$a}) || $a cmp $b }
                    keys %added;

        printf("\n%s: instructions of a request %s, added to those of the "
               . "floor \"%s\"\n\n", $result->{name},
               $inclusive ? 'by function with all that it calls'
                          : 'by function alone', $result->{floor_name});
        printf("%10s %10s %10s  %s\n", 'added', 'with', 'without', 'function');

        for my $function (@order[0 .. min($top, scalar @order) - 1]) {
            printf("%10.1f %10.1f %10.1f  %s\n", $added{$function},
                   $with->{$function} || 0, $without->{$function} || 0,
                   $function);
        }
    }

    return;
}


$bench->configure;
$bench->start_redis;
$bench->fill('instances', 0, 10);
$bench->fill($guarded eq 'module' ? 'campaigns' : 'digests', 0,
             (grep { $_ eq 'cold' } @names) ? $CAMPAIGNS : 10_000);
$bench->start_backend;
start('floor');
start($guarded) if grep { !$known{$_}{port} } @names;

$| = 1;
printf("%-14s %10s %10s %10s %10s\n", qw(workload floor with added target));

my @results;

for my $name (@names) {
    my $result = run($name);

    push @results, $result;
    printf("%-14s %10s %10s %10s %10s\n", $name, count($result->{floor}),
           count($result->{all}), count($result->{added}),
           defined $result->{target} ? '<= ' . count($result->{target}) : '');
}

if (defined $output) {
    open(my $fh, '>', $output) or die "$output: $!\n";
    printf {$fh} ("%s\t%.0f\t%.0f\t%.0f\t%s\n", @{$_}{qw(name floor all added)},
                  $_->{target} || '') for @results;
    close($fh) or die "$output: $!\n";
}

if (defined $annotate) {
    show_functions($_) for grep { $_->{name} eq $annotate } @results;
}
