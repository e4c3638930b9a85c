-- Option tables: only listed tables are sent, matched with their schema.
SELECT slot_name FROM pgsync_create_slot('regress');
CREATE SCHEMA other;
CREATE TABLE t (id int PRIMARY KEY);
CREATE TABLE u (id int PRIMARY KEY);
CREATE TABLE other.t (id int PRIMARY KEY);
INSERT INTO t VALUES (1);
INSERT INTO u VALUES (2);
INSERT INTO other.t VALUES (3);
CREATE FUNCTION peek(tables text) RETURNS TABLE (record jsonb) LANGUAGE sql AS $$
  SELECT named(r) FROM pg_logical_slot_peek_binary_changes('regress', NULL, NULL, 'proto_version', '1', 'tables', tables), pgsync_decode(data) r $$;
SELECT * FROM peek('public.t');
SELECT * FROM peek('other.t') WHERE record->>'record' = 'insert';
SELECT * FROM peek(' public.U , other.t ') WHERE record->>'record' = 'insert';
SELECT * FROM changes('regress');
-- a renamed schema or table is another table
ALTER SCHEMA other RENAME TO another;
INSERT INTO another.t VALUES (4);
ALTER TABLE u RENAME TO v;
INSERT INTO v VALUES (5);
SELECT * FROM changes('regress', 'tables', 'another.t, public.v');
DROP FUNCTION peek;
DROP TABLE t, v;
DROP SCHEMA another CASCADE;
SELECT pg_drop_replication_slot('regress');
