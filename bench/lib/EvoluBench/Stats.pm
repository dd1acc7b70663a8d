package EvoluBench::Stats;

# Copyright (C) Evolu Auth Authors

use strict;
use warnings;

use Exporter qw(import);


our @EXPORT_OK = qw(median interval);


sub median {
    my @sorted = sort { $a <=> $b } @_;
    my $n = @sorted;

    return ($sorted[int(($n - 1) / 2)] + $sorted[int($n / 2)]) / 2;
}


# Of the values, least and most of those that hold the true median with at
# least 95 % (by the binomial distribution: no shape is assumed); of fewer than
# six values, least and most of all.

sub interval {
    my @sorted = sort { $a <=> $b } @_;
    my $n = @sorted;
    my ($cut, $outside, $ways) = (0, 0, 1);

    while (2 * ($outside + $ways) / 2 ** $n <= 0.05) {
        $outside += $ways;
        $cut++;
        $ways = $ways * ($n - $cut + 1) / $cut;
    }

    $cut-- if $cut > 0;

    return ($sorted[$cut], $sorted[$n - 1 - $cut]);
}


1;
