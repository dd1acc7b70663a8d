#!/bin/bash
# Copyright (C) Evolu Auth Authors
#
# build-nginx.sh static     build/static/nginx, with the module linked in
# build-nginx.sh sanitize   build/sanitize/nginx under ASan, its pools broken
#                           up into single allocations, and the module under
#                           ASan and UBSan
#
# Both from the distribution's source package of the nginx that is installed.
# (UBSan stops nginx itself at start, on memcpy() of nothing from NULL.)

set -euo pipefail
unset LIBRARY_PATH

variant=${1:-}
top=$(cd "$(dirname "$0")/.." && pwd)
build=$(realpath -m "${BUILD:-$top/build}")
export BUILD=$build
cache=$build/cache
module=ngx_http_evolu_auth_module.so

# shellcheck source=/dev/null
. /etc/os-release

mkdir -p "$cache" "$build/$variant"
exec 9> "$build/$variant/lock"
flock 9

version=$(sed -n 's/^#define NGINX_VERSION *"\(.*\)"/\1/p' \
          /usr/share/nginx/src/src/core/nginx.h)
source=$cache/nginx-$version

flags=(--with-compat --with-debug --with-pcre-jit --with-threads
       --error-log-path=stderr --http-log-path=access.log
       --with-http_ssl_module --with-http_v2_module
       --with-http_realip_module --with-http_auth_request_module
       --with-http_stub_status_module --with-http_addition_module
       --with-http_sub_module --with-http_slice_module
       --with-http_gunzip_module --with-http_secure_link_module
       --with-http_dav_module)


fetch()
{
    local fetched

    if [ -d "$source" ]; then
        return
    fi

    fetched=$(mktemp -d "$cache/fetch.XXXXXX")

    if ! bash "$top/scripts/fetch.sh" source "$VERSION_CODENAME" "$fetched" \
         nginx > "$cache/nginx.log" 2>&1 \
       || ! mv "$fetched/nginx-$version" "$source"
    then
        cat "$cache/nginx.log" >&2
        echo "build-nginx.sh: found no source of nginx $version" >&2
        rm -rf "$fetched"
        exit 1
    fi

    rm -rf "$fetched"
}


# configured DIR FLAG...: runs configure for DIR unless that was done before
# with the same inputs

configured()
{
    local objs=$1 inputs
    shift

    inputs=$({ if [[ "$*" == *module="$top" ]]; then
                   cat "$top/config" "$top/src/ngx_http_evolu_auth.map" \
                       "$build"/hiredis*/libs "$build"/hiredis*/stamp \
                       2> /dev/null || true
               fi

               printf '%s\n' "$version" "$objs" "$@"
               gcc -v 2>&1; } | sha256sum)

    if [ "$(cat "$objs/inputs" 2> /dev/null || true)" = "$inputs" ]; then
        return
    fi

    rm -rf "$objs"
    mkdir -p "$objs"

    if ! (cd "$source" && ./configure --builddir="$objs" "$@") \
         > "$objs/configure.log" 2>&1
    then
        tail -n 15 "$objs/configure.log" >&2
        echo "build-nginx.sh: configure failed, see $objs/configure.log and" \
             "$objs/autoconf.err" >&2
        exit 1
    fi

    printf '%s\n' "$inputs" > "$objs/inputs"
}


fetch

dest=$build/$variant

case $variant in
    static)
        EVOLU_HIREDIS=$(bash "$top/scripts/hiredis.sh")
        export EVOLU_HIREDIS

        configured "$dest/objs" --prefix="$dest/root" "${flags[@]}" \
            --with-cc-opt='-g -O2 -fstack-protector-strong' \
            --with-ld-opt='-Wl,-z,relro' --add-module="$top"

        make -s -C "$source" -f "$dest/objs/Makefile" binary
        cp -u "$dest/objs/nginx" "$dest/nginx"
        ;;

    sanitize)
        EVOLU_HIREDIS=$(bash "$top/scripts/hiredis.sh" sanitize)
        export EVOLU_HIREDIS

        asan='-fsanitize=address -fno-omit-frame-pointer -g -O1'
        ubsan='-fsanitize=undefined -fno-sanitize-recover=undefined'

        configured "$dest/core" --prefix="$dest/root" "${flags[@]}" \
            --with-cc-opt="$asan -DNGX_DEBUG_PALLOC=1" \
            --with-ld-opt=-fsanitize=address

        make -s -C "$source" -f "$dest/core/Makefile" binary

        configured "$dest/module" --prefix="$dest/root" "${flags[@]}" \
            --with-cc-opt="$asan $ubsan" \
            --with-ld-opt='-fsanitize=address,undefined' \
            --add-dynamic-module="$top"

        make -s -C "$source" -f "$dest/module/Makefile" modules

        cp -u "$dest/core/nginx" "$dest/nginx"
        cp -u "$dest/module/$module" "$dest/$module"
        ;;

    *)
        echo "build-nginx.sh: static or sanitize, not \"$variant\"" >&2
        exit 2
        ;;
esac
