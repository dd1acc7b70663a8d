package Guard;

# Copyright (C) Evolu Auth Authors
#
# Replays what the real Evolution API answered to raw requests, against the
# edge with conf/evolution-api.conf in front of an upstream that tells what
# reached it, and holds the edge to this rule:
#
#   - a request passes where the API's own guard let it pass, where it acts on
#     the instance that the path names, and where the contract names no refusal;
#   - everywhere else the edge is as strict as the API, or stricter, and where
#     it is stricter the contract says why.
#
# Every request is made of each of these, and counts as often:
#
#     preset   the preset as it is
#     open     with all that a switch can open
#     closed   with all that a switch can close
#     key      with a key of the upstream's own
#
# What a request names, whose its key is and what the contract refuses is told
# here anew, from the contract alone: nothing is shared with the module.  There
# are rules only, no list of vectors, so any file of this shape will do.

use strict;
use warnings;

use Encode ();
use JSON::PP ();

use Edge;

my @EDGES = qw(preset open closed key);
my $UPSTREAM_KEY = 'The-Key-That-Is-The-Upstreams-Own';
my $UNAUTHORIZED = '{"status":401,"error":"Unauthorized",'
                   . '"response":{"message":"Unauthorized"}}';

# Where the API has a door without a key, and the edge has a switch.

my $DOOR = qr{^/(?:(?:manager|assets)(?:/.*)?|store/.*
                 |webhook/(?:meta|evolution)/?|chatwoot/webhook/[^/]+/?)?$}xis;

# What no edge takes for a global key: Evolution API's samples

my $PUBLISHED = qr/\A(?:429683C4C977415CAAFCCE10F7D57E11|BQYHJGJHJ)\z/;


sub new {
    my ($class, %opts) = @_;

    return bless({ %opts, rows => {}, reasons => {}, wrong => [],
                   skipped => [], fixtures => {} }, $class);
}


sub run {
    my ($self, $file) = @_;

    my $json = JSON::PP->new->utf8->allow_nonref;
    my (%vectors, @order);

    open(my $fh, '<:raw', $file) or die "$file: $!\n";

    while (my $line = <$fh>) {
        next if $line !~ /\S/;

        my $item = eval { $json->decode($line) };
        my $type = ref $item eq 'HASH' ? $item->{type} // '' : '';

        if ($type eq 'fixture' && defined $item->{id}) {
            $self->{fixtures}{$item->{id}} = $item;

        } elsif ($type eq 'vector' && ref $item->{request} eq 'HASH'
                 && ref $item->{observed} eq 'HASH')
        {
            my $fixture = $item->{fixture} // '';

            push @order, $fixture if !$vectors{$fixture};
            push @{$vectors{$fixture}}, $item;

        } elsif ($type ne 'header' && $type ne 'route') {
            push @{$self->{skipped}}, ["line $.", 'it is no fixture, and no '
                                       . 'vector with request and answer'];
        }
    }

    for my $id (@order) {
        $self->run_fixture($id, @{$vectors{$id}});
    }

    return $self->report();
}


# One fixture: its global key and its tokens, and an nginx of its own

sub run_fixture {
    my ($self, $id, @vectors) = @_;

    my $fixture = $self->{fixtures}{$id};

    if (!defined $fixture) {
        push @{$self->{skipped}},
            map { [$_->{id}, "the file has no fixture $id"] } @vectors;
        return;
    }

    my $keys = $self->keys_of($fixture);

    $self->write_records($keys);
    $self->{edge}->start_nginx($self->http(), @EDGES);

    for my $vector (@vectors) {
        my $name = $vector->{id} // 'without an id';
        my $category = $vector->{category} // '-';
        my $n = 0;

        $self->run_vector($keys, $name, $category, $vector);

        for my $then (@{$vector->{then} // []}) {
            $self->run_vector($keys, "$name/then" . ++$n, $category, $then);
        }
    }

    return;
}


# Tokens are bytes as the API compares them, Latin-1; names are bytes of the
# path, UTF-8.  A row that is not in the database has no token there, and a
# server of v1 with JWT takes no tokens of instances at all.

sub keys_of {
    my ($self, $fixture) = @_;

    my %seen;
    my $instances = $fixture->{instances} // [];

    while (ref $instances eq 'HASH') {
        my $other = $instances->{same_as} // '';

        die "fixtures refer to each other: $other\n" if $seen{$other}++;

        $instances = $self->{fixtures}{$other}{instances} // [];
    }

    my $env = $fixture->{env} // {};
    my %keys = (fixture => $fixture, instances => {});

    if (($env->{AUTHENTICATION_TYPE} // '') eq 'jwt') {
        $instances = [];
    }

    for my $instance (@$instances) {
        my $token = $instance->{token};

        next if !defined $token || !defined $instance->{name};
        next if !($instance->{db} // 1) || $token =~ /[^\x00-\xff]/;

        my $name = Encode::encode('UTF-8', $instance->{name});

        $keys{instances}{$name} = Encode::encode('ISO-8859-1', $token);
    }

    # where the environment has none, a note in brackets follows the key

    my $global = $env->{AUTHENTICATION_API_KEY} // '';

    if ($global eq '') {
        $global = ($fixture->{global_key} // '') =~ s/ \(.*\)\z//sr;
    }

    $keys{published} = $global =~ $PUBLISHED;
    $keys{global} = $global =~ /[^\x00-\xff]/ ? ''
                    : Encode::encode('ISO-8859-1', $global);

    return \%keys;
}


sub write_records {
    my ($self, $keys) = @_;

    my $edge = $self->{edge};
    my $global = $keys->{global};

    $edge->redis('FLUSHALL');
    $edge->redis('SET', 'evolu:epoch', 1);

    for my $name (sort keys %{$keys->{instances}}) {
        my $token = $keys->{instances}{$name};

        next if !usable($token);

        $edge->redis('HSET', "evolu:instance:$name", 'v', 1,
                     $edge->field('k1', $token));
        $edge->redis('SADD', 'evolu:token:' . $edge->hash_of($token), $name);
    }

    $edge->write_file('keys', $global eq '' ? "# none\n"
                      : 'global g1 hash=' . $edge->hash_of($global) . "\n",
                      0600);

    # A key that Evolution API publishes must be refused; nobody has it then.

    if ($keys->{published}) {
        my ($accepted) = $edge->check_nginx($self->http());
        my $id = $keys->{fixture}{id};

        $self->count("fixture-$id", "fixture $id", 'all',
                     $accepted ? 'wrong' : 'stricter',
                     $accepted ? 'nginx -t takes a published global key'
                     : 'a published global key is refused by nginx -t '
                       . '(contract 2)');
        $edge->write_file('keys', "# none\n", 0600);
        $keys->{global} = '';
    }

    return;
}


# The grammar of contract 1: what can be a token at the edge

sub usable {
    my ($token) = @_;

    return $token =~ /\A[\x21-\x7e\x80-\xff](?:[\x20-\x7e\x80-\xff]*
                       [\x21-\x7e\x80-\xff])\z/x
           && length($token) >= 8 && length($token) <= 4096
           && $token !~ /\Aevolu_(?:live|test)_/;
}


sub http {
    my ($self) = @_;

    my $conf = "$self->{top}/conf";
    my $dir = $self->{edge}{dir};

    my %switches = (
        preset => '',
        open => 'set $evolu_open_manager on; set $evolu_open_webhooks on; '
                . 'set $evolu_open_store on; set $evolu_socket_by_token on; '
                . 'evolu_auth_preflight on;',
        closed => 'set $evolu_fetch_by_token off; set $evolu_s3_by_token off;',
        key => "set \$evolu_upstream_key \"$UPSTREAM_KEY\";",
    );
    my $text = "    include $conf/http.conf;\n" . $self->{edge}->stores();

    for my $name (@EDGES) {
        $text .= "    server {\n        listen unix:$dir/$name.sock;\n"
                 . "        $switches{$name}\n"
                 . "        include $conf/evolution-api.conf;\n    }\n";
    }

    return $text;
}


# One vector

sub run_vector {
    my ($self, $keys, $id, $category, $vector) = @_;

    my $request = $vector->{request} // {};
    my ($bytes, $why) = raw_request($request);

    if (!defined $bytes) {
        push @{$self->{skipped}}, [$id, $why];
        return;
    }

    my %facts = facts_of($keys, $request, $vector->{observed});

    for my $edge (@EDGES) {
        my $answer = $self->{edge}->ask($edge, $bytes);
        my @reached = $self->{edge}->seen();

        # an answer of nginx's own comes once more when Redis was slow

        if ($answer->{status} == 503) {
            $answer = $self->{edge}->ask($edge, $bytes);
            @reached = $self->{edge}->seen();
        }

        my ($verdict, $reason) = judge(\%facts, $edge, $answer, @reached);

        $self->count($id, $category, $edge, $verdict, $reason, $request,
                     $vector->{observed}, $answer, scalar(@reached));
    }

    return;
}


# The request as bytes: each character is one byte, {repeat, count} stands for
# many of them, Host and Connection are there, and so is the body's length.

sub raw_request {
    my ($request) = @_;

    my %known = map { $_ => 1 } qw(method target headers body version);
    my ($odd) = grep { !$known{$_} } sort keys %$request;

    return (undef, "its request has a part that is not known here: $odd")
        if defined $odd;
    return (undef, 'its request lacks a method or a target')
        if !defined $request->{method} || !defined $request->{target};

    my @headers = map { [map { text_of($_) } @$_] } headers_of($request);
    my %has = map { lc($_->[0]) => 1 } @headers;
    my $body = defined $request->{body} ? text_of($request->{body}) : '';

    unshift @headers, ['Host', 'api.test'] if !$has{host};
    push @headers, ['Connection', 'close'] if !$has{connection};

    if (defined $request->{body} && !$has{'content-length'}
        && !$has{'transfer-encoding'})
    {
        push @headers, ['Content-Length', length($body)];
    }

    my $text = text_of($request->{method}) . ' ' . text_of($request->{target})
               . ' ' . ($request->{version} // 'HTTP/1.1') . "\r\n"
               . join('', map { "$_->[0]: $_->[1]\r\n" } @headers)
               . "\r\n$body";

    return (undef, 'it has a character that is no byte')
        if $text =~ /[^\x00-\xff]/;

    utf8::downgrade($text);

    return $text;
}


sub headers_of {
    my ($request) = @_;

    return grep { ref $_ eq 'ARRAY' && defined $_->[0] && defined $_->[1] }
           @{$request->{headers} // []};
}


sub text_of {
    my ($value) = @_;

    if (ref $value eq 'HASH' && defined $value->{repeat}) {
        return $value->{repeat} x ($value->{count} // 1);
    }

    if (ref $value eq 'ARRAY') {
        return join('', map { text_of($_) } @$value);
    }

    if (ref $value) {
        return JSON::PP->new->utf8->canonical->encode($value);
    }

    my $text = "$value";

    # a body may hold more than bytes: it was sent as UTF-8

    return $text =~ /[^\x00-\xff]/ ? Encode::encode('UTF-8', $text) : $text;
}


# What the request says, by the contract alone

sub facts_of {
    my ($keys, $request, $observed) = @_;

    my $target = text_of($request->{target});
    my $origin = $target =~ s{\A[A-Za-z][A-Za-z0-9+.-]*://[^/?#]*}{}r;

    $origin = "/$origin" if $origin !~ m{\A/};

    my ($path, $query) = split /\?/, $origin, 2;
    my @headers = headers_of($request);
    my @values = map { text_of($_->[1]) =~ s/\A[ \t]+|[ \t]+\z//gr }
                 grep { lc($_->[0]) eq 'apikey' } @headers;
    my @args = map { arg_of($_) } split /&/, $query // '';
    my $route = route_of(decode($path));
    my %facts = (
        keys => $keys, request => $request, observed => $observed,
        origin => $origin, path => $path, query => $query, args => \@args,
        method => text_of($request->{method}), body => body_of($request),
        decision => $observed->{decision} // decision_of($observed),
        has => { map { lc($_->[0]) => text_of($_->[1]) } @headers },
        credentials => \@values, route => $route,
        last => decode(($path =~ m{([^/]*)/?\z})[0]),
    );

    # at the WebSocket the key may be in the query as well; the upstream would
    # read "+" as a space there

    my ($in_query) = $route eq 'socket'
                     ? grep { $_->{name} eq 'apikey' } @args : ();

    push @values, map { $_->{literal} } grep { $_->{name} eq 'apikey' } @args
        if $in_query;

    my $key = $values[0] // '';

    $facts{in_query} = defined $in_query;
    $facts{sent} = $in_query ? $in_query->{value} : $key;
    my $instances = $keys->{instances};

    $facts{key} = $key;
    $facts{usable} = @values == 1 && usable($key);
    $facts{global} = $facts{usable} && $keys->{global} eq $key;
    $facts{owns} = { map { $_ => 1 }
                     grep { $facts{usable} && $instances->{$_} eq $key }
                     keys %$instances };
    $facts{owns_loosely} = grep {
        loosely($instances->{$_}) eq loosely($key)
        && ($route ne 'named' || loosely($_) eq loosely($facts{last}))
    } keys %$instances;
    $facts{markers} = () = $origin =~ m{/instance/(?:create|fetchInstances)}g;
    $facts{is_marker} = $origin =~ m{\A/instance/(?:create|fetchInstances)
                                     /?(?:\?|\z)}x;

    return %facts;
}


# As a database does that knows no upper and lower case

sub loosely {
    my ($text) = @_;

    return lc($text) =~ s/ +\z//r;
}


# What the upstream must get as the body

sub body_of {
    my ($request) = @_;

    my $body = defined $request->{body} ? text_of($request->{body}) : '';
    my ($chunked) = grep { lc($_->[0]) eq 'transfer-encoding' }
                    headers_of($request);

    return $chunked ? Edge::unchunk($body) // $body : $body;
}


# What is said of "then" is its status alone.

sub decision_of {
    my ($observed) = @_;

    my $status = $observed->{status} // 0;

    return $status == 401 ? 'deny'
           : $status >= 200 && $status < 300 ? 'allow' : 'no-guarded-route';
}


# By the path as nginx takes it, decoded; "$" lets a last LF be, as there

sub route_of {
    my ($path) = @_;

    return 'create' if $path =~ m{^/instance/create/?$}is;
    return 'verify' if $path =~ m{^/verify-creds/?$}is;
    return 'fetch' if $path =~ m{^/instance/fetchInstances/?$}is;
    return 'socket' if $path =~ m{\A/socket\.io/};
    return 'media' if $path =~ m{\A/s3/}i;
    return 'metrics' if $path =~ m{^/metrics(?:/|$)}is;
    return 'door' if $path =~ $DOOR;

    return 'named';
}


sub decode {
    my ($text) = @_;

    return $text =~ s/%([0-9A-Fa-f]{2})/chr(hex($1))/ger;
}


# An argument's name and value, both decoded, and the root of the name

sub arg_of {
    my ($text) = @_;

    my ($name, $raw) = split(/=/, $text, 2);
    my $value = decode(($raw // '') =~ tr/+/ /r);

    $name = decode(($name // '') =~ tr/+/ /r);

    my $root = $name =~ /\A\[([^\]]*)/ ? $1 : $name =~ s/\[.*//sr;

    return { name => $name, value => $value, root => $root,
             literal => decode($raw // '') };
}


# Refusals that the contract names: [statuses, reason, for what].  Those for a
# target are for every request; those for a key where one is asked for; those
# for a token where it is not the global key.

sub refusals {
    my ($facts, $edge) = @_;

    return (target_refusals($facts, $edge), key_refusals($facts, $edge),
            token_refusals($facts));
}


sub target_refusals {
    my ($facts, $edge) = @_;

    my $route = $facts->{route};
    my @why;

    if (ambiguous($facts)) {
        push @why, [400, 'an ambiguous target (contract 5, bad_path; 9)'];
    }

    if ($facts->{markers} > ($facts->{is_marker} ? 1 : 0)) {
        push @why, [400, '/instance/create or /instance/fetchInstances '
                    . 'elsewhere than as the path (issue 3, 1)'];
    }

    if ($route eq 'metrics') {
        push @why, [404, '/metrics is not for clients (issue 3, 1)'];
    }

    if ($route eq 'socket' && $edge eq 'key') {
        push @why, [404, 'no WebSocket with a key of the upstream\'s own '
                    . '(issue 3, 2)'];
    }

    if ($facts->{path} =~ m{\A/chatwoot/webhook/[^/]+/?\z}i
        && ($facts->{query} // '') ne '')
    {
        push @why, ['400|401', 'arguments could name another instance at '
                    . 'the webhook of Chatwoot (evolution-api 1.8)'];
    }

    # what nginx takes for no HTTP

    if (($facts->{has}{host} // '') =~ m{[^A-Za-z0-9.:_\[\]-]}) {
        push @why, [400, 'nginx: a Host that is none'];
    }

    return map { [@$_, 'target'] } @why;
}


sub key_refusals {
    my ($facts, $edge) = @_;

    my @why;

    if (grep { /\A(?:apikey|x-evolu-\S*)\z/i }
        split /[ \t,]+/, $facts->{has}{connection} // '')
    {
        push @why, [400, 'Connection names a credential or an identity '
                    . '(contract 5, connection_header)'];
    }

    if (grep { $_ eq '' || length($_) > 255 || /[\x00-\x1f\x7f]/ }
        addressed($facts, $edge))
    {
        push @why, ['400|401', 'no name of an instance (contract 4)'];
    }

    if (@{$facts->{credentials}} > 1) {
        push @why, [401, 'two credentials (contract 5, duplicate)'];

    } elsif (@{$facts->{credentials}} == 1 && !$facts->{usable}) {
        push @why, ['401|403', 'no key by the grammar: under 8 bytes, over '
                    . '4096, or it begins as a campaign key (contract 1)'];
    }

    return map { [@$_, 'key'] } @why;
}


# The instance that a request addresses, if it does: that of the path, or that
# by which instances are listed

sub addressed {
    my ($facts, $edge) = @_;

    return $facts->{last} if $facts->{route} =~ /named|media/;
    return if $facts->{route} ne 'fetch' || $edge eq 'closed';

    return grep { $_ ne '' } map { $_->{value} }
           grep { $_->{name} eq 'instanceName' } @{$facts->{args}};
}


sub token_refusals {
    my ($facts) = @_;

    return if $facts->{route} !~ /named|media/
              || !grep { $_->{root} =~ /\Ainstance(?:Name|Id)\z/ }
                       @{$facts->{args}};

    return ['401|403', 'a reserved argument (contract 5, reserved_arg)',
            'token'];
}


sub ambiguous {
    my ($facts) = @_;

    my $path = $facts->{path};
    my ($last) = $path =~ m{([^/]*)/?\z};

    return $facts->{origin} =~ /#/
           || $path =~ m{//|\\|%(?:2f|5c|00)|%(?![0-9a-f]{2})}i
           || $last =~ /;/
           || grep { decode($_) =~ /\A\.\.?\z/ } split m{/}, $path;
}


# Why a request that the API lets in may be refused although the contract
# names no refusal for what it says: its key does not count here.

sub strictness {
    my ($facts, $edge) = @_;

    my $route = $facts->{route};
    my @names = grep { $_->{root} eq 'instanceName' } @{$facts->{args}};
    my $none = @{$facts->{credentials}} == 0 || $facts->{key} eq '';
    my @why;

    if ($facts->{keys}{published}) {
        push @why, ['401|403', 'a published global key counts for nothing '
                    . '(contract 2)'];
    }

    if ($facts->{decision} eq 'public') {
        push @why, ['401|403', 'closed by default (issue 3, 1)'];
    }

    return @why if $facts->{global};

    if ($none && $facts->{decision} eq 'allow') {
        push @why, [401, 'the key is read from the header apikey alone '
                    . '(issue 3, 1)'];
    }

    if ($route eq 'socket') {
        push @why, ['401|403', 'the WebSocket is for the global key, and for '
                    . 'tokens by a switch; the API asks its neighbours for '
                    . 'none (issue 3, 1; evolution-api 1.8)'];

    } elsif ($route eq 'media') {
        push @why, [403, 'media are for the global key, by a switch or with a '
                    . 'key of the upstream\'s own (issue 3, 2)']
            if $edge =~ /closed|key/;

    } elsif ($route eq 'fetch' && $edge eq 'closed') {
        push @why, [403, 'lists are for the global key, by a switch '
                    . '(issue 3, 1)'];

    } elsif ($route eq 'fetch' && @names) {
        push @why, ['400|401|403', 'a list by name is for the token of that '
                    . 'one name (rule of the vectors; contract 3, '
                    . '$evolu_arg_)']
            if !names_own($facts, @names);

    } elsif ($route eq 'fetch' && $edge eq 'key' && %{$facts->{owns}} > 1) {
        push @why, [500, 'with a key of the upstream\'s own a list is of one '
                    . 'instance, and this token has several (issue 3, 2)'];
    }

    if ($facts->{owns_loosely} && !may_pass($facts, $edge)) {
        push @why, [401, 'names and tokens are compared as bytes '
                    . '(contract 1 and 4)'];
    }

    return @why;
}


# With one plain ?instanceName= the list is that instance's.

sub names_own {
    my ($facts, @names) = @_;

    return @names == 1 && $names[0]{name} eq 'instanceName'
           && $facts->{owns}{$names[0]{value}};
}


# Whether the edge has a reason to let the request in: the global key, or the
# token of what is addressed

sub may_pass {
    my ($facts, $edge) = @_;

    my $route = $facts->{route};

    return 1 if $facts->{global};

    if ($route eq 'named' || ($route eq 'media' && $edge =~ /preset|open/)) {
        return $facts->{owns}{$facts->{last}};
    }

    if ($route eq 'fetch' && $edge ne 'closed') {
        my @names = grep { $_->{root} eq 'instanceName' } @{$facts->{args}};

        return names_own($facts, @names) if @names;
        return $edge eq 'key' ? %{$facts->{owns}} == 1
                              : %{$facts->{owns}} != 0;
    }

    return $edge eq 'open' && $route eq 'socket' ? %{$facts->{owns}} != 0
           : $edge eq 'open' && $route eq 'door';
}


sub preflight {
    my ($facts, $edge) = @_;

    return $edge eq 'open' && $facts->{method} eq 'OPTIONS'
           && exists $facts->{has}{origin}
           && exists $facts->{has}{'access-control-request-method'};
}


# agreed, stricter or wrong, and why

sub judge {
    my ($facts, $edge, $answer, @reached) = @_;

    my @named = grep { !$facts->{global} || $_->[2] ne 'token' }
                refusals($facts, $edge);

    return ('wrong', 'no answer') if $answer->{status} == 0;

    if (@reached) {
        return judge_passed($facts, $edge, \@named, @reached);
    }

    return judge_refused($facts, $edge, \@named, $answer);
}


sub judge_passed {
    my ($facts, $edge, $named, @reached) = @_;

    my $decision = $facts->{decision};
    my $acts_on = $facts->{observed}{acts_on};

    return ('wrong', 'it reached the upstream more than once')
        if @reached > 1;

    # a preflight is nobody's, and an open door is for everybody: the
    # contract's refusals of keys do not count

    if (preflight($facts, $edge)
        || ($facts->{route} eq 'door' && $edge eq 'open'))
    {
        my ($odd) = grep { $_->[2] eq 'target' } @$named;
        my @identity = grep { lc($_->[0]) =~ /\Ax-evolu-/ }
                       @{$reached[0]{headers}};

        return ('wrong', "let through: $odd->[1]") if $odd;
        return ('wrong', 'an identity went through a door') if @identity;
        return ('agreed');
    }

    return ('wrong', "let through: $named->[0][1]") if @$named;
    return ('wrong', 'let through, and the key is not for what it names')
        if !may_pass($facts, $edge);

    my $changed = changed($facts, $edge, $reached[0]);

    return ('wrong', $changed) if $changed;

    # a list is cut down to the token's own rows by the API itself, and the
    # handshake is not: its switch says so

    if ($decision =~ /\A(?:deny|.*-refuse)\z/
        && $facts->{route} !~ /fetch|socket/)
    {
        return ('wrong', 'let through, and the API denies it');
    }

    if (defined $acts_on && !$facts->{global}
        && $facts->{route} =~ /named|media/)
    {
        my $name = ref $acts_on ? 'a list' : Encode::encode('UTF-8', $acts_on);

        return ('wrong', "let through, and it acts on \"$name\"")
            if $name ne $facts->{last};
    }

    return ('agreed');
}


# What reached the upstream is what the client sent, with an identity.

sub changed {
    my ($facts, $edge, $reached) = @_;

    my $target = target_upstream($facts, $edge);

    return 'its method changed' if $reached->{method} ne $facts->{method};
    return "its target is $reached->{target}" if $reached->{target} ne $target;
    return 'its body changed'
        if ($reached->{body} // '') ne $facts->{body}
           && length($facts->{body}) < 60_000;

    my @keys = Edge::header($reached, 'apikey');
    my $key = $edge eq 'key' ? $UPSTREAM_KEY : $facts->{sent};

    return 'its key changed' if @keys != 1 || $keys[0] ne $key;

    my @scope = Edge::header($reached, 'X-Evolu-Scope');
    my $scope = $facts->{global} ? 'global' : 'instance';

    return "its scope is \"@scope\"" if "@scope" ne $scope;

    if ($facts->{route} =~ /named|media/) {
        my @names = Edge::header($reached, 'X-Evolu-Instance');
        my $name = encode($facts->{last});

        return "its instance is \"@names\"" if "@names" ne $name;
    }

    return;
}


# The target as it came; but a key is cut from it, and with a key of its own
# the upstream is asked for exactly one instance

sub target_upstream {
    my ($facts, $edge) = @_;

    if ($facts->{route} eq 'fetch' && $edge eq 'key' && !$facts->{global}) {
        my ($named) = grep { $_->{name} eq 'instanceName' } @{$facts->{args}};
        my ($owned) = keys %{$facts->{owns}};
        my $name = encode(defined $named ? $named->{value} : $owned);

        return "/instance/fetchInstances?instanceName=$name";
    }

    return $facts->{origin} if !$facts->{in_query};

    my @kept = grep { arg_of($_)->{name} ne 'apikey' }
               split /&/, $facts->{query}, -1;

    return $facts->{path} . (@kept ? '?' . join('&', @kept) : '');
}


sub encode {
    my ($name) = @_;

    return $name =~ s/([^A-Za-z0-9\-._~])/sprintf('%%%02X', ord($1))/ger;
}


sub judge_refused {
    my ($facts, $edge, $named, $answer) = @_;

    my $status = $answer->{status};
    my $good = may_pass($facts, $edge);
    my $lets = $facts->{decision} =~ /\A(?:allow|public|.*-(?:accept|allow))\z/;

    # a key is good or is not, but these have statuses of their own

    my @why = (@$named, $good ? () : strictness($facts, $edge));

    my $odd = shape($answer);

    return ('wrong', $odd) if $odd;

    for my $why (@why) {
        return ($lets ? 'stricter' : 'agreed', $why->[1])
            if $status =~ /\A(?:$why->[0])\z/;
    }

    return ('wrong', "answered $status, and it did not reach the upstream")
        if $status < 400 || ($status >= 500 && $status !~ /\A50[15]\z/);

    # names must not be told apart

    return ('wrong', 'answered 404, which tells names') if $status == 404;

    if ($lets) {

        # an instance that came to be by the request before this one

        return ('stricter', 'no record of it before the next import')
            if !defined $facts->{observed}{decision} && $status == 401;

        return ('wrong', 'refused, and no part of the contract says so');
    }

    return ('wrong', 'refused, and the key is good: the API answers this')
        if $good && !@$named && $facts->{decision} ne 'no-guarded-route';

    return ('stricter', 'CORS is answered for a real preflight where the '
            . 'switch is on (issue 3, 1)')
        if $facts->{method} eq 'OPTIONS'
           && ($facts->{observed}{status} // 0) =~ /\A2/;

    return ('agreed');
}


# Refusals are JSON as the API writes it, and all 401 are the same bytes.

sub shape {
    my ($answer) = @_;

    my $status = $answer->{status};

    return 'the body of its 401 is another'
        if $status == 401 && $answer->{body} ne ''
           && $answer->{body} ne $UNAUTHORIZED;

    return "its $status is no JSON"
        if $answer->{body} ne ''
           && $answer->{body} !~ /\A\{"status":$status,"error":"/;

    return;
}


# Counts and the report

sub count {
    my ($self, $id, $category, $edge, $verdict, $reason, @what) = @_;

    $self->{rows}{$category}{$verdict}++;
    $self->{total}{$verdict}++;

    if ($verdict eq 'stricter') {
        $self->{reasons}{$reason}++;

    } elsif ($verdict eq 'wrong') {
        push @{$self->{wrong}}, [$id, $edge, $reason, @what];
    }

    if ($self->{verbose}) {
        printf("%-44s %-7s %-9s %s\n", $id, $edge, $verdict, $reason // '');
    }

    return;
}


sub report {
    my ($self) = @_;

    my $line = "  %-38s %8s %8s %8s\n";

    printf($line, 'category', 'agreed', 'stricter', 'wrong');

    for my $category (sort keys %{$self->{rows}}) {
        my $row = $self->{rows}{$category};

        printf($line, $category, map { $row->{$_} // 0 }
                                 qw(agreed stricter wrong));
    }

    printf($line, 'all', map { $self->{total}{$_} // 0 }
                         qw(agreed stricter wrong));

    print "\n  stricter than the API, since:\n" if %{$self->{reasons}};

    for my $reason (sort { $self->{reasons}{$b} <=> $self->{reasons}{$a}
                           || $a cmp $b } keys %{$self->{reasons}})
    {
        printf("  %6d  %s\n", $self->{reasons}{$reason}, $reason);
    }

    for my $skip (@{$self->{skipped}}) {
        print "  skipped $skip->[0]: $skip->[1]\n";
    }

    for my $wrong (@{$self->{wrong}}) {
        print describe(@$wrong);
    }

    my $wrong = @{$self->{wrong}};
    my $good = ($self->{total}{agreed} // 0) + ($self->{total}{stricter} // 0);

    return ($good, $wrong);
}


sub describe {
    my ($id, $edge, $reason, $request, $observed, $answer, $reached) = @_;

    my $text = "  WRONG $id ($edge): $reason\n";

    return $text if !defined $request;

    my $headers = join('; ', map { "$_->[0]: " . text_of($_->[1]) }
                             headers_of($request));
    my $acts = $observed->{acts_on};

    $acts = JSON::PP->new->allow_nonref->canonical->encode($acts)
        if ref $acts;

    my $line = text_of($request->{method}) . ' ' . text_of($request->{target});

    $text .= '    request   ' . cut($line) . ' [' . cut($headers) . "]\n"
             . '    observed  ' . ($observed->{status} // '-') . ' '
             . ($observed->{decision} // '-')
             . (defined $acts ? ", acts on $acts" : '') . "\n"
             . "    ours      $answer->{status}, "
             . ($reached ? 'it reached the upstream' : 'not passed on') . "\n";

    return Encode::encode('UTF-8', $text);
}


sub cut {
    my ($text) = @_;

    return length($text) > 300 ? substr($text, 0, 300) . '...' : $text;
}

1;
