"""Rows that the server itself cannot give (an expression that fails on them, bytes that are no UTF-8) cost their own document only: it becomes a dead
letter, all others are written, and when the row is mended the document comes."""
import json
import pathlib

import pytest

DATABASE = "unreadable"
# Spread, so that whatever is read together holds both kinds.
BAD_ROOTS, BAD_PARTS = (7, 8, 900, 2000), (400, 1999)
TABLES = """
CREATE TABLE thing (id int PRIMARY KEY, divisor int NOT NULL, name text NOT NULL, owner int NOT NULL) {partition};
CREATE TABLE part (id int PRIMARY KEY, thing_id int NOT NULL, n int NOT NULL);
CREATE TABLE owner (id int PRIMARY KEY, name text);
CREATE INDEX ON part (thing_id); CREATE INDEX ON thing (owner);
{partitions}
INSERT INTO owner VALUES (1, 'one');
INSERT INTO thing SELECT n, CASE WHEN n IN {roots} THEN 0 ELSE n END, 'thing ' || n, 1 FROM generate_series(1, 2000) n;
INSERT INTO part SELECT n, n, CASE WHEN n IN {parts} THEN 0 ELSE n END FROM generate_series(1, 2000) n;
"""
SCHEMA = [{"database": DATABASE, "index": "thing", "nodes": {
    "table": "thing", "columns": ["id", "name", {"name": "quotient", "expression": "4000 / divisor"}], "children": [
        {"table": "part", "columns": ["id", {"name": "inverse", "expression": "1000 / n"}], "relationship": {
            "type": "one_to_many", "variant": "object", "foreign_key": {"parent": ["id"], "child": ["thing_id"]}}},
        {"table": "owner", "columns": ["name"], "relationship": {
            "type": "one_to_one", "variant": "object", "foreign_key": {"parent": ["owner"], "child": ["id"]}}}]}}]
READABLE = "FROM thing t WHERE divisor <> 0 AND NOT EXISTS (SELECT FROM part p WHERE p.thing_id = t.id AND p.n = 0)"
QUERY = f"""
SELECT t.id::text, json_build_object('id', t.id, 'name', t.name, 'quotient', 4000 / t.divisor,
  'part', (SELECT json_agg(json_build_object('id', p.id, 'inverse', 1000 / p.n) ORDER BY p.id) FROM part p WHERE p.thing_id = t.id),
  'owner', (SELECT json_build_object('name', o.name) FROM owner o WHERE o.id = t.owner)) {READABLE}"""
SHAPES = {
    "table": dict(partition="", partitions=""),  # is loaded by pages
    "partitioned": dict(partition="PARTITION BY RANGE (id)", partitions="CREATE TABLE low PARTITION OF thing FOR VALUES FROM (0) TO (1000); "
                                                                         "CREATE TABLE high PARTITION OF thing FOR VALUES FROM (1000) TO (9000);"),
}


class Data:
    database, index, slot, template, query = DATABASE, "thing", "unreadable_thing", "template0", QUERY

    def __init__(self, schema):
        self.schema = schema


def use(scenario, work, shape, root=None):
    schema = pathlib.Path(work) / "schema.json"
    nodes = dict(SCHEMA[0]["nodes"], **(root or {}))
    schema.write_text(json.dumps([dict(SCHEMA[0], nodes=nodes)]))
    scenario.use(Data(schema))
    script = work / "tables.sql"
    script.write_text(TABLES.format(roots=BAD_ROOTS, parts=BAD_PARTS, **SHAPES[shape]))
    scenario.server.psql(DATABASE, "-f", script)
    return scenario.bootstrap()


def letters(scenario):
    output = scenario.bare("dlq", "list", str(scenario.schema), "--target", scenario.target.url).expect(0).stdout
    return {line.split("\t")[1]: line.split("\t")[3] for line in output.splitlines()}


@pytest.mark.parametrize("shape", SHAPES)
def test_only_the_documents_of_the_rows_are_missing(scenario, work, shape):
    use(scenario, work, shape)
    daemon = scenario.start("--workers", 2)
    scenario.wait_synced(daemon)
    assert scenario.assert_equal() == 2000 - len(BAD_ROOTS) - len(BAD_PARTS)
    found = letters(scenario)
    assert found.keys() == set(map(str, BAD_ROOTS + BAD_PARTS))
    assert all("22012" in reason and "division by zero" in reason for reason in found.values()), found

    # One row that reaches all of them, and a change of one of them alone.
    scenario.sql("UPDATE owner SET name = 'other'")
    scenario.sql("UPDATE thing SET name = name || '!' WHERE id IN (7, 400)")
    scenario.wait_acknowledged(daemon)
    scenario.assert_equal()

    # A good row turns bad, its document stays as it was and is a dead letter; bad rows are mended.
    before = scenario.document(50)
    scenario.sql("UPDATE thing SET divisor = 0 WHERE id = 50")
    scenario.wait_acknowledged(daemon)
    assert scenario.document(50) == before and "50" in letters(scenario)
    scenario.sql("UPDATE thing SET divisor = 3 WHERE divisor = 0")
    scenario.sql("UPDATE part SET n = 3 WHERE n = 0")
    scenario.wait_acknowledged(daemon)
    assert scenario.assert_equal() == 2000
    assert daemon.terminate() == 0


def test_a_condition_that_fails(scenario, work):
    use(scenario, work, "table", {"where": "10 / divisor >= 0", "columns": ["id"], "children": []})
    scenario.run_once().expect(0)
    assert scenario.target.count("thing") == 2000 - len(BAD_ROOTS)
    assert letters(scenario).keys() == set(map(str, BAD_ROOTS))
    scenario.sql("DELETE FROM thing WHERE divisor = 0")
    scenario.run_once().expect(0)
    replayed = scenario.bare("dlq", "replay", str(scenario.schema), "--target", scenario.target.url).expect(0)
    assert replayed.stdout.count("not in the tables any more") == len(BAD_ROOTS)


def test_preview_and_verify_say_which(scenario, work):
    use(scenario, work, "table").run_once().expect(0)
    shown = scenario.command("preview", "--id", "7", target=False, queue=False)
    assert 'document "7" cannot be made' in shown.stderr and "division by zero" in shown.stderr, repr(shown)
    scenario.command("verify", queue=False).expect(0)
