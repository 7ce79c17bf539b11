#!/bin/sh
# Gives the volume to redis on the first start, then becomes Redis as that user.
set -eu
if [ "${1-}" = redis-server ] && [ "$(id -u)" = 0 ]; then
  find /data ! -user redis -exec chown redis:redis {} +
  exec setpriv --reuid redis --regid redis --init-groups "$@"
fi
exec "$@"
