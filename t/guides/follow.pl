#!/usr/bin/perl

# Copyright (C) Evolu Auth Authors
#
# follow.pl GUIDE OUT   follows docs/GUIDE.md in the root that scripts/guides.sh
# made: t/guides/GUIDE.sh starts the system, then all blocks of commands are run
# in one shell.  What stands in comments of the guide:
#
#     <!-- run -->              the block that follows is commands
#     <!-- prints -->           what these print; "..." is anything in a line
#     <!-- meanwhile NAME -->   a function of GUIDE.sh: what others do meanwhile
#
# OUT gets what each step printed, and the counts.

use strict;
use warnings;

use Cwd qw(abs_path);
use File::Basename qw(dirname);
use Socket;

my ($guide, $out) = @ARGV;
my $top = dirname(dirname(dirname(abs_path(__FILE__))));
my (@steps, $passed, $failed);

chdir($top) or die "$top: $!";
loopback_up();
read_guide("docs/$guide.md");
write_script();

my $status = system('bash', "$out/all.sh");

($passed, $failed) = (0, 0);

for my $step (@steps) {
    my $said = judge($step);

    $said eq '' ? $passed++ : $failed++;
    printf("%s %s\n", $said eq '' ? 'ok' : 'not ok', $step->{name});
    print $said =~ s/^/# /gmr, "\n" if $said ne '';
}

if ($status != 0 && !$failed) {
    $failed++;
}

open(my $counts, '>', "$out/counts") or die "$out/counts: $!";
print {$counts} "$passed $failed\n";
close($counts);

exit($failed ? 1 : 0);


# This network has a loopback, which is down.

sub loopback_up {
    my ($siocsifflags, $up_running) = (0x8914, 0x41);

    socket(my $socket, AF_INET, SOCK_DGRAM, 0) or die "socket: $!";
    ioctl($socket, $siocsifflags, pack('a16 s x14', 'lo', $up_running))
        or die "lo: $!";

    return;
}


sub read_guide {
    my ($file) = @_;

    my $block;

    open(my $fh, '<', $file) or die "$file: $!";

    while (my $line = <$fh>) {
        if ($line =~ /^<!-- (run|prints|meanwhile)(?: (\w+))? -->$/) {
            my $kind = $1;
            my $text = defined $2 ? "$2\n" : '';

            if ($kind eq 'prints') {
                $steps[-1]{prints} = '';
                $block = \$steps[-1]{prints};

            } else {
                push @steps, { name => sprintf('%02d', @steps + 1),
                               line => $., text => $text };
                $block = $kind eq 'run' ? \$steps[-1]{text} : undef;
            }

        } elsif (defined $block && $line =~ /^ {4}(.*\n)/) {
            $$block .= $1;

        } elsif (defined $block && $line eq "\n") {
            $$block .= "\n" if $$block ne '';

        } elsif (defined $block && $$block ne '') {
            undef $block;
        }
    }

    return;
}


# One shell for all, since what one step defines the next may use.  A reload is
# over when the workers of before are gone.

sub write_script {
    my $text = <<"END";
set -eu
out=$out
. t/guides/$guide.sh

workers()
{
    pgrep -P "\$(cat /run/nginx.pid)" | sort || true
}

gone()
{
    for try in \$(seq 200); do
        [ -n "\$(comm -12 <(echo "\$1") <(workers))" ] || return 0
        sleep 0.05
    done

    echo "nginx was not reloaded" >&2
    return 1
}

END

    for my $step (@steps) {
        my $path = "$out/$step->{name}";

        open(my $fh, '>', "$path.sh") or die "$path.sh: $!";
        print {$fh} $step->{text};
        close($fh);

        $text .= "before=\$(workers)\n"
                 . ". $path.sh > $path.out 2>&1\n";
        $text .= "gone \"\$before\"\n"
            if $step->{text} =~ /reload/ && $step->{text} !~ /\A\w+\n\z/;
        $text .= "echo done > $path.done\n\n";
    }

    open(my $fh, '>', "$out/all.sh") or die "$out/all.sh: $!";
    print {$fh} $text;
    close($fh);

    return;
}


# What is wrong with a step, or nothing

sub judge {
    my ($step) = @_;

    my $path = "$out/$step->{name}";

    if (!-e "$path.done") {
        return "the step at line $step->{line} failed or was not reached:\n"
               . slurp("$path.out");
    }

    return '' if !defined $step->{prints};

    my $got = slurp("$path.out");
    my $want = join('.*', map { quotemeta } split /\.\.\./,
                                            trimmed($step->{prints}), -1);

    return '' if trimmed($got) =~ /\A$want\z/;
    return "the step at line $step->{line} printed\n$got";
}


sub trimmed {
    my ($text) = @_;

    return $text =~ s/\A\n+|\s+\z//gr;
}


sub slurp {
    my ($path) = @_;

    open(my $fh, '<', $path) or return '';
    local $/ = undef;

    return scalar(<$fh>) // '';
}
