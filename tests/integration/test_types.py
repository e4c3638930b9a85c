"""Every type that a column can have, through the real daemon: what it writes is what to_json says, digit for digit.

The types come from the catalog: one without values in VALUES, or without a reason in NO_INPUT, fails the test. Each gets a table with a
column of the type, of its array, of a domain over it, of the domain's array and of a composite with it.
"""
import json

import psycopg2
import pytest

from harness.ndjson import NdjsonTarget

EXTENSIONS = ("hstore", "citext", "postgis")
OURS = """
CREATE TYPE mood AS ENUM ('ok', 'a "b"', 'back\\slash', 'ü');
CREATE TYPE pair AS (a numeric, "b c" text);
CREATE TYPE textrange AS RANGE (subtype = text);
CREATE DOMAIN positive AS numeric CHECK (VALUE > 0);
"""
SETTINGS = """SET TimeZone = 'UTC'; SET DateStyle = 'ISO, YMD'; SET IntervalStyle = 'postgres'; SET bytea_output = 'hex';
SET extra_float_digits = 1; SET xmloption = 'content'"""

TEXTS = ["", "plain", 'q"uo\\te', "tab\tline\nreturn\r\b\f\x01\x1f\x7f", "ü€😀\u2028", "x" * 3000, "null", "true", "{}", "/"]
TIMES = ["00:00", "23:59:59.999999", "24:00", "03:04:05.6", "12:00:00.000001"]
TIMESTAMPS = ["2000-01-01", "1999-12-31 23:59:59.999999", "2020-02-29 03:04:05.6", "4714-11-24 00:00:00 BC", "0001-12-31 23:59:59.5 BC",
              "0001-01-01", "9999-12-31", "10000-01-01 01:02:03.000004", "294276-12-31 23:59:59.999999", "infinity", "-infinity",
              "1582-10-15", "1900-03-01", "1600-02-29 12:00", "0044-03-15 12:00 BC"]
RANGES = {"int4": ("1", "5"), "int8": ("-9223372036854775808", "7"), "num": ("1.50", "2"), "ts": ("2020-01-01 00:00", "2021-01-01 03:00"),
          "tstz": ("2020-01-01 00:00Z", "2021-01-01 03:00Z"), "date": ("2020-01-01", "2021-01-01")}
VALUES = {
    "bool": ["true", "false"],
    "int2": ["0", "-32768", "32767"],
    "int4": ["0", "-2147483648", "2147483647"],
    "int8": ["0", "-9223372036854775808", "9223372036854775807", "9007199254740993"],
    "float4": ["0", "-0", "0.1", "1e-45", "3.4028235e38", "1e6", "999999", "1e-4", "1e-5", "123456.7", "NaN", "Infinity", "-Infinity", "16777216"],
    "float8": ["0", "-0", "0.1", "1e-4", "1e-5", "1e15", "999999999999999", "1e100", "5e-324", "1.7976931348623157e308", "2.2250738585072014e-308",
               "123456789.123456789", "NaN", "Infinity", "-Infinity", "9007199254740993", "100000", "1.5e300"],
    "numeric": ["0", "0.000", "-0.5", "1", "-1", "10000", "9999", "99990000.0001", "12345678901234567890.10", "0.00001", "1e-16383", "1e131071",
                "123456789012345678901234567890.123456789", "100", "1000000000000", "-10000.00010000", "NaN", "Infinity", "-Infinity", "0.1000"],
    "money": ["0", "12.50", "-92233720368547758.08"],
    "text": TEXTS, "varchar": TEXTS, "bpchar": [*TEXTS, "ab   "], "citext": TEXTS, "name": ["", "n", 'q"uo\\te', "ü"], "refcursor": TEXTS,
    "char": ["", "a", '"', "\\", "\x01", "~"],
    "bytea": ["", "\\x00", "\\xdeadbeef", "\\x" + "ff" * 500],
    "uuid": ["00000000-0000-0000-0000-000000000000", "a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11"],
    "date": ["2000-01-01", "1999-12-31", "2020-02-29", "4714-11-24 BC", "0001-12-31 BC", "0001-01-01", "0044-03-15 BC", "9999-12-31",
             "10000-01-01", "5874897-12-31", "infinity", "-infinity", "1900-02-28", "1900-03-01", "2000-02-29", "2000-12-31", "1600-12-31"],
    "time": TIMES,
    "timetz": [t + z for t in TIMES for z in ("+00", "+02", "-05:30", "+15:59:59", "-15:59")],
    "timestamp": TIMESTAMPS, "timestamptz": TIMESTAMPS,
    "interval": ["0", "1 year 2 days 03:00", "-1 year", "-1 mon +1 day", "1 mon -1 day", "-00:00:00.000001", "-1 day 00:00:01", "1 day -00:00:01",
                 "100:00:00", "1 year -1 day +02:03:04.5", "178956970 years 7 mons", "-178956970 years -8 mons", "2147483647 days",
                 "-2147483648 days", "2562047788:00:54.775807", "-2562047788:00:54.775807", "2 mons", "1 mon", "11 mons", "13 mons", "-13 mons"],
    "inet": ["192.168.0.1", "10.1.2.3/8", "0.0.0.0/0", "255.255.255.255", "::", "::1", "::2", "::/0", "2001:db8::1", "2001:db8::1/64", "::ffff:1.2.3.4",
             "::1.2.3.4", "1:0:0:2:0:0:0:3", "1:0:2:0:3:0:4:0", "fe80::", "0:0:1::", "1:2:3:4:5:6:7:8", "1:2:3:4:5:6:7:0", "::1:0", "0:1:2:3:4:5:6:7"],
    "cidr": ["10.0.0.0/8", "192.168.0.1/32", "0.0.0.0/0", "2001:db8::/32", "::/0", "::1/128"],
    "macaddr": ["08:00:2b:01:02:03", "ff:ff:ff:ff:ff:ff", "00:00:00:00:00:00"],
    "macaddr8": ["08:00:2b:01:02:03:04:05", "ff:ff:ff:ff:ff:ff:ff:ff"],
    "bit": ["0", "1"], "varbit": ["", "0", "101", "1" * 8, "10101010101", "01" * 100],
    "json": ["null", "true", "1.50", "1E400", '"a\\u00e9\\n"', "[ ]", "{ }", '{"a":2,"a":3}', '{"a":\n [1,\r\n {"b":null,"b":"}"}], "c" : 1}',
             '"\\ud83d\\ude00"', '{"\\u0061":1,"a":2}', '[1,[2,[3,{"x":[]}]]]', '"\\\\u0000"'],
    "jsonb": ["null", "true", "1.50", "1E40", '"a\\u00e9\\n"', "[]", "{}", '{"a":2,"a":3}', '{"b":[1,{"c":"\\""}],"a":-0.0}', '"\\\\u0000"'],
    "jsonpath": ["$", '$.a[*] ? (@.b > 1 && @.c == "x\\"")'],
    "xml": ["<a/>", '<a b="c">d &amp; "e"</a>', "text", '<?xml version="1.0" encoding="UTF-8"?><ü>é</ü>'],
    "oid": ["0", "7", "4294967295"], "xid": ["0", "4294967295"], "cid": ["0", "4294967295"], "xid8": ["0", "18446744073709551615"],
    "tid": ["(0,1)", "(4294967295,65535)"], "pg_lsn": ["0/0", "16/B374D848", "FFFFFFFF/FFFFFFFF"],
    "pg_snapshot": ["10:20:10,14,15", "1:1:"], "txid_snapshot": ["10:20:10,14,15", "1:1:"],
    "int2vector": ["", "1 -2 3"], "oidvector": ["", "1 4294967295"],
    "regclass": ["pg_class"], "regcollation": ['"C"'], "regconfig": ["english"], "regdictionary": ["simple"], "regnamespace": ["pg_catalog"],
    "regoper": ["pg_catalog.||/"], "regoperator": ["*(int4,int4)"], "regproc": ["now"], "regprocedure": ["abs(int4)"], "regrole": ["postgres"],
    "regtype": ["int4", "timestamp with time zone"], "aclitem": ["postgres=arw/postgres"],
    "point": ["(1,2)", "(-0.5,1e300)"], "line": ["{1,2,3}"], "lseg": ["[(0,0),(1,1)]"], "box": ["(1,1),(0,0)"], "path": ["((0,0),(1,1))", "[(0,0)]"],
    "polygon": ["((0,0),(1,1),(1,0))"], "circle": ["<(0,0),1.5>"],
    "tsvector": ["", "'a':1A 'b''c':2", "'q\"x\\\\y'"], "tsquery": ["", "'a' & !'b' <-> 'c':*"],
    **{f"{name}range": ["empty", f"[{low},{high})", f"({low},]", "(,)"] for name, (low, high) in RANGES.items()},
    **{f"{name}multirange": ["{}", f"{{[{low},{high})}}", "{(,)}"] for name, (low, high) in RANGES.items()},
    "mood": ["ok", 'a "b"', "back\\slash", "ü"], "pair": ['(1.50,"x, ""y""")', "(,)"], "positive": ["1.0"],
    "textrange": ['["a b","c""d")', "empty"], "textmultirange": ["{}", '{["a b",c)}'],
    "hstore": ["", 'a=>1, "b c"=>NULL, "q\\"x"=>"\\\\"'],
    "geometry": ["POINT(1 2)", "SRID=4326;LINESTRING(0 0,1.5 1)", "POLYGON((0 0,1 0,1 1,0 0))", "GEOMETRYCOLLECTION EMPTY", "POINT Z (1 2 3)"],
    "geography": ["POINT(1.25 2)", "LINESTRING(0 0,1 1)"],
    "box2d": ["BOX(0 0,1 1)"], "box3d": ["BOX3D(0 0 0,1 1 1)"], "spheroid": ['SPHEROID["WGS 84",6378137,298.257223563]'],
    "geometry_dump": ['("{1,2}",)'], "valid_detail": ['(t,"why, ""so""",)'],
}
# Types that have no text to be made from: a column can have them, a value only by functions or C code.
NO_INPUT = {"gtsvector", "pg_node_tree", "pg_ndistinct", "pg_dependencies", "pg_mcv_list", "pg_brin_bloom_summary",
            "pg_brin_minmax_multi_summary", "ghstore", "box2df", "gidx"}
COLUMNS = ("v", "a", "d", "da", "c")


class Number(str):
    """A JSON number by its digits, so that 1.50 is not 1.5 and nothing is rounded."""

    def __repr__(self):
        return f"number {str(self)}"

    def __eq__(self, other):
        return isinstance(other, Number) and str(self) == str(other)

    def __ne__(self, other):
        return not self == other

    __hash__ = str.__hash__


def parse(text):
    def constant(word):
        raise ValueError(f"{word} is not JSON")
    return json.loads(text, parse_int=Number, parse_float=Number, parse_constant=constant)


def all_types(cursor):
    cursor.execute("""
        SELECT t.oid, t.typname, format_type(t.oid, NULL), t.typarray <> 0 FROM pg_type t JOIN pg_namespace n ON n.oid = t.typnamespace
        WHERE t.typtype IN ('b', 'c', 'd', 'e', 'r', 'm') AND t.typisdefined AND n.nspname IN ('pg_catalog', 'public')
          AND (t.typcategory <> 'A' OR t.typname IN ('int2vector', 'oidvector'))
          AND (t.typrelid = 0 OR (SELECT relkind FROM pg_class WHERE oid = t.typrelid) = 'c')
        ORDER BY t.oid""")
    # The SQL name of a type with a length may mean a length of 1; the catalog's name means the type.
    return [(name, f"pg_catalog.{name}" if name in ("bpchar", "varbit") else sql, has_array) for _, name, sql, has_array in cursor.fetchall()]


def create(cursor, number, name, sql, has_array):
    """The type's table, with a row for every value and some more; returns the table's name."""
    table = f"t{number}"
    if not has_array:  # some that nobody makes values of, either
        assert name in NO_INPUT
        cursor.execute(f"CREATE TABLE {table} (id serial PRIMARY KEY, {', '.join(f'{c} {sql}' for c in COLUMNS)}); INSERT INTO {table} DEFAULT VALUES")
        return table
    cursor.execute(f"""CREATE DOMAIN d{number} AS {sql}; CREATE TYPE c{number} AS (x {sql}, "y z" {sql}[]);
        CREATE TABLE {table} (id serial PRIMARY KEY, v {sql}, a {sql}[], d d{number}, da d{number}[], c c{number});
        INSERT INTO {table} DEFAULT VALUES;
        INSERT INTO {table} (a, da, c) VALUES ('{{}}', '{{}}', ROW(NULL, '{{}}')), (ARRAY[NULL]::{sql}[], ARRAY[NULL]::d{number}[], NULL)""")
    for value in VALUES.get(name, []):
        cursor.execute(f"""INSERT INTO {table} (v, a, d, da, c)
            SELECT x, ARRAY[x, NULL, x], x, ARRAY[x::d{number}, NULL], ROW(x, ARRAY[x])::c{number} FROM (SELECT %s::{sql}) AS t(x)
            UNION ALL SELECT NULL, ARRAY[[x, NULL], [NULL, x]], NULL, NULL, NULL FROM (SELECT %s::{sql}) AS t(x)
            UNION ALL SELECT NULL, array_fill(x, ARRAY[1, 2, 2], ARRAY[0, -5, 7]), NULL, NULL, NULL FROM (SELECT %s::{sql}) AS t(x)""",
                       (value,) * 3)
    return table


@pytest.fixture
def types(scenario):
    database = "types"
    scenario.server.create_database(database)
    try:
        for extension in EXTENSIONS:
            scenario.server.rows(database, f"CREATE EXTENSION {extension}")
    except psycopg2.Error as e:
        pytest.fail(f"{e}: run scripts/deps, which installs postgresql-contrib and postgresql-15-postgis-3")
    with scenario.server.connect(database) as connection, connection.cursor() as cursor:
        cursor.execute(f"SET client_min_messages = warning; {SETTINGS}; GRANT CREATE ON SCHEMA public TO syncer; {OURS}")
        yield database, cursor
    scenario.server.drop_database(database)


def test_every_type_is_written_as_to_json_does(scenario, types):
    database, cursor = types
    known = all_types(cursor)
    forgotten = [name for name, _, _ in known if name not in VALUES and name not in NO_INPUT]
    assert not forgotten, f"types without values: {forgotten}"
    assert len(known) > 80
    tables = {}
    for number, (name, sql, has_array) in enumerate(known):
        tables[create(cursor, number, name, sql, has_array)] = name
    cursor.execute("""DO $$ DECLARE t regclass; BEGIN FOR t IN SELECT oid FROM pg_class WHERE relname ~ '^t[0-9]+$' LOOP
        EXECUTE format('ALTER TABLE %s OWNER TO syncer', t); END LOOP; END $$""")

    schema = scenario.dir / "types.json"
    schema.write_text(json.dumps([{"database": database, "index": t, "nodes": {"table": t, "columns": ["id", *COLUMNS]}} for t in tables]))
    scenario.schema, scenario.target = schema, NdjsonTarget(scenario.dir / "types.ndjson")
    scenario.bootstrap()
    scenario.run_once().expect(0)

    built = {}
    lines = iter(scenario.target.path.read_text().rstrip("\n").split("\n"))
    for action in lines:
        head = json.loads(action)["index"]
        built[head["_index"].rpartition("_")[0] or head["_index"], head["_id"]] = parse(next(lines))
    wrong, compared = [], 0
    for table, name in tables.items():
        cursor.execute(f"SELECT id::text, {', '.join(f'to_json({c})::text' for c in COLUMNS)} FROM {table}")
        for id, *expected in cursor.fetchall():
            document = built.pop((table, id), None) or built.pop((f"{table}_1", id), None)
            for column, text in zip(COLUMNS, expected):
                compared += 1
                want = None if text is None else parse(text)
                if document is None or document[column] != want:
                    wrong.append(f"{name} row {id} {column}: expected {want!r}, found {document and document[column]!r}")
    assert not wrong, f"{len(wrong)} of {compared} values differ:\n" + "\n".join(wrong[:30])
    assert not built, f"documents of no row: {sorted(built)[:5]}"
    print(f"{len(known)} types, {compared} values")


def test_the_comparison_sees_digits_and_quotes():
    for one, other in [("1.50", "1.5"), ("1", '"1"'), ("null", '"null"'), ("[1]", "[1.0]"), ('{"a": "1"}', '{"a": 1}'), ("1e5", "100000")]:
        assert parse(one) != parse(other) and parse(one) == parse(one)
    with pytest.raises(ValueError):
        parse("[NaN]")


def test_types_without_input_have_none(types):
    _, cursor = types
    names = {name for name, _, _ in all_types(cursor)}
    assert NO_INPUT <= names, f"not in this server: {NO_INPUT - names}"
    for name in sorted(NO_INPUT):
        with pytest.raises(psycopg2.Error):
            cursor.execute(f"SELECT ''::{name}, '1'::{name}")


@pytest.mark.parametrize("bad", ['"\\u0000"', '{"a": ["\\ud800"]}', '{"\\udc00": 1}'])
def test_what_is_no_json_rejects_its_document_only(scenario, types, bad):
    database, cursor = types
    cursor.execute("CREATE TABLE j (id int PRIMARY KEY, doc json); ALTER TABLE j OWNER TO syncer; INSERT INTO j VALUES (1, '1'), (2, %s), (3, '3')", (bad,))
    schema = scenario.dir / "types.json"
    schema.write_text(json.dumps([{"database": database, "index": "j", "nodes": {"table": "j"}}]))
    scenario.schema, scenario.target = schema, NdjsonTarget(scenario.dir / "types.ndjson")
    scenario.bootstrap()
    scenario.run_once().expect(0)
    documents = {d["_id"]: d["_source"] for d in scenario.target.all_lines() if "rejected" not in d["_index"]}
    assert documents == {"1": {"id": 1, "doc": 1}, "3": {"id": 3, "doc": 3}}
    rejected = [p.read_text() for p in scenario.dir.glob("types*reject*")] + [
        json.dumps(d) for d in scenario.target.all_lines() if "rejected" in d["_index"]]
    words = "".join(rejected)
    assert '"doc' in words.replace("\\", "") and "public.j" in words, f"the dead letter names table and column: {words}"
    assert "ud800" not in words and "udc00" not in words
