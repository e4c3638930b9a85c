-- The oracle of test_ddl_fuzz: triggers write what happens to every row, with the names that hold at that moment. Schema "judge" is never touched
-- by the fuzz; its tables are unlogged, so they are not in the WAL and not in the stream.
CREATE SCHEMA judge;
CREATE SEQUENCE judge.seq;
CREATE UNLOGGED TABLE judge.history (
  seq bigint PRIMARY KEY DEFAULT nextval('judge.seq'), xid xid8 DEFAULT pg_current_xact_id(), op text,
  relid oid, namespace oid, schema text, tab text, identity text, key text[], ancestors text[],
  old text, new text, started float8 DEFAULT extract(epoch FROM statement_timestamp()));
CREATE UNLOGGED TABLE judge.renamed_schemas (seq bigint DEFAULT nextval('judge.seq'), namespace oid, old text, new text,
  at float8 DEFAULT extract(epoch FROM clock_timestamp()));

CREATE FUNCTION judge.record() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
  ident "char"; space oid; key_columns text[]; above text[]; old_row text; new_row text;
BEGIN
  SELECT relreplident, relnamespace INTO ident, space FROM pg_class WHERE oid = TG_RELID;
  -- An identity index that was dropped leaves 'i' behind: then there is no key.
  SELECT array_agg(a.attname::text) INTO key_columns
    FROM pg_index x JOIN pg_attribute a ON a.attrelid = x.indrelid AND a.attnum = ANY (x.indkey)
   WHERE x.indrelid = TG_RELID AND (ident = 'd' AND x.indisprimary OR ident = 'i' AND x.indisreplident);
  SELECT array_agg(format('%I.%I', n.nspname, c.relname)) INTO above
    FROM pg_partition_ancestors(TG_RELID) p JOIN pg_class c ON c.oid = p JOIN pg_namespace n ON n.oid = c.relnamespace
   WHERE p <> TG_RELID;
  IF TG_OP IN ('UPDATE', 'DELETE') THEN old_row := to_jsonb(OLD); END IF;
  IF TG_OP IN ('INSERT', 'UPDATE') THEN new_row := to_jsonb(NEW); END IF;
  INSERT INTO judge.history (op, relid, namespace, schema, tab, identity, key, ancestors, old, new)
  VALUES (lower(TG_OP), TG_RELID, space, TG_TABLE_SCHEMA, TG_TABLE_NAME, ident, coalesce(key_columns, '{}'), coalesce(above, '{}'), old_row, new_row);
  RETURN NULL;
END $$;

-- Triggers sit on the tables that hold rows; a row that is routed from a root fires those of its partition.
CREATE FUNCTION judge.watch(watched regclass) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
  IF (SELECT relkind FROM pg_class WHERE oid = watched) = 'r' THEN
    EXECUTE format('CREATE TRIGGER judge_rows AFTER INSERT OR UPDATE OR DELETE ON %s FOR EACH ROW EXECUTE FUNCTION judge.record()', watched);
  END IF;
  EXECUTE format('CREATE TRIGGER judge_truncate AFTER TRUNCATE ON %s FOR EACH STATEMENT EXECUTE FUNCTION judge.record()', watched);
END $$;
