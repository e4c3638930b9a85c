"""A small database of two documents over three tables, for tests of the load: `thing` with its parts, and `label`, which knows nothing of parts."""
import json
import pathlib

from . import oracle

TABLES = """
CREATE TABLE label (id integer PRIMARY KEY, name text NOT NULL);
CREATE TABLE thing (id integer PRIMARY KEY, label_id integer NOT NULL REFERENCES label, name text NOT NULL, note text);
CREATE TABLE part (id integer PRIMARY KEY, thing_id integer NOT NULL REFERENCES thing, name text NOT NULL);
CREATE INDEX ON part (thing_id);
CREATE INDEX ON thing (label_id);
INSERT INTO label SELECT n, 'label ' || n FROM generate_series(1, {labels}) n;
INSERT INTO thing SELECT n, 1 + n % {labels}, 'thing ' || n, repeat('x', n % 200) FROM generate_series(1, {things}) n;
INSERT INTO part SELECT n, 1 + n / 2, 'part ' || n FROM generate_series(0, {things}) n;
ANALYZE;
"""


def child(table, many, columns):
    return {"table": table, "columns": columns, "relationship": {"type": "one_to_many" if many else "one_to_one", "variant": "object"}}


SCHEMA = [
    {"database": "things", "index": "thing", "nodes": {"table": "thing", "columns": ["id", "name"], "children": [
        child("label", False, ["name"]), child("part", True, ["id", "name"])]}},
    {"database": "things", "index": "label", "nodes": {"table": "label", "columns": ["id", "name"]}},
]
QUERIES = {
    "thing": """SELECT t.id::text, json_build_object('id', t.id, 'name', t.name,
      'label', (SELECT json_build_object('name', l.name) FROM label l WHERE l.id = t.label_id),
      'part', (SELECT json_agg(json_build_object('id', p.id, 'name', p.name) ORDER BY p.id) FROM part p WHERE p.thing_id = t.id)) FROM thing t""",
    "label": "SELECT id::text, json_build_object('id', id, 'name', name) FROM label",
}


class Things:
    database, index, slot, template, query = "things", "thing", "things_thing", "template0", QUERIES["thing"]

    def __init__(self, work, setting=None):
        self.schema = pathlib.Path(work) / "things.json"
        self.schema.write_text(json.dumps([{**document, **({"setting": setting} if setting else {})} for document in SCHEMA]))


def use(scenario, work, things=3000, labels=100, setting=None, **options):
    """Makes the database, and the slot for it."""
    scenario.use(Things(work, setting), **options)
    for statement in TABLES.format(things=things, labels=labels).split(";\n"):
        if statement.strip():
            scenario.server.psql("things", "-c", statement)
    return scenario.bootstrap()


def assert_equal(scenario, *indices):
    for index in indices or QUERIES:
        oracle.assert_equal(scenario.server, "things", QUERIES[index], scenario.target, index)
