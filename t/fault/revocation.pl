#!/usr/bin/perl

# Copyright (C) Evolu Auth Authors
#
# revocation.pl N [WORKERS]   how soon N revocations are seen, by all workers,
# from Redis' acknowledgement on, under load; WORKERS is 2

use strict;
use warnings;

use Cwd qw(abs_path);
use File::Basename qw(dirname);

my ($top, $here);

BEGIN {
    $here = abs_path(dirname(__FILE__));
    $top = dirname(dirname($here));
    $ENV{EVOLU_BUILD} ||= "$top/build";
}

use lib $here, "$top/t/lib";

use Fault;
use Test::More;

my $n = $ARGV[0] || 3000;
my $workers = $ARGV[1] || 2;
my $promised = 100;

row 'revocation' => (
    fault => 'none',
    promise => "seen by all workers in $promised ms, p99",
    run => sub {
        my ($r) = @_;

        $r->redis;
        $r->nginx(workers => $workers);
        $r->steady;
        $r->phase;

        my $line = $r->load('probe', $workers, $n);
        my %is = $line =~ /(\S+)=(\S+)/g;

        $r->count($r->phase);
        diag($line);
        $r->check($is{revocations} == $n, 'all were seen');
        $r->check($r->within($promised) >= $is{p99}, "p99: $is{p99} ms");
        $r->check($is{flips} == 0, 'no worker takes it back');
    });

my $row = Fault::run('revocation');

done_testing();
diag(sprintf('meanwhile: %d requests, %d wrong allows, %d wrong denies',
             map { $row->{total}{$_} } qw(requests wrong_allows wrong_denies)));
exit(@{ $row->{broken} } > 0);
