-- REPLICA IDENTITY may change between any two rows: flags and old rows follow.
SELECT slot_name FROM pgsync_create_slot('regress');
CREATE TABLE t (id int PRIMARY KEY, u int NOT NULL, a text);
CREATE UNIQUE INDEX t_u ON t (u);
INSERT INTO t SELECT i, i * 10, 'a' FROM generate_series(1, 6) i;
SELECT count(*) FROM changes('regress');
DELETE FROM t WHERE id = 1;
ALTER TABLE t REPLICA IDENTITY USING INDEX t_u;
DELETE FROM t WHERE id = 2;
ALTER TABLE t REPLICA IDENTITY FULL;
DELETE FROM t WHERE id = 3;
ALTER TABLE t REPLICA IDENTITY NOTHING;
DELETE FROM t WHERE id = 4;
ALTER TABLE t REPLICA IDENTITY DEFAULT;
ALTER TABLE t DROP CONSTRAINT t_pkey;
DELETE FROM t WHERE id = 5;
-- The index of the identity goes: as without one.
ALTER TABLE t REPLICA IDENTITY USING INDEX t_u;
DROP INDEX t_u;
DELETE FROM t WHERE id = 6;
SELECT changes('regress');
DROP TABLE t;
SELECT pg_drop_replication_slot('regress');
