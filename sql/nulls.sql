-- NULL is nil, the empty string is not, and a default of a later column is the value of earlier rows.
SELECT slot_name FROM pgsync_create_slot('regress');
CREATE TABLE t (id int PRIMARY KEY, a int, v text);
INSERT INTO t VALUES (1, NULL, NULL), (2, 0, ''), (3, 1, 'null');
UPDATE t SET a = NULL WHERE id = 3;
SELECT * FROM changes('regress');
ALTER TABLE t REPLICA IDENTITY FULL;
ALTER TABLE t ADD d text DEFAULT 'later', ADD e text;
DELETE FROM t WHERE id = 1;
UPDATE t SET a = 2 WHERE id = 2;
SELECT * FROM changes('regress');
DROP TABLE t;
SELECT pg_drop_replication_slot('regress');
