"""Random schema files over a random database (random_database.py): only such that the reference allows, so every refusal is a finding.

What may be used beyond the simple language is chosen by name, so that a failure can be narrowed down (PGSYNC_RANDOM_FEATURES).
"""
from . import random_transform, random_types as types
from .random_database import column_of, full_name, index_of, q
from .random_oracle import column_key, entries, is_path

FEATURES = {"where", "soft_delete", "order_by", "limit", "exclude", "computed", "polymorphic", "id", "base_tables", "replace", "concat", "move", "inner_rename"}
# Needs a target that can be searched.
LOOKUP = "lookup"
MOST_ROWS = 6000    # of one document kind, by estimate: both sides have to stay quick
MOST_NODES = 12
PIECES = ["a", "b", "c", "0", "1", "x y", "größe", "'0'", "'a'", "zero", "2"]


class Relation:
    """One way from a table to another: column pairs, whether the catalog alone decides it, and by which type column."""

    def __init__(self, child, pairs, constraint, junction=None, type_match=None, links=()):
        self.child, self.pairs, self.constraint, self.junction, self.type_match, self.links = child, pairs, constraint, junction, type_match, links


def fan_out(rows, columns, other_rows, other_columns):
    """Matches per row, as a mean."""
    seen = {}
    for row in other_rows:
        value = tuple(row.get(c) for c in other_columns)
        seen[value] = seen.get(value, 0) + 1
    total = sum(seen.get(v, 0) for v in (tuple(row.get(c) for c in columns) for row in rows) if None not in v)
    return total / max(1, len(rows))


class Maker:
    def __init__(self, rng, database, name, features):
        self.rng, self.database, self.name, self.features = rng, database, name, features
        self.tables = index_of(database)
        self.links = database["links"]

    def chance(self, feature, probability):
        return feature in self.features and self.rng.random() < probability

    # ---- ways through the database ----
    def constraints_between(self, a, b):
        return [link for link in self.links if link["constraint"] and {link["child"], link["parent"]} == {a, b}]

    def relations(self, table):
        me, out = full_name(table), []
        for link in self.links:
            for down in (True, False):
                if link["parent" if down else "child"] != me:
                    continue
                other = link["child" if down else "parent"]
                pairs = list(zip(link["refs"], link["columns"])) if down else list(zip(link["columns"], link["refs"]))
                decided = link["constraint"] and other != me and len(self.constraints_between(me, other)) == 1
                match = ("child" if down else "parent", link["type_column"], link["type_value"]) if "type_column" in link else None
                out.append(Relation(other, pairs, decided, type_match=match, links=(link,)))
        for first in self.links:
            for second in self.links:
                if first is second or first["child"] != second["child"] or first["parent"] != me or first["child"] in (me, second["parent"]):
                    continue
                junction = first["child"]
                decided = [link["constraint"] and me != second["parent"] and len(self.constraints_between(junction, link["parent"])) == 1 for link in (first, second)]
                with_type = next((link for link in (first, second) if "type_column" in link), None)
                match = ("through", with_type["type_column"], with_type["type_value"]) if with_type else None
                out.append(Relation(second["parent"], (list(zip(first["refs"], first["columns"])), list(zip(second["columns"], second["refs"]))), decided, junction,
                                    match, (first, second)))
        return [r for r in out if self.usable(self.tables[r.child])]

    @staticmethod
    def usable(table):
        return table["kind"] != "table" or bool(table["key"])

    def growth(self, table, relation):
        if relation.junction is None:
            return fan_out(table["rows"], [a for a, _ in relation.pairs], self.tables[relation.child]["rows"], [b for _, b in relation.pairs])
        through, child = self.tables[relation.junction], self.tables[relation.child]
        first, second = relation.pairs
        return fan_out(table["rows"], [a for a, _ in first], through["rows"], [b for _, b in first]) * max(
            1, fan_out(through["rows"], [a for a, _ in second], child["rows"], [b for _, b in second]))

    # ---- documents ----
    def documents(self):
        rng = self.rng
        out = []
        roots = [t for t in self.database["tables"] if self.usable(t)]
        for i in range(rng.choice([2, 3, 4])):
            rich = sorted(roots, key=lambda t: -len(t["rows"]))
            root = rng.choice(rich[:3]) if rng.random() < 0.6 else rng.choice(roots)
            self.nodes_left, self.rows = rng.choice([1, 3, 5, 8, MOST_NODES]), 0
            document = {"database": self.name, "index": f"random-{i}"}
            if rng.random() < 0.3:
                document["empty_array"] = rng.choice(["null", "empty", "empty"])
            self.moves, self.arrays = [], 0
            document["nodes"] = self.node(root, None, len(root["rows"]), 1, None)
            if self.chance("id", 0.3):
                self.choose_id(document, root)
            out.append(document)
        return out

    def choose_id(self, document, root):
        rng = self.rng
        if not root["key"]:
            return
        bases = [root["key"]] + [u for u in root["unique"] if not column_of(root, u[0])["null"] and not root["partitions"]]
        columns = list(rng.choice(bases))
        columns += [c["name"] for c in root["columns"] if not c["null"] and c["name"] not in columns and rng.random() < 0.3]
        rng.shuffle(columns)
        if rng.random() < 0.5 or any(set(c) & set("{}") for c in columns):
            document["id"] = columns
        else:
            document["id"] = rng.choice(["", "x-", "{{", "é|"]) + rng.choice(["-", "|", "::", "}}{{"]).join("{%s}" % c for c in columns) + rng.choice(["", "}}", " "])

    def node(self, table, relation, rows, depth, relationship):
        """One node with what is below it; `rows`: how many there may be."""
        rng = self.rng
        self.nodes_left -= 1
        self.rows += rows
        node = {"table": table["name"]}
        if table["schema"] != "public" or rng.random() < 0.1:
            node["schema"] = table["schema"]
        if table["kind"] != "table":
            node["primary_key"] = list(table["view_key"])
            if self.chance("base_tables", 0.5):
                node["base_tables"] = [table["source"]]
        if relationship:
            node["relationship"] = relationship
        scalar = relationship is not None and relationship["variant"] == "scalar"
        is_array = relationship is not None and (relationship["type"] == "one_to_many" or "through_tables" in relationship)
        self.arrays += is_array
        columns = self.columns(table, scalar)
        if columns is not None:
            node["columns"] = columns
        elif self.chance("exclude", 0.3) and len(table["columns"]) > 1 and not scalar:
            node["exclude"] = [c["name"] for c in rng.sample(table["columns"], rng.randrange(1, len(table["columns"])))]
        if "computed" in self.features and not scalar and rng.random() < 0.3:
            node["columns"] = node.get("columns", []) + self.computed(table)
        self.restrict(node, table, relationship)
        if relation and self.may_look_up(table, relation) and self.chance(LOOKUP, 0.3):
            node["lookup"] = "index"
        if not scalar and depth < 5:
            self.children(node, table, rows, depth)
        self.arrays -= is_array
        keys = {column_key(e, table): kind_of(e, table) for e in entries(node, table)[:1 if scalar else None]}
        keys.update((c.get("label") or c["table"], self.kind_of_child(c)) for c in node.get("children") or [])
        random_transform.add(rng, node, keys, self.features, scalar, self.arrays + is_array, self.moves)
        return node

    def may_look_up(self, table, relation):
        return all(t["kind"] == "table" and t["key"] for t in (table, *([self.tables[relation.junction]] if relation.junction else [])))

    def kind_of_child(self, child):
        """Arrays of arrays count as objects: whether `replace` goes into inner ones is not said. A JSON value may be one."""
        table = self.tables[f"{child.get('schema', 'public')}.{child['table']}"]
        scalar = child["relationship"]["variant"] == "scalar" and not kind_of(entries(child, table)[0], table).endswith(("[]", "json", "jsonb"))
        return "scalar child" if scalar else "child"

    def children(self, node, table, rows, depth):
        rng = self.rng
        relations = self.relations(table)
        if not relations:
            return
        taken = {column_key(e, table) for e in entries(node, table)}
        for relation in rng.choices(relations, k=rng.choice([0, 1, 2, 3]) if depth > 1 else rng.choice([1, 2, 3, 4])):
            below = rows * self.growth(table, relation)
            if self.nodes_left < 1 or self.rows + below > MOST_ROWS:
                continue
            child = self.tables[relation.child]
            made = self.node(child, relation, below, depth + 1, self.relationship(table, child, relation))
            label = child["name"]
            if label in taken or rng.random() < 0.3:
                label = next(n for n in rng.sample(["kids", "Label", "of it", "ü", "x.y", "label|1", "a->c", "it''s", "l1", "l2", "l3", "l4", "l5", "l6"], 14) if n not in taken)
                made["label"] = label
            taken.add(label)
            node.setdefault("children", []).append(made)

    def relationship(self, table, child, relation):
        rng = self.rng
        out = {"type": rng.choice(["one_to_one", "one_to_many", "one_to_many"]), "variant": rng.choice(["object", "object", "object", "scalar"])}
        if relation.junction is None:
            if not relation.constraint or rng.random() < 0.25:
                pairs = list(relation.pairs)
                rng.shuffle(pairs)
                if len(pairs) == 1 and rng.random() < 0.4:
                    out["foreign_key"] = {"parent": pairs[0][0], "child": pairs[0][1]}
                else:
                    out["foreign_key"] = {"parent": [a for a, _ in pairs], "child": [b for _, b in pairs]}
        else:
            out["through_tables"] = [self.through(child, relation)]
        if relation.type_match and self.chance("polymorphic", 0.9):
            on, column, value = relation.type_match
            kind = column_of(self.tables[relation.links[0]["child"]] if on != "through" else self.tables[relation.junction], column)["type"]
            typed = {"integer": int, "boolean": lambda v: v == "true"}.get(kind, str)(value)
            out["polymorphic"] = {"column": column, "value": typed, **({} if on == "child" and rng.random() < 0.5 else {"on": on})}
            if relation.junction is None and "foreign_key" not in out:
                out["foreign_key"] = {"parent": [a for a, _ in relation.pairs], "child": [b for _, b in relation.pairs]}
        return out

    def through(self, child, relation):
        rng, junction = self.rng, self.tables[relation.junction]
        name = junction["name"]
        simple = all(relation.constraint) and "." not in name + junction["schema"]
        if simple and rng.random() < 0.6:
            return name if junction["schema"] == child["schema"] and rng.random() < 0.6 else f"{junction['schema']}.{name}"
        out = {"table": name}
        if junction["schema"] != child["schema"] or rng.random() < 0.3:
            out["schema"] = junction["schema"]
        first, second = relation.pairs
        if not relation.constraint[0] or rng.random() < 0.5:
            out["parent"] = {"parent": [a for a, _ in first], "through": [b for _, b in first]}
        if not relation.constraint[1] or rng.random() < 0.5:
            out["child"] = {"through": [a for a, _ in second], "child": [b for _, b in second]}
        return out

    # ---- columns, filters, order ----
    def columns(self, table, scalar):
        rng = self.rng
        if not scalar and rng.random() < 0.3:
            return None
        names = [c["name"] for c in table["columns"]]
        out = rng.sample(names, rng.randrange(1, len(names) + 1))
        if rng.random() < 0.5:
            for column in table["columns"]:
                if any(mark in column["name"] for mark in ("->", "#>", "{", "'", '"', "\n")):
                    continue
                if column["type"] in ("json", "jsonb"):
                    out += [self.path(column["name"]) for _ in range(rng.randrange(4))]
                elif column["type"] == "hstore":
                    out += [f"{column['name']}->{rng.choice(['a', 'b', 'a b'])}" for _ in range(rng.randrange(2))]
        rng.shuffle(out)
        if "computed" in self.features and scalar and rng.random() < 0.15:
            return self.computed(table)[:1]
        keys, kept = set(), []
        for entry in out:
            key = column_key(entry, table)
            if key not in keys:
                keys.add(key)
                kept.append(entry)
        return kept[:1] if scalar else kept

    def path(self, column):
        rng = self.rng
        out = column
        for i in range(rng.choice([1, 1, 2, 3])):
            last = rng.random() < 0.3
            space = rng.choice(["", "", "", " "])
            if rng.random() < 0.7:
                out += f"{space}{'->>' if last else '->'}{space}{rng.choice(PIECES)}"
            else:
                pieces = ",".join(rng.choice([p for p in PIECES if "'" not in p]) for _ in range(rng.choice([1, 2, 3])))
                out += f"{space}{'#>>' if last else '#>'}{space}{{{pieces}}}"
            if last:
                break
        return out

    def computed(self, table):
        rng, out = self.rng, []
        for i in range(rng.choice([1, 1, 2])):
            column = rng.choice(table["columns"])
            out.append({"name": rng.choice(["computed", "c->x", "Sum"]) + str(i), "expression": expression(rng, column)})
        return out

    def restrict(self, node, table, relationship):
        rng = self.rng
        if self.chance("where", 0.25):
            node["where"] = condition(rng, table)
        if self.chance("soft_delete", 0.15):
            made = soft_delete(rng, table)
            if made:
                node["soft_delete"] = made
        if relationship is None:
            return
        if self.chance("order_by", 0.3):
            usable = [c for c in table["columns"] if types.orderable(c["type"])]
            chosen = rng.sample(usable, min(len(usable), rng.choice([1, 1, 2])))
            if chosen:
                node["order_by"] = [self.order(c["name"]) for c in chosen]
        if (relationship["type"] == "one_to_many" or "through_tables" in relationship) and self.chance("limit", 0.25):
            node["limit"] = rng.choice([1, 1, 2, 3, 10])

    def order(self, name):
        rng = self.rng
        if rng.random() < 0.4:
            return name
        out = {"column": name}
        if rng.random() < 0.7:
            out["direction"] = rng.choice(["asc", "desc", "desc"])
        if rng.random() < 0.5:
            out["nulls"] = rng.choice(["first", "last"])
        return out


def kind_of(entry, table):
    """The type of what a column entry gives."""
    if isinstance(entry, dict):
        return "text"
    if is_path(entry, table):
        return "text" if ">>" in entry else "jsonb"
    return column_of(table, entry)["type"]


def condition(rng, table, depth=0):
    if depth < 2 and rng.random() < 0.3:
        parts = [condition(rng, table, depth + 1) for _ in range(2)]
        return rng.choice(["({0}) AND ({1})", "({0}) OR ({1})", "NOT ({0}) OR ({1})", "CASE WHEN {0} THEN {1} ELSE true END"]).format(*parts)
    column = rng.choice(table["columns"])
    c, kind = q(column["name"]), column["type"]
    choices = ["{c} IS NOT NULL", "{c} IS NULL OR {c} IS NOT NULL"]
    if kind in types.NUMBERS:
        choices += ["{c} > 0", "{c} <= 7", "{c} BETWEEN -1 AND 100", "{c} <> 1"]
    elif kind in types.STRINGS:
        choices += ["{c} <> ''", "length({c}::text) < 4", "{c} LIKE '%a%'", "{c} IN ('a', 'it''s', 'ABC')", "lower({c}::text) > 'a'", "{c} !~ '[0-9]'"]
    elif kind == "boolean":
        choices += ["{c}", "NOT {c}", "{c} IS NOT TRUE"]
    elif kind in ("date", "timestamp", "timestamptz"):
        choices += ["{c} > '2000-01-01'", "{c} < 'infinity'"]
    elif kind == "jsonb":
        choices += ["{c} ? 'a'", "{c} @> '{{\"a\": 1}}'", "{c}->>'a' IS NOT NULL", "jsonb_typeof({c}) = 'object'"]
    elif kind.endswith("[]"):
        choices += ["cardinality({c}) > 1"]
    return rng.choice(choices).replace("{{", "{").replace("}}", "}").replace("{c}", c)


def expression(rng, column):
    c, kind = q(column["name"]), column["type"]
    choices = ["{c}", "{c} IS NULL", "CASE WHEN {c} IS NULL THEN 'none' ELSE 'some' END", "42", "1.50", "'text'", "NULL"]
    if kind in types.NUMBERS:
        choices += ["coalesce({c}, 0)", "{c}::numeric * 2", "{c}::text", "({c} > 0)"] * 2
    elif kind in types.STRINGS:
        choices += ["upper({c}::text)", "{c} || '!'", "length({c}::text)", "coalesce({c}, 'x')", "string_to_array({c}::text, 'a')"] * 2
    elif kind == "date":
        choices += ["extract(year FROM {c})", "{c} + 1"] * 2
    elif kind in ("timestamptz", "timestamp"):
        choices += ["date_trunc('year', {c})", "to_char({c}, 'YYYY \"of\" MM')", "{c}::text"] * 2
    elif kind == "jsonb":
        choices += ["{c}->'a'", "jsonb_typeof({c})", "{c}->>'b'"] * 2
    return rng.choice(choices).replace("{c}", c)


def soft_delete(rng, table):
    usable = [c for c in table["columns"] if c["type"] in ("boolean", "timestamptz", "text", "integer", "date", "citext")]
    if not usable:
        return None
    column = rng.choice(usable)
    out = {"column": column["name"]}
    values = {"boolean": [True, False, None], "text": ["a", "", "it's", None], "citext": ["ABC", "", None], "integer": [0, 7, -1, None]}.get(column["type"])
    if rng.random() < 0.2:
        out["values"] = "not_null"
    elif values and rng.random() < 0.6:
        out["values"] = rng.sample(values, rng.choice([1, 2]))
    return out


def make(rng, database, name, features):
    return Maker(rng, database, name, features).documents()
