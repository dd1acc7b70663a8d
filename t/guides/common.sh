# Copyright (C) Evolu Auth Authors
# shellcheck shell=bash
#
# What the systems of all guides need

# listens PORT: waits until something does

listens()
{
    local try

    for try in {1..400}; do
        if (: < "/dev/tcp/127.0.0.1/$1") 2> /dev/null; then
            return 0
        fi

        sleep 0.05
    done

    echo "nothing listens on $1, $try times" >&2
    return 1
}


# answers STATUS CURL-ARGUMENTS...

answers()
{
    local want=$1 got
    shift

    got=$(curl -sS -o /dev/null -w '%{http_code}' -H 'Host: api.example.com' \
          "$@")

    if [ "$got" != "$want" ]; then
        echo "$got, not $want: $*" >&2
        return 1
    fi
}
