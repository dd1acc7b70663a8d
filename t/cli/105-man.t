# Copyright (C) Evolu Auth Authors
#
# The man page: it names every option that --help names and no other, and
# mandoc and groff have nothing to say against it.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/../lib";

use EvoluKeys;
use Test::More;

my $page = "$FindBin::Bin/../../man/evolu-keys.1";
my $text = read_file($page);

$text =~ s/\\-/-/g;
$text =~ s/\\[&|~]//g;

my @commands = qw(create rotate revoke disable enable import list show verify
                  check);
my $help = join '', map { (keys_run([@$_, '--help']))[1] }
                    [], map { [$_] } @commands;

my %said = map { $_ => 1 } $help =~ /^  (?:-., |    )(--[a-z-]+)/mg;
my %described = map { $_ => 1 } $text =~ /^\.TP\n\.\S+ .*?(--[a-z-]+)/mg;

is_deeply([sort keys %described], [sort keys %said],
          'the options of --help, and no other');

my %named = map { $_ => 1 } $text =~ /(--[a-z][a-z-]*)/g;
delete @named{keys %said};
is_deeply([sort keys %named], [], 'no other is named anywhere');

for my $command (@commands) {
    like($text, qr/^\.(?:TP\n)?\.?\w* ?"?\Q$command\E\b/m, $command);
    my ($usage) = (keys_run([$command, '--help']))[1]
                  =~ /^(Usage: .*?)^[A-Z]/ms;
    like($usage, qr/evolu-keys/, 'says how it is used');
}

for my $variable (qw(EVOLU_REDIS_URL EVOLU_REDIS_PREFIX EVOLU_REDIS_CA
                     EVOLU_REDIS_PASSWORD_FILE EVOLU_REDIS_CERT
                     EVOLU_REDIS_SENTINEL_PASSWORD_FILE EVOLU_REDIS_KEY
                     EVOLU_REDIS_SERVER_NAME EVOLU_PEPPER NO_COLOR))
{
    like($text, qr/\b$variable\b/, $variable);
}

my (undef, $version) = keys_run(['--version']);
chomp $version;
like($text, qr/^\.TH .*"\Q$version\E"/m, 'the version');

SKIP: {
    skip 'no mandoc', 1 unless -x '/usr/bin/mandoc' || $ENV{CI};
    is(`mandoc -Tlint -Wwarning '$page' 2>&1`, '', 'mandoc');
}

SKIP: {
    skip 'no groff', 1 unless -x '/usr/bin/groff' || $ENV{CI};
    is(`groff -man -ww -z -Tutf8 '$page' 2>&1`, '', 'groff');
}

done_testing();
