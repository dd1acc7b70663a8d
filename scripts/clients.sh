#!/bin/bash
# Copyright (C) Evolu Auth Authors
#
# clients.sh [FILE.js]   real clients, from npm, through the edge
#
# Installs what t/clients/package-lock.json pins into build/clients, from the
# registry that npm is configured for, and runs t/clients/clients.test.js there.

set -euo pipefail
unset LIBRARY_PATH

top=$(cd "$(dirname "$0")/.." && pwd)
build=$(realpath -m "${BUILD:-$top/build}")
export BUILD=$build EVOLU_TOP=$top
dir=$build/clients
out=$build/reports/clients
file=${1:-clients.test.js}

bash "$top/scripts/npm.sh"
mkdir -p "${out%/*}"

status=0
cd "$dir"
timeout 600 node --test --test-reporter=tap "$file" > "$out" 2>&1 || status=$?

grep -E '^ *(not )?ok [0-9]|^# (pass|fail|cancelled)' "$out" || true

# what a runner that died did not count has failed

passed=$(sed -n 's/^# pass //p' "$out" | tail -n 1)
failed=$(sed -n 's/^# \(fail\|cancelled\) //p' "$out" \
         | awk '{ n += $1 } END { print n + 0 }')
passed=${passed:-0}

if [ "$status" -ne 0 ]; then
    grep -vE '^ *(ok|#) ' "$out" | head -n 100 >&2

    if [ "$failed" -eq 0 ]; then
        failed=1
    fi
fi

exec bash "$top/scripts/count.sh" clients "$passed" "$failed"
