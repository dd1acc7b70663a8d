package EvoluStatus;

# Copyright (C) Evolu Auth Authors
#
# Reads evolu_auth_status of an EvoluNginx whose location is /status.
#
#   my $m = metrics($nginx);            # of its JSON
#   is($m->{requests_total}{allowed}, 3, ...);
#
#   my $gained = gained($nginx, sub { ... });
#   is($gained->{'requests_total allowed'}, 1, ...);   # those that changed

use strict;
use warnings;

use Exporter qw(import);
use JSON::PP ();

our @EXPORT = qw(metrics flat gained samples);


sub metrics {
    my ($nginx) = @_;

    my $reply = $nginx->connect->get(undef, '/status?format=json');

    die "no status: $reply->{head}" if $reply->{status} != 200;

    return JSON::PP->new->utf8->decode($reply->{body});
}


# ('requests_total allowed' => 3, 'lookup_duration_seconds buckets 0.1' => 4)

sub flat {
    my ($metrics, @names) = @_;

    return (join(' ', @names) => $metrics) if !ref $metrics;

    return map { flat($metrics->{$_}, @names, $_) } keys %$metrics;
}


# What the code changed, but for the time, the wait's length, pages of memory,
# and what asking for the status itself adds

sub gained {
    my ($nginx, $code) = @_;

    my %before = flat(metrics($nginx));

    $code->();

    my %after = flat(metrics($nginx));
    my %gained;

    $before{'requests_total off'}++;

    for my $name (keys %after) {
        next if $name =~ /^(?:time|zone)$|^(?:build_info|zone_bytes)
                          |\ (?:sum|buckets)/x;

        my $n = $after{$name} - $before{$name};

        $gained{$name} = $n if $n != 0;
    }

    return \%gained;
}


# Of Prometheus' text: { name => { labels => value } }; dies where that is no
# text of format 0.0.4.

sub samples {
    my ($text) = @_;
    my (%is, $name);

    die "no newline at the end\n" if $text !~ /\n\z/;

    for my $line (split /\n/, $text) {
        if ($line =~ /^# (HELP|TYPE) (\w+) (.+)$/) {
            ($name = $2) if $1 eq 'HELP';
            die "not in order: $line\n" if $name ne $2 || exists $is{$name};
            next;
        }

        $line =~ /^(\w+)(?:\{(.*)\})? (\d+(?:\.\d+)?)$/
            or die "not a sample: $line\n";

        my ($sample, $labels, $value) = ($1, $2, $3);

        die "not of $name: $line\n"
            if $sample !~ /^\Q$name\E(?:_bucket|_sum|_count)?$/
               || exists $is{$sample}{$labels};

        $is{$sample}{$labels} = $value;
    }

    return \%is;
}


1;
