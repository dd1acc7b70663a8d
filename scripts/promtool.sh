#!/bin/bash
# Copyright (C) Evolu Auth Authors
#
# promtool.sh      prints where promtool is
#
# Taken out of the distribution's package of Prometheus, which would bring a
# server and its web pages.  Kept in build/cache; needs no root.

set -euo pipefail
unset LIBRARY_PATH

top=$(cd "$(dirname "$0")/.." && pwd)
build=$(realpath -m "${BUILD:-$top/build}")
cache=$build/cache
promtool=$cache/promtool

# shellcheck source=/dev/null
. /etc/os-release

mkdir -p "$cache"
exec 9> "$cache/promtool.lock"
flock 9

# Debian 14 has it in a package of its own.

package=prometheus

if [ -n "$(apt-cache -q=2 madison promtool 2> /dev/null)" ]; then
    package=promtool
fi

if [ ! -x "$promtool" ]; then
    fetched=$(mktemp -d "$cache/fetch.XXXXXX")
    trap 'rm -rf "$fetched"' EXIT

    bash "$top/scripts/fetch.sh" deb "$VERSION_CODENAME" "$fetched" $package \
        > "$cache/promtool.log" 2>&1 || { cat "$cache/promtool.log" >&2; exit 1; }

    dpkg-deb --fsys-tarfile "$fetched"/*.deb \
        | tar -xO ./usr/bin/promtool > "$fetched/promtool"
    chmod 755 "$fetched/promtool"
    mv "$fetched/promtool" "$promtool"
fi

echo "$promtool"
