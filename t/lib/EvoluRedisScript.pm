package EvoluRedisScript;

# Copyright (C) Evolu Auth Authors
#
# A server of the Redis protocol that does what a test tells it: what no real
# server can be made to do on demand.
#
#   my $server = EvoluRedisScript->start(
#       socket => "$dir/script.sock",       # or port => 0 (any on 127.0.0.1)
#       log    => "$dir/script.log",        # one line a command
#       answer => sub {
#           my ($link, @argv) = @_;
#
#           return hash(v => 1) if $argv[0] eq 'HGETALL';
#           return;                         # the default answer
#       });
#
#   $server->address                        # for evolu_auth_redis
#   $server->tell('push', invalidate('evolu:instance:shop'));
#   $server->count('HGETALL', 'evolu:instance:shop')
#   $server->stop;
#
# The callback runs in the server's process.  It returns raw bytes ('' for
# none), or undef for the default answer, or calls on the link:
#
#   send(BYTES)          now
#   after(SECONDS, BYTES)
#   slowly(SECONDS, BYTES)   byte by byte
#   hang                 read and answer no more
#   shut                 close
#   reset                close with RST
#
# tell(VERB, BYTES) does it to every link from the test's process: push (the
# bytes, to links that asked for tracking), send, hang, shut, reset; refuse
# closes the listening socket as well, so that new links fail.

use strict;
use warnings;

use Errno qw(EINTR);
use Exporter qw(import);
use IO::Select;
use IO::Socket::INET;
use IO::Socket::UNIX;
use Socket qw(SOL_SOCKET SO_LINGER);
use Time::HiRes qw(time);
use parent 'EvoluChild';

our @EXPORT_OK = qw(simple failure integer bulk nil array map_of set_of hash
                    hello invalidate flush);


# Words of the protocol

sub simple { return "+$_[0]\r\n" }
sub failure { return "-$_[0]\r\n" }
sub integer { return ":$_[0]\r\n" }
sub bulk { return '$' . length($_[0]) . "\r\n$_[0]\r\n" }
sub nil { return "_\r\n" }
sub array { return '*' . @_ . "\r\n" . join('', @_) }
sub map_of { return '%' . @_ / 2 . "\r\n" . join('', @_) }
sub set_of { return '~' . @_ . "\r\n" . join('', map { bulk($_) } @_) }
sub hash { return map_of(map { bulk($_) } @_) }


# A reply to HELLO: hello(proto => 2, role => 'replica')

sub hello {
    my %is = (proto => 3, role => 'master', @_);

    return map_of(bulk('server'), bulk('redis'),
                  bulk('version'), bulk('7.0.15'),
                  bulk('proto'), integer($is{proto}),
                  bulk('role'), bulk($is{role}));
}


# Pushes: names that changed, or anything

sub invalidate {
    return ">2\r\n" . bulk('invalidate') . array(map { bulk($_) } @_);
}


sub flush {
    return ">2\r\n" . bulk('invalidate') . nil();
}


# The test's side

sub start {
    my ($class, %is) = @_;
    my $listener = listener(\%is);
    my $self = bless { log => $is{log}, address => $is{address} }, $class;

    open(my $log, '>', $is{log}) or die "$is{log}: $!";
    $log->autoflush(1);

    $self->begin(sub {
        serve({ listener => $listener, control => $_[0], log => $log,
                answer => $is{answer}, ordered => $is{ordered},
                links => {}, told => '' });
    });

    close($listener);

    return $self;
}


sub address { return $_[0]{address} }


# Returns when it is done.

sub tell {
    my ($self, $verb, $bytes) = @_;

    $bytes = '' if !defined $bytes;

    syswrite($self->{control}, "$verb " . length($bytes) . "\n$bytes");
    sysread($self->{control}, my $done, 1);

    return;
}


# The commands that came so far, each as [LINK, WORD, ...]

sub commands {
    my ($self) = @_;

    open(my $log, '<', $self->{log}) or die "$self->{log}: $!";

    my @commands = map { chomp; [ map { unescape($_) } split / / ] } <$log>;

    return @commands;
}


# How many began with these words

sub count {
    my ($self, @words) = @_;

    return scalar grep {
        my @argv = @{$_}[1 .. $#$_];
        @argv >= @words && !grep { $argv[$_] ne $words[$_] } 0 .. $#words;
    } $self->commands;
}


sub listener {
    my ($is) = @_;

    if (defined $is->{socket}) {
        unlink($is->{socket});
        $is->{address} = "unix:$is->{socket}";

        my $s = IO::Socket::UNIX->new(Local => $is->{socket}, Listen => 128)
            or die "$is->{socket}: $!";

        chmod(0777, $is->{socket});

        return $s;
    }

    my $s = IO::Socket::INET->new(LocalAddr => '127.0.0.1',
                                  LocalPort => $is->{port} || 0,
                                  Listen => 128, ReuseAddr => 1)
        or die "listen: $!";

    $is->{address} = 'redis://127.0.0.1:' . $s->sockport;

    return $s;
}


# The server's side

sub serve {
    my ($server) = @_;
    my $select = IO::Select->new($server->{listener}, $server->{control});
    my $number = 0;

    $server->{select} = $select;

    for ( ;; ) {
        for my $fh ($select->can_read(run_due($server))) {

            if ($fh == $server->{control}) {
                obey($server) or return;

            } elsif ($server->{listener} && $fh == $server->{listener}) {
                my $s = $fh->accept or next;

                $server->{links}{fileno($s)} =
                    EvoluRedisScript::Link->new($server, $s, ++$number);
                $select->add($s);

            } elsif (!defined fileno($fh)) {
                # ended meanwhile, by what came from another
                next;

            } elsif (my $link = $server->{links}{fileno($fh)}) {
                $link->input;
            }
        }
    }
}


# Does what is due; returns the seconds until something else is.

sub run_due {
    my ($server) = @_;
    my $next;

    for my $link (values %{ $server->{links} }) {
        my $later = $link->{later};

        while (@$later && $later->[0][0] <= time) {
            $link->send((shift @$later)->[1]);
        }

        if (@$later && (!defined $next || $later->[0][0] < $next)) {
            $next = $later->[0][0];
        }
    }

    return if !defined $next;

    my $seconds = $next - time;

    return $seconds > 0 ? $seconds : 0;
}


sub obey {
    my ($server) = @_;

    sysread($server->{control}, my $bytes, 65536) or return 0;
    $server->{told} .= $bytes;

    while ($server->{told} =~ /^(\w+) (\d+)\n/) {
        my ($verb, $len) = ($1, $2);
        my $head = length($&);

        last if length($server->{told}) < $head + $len;

        my $data = substr($server->{told}, $head, $len);
        substr($server->{told}, 0, $head + $len) = '';

        if ($verb eq 'refuse' && $server->{listener}) {
            $server->{select}->remove($server->{listener});
            close(delete $server->{listener});
        }

        for my $link (values %{ $server->{links} }) {
            tell_link($link, $verb, $data);
        }

        syswrite($server->{control}, '.');
    }

    return 1;
}


sub tell_link {
    my ($link, $verb, $data) = @_;

    if ($verb eq 'push') {
        $link->send($data) if $link->{tracking};

    } elsif ($verb eq 'send') {
        $link->answer($data);

    } elsif ($verb eq 'hang') {
        $link->hang;

    } elsif ($verb eq 'reset') {
        $link->reset;

    } elsif ($verb eq 'shut' || $verb eq 'refuse') {
        $link->shut;

    } else {
        die "what is $verb?";
    }

    return;
}


# What a primary with an epoch and without records would say

sub default_answer {
    my ($link, @argv) = @_;
    my $command = uc($argv[0]);
    my $empty = $link->{proto} == 3 ? "%0\r\n" : "*0\r\n";

    if ($command eq 'HELLO') {
        $link->{proto} = 3;
        return hello();
    }

    if ($command eq 'CLIENT') {
        $link->{tracking} = 1 if uc($argv[1]) eq 'TRACKING';
        return simple('OK');
    }

    return bulk('1') if $command eq 'GET' && $argv[1] =~ /epoch$/;
    return $empty if $command eq 'HGETALL';
    return $link->{proto} == 3 ? set_of() : array() if $command eq 'SMEMBERS';
    return array(bulk('master'), integer(0), array()) if $command eq 'ROLE';
    return simple('PONG') if $command eq 'PING';
    return simple('OK') if $command eq 'AUTH' || $command eq 'SELECT';
    return failure("ERR unknown command '$argv[0]'");
}


# Words in the log have no space in them

sub escape {
    my ($word) = @_;

    $word =~ s/([^!-\$&-~])/sprintf('%%%02X', ord($1))/ge;

    return $word;
}


sub unescape {
    my ($word) = @_;

    $word =~ s/%([0-9A-F]{2})/chr(hex($1))/ge;

    return $word;
}


package EvoluRedisScript::Link;


sub new {
    my ($class, $server, $socket, $number) = @_;

    return bless { server => $server, socket => $socket, number => $number,
                   in => '', later => [], proto => 2, tracking => 0 }, $class;
}


sub number { return $_[0]{number} }


# The process at the other end of a unix socket

sub peer {
    my ($self) = @_;
    my ($pid) = unpack('i', getsockopt($self->{socket}, Socket::SOL_SOCKET(),
                                       Socket::SO_PEERCRED()));

    return $pid;
}


sub send {
    my ($self, $bytes) = @_;

    while (length($bytes) && $self->{socket}) {
        my $n = syswrite($self->{socket}, $bytes);

        if (!defined $n) {
            next if $!{EINTR};
            $self->shut;
            last;
        }

        substr($bytes, 0, $n) = '';
    }

    return;
}


sub after {
    my ($self, $seconds, $bytes) = @_;

    my @later = (@{ $self->{later} }, [ Time::HiRes::time() + $seconds,
                                        $bytes ]);

    @{ $self->{later} } = sort { $a->[0] <=> $b->[0] } @later;

    return;
}


sub slowly {
    my ($self, $seconds, $bytes) = @_;
    my $at = 0;

    $self->after($seconds * $at++, $_) for split(//, $bytes);

    return;
}


sub hang {
    my ($self) = @_;

    $self->{server}{select}->remove($self->{socket});
    @{ $self->{later} } = ();

    return;
}


sub shut {
    my ($self) = @_;

    my $socket = delete $self->{socket} or return;

    delete $self->{server}{links}{fileno($socket)};
    $self->{server}{select}->remove($socket);
    @{ $self->{later} } = ();
    close($socket);

    return;
}


sub reset {
    my ($self) = @_;

    setsockopt($self->{socket}, Socket::SOL_SOCKET(), Socket::SO_LINGER(),
               pack('ii', 1, 0));
    $self->shut;

    return;
}


sub input {
    my ($self) = @_;

    my $n = sysread($self->{socket}, my $bytes, 65536);

    if (!$n) {
        $self->shut if defined $n || !$!{EINTR};
        return;
    }

    $self->{in} .= $bytes;

    while (my @argv = $self->command) {
        my $log = $self->{server}{log};

        print $log join(' ', $self->{number},
                        map { EvoluRedisScript::escape($_) } @argv), "\n";

        my $answer = $self->{server}{answer};
        my $reply = $answer ? $answer->($self, @argv) : undef;

        if (!defined $reply) {
            $reply = EvoluRedisScript::default_answer($self, @argv);
        }

        $self->in_order($reply);
        last if !$self->{socket};
    }

    return;
}


# With "ordered" a command that gets no reply is owed one: what answers later
# commands, heartbeats among them, waits for it, as replies are told apart by
# their order alone.

sub in_order {
    my ($self, $reply) = @_;
    my $owed = $self->{owed} ||= [];

    if (!$self->{server}{ordered} || ($reply ne '' && !@$owed)) {
        $self->send($reply);
        return;
    }

    push @$owed, $reply eq '' ? undef : $reply;

    return;
}


# Gives whole replies to the commands that are owed one.

sub answer {
    my ($self, $replies) = @_;
    my $owed = $self->{owed} ||= [];

    for my $slot (@$owed) {
        next if defined $slot || $replies eq '';

        $slot = substr($replies, 0, reply_end($replies, 0), '');
    }

    while (@$owed && defined $owed->[0]) {
        $self->send(shift @$owed);
        return if !$self->{socket};
    }

    $self->send($replies) if $replies ne '';

    return;
}


# Where the reply that begins at $at ends

sub reply_end {
    my ($bytes, $at) = @_;

    pos($bytes) = $at;
    $bytes =~ /\G(.)([^\r]*)\r\n/g or die "no reply at $at";

    my ($type, $n, $end) = ($1, $2, $+[0]);

    return $n < 0 ? $end : $end + $n + 2 if $type eq '$';
    return $end if $type !~ /[*~>%]/;

    $n *= 2 if $type eq '%';
    $end = reply_end($bytes, $end) for 1 .. $n;

    return $end;
}


# Cuts one whole command off what was read.

sub command {
    my ($self) = @_;
    my $at = 0;

    $self->{in} =~ /\A\*(\d+)\r\n/ or return;
    $at = $+[0];

    my @argv;

    for (1 .. $1) {
        pos($self->{in}) = $at;
        $self->{in} =~ /\G\$(\d+)\r\n/g or return;

        my ($len, $start) = ($1, $+[0]);

        return if length($self->{in}) < $start + $len + 2;

        push @argv, substr($self->{in}, $start, $len);
        $at = $start + $len + 2;
    }

    substr($self->{in}, 0, $at) = '';

    return @argv;
}


1;
