#!/bin/bash
# Copyright (C) Evolu Auth Authors
#
# Builds build/ngx_http_evolu_auth_module.so against the distribution's nginx
# (package nginx-dev).  Everything is written to build/nginx; configure, the
# slow part, runs only when something that it reads has changed.
#
# build-module.sh configure   stops after that: for who needs nginx's headers

set -euo pipefail
unset LIBRARY_PATH

top=$(cd "$(dirname "$0")/.." && pwd)
build=$(realpath -m "${BUILD:-$top/build}")
export BUILD=$build
objs=$build/nginx
nginx=/usr/share/nginx/src
module=ngx_http_evolu_auth_module.so

EVOLU_HIREDIS=$(bash "$top/scripts/hiredis.sh")
export EVOLU_HIREDIS

mkdir -p "$objs"
exec 9> "$build/nginx.lock"
flock 9

# shellcheck source=/dev/null
. $nginx/conf_flags

cflags="$(dpkg-buildflags --get CFLAGS) $(dpkg-buildflags --get CPPFLAGS) -fPIC"
ldflags="$(dpkg-buildflags --get LDFLAGS) -fPIC"

inputs=$({ cat "$top/config" "$top/src/ngx_http_evolu_auth.map" \
               $nginx/conf_flags $nginx/src/core/nginx.h \
               "$build/hiredis/libs" "$build/hiredis/cflags"
           cat "$build/hiredis/stamp" 2> /dev/null || true
           echo "$top $objs $cflags $ldflags"
           gcc -v 2>&1; } | sha256sum)

if [ "$(cat "$objs/inputs" 2> /dev/null || true)" != "$inputs" ]; then
    rm -rf "$objs"
    mkdir -p "$objs"

    if ! (cd $nginx && ./configure --with-cc-opt="$cflags" \
            --with-ld-opt="$ldflags" "${NGX_CONF_FLAGS[@]}" \
            --builddir="$objs" --add-dynamic-module="$top") \
         > "$objs/configure.log" 2>&1
    then
        tail -n 15 "$objs/configure.log" >&2
        echo "build-module.sh: configure failed, see $objs/configure.log and" \
             "$objs/autoconf.err" >&2
        exit 1
    fi

    printf '%s\n' "$inputs" > "$objs/inputs"
fi

if [ "${1:-}" = configure ]; then
    exit 0
fi

make -s -C $nginx -f "$objs/Makefile" modules

bash "$top/scripts/loads.sh" /usr/sbin/nginx "$objs/$module"

# by rename: an nginx that runs has the old file mapped

if ! cmp -s "$objs/$module" "$build/$module"; then
    cp "$objs/$module" "$build/$module.new"
    mv "$build/$module.new" "$build/$module"
fi
