# Copyright (C) Evolu Auth Authors
#
# evolu-keys as a user of Redis with the rights that its page names: every
# command works with them, and each of them is needed.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/../lib";

use EvoluKeys;
use Test::More;

my ($acl) = read_file("$FindBin::Bin/../../docs/evolu-keys.md")
            =~ /(ACL SETUSER keys on .*?)\n\n/s;
my @rights = split ' ', $acl;
my $password = write_file(keys_file('password'), "PASSWORD\n", 0600);
my ($status, $out, $err);

redis_start();
redis('CONFIG', 'SET', 'requirepass', 'of-the-default-user');

my ($path) = redis_url() =~ /^unix:(.*)/;

# redis() is nobody since; this is the default user

sub admin {
    my $link = IO::Socket::UNIX->new(Peer => $path);

    EvoluKeys::redis_ask($link, 'AUTH', 'of-the-default-user');
    return EvoluKeys::redis_ask($link, @_);
}

# unix: has no place for a user: a port has

redis_stop();
my $port = server_start('--unixsocket', $path);
admin('CONFIG', 'SET', 'requirepass', 'of-the-default-user');

sub grant {
    my ($without) = @_;

    admin('ACL', 'DELUSER', 'keys');
    is(admin(grep { $_ ne $without } @rights), 'OK', "without: $without");
}

my $number = 0;

# all commands, in an order that uses every right

sub all_commands {
    my @refused;
    my $db = ++$number % 16;
    my $at = ["--redis", "redis://keys\@127.0.0.1:$port/$db",
              '--password-file', $password];

    admin('FLUSHALL');

    for my $case (
        [['create', 'instance', 'shop']], [['create', 'campaign', 'c1']],
        [['create', 'instance', 'shop', '--id', 'two']],
        [['rotate', 'instance:shop']], [['disable', 'instance:shop']],
        [['enable', 'instance:shop']], [['enable', 'instance:shop']],
        [['import', 'instances', '--prune'], "a,0123456789abcdef\n"],
        [['import', 'campaigns'], "live,c2,k1,sha256:@{['1' x 64]}\n"],
        [['list']], [['show', 'instance:shop']], [['check']],
        [['verify', 'instance:a'], "0123456789abcdef\n"],
        [['verify'], "0123456789abcdef\n"],
        [['revoke', 'instance:shop', 'two']], [['revoke', 'instance:shop']])
    {
        ($status, $out, $err) = keys_run([@$at, @{$case->[0]}], $case->[1]);
        push @refused, "@{$case->[0]}: $err" if $status != 0;
    }

    return @refused;
}

grant('nothing');
is_deeply([all_commands()], [], 'all commands work');

# HELLO and AUTH are open to all; the user's own rights say nothing of them

for my $right (grep { /^\+/ && !/^\+(?:hello|auth)$/ } @rights) {
    grant($right);

    my @refused = all_commands();
    isnt(scalar @refused, 0, 'something is refused');
    like($refused[0], qr/NOPERM .*ACL SETUSER|token index was not/,
         'and says what to do');
}

done_testing();
