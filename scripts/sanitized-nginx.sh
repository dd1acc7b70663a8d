#!/bin/bash
# Copyright (C) Evolu Auth Authors
#
# What the sanitized suites run as nginx.  nginx leaves main() with all of its
# pools after "-t", and when it refuses its configuration: there LeakSanitizer
# is not asked, so that everywhere else no pool needs to be suppressed.

set -euo pipefail
unset LIBRARY_PATH

top=$(cd "$(dirname "$0")/.." && pwd)
nginx=${BUILD:-$top/build}/sanitize/nginx
careless=${ASAN_OPTIONS:+$ASAN_OPTIONS,}detect_leaks=0

# -t is harmless where it stands twice, or next to -v

if [[ " $* " == *" -t "* || " $* " == *" -V "* || " $* " == *" -v "* ]] \
   || ! ASAN_OPTIONS=$careless "$nginx" -q -t "$@" > /dev/null 2>&1
then
    export ASAN_OPTIONS=$careless
fi

exec "$nginx" "$@"
