#!/bin/bash
# Copyright (C) Evolu Auth Authors
#
# monitoring.sh    what is wrong with the alerts, the dashboard and what is
#                  written about them, one line a finding
#
# Rules and expressions are checked by Prometheus' own promtool.

set -euo pipefail
unset LIBRARY_PATH

cd "$(dirname "$0")/.."

rules=contrib/prometheus/evolu-auth.rules.yml
tests=contrib/prometheus/evolu-auth.test.yml
dashboard=contrib/grafana/evolu-auth.json
table=src/ngx_http_evolu_auth_metrics.c
runbook=docs/runbook.md

promtool=$(bash scripts/promtool.sh)
temp=$(mktemp -d)
trap 'rm -rf "$temp"' EXIT


# tool FILE ARGUMENT...: what promtool says when it says no

tool()
{
    local file=$1
    shift

    if ! "$promtool" "$@" > "$temp/said" 2>&1; then
        grep -v '^ *$' "$temp/said" | sed "s,^,$file: ," | head -n 20
    fi
}

tool contrib/prometheus/prometheus.yml check config \
    contrib/prometheus/prometheus.yml
tool $rules check rules $rules
tool $tests test rules $tests


# An alert has a section, which says three things, and a test in which it fires
# and one moment in which it does not.

sed -n 's/^ *- alert: //p' $rules | sort > "$temp/alerts"
sed -n 's/^## \(EvoluAuth[A-Za-z]*\)$/\1/p' $runbook | sort > "$temp/sections"

comm -23 "$temp/alerts" "$temp/sections" \
    | sed "s,.*,$rules: & has no section in $runbook,"
comm -13 "$temp/alerts" "$temp/sections" \
    | sed "s,.*,$runbook: & is no alert,"

while read -r alert; do
    section=$(sed -n "/^## $alert\$/,/^## [^#]/p" $runbook)

    for part in 'What it means.' 'What to look at.' 'What to do.'; do
        if [ -n "$section" ] && ! grep -qF "**$part**" <<< "$section"; then
            echo "$runbook: $alert does not say \"$part\""
        fi
    done

    if ! grep -qF "runbook: $runbook#${alert,,}" $rules; then
        echo "$rules: $alert does not name its section"
    fi

    if ! grep -A 1 -F "alertname: $alert" $tests | grep -q 'exp_alerts:$'; then
        echo "$tests: $alert never fires"
    fi

    if ! grep -A 1 -F "alertname: $alert" $tests | grep -q 'exp_alerts: \[\]$'
    then
        echo "$tests: $alert always fires"
    fi
done < "$temp/alerts"


# Names of metrics: those of the module, those that rules and dashboard use

{ sed -n 's/^    { "\([a-z_]*\)", NGX_HTTP_EVOLU_AUTH_METRIC_.*/\1/p' $table
  echo build_info; } | sort > "$temp/metrics"

used()
{
    grep -oP '(?<![a-z_])evolu_auth_[a-z_]+' "$1" \
        | sed -e 's/^evolu_auth_//' -e 's/^\(lookup_duration_seconds\)_.*/\1/' \
        | sort -u
}

for file in $rules $tests $dashboard; do
    used "$file" | comm -23 - "$temp/metrics" \
        | sed "s,.*,$file: the module has no metric &,"
done

used "$dashboard" | comm -13 - "$temp/metrics" \
    | sed "s,.*,$dashboard: does not show &,"

while read -r metric; do
    if ! grep -qE "\`${metric}[\`{]" docs/metrics.md; then
        echo "docs/metrics.md: does not tell of the metric $metric"
    fi
done < "$temp/metrics"


# The dashboard: whole, nothing on top of something else, and expressions that
# Prometheus can read.

perl -MJSON::PP -e '
    use strict;
    use warnings;

    my ($file, $out) = @ARGV;

    open(my $fh, "<", $file) or die "$file: $!\n";
    local $/ = undef;

    my $board = eval { JSON::PP->new->utf8->decode(<$fh>) };

    if (!$board) {
        print "$file: is no JSON: $@";
        exit;
    }

    open(my $rules, ">", $out) or die "$out: $!\n";
    print {$rules} "groups:\n  - name: dashboard\n    rules:\n";

    my (%ids, @taken, $n);

    for my $name (qw(title uid schemaVersion panels templating time)) {
        print "$file: has no \"$name\"\n" if !defined $board->{$name};
    }

    for my $panel (@{ $board->{panels} }) {
        my ($title, $at) = @$panel{qw(title gridPos)};

        print "$file: \"$title\" has the id of another\n" if $ids{$panel->{id}}++;
        print "$file: \"$title\" stands out\n" if $at->{x} + $at->{w} > 24;
        print "$file: \"$title\" asks for nothing\n" if !@{ $panel->{targets} };

        for my $x ($at->{x} .. $at->{x} + $at->{w} - 1) {
            for my $y ($at->{y} .. $at->{y} + $at->{h} - 1) {
                if ($taken[$x][$y]++) {
                    print "$file: \"$title\" is on top of another\n";
                    $x = $y = 1000;
                }
            }
        }

        for my $target (@{ $panel->{targets} }) {
            my $expr = $target->{expr};

            $expr =~ s/\$__rate_interval/5m/g;
            $expr =~ s/\$(?:instance|zone)\b/.*/g;
            print "$file: \"$title\" has a variable of no meaning\n"
                if $expr =~ /\$/;
            $expr =~ s/\x27/\x27\x27/g;
            print {$rules} "      - record: panel:", ++$n,
                           "\n        expr: \x27$expr\x27\n";
        }
    }
' $dashboard "$temp/dashboard.yml"

tool $dashboard check rules "$temp/dashboard.yml"
