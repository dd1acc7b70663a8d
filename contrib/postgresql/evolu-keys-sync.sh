#!/bin/bash
# Copyright (C) Evolu Auth Authors
#
# evolu-keys-sync.sh [OPTION...]
#
# Keeps the edge's keys in step with the table "Instance" of Evolution API: one
# import when it starts, one after each notification of evolu-keys-notify.sql,
# and one every EVOLU_SYNC_EVERY seconds for what was missed.  Runs until it is
# stopped; may be started again at any time.
#
# Where the database is: libpq's own variables (PGHOST, PGUSER, PGDATABASE,
# PGPASSFILE, PGSERVICE).  OPTIONs are for evolu-keys, as in
#
#     evolu-keys-sync.sh --nginx-conf /etc/nginx/nginx.conf --client shop
#
# EVOLU_SYNC_SCHEMA   schema of the tables (public)
# EVOLU_SYNC_EVERY    seconds between imports without a notification (300)
# EVOLU_KEYS          the command (evolu-keys)

set -euo pipefail
unset LIBRARY_PATH

schema=${EVOLU_SYNC_SCHEMA:-public}
every=${EVOLU_SYNC_EVERY:-300}
command=${EVOLU_KEYS:-evolu-keys}
options=("$@")

tick=0.4                # how often the connection is asked for notifications
again=10                # seconds after which an import that failed is repeated

quoted=\"${schema//\"/\"\"}\"
query="COPY (SELECT name, token, \"clientName\" FROM $quoted.\"Instance\")
       TO STDOUT (FORMAT csv, HEADER)"

# A connection that is dead is found to be so; all else is in PGHOST and so on.

connection="keepalives_idle=10 keepalives_interval=5 keepalives_count=3
            tcp_user_timeout=20000"

# psql says "Asynchronous notification" in the language of its locale

export LC_MESSAGES=C
export LC_ALL=
export PGCLIENTENCODING=UTF8
export PGAPPNAME=evolu-keys-sync
export PGCONNECT_TIMEOUT=${PGCONNECT_TIMEOUT:-5}

say()
{
    echo "evolu-keys-sync: $*" >&2
}


# The query comes to its end before anything is written: half a table would
# prune the other half.

import()
{
    local rows

    rows=$(psql -XAtq -v ON_ERROR_STOP=1 -c "SET statement_timeout = '30s'" \
                -c "$query" "$connection") || return 1

    printf '%s\n' "$rows" \
        | "$command" "${options[@]}" import instances --prune --skip-unusable
}


# A connection that listens, and is asked again and again; it says "tick" each
# time, and what was notified before that.

listen()
{
    {
        echo 'LISTEN evolu_keys;'

        while echo "SELECT 'tick';"; do
            sleep "$tick"
        done
    } 2> /dev/null | psql -XAtq -v ON_ERROR_STOP=1 "$connection" 2>&1
}


# A notification that comes while an import runs waits in the pipe, so the next
# import sees what this one may have missed.

follow()
{
    local line due=0 now

    while read -r line; do
        printf -v now '%(%s)T' -1

        case $line in
            *'Asynchronous notification "evolu_keys"'*)
                due=0
                continue            # there may be more; the tick follows
                ;;

            tick)
                ;;

            *)
                say "psql: $line"
                continue
                ;;
        esac

        if [ "$now" -ge "$due" ]; then
            if import; then
                due=$((now + every))
            else
                say "no import; again in $again seconds"
                due=$((now + again))
            fi
        fi
    done
}


# When this ends, nobody reads what psql says, and so it ends as well.

trap 'exit 0' TERM INT HUP

while true; do
    follow < <(listen)
    say "the connection has ended; again in 2 seconds"
    sleep 2
done
