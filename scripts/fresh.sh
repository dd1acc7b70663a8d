#!/bin/bash
# Copyright (C) Evolu Auth Authors
#
# fresh.sh SUITE TARGET...   "make TARGET..." as the first command on a new
#                            Debian of SUITE (root.sh), in a clone of HEAD
#
# There, nothing is installed but git and make.  Says how long it took.

set -euo pipefail
unset LIBRARY_PATH

if [ $# -lt 2 ]; then
    sed -n '4,5s/^# //p' "$0" >&2
    exit 2
fi

suite=$1
shift

top=$(cd "$(dirname "$0")/.." && pwd)
temp=$(mktemp -d /tmp/evolu-fresh.XXXXXX)
trap 'bash "$top/scripts/root.sh" remove "$temp"' EXIT

bash "$top/scripts/root.sh" make "$suite" "$temp/root" git make ca-certificates
git clone -q --no-hardlinks "$top" "$temp/root/root/evolu-auth"

SECONDS=0 status=0
bash "$top/scripts/root.sh" online "$temp/root" \
    make -C /root/evolu-auth --no-print-directory "$@" || status=$?

result=passed
[ $status -eq 0 ] || result="failed ($status)"

echo "fresh: $suite: make $*: $result in $SECONDS s"
exit $status
