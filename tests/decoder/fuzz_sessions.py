"""What test_ddl_fuzz runs against each other: sessions of DML and DDL, each driven by its own random numbers. A session draws the same numbers
for the same seed; which table or column a number means depends on what is there at that moment, so on the other sessions."""
import random
import threading
import time

import psycopg2

TYPES = ("int", "bigint", "smallint", "numeric", "float8", "bool", "text", "varchar(40)", "uuid", "date", "jsonb", "bytea")
# Few names, so that a dropped column comes back with another type.
COLUMN_NAMES = tuple(f"c{n}" for n in range(9))
# What one type can be changed to, and the expression; most of these rewrite the table, varchar -> text does not.
CONVERSIONS = {
    "integer": (("bigint", "{c}"), ("text", "{c}::text"), ("numeric", "{c}::numeric"), ("float8", "{c}::float8 / 8")),
    "bigint": (("text", "{c}::text"), ("numeric", "{c}::numeric"), ("integer", "({c} % 1000)::integer")),
    "smallint": (("integer", "{c}"), ("text", "{c}::text")),
    "numeric": (("text", "{c}::text"), ("float8", "{c}::float8"), ("numeric(20,5)", "{c}")),
    "double precision": (("text", "{c}::text"),),
    "boolean": (("text", "{c}::text"), ("integer", "{c}::integer")),
    "text": (("varchar(4000)", "{c}"), ("integer", "length({c})"), ("bytea", "decode(md5({c}), 'hex')")),
    "character varying": (("text", "{c}"), ("varchar(4000)", "{c}"), ("jsonb", "to_jsonb({c})")),
    "uuid": (("text", "{c}::text"),),
    "date": (("text", "{c}::text"),),
    "jsonb": (("text", "{c}::text"),),
    "bytea": (("text", "encode({c}, 'hex')"),),
}


def value(type_name, ref, salt, roll):
    """SQL for a value of the type that depends on the row (`ref`, an integer expression)."""
    number = f"(({ref}::bigint * 7919 + {salt}) % 1000003)"
    text = f"md5(({ref} + {salt})::text)"
    if roll < 0.08:
        return "NULL"
    if type_name.startswith(("text", "character varying")):
        # Longer than a page holds: goes out of line, as columns of text have storage EXTERNAL.
        return f"repeat({text}, 80)" if roll > 0.75 and "(40)" not in type_name else text
    return {
        "integer": f"{number}::integer", "bigint": f"{number} * 1000003", "smallint": f"({number} % 30000)::smallint",
        "double precision": f"{number}::float8 / 8", "boolean": f"{number} % 2 = 0", "uuid": f"{text}::uuid",
        "date": f"date '2000-01-01' + ({number} % 9999)::integer", "jsonb": f"jsonb_build_object('k', {number}, 'l', jsonb_build_array({text}, 1.50))",
        "bytea": f"decode({text}, 'hex')",
    }.get(type_name, f"{number}::numeric / 100")  # numeric with and without a precision


class Session(threading.Thread):
    """One connection with a plan of its own. What fails (a lock, a name that is gone, a conversion) is rolled back, counted, and the plan goes on."""

    def __init__(self, name, seed, stop, world, database):
        super().__init__(name=name, daemon=True)
        self.rng = random.Random(f"{seed}/{name}")
        self.stop, self.world, self.db = stop, world, database.connect()
        self.failure = None
        self.done = self.errors = 0
        self.committed = 0
        self.unexpected = {}
        self.counter = 0

    def run(self):
        try:
            self.cursor = self.db.cursor()
            self.execute("SET lock_timeout = '60ms'; SET deadlock_timeout = '20ms'")
            while not self.stop.is_set():
                self.transaction()
        except BaseException as e:  # the test looks at it after joining
            self.failure = e
        finally:
            self.db.close()

    def execute(self, sql):
        self.cursor.execute(sql)

    def rows(self, sql):
        self.cursor.execute(sql)
        return self.cursor.fetchall()

    def pick(self, things):
        """One of them; draws one number whatever there is."""
        r = self.rng.random()
        return things[int(r * len(things))] if things else None

    # ---- transactions
    def transaction(self):
        rng = self.rng
        end, prepare, steps = rng.random(), rng.random(), rng.randint(1, self.max_steps)
        plan = [rng.random() for _ in range(steps)]
        self.execute("BEGIN")
        try:
            for roll in plan:
                if roll < 0.3:
                    self.step()
                else:
                    self.subtransaction(rolled_back=roll > 0.75)
            if end < 0.1:
                return self.execute("ROLLBACK")
            if prepare < 0.04:
                gid = f"{self.name}-{self.counter}"
                self.counter += 1
                self.execute(f"PREPARE TRANSACTION '{gid}'")
                return self.execute(f"{'COMMIT' if prepare < 0.03 else 'ROLLBACK'} PREPARED '{gid}'")
            self.execute("COMMIT")
            self.committed += 1
        except psycopg2.Error as e:
            self.failed(e)
            self.execute("ROLLBACK")

    def subtransaction(self, rolled_back):
        self.execute("SAVEPOINT s")
        try:
            self.step()
            if rolled_back:
                self.step()
                self.execute("ROLLBACK TO s")
            self.execute("RELEASE s")
        except psycopg2.Error as e:
            self.failed(e)
            self.execute("ROLLBACK TO s")

    def failed(self, error):
        self.errors += 1
        code = error.pgcode or "?????"
        if code in ("XX000", "?????") and "concurrently" not in str(error) and "cache lookup failed" not in str(error):
            raise error
        self.unexpected[code] = self.unexpected.get(code, 0) + 1

    # ---- what is there now
    def tables(self, where="true"):
        return self.rows(f"""SELECT c.oid, quote_ident(nspname) || '.' || quote_ident(relname), relkind, relispartition, nspname, relname
            FROM pg_class c JOIN pg_namespace n ON n.oid = relnamespace
            WHERE (nspname = 'fz' OR nspname LIKE 'moving%') AND relkind IN ('r', 'p') AND {where} ORDER BY relname, c.oid""")

    def columns(self, oid, where="true"):
        return self.rows(f"""SELECT quote_ident(attname), format_type(atttypid, atttypmod), attgenerated <> '' FROM pg_attribute
            WHERE attrelid = {oid} AND attnum > 0 AND NOT attisdropped AND {where} ORDER BY attnum""")

    # ---- DML
    def dml(self):
        rng = self.rng
        kind, size, first, salt = rng.random(), rng.random(), rng.randint(1, 400), rng.randint(1, 10 ** 6)
        rolls = [rng.random() for _ in range(24)]
        table = self.pick(self.tables())
        if table is None:
            return
        oid, name = table[:2]
        columns = [c for c in self.columns(oid) if not c[2]]
        many = 3 if size < 0.9 else 60 if size < 0.99 else 1500
        if kind < 0.4:
            names = [c[0] for c in columns if c[0] != "id"]
            values = [value(c[1], "g", salt, r) for c, r in zip([c for c in columns if c[0] != "id"], rolls)]
            base = first if size < 0.5 else salt * 100
            key = self.key_of(table, rolls[19])
            if key is None:
                return
            conflict = "ON CONFLICT DO NOTHING" if rolls[22] < 0.7 or not names else f"ON CONFLICT (id) DO UPDATE SET {names[0]} = EXCLUDED.{names[0]}"
            self.execute(f"INSERT INTO {name} ({', '.join(['id', *names])}) SELECT {', '.join([key, *values])} "
                         f"FROM generate_series({base}, {base + many}) g {conflict}")
        elif kind < 0.8:
            sets = [f"{c[0]} = {value(c[1], 'id', salt, r)}" for c, r in zip(columns, rolls) if c[0] != "id" and rolls[20] < r + 0.4]
            if rolls[21] < 0.2:
                sets.append(f"id = id + {salt * 1000 if rolls[18] < 0.5 else 1}")  # by 1: to another partition
            if rolls[23] < 0.1:
                sets = ["id = id"]  # nothing changes
            if sets:
                self.execute(f"UPDATE {name} SET {', '.join(sets)} WHERE id BETWEEN {first} AND {first + many}")
        elif kind < 0.99:
            self.execute(f"DELETE FROM {name} WHERE id BETWEEN {first} AND {first + many // 3}")
        else:
            self.execute(f"TRUNCATE {name}")
        self.done += 1

    def key_of(self, table, roll):
        """SQL for id in an INSERT whose rows are numbered g: it has to fit the partition."""
        numbers = [int(t[5][4:]) for t in self.tables("relname ~ '^leaf[0-9]' AND relispartition")] if table[5] == "root" else []
        if table[5] == "root" and not numbers:
            return None
        if table[3]:
            return f"g * 4 + {int(table[5][4:])}"
        return f"g * 4 + {numbers[int(roll * len(numbers))]}" if numbers else "g"


class Writer(Session):
    max_steps = 6

    def step(self):
        self.dml()


class Changer(Session):
    """DDL, mixed with DML of the same transaction."""
    max_steps = 3

    def transaction(self):
        super().transaction()
        self.stop.wait(self.rng.random() * 0.03)  # leaves the others some time between exclusive locks

    def step(self):
        rng = self.rng
        choice = rng.random()
        numbers = [rng.random() for _ in range(4)]
        if choice < 0.25:
            return self.dml()
        operations = (self.add_column, self.add_column, self.drop_column, self.rename_column, self.swap_names, self.swap_names, self.alter_type,
                      self.alter_type, self.rename_table, self.rename_schema, self.set_schema, self.recreate, self.attach_or_detach,
                      self.attach_or_detach, self.identity, self.identity, self.identity_index, self.storage, self.swap_fixed)
        operation = operations[int((choice - 0.25) / 0.75 * len(operations))]
        operation(numbers)
        self.done += 1
        self.dml()

    def any_table(self, where="NOT relispartition"):
        return self.pick(self.tables(where))

    def add_column(self, n):
        table = self.any_table()
        type_name = TYPES[int(n[0] * len(TYPES))]
        name = COLUMN_NAMES[int(n[1] * len(COLUMN_NAMES))]
        if n[2] < 0.35:
            default = ""
        elif n[2] < 0.65:  # a constant: no rewrite, old rows get it from the catalogs
            default = f"DEFAULT {value(format_of(type_name), int(n[3] * 1000), 1, 0.5)}"
        elif n[2] < 0.85:  # volatile: rewrites
            default = f"DEFAULT {value(format_of(type_name), '(random() * 1000)::integer', 1, 0.5)}"
        else:
            type_name, default = "bigint", "GENERATED ALWAYS AS (id * 3) STORED"
        self.execute(f"ALTER TABLE {table[1]} ADD COLUMN {name} {type_name} {default}")

    def a_column(self, table, where="attname <> 'id'"):
        return self.pick(self.columns(table[0], where))

    def drop_column(self, n):
        table = self.any_table()
        column = self.a_column(table)
        if column:
            self.execute(f"ALTER TABLE {table[1]} DROP COLUMN {column[0]}")

    def rename_column(self, n):
        table = self.any_table()
        column = self.a_column(table)
        if column:
            self.execute(f"ALTER TABLE {table[1]} RENAME COLUMN {column[0]} TO {COLUMN_NAMES[int(n[0] * len(COLUMN_NAMES))]}")

    def swap_names(self, n):
        table = self.any_table()
        a, b = self.a_column(table), self.a_column(table)
        if a and b and a[0] != b[0]:
            for old, new in ((a[0], "swapped"), (b[0], a[0]), ("swapped", b[0])):
                self.execute(f"ALTER TABLE {table[1]} RENAME COLUMN {old} TO {new}")

    def alter_type(self, n):
        table = self.any_table()
        column = self.a_column(table, "attname <> 'id' AND attgenerated = ''")
        if not column:
            return
        targets = CONVERSIONS.get(column[1].split("(")[0])
        if targets:
            target, expression = targets[int(n[0] * len(targets))]
            self.execute(f"ALTER TABLE {table[1]} ALTER {column[0]} DROP DEFAULT, ALTER {column[0]} TYPE {target} "
                         f"USING {expression.format(c=column[0])}")

    def fresh(self, stem):
        self.counter += 1
        return f"{stem}_{self.name}_{self.counter}"

    def rename_table(self, n):
        table = self.any_table("nspname LIKE 'moving%'")
        if table:
            self.execute(f"ALTER TABLE {table[1]} RENAME TO {self.fresh(table[5].split('_')[0])}")

    def rename_schema(self, n):
        schema = self.pick(self.rows("SELECT oid, nspname FROM pg_namespace WHERE nspname LIKE 'moving%' ORDER BY oid"))
        new = self.fresh(schema[1][:8])
        self.execute(f"ALTER SCHEMA {schema[1]} RENAME TO {new}")
        self.execute(f"INSERT INTO judge.renamed_schemas (namespace, old, new) VALUES ({schema[0]}, '{schema[1]}', '{new}')")

    def set_schema(self, n):
        table = self.any_table("nspname LIKE 'moving%'")
        schema = self.pick(self.rows("SELECT nspname FROM pg_namespace WHERE nspname LIKE 'moving%' ORDER BY oid"))
        if table:
            self.execute(f"ALTER TABLE {table[1]} SET SCHEMA {schema[0]}")

    def recreate(self, n):
        table = self.any_table("relkind = 'r' AND NOT relispartition AND relname NOT LIKE 'leaf%'")
        if table:
            self.execute(f"DROP TABLE {table[1]}")
            self.world.create(self.execute, table[1], primary_key=n[0] < 0.8, width=int(n[1] * 4))

    def attach_or_detach(self, n):
        leaf = self.pick(self.tables("relname ~ '^leaf[0-9]'"))
        if leaf[3]:
            self.execute(f"ALTER TABLE fz.root DETACH PARTITION {leaf[1]}")
        else:
            # A leaf that is outside keeps its columns, while those of the root move on: it comes back under the root's layout, in another order.
            self.execute(f"LOCK TABLE fz.root, {leaf[1]} IN ACCESS EXCLUSIVE MODE")
            root = self.columns(self.rows("SELECT 'fz.root'::regclass::oid")[0][0])
            mine = self.columns(leaf[0])
            for name, _, _ in mine:
                if name not in [c[0] for c in root]:
                    self.execute(f"ALTER TABLE {leaf[1]} DROP COLUMN {name}")
            for name, type_name, generated in sorted(root, key=lambda c: c[0], reverse=n[0] < 0.5):
                have = next((c for c in mine if c[0] == name), None)
                if have == (name, type_name, generated):
                    continue
                if have:
                    self.execute(f"ALTER TABLE {leaf[1]} DROP COLUMN {name}")
                self.execute(f"ALTER TABLE {leaf[1]} ADD COLUMN {name} {type_name} {'GENERATED ALWAYS AS (id * 3) STORED' if generated else ''}")
            number = int(leaf[5][4:])
            self.execute(f"DELETE FROM {leaf[1]} WHERE id % 4 <> {number}")
            self.execute(f"ALTER TABLE fz.root ATTACH PARTITION {leaf[1]} FOR VALUES IN ({number})")

    def identity(self, n):
        table = self.any_table("relkind = 'r'")
        if table:
            self.execute(f"ALTER TABLE {table[1]} REPLICA IDENTITY {('DEFAULT', 'FULL', 'FULL', 'NOTHING')[int(n[0] * 4)]}")

    def identity_index(self, n):
        """An index over id and another column becomes the identity, or the one that is it goes away."""
        table = self.any_table("relkind = 'r'")
        used = self.rows(f"SELECT indexrelid::regclass FROM pg_index WHERE indrelid = {table[0]} AND indisreplident AND NOT indisprimary")
        if used:
            return self.execute(f"DROP INDEX {used[0][0]}")
        column = self.a_column(table, "attname <> 'id' AND atttypid IN ('int'::regtype, 'bigint'::regtype, 'numeric'::regtype) AND attgenerated = ''")
        extra = ""
        if column:
            self.execute(f"UPDATE {table[1]} SET {column[0]} = 0 WHERE {column[0]} IS NULL")
            self.execute(f"ALTER TABLE {table[1]} ALTER {column[0]} SET NOT NULL")
            extra = f", {column[0]}"
        index = self.fresh("identity")
        self.execute(f"CREATE UNIQUE INDEX {index} ON {table[1]} (id{extra})")
        self.execute(f"ALTER TABLE {table[1]} REPLICA IDENTITY USING INDEX {index}")

    def storage(self, n):
        table = self.any_table()
        for name, _, _ in self.columns(table[0], "attstorage IN ('x', 'm')"):
            self.execute(f"ALTER TABLE {table[1]} ALTER {name} SET STORAGE EXTERNAL")

    def swap_fixed(self, n):
        """The listed table fz.fixed changes places with another table: the name stays, everything behind it is another relation."""
        table = self.any_table("nspname = 'fz' AND relname = 'spare'")
        if table:
            self.execute("ALTER TABLE fz.fixed RENAME TO swapped; ALTER TABLE fz.spare RENAME TO fixed; ALTER TABLE fz.swapped RENAME TO spare")


def format_of(type_name):
    """The name as format_type gives it, which value() takes."""
    return {"int": "integer", "float8": "double precision", "bool": "boolean", "varchar(40)": "character varying(40)"}.get(type_name, type_name)


class World:
    """The tables at the start: two schemas that move, a fixed one with a table that is swapped, and a partitioned root with four leaves."""

    def create(self, execute, name, primary_key=True, width=2, like=""):
        extra = ", ".join(f"c{n} {TYPES[n * 5 % len(TYPES)]}" for n in range(width))
        execute(f"CREATE TABLE {name} (id bigint {'PRIMARY KEY' if primary_key else 'NOT NULL'}, a text, b text, n int, m int"
                f"{', ' + extra if extra else ''}) {like}")
        execute(f"ALTER TABLE {name} ALTER a SET STORAGE EXTERNAL, ALTER b SET STORAGE EXTERNAL")
        execute(f"SELECT judge.watch('{name}')")

    def build(self, execute):
        execute("CREATE SCHEMA fz; CREATE SCHEMA moving_a; CREATE SCHEMA moving_b")
        for name in ("moving_a.plain1", "moving_a.plain2", "moving_b.plain3", "moving_b.plain4", "fz.fixed", "fz.spare"):
            self.create(execute, name)
        self.create(execute, "fz.root", primary_key=False, like="PARTITION BY LIST ((id % 4))")
        execute("ALTER TABLE moving_a.plain1 REPLICA IDENTITY FULL; ALTER TABLE fz.fixed REPLICA IDENTITY FULL")
        for number in range(4):
            self.create(execute, f"fz.leaf{number}")
            if number < 2:
                execute(f"ALTER TABLE fz.root ATTACH PARTITION fz.leaf{number} FOR VALUES IN ({number})")


def run_sessions(database, seed, seconds, world, beside):
    """Runs all sessions for so many seconds; `beside` (threads with a stop event of their own) run at the same time. Returns the sessions."""
    stop = threading.Event()
    sessions = [*(Writer(f"writer{n}", seed, stop, world, database) for n in range(3)), *(Changer(f"changer{n}", seed, stop, world, database) for n in range(2))]
    for session in sessions:
        session.start()
    end = time.monotonic() + seconds
    while time.monotonic() < end and all(s.is_alive() for s in sessions) and all(t.is_alive() for t in beside):
        stop.wait(0.1)
    stop.set()
    for session in sessions:
        session.join(60)
        assert not session.is_alive(), f"{session.name} did not end"
        if session.failure:
            raise AssertionError(f"{session.name}: {session.failure!r}") from session.failure
    return sessions
