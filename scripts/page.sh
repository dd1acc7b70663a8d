#!/bin/bash
# Copyright (C) Evolu Auth Authors
#
# page.sh          turns the status page's source into the C file that holds it
# page.sh print    prints that C file, for lint to compare
#
# The source is HTML as it is; "<!--evolu:NAME-->" is where the module inserts
# something.  Its one style and its one script are let in by their hashes.

set -euo pipefail
unset LIBRARY_PATH

top=$(cd "$(dirname "$0")/.." && pwd)
page=$top/src/ngx_http_evolu_auth_status_page

generate()
{
    perl -MDigest::SHA=sha256_base64 -e '
        use strict;
        use warnings;

        my $width = 80;
        my $indent = " " x 6;

        local $/ = undef;
        my $html = <STDIN>;

        sub hash_of {
            my ($tag) = @_;
            my @found = $html =~ m{<$tag>(.*?)</$tag>}gs;

            die "page.sh: one <$tag> without attributes is expected\n"
                if @found != 1 || $html =~ m{<$tag\s};

            my $hash = sha256_base64($found[0]);

            return "\x27sha256-" . $hash . "=" x (-length($hash) % 4) . "\x27";
        }

        # Literals of at most so many columns, a new one for each line

        sub literals {
            my ($text) = @_;
            my @lines;

            for my $line (split /(?<=\n)/, $text) {
                my $room = $width - length($indent) - 2;
                my $out = "";

                for my $char ($line =~ /./gs) {
                    $char =~ s/([\\"])/\\$1/;
                    $char =~ s/\n/\\n/;
                    $char =~ s/([^\x20-\x7e])/sprintf("\\%03o", ord($1))/e;

                    if (length($out) + length($char) > $room) {
                        push @lines, $out;
                        $out = "";
                    }

                    $out .= $char;
                }

                push @lines, $out;
            }

            return join("\n", map { "$indent\"$_\"" } @lines);
        }

        my $policy = join("; ", "default-src \x27none\x27",
            "style-src " . hash_of("style"), "script-src " . hash_of("script"),
            "connect-src \x27self\x27", "img-src data:", "base-uri \x27none\x27",
            "form-action \x27none\x27", "frame-ancestors \x27none\x27");

        print <<"END";

/*
 * Copyright (C) Evolu Auth Authors
 *
 * Made by scripts/page.sh from ngx_http_evolu_auth_status_page.html.
 */


#include "ngx_http_evolu_auth_status_page.h"


ngx_str_t  ngx_http_evolu_auth_page_policy = ngx_string(
@{[literals($policy)]});


const ngx_http_evolu_auth_page_t  ngx_http_evolu_auth_page[] = {

END

        my @pieces = split /<!--evolu:(\w+)-->/, $html;

        while (@pieces) {
            my ($text, $insert) = splice(@pieces, 0, 2);

            $insert = defined $insert ? "\"$insert\"" : "NULL";
            print "    { ngx_string(\n", literals($text), "),\n",
                  "      $insert },\n\n";
        }

        print "    { ngx_null_string, NULL }\n};\n";
    ' < "$page.html"
}


case ${1:-} in
    "")
        generate > "$page.c.new"
        mv "$page.c.new" "$page.c"
        ;;
    print)
        generate
        ;;
    *)
        echo "page.sh: nothing or print, not \"$1\"" >&2
        exit 2
        ;;
esac
