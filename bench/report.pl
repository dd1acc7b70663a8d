#!/usr/bin/perl

# Copyright (C) Evolu Auth Authors
#
# report.pl   writes tables.md and cpu.svg from run.jsonl, in bench/results

use strict;
use warnings;

use FindBin;
use JSON::PP;
use List::Util qw(max);


my $RESULTS = "$FindBin::Bin/results";

my %LABEL = (
    floor => 'nginx', headers => 'two fixed headers', headers4 => 'four',
    map => 'map', auth_request => 'auth_request', lua => 'Lua',
    module => 'this module', 'redis-benchmark' => 'redis-benchmark'
);

my @WORKLOADS = (
    [one => 'One valid key'],
    [token => 'One instance token'],
    [many => '10,000 valid keys'],
    [million => '1,000,000 valid keys'],
    ['million-one' => 'One key, with a million cached'],
    [cold => 'Every key new to the cache'],
    [mix => '95 % of 10,000 valid keys, while keys are revoked'],
    [wrong => 'Wrong secrets of known names'],
    ['unknown-new' => 'Unknown names, all different'],
    ['unknown-seen' => 'An unknown name, seen before'],
    [malformed => 'Malformed keys'],
    [missing => 'No key']
);

my %machine;
my @rows = grep { !$_->{machine} || !($machine{ $_->{part} } = $_) }
           read_rows();


sub read_rows {
    open(my $fh, '<', "$RESULTS/run.jsonl") or die "run.jsonl: $!\n";

    return map { decode_json($_) } <$fh>;
}


sub rows {
    my (%is) = @_;

    return grep {
        my $row = $_;

        !grep { !defined $row->{$_} || $row->{$_} ne $is{$_} } keys %is;
    } @rows;
}


sub row {
    my ($row) = rows(@_);

    return $row;
}


# Is it a guard beside nginx, under load?

sub compares {
    my ($row) = @_;

    return $row->{part} =~ /^(?:allow|refuse|cold)$/ && defined $row->{ratio};
}


sub count {
    my ($n, $places) = @_;
    my $text = sprintf('%.*f', $places || 0, $n);

    1 while $text =~ s/^([-+]?\d+)(\d{3})/$1,$2/;

    return $text;
}


sub between {
    my ($row, $name, $places) = @_;

    return sprintf('%.*f (%.*f to %.*f)', $places, $row->{$name},
                   map { ($places, $_) } @{ $row->{"${name}_between"} });
}


sub table {
    my ($head, @lines) = @_;

    return '' if !@lines;

    return join('', map { '| ' . join(' | ', @$_) . " |\n" }
                        $head, [('---') x @$head], @lines) . "\n";
}


# What is asked for (issue 5) and what is measured: text, limit, whether it is
# the least and not the most, measured, its 95 % interval, decimal places, unit

sub target {
    my ($text, $limit, $measured, %is) = @_;

    return { text => $text, limit => $limit, measured => $measured,
             places => 0, unit => '', %is };
}


sub targets {
    my @targets;

    for my $row (grep { defined $_->{target} }
                      rows(part => 'instructions', guard => 'module'))
    {
        push @targets, target("instructions added, $row->{workload}",
                              $row->{target}, $row->{added});
    }

    return (@targets, cpu_targets(), syscall_targets(), cold_targets(),
            zone_targets());
}


sub cpu_targets {
    my @targets;
    my ($one, $cold, $missing) = map { row(guard => 'module', %$_) }
        { part => 'allow', workload => 'one' },
        { part => 'cold', workload => 'cold' },
        { part => 'refuse', workload => 'missing' };

    push @targets, target('CPU added, one valid key', 2.5,
                          ($one->{ratio} - 1) * 100, places => 1,
                          unit => ' %', between => [
                              map { ($_ - 1) * 100 } @{ $one->{ratio_between} }
                          ])
        if $one;

    my ($million, $same) = map { row(guard => 'module', workload => $_) }
                           qw(million million-one);

    push @targets, target('CPU added by 1,000,000 keys, to that by one', 1.6,
                          $million->{added} / $same->{added}, places => 2,
                          unit => ' times')
        if $million && $same && $same->{added} > 0;

    push @targets, target('CPU added, no key', 0.1, $missing->{added},
                          places => 2, unit => ' us',
                          between => $missing->{added_between})
        if $missing;

    push @targets, target('CPU added, every key new', 5, $cold->{added},
                          places => 2, unit => ' us',
                          between => $cold->{added_between})
        if $cold;

    my $alone = row(part => 'latency', workload => 'alone', guard => 'module');

    push @targets, target('p50 added, one client alone', 2,
                          $alone->{p50_added}, places => 1, unit => ' us',
                          between => $alone->{p50_added_between})
        if $alone;

    return @targets;
}


sub syscall_targets {
    my %floor = map { ($_->{workload} => $_->{calls}) }
                    rows(part => 'syscalls', guard => 'floor');

    return map { target("system calls added, $_->{workload}", 1,
                        $_->{calls} - $floor{ $_->{workload} }, places => 1) }
           grep { $_->{workload} ne 'cold' }
                rows(part => 'syscalls', guard => 'module');
}


sub cold_targets {
    my @targets;
    my ($wrong) = rows(part => 'refuse', workload => 'wrong',
                       guard => 'module');
    my ($cold) = rows(part => 'cold', workload => 'cold', guard => 'module');

    push @targets, target('records asked for, wrong secret', 0,
                          $wrong->{reads}, places => 3)
        if $wrong;

    return @targets if !$cold;

    push @targets, target('records asked for, every key new', 1,
                          $cold->{reads}, places => 3);

    my ($same) = sort { abs($a->{pipelined} - $cold->{pipelined})
                        <=> abs($b->{pipelined} - $cold->{pipelined}) }
                      rows(guard => 'redis-benchmark');

    push @targets, target('requests with new keys, to redis-benchmark with '
                          . "$same->{pipelined} pipelined", 80,
                          100 * $cold->{rps} / $same->{rps}, least => 1,
                          unit => ' %')
        if $same;

    return @targets;
}


sub zone_targets {
    my $fill = row(workload => 'fill') or return;

    return (target('bytes of the zone, a record of one key', 400,
                   $fill->{bytes_per_record}),
            target('CPU to fill the zone with 1,000,000 records', 60,
                   $fill->{cpu_seconds} * 1_000_000 / $fill->{records},
                   places => 1, unit => ' s'));
}


# A line of the table of targets.  A limit inside of the interval is neither met
# nor missed.

sub target_line {
    my ($is) = @_;
    my $limit = $is->{limit};
    my $sign = $is->{least} ? -1 : 1;
    my $measured = count($is->{measured}, $is->{places}) . $is->{unit};
    my $met = $sign * sprintf("%.$is->{places}f", $is->{measured})
              <= $sign * $limit;
    my $judged = $met ? 'met' : 'missed';

    if ($is->{between}) {
        my ($low, $high) = @{ $is->{between} };

        $measured .= sprintf(" (%.$is->{places}f to %.$is->{places}f)", $low,
                             $high);
        $judged = 'within the noise' if $low <= $limit && $high >= $limit;
    }

    return [$is->{text}, ($is->{least} ? 'at least ' : '')
                         . count($limit, $limit == int($limit) ? 0 : 1)
                         . $is->{unit}, $measured, $judged];
}


sub machine_text {
    my %seen;
    my @texts;

    for my $part (sort keys %machine) {
        my $is = $machine{$part};

        my $text = "$is->{date}, $is->{cpus} CPUs ($is->{cpu}), "
                   . "$is->{memory_gib} GiB, $is->{system}, kernel "
                   . "$is->{kernel}, nginx $is->{nginx}, Redis $is->{redis}, "
                   . "commit $is->{commit}, load before $is->{load}"
                   . ($is->{quick} ? ', QUICK=1' : '');

        push @{ $seen{$text} }, $part;
    }

    return map { [$_, join(', ', @{ $seen{$_} })] } sort keys %seen;
}


sub compared {
    my (@compared) = @_;

    return table(
        ['guard', 'CPU of nginx, us', 'added, us', 'times nginx',
         'requests a second', 'nginx', 'records asked for', 'others'],
        map { [$LABEL{ $_->{guard} }, sprintf('%.2f', $_->{floor_us}),
               between($_, 'added', 2), between($_, 'ratio', 3),
               count($_->{rps}), count($_->{floor_rps}),
               sprintf('%.3f', $_->{reads}),
               sprintf('%.0f %%', 100 * max($_->{others}, 0))] } @compared
    );
}


sub tables {
    my $text = "# What a request costs\n\nWritten by `make bench`; how it"
               . " measures is told in [performance.md]"
               . "(../../docs/performance.md).\n\n";

    $text .= "* $_->[1]: $_->[0]\n" for machine_text();
    $text .= "\n![CPU of a request](cpu.svg)\n\n" . summary()
             . "## Targets\n\n";

    $text .= table(['', 'at most', 'measured', ''],
                   map { target_line($_) } targets());

    $text .= "## CPU of a request\n\nOne worker, 64 connections, closed loop."
             . " In brackets the 95 % interval of the median; \"others\" is the"
             . " part of the machine that other processes took.\n\n";

    for my $workload (@WORKLOADS) {
        my ($name, $title) = @$workload;
        my @compared = grep { compares($_) } rows(workload => $name);

        $text .= "### $title\n\n" . compared(@compared) if @compared;
    }

    $text .= instructions_table() . syscalls_table() . workers_table()
             . contention_table() . latency_table() . zone_table();

    return $text;
}


# For the README: what is added to nginx, by guard

sub summary {
    my @guards = qw(module map lua auth_request);

    return "CPU added to a request, microseconds:\n\n"
           . table(['', 'nginx', map { $LABEL{$_} } @guards], map {
        my ($name, $title) = @$_;
        my %row = map { ($_->{guard} => $_) } grep { compares($_) }
                      rows(workload => $name);
        my $module = $row{module};

        $name !~ /^(?:token|million-one)$/ && $module
            ? [$title, sprintf('%.1f', $module->{floor_us}),
               map { $row{$_} ? sprintf('%+.2f', $row{$_}{added}) : '' }
                   @guards]
            : ();
    } @WORKLOADS);
}


# A table of guards by workloads

sub crossed {
    my ($part, $value) = @_;
    my (@workloads, %seen);

    push @workloads, grep { !$seen{$_}++ }
                     map { $_->{workload} } rows(part => $part);

    my @guards = grep { row(part => $part, guard => $_) }
                      qw(floor map auth_request lua module);

    return table(['', map { $LABEL{$_} } @guards], map {
        my $workload = $_;

        [$workload, map {
            my $row = row(part => $part, guard => $_, workload => $workload);

            $row ? $value->($row) : '';
        } @guards];
    } @workloads);
}


sub instructions_table {
    return "## Instructions\n\nAdded in user space, by callgrind, which knows"
           . " no SHA instructions: SHA-256 by libcrypto (Lua) costs less on a"
           . " CPU that has them. Of auth_request, nginx alone.\n\n"
           . crossed('instructions', sub { count($_[0]{added}) });
}


sub syscalls_table {
    return "## System calls\n\nOver one connection.\n\n"
           . crossed('syscalls', sub { sprintf('%.1f', $_[0]{calls}) });
}


sub workers_table {
    return "## Workers\n\nOn all CPUs, which they share with the client, the"
           . " service behind and Redis.\n\n"
           . table(['workers', 'workload', 'guard', 'CPU of nginx, us',
                    'added, us', 'times nginx'],
                   map { [$_->{workers}, $_->{workload}, $LABEL{ $_->{guard} },
                          sprintf('%.2f', $_->{floor_us}),
                          between($_, 'added', 2), between($_, 'ratio', 3)] }
                       sort { $a->{workload} cmp $b->{workload}
                              || $a->{guard} cmp $b->{guard}
                              || $a->{workers} <=> $b->{workers} }
                            rows(part => 'workers'));
}


sub contention_table {
    return "## The zone's lock\n\nLook-ups a second in all, by processes that"
           . " do nothing else.\n\n"
           . table(['records', 'processes', 'look-ups a second',
                    'ns each, in all'],
                   map { [count($_->{records}), $_->{processes},
                          count($_->{found}),
                          count(1e9 / $_->{found})] }
                       rows(part => 'contention'));
}


sub latency_table {
    my @percentiles = qw(p50 p99 p999);

    return "## Latency, us\n\nOf 10,000 keys; the guard and, at the same rate,"
           . " nginx alone.\n\n"
           . table(['', 'guard', 'requests a second', 'p50', 'nginx', 'p99',
                    'nginx', 'p99.9', 'nginx'],
                   map {
                       my $row = $_;

                       [$row->{workload} eq 'half' ? 'half of what it can'
                                                   : 'one client alone',
                        $LABEL{ $row->{guard} },
                        count($row->{rate} || $row->{rps}),
                        map { (count($row->{$_}), count($row->{"floor_$_"})) }
                            @percentiles]
                   } sort { $b->{workload} cmp $a->{workload} }
                          rows(part => 'latency'));
}


sub zone_table {
    return "## Zone and Redis\n\n"
           . table(['', 'records', 'seconds', 'CPU, s', 'bytes a record'],
                   map { [$_->{workload} eq 'fill' ? 'filled by requests'
                                                   : 'filled by preload',
                          count($_->{records}), count($_->{seconds}, 1),
                          count($_->{cpu_seconds}, 1),
                          $_->{bytes_per_record} || ''] }
                       rows(workload => 'fill'), rows(workload => 'preload'))
           . table(['HGETALL by', 'pipelined', 'a second'],
                   map { [$LABEL{ $_->{guard} }, $_->{pipelined},
                          count($_->{rps})] }
                       grep { $_->{guard} ne 'lua' }
                            rows(part => 'cold', workload => 'cold'));
}


# The plot: a panel a workload, a bar a guard; grey is nginx itself, the rest
# is added.

my %COLOR = (
    map => '#6b8e23', module => '#0b62c4', lua => '#d97706',
    auth_request => '#b4235a', headers => '#7d8590'
);

my ($WIDTH, $MARGIN, $GAP, $NAMES) = (1000, 24, 28, 112);
my ($BAR, $STEP, $HEAD) = (13, 22, 30);


sub escaped {
    my ($text) = @_;

    $text =~ s/&/&amp;/g;
    $text =~ s/</&lt;/g;
    $text =~ s/(?<=[\d ])us\b/&#181;s/g;
    $text =~ s/ times/&#215;/g;

    return $text;
}


sub text {
    my ($x, $y, $class, $text) = @_;

    return sprintf(qq{<text x="%.1f" y="%.1f" class="%s">%s</text>\n}, $x, $y,
                   $class, escaped($text));
}


sub rectangle {
    my ($x, $y, $width, $height, $color) = @_;

    return sprintf(qq{<rect x="%.1f" y="%.1f" width="%.1f" height="%.1f" }
                   . qq{fill="%s"/>\n}, $x, $y, max($width, 0), $height,
                   $color);
}


sub line {
    my ($x1, $y1, $x2, $y2, $class) = @_;

    return sprintf(qq{<line x1="%.1f" y1="%.1f" x2="%.1f" y2="%.1f" }
                   . qq{class="%s"/>\n}, $x1, $y1, $x2, $y2, $class);
}


# Bars of one workload at X, Y; SCALE: pixels a microsecond

sub panel {
    my ($x, $y, $scale, $title, @compared) = @_;
    my $svg = text($x, $y + 14, 'title', $title);
    my $left = $x + $NAMES;

    $y += $HEAD;

    for my $row (@compared) {
        my $added = max($row->{added}, 0);
        my ($low, $high) = @{ $row->{added_between} };
        my $end = $left + $scale * ($row->{floor_us} + $added);
        my $middle = $y + $BAR / 2;

        $svg .= text($left - 8, $y + $BAR - 2,
                     $row->{guard} eq 'module' ? 'name ours' : 'name',
                     $LABEL{ $row->{guard} });
        $svg .= rectangle($left, $y, $scale * $row->{floor_us}, $BAR,
                          '#d0d7de');
        $svg .= rectangle($left + $scale * $row->{floor_us}, $y,
                          $scale * $added, $BAR, $COLOR{ $row->{guard} });
        $svg .= line($left + $scale * ($row->{floor_us} + $low), $middle,
                     $left + $scale * ($row->{floor_us} + $high), $middle,
                     'spread');
        $svg .= text(max($end, $left + $scale * ($row->{floor_us} + $high)) + 7,
                     $y + $BAR - 2, 'value',
                     sprintf('%+.2f us, %.2f times', $row->{added},
                             $row->{ratio}));
        $y += $STEP;
    }

    return $svg;
}


# Percentiles of the open loop, on a scale of powers of ten

sub latency_panel {
    my ($x, $y, $width, @latencies) = @_;
    my $left = $x + $NAMES;
    my @percentiles = ([p50 => 'p50'], [p99 => 'p99'], [p999 => 'p99.9']);
    my $most = max(map { my $row = $_;
                         map { ($row->{$_}, $row->{"floor_$_"}) }
                             map { $_->[0] } @percentiles } @latencies);
    my $decades = log($most / 10) / log(10) + 0.1;
    my $at = sub {
        return $left + ($width - $NAMES) * log(max($_[0], 10) / 10) / log(10)
                       / $decades;
    };
    my $svg = text($x, $y + 14, 'title', 'Latency at half of what each guard '
                   . 'can do, open loop, 10,000 keys: p50, p99, p99.9; hollow: '
                   . 'nginx alone at that rate');

    $y += $HEAD;

    my $bottom = $y + $STEP * @latencies;

    for my $decade (1 .. int($decades + 1)) {
        my $tick = $at->(10 ** $decade);

        $svg .= line($tick, $y - 6, $tick, $bottom, 'grid');
        $svg .= text($tick, $bottom + 14, 'tick',
                     $decade < 3 ? 10 ** $decade . ' us'
                                 : 10 ** ($decade - 3) . ' ms');
    }

    for my $row (@latencies) {
        my $middle = $y + $BAR / 2;
        my $color = $COLOR{ $row->{guard} };

        $svg .= text($left - 8, $y + $BAR - 2,
                     $row->{guard} eq 'module' ? 'name ours' : 'name',
                     $LABEL{ $row->{guard} });

        for my $percentile (map { $_->[0] } @percentiles) {
            $svg .= sprintf(qq{<circle cx="%.1f" cy="%.1f" r="5" fill="%s"/>\n},
                            $at->($row->{$percentile}), $middle, $color);
            $svg .= sprintf(qq{<circle cx="%.1f" cy="%.1f" r="5" fill="none" }
                            . qq{stroke="#57606a" stroke-width="1.5"/>\n},
                            $at->($row->{"floor_$percentile"}), $middle);
        }

        $y += $STEP;
    }

    return $svg;
}


sub plot {
    my @order = qw(headers map module lua auth_request);
    my @panels;

    for my $workload (@WORKLOADS) {
        my ($name, $title) = @$workload;
        my @compared = grep { defined $_ } map {
            my $guard = $_;

            grep { compares($_) } rows(workload => $name, guard => $guard);
        } @order;

        next if !@compared || $name =~ /^(?:token|million-one)$/;
        push @panels, [$title, @compared];
    }

    my $columns = 2;
    my $width = ($WIDTH - 2 * $MARGIN - $GAP) / $columns;
    my $most = max(map { my ($title, @compared) = @$_;
                         map { $_->{floor_us} + $_->{added} } @compared }
                       @panels);
    my $scale = ($width - $NAMES - 122) / $most;
    my $y = 78;
    my $svg = '';

    while (my @pair = splice(@panels, 0, $columns)) {
        my $x = $MARGIN;
        my $rows = max(map { @$_ - 1 } @pair);

        for my $panel (@pair) {
            $svg .= panel($x, $y, $scale, @$panel);
            $x += $width + $GAP;
        }

        $y += $HEAD + $STEP * $rows + 16;
    }

    my @latencies = map { rows(part => 'latency', workload => 'half',
                               guard => $_) } @order;

    if (@latencies) {
        $svg .= latency_panel($MARGIN, $y, $WIDTH - 2 * $MARGIN - 40,
                              @latencies);
        $y += $HEAD + $STEP * @latencies + 34;
    }

    my $is = $machine{allow} || (values %machine)[0];

    return sprintf(<<'END', $WIDTH, $y, $WIDTH, $y)
<svg xmlns="http://www.w3.org/2000/svg" width="%d" height="%d"
     viewBox="0 0 %d %d">
<style>
text { font-family: Helvetica, Arial, "DejaVu Sans", sans-serif;
       font-size: 12px; fill: #24292f; }
.top { font-size: 18px; font-weight: bold; }
.under, .tick { fill: #57606a; }
.tick { text-anchor: middle; font-size: 11px; }
.title { font-size: 13px; font-weight: bold; }
.name { text-anchor: end; }
.ours { font-weight: bold; fill: #0b62c4; }
.value { font-size: 11px; fill: #424a53; }
.spread { stroke: #24292f; stroke-width: 1.2; }
.grid { stroke: #d8dee4; stroke-width: 1; }
</style>
<rect width="100%%" height="100%%" fill="#ffffff"/>
END
           . text($MARGIN, 34, 'top', 'CPU time of a request, microseconds')
           . text($MARGIN, 54, 'under',
                  'Grey: nginx itself, which proxies or refuses; colour: what '
                  . 'the guard adds; line: 95 % interval. One worker, '
                  . "$is->{cpu}, nginx $is->{nginx}, $is->{date}")
           . $svg . "</svg>\n";
}


sub write_file {
    my ($name, $text) = @_;

    open(my $fh, '>', "$RESULTS/$name") or die "$name: $!\n";
    print {$fh} $text;
    close($fh) or die "$name: $!\n";
    print "bench/results/$name\n";

    return;
}


write_file('tables.md', tables());
write_file('cpu.svg', plot()) if rows(part => 'allow');
