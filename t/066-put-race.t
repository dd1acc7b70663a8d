# Copyright (C) Evolu Auth Authors
#
# A record changes while it is read: the last state wins.

use strict;
use warnings;

use lib 't/lib';
use EvoluNginx;
use EvoluRedisScript qw(hash bulk invalidate flush);
use POSIX ();
use Test::More;
use Time::HiRes qw(time);


sub credential {
    return "evolu_live_$_[0]_ScriptSecret0123456789";
}


sub good {
    return hash(record_of(credential($_[0])));
}


my $none = "%0\r\n";

# The first answer is what was so before the change, all others what is so
# since.  The slug says where the push comes.

my %first = (
    'before-the-reply' => sub {
        return invalidate("evolu:campaign:live:$_[0]") . good($_[0]);
    },
    'behind-the-reply' => sub {
        return good($_[0]) . invalidate("evolu:campaign:live:$_[0]");
    },
    'flush-before' => sub { return flush() . good($_[0]) },
    'flush-behind' => sub { return good($_[0]) . flush() },
    'among-others' => sub {
        return invalidate('evolu:campaign:live:x', 'evolu:epoch',
                          "evolu:campaign:live:$_[0]", 'evolu:') . good($_[0]);
    },
    'twice' => sub {
        return invalidate("evolu:campaign:live:$_[0]") . good($_[0])
               . invalidate("evolu:campaign:live:$_[0]");
    },
);

my (%n, $epoch);

$epoch = 1;

my $server = EvoluRedisScript->start(
    socket => "$dir/script.sock",
    log => "$dir/script.log",
    answer => sub {
        my ($link, $command, $name) = @_;

        return bulk($epoch) if $command eq 'GET';
        return if $command ne 'HGETALL'
                  || $name !~ /^evolu:campaign:live:(.*)/;

        my $slug = $1;
        my $n = ++$n{$slug};

        if ($slug =~ /^made-(.*)/) {
            # the other way round: it was not there, and is made

            return $n > 1 ? good($slug)
                   : $first{$1}->($slug) =~ s/\Q@{[good($slug)]}/$none/r;
        }

        if ($slug eq 'new-epoch') {
            return $none if $n > 1;

            $epoch = 2;
            return invalidate('evolu:epoch') . good($slug);
        }

        return $n > 1 || !$first{$slug} ? $none : $first{$slug}->($slug);
    });

my $nginx = EvoluNginx->start(redis => $server, link => 'timeout=5s',
                              zone => 'fresh=1h negative=1h');


sub reads {
    return $server->count('HGETALL', "evolu:campaign:live:$_[0]");
}


# What came behind a reply may come behind the next request as well.

sub later {
    my ($slug, $want, $before) = @_;

    my $seen = $nginx->until(1, credential($slug), $want);

    $seen =~ s/^\Q$before\E > // if $slug =~ /behind/;

    return $seen;
}


# Until the answers are those of the last state; what it was before that is
# for the one who asked before it.

for my $slug (sort keys %first) {
    like($nginx->ask(credential($slug)), qr/^(?:200 MISS ok|401 MISS unknown)$/,
         "$slug: the one who asked");
    is(later($slug, '401 NEGATIVE unknown', '200 FRESH ok'),
       '401 MISS unknown > 401 NEGATIVE unknown', "$slug: who asks later");
    is(reads($slug), 2, "$slug: read again, once");

    $slug = "made-$slug";

    like($nginx->ask(credential($slug)), qr/^(?:200 MISS ok|401 MISS unknown)$/,
         "$slug: the one who asked");
    is(later($slug, '200 FRESH ok', '401 NEGATIVE unknown'),
       '200 MISS ok > 200 FRESH ok', "$slug: who asks later");
    is(reads($slug), 2, "$slug: read again, once");
}

like($nginx->ask(credential('new-epoch')), qr/^200 MISS ok$/,
     'new-epoch: the one who asked');
like($nginx->until(1, credential('new-epoch'), '401 NEGATIVE unknown'),
     qr/401 MISS unknown > 401 NEGATIVE unknown$/, 'new-epoch: who asks later');

$nginx->stop;
$server->stop;


# A real server, and a writer at full speed: the last state is what counts

my $redis = EvoluNginx::Redis->start;

$redis->fill;
$nginx = EvoluNginx->start(redis => $redis, workers => 2,
                           zone => 'fresh=1h negative=1h',
                           link => 'timeout=5s');

my @readers;

for (1 .. 2) {
    my $pid = fork();

    die "fork: $!" if !defined $pid;

    if ($pid == 0) {
        my $over = 0;
        my $client;

        $SIG{TERM} = sub { $over = 1 };

        until ($over) {
            $client ||= $nginx->connect;
            $client->ask($LIVE) =~ /^\d/ or undef $client;
        }

        POSIX::_exit(0);
    }

    push @readers, $pid;
}

my @workers = $nginx->clients($LIVE);
my @wrong;

for my $round (1 .. 60) {
    my $there = $round % 2;
    my @commands = map { $_ % 2 == $there ? [add => $LIVE] : [revoke => $LIVE] }
                   1 .. 20 + $round % 3 * 2;

    for my $command (@commands) {
        my ($method, @credential) = @$command;

        $redis->$method(@credential);
    }

    my $last = $commands[-1][0] eq 'add' ? qr/^200/ : qr/^401/;
    my $deadline = time + 0.2 * patience();

    for my $worker (@workers) {
        1 until $worker->ask($LIVE) =~ $last || time > $deadline;

        my $got = $worker->ask($LIVE);

        push @wrong, "round $round: $got" if $got !~ $last;
    }
}

is(join(', ', @wrong), '', 'sixty times the last state wins, in each worker');

cmp_ok($redis->calls('hgetall'), '>', 130, 'with many reads in between');

for my $pid (@readers) {
    kill('TERM', $pid);
    waitpid($pid, 0);
}

$nginx->stop;

done_testing();
