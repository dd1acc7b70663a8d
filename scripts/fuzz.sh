#!/bin/bash
# Copyright (C) Evolu Auth Authors
#
# fuzz.sh SECONDS TARGET...   runs libFuzzer targets, so long each
#
# build/fuzz/fuzz_NAME begins with the seeds in t/fuzz/corpus/NAME and with
# what earlier runs found, which is kept in build/fuzz/found/NAME.  An input
# that breaks a rule is left in build/fuzz/broken and shown.

set -euo pipefail
unset LIBRARY_PATH

top=$(cd "$(dirname "$0")/.." && pwd)
build=$(realpath -m "${BUILD:-$top/build}")
export BUILD=$build
seconds=$1
shift

mkdir -p "$build/fuzz/broken"
out=$(mktemp)
trap 'rm -f "$out"' EXIT

passed=0 failed=0

for target in "$@"; do
    name=${target##*/fuzz_}
    seeds=$top/t/fuzz/corpus/$name
    found=$build/fuzz/found/$name
    status=0

    if [ ! -d "$seeds" ] || [ -z "$(ls -A "$seeds")" ]; then
        echo "fuzz: $name has no seeds in $seeds"
        failed=$((failed + 1))
        continue
    fi

    mkdir -p "$found"

    timeout -k 5 $((seconds + 120)) "$target" -max_total_time="$seconds" \
        -timeout=10 -rss_limit_mb=2048 -print_final_stats=1 \
        -artifact_prefix="$build/fuzz/broken/$name-" "$found" "$seeds" \
        > "$out" 2>&1 || status=$?

    runs=$(sed -n 's/^stat::number_of_executed_units: *//p' "$out")

    if [ $status -eq 0 ] && [ "${runs:-0}" -gt 0 ]; then
        echo "fuzz: $name, $runs inputs"
        passed=$((passed + 1))

    else
        tail -n 60 "$out"
        echo "fuzz: $name: exit status $status"
        failed=$((failed + 1))
    fi
done

exec bash "$top/scripts/count.sh" fuzz $passed $failed
