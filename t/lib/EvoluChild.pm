package EvoluChild;

# Copyright (C) Evolu Auth Authors
#
# A server of a test in a process of its own, which ends with the test: the
# base of what follows "use parent 'EvoluChild'".
#
#   $self->begin(sub { my ($control) = @_; ... });   # in the process
#   syswrite($self->{control}, ...);                 # to its $control
#   $self->stop;

use strict;
use warnings;

use POSIX ();
use Socket qw(AF_UNIX PF_UNSPEC SOCK_STREAM);


sub begin {
    my ($self, $serve) = @_;

    socketpair(my $ours, my $theirs, AF_UNIX, SOCK_STREAM, PF_UNSPEC)
        or die "socketpair: $!";

    $self->{owner} = $$;
    $self->{pid} = fork();
    die "fork: $!" if !defined $self->{pid};

    if ($self->{pid} == 0) {
        close($ours);
        $SIG{PIPE} = 'IGNORE';
        $SIG{$_} = 'DEFAULT' for qw(TERM INT);

        eval { $serve->($theirs) };
        warn ref $self, ": $@" if $@;
        POSIX::_exit(0);
    }

    close($theirs);
    $self->{control} = $ours;

    return;
}


sub pid { return $_[0]{pid} }


sub stop {
    my ($self) = @_;

    if (defined $self->{pid} && $self->{owner} == $$) {
        kill('KILL', $self->{pid});
        waitpid($self->{pid}, 0);
        delete $self->{pid};
    }

    return;
}


sub DESTROY {
    local $? = $?;

    $_[0]->stop;

    return;
}


1;
