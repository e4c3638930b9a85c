-- TOASTed values: unchanged is neither NULL nor the value; identity FULL supplies it from the old row.
SELECT slot_name FROM pgsync_create_slot('regress');
CREATE TABLE t (id int PRIMARY KEY, big text, packed text, n int);
ALTER TABLE t ALTER big SET STORAGE EXTERNAL;
INSERT INTO t VALUES (1, repeat('0123456789', 300), repeat('x', 3000), 1);
CREATE FUNCTION short(record jsonb) RETURNS text LANGUAGE sql AS
  $$ SELECT replace(record::text, repeat('0123456789', 300), '<3000 bytes>') $$;
SELECT replace(short(r), repeat('x', 3000), '<3000 x>') FROM changes('regress') r;
UPDATE t SET n = 2;
SELECT short(r) FROM changes('regress', 'tables', 'public.t(id, big, n)') r;
UPDATE t SET big = repeat('9876543210', 300);
SELECT replace(short(r), repeat('9876543210', 300), '<changed>') FROM changes('regress', 'tables', 'public.t(id, big, n)') r;
UPDATE t SET big = NULL, n = 3;
SELECT short(r) FROM changes('regress', 'tables', 'public.t(id, big, n)') r;
UPDATE t SET big = repeat('0123456789', 300);
ALTER TABLE t REPLICA IDENTITY FULL;
SELECT count(*) FROM records('regress');
UPDATE t SET n = 4;
SELECT short(r) FROM changes('regress', 'tables', 'public.t(id, big, n)') r;
-- only the unemitted column changed
UPDATE t SET n = 5;
SELECT count(*) FROM records('regress', 'tables', 'public.t(id, big)') r;
DELETE FROM t;
SELECT short(r) FROM changes('regress', 'tables', 'public.t(id, big, n)') r;
DROP TABLE t;
DROP FUNCTION short;
SELECT pg_drop_replication_slot('regress');
