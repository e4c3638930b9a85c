"""Routing on a real engine with several shards: every document has one copy, under the routing that its row gives now, whatever it was
before; for a routing that is a plain column, and for one that only the finished document has."""
import json
import pathlib

import pytest

from harness.http import request
from harness.processes import wait_for

DATABASE = "routed"
TABLES = """
CREATE TABLE shelf (id integer PRIMARY KEY, region text, hall text NOT NULL);
CREATE TABLE box (id integer PRIMARY KEY, shelf_id integer REFERENCES shelf, what text);
CREATE INDEX ON box (shelf_id);
INSERT INTO shelf SELECT n, CASE WHEN n % 7 > 0 THEN 'r' || n % 5 END, 'h' || n % 3 FROM generate_series(1, 300) AS n;
INSERT INTO box SELECT n, 1 + n % 300, 'thing ' || n FROM generate_series(1, 600) AS n;
"""
CHILDREN = [{"table": "box", "columns": ["id", "what"], "relationship": {"type": "one_to_many", "variant": "object"}}]
SHAPES = {
    # The routing's value is a column's: PostgreSQL says what it was before.
    "column": {"routing": "area", "nodes": {"table": "shelf", "columns": ["id", "region", "hall"], "children": CHILDREN,
                                            "transform": {"rename": {"region": "area"}}}},
    # It is made by a transform: old copies have to be looked for.
    "made": {"routing": "place", "nodes": {"table": "shelf", "columns": ["id", "region", "hall"], "children": CHILDREN,
                                           "transform": {"concat": {"columns": ["region", "hall"], "destination": "place",
                                                                    "delimiter": "-"}}}},
}
EXPECTED = {
    "column": "SELECT id::text, coalesce(region, id::text) FROM shelf",
    "made": "SELECT id::text, concat_ws('-', region, hall) FROM shelf",
}


class Data:
    database, index, slot, template = DATABASE, "shelf", "routed_shelf", "template0"

    def __init__(self, schema):
        self.schema = schema


@pytest.fixture
def routed(scenario, engine, work, request):
    shape = request.param
    schema = pathlib.Path(work) / "schema.json"
    schema.write_text(json.dumps([{"database": DATABASE, "index": "shelf", "setting": {"number_of_shards": 5, "number_of_replicas": 0},
                                   **SHAPES[shape]}]))
    scenario.use(Data(schema), engine)
    scenario.server.psql(DATABASE, "-c", TABLES)
    scenario.shape = shape
    return scenario.bootstrap()


def copies(scenario):
    """[(id, routing)] of every copy that a search finds."""
    scenario.target.refresh("shelf")
    answer = request("POST", f"{scenario.target.url}/shelf/_search", {"size": 10000, "query": {"match_all": {}}})
    return sorted((h["_id"], h.get("_routing")) for h in answer["hits"]["hits"])


def expected(scenario):
    return sorted((i, r) for i, r in scenario.sql(EXPECTED[scenario.shape]))


def assert_equal(scenario):
    assert copies(scenario) == expected(scenario)
    boxes = dict(scenario.sql("SELECT s.id::text, count(b.id) FROM shelf s LEFT JOIN box b ON b.shelf_id = s.id GROUP BY s.id"))
    found = {i: len(d["box"] or []) for i, d in scenario.target.documents("shelf").items()}
    assert found == boxes


CHANGES = [
    "UPDATE shelf SET region = 'r' || (id + 1) % 5 WHERE id % 2 = 0",
    "UPDATE shelf SET region = NULL WHERE id % 5 = 0; UPDATE shelf SET region = 'new' WHERE region IS NULL AND id % 3 = 0",
    "DELETE FROM box WHERE shelf_id < 40; DELETE FROM shelf WHERE id < 40",
    "UPDATE box SET what = what || '!'; UPDATE shelf SET region = 'a' WHERE id = 50; UPDATE shelf SET region = 'b' WHERE id = 50",
    "UPDATE shelf SET hall = 'x' || hall, region = region || 'y'",
    "INSERT INTO shelf VALUES (1000, 'r1', 'h'); UPDATE shelf SET id = 1001, region = 'r2' WHERE id = 1000",
    "TRUNCATE shelf CASCADE; INSERT INTO shelf VALUES (7, 'late', 'h')",
]


@pytest.mark.parametrize("routed", SHAPES, indirect=True)
def test_one_copy_under_the_present_routing(routed):
    daemon = routed.start("--workers", 3)
    routed.wait_synced(daemon)
    assert_equal(routed)
    for change in CHANGES:
        routed.server.psql(DATABASE, "-c", change)
        routed.wait_acknowledged(daemon)
        assert_equal(routed)


@pytest.mark.parametrize("routed", SHAPES, indirect=True)
def test_after_kill_9_in_the_middle(routed):
    daemon = routed.start("--workers", 3)
    routed.wait_synced(daemon)
    before = routed.target.writes("shelf")
    for n in range(20):
        routed.sql(f"UPDATE shelf SET region = 'k{n}' WHERE id % 4 <> {n % 4}")

    def some():
        daemon.must_run()
        return routed.target.writes("shelf") - before > 50
    wait_for("some of the changes to be written", some, 60, 0.01)
    daemon.kill9()
    routed.sql("DELETE FROM box; DELETE FROM shelf WHERE id % 10 = 3")
    routed.wait_acknowledged(routed.start("--workers", 3))
    assert_equal(routed)
