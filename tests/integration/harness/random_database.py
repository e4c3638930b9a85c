"""A random database: tables, keys, links and rows as plain data, and the SQL script that makes it.

The model is what the schema generator and the oracle know of the database; nobody asks a catalog. A link says which columns of one
table hold values of which columns of another, with a constraint or without ("soft": then rows may point nowhere).

    {"tables": [{"schema", "name", "kind": "table"|"view"|"matview", "columns": [{"name", "type", "null", "generated"}], "key": […],
                 "unique": [[…]], "partitions": n, "rows": [{column: text or None}], "source", "where", "gone": bool, "type_column": …}],
     "links": [{"child", "columns", "parent", "refs", "constraint", "unique", "type_column", "type_value"}]}

Tables are named by "schema.table" in links; names hold no dot unless said.
"""
from . import random_types as types

SCHEMAS = ["public", "Odd Schema", "größe"]
TABLES = ["book", "author", "Order", "select", "two words", 'quo"te', "it's", "naïve", "日本", "group_member", "UPPER", "back\\slash", "per%cent", "$1", "-- x",
          "a_table_whose_name_is_exactly_sixty_three_bytes_long_no_more_no", "tag", "city", "parent", "child", "{brace}", "semi;colon", "user"]
COLUMNS = ["name", "title", "Value", "order", "from", "two words", 'dou"ble', "it's", "größe", "数", "UPPER", "back\\slash", "100%", "$1", "a->b",
           "a_column_whose_name_is_exactly_sixty_three_bytes_long_no_more_n", "{brace}", "dot.ted", "note", "doc", "state", "price", "table", "oid_", "line\nbreak",
           "c1", "c2", "c3", "c4", "ordinal", "key", "value", "q", "n", "x", "t", "p", "json", "tableoid_"]
ROW_LIMITS = [0, 1, 3, 8, 8, 20, 20, 40, 80, 200]


def full_name(table):
    return f"{table['schema']}.{table['name']}"


def column_of(table, name):
    return next(c for c in table["columns"] if c["name"] == name)


def index_of(database):
    return {full_name(t): t for t in database["tables"]}


# ---- making one ----
class Maker:
    def __init__(self, rng, row_limits):
        self.rng, self.row_limits = rng, row_limits
        self.database = {"tables": [], "links": []}
        self.schemas = ["public"] if rng.random() < 0.4 else SCHEMAS[:rng.choice([2, 3])]
        self.names = [n for n in TABLES]
        rng.shuffle(self.names)
        self.keys = {}  # full name -> existing values of the key and of unique columns: {tuple of columns: [tuple of values]}

    def make(self):
        rng = self.rng
        plain = rng.randrange(2, 6)
        for i in range(plain):
            self.plain_table()
        for _ in range(rng.choice([0, 1, 1, 2])):
            self.junction()
        if rng.random() < 0.35:
            self.polymorphic_table()
        for _ in range(rng.choice([0, 0, 1])):
            self.keyless_view()
        return self.database

    def new_table(self):
        table = {"schema": self.rng.choice(self.schemas), "name": self.names.pop(), "kind": "table", "columns": [], "key": [], "unique": [],
                 "partitions": 0, "rows": [], "gone": self.rng.random() < 0.15}
        self.database["tables"].append(table)
        return table

    def free_name(self, table, wish=None):
        taken = {c["name"] for c in table["columns"]}
        if wish and wish not in taken:
            return wish
        return self.rng.choice([n for n in COLUMNS if n not in taken])

    def add_column(self, table, kind, name=None, null=True, first=False):
        column = {"name": self.free_name(table, name), "type": kind, "null": null, "generated": ""}
        table["columns"].insert(0 if first else self.rng.randrange(len(table["columns"]) + 1), column)
        return column

    def plain_table(self):
        rng, table = self.rng, self.new_table()
        before = [t for t in self.database["tables"][:-1] if t["kind"] == "table" and t["key"]]
        links = []
        shape = rng.random()
        if shape < 0.62 or not before:
            table["key"] = [self.add_column(table, rng.choice(types.KEYS), rng.choice(["id", "id", "Id", "key", None]), null=False, first=True)["name"]]
        elif shape < 0.8:  # an identifying link is part of the key
            link = self.link(table, rng.choice(before), nullable=False, constraint=rng.random() < 0.8)
            links.append(link)
            table["key"] = link["columns"] + [self.add_column(table, rng.choice(["integer", "text", "smallint"]), "no", null=False)["name"]]
        else:
            for _ in range(rng.choice([2, 2, 3])):
                table["key"].append(self.add_column(table, rng.choice(types.KEYS), None, null=False)["name"])
        if rng.random() < 0.3:
            rng.shuffle(table["key"])
        for parent in rng.sample(before, min(len(before), rng.choice([0, 1, 1, 2]))) + ([table] if rng.random() < 0.25 else []):
            links.append(self.link(table, parent, nullable=rng.random() < 0.8, constraint=rng.random() < 0.65))
        if before and rng.random() < 0.2:  # a second one to the same table
            links.append(self.link(table, rng.choice(before), nullable=True, constraint=rng.random() < 0.6))
        self.further_columns(table)
        if table["partitions"]:  # something unique would have to hold the partition key
            for link in links:
                link["unique"] = False
        self.fill(table, links)

    def further_columns(self, table, most=6):
        rng = self.rng
        for _ in range(rng.randrange(most + 1)):
            kind = types.random_type(rng)
            self.add_column(table, kind, null=True)
        if rng.random() < 0.3:
            self.add_column(table, "jsonb", "doc")
        if rng.random() < 0.3:
            self.add_column(table, rng.choice(["boolean", "timestamptz", "text"]), "deleted")
        if rng.random() < 0.25:
            numbers = [c for c in table["columns"] if c["type"] in ("smallint", "integer", "numeric(10,3)") and not c["generated"]]
            texts = [c for c in table["columns"] if c["type"] in ("text", "varchar(80)", '"Name"') and not c["generated"]]
            if numbers and rng.random() < 0.5:
                self.add_column(table, "numeric")["generated"] = f"{q(rng.choice(numbers)['name'])}::numeric * 2.50"
            elif texts:
                self.add_column(table, "text")["generated"] = f"upper({q(rng.choice(texts)['name'])}::text) || '!'"
        if rng.random() < 0.2 and table["key"]:
            table["partitions"] = rng.choice([1, 2, 3])
        elif rng.random() < 0.3:  # something else to refer to
            column = self.add_column(table, rng.choice(["integer", "text", "uuid", "citext"]), null=rng.random() < 0.3)
            table["unique"].append([column["name"]])

    def link(self, child, parent, nullable, constraint, refs=None):
        """Adds columns to the child that refer to the parent's key, to something unique, or (soft) to any columns. They are filled later."""
        rng = self.rng
        if refs is None:
            refs = parent["key"]
            if parent["unique"] and rng.random() < 0.4:
                refs = rng.choice(parent["unique"])
            if not constraint and parent is not child and rng.random() < 0.15:
                usable = [c["name"] for c in parent["columns"] if c["type"] in types.KEYS and c["type"] != "boolean"]
                refs = [rng.choice(usable)] if usable else refs
        columns = []
        for ref in refs:
            kind = column_of(parent, ref)["type"]
            if kind in types.RELATED and rng.random() < 0.25:
                kind = rng.choice(types.RELATED[kind])
            wish = rng.choice([f"{parent['name']}_{ref}"[:40], ref, None])
            if wish and (len(wish.encode()) > 60 or "." in wish):
                wish = None
            columns.append(self.add_column(child, kind, wish, null=nullable)["name"])
        link = {"child": full_name(child), "columns": columns, "parent": full_name(parent), "refs": list(refs), "constraint": constraint, "unique": False,
                "action": rng.choice(["", " ON DELETE CASCADE", " ON DELETE CASCADE ON UPDATE CASCADE", " DEFERRABLE INITIALLY DEFERRED"])}
        if rng.random() < 0.15 and not child["partitions"] and parent is not child:
            link["unique"] = True
        self.database["links"].append(link)
        return link

    def junction(self):
        rng = self.rng
        ends = [t for t in self.database["tables"] if t["kind"] == "table" and t["key"]]
        a, b = rng.choice(ends), rng.choice(ends)
        table = self.new_table()
        shape = rng.choice(["pair", "own key", "no key"])
        links = [self.link(table, end, nullable=shape != "pair", constraint=rng.random() < 0.7, refs=end["key"]) for end in (a, b)]
        if shape == "pair":
            table["key"] = links[0]["columns"] + links[1]["columns"]
        elif shape == "own key":
            table["key"] = [self.add_column(table, rng.choice(["integer", "bigint", "uuid"]), "id", null=False)["name"]]
        for link in links:
            link["unique"] = False
        self.further_columns(table, rng.choice([0, 0, 3]))
        self.fill(table, links)

    def polymorphic_table(self):
        """Rows that belong to rows of several tables, told apart by a type column."""
        rng = self.rng
        owners = [t for t in self.database["tables"] if len(t["key"]) == 1]
        if not owners:
            return
        kind = column_of(owners[0], owners[0]["key"][0])["type"]
        owners = [t for t in owners if column_of(t, t["key"][0])["type"] == kind][:3]
        table = self.new_table()
        table["key"] = [self.add_column(table, "integer", "id", null=False)["name"]]
        on = self.add_column(table, kind, "owner_id")["name"]
        what, of = rng.choice([("text", ["Post", "it's", "Üser"]), ("integer", ["1", "2", "3"]), ("boolean", ["true", "false"]), ('"Mood of"', ["ok", "so so", "it's"])])
        which = self.add_column(table, what, "owner_type")["name"]
        owners = owners[:len(of)]
        for owner, value in zip(owners, of):
            self.database["links"].append({"child": full_name(table), "columns": [on], "parent": full_name(owner), "refs": list(owner["key"]), "constraint": False,
                                           "unique": False, "type_column": which, "type_value": value})
        self.further_columns(table, 2)
        self.fill(table, self.database["links"][-len(owners):])

    def keyless_view(self):
        rng = self.rng
        source = rng.choice([t for t in self.database["tables"] if t["kind"] == "table" and t["key"]])
        view = self.new_table()
        linked = {c for link in self.database["links"] if link["child"] == full_name(source) for c in link["columns"]}
        linked |= {link.get("type_column") for link in self.database["links"] if link["child"] == full_name(source)}
        linked |= {c for link in self.database["links"] if link["parent"] == full_name(source) for c in link["refs"]}
        view.update(kind=rng.choice(["view", "matview"]), source=full_name(source), gone=False, where=rng.choice(["", f"{q(source['key'][0])} IS NOT NULL", ""]),
                    view_key=list(source["key"]), rows=source["rows"])
        for column in source["columns"]:
            if column["name"] in source["key"] or column["name"] in linked or rng.random() < 0.6:
                view["columns"].append(dict(column, generated="", null=True))
        for link in list(self.database["links"]):
            for end in ("child", "parent"):
                if link[end] == full_name(source) and link["child"] != link["parent"]:
                    self.database["links"].append(dict(link, **{end: full_name(view)}, constraint=False, unique=False))

    # ---- rows ----
    def fill(self, table, links):
        rng = self.rng
        count = rng.choice(self.row_limits)
        unique = [table["key"], *table["unique"], *(link["columns"] for link in links if link["unique"])]
        alone = {u[0]: None for u in [table["key"], *table["unique"]] if len(u) == 1 and not any(u[0] in link["columns"] for link in links)}
        for name in alone:
            alone[name] = types.key_values(rng, column_of(table, name)["type"], count)
        pools = {c["name"]: types.key_values(rng, c["type"], max(3, count // 3)) for c in table["columns"] if c["name"] in table["key"] and c["name"] not in alone}
        seen = {tuple(u): set() for u in unique if u}
        by_name = index_of(self.database)
        for i in range(count):
            row = {}
            for column in table["columns"]:
                if column["generated"]:
                    continue
                name, kind = column["name"], column["type"]
                if name in alone:
                    row[name] = alone[name][i] if i < len(alone[name]) else None
                elif name in pools:
                    row[name] = rng.choice(pools[name])
                else:
                    row[name] = types.value(rng, kind, rng.choice([0.05, 0.3]) if column["null"] else 0)
            for link in links:
                self.point(table, row, link, by_name)
            if any(row.get(c["name"]) is None and not c["null"] and not c["generated"] for c in table["columns"]):
                continue
            marks = [(tuple(u), tuple(same(column_of(table, c)["type"], row.get(c)) for c in u)) for u in unique if u]
            if any(None not in mark and mark in seen[u] for u, mark in marks):
                continue
            for u, mark in marks:
                seen[u].add(mark)
            table["rows"].append(row)

    def point(self, table, row, link, by_name):
        """Gives the link columns of a row the values of some row of the parent; NULL, or without a constraint anything, now and then."""
        rng, parent = self.rng, by_name[link["parent"]]
        rows = parent["rows"]
        nullable = all(column_of(table, c)["null"] for c in link["columns"])
        if "type_column" in link:
            if rows and rng.random() < 0.5:
                row[link["columns"][0]] = rng.choice(rows).get(link["refs"][0])
                row[link["type_column"]] = link["type_value"] if rng.random() < 0.8 else row[link["type_column"]]
            return
        if nullable and rng.random() < 0.2 or not rows:
            for c in (link["columns"] if not rows or rng.random() < 0.6 else link["columns"][:1]):
                row[c] = None
            if not rows and not link["constraint"] and not nullable:
                for c in link["columns"]:
                    row[c] = types.value(rng, column_of(table, c)["type"], 0)
            return
        if not link["constraint"] and rng.random() < 0.2:  # an orphan
            for c in link["columns"]:
                row[c] = types.value(rng, column_of(table, c)["type"], 0)
            return
        target = rng.choice(rows[:max(1, len(rows) // rng.choice([1, 1, 3]))])
        for c, ref in zip(link["columns"], link["refs"]):
            text, kind = target.get(ref), column_of(table, c)["type"]
            if not types.fits(kind, text):
                row[c] = None
            else:
                row[c] = types.other_spelling(rng, column_of(parent, ref)["type"], text) if kind == column_of(parent, ref)["type"] else text


def same(kind, text):
    """A form of the value that is equal when the type's `=` says so."""
    if text is None:
        return None
    if kind == "citext":
        return text.lower()
    if kind == "numeric":
        return float(text) if text != "NaN" else text
    if kind == "char(6)":
        return text.rstrip(" ")
    return text


def make(rng, row_limits=ROW_LIMITS):
    return Maker(rng, row_limits).make()


# ---- as SQL ----
def q(name):
    return '"' + name.replace('"', '""') + '"'


def quoted(table):
    return f"{q(table['schema'])}.{q(table['name'])}"


def listed(names):
    return ", ".join(map(q, names))


def copy_field(text):
    if text is None:
        return "\\N"
    return text.replace("\\", "\\\\").replace("\t", "\\t").replace("\n", "\\n").replace("\r", "\\r")


def column_sql(column):
    extra = f" GENERATED ALWAYS AS ({column['generated']}) STORED" if column["generated"] else ""
    return f"  {q(column['name'])} {column['type']}{'' if column['null'] else ' NOT NULL'}{extra}"


def table_sql(table):
    name = quoted(table)
    lines = [column_sql(c) for c in table["columns"]]
    gone = table["gone"] and len(lines) > 1
    if gone:
        lines.insert(1, '  "no longer here" integer')
    if table["key"]:
        lines.append(f"  PRIMARY KEY ({listed(table['key'])})")
    lines += [f"  UNIQUE ({listed(u)})" for u in table["unique"] if not table["partitions"]]
    by = f" PARTITION BY HASH ({q(table['key'][0])})" if table["partitions"] else ""
    out = [f"CREATE TABLE {name} (\n" + ",\n".join(lines) + f"\n){by};"]
    if gone:
        out.append(f'ALTER TABLE {name} DROP COLUMN "no longer here";')
    for i in range(table["partitions"]):
        part = f"{q(table['schema'])}.{q('part %d of ' % i + table['name'][:20])}"
        bounds = f"FOR VALUES WITH (MODULUS {table['partitions']}, REMAINDER {i})"
        if i == 1:  # made apart, with its columns in another order
            out.append(f"CREATE TABLE {part} (\n" + ",\n".join(column_sql(c) for c in reversed(table["columns"])) + "\n);")
            out.append(f"ALTER TABLE {name} ATTACH PARTITION {part} {bounds};")
        else:
            out.append(f"CREATE TABLE {part} PARTITION OF {name} {bounds};")
    columns = [c["name"] for c in table["columns"] if not c["generated"]]
    if table["rows"] and columns:
        out.append(f"COPY {name} ({listed(columns)}) FROM stdin;")
        out += ["\t".join(copy_field(row.get(c)) for c in columns) for row in table["rows"]]
        out.append("\\.")
    return out


def view_sql(view, source):
    where = f" WHERE {view['where']}" if view["where"] else ""
    kind = "MATERIALIZED VIEW" if view["kind"] == "matview" else "VIEW"
    return [f"CREATE {kind} {quoted(view)} AS SELECT {listed(c['name'] for c in view['columns'])} FROM {quoted(source)}{where};"]


def setup_sql(database):
    by_name = index_of(database)
    out = ["SET client_min_messages = warning;", "SET TimeZone = 'UTC';", "SET xmloption = content;"]
    out += [f"CREATE SCHEMA {q(s)};" for s in sorted({t["schema"] for t in database["tables"]} - {"public"})]
    for table in database["tables"]:
        if table["kind"] == "table":
            out += table_sql(table)
    for link in database["links"]:
        child, parent = by_name[link["child"]], by_name[link["parent"]]
        if link["unique"]:
            out.append(f"ALTER TABLE {quoted(child)} ADD UNIQUE ({listed(link['columns'])});")
        if link["constraint"]:
            out.append(f"ALTER TABLE {quoted(child)} ADD FOREIGN KEY ({listed(link['columns'])}) REFERENCES {quoted(parent)} ({listed(link['refs'])}){link['action']};")
    for table in database["tables"]:
        if table["kind"] != "table":
            out += view_sql(table, by_name[table["source"]])
    out.append("ANALYZE;")
    return "\n".join(out) + "\n"
