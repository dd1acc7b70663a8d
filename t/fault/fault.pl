#!/usr/bin/perl

# Copyright (C) Evolu Auth Authors
#
# fault.pl [--core] [--table FILE] [NAME...]   runs rows of the fault table
#
# Each row in a process of its own, one after another; a line each on standard
# output, what was tested in build/fault/NAME.log, the table in FILE.  The last
# line is "N rows held, M broken, K not produced here".

use strict;
use warnings;

use Cwd qw(abs_path);
use File::Basename qw(dirname);
use Getopt::Long qw(GetOptions);
use POSIX ();

my ($top, $here);

BEGIN {
    $here = abs_path(dirname(__FILE__));
    $top = dirname(dirname($here));
    $ENV{EVOLU_BUILD} ||= "$top/build";
}

use lib $here, "$top/t/lib";

use Fault;

my $patience = 240;
my ($core, $table, $one);
my @head = ('row', 'fault', 'requests', 'wrong allows', 'wrong denies',
            '503, cached', '503, others', 'other 5xx', 'no answer', 'healed',
            'held to');

GetOptions('core' => \$core, 'table=s' => \$table, 'one=s' => \$one)
    or exit(2);

$| = 1;

for my $file (sort glob("$here/rows/*.pl")) {
    my $done = do $file;

    die "$file: ", $@ || $! if !$done;
}

exit(alone($one)) if defined $one;


my @names = @ARGV ? @ARGV
            : grep { !$core || $Fault::rows{$_}{core} } @Fault::names;
my %count = (ok => 0, BROKEN => 0, skipped => 0);
my @lines;

mkdir("$ENV{EVOLU_BUILD}/fault");

for my $name (@names) {
    die "no such row: $name\n" if !$Fault::rows{$name};

    my ($how, $why, @cells) = in_child($name);

    $count{$how}++;
    push @lines, [@cells, $why] if $how eq 'ok' || $how eq 'BROKEN';

    show($name, $how, $why, @cells);
}

write_table() if defined $table;

print "$count{ok} rows held, $count{BROKEN} broken,"
      . " $count{skipped} not produced here\n";

exit($count{BROKEN} > 0);


# Runs a row in this process; what it found goes to file descriptor 3.

sub alone {
    my ($name) = @_;

    open(my $result, '>&=', 3) or die "no descriptor 3: $!";

    my $row = Fault::run($name);
    my $how = $row->{skipped} ? 'skipped' : @{ $row->{broken} } ? 'BROKEN'
              : 'ok';
    my $why = $row->{skipped} || join('; ', @{ $row->{broken} });

    Test::More::done_testing();
    print {$result} join("\t", $how, $why, $row->cells), "\n";

    return 0;
}


sub in_child {
    my ($name) = @_;
    my $log = "$ENV{EVOLU_BUILD}/fault/$name.log";

    pipe(my $in, my $out) or die "pipe: $!";

    my $pid = fork();

    die "fork: $!" if !defined $pid;

    if ($pid == 0) {
        setpgrp(0, 0);
        POSIX::dup2(fileno($out), 3);
        open(STDIN, '<', '/dev/null');
        open(STDOUT, '>', $log) or die "$log: $!";
        open(STDERR, '>&', \*STDOUT);
        exec($^X, '-x', __FILE__, '--one', $name) or POSIX::_exit(127);
    }

    close($out);

    my $line = eval {
        local $SIG{ALRM} = sub { die "late\n" };

        alarm($patience);
        my $read = readline($in);
        alarm(0);

        $read;
    };

    if (!defined $line) {
        kill('TERM', -$pid);
        sleep(2);
        kill('KILL', -$pid);
    }

    waitpid($pid, 0);

    return ('BROKEN', "it did not end well, see $log", $name)
        if !defined $line;

    chomp $line;

    return split /\t/, $line, -1;
}


sub show {
    my ($name, $how, $why, @cells) = @_;

    if ($how eq 'skipped') {
        printf "%-8s %-22s %s\n", $how, $name, $why;
        return;
    }

    my @n = map { defined $_ && $_ ne '' ? $_ : '-' } @cells[2 .. 9];

    printf "%-8s %-22s %6s requests, %s/%s wrong, 503 %s/%s, 5xx %s,"
           . " lost %s, healed %s%s\n", $how, $name, @n,
           $why ne '' ? "\n         $why" : '';

    return;
}


sub write_table {
    open(my $fh, '>', $table) or die "$table: $!";

    print {$fh} '| ', join(' | ', @head), " |\n", '|---' x @head, "|\n";

    for my $line (@lines) {
        my @cells = @$line[0 .. $#head];
        my $broken = $line->[@head];

        $cells[-1] .= " **BROKEN**: $broken"
            if defined $broken && $broken ne '';

        print {$fh} '| ', join(' | ', map { defined $_ ? $_ : '' } @cells),
              " |\n";
    }

    close($fh);

    return;
}
