-- Rows of a streamed transaction are sent under their subtransaction, so that a rollback to a savepoint takes back only those.
SELECT slot_name FROM pgsync_create_slot('regress');
SET logical_decoding_work_mem = '64kB';
CREATE TABLE t (id int PRIMARY KEY, a text);
BEGIN;
INSERT INTO t VALUES (0, 'top');
SAVEPOINT a;
INSERT INTO t SELECT i, repeat('a', 100) FROM generate_series(1, 2000) i;
SAVEPOINT b;
INSERT INTO t SELECT i, repeat('b', 100) FROM generate_series(2001, 4000) i;
ROLLBACK TO b;
INSERT INTO t SELECT i, repeat('c', 100) FROM generate_series(2001, 2500) i;
RELEASE a;
SAVEPOINT d;
INSERT INTO t SELECT i, repeat('d', 100) FROM generate_series(5001, 7000) i;
SAVEPOINT e;
INSERT INTO t SELECT i, repeat('e', 100) FROM generate_series(8001, 9000) i;
RELEASE e;
ROLLBACK TO d;
INSERT INTO t VALUES (1000000, 'top again');
COMMIT;
-- What a reader does: keeps rows by transaction, drops those of aborted subtransactions, and has the rest at the commit.
-- (The tables exist before: WAL that this transaction itself has written and not flushed is what decoding could wait for.)
CREATE TABLE spool (xid bigint, id int, a text);
CREATE TABLE got (xids int, aborts int, id int, a text);
CREATE FUNCTION committed(slot name) RETURNS TABLE (xids int, aborts int, id int, a text) LANGUAGE plpgsql AS $$
DECLARE
  r jsonb;
  member bigint;
  aborted bigint[] := '{}';
  top bigint;
BEGIN
  FOR r IN SELECT d.r FROM pg_logical_slot_get_binary_changes(slot, NULL, NULL, 'proto_version', '1', 'streaming', 'on', 'tables', 'public.t')
                             WITH ORDINALITY AS c(lsn, xid, data, n), pgsync_decode(c.data) WITH ORDINALITY AS d(r, m) ORDER BY n, m
  LOOP
    CASE r->>'record'
      WHEN 'stream_start' THEN member := r->'xid'; top := member;
      WHEN 'subtransaction' THEN member := r->'subxid';
      WHEN 'insert' THEN INSERT INTO spool VALUES (member, (r->'row'->>0)::int, left(r->'row'->>1, 1));
      WHEN 'stream_abort' THEN aborted := aborted || (r->'subxid')::bigint;
      WHEN 'stream_commit' THEN
        ASSERT (r->'xid')::bigint = top;
        RETURN QUERY SELECT (SELECT count(DISTINCT xid)::int FROM spool), cardinality(aborted), s.id, s.a FROM spool s WHERE NOT s.xid = ANY (aborted);
      ELSE NULL;
    END CASE;
  END LOOP;
END $$;
INSERT INTO got SELECT * FROM committed('regress');
SELECT xids > 4 AS several_subtransactions, aborts >= 3 AS aborts FROM got LIMIT 1;
SELECT left(a, 1) AS a, count(*), min(id), max(id) FROM t GROUP BY 1 ORDER BY min(id);
SELECT a, count(*), min(id), max(id) FROM got GROUP BY 1 ORDER BY min(id);
RESET logical_decoding_work_mem;
DROP FUNCTION committed;
DROP TABLE t, got, spool;
SELECT pg_drop_replication_slot('regress');
