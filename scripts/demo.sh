#!/bin/bash
# Copyright (C) Evolu Auth Authors
#
# demo.sh [redis|file]   shows the edge at work, on loopback only
#
# Starts a Redis (or takes the key file alone), an upstream that answers with
# the headers it saw, and nginx with both presets; makes keys, and prints curl
# commands with their answers.  Exits with 1 when an answer is not the one that
# was to be expected.  All of it lives in a temporary folder and ends with the
# script; DEMO_KEEP=1 keeps it running until Ctrl-C.

set -euo pipefail
unset LIBRARY_PATH

top=$(cd "$(dirname "$0")/.." && pwd)
build=$(realpath -m "${BUILD:-$top/build}")
store=${1:-redis}
wrong=0
pids=()

export PATH=$PATH:/usr/sbin
unset EVOLU_REDIS_URL EVOLU_PEPPER

case $store in
    redis | file) ;;
    *) echo "demo.sh: redis or file, not \"$store\"" >&2; exit 2 ;;
esac

dir=$(mktemp -d /tmp/evolu-demo.XXXXXX)


finish()
{
    local status=$? pid

    trap - EXIT INT TERM

    for pid in "${pids[@]}"; do
        kill "$pid" 2> /dev/null || true
    done

    wait

    if [ $status -eq 1 ] && [ -s "$dir/edge.log" ]; then
        echo "--- the last lines of nginx's error log" >&2
        tail -n 15 "$dir/edge.log" >&2
    fi

    rm -rf "$dir"
    exit $status
}

trap finish EXIT
trap 'exit 130' INT
trap 'exit 143' TERM


# free_port NOT   a port of 127.0.0.1 where nobody listens

free_port()
{
    local port

    for _ in $(seq 100); do
        port=$((20000 + RANDOM % 12000))

        if [ "$port" != "$1" ] \
           && ! (exec 3<> "/dev/tcp/127.0.0.1/$port") 2> /dev/null
        then
            echo "$port"
            return
        fi
    done

    echo "demo.sh: no free port on 127.0.0.1" >&2
    return 1
}


# wait_for NAME PID COMMAND...   until COMMAND succeeds, 10 seconds at most

wait_for()
{
    local name=$1 pid=$2
    shift 2

    for _ in $(seq 200); do
        if "$@" 2> /dev/null; then
            return
        fi

        if ! kill -0 "$pid" 2> /dev/null; then
            break
        fi

        sleep 0.05
    done

    echo "demo.sh: $name did not start" >&2
    return 1
}


listens()
{
    (exec 3<> "/dev/tcp/127.0.0.1/$1")
}


# Both nginx are of the user who runs this, and write to the folder alone.

nginx_common()
{
    if [ "$(id -u)" -eq 0 ]; then
        echo "user root;"
    fi

    cat << END
pid $1.pid;
error_log $1.log;

events {
}

http {
    access_log off;
    client_body_temp_path tmp-$1/body;
    proxy_temp_path tmp-$1/proxy;
    fastcgi_temp_path tmp-$1/fastcgi;
    uwsgi_temp_path tmp-$1/uwsgi;
    scgi_temp_path tmp-$1/scgi;

END
}


# The upstream has no part in the module: it shows what arrives.

start_upstream()
{
    local name var all=

    {
        nginx_common upstream

        for name in X-Evolu-Scope X-Evolu-Instance X-Evolu-Campaign \
                    X-Evolu-Livemode X-Evolu-Key-Id apikey Authorization
        do
            var=${name,,}
            var=${var//-/_}
            all+="\$show_$var"

            cat << END
    map \$http_$var \$show_$var {
        default ',"$name":"\$http_$var"';
        "" "";
    }

END
        done

        cat << END
    server {
        listen unix:$dir/upstream.sock;
        default_type application/json;

        location / {
            return 200 '{"request":"\$request"$all}\n';
        }
    }
}
END
    } > "$dir/upstream.conf"

    mkdir "$dir/tmp-upstream"
    nginx -p "$dir" -e upstream.log -c upstream.conf -g 'daemon off;' &
    pids+=($!)
    wait_for "the upstream" $! test -S "$dir/upstream.sock"
}


start_redis()
{
    redis-server --port 0 --unixsocket "$dir/redis.sock" --save '' \
        --appendonly no --dir "$dir" > "$dir/redis.log" &
    redis_pid=$!
    pids+=("$redis_pid")
    wait_for redis-server $redis_pid test -S "$dir/redis.sock"
}


start_edge()
{
    {
        echo "load_module $build/ngx_http_evolu_auth_module.so;"
        echo "worker_processes 2;"
        nginx_common edge

        cat << END
    include $top/conf/http.conf;

    evolu_auth_zone zone=evolu:16m;
    evolu_auth_key_file $dir/keys;
    evolu_auth_pepper p1 $dir/pepper;
END

        if [ "$store" = redis ]; then
            echo "    evolu_auth_redis unix:$dir/redis.sock;"
        fi

        cat << END

    upstream evolution_api {
        server unix:$dir/upstream.sock;
        keepalive 8;
    }

    upstream evolu_api {
        server unix:$dir/upstream.sock;
        keepalive 8;
    }

    server {
        listen 127.0.0.1:$evolution;
        include $top/conf/evolution-api.conf;
    }

    server {
        listen 127.0.0.1:$integrators;
        include $top/conf/evolu-integrators.conf;
    }
}
END
    } > "$dir/nginx.conf"

    mkdir "$dir/tmp-edge"
    nginx -p "$dir" -e edge.log -c nginx.conf -g 'daemon off;' &
    edge_pid=$!
    pids+=("$edge_pid")
    wait_for nginx $edge_pid listens "$integrators"
}


# evolu_keys ARG...   runs evolu-keys and shows how

evolu_keys()
{
    echo "\$ evolu-keys $*" >&2
    "$build/evolu-keys" "$@"
}


# The key file is read when nginx is reloaded.

reload()
{
    if [ "$store" = file ]; then
        echo "\$ nginx -p $dir -c nginx.conf -s reload"
        nginx -p "$dir" -e edge.log -c nginx.conf -s reload
    fi
}


say()
{
    echo
    fold -s -w 77 <<< "$*" | sed 's/^/# /; s/ $//'
}


# ask STATUS TEXT CURL-ARG...   prints the command and its answer, which must
# have the status and hold the text.  What has just changed may take its time
# on a busy machine, one second in all.

ask()
{
    local status=$1 text=$2 arg shown=curl code body
    shift 2

    for arg; do
        case $arg in
            *[\ {}\?\&]*) shown+=" '$arg'" ;;
            *) shown+=" $arg" ;;
        esac
    done

    echo "\$ $shown"

    for _ in $(seq 20); do
        code=$(curl -s -m 5 -o "$dir/body" -w '%{http_code}' "$@" || true)
        body=$(cat "$dir/body")

        if [ "$code" = "$status" ] && [[ $body == *"$text"* ]]; then
            break
        fi

        if [ -z "$changed" ]; then
            break
        fi

        sleep 0.05
    done

    echo "$code $body"

    if [ "$code" != "$status" ] || [[ $body != *"$text"* ]]; then
        echo "^^^ expected $status and: $text"
        wrong=$((wrong + 1))
    fi
}


# The stage

umask 077
changed=
evolution=$(free_port 0)
integrators=$(free_port "$evolution")

od -An -v -tx1 -N32 /dev/urandom | tr -d ' \n' > "$dir/pepper"
export EVOLU_PEPPER=p1:$dir/pepper

start_upstream

if [ "$store" = redis ]; then
    start_redis
    export EVOLU_REDIS_URL=unix:$dir/redis.sock
    file=()
else
    file=(--file "$dir/keys")
fi

echo "Evolution API at http://127.0.0.1:$evolution," \
     "Evolu Integrators API at http://127.0.0.1:$integrators"
echo "export EVOLU_PEPPER=$EVOLU_PEPPER" \
     "${EVOLU_REDIS_URL:+EVOLU_REDIS_URL=$EVOLU_REDIS_URL}"

say "A global key, two instances, a live and a test key of one campaign"

{
    global=$(evolu_keys --file "$dir/keys" create global)
    shop=$(evolu_keys "${file[@]}" create instance shop)
    evolu_keys "${file[@]}" create instance support > /dev/null
    live=$(evolu_keys "${file[@]}" create campaign demo)
    test=$(evolu_keys "${file[@]}" create campaign demo --mode test)
} 2>&1

start_edge

api=http://127.0.0.1:$evolution
v1=http://127.0.0.1:$integrators/v1


say "An instance's token, on its own path; what the client says of itself" \
    "is not believed"
ask 200 '"X-Evolu-Scope":"instance","X-Evolu-Instance":"shop"' \
    -H "apikey: $shop" -H "X-Evolu-Scope: global" \
    "$api/instance/connectionState/shop"

say "The global key, anywhere"
ask 200 '"X-Evolu-Scope":"global","X-Evolu-Instance":"shop"' \
    -H "apikey: $global" "$api/instance/connectionState/shop"
ask 200 '"X-Evolu-Scope":"global"' -H "apikey: $global" "$api/instance/create" \
    -d '{"instanceName":"new"}'

say "Refused: no key, another instance, a route for the global key alone," \
    "an argument that would override the path, an ambiguous path"
ask 401 '{"status":401,"error":"Unauthorized"' \
    "$api/instance/connectionState/shop"
ask 401 '{"status":401,"error":"Unauthorized"' \
    -H "apikey: $shop" "$api/instance/connectionState/support"
ask 403 '"Missing global api key"' -H "apikey: $shop" "$api/instance/create" \
    -d '{"instanceName":"new"}'
ask 403 '["Forbidden"]' \
    -H "apikey: $shop" "$api/instance/connectionState/shop?instanceName=support"
ask 400 '["Bad Request"]' \
    -H "apikey: $shop" "$api/instance/connectionState/support%2F..%2Fshop"

say "Campaign keys name themselves"
ask 200 '"X-Evolu-Campaign":"demo","X-Evolu-Livemode":"true"' \
    -H "Authorization: Bearer $live" "$v1/entries" -d '{}'
ask 200 '"X-Evolu-Campaign":"demo","X-Evolu-Livemode":"false"' \
    -H "Authorization: Bearer $test" "$v1/entries" -d '{}'

say "Refused: a wrong secret, another family, another method, another path"
ask 401 '{"detail":"Invalid or missing API key."}' \
    -H "Authorization: Bearer evolu_live_demo_0123456789abcdef" "$v1/entries" \
    -d '{}'
ask 401 '{"detail":"Invalid or missing API key."}' \
    -H "Authorization: Bearer $shop" "$v1/entries" -d '{}'
ask 403 '{"detail":"This API key is not allowed to access this resource."}' \
    -H "Authorization: Bearer $live" "$v1/entries"
ask 404 '{"detail":"Not Found"}' -H "Authorization: Bearer $live" "$v1/other"

say "Revoked while nginx runs"
evolu_keys "${file[@]}" revoke campaign:live:demo 2>&1
reload
changed=1
ask 401 '{"detail":"Invalid or missing API key."}' \
    -H "Authorization: Bearer $live" "$v1/entries" -d '{}'
changed=

say "Created while nginx runs, though it was refused a moment before"
ask 401 '{"status":401,"error":"Unauthorized"' \
    -H "apikey: sales-token-0123456789" "$api/chat/findChats/sales" -d '{}'
evolu_keys "${file[@]}" create instance sales --token - \
    <<< sales-token-0123456789 2>&1
reload
changed=1
ask 200 '"X-Evolu-Scope":"instance","X-Evolu-Instance":"sales"' \
    -H "apikey: sales-token-0123456789" "$api/chat/findChats/sales" -d '{}'

if [ "$store" = redis ] && [ -z "${DEMO_KEEP:-}" ]; then
    say "Redis is away: what was good goes on, what is not known is 503"
    echo "\$ kill $redis_pid"
    kill "$redis_pid"
    wait "$redis_pid" || true
    ask 200 '"X-Evolu-Instance":"shop"' \
        -H "apikey: $shop" "$api/instance/connectionState/shop"
    ask 503 '{"status":503,"error":"Service Unavailable"' \
        -H "apikey: $shop" "$api/instance/connectionState/warehouse"
fi

echo

if [ $wrong -ne 0 ]; then
    echo "demo.sh: $wrong answers are wrong" >&2
    exit 1
fi

if [ -n "${DEMO_KEEP:-}" ]; then
    echo "It runs on, in $dir; Ctrl-C ends it."
    wait "$edge_pid" || true
else
    echo "All answers as expected.  DEMO_KEEP=1 make demo runs on."
fi
