package Cases;

# Copyright (C) Evolu Auth Authors
#
# Runs tables of cases in prose, attack cases and scenarios of other products,
# by the executable checks that Attack.pm and Peer.pm have for their ids:
#
#     'ID' => sub { ... }                  what is done, with the words below
#     'ID' => [sub { ... }, 'note']        the contract differs from the row,
#                                          or only a part of it is done
#     'ID' => ['suite', 't/NAME.t: what']  a suite has it; its file must exist
#     'ID' => ['no', 'why']                cannot be done in this version
#
# Rows of attack cases with other ids are run by their text, see Rows.pm.
#
# Words: gives(ANSWER, REQUEST, HEADERS...) asks and checks.  ANSWER is
# "STATUS|STATUS up", where it must reach the upstream once, or "STATUS no";
# REQUEST is "[@SERVER] METHOD TARGET"; a header "+TEXT" is sent as it is, and
# a reference is the body.  The rest looks at what the last of them brought.

use strict;
use warnings;

use Exporter qw(import);
use Time::HiRes qw(sleep time);

use Edge;
use H2;

our @EXPORT = qw(gives asks up_is up_lacks answer_is body_is same reads edge config
                 check until_is h2 sleep time
                 $A $A_TEST $B $TOK1 $TOK2 $SHARED $GKEY $M $E);

our $A = 'evolu_live_aB3dE6gH_LiveSecret0123456789';
our $A_TEST = 'evolu_test_aB3dE6gH_TestSecret0123456789';
our $B = 'evolu_live_bC4eF7hJ_OtherSecret0123456789';
our $TOK1 = 'token-of-inst-1';
our $TOK2 = 'token-of-inst-2';
our $SHARED = 'token-they-share';
our $GKEY = 'global-key-of-the-house';
our $M = '/message/sendText';           # where an instance is addressed
our $E = '/v1/entries';                 # where a campaign is let in

my ($run, $answer, @reached);


sub new {
    my ($class, %opts) = @_;

    return bless({ %opts }, $class);
}


sub run {
    my ($self, $file) = @_;

    my $table = $self->table();
    my (%count, %class);

    $run = $self;
    fresh();

    open(my $fh, '<:raw', $file) or die "$file: $!\n";
    <$fh>;

    while (my $line = <$fh>) {
        next if $line !~ /\S/;

        my ($id, undef, @cells) = split /\t/, $line =~ s/[\r\n]+\z//r;
        my $start = time();
        my $check = $table->{$id} // $self->read_row(@cells);
        my ($what, $text) = $self->run_row($check);
        my $seconds = time() - $start;

        $count{$what}++;
        $class{$id =~ s/-.*//r}{$what}++;

        $text .= sprintf(' [%.1f s]', $seconds) if $seconds > 1;
        printf("  %-8s %-8s %s\n", $id, $what, $text)
            if $what ne 'passed' || $text ne '' || $self->{verbose};
    }

    $self->report(\%count, \%class);

    return ($count{passed} // 0, $count{FAILED} // 0);
}


sub table {
    my ($self) = @_;

    my $kind = $self->{kind};

    require "$kind.pm";     # next to this file: "use lib" of run.pl

    return $kind->can('table')->();
}


# A row without a check of its own: what its text says, where that can be read.

sub read_row {
    my ($self, @cells) = @_;

    return ['no', 'no check for this id'] if $self->{kind} ne 'Attack';

    require Rows;

    return Rows::check_of(@cells);
}


sub run_row {
    my ($self, $check) = @_;

    my ($code, $text) = ref $check eq 'ARRAY' ? @$check : ($check, '');

    if (!ref $code) {
        return ('not run', $text) if $code eq 'no';

        my ($suite) = $text =~ m{^(t/[\w/-]+\.t)};

        return ('suite', $text) if defined $suite && -e "$self->{top}/$suite";
        return ('FAILED', "there is no suite $text");
    }

    return ('passed', $text) if eval { $code->(); 1 };

    my $error = $@ =~ s/\s+\z//r =~ s/\s+/ /gr;

    $error = substr($error, 0, 400) . '...' if length($error) > 400;

    # nothing of it may be left for the next one

    eval { fresh(); 1 } or die "the edge cannot go on: $@";

    return ('FAILED', $error);
}


sub report {
    my ($self, $count, $class) = @_;

    my @kinds = ('passed', 'FAILED', 'suite', 'not run');

    print "\n";
    printf("  %-6s %8s %8s %8s %8s\n", 'class', @kinds);

    for my $name (sort keys %$class) {
        printf("  %-6s %8s %8s %8s %8s\n", $name,
               map { $class->{$name}{$_} // 0 } @kinds);
    }

    printf("  %-6s %8s %8s %8s %8s\n", 'all', map { $count->{$_} // 0 } @kinds);

    return;
}


# What the cases begin with: the records of the fixtures, and nginx with a
# server for each way to be configured

sub fresh {
    my $edge = $run->{edge};
    my $past = int(time()) - 3600;

    $edge->redis('FLUSHALL');
    $edge->redis('SET', 'evolu:epoch', 1);

    my @records = (
        ['campaign:live:aB3dE6gH', instance => 'camp-a',
         $edge->field(k1 => $A)],
        ['campaign:test:aB3dE6gH', instance => 'camp-a',
         $edge->field(t1 => $A_TEST)],
        ['campaign:live:bC4eF7hJ', instance => 'camp-b',
         $edge->field(k1 => $B)],
        ['campaign:live:cidr', $edge->field(
            k1 => 'evolu_live_cidr_CidrSecret0123456789', 'ip=10.0.0.0/8')],
        ['campaign:live:past', $edge->field(
            k1 => 'evolu_live_past_PastSecret0123456789', "exp=$past")],
        ['campaign:live:dis', $edge->field(
            k1 => 'evolu_live_dis_DisSecret01234567890', 'status=disabled')],
        ['instance:inst-1', $edge->field(k1 => $TOK1)],
        ['instance:inst-2', $edge->field(k1 => $TOK2)],
        ['instance:shared-1', $edge->field(k1 => $SHARED)],
        ['instance:shared-2', $edge->field(k1 => $SHARED)],
        ["instance:caf\xc3\xa9", $edge->field(k1 => 'token-of-the-cafe')],
    );

    for my $record (@records) {
        my ($locator, @fields) = @$record;

        $edge->redis('HSET', "evolu:$locator", 'v', 1, @fields);
    }

    $edge->redis('SADD', 'evolu:token:' . $edge->hash_of($TOK1), 'inst-1');
    $edge->redis('SADD', 'evolu:token:' . $edge->hash_of($SHARED),
                 'shared-1', 'shared-2');
    $edge->write_file('keys', 'global g1 hash=' . $edge->hash_of($GKEY) . "\n",
                      0600);
    $edge->write_file('htpasswd', "good:{PLAIN}basic\n", 0644);

    my ($http, @sockets) = config();

    $edge->start_nginx($http, @sockets);
    $edge->drain();

    return;
}


sub edge {
    return $run->{edge};
}


sub option {
    my ($name) = @_;

    return $run->{$name};
}


# The configuration, and its sockets

sub config {
    my (%more) = @_;

    my $dir = $run->{edge}{dir};
    my $conf = "$run->{top}/conf";

    # C0 of the attack cases: on everywhere; paths that name an instance

    my $c0 = <<'END';
        evolu_auth on;

        location / {
            proxy_pass http://evolution_api;
        }

        location ~ ^/(message|chat|instance|group)/ {
            evolu_auth_instance $evolu_path_last;
            evolu_auth_reserved_args instanceName instanceId;
            proxy_pass http://evolution_api;
        }

        location = /whoami {
            evolu_auth_whoami;
        }
END

    my %servers = (
        c0 => $c0,
        under => "underscores_in_headers on;\n$c0",
        big => "large_client_header_buffers 4 72k;\n$c0",
        plain => "evolu_auth_hide_credentials off;\n$c0",
        noreq => "proxy_pass_request_headers off;\n$c0",
        slow => "client_header_timeout 1s;\n$c0",
        realip => "set_real_ip_from unix:;\nreal_ip_header X-Forwarded-For;\n"
                  . "real_ip_recursive on;\nset_real_ip_from 192.0.2.0/24;\n"
                  . $c0,
        connection => "proxy_http_version 1.1;\n"
                      . "proxy_set_header Connection \$http_connection;\n$c0",
        preset => "include $conf/evolution-api.conf;\n",
        integrators => "include $conf/evolu-integrators.conf;\n",
        more => more_locations($dir),
    );

    my $text = "    include $conf/http.conf;\n" . $run->{edge}->stores()
               . http_extra($dir);

    for my $name (sort keys %servers) {
        $text .= "    server {\n        listen unix:$dir/$name.sock;\n"
                 . "$servers{$name}    }\n";
    }

    $text .= <<"END";
    server {
        listen unix:$dir/h2.sock http2;
        keepalive_timeout 5s;
$c0
    }

    server {
        listen unix:$dir/hosts.sock;
        server_name a;
$c0
    }

    server {
        listen unix:$dir/hosts.sock;
        server_name b;

        location / {
            proxy_pass http://evolution_api;
        }
    }
END

    return ($text . ($more{http} // ''), sort(keys %servers), 'h2', 'hosts');
}


sub http_extra {
    my ($dir) = @_;

    return <<"END";
    proxy_cache_path $dir/cache keys_zone=cache:1m;

    map \$evolu_instance \$mapped {
        default \$evolu_instance;
    }

    log_format vars '\$evolu_instance \$mapped \$evolu_key_id';
    limit_req_zone \$evolu_campaign\$evolu_key_id zone=per_key:1m rate=1r/m;

    upstream keep {
        server unix:$dir/upstream.sock;
        keepalive 1;
    }
END
}


# One location for each other way to be configured

sub more_locations {
    my ($dir) = @_;

    my %locations = (
        '/any-allow/' => 'evolu_auth on; satisfy any; allow all;',
        '/any-deny/' => 'evolu_auth on; satisfy any; deny all;',
        '/any-scope/' => 'evolu_auth on; satisfy any; deny all; '
                         . 'evolu_auth_scope global;',
        '/any-basic/' => 'evolu_auth on; satisfy any; auth_basic x; '
                         . "auth_basic_user_file $dir/htpasswd;",
        '/any-basic-scope/' => 'evolu_auth on; satisfy any; auth_basic x; '
                         . "auth_basic_user_file $dir/htpasswd; "
                         . 'evolu_auth_scope global;',
        '/all-basic/' => 'evolu_auth on; auth_basic x; '
                         . "auth_basic_user_file $dir/htpasswd; "
                         . 'evolu_auth_key_sources header:apikey;',
        '/off-any-basic/' => 'evolu_auth off; satisfy any; auth_basic x; '
                             . "auth_basic_user_file $dir/htpasswd;",
        '/deny/' => 'deny all;',
        '/off/' => 'evolu_auth off; add_header X-Seen "[$evolu_instance]";',
        '/optional/' => 'evolu_auth optional;',
        '/report/' => 'evolu_auth report;',
        '/query/' => 'evolu_auth on; '
                     . 'evolu_auth_key_sources header:apikey query:apikey;',
        '/query-only/' => 'evolu_auth on; evolu_auth_key_sources query:key;',
        '/custom/' => 'evolu_auth on; evolu_auth_key_sources header:X-MyAuth;',
        '/realm-off/' => 'evolu_auth on; evolu_auth_realm off;',
        '/live/' => 'evolu_auth on; evolu_auth_mode live;',
        '/test/' => 'evolu_auth on; evolu_auth_mode test;',
        '/global/' => 'evolu_auth on; evolu_auth_scope global;',
        '/delay/' => 'evolu_auth on; auth_delay 2s;',
        '/limited/' => 'evolu_auth on; limit_req zone=per_key burst=1 nodelay; '
                       . 'limit_req_status 429;',
        '/early/' => 'evolu_auth on; set $early "[$evolu_instance]"; '
                     . 'add_header X-Early $early;',
        '/vars/' => "evolu_auth on; access_log $dir/vars.log vars; "
                    . 'proxy_set_header X-Mapped $mapped; '
                    . 'add_header X-Now $evolu_instance; '
                    . 'proxy_cache cache; proxy_cache_valid 1m; '
                    . 'proxy_cache_key $evolu_instance$evolu_livemode$uri; '
                    . 'add_header X-Cached $upstream_cache_status;',
        '/cached/' => 'evolu_auth on; proxy_cache cache; '
                      . 'proxy_ignore_headers Cache-Control; '
                      . 'proxy_cache_valid 1s; '
                      . 'proxy_cache_use_stale updating; '
                      . 'proxy_cache_background_update on; proxy_cache_key '
                      . '$evolu_instance$evolu_livemode$request_uri; '
                      . 'add_header X-Cached $upstream_cache_status;',
        '/error-page/' => 'evolu_auth on; error_page 401 = @page;',
        '/hidden/' => 'evolu_auth on; proxy_hide_header X-Evolu-Instance;',
        '/mirrored/' => 'evolu_auth on; mirror /mirror;',
    );
    my $text = '';

    for my $path (sort keys %locations) {
        $text .= "location $path { $locations{$path} "
                 . "proxy_pass http://evolution_api; }\n";
    }

    return $text . <<"END";
location /keep/ {
    evolu_auth on;
    proxy_http_version 1.1;
    proxy_set_header Connection "";
    proxy_request_buffering off;
    proxy_pass http://keep;
}

location /uwsgi/ {
    evolu_auth on;
    uwsgi_pass unix:$dir/uwsgi.sock;
}

location = /mirror {
    internal;
    proxy_pass http://evolution_api/mirrored-copy;
}

location \@page {
    default_type text/plain;
    return 401 "a page\\n";
}
END
}


# The words

sub gives {
    my ($want, $request, @headers) = @_;

    my ($statuses, $up) = $want =~ /\A([\d|]+) (up|no)\z/
        or die "bad answer in the table: $want\n";

    asks($request, @headers);

    my $got = "$answer->{status} " . (@reached ? 'up' : 'no');

    die cut($request), " [@{[cut(join('; ', @headers))]}]: wanted $want, ",
        "got $got", @reached > 1 ? ' ' . @reached . ' times' : '', "\n"
        if $answer->{status} !~ /\A(?:$statuses)\z/
           || @reached != ($up eq 'up');

    return $answer;
}


# asks(REQUEST, HEADERS...): how often it reached the upstream, and the answer

sub asks {
    my ($request, @headers) = @_;

    my ($bytes, $server) = bytes_of($request, @headers);

    $answer = $run->{edge}->ask($server, $bytes);
    @reached = $run->{edge}->seen();

    return (scalar(@reached), $answer);
}


sub cut {
    my ($text) = @_;

    return length($text) > 120 ? substr($text, 0, 120) . '...' : $text;
}


sub bytes_of {
    my ($request, @headers) = @_;

    my $server = $request =~ s/\A@(\S+) // ? $1 : 'c0';
    my $body = '';
    my $text = '';
    my %has;

    for my $header (@headers) {
        if (ref $header) {
            $body = $$header;

        } elsif ($header =~ s/\A\+//) {
            $text .= $header;

        } else {
            $has{lc(($header =~ /\A([^:]*)/)[0])} = 1;
            $text .= "$header\r\n";
        }
    }

    $text = "Host: edge\r\n$text" if !$has{host};
    $text .= "Connection: close\r\n" if !$has{connection};
    $text .= 'Content-Length: ' . length($body) . "\r\n"
        if $body ne '' && !$has{'content-length'} && !$has{'transfer-encoding'};

    return ("$request HTTP/1.1\r\n$text\r\n$body", $server);
}


sub check {
    my ($what, $true) = @_;

    die "$what\n" if !$true;

    return;
}


# up_is(NAME, VALUE): the upstream saw that header once and so

sub up_is {
    my ($name, $value) = @_;

    my @got = map { Edge::header($_, $name) } @reached;

    die "upstream: $name: ", join(', ', map { "\"$_\"" } @got), "\n"
        if @got != 1 || $got[0] ne $value;

    return;
}


# Nor under a name that an upstream may read as that one

sub up_lacks {
    for my $name (@_) {
        my @got = grep { lc($_->[0] =~ tr/_./--/r) eq lc($name) }
                  map { @{$_->{headers}} } @reached;

        die "upstream: $got[0][0]: $got[0][1]\n" if @got;
    }

    return;
}


sub answer_is {
    my ($name, $like) = @_;

    my @got = Edge::header($answer, $name);

    if (!defined $like) {
        die "answer: $name: @got\n" if @got;
        return;
    }

    die "answer: $name: @got\n" if @got != 1 || $got[0] !~ $like;

    return;
}


sub body_is {
    my ($like) = @_;

    die 'body: ', cut($answer->{body}), "\n" if $answer->{body} !~ $like;

    return;
}


# Two answers are the same but for the time

sub same {
    my @texts = map { $_->{raw} =~ s/\r\nDate: [^\r]*//r } @_;

    die 'answers differ: ', join(' / ', map { cut($_) } @texts), "\n"
        if grep { $_ ne $texts[0] } @texts;

    return;
}


# Records that are read while CODE runs.  The module asks for the epoch by
# itself: that is no record.

sub reads {
    my ($code) = @_;

    my $edge = $run->{edge};
    my $before = $edge->redis_calls('hgetall', 'smembers');

    $code->();

    return $edge->redis_calls('hgetall', 'smembers') - $before;
}


# The first answer other than OLD must be NEW, within SECONDS

sub until_is {
    my ($seconds, $old, $new, $request, @headers) = @_;

    my ($bytes, $server) = bytes_of($request, @headers);
    my $end = time() + $seconds;

    while (1) {
        my $got = $run->{edge}->ask($server, $bytes)->{status};

        return if $got == $new;

        die cut($request), ": $got, wanted $new after $old\n"
            if $got != $old || time() > $end;

        sleep(0.002);
    }
}


# HTTP/2: an answer for each list of [name, value]; see H2.pm

sub h2 {
    my (@requests) = @_;

    $run->{edge}->drain();

    my @answers = H2::ask($run->{edge}->dial('h2'), @requests);

    $answer = $answers[0];
    @reached = $run->{edge}->seen();

    return @answers;
}

1;
