"""Types and values of random databases: what a column may be, what may stand in it, and other spellings that are equal by `=`.

A value is its text as COPY reads it (before escaping), or None for NULL.
"""
import uuid

# Types of the database's own; made once per database, before the tables.
PRELUDE = """
CREATE EXTENSION hstore;
CREATE EXTENSION citext;
CREATE TYPE "Mood of" AS ENUM ('ok', 'so so', 'it''s', 'ŝaŭmo');
CREATE DOMAIN "Score" AS numeric(8,2) CHECK (VALUE > -1000);
CREATE DOMAIN "Name" AS text;
CREATE TYPE "Place" AS ("Row No" integer, label text, tags text[], at timestamptz);
"""

TEXTS = ["", " ", "a", "A", "ab", "b", "B", "it's", 'say "hi"', "back\\slash", "tab\there", "line\nbreak", "cr\rhere", "a|b", "a\\|b", "NULL",
         "null", "0", "00", "-1", "{}", "{a,b}", "größe", "日本語", "🙂 ok", "e\u0301", "\u2028", "\x01\x1f", "\x7f", "<script>&amp;</script>",
         "%s $1 ?", "Zebra", "zebra", "x" * 70, "\\N", "\\."]

JSONS = ['{}', '[]', 'null', '1', '"text"', 'true', '[1, 2.50, "x", null, {"a": 1}]', '{"a": 1, "b": "two", "0": "zero"}',
         '{"a": {"b": [10, {"c": "deep"}, null], "x y": 1e3}, "b": null}', '{"a": [], "b": {}, "x y": "spaced"}',
         '{"a": [{"b": 1.10}, {"b": 9007199254740993}], "c": "quo\\"te é 🙂"}',
         '{"a": "plain", "b": [1, [2, [3]]], "0": {"1": "one"}}', '{"a": 12345678901234567890.1234567890, "b": false}',
         '[{"a": "x"}, {"a": "y", "b": {"c": 1}}]', '{"a": {"b": {"c": {"a": 1}}}, "größe": "ü", "": "empty"}']

# sql type -> values worth having
VALUES = {
    "smallint": ["0", "1", "-1", "32767", "-32768", "42"],
    "integer": ["0", "1", "-1", "2147483647", "-2147483648", "7", "100"],
    "bigint": ["0", "1", "9223372036854775807", "-9223372036854775808", "9007199254740993", "5"],
    "numeric": ["0", "0.00", "1.10", "-1.10", "12345678901234567890.1234567890", "1e-20", "NaN", "Infinity", "-Infinity", "1e30", "100", "1E+5"],
    "numeric(10,3)": ["0", "1.5", "-9999999.999", "2.500"],
    "real": ["0", "-0", "0.1", "1e20", "3.4028235e38", "1e-45", "NaN", "Infinity", "-Infinity", "16777216", "123456.7"],
    "double precision": ["0", "-0", "0.1", "1e100", "1.7976931348623157e308", "5e-324", "NaN", "Infinity", "-Infinity", "1e15", "1e16", "0.0001", "1e-5"],
    "boolean": ["true", "false"],
    "text": TEXTS,
    "varchar(80)": TEXTS,
    "char(6)": ["", "ab", "abcdef", "é", "a|b", "a'b"],
    '"char"': ["a", "\\", "z"],
    "name": ["pg_class", "Some Name", "", "ü"],
    "citext": ["Abc", "abc", "ABC", "Äb", "x|y", ""],
    "uuid": ["00000000-0000-0000-0000-000000000000", "ffffffff-ffff-ffff-ffff-ffffffffffff", "a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11"],
    "date": ["2020-01-02", "0044-03-15 BC", "infinity", "-infinity", "9999-12-31", "12345-06-07", "1969-12-31", "4713-01-01 BC", "2000-02-29"],
    "timestamp": ["2020-01-02 03:04:05.6", "2020-01-02 00:00:00", "infinity", "-infinity", "1969-12-31 23:59:59.999999", "0001-01-01 00:00:00 BC",
                  "20000-05-06 07:08:09.000001"],
    "timestamp(0)": ["2020-01-02 03:04:05", "1999-12-31 23:59:59.7"],
    "timestamptz": ["2020-01-02 03:04:05.6+02", "2020-06-02 00:00:00-11:30", "infinity", "-infinity", "0001-01-01 00:00:00+00 BC", "1900-01-01 00:00:00+00",
                    "20000-05-06 07:08:09.000001+00"],
    "time": ["00:00:00", "23:59:59.999999", "24:00:00", "03:04:05.6"],
    "timetz": ["03:04:05+02", "00:00:00-11:30", "23:59:59.5+00", "24:00:00+15:59"],
    "interval": ["1 year 2 days 03:00:00", "-1 day", "0", "1.5 seconds", "-3 months 4 days -00:00:00.000001", "178000000 years"],
    "bytea": ["\\x", "\\xdeadbeef", "\\x00ff"],
    "inet": ["192.168.0.1/24", "10.0.0.1", "::1", "2001:db8::/32"],
    "cidr": ["10.0.0.0/8", "2001:db8::/32"],
    "macaddr": ["08:00:2b:01:02:03"],
    "bit(3)": ["101", "000"],
    "varbit": ["", "1", "10101"],
    "money": ["12.50", "-1234567.89", "0"],
    "oid": ["7", "0", "4294967295"],
    "pg_lsn": ["0/0", "16/B374D848"],
    "point": ["(1,2)", "(0.1,-3)"],
    "box": ["(2,2),(0,0)"],
    "tsvector": ["a fat cat", "'it''s':3A b:1"],
    "xml": ["<a b=\"c\">d</a>", "text"],
    "int4range": ["[1,5)", "empty", "(,3]", "(,)"],
    "tstzrange": ["[2020-01-01 00:00+00,2021-01-01 00:00+02)", "empty"],
    "int4multirange": ["{}", "{[1,2),[5,9)}"],
    "json": [*JSONS, ' { "a" : 1 ,\n "a" : 2 } ', "  [ ]  "],
    "jsonb": JSONS,
    "hstore": ["", "a=>1", '"a b"=>"x y", b=>NULL', '"quo\\"te"=>"back\\\\slash", a=>""'],
    "integer[]": ["{}", "{1,2,3}", "{NULL,1}", "{{1,2},{3,4}}", "[2:3]={7,8}"],
    "text[]": ["{}", '{a,"b c",NULL,"NULL","quo\\"te","back\\\\slash",""}', "{ü,日本}"],
    "numeric[]": ["{1.10,NaN,NULL}", "{}"],
    "timestamptz[]": ['{"2020-01-02 03:04:05.6+02",NULL,infinity}'],
    "jsonb[]": ['{"{\\"a\\": 1}",NULL}', "{}"],
    "boolean[]": ["{t,f,NULL}"],
    "date[]": ["{2020-01-02,infinity}"],
    '"Mood of"': ["ok", "so so", "it's", "ŝaŭmo"],
    '"Mood of"[]': ['{ok,"so so",NULL}'],
    '"Score"': ["0", "1.50", "-999.99"],
    '"Name"': ["x", "", "ü|"],
    '"Place"': ['(1,"a, b","{x,""y z""}","2020-01-02 03:04:05+02")', "(,,,)", "(2,\"q\"\"t\",{},infinity)"],
    '"Place"[]': ['{"(1,a,{},)",NULL}'],
}

# Common types come often, the others now and then.
COMMON = ["integer", "bigint", "text", "text", "varchar(80)", "numeric", "boolean", "boolean", "date", "timestamptz", "double precision", "jsonb", "jsonb",
          "json", "hstore", "citext", "uuid", "text[]", "integer[]"]
UNORDERED = {"json", "xml", "point", "box", '"Place"', '"Place"[]'}  # no ordering, or none over all of it (xml and json columns)
NUMBERS = {"smallint", "integer", "bigint", "numeric", "numeric(10,3)", "real", "double precision", '"Score"'}
STRINGS = {"text", "varchar(80)", "citext", '"Name"'}
# Types of keys; the weight is the number of times they stand here.
KEYS = ["integer"] * 8 + ["bigint"] * 3 + ["text"] * 4 + ["uuid"] * 2 + ["smallint", "varchar(80)", "citext", "citext", "date", "timestamptz", "timestamp",
                                                                        "numeric", "boolean", "char(6)", '"Mood of"', '"Name"', "bytea", "inet", "name"]
# A foreign key may be of another type than what it refers to, if `=` exists and an index of the referred type can be used.
RELATED = {"integer": ["bigint", "smallint"], "bigint": ["integer"], "text": ["varchar(80)", '"Name"'], "varchar(80)": ["text"], "numeric": ["integer"]}


def orderable(kind):
    return kind not in UNORDERED and not (kind.endswith("[]") and kind[:-2] in UNORDERED)


def random_type(rng):
    return rng.choice(COMMON) if rng.random() < 0.65 else rng.choice(sorted(VALUES))


def value(rng, kind, null=0.15):
    return None if rng.random() < null else rng.choice(VALUES[kind])


def fits(kind, text):
    """Can a value of a related type be stored in a column of `kind`?"""
    if text is None or kind not in ("smallint", "integer", "bigint"):
        return True
    limit = {"smallint": 15, "integer": 31, "bigint": 63}[kind]
    try:
        return -(1 << limit) <= int(text) < 1 << limit
    except ValueError:
        return False


def key_values(rng, kind, count):
    """Up to `count` values that differ by `=`."""
    def number(bits):
        pool = [0, 1, 2, 3, -1, 10, (1 << bits) - 1, -(1 << bits)]
        return list(dict.fromkeys(map(str, rng.sample(pool, 4) + [rng.randrange(-50, 4 * count + 50) for _ in range(count)])))

    def words():
        return list(dict.fromkeys(rng.sample(TEXTS, 12) + [rng.choice(["k", "K", "ä", "key "]) + str(rng.randrange(4 * count)) for _ in range(count)]))
    if kind in ("smallint", "integer", "bigint"):
        out = number({"smallint": 15, "integer": 31, "bigint": 63}[kind])
    elif kind in ("text", "varchar(80)", '"Name"'):
        out = words()
    elif kind == "name":
        out = [w for w in words() if len(w.encode()) < 64]
    elif kind == "citext":
        out = list({w.lower(): w for w in words() if w.isascii()}.values())
    elif kind == "uuid":
        out = [str(uuid.UUID(int=rng.getrandbits(128))) for _ in range(count)] + VALUES["uuid"][:2]
    elif kind == "date":
        out = [f"{y:04}-{m:02}-{d:02}" for y, m, d in {(rng.randrange(1, 3000), rng.randrange(1, 13), rng.randrange(1, 29)) for _ in range(count)}]
        out += ["infinity", "0044-03-15 BC"]
    elif kind in ("timestamp", "timestamptz"):
        zone = "+00" if kind == "timestamptz" else ""
        out = [f"20{y:02}-01-02 03:04:{s:02}{f}{zone}" for y, s, f in
               {(rng.randrange(100), rng.randrange(60), rng.choice(["", ".5", ".000001", ".123"])) for _ in range(count)}] + ["infinity"]
    elif kind == "numeric":
        out = list({float(n): n for n in [f"{rng.randrange(-20, 3 * count)}{rng.choice(['', '.5', '.50', '.0', '.25'])}" for _ in range(count)]}.values())
        out += ["12345678901234567890.1234567890", "NaN"]
    elif kind == "char(6)":
        out = list({f"{rng.choice('abcé')}{rng.randrange(4 * count)}" for _ in range(count)})
    elif kind == "bytea":
        out = list({f"\\x{rng.getrandbits(24):06x}" for _ in range(count)}) + ["\\x"]
    elif kind == "inet":
        out = list({f"10.{rng.randrange(256)}.{rng.randrange(256)}.1" for _ in range(count)}) + ["::1", "10.0.0.0/8"]
    else:
        out = list(VALUES[kind])
    out.sort()  # sets have no fixed order
    rng.shuffle(out)
    return out[:count]


def other_spelling(rng, kind, text):
    """A text that is another one and yet equal by `=`, if the type has such."""
    if text is None or rng.random() < 0.6:
        return text
    if kind == "citext":
        return text.swapcase() if text.isascii() else text
    if kind == "numeric" and text.lstrip("-").replace(".", "").isdigit():
        return text + ("0" if "." in text else ".0")
    return text
