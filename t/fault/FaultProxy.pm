package FaultProxy;

# Copyright (C) Evolu Auth Authors
#
# A TCP proxy in a process of its own, which does to the links of nginx what
# networks do.
#
#   my $proxy = FaultProxy->start($redis->{path});   # a unix socket behind it
#   $proxy->address                                  # for evolu_auth_redis
#
#   $proxy->tell('hang')            nothing passes any more, in no direction
#   $proxy->tell('hang', 1)         nothing of the oldest connection alone
#   $proxy->tell('deaf')            nothing from the server passes
#   $proxy->tell('pass')            all passes, what was held up first
#   $proxy->tell('latency', MS, JITTER)  what the server says comes later, up
#                                   to JITTER more, by connection and in order
#   $proxy->tell('lag', MS)         so it does on the oldest connection alone
#   $proxy->tell('slice', BYTES)    it comes in pieces, one a millisecond
#   $proxy->tell('cut', BYTES)      and after so many bytes RST
#   $proxy->tell('reset')           RST now
#   $proxy->tell('shut')            FIN now
#   $proxy->tell('refuse')          nobody listens; 'listen' again
#   $proxy->count                   connections that were made so far

use strict;
use warnings;

use Errno qw(EAGAIN EINTR);
use IO::Select;
use IO::Socket::INET;
use IO::Socket::UNIX;
use Socket qw(SOL_SOCKET SO_LINGER IPPROTO_TCP TCP_NODELAY);
use Time::HiRes qw(time);
use parent 'EvoluChild';


sub start {
    my ($class, $behind) = @_;
    my $listener = listener(0);
    my $self = bless { port => $listener->sockport }, $class;

    $self->begin(sub {
        serve({ listener => $listener, port => $self->{port},
                control => $_[0], behind => $behind, pairs => [],
                latency => 0, jitter => 0, slice => 0, cut => 0,
                mode => 'pass', count => 0 });
    });

    close($listener);

    return $self;
}


sub address { return "redis://127.0.0.1:$_[0]{port}" }


sub tell {
    my ($self, @words) = @_;

    syswrite($self->{control}, "@words\n");
    sysread($self->{control}, my $answer, 64);
    chomp $answer;

    return $answer;
}


sub count { return $_[0]->tell('count') }


sub listener {
    my ($port) = @_;

    return IO::Socket::INET->new(LocalAddr => '127.0.0.1', LocalPort => $port,
                                 Listen => 64, ReuseAddr => 1)
           || die "listen: $!";
}


# The proxy's side.  A pair: front (nginx), back (Redis), and chunks for each
# that are to be written, [when, bytes].

sub serve {
    my ($p) = @_;

    for ( ;; ) {
        my $select = IO::Select->new($p->{control});

        $select->add($p->{listener}) if $p->{listener};

        for my $pair (grep { !$_->{hang} } @{ $p->{pairs} }) {
            $select->add($pair->{front});
            $select->add($pair->{back}) if !$pair->{deaf};
        }

        my %ready = map { fileno($_) => 1 }
                    $select->can_read(write_due($p));

        if ($ready{fileno($p->{control})}) {
            obey($p) or return;
            next;
        }

        welcome($p) if $p->{listener} && $ready{fileno($p->{listener})};

        for my $pair (@{ $p->{pairs} }) {
            take($p, $pair, 'front', 'back') if $ready{fileno($pair->{front})};
            take($p, $pair, 'back', 'front')
                if !$pair->{over} && $ready{fileno($pair->{back})};
        }

        $p->{pairs} = [grep { !$_->{over} } @{ $p->{pairs} }];
    }
}


sub welcome {
    my ($p) = @_;
    my $front = $p->{listener}->accept or return;
    my $back = IO::Socket::UNIX->new(Peer => $p->{behind});

    $p->{count}++;

    if (!$back) {
        close($front);
        return;
    }

    $_->blocking(0) for $front, $back;
    setsockopt($front, IPPROTO_TCP, TCP_NODELAY, 1);

    push @{ $p->{pairs} }, {
        front => $front, back => $back, to_front => [], to_back => [],
        hang => $p->{mode} eq 'hang', deaf => $p->{mode} eq 'deaf',
        said => 0, lag => 0,
    };

    return;
}


sub take {
    my ($p, $pair, $from, $to) = @_;
    my $n = sysread($pair->{$from}, my $bytes, 65536);

    if (!defined $n) {
        finish($pair) if !$!{EAGAIN} && !$!{EINTR};
        return;
    }

    if ($n == 0) {
        $pair->{ends} = $to;
        finish($pair) if !@{ $pair->{"to_$to"} };
        return;
    }

    my $queue = $pair->{"to_$to"};
    my $when = time;

    if ($from eq 'back') {
        $when += ($p->{latency} + $pair->{lag} + rand($p->{jitter})) / 1000;
        $when = $queue->[-1][0] if @$queue && $queue->[-1][0] > $when;
    }

    if ($from eq 'back' && $p->{slice}) {
        for my $piece (unpack("(a$p->{slice})*", $bytes)) {
            $when += 0.001;
            push @$queue, [$when, $piece];
        }

        return;
    }

    push @$queue, [$when, $bytes];

    return;
}


# Writes what is due; returns the seconds until something else is.

sub write_due {
    my ($p) = @_;
    my ($now, $next) = (time, undef);

    for my $pair (grep { !$_->{hang} } @{ $p->{pairs} }) {
        for my $to ('front', 'back') {
            my $queue = $pair->{"to_$to"};

            next if $to eq 'front' && $pair->{deaf};

            while (@$queue && $queue->[0][0] <= $now && !$pair->{over}) {
                put($p, $pair, $to, (shift @$queue)->[1]);
            }

            finish($pair) if !@$queue && ($pair->{ends} || '') eq $to;

            if (@$queue && (!defined $next || $queue->[0][0] < $next)) {
                $next = $queue->[0][0];
            }
        }
    }

    $p->{pairs} = [grep { !$_->{over} } @{ $p->{pairs} }];

    return if !defined $next;
    return $next > $now ? $next - $now : 0;
}


sub put {
    my ($p, $pair, $to, $bytes) = @_;

    if ($to eq 'front' && $p->{cut}) {
        $bytes = substr($bytes, 0, $p->{cut} - $pair->{said});
    }

    while (length($bytes)) {
        my $n = syswrite($pair->{$to}, $bytes);

        if (!defined $n) {
            next if $!{EINTR};

            if ($!{EAGAIN}) {
                IO::Select->new($pair->{$to})->can_write(1) and next;
            }

            finish($pair);
            return;
        }

        substr($bytes, 0, $n) = '';
        $pair->{said} += $n if $to eq 'front';
    }

    finish($pair, 1)
        if $to eq 'front' && $p->{cut} && $pair->{said} >= $p->{cut};

    return;
}


sub finish {
    my ($pair, $reset) = @_;

    return if $pair->{over};

    $pair->{over} = 1;
    setsockopt($pair->{front}, SOL_SOCKET, SO_LINGER, pack('ii', 1, 0))
        if $reset;
    close($pair->{$_}) for 'front', 'back';

    return;
}


sub obey {
    my ($p) = @_;

    sysread($p->{control}, my $line, 4096) or return 0;

    my ($word, @rest) = split ' ', $line;
    my @pairs = @{ $p->{pairs} };

    if ($word eq 'hang' && @rest) {
        $pairs[$rest[0] - 1]{hang} = 1 if @pairs >= $rest[0];

    } elsif ($word eq 'hang' || $word eq 'deaf' || $word eq 'pass') {
        $p->{mode} = $word;
        $p->{$_} = 0 for qw(latency jitter slice cut);

        for my $pair (@pairs) {
            $pair->{lag} = 0;
            $pair->{hang} = $word eq 'hang';
            $pair->{deaf} = $word eq 'deaf';
        }

    } elsif ($word eq 'latency') {
        $p->{latency} = $rest[0];
        $p->{jitter} = $rest[1] || 0;

    } elsif ($word eq 'lag') {
        $pairs[0]{lag} = $rest[0] if @pairs;

    } elsif ($word eq 'slice' || $word eq 'cut') {
        $p->{$word} = $rest[0];
        $_->{said} = 0 for @pairs;

    } elsif ($word eq 'reset' || $word eq 'shut') {
        finish($_, $word eq 'reset') for @pairs;
        $p->{pairs} = [];

    } elsif ($word eq 'refuse') {
        close(delete $p->{listener}) if $p->{listener};
        finish($_, 1) for @pairs;
        $p->{pairs} = [];

    } elsif ($word eq 'listen') {
        $p->{listener} ||= listener($p->{port});

    } elsif ($word ne 'count') {
        die "what is $word?";
    }

    syswrite($p->{control}, ($word eq 'count' ? $p->{count} : 'ok') . "\n");

    return 1;
}


1;
