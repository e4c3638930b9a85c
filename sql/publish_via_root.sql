-- Option publish_via_root: under which name changes of partitions are sent, with and without option tables.
SELECT slot_name FROM pgsync_create_slot('regress');
CREATE TABLE p (id int, v text, k int, PRIMARY KEY (id)) PARTITION BY RANGE (id);
CREATE TABLE p1 PARTITION OF p FOR VALUES FROM (0) TO (100) PARTITION BY RANGE (id);
-- The leaf has its own order of columns, and one more that was dropped.
CREATE TABLE p11 (gone int, k int, id int NOT NULL, v text);
ALTER TABLE p11 DROP COLUMN gone;
ALTER TABLE p1 ATTACH PARTITION p11 FOR VALUES FROM (0) TO (50);
INSERT INTO p VALUES (1, 'one', 10);
UPDATE p SET v = 'eins' WHERE id = 1;
CREATE FUNCTION peek(VARIADIC options text[] DEFAULT '{}') RETURNS TABLE (record jsonb) LANGUAGE sql AS $$
  SELECT named(r) FROM pg_logical_slot_peek_binary_changes('regress', NULL, NULL, VARIADIC ARRAY['proto_version', '1'] || options)
                         WITH ORDINALITY AS c(lsn, xid, data, n), pgsync_decode(c.data) WITH ORDINALITY AS d(r, m)
   WHERE r->>'record' NOT IN ('begin', 'commit') ORDER BY n, m $$;
-- By default: as itself without tables, as the listed one with them.
SELECT peek();
SELECT peek('tables', 'public.p(id, v)');
-- On without tables: the topmost.
SELECT peek('publish_via_root', 'on');
-- Off with tables: as itself, with what the nearest listed ancestor asks for.
SELECT peek('publish_via_root', 'off', 'tables', 'public.p(id, v)');
SELECT peek('publish_via_root', 'off', 'tables', 'public.p(id, v), public.p1(k)');
SELECT peek('publish_via_root', 'off', 'tables', 'public.p(id, v), public.p11(k)');
-- On with tables: each that is listed.
SELECT peek('publish_via_root', 'on', 'tables', 'public.p(id), public.p11(k)');
SELECT peek('publish_via_root', 'maybe');
DROP FUNCTION peek;
DROP TABLE p;
SELECT pg_drop_replication_slot('regress');
