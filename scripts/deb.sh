#!/bin/bash
# Copyright (C) Evolu Auth Authors
#
# deb.sh SUITE...   builds the Debian packages of HEAD for each SUITE, bookworm
#                   or trixie, into build/deb/SUITE; the source package, and
#                   all else of an upload, into build/deb/SUITE/upload
#
# Each in a fresh root (root.sh) that holds what debian/control asks for, as an
# ordinary user and without a network.  Fails on what lintian calls a warning or
# an error.
#
# DEB_REVISION=N   the N at the end of the version, 1 unless told otherwise

set -euo pipefail
unset LIBRARY_PATH

top=$(cd "$(dirname "$0")/.." && pwd)
build=$(realpath -m "${BUILD:-$top/build}")
export BUILD=$build
revision=${DEB_REVISION:-1}
root=

source=libnginx-mod-http-evolu-auth
profile=pkg.$source.hiredis

builder=1000:1000
as_builder=(setpriv --reuid 1000 --regid 1000 --clear-groups
            env HOME=/build USER=builder)

cd "$top"
trap '[ -z "$root" ] || bash scripts/root.sh remove "$root"' EXIT

if [ $# -eq 0 ]; then
    sed -n '4,6s/^# //p' "$0" >&2
    exit 2
fi


# What is known of a suite: its number, and whether its hiredis is too old.

number()
{
    case $1 in
        bookworm) echo 12 ;;
        trixie) echo 13 ;;
        *) echo "deb.sh: bookworm or trixie, not \"$1\"" >&2; return 2 ;;
    esac
}


# The source package's folder and tarballs, in $1.  An entry on top of the
# changelog says for which release it was built: Debian 13's version is the
# newer one.

unpack()
{
    local dir=$1 suite=$2 version debian upstream date log

    log=debian/changelog
    version=$(git show "HEAD:$log" | sed -n '1s/.*(\(.*\)).*/\1/p')
    date=$(git log -1 --format=%cD)
    upstream=${version%-*}
    debian=$version~deb$(number "$suite")+$revision

    git archive --format=tar --prefix="$source-$upstream/" HEAD -- . \
        ':(exclude)debian' | gzip -9n > "$dir/${source}_$upstream.orig.tar.gz"
    cp "$(bash scripts/hiredis.sh source)" \
        "$dir/${source}_$upstream.orig-hiredis.tar.gz"

    tar -C "$dir" -xzf "$dir/${source}_$upstream.orig.tar.gz"
    dir=$dir/$source-$upstream
    git archive HEAD debian | tar -C "$dir" -x
    mkdir "$dir/hiredis"
    tar -C "$dir/hiredis" --strip-components=1 -xzf \
        "$dir/../${source}_$upstream.orig-hiredis.tar.gz"

    {
        printf '%s (%s) %s; urgency=medium\n\n' "$source" "$debian" "$suite"
        printf '  * Built for Debian %s.\n\n' "$(number "$suite")"
        printf ' -- %s  %s\n\n' \
            "$(git show "HEAD:debian/control" | sed -n 's/^Maintainer: //p')" \
            "$date"
        git show "HEAD:$log"
    } > "$dir/$log"

    echo "$source-$upstream"
}


package()
{
    local suite=$1 folder profiles='' out=$build/deb/$1

    [ "$(number "$suite")" -ge 13 ] || profiles=$profile

    root=$(mktemp -d /tmp/evolu-deb.XXXXXX)
    bash scripts/root.sh make "$suite" "$root/root" build-essential lintian

    echo "deb: $suite: packages to build with"
    mkdir -p "$root/root/build/src"
    folder=$(unpack "$root/root/build/src" "$suite")

    if ! bash scripts/root.sh online "$root/root" bash -ec "
            export DEBIAN_FRONTEND=noninteractive
            apt-get -qq update
            apt-get -qq -y -P '$profiles' build-dep /build/src/$folder
            chown -R $builder /build" > "$root/log" 2>&1
    then
        tail -n 20 "$root/log" >&2
        exit 1
    fi

    echo "deb: $suite: build"

    if ! bash scripts/root.sh run "$root/root" "${as_builder[@]}" bash -ec "
            cd /build/src/$folder
            export DEB_BUILD_OPTIONS=parallel=2 DEB_BUILD_PROFILES='$profiles'
            dpkg-buildpackage --no-sign" > "$root/log" 2>&1
    then
        tail -n 40 "$root/log" >&2
        echo "deb.sh: $suite: the build failed" >&2
        exit 1
    fi

    echo "deb: $suite: lintian"
    bash scripts/root.sh run "$root/root" "${as_builder[@]}" bash -ec \
        'cd /build/src; lintian --fail-on error,warning --tag-display-limit 0 \
             --info *.changes'

    rm -rf "$out"
    mkdir -p "$out/upload"
    find "$root/root/build/src" -maxdepth 1 -type f -exec cp {} "$out/upload" \;
    find "$out/upload" -name '*.deb' -not -name '*-dbgsym_*' \
        -exec cp -l {} "$out" \;
    cp "$root/log" "$out/build.log"

    bash scripts/root.sh remove "$root"
    root=

    echo "deb: $suite: passed"
    printf '    %s\n' "$out"/*.deb
}


for suite in "$@"; do
    number "$suite" > /dev/null
done

for suite in "$@"; do
    package "$suite"
done
