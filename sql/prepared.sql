-- A prepared transaction is sent when it is committed, as an ordinary one; rolled back it is never sent.
SELECT slot_name FROM pgsync_create_slot('regress');
CREATE TABLE t (id int PRIMARY KEY);
BEGIN;
INSERT INTO t VALUES (1);
PREPARE TRANSACTION 'kept';
BEGIN;
INSERT INTO t VALUES (2);
PREPARE TRANSACTION 'dropped';
INSERT INTO t VALUES (3);
SELECT * FROM records('regress');
COMMIT PREPARED 'kept';
ROLLBACK PREPARED 'dropped';
SELECT * FROM records('regress');
DROP TABLE t;
SELECT pg_drop_replication_slot('regress');
