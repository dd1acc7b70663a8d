package EvoluBrowser;

# Copyright (C) Evolu Auth Authors
#
# A headless Chromium, driven over its debugging pipe.
#
#   my $browser = EvoluBrowser->start("$dir/profile");
#   my $page = $browser->open('http://127.0.0.1/', width => 390, dark => 1);
#
#   $page->value('document.title')      # of JavaScript; a promise is awaited
#   $page->complaints                   # of the console, and of the policy
#   $page->screenshot('page.png');
#   $browser->stop;

use strict;
use warnings;

use Fcntl qw(F_SETFD);
use IO::Select;
use JSON::PP ();
use MIME::Base64 qw(decode_base64);
use POSIX ();
use Time::HiRes qw(time);

my $json = JSON::PP->new->utf8;


# The program, or undef

sub program {
    for my $name (qw(chromium-headless-shell chromium)) {
        for my $dir (split(/:/, $ENV{PATH}), '/usr/bin') {
            return "$dir/$name" if -x "$dir/$name";
        }
    }

    return;
}


sub start {
    my ($class, $profile) = @_;

    pipe(my $in, my $to) or die "pipe: $!";
    pipe(my $from, my $out) or die "pipe: $!";

    my $pid = fork();

    die "fork: $!" if !defined $pid;

    if ($pid == 0) {

        # the descriptors 3 and 4 are what the program reads and writes;
        # out of their way first

        my ($r, $w) = (POSIX::dup2(fileno($in), 103),
                       POSIX::dup2(fileno($out), 104));

        POSIX::dup2($r, 3);
        POSIX::dup2($w, 4);
        open(STDOUT, '>', "$profile.log");
        open(STDERR, '>&', \*STDOUT);
        exec('setpriv', '--pdeathsig', 'KILL', program(), '--headless',
             '--no-sandbox', '--disable-gpu', '--disable-dev-shm-usage',
             '--hide-scrollbars', '--no-first-run', '--disable-extensions',
             '--disable-background-networking', '--no-proxy-server',
             "--user-data-dir=$profile", '--remote-debugging-pipe',
             'about:blank')
            or POSIX::_exit(127);
    }

    close($in);
    close($out);

    return bless { pid => $pid, to => $to, from => $from, buffer => '',
                   last => 0, events => [] }, $class;
}


# One command, its result; what happens meanwhile is kept.

sub call {
    my ($self, $method, $params, $session) = @_;
    my $id = ++$self->{last};

    my $text = $json->encode({ id => $id, method => $method,
                               params => $params || {},
                               $session ? (sessionId => $session) : () });

    syswrite($self->{to}, "$text\0") or die "browser: $!";

    for ( ;; ) {
        my $message = $self->message(30);

        die "browser: no answer to $method" if !defined $message;

        if (!defined $message->{id}) {
            push @{ $self->{events} }, $message;

        } elsif ($message->{id} == $id) {
            die "browser: $method: $message->{error}{message}"
                if $message->{error};

            return $message->{result};
        }
    }
}


sub message {
    my ($self, $seconds) = @_;
    my $deadline = time + $seconds;
    my $select = IO::Select->new($self->{from});

    for ( ;; ) {
        return $json->decode($1) if $self->{buffer} =~ s/\A([^\0]*)\0//;

        my $left = $deadline - time;

        return if $left <= 0 || !$select->can_read($left);

        sysread($self->{from}, $self->{buffer}, 65536,
                length($self->{buffer})) or return;
    }
}


# Waits for an event of a session, or dies

sub await {
    my ($self, $session, $method) = @_;
    my $deadline = time + 30;

    for ( ;; ) {
        my ($event) = grep { $_->{method} eq $method
                             && $_->{sessionId} eq $session }
                      @{ $self->{events} };

        return $event if $event;

        my $message = $self->message($deadline - time)
            or die "browser: waited for nothing: $method";

        push @{ $self->{events} }, $message;
    }
}


# A page, once it is loaded: width, height, dark => 1, script => 0

sub open {
    my ($self, $url, %is) = @_;

    %is = (width => 1280, height => 900, script => 1, dark => 0, %is);

    my $target = $self->call('Target.createTarget',
                             { url => 'about:blank' })->{targetId};
    my $session = $self->call('Target.attachToTarget',
                              { targetId => $target,
                                flatten => JSON::PP::true })->{sessionId};
    my $page = bless { browser => $self, session => $session,
                       target => $target }, 'EvoluBrowser::Page';

    $page->call("$_.enable") for qw(Page Runtime Log Network);
    $page->call('Emulation.setDeviceMetricsOverride',
                { width => $is{width}, height => $is{height},
                  deviceScaleFactor => 1,
                  mobile => $is{width} < 600 ? JSON::PP::true
                                             : JSON::PP::false });
    $page->call('Emulation.setEmulatedMedia',
                { features => [{ name => 'prefers-color-scheme',
                                 value => $is{dark} ? 'dark' : 'light' }] });
    $page->call('Emulation.setScriptExecutionDisabled',
                { value => $is{script} ? JSON::PP::false : JSON::PP::true });
    $page->call('Page.navigate', { url => $url });
    $self->await($session, 'Page.loadEventFired');

    return $page;
}


sub stop {
    my ($self) = @_;

    return if !defined $self->{pid};

    kill('KILL', $self->{pid});
    waitpid($self->{pid}, 0);
    $self->{pid} = undef;

    return;
}


sub DESTROY {
    my ($self) = @_;

    local ($?, $@);
    $self->stop;

    return;
}


package EvoluBrowser::Page;

use MIME::Base64 qw(decode_base64);


sub call {
    my ($self, $method, $params) = @_;

    return $self->{browser}->call($method, $params, $self->{session});
}


sub value {
    my ($self, $expression) = @_;

    my $result = $self->call('Runtime.evaluate',
                             { expression => $expression,
                               returnByValue => JSON::PP::true,
                               awaitPromise => JSON::PP::true });

    die "browser: $result->{exceptionDetails}{text} in $expression"
        if $result->{exceptionDetails};

    return $result->{result}{value};
}


# What was written to the console, thrown, refused by the policy or not found

sub complaints {
    my ($self) = @_;
    my @all;

    # so that all that has happened was told

    $self->call('Runtime.getIsolateId');

    for my $event (@{ $self->{browser}{events} }) {
        next if ($event->{sessionId} || '') ne $self->{session};

        my ($method, $params) = @$event{qw(method params)};

        push @all, "$params->{entry}{source}: $params->{entry}{text}"
            if $method eq 'Log.entryAdded';
        push @all, "console.$params->{type}"
            if $method eq 'Runtime.consoleAPICalled';
        push @all, "thrown: $params->{exceptionDetails}{text}"
            if $method eq 'Runtime.exceptionThrown';
        push @all, "failed: $params->{errorText}"
            if $method eq 'Network.loadingFailed';
    }

    return @all;
}


# URLs that it asked for

sub requests {
    my ($self) = @_;

    return map { $_->{params}{request}{url} }
           grep { $_->{method} eq 'Network.requestWillBeSent'
                  && $_->{sessionId} eq $self->{session} }
           @{ $self->{browser}{events} };
}


sub screenshot {
    my ($self, $path) = @_;

    my $data = $self->call('Page.captureScreenshot',
                           { captureBeyondViewport => JSON::PP::true })->{data};

    CORE::open(my $fh, '>', $path) or die "$path: $!";
    binmode($fh);
    print {$fh} decode_base64($data);
    close($fh);

    return;
}


sub close {
    my ($self) = @_;

    $self->{browser}->call('Target.closeTarget',
                           { targetId => $self->{target} });

    return;
}


1;
