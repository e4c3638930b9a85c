-- A transaction that is rolled back is taken back as a whole if some of it was sent, also one that was prepared.
SELECT slot_name FROM pgsync_create_slot('regress');
SET logical_decoding_work_mem = '64kB';
CREATE TABLE t (id int PRIMARY KEY, a text);
SELECT count(*) FROM records('regress');
BEGIN;
INSERT INTO t SELECT i, repeat('x', 100) FROM generate_series(1, 3000) i;
ROLLBACK;
BEGIN;
INSERT INTO t SELECT i, repeat('x', 100) FROM generate_series(1, 3000) i;
PREPARE TRANSACTION 'dropped';
BEGIN;
INSERT INTO t SELECT i, repeat('x', 100) FROM generate_series(10001, 13000) i;
PREPARE TRANSACTION 'kept';
ROLLBACK PREPARED 'dropped';
COMMIT PREPARED 'kept';
CREATE VIEW blocks AS
  SELECT DISTINCT ON (n, m) r, n, m FROM pg_logical_slot_peek_binary_changes('regress', NULL, NULL, 'proto_version', '1', 'streaming', 'on', 'tables', 'public.t')
                          WITH ORDINALITY AS c(lsn, xid, data, n), pgsync_decode(c.data) WITH ORDINALITY AS d(r, m)
   WHERE r->>'record' LIKE 'stream%' ORDER BY n, m;
-- What became of each transaction. One that the server knows to be aborted before it decodes may have sent nothing at all.
SELECT r->>'record' AS "end", count(*) <= 2 AS at_most_two, bool_and(r->'subxid' IS NULL OR r->'subxid' = r->'xid') AS whole
  FROM blocks WHERE r->>'record' = 'stream_commit' GROUP BY 1;
SELECT count(*) AS left_open FROM
  (SELECT r->'xid' AS xid FROM blocks WHERE r->>'record' = 'stream_start' EXCEPT
   SELECT r->'xid' FROM blocks WHERE r->>'record' IN ('stream_commit', 'stream_abort')) AS open;
RESET logical_decoding_work_mem;
DROP VIEW blocks;
DROP TABLE t;
SELECT pg_drop_replication_slot('regress');
