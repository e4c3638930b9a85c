-- An UPDATE that changes neither emitted nor watched columns is dropped where identity FULL proves it.
SELECT slot_name FROM pgsync_create_slot('regress');
CREATE TABLE t (id int PRIMARY KEY, link int, title text, views int);
INSERT INTO t VALUES (1, 10, 'a', 0);
SELECT count(*) FROM records('regress');
-- identity DEFAULT: no proof, so it is sent
UPDATE t SET views = 1;
SELECT * FROM changes('regress', 'tables', 'public.t(id, link; title)');
ALTER TABLE t REPLICA IDENTITY FULL;
UPDATE t SET views = 2;
SELECT * FROM records('regress', 'tables', 'public.t(id, link; title)');
UPDATE t SET title = 'b';
SELECT * FROM changes('regress', 'tables', 'public.t(id, link; title)');
UPDATE t SET title = NULL;
SELECT * FROM changes('regress', 'tables', 'public.t(id, link; title)');
UPDATE t SET title = NULL, views = 3;
SELECT * FROM changes('regress', 'tables', 'public.t(id, link; title)');
-- without a watched list only the emitted columns count
UPDATE t SET title = 'c';
SELECT * FROM changes('regress', 'tables', 'public.t(id, link)');
UPDATE t SET link = 11;
SELECT * FROM changes('regress', 'tables', 'public.t(id, link)');
DROP TABLE t;
SELECT pg_drop_replication_slot('regress');
