-- What all tests use; scripts/regress runs it first, also before a single test.
-- records(slot, option, value, …): consumes the slot's changes and returns the records without what differs from run to run;
-- Oids become names.
CREATE FUNCTION named(record jsonb) RETURNS jsonb LANGUAGE sql AS $$
  SELECT (record - '{xid,commit_lsn,end_lsn,commit_time,lsn}'::text[])
    || CASE WHEN record ? 'relid'
         THEN jsonb_build_object('relid', (record->>'relid')::oid::regclass::text) ELSE '{}' END
    || CASE WHEN record ? 'relids'
         THEN jsonb_build_object('relids', (SELECT jsonb_agg(id::oid::regclass::text ORDER BY id::oid)
                                              FROM jsonb_array_elements_text(record->'relids') id)) ELSE '{}' END
    || CASE WHEN record ? 'columns'
         THEN jsonb_build_object('columns', (SELECT jsonb_agg((c->>'name') || ' ' || format_type((c->>'type_oid')::oid, NULL)
                                                              || CASE WHEN (c->>'in_identity')::bool THEN ' key' ELSE '' END)
                                               FROM jsonb_array_elements(record->'columns') c)) ELSE '{}' END
$$;
CREATE FUNCTION records(slot name, VARIADIC options text[] DEFAULT '{}') RETURNS TABLE (record jsonb) LANGUAGE sql AS $$
  SELECT named(r)
    FROM pg_logical_slot_get_binary_changes(slot, NULL, NULL, VARIADIC ARRAY['proto_version', '1'] || options) WITH ORDINALITY AS c(lsn, xid, data, n),
         pgsync_decode(c.data) WITH ORDINALITY AS d(r, m)
   ORDER BY n, m
$$;
-- Rows only, for tests that are not about the transaction's frame.
CREATE FUNCTION changes(slot name, VARIADIC options text[] DEFAULT '{}') RETURNS TABLE (record jsonb) LANGUAGE sql AS $$
  SELECT r FROM records(slot, VARIADIC options) r WHERE r->>'record' NOT IN ('begin', 'commit')
$$;
