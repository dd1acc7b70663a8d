#!/bin/bash
# Copyright (C) Evolu Auth Authors
#
# holes.sh [-u]   holds docs/holes.md to what upstream and edge answer; with -u
#                 writes it
#
# Every hole of Evolution API that the page shows is tried, straight at an
# upstream that has it and through the edge; see t/clients/holes.js.

set -euo pipefail
unset LIBRARY_PATH

top=$(cd "$(dirname "$0")/.." && pwd)
build=$(realpath -m "${BUILD:-$top/build}")
export BUILD=$build EVOLU_TOP=$top
page=$top/docs/holes.md
out=$build/reports/holes.md

bash "$top/scripts/npm.sh"
mkdir -p "${out%/*}"

failed=0

if ! timeout 120 node "$build/clients/holes.js" > "$out"; then
    failed=1
elif [ "${1:-}" = -u ]; then
    cp "$out" "$page"
elif ! diff -u "$page" "$out"; then
    echo "holes: docs/holes.md says something else; make holes UPDATE=1" >&2
    failed=1
fi

passed=$(grep -c '^    \$ ' "$out" || true)

exec bash "$top/scripts/count.sh" holes "$passed" "$failed"
