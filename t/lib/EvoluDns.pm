package EvoluDns;

# Copyright (C) Evolu Auth Authors
#
# A name server of a test: it answers every A query by what a file holds when
# it is asked: an address; nothing: no such name; "-": no answer at all.
#
#   my $dns = EvoluDns->start("$dir/address");
#   resolver 127.0.0.1:$dns->{port} valid=1s ipv6=off;
#   $dns->queries

use strict;
use warnings;

use IO::Socket::INET;
use Socket qw(inet_aton);
use parent 'EvoluChild';


sub start {
    my ($class, $file) = @_;
    my $socket = IO::Socket::INET->new(LocalAddr => '127.0.0.1', Proto => 'udp')
        or die "udp: $!";
    my $self = bless { file => $file, port => $socket->sockport }, $class;

    $self->begin(sub { $self->serve($socket) });

    return $self;
}


sub serve {
    my ($self, $socket) = @_;

    while (defined(my $peer = $socket->recv(my $query, 1024))) {
        open(my $count, '>>', "$self->{file}.queries");
        print {$count} '.';
        close($count);

        open(my $fh, '<', $self->{file}) or next;
        my $address = readline($fh);
        close($fh);

        $address = '' if !defined $address;
        chomp $address;

        next if $address eq '-';

        # the question again: its name ends with a zero, type and class follow

        my ($question) = substr($query, 12) =~ /\A((?:[^\0].*?)?\0.{4})/s;
        my $found = $address ne '';
        my $reply = substr($query, 0, 2)
                    . pack('n n n n n', $found ? 0x8180 : 0x8183, 1,
                           $found ? 1 : 0, 0, 0) . $question;

        if ($found) {
            $reply .= pack('n n n N n', 0xc00c, 1, 1, 1, 4)
                      . inet_aton($address);
        }

        $socket->send($reply, 0, $peer);
    }

    return;
}


sub queries {
    my ($self) = @_;

    return -s "$self->{file}.queries" || 0;
}


1;
