# Copyright (C) Evolu Auth Authors
#
# evolu-keys with rediss://: who is believed, who is not and what is sent then,
# our own certificate, and where the files are named.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/../lib";

use EvoluKeys;
use EvoluTls;
use IO::Socket::INET;
use Test::More;

my $tls = EvoluTls->make(keys_file(''));
my $password = 'Secr3t' x 5;
my ($status, $out, $err);

$tls->cert('both', san => 'DNS:localhost,IP:127.0.0.1');
$tls->cert('name', san => 'DNS:localhost');
$tls->cert('127.0.0.1');
$tls->cert('wild', san => 'DNS:*.redis.test');
$tls->cert('old', san => 'IP:127.0.0.1', days => -1);
$tls->cert('theirs', ca => 'other', san => 'IP:127.0.0.1');
$tls->cert('client');
$tls->cert('stranger', ca => 'other');

my @password = ('--password-file',
                write_file(keys_file('password'), "$password\n", 0600));
my @ca = ('--ca', $tls->file('good.crt'));

sub run {
    my ($url, @args) = @_;

    ($status, $out, $err) = keys_run(['--redis', $url, @args]);
}

# A server that takes one connection after another and notes what it is sent.
# It answers nothing.

my (@servers, @inputs);

sub listener {
    my ($name, @args) = @_;
    my $port = free_port();
    my $log = keys_file("$name.sent");

    pipe my $in, my $never;             # its input has no end
    push @inputs, $never;

    my $pid = fork;

    die "fork: $!\n" unless defined $pid;

    if ($pid == 0) {
        open STDIN, '<&', $in;
        open STDOUT, '>', $log;
        open STDERR, '>', '/dev/null';
        exec 'openssl', 's_server', '-quiet', '-accept', "127.0.0.1:$port",
             '-cert', $tls->file("$name.crt"), '-key',
             $tls->file("$name.key"), @args
            or POSIX::_exit(127);
    }

    push @servers, $pid;

    for (1 .. 200) {
        last if IO::Socket::INET->new(PeerAddr => "127.0.0.1:$port");
        select undef, undef, undef, 0.05;
    }

    return ($port, $log);
}

END {
    for my $pid (@servers) {
        my $kept = $?;
        kill 'TERM', $pid;
        waitpid $pid, 0;
        $? = $kept;
    }
}

# what is sent to a server that is not to be trusted: nothing

{
    my ($port, $log) = listener('both');

    run("rediss://127.0.0.1:$port", @ca, @password, 'list');
    is($status, 3, 'one that is trusted, and answers nothing');
    like($err, qr/did not answer in 5 seconds/, 'says so');
    like(read_file($log), qr/AUTH\r\n\$30\r\n$password\r\n/,
         'it got the password');
}

for my $case (
    ['old', [], 'expired', qr/certificate has expired/],
    ['theirs', [], 'another CA', qr/issuer certificate: .*--ca/],
    ['name', [], 'another host', qr/IP address mismatch: .*--server-name/],
    ['127.0.0.1', [], 'an address that is no more than a name',
     qr/IP address mismatch/],
    ['both', ['--server-name', 'redis.test'], 'another name',
     qr/ostname mismatch: .*--server-name/],
    ['wild', ['--server-name', 'redis.test'], 'no part of a wildcard',
     qr/ostname mismatch/])
{
    my ($name, $args, $what, $expected) = @$case;
    my ($port, $log) = listener($name);

    run("rediss://127.0.0.1:$port", @ca, @password, @$args, 'create',
        'instance', 'x');
    is($status, 3, $what);
    is($out, '', 'no credential');
    like($err, $expected, 'says what is wrong, and what to do')
        or diag $err;
    is(read_file($log), '', 'and nothing was sent');
}

# a Redis that is trusted

my $port = free_port();
my $ip = "rediss://127.0.0.1:$port";
my $host = "rediss://localhost:$port";

redis_start($tls->redis('both', port => $port), '--bind', '127.0.0.1');

for my $case (['by address', $ip], ['by name', $host],
              ['by another name', $ip, '--server-name', 'localhost'])
{
    my ($name, $url, @args) = @$case;

    run($url, @ca, @args, 'create', 'instance', 'shop');
    is($status, 0, $name) or diag $err;
}

is(redis('HLEN', 'evolu:instance:shop'), 4, 'three keys');

run($ip, 'list');
is($status, 3, 'not by the system');
like($err, qr/--ca/, 'says what to do');

{
    local $ENV{SSL_CERT_FILE} = $tls->file('good.crt');
    run($ip, 'list');
    is($status, 0, "by the system's authorities") or diag $err;
}

# more than one packet, both ways

my $csv = join '', map { "instance-$_,TOKEN-0123456789-$_\n" } 1 .. 3000;
($status, undef, $err) = keys_run(['--redis', $ip, @ca, 'import',
                                   'instances'], $csv);
is($status, 0, 'an import') or diag $err;
(undef, my $list) = keys_json(['--redis', $ip, @ca, 'list']);
is(scalar @$list, 3003, 'a list');

# where the files are named

{
    local $ENV{EVOLU_REDIS_URL} = $ip;
    local $ENV{EVOLU_REDIS_CA} = $tls->file('good.crt');

    ($status, undef, $err) = keys_run(['list']);
    is($status, 0, 'in the environment') or diag $err;

    ($status) = keys_run(['--ca', $tls->file('other.crt'), 'list']);
    is($status, 3, 'the command line wins');

    local $ENV{EVOLU_REDIS_SERVER_NAME} = 'redis.test';
    ($status, undef, $err) = keys_run(['list']);
    is($status, 3, 'another name');
    like($err, qr/ostname mismatch/, 'says so');

    run($ip, @ca, 'list');
    is($status, 0, 'but not where another URL is given');
}

my $conf = keys_file('nginx.conf');

sub by_conf {
    my ($params, @args) = @_;

    write_file($conf, "http { evolu_auth_redis $ip $params; }\n");
    ($status, $out, $err) = keys_run(['--nginx-conf', $conf, @args, 'list']);
}

by_conf('ca=tls/good.crt server_name=localhost');
is($status, 0, 'in a configuration') or diag $err;
by_conf('ca=tls/good.crt server_name=redis.test');
is($status, 3, 'another name there');
by_conf('ca=tls/good.crt server_name=redis.test', '--server-name',
        'localhost');
is($status, 0, 'the command line wins');
by_conf('server_name=redis.test ca=tls/other.crt verify=off');
is($status, 0, 'verify=off');
like($err, qr/warning: with verify=off Redis may be anybody/, 'warns');
by_conf('verify=off', '--ca', $tls->file('other.crt'));
is($status, 3, 'not where the command line says who is to be believed');

# files that cannot be used

for my $case (
    [['--ca', '/nonexistent'], qr/CA file "\/nonexistent" .*No such file/],
    [['--ca', $tls->file('both.key')], qr/CA file .*cannot be used/],
    [[@ca, '--cert', '/nonexistent', '--key', $tls->file('client.key')],
     qr/certificate "\/nonexistent" .*No such file/],
    [[@ca, '--cert', $tls->file('client.crt'), '--key', '/nonexistent'],
     qr/cannot open private key/],
    [[@ca, '--cert', $tls->file('client.crt'), '--key',
      $tls->file('both.key')], qr/private key .*key values mismatch/])
{
    run($ip, @{$case->[0]}, 'list');
    is($status, 1, 'a file that cannot be used');
    like($err, $case->[1], 'says which') or diag $err;
}

chmod 0644, $tls->file('client.key');
run($ip, @ca, '--cert', $tls->file('client.crt'), '--key',
    $tls->file('client.key'), 'list');
is($status, 1, 'a private key that others can read');
like($err, qr/others can read private key .*chmod 0640/, 'says what to do');
chmod 0600, $tls->file('client.key');

$tls->openssl('ec', '-in', $tls->file('client.key'), '-aes128', '-passout',
              'pass:12345', '-out', keys_file('locked.key'));
chmod 0600, keys_file('locked.key');
run($ip, @ca, '--cert', $tls->file('client.crt'), '--key',
    keys_file('locked.key'), 'list');
is($status, 1, 'a private key with a passphrase');
like($err, qr/private key .*cannot be used/, 'is not asked for');

# what is no TLS

my $plain = free_port();

redis_stop();
redis_start($tls->redis('both', port => $port, clients => 'yes'), '--bind',
            '127.0.0.1', '--port', $plain);

run("rediss://127.0.0.1:$plain", @ca, 'list');
is($status, 3, 'a port without TLS');
like($err, qr/is this its TLS port/, 'says so') or diag $err;
run("redis://127.0.0.1:$port", 'list');
is($status, 3, 'TLS where there should be none');
like($err, qr/Redis at redis:/, 'says where');

my $silent = IO::Socket::INET->new(Listen => 5, LocalAddr => '127.0.0.1');
run('rediss://127.0.0.1:' . $silent->sockport, @ca, 'list');
is($status, 3, 'a port that is silent');
like($err, qr/no answer to the TLS handshake/, 'says so') or diag $err;

# our certificate

run($ip, @ca, 'list');
is($status, 3, 'none where one is wanted');
like($err, qr/--cert and --key/, 'says what to do') or diag $err;

my @client = ('--cert', $tls->file('client.crt'), '--key',
              $tls->file('client.key'));
run($ip, @ca, @client, 'list');
is($status, 0, 'the right one') or diag $err;
run($ip, @ca, '--cert', $tls->file('stranger.crt'), '--key',
    $tls->file('stranger.key'), 'list');
is($status, 3, "a stranger's");

{
    local $ENV{EVOLU_REDIS_URL} = $ip;
    local $ENV{EVOLU_REDIS_CA} = $tls->file('good.crt');
    local $ENV{EVOLU_REDIS_CERT} = $tls->file('client.crt');
    local $ENV{EVOLU_REDIS_KEY} = $tls->file('client.key');

    ($status) = keys_run(['list']);
    is($status, 0, 'in the environment');
}

by_conf('ca=tls/good.crt cert=tls/client.crt key=tls/client.key');
is($status, 0, 'in a configuration') or diag $err;

done_testing();
