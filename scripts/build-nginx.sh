#!/bin/bash
# Copyright (C) Evolu Auth Authors
#
# build-nginx.sh static     build/static/nginx, with the module linked in
# build-nginx.sh sanitize   build/sanitize/nginx under ASan, its pools broken
#                           up into single allocations, and the module under
#                           ASan and UBSan
# build-nginx.sh fault      build/fault/nginx, as static, but what the module
#                           takes memory with may be told to fail, or to kill
#                           the worker inside the zone's lock: t/fault/hook.c
#
# All from the distribution's source package of the nginx that is installed.
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


# hooked DIR: builds with calls of the module's objects by the names of
# t/fault/hook.c, which is made a part of one of them

hooked()
{
    local objs=$1 make=(make -s -C "$source" -f "$1/Makefile") main name args=()

    main=$(sed -n 's,^\([^ ]*/ngx_http_evolu_auth_module\.o\):.*,\1,p' \
           "$objs/Makefile")

    while read -r name; do
        args+=(--redefine-sym "$name=evolu_fault_$name")
    done < <(sed -n 's/^evolu_fault_\([a-z_]*\)(.*/\1/p' "$top/t/fault/hook.c")

    rm -f "$main"
    "${make[@]}" "$main"

    # shellcheck disable=SC2046  # flags, as nginx's makefile has them
    (cd "$source" && gcc -c $(sed -n 's/^CFLAGS = //p' "$objs/Makefile") \
         -I src/core -I src/event -I src/event/modules -I src/os/unix \
         -I src/http -I src/http/modules -I src/http/v2 -I "$objs" \
         "@$build/hiredis/cflags" -o "$objs/hook.o" "$top/t/fault/hook.c")

    objcopy "${args[@]}" "$main"
    ld -r -o "$main.new" "$main" "$objs/hook.o"
    mv "$main.new" "$main"

    "${make[@]}" binary

    for name in "$objs"/addon/*/*evolu*.o; do
        [ "$name" = "$main" ] || objcopy "${args[@]}" "$name"
    done

    "${make[@]}" binary
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

    fault)
        EVOLU_HIREDIS=$(bash "$top/scripts/hiredis.sh")
        export EVOLU_HIREDIS

        configured "$dest/objs" --prefix="$dest/root" "${flags[@]}" \
            --with-cc-opt='-g -O1' --add-module="$top"

        hooked "$dest/objs"
        cp -u "$dest/objs/nginx" "$dest/nginx"
        ;;

    *)
        echo "build-nginx.sh: static, sanitize or fault, not \"$variant\"" >&2
        exit 2
        ;;
esac
