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

optimize=(-g -O2 -fstack-protector-strong -D_FORTIFY_SOURCE=2)

case $variant in
    plain)
        dest=$build/hiredis
        ;;
    sanitize)
        dest=$build/hiredis-sanitize
        optimize=(-g -O1 -fno-omit-frame-pointer -fsanitize=address
                  -fsanitize=undefined -fno-sanitize-recover=undefined)
        ;;
    *)
        echo "hiredis.sh: plain or sanitize, not \"$variant\"" >&2
        exit 2
        ;;
esac

mkdir -p "$dest" "$cache"

# one at a time: two makes may run in one tree

exec 9> "$dest/lock"
flock 9


# Writes $2 to the file $1 unless it holds that already: make looks at times.

put()
{
    if [ ! -f "$1" ] || [ "$(cat "$1")" != "$2" ]; then
        printf '%s\n' "$2" > "$1"
    fi
}


if [ "$variant" = plain ] && pkg-config --atleast-version=1.0 hiredis; then
    # "#include <hiredis/hiredis.h>": the .pc file may name the inner folder

    put "$dest/cflags" "-I$(pkg-config --variable=includedir hiredis)"
    put "$dest/libs" "$(pkg-config --libs hiredis)"
    put "$dest/tls" "-lhiredis_ssl -lssl -lcrypto"
    exit 0
fi

stamp="$(sha256sum < "$0") $variant $(gcc -dumpfullversion)"

if [ ! -f "$dest/stamp" ] || [ "$(cat "$dest/stamp")" != "$stamp" ]; then

    if [ ! -d "$cache/hiredis-$version" ]; then
        fetched=$(mktemp -d "$cache/fetch.XXXXXX")
        trap 'rm -rf "$fetched"' EXIT

        bash "$top/scripts/fetch.sh" source $suite "$fetched" hiredis \
            > "$fetched/log" 2>&1 || { cat "$fetched/log" >&2; exit 1; }

        if ! echo "$sum  $fetched/hiredis_$version.orig.tar.gz" \
             | sha256sum --check --status
        then
            echo "hiredis.sh: $suite's hiredis is not the $version that" \
                 "this script was written for" >&2
            exit 1
        fi

        mv "$fetched/hiredis-$version" "$cache/"
    fi

    rm -rf "${dest:?}"/{include,lib,obj}
    mkdir -p "$dest/include/hiredis" "$dest/lib" "$dest/obj"

    for name in alloc async hiredis net read sds sockcompat ssl; do
        gcc -std=gnu99 "${optimize[@]}" -fPIC -fvisibility=hidden -DNDEBUG \
            -c -o "$dest/obj/$name.o" "$cache/hiredis-$version/$name.c"
    done

    ar rcs "$dest/lib/libhiredis.a" "$dest"/obj/*.o

    for name in alloc hiredis hiredis_ssl read sds; do
        cp "$cache/hiredis-$version/$name.h" "$dest/include/hiredis/"
    done

    printf '%s\n' "$stamp" > "$dest/stamp"
fi

put "$dest/cflags" "-I$dest/include"
put "$dest/libs" "$dest/lib/libhiredis.a"
put "$dest/tls" "-lssl -lcrypto"

echo "$dest"
