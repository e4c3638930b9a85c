-- A changed table: a new relation record stands before the first row of the new layout, also inside of a transaction.
SELECT slot_name FROM pgsync_create_slot('regress');
CREATE TABLE t (id int PRIMARY KEY, a text);
BEGIN;
INSERT INTO t VALUES (1, 'a');
ALTER TABLE t ADD b int DEFAULT 5;
INSERT INTO t VALUES (2, 'b');
ALTER TABLE t DROP a;
UPDATE t SET b = 6 WHERE id = 1;
ALTER TABLE t RENAME b TO c;
INSERT INTO t VALUES (3, 7);
ALTER TABLE t REPLICA IDENTITY FULL;
DELETE FROM t WHERE id = 2;
COMMIT;
SELECT * FROM changes('regress');
-- a rewrite sends no rows, and a change that does not touch the layout no second record
INSERT INTO t VALUES (4, 8);
ALTER TABLE t ALTER c TYPE bigint;
INSERT INTO t VALUES (5, 9);
ANALYZE t;
CREATE INDEX ON t (c);
COMMENT ON TABLE t IS 'changed';
INSERT INTO t VALUES (6, 10);
SELECT * FROM changes('regress');
-- a listed column that did not exist yet is left out until it does
INSERT INTO t VALUES (7, 11);
ALTER TABLE t ADD later text;
INSERT INTO t VALUES (8, 12, 'now');
SELECT * FROM changes('regress', 'tables', 'public.t(id, later)');
DROP TABLE t;
SELECT pg_drop_replication_slot('regress');
