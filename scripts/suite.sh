#!/bin/bash
# Copyright (C) Evolu Auth Authors
#
# suite.sh KIND [FILE...]   runs t/*.t, or the files named, under prove
#
#     plain     the distribution's nginx, one process
#     master    a master and two workers
#     static    nginx with the module linked in
#     sanitize  nginx and module under ASan, the module under UBSan
#     valgrind  under valgrind's memcheck
#     cli       t/cli/*.t: the command; cli-sanitize: under ASan and UBSan
#
# JOBS files run at a time, 2 unless told otherwise.

set -euo pipefail
unset LIBRARY_PATH

top=$(cd "$(dirname "$0")/.." && pwd)
build=$(realpath -m "${BUILD:-$top/build}")
export BUILD=$build
kind=$1
shift

cd "$top"
module=$build/ngx_http_evolu_auth_module.so
reports=$build/reports/$kind
jobs=${JOBS:-2}

rm -rf "$reports"
mkdir -p "$reports"

nginx=/usr/sbin/nginx

export EVOLU_SUITE=$kind
export EVOLU_BUILD=$build
export EVOLU_KEYS=$build/evolu-keys
export EVOLU_MODULE=$module
export PERL5LIB=$top/t/lib${PERL5LIB:+:$PERL5LIB}

export TEST_NGINX_LOAD_MODULES=$module

files=("$@")

if [ ${#files[@]} -eq 0 ]; then
    shopt -s nullglob

    case $kind in
        cli*) files=(t/cli/*.t) ;;
        *) files=(t/*.t) ;;
    esac
fi

case $kind in
    plain | cli)
        ;;

    cli-sanitize)
        EVOLU_KEYS=$build/sanitize/evolu-keys
        export ASAN_OPTIONS=detect_leaks=0:log_path=$reports/asan
        export UBSAN_OPTIONS=print_stacktrace=1:log_path=$reports/ubsan
        export EVOLU_TEST_SECONDS=900
        ;;

    master)
        export TEST_NGINX_MASTER_PROCESS=on
        export TEST_NGINX_WORKERS=2
        ;;

    static)
        nginx=$build/static/nginx
        unset TEST_NGINX_LOAD_MODULES EVOLU_MODULE
        ;;

    sanitize)
        nginx=$top/scripts/sanitized-nginx.sh
        EVOLU_MODULE=$build/sanitize/ngx_http_evolu_auth_module.so
        TEST_NGINX_LOAD_MODULES=$EVOLU_MODULE

        # commas: Test::Nginx adds the test's name to log_path

        ASAN_OPTIONS=detect_leaks=1,detect_odr_violation=0
        export ASAN_OPTIONS=$ASAN_OPTIONS,log_path=$reports/asan
        export UBSAN_OPTIONS=print_stacktrace=1
        LSAN_OPTIONS=print_suppressions=0
        export LSAN_OPTIONS=$LSAN_OPTIONS,suppressions=$top/scripts/lsan.supp
        export EVOLU_TEST_SECONDS=600
        ;;

    valgrind)
        export TEST_NGINX_USE_VALGRIND="-q --leak-check=full \
--show-possibly-lost=no --num-callers=40 \
--suppressions=$top/scripts/valgrind.supp --log-file=$reports/%p.log"
        export EVOLU_TEST_SECONDS=1800
        ;;

    *)
        echo "suite.sh: unknown kind \"$kind\"" >&2
        exit 2
        ;;
esac

export TEST_NGINX_BINARY=$nginx

if [[ $kind != cli* ]] \
   && ! bash scripts/loads.sh "$nginx" "${TEST_NGINX_LOAD_MODULES:-}"
then
    exec bash "$top/scripts/count.sh" "$kind" 0 1
fi

if [ ${#files[@]} -eq 0 ]; then
    exec bash "$top/scripts/count.sh" "$kind" 0 0
fi

# prove_files JOBS OUT FILE...: sets tests, bad (tests that failed) and failing
# (files that failed).  A file that died, or broke its plan, may have no failed
# test to show, and counts as one; so does prove itself when it failed and
# listed none.

prove_files()
{
    local jobs=$1 out=$2 status=0 broken
    shift 2

    prove -j"$jobs" --timer --exec "bash $top/scripts/one-test.sh" "$@" \
        2>&1 | tee "$out" || status=$?

    tests=$(sed -n 's/^Files=[0-9]*, Tests=\([0-9]*\),.*/\1/p' "$out")
    tests=${tests:-0}

    mapfile -t failing < <(sed -n 's/^\(t\/[^ ]*\) *(Wstat: .*/\1/p' "$out")

    read -r bad broken < <(
        sed -n 's/^t\/.*(Wstat: .*Failed: \([0-9]*\))$/\1/p' "$out" \
        | awk '{ n += $1; m += $1 == 0 } END { print n + 0, m + 0 }')

    if [ $status -ne 0 ] && [ $((bad + broken)) -eq 0 ]; then
        broken=1
    fi

    bad=$((bad + broken))
}


unstable=$build/reports/$kind.unstable
rm -f "$unstable"

prove_files "$jobs" "$build/reports/$kind.prove" "${files[@]}"
total=$tests failed=$bad

# What a loaded machine broke passes alone; what a change broke does not.  More
# than a few were not the machine.  Files that needed the second try are named
# at the end of the run: each is a debt.

if [ "$failed" -gt 0 ] && [ ${#failing[@]} -gt 0 ] && [ ${#failing[@]} -le 3 ]
then
    tried=("${failing[@]}")
    echo "$kind: once more, alone: ${tried[*]}"
    prove_files 1 "$build/reports/$kind.again" "${tried[@]}"
    failed=$bad

    for file in "${tried[@]}"; do
        if ! printf '%s\n' "${failing[@]}" | grep -qxF "$file"; then
            echo "$kind: unstable, passed when alone: $file" | tee -a "$unstable"
        fi
    done
fi

passed=$((total - failed))


# A leak fails no test: the reports do.

while IFS= read -r -d '' report; do
    echo "-- $report"
    head -n 60 "$report"
    failed=$((failed + 1))
done < <(find "$reports" -type f -size +0 -print0)

exec bash "$top/scripts/count.sh" "$kind" $passed $failed
