-- Rows that were written before a column was added: its default where there is one, NULL else; dropped columns are skipped.
SELECT slot_name FROM pgsync_create_slot('regress');
CREATE TABLE t (id int PRIMARY KEY, gone text);
ALTER TABLE t REPLICA IDENTITY FULL;
INSERT INTO t VALUES (1, 'gone'), (2, 'gone');
SELECT count(*) FROM changes('regress');
ALTER TABLE t ADD COLUMN n int DEFAULT 7, ADD COLUMN s text DEFAULT 'default', ADD COLUMN empty text;
ALTER TABLE t DROP COLUMN gone;
UPDATE t SET n = 8 WHERE id = 1;
DELETE FROM t WHERE id = 2;
SELECT changes('regress');
-- Only a column behind the end of the tuple. (Under FULL the UPDATE would be known to change nothing of it.)
ALTER TABLE t REPLICA IDENTITY DEFAULT;
INSERT INTO t VALUES (3);
ALTER TABLE t ADD COLUMN last int DEFAULT 99;
UPDATE t SET empty = NULL WHERE id = 3;
SELECT changes('regress', 'tables', 'public.t(last)');
DROP TABLE t;
SELECT pg_drop_replication_slot('regress');
