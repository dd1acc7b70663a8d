#!/bin/bash
# Copyright (C) Evolu Auth Authors
#
# lint.sh [CHECK...]   the rules of the house; all checks unless some are named
#
# Each check is a function check_NAME that prints one line a finding, and
# nothing else.  lint-selftest.sh breaks each rule and looks that it is found.

set -euo pipefail
unset LIBRARY_PATH

top=$(cd "$(dirname "$0")/.." && pwd)
build=$(realpath -m "${BUILD:-$top/build}")
export BUILD=$build
nginx=/usr/share/nginx/src/src
objs=$build/lint

cd "$top"
shopt -s nullglob

core=(src/evolu_*.c)
shell=(ngx_http_evolu_auth_module.c src/ngx_http_evolu_auth*.c)
command=(src/cli/*.c)
headers=(src/*.h src/cli/*.h)
tests=(t/unit/*.[ch] t/fuzz/*.[ch] t/fault/*.[ch] bench/*.[ch])
ours=("${core[@]}" "${shell[@]}" "${command[@]}" "${headers[@]}")
scripts=(scripts/*.sh contrib/*/*.sh docker/*.sh bench/*.sh .ci/run)

for test in debian/tests/*; do
    [ "$test" = debian/tests/control ] || scripts+=("$test")
done

# Layers, lowest first: a file may include its own layer and what is below.

layers=(evolu_bytes evolu_bucket evolu_version evolu_address
        evolu_credential evolu_secret
        evolu_sha256+evolu_sha256_libcrypto evolu_digest evolu_locator
        evolu_target evolu_record evolu_keyfile
        evolu_verdict evolu_url
        ngx_http_evolu_auth ngx_http_evolu_auth_failures
        ngx_http_evolu_auth_counters
        ngx_http_evolu_auth_cache+ngx_http_evolu_auth_cache_zone
        ngx_http_evolu_auth_cache_cover ngx_http_evolu_auth_cache_stat
        ngx_http_evolu_auth_redis+ngx_http_evolu_auth_redis_link\
+ngx_http_evolu_auth_resp
        ngx_http_evolu_auth_redis_command ngx_http_evolu_auth_redis_connect
        ngx_http_evolu_auth_redis_reply ngx_http_evolu_auth_redis_tls
        ngx_http_evolu_auth_redis_loss
        ngx_http_evolu_auth_store+ngx_http_evolu_auth_flight\
+ngx_http_evolu_auth_answer+ngx_http_evolu_auth_preload
        ngx_http_evolu_auth_known
        ngx_http_evolu_auth_conf_read ngx_http_evolu_auth_conf_redis
        ngx_http_evolu_auth_conf+ngx_http_evolu_auth_spelling
        ngx_http_evolu_auth_ctx ngx_http_evolu_auth_recall
        ngx_http_evolu_auth_credential
        ngx_http_evolu_auth_headers ngx_http_evolu_auth_reply
        ngx_http_evolu_auth_facts ngx_http_evolu_auth_judge
        ngx_http_evolu_auth_audit
        ngx_http_evolu_auth_directives
        ngx_http_evolu_auth_variables ngx_http_evolu_auth_whoami
        ngx_http_evolu_auth_metrics ngx_http_evolu_auth_status_page
        ngx_http_evolu_auth_status_print ngx_http_evolu_auth_status
        ngx_http_evolu_auth_handler ngx_http_evolu_auth_module)

# What the order above does not say: neighbours that must not know each other.

apart=" ngx_http_evolu_auth_redis:ngx_http_evolu_auth_cache
        ngx_http_evolu_auth_redis_command:ngx_http_evolu_auth_cache
        ngx_http_evolu_auth_redis_reply:ngx_http_evolu_auth_cache
        ngx_http_evolu_auth_redis_connect:ngx_http_evolu_auth_cache
        ngx_http_evolu_auth_redis_tls:ngx_http_evolu_auth_cache
        ngx_http_evolu_auth_redis_loss:ngx_http_evolu_auth_cache
        ngx_http_evolu_auth_headers:ngx_http_evolu_auth_store
        ngx_http_evolu_auth_credential:ngx_http_evolu_auth_store "

# The inside of a part: only files whose names begin as the part's include it.

inside=" ngx_http_evolu_auth_cache:ngx_http_evolu_auth_cache_zone
         ngx_http_evolu_auth_redis:ngx_http_evolu_auth_redis_link "

# The core has no input, no output and no clock.

core_system=" arpa/inet.h limits.h openssl/sha.h sodium.h stddef.h stdint.h
              stdlib.h string.h sys/mman.h "


# rank NAME: its place in the layers, or nothing

rank()
{
    local i

    for i in "${!layers[@]}"; do
        if [[ "+${layers[i]}+" == *"+$1+"* ]]; then
            echo "$i"
            return
        fi
    done
}


# Prints "FILE:LINE QUOTE NAME" of each include; QUOTE is < or ".

includes()
{
    grep -HnoE '^#include [<"][^>"]+' "$@" \
        | sed 's/^\([^:]*:[0-9]*\):#include \(.\)/\1 \2 /' || true
}


check_includes()
{
    local where quote name file self own mine theirs part before=

    while read -r where quote name; do
        file=${where%%:*}

        # ngx_config.h says what the system's headers offer: it comes first

        if [ "$file" != "$before" ] && [[ "$file" == *ngx_http_evolu_auth* ]] \
           && [[ "$name" != ngx_config.h && "$name" != ngx_http_evolu_auth* ]]
        then
            echo "$where: $name stands before nginx's headers"
        fi

        before=$file
        self=${file##*/} self=${self%.*}
        own=${name##*/} own=${own%.h}

        case "$file $quote" in
            src/cli/*' <')
                case $name in
                    ngx_*) echo "$where: the command may not use nginx" ;;
                esac
                ;;

            src/evolu_*' <')
                if [[ "$core_system" != *[[:space:]]"$name"[[:space:]]* ]]; then
                    echo "$where: the core may not use <$name>"
                fi
                ;;

            src/cli/*' "')
                case $own in
                    evolu_keys*) ;;
                    ngx_*) echo "$where: the command may not use $own" ;;
                    *) [ -n "$(rank "$own")" ] \
                           || echo "$where: $own is in no layer" ;;
                esac
                ;;

            *' "')
                mine=$(rank "$self")
                theirs=$(rank "$own")

                if [ -z "$mine" ]; then
                    echo "$where: $self is in no layer"
                elif [ -z "$theirs" ]; then
                    echo "$where: $own is in no layer"
                elif [ "$theirs" -gt "$mine" ]; then
                    echo "$where: $self may not use $own, which is above it"
                elif [[ "$apart" == *[[:space:]]"$self:$own"[[:space:]]* ]]; then
                    echo "$where: $self may not use $own"
                fi

                for part in $inside; do
                    if [ "${part#*:}" = "$own" ] \
                       && [[ "$self" != "${part%:*}"* ]]
                    then
                        echo "$where: $own is no business of $self"
                    fi
                done
                ;;
        esac

        if [ "$quote" = '"' ] && [ ! -e "${file%/*}/$name" ] \
           && [ ! -e "src/$name" ]
        then
            echo "$where: there is no $name"
        fi
    done < <(includes "${ours[@]}")
}


# The config script names each file of the module once, and no other.

check_config()
{
    local file

    for file in src/evolu_*.[ch] src/ngx_http_evolu_auth*.[ch]; do
        case $(grep -cw "\$evolu_src/${file#src/}" config || true) in
            0) echo "$file: config does not name it" ;;
            1) ;;
            *) echo "$file: config names it more than once" ;;
        esac
    done

    # shellcheck disable=SC2016  # the $ stands in config
    while read -r file; do
        [ -e "src/$file" ] || echo "config: there is no src/$file"
    done < <(grep -oE '\$evolu_src/[a-z_]+\.[ch]' config | sed 's,.*/,,')
}


check_text()
{
    local file guard

    awk '
        /\t/ { print FILENAME ":" FNR ": tab" }
        /[ \t\r]$/ { print FILENAME ":" FNR ": trailing blank" }
        length($0) > 80 { print FILENAME ":" FNR ": over 80 columns" }
    ' "${ours[@]}" "${tests[@]}"

    for file in "${ours[@]}" "${tests[@]}"; do
        if [ -n "$(tail -c 1 "$file")" ]; then
            echo "$file: no newline at its end"
        fi

        if ! head -n 5 "$file" | grep -q 'Copyright (C) Evolu Auth Authors'; then
            echo "$file:1: no copyright line"
        fi
    done

    for file in "${headers[@]}"; do
        guard=${file##*/}
        guard=_${guard%.h}_H_INCLUDED_

        if ! grep -qx "#ifndef ${guard^^}" "$file"; then
            echo "$file:1: its guard is not ${guard^^}"
        fi
    done
}


# Comments of C++, outside of comments of C and of literals.

check_comments()
{
    perl -0777 -ne '
        my $text = $_;

        while ($text =~ m{
                   \G (?: [^/"\x27]+ | /\*.*?\*/ | "(?:[^"\\]|\\.)*"
                        | \x27(?:[^\x27\\]|\\.)*\x27 | (//) | . )
               }gsx)
        {
            next if !defined $1;

            my $line = 1 + (substr($text, 0, pos($text)) =~ tr/\n//);

            print "$ARGV:$line: comment of C++\n";
            $text =~ /\G[^\n]*/g;
        }
    ' "${ours[@]}" "${tests[@]}"
}


# From the line of its opening brace to that of its closing one.

check_functions()
{
    awk -v limit=100 '
        FNR == 1 { start = 0 }
        /^\{/ { start = FNR }
        /^\}/ && start {
            if (FNR - start + 1 > limit) {
                print FILENAME ":" start ": function of " FNR - start + 1 \
                      " lines"
            }

            start = 0
        }
    ' "${ours[@]}" "${tests[@]}"
}


# The words for what was put off, split here so as not to find themselves.

check_words()
{
    local words='TO''DO|FIX''ME|X''XX|HA''CK'

    grep -nwE "$words" "${ours[@]}" "${tests[@]}" "${scripts[@]}" Makefile \
        config conf/* t/*.t t/lib/* t/cli/* man/* bench/* bench/*/* \
        2> /dev/null \
        | sed 's/^\([^:]*:[0-9]*\):.*/\1: put off/' || true
}


# compile COMPILER FILE...: objects into $objs, messages to stdout

compile()
{
    local compiler=$1 file flags object dir status=0
    shift

    mkdir -p "$objs/$compiler"

    for file in "$@"; do
        flags=(-std=gnu11 -O2 -fPIC -Wall -Wextra -Werror -Wshadow
               -D_FORTIFY_SOURCE=2 -Isrc "@$build/hiredis/cflags")

        # the command is for GNU systems; the core is compiled as nginx does

        case $file in
            src/cli/*) flags+=(-D_GNU_SOURCE) ;;
        esac

        # nginx's macros and handlers are its own affair

        case ${file##*/} in
            ngx_*)
                flags+=(-Wno-unused-parameter -Wno-missing-field-initializers)

                for dir in core event event/modules os/unix http http/modules \
                           http/v2 event/quic http/v3
                do
                    flags+=(-isystem "$nginx/$dir")
                done

                flags+=(-isystem "$build/nginx")
                ;;
        esac

        object=$objs/$compiler/$(basename "$file" .c).o
        "$compiler" "${flags[@]}" -c -o "$object" "$file" 2>&1 || status=1
    done

    if [ $status -ne 0 ]; then
        echo "$compiler refused"
    fi
}

check_gcc()
{
    compile gcc "${core[@]}" "${command[@]}" "${shell[@]}"
}

check_clang()
{
    compile clang "${core[@]}" "${command[@]}" "${shell[@]}"
}


# Every symbol that a file shows to others carries the prefix of its part.

check_symbols()
{
    local file prefix

    compile gcc "${core[@]}" "${command[@]}" "${shell[@]}" > /dev/null

    for file in "${core[@]}" "${command[@]}" "${shell[@]}"; do
        case $file in
            src/cli/*) prefix='evolu_keys_|main$|argp_program_' ;;
            src/evolu_*) prefix=evolu_ ;;
            *) prefix=ngx_http_evolu_auth_ ;;
        esac

        { nm --defined-only --extern-only -f posix \
              "$objs/gcc/$(basename "$file" .c).o" \
              || echo "no object"; } \
            | awk '{ print $1 }' | grep -vE "^($prefix)" \
            | sed "s,^,$file: symbol without its prefix: ," || true
    done
}


# The module shows nginx what nginx asks for, and nothing else.

check_exports()
{
    local names

    names=$(nm -D --defined-only -f posix \
            "$build/ngx_http_evolu_auth_module.so" \
            | awk '{ print $1 }' | sort | tr '\n' ' ')

    if [ "$names" != "ngx_module_names ngx_module_order ngx_modules " ]; then
        echo "ngx_http_evolu_auth_module.so: exports $names"
    fi
}


# The status page is what its source says.

check_page()
{
    scripts/page.sh print \
        | cmp -s - src/ngx_http_evolu_auth_status_page.c \
        || echo "src/ngx_http_evolu_auth_status_page.c: run scripts/page.sh"
}


# Every reason that a link is reset for has its kind, for the metrics.

check_losses()
{
    perl -0777 -ne '
        BEGIN {
            local @ARGV = ("src/ngx_http_evolu_auth_redis_loss.c");

            @begins = <> =~ /^ +\{ "([^"]+)", NGX_HTTP_EVOLU_AUTH_LOSS/gm;
        }

        while (/redis_(?:reset|failed|refused)\(redis,([^;]*)\);/g) {
            my $line = 1 + (substr($_, 0, $-[0]) =~ tr/\n//);

            for my $reason ($1 =~ /"([^"]+)"/g) {
                print "$ARGV:$line: \"$reason\" has no kind\n"
                    if !grep { index($reason, $_) == 0 } @begins;
            }
        }
    ' src/ngx_http_evolu_auth_redis*.c
}


# Every message is in the page that says what to do.

check_messages()
{
    scripts/messages.sh check
}


# What our pages link to is there.

check_links()
{
    scripts/links.sh
}


# Alerts, dashboard and runbook fit each other and the module's metrics.

check_monitoring()
{
    scripts/monitoring.sh
}


check_cppcheck()
{
    cppcheck --quiet --std=c11 --language=c --inline-suppr -j2 \
        --enable=warning,performance,portability --error-exitcode=0 \
        --suppressions-list=scripts/cppcheck.supp \
        --template='{file}:{line}: {id}: {message}' -Isrc \
        "${core[@]}" "${shell[@]}" "${command[@]}" 2>&1
}


check_scripts()
{
    local file

    shellcheck "${scripts[@]}" || true

    for file in "${scripts[@]}"; do
        if ! grep -qx 'set -euo pipefail' "$file" \
           || ! grep -qx 'unset LIBRARY_PATH' "$file"
        then
            echo "$file: no \"set -euo pipefail\" and \"unset LIBRARY_PATH\""
        fi

        [ -x "$file" ] || echo "$file: not executable"
    done
}


# What the package and the image take from the tree, and their version.

check_package()
{
    local version file said name

    version=$(sed -n 's/^#define EVOLU_AUTH_VERSION *"\(.*\)"/\1/p' \
              src/evolu_version.h)

    for file in debian/changelog CHANGELOG.md man/evolu-keys.1; do
        said=$(grep -m 1 -oE '[0-9]+\.[0-9]+\.[0-9]+' "$file" || true)

        if [ "$said" != "$version" ]; then
            echo "$file: version \"$said\" is not the source's, $version"
        fi
    done

    while read -r file name; do
        case $name in
            usr/* | debian/build/* | '') continue ;;
        esac

        compgen -G "$name" > /dev/null || echo "$file: there is no $name"
    done < <(awk '{ print FILENAME, $1 }' debian/*.{docs,examples} \
                 debian/*.{install,manpages}
             sed -n 's/^Tests: /debian\/tests\/control debian\/tests\//p' \
                 debian/tests/control
             sed -n 's/^COPY \(--chmod=[0-9]* \)*\(docker\/.*\) [^ ]*$/\2/p' \
                 docker/Dockerfile | tr ' ' '\n' \
                 | sed 's/^/docker\/Dockerfile /')
}


all=(text comments functions words includes config scripts package gcc clang
     symbols exports page losses messages links monitoring cppcheck)

if [ $# -ne 0 ]; then
    selected=("$@")
else
    selected=("${all[@]}")
fi

bash scripts/hiredis.sh > /dev/null

passed=0 failed=0

for check in "${selected[@]}"; do

    # a check that breaks off has found something, too

    status=0
    found=$("check_$check" 2>&1) || status=$?

    if [ -z "$found" ] && [ $status -eq 0 ]; then
        passed=$((passed + 1))
        continue
    fi

    failed=$((failed + 1))
    printf '%s\n' "$found" | sed "s/^/lint: $check: /"

    if [ $status -ne 0 ]; then
        echo "lint: $check: ended with $status"
    fi
done

exec bash scripts/count.sh "${LINT_RUNNER:-lint}" $passed $failed
