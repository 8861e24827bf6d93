#!/bin/sh
# Runs a command with DATABASE_URL set to a Postgres of its own, which ends with it.
set -eu
bin=$(ls -d /usr/lib/postgresql/*/bin | sort -V | tail -n 1)
dir=$(mktemp -d /var/tmp/breakwater-test.XXXXXX)
if [ "$(id -u)" = 0 ]; then
    chown postgres "$dir"
    as_user() { (cd / && setpriv --reuid=postgres --regid=postgres --init-groups "$@"); }
else
    as_user() { "$@"; }
fi
stop() { as_user "$bin/pg_ctl" -D "$dir/data" -m immediate stop >/dev/null 2>&1 || true; rm -rf "$dir"; }
trap stop EXIT
trap 'exit 130' INT TERM
as_user "$bin/initdb" -D "$dir/data" -U postgres --auth=trust -E UTF8 --no-locale --no-sync >/dev/null
as_user "$bin/pg_ctl" -D "$dir/data" -w -l "$dir/log" \
    -o "-c listen_addresses='' -c unix_socket_directories='$dir' -c fsync=off -c max_connections=300" start >/dev/null
DATABASE_URL="postgres://postgres@localhost/postgres?host=$dir" "$@"
