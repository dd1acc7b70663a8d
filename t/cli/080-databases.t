# Copyright (C) Evolu Auth Authors
#
# Moving in from the databases that Evolution API keeps: a PostgreSQL and a
# MariaDB with its table "Instance", the commands of docs/moving-in.md, and the
# loop that follows PostgreSQL.  Both servers are ours, in temporary folders on
# unix sockets, and run as nobody where the test runs as root.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/../lib";

use Cwd qw(abs_path);
use Digest::SHA qw(sha256_hex);
use EvoluKeys;
use File::Temp qw(tempdir);
use POSIX qw(WNOHANG);
use Test::More;
use Time::HiRes qw(sleep time);

my $top = abs_path("$FindBin::Bin/../..");
my $main = $$;
my %server;

binmode $_, ':raw' for Test::More->builder->output,
                       Test::More->builder->failure_output;

# Text in SQL is UTF-8, as Evolution API writes it.

my @instances = (
    ['shop', 'SHOP-token-0123456789', 'evolution'],
    ['shared', 'SHOP-token-0123456789', 'evolution'],
    ["caf\xC3\xA9 \xF0\x9F\x98\x80", "t\xC3\xB6ken-\xC3\xBF-0123456789",
     'evolution'],
    [q(comma, "quote" 'and' \\), q(tok,en "quoted" 'twice' \\n\\N), 'evolution'],
    ["other", 'OTHER-token-0123456789', 'another'],
    ['null', undef, 'evolution'],
    ['empty', '', 'evolution'],
    ['short', 'short', 'evolution'],
    ['spaces', ' 0123456789', 'evolution'],
    ['beyond', "0123456789\xC4\x80", 'evolution'],
    ['campaign', 'evolu_live_x_0123456789abcdef', 'evolution'],
    ["new\nline", 'SHOP-token-9876543210', 'evolution'],
    ['lines', "0123456789\n0123456789", 'evolution'],
    [' outer', 'OUTER-token-0123456789', undef],
    ['', 'EMPTY-name-0123456789', 'evolution']);

my %good = (
    'shop' => 'SHOP-token-0123456789', 'shared' => 'SHOP-token-0123456789',
    "caf\xC3\xA9 \xF0\x9F\x98\x80" => "t\xF6ken-\xFF-0123456789",
    q(comma, "quote" 'and' \\) => q(tok,en "quoted" 'twice' \\n\\N),
    'other' => 'OTHER-token-0123456789',
    ' outer' => 'OUTER-token-0123456789');

sub daemon_start {
    my ($name, $dir, @command) = @_;
    my $pid = fork;

    die "fork: $!\n" unless defined $pid;

    if ($pid == 0) {
        unprivileged();
        chdir $dir;
        open STDIN, '<', '/dev/null';
        open STDOUT, '>>', "$dir/log";
        open STDERR, '>&', \*STDOUT;
        exec @command or POSIX::_exit(127);
    }

    $server{$name} = $pid;
}

sub daemon_stop {
    my ($name, $signal) = @_;
    my $pid = delete $server{$name} or return;

    kill $signal || 'TERM', $pid;

    for (1 .. 300) {
        return if waitpid($pid, WNOHANG) != 0;
        sleep 0.1;
    }

    kill 'KILL', $pid;
    waitpid $pid, 0;
}

sub unprivileged {
    return if $> != 0;

    my (undef, undef, $uid, $gid) = getpwnam 'nobody';

    # psql may be a Perl program, and this folder closed to nobody

    delete $ENV{PERL5LIB};

    POSIX::setgid($gid);
    POSIX::setuid($uid);
}

# A folder that the server may write to, with a short path for its socket

sub folder {
    my ($name) = @_;
    my $dir = tempdir("evolu-$name.XXXXXX", TMPDIR => 1, CLEANUP => 1);

    if ($> == 0) {
        my (undef, undef, $uid, $gid) = getpwnam 'nobody';
        chown $uid, $gid, $dir;
    }

    return $dir;
}

# Output of a shell command, as nobody; dies when it fails

sub shell {
    my ($command, $stdin) = @_;
    my $in = keys_file('shell.in');

    write_file($in, defined $stdin ? $stdin : '', 0644);

    my $pid = open my $out, '-|';
    die "fork: $!\n" unless defined $pid;

    if ($pid == 0) {
        open STDIN, '<', $in;
        open STDERR, '>&', \*STDOUT;
        unprivileged();
        chdir '/';
        exec 'bash', '-c', $command or POSIX::_exit(127);
    }

    local $/;
    my $text = <$out>;

    close $out or die "$command: $text\n";

    return $text;
}

# Where a server is missing the test is skipped, but not in CI

sub missing {
    my ($package) = @_;

    SKIP: {
        skip "$package is not installed", 1 unless $ENV{CI};
        fail("$package is not installed");
    }
}

my ($initdb) = sort { $b cmp $a } glob '/usr/lib/postgresql/*/bin/initdb';
my ($pg_bin) = ($initdb || '') =~ m{^(.*)/initdb$};
my ($mariadbd) = grep { -x } '/usr/sbin/mariadbd', '/usr/sbin/mysqld';

redis_start('--unixsocketperm', '777');
chmod 0755, keys_file('');
my @redis = ('--redis', redis_url());

if (!$pg_bin) {
    missing('postgresql');

} else {
    subtest 'PostgreSQL' => \&postgresql;
}

if (!$mariadbd) {
    missing('mariadb-server');

} else {
    subtest 'MariaDB' => \&mariadb;
}

done_testing();


# What both have in common: $csv is what the documented command printed.

sub imported {
    my ($csv, @args) = @_;

    redis('FLUSHALL');

    my ($status, $out, $err) = keys_run([@redis, 'import', 'instances',
                                         @args], $csv);
    is($status, 1, 'some tokens cannot be used');
    is(redis('DBSIZE'), 0, 'so nothing is written');
    unlike("$out$err", qr/0123456789/, 'no token is shown');
    like($err, qr/instance:$_: its token/, "listed: $_")
        for qw(short spaces beyond campaign lines);
    like($err, qr/instance:new\\x0Aline: its name has control/, 'a name');
    like($err, qr/instance:: its name is empty/, 'an empty name');

    ($status, $out, $err) = keys_run([@redis, 'import', 'instances',
                                      '--skip-unusable', '--prune', @args],
                                     $csv);
    is($status, 0, '--skip-unusable') or diag $err;
    like($err, qr/without a token: 2/, 'null and empty');
    like($err, qr/share a token with another: 2/, 'shared');

    return $out;
}

sub holds_good {
    my ($csv) = @_;

    like(imported($csv), qr/^created 6, .*unusable 7$/m, 'all');

    for my $name (sort keys %good) {
        is(redis('HGET', "evolu:instance:$name", 'key.import'),
           'hash=sha256:' . sha256_hex($good{$name}), "the hash of $name");
    }

    my ($status, $out) = keys_run([@redis, 'import', 'instances', '--prune',
                                   '--skip-unusable'], $csv);
    like($out, qr/^created 0, changed 0, unchanged 6, removed 0/, 'again');

    ($status) = keys_run([@redis, 'check']);
    is($status, 0, 'the store is sound');

    like(imported($csv, '--client', 'evolution'), qr/^created 4, /,
         'of one client');
    is(redis('EXISTS', 'evolu:instance:other'), 0, 'not of another');
}


sub postgresql {
    my $dir = folder('pg');

    shell("$pg_bin/initdb -D $dir/data -U evolution -A trust -E UTF8 "
          . "--locale=C.UTF-8 --no-sync");
    daemon_start('postgresql', $dir, "$pg_bin/postgres", '-D', "$dir/data",
                 '-k', $dir, '-c', 'listen_addresses=', '-c', 'fsync=off');

    local @ENV{qw(PGHOST PGUSER PGDATABASE)} = ($dir, 'evolution',
                                                'postgres');

    until_true(60, sub { eval { shell('psql -Xc "SELECT 1"') } })
        or die "postgres does not answer\n";

    shell('createdb -T template0 evolution');
    $ENV{PGDATABASE} = 'evolution';

    # the columns of prisma/postgresql-schema.prisma

    shell('psql -X -v ON_ERROR_STOP=1', <<'END' . postgresql_rows());
CREATE SCHEMA evolution_api;
SET search_path TO evolution_api;
CREATE TYPE "InstanceConnectionStatus" AS ENUM ('open', 'close', 'connecting');
CREATE TABLE "Instance" (
    "id" text PRIMARY KEY,
    "name" varchar(255) NOT NULL UNIQUE,
    "connectionStatus" "InstanceConnectionStatus" NOT NULL DEFAULT 'open',
    "ownerJid" varchar(100),
    "profileName" varchar(100),
    "profilePicUrl" varchar(500),
    "integration" varchar(100),
    "number" varchar(100),
    "businessId" varchar(100),
    "token" varchar(255),
    "clientName" varchar(100),
    "disconnectionReasonCode" integer,
    "disconnectionObject" jsonb,
    "disconnectionAt" timestamp,
    "createdAt" timestamp DEFAULT CURRENT_TIMESTAMP,
    "updatedAt" timestamp);
END

    my $command = documented('postgresql');

    holds_good(shell($command));
    holds_good(shell(q(psql -XAtqc 'COPY evolution_api."Instance")
                     . q( TO STDOUT (FORMAT csv, HEADER)')));

    postgresql_follow($dir);

    daemon_stop('postgresql', 'INT');
}

sub sql_text {
    my ($text) = @_;

    return 'NULL' unless defined $text;

    $text =~ s/'/''/g;
    return "'$text'";
}

sub postgresql_rows {
    my $n = 0;

    return join '', map {
        sprintf qq(INSERT INTO "Instance" (id, name, token, "clientName")
                   VALUES ('id-%d', %s, %s, %s);\n), $n++,
                map { sql_text($_) } @$_
    } @instances;
}

# The first command between the marks of docs/moving-in.md

sub documented {
    my ($name) = @_;
    my ($command) = read_file("$top/docs/moving-in.md")
                    =~ /<!-- $name -->\n\n((?:    .*\n)+)/;

    die "docs/moving-in.md has no command for $name\n" unless $command;
    $command =~ s/^    //gm;

    return $command;
}

# An instance that Evolution API creates can be used within 2 seconds.

sub postgresql_follow {
    my ($dir) = @_;
    my $contrib = "$top/contrib/postgresql";
    my $sql = 'SET search_path TO evolution_api; ';
    my $script = write_file(keys_file('sync.sh'),
                            read_file("$contrib/evolu-keys-sync.sh"), 0755);
    my $statements = read_file("$contrib/evolu-keys-notify.sql");

    for (1, 2) {
        shell('psql -X -v ON_ERROR_STOP=1 -v schema=evolution_api -f -',
              $statements);
    }

    redis('FLUSHALL');

    my $keys = keys_file('evolu-keys');
    system('cp', keys_binary(), $keys) == 0 or die "cp\n";
    chmod 0755, $keys;

    local $ENV{EVOLU_KEYS} = $keys;
    local $ENV{EVOLU_SYNC_SCHEMA} = 'evolution_api';
    daemon_start('sync', $dir, 'bash', $script, @redis);

    ok(until_true(10, sub { redis('EXISTS', 'evolu:instance:shop') }),
       'an import at the start');

    my @seconds;

    for my $i (1 .. 5) {
        my $began = time;

        shell('psql -Xq', $sql . 'INSERT INTO "Instance" (id, name, token) '
              . "VALUES ('n$i', 'new-$i', 'NEW-token-0123456789-$i')");

        ok(until_true(30, sub { redis('EXISTS', "evolu:instance:new-$i") }),
           'an instance that is new');
        push @seconds, time - $began;
        sleep 0.13 * $i;
    }

    # the middle one, for what a loaded machine does to one of them is its own

    @seconds = sort { $a <=> $b } @seconds;
    cmp_ok($seconds[2], '<', 2, sprintf 'within 2 s (%.2f)', $seconds[2]);

    shell('psql -Xq', $sql . q(UPDATE "Instance" SET token = )
          . q('CHANGED-token-0123456789' WHERE name = 'new-1'));
    ok(until_true(30, sub {
           (redis('HGET', 'evolu:instance:new-1', 'key.import') || '')
               eq 'hash=sha256:' . sha256_hex('CHANGED-token-0123456789')
       }), 'a token that changes');

    shell('psql -Xq', $sql . q(DELETE FROM "Instance" WHERE name LIKE 'new-%'));
    ok(until_true(30, sub { !redis('EXISTS', 'evolu:instance:new-1') }),
       'instances that go');

    is(shell('psql -XAtqc "SELECT count(*) FROM pg_stat_activity WHERE '
             . q(application_name = 'evolu-keys-sync'")), "1\n",
       'one connection');

    # a connection that is lost, a Redis that is away, a table that is gone

    shell('psql -Xqc "SELECT pg_terminate_backend(pid) FROM pg_stat_activity '
          . q(WHERE application_name = 'evolu-keys-sync'"));
    shell('psql -Xq', $sql . 'INSERT INTO "Instance" (id, name, token) '
          . "VALUES ('m', 'meanwhile', 'NEW-token-0123456789')");
    ok(until_true(30, sub { redis('EXISTS', 'evolu:instance:meanwhile') }),
       'what came while the connection was lost');

    shell('psql -Xq', $sql . 'ALTER TABLE "Instance" RENAME TO "Away"; '
          . 'NOTIFY evolu_keys');
    ok(until_true(30, sub {
           read_file("$dir/log") =~ /no import; again in 10 seconds/
       }), 'a query that fails is said');
    is(redis('EXISTS', 'evolu:instance:shop'), 1, 'and removes nothing');
    unlike(read_file("$dir/log"), qr/0123456789/, 'no token in the log');

    daemon_stop('sync');
    ok(until_true(10, sub {
           shell('psql -XAtqc "SELECT count(*) FROM pg_stat_activity WHERE '
                 . q(application_name = 'evolu-keys-sync'")) eq "0\n"
       }), 'its connection ends with it');
}


sub mariadb {
    my $dir = folder('my');
    my $socket = "$dir/sock";
    my $options = "--no-defaults --socket=$socket";

    shell("mariadb-install-db --no-defaults --datadir=$dir/data "
          . "--auth-root-authentication-method=normal --skip-test-db");
    daemon_start('mariadb', $dir, $mariadbd, '--no-defaults',
                 "--datadir=$dir/data", "--socket=$socket",
                 '--skip-networking', "--pid-file=$dir/pid",
                 '--innodb-flush-log-at-trx-commit=0',
                 '--innodb-buffer-pool-size=32M');

    until_true(60, sub {
        eval { shell("mariadb $options -u root -e 'SELECT 1'") }
    }) or die "mariadbd does not answer\n";

    # the columns of prisma/mysql-schema.prisma; a name that differs from
    # another by spaces at its end alone cannot be in there

    shell("mariadb $options -u root --default-character-set=utf8mb4",
          <<'END' . mariadb_rows());
CREATE DATABASE evolution CHARACTER SET utf8mb4 COLLATE utf8mb4_unicode_ci;
USE evolution;
CREATE TABLE `Instance` (
    `id` varchar(191) NOT NULL,
    `name` varchar(255) NOT NULL,
    `connectionStatus` ENUM('open', 'close', 'connecting') NOT NULL
        DEFAULT 'open',
    `ownerJid` varchar(100) NULL,
    `profileName` varchar(100) NULL,
    `profilePicUrl` varchar(500) NULL,
    `integration` varchar(100) NULL,
    `number` varchar(100) NULL,
    `businessId` varchar(100) NULL,
    `token` varchar(255) NULL,
    `clientName` varchar(100) NULL,
    `createdAt` timestamp NULL DEFAULT CURRENT_TIMESTAMP,
    `updatedAt` timestamp NULL,
    UNIQUE INDEX `Instance_name_key`(`name`),
    PRIMARY KEY (`id`)
) DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_unicode_ci;
SET SESSION sql_mode = CONCAT(@@sql_mode, ',NO_BACKSLASH_ESCAPES');
END

    my $command = documented('mariadb');

    $command =~ s/^mariadb /mariadb $options -u root /m
        or die "no mariadb in: $command\n";

    holds_good(shell($command));

    daemon_stop('mariadb');
}

sub mariadb_rows {
    my $n = 0;

    return join '', map {
        sprintf qq(INSERT INTO `Instance` (id, name, token, clientName)
                   VALUES ('id-%d', %s, %s, %s);\n), $n++,
                map { sql_text($_) } @$_
    } @instances;
}


END {
    if ($$ == $main) {
        my $status = $?;
        daemon_stop($_) for keys %server;
        $? = $status;
    }
}
