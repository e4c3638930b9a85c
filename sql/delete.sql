-- DELETE under each replica identity: key, full row, or a row that cannot be named.
SELECT slot_name FROM pgsync_create_slot('regress');
CREATE TABLE by_default (v text, id int PRIMARY KEY);
CREATE TABLE by_full (id int, v text);
ALTER TABLE by_full REPLICA IDENTITY FULL;
CREATE TABLE by_index (id int, code text NOT NULL UNIQUE);
ALTER TABLE by_index REPLICA IDENTITY USING INDEX by_index_code_key;
CREATE TABLE by_nothing (id int PRIMARY KEY, v text);
ALTER TABLE by_nothing REPLICA IDENTITY NOTHING;
CREATE TABLE without_key (id int);
INSERT INTO by_default VALUES ('v', 1);
INSERT INTO by_full VALUES (1, NULL);
INSERT INTO by_index VALUES (1, 'c');
INSERT INTO by_nothing VALUES (1, 'v');
INSERT INTO without_key VALUES (1);
SELECT count(*) FROM records('regress');
DELETE FROM by_default;
DELETE FROM by_full;
DELETE FROM by_index;
DELETE FROM by_nothing;
DELETE FROM without_key;
SELECT * FROM changes('regress');
-- a key column that is not emitted leaves nothing to name the row by
INSERT INTO by_default VALUES ('w', 2);
DELETE FROM by_default;
SELECT * FROM changes('regress', 'tables', 'public.by_default(v)');
DROP TABLE by_default, by_full, by_index, by_nothing, without_key;
SELECT pg_drop_replication_slot('regress');
