# Copyright (C) Evolu Auth Authors
#
# evolu-keys at work with others: two of them at once, and a Redis that
# refuses, is silent or goes away.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/../lib";

use EvoluKeys;
use IO::Select;
use IO::Socket::INET;
use IO::Socket::UNIX;
use Test::More;

redis_start();

my $file = keys_file('keys');
my @redis = ('--redis', redis_url());

# two creates: both keys are there, or one is refused; none is overwritten

for my $store (\@redis, ['--file', $file]) {
    my @runs = map { keys_start([@$store, 'create', 'instance', 'both']) }
               1 .. 6;
    my %seen;

    for my $run (@runs) {
        my ($status, $out, $err) = keys_wait($run);

        is($status, 0, 'created');
        chomp $out;

        my ($code, $verdict) = keys_run([@$store, 'verify', '--text',
                                         'instance:both'],
                                        "$out\n");
        is($code, 0, 'and good');
        $seen{$1} = 1 if $verdict =~ / id=(k\d+)/;
    }

    is(join(',', sort keys %seen), 'k1,k2,k3,k4,k5,k6', 'six ids');

    @runs = map { keys_start([@$store, 'create', 'instance', 'one', '--id',
                              'same']) } 1 .. 4;

    my @status = sort map { (keys_wait($_))[0] } @runs;
    is("@status", '0 1 1 1', 'one of four gets the id');
}

my ($status, $out, $err) = keys_run([@redis, 'check']);
is($status, 0, 'the store is sound') or diag $out;
($status) = keys_run(['--file', $file, 'check']);
is($status, 0, 'the file as well');

# another write between what we read and what we write

sub between {
    my ($args, @command) = @_;
    my $door = IO::Socket::INET->new(Listen => 1, LocalAddr => '127.0.0.1');
    my $run = keys_start(['--redis', 'redis://127.0.0.1:' . $door->sockport,
                          @$args]);
    my $client = $door->accept;
    my ($path) = redis_url() =~ /^unix:(.*)/;
    my $server = IO::Socket::UNIX->new(Peer => $path);
    my $select = IO::Select->new($client, $server);

    while (my @ready = $select->can_read(10)) {
        for my $from (@ready) {
            my $n = sysread $from, my $data, 65536;

            return keys_wait($run) unless $n;

            if ($from == $client && @command && $data =~ /MULTI/) {
                redis(@command);
                @command = ();
            }

            syswrite $from == $client ? $server : $client, $data;
        }
    }
}

my $theirs = 'hash=sha256:' . '1' x 64;
my @between = ('HSET', 'evolu:instance:race', 'v', 1, 'key.k1', $theirs);

($status, undef, $err) = between(['create', 'instance', 'race'], @between);
is($status, 0, 'the next id is taken');
like($err, qr/created key k2 /, 'not the same');
is(redis('HGET', 'evolu:instance:race', 'key.k1'), $theirs,
   'what the other wrote is there');

redis('DEL', 'evolu:instance:race');
($status, $out) = between(['create', 'instance', 'race', '--id', 'k1'],
                          @between);
is($status, 1, 'the id was given away');
is($out, '', 'no credential');
is(redis('HGET', 'evolu:instance:race', 'key.k1'), $theirs,
   'and is not overwritten');

redis('HSET', 'evolu:instance:race', 'key.k9', $theirs);
($status) = between(['revoke', 'instance:race', 'k9'], 'HDEL',
                    'evolu:instance:race', 'key.k1');
is($status, 0, 'the last key after all');
is(redis('EXISTS', 'evolu:instance:race'), 0, 'so the record goes');

redis('FLUSHALL');
($status) = between(['create', 'instance', 'race'], 'SET', 'evolu:epoch', 7);
is($status, 0, 'somebody set the epoch');
is(redis('GET', 'evolu:epoch'), 7, 'and it stays');

# the first write of several to an empty store

redis('FLUSHALL');
my @first = map { keys_start([@redis, 'create', 'campaign', "c$_"]) } 1 .. 4;
is(join(' ', map { (keys_wait($_))[0] } @first), '0 0 0 0',
   'all make the first record');
is(redis('GET', 'evolu:epoch'), 1, 'and one epoch');

# Redis goes away: between two transactions, and in the middle of one

sub lost {
    my ($args, $stdin, $after, $where) = @_;
    my $door = IO::Socket::INET->new(Listen => 1, LocalAddr => '127.0.0.1');
    my $run = keys_start(['--redis', 'redis://127.0.0.1:' . $door->sockport,
                          @$args], $stdin);
    my $client = $door->accept;
    my ($path) = redis_url() =~ /^unix:(.*)/;
    my $server = IO::Socket::UNIX->new(Peer => $path);
    my $select = IO::Select->new($client, $server);
    my $seen = '';

    while (my @ready = $select->can_read(10)) {
        for my $from (@ready) {
            my $n = sysread $from, my $data, 1 << 20;

            return keys_wait($run) unless $n;

            if ($from == $client) {
                $seen .= $data;
                $after -= $seen =~ s/^.*$where//s;
            }

            # the commands arrive, their replies do not

            print $server $data if $from == $client;
            $server->flush;

            if ($after <= 0) {
                select undef, undef, undef, 0.2 if $where eq 'EXEC';
                close $client;
                return keys_wait($run);
            }

            syswrite $client, $data if $from == $server;
        }
    }
}

my $rows = join '', map { sprintf "i%04d,TOKEN-0123456789-%04d\n", $_, $_ }
                    1 .. 1000;

redis('FLUSHALL');
($status, $out, $err) = lost(['import', 'instances'], $rows, 4, 'WATCH');
is($status, 3, 'lost before the fourth transaction');
is($out, '', 'no counts of what is not known');
like($err, qr/384 of 1000 records were done before: run the import again/,
     'says how far it came');
is(@{redis('KEYS', 'evolu:instance:*')}, 384, 'which is so');

redis('FLUSHALL');
($status, $out, $err) = lost(['import', 'instances'], $rows, 2, 'EXEC');
is($status, 3, 'lost with the second EXEC');
like($err, qr/it is not known whether the change was made/, 'says so');
like($err, qr/128 of 1000 records were done before/, 'and how far it came');
is(@{redis('KEYS', 'evolu:instance:*')}, 256, 'it was made');

($status, $out) = keys_run([@redis, 'import', 'instances'], $rows);
is($status, 0, 'once more');
like($out, qr/^created 744, changed 0, unchanged 256, /, 'does the rest');

($status, $out, $err) = lost(['create', 'instance', 'lost'], undef, 1,
                             'EXEC');
is($status, 3, 'lost while a key is made');
is($out, '', 'no credential');
like($err, qr/if key k1 of instance:lost is there then, revoke it/,
     'says what to do');
is(redis('EXISTS', 'evolu:instance:lost'), 1, 'for it is there');

($status, undef, $err) = lost(['revoke', 'instance:lost'], undef, 1, 'EXEC');
is($status, 3, 'lost while one is revoked');
like($err, qr/it is not known whether the change was made: see "list"/,
     'says what to do');

($status, undef, $err) = lost(['list'], undef, 2, 'HGETALL');
is($status, 3, 'lost while it lists');

# passwords

my $secret = 'Secr3t' . 'x' x 20;
write_file(keys_file('password'), "$secret\n", 0600);
write_file(keys_file('wrong'), "Wr0ng\n", 0600);
write_file(keys_file('open'), "$secret\n", 0644);
write_file(keys_file('empty'), "\n", 0600);
redis('ACL', 'SETUSER', 'keys', 'on', ">$secret", '~evolu:*', '+@all');
redis('ACL', 'SETUSER', 'reader', 'on', ">$secret", '~evolu:*', '+@read',
      '+select');
redis('CONFIG', 'SET', 'requirepass', $secret);

($status, undef, $err) = keys_run([@redis, 'list']);
is($status, 3, 'no password');
like($err, qr/NOAUTH.*--password-file/, 'says what to do');

($status, undef, $err) = keys_run([@redis, '--password-file',
                                   keys_file('wrong'), 'list']);
is($status, 3, 'a wrong password');
like($err, qr/refused the password \(WRONGPASS\)/, 'says so');
unlike($err, qr/Wr0ng/, 'without it');

($status) = keys_run([@redis, '--password-file', keys_file('password'),
                      'list']);
is($status, 0, 'the right one');

for my $case (['open', qr/others can read/], ['empty', qr/one line/],
              ['nonexistent', qr/cannot open/])
{
    ($status, undef, $err) = keys_run([@redis, '--password-file',
                                       keys_file($case->[0]), 'list']);
    is($status, 1, "password file: $case->[0]");
    like($err, $case->[1], 'says why');
}

redis_stop();

# a user, over TCP

my $port = do {
    my $probe = IO::Socket::INET->new(Listen => 1, LocalAddr => '127.0.0.1');
    $probe->sockport;
};

redis_start('--port', $port, '--bind', '127.0.0.1');
redis('ACL', 'SETUSER', 'keys', 'on', ">$secret", '~evolu:*', '+@all');
redis('ACL', 'SETUSER', 'reader', 'on', ">$secret", '~evolu:*', '+@read',
      '+select', '+scan');

my @password = ('--password-file', keys_file('password'));

($status) = keys_run(['--redis', "redis://keys\@127.0.0.1:$port/2",
                      @password, 'create', 'instance', 'tcp']);
is($status, 0, 'a user, a port and a database');
($status) = keys_run(['--redis', "redis://127.0.0.1:$port/2", 'list',
                      'instance:tcp']);
is($status, 0, 'is there');
($status) = keys_run(['--redis', "redis://127.0.0.1:$port", 'list',
                      'instance:tcp']);
is($status, 1, 'and in no other database');

($status, undef, $err) = keys_run(['--redis',
                                   "redis://reader\@127.0.0.1:$port/2",
                                   @password, 'create', 'instance', 'acl']);
is($status, 3, 'a user that may not write');
like($err, qr/NOPERM/, 'says so');
is(redis('EXISTS', 'evolu:instance:acl'), 0, 'and nothing is written');

redis_stop();

# a Redis that is silent, answers garbage or hangs up

my $listen = IO::Socket::INET->new(Listen => 5, LocalAddr => '127.0.0.1');
my $url = 'redis://127.0.0.1:' . $listen->sockport;

my $run = keys_start(['--redis', $url, 'list']);
my $peer = $listen->accept;
my $began = time;
($status, undef, $err) = keys_wait($run);
is($status, 3, 'no answer');
like($err, qr/did not answer in 5 seconds/, 'says so');
cmp_ok(time - $began, '<', 15, 'in time');
close $peer;

for my $reply ("HTTP/1.1 400 Bad Request\r\n\r\n", '', "+OK\r\n\$5\r\n") {
    $run = keys_start(['--redis', $url, 'create', 'instance', 'x']);
    $peer = $listen->accept;
    sysread $peer, my $request, 1024;
    syswrite $peer, $reply;
    close $peer;

    ($status, my $text, $err) = keys_wait($run);
    is($status, 3, 'not a Redis');
    is($text, '', 'no credential');
    like($err, qr/Redis at/, 'says where');
}

for my $reply ("-LOADING Redis is loading the dataset in memory\r\n",
               "-ERR max number of clients reached\r\n")
{
    $run = keys_start(['--redis', $url, 'list']);
    $peer = $listen->accept;
    sysread $peer, my $request, 1024;
    syswrite $peer, $reply;

    ($status, undef, $err) = keys_wait($run);
    is($status, 3, 'an error of the server');
    like($err, qr/answered: (LOADING|ERR max)/, 'says which');
    close $peer;
}

# nobody reads what is printed

$run = keys_start(['--file', $file, 'list']);
close $run->{out};
waitpid $run->{pid}, 0;
isnt($? & 127, 13, 'no SIGPIPE');

done_testing();
