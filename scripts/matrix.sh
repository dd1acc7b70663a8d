#!/bin/bash
# Copyright (C) Evolu Auth Authors
#
# matrix.sh [ROW...]   the test suite of HEAD against each nginx that it is for
#
#     bookworm   nginx 1.22, the module loaded
#     trixie     nginx 1.26
#     forky      nginx 1.30
#     static     nginx 1.22 of bookworm, the module linked in (--add-module)
#     valkey     nginx 1.26, and trixie's Valkey in the place of Redis
#
# Each in a fresh root of that Debian (root.sh): the packages of setup.sh from
# the mirror, all the rest without a network.  Prints one line a row; the
# output of a row is in build/matrix.
#
# Forky moves: where it has no nginx 1.30 any more, or its packages cannot be
# installed today, its row says so and fails nothing.

set -euo pipefail
unset LIBRARY_PATH

top=$(cd "$(dirname "$0")/.." && pwd)
build=$(realpath -m "${BUILD:-$top/build}")
export BUILD=$build
logs=$build/matrix
root='' failed=0


declare -A suites=([bookworm]=bookworm [trixie]=trixie [forky]=forky
                   [static]=bookworm [valkey]=trixie)
declare -A versions=([bookworm]=1.22 [trixie]=1.26 [forky]=1.30 [static]=1.22
                     [valkey]=1.26)


line()
{
    printf 'matrix: %-9s nginx %-7s %s\n' "$row" "$nginx" "$*"
}


# What each runner counted, in the clone.

counts()
{
    local file

    for file in "$root"/root/root/evolu-auth/build/counts/*; do
        [ -f "$file" ] || continue
        awk -v name="${file##*/}" \
            '{ printf ", %s %d/%d", name, $1, $1 + $2 }' "$file"
    done
}


run_row()
{
    local log=$logs/$row.log suite=${suites[$row]} status=0 targets result
    local make=(make -C /root/evolu-auth --no-print-directory)

    targets=(unit suite suite-master cli)
    [ "$row" != static ] || targets=(static)
    [ "$row" != valkey ] || targets=(EVOLU_REDIS_SERVER=valkey-server suite)

    SECONDS=0
    nginx="?"
    root=$(mktemp -d /tmp/evolu-matrix.XXXXXX)

    if ! {
        bash "$top/scripts/root.sh" make "$suite" "$root/root" git make \
            ca-certificates
        git clone -q --no-hardlinks "$top" "$root/root/root/evolu-auth"
        bash "$top/scripts/root.sh" online "$root/root" "${make[@]}" setup
        bash "$top/scripts/root.sh" online "$root/root" \
            /root/evolu-auth/scripts/hiredis.sh source

        if [ "$row" = static ]; then
            bash "$top/scripts/root.sh" online "$root/root" \
                /root/evolu-auth/scripts/build-nginx.sh static
        fi

        if [ "$row" = valkey ]; then
            bash "$top/scripts/root.sh" online "$root/root" \
                apt-get install -y valkey-server
        fi
    } > "$log" 2>&1
    then
        line "not tried: its packages cannot be installed, see $log"
        [ "$row" = forky ] || failed=1
        return
    fi

    nginx=$(bash "$top/scripts/root.sh" run "$root/root" nginx -v 2>&1 \
            | sed -n 's,^nginx version: nginx/,,p')

    bash "$top/scripts/root.sh" run "$root/root" "${make[@]}" -k \
        "${targets[@]}" >> "$log" 2>&1 || status=$?

    result=passed
    [ $status -eq 0 ] || result="FAILED, see $log"
    result="$result$(counts), $SECONDS s"

    case $nginx in
        "${versions[$row]}".*)
            [ $status -eq 0 ] || failed=1
            ;;

        *)
            result="$result (this row was for nginx ${versions[$row]})"
            [ $status -eq 0 ] || [ "$row" = forky ] || failed=1
            ;;
    esac

    line "$result"
}


[ $# -ne 0 ] || set -- bookworm trixie forky static valkey

for row in "$@"; do
    if [ -z "${suites[$row]:-}" ]; then
        echo "matrix.sh: no row \"$row\"; there are ${!suites[*]}" >&2
        exit 2
    fi
done

trap '[ -z "$root" ] || bash "$top/scripts/root.sh" remove "$root"' EXIT
mkdir -p "$logs"

for row in "$@"; do
    run_row
    bash "$top/scripts/root.sh" remove "$root"
    root=
done

exit $failed
