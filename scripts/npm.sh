#!/bin/bash
# Copyright (C) Evolu Auth Authors
#
# npm.sh   t/clients, with what its package-lock.json pins, in build/clients
#
# Asks the registry, the one that npm is configured for, only when the lock has
# changed.  No script of a package is run.

set -euo pipefail
unset LIBRARY_PATH

top=$(cd "$(dirname "$0")/.." && pwd)
build=$(realpath -m "${BUILD:-$top/build}")
dir=$build/clients
stamp=$dir/node_modules/.evolu-lock

mkdir -p "$dir"
cp "$top"/t/clients/* "$dir/"

if cmp -s "$dir/package-lock.json" "$stamp"; then
    exit 0
fi

log=$build/npm.log

if ! (cd "$dir" && timeout 300 npm ci --ignore-scripts --no-audit --no-fund) \
    > "$log" 2>&1
then
    tail -n 5 "$log" >&2
    echo "npm.sh: npm ci failed; all of it is in $log" >&2
    exit 1
fi

cp "$dir/package-lock.json" "$stamp"
