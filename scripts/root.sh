#!/bin/bash
# Copyright (C) Evolu Auth Authors
#
# root.sh make SUITE DIR [PACKAGE...]   a fresh Debian of SUITE in the new
#                                       folder DIR, with these packages
# root.sh run DIR COMMAND...            runs COMMAND in it, without a network
# root.sh online DIR COMMAND...         the same with the machine's network
# root.sh remove DIR                    removes it
#
# SUITE is bookworm, trixie, forky or sid, from the Debian mirror that this
# machine uses already.  As root, with mmdebstrap.  What was made once is kept
# in build/cache/roots, for a day, and unpacked the next time.
#
# COMMAND has mounts and processes of its own, and under "run" a loopback of
# its own, too; all that it started ends with it, or after ROOT_SECONDS (1200).

set -euo pipefail
unset LIBRARY_PATH

top=$(cd "$(dirname "$0")/.." && pwd)
build=$(realpath -m "${BUILD:-$top/build}")
cache=$build/cache/roots
seconds=${ROOT_SECONDS:-1200}

export PATH=$PATH:/usr/sbin:/sbin


# mirror LABEL   where apt takes this release from, and its security updates

mirror()
{
    # shellcheck disable=SC2016  # it is apt that expands this
    apt-get indextargets --format '$(REPO_URI)' 'Created-By: Packages' \
        'Origin: Debian' "Label: $1" | head -n 1
}


# Writes the sources of suite $1: as an installation has them.

sources()
{
    local suite=$1 main security
    local keys=/usr/share/keyrings/debian-archive-keyring.gpg

    main=$(mirror Debian)
    security=$(mirror Debian-Security)

    if [ -z "$main" ]; then
        echo "root.sh: apt knows no Debian mirror; run 'apt-get update' as" \
             "root first" >&2
        return 1
    fi

    echo "deb [signed-by=$keys] $main $suite main"

    case $suite in
        bookworm | trixie)
            if [ -n "$security" ]; then
                echo "deb [signed-by=$keys] $security $suite-security main"
            fi
            ;;
    esac
}


# A mirror may be a snapshot, whose Release files have expired.  No service is
# started in a root, and what it has is what a container's Debian has.

bootstrap()
{
    local suite=$1 tar=$2 packages=$3 list=$cache/debian-$1.list

    sources "$suite" > "$list"

    # shellcheck disable=SC2016  # it is mmdebstrap's shell that expands this
    if ! mmdebstrap --mode=root --variant=apt --format=tar \
            --aptopt='Acquire::Check-Valid-Until "false"' \
            --aptopt='APT::Install-Recommends "false"' \
            --aptopt='Acquire::Languages "none"' \
            --include="debian-archive-keyring${packages:+,$packages}" \
            --setup-hook='mkdir -p "$1/usr/sbin"
                          printf "#!/bin/sh\nexit 101\n" \
                              > "$1/usr/sbin/policy-rc.d"
                          chmod 755 "$1/usr/sbin/policy-rc.d"' \
            "$suite" "$tar.new" "$list" > "$tar.log" 2>&1
    then
        tail -n 5 "$tar.log" >&2
        echo "root.sh: no $suite; all of it is in $tar.log" >&2
        rm -f "$tar.new"
        return 1
    fi

    mv "$tar.new" "$tar"
}


make_root()
{
    local suite=$1 dir=$2 packages tar name
    shift 2

    packages=$(printf '%s\n' "$@" | sort -u | paste -sd,)
    name=$suite-$(printf '%s' "$packages" | sha256sum | cut -c1-12)
    tar=$cache/$name.tar

    if [ -e "$dir" ]; then
        echo "root.sh: $dir is there already" >&2
        return 1
    fi

    mkdir -p "$cache"
    exec 9> "$tar.lock"
    flock 9

    if [ -z "$(find "$tar" -mtime -1 -newer "$0" 2> /dev/null)" ]; then
        bootstrap "$suite" "$tar" "$packages"
    fi

    mkdir -p "$dir"
    tar -C "$dir" -xf "$tar" --numeric-owner
    exec 9>&-
}


# Bash is the first process in there, since it reaps what is left to it.

run()
{
    local network=$1 dir=$2 isolate=(--mount --pid --fork --kill-child)
    shift 2

    if [ "$network" = no ]; then
        isolate+=(--net)
    else
        cp /etc/resolv.conf "$dir/etc/resolv.conf"
    fi

    # shellcheck disable=SC2016  # expanded inside
    timeout --foreground -k 5 "$seconds" unshare "${isolate[@]}" bash -c '
        set -e
        network=$1 root=$2
        shift 2

        if [ "$network" = no ]; then ip link set lo up; fi

        # a mount point, so that one may unshare in there, too

        mount --bind "$root" "$root"
        mount -t proc proc "$root/proc"
        mount --rbind /dev "$root/dev"
        mount --rbind /sys "$root/sys"

        env -i PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin \
            HOME=/root TERM="${TERM:-dumb}" LC_ALL=C.UTF-8 \
            ${JOBS:+JOBS="$JOBS"} chroot "$root" "$@" \
            || exit $?' _ "$network" "$dir" "$@"
}


if [ "$(id -u)" -ne 0 ]; then
    echo "root.sh: making and entering a root takes root" >&2
    exit 1
fi

verb=${1:-}

case $verb,$# in
    make,0 | make,1 | make,2 | run,1 | run,2 | online,1 | online,2 | remove,1)
        verb=
        ;;
esac

case $verb in
    make)
        if ! command -v mmdebstrap > /dev/null; then
            echo "root.sh: mmdebstrap is missing: apt-get install mmdebstrap" >&2
            exit 1
        fi

        make_root "${@:2}"
        ;;

    run)
        run no "${@:2}"
        ;;

    online)
        run yes "${@:2}"
        ;;

    remove)
        rm -rf --one-file-system "$2"
        ;;

    *)
        sed -n '4,8s/^# //p' "$0" >&2
        exit 2
        ;;
esac
