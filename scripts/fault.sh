#!/bin/bash
# Copyright (C) Evolu Auth Authors
#
# fault.sh core       the most telling rows of the fault table, and that the
#                     load generator finds a seeded bug: some 3 minutes
# fault.sh all        all rows, 12 minutes; the table goes to docs/faults.md
# fault.sh NAME...    these rows; t/fault/rows has them
#
# Times are those of a machine that is not busy, for "core" three times that.

set -euo pipefail
unset LIBRARY_PATH

top=$(cd "$(dirname "$0")/.." && pwd)
build=$(realpath -m "${BUILD:-$top/build}")
export BUILD=$build
export EVOLU_BUILD=$build
out=$build/fault

cd "$top"
mkdir -p "$out"
rm -f "$out/selftest"


# rows ARGUMENT...: sets passed and failed

rows()
{
    perl t/fault/fault.pl "$@" | tee "$out/rows" || true

    read -r passed failed < <(
        sed -n 's/^\([0-9]*\) rows held, \([0-9]*\) broken.*/\1 \2/p' \
            "$out/rows"
        echo 0 1)
}


case ${1:-} in
    core)
        export FAULT_SLACK=${FAULT_SLACK:-3}
        rows --core --table "$out/table.md"

        if scripts/fault-selftest.sh sequence; then
            passed=$((passed + 1))
        else
            failed=$((failed + 1))
        fi
        ;;

    all)
        rows --table "$out/table.md"

        {
            cat t/fault/faults.md
            echo
            cat "$out/table.md"
        } > docs/faults.md
        ;;

    *)
        rows "$@"
        ;;
esac

exec bash "$top/scripts/count.sh" fault "$passed" "$failed"
