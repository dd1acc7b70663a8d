package EvoluAuth;

# Copyright (C) Evolu Auth Authors
#
# What every suite in t/ shares: one redis-server and one upstream a test
# file, the records and keys of the fixtures, and a few sections on top of
# those of Test::Nginx::Socket:
#
#   --- guard          lines of "location / { evolu_auth on; ...; proxy_pass }"
#   --- server_config  lines of the server, next to that location
#   --- http_extra     lines of the http block, after the stores
#   --- stores         lines in place of the zone, the stores and the pepper
#   --- cases          a table: [REQUEST |] HEADERS | STATUS | REASON
#   --- reason         REASON or REASON scope=S id=ID of the refusal's log
#                      line; "ok" or "-" when there must be none
#   --- identity       the X-Evolu-* lines that the upstream saw, all of them
#   --- upstream_has   lines that the upstream saw, each of them once
#   --- upstream_lacks names that the upstream saw in no spelling
#   --- upstream_line  the request line that the upstream saw
#   --- hits           requests that reached the upstream
#   --- leaks          a credential may stand in the logs
#   --- refuses        nginx must not start, and this pattern stands in the
#                      [emerg] line that ends in file and line
#
# The upstream answers with the bytes of the request that it read, CRs left
# out.  A response that is not its answer must not have reached it: this is
# checked in every block.
#
# TEST_NGINX_MASTER_PROCESS=on runs everything with a master and
# TEST_NGINX_WORKERS (2) workers.

use strict;
use warnings;

use Digest::SHA qw(hmac_sha256_hex sha256_hex);
use File::Path qw(remove_tree);
use File::Temp qw(tempdir);
use IO::Select;
use IO::Socket::UNIX;
use POSIX ();
use Time::HiRes qw(sleep time);

use Test::Nginx::Socket ();
use Test::More ();

our @HELPERS = qw(redis hash_of field write_file dir seen);

our $GLOBAL = 'global-key-of-the-house';
our $LIVE = 'evolu_live_aB3dE6gH_LiveSecret0123456789';
our $TEST = 'evolu_test_aB3dE6gH_TestSecret0123456789';

# what is tested here is no outage, however slow the machine

my $patience = $ENV{TEST_NGINX_USE_VALGRIND}
               ? 'timeout=10s connect_timeout=10s'
               : 'timeout=2s connect_timeout=2s';

# EVOLU_REDIS_SERVER=valkey-server tests with that

my $SERVER = $ENV{EVOLU_REDIS_SERVER} || 'redis-server';

my $owner = $$;
my $dir = tempdir('evolu-XXXXXX', DIR => '/tmp');
my $pepper = join('', map { sprintf('%02x', $_ * 7 % 256) } 1 .. 32);
my ($redis_pid, $redis_sock, $upstream_pid, $upstream_life);
my ($hits_before, $log_before);


# Who asks gets Test::Nginx::Socket and the helpers.

sub import {
    no strict 'refs';

    for my $name (@HELPERS) {
        *{"main::$name"} = \&{$name};
    }

    package main;

    Test::Nginx::Socket->import('no_plan');

    return;
}


# Life of what a file starts

sub start {
    mkdir("$dir/run") or die "mkdir: $!";

    # a worker that is not root connects to what is in here

    chmod(0755, $dir, "$dir/run");

    $ENV{TEST_NGINX_EVOLU_DIR} = $dir;
    $ENV{TEST_NGINX_REDIS} = "unix:$dir/redis.sock";
    $ENV{TEST_NGINX_UPSTREAM} = "http://unix:$dir/upstream.sock";

    write_file('p1', $pepper . "\n", 0600);
    write_file('hits', '', 0600);

    start_upstream();
    start_redis();
    write_fixtures();

    Test::Nginx::Socket::log_level('info');
    Test::Nginx::Socket::no_root_location();
    Test::Nginx::Socket::no_long_string();
    Test::Nginx::Socket::repeat_each(2);

    if (($ENV{TEST_NGINX_MASTER_PROCESS} || 'off') eq 'on') {
        Test::Nginx::Socket::master_on();
        Test::Nginx::Socket::workers($ENV{TEST_NGINX_WORKERS} || 2);
    }

    check_config_first();

    Test::Nginx::Socket::add_block_preprocessor(\&prepare);
    Test::Nginx::Socket::add_response_body_check(\&check);

    return;
}


# Test::Nginx tries for 30 s to start an nginx that cannot start, and then ends
# the run of all files: better ask nginx -t, and end this file alone.

sub check_config_first {
    no strict 'refs';
    no warnings qw(redefine prototype);

    my $write = \&Test::Nginx::Util::write_config_file;

    *Test::Nginx::Util::write_config_file = sub {
        my ($block) = @_;

        &$write(@_);

        return if defined $block->must_die;

        my $root = $Test::Nginx::Util::ServRoot;
        my $cmd = "$Test::Nginx::Util::NginxBinary -t -e $root/logs/error.log"
                  . " -p $root/ -c $root/conf/nginx.conf 2>&1";
        my $out = `$cmd`;

        die $block->name . ": $out" if $? != 0;

        unlink("$root/logs/error.log");
    };

    return;
}


END {
    if ($$ == $owner) {
        my $status = $?;

        for my $pid (grep { defined } $redis_pid, $upstream_pid) {
            kill('KILL', $pid);
            waitpid($pid, 0);
        }

        remove_tree($dir);
        $? = $status;
    }
}


sub start_redis {
    my $pid = fork();

    die "fork: $!" if !defined $pid;

    if ($pid == 0) {
        open(STDOUT, '>', "$dir/redis.log");
        open(STDERR, '>&', \*STDOUT);
        exec('setpriv', '--pdeathsig', 'KILL', $SERVER,
             '--port', '0', '--unixsocket', "$dir/redis.sock",
             '--unixsocketperm', '777', '--save', '', '--appendonly', 'no',
             '--dir', "$dir/run")
            or POSIX::_exit(1);
    }

    $redis_pid = $pid;

    for my $try (1 .. 500) {
        $redis_sock = IO::Socket::UNIX->new(Peer => "$dir/redis.sock");

        return if defined $redis_sock && redis('PING') eq 'PONG';

        sleep(0.02);
    }

    die "redis-server does not answer, see $dir/redis.log";
}


# The upstream ends with its parent, however that ends: it waits on a pipe.

sub start_upstream {
    my $listen = IO::Socket::UNIX->new(Local => "$dir/upstream.sock",
                                       Listen => 64)
        or die "listen: $!";
    pipe(my $life, $upstream_life) or die "pipe: $!";

    chmod(0777, "$dir/upstream.sock");

    my $pid = fork();

    die "fork: $!" if !defined $pid;

    if ($pid == 0) {
        close($upstream_life);
        serve($listen, $life);
        POSIX::_exit(0);
    }

    $upstream_pid = $pid;

    return;
}


sub serve {
    my ($listen, $life) = @_;

    my $select = IO::Select->new($listen, $life);

    while (1) {
        for my $fh ($select->can_read()) {
            return if $fh == $life;

            my $client = $listen->accept() or next;

            answer($client);
            close($client);
        }
    }
}


sub answer {
    my ($client) = @_;

    my $request = read_request($client);

    return if !defined $request;

    open(my $hits, '>>', "$dir/hits") or return;
    syswrite($hits, '.');
    close($hits);

    my $body = $request =~ s/\r//gr;
    my $more = '';

    # X-Accel-Redirect and other headers of an answer, as the path asks

    if ($request =~ m{^\S+ \S*[?&]reply=([^ &]+)}) {
        $more = $1 =~ s/%([0-9A-Fa-f]{2})/chr(hex($1))/ger . "\r\n";
    }

    # what a subrequest brought is read by seen()

    write_file("seen-$1", $body, 0600) if $request =~ m{^\S+ /seen-(\w+)};

    my $status = $request =~ m{^\S+ \S*[?&]status=(\d+)} ? $1 : 200;

    my $reply = "HTTP/1.1 $status Answer\r\nContent-Type: text/plain\r\n"
                . "${more}Content-Length: " . length($body)
                . "\r\nConnection: close\r\n\r\n";

    $reply .= $body if $request !~ /^HEAD /;

    local $SIG{PIPE} = 'IGNORE';
    syswrite($client, $reply);

    return;
}


sub read_request {
    my ($client) = @_;

    my $select = IO::Select->new($client);
    my $request = '';

    while ($select->can_read(5)) {
        my $n = sysread($client, $request, 65536, length($request));

        return if !$n;

        next if $request !~ /\A(.*?\r\n\r\n)/s;

        my $head = $1;
        my $need = $head =~ /^content-length:\s*(\d+)/mi ? $1 : 0;

        return $request if length($request) >= length($head) + $need;
    }

    return;
}


# Helpers of the suites

sub dir {
    return $dir;
}


# What the upstream read last for /seen-NAME; each is told once.

sub seen {
    my ($name) = @_;

    open(my $fh, '<', "$dir/seen-$name") or return '';
    local $/ = undef;

    my $text = <$fh>;

    close($fh);
    unlink("$dir/seen-$name");

    return $text;
}


sub write_file {
    my ($name, $text, $mode) = @_;

    open(my $fh, '>', "$dir/$name") or die "$dir/$name: $!";
    binmode($fh);
    print {$fh} $text;
    close($fh);
    chmod($mode, "$dir/$name");

    return "$dir/$name";
}


# A credential's hash=, over the whole of it or over its secret alone

sub hash_of {
    my ($credential, $alg) = @_;

    $alg = 'hmac-sha256/p1' if !defined $alg;

    if ($alg =~ /-secret\b/) {
        $credential = (split /_/, $credential, 4)[3];
    }

    my $hex = $alg =~ /^hmac/
              ? hmac_sha256_hex($credential, pack('H*', $pepper))
              : sha256_hex($credential);

    return "$alg:$hex";
}


# redis('HSET', ...): one command, its reply; arrays as references

sub redis {
    my (@cmd) = @_;

    my $out = '*' . @cmd . "\r\n"
              . join('', map { '$' . length($_) . "\r\n$_\r\n" } @cmd);

    syswrite($redis_sock, $out) == length($out) or die "redis: $!";

    return redis_reply();
}


sub redis_reply {
    my $line = '';

    while ($line !~ /\r\n\z/) {
        sysread($redis_sock, $line, 1, length($line)) or die 'redis: closed';
    }

    my ($type, $value) = $line =~ /\A(.)(.*)\r\n\z/s;

    die "redis: $value" if $type eq '-';

    if ($type eq '*') {
        return [map { redis_reply() } 1 .. $value];
    }

    return $value if $type ne '$';
    return undef if $value < 0;

    my $bulk = '';

    while (length($bulk) < $value + 2) {
        sysread($redis_sock, $bulk, $value + 2 - length($bulk), length($bulk))
            or die 'redis: closed';
    }

    return substr($bulk, 0, $value);
}


# Fixtures.  A record is [locator, fields...] as in HSET; global keys are in
# the key file.

sub field {
    my ($id, $credential, @more) = @_;

    return ("key.$id", join(' ', 'hash=' . hash_of($credential), @more));
}


sub records {
    my $past = int(time()) - 3600;
    my $soon = int(time()) + 3600;

    return (
        ['campaign:live:aB3dE6gH', instance => 'inst-1', field('k1', $LIVE)],
        ['campaign:test:aB3dE6gH', instance => 'inst-1', field('t1', $TEST)],
        ['campaign:live:free',
         field('k1', 'evolu_live_free_FreeSecret0123456789')],
        ['campaign:live:timed',
         field('old', 'evolu_live_timed_old-123456789012345', "exp=$past"),
         field('new', 'evolu_live_timed_new-123456789012345', "nbf=$soon"),
         field('fit', 'evolu_live_timed_fit-123456789012345',
               "nbf=$past", "exp=$soon"),
         field('dis', 'evolu_live_timed_dis-123456789012345',
               'status=disabled'),
         field('near', 'evolu_live_timed_near-12345678901234',
               'ip=192.0.2.1,127.0.0.0/8'),
         field('far', 'evolu_live_timed_far-123456789012345',
               'ip=10.0.0.0/8,2001:db8::/32'),
         field('dup1', 'evolu_live_timed_dup-123456789012345',
               "exp=$past"),
         field('dup2', 'evolu_live_timed_dup-123456789012345')],
        ['instance:inst-1', field('i1', 'token-of-inst-1')],
        ['instance:inst-2', field('i2', 'token-of-inst-2')],
        ['instance:shared-a', field('sa', 'token-they-share')],
        ['instance:shared-b', field('sb', 'token-they-share')],
        ['instance:Weird name%+', field('w.1', 'token-of-weird')],
        ["instance:caf\xc3\xa9", field('c1', 'token-of-cafe')],
        ['instance:timed',
         field('old', 'token-old-timed', "exp=$past"),
         field('far', 'token-far-timed', 'ip=10.0.0.0/8')],
    );
}


sub write_fixtures {
    my @lines = ('global g1 hash=' . hash_of($GLOBAL),
        'global g-far hash=' . hash_of('global-key-far-away')
            . ' ip=10.0.0.0/8',
        'global g-old hash=' . hash_of('global-key-expired') . ' exp=1000000',
        'global g-sha hash=' . hash_of('global-key-by-sha256', 'sha256'));

    redis('SET', 'evolu:epoch', 1);

    for my $record (records()) {
        my ($locator, %fields) = @$record;

        redis('HSET', "evolu:$locator", 'v', 1, %fields);
    }

    redis('HSET', 'evolu:campaign:live:dead', 'v', 1, 'status', 'disabled',
          field('k1', 'evolu_live_dead_DeadSecret0123456789'));
    redis('HSET', 'evolu:instance:sandbox', 'v', 1, 'livemode', 'false',
          field('s1', 'token-of-sandbox'));

    for my $owner_of (['token-of-inst-1', 'inst-1'],
                      ['token-they-share', 'shared-a', 'shared-b'],
                      ['token-of-sandbox', 'sandbox'])
    {
        my ($token, @names) = @$owner_of;

        redis('SADD', 'evolu:token:' . hash_of($token), @names);
    }

    write_file('keys', join("\n", @lines) . "\n", 0600);

    return;
}


# Blocks

sub prepare {
    my ($block) = @_;

    my $stores = $block->stores;

    if (!defined $stores) {
        $stores = "evolu_auth_zone zone=evolu:1m;\n"
                  . "evolu_auth_pepper p1 $dir/p1;\n"
                  . "evolu_auth_key_file $dir/keys;\n"
                  . "evolu_auth_redis unix:$dir/redis.sock $patience;\n";
    }

    if (!defined $block->http_config) {
        my $extra = defined $block->http_extra ? $block->http_extra : '';

        # what the upstream is asked by default has changed: 1.1 in nginx 1.30

        $extra .= "proxy_http_version 1.0;\n";
        $block->set_value('http_config', $stores . $extra);
    }

    if (!defined $block->config) {
        $block->set_value('config', guarded($block));
    }

    if (defined $block->refuses) {
        my $want = $block->refuses;

        chomp $want;
        $block->set_value('must_die', 1);
        $block->set_value('error_log',
                          [qr/\[emerg\].*(?:$want).* in \S+:\d+/]);
    }

    if (defined $block->must_die) {
        $block->set_value('suppress_stderr', 1);

    } else {
        expand_cases($block) if defined $block->cases;
        add_invariants($block);
    }

    $hits_before = -s "$dir/hits";
    $log_before = 0;

    return;
}


sub guarded {
    my ($block) = @_;

    my $guard = defined $block->guard ? $block->guard : '';
    my $server = defined $block->server_config ? $block->server_config : '';
    my $on = $guard =~ /^\s*evolu_auth\s/m ? '' : "evolu_auth on;\n";

    return $server if !defined $block->guard && $server ne '';

    return "${server}location / {\n$on${guard}"
           . "proxy_pass $ENV{TEST_NGINX_UPSTREAM};\n}\n";
}


sub expand_cases {
    my ($block) = @_;

    my $default = defined $block->request ? $block->request : 'GET /';
    my (@requests, @headers, @codes, @reasons);

    chomp $default;

    for my $line (split /\n/, $block->cases) {
        next if $line =~ /^\s*(?:#|\z)/;

        my @cells = split /\s+\|\s+/, $line;

        unshift @cells, $default if @cells == 3;

        die 'bad case: ' . $line if @cells != 4;

        my ($request, $header, $code, $reason) = map { unescape($_) } @cells;

        push @requests, $request;
        push @headers, $header eq '-' ? '' : $header;
        push @codes, $code;
        push @reasons, $reason;
    }

    $block->set_value('request', \@requests);
    $block->set_value('more_headers', \@headers);
    $block->set_value('error_code', \@codes);
    $block->set_value('reason', \@reasons);

    return;
}


sub unescape {
    my ($text) = @_;

    $text =~ s/^\s+|\s+\z//g;
    $text =~ s/\\n/\n/g;
    $text =~ s/\\t/\t/g;
    $text =~ s/\\x([0-9a-f]{2})/chr(hex($1))/ge;
    $text =~ s/\{(.)x(\d+)\}/$1 x $2/ge;

    return $text;
}


# In every block: nothing at alert or worse, no credential in the error log

sub add_invariants {
    my ($block) = @_;

    my $old = $block->no_error_log;
    my @pats = (qr/\[alert\]|\[crit\]|\[emerg\]/);

    if (!defined $block->leaks) {
        push @pats, qr/Secret\d|token-(?:of|they|old|far)-|global-key-/;
    }

    if (ref $old eq 'ARRAY') {
        push @pats, @$old;

    } elsif (ref $old) {
        push @pats, $old;

    } elsif (defined $old) {
        push @pats, split /\n+/, $old;
    }

    $block->set_value('no_error_log', \@pats);

    return;
}


# Checks of one response

sub check {
    my ($block, $body, $index, $repeated, $dry_run) = @_;

    return if $dry_run;

    my $label = $block->name . " (req $index, round $repeated)";
    my @lines = split /\n/, $body;

    # the head of what the upstream read

    for my $i (0 .. $#lines) {
        if ($lines[$i] eq '') {
            $#lines = $i - 1;
            last;
        }
    }

    check_hits($label, nth($block, 'hits', $index), $body);
    check_reason($label, nth($block, 'reason', $index));
    check_identity($label, nth($block, 'identity', $index), @lines);
    check_lines($label, $block, $index, @lines);

    return;
}


sub nth {
    my ($block, $section, $index) = @_;

    my $value = $block->$section;

    return ref $value eq 'ARRAY' ? $value->[$index] : $value;
}


sub check_hits {
    my ($label, $expected, $body) = @_;

    my $now = -s "$dir/hits";
    my $hits = $now - $hits_before;

    $hits_before = $now;

    if (defined $expected) {
        $expected =~ s/\s+//g;
        Test::More::is($hits, $expected, "$label - requests upstream");

    } elsif ($body ne '' && $body !~ m{\A[A-Z]+ \S+ HTTP/1\.}) {
        Test::More::is($hits, 0, "$label - upstream not contacted");
    }

    return;
}


# A refusal is logged before it is sent: no need to wait for the line.

sub check_reason {
    my ($label, $expected) = @_;

    open(my $log, '<', $Test::Nginx::Util::ErrLogFile) or return;
    seek($log, $log_before, 0);

    my @denied = map { /evolu_auth: (denied|would deny) (reason=.*?), client/
                       ? [$1, $2] : () } <$log>;

    $log_before = tell($log);
    close($log);

    return if !defined $expected || $expected =~ m{^\s*\*};

    my $got = join(' + ', map { "$_->[0] $_->[1]" } @denied);

    $expected =~ s/^\s+|\s+\z//g;

    if ($expected eq 'ok' || $expected eq '-') {
        Test::More::is($got, '', "$label - no refusal is logged");
        return;
    }

    my $verb = $expected =~ s/^would // ? 'would deny' : 'denied';

    if ($expected =~ / /) {
        Test::More::is($got, "$verb reason=$expected", "$label - log line");

    } else {
        my $line = qr/\A$verb reason=\Q$expected\E scope=\S+ id=\S+\z/;

        Test::More::like($got, $line, "$label - reason");
    }

    return;
}


sub check_identity {
    my ($label, $expected, @lines) = @_;

    return if !defined $expected;

    my @got = sort grep { folded($_) =~ /^x-evolu-/ } @lines;

    Test::More::is(join("\n", @got),
                   join("\n", sort grep { /\S/ } split /\n/, $expected),
                   "$label - identity upstream");

    return;
}


sub check_lines {
    my ($label, $block, $index, @lines) = @_;

    my $has = nth($block, 'upstream_has', $index);
    my $lacks = nth($block, 'upstream_lacks', $index);
    my $line = nth($block, 'upstream_line', $index);

    for my $want (defined $has ? split(/\n/, $has) : ()) {
        my ($name) = folded($want);
        my @same = grep { folded($_) eq $name } @lines;

        Test::More::is(join("\n", @same), $want, "$label - upstream has $name");
    }

    for my $name (defined $lacks ? split(/\s+/, $lacks) : ()) {
        my @same = grep { folded($_) eq folded($name) } @lines;

        Test::More::is("@same", '', "$label - upstream lacks $name");
    }

    if (defined $line) {
        chomp $line;
        Test::More::is($lines[0], $line, "$label - request line upstream");
    }

    return;
}


# A header's name as an upstream may understand it

sub folded {
    my ($line) = @_;

    my ($name) = split /:/, $line, 2;

    $name = '' if !defined $name;

    return lc($name =~ s/[_.]/-/gr);
}


start();

1;
