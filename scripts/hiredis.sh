#!/bin/bash
# Copyright (C) Evolu Auth Authors
#
# hiredis.sh [plain|sanitize]
#
# Finds or makes hiredis 1.0 or newer.  Debian 13's package serves as it is.
# For Debian 12, and always for the sanitizers, the version below is built
# from Debian 13's source package into build/hiredis (build/hiredis-sanitize):
# include/hiredis/*.h and lib/libhiredis.a.
#
# Leaves the compiler's flags in build/hiredis/cflags and build/hiredis/libs, and
# in build/hiredis/tls what a program with hiredis's TLS needs besides; prints
# the folder, or nothing where the system's hiredis is used.
#
# hiredis.sh source   leaves its tarball in build/cache, and prints its name
#
# EVOLU_HIREDIS_SOURCE=/dir builds that source, whatever the system has.

set -euo pipefail
unset LIBRARY_PATH

version=1.2.0
sum=82ad632d31ee05da13b537c124f819eb88e18851d9cb0c30ae0552084811588c
suite=trixie

variant=${1:-plain}
top=$(cd "$(dirname "$0")/.." && pwd)
build=$(realpath -m "${BUILD:-$top/build}")
export BUILD=$build
cache=$build/cache
tarball=$cache/hiredis_$version.orig.tar.gz
source=${EVOLU_HIREDIS_SOURCE:-$cache/hiredis-$version}

case $variant in
    plain)
        dest=$build/hiredis
        read -ra optimize <<< "$(dpkg-buildflags --get CFLAGS) \
$(dpkg-buildflags --get CPPFLAGS)"
        ;;
    sanitize)
        dest=$build/hiredis-sanitize
        optimize=(-g -O1 -fno-omit-frame-pointer -fsanitize=address
                  -fsanitize=undefined -fno-sanitize-recover=undefined)
        ;;
    source)
        dest=$cache
        ;;
    *)
        echo "hiredis.sh: plain, sanitize or source, not \"$variant\"" >&2
        exit 2
        ;;
esac

mkdir -p "$dest" "$cache"

# one at a time: two makes may run in one tree

exec 9> "$cache/hiredis.lock"
flock 9


# Writes $2 to the file $1 unless it holds that already: make looks at times.

put()
{
    if [ ! -f "$1" ] || [ "$(cat "$1")" != "$2" ]; then
        printf '%s\n' "$2" > "$1"
    fi
}


# The tarball of the source package: what Debian changes in it is its tests.

fetch()
{
    local fetched

    if echo "$sum  $tarball" | sha256sum --check --status 2> /dev/null; then
        return
    fi

    fetched=$(mktemp -d "$cache/fetch.XXXXXX")

    if ! bash "$top/scripts/fetch.sh" source $suite "$fetched" hiredis \
         > "$fetched/log" 2>&1
    then
        cat "$fetched/log" >&2
        rm -rf "$fetched"
        exit 1
    fi

    mv "$fetched/${tarball##*/}" "$tarball" || true
    rm -rf "$fetched"

    if ! echo "$sum  $tarball" | sha256sum --check --status 2> /dev/null; then
        echo "hiredis.sh: $suite's hiredis is not the $version that this" \
             "script was written for" >&2
        rm -f "$tarball"
        exit 1
    fi
}


if [ "$variant" = source ]; then
    fetch
    echo "$tarball"
    exit 0
fi

if [ "$variant" = plain ] && [ -z "${EVOLU_HIREDIS_SOURCE:-}" ] \
   && pkg-config --atleast-version=1.0 hiredis
then
    # "#include <hiredis/hiredis.h>": the .pc file may name the inner folder

    put "$dest/cflags" "-I$(pkg-config --variable=includedir hiredis)"
    put "$dest/libs" "$(pkg-config --libs hiredis)"
    put "$dest/tls" "-lhiredis_ssl -lssl -lcrypto"
    exit 0
fi

stamp="$(sha256sum < "$0") $variant $source $(gcc -dumpfullversion)"

if [ ! -f "$dest/stamp" ] || [ "$(cat "$dest/stamp")" != "$stamp" ]; then

    if [ -z "${EVOLU_HIREDIS_SOURCE:-}" ]; then
        fetch
        rm -rf "$source"
        tar -C "$cache" -xzf "$tarball"
    fi

    rm -rf "${dest:?}"/{include,lib,obj}
    mkdir -p "$dest/include/hiredis" "$dest/lib" "$dest/obj"

    for name in alloc async hiredis net read sds sockcompat ssl; do
        gcc -std=gnu99 "${optimize[@]}" -fPIC -fvisibility=hidden -DNDEBUG \
            -c -o "$dest/obj/$name.o" "$source/$name.c"
    done

    ar rcs "$dest/lib/libhiredis.a" "$dest"/obj/*.o

    for name in alloc hiredis hiredis_ssl read sds; do
        cp "$source/$name.h" "$dest/include/hiredis/"
    done

    printf '%s\n' "$stamp" > "$dest/stamp"
fi

put "$dest/cflags" "-I$dest/include"
put "$dest/libs" "$dest/lib/libhiredis.a"
put "$dest/tls" "-lssl -lcrypto"

echo "$dest"
