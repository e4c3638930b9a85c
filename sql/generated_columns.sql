-- Stored generated columns are in the record, with their values, also when the row is old.
SELECT slot_name FROM pgsync_create_slot('regress');
CREATE TABLE t (id int PRIMARY KEY, a int, twice int GENERATED ALWAYS AS (a * 2) STORED, b text);
INSERT INTO t VALUES (1, 21, DEFAULT, 'x');
UPDATE t SET a = 4;
ALTER TABLE t REPLICA IDENTITY FULL;
UPDATE t SET a = 5;
SELECT changes('regress');
INSERT INTO t VALUES (2, 1, DEFAULT, 'y');
SELECT changes('regress', 'tables', 'public.t(twice)');
DROP TABLE t;
SELECT pg_drop_replication_slot('regress');
