#!/bin/bash
# Copyright (C) Evolu Auth Authors
#
# Breaks each rule of lint.sh, in a copy of the tree, and looks that the check
# finds just that.  A check that cannot fail is no check.

set -euo pipefail
unset LIBRARY_PATH

top=$(cd "$(dirname "$0")/.." && pwd)
build=$(realpath -m "${BUILD:-$top/build}")
export BUILD=$build
copy=$(mktemp -d)
trap 'rm -rf "$copy"' EXIT

mkdir "$copy/build"
cp -r "$build/hiredis" "$copy/build/"
cp "$build/ngx_http_evolu_auth_module.so" "$copy/build/"
mkdir "$copy/build/nginx"
cp "$build"/nginx/*.h "$copy/build/nginx/"
export BUILD=$copy/build

passed=0 failed=0


# A fresh copy, in which lint may look at one core file, one of the shell, one
# of the command: enough to break a rule in, and quick.

fresh()
{
    rm -rf "$copy/tree"
    mkdir "$copy/tree"
    cp -r "$top"/{config,Makefile,ngx_http_evolu_auth_module.c,src,scripts} \
        "$copy/tree/"
    mkdir -p "$copy/tree/t/unit" "$copy/tree/.ci"
    cp "$top/.ci/run" "$copy/tree/.ci/"
    cd "$copy/tree"
}


# few: leaves only the files that the compilers' checks are tried on

few()
{
    local file

    for file in src/*.c src/cli/*.c; do
        case ${file##*/} in
            evolu_address.c | ngx_http_evolu_auth_ctx.c) ;;
            *) rm "$file" ;;
        esac
    done
}


# expect CHECK PATTERN: the check fails, and says PATTERN

expect()
{
    local out

    if out=$(LINT_RUNNER=seeded bash scripts/lint.sh "$1" 2>&1); then
        echo "lint-selftest: $1 passes with: $seed"
        failed=$((failed + 1))

    elif ! grep -qE "^lint: $1: .*$2" <<< "$out"; then
        echo "lint-selftest: $1 does not find: $seed; it says:"
        printf '%s\n' "$out" | head -n 10
        failed=$((failed + 1))

    else
        passed=$((passed + 1))
    fi
}


seed="a tab"
fresh; printf '\tint x;\n' >> src/evolu_address.c
expect text 'evolu_address.c:[0-9]+: tab'

seed="a trailing blank"
fresh; printf 'int x; \n' >> src/evolu_address.h
expect text 'evolu_address.h:[0-9]+: trailing blank'

seed="81 columns"
fresh; printf '/* %075d */\n' 0 >> ngx_http_evolu_auth_module.c
expect text 'module.c:[0-9]+: over 80 columns'

seed="no newline at the end"
fresh; printf 'int x;' >> src/evolu_address.c
expect text 'evolu_address.c: no newline'

seed="no copyright line"
fresh; sed -i '1,5s/Copyright//' src/evolu_address.c
expect text 'evolu_address.c:1: no copyright'

seed="another guard"
fresh; sed -i 's/_EVOLU_ADDRESS_H_INCLUDED_/ADDRESS_H/' src/evolu_address.h
expect text 'evolu_address.h:1: its guard'

seed="a comment of C++"
fresh; printf 'char *u = "http://x"; // y\n' >> src/evolu_address.c
expect comments 'evolu_address.c:[0-9]+: comment'

seed="a function of 101 lines"
fresh; { echo '{'; seq 99 | sed 's/.*/;/'; echo '}'; } >> src/evolu_address.c
expect functions 'evolu_address.c:[0-9]+: function of 101 lines'

seed="a word for what was put off"
fresh; printf '/* %s: later */\n' 'TO''DO' >> src/evolu_address.c
expect words 'evolu_address.c:[0-9]+: put off'

seed="the core upwards"
fresh; echo '#include "evolu_verdict.h"' >> src/evolu_address.h
expect includes 'may not use evolu_verdict'

seed="a system header before nginx's"
fresh; sed -i '0,/#include/s//#include <string.h>\n#include/' \
    src/ngx_http_evolu_auth_store.h
expect includes 'stands before nginx'

seed="the core uses nginx"
fresh; echo '#include <ngx_core.h>' >> src/evolu_verdict.c
expect includes 'the core may not use <ngx_core.h>'

seed="the core has a clock"
fresh; echo '#include <time.h>' >> src/evolu_verdict.c
expect includes 'the core may not use <time.h>'

seed="the core uses the shell"
fresh; echo '#include "ngx_http_evolu_auth.h"' >> src/evolu_verdict.c
expect includes 'may not use ngx_http_evolu_auth'

seed="the cache knows the link"
fresh
echo '#include "ngx_http_evolu_auth_redis.h"' >> src/ngx_http_evolu_auth_cache.c
expect includes 'may not use ngx_http_evolu_auth_redis'

seed="the link knows the cache"
fresh
echo '#include "ngx_http_evolu_auth_cache.h"' >> src/ngx_http_evolu_auth_redis.c
expect includes 'may not use ngx_http_evolu_auth_cache'

seed="the store knows the handler"
fresh
echo '#include "ngx_http_evolu_auth_handler.h"' \
    >> src/ngx_http_evolu_auth_store.c
expect includes 'may not use ngx_http_evolu_auth_handler'

seed="the store looks into the zone"
fresh
echo '#include "ngx_http_evolu_auth_cache_zone.h"' \
    >> src/ngx_http_evolu_auth_store.c
expect includes 'cache_zone is no business of ngx_http_evolu_auth_store'

seed="the command knows the shell"
fresh; echo '#include "../ngx_http_evolu_auth.h"' >> src/cli/evolu_keys.h
expect includes 'the command may not use ngx_http_evolu_auth'

seed="the command uses nginx"
fresh; echo '#include <ngx_core.h>' >> src/cli/evolu_keys.h
expect includes 'the command may not use nginx'

seed="a header that is not there"
fresh; rm src/evolu_bytes.h
expect includes 'there is no evolu_bytes.h'

seed="a file in no layer"
fresh; echo '#include "evolu_bytes.h"' > src/evolu_util.c
expect includes 'evolu_util is in no layer'

seed="a file that config does not name"
fresh; : > src/evolu_util.c
expect config 'src/evolu_util.c: config does not name it'

seed="a file that config names and that is not there"
fresh; rm src/evolu_address.h
expect config 'there is no src/evolu_address.h'

seed="an unquoted variable in a script"
fresh; echo "rm \$1" >> scripts/fetch.sh
expect scripts 'SC2086'

seed="a script that goes on after an error"
fresh; sed -i '/^set -euo/d' scripts/fetch.sh
expect scripts 'fetch.sh: no "set'

package()
{
    fresh
    cp -r "$top"/{debian,docker,docs,conf,contrib,man,*.md,LICENSE} .
}

package; sed -i '1s/(0/(1/' debian/changelog
expect package 'debian/changelog: version'

package; rm man/evolu-keys.1; touch man/evolu-keys.1
expect package 'man/evolu-keys.1: version'

package; rm -r contrib/postgresql
expect package 'evolu-keys.examples: there is no contrib/postgresql'

package; rm docker/nginx.conf
expect package 'docker/Dockerfile: there is no docker/nginx.conf'

seed="a warning of gcc, in the core"
fresh; few; printf 'static int\nf(void)\n{\n}\n' >> src/evolu_address.c
expect gcc 'evolu_address.c'

seed="a shadowed variable, in the shell"
fresh; few
printf 'int f(int a);\nint\nf(int a)\n{\n    { int a = 1; return a; }\n}\n' \
    >> src/ngx_http_evolu_auth_ctx.c
expect gcc 'ngx_http_evolu_auth_ctx.c.*shadow'

seed="a warning of clang alone"
fresh; few
printf 'int f(int a);\nint\nf(int a)\n{\n    a = a;\n    return a;\n}\n' \
    >> src/evolu_address.c
expect clang 'self-assign'

seed="a symbol without its prefix, in the core"
fresh; few; echo 'int address_count;' >> src/evolu_address.c
expect symbols 'evolu_address.c: .*address_count'

seed="a symbol without its prefix, in the shell"
fresh; few; echo 'int evolu_count;' >> src/ngx_http_evolu_auth_ctx.c
expect symbols 'ngx_http_evolu_auth_ctx.c: .*evolu_count'

seed="a fourth exported symbol"
fresh; echo 'int ngx_modules, ngx_module_names, ngx_module_order, evolu_x;' \
    | gcc -shared -fPIC -x c -o "$BUILD/ngx_http_evolu_auth_module.so" -
expect exports 'exports evolu_x'

seed="a page that was changed, and not made again"
fresh; sed -i 's/<title>/<title>The /' src/ngx_http_evolu_auth_status_page.html
expect page 'run scripts/page.sh'

seed="a link that is reset for a new reason"
fresh; sed -i 's/"can.t send"/"of no use"/' src/ngx_http_evolu_auth_redis.c
expect losses 'ngx_http_evolu_auth_redis.c:[0-9]+: "of no use" has no kind'

# monitored: what the check of alerts and dashboard reads, in a fresh copy

monitored()
{
    fresh
    cp -r "$top"/{docs,contrib} .
    mkdir -p "$BUILD/cache"
    ln -sf "$(BUILD=$build bash "$top/scripts/promtool.sh")" "$BUILD/cache/"
}

seed="a message of the module that the page does not have"
monitored; sed -i 's/refusals not logged/refusals left out/' \
    src/ngx_http_evolu_auth_audit.c
expect messages 'audit.c:[0-9]+: .* does not have: ... refusals left out'

seed="a message of the command that the page does not have"
monitored; sed -i 's/"the answer cannot be written/"it cannot be written/' \
    src/cli/evolu_keys_print.c
expect messages 'evolu_keys_print.c:[0-9]+: .* does not have: it cannot be'

seed="a fault of a record that the page does not have"
monitored; sed -i 's/"the same field twice"/"two of a field"/' src/evolu_record.c
expect messages 'evolu_record.c:[0-9]+: .* does not have: two of a field'

seed="a message that nobody says"
monitored; sed -i 's/is duplicate/is another/' docs/troubleshooting.md
expect messages 'nobody says: is another'

seed="a link to a page that is gone"
monitored; rm docs/metrics.md
expect links 'runbook.md:5: metrics.md: there is no docs/metrics.md'

seed="a link to a heading that was renamed"
monitored; sed -i 's/^## Sizing/## Sizes/' docs/performance.md
expect links 'performance.md#sizing: .* has no such heading'

seed="an alert without a section"
monitored; sed -i '/^## EvoluAuthZoneFull/d' docs/runbook.md
expect monitoring 'EvoluAuthZoneFull has no section'

seed="an alert that is not tested"
monitored; sed -i 's/alertname: EvoluAuthNoLink/alertname: EvoluAuthNoMetrics/' \
    contrib/prometheus/evolu-auth.test.yml
expect monitoring 'EvoluAuthNoLink never fires'

seed="a threshold that no test knows of"
monitored; sed -i 's/> 0.025/> 0.25/' contrib/prometheus/evolu-auth.rules.yml
expect monitoring 'evolu-auth.test.yml: .*EvoluAuthLookupsSlow'

seed="a panel for a metric that is none"
monitored; sed -i 's/evolu_auth_pending_lookups/evolu_auth_pending/' \
    contrib/grafana/evolu-auth.json
expect monitoring 'the module has no metric pending'

seed="an expression that Prometheus cannot read"
monitored; sed -i 's/"expr": "sum(/"expr": "sum((/' \
    contrib/grafana/evolu-auth.json
expect monitoring 'evolu-auth.json: .*parse error'

seed="a metric that docs/metrics.md does not tell of"
monitored; sed -i '/^| .pending_lookups/d' docs/metrics.md
expect monitoring 'does not tell of the metric pending_lookups'

seed="a finding of cppcheck"
fresh; few
printf 'int f(void);\nint\nf(void)\n{\n    int a[2];\n\n    a[2] = 0;\n%s' \
    '    return a[0];
}
' >> src/evolu_address.c
expect cppcheck 'arrayIndexOutOfBounds'

BUILD=$build exec bash "$top/scripts/count.sh" lint-selftest $passed $failed
