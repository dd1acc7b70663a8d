#!/bin/bash
# Copyright (C) Evolu Auth Authors
#
# fault-selftest.sh [BUG...]   a fault suite that can't fail is none: seeds
# bugs, each in a copy of the tree, and looks that a row is broken by it, in the
# way that is expected.  All bugs unless some are named.

set -euo pipefail
unset LIBRARY_PATH

top=$(cd "$(dirname "$0")/.." && pwd)
build=$(realpath -m "${BUILD:-$top/build}")
copy=$(mktemp -d)
trap 'rm -rf "$copy"' EXIT

export EVOLU_BUILD=$build
passed=0 failed=0


bugs=(sequence push coverage outage stale)

# known BUG: sets is: the row that finds it, what it counts then, and any number
# of times a file, what is there, what is put in its place

known()
{
    case $1 in
        sequence)
            is=(late-link 'wrong_(allows|denies): [1-9]' cache.c
                'bucket->sequence == mark->sequence'
                'bucket->sequence >= mark->sequence')
            ;;
        push)
            is=(late-link 'wrong_allows: [1-9]' store.c
                'ngx_http_evolu_auth_cache_drop(store->cache, locator);' '')
            ;;
        coverage)
            is=(stopped-and-cut 'wrong_allows: [1-9]' cache_zone.c
                '(ngx_current_msec - sh->covered_until) >= 0' '0 > 1'
                cache_cover.c 'return slot->tracked' 'return slot->tracked; }
                static ngx_inline ngx_uint_t never_asked(
                    ngx_http_evolu_auth_cache_slot_t *slot)
                { return slot->tracked')
            ;;
        outage)
            is=(acl-denied 'wrong_denies: [1-9]' redis_reply.c
                'NGX_HTTP_EVOLU_AUTH_READ_OUTAGE, NULL, 0);'
                'NGX_HTTP_EVOLU_AUTH_READ_VOID, NULL, 0);')
            ;;
        stale)
            is=(stale-ends 'answered after that: [1-9]' cache.c
                'ngx_http_evolu_auth_cache_elapsed(sh->last_good) <'
                '0 * ngx_http_evolu_auth_cache_elapsed(sh->last_good) <')
            ;;
        *)
            echo "fault-selftest.sh: no bug \"$1\"" >&2
            exit 2
            ;;
    esac
}


seed()
{
    local file=$copy/tree/src/ngx_http_evolu_auth_$1

    OLD=$2 NEW=$3 perl -0pi -e \
        's/\Q$ENV{OLD}\E/$ENV{NEW}/g or die "seed is not there\n"' "$file"
}


for bug in "${@:-${bugs[@]}}"; do
    known "$bug"

    rm -rf "$copy/tree"
    mkdir -p "$copy/tree/build"
    cp -r "$top"/{config,Makefile,ngx_http_evolu_auth_module.c,src,scripts} \
        "$copy/tree/"
    cp -r "$build/hiredis" "$copy/tree/build/"

    for ((i = 2; i < ${#is[@]}; i += 3)); do
        seed "${is[@]:i:3}"
    done

    BUILD=$copy/tree/build bash "$copy/tree/scripts/build-module.sh"

    EVOLU_MODULE=$copy/tree/build/ngx_http_evolu_auth_module.so \
        perl "$top/t/fault/fault.pl" "${is[0]}" > "$copy/out" || true

    if grep -qE "${is[1]}" "$copy/out"; then
        echo "fault-selftest: $bug: found by ${is[0]}"
        passed=$((passed + 1))
    else
        cat "$copy/out"
        echo "fault-selftest: $bug: not found by ${is[0]}"
        failed=$((failed + 1))
    fi
done

exec bash "$top/scripts/count.sh" fault-selftest $passed $failed
