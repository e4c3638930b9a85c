-- Text is UTF-8 whatever the database's encoding; what cannot be converted is raw, never altered.
SELECT slot_name FROM pgsync_create_slot('regress');
SELECT pg_drop_replication_slot('regress');
\set before :DBNAME
CREATE DATABASE pgsync_latin1 TEMPLATE template0 ENCODING 'LATIN1' LOCALE 'C';
CREATE DATABASE pgsync_ascii TEMPLATE template0 ENCODING 'SQL_ASCII' LOCALE 'C';
\c pgsync_latin1
CREATE EXTENSION pgsync;
SELECT slot_name FROM pgsync_create_slot('regress');
CREATE TABLE t (id int PRIMARY KEY, v text, c char(3), j jsonb);
SET client_encoding = 'UTF8';
INSERT INTO t VALUES (1, 'é', 'ü', '{"ä": 1}');
SELECT encode(data, 'escape') LIKE '%\\303\\251%\\303\\274  %\\303\\244%' AS is_utf8 FROM pg_logical_slot_peek_binary_changes('regress', NULL, NULL, 'proto_version', '1');
SELECT r->'row' FROM pg_logical_slot_get_binary_changes('regress', NULL, NULL, 'proto_version', '1'), pgsync_decode(data) r WHERE r->>'record' = 'insert';
SELECT pg_drop_replication_slot('regress');
\c pgsync_ascii
CREATE EXTENSION pgsync;
SELECT slot_name FROM pgsync_create_slot('regress');
CREATE TABLE t (id int PRIMARY KEY, v text, a text[]);
INSERT INTO t VALUES (1, 'plain', '{a}'), (2, E'\xc3\xa9', '{}'), (3, E'\xff\xfe', ARRAY[E'\xff']);
SELECT r->'row'->0, r->'row'->1 ? 'raw' AS is_raw, encode(convert_to(COALESCE(r->'row'->1->>'raw', r->'row'->>1), 'SQL_ASCII'), 'escape'), r->'row'->2 FROM pg_logical_slot_get_binary_changes('regress', NULL, NULL, 'proto_version', '1'), pgsync_decode(data) r WHERE r->>'record' = 'insert';
-- a name has no raw form: an error in the middle of decoding, after which the session is as it was
SET DateStyle = 'German';
DO $$ BEGIN
  EXECUTE format('CREATE TABLE %I (id int)', E'\xff');
  EXECUTE format('INSERT INTO %I VALUES (1)', E'\xff');
END $$;
INSERT INTO t VALUES (4, 'after', NULL);
BEGIN;
SAVEPOINT s;
\set VERBOSITY sqlstate
SELECT count(*) FROM pg_logical_slot_peek_binary_changes('regress', NULL, NULL, 'proto_version', '1');
ROLLBACK TO s;
SHOW DateStyle;
COMMIT;
SELECT r->'row' FROM pg_logical_slot_get_binary_changes('regress', NULL, NULL, 'proto_version', '1', 'tables', 'public.t'), pgsync_decode(data) r WHERE r->>'record' = 'insert';
SHOW DateStyle;
SELECT pg_drop_replication_slot('regress');
\c :before
DROP DATABASE pgsync_latin1;
DROP DATABASE pgsync_ascii;
SELECT slot_name FROM pgsync_create_slot('regress');
SELECT pg_drop_replication_slot('regress');
