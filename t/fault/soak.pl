#!/usr/bin/perl

# Copyright (C) Evolu Auth Authors
#
# soak.pl MINUTES   churn and faults at a low rate; nothing may grow
#
# For most of the time the workers stay: what they hold, memory, descriptors and
# zone, is looked at in between faults, and must be in the last third what it
# was in the second.  Then nginx is reloaded again and again: the same for the
# master.

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

use EvoluStatus;
use Fault;
use List::Util qw(max sum);
use Test::More;
use Time::HiRes qw(sleep time);

my $minutes = $ARGV[0] || 30;
my $every = 20;                         # seconds from fault to fault

# what may come and go with what is under way, of each process

my %room = (rss => 512, fds => 8, zone => 64 * 1024);


# KiB, from the kernel; what a worker shares with the others does not count

sub rss {
    my ($pid) = @_;

    my ($kib) = EvoluNginx::read_text("/proc/$pid/status")
                =~ /^RssAnon:\s+(\d+)/m;

    return $kib || 0;
}


sub descriptors {
    my ($pid) = @_;
    my @open = glob("/proc/$pid/fd/*");

    return scalar @open;
}


sub looked_at {
    my ($nginx, @pids) = @_;
    my $status = metrics($nginx);

    return { rss => max(map { rss($_) } @pids),
             fds => max(map { descriptors($_) } @pids),
             zone => $status->{zone_bytes}{used},
             records => $status->{zone_entries}{record},
             negatives => $status->{zone_entries}{negative},
             waiting => $status->{pending_lookups} };
}


sub told {
    my ($name, $at, $is) = @_;

    diag(sprintf('%-12s %6d s  rss %6d KiB  descriptors %3d  zone %8d bytes,'
                 . ' %d records, %d negatives, %d waiting', $name, $at,
                 map { $is->{$_} } qw(rss fds zone records negatives
                                      waiting)));

    return;
}


# Two parts of the time: the most of each, with some room

sub unchanged {
    my ($r, $name, $begin, $end) = @_;

    for my $what (sort keys %room) {
        my ($before, $after) = map { max(map { $_->{$what} } @$_) }
                               $begin, $end;

        $r->check($after <= $before + $room{$what},
                  "$name: $what: $before, then $after");
    }

    return;
}


# One after another, and each is over before the next

my @faults = (
    ['links killed', sub {
        my ($r) = @_;

        $r->{redis}->do('CLIENT', 'KILL', 'TYPE', 'normal', 'SKIPME', 'yes');
    }],
    ['epoch', sub { $_[0]{redis}->do('INCR', 'evolu:epoch') }],
    ['Redis hangs for 4 s', sub {
        my ($r) = @_;

        CORE::kill('STOP', $r->{redis}{pid});
        sleep(4);
        CORE::kill('CONT', $r->{redis}{pid});
    }],
    ['clients leave', sub {
        my ($r) = @_;

        for (1 .. 100) {
            my $client = $r->{nginx}->connect or next;

            $client->send("evolu_live_left${\ rand}_LeftSecret0123456789");
            $client->close;
        }
    }],
    ['bytes that are no request', sub {
        my ($r) = @_;

        for (1 .. 20) {
            my $client = $r->{nginx}->connect or next;

            $client->write(join('', map { chr(int(rand(256))) } 1 .. 200)
                           . "\r\n\r\n");
            $client->read(1);
        }
    }],
);


# Counted apart: while something is broken 503 is what is promised

sub broken {
    my ($r, $n) = @_;
    my ($name, $code) = @{ $faults[$n % @faults] };

    $r->fault(0, sub { $code->($r) }, bound => 2200, then => 2200);
    $r->heal(6, sub { });

    return;
}


# Seconds of it; what was seen in the second third and in the last

sub churn {
    my ($r, $name, $seconds, $pids, $code) = @_;
    my $begin = time;
    my (@seen, $n);

    while (time - $begin < $seconds) {
        my $due = time + $every;

        $code->($r, $n++);

        my $left = $due - time;

        sleep($left) if $left > 0;
        $r->count($r->phase);

        my $is = looked_at($r->{nginx}, $pids->());

        $is->{at} = time - $begin;
        told($name, $is->{at}, $is) if @seen % 6 == 0;
        push @seen, $is;
    }

    told("$name, end", $seen[-1]{at}, $seen[-1]);

    unchanged($r, $name, [grep { $_->{at} >= $seconds / 3
                            && $_->{at} < $seconds * 2 / 3 } @seen],
         [grep { $_->{at} >= $seconds * 2 / 3 } @seen]);

    return;
}


row 'soak' => (
    fault => 'churn',
    promise => 'nothing grows',
    outage => 1,
    rate => 400,
    writes => 60,
    run => sub {
        my ($r) = @_;

        $r->redis;

        # small, for its room for negatives to be full soon

        my $nginx = $r->nginx(
            size => '2m',
            server => 'location /status { evolu_auth_status;'
                      . ' allow 127.0.0.1; deny all; }');

        $r->steady;

        my @workers = $nginx->worker_pids;

        churn($r, 'workers', $minutes * 45, sub { @workers }, \&broken);
        is(join(' ', $nginx->worker_pids), "@workers", 'the same workers');
        churn($r, 'reloads', $minutes * 15, sub { $nginx->{pid} }, sub {
            for (1 .. 3) {
                $nginx->reload;
                sleep(2);
            }
        });
    });

$| = 1;
my $row = Fault::run('soak');

done_testing();

my $t = $row->{total};

diag("$t->{requests} requests, $t->{changes} changes, $t->{wrong_allows} wrong"
     . " allows, $t->{wrong_denies} wrong denies, $t->{errors} other 5xx,"
     . " $t->{lost} lost");
exit(@{ $row->{broken} } > 0 || !Test::More->builder->is_passing);
