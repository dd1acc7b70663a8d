#!/bin/bash
# Copyright (C) Evolu Auth Authors
#
# count.sh RUNNER PASSED FAILED   notes what a runner counted, in build/counts
#
# Exits with 1 when something failed, or when nothing was run at all: a runner
# that found no test has not passed.

set -euo pipefail
unset LIBRARY_PATH

top=$(cd "$(dirname "$0")/.." && pwd)
counts=${BUILD:-$top/build}/counts
runner=$1 passed=$2 failed=$3

if [ "$passed" -eq 0 ] && [ "$failed" -eq 0 ]; then
    failed=1
    echo "$runner: no test was run" >&2
fi

mkdir -p "$counts"
echo "$passed $failed" > "$counts/$runner"
echo "$runner: $passed passed, $failed failed"

[ "$failed" -eq 0 ]
