#!/bin/bash
# Copyright (C) Evolu Auth Authors
#
# deb-test.sh SUITE...   installs the packages of build/deb/SUITE in a fresh
#                        root (root.sh), and uses, upgrades, removes and purges
#                        them there
#
# The tests of debian/tests run there, too.  What it is upgraded to are the
# same packages with another version and a changed preset.

set -euo pipefail
unset LIBRARY_PATH

top=$(cd "$(dirname "$0")/.." && pwd)
build=$(realpath -m "${BUILD:-$top/build}")
export BUILD=$build
root=

name=libnginx-mod-http-evolu-auth
module=/usr/lib/nginx/modules/ngx_http_evolu_auth_module.so
presets=/etc/nginx/evolu-auth


fail()
{
    echo "deb-test: $*" >&2
    exit 1
}


step()
{
    echo "deb-test: ${suite:+$suite: }$*"
}


# Which image of the module nginx's master has: new, or a file that is gone.

image()
{
    local pid

    pid=$(cat /run/nginx.pid)

    if grep -q "$module\$" "/proc/$pid/maps"; then
        echo new
    elif grep -q "$module.*(deleted)" "/proc/$pid/maps"; then
        echo old
    else
        echo none
    fi
}


# reloaded PID...   until none of these workers is left

reloaded()
{
    local pid

    for pid in "$@"; do
        for _ in {1..200}; do
            [ -d "/proc/$pid" ] || continue 2
            sleep 0.05
        done

        fail "worker $pid is still there after a reload"
    done
}


# What README.md says under "Install" and "Use it", word for word, with a Redis
# and an upstream where it takes them to be.

readme()
{
    local conf=/etc/nginx/conf.d keys redis upstream

    redis-server --port 6379 --bind 127.0.0.1 --save '' > /tmp/redis.log &
    redis=$!

    cat > /tmp/upstream.conf << 'END'
pid /tmp/upstream.pid;
daemon off;
events { }
http {
    access_log off;
    server {
        listen 127.0.0.1:8080;
        return 200 "$http_x_evolu_scope $http_x_evolu_instance";
    }
}
END
    nginx -e /tmp/upstream.log -c /tmp/upstream.conf &
    upstream=$!

    rm /etc/nginx/sites-enabled/default
    awk '/^    mkdir -m 700/, /^    evolu-keys --redis/' README.md \
        | sed 's/^    //' > /tmp/readme.sh
    awk '/^    http {/, /^    }/' README.md | sed '1d; $d; s/^        //' \
        > $conf/evolu.conf

    if [ ! -s /tmp/readme.sh ] || [ ! -s $conf/evolu.conf ]; then
        fail "README.md has no such lines"
    fi

    mapfile -t keys < <(bash -e /tmp/readme.sh)
    [ ${#keys[@]} -eq 2 ] || fail "README.md makes no two keys: ${keys[*]}"

    service nginx restart
    readme_answer "${keys[0]}" "global shop"
    readme_answer "${keys[1]}" "instance shop"
    readme_answer wrong-key-0123456789 Unauthorized
    echo "README.md's commands and configuration answer as they should"

    rm -r /etc/evolu $conf/evolu.conf
    kill "$redis" "$upstream"
    wait "$redis" "$upstream" || true
}


# readme_answer KEY TEXT   within 10 seconds: nginx has only just begun

readme_answer()
{
    local said

    for _ in {1..100}; do
        said=$(curl -s -m 5 -H "apikey: $1" \
               http://127.0.0.1/chat/findChats/shop) || true
        [[ $said != *"$2"* ]] || return 0
        sleep 0.1
    done

    fail "README.md: $2 was to be answered, not \"$said\""
}


# In the root.  No systemd there: "service" and the maintainer scripts use
# /etc/init.d.

inside()
{
    local workers

    cd /root/tree
    rm -f /usr/sbin/policy-rc.d

    step "installed: $(dpkg-query -W -f '${Package} ${Version}, ' $name \
         evolu-keys)$(nginx -v 2>&1)"
    nginx -t 2>&1
    [ -e /etc/nginx/modules-enabled/50-mod-http-evolu-auth.conf ] \
        || fail "the module is not enabled"

    step "README.md"
    readme

    step "debian/tests/generic"
    bash debian/tests/generic

    step "debian/tests/functional"
    bash debian/tests/functional > /tmp/functional.log 2>&1 \
        || { cat /tmp/functional.log; fail "debian/tests/functional"; }
    grep 'as expected' /tmp/functional.log

    step "upgrade, with one preset changed here and one in the package"
    echo "# ours" >> $presets/evolu-integrators.conf
    service nginx restart
    [ "$(image)" = new ] || fail "nginx has not loaded the module"
    mapfile -t workers < <(pgrep -P "$(cat /run/nginx.pid)")

    dpkg --force-confdef --force-confold -i /root/debs/new/*.deb
    dpkg-query -W -f '${Package} ${Version}\n' $name evolu-keys

    grep -qx '# of the next version' $presets/http.conf \
        || fail "an unchanged preset was not upgraded"
    grep -qx '# ours' $presets/evolu-integrators.conf \
        || fail "a changed preset was lost"

    # nginx's trigger asks the init system, which a root has not

    service nginx reload
    reloaded "${workers[@]}"
    [ "$(image)" = old ] || fail "README.Debian is wrong: $(image) after reload"
    echo "after a reload nginx has the old module mapped"

    service nginx restart
    [ "$(image)" = new ] || fail "a restart did not take the new module"
    echo "after a restart it has the new one"

    step "debian/tests/generic, again"
    bash debian/tests/generic

    step "remove"
    dpkg -r $name evolu-keys
    nginx -t 2>&1
    [ -e $presets/http.conf ] || fail "remove took the presets"
    [ ! -e $module ] || fail "remove left the module"
    [ ! -L /etc/nginx/modules-enabled/50-mod-http-evolu-auth.conf ] \
        || fail "remove left the module enabled"
    service nginx restart
    [ "$(image)" = none ] || fail "nginx still has the module"

    step "purge"
    dpkg -P $name evolu-keys
    [ ! -e $presets ] || fail "purge left $(find $presets)"
    [ "$(find / -xdev -name '*evolu-auth*' -path '*nginx*' \
         -not -path '/root/*' -not -path '/tmp/*')" = "" ] \
        || fail "purge left files"
    nginx -t 2>&1
    service nginx stop
}


# repack DEB DIR   the same package, as its next version

repack()
{
    local deb=$1 dir=$2

    dpkg-deb -R "$deb" "$dir/x"
    sed -i '/^Version: /s/$/+upgrade/' "$dir/x/DEBIAN/control"

    if [ -d "$dir/x$presets" ]; then
        echo '# of the next version' >> "$dir/x$presets/http.conf"
        (cd "$dir/x" && find . -type f -not -path './DEBIAN/*' -printf '%P\0' \
             | xargs -0 md5sum > DEBIAN/md5sums)
    fi

    dpkg-deb --root-owner-group -b "$dir/x" "$dir" > /dev/null
    rm -r "$dir/x"
}


test_suite()
{
    local deb
    suite=$1

    root=$(mktemp -d /tmp/evolu-deb.XXXXXX)
    bash "$top/scripts/root.sh" make "$suite" "$root/root"

    mkdir -p "$root/root/root/debs/new" "$root/root/root/tree/scripts"
    cp -r "$top/debian" "$top/README.md" "$root/root/root/tree/"
    cp "$top"/scripts/{deb-test,demo}.sh "$root/root/root/tree/scripts/"

    for deb in "$build/deb/$suite"/*.deb; do
        cp "$deb" "$root/root/root/debs/"
        repack "$deb" "$root/root/root/debs/new"
    done

    step "apt-get install ./*.deb"
    bash "$top/scripts/root.sh" online "$root/root" bash -ec '
        export DEBIAN_FRONTEND=noninteractive
        apt-get -qq update
        apt-get -qq -y install nginx openssl curl redis-server procps \
            /root/debs/*.deb
        ' > "$root/log" 2>&1 || { tail -n 20 "$root/log" >&2; exit 1; }

    bash "$top/scripts/root.sh" run "$root/root" \
        bash /root/tree/scripts/deb-test.sh inside

    step passed
    bash "$top/scripts/root.sh" remove "$root"
    root=
}


if [ $# -eq 0 ]; then
    sed -n '4,6s/^# //p' "$0" >&2
    exit 2
fi

if [ "$1" = inside ]; then
    inside
    exit 0
fi

trap '[ -z "$root" ] || bash "$top/scripts/root.sh" remove "$root"' EXIT

for suite in "$@"; do
    test_suite "$suite"
done
