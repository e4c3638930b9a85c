"""Commands that look at the target and mend it: verify, resync, dlq."""
import json
import pathlib
import sqlite3

import pytest

from harness.http import request

DATABASE = "mended"
TABLES = """
CREATE TABLE thing (id integer PRIMARY KEY, name text NOT NULL, data jsonb NOT NULL);
CREATE TABLE part (id integer PRIMARY KEY, thing_id integer REFERENCES thing, weight numeric);
CREATE INDEX ON part (thing_id);
INSERT INTO thing SELECT n, 'thing ' || n, CASE WHEN n % 100 = 7 THEN '{"size": 1, "colour": "red"}'::jsonb ELSE '{"size": 1}'::jsonb END FROM generate_series(1, 3000) n;
INSERT INTO part SELECT n, 1 + n % 3000, n / 7.0 FROM generate_series(1, 6000) n;
"""
STRICT = {"dynamic": "strict", "properties": {
    "id": {"type": "integer"}, "name": {"type": "keyword"}, "data": {"properties": {"size": {"type": "integer"}}},
    "part": {"properties": {"id": {"type": "integer"}, "weight": {"type": "double"}}}}}
SCHEMA = {"database": DATABASE, "index": "thing", "setting": {"number_of_shards": 1, "number_of_replicas": 0}, "nodes": {
    "table": "thing", "columns": ["id", "name", "data"], "children": [
        {"table": "part", "columns": ["id", "weight"], "relationship": {"type": "one_to_many", "variant": "object"}}]}}


class Data:
    database, index, slot, template = DATABASE, "thing", "mended_thing", "template0"

    def __init__(self, schema):
        self.schema = schema


def world(scenario, work, target, **more):
    schema = pathlib.Path(work) / "schema.json"
    schema.write_text(json.dumps([{**SCHEMA, **more}]))
    scenario.use(Data(schema), target)
    scenario.server.psql(DATABASE, "-c", TABLES)
    scenario.bootstrap()
    scenario.run_once().expect(0)
    return scenario


def faults(result):
    return {line.split(":")[0].strip(): line.split(": ", 1)[1] for line in result.stdout.splitlines() if line.startswith("  ")}


class OnEngine:
    """What somebody else does to the index."""

    def __init__(self, scenario, index):
        self.url = f"{scenario.target.url}/{index}"

    def alter(self, id, key, value):
        document = request("GET", f"{self.url}/_doc/{id}")["_source"]
        request("PUT", f"{self.url}/_doc/{id}", {**document, key: value})

    def delete(self, id):
        request("DELETE", f"{self.url}/_doc/{id}")

    def add(self, id, document):
        request("PUT", f"{self.url}/_doc/{id}", document)


class OnSqlite:
    def __init__(self, scenario, index):
        self.path, self.index = scenario.target.path, index

    def run(self, sql, *args):
        with sqlite3.connect(self.path, timeout=30) as c:
            c.execute(sql, args)

    def alter(self, id, key, value):
        self.run("""UPDATE documents SET body = json_set(body, ?, ?) WHERE "index" = ? AND id = ?""", f"$.{key}", value, self.index, id)

    def delete(self, id):
        self.run("""DELETE FROM documents WHERE "index" = ? AND id = ?""", self.index, id)

    def add(self, id, document):
        self.run("""INSERT INTO documents("index", id, version, body) VALUES (?, ?, 1, ?)""", self.index, id, json.dumps(document))


@pytest.fixture(params=["engine", "sqlite"])
def mended(scenario, work, request):
    on_engine = request.param == "engine"
    world(scenario, work, request.getfixturevalue("engine") if on_engine else None)
    scenario.hand = (OnEngine if on_engine else OnSqlite)(scenario, "thing")
    return scenario


def test_verify_finds_exactly_what_was_changed_by_hand(mended):
    clean = mended.command("verify", queue=False).expect(0)
    assert "3000 documents from the tables, 3000 in the index, 0 wrong" in clean.stdout, repr(clean)
    mended.hand.alter("17", "name", "another")
    mended.hand.delete("2500")
    mended.hand.add("by-hand", {"id": -1})
    mended.hand.add("70000", {"id": 70000})
    found = mended.command("verify", queue=False).expect(1)
    wrong = {"17": "differs at .name", "2500": "missing in the index", "by-hand": "not in the tables", "70000": "not in the tables"}
    assert faults(found) == wrong, repr(found)
    assert "verify --repair" in found.stderr and str(mended.schema) in found.stderr, repr(found)
    repaired = mended.command("verify", "--repair", queue=False).expect(0)
    assert "4 repaired" in repaired.stdout, repr(repaired)
    assert "0 wrong" in mended.command("verify", queue=False).expect(0).stdout
    assert mended.target.count("thing") == 3000


def test_verify_beside_a_daemon_and_writers(mended):
    """What is only late is not wrong."""
    daemon = mended.start()
    mended.wait_synced(daemon)
    mended.hand.delete("100")
    for i in range(20):
        mended.sql(f"UPDATE thing SET name = name || '!' WHERE id BETWEEN {i * 100 + 1} AND {i * 100 + 50} AND id <> 100")
    found = mended.command("verify", queue=False).expect(1)
    assert faults(found) == {"100": "missing in the index"}, repr(found)
    daemon.terminate()


def test_resync_writes_single_documents(mended):
    mended.hand.alter("5", "name", "another")
    mended.hand.add("70000", {"id": 70000})
    done = mended.command("resync", "--id", "5", "--id", "70000", queue=False).expect(0)
    assert "thing 5: written" in done.stdout and "thing 70000: not in the tables" in done.stdout, repr(done)
    assert mended.document(5)["name"] == "thing 5" and mended.document(70000) is None
    refused = mended.command("resync", "--id", "abc", queue=False).expect(1)
    assert 'no row can have the _id "abc"' in refused.stderr, repr(refused)
    assert "--id" in mended.command("resync", queue=False).expect(2).stderr
    unknown = mended.command("resync", "--id", "5", "--index", "thin", queue=False).expect(2)
    assert 'did you mean "thing"?' in unknown.stderr, repr(unknown)


def test_dead_letters_are_listed_replayed_and_dropped(scenario, work, engine):
    world(scenario, work, engine, mappings=STRICT)
    assert engine.count("thing") == 2970
    listed = scenario.command("dlq", "list", queue=False)
    assert listed.status == 2, "the action comes before the schema file"
    dlq = lambda *words: scenario.bare("dlq", *words, str(scenario.schema), "--target", engine.url)  # noqa: E731
    lines = dlq("list").expect(0).stdout.splitlines()
    assert sorted(int(line.split("\t")[1]) for line in lines) == list(range(7, 3000, 100)), lines
    assert all("strict_dynamic_mapping_exception" in line for line in lines)
    shown = dlq("show", "--id", "107").expect(0).stdout
    assert '"colour":"red"' in shown and "thing 107" in shown and "thing 207" not in shown, shown

    again = dlq("replay").expect(1)
    assert "0 of 30 dead letters are settled" in again.stdout and len(dlq("list").expect(0).stdout.splitlines()) == 30, repr(again)
    scenario.sql("UPDATE thing SET name = 'renamed' WHERE id = 207")
    scenario.sql("DELETE FROM part WHERE thing_id = 307; DELETE FROM thing WHERE id = 307")
    request("PUT", f"{engine.url}/thing/_mapping", {"properties": {"data": {"properties": {"colour": {"type": "keyword"}}}}})
    one = dlq("replay", "--id", "207").expect(0)
    assert "1 of 1 dead letters are settled" in one.stdout
    assert engine.document("thing", "207")["name"] == "renamed", "a replay builds anew"
    assert "is not a dead letter" in dlq("replay", "--id", "207").expect(1).stderr
    everything = dlq("replay").expect(0)
    assert "29 of 29 dead letters are settled" in everything.stdout and "thing 307: not in the tables" in everything.stdout, repr(everything)
    assert "no dead letters" in dlq("list").expect(0).stderr
    assert engine.count("thing") == 2999
    scenario.run_once().expect(0)
    assert "0 wrong" in scenario.command("verify", queue=False).expect(0).stdout


def test_dropped_dead_letters_are_gone(scenario, work, engine):
    world(scenario, work, engine, mappings=STRICT)
    dlq = lambda *words: scenario.bare("dlq", *words, str(scenario.schema), "--target", engine.url)  # noqa: E731
    assert "--yes" in dlq("drop").expect(2).stderr
    assert "1 dead letters dropped" in dlq("drop", "--id", "7").expect(0).stdout
    assert "29 dead letters dropped" in dlq("drop", "--yes").expect(0).stdout
    assert "no dead letters" in dlq("list").expect(0).stderr
    assert 'did you mean "list"?' in dlq("lst").expect(2).stderr


def test_what_cannot_be_read_back_is_said(scenario, work):
    world(scenario, work, None)
    scenario.target.url = f"ndjson:{work}/out.ndjson"
    scenario.run_once().expect(0)
    refused = scenario.command("verify", queue=False).expect(3)
    assert "cannot be read back" in refused.stderr, repr(refused)
