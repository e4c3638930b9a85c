-- pgsync 0.1: helpers around the output plugin of the same name.
\echo Use "CREATE EXTENSION pgsync" to load this file. \quit

CREATE FUNCTION pgsync_create_slot(name name, OUT slot_name name, OUT lsn pg_lsn)
    AS 'MODULE_PATHNAME' LANGUAGE C VOLATILE STRICT;
COMMENT ON FUNCTION pgsync_create_slot(name) IS 'creates a logical replication slot of output plugin pgsync';

CREATE FUNCTION pgsync_decode(frame bytea) RETURNS SETOF jsonb
    AS 'MODULE_PATHNAME' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE
    -- dates, times and floats read the same in every session
    SET DateStyle = 'ISO, YMD' SET TimeZone = 'UTC' SET extra_float_digits = 3;
COMMENT ON FUNCTION pgsync_decode(bytea) IS 'the records of one message of output plugin pgsync, readable';

CREATE FUNCTION pgsync_plugin_stats(slot name, tables text DEFAULT NULL,
        OUT relation regclass, OUT decoded int8, OUT filtered int8, OUT suppressed int8, OUT sent int8, OUT bytes int8)
    RETURNS SETOF record
    LANGUAGE sql VOLATILE
    -- Not a string: names are bound here and now, so no search_path can change what it calls.
    BEGIN ATOMIC
    SELECT DISTINCT ON (n->>'relid') (n->>'relid')::oid::regclass, (n->>'decoded')::int8, (n->>'filtered')::int8,
           (n->>'suppressed')::int8, (n->>'sent')::int8, (n->>'bytes')::int8
      FROM pg_logical_slot_peek_binary_changes(slot, NULL, NULL,
               VARIADIC ARRAY['proto_version', '1', 'statistics_interval', '0']
                        || CASE WHEN tables IS NULL THEN '{}' ELSE ARRAY['tables', tables] END)
               WITH ORDINALITY AS c(lsn, xid, data, number),
           pgsync_decode(c.data) AS record,
           jsonb_array_elements(record->'relations') AS n
     WHERE record->>'record' = 'statistics'
     ORDER BY n->>'relid', c.number DESC;
    END;
COMMENT ON FUNCTION pgsync_plugin_stats(name, text)
    IS 'what the output plugin would do with the rows that wait in a slot, per table; consumes nothing';

CREATE VIEW pgsync_slots AS
    SELECT s.slot_name, s.database, s.active, s.restart_lsn, s.confirmed_flush_lsn,
           pg_catalog.pg_wal_lsn_diff(
               CASE WHEN pg_catalog.pg_is_in_recovery() THEN pg_catalog.pg_last_wal_replay_lsn()
                    ELSE pg_catalog.pg_current_wal_lsn() END,
               s.confirmed_flush_lsn)::pg_catalog.int8 AS lag_bytes,
           s.wal_status, s.safe_wal_size
      FROM pg_catalog.pg_replication_slots AS s
     WHERE s.plugin OPERATOR(pg_catalog.=) 'pgsync';
COMMENT ON VIEW pgsync_slots IS 'slots of output plugin pgsync: how far behind, and whether their WAL is still there';
-- as pg_replication_slots itself
GRANT SELECT ON pgsync_slots TO PUBLIC;
