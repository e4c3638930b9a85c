-- Emitted columns: only these, in table order; a dropped column leaves no gap.
SELECT slot_name FROM pgsync_create_slot('regress');
CREATE TABLE t (gone int, id int PRIMARY KEY, secret text, name text);
ALTER TABLE t DROP gone;
INSERT INTO t VALUES (1, 's', 'n');
UPDATE t SET id = 2, secret = 'S';
DELETE FROM t;
CREATE FUNCTION peek(tables text) RETURNS TABLE (record jsonb) LANGUAGE sql AS $$
  SELECT named(r) FROM pg_logical_slot_peek_binary_changes('regress', NULL, NULL, 'proto_version', '1', 'tables', tables), pgsync_decode(data) r
   WHERE r->>'record' NOT IN ('begin', 'commit') $$;
SELECT * FROM peek('public.t(name, id)');
SELECT * FROM peek('public.t(id;)') WHERE record->>'record' <> 'relation';
SELECT * FROM peek('public.t(;name)');
SELECT * FROM peek('public.t') WHERE record->>'record' <> 'relation';
DROP FUNCTION peek;
DROP TABLE t;
SELECT pg_drop_replication_slot('regress');
