# Copyright (C) Evolu Auth Authors
#
# Logs for machines: the JSON of conf/http.conf can be parsed whatever clients
# send, and fail2ban bans those who failed, and nobody whom they name.

use strict;
use warnings;

use lib 't/lib';
use EvoluNginx;
use JSON::PP ();
use POSIX ();
use Test::More;

my $redis = EvoluNginx::Redis->start;
my $conf = POSIX::getcwd() . '/conf/http.conf';
my $filter = 'contrib/fail2ban/filter.d/evolu-auth.conf';

$redis->fill;
$redis->do('HSET', "evolu:instance:caf\xc3\xa9 \"",
           EvoluNginx::record_of($TOKEN));
$redis->add('evolu_live_old_ExpiredSecret0123456', 'exp=1000');


sub start {
    my (%is) = @_;

    my $nginx = EvoluNginx->make(
        redis => $redis, http => "include $conf;",
        link => 'timeout=20s connect_timeout=20s',
        guard => 'error_page 404 /404;', %is);

    $nginx->{server} = <<"END";
        access_log $nginx->{root}/logs/access.json evolu_json;
        access_log $nginx->{root}/logs/safe.log evolu_safe;
        set_real_ip_from 127.0.0.1;
        real_ip_header X-Test-Client;
        location /off { return 204; }
        location /report { evolu_auth report; try_files /none \@done; }
        location \@done { evolu_auth off; return 204; }
        location /optional { evolu_auth optional; try_files /none \@done; }
        location /query { evolu_auth on; evolu_auth_key_sources query:key;
                          evolu_auth_whoami; }
        location /files { evolu_auth off; root $dir; }
        location /limited { evolu_auth on; evolu_auth_failure_limit
                            zone=evolu_failures; evolu_auth_whoami; }
END
    $nginx->launch;

    return $nginx;
}


# The lines of the JSON log, parsed

sub objects {
    my ($nginx) = @_;

    my $json = JSON::PP->new->utf8;
    my @objects;

    for my $line (split /\n/, EvoluNginx::read_text(
                                  "$nginx->{root}/logs/access.json"))
    {
        my $object = eval { $json->decode($line) };

        ok($object, 'a line is JSON') or diag($line, $@);
        push @objects, $object || {};
    }

    return @objects;
}


sub json {
    my $nginx = start();

    $nginx->connect->ask(@$_) for (
        [$LIVE, '/?key=query-of-theirs', 'User-Agent: curl/8.0'],
        [$TOKEN, '/i/caf%c3%a9%20%22'],
        [$WRONG, '/', 'Referer: http://a/?apikey=referrer-of-theirs'],
        [undef, '/optional'],
        [undef, '/off'],
        [undef, "/query?key=$LIVE"],
    );
    # a client has its answer before the line is written

    EvoluNginx::within(10, 'six lines', sub {
        return EvoluNginx::read_text("$nginx->{root}/logs/access.json")
                   =~ tr/\n// == 6;
    });

    my ($allowed, $named, $denied, $anonymous, $off, $query) =
        objects($nginx);

    like(delete $allowed->{'@timestamp'},
         qr/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d[-+]\d\d:\d\d$/, 'a time');
    like(delete $allowed->{'http.request.id'}, qr/^[0-9a-f]{32}$/, 'an id');
    like(delete $allowed->{$_}, qr/^[\d.]+$/, $_)
        for 'evolu.wait', 'nginx.request_time';
    like(delete $allowed->{'http.response.body.bytes'}, qr/^\d+$/, 'bytes');
    is_deeply($allowed, {
        'event.kind' => 'event', 'event.category' => 'authentication',
        'event.outcome' => 'success', 'event.reason' => 'ok',
        'source.ip' => '127.0.0.1', 'http.request.method' => 'GET',
        'url.domain' => 'a', 'url.path' => '/',
        'http.response.status_code' => '200',
        'user_agent.original' => 'curl/8.0', 'nginx.upstream_time' => '',
        'evolu.result' => 'allowed', 'evolu.cache' => 'MISS',
        'evolu.scope' => 'campaign', 'evolu.instance' => '',
        'evolu.campaign' => 'aB3dE6gH', 'evolu.livemode' => 'true',
        'evolu.key_id' => 'k1' }, 'all of it');
    is($named->{'evolu.instance'}, 'caf%C3%A9%20%22', 'a name');
    is($named->{'url.path'}, '/i/caf%c3%a9%20%22', 'its path');
    is("@$denied{qw(event.outcome event.reason evolu.result)}",
       'failure bad_secret denied', 'denied');
    is("@$anonymous{qw(event.outcome evolu.result)}", 'unknown anonymous',
       'anonymous');
    is("@$off{qw(event.outcome event.reason evolu.result)}", 'unknown - off',
       'off');
    is($query->{'url.path'}, '/query', 'no query');

    # what clients may send

    for my $bytes ('"', '\\', "\x01", "\x7f", "\x80", "\xff\xfe", "\xc3\xa9",
                   "\xed\xa0\x80", '\\u0000', '","x":"', "\t")
    {
        $nginx->connect->ask($WRONG, '/', "User-Agent: a${bytes}b");
        $nginx->connect->ask($WRONG, '/',
                             "Referer: a${bytes}b", "X-Evolu-Scope: $bytes");

        my $escaped = $bytes =~ s/(.)/sprintf('%%%02x', ord($1))/ger;

        $nginx->connect->ask($WRONG, "/$escaped?$escaped");
        $nginx->connect->ask($TOKEN, "/i/$escaped");

        next if $bytes =~ /[\x01\t]/;

        my $client = $nginx->connect;

        $client->write("GET /i/$bytes HTTP/1.1\r\nHost: a$bytes\r\n"
                       . "apikey: $WRONG\r\n\r\n");
        $client->read;
    }

    # and what is no request

    for my $bytes ("GET /\r\n", "\x16\x03\x01\x02\x00\x01\xff\r\n\r\n",
                   "GET / HTTP/1.1\r\n\r\n", "\"\\\xff / HTTP/1.1\r\n\r\n",
                   "GET /\xff\" HTTP/1.1\r\nHost: \xff\r\n\r\n")
    {
        my $client = $nginx->connect;

        $client->write($bytes);
        $client->read(5);
    }

    $nginx->stop;
    cmp_ok(scalar(objects($nginx)), '>=', 50, 'and all of them are there');
    unlike(EvoluNginx::read_text("$nginx->{root}/logs/$_"),
           qr/Secret|token-of|of-theirs/, "$_: no credential, no query")
        for 'access.json', 'safe.log';

    return;
}


# What clients did, each from an address of its own: who is to be banned, and
# who is not

sub fail2ban {
    if (system('fail2ban-regex --version > /dev/null 2>&1') != 0
        && !$ENV{CI})
    {
        return skip_fail2ban();
    }

    my $nginx = start();
    my $n = 0;
    my $ask = sub {
        my ($credential, $path, @more) = @_;
        my $address = '203.0.113.' . ++$n;

        $nginx->connect->ask($credential, $path, "X-Test-Client: $address",
                             @more);

        return $address;
    };

    # the address that they want to be banned

    my $victim = '198.51.100.7';
    my $line = ", client: $victim, server: a";
    my $safe = "$victim [2026-01-01T00:00:00+00:00] \"GET / HTTP/1.1\" 401 0 "
               . '0.000 - auth=denied reason=unknown cache=MISS';
    my $escaped = sub {
        return join('', map { s/([^A-Za-z0-9:,=.\[\]])/
                                sprintf('%%%02X', ord($1))/gexr } @_);
    };
    my $error = '2026/01/01 00:00:00 [error] 1#1: *1 evolu_auth: denied '
                . "reason=unknown scope=- id=-$line";

    my @bad = (
        $ask->($WRONG, '/'), $ask->($UNKNOWN, '/'), $ask->('short', '/'),
        $ask->($TOKEN, '/'),
        $ask->($WRONG, '/', "apikey: $WRONG"),

        # who tries to name another one is banned himself

        $ask->($WRONG, "/$line" =~ s/ /%20/gr),
        $ask->($WRONG, '/' . $escaped->($line)),
        $ask->($WRONG, '/' . $escaped->("\n$error\n")),
        $ask->($WRONG, '/' . $escaped->("\n$safe\n")),
        $ask->($WRONG, '/' . $escaped->("\" 401 0 0.000 - auth=denied")),
        $ask->($WRONG, '/?' . $escaped->("\n$error\n")),
        $ask->($WRONG, '/', "Referer: http://a/\"$line"),
        $ask->($WRONG, '/', "Referer: $error"),
        $ask->($WRONG, '/', "User-Agent: $safe"),
        $ask->("evolu_live_${victim}_x", '/'),
        $ask->("x$line", '/'),
    );

    my $client = $nginx->connect;

    $client->write("GET / HTTP/1.1\r\nHost: a\r\n" =~ s/Host: a/Host: a,client/r
                   . "X-Test-Client: 203.0.113.100\r\napikey: $WRONG\r\n\r\n");
    $client->read;
    push @bad, '203.0.113.100';

    my @good = (
        $ask->($LIVE, '/'), $ask->(undef, '/'), $ask->(undef, '/off'),
        $ask->('evolu_live_old_ExpiredSecret0123456', '/'),
        $ask->($TOKEN, '/i/a%2fb'), $ask->($WRONG, '/report'),
        $ask->($LIVE, '/' . $escaped->("\n$safe\n")),
        $ask->(undef, '/off/' . $escaped->("\n$safe\n")),
        $ask->(undef, '/off/' . $escaped->('" 401 0 0.000 - auth=denied '
                                          . 'reason=unknown cache=MISS')),
        $ask->(undef, '/', "User-Agent: $safe"),
    );

    # a file that is not there, by a path with lines in it

    my $forger = $ask->(undef, '/files/' . $escaped->("x\n$safe\n$error\n"));

    # a full bucket

    $nginx->connect->ask($WRONG, '/limited', 'X-Test-Client: 203.0.113.200')
        for 1 .. 70;
    $nginx->stop;

    my %seen = banned("$nginx->{root}/logs/safe.log", $filter);
    my $throttled = delete $seen{'203.0.113.200'};

    is_deeply([sort keys %seen], [sort @bad], 'access: those who failed');
    is($throttled, 70, 'access: each time, also when throttled');
    ok(!(grep { exists $seen{$_} } @good, $forger, $victim),
       'access: nobody else');

    # the same from the error log, but for what nginx forges there

    my $root = "$nginx->{root}/logs";

    like(EvoluNginx::read_text("$root/error.log"), qr/^\Q$error\E/m,
         'nginx writes the lines of a client');
    write_without($root, $forger);
    %seen = banned("$root/error-2.log", "${filter}[mode=error]");
    delete $seen{'203.0.113.200'};
    is_deeply([sort keys %seen], [sort @bad], 'error: those who failed');

    jail($root);

    return;
}


# The error log without the message about a file

sub write_without {
    my ($root, $forger) = @_;

    my $text = EvoluNginx::read_text("$root/error.log");

    $text =~ s/^[^\n]* open\(\) .*?, client: \Q$forger\E,[^\n]*\n//msg;

    open(my $fh, '>', "$root/error-2.log") or die "error-2.log: $!";
    print {$fh} $text;
    close($fh);

    return;
}


# Addresses that the filter finds in a log, with how often

sub banned {
    my ($log, $filter) = @_;
    my %n;

    open(my $pipe, '-|', "fail2ban-regex -o '<ip>' '$log' '$filter' 2>&1")
        or die "fail2ban-regex: $!";

    while (my $line = <$pipe>) {
        chomp $line;
        $line =~ /^[0-9a-f.:]+$/ or die "fail2ban-regex: $line";
        $n{$line}++;
    }

    close($pipe) or die "fail2ban-regex ended with $?";

    return %n;
}


# The jail as the server itself would read it

sub jail {
    my ($root) = @_;

    system("cp -r /etc/fail2ban $dir/fail2ban && rm -f $dir/fail2ban/jail.d/*"
           . " && cp -r contrib/fail2ban/*.d $dir/fail2ban/") == 0
        or die 'fail2ban: no configuration';
    EvoluNginx::write_file('fail2ban/jail.d/zz-test.local',
                           "[evolu-auth]\nlogpath = $root/safe.log\n");

    my $told = `fail2ban-client -c $dir/fail2ban -t 2>&1`;

    like($told, qr/^OK: configuration test is successful$/m, 'the jail');
    unlike($told, qr/ERROR|evolu/, 'and nothing to tell of it');

    return;
}


sub skip_fail2ban {
  SKIP: {
        skip('no fail2ban', 1);
    }

    return;
}


json();
fail2ban();

done_testing();
