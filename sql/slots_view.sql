-- pgsync_create_slot and pgsync_slots: our slots only, with their lag.
SELECT slot_name FROM pgsync_create_slot('regress');
SELECT slot_name, lsn IS NOT NULL AS has_lsn FROM pgsync_create_slot('second');
SELECT pgsync_create_slot('second');
SELECT pgsync_create_slot('Bad name');
SELECT 'created' FROM pg_create_logical_replication_slot('of_another_plugin', 'pgoutput');
CREATE TABLE t (id int);
INSERT INTO t SELECT generate_series(1, 100);
SELECT slot_name, database, active, restart_lsn IS NOT NULL AS restart, confirmed_flush_lsn IS NOT NULL AS confirmed,
       lag_bytes > 0 AS lags, wal_status, safe_wal_size
  FROM pgsync_slots ORDER BY slot_name;
SELECT pg_typeof(lag_bytes) FROM pgsync_slots LIMIT 1;
SELECT count(*) > 0 AS sent FROM records('second');
SELECT slot_name FROM pgsync_slots s JOIN pg_replication_slots USING (slot_name) WHERE lag_bytes = (SELECT min(lag_bytes) FROM pgsync_slots);
SELECT pg_drop_replication_slot('second'), pg_drop_replication_slot('of_another_plugin');
CREATE ROLE regress_reader;
SET ROLE regress_reader;
SELECT slot_name FROM pgsync_slots;
\set VERBOSITY sqlstate
SELECT pgsync_create_slot('not_allowed');
\set VERBOSITY default
RESET ROLE;
DROP ROLE regress_reader;
DROP TABLE t;
SELECT pg_drop_replication_slot('regress');
