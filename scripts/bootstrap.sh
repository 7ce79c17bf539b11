#!/bin/sh
# Makes a checkout runnable: npm dependencies (Node 24 comes as one of them), then, unless --tools-only is
# given, the engine, Compose and the example images by scripts/setup.ts. Silent when nothing is to be done.
set -eu
cd "$(dirname "$0")/.."

say() { printf 'setup: %s\n' "$*" >&2; }

# One set-up at a time on a machine: two would fight over dpkg, node_modules and the engine's pid file.
# -o keeps the lock from being inherited by an engine that is started here.
if [ -z "${STACK_BACKUP_SETUP_LOCKED-}" ] && command -v flock >/dev/null 2>&1; then
  export STACK_BACKUP_SETUP_LOCKED=1
  lock=/run/lock/stack-backup-setup
  { [ -d /run/lock ] && [ -w /run/lock ]; } || lock="${TMPDIR:-/tmp}/stack-backup-setup-$(id -u)"
  if ! flock -n "$lock" true; then say 'another set-up is running; waiting for it'; fi
  exec flock -o "$lock" sh scripts/bootstrap.sh "$@"
fi

stamp=node_modules/.stack-backup-lockfile
if ! cmp -s package-lock.json "$stamp"; then
  command -v npm >/dev/null 2>&1 || {
    say 'npm is missing. Install Node.js (any version that still runs npm) and run this again.'
    exit 1
  }
  say 'installing the npm dependencies of package-lock.json'
  # Not `npm ci`: it refuses a lock file without the packages of other platforms, and npm leaves those out
  # of it where a mirror does not carry them. This takes the same locked versions and writes no lock file.
  npm install --no-save --no-audit --no-fund --loglevel=error >&2
  cp package-lock.json "$stamp"
fi

node=node_modules/.bin/node
version=$("$node" --version 2>/dev/null || true)
case "$version" in
  v2[4-9].* | v[3-9][0-9].*) ;;
  *)
    say "Node.js 24 or newer is needed, but $node answers '${version:-nothing}'."
    say 'Remove node_modules and run this again; the npm package "node" has to be allowed to run its install script.'
    exit 1
    ;;
esac

[ "${1-}" = --tools-only ] || exec "$node" scripts/setup.ts "$@"
