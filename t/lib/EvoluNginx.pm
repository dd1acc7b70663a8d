package EvoluNginx;

# Copyright (C) Evolu Auth Authors
#
# For suites in which processes come and go: nginx, redis-server and clients
# driven by hand, under Test::More.
#
#   my $redis = EvoluNginx::Redis->start;       # empty: no epoch, no records
#   $redis->fill(records => 1);                 # $LIVE, $TOKEN, the epoch last
#   my $nginx = EvoluNginx->start(redis => $redis, zone => 'fresh=1m');
#
#   is($nginx->ask($LIVE), '200 MISS ok', 'read');
#   is($nginx->ask($LIVE, '/i/shop'), ...);
#   $redis->kill;
#   $nginx->reaches(2, $LIVE, '200 STALE ok', 'is noticed');
#   $nginx->stop;                               # and all that must hold then
#
# Nothing here sleeps for a time in which something is hoped to happen: all
# waits end with the event, or fail at a deadline.

use strict;
use warnings;

use Digest::SHA qw(hmac_sha256_hex);
use Exporter qw(import);
use File::Path qw(make_path remove_tree);
use File::Temp qw(tempdir);
use IO::Socket::INET;
use POSIX ();
use Test::More;
use Time::HiRes qw(sleep time);

our @EXPORT = qw($LIVE $OTHER $TOKEN $GLOBAL $UNKNOWN $WRONG $dir
                 within hash_of key_of record_of patience);

our $LIVE = 'evolu_live_aB3dE6gH_LiveSecret0123456789';
our $OTHER = 'evolu_live_other_OtherSecret0123456789';
our $UNKNOWN = 'evolu_live_nobody_NoSecret0123456789';
our $WRONG = 'evolu_live_aB3dE6gH_WrongSecret012345678';
our $TOKEN = 'token-of-shop-0123456789';
our $GLOBAL = 'global-key-of-the-house';

my $pepper = join('', map { sprintf('%02x', $_ * 7 % 256) } 1 .. 32);
my $owner = $$;
my $number = 0;
my @living;

our $dir = tempdir('evolu-XXXXXX', DIR => '/tmp');

chmod(0755, $dir);
write_file('p1', "$pepper\n");
write_file('p2', reverse($pepper) . "\n");
write_file('keys', 'global g1 hash=' . hash_of($GLOBAL) . "\n");

$SIG{PIPE} = 'IGNORE';
$SIG{$_} = sub { exit(1) } for qw(TERM INT);


END {
    if ($$ == $owner) {
        my $status = $?;

        $_->end for reverse grep { defined } @living;
        remove_tree($dir) if !$ENV{EVOLU_KEEP};

        $? = $status;
    }
}


# Suites that have nothing to find here: these files run workers of their own
# anyhow, and their deadlines are those of a machine that is not slowed down
# twentyfold.

if (($ENV{EVOLU_SUITE} || '') =~ /^(?:master|valgrind)$/) {
    plan(skip_all => "not for the suite \"$ENV{EVOLU_SUITE}\"");
}


# How much longer things take under a checker

sub patience {
    return ($ENV{EVOLU_SUITE} || '') =~ /^sanitize/ ? 4 : 1;
}


sub write_file {
    my ($name, $text) = @_;

    open(my $fh, '>', "$dir/$name") or die "$dir/$name: $!";
    print {$fh} $text;
    close($fh);
    chmod(0600, "$dir/$name");

    return "$dir/$name";
}


sub read_text {
    my ($path) = @_;

    open(my $fh, '<', $path) or return '';
    local $/ = undef;

    my $text = <$fh>;

    return defined $text ? $text : '';
}


sub hash_of {
    my ($credential) = @_;

    return 'hmac-sha256/p1:'
           . hmac_sha256_hex($credential, pack('H*', $pepper));
}


# A record's key, by the credential that it is for; its fields

sub key_of {
    my ($credential) = @_;

    my (undef, $mode, $slug) = split /_/, $credential;

    return "evolu:campaign:$mode:$slug";
}


sub record_of {
    my ($credential, @more) = @_;

    return (v => 1, 'key.k1' => join(' ', 'hash=' . hash_of($credential),
                                     @more));
}


# Waits until the code returns true; a test.

sub within {
    my ($seconds, $name, $code) = @_;
    my $begin = time;
    my $deadline = $begin + $seconds * patience();
    my $got;

    until ($got = $code->()) {
        if (time > $deadline) {
            fail($name);
            diag("not within $seconds s");
            return;
        }

        sleep(0.005);
    }

    pass($name);

    return $got;
}


sub awaited {
    my ($what, $code) = @_;
    my $deadline = time + 10 * patience();

    until ($code->()) {
        BAIL_OUT("$0: waited for nothing: $what") if time > $deadline;
        sleep(0.005);
    }

    return;
}


# A child that ends with this process

sub spawn {
    my ($out, @command) = @_;

    my $pid = fork();

    die "fork: $!" if !defined $pid;

    if ($pid == 0) {
        $SIG{$_} = 'DEFAULT' for qw(TERM INT);
        open(STDOUT, '>>', $out);
        open(STDERR, '>&', \*STDOUT);
        exec('setpriv', '--pdeathsig', 'KILL', @command)
            or POSIX::_exit(127);
    }

    return $pid;
}


# nginx.  What new() takes:
#
#   redis    a server, scripted or not, or its address
#   zone     parameters of evolu_auth_zone; size => '1m'
#   link     parameters of evolu_auth_redis
#   workers  1; 0: no master
#   main, http, server, guard   more lines of each; guard: in "location /"
#   stores   lines in place of zone, redis, pepper and key file
#   live     links to wait for; the workers' number unless told otherwise
#   connections   of a worker, 1024
#   allow    a pattern: lines at alert or worse that may be logged

sub start {
    my ($class, %is) = @_;

    my $self = $class->make(%is);

    $self->launch;

    return $self;
}


sub make {
    my ($class, %is) = @_;
    my $self = bless { workers => 1, zone => '', link => '', size => '1m',
                       main => '', http => '', server => '', guard => '',
                       connections => 1024,
                       level => 'info', %is }, $class;

    $self->{root} = join('/', $ENV{TEST_NGINX_SERVROOT} || $dir,
                         'nginx' . ++$number);

    # workers, who are not root, may not reach a tree in root's home

    $self->{temp} = "$dir/temp$number";

    # left by an earlier run, and not asked to stand in the way

    remove_tree($self->{root});
    make_path("$self->{root}/logs");
    chmod(0755, $self->{root});

    $self->{error_log} = "$self->{root}/logs/error.log";
    $self->{port} = port();

    push @living, $self;

    return $self;
}


# one of those that one-test.sh keeps for this file, or any

sub port {
    if (defined $ENV{TEST_NGINX_PORT} && $number < 16) {
        return $ENV{TEST_NGINX_PORT} + $number - 1;
    }

    my $s = IO::Socket::INET->new(LocalAddr => '127.0.0.1', Listen => 1)
        or die "listen: $!";

    return $s->sockport;
}


sub configure {
    my ($self, %is) = @_;

    %$self = (%$self, %is);

    my $redis = ref $self->{redis} ? $self->{redis}->address : $self->{redis};
    my $stores = $self->{stores};

    if (!defined $stores && defined $redis) {
        $stores = "evolu_auth_zone zone=evolu:$self->{size} $self->{zone};\n"
                  . "evolu_auth_pepper p1 $dir/p1;\n"
                  . "evolu_auth_key_file $dir/keys;\n"
                  . "evolu_auth_redis $redis $self->{link};\n";
    }

    my $master = $self->{workers} ? 'on' : 'off';
    my $workers = $self->{workers} || 1;
    my $module = defined $ENV{EVOLU_MODULE} ? $ENV{EVOLU_MODULE}
                 : defined $ENV{TEST_NGINX_LOAD_MODULES}
                   ? $ENV{TEST_NGINX_LOAD_MODULES}
                 : $ENV{TEST_NGINX_BINARY} ? ''
                 : 'build/ngx_http_evolu_auth_module.so';

    if ($module ne '') {
        $module = POSIX::getcwd() . "/$module" if $module !~ m{^/};
        $module = "load_module $module;\n";
    }

    $stores = '' if !defined $stores;

    my $http = defined $self->{whole_http} ? $self->{whole_http} : <<"END";
http {
    root $self->{temp}-html;
    access_log $self->{root}/logs/access.log;
    client_body_temp_path $self->{temp}-body;
    proxy_temp_path $self->{temp}-proxy;
    fastcgi_temp_path $self->{temp}-fastcgi;
    uwsgi_temp_path $self->{temp}-uwsgi;
    scgi_temp_path $self->{temp}-scgi;
    keepalive_requests 100000;
$stores$self->{http}
    server {
        listen 127.0.0.1:$self->{port} backlog=4096;
        add_header X-Cache \$evolu_auth_cache always;
        add_header X-Reason \$evolu_auth_reason always;
        add_header X-Key-Id \$evolu_key_id always;
        add_header X-Time \$evolu_auth_time always;
        add_header X-Worker \$pid always;
        location / { evolu_auth on; $self->{guard} evolu_auth_whoami; }
        location /i/ {
            evolu_auth on; evolu_auth_instance \$evolu_path_last;
            evolu_auth_whoami;
        }
        $self->{server}
    }
}
END

    my $text = <<"END";
${module}daemon off;
master_process $master;
worker_processes $workers;
pid $self->{root}/logs/nginx.pid;
error_log $self->{error_log} $self->{level};
$self->{main}
events { worker_connections $self->{connections}; }
$http
END

    open(my $fh, '>', "$self->{root}/nginx.conf") or die "nginx.conf: $!";
    print {$fh} $text;
    close($fh);

    return;
}


sub launch {
    my ($self) = @_;

    $self->configure;

    my @nginx = ($ENV{TEST_NGINX_BINARY} || 'nginx', '-p', $self->{root}, '-c',
                 "$self->{root}/nginx.conf", '-e', $self->{error_log});

    if ($ENV{TEST_NGINX_USE_VALGRIND}) {
        @nginx = ('valgrind', split(' ', $ENV{TEST_NGINX_USE_VALGRIND}),
                  @nginx);
    }

    local $ENV{PATH} = "$ENV{PATH}:/usr/sbin";

    $self->{pid} = spawn("$self->{root}/logs/output", @nginx);
    $self->{dead} = 0;

    awaited('nginx to listen', sub {
        BAIL_OUT("$0: nginx does not start: "
                 . read_text("$self->{root}/logs/output")
                 . $self->log) if $self->gone;

        # "nginx -t", which may run first, listens for a moment too, but
        # writes no pid

        return -s "$self->{root}/logs/nginx.pid"
               && (!defined $self->{port} || $self->connect)
    });

    my $live = defined $self->{live} ? $self->{live}
               : defined $self->{redis} ? $self->{workers} || 1 : 0;

    $self->linked($live);

    return $self;
}


# What "nginx -t" says of such a configuration

sub tested {
    my ($class, %is) = @_;
    my $self = $class->make(%is);

    $self->configure;

    my $nginx = $ENV{TEST_NGINX_BINARY} || 'nginx';

    local $ENV{PATH} = "$ENV{PATH}:/usr/sbin";

    my @command = ($nginx, '-t', '-p', $self->{root}, '-c',
                   "$self->{root}/nginx.conf", '-e', $self->{error_log});
    my $said = `@command 2>&1`;

    return $said;
}


# Waits for so many links to have become live since the start.

sub linked {
    my ($self, $n) = @_;

    awaited("$n links", sub { $self->logged(qr/redis link to .* is live/)
                              >= $n });

    return;
}


sub log {
    my ($self) = @_;

    return read_text($self->{error_log});
}


# Lines of the error log that match

sub logged {
    my ($self, $pattern) = @_;

    my @lines = grep { /$pattern/ } split /\n/, $self->log;

    return wantarray ? @lines : scalar @lines;
}


sub gone {
    my ($self) = @_;

    return 1 if $self->{dead};
    return 0 if waitpid($self->{pid}, POSIX::WNOHANG()) != $self->{pid};

    $self->{dead} = 1;
    $self->{status} = $?;

    return 1;
}


# Children of the master that are workers, oldest first

sub worker_pids {
    my ($self) = @_;
    my @pids;

    return ($self->{pid}) if !$self->{workers};

    for my $stat (glob('/proc/[0-9]*/stat')) {
        my $text = read_text($stat);

        next if $text !~ /^(\d+) \(.*\) (\S) (\d+) /
                || $3 != $self->{pid} || $2 eq 'Z';

        push @pids, $1;
    }

    @pids = sort { $a <=> $b } @pids;

    return @pids;
}


sub signal {
    my ($self, $signal) = @_;

    kill($signal, $self->{pid});

    return;
}


# Reads the configuration again; returns when the new workers are linked and,
# unless told otherwise, the old ones have gone.

sub reload {
    my ($self, %is) = @_;
    my $links = $self->logged(qr/redis link to .* is live/);
    my %old = map { $_ => 1 } $self->worker_pids;
    my $stay = delete $is{stay};
    my $live = exists $is{live} ? delete $is{live} : $self->{workers};

    $self->configure(%is);
    $self->signal('HUP');

    awaited('new workers', sub {
        $self->{workers} <= grep { !$old{$_} } $self->worker_pids
    });

    $self->linked($links + $live);

    if (!$stay) {
        awaited('old workers to end', sub {
            !grep { $old{$_} } $self->worker_pids
        });
    }

    return;
}


# Ends nginx and says what must be true of every run.

sub stop {
    my ($self, $signal) = @_;

    $self->signal($signal || 'QUIT');

    within(10, 'nginx ends', sub { $self->gone });
    is($self->{status}, 0, 'with status 0');
    $self->healthy;

    return;
}


sub healthy {
    my ($self) = @_;

    my @bad = $self->logged(qr/\[(?:alert|crit|emerg)\]/);

    if (defined $self->{allow}) {
        @bad = grep { $_ !~ $self->{allow} } @bad;
    }

    is(join("\n", @bad), '', 'nothing at alert or worse in the error log');

    my $output = read_text("$self->{root}/logs/output");

    $output =~ s/^(?:==\d+==|nginx: \[warn\]).*\n//mg;
    is($output, '', 'nothing on standard output');

    for my $file ('error.log', 'access.log') {
        my $text = read_text("$self->{root}/logs/$file");

        # nginx itself logs whatever it reads, at "debug"

        next if $self->{level} eq 'debug';

        unlike($text, qr/Secret0123|Secret012345|token-of-|global-key-of|
                         hush-hush|[0-9a-f]{64}/x,
               "no credential, digest or password in $file");
    }

    return;
}


sub end {
    my ($self) = @_;

    return if !defined $self->{pid} || $self->gone;

    my @pids = ($self->worker_pids, $self->{pid});

    CORE::kill('CONT', @pids);
    CORE::kill('KILL', reverse @pids);
    waitpid($self->{pid}, 0);
    $self->{dead} = 1;

    return;
}


# Clients

sub connect {
    my ($self, $address) = @_;

    return EvoluNginx::Client->new($self->{port}, $address);
}


# "STATUS CACHE REASON" of one request on a connection of its own

sub ask {
    my ($self, $credential, $path) = @_;

    my $client = $self->connect or return 'no connection';

    return $client->ask($credential, $path);
}


# Asks until the answer is the wanted one; returns the different answers seen,
# "a > b > c".

sub until {
    my ($self, $seconds, $credential, $want, $path) = @_;
    my $deadline = time + $seconds * patience();
    my @seen;

    for ( ;; ) {
        my $got = $self->ask($credential, $path);

        push @seen, $got if !@seen || $seen[-1] ne $got;

        last if ref $want ? $got =~ $want : $got eq $want;

        if (time > $deadline) {
            push @seen, "(for $seconds s)";
            last;
        }

        sleep(0.005);
    }

    return join(' > ', @seen);
}


# Asks until the answer is the wanted one; a test.

sub reaches {
    my ($self, $seconds, $credential, $want, $name, $path) = @_;

    my ($last) = $self->until($seconds, $credential, $want, $path)
                 =~ /([^>]*)\z/;

    $last =~ s/^ //;

    return ref $want ? like($last, $want, $name) : is($last, $want, $name);
}


# Asks each worker, twice: what was pushed before has been heard by all then.
# One that hears late of a change drops what another has read since.

sub heard {
    my ($self) = @_;

    for my $client ($self->clients($GLOBAL)) {
        $client->ask($GLOBAL) for 1, 2;
        $client->close;
    }

    return;
}


# One open connection to each worker

sub clients {
    my ($self, $credential) = @_;
    my %by_pid;

    awaited('a connection to each worker', sub {
        my @idle = map { $self->connect } 1 .. 4;

        for my $client (@idle) {
            my $reply = $client->get($credential);

            $by_pid{$reply->{worker}} ||= $client;
        }

        return keys %by_pid >= $self->{workers};
    });

    return map { $by_pid{$_} } sort { $a <=> $b } keys %by_pid;
}


package EvoluNginx::Client;

use IO::Select;
use Time::HiRes qw(sleep time);


sub new {
    my ($class, $port, $address) = @_;

    my $socket = IO::Socket::INET->new(PeerAddr => '127.0.0.1',
                                       PeerPort => $port,
                                       defined $address
                                           ? (LocalAddr => $address) : (),
                                       Timeout => 5)
        or return;

    return bless { socket => $socket, in => '' }, $class;
}


sub write {
    my ($self, $bytes) = @_;

    while (length($bytes)) {
        my $n = syswrite($self->{socket}, $bytes);

        return 0 if !defined $n;

        substr($bytes, 0, $n) = '';
    }

    return 1;
}


sub send {
    my ($self, $credential, $path, @more) = @_;

    $path = '/' if !defined $path;
    unshift @more, "apikey: $credential" if defined $credential;

    return $self->write(join("\r\n", "GET $path HTTP/1.1", 'Host: a', @more)
                        . "\r\n\r\n");
}


# The next response, or undef when there is none in time

sub read {
    my ($self, $seconds) = @_;
    my $deadline = time + ($seconds || 20);
    my $select = IO::Select->new($self->{socket});

    for ( ;; ) {
        if ($self->{in} =~ /\A(HTTP\/1\.\d (\d+).*?\r\n\r\n)/s) {
            my ($head, $status) = ($1, $2);
            my ($len) = $head =~ /^Content-Length: (\d+)/mi;

            $len = 0 if !defined $len || $status == 100;

            if (length($self->{in}) >= length($head) + $len) {
                my $body = substr($self->{in}, length($head), $len);

                substr($self->{in}, 0, length($head) + $len) = '';

                return reply($status, $head, $body);
            }
        }

        my $left = $deadline - time;

        return if $left <= 0 || !$select->can_read($left);

        my $n = sysread($self->{socket}, $self->{in}, 65536,
                        length($self->{in}));

        return if !$n;
    }
}


sub reply {
    my ($status, $head, $body) = @_;
    my %reply = (status => $status, head => $head, body => $body);

    for my $name (qw(Cache Reason Worker Time Key-Id)) {
        ($reply{lc($name)}) = $head =~ /^X-$name: (\S*)\r$/m;
        $reply{lc($name)} = '' if !defined $reply{lc($name)};
    }

    ($reply{retry}) = $head =~ /^Retry-After: (\S*)\r$/m;
    $reply{text} = "$status $reply{cache} $reply{reason}";

    return \%reply;
}


sub get {
    my ($self, @request) = @_;

    $self->send(@request);

    return $self->read || { status => 0, text => 'no answer', worker => 0 };
}


sub ask {
    my ($self, @request) = @_;

    return $self->get(@request)->{text};
}


# Is there an answer (or the end) already?

sub answered {
    my ($self) = @_;

    return $self->{in} ne ''
           || scalar IO::Select->new($self->{socket})->can_read(0);
}


sub close {
    my ($self) = @_;

    CORE::close($self->{socket});

    return;
}


package EvoluNginx::Redis;

use IO::Socket::UNIX;
use Time::HiRes qw(sleep time);


sub start {
    my ($class, @options) = @_;
    my $self = bless { path => "$EvoluNginx::dir/redis" . ++$number . '.sock',
                       options => \@options }, $class;

    push @living, $self;

    return $self->again;
}


# The same, with a configuration file

sub start_by {
    my ($class, $conf, @options) = @_;
    my $self = bless { path => "$EvoluNginx::dir/redis" . ++$number . '.sock',
                       conf => $conf, options => \@options }, $class;

    push @living, $self;

    return $self->again;
}


# Runs it once more, empty

sub again {
    my ($self) = @_;

    return $self->begin->reconnect;
}


# A failover ends all connections.

sub reconnect {
    my ($self) = @_;

    EvoluNginx::awaited('redis', sub {
        $self->{socket} = IO::Socket::UNIX->new(Peer => $self->{path})
            and eval { $self->do('PING') } || '' eq 'PONG';
    });

    return $self;
}


# The same as again(), without waiting until it answers

sub begin {
    my ($self) = @_;
    my @conf = defined $self->{conf} ? $self->{conf} : ();

    unlink($self->{path});

    $self->{pid} = EvoluNginx::spawn("$self->{path}.log",
        $ENV{EVOLU_REDIS_SERVER} || 'redis-server', @conf, '--port', '0',
        '--unixsocket', $self->{path}, '--unixsocketperm', '777', '--save', '',
        '--appendonly', 'no', '--dir', $EvoluNginx::dir, @{ $self->{options} });

    return $self;
}


sub address { return "unix:$_[0]{path}" }


# The records of the fixtures, the epoch last

sub fill {
    my ($self) = @_;

    $self->add($_) for $LIVE, $OTHER;
    $self->do('HSET', 'evolu:instance:shop', EvoluNginx::record_of($TOKEN));
    $self->do('SET', 'evolu:epoch', 1);

    return $self;
}


sub add {
    my ($self, $credential, @more) = @_;

    return $self->do('HSET', EvoluNginx::key_of($credential),
                     EvoluNginx::record_of($credential, @more));
}


sub revoke {
    my ($self, $credential) = @_;

    return $self->do('DEL', EvoluNginx::key_of($credential));
}


# How often a command was called, from the server's own statistics

sub calls {
    my ($self, $command) = @_;

    my ($n) = $self->do('INFO', 'commandstats')
              =~ /^cmdstat_\Q$command\E:calls=(\d+)/m;

    return $n || 0;
}


# Names and more of the links of the module

sub links {
    my ($self) = @_;

    return grep { /name=evolu-auth/ } split /\n/, $self->do('CLIENT', 'LIST');
}


sub do {
    my ($self, @command) = @_;

    $self->send(@command);

    return $self->reply;
}


sub send {
    my ($self, @command) = @_;

    my $out = '*' . @command . "\r\n"
              . join('', map { '$' . length($_) . "\r\n$_\r\n" } @command);

    syswrite($self->{socket}, $out) or die "redis: $!";

    return;
}


sub reply {
    my ($self) = @_;
    my $line = readline($self->{socket});

    die 'redis: closed' if !defined $line;

    my ($type, $value) = $line =~ /\A(.)(.*)\r\n\z/s;

    die "redis: $value" if $type eq '-';

    return [map { $self->reply } 1 .. $value] if $type eq '*';
    return $value if $type ne '$';
    return undef if $value < 0;

    read($self->{socket}, my $bulk, $value + 2);

    return substr($bulk, 0, $value);
}


sub kill {
    my ($self, $signal) = @_;

    CORE::kill($signal || 'KILL', $self->{pid});

    if (!defined $signal || $signal eq 'KILL') {
        waitpid($self->{pid}, 0);
        delete $self->{pid};
    }

    return;
}


sub end {
    my ($self) = @_;

    $self->kill if defined $self->{pid};

    return;
}


1;
