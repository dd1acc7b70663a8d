# Copyright (C) Evolu Auth Authors
#
# evolu-keys --nginx-conf: what is found in a configuration, and which store a
# command then changes.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/../lib";

use Digest::SHA qw(hmac_sha256_hex);
use EvoluKeys;
use Test::More;

redis_start();

my $conf = keys_file('nginx.conf');
my $url = redis_url();
my $keys = keys_file('keys');
my ($status, $out, $err);

mkdir keys_file('conf.d');
keys_pepper('p1', 'a');
keys_pepper('p2', 'b');

sub conf { write_file($conf, $_[0]) }
sub run {
    my ($args, $stdin) = @_;

    ($status, $out, $err) = keys_run(['--nginx-conf', $conf, @$args],
                                     $stdin);
}
sub run_ok {
    my ($name, @args) = @_;

    run(\@args);
    is($status, 0, $name) or diag $err;
}
sub run_bad {
    my ($name, $text, $expected, $code) = @_;

    conf($text);
    run(['list']);
    is($status, $code || 1, $name);
    like($err, $expected, "$name: says why");
}

# words, quotes, comments, blocks, includes

conf(<<"END");
# evolu_auth_redis redis://127.0.0.1:1;
user nobody; events { worker_connections 64; }
http {
    log_format x '\$remote_addr "\$request"; { } # \\' no comment'
                 "a } b";
    map \$uri \$v { default "x;y"; ~^/(?<n>[a-z]{2,3})/ "z"; }
    set \$x \${arg_foo}bar;
    include conf.d/*.conf; include "conf.d/none*.conf";
    evolu_auth_zone zone=evolu:1m;
    server { listen 80; location / { evolu_auth on; return 200 "a\\"b;{"; } }
}
END

write_file(keys_file('conf.d/a.conf'), <<"END");
evolu_auth_redis
    "$url" timeout=20ms
    'prefix=edge:'     # a comment
    db=3;
include conf.d/deeper;
END
write_file(keys_file('conf.d/deeper'), "evolu_auth_pepper p1 p1.pepper;\n"
           . "evolu_auth_pepper p2 '@{[keys_file('p2.pepper')]}';");

run(['create', 'instance', 'shop', '--token', '-'], 'SHOP-token-0123456789');
is($status, 0, 'all of it') or diag $err;
is(redis_select(3, 'HGET', 'edge:instance:shop', 'key.k1'),
   'hash=hmac-sha256/p1:' . hmac_sha256_hex('SHOP-token-0123456789',
                                            pack 'H*', 'a' x 64),
   'URL, database, prefix, the first pepper');

# the command line wins

run_ok('--prefix', '--prefix', 'other:', 'create', 'instance', 'x');
is(redis_select(3, 'EXISTS', 'other:instance:x'), 1, 'another prefix');
run_ok('--db', '--db', '4', 'create', 'instance', 'x');
is(redis_select(4, 'EXISTS', 'edge:instance:x'), 1, 'another database');
run_ok('--redis', '--redis', $url, 'create', 'instance', 'y');
is(redis_select(0, 'EXISTS', 'evolu:instance:y'), 1,
   'the directive counts for nothing');
like(redis_select(0, 'HGET', 'evolu:instance:y', 'key.k1'), qr/p1:/,
     'but the peppers do');
run_ok('--file', '--file', $keys, 'create', 'instance', 'z');
like(read_file($keys), qr/^instance z k1 hash=hmac-sha256\/p1:/, 'the file');
run_ok('--pepper', '--pepper', 'p2:' . keys_file('p2.pepper'), 'create',
       'instance', 'p');
like(redis_select(3, 'HGET', 'edge:instance:p', 'key.k1'),
     qr/^hash=hmac-sha256\/p2:/, 'another pepper');
unlink $keys;

{
    local $ENV{EVOLU_REDIS_URL} = 'redis://127.0.0.1:1';
    local $ENV{EVOLU_PEPPER} = 'p9:/nonexistent';
    run_ok('the environment is not asked', 'list');
}

# both stores

conf("http { evolu_auth_redis $url; evolu_auth_key_file keys;\n"
     . "evolu_auth_pepper p1 p1.pepper; }\n");
run_ok('a global key', 'create', 'global');
like(read_file($keys), qr/^global k1 /, 'goes to the file');
run_ok('an instance', 'create', 'instance', 'both');
is(redis('EXISTS', 'evolu:instance:both'), 1, 'goes to Redis');
run_ok('a list', 'list', '--text');
like($out, qr/^global .* file +any\n.*^instance:both .* redis +any\n/ms,
     'of both');
run_ok('check', 'check');

keys_run(['--file', $keys, '--pepper', 'p1:' . keys_file('p1.pepper'),
          'create', 'instance', 'both']);
for my $command (['revoke', 'instance:both'], ['disable', 'instance:both'],
                 ['rotate', 'instance:both'], ['create', 'instance', 'both'])
{
    run($command);
    is($status, 1, "@$command, where the file hides it");
    like($err, qr/hides the one in Redis: give --file \S+keys/, 'says so');
}

run(['import', 'instances'], "both,SHOP-token-0123456789\n");
is($status, 0, 'import goes to Redis');
like($err, qr/instance:both: warning: the key file holds it/, 'and warns');
isnt(redis('HGET', 'evolu:instance:both', 'key.import'), undef, 'is there');
run_ok('revoke global', 'revoke', 'global', 'k1');

# passwords

write_file(keys_file('password'), "Secr3t\n", 0600);
redis('ACL', 'SETUSER', 'edge', 'on', '>Secr3t', '~*', '+@all');
conf('evolu_auth_redis redis://edge@127.0.0.1:1 password_file=password;');
run(['list']);
is($status, 3, 'a user and a password file, nobody listens');
conf('evolu_auth_redis redis://edge@127.0.0.1:1;');
run(['list']);
is($status, 2, 'a user alone');
redis('CONFIG', 'SET', 'requirepass', 'Secr3t');
conf("evolu_auth_redis $url password_file=password;");
run_ok('a password file', 'list');

# what cannot be read

run_bad('neither store', "http { }\n", qr/has neither/);
run_bad('two of one', "evolu_auth_redis $url; evolu_auth_redis $url;",
        qr/nginx\.conf:1: evolu_auth_redis: is there twice/);
run_bad('a bad URL', "\n\nevolu_auth_redis http://x;", qr/:3: .*none of/);
run_bad('a password in it', 'evolu_auth_redis redis://:Secr3t@h;',
        qr/password/);
unlike($err, qr/Secr3t/, 'is not repeated');
run_bad('an include that is not there', 'include nothing.conf;',
        qr/cannot open ".*nothing\.conf"/);
run_bad('a quote that is not closed', "\nevolu_auth_redis '$url;",
        qr/nginx\.conf:2: cannot be read/);
run_bad('text after a quote', "evolu_auth_redis '${url}'x;", qr/cannot be read/);
run_bad('an include of itself', 'include nginx.conf;', qr/too many includes/);
run_bad('a folder', 'include conf.d;', qr/is no file/);
run_bad('no pepper', "evolu_auth_redis $url; evolu_auth_pepper p1;",
        qr/an id and a path/);

$conf = keys_file('absent.conf');
run(['list']);
is($status, 1, 'no such configuration');
like($err, qr/cannot open ".*absent\.conf"/, 'says so');

done_testing();


# One command in another database

sub redis_select {
    my ($db, @command) = @_;

    return unless @command;
    return redis('EVAL', "redis.call('SELECT', $db) return redis.call("
                 . join(',', map { "'$_'" } @command) . ')', 0);
}
