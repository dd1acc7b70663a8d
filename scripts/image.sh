#!/bin/bash
# Copyright (C) Evolu Auth Authors
#
# image.sh             builds docker/Dockerfile from HEAD, and leaves the image
#                      in build/evolu-auth-image.tar, for "docker load -i" or
#                      "podman load -i"
# image.sh podman ...  podman, with the storage that the image is in as well
#
# With podman and buildah, as root, in a storage of its own, build/cache/podman.
# The base image, debian:trixie-slim, is made from the Debian mirror of this
# machine (root.sh): no registry of images is asked.

set -euo pipefail
unset LIBRARY_PATH

top=$(cd "$(dirname "$0")/.." && pwd)
build=$(realpath -m "${BUILD:-$top/build}")
export BUILD=$build
store=$build/cache/podman
base=debian:trixie-slim
temp=

export PATH=$PATH:/usr/sbin:/sbin

# runc, since crun knows no hybrid cgroups

storage=(--root "$store/root" --runroot /run/evolu-podman
         --storage-driver overlay)
podman=(podman "${storage[@]}" --runtime runc --cgroup-manager cgroupfs)


cleanup()
{
    [ -z "$temp" ] || bash "$top/scripts/root.sh" remove "$temp"
}

trap cleanup EXIT

if [ "${1:-}" = podman ]; then
    trap - EXIT
    exec "${podman[@]}" "${@:2}"
fi

# a storage that was moved, or left half made, is made anew

if ! "${podman[@]}" info > /dev/null 2>&1; then
    rm -rf "$store"
fi

mkdir -p "$store"
temp=$(mktemp -d /tmp/evolu-image.XXXXXX)

if ! "${podman[@]}" image exists $base; then
    echo "image: $base"
    bash "$top/scripts/root.sh" make trixie "$temp/root"
    tar -C "$temp/root" --numeric-owner -c . \
        | "${podman[@]}" import -q - $base > /dev/null
fi

# --format docker: the other format has no HEALTHCHECK.  --ulimit: what this
# machine allows, since more cannot be had everywhere.

echo "image: build"
mkdir "$temp/tree"
git -C "$top" archive HEAD | tar -C "$temp/tree" -x

if ! buildah "${storage[@]}" bud --isolation=chroot --network=host \
        --ulimit "nofile=$(ulimit -Hn)" --ulimit nproc=4096 \
        --pull-never --layers --format docker --timestamp \
        "$(git -C "$top" log -1 --format=%ct)" \
        -f "$temp/tree/docker/Dockerfile" -t evolu-auth "$temp/tree" \
        > "$build/image.log" 2>&1
then
    tail -n 20 "$build/image.log" >&2
    echo "image.sh: the build failed, see $build/image.log" >&2
    exit 1
fi

rm -f "$build/evolu-auth-image.tar"
"${podman[@]}" save -q --format docker-archive \
    -o "$build/evolu-auth-image.tar" evolu-auth

"${podman[@]}" image ls --filter dangling=false \
    --format 'image: {{.Repository}}:{{.Tag}} {{.ID}} {{.Size}}'
