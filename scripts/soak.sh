#!/bin/bash
# Copyright (C) Evolu Auth Authors
#
# soak.sh MINUTES   churn with faults at a low rate, and what may not grow

set -euo pipefail
unset LIBRARY_PATH

cd "$(dirname "$0")/.."

build=$(realpath -m "${BUILD:-build}")
export BUILD=$build
export EVOLU_BUILD=$build

if perl t/fault/soak.pl "$1"; then
    exec bash scripts/count.sh soak 1 0
else
    exec bash scripts/count.sh soak 0 1
fi
