"""The oracle of random schemas: schema.json -> one plain SQL query per document, json_build_object and json_agg in correlated subselects.

It knows docs/schema-reference.md and the model of the database (random_database.py), and nothing of the consumer's code. Renames and
the other transforms are not in the SQL; random_transform.py applies them to what the query gives. Numbers are compared as text.
"""
import decimal
import json
import re

from . import random_transform
from .random_database import column_of, index_of, q, quoted

SETTINGS = {"TimeZone": "UTC", "DateStyle": "ISO, YMD", "IntervalStyle": "postgres", "bytea_output": "hex", "extra_float_digits": "1", "xmloption": "content"}
OPERATOR = re.compile(r"(#>>|->>|#>|->)")


def literal(text):
    body = text.replace("'", "''")
    return f"E'{body}'".replace("\\", "\\\\") if "\\" in body else f"'{body}'"


class Number:
    """A JSON number with all its digits: 1.10 is not 1.1, but 1e-04 is 0.0001."""
    __slots__ = ("text", "digits")

    def __init__(self, text):
        self.text, self.digits = text, decimal.Decimal(text).as_tuple()

    def __eq__(self, other):
        return isinstance(other, Number) and self.digits == other.digits

    def __hash__(self):
        return hash(self.digits)

    def __repr__(self):
        return self.text


def parse(text):
    def never(word):
        raise ValueError(f"{word} is not JSON")
    return json.loads(text, parse_int=Number, parse_float=Number, parse_constant=never)


# ---- section 4: paths ----
def path_of(entry):
    """(column, [(operator, piece, quoted)])."""
    parts = OPERATOR.split(entry)
    steps = []
    for operator, piece in zip(parts[1::2], parts[2::2]):
        piece = piece.strip()
        quote = len(piece) > 1 and piece[0] == piece[-1] == "'"
        steps.append((operator, piece[1:-1] if quote else piece, quote))
    return parts[0].strip(), steps


def is_path(entry, table):
    return isinstance(entry, str) and OPERATOR.search(entry) and all(c["name"] != entry for c in table["columns"])


def column_key(entry, table):
    if isinstance(entry, dict):
        return entry["name"]
    if not is_path(entry, table):
        return entry
    column, steps = path_of(entry)
    return "_".join([column] + [piece.translate({ord(c): None for c in "{}'"}) for _, piece, _ in steps])


def column_sql(alias, entry, table):
    if not is_path(entry, table):
        return f"{alias}.{q(entry)}"
    column, steps = path_of(entry)
    out = f"{alias}.{q(column)}"
    for operator, piece, quote in steps:
        if operator.startswith("#"):
            right = "ARRAY[" + ", ".join(literal(p.strip()) for p in piece.strip("{}").split(",")) + "]::text[]"
        else:
            right = piece if piece.isdigit() and not quote else literal(piece)
        out = f"({out} {operator} {right})"
    return out


def entries(node, table):
    """Section 2 and X4, X5: the columns of a node, `columns` or its default."""
    listed = node.get("columns") or []
    scalar = (node.get("relationship") or {}).get("variant") == "scalar"  # a computed column may be its one value
    if listed and scalar or any(isinstance(e, str) for e in listed):
        return listed
    return [c["name"] for c in table["columns"] if c["name"] not in (node.get("exclude") or [])] + listed


# ---- the query of one document ----
class Query:
    def __init__(self, document, database):
        self.document, self.tables = document, index_of(database)
        self.empty = "'[]'::json" if document.get("empty_array") == "empty" else "NULL::json"
        self.aliases = 0

    def text(self):
        root = self.document["nodes"]
        table = self.table(root)
        alias = self.alias()
        return f"SELECT {self.id(root, table, alias)}, {self.object(root, table, alias)}::text FROM {self.rows(root, table)} AS {alias}"

    def alias(self):
        self.aliases += 1
        return f"r{self.aliases}"

    def table(self, node):
        return self.tables[f"{node.get('schema', 'public')}.{node['table']}"]

    @staticmethod
    def key(node, table):
        return table["key"] or node["primary_key"]

    def id(self, root, table, alias):
        def text(name):
            column = f"{alias}.{q(name)}"
            # What the type's output function gives, but for boolean (section 5).
            return f"{column}::text" if column_of(table, name)["type"] == "boolean" else f"format('%s', {column})"
        spec = self.document.get("id")
        if isinstance(spec, str):
            parts = re.findall(r"\{\{|\}\}|\{[^{}]*\}|[^{}]+", spec)
            return " || ".join(literal(p[0]) if p in ("{{", "}}") else text(p[1:-1]) if p[0] == "{" else literal(p) for p in parts)
        # The key of a view is taken in the order in which the file has it.
        columns = spec or (sorted(table["key"], key=str.encode) if table["key"] else root["primary_key"])
        if len(columns) == 1:
            return text(columns[0])
        return " || '|' || ".join(f"replace(replace({text(c)}, '\\', '\\\\'), '|', '\\|')" for c in columns)

    def rows(self, node, table):
        """The rows of a node's table that exist for the document, with its computed columns as further ones."""
        conditions = [f"(({node['where']}) IS TRUE)"] if node.get("where") else []
        if node.get("soft_delete"):
            conditions.append(alive(node["soft_delete"], table))
        where = f" WHERE {' AND '.join(conditions)}" if conditions else ""
        computed = [e for e in entries(node, table) if isinstance(e, dict)]
        more = "".join(f", ({e['expression']}) AS {q(self.computed_name(table, i))}" for i, e in enumerate(computed))
        return f"(SELECT *{more} FROM {quoted(table)}{where})"

    @staticmethod
    def computed_name(table, i):
        return f"computed {i} of it"

    def values(self, node, table, alias):
        """[(key, SQL)] of a node's own columns."""
        out, computed = [], 0
        for entry in entries(node, table):
            if isinstance(entry, dict):
                out.append((entry["name"], f"{alias}.{q(self.computed_name(table, computed))}"))
                computed += 1
            else:
                out.append((column_key(entry, table), column_sql(alias, entry, table)))
        return out

    def object(self, node, table, alias):
        children = node.get("children") or []
        labels = {c.get("label") or c["table"] for c in children}
        fields = {key: sql for key, sql in self.values(node, table, alias) if key not in labels}
        for child in children:
            fields[child.get("label") or child["table"]] = self.child(child, table, alias)
        return "json_build_object(" + ", ".join(f"{literal(k)}, {v}" for k, v in fields.items()) + ")"

    def child(self, node, parent, above):
        table, alias, relation = self.table(node), self.alias(), node["relationship"]
        if relation["variant"] == "scalar":
            value = f"to_json({self.values(node, table, alias)[0][1]})"
        else:
            value = self.object(node, table, alias)
        source = f"{self.rows(node, table)} AS {alias}"
        through = (relation.get("through_tables") or [None])[0]
        tables = {"child": (alias, table), "parent": (above, parent)}
        order = [order_sql(alias, o) for o in node.get("order_by") or []] + [f"{alias}.{q(k)}" for k in self.key(node, table)]
        if through is None:
            conditions = [f"{above}.{q(a)} = {alias}.{q(b)}" for a, b in self.pairs(relation, parent, table)]
        else:
            junction, to_parent, to_child = self.junction(through, table, parent)
            middle = self.alias()
            tables["through"] = (middle, junction)
            source += f", {quoted(junction)} AS {middle}"
            conditions = [f"{above}.{q(a)} = {middle}.{q(b)}" for a, b in to_parent] + [f"{middle}.{q(a)} = {alias}.{q(b)}" for a, b in to_child]
            order += [f"{middle}.{q(k)}" for k in junction["key"]]
        match = relation.get("polymorphic")
        if match:
            on, _ = tables[match.get("on", "child")]
            value_sql = literal(match["value"]) if isinstance(match["value"], str) else json.dumps(match["value"])
            conditions.append(f"{on}.{q(match['column'])} = {value_sql}")
        ordered = f"SELECT {value} AS value, row_number() OVER (ORDER BY {', '.join(order)}) AS position FROM {source} WHERE {' AND '.join(conditions)}"
        if relation["type"] == "one_to_one" and through is None:
            return f"(SELECT value FROM ({ordered}) AS one WHERE position = 1)"
        limit = f" WHERE position <= {node['limit']}" if node.get("limit") else ""
        return f"coalesce((SELECT json_agg(value ORDER BY position) FROM ({ordered}) AS many{limit}), {self.empty})"

    # ---- section 3: joins ----
    def pairs(self, relation, parent, child):
        given = relation.get("foreign_key")
        if given:
            return list(zip(*(side if isinstance(side, list) else [side] for side in (given["parent"], given["child"]))))
        return self.constraint(parent, child)

    def constraint(self, upper, lower):
        """The one constraint between two tables, as pairs from the upper to the lower."""
        names = {f"{t['schema']}.{t['name']}" for t in (upper, lower)}
        links = [link for link in self.links if link["constraint"] and {link["child"], link["parent"]} == names]
        if len(links) != 1 or len(names) != 2:
            raise ValueError(f"{len(links)} constraints between {sorted(names)}")
        link = links[0]
        if link["parent"] == f"{upper['schema']}.{upper['name']}":
            return list(zip(link["refs"], link["columns"]))
        return list(zip(link["columns"], link["refs"]))

    def junction(self, through, child, parent):
        if isinstance(through, str):
            schema, _, name = through.rpartition(".")
            through = {"table": name, "schema": schema or child["schema"]}
        table = self.tables[f"{through.get('schema') or child['schema']}.{through['table']}"]
        up, down = through.get("parent"), through.get("child")
        as_list = lambda side: side if isinstance(side, list) else [side]  # noqa: E731
        return (table, list(zip(as_list(up["parent"]), as_list(up["through"]))) if up else self.constraint(parent, table),
                list(zip(as_list(down["through"]), as_list(down["child"]))) if down else self.constraint(table, child))


def order_sql(alias, order):
    if isinstance(order, str):
        return f"{alias}.{q(order)}"
    nulls = f" NULLS {order['nulls']}" if "nulls" in order else ""
    return f"{alias}.{q(order['column'])} {order.get('direction', 'asc')}{nulls}"


def alive(spec, table):
    """X13: NULL is alive unless listed."""
    column = q(spec["column"])
    values = spec.get("values", [True] if column_of(table, spec["column"])["type"] == "boolean" else "not_null")
    if values == "not_null":
        return f"{column} IS NULL"
    dead = [f"{column} IS NULL" if v is None else f"({column} IS NOT NULL AND {column} = {literal(v) if isinstance(v, str) else json.dumps(v)})" for v in values]
    return f"NOT ({' OR '.join(dead)})"


def query(document, database):
    made = Query(document, database)
    made.links = database["links"]
    return made.text()


def expected(cursor, schema, database):
    """{(index, id): document} of all documents of a schema file."""
    for name, value in SETTINGS.items():
        cursor.execute(f"SELECT set_config('{name}', '{value}', false)")
    out = {}
    for document in schema:
        cursor.execute(query(document, database))
        for id, text in cursor.fetchall():
            key = (document["index"], id)
            if key in out:
                raise ValueError(f"the oracle gives {key} twice")
            out[key] = random_transform.apply(parse(text), document["nodes"])
    return out
