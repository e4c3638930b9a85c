-- INSERT … ON CONFLICT arrives as what it became; COPY and RETURNING as the changes they made; triggers' changes too.
SELECT slot_name FROM pgsync_create_slot('regress');
CREATE TABLE t (id int PRIMARY KEY, n int DEFAULT 1);
CREATE TABLE log (id int);
CREATE FUNCTION note() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN INSERT INTO log VALUES (new.id); RETURN new; END $$;
INSERT INTO t VALUES (1) ON CONFLICT (id) DO UPDATE SET n = t.n + 1;
INSERT INTO t VALUES (1) ON CONFLICT (id) DO UPDATE SET n = t.n + 1;
INSERT INTO t VALUES (1) ON CONFLICT DO NOTHING;
SELECT * FROM changes('regress');
COPY t FROM stdin;
2	20
3	\N
\.
CREATE TRIGGER note BEFORE UPDATE ON t FOR EACH ROW EXECUTE FUNCTION note();
UPDATE t SET n = 0 WHERE id = 2;
SELECT * FROM changes('regress');
-- PostgreSQL 14 has no MERGE.
SELECT CASE WHEN current_setting('server_version_num')::int < 150000 THEN
  'DO $$ BEGIN DELETE FROM t WHERE id = 3; INSERT INTO t VALUES (4, 40); END $$' ELSE
  'MERGE INTO t USING (VALUES (3), (4)) AS s(id) ON t.id = s.id
     WHEN MATCHED THEN DELETE WHEN NOT MATCHED THEN INSERT VALUES (s.id, 40)' END
\set ECHO none
\gexec
\set ECHO all
SELECT * FROM changes('regress');
DROP TABLE t, log;
DROP FUNCTION note;
SELECT pg_drop_replication_slot('regress');
