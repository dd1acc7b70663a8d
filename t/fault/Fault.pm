package Fault;

# Copyright (C) Evolu Auth Authors
#
# A row of the fault table: real nginx, real Redis, the load generator that
# knows the truth, something that breaks, and what is promised meanwhile.
#
#   row 'redis-killed' => (
#       fault   => 'what is done',
#       promise => 'what must hold',
#       core    => 1,                       # it is one of "make fault-core"
#       run     => sub {
#           my ($r) = @_;
#
#           $r->redis;  $r->nginx;          # with load on them, all warm
#           $r->steady;
#           $r->fault(5, sub { ... });      # 5 s of it, after the code
#           $r->heal(5, sub { ... });       # measured: when all was well
#       });
#
# What no row may have: wrong allows, wrong denies, requests that fail in
# another way than 503, requests without an answer, [alert] or worse in the
# error log, a worker that dies by itself.  503 of what is cached only with
# outage => 1, and what else a row lets pass it says in its promise.
#
# FAULT_SLACK: by how much longer the machine may take than is promised.

use strict;
use warnings;

use Exporter qw(import);
use IPC::Open2 qw(open2);
use Test::More;
use Time::HiRes qw(sleep time);

our @EXPORT = qw(row);
our (%rows, @names);

# a whole path: USR2 does not search for it

$ENV{TEST_NGINX_BINARY} ||= '/usr/sbin/nginx';
$ENV{EVOLU_MODULE} = "$ENV{EVOLU_BUILD}/ngx_http_evolu_auth_module.so"
    if !defined $ENV{EVOLU_MODULE};

my $slack = $ENV{FAULT_SLACK} || 1;


sub row {
    my ($name, %is) = @_;

    die "two rows $name" if $rows{$name};

    push @names, $name;
    $rows{$name} = { name => $name, keys => 64, clients => 32, rate => 600,
                     writes => 100, %is };

    return;
}


sub run {
    my ($name) = @_;
    my $self = bless { %{ $rows{$name} }, total => {}, broken => [],
                       healed => undef }, __PACKAGE__;

    require EvoluNginx;

    $self->{run}->($self);
    $self->finish if !$self->{skipped};

    return $self;
}


# What cannot be produced here

sub unproduced {
    my ($self, $why) = @_;

    $self->{skipped} = $why;

    return;
}


# What a row is made of

sub redis {
    my ($self, @options) = @_;

    $self->{redis} = EvoluNginx::Redis->start(@options);

    return $self->{redis};
}


sub proxy {
    my ($self) = @_;

    require FaultProxy;
    $self->{proxy} = FaultProxy->start($self->{redis}{path});

    return $self->{proxy};
}


# nginx, and the load: records, links, then requests until all is cached.  With
# cold => 1 there is no Redis yet.  The zone is large so that its buckets are
# many: a change drops what is being read of its neighbours in the bucket, too.

sub nginx {
    my ($self, %is) = @_;
    my $load = delete $is{load} || {};
    my $cold = delete $is{cold};

    %$self = (%$self, %$load);

    my $nginx = EvoluNginx->make(
        workers => 2, size => '64m', zone => 'fresh=1h stale=15m',
        link => 'timeout=500ms connect_timeout=250ms',
        redis => $self->{proxy} || $self->{redis}, %is);

    $self->{nginx} = $nginx;

    my $store = $self->{store} || $self->{redis};

    $self->{load_pid} = open2($self->{from}, $self->{to},
        "$ENV{EVOLU_BUILD}/fault/load", "127.0.0.1:$nginx->{port}",
        ref $store ? $store->address : $store, $self->{keys},
        $self->{clients});

    if (!$cold) {
        $self->check($self->load('fill') eq 'ok', 'records are written');
    }

    $nginx->{live} = 0 if $cold;
    $nginx->launch;

    if (!$cold) {
        $self->load('rate', $self->{rate});
        $self->load('writes', $self->{writes});
        $self->warm;
    }

    return $nginx;
}


# All that never changes was asked for twice, without trouble: it is cached

sub warm {
    my ($self) = @_;
    my $deadline = time + 30;
    my $need = 2 * $self->{keys} / 0.4;
    my $asked = 0;

    $self->phase;

    while ($asked < $need) {
        sleep(0.2);

        my $p = $self->phase;

        $asked += $p->{requests};
        $asked = 0 if $p->{warm503} + $p->{errors} > 0;

        if (time > $deadline) {
            $self->check(0, 'all is warm');
            last;
        }
    }

    return;
}


sub load {
    my ($self, @words) = @_;

    print { $self->{to} } "@words\n";
    $self->{to}->flush;

    my $line = readline($self->{from});

    die "the load generator ended at \"@words\"\n" if !defined $line;
    chomp $line;

    return $line;
}


# Ends a phase: what was counted in it, and how late a change may be seen in
# the next one, in milliseconds

sub phase {
    my ($self, $bound) = @_;

    return { $self->load('phase', $bound || 100) =~ /(\S+)=(\S+)/g };
}


sub count {
    my ($self, $p) = @_;

    $self->{total}{$_} += $p->{$_} for keys %$p;

    for my $max ('late_allow', 'late_deny') {
        my $name = "max_$max";

        $self->{total}{$name} = $p->{$max}
            if $p->{$max} > ($self->{total}{$name} || 0);
    }

    return $p;
}


sub check {
    my ($self, $holds, $what) = @_;

    die "a list for a truth\n" if @_ != 3;

    ok($holds, $what);
    push @{ $self->{broken} }, $what if !$holds;

    return $holds;
}


# Nothing is broken: so nothing may go wrong

sub steady {
    my ($self, $seconds) = @_;

    $self->phase;

    my $reads = $self->reads;
    my $begin = time;

    sleep($seconds || 2);

    my $p = $self->count($self->phase);

    $self->{steady_reads} = ($self->reads - $reads) / (time - $begin);

    $self->check($p->{warm503} + $p->{other503} == 0, 'steady: no 503');
    $self->check($p->{requests} > 20, 'steady: requests');

    return $p;
}


sub reads {
    my ($self) = @_;

    my $n = eval { $self->{redis}->calls('hgetall') };

    return defined $n ? $n : 0;
}


# fault(SECONDS, CODE, bound => MS): what was counted while it lasted

sub fault {
    my ($self, $seconds, $code, %is) = @_;

    $self->phase($is{bound} || 100);

    my $began = time;

    $code->();

    my $left = $seconds - (time - $began);

    sleep($left) if $left > 0;

    return $self->count($self->phase($is{then} || 100));
}


# heal(SECONDS, CODE, bound => MS, within => SECONDS): the same, and all must be
# well in time.  written => 1: records are written again, and what is written is
# cached no more.

sub heal {
    my ($self, $seconds, $code, %is) = @_;
    my $p = $self->fault($seconds, $code, bound => $is{bound} || 2200);
    my $healed = $p->{last_bad} / 1000;

    if ($is{written}) {
        $self->{total}{warm503} -= $p->{warm503};
        $self->{total}{other503} += $p->{warm503};
    }

    $self->{healed} = $healed
        if !defined $self->{healed} || $healed > $self->{healed};

    my $within = $is{within} || 2;

    $self->check($healed <= $within * $slack, "healed in $within s: $healed s");
    $self->check($p->{allowed} > 0, 'asked and answered');

    return $p;
}


sub within { return $_[1] * $slack }


# The end: all is well for a while, and everybody ends in peace

sub finish {
    my ($self) = @_;
    my $t = $self->{total};

    if ($self->{from} && !$self->{no_end}) {
        $self->phase;
        sleep(1);

        my $p = $self->count($self->phase);

        $self->check($p->{warm503} + $p->{other503} == 0, 'the end: no 503');
        $self->check($p->{fresh} > 0, 'the end: fresh');
        $self->load('writes', 0);
        $self->load('settle');
        $self->load('quit');
        waitpid($self->{load_pid}, 0);
        $self->check($? == 0, 'the load generator ends');
    }

    my %may = map { $_ => 1 } @{ $self->{may} || [] };

    for my $name (qw(wrong_allows wrong_denies errors lost stuck)) {
        my $n = $t->{$name} || 0;

        $self->check($n == 0, "$name: $n") if !$may{$name};
    }

    if (!$self->{outage}) {
        my $n = $t->{warm503} || 0;

        $self->check($n == 0, "503 of what is cached: $n");
    }

    if ($self->{nginx} && !$self->{ended}) {
        $self->{nginx}->stop;
    }

    # what EvoluNginx tested by itself

    if (!Test::More->builder->is_passing && !@{ $self->{broken} }) {
        $self->check(0, 'see its log');
    }

    return;
}


# Cells of the table

sub cells {
    my ($self) = @_;
    my $t = $self->{total};
    my $n = sub { return $t->{$_[0]} || 0 };

    return ($self->{name}, $self->{fault}, $n->('requests'),
            $n->('wrong_allows'), $n->('wrong_denies'), $n->('warm503'),
            $n->('other503'), $n->('errors'),
            $n->('lost') + $n->('stuck'),
            defined $self->{healed} ? sprintf('%.1f s', $self->{healed}) : '-',
            $self->{promise}
                . (defined $self->{note} ? " ($self->{note})" : ''));
}


1;
