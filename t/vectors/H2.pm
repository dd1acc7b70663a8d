package H2;

# Copyright (C) Evolu Auth Authors
#
# As much of an HTTP/2 client as hostile requests need: header blocks are
# written as they are told, whatever they hold.

use strict;
use warnings;

use IO::Select;
use Time::HiRes qw(time);

my %INDEXED = (0x88 => 200, 0x89 => 204, 0x8a => 206, 0x8b => 304, 0x8c => 400,
               0x8d => 404, 0x8e => 500);


# ask(SOCKET, REQUEST...): all of them at once, on one connection.  A request
# is a reference to a list of [name, value], pseudo-headers included; its
# answer { status, reset }, with neither when none came.

sub ask {
    my ($client, @requests) = @_;

    my $out = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" . frame(4, 0, 0, '');
    my %answers;

    for my $i (0 .. $#requests) {
        my $block = join('', map { literal(@$_) } @{$requests[$i]});

        $out .= frame(1, 0x5, 2 * $i + 1, $block);      # whole, and the last
    }

    local $SIG{PIPE} = 'IGNORE';
    syswrite($client, $out);

    my $select = IO::Select->new($client);
    my $until = time() + 8;
    my $in = '';

    while (keys %answers < @requests && (my $left = $until - time()) > 0) {
        last if !$select->can_read($left);
        last if !sysread($client, $in, 65536, length($in));

        take(\$in, \%answers, scalar(@requests));
    }

    return map { $answers{2 * $_ + 1} // {} } 0 .. $#requests;
}


sub get {
    my ($path, @more) = @_;

    return [[':method', 'GET'], [':scheme', 'http'], [':path', $path],
            [':authority', 'edge'], @more];
}


sub frame {
    my ($type, $flags, $stream, $payload) = @_;

    return substr(pack('N', length($payload)), 1)
           . pack('CCN', $type, $flags, $stream) . $payload;
}


# without indexing, a new name, no Huffman

sub literal {
    my ($name, $value) = @_;

    return "\x00" . text($name) . text($value);
}


sub text {
    my ($text) = @_;

    my $length = length($text);

    return chr($length) . $text if $length < 127;

    my $rest = $length - 127;
    my $out = "\x7f";

    while ($rest >= 128) {
        $out .= chr($rest % 128 + 128);
        $rest = int($rest / 128);
    }

    return $out . chr($rest) . $text;
}


sub take {
    my ($in, $answers, $count) = @_;

    while (length($$in) >= 9) {
        my $length = unpack('N', "\0" . substr($$in, 0, 3));

        return if length($$in) < 9 + $length;

        my ($type, $flags, $stream) = unpack('CCN', substr($$in, 3, 6));
        my $payload = substr($$in, 9, $length);

        $$in = substr($$in, 9 + $length);

        if ($type == 1) {
            $answers->{$stream} //= { status => status_of($payload) };

        } elsif ($type == 3) {
            $answers->{$stream} //= { reset => 1 };

        } elsif ($type == 7 && unpack('x4 N', $payload) != 0) {
            $answers->{2 * $_ + 1} //= { reset => 1 } for 0 .. $count - 1;
        }
    }

    return;
}


# nginx writes the status first, by its index or as three digits.

sub status_of {
    my ($block) = @_;

    $block =~ s/\A[\x20-\x3f]+//;       # sizes of the table

    my $first = ord($block);

    return $INDEXED{$first} if defined $INDEXED{$first};
    return $1 if $block =~ /\A[\x08\x48\x18]\x03(\d\d\d)/;

    return 0;
}

1;
