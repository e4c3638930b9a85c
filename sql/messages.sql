-- Messages of our prefix: at their place when transactional, alone when not; others are not sent.
SELECT slot_name FROM pgsync_create_slot('regress');
CREATE TABLE t (id int PRIMARY KEY);
BEGIN;
INSERT INTO t VALUES (1);
SELECT 'sent' FROM pg_logical_emit_message(true, 'pgsync.fence', 'between');
INSERT INTO t VALUES (2);
COMMIT;
SELECT 'sent' FROM pg_logical_emit_message(true, 'pgsync', '\x00ff'::bytea);
SELECT 'sent' FROM pg_logical_emit_message(false, 'pgsync', '');
SELECT 'sent' FROM pg_logical_emit_message(true, 'other', 'not ours');
SELECT 'sent' FROM pg_logical_emit_message(false, 'pgsyn', 'not ours');
-- a transaction that rolls back: the transactional one goes with it
BEGIN;
SELECT 'sent' FROM pg_logical_emit_message(true, 'pgsync', 'rolled back');
SELECT 'sent' FROM pg_logical_emit_message(false, 'pgsync', 'stays');
ROLLBACK;
-- decoding ends at the flushed WAL, and only a commit flushes what a rollback and a message left behind
INSERT INTO t VALUES (3);
SELECT * FROM records('regress');
DROP TABLE t;
SELECT pg_drop_replication_slot('regress');
