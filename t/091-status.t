# Copyright (C) Evolu Auth Authors
#
# evolu_auth_status: its formats, all of its values from the start, and who may
# see it.

use strict;
use warnings;

use lib 't/lib';
use EvoluNginx;
use EvoluStatus;
use IO::Socket::INET;
use IO::Socket::UNIX;
use Test::More;

my $redis = EvoluNginx::Redis->start;

$redis->fill;


# Of the contract, sections 5 and 8: every value of every label

my %labels = (
    requests_total => [result => qw(allowed anonymous denied unavailable off)],
    denied_total => [reason => qw(connection_header duplicate missing malformed
        throttled scope wrong_family bad_path unavailable unknown bad_secret
        disabled not_yet_valid expired address wrong_mode wrong_campaign
        wrong_instance reserved_arg)],
    cache_lookups_total => [outcome => qw(fresh stale negative miss file)],
    stale_served_total => [],
    stripped_headers_total => [],
    redis_links => [state => qw(live connecting not_ready down)],
    redis_reconnects_total => [reason => qw(resolve connect tls sentinel
        greeting refused role moved closed silent network protocol limit other)],
    tracking_mode => [mode => qw(bcast ttl)],
    invalidations_total => [kind => qw(key flush epoch link_loss)],
    singleflight_joined_total => [],
    pending_lookups => [],
    zone_entries => [class => qw(record negative)],
    zone_bytes => [state => qw(used free)],
    zone_evictions_total => [class => qw(record negative)],
    records_invalid_total => [],
);

my @bounds = qw(0.0001 0.00025 0.0005 0.001 0.0025 0.005 0.01 0.025 0.05 0.1
                0.25 0.5 1 +Inf);


sub formats {
    my $nginx = EvoluNginx->start(
        redis => $redis, workers => 2,
        server => 'location /status { evolu_auth_status; }
                   location /json { evolu_auth_status json; }
                   location /html { evolu_auth_status html; }');

    my $client = $nginx->connect;
    my $reply = $client->get(undef, '/status');

    like($reply->{head}, qr{^Content-Type:\ text/plain;\ version=0\.0\.4;
                            \ charset=utf-8\r$}mx, 'prometheus: its type');
    like($reply->{head}, qr/^Cache-Control: no-store\r$/m, 'not stored');
    like($reply->{head}, qr/^X-Content-Type-Options: nosniff\r$/m, 'not sniffed');
    unlike($reply->{head}, qr/^Content-Security-Policy/m, 'no policy');
    from_the_start(samples($reply->{body}));
    promtool($reply->{body});

    $reply = $client->get(undef, '/json');
    like($reply->{head}, qr{^Content-Type: application/json\r$}m,
         'json: its type');
    like($reply->{head}, qr/^Cache-Control: no-store\r$/m, 'not stored');

    my %json = flat(JSON::PP->new->utf8->decode($reply->{body}));

    for my $name (sort keys %labels) {
        my (undef, @values) = @{ $labels{$name} };

        @values = @values ? map { "$name $_" } @values : ($name);
        is_deeply([sort grep { /^\Q$name\E\b/ } keys %json], [sort @values],
                  "json: $name");
    }

    is($json{'build_info version'}, '0.1.0', 'json: the version');

    $reply = $client->get(undef, '/html');
    like($reply->{head}, qr{^Content-Type: text/html; charset=utf-8\r$}m,
         'html: its type');
    like($reply->{head}, qr/^Content-Security-Policy: default-src 'none'; /m,
         'its policy');

    # what is asked for counts

    like($client->get(undef, '/html?format=json')->{body}, qr/\A\{"zone"/,
         'format=json');
    like($client->get(undef, '/json?format=prometheus')->{body},
         qr/\A# HELP evolu_auth_/, 'format=prometheus');
    like($client->get(undef, '/status?x=1&format=html')->{body},
         qr/\A<!DOCTYPE html>/, 'format=html');
    is($nginx->connect->get(undef, '/status?format=xml')->{status}, 400,
       'no format of ours');
    is($nginx->connect->get(undef, '/status?format=')->{status}, 400, 'none');

    $client = $nginx->connect;
    $client->write("HEAD /status HTTP/1.1\r\nHost: a\r\n"
                   . "Connection: close\r\n\r\n");
    like(do { local $/ = undef; readline($client->{socket}) },
         qr/\AHTTP\/1\.1 200 .*^Content-Length: [1-9]\d{3}\r.*\r\n\r\n\z/ms,
         'HEAD: its length, and no body');

    $client = $nginx->connect;
    $client->write("POST /status HTTP/1.1\r\nHost: a\r\n"
                   . "Content-Length: 0\r\n\r\n");
    is($client->read->{status}, 405, 'POST');

    # nothing of anybody

    $nginx->ask($LIVE);
    $nginx->ask($TOKEN, '/i/shop');
    $nginx->ask($UNKNOWN);

    for my $format (qw(prometheus json html)) {
        unlike($nginx->connect->get(undef, "/status?format=$format")->{body},
               qr/aB3dE6gH|shop|nobody|k1\b|127\.0\.0/,
               "$format: no name, no key id, no address");
    }

    $nginx->stop;

    return;
}


sub from_the_start {
    my ($is) = @_;

    my %want = (evolu_auth_build_info => 1);

    for my $name (sort keys %labels) {
        my ($label, @values) = @{ $labels{$name} };

        @values = map { ",$label=\"$_\"" } @values;
        @values = ('') if !@values;

        $want{"evolu_auth_$name"} = 1;
        is_deeply([sort keys %{ $is->{"evolu_auth_$name"} }],
                  [sort map { "zone=\"evolu\"$_" } @values], "$name: is there");
        next if $name !~ /_total$/;
        is_deeply([grep { $_ != 0 } values %{ $is->{"evolu_auth_$name"} }], [],
                  "$name: 0");
    }

    my $histogram = 'evolu_auth_lookup_duration_seconds';

    $want{"${histogram}_$_"} = 1 for qw(bucket sum count);
    is_deeply($is->{"${histogram}_bucket"},
              { map { ("zone=\"evolu\",le=\"$_\"" => 0) } @bounds },
              'all buckets');
    is_deeply($is->{"${histogram}_count"}, { 'zone="evolu"' => 0 }, 'count');

    like((keys %{ $is->{evolu_auth_build_info} })[0],
         qr/^version="0\.1\.0",nginx="1\.\d+\.\d+",hiredis="1\.\d+\.\d+",
            sodium="1\.\d+\.\d+"$/x, 'versions');
    is_deeply([sort keys %$is], [sort keys %want], 'and nothing else');

    return;
}


# As Prometheus' own tool sees it; scripts/promtool.sh has fetched it.

sub promtool {
    my ($text) = @_;
    my $tool = ($ENV{EVOLU_BUILD} || 'build') . '/cache/promtool';

  SKIP: {
        skip('no promtool', 1) if ! -x $tool && !$ENV{CI};

        open(my $pipe, '|-', "$tool check metrics > $dir/promtool 2>&1")
            or die "promtool: $!";
        print {$pipe} $text;
        close($pipe);

        is($? . EvoluNginx::read_text("$dir/promtool"), '0', 'promtool');
    }

    return;
}


# A name with what a format writes in another way

sub names {
    my $nginx = EvoluNginx->start(
        redis => $redis, live => 1, stores =>
            'evolu_auth_zone "zone=a\\"b\\\\<&:1m";'
            . "evolu_auth_redis @{[$redis->address]};"
            . "evolu_auth_pepper p1 $dir/p1;",
        server => 'location /status { evolu_auth_status; }');

    my $client = $nginx->connect;

    like($client->get(undef, '/status')->{body},
         qr/^evolu_auth_pending_lookups\{zone="a\\"b\\\\<&"\} 0$/m,
         'a name in a label');
    is(metrics($nginx)->{zone}, 'a"b\\<&', 'in json');
    like($client->get(undef, '/status?format=html')->{body},
         qr/a&quot;b\\&lt;&amp;/, 'in html');

    $nginx->stop;

    return;
}


# A zone, but nothing is protected: nothing is counted

sub unused {
    my $nginx = EvoluNginx->make;

    $nginx->{whole_http} = <<"END";
http {
    access_log $nginx->{root}/logs/access.log;
    evolu_auth_zone zone=evolu:1m;
    server {
        listen 127.0.0.1:$nginx->{port};
        location /status { evolu_auth_status json; }
        location / { return 204; }
    }
}
END

    $nginx->launch;
    is($nginx->connect->get(undef, '/')->{status}, 204, 'nothing protected');
    is(metrics($nginx)->{requests_total}{off}, 0, 'nothing counted');
    $nginx->stop;

    return;
}


# Who may see it: by the connection's address

sub peers {
    my $own = own_address();
    my $basic = 'auth_basic "who?";' . "auth_basic_user_file $dir/users;";
    my $port = EvoluNginx::port() + 8;

    EvoluNginx::write_file('users', "ops:{PLAIN}pass\n");
    chmod(0644, "$dir/users");

    my $nginx = EvoluNginx->start(
        redis => $redis, link => 'timeout=20s connect_timeout=20s',
        server => "listen unix:$dir/status.sock; set_real_ip_from unix:;"
            . ($own ? "listen $own:$port; set_real_ip_from $own;" : '')
            . <<"END");
        real_ip_header X-Real-IP;
        location /status { evolu_auth_status; }
        location /allow { evolu_auth_status; allow all; }
        location /deny { evolu_auth_status; deny 203.0.113.0/24; }
        location /denied { evolu_auth_status; deny all; }
        location /basic { evolu_auth_status; $basic
            location /basic/off { evolu_auth_status; auth_basic off; } }
        location /basic/no/users { evolu_auth_status; auth_basic "who?"; }
        location /on { evolu_auth_status; evolu_auth on; }
        location /optional { evolu_auth_status; evolu_auth optional; }
        location /report { evolu_auth_status; evolu_auth report; }
END

    is($nginx->ask(undef, '/status'), '200 - -', 'loopback');
    is($nginx->connect->ask(undef, '/status', 'X-Real-IP: 192.0.2.1'),
       '200 - -', 'loopback, whatever a header says');

    my $unix = client(IO::Socket::UNIX->new(Peer => "$dir/status.sock"));

    is($unix->ask(undef, '/status'), '200 - -', 'a unix: socket');
    is($unix->ask(undef, '/status', 'X-Real-IP: 192.0.2.1'),
       '200 - -', 'for another client, it says');

    is($nginx->ask(undef, '/denied'), '403 - -', '"deny all" counts here, too');
    is($nginx->ask(undef, '/on'), '401 - missing', 'and evolu_auth does');

  SKIP: {
        skip('no address but loopback', 1) if !$own && !$ENV{CI};
        ok($own, 'an address that is not loopback');

        my $ask = sub {
            my ($credential, @more) = @_;

            return client(IO::Socket::INET->new(PeerAddr => "$own:$port"))
                   ->ask($credential, @more);
        };

        is($ask->(undef, '/status'), '403 - -', 'another address: refused');
        like(($nginx->logged(qr/status is for/))[-1],
             qr/\[error\].*evolu_auth:\ status\ is\ for\ loopback\ only;\ add
                \ "allow"\ and\ "deny",\ "auth_basic"\ or\ "evolu_auth\ on"
                \ to\ its\ location,\ client:/x, 'and told why');
        is($ask->(undef, '/status', 'X-Real-IP: 127.0.0.1'), '403 - -',
           'loopback by a header');
        is($ask->(undef, '/allow'), '200 - -', 'allow');
        is($ask->(undef, '/deny'), '200 - -', 'deny, but not this one');
        is($ask->(undef, '/denied'), '403 - -', 'deny');
        is($ask->(undef, '/basic'), '401 - -', 'auth_basic, no user');
        is($ask->(undef, '/basic', 'Authorization: Basic b3BzOnBhc3M='),
           '200 - -', 'auth_basic, a user');
        is($ask->(undef, '/basic/off'), '403 - -', 'auth_basic off');
        is($ask->(undef, '/basic/no/users'), '403 - -',
           'auth_basic that knows nobody');
        is($ask->(undef, '/on'), '401 - missing', 'evolu_auth on, no key');
        is($ask->($LIVE, '/on'), '200 MISS ok', 'a key');
        is($ask->(undef, '/optional'), '403 - missing', 'optional, no key');
        is($ask->($LIVE, '/optional'), '200 FRESH ok', 'a key');
        is($ask->(undef, '/report'), '403 - missing', 'report, no key');
        is($ask->($WRONG, '/report'), '403 FRESH bad_secret', 'a bad key');
        is($ask->($LIVE, '/report'), '200 FRESH ok', 'a key');
    }

    $nginx->stop;

    return;
}


# The address that this machine would ask the world from; nothing is sent.

sub own_address {
    my $s = IO::Socket::INET->new(Proto => 'udp', PeerAddr => '192.0.2.1',
                                  PeerPort => 9);

    return defined $s && $s->sockhost !~ /^127\./ ? $s->sockhost : undef;
}


sub client {
    my ($socket) = @_;

    die "connect: $!" if !defined $socket;

    return bless { socket => $socket, in => '' }, 'EvoluNginx::Client';
}


formats();
names();
unused();
peers();

done_testing();
