-- pgsync_decode takes any bytes: what is not a frame is a clean error that says where.
\set VERBOSITY terse
SELECT pgsync_decode('');
SELECT pgsync_decode('\x02');
SELECT pgsync_decode('\x01');
SELECT pgsync_decode('\x0191');
SELECT pgsync_decode('\x0190');
SELECT pgsync_decode('\x01910f');
SELECT pgsync_decode('\x0191cd0101');
SELECT pgsync_decode('\x0194010203');
SELECT pgsync_decode('\x01930401ddffffffff');
SELECT pgsync_decode('\x01930401dc');
SELECT pgsync_decode('\x0193040191dbffffffff');
SELECT pgsync_decode('\x0193040191a2fffe');
SELECT pgsync_decode('\x0193040191a100');
SELECT pgsync_decode('\x0193040191d4f000');
SELECT pgsync_decode('\x0193040191d40300');
SELECT pgsync_decode('\x0193040191d40101');
SELECT pgsync_decode('\x0193040191c1');
SELECT pgsync_decode('\x019304019180');
SELECT pgsync_decode('\x0194060103c0');
SELECT pgsync_decode('\x0194060100c0c0');
SELECT pgsync_decode('\x0194060100c0');
SELECT pgsync_decode('\x0193040191d6047fffffff');
SELECT pgsync_decode('\x0193040191d705000000000000000a');
SELECT pgsync_decode(NULL);
-- every truncation and every flipped byte of a real frame: an error or a reading, never a crash
\set VERBOSITY default
SELECT slot_name FROM pgsync_create_slot('regress');
CREATE TABLE t (id int PRIMARY KEY, u uuid, ts timestamp, n numeric, f float8, d date);
INSERT INTO t VALUES (1, 'a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11', '2020-01-01', 1.5, 2.5, '2020-01-01'), (2, NULL, 'infinity', 'NaN', 'NaN', '-infinity');
UPDATE t SET id = 3 WHERE id = 2;
CREATE FUNCTION survives(frame bytea) RETURNS text LANGUAGE plpgsql AS $$
BEGIN
  PERFORM pgsync_decode(frame);
  RETURN 'read';
EXCEPTION WHEN data_corrupted OR character_not_in_repertoire OR datetime_field_overflow OR invalid_text_representation
            OR untranslatable_character OR numeric_value_out_of_range THEN
  RETURN 'refused';
END $$;
CREATE TEMP TABLE frames AS SELECT data FROM pg_logical_slot_get_binary_changes('regress', NULL, NULL, 'proto_version', '1');
SELECT count(*) > 100 AS many, count(*) FILTER (WHERE survives(substr(data, 1, cut)) = 'read') AS whole_records
  FROM frames, generate_series(0, length(data) - 1) cut;
SELECT count(*) > 10000 AS many, bool_and(survives(set_byte(data, at, byte)) IS NOT NULL) AS survived
  FROM frames, generate_series(0, length(data) - 1) at, generate_series(0, 255, 5) byte;
SELECT pg_drop_replication_slot('regress');
DROP TABLE t, frames;
DROP FUNCTION survives;
