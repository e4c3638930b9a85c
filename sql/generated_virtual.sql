-- A change that shows in a generated column alone is sent, also when the column has no value in the row (virtual, since 18).
SELECT slot_name FROM pgsync_create_slot('regress');
CREATE TABLE t (id int PRIMARY KEY, n int);
SELECT 'ALTER TABLE t ADD v int GENERATED ALWAYS AS (n * 2) '
       || CASE WHEN current_setting('server_version_num')::int < 180000 THEN 'STORED' ELSE 'VIRTUAL' END
\set ECHO none
\gexec
\set ECHO all
ALTER TABLE t REPLICA IDENTITY FULL;
INSERT INTO t VALUES (1, 1);
UPDATE t SET n = 2;
SELECT changes('regress', 'tables', 'public.t(id; v)');
UPDATE t SET id = id;
SELECT changes('regress', 'tables', 'public.t(id; v)');
DROP TABLE t;
SELECT pg_drop_replication_slot('regress');
