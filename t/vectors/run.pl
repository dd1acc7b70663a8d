#!/usr/bin/perl

# Copyright (C) Evolu Auth Authors
#
# run.pl [-v] FILE...   holds the edge to files of recorded cases
#
#     *.jsonl         what the real Evolution API answered (Guard.pm)
#     *.tsv           attack cases and scenarios of other products, for which
#                     Attack.pm and Peer.pm have executable checks
#
# The kind of a file is told by its first line.  Exits with 1 when a row is
# wrong or has failed.

use strict;
use warnings;

use Cwd qw(abs_path);
use File::Basename qw(dirname);
use Time::HiRes qw(time);

use lib dirname(abs_path(__FILE__));

use Cases;
use Edge;
use Guard;

my $top = dirname(dirname(dirname(abs_path(__FILE__))));
my $build = $ENV{BUILD} // "$top/build";
my $verbose = @ARGV && $ARGV[0] eq '-v' && shift @ARGV;
my %common = (
    top => $top,
    verbose => $verbose,
    evolu_keys => "$build/evolu-keys",
    edge => Edge->new(
        nginx => $ENV{EVOLU_NGINX} // '/usr/sbin/nginx',
        module => $ENV{EVOLU_MODULE}
                  // "$build/ngx_http_evolu_auth_module.so"),
);
my ($passed, $failed) = (0, 0);

$SIG{INT} = $SIG{TERM} = sub { exit 1 };
$| = 1;
binmode(STDOUT);

for my $file (@ARGV) {
    my $start = time();
    my $runner = runner_of($file);

    print "$file\n";

    if (!defined $runner) {
        print "  nothing here can run a file that begins like this\n";
        $failed++;
        next;
    }

    my ($good, $bad) = $runner->run($file);

    printf("  %.1f s\n\n", time() - $start);
    $passed += $good;
    $failed += $bad;
}

print "passed=$passed failed=$failed\n";

exit($failed || !$passed ? 1 : 0);


sub runner_of {
    my ($file) = @_;

    open(my $fh, '<:raw', $file) or die "$file: $!\n";

    my $line = <$fh> // '';

    return Guard->new(%common) if $line =~ /\A\{/;
    return Cases->new(%common, kind => 'Attack')
        if $line =~ /\Aid\tcategory\tsetup\tinput\texpected\b/;
    return Cases->new(%common, kind => 'Peer')
        if $line =~ /\Aid\tsource\tgiven\trequest\texpected_there\t/;

    return;
}
