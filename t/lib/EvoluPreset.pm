package EvoluPreset;

# Copyright (C) Evolu Auth Authors
#
# For suites of the presets of conf/, as they are installed.  Sections, on top
# of those of EvoluAuth:
#
#   --- preset         evolution-api or evolu-integrators; with "report" behind
#                      it the copy that its guide in docs/ makes for report mode
#   --- upstream       where the preset's upstream is, if not the usual one
#   --- server_config  what the server says before it includes the preset
#
# The server is not that of Test::Nginx, which has a limit for bodies of its
# own; it stands first, so all requests go there.

use strict;
use warnings;

use Cwd qw(abs_path);

use EvoluAuth ();

my %upstreams = ('evolution-api' => 'evolution_api',
                 'evolu-integrators' => 'evolu_api');
my $top = abs_path('.');


Test::Nginx::Socket::add_block_preprocessor(sub {
    my ($block) = @_;

    my ($preset, $report) = split ' ', $block->preset;
    my $server = $block->upstream || 'unix:' . EvoluAuth::dir()
                                     . '/upstream.sock';
    my $file = $report ? report($preset) : "$top/conf/$preset.conf";
    my $http = $block->http_extra || '';
    my $config = $block->server_config || '';

    $block->set_value('http_extra', "include $top/conf/http.conf;\n"
                      . "upstream $upstreams{$preset} { server $server; }\n"
                      . $http
                      . "server {\nlisten \$TEST_NGINX_SERVER_PORT;\n"
                      . "server_name localhost;\n$config"
                      . "include $file;\n}\n");
    $block->set_value('suppress_stderr', 1);
    $block->set_value('server_name', 'unused');
    $block->set_value('config', "return 404;\n");
});


# The guide's own command, with this checkout in place of /etc/nginx/evolu-auth

sub report {
    my ($preset) = @_;

    my $dir = EvoluAuth::dir();

    open(my $guide, '<', "$top/docs/$preset.md") or die "docs/$preset.md: $!";
    local $/ = undef;

    my ($command) = <$guide> =~ m{^    (sed 's/\^evolu_(?:[^\\\n]|\\\n|\\.)*)}m
        or die "docs/$preset.md makes no copy for report mode";

    close($guide);

    $command =~ s{/etc/nginx/evolu-auth/(\S+-report\.conf)}{$dir/$1};
    $command =~ s{/etc/nginx/evolu-auth/}{$top/conf/}g;

    system('sh', '-c', $command) == 0 or die "$command: $?";

    return "$dir/$preset-report.conf";
}

1;
