-- UPDATE: of other columns, of nothing, of all rows; the old row comes only with a changed key or identity FULL.
SELECT slot_name FROM pgsync_create_slot('regress');
CREATE TABLE t (id int PRIMARY KEY, a text, b int);
INSERT INTO t VALUES (1, 'one', 1), (2, 'two', 2);
SELECT count(*) FROM records('regress');
UPDATE t SET a = 'uno' WHERE id = 1;
UPDATE t SET b = NULL;
SELECT * FROM changes('regress');
-- without a full old row it cannot be proved that nothing changed, so it is sent
UPDATE t SET a = a WHERE id = 1;
SELECT * FROM changes('regress');
ALTER TABLE t REPLICA IDENTITY FULL;
UPDATE t SET a = 'eins' WHERE id = 1;
SELECT * FROM changes('regress');
UPDATE t SET a = a;
SELECT * FROM records('regress');
DROP TABLE t;
SELECT pg_drop_replication_slot('regress');
