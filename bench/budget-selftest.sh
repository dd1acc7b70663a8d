#!/bin/bash
# Copyright (C) Evolu Auth Authors
#
# Builds the module, in a copy of the tree, with a needless loop in what every
# request passes, and looks that budget.sh finds it.  A budget that nothing
# exceeds is none.

set -euo pipefail
unset LIBRARY_PATH

top=$(cd "$(dirname "$0")/.." && pwd)
build=$(realpath -m "${BUILD:-$top/build}")
export BUILD=$build
copy=$(mktemp -d)
trap 'rm -rf "$copy"' EXIT

file=src/ngx_http_evolu_auth_handler.c
passed=0 failed=0

mkdir -p "$copy/tree/build"
cp -r "$top"/{config,ngx_http_evolu_auth_module.c,src,scripts,bench} \
    "$copy/tree/"
cp -r "$build"/{hiredis,bench} "$copy/tree/build/"

export BUILD=$copy/tree/build

# On Debian 12 5 % of the largest budget, at some 4 instructions a turn

tolerance=$(bash "$top/bench/budget.sh" tolerance)
turns=$(awk -v part="$tolerance" '
    /^[a-z]/ && $2 > most { most = $2 }
    END { print int(most * part / 60 / 4) }
' "$top/bench/budgets")

sed -i "/^ngx_http_evolu_auth_post_read_handler/,/^}/s/^{\$/{\\
    for (volatile int slow = 0; slow < $turns; slow++) { }\\
/" "$copy/tree/$file"

if cmp -s "$top/$file" "$copy/tree/$file"; then
    echo "budget-selftest: the seed finds no place in $file"
    exec env BUILD="$build" bash "$top/scripts/count.sh" budget-selftest 0 1
fi

bash "$copy/tree/scripts/build-module.sh"

if out=$(BUDGET_RUNNER=seeded bash "$copy/tree/bench/budget.sh" 2>&1); then
    echo "budget-selftest: budget.sh passes with $turns needless turns"
    failed=$((failed + 1))
else
    passed=$((passed + 1))
fi

while read -r workload; do
    if grep -q "^budget: $workload adds [0-9]* instructions to a request" \
       <<< "$out"
    then
        passed=$((passed + 1))
    else
        echo "budget-selftest: \"$workload\" is not found to be slower;" \
             "budget.sh says:"
        printf '%s\n' "$out"
        failed=$((failed + 1))
    fi
done < <(cut -f 1 "$BUILD/bench/budget.tsv")

BUILD=$build exec bash "$top/scripts/count.sh" budget-selftest $passed $failed
