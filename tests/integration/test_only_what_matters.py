"""An UPDATE that changes nothing a document is made of, and no link, touches nothing: where the WAL carries the old row (REPLICA IDENTITY FULL)
the plugin does not even send it. With a weaker identity the WAL does not say what changed, so the document is built again, to the same content."""
import json
import pathlib
import re

import pytest

TABLES = """
CREATE TABLE shelf (id int PRIMARY KEY, code int, name text, note text);
CREATE TABLE box (id int PRIMARY KEY, shelf_id int REFERENCES shelf, what text, weight int);
CREATE INDEX ON box (shelf_id);
ALTER TABLE box ALTER COLUMN what SET STORAGE EXTERNAL;
INSERT INTO shelf SELECT n, n, 'shelf ' || n, 'note' FROM generate_series(1, 40) n;
INSERT INTO box SELECT n, 1 + n % 40, CASE WHEN n > 195 THEN repeat('long ', 2000) ELSE 'box ' || n END, n FROM generate_series(1, 200) n;
"""
SCHEMA = [{"database": "matters", "index": "shelf", "nodes": {"table": "shelf", "columns": ["id", "name"], "children": [
    {"table": "box", "columns": ["id", "what"], "relationship": {"type": "one_to_many", "variant": "object"}}]}}]
DOCUMENTS = """
SELECT s.id::text, json_build_object('id', s.id, 'name', s.name, 'box', (
  SELECT json_agg(json_build_object('id', b.id, 'what', b.what) ORDER BY b.id) FROM box b WHERE b.shelf_id = s.id)) FROM shelf s
"""


class Data:
    database, index, slot, template, query = "matters", "shelf", "matters_shelf", "template0", DOCUMENTS

    def __init__(self, schema):
        self.schema = schema


@pytest.fixture
def shelves(scenario, work):
    schema = pathlib.Path(work) / "schema.json"
    schema.write_text(json.dumps(SCHEMA))
    scenario.use(Data(schema))
    scenario.server.psql("matters", "-c", TABLES)
    scenario.bootstrap()
    scenario.run_once().expect(0)
    return scenario


def applied(scenario, *statements):
    """Executes them and applies what they changed; returns (row changes received, documents built)."""
    for statement in statements:
        scenario.sql(statement)
    output = scenario.run_once().expect(0).output
    found = re.search(r"stopped at \S+; (\d+) changes received and (\d+) documents built", output)
    assert found, output
    scenario.assert_equal()
    return int(found[1]), int(found[2])


NOTHING = ["UPDATE box SET weight = weight + 1", "UPDATE box SET what = what, shelf_id = shelf_id",
           "UPDATE box SET weight = 0 WHERE id > 195"]  # beside a value that is stored out of line


@pytest.mark.parametrize("statement", NOTHING)
def test_full_identity_nothing_is_sent(shelves, statement):
    assert shelves.sql("SELECT relreplident::text FROM pg_class WHERE oid = 'box'::regclass") == [("f",)]
    assert applied(shelves, statement) == (0, 0)


@pytest.mark.parametrize("statement, changes, documents", [
    ("UPDATE box SET what = what || '!' WHERE id = 7", 1, 1),
    ("UPDATE box SET shelf_id = 3 WHERE id = 7", 1, 2),
    ("UPDATE box SET shelf_id = NULL WHERE id = 7", 1, 1),
    ("UPDATE box SET weight = 1, what = repeat('other ', 2000) WHERE id = 200", 1, 1),
    # One row of many: only this one.
    ("UPDATE box SET what = CASE WHEN id = 9 THEN 'nine' ELSE what END", 1, 1),
])
def test_full_identity_what_matters_is_sent(shelves, statement, changes, documents):
    assert applied(shelves, statement) == (changes, documents)


def test_key_identity_is_built_again(shelves):
    assert shelves.sql("SELECT relreplident::text FROM pg_class WHERE oid = 'shelf'::regclass") == [("d",)]
    assert applied(shelves, "UPDATE shelf SET note = 'other' WHERE id <= 5") == (5, 5)


def test_full_identity_by_choice_spares_the_root(shelves):
    shelves.sql("ALTER TABLE shelf REPLICA IDENTITY FULL")
    assert applied(shelves, "UPDATE shelf SET note = 'other', code = code + 1000") == (0, 0)
    assert applied(shelves, "UPDATE shelf SET note = 'another', name = name || '?' WHERE id <= 5") == (5, 5)


def test_a_root_that_is_touched_many_times_is_built_once_a_batch(shelves):
    """Itself, and by rows below it, in transactions of their own: once for each batch that they arrive in, and a busy server may send two or three."""
    many = ["UPDATE shelf SET name = name || '.' WHERE id = 3"] * 30 + ["UPDATE box SET what = what || '.' WHERE shelf_id = 3"] * 10
    boxes = shelves.sql("SELECT count(*)::int FROM box WHERE shelf_id = 3")[0][0]
    changes, documents = applied(shelves, *many)
    assert changes == 30 + 10 * boxes
    assert documents <= 4
