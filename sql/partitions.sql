-- Partitions: sent as themselves without a list, as the listed ancestor with one; columns are matched by name.
SELECT slot_name FROM pgsync_create_slot('regress');
CREATE TABLE p (id int, at date, v text, PRIMARY KEY (id, at)) PARTITION BY RANGE (at);
CREATE TABLE p_old (v text, gone int, at date NOT NULL, id int NOT NULL, PRIMARY KEY (id, at));
ALTER TABLE p_old DROP gone;
ALTER TABLE p ATTACH PARTITION p_old FOR VALUES FROM (MINVALUE) TO ('2020-01-01');
CREATE TABLE p_new PARTITION OF p DEFAULT PARTITION BY LIST (id);
CREATE TABLE p_new_all PARTITION OF p_new DEFAULT;
CREATE FUNCTION peek(VARIADIC options text[]) RETURNS TABLE (record jsonb) LANGUAGE sql AS $$
  SELECT named(r) FROM pg_logical_slot_peek_binary_changes('regress', NULL, NULL, VARIADIC ARRAY['proto_version', '1'] || options), pgsync_decode(data) r
   WHERE r->>'record' NOT IN ('begin', 'commit') $$;
INSERT INTO p VALUES (1, '2019-01-01', 'old'), (2, '2021-01-01', 'new');
UPDATE p SET v = 'changed' WHERE id = 1;
UPDATE p SET at = '2022-02-02' WHERE id = 1;
DELETE FROM p WHERE id = 2;
SELECT * FROM peek('tables', 'public.p');
SELECT * FROM peek('tables', 'public.p(v;at)') WHERE record->>'record' = 'insert';
SELECT * FROM peek('tables', 'public.p_new');
SELECT * FROM peek('tables', 'public.p_new_all(id), public.p(at)') WHERE record->>'record' IN ('insert', 'relation');
SELECT * FROM changes('regress') WHERE record->>'record' = 'relation';
-- another identity of one partition: the root's record comes again
ALTER TABLE p_new_all REPLICA IDENTITY FULL;
INSERT INTO p VALUES (3, '2019-01-01', 'old'), (4, '2021-01-01', 'new');
SELECT * FROM peek('tables', 'public.p');
-- the root is renamed, and a partition leaves it
ALTER TABLE p RENAME TO q;
INSERT INTO q VALUES (5, '2019-01-01', 'old');
ALTER TABLE q DETACH PARTITION p_old;
INSERT INTO p_old VALUES ('outside', '2019-01-01', 6);
INSERT INTO q VALUES (7, '2022-01-01', 'inside');
SELECT * FROM changes('regress', 'tables', 'public.q');
DROP FUNCTION peek;
DROP TABLE q, p_old;
SELECT pg_drop_replication_slot('regress');
