-- A transaction larger than a frame: several frames of about 64 KiB, begin in the first, commit in the last.
SELECT slot_name FROM pgsync_create_slot('regress');
CREATE TABLE t (id int PRIMARY KEY, v text);
INSERT INTO t SELECT i, repeat('x', 90) FROM generate_series(1, 5000) i;
CREATE TEMP TABLE frames (n serial, data bytea);
INSERT INTO frames (data) SELECT data FROM pg_logical_slot_peek_binary_changes('regress', NULL, NULL, 'proto_version', '1');
SELECT n, length(data) / 1024 AS kib, (SELECT string_agg(record || ' ' || count, ', ' ORDER BY record) FROM
  (SELECT r->>'record' AS record, count(*) FROM pgsync_decode(data) r GROUP BY 1) c) AS records FROM frames ORDER BY n;
SELECT count(*), count(DISTINCT r->'row'->0), min((r->'row'->>0)::int), max((r->'row'->>0)::int) FROM frames, pgsync_decode(data) r
 WHERE r->>'record' = 'insert';
-- a row larger than a frame goes in one piece
INSERT INTO t VALUES (0, repeat('y', 1000000));
SELECT length(data) / 100000 AS hundred_kb FROM pg_logical_slot_peek_binary_changes('regress', NULL, NULL, 'proto_version', '1') WITH ORDINALITY c(lsn, xid, data, n)
 WHERE n > (SELECT count(*) FROM frames);
DROP TABLE t, frames;
SELECT pg_drop_replication_slot('regress');
