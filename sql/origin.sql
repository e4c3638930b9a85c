-- Option origin: none leaves out what came from elsewhere.
SELECT slot_name FROM pgsync_create_slot('regress');
CREATE TABLE t (id int PRIMARY KEY);
SELECT 'made' FROM pg_replication_origin_create('elsewhere');
INSERT INTO t VALUES (1);
SELECT pg_replication_origin_session_setup('elsewhere');
INSERT INTO t VALUES (2);
SELECT pg_replication_origin_session_reset();
INSERT INTO t VALUES (3);
SELECT r->'row' FROM pg_logical_slot_peek_binary_changes('regress', NULL, NULL, 'proto_version', '1', 'origin', 'any'), pgsync_decode(data) r WHERE r ? 'row';
SELECT r->'row' FROM pg_logical_slot_peek_binary_changes('regress', NULL, NULL, 'proto_version', '1', 'origin', 'none'), pgsync_decode(data) r WHERE r ? 'row';
SELECT pg_replication_origin_drop('elsewhere');
DROP TABLE t;
SELECT pg_drop_replication_slot('regress');
