"""Schema files to compare the validator and the JSON Schema on: those of the tree, a table that uses every key, and seeded mutations."""
import copy
import json
import pathlib
import random

REPO = pathlib.Path(__file__).resolve().parents[2]


def of_the_tree():
    """{name: text} of every schema file that the repository holds."""
    paths = [*REPO.glob("tests/conformance/*/*/schema.json"), *REPO.glob("schemas/*/schema.json")]
    return {p.parent.relative_to(REPO).as_posix(): p.read_text() for p in sorted(paths)}


def doc(nodes, **more):
    return {"database": "shop", "index": "books", "nodes": nodes, **more}


def child(relationship=None, **more):
    return {"table": "review", "relationship": {"type": "one_to_many", "variant": "object", **(relationship or {})}, **more}


def with_child(relationship=None, **more):
    return doc({"table": "book", "columns": ["id"], "children": [child(relationship, **more)]})


FK = {"foreign_key": {"parent": ["id"], "child": ["book_id"]}}
JUNCTION = {"table": "book_author", "schema": "public", "parent": {"parent": ["id"], "through": ["book_id"]},
            "child": {"through": ["author_id"], "child": ["id"]}}
COLUMNS = ["id", "title", "doc->a->0", "doc->>b", "doc#>{a,b}", "doc#>>{c}"]

# Every key with every kind of value that is allowed: mutations can only spoil what is there.
GOOD = {
    "smallest": {"database": "shop", "nodes": {"table": "book"}},
    "nulls": doc({"table": "book", "label": None}, alias=None, version=None, pipeline=None, setting=None, mapping=None, mappings=None, empty_array=None,
                 plugins=None, routing=None, id=None, meta=None, type_mapping=None, schemas=None),
    "top": doc({"table": "book", "columns": ["id", "lang"]}, routing="lang", id=["id", "lang"], meta=True, type_mapping=True, plugins=[], empty_array="empty", alias=False,
               version=False, pipeline="p-${CF_STAGE}", setting={"number_of_shards": 1}, mapping={"id": {"type": "long"}}, mappings={"dynamic": False}),
    "template": doc({"table": "book"}, id="book-{tenant}-{id}", empty_array="null"),
    "variables": doc({"table": "book"}, database="$CF_REGION", index="${CF_STAGE}_books$$1", _why="a comment", **{"$schema": "pgsync.schema.json"}),
    "schema": doc({"table": "book", "schema": "archive", "label": "ignored", "primary_key": ["id"], "columns": COLUMNS}),
    "computed": doc({"table": "book", "columns": ["id", {"name": "year", "expression": "extract(year FROM published)"}]}),
    "rows": doc({"table": "book", "where": "status = 'published' AND price > 0", "exclude": ["secret"], "soft_delete": {"column": "deleted_at"}}),
    "lookup": with_child(lookup="index"), "no lookup": with_child(lookup=None),
    "soft": doc({"table": "book", "soft_delete": {"column": "state", "values": ["deleted", 0, True, None]}}),
    "not-null": with_child(soft_delete={"column": "gone", "values": "not_null"}, exclude=[]),
    "view": doc({"table": "best", "primary_key": ["id"], "base_tables": ["book", "archive.book"]}),
    "order": with_child(order_by=["a", {"column": "b", "direction": "desc", "nulls": "last"}, {"column": "c", "direction": "asc", "nulls": "first"}], limit=20),
    "first": with_child({"type": "one_to_one"}, order_by=["a"]),
    "scalar": with_child({"variant": "scalar"}, columns=["name"], transform={"replace": {"name": {"a": "b"}}, "rename": {}, "concat": [], "move": {}}),
    "foreign-key": with_child(FK),
    "foreign-key-text": with_child({"foreign_key": {"parent": "id", "child": "book_id"}}),
    "through": with_child({"through_tables": ["links.book_review"]}, limit=1),
    "through-one": with_child({"type": "one_to_one", "through_tables": ["book_review"]}, limit=1, order_by=[]),
    "through-none": with_child({"through_tables": []}),
    "through-object": with_child({"through_tables": [JUNCTION]}),
    "through-table": with_child({"through_tables": [{"table": "book_review"}]}),
    "polymorphic": with_child({**FK, "polymorphic": {"column": "type", "value": "Post"}}),
    "polymorphic-number": with_child({**FK, "polymorphic": {"column": "type", "value": 7, "on": "parent"}}),
    "polymorphic-through": with_child({"through_tables": [JUNCTION], "polymorphic": {"column": "type", "value": True, "on": "through"}}),
    "replace": doc({"table": "book", "columns": ["title", "doc"], "transform": {"replace": {"title": {"-": "_", "a": ""}, "doc": {"code": {"-": "_"}}}}}),
    "rename": doc({"table": "book", "columns": ["title", "doc"], "transform": {"rename": {"title": "name", "doc": {"x": "why", "y": {"z": "zed"}}}}}),
    "concat": doc({"table": "book", "columns": ["a", "b"], "transform": {"concat": {"columns": ["a", "-", "b"], "destination": "c", "delimiter": " "}}}),
    "concats": doc({"table": "book", "columns": ["a", "b"], "transform": {"concat": [{"columns": ["a", "b"], "destination": "c"}]}}),
    "move": doc({"table": "book", "columns": ["a", "b"], "transform": {"move": {"column": "a", "destination": "$root.x.y"}}}),
    "moves": doc({"table": "book", "columns": ["a", "b"], "transform": {"move": [{"column": "a", "destination": "$root.x"}]}}),
    "mapping": doc({"table": "book", "columns": ["a", "b"], "transform": {"mapping": {"a": {"type": "text", "fields": {}}, "b": {"properties": {}}}}}),
    "deep": doc({"table": "a", "columns": ["id"], "children": [child(columns=["id"], children=[child(FK, columns=["x"], label="one"), child(FK, columns=["x"], label="two")])]}),
}

# One rule broken each, and nothing else.
SCALAR = {"variant": "scalar"}
BAD = {
    "no database": {"nodes": {"table": "a"}}, "no nodes": {"database": "shop"}, "no table": doc({}), "empty table": doc({"table": ""}),
    "unknown key": doc({"table": "a"}, mapings={}), "unknown node key": doc({"table": "a", "colums": []}),
    "alias": doc({"table": "a"}, alias="yes"), "meta": doc({"table": "a"}, meta=1), "type_mapping": doc({"table": "a"}, type_mapping="on"),
    "empty_array": doc({"table": "a"}, empty_array="none"), "schemas": doc({"table": "a"}, schemas="tenant_*"),
    "routing": doc({"table": "a"}, routing=["id"]), "id": doc({"table": "a"}, id={"id": 1}), "plugins": doc({"table": "a"}, plugins="Auth"),
    "pipeline": doc({"table": "a"}, pipeline=7), "setting": doc({"table": "a"}, setting=[]), "mapping": doc({"table": "a"}, mapping="x"),
    "index": doc({"table": "a"}, index="A"), "index -": doc({"table": "a"}, index="-a"), "index ..": doc({"table": "a"}, index=".."),
    "label": with_child(label=""), "columns": doc({"table": "a", "columns": [1]}), "empty column": doc({"table": "a", "columns": [""]}),
    "columns null": doc({"table": "a", "columns": None}), "primary_key": doc({"table": "a", "primary_key": "id"}), "schema": doc({"table": "a", "schema": None}),
    "computed": doc({"table": "a", "columns": [{"name": "x"}]}), "computed key": doc({"table": "a", "columns": [{"name": "x", "expression": "1", "as": "y"}]}),
    "blank expression": doc({"table": "a", "columns": [{"name": "x", "expression": " "}]}), "blank where": doc({"table": "a", "where": "\n"}),
    "where": doc({"table": "a", "where": True}), "exclude": doc({"table": "a", "exclude": "x"}), "both": doc({"table": "a", "columns": ["x"], "exclude": ["y"]}),
    "base_tables": doc({"table": "a", "base_tables": ["a."]}), "children": doc({"table": "a", "children": {}}),
    "lookup": with_child(lookup="wal"), "lookup kind": with_child(lookup=True), "root lookup": doc({"table": "a", "lookup": "index"}),
    "soft_delete": doc({"table": "a", "soft_delete": "x"}), "soft_delete column": doc({"table": "a", "soft_delete": {}}),
    "soft_delete values": doc({"table": "a", "soft_delete": {"column": "x", "values": []}}),
    "soft_delete word": doc({"table": "a", "soft_delete": {"column": "x", "values": "null"}}),
    "soft_delete value": doc({"table": "a", "soft_delete": {"column": "x", "values": [[]]}}),
    "root order": doc({"table": "a", "order_by": ["x"]}), "root limit": doc({"table": "a", "limit": 1}),
    "order": with_child(order_by=[1]), "order column": with_child(order_by=[{"direction": "asc"}]), "order word": with_child(order_by=[{"column": "a", "direction": "up"}]),
    "nulls": with_child(order_by=[{"column": "a", "nulls": "asc"}]), "order key": with_child(order_by=[{"column": "a", "desc": True}]),
    "limit 0": with_child(limit=0), "limit text": with_child(limit="1"), "limit large": with_child(limit=2**31), "limit of one": with_child({"type": "one_to_one"}, limit=1),
    "no relationship": doc({"table": "a", "children": [{"table": "b"}]}), "no type": doc({"table": "a", "children": [{"table": "b", "relationship": {"variant": "object"}}]}),
    "no variant": doc({"table": "a", "children": [{"table": "b", "relationship": {"type": "one_to_one"}}]}),
    "type": with_child({"type": "one_to_few"}), "variant": with_child({"variant": "Object"}), "relationship key": with_child({"through": []}),
    "scalar children": with_child(SCALAR, children=[child(FK)]), "scalar rename": with_child(SCALAR, transform={"rename": {"a": "b"}}),
    "scalar concat": with_child(SCALAR, transform={"concat": {"columns": [], "destination": "a"}}),
    "scalar move": with_child(SCALAR, transform={"move": [{"column": "a", "destination": "$root.a"}]}),
    "junctions": with_child({"through_tables": ["a", "b"]}), "junction": with_child({"through_tables": ["a."]}), "junction text": with_child({"through_tables": "a"}),
    "junction table": with_child({"through_tables": [{"schema": "a"}]}), "junction key": with_child({"through_tables": [{**JUNCTION, "label": "a"}]}),
    "junction parent": with_child({"through_tables": [{"table": "a", "parent": {"parent": ["id"], "child": ["id"]}}]}),
    "junction child": with_child({"through_tables": [{"table": "a", "child": {"through": ["id"]}}]}),
    "foreign_key": with_child({"foreign_key": {"parent": ["id"]}}), "foreign_key key": with_child({"foreign_key": {**FK["foreign_key"], "x": 1}}),
    "foreign_key text": with_child({"foreign_key": "id"}), "no columns": with_child({"foreign_key": {"parent": [], "child": []}}),
    "polymorphic": with_child({**FK, "polymorphic": "type"}), "polymorphic column": with_child({**FK, "polymorphic": {"value": 1}}),
    "polymorphic value": with_child({**FK, "polymorphic": {"column": "type"}}), "polymorphic list": with_child({**FK, "polymorphic": {"column": "type", "value": []}}),
    "polymorphic on": with_child({**FK, "polymorphic": {"column": "type", "value": 1, "on": "root"}}),
    "polymorphic alone": with_child({"polymorphic": {"column": "type", "value": 1}}),
    "polymorphic no junction": with_child({**FK, "polymorphic": {"column": "type", "value": 1, "on": "through"}}),
    "polymorphic junction": with_child({"through_tables": ["a"], "polymorphic": {"column": "type", "value": 1}}),
    "transform": doc({"table": "a", "transform": {"renames": {}}}), "transform null": doc({"table": "a", "transform": None}),
    "replace": doc({"table": "a", "transform": {"replace": {"x": "y"}}}), "replacement": doc({"table": "a", "transform": {"replace": {"x": {"y": 1}}}}),
    "rename": doc({"table": "a", "transform": {"rename": {"x": ""}}}), "rename number": doc({"table": "a", "transform": {"rename": {"x": {"y": 1}}}}),
    "concat": doc({"table": "a", "transform": {"concat": {"columns": ["x"]}}}), "concat list": doc({"table": "a", "transform": {"concat": [{}]}}),
    "concat key": doc({"table": "a", "transform": {"concat": {"columns": ["x"], "destination": "y", "separator": ""}}}),
    "move": doc({"table": "a", "transform": {"move": {"column": "x", "destination": "a.b"}}}), "move column": doc({"table": "a", "transform": {"move": {"destination": "$root.b"}}}),
    "move key": doc({"table": "a", "transform": {"move": {"column": "x", "destination": "$root.b", "to": 1}}}),
    "mapping type": doc({"table": "a", "transform": {"mapping": {"x": {}}}}), "mapping text": doc({"table": "a", "transform": {"mapping": {"x": "text"}}}),
}

# Files that no mutation is likely to make.
ODD = {
    "empty file": "", "not json": "[{", "no list": "{}", "empty list": "[]", "number": "[7]", "byte order mark": "\ufeff[]",
    "not a number": '[{"database": "shop", "nodes": {"table": "a"}, "setting": {"x": NaN}}]',
    "twice": '[{"database": "shop", "nodes": {"table": "a", "table": "b"}}]',
    "nul": '[{"database": "shop", "nodes": {"table": "bo\\u0000ok"}}]',
    "huge number": '[{"database": "shop", "nodes": {"table": "a"}, "setting": {"x": 1e400}}]',
    "version 1": '[{"database": "shop", "nodes": [{"table": "book"}]}]',
    "index is the database": '[{"database": "Shop", "nodes": {"table": "a"}}]',
    "index with line break": '[{"database": "shop", "index": "a\\n", "nodes": {"table": "a"}}]',
    "245": json.dumps([doc({"table": "a"}, index="a" * 245)]), "246": json.dumps([doc({"table": "a"}, index="a" * 246)]),
    "255": json.dumps([doc({"table": "a"}, index="a" * 255, alias=False)]), "256": json.dumps([doc({"table": "a"}, index="a" * 256, alias=False)]),
    "wide": json.dumps([doc({"table": "a"}, index="é" * 130)]),
    "same twice": json.dumps([doc({"table": "a"}), doc({"table": "b"})]),
    "2.0": json.dumps([with_child(limit=2.0)]), "2.5": json.dumps([with_child(limit=2.5)]),
    "empty by variable": json.dumps([doc({"table": "a"}, empty_array="${CF_STAGE}")]),
    "variable": json.dumps([doc({"table": "a"}, index="$NOT_SET")]),
    "empty search": json.dumps([doc({"table": "a", "transform": {"replace": {"x": {"": "y"}}}})]),
    "empty search inside": json.dumps([doc({"table": "a", "transform": {"replace": {"x": {"": {"y": "z"}}}}})]),
}

WORDS = ["", " ", "a", "book", "book.", ".book", "a.b", "a.b.c", "one_to_one", "one_to_many", "object", "scalar", "through", "asc", "first", "null",
         "not_null", "doc->>a", "$root.a", "$root", "$root..a", "A b", "-a", "${CF_STAGE}", "id", "é", "x" * 300, "\u0000", "{id}", "{id}{lang}", "{"]
VALUES = [None, True, False, 0, 1, -1, 1.5, 2147483647, 2147483648, 10**30, [], {}, [[]], [{}], [None], [""], ["a"], ["a", "b"], {"a": "b"}, {"": ""},
          {"type": "text"}, {"a": {}}, {"a": 1}]
KEYS = ["table", "label", "columns", "type", "values", "on", "x", "", "_x", "$schema", "relationship", "children", "limit", "where", "alias", "through_tables",
        "foreign_key", "polymorphic", "parent", "child", "through", "column", "name", "expression", "destination", "exclude", "order_by", "nodes"]


def places(value, path=()):
    """Paths of everything in a JSON value but itself."""
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, member in items:
        yield (*path, key)
        yield from places(member, (*path, key))


def at(value, path):
    for key in path:
        value = value[key]
    return value


def mutate(rng, file, others):
    """One change of a copy of `file`; `others`: files to take pieces from."""
    file = copy.deepcopy(file)
    *up, key = rng.choice(list(places(file)))
    parent = at(file, up)
    other = rng.choice(others)
    piece = copy.deepcopy(at(other, rng.choice(list(places(other)))))
    kind = rng.choice(["drop", "rename", "misspell", "add", "word", "value", "twice", "swap", "move", "graft", "wrap", "unwrap", "stretch"])
    if kind == "drop":
        del parent[key]
    elif kind in ("rename", "misspell", "add") and isinstance(parent, dict):
        name = rng.choice(KEYS) if kind != "misspell" else key[:-1] + rng.choice("sx")
        value = parent[key] if kind == "add" and rng.random() < 0.5 else piece
        parent[name] = value if kind == "add" else parent.pop(key)
    elif kind == "word":
        parent[key] = rng.choice(WORDS)
    elif kind == "value":
        parent[key] = copy.deepcopy(rng.choice(VALUES))
    elif kind == "twice" and isinstance(parent, list):
        parent.append(copy.deepcopy(parent[key]))
    elif kind == "swap":
        *up2, key2 = rng.choice(list(places(file)))
        whole, part = (*up, key), (*up2, key2)
        if whole[:len(part)] != part and part[:len(whole)] != whole:
            parent2 = at(file, up2)
            parent[key], parent2[key2] = parent2[key2], parent[key]
    elif kind == "move":
        taken = parent.pop(key)
        targets = [p for p in places(file) if isinstance(at(file, p), (dict, list))]
        target = at(file, rng.choice(targets)) if targets else file
        target.append(taken) if isinstance(target, list) else target.update({rng.choice([str(key), *KEYS]): taken})
    elif kind == "graft":
        parent[key] = piece
    elif kind == "wrap":
        parent[key] = rng.choice([[parent[key]], {"a": parent[key]}, json.dumps(parent[key])])
    elif kind == "unwrap" and isinstance(parent[key], (list, dict)) and parent[key]:
        parent[key] = next(iter(parent[key].values() if isinstance(parent[key], dict) else parent[key]))
    elif kind == "stretch" and isinstance(parent[key], (str, list)):
        parent[key] = parent[key] * rng.choice([0, 2, 300])
    return json.loads(json.dumps(file))  # equal parts are copies, not one object


def mutations(count, seed):
    """{name: text}: one to three changes each, none equal to a file it was made from."""
    rng = random.Random(seed)
    sources = [json.loads(t) for t in of_the_tree().values()] + [json.loads(json.dumps([d])) for d in GOOD.values()] * 3
    made = {}
    while len(made) < count:
        source = rng.choice(sources)
        file = source
        for _ in range(rng.choice([1, 1, 1, 2, 3])):
            if not list(places(file)):
                break
            file = mutate(rng, file, sources)
        text = json.dumps(file, ensure_ascii=rng.random() < 0.5)
        if file != source and text not in made.values():
            made[f"mutation-{len(made):04}"] = text
    return made
