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
# Every request is made twice, and counts twice: of the preset as it is, and of
# the preset with all of its switches on ("open").
#
# What a request names, whose its key is and what the contract refuses is told
# here anew, from the contract alone: nothing is shared with the module.

use strict;
use warnings;

use Encode ();
use JSON::PP ();

use Edge;

my @EDGES = qw(preset open);
my $UNAUTHORIZED = '{"status":401,"error":"Unauthorized",'
                   . '"response":{"message":"Unauthorized"}}';

# Where the API has a door without a key, and the edge has a switch.

my $DOOR = qr{\A/(?:(?:manager|assets)(?:/.*)?|store/.*
                 |webhook/(?:meta|evolution)/?|chatwoot/webhook/[^/]+/?)?\z}xi;


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

        if (!defined $item || ref $item ne 'HASH') {
            push @{$self->{skipped}}, ["line $.", 'it is no JSON object'];

        } elsif ($item->{type} eq 'fixture') {
            $self->{fixtures}{$item->{id}} = $item;

        } elsif ($item->{type} eq 'vector') {
            my $fixture = $item->{fixture};

            push @order, $fixture if !$vectors{$fixture};
            push @{$vectors{$fixture}}, $item;
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
        $self->run_vector($keys, $vector->{id}, $vector->{category}, $vector);

        my $n = 0;

        for my $then (@{$vector->{then} // []}) {
            $self->run_vector($keys, $vector->{id} . '/then' . ++$n,
                              $vector->{category}, $then);
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
        my $other = $instances->{same_as};

        die "fixtures refer to each other: $other\n" if $seen{$other}++;

        $instances = $self->{fixtures}{$other}{instances} // [];
    }

    my $env = $fixture->{env} // {};
    my %keys = (fixture => $fixture, instances => {}, env => $env);

    if (($env->{AUTHENTICATION_TYPE} // '') eq 'jwt') {
        $instances = [];
    }

    for my $instance (@$instances) {
        my $token = $instance->{token};

        next if !defined $token || !($instance->{db} // 1);
        next if $token =~ /[^\x00-\xff]/;

        my $name = Encode::encode('UTF-8', $instance->{name});

        $keys{instances}{$name} = Encode::encode('ISO-8859-1', $token);
    }

    # what a note adds in brackets is no part of the key

    my $global = $fixture->{global_key} // '';

    $keys{published} = $global =~ s/ \(.*\)\z//;
    $keys{global} = Encode::encode('ISO-8859-1', $global);

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

    if ($global ne '') {
        $edge->write_file('keys', 'global g1 hash='
                          . $edge->hash_of($global) . "\n", 0600);
    }

    # A key that Evolution API publishes must be refused; nobody has it then.

    if ($global eq '' || $keys->{published}) {
        if ($global ne '') {
            my ($accepted) = $edge->check_nginx($self->http());
            my $id = $keys->{fixture}{id};

            $self->count("fixture-$id", "fixture $id", 'all',
                         $accepted ? 'wrong' : 'stricter',
                         $accepted ? 'nginx -t takes a published global key'
                         : 'a published global key is refused by nginx -t '
                           . '(contract 2)');
            $keys->{global} = undef;
        }

        $edge->write_file('keys', "# none\n", 0600);
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

    return <<"END" . $self->{edge}->stores();
    include $conf/http.conf;

    server {
        listen unix:$dir/preset.sock;
        include $conf/evolution-api.conf;
    }

    server {
        listen unix:$dir/open.sock;

        set \$evolu_open_manager on;
        set \$evolu_open_webhooks on;
        set \$evolu_open_store on;
        evolu_auth_preflight on;

        location ~* ^/instance/fetchInstances/?\$ {
            if (\$evolu_arg_instanceName != "") {
                return 418;
            }

            evolu_auth_scope global instance;
            evolu_auth_instance off;
            evolu_auth_token_index on;
            evolu_auth_reserved_args instanceName;
            proxy_pass http://evolution_api;
        }

        include $conf/evolution-api.conf;
    }
END
}


# One vector

sub run_vector {
    my ($self, $keys, $id, $category, $vector) = @_;

    my $request = $vector->{request};
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

    my @headers = map { [map { text_of($_) } @$_] }
                  grep { defined $_->[1] } @{$request->{headers} // []};
    my %has = map { lc($_->[0]) => 1 } @{$request->{headers} // []};
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


sub text_of {
    my ($value) = @_;

    if (ref $value eq 'HASH' && defined $value->{repeat}) {
        return $value->{repeat} x $value->{count};
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
    my @values = map { text_of($_->[1]) =~ s/\A[ \t]+|[ \t]+\z//gr }
                 grep { lc($_->[0]) eq 'apikey' && defined $_->[1] }
                 @{$request->{headers} // []};
    my @args = map { arg_of($_) } split /&/, $query // '';
    my %facts = (
        keys => $keys, request => $request, observed => $observed,
        origin => $origin, path => $path, args => \@args,
        credentials => \@values, method => text_of($request->{method}),
        body => body_of($request),
        decision => $observed->{decision} // decision_of($observed),
    );

    # at the WebSocket the key may be in the query as well, where it is let in

    if (!@values && route_of($path) eq 'socket') {
        @values = map { $_->{value} } grep { $_->{name} eq 'apikey' } @args;
        $facts{in_query} = 1;
    }

    $facts{last} = decode(($path =~ m{([^/]*)/?\z})[0]);
    $facts{route} = route_of($path);
    $facts{key} = $values[0] // '';
    $facts{global} = @values == 1 && defined $keys->{global}
                     && $keys->{global} eq $facts{key};
    $facts{owns} = { map { $_ => 1 }
                     grep { usable($facts{key})
                            && $keys->{instances}{$_} eq $facts{key} }
                     keys %{$keys->{instances}} };
    $facts{markers} = () = $origin =~ m{/instance/(?:create|fetchInstances)}gi;

    return %facts;
}


# What the upstream must get as the body

sub body_of {
    my ($request) = @_;

    my $body = defined $request->{body} ? text_of($request->{body}) : '';
    my ($chunked) = grep { lc($_->[0]) eq 'transfer-encoding' }
                    @{$request->{headers} // []};

    return $chunked ? Edge::unchunk($body) // $body : $body;
}


# What is said of "then" is its status alone.

sub decision_of {
    my ($observed) = @_;

    return $observed->{status} == 401 ? 'deny'
           : $observed->{status} < 300 ? 'allow' : 'no-guarded-route';
}


sub route_of {
    my ($path) = @_;

    return 'create' if $path =~ m{\A/instance/create/?\z}i;
    return 'verify' if $path =~ m{\A/verify-creds/?\z}i;
    return 'fetch' if $path =~ m{\A/instance/fetchInstances/?\z}i;
    return 'socket' if $path =~ m{\A/socket\.io/}i;
    return 'metrics' if $path =~ m{\A/metrics(?:/|\z)}i;
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

    my ($name, $value) = map { decode(tr/+/ /r) } split(/=/, $text, 2), '';

    $name //= '';

    my $root = $name =~ /\A\[([^\]]*)/ ? $1 : $name =~ s/\[.*//sr;

    return { name => $name, value => $value, root => $root };
}


# Refusals that the contract names: [statuses, reason].  Those in the first
# list are for every key.

sub refusals {
    my ($facts, $edge) = @_;

    my $route = $facts->{route};
    my (@all, @token);

    if (@{$facts->{credentials}} > 1) {
        push @all, [401, 'two credentials (contract 5, duplicate)'];

    } elsif (@{$facts->{credentials}} == 1 && !usable($facts->{key})
             && !$facts->{global})
    {
        push @all, ['401|403', 'no token by the grammar: under 8 bytes, over '
                    . '4096, or it begins as a campaign key (contract 1)'];
    }

    if (ambiguous($facts)) {
        push @all, [400, 'an ambiguous target (contract 5, bad_path; 9)'];
    }

    if ($facts->{markers} > ($route =~ /create|fetch/ ? 1 : 0)) {
        push @all, [400, '/instance/create or /instance/fetchInstances '
                    . 'elsewhere than as the path (issue 3, 1)'];
    }

    if ($route eq 'named'
        && ($facts->{last} eq '' || length($facts->{last}) > 255
            || $facts->{last} =~ /[\x00-\x1f\x7f]/))
    {
        push @all, ['400|401', 'no name of an instance (contract 4)'];
    }

    if ($route eq 'metrics') {
        push @all, [404, '/metrics is not for clients (issue 3, 1)'];
    }

    if ($route eq 'door' && $edge eq 'preset') {
        push @all, [404, 'a door without a key, closed by default '
                    . '(issue 3, 1)'];
    }

    if ($facts->{path} =~ m{\A/chatwoot/webhook/}i && @{$facts->{args}}) {
        push @all, ['400|404', 'arguments could name another instance at '
                    . 'the webhook of Chatwoot (evolution-api 1.8)'];
    }

    if (grep { $_->{root} =~ /\Ainstance(?:Name|Id)\z/ } @{$facts->{args}}) {
        push @token, ['401|403', 'a reserved argument (contract 5, '
                      . 'reserved_arg)'] if $route !~ /fetch|door/;
    }

    return (\@all, \@token);
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

    if ($facts->{decision} eq 'public' && $route ne 'door') {
        push @why, ['401|403', 'closed by default (issue 3, 1)'];
    }

    return @why if $facts->{global} && !$facts->{in_query};

    if ($none && $facts->{decision} eq 'allow') {
        push @why, [401, 'the key is read from the header apikey alone '
                    . '(issue 3, 1)'];
    }

    if ($route eq 'socket') {
        push @why, ['401|403', 'the WebSocket is for the global key in the '
                    . 'header: the API asks its neighbours for none '
                    . '(evolution-api 1.8)'];

    } elsif ($route eq 'fetch' && @names) {
        push @why, ['400|401|403', 'a list by name is for the token of that '
                    . 'one name (rule of the vectors; contract 3, '
                    . '$evolu_arg_)']
            if !names_own($facts, @names);

    } elsif ($route eq 'fetch' && !@names && $edge eq 'preset') {
        push @why, [403, 'a list without a name needs the token index, which '
                    . 'is a switch (issue 3, 1)'];
    }

    if (($facts->{keys}{fixture}{db} // '') =~ m{-ci-}) {
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

    if ($route eq 'named') {
        return $facts->{owns}{$facts->{last}};
    }

    if ($route eq 'fetch') {
        my @names = grep { $_->{root} eq 'instanceName' && $_->{value} ne '' }
                    @{$facts->{args}};

        return @names ? names_own($facts, @names) : %{$facts->{owns}} != 0;
    }

    if ($route eq 'door') {
        return $edge eq 'open';
    }

    return 0;
}


sub preflight {
    my ($facts, $edge) = @_;

    my %has = map { lc($_->[0]) => 1 } @{$facts->{request}{headers} // []};

    return $edge eq 'open' && $facts->{method} eq 'OPTIONS' && $has{origin}
           && $has{'access-control-request-method'};
}


# agreed, stricter or wrong, and why

sub judge {
    my ($facts, $edge, $answer, @reached) = @_;

    my ($all, $token) = refusals($facts, $edge);
    my @named = (@$all, $facts->{global} ? () : @$token);

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

    # a preflight is nobody's: the contract's refusals of keys do not count

    if (preflight($facts, $edge)) {
        my ($odd) = grep { $_->[0] eq '400' } @$named;

        return $odd ? ('wrong', "let through: $odd->[1]") : ('agreed');
    }

    return ('wrong', "let through: $named->[0][1]") if @$named;
    return ('wrong', 'let through, and the key is not for what it names')
        if !may_pass($facts, $edge);

    my $changed = changed($facts, $reached[0]);

    return ('wrong', $changed) if $changed;

    # a list is cut down to the token's own rows by the API itself

    if ($decision =~ /\A(?:deny|.*-refuse)\z/ && $facts->{route} ne 'fetch') {
        return ('wrong', 'let through, and the API denies it');
    }

    if (defined $acts_on && !$facts->{global} && $facts->{route} eq 'named') {
        my $name = ref $acts_on ? 'a list' : Encode::encode('UTF-8', $acts_on);

        return ('wrong', "let through, and it acts on \"$name\"")
            if $name ne $facts->{last};
    }

    return ('agreed');
}


# What reached the upstream is what the client sent, with an identity.

sub changed {
    my ($facts, $reached) = @_;

    return 'its method changed' if $reached->{method} ne $facts->{method};
    return "its target changed: $reached->{target}"
        if $reached->{target} ne $facts->{origin};
    return 'its body changed'
        if ($reached->{body} // '') ne $facts->{body}
           && length($facts->{body}) < 60_000;

    if ($facts->{route} ne 'door' && !$facts->{in_query}) {
        my @keys = Edge::header($reached, 'apikey');

        return 'its key changed' if @keys != 1 || $keys[0] ne $facts->{key};

        my @scope = Edge::header($reached, 'X-Evolu-Scope');
        my $scope = $facts->{global} ? 'global' : 'instance';

        return "its scope is \"@scope\"" if "@scope" ne $scope;
    }

    if ($facts->{route} eq 'named') {
        my @names = Edge::header($reached, 'X-Evolu-Instance');
        my $name = $facts->{last}
                   =~ s/([^A-Za-z0-9\-._~])/sprintf('%%%02X', ord($1))/ger;

        return "its instance is \"@names\"" if "@names" ne $name;
    }

    return;
}


sub judge_refused {
    my ($facts, $edge, $named, $answer) = @_;

    my $status = $answer->{status};
    my $lets = $facts->{decision} =~ /\A(?:allow|public|.*-(?:accept|allow))\z/;

    return ('wrong', "answered $status, and it did not reach the upstream")
        if $status < 400 || $status >= 500;

    my $odd = shape($answer);

    return ('wrong', $odd) if $odd;

    # names must not be told apart: no 404 but for a door

    if ($status == 404 && $facts->{route} !~ /door|metrics/) {
        return ('wrong', 'answered 404, which tells names');
    }

    if (!$lets && $facts->{decision} ne 'no-guarded-route'
        && !@$named && may_pass($facts, $edge) && $facts->{route} ne 'fetch')
    {
        return ('wrong', 'refused, and the key is good: the API answers this');
    }

    if (!$lets) {
        return ('stricter', 'CORS is answered for a real preflight where the '
                . 'switch is on (issue 3, 1)')
            if $facts->{method} eq 'OPTIONS'
               && $facts->{observed}{status} < 300;

        return ('agreed');
    }

    # a good key is refused for what the request says alone; lists by a token
    # are a switch

    my @why = @$named;

    if (!may_pass($facts, $edge) || $facts->{in_query}
        || $facts->{route} eq 'fetch')
    {
        push @why, strictness($facts, $edge);
    }

    for my $why (@why) {
        return ('stricter', $why->[1]) if $status =~ /\A(?:$why->[0])\z/;
    }

    # an instance that came to be by the request before this one

    if (!defined $facts->{observed}{decision} && $status == 401) {
        return ('stricter', 'no record of it before the next import');
    }

    return ('wrong', 'refused, and no part of the contract says so');
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

    my $headers = join('; ', map { "$_->[0]: " . (text_of($_->[1] // '')) }
                             @{$request->{headers} // []});
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
