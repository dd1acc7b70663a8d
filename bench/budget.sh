#!/bin/bash
# Copyright (C) Evolu Auth Authors
#
# budget.sh            measures the instructions that the module adds to a
#                      request, and fails where a budget is exceeded
# budget.sh update     writes what it measures into bench/budgets
# budget.sh tolerance  prints by how many percent it may be exceeded
#
# Needs what "make bench-build" makes.

set -euo pipefail
unset LIBRARY_PATH

top=$(cd "$(dirname "$0")/.." && pwd)
build=$(realpath -m "${BUILD:-$top/build}")
export BUILD=$build
budgets=$top/bench/budgets
table=$build/bench/budget.tsv
runner=${BUDGET_RUNNER:-budget}

# shellcheck source=/dev/null
. /etc/os-release

if [ "${VERSION_ID:-}" = 12 ]; then
    tolerance=3
else
    tolerance=15
fi

if [ "${1:-}" = tolerance ]; then
    echo $tolerance
    exit 0
fi

mapfile -t workloads < <(awk '/^[a-z]/ { print $1 }' "$budgets")

rm -f "$table"

if ! perl "$top/bench/instructions.pl" --output "$table" "${workloads[@]}"; then
    exec bash "$top/scripts/count.sh" "$runner" 0 1
fi

if [ "${1:-}" = update ]; then
    {
        grep -v '^[a-z]' "$budgets"
        cut -f 1,4 --output-delimiter=' ' "$table"
    } > "$budgets.new"

    mv "$budgets.new" "$budgets"
    exit 0
fi

passed=0 failed=0

while read -r workload _ _ added _; do
    budget=$(awk -v workload="$workload" '$1 == workload { print $2 }' \
        "$budgets")

    if [ "$added" -gt $((budget * (100 + tolerance) / 100)) ]; then
        echo "budget: $workload adds $added instructions to a request," \
             "$budget are budgeted; see where they go with" \
             "\"make instructions ANNOTATE=$workload\""
        failed=$((failed + 1))
        continue
    fi

    if [ "$added" -lt $((budget * (100 - tolerance) / 100)) ]; then
        echo "budget: $workload adds $added instructions, $budget are" \
             "budgeted: keep the gain with \"make budget UPDATE=1\""
    fi

    passed=$((passed + 1))
done < "$table"

if [ $failed -ne 0 ]; then
    echo "budget: where that is worth its price, \"make budget UPDATE=1\"" \
         "writes what was measured into bench/budgets"
fi

exec bash "$top/scripts/count.sh" "$runner" $passed $failed
