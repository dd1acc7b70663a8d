#!/bin/bash
# Copyright (C) Evolu Auth Authors
#
# links.sh    links of our pages that lead nowhere, one line a finding: to a
#             file that is not there, or to a heading that its page has not
#
# A heading's anchor is what GitHub makes of it.

set -euo pipefail
unset LIBRARY_PATH

cd "$(dirname "$0")/.."

shopt -s nullglob globstar
pages=(*.md docs/**/*.md docker/*.md contrib/**/*.md bench/**/*.md)

exec perl -Mstrict -MFile::Basename -e '
    my (%anchors, @links);

    for my $page (@ARGV) {
        open(my $file, "<", $page) or die "$page: $!\n";

        while (my $line = <$file>) {
            if ($line =~ /^#+ +(.*?) *$/) {
                my $anchor = lc($1) =~ s/[^\w\- ]//gr =~ tr/ /-/r;

                $anchors{$page}{$anchor} = 1;
            }

            while ($line =~ /\]\(([^)\s]+)\)/g) {
                push @links, [$page, $., $1];
            }
        }
    }

    for my $link (@links) {
        my ($page, $line, $to) = @$link;

        next if $to =~ /^\w+:/;

        my ($path, $anchor) = split /#/, $to, 2;
        my $target = $path eq "" ? $page : dirname($page) . "/$path";

        $target =~ s,^\./,,;
        1 while $target =~ s,[^/]+/\.\./,,;

        if (!-e $target) {
            print "$page:$line: $to: there is no $target\n";

        } elsif (defined $anchor && $anchors{$target}
                 && !$anchors{$target}{$anchor})
        {
            print "$page:$line: $to: $target has no such heading\n";
        }
    }
' "${pages[@]}"
