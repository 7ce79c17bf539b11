#!/bin/bash
# Makes the cluster on the first start, then becomes PostgreSQL. Reads POSTGRES_USER, POSTGRES_PASSWORD or
# POSTGRES_PASSWORD_FILE, and POSTGRES_DB. The local socket trusts whoever is in the container; over TCP a
# password is asked for (SCRAM).
set -euo pipefail

if [[ "${1-}" != postgres ]]; then exec "$@"; fi

if [[ "$(id -u)" = 0 ]]; then
  install -d -o postgres -g postgres -m 0700 "$PGDATA"
  install -d -o postgres -g postgres -m 2775 /run/postgresql
  exec setpriv --reuid postgres --regid postgres --init-groups "$0" "$@"
fi

if [[ ! -s "$PGDATA/PG_VERSION" ]]; then
  if [[ -n "${POSTGRES_PASSWORD-}" && -n "${POSTGRES_PASSWORD_FILE-}" ]]; then
    echo 'Set POSTGRES_PASSWORD or POSTGRES_PASSWORD_FILE, not both.' >&2
    exit 1
  fi
  user=${POSTGRES_USER:-postgres}
  database=${POSTGRES_DB:-$user}
  password=${POSTGRES_PASSWORD-}
  if [[ -n "${POSTGRES_PASSWORD_FILE-}" ]]; then password=$(<"$POSTGRES_PASSWORD_FILE"); fi
  if [[ -z "$password" ]]; then
    echo 'Set POSTGRES_PASSWORD or POSTGRES_PASSWORD_FILE to a password for the superuser.' >&2
    exit 1
  fi

  # A start that was cut short leaves a half-made cluster, which initdb refuses.
  find "$PGDATA" -mindepth 1 -delete
  initdb --username="$user" --pwfile=<(printf '%s\n' "$password") --encoding=UTF8 --locale=C.UTF-8 \
    --auth-local=trust --auth-host=scram-sha-256 --no-instructions >/dev/null
  printf 'host all all all scram-sha-256\n' >>"$PGDATA/pg_hba.conf"
  if [[ "$database" != postgres ]]; then
    # Single-user mode: nobody can connect before the database they ask for is there.
    printf 'CREATE DATABASE "%s"\n' "${database//\"/\"\"}" | postgres --single -D "$PGDATA" postgres >/dev/null
  fi
fi

exec "$@" -c listen_addresses='*'
