# Copyright (C) Evolu Auth Authors
# shellcheck shell=bash
#
# The system of docs/evolution-api.md: Evolution API, its database, a Redis and
# an nginx, as they run before the guide begins; and what clients do meanwhile.

. t/guides/common.sh


database()
{
    local bin

    bin=$(echo /usr/lib/postgresql/*/bin)
    install -d -o postgres /srv/pg

    runuser -u postgres -- "$bin/initdb" -D /srv/pg -A trust --no-sync \
        > /dev/null
    runuser -u postgres -- "$bin/pg_ctl" -D /srv/pg -w -l /srv/pg/log \
        -o '-c listen_addresses=127.0.0.1 -c unix_socket_directories=/tmp' \
        start > /dev/null

    psql -q -h 127.0.0.1 -U postgres << 'END'
CREATE ROLE evolution LOGIN SUPERUSER;
CREATE DATABASE evolution OWNER evolution;
\c evolution
CREATE SCHEMA evolution_api;
CREATE TABLE evolution_api."Instance" (
    name varchar(255) UNIQUE, token varchar(255), "clientName" varchar(100));
INSERT INTO evolution_api."Instance" VALUES
    ('shop', 'SHOP-TOKEN-1111', 'evolution'),
    ('bar', 'BAR-TOKEN-2222', 'evolution'),
    ('short', 'short', 'evolution'), ('null', NULL, 'evolution');
END
}


SHOP_TOKEN=SHOP-TOKEN-1111
GLOBAL_KEY=THE-GLOBAL-KEY-OF-EVOLUTION

mkdir -p /opt/evolution-api
echo "AUTHENTICATION_API_KEY='$GLOBAL_KEY'" > /opt/evolution-api/.env

database

redis-server --daemonize yes --dir /srv --save '' > /dev/null
GLOBAL_KEY=$GLOBAL_KEY INSTANCES=shop=$SHOP_TOKEN,bar=BAR-TOKEN-2222 \
    node "$BUILD/clients/evolution.js" 8080 > "${out:?}/upstream.log" 2>&1 &
nginx

for port in 6379 8080 80; do
    listens "$port"
done


# in report mode all is answered as before

traffic()
{
    local base=http://127.0.0.1 shop=/instance/connectionState/shop

    answers 200 -H "apikey: $SHOP_TOKEN" $base$shop
    answers 401 $base$shop
    answers 401 -H "apikey: wrong-token" $base/instance/connectionState/bar
    answers 200 -H "apikey: $SHOP_TOKEN" "$base$shop?instanceName=bar"
    answers 403 -X POST -H "apikey: $SHOP_TOKEN" \
        "$base/chat/findChats/shop?x=/instance/create"
    answers 200 $base/manager
    answers 200 $base/manager
    answers 200 -H "apikey: $GLOBAL_KEY" $base/instance/fetchInstances
}


# nobody else may read what the guide wrote

secrets()
{
    if find /etc/evolu -perm /077 | grep . >&2 \
        || grep -rlE "$GLOBAL_KEY|$SHOP_TOKEN" /etc /var/log/nginx \
           | grep -v '^/etc/evolu/upstream-key.conf$' >&2
    then
        echo "others can read these" >&2
        return 1
    fi
}
