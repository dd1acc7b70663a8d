#!/bin/bash
# Copyright (C) Evolu Auth Authors
#
# one-test.sh FILE.t   what suite.sh has prove run for each file
#
# Gives the file a server root and a run of 16 ports of its own, so that files
# may run side by side, ends it when it hangs, and ends an nginx that it left.

set -euo pipefail
unset LIBRARY_PATH

top=$(cd "$(dirname "$0")/.." && pwd)
build=$(realpath -m "${BUILD:-$top/build}")
export BUILD=$build
file=$1
name=${file##*/}

TEST_NGINX_SERVROOT=$build/t/${EVOLU_SUITE:-plain}/${name%.t}
mkdir -p "$TEST_NGINX_SERVROOT"


# below the range that the kernel takes client ports from

taken()
{
    local port

    for port in $(seq "$1" $(($1 + 15))); do
        if (: < "/dev/tcp/127.0.0.1/$port") 2> /dev/null; then
            return 0
        fi
    done

    return 1
}

mkdir -p "$build/t/ports"

# A folder claims its ports for as long as the process in it lives.

while :; do
    port=$((10000 + RANDOM % 1400 * 16))
    claim=$build/t/ports/$port

    if mkdir "$claim" 2> /dev/null; then
        if taken "$port"; then
            rmdir "$claim"
        else
            break
        fi
    fi
done

TEST_NGINX_PORT=$port
export TEST_NGINX_SERVROOT TEST_NGINX_PORT


cleanup()
{
    local pid

    rmdir "$claim"
    pid=$(cat "$TEST_NGINX_SERVROOT/logs/nginx.pid" 2> /dev/null || true)

    if [ -n "$pid" ] && tr '\0' ' ' < "/proc/$pid/cmdline" 2> /dev/null \
                        | grep -qF "$TEST_NGINX_SERVROOT/"
    then
        echo "# one-test.sh: $name left nginx $pid" >&2
        kill -9 "$pid" || true
    fi
}

trap cleanup EXIT
trap 'exit 143' TERM INT

# An nginx that does not start makes Test::Nginx stop all of prove: only this
# file is to fail.  And its try is made 30 times; one message will do.

timeout -k 5 "${EVOLU_TEST_SECONDS:-300}" perl "$file" 2> >(uniq >&2) \
    | sed -u 's/^Bail out!/not ok - gave up:/'
