#!/bin/bash
# Copyright (C) Evolu Auth Authors
#
# revocation.sh N   how soon N revocations are seen by two workers under load

set -euo pipefail
unset LIBRARY_PATH

cd "$(dirname "$0")/.."

build=$(realpath -m "${BUILD:-build}")
export BUILD=$build
export EVOLU_BUILD=$build

if perl t/fault/revocation.pl "$1"; then
    exec bash scripts/count.sh revocation 1 0
else
    exec bash scripts/count.sh revocation 0 1
fi
