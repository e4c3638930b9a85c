-- Option message_prefix chooses the messages of pg_logical_emit_message that are sent.
SELECT slot_name FROM pgsync_create_slot('regress');
SELECT count(pg_logical_emit_message(false, prefix, prefix)) FROM unnest(ARRAY['pgsync', 'pgsync.fence', 'audit', 'Audit', '']) prefix;
CREATE FUNCTION prefixes(VARIADIC options text[] DEFAULT '{}') RETURNS TABLE (prefix text) LANGUAGE sql AS $$
  SELECT r->>'prefix' FROM pg_logical_slot_peek_binary_changes('regress', NULL, NULL, VARIADIC ARRAY['proto_version', '1'] || options) AS c,
                           pgsync_decode(c.data) AS r WHERE r->>'record' = 'message' $$;
SELECT prefixes();
SELECT prefixes('message_prefix', 'pgsync.');
SELECT prefixes('message_prefix', 'audit');
SELECT prefixes('message_prefix', '');
DROP FUNCTION prefixes;
SELECT pg_drop_replication_slot('regress');
