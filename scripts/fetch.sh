#!/bin/bash
# Copyright (C) Evolu Auth Authors
#
# fetch.sh deb SUITE DIR PACKAGE...      binary packages into DIR
# fetch.sh source SUITE DIR PACKAGE...   source packages, unpacked in DIR
#
# Takes them from another suite of the Debian mirror that this machine uses
# already, with lists of its own: the system's apt configuration, lists and
# preferences stay as they are, and no root is needed.

set -euo pipefail
unset LIBRARY_PATH

kind=$1 suite=$2 dest=$3
shift 3

# shellcheck source=/dev/null
. /etc/os-release

# shellcheck disable=SC2016  # it is apt that expands this
mirror=$(apt-get indextargets --format '$(REPO_URI)' 'Created-By: Packages' \
         'Origin: Debian' 'Label: Debian' "Codename: $VERSION_CODENAME" \
         | head -n 1)

if [ -z "$mirror" ]; then
    echo "fetch.sh: apt knows no Debian $VERSION_CODENAME mirror;" \
         "run 'apt-get update' as root first" >&2
    exit 1
fi

case $kind in
    deb) type=deb action=(download) ;;
    source) type=deb-src action=(source --only-source) ;;
    *) echo "fetch.sh: deb or source, not \"$kind\"" >&2; exit 2 ;;
esac

state=$(mktemp -d)
trap 'rm -rf "$state"' EXIT

mkdir -p "$state/lists/partial" "$dest"

keys=/usr/share/keyrings/debian-archive-keyring.gpg
echo "$type [signed-by=$keys] $mirror $suite main" > "$state/sources.list"

# A mirror may be a snapshot, whose Release files have expired.

apt=(apt-get -qq -o "Dir::Etc::SourceList=$state/sources.list"
     -o Dir::Etc::SourceParts=- -o "Dir::State::Lists=$state/lists"
     -o "Dir::Cache::pkgcache=" -o "Dir::Cache::srcpkgcache="
     -o APT::Sandbox::User=root -o Acquire::Check-Valid-Until=false)

"${apt[@]}" update

cd "$dest"
"${apt[@]}" "${action[@]}" "$@"
