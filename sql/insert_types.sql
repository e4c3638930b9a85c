-- Every way a value is written; the text of types does not depend on the session's settings.
SELECT slot_name FROM pgsync_create_slot('regress');
CREATE TYPE mood AS ENUM ('sad', 'happy');
CREATE DOMAIN positive AS int CHECK (value > 0);
CREATE TYPE pair AS (a int, b text);
CREATE TABLE types (id bigint PRIMARY KEY, b bool, i2 int2, i4 int4, o oid, r real, d double precision, n numeric, t text,
  v varchar(20), c char(4), j json, jb jsonb, u uuid, da date, ts timestamp, tz timestamptz, ti time, tt timetz, iv interval, by bytea,
  ia int[], m mood, p positive, ip inet, rg tstzrange, co pair, mo money, rc regclass, nm name, x tsquery,
  g int GENERATED ALWAYS AS (i4 * 2) STORED);
SET DateStyle = 'German';
SET IntervalStyle = 'iso_8601';
SET TimeZone = 'Asia/Tokyo';
SET extra_float_digits = -3;
SET bytea_output = 'escape';
INSERT INTO types VALUES (9223372036854775807, true, -32768, 1073741823, 4294967295, 0.1, 0.1, 12345678901234567890.0500, 'tëxt',
  'varchar', 'ab', '{"a":  1}', '{"b":2,"a":1}', 'a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11', '2024-02-29', '2024-02-29 12:34:56.789012',
  '2024-02-29 12:34:56.789012+02', '23:59:59.5', '01:02:03+04', '1 year 2 mons 3 days 04:05:06', '\x00ff', '{1,NULL,3}', 'happy', 7,
  '10.0.0.0/8', '[2024-01-01 00:00:00+00,2024-01-02 00:00:00+00)', '(1,"x y")', 12.34, 'types', 'name', 'a & b');
INSERT INTO types (id, b, i2, i4, r, d, n, da, ts, tz, t) VALUES (-9223372036854775808, false, 32767, -1073741824, 'NaN', '-Infinity', 'NaN',
  '4713-01-01 BC', '-infinity', 'infinity', '');
INSERT INTO types (id, da, ts, tz, r, d) VALUES (-1, 'infinity', '0044-03-15 BC', '1999-12-31 23:59:59.999999+00', 3.4028235e38, 1e-300);
CREATE TEMP TABLE frames AS SELECT data FROM pg_logical_slot_get_binary_changes('regress', NULL, NULL, 'proto_version', '1');
SELECT current_setting('DateStyle'), current_setting('IntervalStyle'), current_setting('TimeZone'), current_setting('bytea_output');
SELECT column_name FROM frames, pgsync_decode(data) r, jsonb_array_elements_text(named(r)->'columns') column_name WHERE r->>'record' = 'relation';
SELECT value FROM frames, pgsync_decode(data) r, jsonb_array_elements(r->'row') value WHERE r->>'record' = 'insert';
DROP TABLE types, frames;
DROP TYPE mood, pair;
DROP DOMAIN positive;
SELECT pg_drop_replication_slot('regress');
