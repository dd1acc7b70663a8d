#!/bin/bash
# Copyright (C) Evolu Auth Authors
#
# secrets.sh   makes what compose.yaml takes from files, as root: docker/secrets
#              and the key file docker/keys/keys
#
# Each file is readable by the user of the one container that it is for, and
# by nobody else.  What is there already stays as it is.

set -euo pipefail
unset LIBRARY_PATH

cd "$(dirname "$0")"

gate=33 redis=999 grafana=472

if [ "$(id -u)" -ne 0 ]; then
    echo "secrets.sh: giving files to the containers' users takes root" >&2
    exit 1
fi

umask 077
mkdir -p secrets keys
chmod 711 secrets
chown "$gate:$gate" keys


# random FILE OWNER   a new secret: 32 random bytes in hex

random()
{
    if [ ! -e "secrets/$1" ]; then
        od -An -v -tx1 -N32 /dev/urandom | tr -d ' \n' > "secrets/$1.new"
        chown "$2:$2" "secrets/$1.new"
        chmod 400 "secrets/$1.new"
        mv "secrets/$1.new" "secrets/$1"
        echo "secrets.sh: made secrets/$1"
    fi
}

random pepper $gate
random redis_edge $gate
random redis_keys $gate
random grafana_admin $grafana

if [ ! -e keys/keys ]; then
    echo '# global keys: docker compose run --rm keys --file ...' > keys/keys
    chown "$gate:$gate" keys/keys
    echo "secrets.sh: made keys/keys"
fi


# Redis's users, by hashes of their passwords.  The gate only reads.
#
# Nobody is the default user, for it is off.  Yet it must be allowed all: when
# Redis starts it replays its append-only file by the rights of that user, and
# would leave out every transaction, that is, every record.

hash()
{
    printf '#%s' "$(tr -d '\n' < "secrets/$1" | sha256sum | cut -d' ' -f1)"
}

common='resetchannels -@all +hello +auth +client|setname +select'
read='+client|tracking +role +get +hgetall +smembers'
write='+multi +exec +watch +unwatch +scan +exists +type +get +set +del +hgetall'
write="$write +hset +hdel +smembers +sismember +sadd +srem"

cat > secrets/redis_users.new << END
user default off resetpass ~* &* +@all
user edge on $(hash redis_edge) resetkeys %R~evolu:* $common $read
user keys on $(hash redis_keys) resetkeys ~evolu:* $common $write
END

chown "$redis:$redis" secrets/redis_users.new
chmod 400 secrets/redis_users.new
mv secrets/redis_users.new secrets/redis_users
