-- With option streaming a large transaction is sent in blocks before it ends; a small one, and all without it, as ever.
SELECT slot_name FROM pgsync_create_slot('regress');
SET logical_decoding_work_mem = '64kB';
CREATE TABLE t (id int PRIMARY KEY, a text);
CREATE TABLE other (id int PRIMARY KEY, a text);
INSERT INTO t VALUES (0, 'small');
BEGIN;
INSERT INTO t SELECT i, repeat('x', 100) FROM generate_series(1, 3000) i;
SELECT pg_logical_emit_message(true, 'pgsync', 'inside') IS NOT NULL AS emitted;
TRUNCATE other;
COMMIT;
-- Nothing of it is asked for: nothing is sent.
BEGIN;
INSERT INTO other SELECT i, repeat('x', 100) FROM generate_series(1, 3000) i;
COMMIT;
CREATE TABLE streamed (n serial, r jsonb);
INSERT INTO streamed (r)
  SELECT r FROM pg_logical_slot_peek_binary_changes('regress', NULL, NULL, 'proto_version', '1', 'streaming', 'on',
                                                    'tables', 'public.t, public.other(id)') WITH ORDINALITY AS c(lsn, xid, data, n),
              pgsync_decode(c.data) WITH ORDINALITY AS d(r, m)
   WHERE c.lsn <= (SELECT max(lsn) FROM pg_logical_slot_peek_binary_changes('regress', NULL, NULL, 'proto_version', '1',
                                                                            'tables', 'public.t'))
   ORDER BY n, m;
SELECT r->>'record' AS record, CASE WHEN r->>'record' LIKE 'stream_st%' THEN count(*) > 1 END AS several, CASE WHEN r->>'record' NOT LIKE 'stream_st%' THEN count(*) END AS count
  FROM streamed GROUP BY 1 ORDER BY min(n);
SELECT array_agg((r->>'first')::bool ORDER BY n) = array_fill(true, ARRAY[1]) || array_fill(false, ARRAY[count(*)::int - 1]) AS only_the_first_is_first
  FROM streamed WHERE r->>'record' = 'stream_start';
-- One transaction, named by all of its records; commits carry what begin and commit carry.
SELECT count(DISTINCT r->'xid') FROM streamed WHERE r->>'record' LIKE 'stream%' AND r ? 'xid';
SELECT (r->>'commit_lsn')::pg_lsn < (r->>'end_lsn')::pg_lsn AS ends_after, r ? 'commit_time' AS has_time FROM streamed WHERE r->>'record' = 'stream_commit';
SELECT count(DISTINCT r->'row'->0), min((r->'row'->>0)::int), max((r->'row'->>0)::int) FROM streamed WHERE r->>'record' = 'insert';
-- Without the option: one transaction after the other.
SELECT record->>'record' AS record, count(*) FROM records('regress', 'tables', 'public.t, public.other(id)')
  WHERE record->>'relid' IS DISTINCT FROM 'other' GROUP BY 1 ORDER BY 1;
RESET logical_decoding_work_mem;
DROP TABLE t, other, streamed;
SELECT pg_drop_replication_slot('regress');
