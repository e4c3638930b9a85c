-- Values as text do not depend on any setting of the session, and the session keeps its own.
SELECT slot_name FROM pgsync_create_slot('regress');
CREATE TABLE t (id int PRIMARY KEY, i interval, tz time with time zone, n numeric, b bytea, m money, r regclass, x xml, ts tstzrange, f float8[]);
INSERT INTO t VALUES (1, '1 year 2 days 03:04:05.6', '12:00+02', 'NaN', '\x00ff', 1.5, 't', NULL, '[2020-01-01 00:00+00,)', '{0.1,3e-324}');
SET DateStyle = 'German'; SET IntervalStyle = 'iso_8601'; SET TimeZone = 'Asia/Tokyo'; SET extra_float_digits = -5; SET bytea_output = 'escape';
SET search_path = public;
SELECT changes('regress', 'tables', 'public.t');
SELECT current_setting('DateStyle') AS datestyle, current_setting('IntervalStyle') AS intervalstyle, current_setting('TimeZone') AS timezone,
       current_setting('extra_float_digits') AS digits, current_setting('bytea_output') AS bytea_output;
RESET ALL;
DROP TABLE t;
SELECT pg_drop_replication_slot('regress');
