-- A transaction with nothing to send sends nothing: no begin, no commit, no frame.
SELECT slot_name FROM pgsync_create_slot('regress');
CREATE TABLE t (id int PRIMARY KEY);
CREATE TABLE other (id int PRIMARY KEY);
INSERT INTO other SELECT generate_series(1, 1000);
BEGIN; INSERT INTO t VALUES (1); ROLLBACK;
BEGIN; SAVEPOINT s; INSERT INTO t VALUES (2); ROLLBACK TO s; COMMIT;
CREATE TEMP TABLE temporary (id int);
INSERT INTO temporary VALUES (1);
CREATE UNLOGGED TABLE unlogged (id int);
INSERT INTO unlogged VALUES (1);
UPDATE t SET id = 5 WHERE false;
SELECT count(*) FROM pg_logical_slot_peek_binary_changes('regress', NULL, NULL, 'proto_version', '1', 'tables', 'public.t');
-- the rolled back part of a transaction is not there, the rest is
BEGIN; INSERT INTO t VALUES (3); SAVEPOINT s; INSERT INTO t VALUES (4); ROLLBACK TO s; INSERT INTO t VALUES (5); COMMIT;
SELECT * FROM records('regress', 'tables', 'public.t');
SELECT count(*) FROM records('regress');
DROP TABLE t, other, temporary, unlogged;
SELECT pg_drop_replication_slot('regress');
