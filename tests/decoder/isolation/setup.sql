-- What the specs use. decoded(slot, option, value, …) consumes the slot and shows one line per record, with names instead of Oids and without what
-- differs from run to run. Transactions in progress are T1, T2, … in the order in which they appear. Where exactly the server cuts them into blocks
-- depends on sizes, so only a change of the transaction is shown, and many alike rows as one line; stream_commit says how many rows are left.
CREATE EXTENSION pgsync;
CREATE FUNCTION row_text(relation jsonb, row_values jsonb) RETURNS text LANGUAGE sql AS $$
  SELECT coalesce('(' || string_agg((c->>'name') || '=' || CASE WHEN length(v::text) > 40 THEN '...' ELSE v::text END, ' ' ORDER BY n) || ')', '-')
    FROM jsonb_array_elements(relation->'columns') WITH ORDINALITY x(c, n) JOIN jsonb_array_elements(row_values) WITH ORDINALITY y(v, m) ON n = m
$$;
CREATE FUNCTION decoded(slot name, VARIADIC options text[] DEFAULT '{}') RETURNS SETOF text LANGUAGE plpgsql AS $$
DECLARE
  r jsonb; relations jsonb := '{}'; transactions jsonb := '{}'; rows_of jsonb := '{}'; relation jsonb; line text; last_line text := ''; again int := 0;
  t text; subxid text; current_block text := '';
BEGIN
  FOR r IN SELECT d.r FROM pg_logical_slot_get_binary_changes(slot, NULL, NULL, VARIADIC ARRAY['proto_version', '1'] || options) WITH ORDINALITY c(lsn, xid, data, n),
                           pgsync_decode(c.data) WITH ORDINALITY d(r, m) ORDER BY n, m
  LOOP
    line := NULL;
    relation := relations->(r->>'relid');
    IF r ? 'xid' AND r->>'record' LIKE 'stream%' AND NOT transactions ? (r->>'xid') THEN
      transactions := transactions || jsonb_build_object(r->>'xid', 'T' || 1 + (SELECT count(*) FROM jsonb_object_keys(transactions)));
    END IF;
    t := transactions->>(r->>'xid');
    CASE r->>'record'
      WHEN 'relation' THEN
        relations := relations || jsonb_build_object(r->>'relid', r);
        CONTINUE;
      WHEN 'insert' THEN line := format('insert %s.%s %s', relation->>'schema', relation->>'table', row_text(relation, r->'row'));
      WHEN 'update' THEN line := format('update %s.%s %s %s %s', relation->>'schema', relation->>'table', r->>'old_kind',
                                        row_text(relation, r->'old'), row_text(relation, r->'row'));
      WHEN 'delete' THEN line := format('delete %s.%s %s %s', relation->>'schema', relation->>'table', r->>'old_kind', row_text(relation, r->'old'));
      WHEN 'truncate' THEN line := 'truncate ' || (SELECT string_agg(relations->id->>'table', ' ' ORDER BY relations->id->>'table')
                                                     FROM jsonb_array_elements_text(r->'relids') id);
      WHEN 'message' THEN line := 'message ' || (r->>'prefix');
      WHEN 'stream_start' THEN
        IF current_block <> t THEN line := 'stream ' || t; END IF;
        current_block := t;
        subxid := r->>'xid';
      WHEN 'stream_stop' THEN CONTINUE;
      WHEN 'subtransaction' THEN
        subxid := r->>'subxid';
        CONTINUE;
      WHEN 'stream_abort' THEN
        rows_of := rows_of - (r->>'subxid');
        IF r->>'subxid' = r->>'xid' THEN rows_of := rows_of - ARRAY(SELECT k FROM jsonb_object_keys(rows_of) k WHERE rows_of->k->>'of' = t); END IF;
        line := CASE WHEN r->>'subxid' = r->>'xid' THEN 'stream_abort ' || t END;
      WHEN 'stream_commit' THEN
        line := format('stream_commit %s, %s rows', t, (SELECT sum((rows_of->k->>'rows')::int) FROM jsonb_object_keys(rows_of) k WHERE rows_of->k->>'of' = t));
      ELSE line := r->>'record';
    END CASE;
    IF current_block <> '' AND r->>'record' IN ('insert', 'update', 'delete') THEN
      rows_of := rows_of || jsonb_build_object(subxid, jsonb_build_object('of', current_block, 'rows', 1 + coalesce((rows_of->subxid->>'rows')::int, 0)));
      line := split_part(line, ' (', 1);
    ELSIF line LIKE 'insert%...%' THEN
      line := split_part(line, ' (', 1);
    END IF;
    IF r->>'record' IN ('stream_commit', 'stream_abort', 'begin') THEN current_block := ''; END IF;
    IF line IS NOT NULL AND (line <> last_line OR line NOT LIKE 'insert%') THEN RETURN NEXT line; END IF;
    last_line := coalesce(line, last_line);
  END LOOP;
END $$;
