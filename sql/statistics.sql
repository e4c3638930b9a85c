-- Option statistics_interval: what was done with the rows of each table; pgsync_plugin_stats asks it of a slot.
SELECT slot_name FROM pgsync_create_slot('regress');
CREATE TABLE wanted (id int PRIMARY KEY, a text, b text);
CREATE TABLE unwanted (id int PRIMARY KEY);
ALTER TABLE wanted REPLICA IDENTITY FULL;
INSERT INTO wanted SELECT i, 'a', 'b' FROM generate_series(1, 10) i;
INSERT INTO unwanted SELECT generate_series(1, 5);
UPDATE wanted SET b = 'c' WHERE id <= 3;
UPDATE wanted SET a = 'c' WHERE id <= 2;
DELETE FROM wanted WHERE id = 10;
SELECT relation, decoded, filtered, suppressed, sent, bytes > 0 AS bytes FROM pgsync_plugin_stats('regress', 'public.wanted(id, a)') ORDER BY relation::text;
SELECT relation, decoded, filtered, suppressed, sent FROM pgsync_plugin_stats('regress') ORDER BY relation::text;
-- The records: after every transaction with 0, also those that send nothing; then seldom.
SELECT record - 'relations' || jsonb_build_object('relations', (SELECT jsonb_agg(named(n) - 'bytes') FROM jsonb_array_elements(record->'relations') n))
  FROM pg_logical_slot_peek_binary_changes('regress', NULL, NULL, 'proto_version', '1', 'tables', 'public.wanted(id, a)', 'statistics_interval', '0') c,
       pgsync_decode(c.data) record WHERE record->>'record' = 'statistics';
SELECT count(*) FROM pg_logical_slot_peek_binary_changes('regress', NULL, NULL, 'proto_version', '1', 'statistics_interval', '1h') c,
       pgsync_decode(c.data) record WHERE record->>'record' = 'statistics';
SELECT count(*) FROM pg_logical_slot_peek_binary_changes('regress', NULL, NULL, 'proto_version', '1') c,
       pgsync_decode(c.data) record WHERE record->>'record' = 'statistics';
SELECT pg_logical_slot_peek_binary_changes('regress', NULL, NULL, 'proto_version', '1', 'statistics_interval', '-1');
SELECT pg_logical_slot_peek_binary_changes('regress', NULL, NULL, 'proto_version', '1', 'statistics_interval', 'often');
DROP TABLE wanted, unwanted;
SELECT pg_drop_replication_slot('regress');
