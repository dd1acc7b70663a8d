#!/bin/bash
# Copyright (C) Evolu Auth Authors
#
# entrypoint.sh COMMAND...   the entry point of the image
#
# Where COMMAND is nginx: writes each /etc/nginx/templates/*.template, with
# ${NAME} replaced from the environment, to /tmp/nginx/conf.d.  Names are of
# upper-case letters, digits and "_", so nginx's own variables stay.
# NGINX_ENVSUBST_TEMPLATE_DIR is another folder to take them from.
#
# Sets NGINX_LOCAL_RESOLVERS to the name servers of /etc/resolv.conf.

set -euo pipefail
unset LIBRARY_PATH

templates=${NGINX_ENVSUBST_TEMPLATE_DIR:-/etc/nginx/templates}
conf=/tmp/nginx/conf.d

if [ "${1:-}" = nginx ]; then
    resolvers=$(sed -n 's/^nameserver[[:space:]]\{1,\}\([^[:space:]]*\).*/\1/p' \
                /etc/resolv.conf | sed 's/.*:.*/[&]/' | paste -sd' ')
    export NGINX_LOCAL_RESOLVERS=$resolvers

    names=$(env | sed -n 's/^\([A-Z][A-Z0-9_]*\)=.*/${\1}/p')

    mkdir -p "$conf"
    rm -f "$conf"/*.conf

    for template in "$templates"/*.template; do
        name=${template##*/}

        if unset=$(envsubst "$names" < "$template" \
                   | grep -noE '\$\{[A-Z][A-Z0-9_]*\}')
        then
            echo "entrypoint.sh: $template: not set in the environment:" \
                 "${unset//$'\n'/ }" >&2
            exit 1
        fi

        envsubst "$names" < "$template" > "$conf/${name%.template}"
    done
fi

exec "$@"
