"""Memory is bounded by the largest document, not by what a chunk happens to hold: parents with very many rows among small ones."""
import json
import pathlib

from harness.ndjson import NdjsonTarget
from harness.processes import wait_for

DATABASE = "large"
MB = 128
TABLES = """
CREATE TABLE parent (id int PRIMARY KEY, name text NOT NULL);
CREATE TABLE child (id int PRIMARY KEY, parent_id int NOT NULL REFERENCES parent, name text NOT NULL, amount numeric(10,2), at timestamptz);
INSERT INTO parent SELECT i, 'parent ' || i FROM generate_series(1, 1000) i;
INSERT INTO child SELECT i, CASE WHEN i <= {large} THEN {first} + i % {parents} ELSE 1 + i % 1000 END, 'child ' || md5(i::text), i / 100.0,
    timestamptz '2020-01-01 00:00Z' + i * interval '1 s' FROM generate_series(1, {large} + 5000) i;
CREATE INDEX ON child (parent_id);
"""
EXPECTED = """
SELECT p.id::text, json_build_object('id', p.id, 'name', p.name, 'child',
  (SELECT json_agg(json_build_object('id', c.id, 'name', c.name, 'amount', c.amount, 'at', c.at) ORDER BY c.id) FROM child c WHERE c.parent_id = p.id))
FROM parent p"""
NODES = {"table": "parent", "columns": ["id", "name"], "children": [
    {"table": "child", "columns": ["id", "name", "amount", "at"], "relationship": {"type": "one_to_many", "variant": "object"}}]}


def load(scenario, **sizes):
    """Loads all documents, compares them, and returns the daemon's peak of resident memory in MB."""
    server = scenario.server
    server.create_database(DATABASE)
    try:
        script = scenario.dir / "tables.sql"
        script.write_text(TABLES.format(**sizes))
        server.psql(DATABASE, "-f", script)
        server.rows(DATABASE, "ANALYZE")
        scenario.schema = scenario.dir / "schema.json"
        scenario.schema.write_text(json.dumps([{"database": DATABASE, "index": "large", "nodes": NODES}]))
        scenario.target = NdjsonTarget(scenario.dir / "large.ndjson")
        scenario.bootstrap()
        daemon = scenario.start("--once", "--workers", "1")
        peak = 0

        def ended():
            nonlocal peak
            try:
                status = pathlib.Path(f"/proc/{daemon.pid}/status").read_text()
                peak = max([peak] + [int(line.split()[1]) for line in status.splitlines() if line.startswith("VmHWM:")])
            except OSError:
                pass
            return not daemon.running()
        wait_for("the load to end", ended, 300, 0.01)
        assert daemon.wait(1) == 0, daemon.text()
        built = scenario.target.documents("large") or scenario.target.documents("large_1")
        with server.connect(DATABASE) as c, c.cursor() as cur:
            cur.execute(f"SET TimeZone = 'UTC'; {EXPECTED}")
            expected = dict(cur.fetchall())
        assert built.keys() == expected.keys()
        wrong = [id for id in expected if built[id] != expected[id]]
        assert not wrong, f"documents differ: {wrong[:10]}"
        return peak / 1024
    finally:
        for consumer in scenario.consumers:
            consumer.end()
        server.drop_database(DATABASE)


def test_one_root_of_100000_children(scenario):
    peak = load(scenario, large=100_000, first=500, parents=1)
    print(f"peak {peak:.0f} MB")
    assert peak <= MB


def test_many_large_roots_on_one_page(scenario):
    # 100 documents of 6,000 rows each lie side by side: together they would not fit.
    peak = load(scenario, large=600_000, first=500, parents=100)
    print(f"peak {peak:.0f} MB")
    assert peak <= MB
