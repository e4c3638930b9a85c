"""Documents that a real engine refuses (fault matrix 12): everything else arrives, as fast as without them, and each refused one is a dead letter
that can be replayed.

PGSYNC_REJECTED_DOCUMENTS=200000   documents of the measured load (10,000; the rate is judged from 100,000 on)
"""
import json
import os
import pathlib
import statistics
import time

import pytest

from harness.http import request

DATABASE = "rejected"
COUNT = int(os.environ.get("PGSYNC_REJECTED_DOCUMENTS", "10000"))
JUDGED_FROM = 100_000
EVERY = 1000  # one document of so many is refused
LEAST_RATE = 0.9  # of that of the clean run
STRICT = {"dynamic": "strict", "properties": {
    "id": {"type": "integer"}, "name": {"type": "keyword"}, "note": {"type": "text"}, "data": {"properties": {"size": {"type": "integer"}}}}}
COLOUR = {"data": {"properties": {"size": {"type": "integer"}, "colour": {"type": "keyword"}}}}


class Data:
    database, index, slot, template = DATABASE, "thing", f"{DATABASE}_thing", "template0"
    schema = None
    query = "SELECT id::text, to_json(thing) FROM thing"


@pytest.fixture
def things(scenario, work, engine):
    """things(tables, mappings): the table `thing` of these statements, with a document per row."""
    def make(tables, mappings):
        data = Data()
        data.schema = pathlib.Path(work) / "schema.json"
        document = {"database": DATABASE, "index": "thing", "setting": {"number_of_shards": 1, "number_of_replicas": 0}, "mappings": mappings,
                    "nodes": {"table": "thing"}}
        data.schema.write_text(json.dumps([document]))
        scenario.use(data, engine)
        scenario.server.psql(DATABASE, "-c", tables)
        return scenario
    return make


def dlq(scenario, *words):
    return scenario.bare("dlq", *words, scenario.schema, "--target", scenario.target.url, timeout=600)


def letters(scenario):
    return sorted((line.split("\t")[1] for line in dlq(scenario, "list").expect(0).stdout.splitlines()))


def loaded(scenario):
    """Seconds of a load into nothing."""
    request("POST", f"{scenario.target.url}/_flush")
    scenario.bootstrap()
    began = time.monotonic()
    scenario.run_once(timeout=1200).expect(0)
    return time.monotonic() - began


def test_one_in_a_thousand(things):
    scenario = things(f"""
      CREATE TABLE thing (id integer PRIMARY KEY, name text, note text, data jsonb);
      INSERT INTO thing SELECT n, 'thing ' || n, repeat('some words of thing ' || n || ' ', 10),
        CASE WHEN n % {EVERY} = 7 THEN '{{"size": 1, "colour": "red"}}'::jsonb ELSE '{{"size": 1}}' END FROM generate_series(1, {COUNT}) n""", STRICT)
    strict = json.loads(scenario.schema.read_text())
    lenient = json.loads(json.dumps(strict))
    lenient[0]["mappings"]["properties"].update(COLOUR)
    refused = list(range(7, COUNT + 1, EVERY))
    seconds = {"clean": [], "strict": []}
    for turn in range(3 if COUNT >= JUDGED_FROM else 1):
        for name, schema in (("clean", lenient), ("strict", strict)):
            if turn or name == "strict":
                scenario.command("teardown", "--yes").expect(0)
            scenario.schema.write_text(json.dumps(schema))
            seconds[name].append(loaded(scenario))
            assert scenario.target.count("thing") == COUNT - (len(refused) if name == "strict" else 0)
    ratio = statistics.median(seconds["clean"]) / statistics.median(seconds["strict"])
    print(f"{COUNT} documents, {len(refused)} refused: clean {seconds['clean']} s, strict {seconds['strict']} s, rate {ratio:.2f} of the clean one")
    assert letters(scenario) == sorted(map(str, refused))
    if COUNT >= JUDGED_FROM:
        assert ratio >= LEAST_RATE

    # The stream, too: half of the refused ones change, and as many others become such.
    daemon = scenario.start()
    scenario.sql(f"UPDATE thing SET name = name || '!' WHERE id % {2 * EVERY} = 7")
    scenario.sql(f"UPDATE thing SET data = data || '{{\"colour\": \"blue\"}}' WHERE id % {EVERY} = 8")
    scenario.wait_acknowledged(daemon)
    assert daemon.terminate() == 0
    refused += range(8, COUNT + 1, EVERY)
    assert letters(scenario) == sorted(map(str, refused))

    request("PUT", f"{scenario.target.url}/thing/_mapping", {"properties": COLOUR})
    replayed = dlq(scenario, "replay").expect(0)
    assert f"{len(refused)} of {len(refused)} dead letters are settled" in replayed.stdout, repr(replayed)
    assert letters(scenario) == []
    scenario.assert_equal()


def test_a_term_that_is_too_long_and_a_date_that_is_none(things):
    scenario = things("""
      CREATE TABLE thing (id integer PRIMARY KEY, name text, day text);
      INSERT INTO thing SELECT n, CASE WHEN n = 5 THEN repeat('x', 32767) WHEN n = 6 THEN repeat('x', 32766) ELSE 'thing' END,
        CASE WHEN n = 9 THEN 'yesterday' ELSE '2024-02-29' END FROM generate_series(1, 20) n""",
                      {"properties": {"name": {"type": "keyword"}, "day": {"type": "date"}}})
    loaded(scenario)
    assert letters(scenario) == ["5", "9"]
    assert "immense term" in dlq(scenario, "list").stdout
    scenario.sql("UPDATE thing SET name = 'short' WHERE id = 5")
    scenario.sql("UPDATE thing SET day = '2024-03-01' WHERE id = 9")
    scenario.run_once().expect(0)
    scenario.assert_equal()


def test_fields_whose_mapping_is_guessed_from_whatever_comes_first(things):
    """A number is whole in one row and not in the next: of two first documents at once, the engine refuses the one whose guess comes second."""
    fields = range(200)
    scenario = things(f"""
      CREATE TABLE thing (id integer PRIMARY KEY, {", ".join(f"f{n} numeric" for n in fields)});
      INSERT INTO thing SELECT n, {", ".join(f"CASE WHEN (n + {n}) % 7 = 0 THEN n ELSE n + 0.5 END" for n in fields)} FROM generate_series(1, 20000) n""", {})
    loaded(scenario)
    assert letters(scenario) == []
    assert scenario.target.count("thing") == 20000


def test_too_many_fields(things):
    scenario = things("""
      CREATE TABLE thing (id integer PRIMARY KEY, data jsonb);
      INSERT INTO thing SELECT n, CASE WHEN n = 5 THEN (SELECT jsonb_object_agg('f' || i, i) FROM generate_series(1, 1100) i) ELSE '{"a": 1}' END
        FROM generate_series(1, 20) n""", {"properties": {"id": {"type": "integer"}}})
    loaded(scenario)
    assert letters(scenario) == ["5"]
    assert "total fields" in dlq(scenario, "list").stdout
    request("PUT", f"{scenario.target.url}/thing/_settings", {"index.mapping.total_fields.limit": 3000})
    assert "1 of 1 dead letters are settled" in dlq(scenario, "replay").expect(0).stdout
    scenario.assert_equal()


def test_an_id_that_is_none(things):
    """512 bytes are the most that an engine takes as an _id, and it takes no empty one."""
    scenario = things("""
      CREATE TABLE thing (id text PRIMARY KEY, name text);
      INSERT INTO thing VALUES (repeat('a', 512), 'fits'), (repeat('b', 513), 'too long'), (repeat('é', 257), 'bytes count'), ('', 'empty'), ('x', 'x')""",
                      {"properties": {"name": {"type": "keyword"}}})
    loaded(scenario)
    assert scenario.target.count("thing") == 2
    assert sorted(d["name"] for d in scenario.target.documents("thing").values()) == ["fits", "x"]
    assert len(letters(scenario)) == 3
