#!/bin/bash
# Copyright (C) Evolu Auth Authors
#
# fault-run.sh revocation N    how soon N revocations are seen by two workers
#                              under load
# fault-run.sh soak MINUTES    churn with faults at a low rate, and what may not
#                              grow

set -euo pipefail
unset LIBRARY_PATH

cd "$(dirname "$0")/.."

build=$(realpath -m "${BUILD:-build}")
export BUILD=$build
export EVOLU_BUILD=$build

if perl "t/fault/$1.pl" "$2"; then
    exec bash scripts/count.sh "$1" 1 0
else
    exec bash scripts/count.sh "$1" 0 1
fi
