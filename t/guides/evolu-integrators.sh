# Copyright (C) Evolu Auth Authors
# shellcheck shell=bash
#
# The system of docs/evolu-integrators.md: the service, a Redis and an nginx, as
# they run before the guide begins; and what others do meanwhile.

. t/guides/common.sh

LIVE=evolu_live_aB3dE6gH_LiveSecret0123456789
TEST=evolu_test_aB3dE6gH_TestSecret0123456789
OTHER=evolu_live_other_OtherSecret012345678
NEW_KEY='' NEXT_KEY=''
service=''


# serve keys|headers: the service, by the keys that it knows or by the edge's
# word

serve()
{
    if [ -n "$service" ]; then
        kill "$service"
        wait "$service" || true
    fi

    KEYS=$LIVE,$TEST,$OTHER,$NEW_KEY,$NEXT_KEY \
        node "$BUILD/clients/integrators.js" 8000 "$1" \
        >> "${out:?}/service.log" 2>&1 &
    service=$!
    listens 8000
}


by_keys()
{
    serve keys
}


by_headers()
{
    serve headers
}


learn()
{
    serve keys
}


# the hashes that the service holds

export_keys()
{
    local key mode slug secret hash

    echo mode,slug,id,hash,exp > keys.csv

    for key in $LIVE $TEST $OTHER; do
        IFS=_ read -r _ mode slug secret <<< "$key"
        hash=$(printf %s "$secret" | sha256sum | cut -d ' ' -f 1)
        echo "$mode,$slug,k1,sha256-secret:$hash," >> keys.csv
    done
}


# entry STATUS KEY

entry()
{
    answers "$1" -H "Authorization: Bearer $2" -H 'Idempotency-Key: 1' \
        -H 'Content-Type: application/json' -d '{}' \
        http://127.0.0.1/v1/entries
}


# in report mode all is answered as before

traffic()
{
    entry 202 "$LIVE"
    entry 202 "$TEST"
    entry 202 "$OTHER"
    entry 401 "${LIVE%?}0"
    entry 401 evolu_live_nobody_NobodySecret012345678
    entry 401 evolu_test_other_OtherSecret012345678
    answers 401 http://127.0.0.1/v1/webhook
    answers 200 -H "Authorization: Bearer $LIVE" http://127.0.0.1/v1/workspaces
}


both()
{
    serve keys
    entry 202 "$LIVE"
    entry 202 "$NEW_KEY"
    entry 202 "$NEXT_KEY"
}


redis-server --daemonize yes --dir /srv --save '' > /dev/null
serve keys
nginx
listens 6379
listens 80
