#!/bin/bash
# Copyright (C) Evolu Auth Authors
#
# The image's HEALTHCHECK: nginx answers on the loopback of the container.

set -euo pipefail
unset LIBRARY_PATH

exec 3<> /dev/tcp/127.0.0.1/8081
printf 'GET /healthz HTTP/1.0\r\n\r\n' >&3
read -r -t 2 _ status _ <&3

if [ "$status" != 204 ]; then
    echo "nginx answers $status"
    exit 1
fi
