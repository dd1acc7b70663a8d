#!/bin/bash
# Copyright (C) Evolu Auth Authors
#
# model.sh       checks the models of t/model with spin: as they are they must
#                hold, and with each bug that is seeded (#ifdef BUG_...) the
#                checker must find it.  Some 30 s, under 1 GB.
# model.sh all   with three workers and with more changes, too: minutes, 3 GB
#
# One line a run: how many states were looked at, and what was found.

set -euo pipefail
unset LIBRARY_PATH

top=$(cd "$(dirname "$0")/.." && pwd)
build=$(realpath -m "${BUILD:-$top/build}")
export BUILD=$build
work=$build/model
megabytes=3000

rm -rf "$work"
mkdir -p "$work"
passed=0 failed=0


# explore OPTIMIZE MODEL DEFINE...: sets states, errors and said, the first
# error; -1 errors when it did not come to an end

explore()
{
    local optimize=$1 model=$2 dir cc run
    shift 2

    cc=("$optimize" -w "-DMEMLIM=$megabytes")
    run=(-m1000000 -w22)

    dir=$(mktemp -d "$work/$model.XXXXXX")

    # one that waits for ever is a cycle, all else is an assertion

    case $model in
        waiters) cc+=(-DNFAIR=3) run+=(-a -f) ;;
        *) cc+=(-DSAFETY -DNOCLAIM) ;;
    esac

    (
        cd "$dir"
        spin -a "$@" "$top/t/model/$model.pml"
        gcc "${cc[@]}" -o pan pan.c
        timeout 1200 ./pan "${run[@]}"
    ) > "$dir/out" 2>&1 || true

    states=$(sed -n 's/^ *\([0-9]*\) states, stored.*/\1/p' "$dir/out")
    errors=$(sed -n 's/.*, errors: \([0-9]*\)$/\1/p' "$dir/out")
    said=$(sed -n 's/^pan:1: \(.*\) (at depth.*/\1/p' "$dir/out")

    if [ -z "$states" ] || [ -z "$errors" ] \
       || grep -qE 'max search depth too small|reached -DMEMLIM' "$dir/out"
    then
        tail -n 5 "$dir/out" >&2
        errors=-1
    fi

    # what no run comes to was not checked

    idle=$(grep -cE '^.*\.pml:[0-9]+, state' "$dir/out" || true)
    ends=$(grep -cE '^.*\.pml:[0-9]+, state [0-9]+, "-end-"' "$dir/out" || true)
}


result()
{
    printf '%-4s %-10s %-44s %10s states: %s\n' "$1" "$2" "$3" "${states:--}" \
        "$4"

    if [ "$1" = ok ]; then
        passed=$((passed + 1))
    else
        failed=$((failed + 1))
    fi
}


# holds MODEL TEXT DEFINE...

holds()
{
    local model=$1 text=$2
    shift 2

    explore -O2 "$model" "$@"

    if [ "$errors" -ne 0 ]; then
        result FAIL "$model" "$text" "${said:-no result}"
    elif [ "$idle" -ne "$ends" ]; then
        result FAIL "$model" "$text" 'some of it is never reached'
    else
        result ok "$model" "$text" holds
    fi
}


finds()
{
    local model=$1 bug=$2

    # found soon: to compile it takes longer

    explore -O0 "$model" "-D$bug"

    if [ "$errors" -gt 0 ]; then
        result ok "$model" "$bug" "found: $said"
    else
        result FAIL "$model" "$bug" 'not found'
    fi
}


holds coherence '2 workers, 1 reads, 1 change'
holds coherence '1 worker, 2 changes' -DWORKERS=1 -DCHANGES=2
holds coherence '2 workers, 2 read, 1 change, coarse clock' \
    -DREADERS=2 -DCOVER=2 -DSILENCE=1
holds waiters '2 flights, 2 wait'

if [ "${1:-}" = all ]; then
    holds coherence '2 workers, 1 reads, 2 changes, coarse clock' \
        -DCHANGES=2 -DCOVER=2 -DSILENCE=1
    holds coherence '3 workers, 1 reads, 1 change, coarse clock' \
        -DWORKERS=3 -DCOVER=2 -DSILENCE=1
    holds coherence '2 workers, 2 read, 1 change' -DREADERS=2
fi

for model in coherence waiters; do
    while read -r bug; do
        finds $model "$bug"
    done < <(grep -oE '\bBUG_[A-Z_]+' "$top/t/model/$model.pml" | sort -u)
done

exec bash "$top/scripts/count.sh" model $passed $failed
