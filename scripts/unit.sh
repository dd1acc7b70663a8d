#!/bin/bash
# Copyright (C) Evolu Auth Authors
#
# unit.sh PROGRAM...   runs cmocka programs; shows the output of those that fail

set -euo pipefail
unset LIBRARY_PATH

top=$(cd "$(dirname "$0")/.." && pwd)
out=$(mktemp)
trap 'rm -f "$out"' EXIT

cd "$top"
passed=0 failed=0

for program in "$@"; do
    status=0
    timeout -k 5 300 "$program" > "$out" 2>&1 || status=$?

    run=$(sed -n 's/^\[==========\].*Running \([0-9]*\) test.*/\1/p' "$out" \
          | awk '{ n += $1 } END { print n + 0 }')
    good=$(sed -n 's/^\[  PASSED  \] \([0-9]*\) test.*/\1/p' "$out" \
           | awk '{ n += $1 } END { print n + 0 }')
    bad=$((run - good))

    # a program that ends badly, or counts nothing, has failed

    if [ "$bad" -le 0 ] && { [ $status -ne 0 ] || [ "$run" -eq 0 ]; }; then
        bad=1
    fi

    if [ "$bad" -ne 0 ]; then
        cat "$out"
        echo "unit: ${program##*/}: exit status $status, $run tests, $bad failed"
    fi

    passed=$((passed + good)) failed=$((failed + bad))
done

exec bash "$top/scripts/count.sh" unit $passed $failed
