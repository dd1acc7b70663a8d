package Edge;

# Copyright (C) Evolu Auth Authors
#
# What the runner of recorded cases asks: nginx with the module, redis-server,
# and an upstream that tells what reached it.  All of them listen on unix
# sockets in one folder, and end with the process that started them.
#
#     my $edge = Edge->new(module => PATH, nginx => PATH);
#     $edge->start_nginx($http, sockets...);
#     my $answer = $edge->ask('SOCKET', $bytes);
#     my @reached = $edge->seen();
#
# An answer is { status, headers => [[name, value]...], body, raw }, with
# status 0 when the connection was closed without one.

use strict;
use warnings;

use Digest::SHA qw(hmac_sha256_hex sha256_hex);
use File::Path qw(remove_tree);
use File::Temp qw(tempdir);
use IO::Select;
use IO::Socket::UNIX;
use POSIX ();
use Socket qw(AF_UNIX MSG_DONTWAIT PF_UNSPEC SOCK_DGRAM SOL_SOCKET SO_SNDBUF);
use Time::HiRes qw(sleep time);

my $MAX = 100_000;      # of a request, as told by the upstream


sub new {
    my ($class, %opts) = @_;

    my $self = bless({
        %opts,
        owner => $$,
        dir => tempdir('evolu-vectors-XXXXXX', DIR => '/tmp'),
        pepper => join('', map { sprintf('%02x', $_ * 11 % 256) } 1 .. 32),
    }, $class);

    chmod(0755, $self->{dir});
    $self->write_file('p1', $self->{pepper} . "\n", 0600);
    $self->start_upstream();
    $self->start_redis();

    return $self;
}


sub DESTROY {
    my ($self) = @_;

    return if $self->{owner} != $$;

    local ($?, $!);

    $self->stop_nginx();

    for my $pid (grep { defined } @$self{qw(redis_pid upstream_pid)}) {
        kill('KILL', $pid);
        waitpid($pid, 0);
    }

    remove_tree($self->{dir}) if !$ENV{EVOLU_KEEP};

    return;
}


sub write_file {
    my ($self, $name, $text, $mode) = @_;

    my $path = "$self->{dir}/$name";

    open(my $fh, '>:raw', $path) or die "$path: $!";
    print {$fh} $text;
    close($fh);
    chmod($mode, $path);

    return $path;
}


sub read_file {
    my ($self, $name) = @_;

    open(my $fh, '<:raw', "$self->{dir}/$name") or return '';
    local $/ = undef;

    return scalar(<$fh>) // '';
}


# spawn(NAME, COMMAND...): its output goes to NAME.log

sub spawn {
    my ($self, $name, @command) = @_;

    my $pid = fork();

    die "fork: $!" if !defined $pid;

    if ($pid == 0) {
        open(STDIN, '<', '/dev/null');
        open(STDOUT, '>>', "$self->{dir}/$name.log");
        open(STDERR, '>&', \*STDOUT);
        exec('setpriv', '--pdeathsig', 'KILL', @command)
            or POSIX::_exit(127);
    }

    return $pid;
}


# nginx

sub start_nginx {
    my ($self, $http, @sockets) = @_;

    my $dir = $self->{dir};

    $self->stop_nginx();

    unlink(map { "$dir/$_.sock" } @sockets);
    truncate("$dir/error.log", 0);

    $self->{nginx_pid} = $self->spawn('nginx', $self->nginx_command($http));

    for my $socket (@sockets) {
        my $ready = 0;

        for my $try (1 .. 500) {
            die "nginx does not start:\n", $self->read_file('nginx.log')
                if waitpid($self->{nginx_pid}, POSIX::WNOHANG()) != 0;

            $ready = IO::Socket::UNIX->new(Peer => "$dir/$socket.sock");
            last if $ready;

            sleep(0.01);
        }

        die "nginx does not listen on $socket" if !$ready;
    }

    return;
}


sub stop_nginx {
    my ($self) = @_;

    my $pid = delete $self->{nginx_pid};

    if (defined $pid) {
        kill('TERM', $pid);
        waitpid($pid, 0);
    }

    return;
}


# What "nginx -t" says about a configuration: (accepted, text)

sub check_nginx {
    my ($self, $http) = @_;

    my @command = $self->nginx_command($http);

    unlink("$self->{dir}/check.log");

    my $pid = $self->spawn('check', @command, '-t');

    waitpid($pid, 0);

    return ($? == 0, $self->read_file('check.log'));
}


sub nginx_command {
    my ($self, $http) = @_;

    my $dir = $self->{dir};
    my $temp = join('', map { "    ${_}_temp_path $dir/temp_$_;\n" }
                        qw(client_body proxy fastcgi uwsgi scgi));
    my $load = $self->{module} eq '' ? '' : "load_module $self->{module};\n";

    $self->write_file('nginx.conf', $load . <<"END", 0600);
daemon off;
master_process off;
pid $dir/nginx.pid;
error_log $dir/error.log info;

events {
    worker_connections 512;
}

http {
    access_log off;
    keepalive_timeout 0;
$temp
$http
}
END

    return ($self->{nginx}, '-e', "$dir/error.log", '-p', "$dir/",
            '-c', "$dir/nginx.conf");
}


# The stores and the upstreams, for the http block

sub stores {
    my ($self, %more) = @_;

    my $dir = $self->{dir};
    my $redis = $more{redis} // '';
    my $zone = $more{zone} // '';

    return <<"END";
    evolu_auth_zone zone=evolu:4m $zone;
    evolu_auth_pepper p1 $dir/p1;
    evolu_auth_key_file $dir/keys;
    evolu_auth_redis unix:$dir/redis.sock timeout=2s connect_timeout=2s $redis;

    upstream evolution_api {
        server unix:$dir/upstream.sock;
    }

    upstream evolu_api {
        server unix:$dir/upstream.sock;
    }
END
}


# ask(SOCKET, BYTES): one connection, its answer

sub ask {
    my ($self, $where, $bytes) = @_;

    $self->drain();

    my $client = $self->dial($where);
    my $sent = 0;

    # nginx may answer, and close, before it has read all of it

    local $SIG{PIPE} = 'IGNORE';

    while ($sent < length($bytes)) {
        my $n = syswrite($client, $bytes, 65536, $sent);

        last if !$n;

        $sent += $n;
    }

    return $self->read_answer($client, 8);
}


sub dial {
    my ($self, $where) = @_;

    return IO::Socket::UNIX->new(Peer => "$self->{dir}/$where.sock")
           // die "connect $where: $!";
}


sub read_answer {
    my ($self, $client, $seconds) = @_;

    my $select = IO::Select->new($client);
    my $until = time() + $seconds;
    my $raw = '';

    while ((my $left = $until - time()) > 0) {
        last if !$select->can_read($left);
        last if !sysread($client, $raw, 65536, length($raw));
        last if whole($raw);
    }

    return parse_answer($raw);
}


# nginx may wait for the rest of a request that it has answered.

sub whole {
    my ($raw) = @_;

    return $raw =~ m{\A HTTP/1\.\d\ [2-5] (.*?) \r\n\r\n (.*) \z}sx
           && $1 =~ /^Content-Length:\ (\d+)/mi
           && length($raw) >= $1 + index($raw, "\r\n\r\n") + 4;
}


sub parse_answer {
    my ($raw) = @_;

    my $text = $raw;
    my %answer = (raw => $raw, status => 0, headers => [], body => '');

    $answer{continue} = $text =~ s{\A(?:HTTP/1\.1 100 [^\r\n]*\r\n\r\n)+}{};

    if ($text !~ m{\AHTTP/\d\.\d (\d+)[^\r\n]*\r\n(.*?)\r\n\r\n(.*)\z}s) {
        $answer{body} = $text;
        return \%answer;
    }

    @answer{qw(status body)} = ($1, $3);
    $answer{headers} = headers_of("$2\r\n");

    if (grep { lc($_->[0]) eq 'transfer-encoding' } @{$answer{headers}}) {
        $answer{body} = unchunk($answer{body}) // $answer{body};
    }

    return \%answer;
}


sub headers_of {
    my ($text) = @_;

    return [map { [split /:[ \t]*/, $_, 2] } grep { /:/ } split /\r\n/, $text];
}


# The whole of a chunked body, or nothing when it is not all there.

sub unchunk {
    my ($text) = @_;

    my $body = '';

    while ($text =~ s/\A([0-9A-Fa-f]+)[^\r\n]*\r\n//) {
        my $size = hex($1);

        return if length($text) < $size + 2;
        return $body if $size == 0;

        $body .= substr($text, 0, $size);
        $text = substr($text, $size + 2);
    }

    return;
}


# header(ANSWER or REQUEST, NAME): its values

sub header {
    my ($message, $name) = @_;

    return map { $_->[1] } grep { lc($_->[0]) eq lc($name) }
           @{$message->{headers}};
}


# The upstream: a process a connection; each request read is sent as one
# message to the runner, before it is answered.  "stub=" in the query asks for
# answers other than 200.

sub start_upstream {
    my ($self) = @_;

    socketpair(my $mine, my $theirs, AF_UNIX, SOCK_DGRAM, PF_UNSPEC)
        or die "socketpair: $!";

    my $path = "$self->{dir}/upstream.sock";
    my $listen = IO::Socket::UNIX->new(Local => $path, Listen => 256)
        or die "listen: $!";
    my $parent = $$;

    chmod(0777, $path);
    setsockopt($theirs, SOL_SOCKET, SO_SNDBUF, 4 * $MAX);

    my $pid = fork();

    die "fork: $!" if !defined $pid;

    if ($pid == 0) {
        close($mine);
        local $SIG{CHLD} = 'IGNORE';
        my $select = IO::Select->new($listen);

        while (getppid() == $parent) {
            next if !$select->can_read(0.5);

            my $client = $listen->accept() or next;
            my $child = fork();

            if (defined $child && $child == 0) {
                close($listen);
                serve($client, $theirs);
                POSIX::_exit(0);
            }

            close($client);
        }

        POSIX::_exit(0);
    }

    close($theirs);
    $self->{upstream_pid} = $pid;
    $self->{seen} = $mine;

    return;
}


sub serve {
    my ($client, $tell) = @_;

    my $select = IO::Select->new($client);
    my $data = '';

    local $SIG{PIPE} = 'IGNORE';

    while (1) {
        my ($request, $rest) = cut_request($data);

        if (!defined $request) {
            return if !$select->can_read(10)
                      || !sysread($client, $data, 65536, length($data));
            next;
        }

        $data = $rest;
        send($tell, substr($request->{raw}, 0, $MAX), 0);

        my $reply = reply_to($request);

        syswrite($client, $reply);
        return if $reply =~ m{\AHTTP/1\.1 101 };
    }
}


sub cut_request {
    my ($data) = @_;

    return if $data !~ /\A(.*?\r\n)\r\n(.*)\z/s;

    my ($head, $rest) = ($1, $2);
    my ($line, $fields) = split /\r\n/, $head, 2;
    my ($method, $target, $version) = $line =~ /\A(\S+) (.*) (\S+)\z/;
    my $request = { line => $line, method => $method, target => $target,
                    version => $version, headers => headers_of($fields) };

    if (grep { /chunked/i } header($request, 'Transfer-Encoding')) {
        return if $rest !~ s/\A(.*?(?:^|\r\n)0\r\n\r\n)//s;

        $request->{raw} = "$head\r\n$1";
        $request->{body} = unchunk($1);

    } else {
        my ($length) = header($request, 'Content-Length');

        $length //= 0;

        return if length($rest) < $length;

        $request->{body} = substr($rest, 0, $length);
        $request->{raw} = "$head\r\n$request->{body}";
        $rest = substr($rest, $length);
    }

    return ($request, $rest);
}


sub reply_to {
    my ($request) = @_;

    my ($stub) = $request->{target} =~ /[?&]stub=([\w-]+)/;
    my $more = '';
    my $body = "upstream $request->{target}\n";

    $stub //= '';

    return "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n"
           . "Connection: upgrade\r\n\r\nhello"
        if $stub eq 'upgrade';

    $more = "X-Evolu-Instance: from-upstream\r\n" if $stub eq 'identity';
    $more = "Cache-Control: max-age=60\r\n" if $stub eq 'cache';

    if ($stub eq 'identity' || $stub eq 'cache') {
        my ($instance) = header($request, 'X-Evolu-Instance');

        $body .= 'for ' . ($instance // '-') . "\n";
    }

    my $head = "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\n${more}"
               . 'Content-Length: ' . length($body) . "\r\n\r\n";

    return $request->{method} eq 'HEAD' ? $head : $head . $body;
}


# What reached the upstream since the last time, oldest first

sub seen {
    my ($self) = @_;

    my @requests;

    while (defined(recv($self->{seen}, my $raw, 2 * $MAX, MSG_DONTWAIT))) {
        last if !defined $raw || $raw eq '';

        my ($request) = cut_request($raw);

        push @requests, $request // { raw => $raw, headers => [], line => '',
                                      target => '', method => '' };
    }

    return @requests;
}


sub drain {
    my ($self) = @_;

    $self->seen();

    return;
}


# Redis

sub start_redis {
    my ($self) = @_;

    my $dir = $self->{dir};

    $self->{redis_pid} = $self->spawn('redis', 'redis-server', '--port', '0',
        '--unixsocket', "$dir/redis.sock", '--unixsocketperm', '777',
        '--save', '', '--appendonly', 'no', '--dir', $dir);

    for my $try (1 .. 500) {
        $self->{redis} = IO::Socket::UNIX->new(Peer => "$dir/redis.sock");

        return if defined $self->{redis}
                  && eval { $self->redis('PING') eq 'PONG' };

        sleep(0.01);
    }

    die 'redis-server does not start: ', $self->read_file('redis.log');
}


sub redis {
    my ($self, @command) = @_;

    my $out = '*' . @command . "\r\n"
              . join('', map { '$' . length($_) . "\r\n$_\r\n" } @command);
    my $sent = 0;

    while ($sent < length($out)) {
        my $n = syswrite($self->{redis}, $out, length($out) - $sent, $sent)
            or die "redis: $!";

        $sent += $n;
    }

    return $self->redis_reply();
}


sub redis_reply {
    my ($self) = @_;

    my $line = '';

    while ($line !~ /\r\n\z/) {
        sysread($self->{redis}, $line, 1, length($line))
            or die "redis: closed\n";
    }

    my ($type, $value) = $line =~ /\A(.)(.*)\r\n\z/s;

    die "redis: $value\n" if $type eq '-';

    return [map { $self->redis_reply() } 1 .. $value] if $type eq '*';
    return $value if $type ne '$';
    return undef if $value < 0;

    my $bulk = '';

    while (length($bulk) < $value + 2) {
        sysread($self->{redis}, $bulk, $value + 2 - length($bulk),
                length($bulk))
            or die "redis: closed\n";
    }

    return substr($bulk, 0, $value);
}


# Commands that Redis has run for others than this connection

sub redis_calls {
    my ($self, @names) = @_;

    my $info = $self->redis('INFO', 'commandstats');
    my $calls = 0;

    for my $name (@names) {
        $calls += $1 if $info =~ /^cmdstat_$name:calls=(\d+)/m;
    }

    return $calls;
}


# Records

sub hash_of {
    my ($self, $credential, $alg) = @_;

    $alg //= 'hmac-sha256/p1';

    my $text = $alg =~ /-secret\b/ ? (split /_/, $credential, 4)[3]
                                   : $credential;
    my $hex = $alg =~ /^hmac/
              ? hmac_sha256_hex($text, pack('H*', $self->{pepper}))
              : sha256_hex($text);

    return "$alg:$hex";
}


sub field {
    my ($self, $id, $credential, @more) = @_;

    return ("key.$id",
            join(' ', 'hash=' . $self->hash_of($credential), @more));
}

1;
