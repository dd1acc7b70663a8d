#!/bin/bash
# Copyright (C) Evolu Auth Authors
#
# messages.sh      the messages of the module and the command, as they stand in
#                  the sources, one a line: "FILE:LINE TEXT", with "..." for
#                  what is filled in
# messages.sh check
#                  those that docs/troubleshooting.md does not have, and those
#                  that it has and nobody says

set -euo pipefail
unset LIBRARY_PATH

cd "$(dirname "$0")/.."

doc=docs/troubleshooting.md
temp=$(mktemp -d)
trap 'rm -rf "$temp"' EXIT


# the page is a source of its own

files=()

for file in src/*.c; do
    [ "$file" = src/ngx_http_evolu_auth_status_page.c ] || files+=("$file")
done


# What a log, a terminal or nginx itself shows: formats of the functions that
# say something, reasons that are handed to one of them, tables of texts.

messages()
{
    perl -0777 -ne '
        BEGIN {
            %none = map { $_ => 1 } "no fault", "unknown fault",
                "the pepper is good", "CA file", "private key", "line ...",
                "...:... (of the cluster of ...)", "...:... (primary \"...\")";
            $literal = qr/"(?:[^"\\]|\\.)*"/s;
            $literals = qr/$literal(?:\s*$literal)*/s;
            $said = qr/\b(?:
                ngx_log_error | ngx_conf_log_error
                | ngx_http_evolu_auth_(?:conf_error | answer_void
                    | redis_(?:reset | refused | failed))
                | evolu_keys_(?:say | check_say | check_problem
                    | import_problem | redis_say)
                | argp_error | ngx_snprintf | snprintf | evolu_keys_format
            )\s*\(/x;
        }

        sub text {
            my ($literals) = @_;
            my $text = join("", map { s/\A"|"\z//gr } $literals =~ /$literal/g);

            $text =~ s/\\(["\\])/$1/g;
            $text =~ s/\\n//g;
            $text =~ s/%%/\0/g;
            $text =~ s/%[-+0-9.*]*(?:[ux](?=[izdDTLOsSMAz])|l+|z(?=u)|h)?[a-zA-Z]
                      /.../gx;
            $text =~ s/\0/%/g;
            $text =~ s/(?:\.\.\.){2,}/.../g;
            $text =~ s/^evolu_auth: //;

            return $text;
        }

        sub emit {
            my ($at, $literals) = @_;
            my $text = text($literals);
            my $line = 1 + (substr($_, 0, $at) =~ tr/\n//);

            # pieces of messages, and words, are none

            return if $text !~ /^[-\w".]/ || $text !~ /[a-z]{2}/
                      || $text !~ /^(?:moved|refused)$| / || $none{$text};

            print "$ARGV:$line $text\n";
        }

        # comments say nothing, and lines stay where they are

        s{/\*.*?\*/}{$& =~ s/[^\n]/ /gr}gse;

        while (/$said/g) {
            my ($at, $depth) = ($-[0], 1);
            my $from = pos($_);

            # to the end of the call, not into literals

            while ($depth > 0 && /\G(?:$literal|[^"()]+|([()]))/gcs) {
                $depth += $1 eq "(" ? 1 : -1 if defined $1;
            }

            my $call = substr($_, $from, pos($_) - $from);

            # the format, which may be one of two, or a reason; not what is
            # filled in

            $call =~ /\A(?:[^"()]+|(\((?:[^()"]|(?1))*\)))*/gc;

            while ($call =~ /\G(?:($literals)|[^",()]+|(\((?:[^()"]|(?2))*\)))/gc)
            {
                emit($at, $1) if defined $1;
            }
        }

        # what functions give back to be said: nginx names the directive before
        # what a setter gives

        while (/\breturn\b([^;]*?$literals[^;]*);|\b\w+ = ($literals);/g) {
            my ($at, $all) = ($-[0], defined $1 ? $1 : $2);

            for my $one ($all =~ /($literals)/g) {
                emit($at, $one) if $one =~ / /;
            }
        }

        # texts by number

        while (/\[EVOLU_(?:FAULT|PEPPER|URL)_\w+\]\s*=\s*($literals)/g) {
            emit($-[0], $1);
        }
    ' ngx_http_evolu_auth_module.c src/cli/*.c \
        "${files[@]}" | sort -u -k2
}


# In the page a message stands in backquotes in the first cell of a row, and a
# bar in it is escaped; those "of nginx" are not ours, nor are the reasons.

in_the_page()
{
    # shellcheck disable=SC2016  # the backquotes are those of the page
    sed -e '/^## Every request/,/^## /d' -e 's/\\|/\x01/g' "$doc" \
        | sed -n 's/^| \(`[^|]*\) |.*/\1/p' \
        | sed 's/`[^`]*`, of nginx//g' | grep -o '`[^`]*`' \
        | tr -d '`' | tr '\001' '|'
}


case ${1:-} in
    "")
        messages
        ;;
    check)
        in_the_page | sort > "$temp/page"
        messages > "$temp/all"

        while read -r where text; do
            grep -qxF -- "$text" "$temp/page" \
                || echo "$where: $doc does not have: $text"
        done < "$temp/all"

        cut -d ' ' -f 2- "$temp/all" | sort -u \
            | comm -13 - <(uniq "$temp/page") \
            | sed "s,^,$doc: nobody says: ,"

        uniq -d "$temp/page" | sed "s,^,$doc: is there twice: ,"
        ;;
    *)
        echo "messages.sh: nothing or check, not \"$1\"" >&2
        exit 2
        ;;
esac
