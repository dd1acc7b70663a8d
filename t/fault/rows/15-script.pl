# Copyright (C) Evolu Auth Authors
#
# What no real server says when it is wanted: EvoluRedisScript.

use strict;
use warnings;

use Fault;
use Time::HiRes qw(sleep time);


# Answers to a lookup.  A code gets the link; text is sent.  Errors are given to
# all; what breaks the protocol or a limit only to lookups of what is not
# cached, since by the rules it makes its own record void.

my %answers = (
    (map { $_ => "-$_ of this server\r\n" }
     qw(LOADING BUSY MASTERDOWN NOPERM NOAUTH WRONGPASS CLUSTERDOWN TRYAGAIN
        MISCONF READONLY ERR UNHEARDOF)),
    'ASK' => "-ASK 1 127.0.0.1:1\r\n",
    'MOVED' => "-MOVED 1 127.0.0.1:1\r\n",
    'garbage' => "no protocol at all\r\n",
    'half of it, then RST' => sub {
        my ($link) = @_;

        $link->send("%2\r\n\$1\r\nv\r\n\$1\r\n");
        $link->reset;

        return '';
    },
    'nothing' => '',
    'an answer too many' => "%0\r\n%0\r\n",
    'a negative length' => "\$-5\r\n",
    'a map of a million' => "%1000000\r\n",
    'nested without an end' => "*1\r\n" x 64,
);


row 'scripted-errors' => (
    fault => 'a server that answers lookups with each kind of error, with'
             . ' garbage, with half of an answer, with none',
    promise => 'who is cached is served; who is not is never let in, nor'
               . ' refused for an error of the server; recovery in 2 s',
    no_end => 1,
    run => sub {
        my ($r) = @_;

        require EvoluRedisScript;
        EvoluRedisScript->import(qw(hash));

        my $file = "$EvoluNginx::dir/answer";
        my $server = EvoluRedisScript->start(
            socket => "$EvoluNginx::dir/script.sock",
            log => "$EvoluNginx::dir/script.log",
            answer => sub {
                my ($link, $command, $name) = @_;

                return if $command ne 'HGETALL';

                my $answer = $answers{EvoluNginx::read_text($file)};
                my $is_live = $name =~ /aB3dE6gH$/;

                if (defined $answer && (!$is_live || $answer =~ /^-|^$/)) {
                    return ref $answer ? $answer->($link) : $answer;
                }

                return if !$is_live;
                return hash(EvoluNginx::record_of($EvoluNginx::LIVE));
            });

        my $nginx = EvoluNginx->start(redis => $server, zone => 'fresh=1h',
            link => 'timeout=200ms connect_timeout=250ms');

        $r->{nginx} = $nginx;

        my ($n, $cold) = (0, 0);

        for my $kind (sort keys %answers) {
            $nginx->until(5, $EvoluNginx::LIVE, '200 FRESH ok');
            EvoluNginx::write_file('answer', $kind);

            my (%warm, %others);

            for (1 .. 12) {
                $warm{$nginx->ask($EvoluNginx::LIVE)}++;
                $others{$nginx->ask('evolu_live_cold' . ++$cold
                                    . '_ColdSecret0123456789')}++;
                $n += 2;
            }

            EvoluNginx::write_file('answer', '');

            my $begin = time;

            $nginx->until(5, $EvoluNginx::LIVE, '200 FRESH ok');
            $nginx->until(5, 'evolu_live_cold' . ++$cold
                             . '_ColdSecret0123456789', '401 MISS unknown');

            my $healed = time - $begin;

            $r->{healed} = $healed
                if !defined $r->{healed} || $healed > $r->{healed};
            $r->check($healed < $r->within(2), "$kind: healed in $healed s");

            my @bad = grep { !/^200 (?:FRESH|STALE|MISS) ok$/ } keys %warm;

            $r->{total}{wrong_denies} += grep { /^401/ } @bad;
            $r->check(@bad == 0, "$kind: cached: @bad");

            # of a reply that is over the limits its locator is the victim

            my $may = $kind =~ /map of|nested|negative|garbage|too many/
                      ? qr/^503|^401 \w+ unknown$/ : qr/^503/;

            @bad = grep { $_ !~ $may } keys %others;
            $r->{total}{wrong_allows} += grep { /^200/ } @bad;
            $r->check(@bad == 0, "$kind: not cached: @bad");
        }

        $r->{total}{requests} = $n;
        $r->{note} = scalar(keys %answers) . ' kinds';
    });

1;
