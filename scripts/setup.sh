#!/bin/bash
# Copyright (C) Evolu Auth Authors
#
# setup.sh build     the packages that "make build" and "make demo" need
# setup.sh test      these, and what the tests and lint need
# setup.sh bench     these, and what the comparison with other guards needs
# setup.sh pack      what fresh roots, packages and images are made with
#
# For Debian 12 and 13, with nothing installed.  Says nothing and asks apt
# nothing when all packages are there.  Starts no service.

set -euo pipefail
unset LIBRARY_PATH
export DEBIAN_FRONTEND=noninteractive

top=$(cd "$(dirname "$0")/.." && pwd)
build=$(realpath -m "${BUILD:-$top/build}")
export BUILD=$build
mode=${1:-test}
log=$build/setup.log
policy=/usr/sbin/policy-rc.d

# shellcheck source=/dev/null
. /etc/os-release

if [ "${ID:-}" != debian ]; then
    echo "setup.sh: this is ${PRETTY_NAME:-unknown}; package names are known" \
         "for Debian 12 and 13 only" >&2
    exit 1
fi

release=${VERSION_ID:-99}          # testing and unstable have no number

packages=(gcc libc6-dev make dpkg-dev pkgconf nginx nginx-dev libssl-dev
          libsodium-dev libjansson-dev redis-server redis-tools perl curl
          procps openssl)

# Debian 12's hiredis is too old: scripts/hiredis.sh builds one

if [ "$release" -ge 13 ]; then
    packages+=(libhiredis-dev)
fi

case $mode in
    build)
        ;;
    bench)
        packages+=(valgrind libjemalloc2 strace libnginx-mod-http-lua)
        ;;
    test)
        packages+=(chromium-headless-shell fail2ban)
        packages+=(libjemalloc2)        # the heap of nginx under callgrind
        packages+=(bsdutils)            # a terminal: script
        packages+=(libcmocka-dev clang libclang-rt-dev cppcheck shellcheck
                   valgrind nghttp2-client wrk libtest-nginx-perl spin faketime
                   postgresql mariadb-server zsh mandoc)

        # or node of another origin, with its npm

        if ! { command -v node && command -v npm; } > /dev/null; then
            packages+=(nodejs npm)
        fi
        ;;
    pack)
        packages=(mmdebstrap mount iproute2 dpkg-dev git curl jq buildah podman
                  runc redis-server redis-tools dnsmasq-base)
        ;;
    *)
        echo "setup.sh: build, test, bench or pack, not \"$mode\"" >&2
        exit 2
        ;;
esac


# Prints those of its arguments that are not installed.

absent()
{
    local have name

    have=$(dpkg-query -W -f '${Package} ${db:Status-Status}\n' "$@" \
           2> /dev/null) || true

    for name in "$@"; do
        if ! grep -qxF "$name installed" <<< "$have"; then
            echo "$name"
        fi
    done
}


# step TEXT COMMAND...: one line on the terminal, the output in the log

step()
{
    local text=$1
    shift

    echo "setup: $text"

    if ! "$@" >> "$log" 2>&1; then
        tail -n 5 "$log" >&2
        echo "setup.sh: that failed; all of it is in $log" >&2
        exit 1
    fi
}


# apt-get waits for the lock of dpkg when told to, for that of its lists never

update()
{
    local try

    for try in {1..60}; do
        if apt-get -qq update 2>&1 | tee "$log.update"; then
            rm -f "$log.update"
            return 0
        fi

        if ! grep -q 'Could not get lock' "$log.update"; then
            return 1
        fi

        echo "try $try: another apt holds the lists"
        sleep 2
    done

    return 1
}


install()
{
    apt-get -qq -y -o Dpkg::Use-Pty=0 -o DPkg::Lock::Timeout=300 \
        --no-install-recommends install "$@"
}


mapfile -t missing < <(absent "${packages[@]}")

if [ ${#missing[@]} -eq 0 ]; then
    exit 0
fi

if [ "$(id -u)" -ne 0 ]; then
    cat >&2 << END
setup.sh: these packages are missing:
    ${missing[*]}
Installing them takes root.  Run this, then make again:
    sudo $top/scripts/setup.sh $mode
END
    exit 1
fi

mkdir -p "$build"
echo "== setup.sh $mode: ${missing[*]}" >> "$log"

if [ -n "${SUDO_UID:-}" ]; then
    chown "$SUDO_UID:${SUDO_GID:-0}" "$build" "$log"
fi

# Packages start their services unless this file says no.

temp=$(mktemp -d)
made=

cleanup()
{
    rm -rf "$temp"
    [ -z "$made" ] || rm -f "$policy"
}

trap cleanup EXIT

if [ ! -e "$policy" ]; then
    made=yes
    printf '#!/bin/sh\nexit 101\n' > "$policy"
    chmod 755 "$policy"
fi

step "package lists" update

# Test::Nginx is packaged in later releases only; it is plain Perl.

from_release=()
from_later=()

for name in "${missing[@]}"; do
    if [ "$name" = libtest-nginx-perl ] \
       && [ -z "$(apt-cache -q=2 madison "$name" 2> /dev/null)" ]
    then
        step "$name, from forky" \
            bash "$top/scripts/fetch.sh" deb forky "$temp" "$name"
        from_later=("$temp"/*.deb)
        chmod 755 "$temp"
    else
        from_release+=("$name")
    fi
done

step "packages: ${missing[*]}" \
    install "${from_release[@]}" "${from_later[@]}"

mapfile -t missing < <(absent "${packages[@]}")

if [ ${#missing[@]} -ne 0 ]; then
    echo "setup.sh: still missing after the installation: ${missing[*]}" >&2
    exit 1
fi
