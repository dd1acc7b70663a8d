#!/bin/bash
# Copyright (C) Evolu Auth Authors
#
# loads.sh NGINX [MODULE]   fails when nginx does not start with the module
#
# A symbol that no file defines shows only here: a module is linked with nginx
# when it is loaded.  And Test::Nginx tries for 30 seconds before it says so.

set -euo pipefail
unset LIBRARY_PATH

nginx=$1 module=${2:-}
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT

mkdir "$dir/logs"

{
    [ -z "$module" ] || echo "load_module $module;"
    echo "pid $dir/nginx.pid;"
    echo "error_log stderr;"
    echo "events {}"
} > "$dir/nginx.conf"

if ! "$nginx" -q -t -e stderr -p "$dir" -c "$dir/nginx.conf" \
     > "$dir/out" 2>&1
then
    cat "$dir/out" >&2
    exit 1
fi
