#!/bin/bash
# Runs once, when the container creates its cluster: the role that pgsync-consumer connects as, and the example database,
# owned by that role (bootstrap --apply sets replica identities, which only a table's owner may).
# Without PG_PASSWORD there is no role and no example: the cluster only has the plugin.
set -eu
[ -n "${PG_PASSWORD:-}" ] || exit 0
psql -q -v ON_ERROR_STOP=1 --username "$POSTGRES_USER" --dbname postgres -v password="$PG_PASSWORD" <<'SQL'
CREATE ROLE pgsync LOGIN REPLICATION PASSWORD :'password';
CREATE DATABASE bookstore OWNER pgsync;
\connect bookstore
CREATE EXTENSION pgsync;
SQL
if [ -d /schemas/bookstore ]; then
  psql -q -v ON_ERROR_STOP=1 --username pgsync --dbname bookstore \
    -f /schemas/bookstore/tables.sql -f /schemas/bookstore/data.sql
fi
