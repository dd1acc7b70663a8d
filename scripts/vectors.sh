#!/bin/bash
# Copyright (C) Evolu Auth Authors
#
# vectors.sh [-v] [FILE...]   holds the edge to files of recorded cases
#
# Takes evolution-guard*.jsonl, attack-cases*.tsv and peer-scenarios*.tsv, told
# by their first line; without any, the samples in ../shared/vectors.  -v lists
# every row.

set -euo pipefail
unset LIBRARY_PATH

top=$(cd "$(dirname "$0")/.." && pwd)
build=$(realpath -m "${BUILD:-$top/build}")
export BUILD=$build
options=()

if [ "${1:-}" = -v ]; then
    options=(-v)
    shift
fi

files=("$@")

if [ ${#files[@]} -eq 0 ]; then
    shopt -s nullglob
    files=("$top"/../shared/vectors/*.jsonl "$top"/../shared/vectors/*.tsv)
fi

if [ ${#files[@]} -eq 0 ]; then
    echo "vectors: there is no ../shared/vectors; name files: make vectors" \
         "FILES=\"a.jsonl b.tsv\"" >&2
    exit 2
fi

out=$build/reports/vectors
mkdir -p "${out%/*}"

perl "$top/t/vectors/run.pl" "${options[@]}" "${files[@]}" | tee "$out" || true

# a runner that died has no last line

passed=0 failed=1

if [[ $(tail -n 1 "$out") =~ ^passed=([0-9]+)\ failed=([0-9]+)$ ]]; then
    passed=${BASH_REMATCH[1]} failed=${BASH_REMATCH[2]}
fi

exec bash "$top/scripts/count.sh" vectors "$passed" "$failed"
