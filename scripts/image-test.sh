#!/bin/bash
# Copyright (C) Evolu Auth Authors
#
# image-test.sh   runs the image of image.sh as docker/compose.yaml says, and
#                 looks that it does what docker/README.md promises
#
# Each container gets what "docker compose config" makes of its service.  What
# differs: podman runs them, all on one loopback of their own, where a name
# server answers with 127.0.0.1 for each service; and Redis is this machine's
# redis-server, with the service's command, user and files.

set -euo pipefail
unset LIBRARY_PATH

top=$(cd "$(dirname "$0")/.." && pwd)
build=$(realpath -m "${BUILD:-$top/build}")
export BUILD=$build
export PATH=$PATH:/usr/sbin:/sbin

# a network, processes and mounts of its own: all ends with this script

if [ "${1:-}" != inside ]; then
    exec timeout --foreground -k 5 "${IMAGE_TEST_SECONDS:-900}" \
        unshare --net --pid --mount-proc --fork --kill-child bash "$0" inside
fi

passed=0 failed=0
dir=$(mktemp -d /tmp/evolu-image.XXXXXX)
url=http://127.0.0.1:8080
redis_pid=


# Without systemd podman has no timer for health checks, and says so each time.

podman()
{
    local said status=0

    said=$(mktemp "$dir/podman.XXXXXX")
    bash "$top/scripts/image.sh" podman "$@" 2> "$said" || status=$?
    grep -v 'unable to get systemd connection' "$said" >&2 || true
    rm "$said"

    return $status
}


cleanup()
{
    podman rm -af -t 1 > /dev/null 2>&1 || true
    rm -rf "$dir"
}

trap cleanup EXIT


# check TEXT COMMAND...   one test

check()
{
    local text=$1 status=0
    shift

    "$@" > "$dir/out" 2>&1 || status=$?

    if [ $status -eq 0 ]; then
        echo "ok   $text"
        passed=$((passed + 1))
    else
        echo "FAIL $text"
        tail -n 4 "$dir/out" | sed 's/^/     /'
        failed=$((failed + 1))
    fi
}


not()
{
    ! "$@"
}


# until COMMAND...   within 20 seconds

within()
{
    for _ in {1..200}; do
        if "$@" 2> /dev/null; then
            return 0
        fi

        sleep 0.1
    done

    "$@"
}


# answer STATUS TEXT CURL-ARG... PATH   the gate's answer is this one

answer()
{
    local status=$1 text=$2 path=${*: -1} code
    set -- "${@:3:$#-3}"

    code=$(curl -s -m 5 -o "$dir/body" -w '%{http_code}' "$@" "$url$path") \
        || true

    echo "$code $(cat "$dir/body" 2> /dev/null)"
    [ "$code" = "$status" ] && grep -qF "$text" "$dir/body"
}


compose()
{
    "$build/cache/docker-compose/docker-compose" \
        -f "$dir/docker/compose.yaml" --profile '*' config "$@"
}


# service NAME QUERY   of what compose makes of it

service()
{
    jq -r --arg name "$1" ".services[\$name] | $2" "$dir/compose.json"
}


# arguments NAME: sets args to what podman is to be told of the service

arguments()
{
    # shellcheck disable=SC2016  # jq's
    mapfile -t args < <(jq -r --arg name "$1" '
        .secrets as $files | .services[$name]
        | (if .read_only then "--read-only", "--read-only-tmpfs=false"
           else empty end),
          (.tmpfs // [] | .[] | "--tmpfs=" + .),
          (.cap_drop // [] | .[] | "--cap-drop=" + .),
          (.security_opt // [] | .[]
           | "--security-opt=" + sub(":true$"; "")),
          (.environment // {} | to_entries[] | "--env=\(.key)=\(.value)"),
          (.secrets // [] | .[]
           | "--volume=\($files[.source].file):/run/secrets/\(.source):ro"),
          (.volumes // [] | .[] | select(.type == "bind")
           | "--volume=\(.source):\(.target)\(if .read_only then ":ro"
                                              else "" end)"),
          (if .healthcheck.disable then "--no-healthcheck" else empty end)
        ' "$dir/compose.json")

    args+=(--network=host --pull=never --log-driver=k8s-file
           "--ulimit=nofile=$(ulimit -Hn)" "--ulimit=nproc=$(ulimit -Hu)"
           "--volume=$dir/resolv.conf:/etc/resolv.conf:ro")
}


start()
{
    arguments "$1"
    podman run -d --name "$1" "${args[@]}" "${@:2}" evolu-auth > /dev/null
}


# ends_with STATUS TEXT   how a container of $args ends, and what it says

ends_with()
{
    local status=0

    podman run --rm --name end "${args[@]}" evolu-auth > "$dir/end" 2>&1 &
    within not kill -0 $! || podman rm -f -t 1 end > /dev/null
    wait $! || status=$?

    cat "$dir/end"
    [ $status -eq "$1" ] && grep -qF "$2" "$dir/end"
}


# evolu-keys, as "docker compose run --rm keys"

keys()
{
    local entry

    arguments keys
    mapfile -t entry < <(service keys '.entrypoint[]')

    podman run --rm -i "${args[@]}" --entrypoint "${entry[0]}" evolu-auth \
        "${entry[@]:1}" "$@"
}


start_redis()
{
    local command

    mapfile -t command < <(service redis '.command[]')
    command=("${command[@]/#\/run\/secrets\//$dir/docker/secrets/}")

    (cd "$dir/redis" \
     && exec setpriv --reuid 999 --regid 999 --clear-groups \
             "${command[@]}" --bind 127.0.0.1) > "$dir/redis.log" 2>&1 &
    redis_pid=$!

    within redis_answers || { cat "$dir/redis.log"; exit 1; }
}


redis_answers()
{
    redis-cli ping 2>&1 | grep -q -e PONG -e NOAUTH
}


unchanged()
{
    (cd "$dir/docker" && sha256sum -c "$dir/sums")
}


healthy()
{
    podman healthcheck run "$1" > /dev/null 2>&1
}


# What the machine has no package of: one binary, of Debian 13

if [ ! -x "$build/cache/docker-compose/docker-compose" ]; then
    echo "image-test.sh: run through \"make image-test\", which fetches" \
         "docker-compose" >&2
    exit 1
fi

ip link set lo up

mkdir -p "$dir/docker" "$dir/redis"
chmod 755 "$dir"
chown 999:999 "$dir/redis"
cp -r "$top"/docker/{compose.yaml,secrets.sh,prometheus.yml,grafana} \
    "$dir/docker/"
cp -r "$top/contrib" "$dir/"

podman rm -af > /dev/null


echo "== the files"

check "docker compose config" compose -q
compose --format json > "$dir/compose.json"

check "secrets.sh makes the secrets" bash "$dir/docker/secrets.sh"
(cd "$dir/docker" && sha256sum secrets/* keys/*) > "$dir/sums"
check "secrets.sh again" bash "$dir/docker/secrets.sh"
check "changes nothing" unchanged
check "no secret is for others to read" \
    test -z "$(find "$dir/docker/secrets" "$dir/docker/keys" -type f -perm /077)"


echo "== as compose.yaml starts it"

echo "nameserver 127.0.0.11" > "$dir/resolv.conf"
dnsmasq --no-daemon --conf-file=/dev/null --no-resolv --no-hosts --user=root \
    --listen-address=127.0.0.11 --bind-interfaces --pid-file= \
    --address=/redis/127.0.0.1 --local=/redis/ \
    --address=/upstream/127.0.0.1 --local=/upstream/ \
    > "$dir/dns.log" 2>&1 &

start_redis
start upstream
keys create instance shop > "$dir/shop" 2> "$dir/err" || cat "$dir/err"
check "a key is made" test -s "$dir/shop"
start gate

if ! within healthy gate; then
    podman logs gate
    podman inspect -f '{{json .State.Health}}' gate
    exit 1
fi

check "it becomes healthy" healthy gate

shop=$(cat "$dir/shop")

check "allowed, and the upstream is told who it is" \
    answer 200 '"scope":"instance","instance":"shop"' -H "apikey: $shop" \
    /chat/findChats/shop
check "no key: 401" answer 401 Unauthorized /chat/findChats/shop
check "another key: 401" answer 401 Unauthorized -H "apikey: x$shop" \
    /chat/findChats/shop
check "another instance: 401" answer 401 Unauthorized -H "apikey: $shop" \
    /chat/findChats/other
check "a route for the global key: 403" answer 403 "Missing global api key" \
    -H "apikey: $shop" -d '{}' /instance/create

global=$(keys --file /etc/evolu/keys create global 2> "$dir/err")
podman kill -s HUP gate > /dev/null
check "a global key, after a reload" within answer 200 '"scope":"global"' \
    -H "apikey: $global" -d '{}' /instance/create

keys create instance kept > "$dir/kept" 2> "$dir/err"
kept=$(cat "$dir/kept")
keys revoke instance:shop > "$dir/err" 2>&1
check "revoked while it runs: 401" within answer 401 Unauthorized \
    -H "apikey: $shop" /chat/findChats/shop

kill "$redis_pid"
wait "$redis_pid" || true
start_redis
check "records outlive a restart of Redis" within answer 200 '"kept"' \
    -H "apikey: $kept" /chat/findChats/kept


curl -s -m 5 http://127.0.0.1:8081/metrics > "$dir/metrics"
check "metrics for the neighbours" \
    grep -q '^evolu_auth_requests_total{.*result="allowed"} [1-9]' "$dir/metrics"


echo "== locked"

check "the root file system is read-only" \
    not podman exec gate bash -c 'echo > /etc/nginx/x || echo > /var/x'
check "its user is not root" test "$(podman exec gate id -u)" = 33
check "nor is any of its processes" \
    not grep -qx root <(podman top gate user)
podman exec gate cat /proc/1/status > "$dir/status"
check "without a capability, and no way to one" test \
    "$(grep -cE '^(Cap(Eff|Bnd):\s*0+|NoNewPrivs:\s*1)$' "$dir/status")" = 3

edge=(redis-cli --no-auth-warning --user edge
      -a "$(cat "$dir/docker/secrets/redis_edge")")
check "the gate's user of Redis reads" \
    grep -qx 1 <("${edge[@]}" get evolu:epoch)
check "and cannot write" grep -q NOPERM <("${edge[@]}" set evolu:epoch 2 2>&1)
check "nor read elsewhere" grep -q NOPERM <("${edge[@]}" get other 2>&1)
check "without a password there is nothing" \
    grep -q NOAUTH <(redis-cli get evolu:epoch 2>&1)


echo "== no secret where it does not belong"

secrets=("$(cat "$dir/docker/secrets/pepper")"
         "$(cat "$dir/docker/secrets/redis_edge")"
         "$(cat "$dir/docker/secrets/redis_keys")" "$shop" "$kept" "$global")
printf '%s\n' "${secrets[@]}" > "$dir/patterns"

podman inspect gate evolu-auth > "$dir/inspect" 2>&1
podman history --no-trunc evolu-auth >> "$dir/inspect" 2>&1
podman exec gate env >> "$dir/inspect"
check "not in the environment or the image's history" \
    not grep -qFf "$dir/patterns" "$dir/inspect"

podman logs gate > "$dir/gate.log" 2>&1
check "not in the logs" not grep -qFf "$dir/patterns" "$dir/gate.log"
check "where a refusal is" grep -q 'evolu_auth: denied reason=' "$dir/gate.log"
check "and a request" grep -q 'auth=allowed reason=ok' "$dir/gate.log"
check "no alert in the log" \
    not grep -E '\[(alert|crit|emerg)\]' "$dir/gate.log"

mkdir "$dir/layers"
tar -C "$dir/layers" -xf "$build/evolu-auth-image.tar"

for layer in "$dir"/layers/*.tar "$dir"/layers/*/layer.tar; do
    [ -f "$layer" ] && tar -tf "$layer"
done > "$dir/files"

check "the layers hold the module" \
    grep -q 'nginx/modules/ngx_http_evolu_auth_module.so$' "$dir/files"
check "and neither secrets nor a tree" not grep -E \
    '(^|/)(run/secrets/|docker/(secrets|keys)|\.git/|etc/evolu|build/src)' \
    "$dir/files"


echo "== health and end"

arguments gate
podman run -d --name idle "${args[@]}" evolu-auth sleep 60 > /dev/null
podman stop -t 5 gate > /dev/null
check "without nginx it is not healthy" not healthy idle
podman rm -f -t 0 idle gate > /dev/null

start gate
within healthy gate
size=$(podman exec gate stat -c %s /usr/share/common-licenses/GPL-3)
curl -s -m 30 -H "apikey: $global" -o "$dir/slow" "$url/slow/shop" &
curl_pid=$!
check "a slow answer has begun" within test -s "$dir/slow"
check "and not ended" test "$(stat -c %s "$dir/slow")" -lt "$size"
podman stop -t 30 gate > /dev/null
check "a stop waits for it" wait $curl_pid
check "to be whole" test "$(stat -c %s "$dir/slow")" = "$size"
check "and the gate ends with 0" \
    test "$(podman inspect -f '{{.State.ExitCode}}' gate)" = 0
podman rm -f gate > /dev/null


echo "== wrong from the start"

chmod 444 "$dir/docker/secrets/pepper"
check "a pepper that others can read is refused" \
    ends_with 1 'can be read or changed by others'
chmod 400 "$dir/docker/secrets/pepper"

mapfile -t args < <(printf '%s\n' "${args[@]}" \
                    | sed '/^--env=EVOLU_UPSTREAM=/s/.*/--unsetenv=EVOLU_UPSTREAM/')
check "a variable that is not set is named" ends_with 1 'EVOLU_UPSTREAM'

echo "image-test: $passed passed, $failed failed"
[ $failed -eq 0 ]
