#!/bin/bash
# Copyright (C) Evolu Auth Authors
#
# guides.sh [NAME...]   follows the guides of docs/, by copy and paste
#
# In a copy of this machine's root that is thrown away, with processes and a
# network of its own: so the guides' paths and ports are what they say.  There
# t/guides/NAME.sh starts the system that the guide begins with, then its
# commands (the blocks after "run") are run in one shell, and what they print is
# held to what it says ("prints").  Without root, or without namespaces, they
# cannot be followed.

set -euo pipefail
unset LIBRARY_PATH

top=$(cd "$(dirname "$0")/.." && pwd)
build=$(realpath -m "${BUILD:-$top/build}")
export BUILD=$build
out=$build/reports/guides
passed=0 failed=0

guides=("$@")

if [ ${#guides[@]} -eq 0 ]; then
    guides=(evolution-api evolu-integrators)
fi

if ! unshare --mount --net --pid --fork true 2> /dev/null; then
    echo "guides: not followed: it takes root, and namespaces" >&2
    exit 0
fi

bash "$top/scripts/npm.sh"
mkdir -p "$out"

for guide in "${guides[@]}"; do
    dir=$out/$guide
    rm -rf "$dir"
    mkdir -p "$dir"

    # shellcheck disable=SC2016
    if timeout 300 unshare --mount --net --pid --fork --kill-child bash -c '
        set -e
        mount -t tmpfs -o size=1g none "$1"
        mkdir "$1/upper" "$1/work" "$1/root"
        mount -t overlay overlay "$1/root" \
            -o "lowerdir=/,upperdir=$1/upper,workdir=$1/work"
        mount --rbind /dev "$1/root/dev"
        mount -t proc proc "$1/root/proc"
        mkdir -p "$1/root/$2"
        mount --bind "$2" "$1/root/$2"
        exec chroot "$1/root" perl "$3/t/guides/follow.pl" "$4" "$2"' \
        guide /mnt "$dir" "$top" "$guide" > "$dir/log" 2>&1
    then
        echo "ok $guide"
    else
        echo "not ok $guide"
        grep -v '^ok' "$dir/log" | tail -n 60 >&2
    fi

    if ! read -r good bad 2> /dev/null < "$dir/counts"; then
        good=0 bad=1
    fi

    passed=$((passed + good)) failed=$((failed + bad))
done

exec bash "$top/scripts/count.sh" guides "$passed" "$failed"
