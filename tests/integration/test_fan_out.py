"""One row that touches very many documents: memory stays small, an unrelated change overtakes it, and killed in the middle it is finished
after the restart.

PGSYNC_FAN_OUT: documents that hang on the one row (300,000)."""
import json
import os
import statistics
import time

import pytest

from harness.daemon import Daemon
from harness.http import request
from harness.processes import wait_for

ROOTS = int(os.environ.get("PGSYNC_FAN_OUT", 300_000))
MEMORY = 256 << 20
CHANGES = 5  # made meanwhile, one after the other
# Seconds until such a change is acknowledged by the engine, and, of most, until a search finds it: one refresh may wait for the merge of
# what was loaded, for which no client can do anything.
SOON = 2.0
SQL = f"""
CREATE TABLE author (id int PRIMARY KEY, name text NOT NULL);
CREATE TABLE book (id int PRIMARY KEY, title text NOT NULL, author_id int NOT NULL REFERENCES author);
CREATE INDEX ON book (author_id);
INSERT INTO author VALUES (1, 'one'), (2, 'two');
INSERT INTO book SELECT n, 'title ' || n, 1 FROM generate_series(1, {ROOTS}) n;
INSERT INTO book SELECT n, 'title ' || n, 2 FROM generate_series({ROOTS} + 1, {ROOTS} + 1000) n;
"""
SCHEMA = [{
    "database": "fan_out", "index": "fan_out",
    "nodes": {"table": "book", "columns": ["id", "title"], "children": [
        {"table": "author", "columns": ["name"], "relationship": {"type": "one_to_one", "variant": "object"}}]}}]


class Data:
    """What Scenario.use wants of a dataset."""
    database, index, slot = "fan_out", "fan_out", "fan_out_fan_out"
    template = "template_fan_out"
    query = "SELECT b.id::text, json_build_object('id', b.id, 'title', b.title, 'author', json_build_object('name', a.name)) " \
            "FROM book b JOIN author a ON a.id = b.author_id"

    def __init__(self, server, directory):
        self.schema = directory / "schema.json"
        self.schema.write_text(json.dumps(SCHEMA))
        if not server.rows("postgres", "SELECT FROM pg_database WHERE datname = %s", (self.template,)):
            server.create_database(self.template)
            server.psql(self.template, "-c", SQL)
            server.psql(self.template, "-c", "ANALYZE")


@pytest.fixture
def loaded(scenario, work, engine, redis, queue):
    """One worker, so that nothing but slicing lets others pass."""
    scenario.use(Data(scenario.server, work), target=engine, queue=redis if queue == "redis" else "memory:").bootstrap()
    daemon = Daemon(scenario, "--workers", "1")
    scenario.wait_synced(daemon.process, timeout=1800)
    return daemon


def found_by_search(target, index, text):
    """As a client sees it: not refreshed by us."""
    query = {"query": {"match_phrase": {"title": text}}}
    return request("POST", f"{target.url}/{index}/_search", query)["hits"]["total"]["value"]


def wait_left_between(daemon, low, high):
    def between():
        daemon.process.must_run()
        left = daemon.metric("pgsync_fan_out_documents")
        return left if low < left < high else None
    return wait_for("the middle of the fan-out", between, 300, 0.01)


def overtakes(scenario, daemon, id):
    """Seconds from a small change until it is written, and until a search finds it."""
    title, batches = f"overtaking {id}", daemon.metric("pgsync_batch_seconds_count")
    began = time.monotonic()
    scenario.sql("UPDATE book SET title = %s WHERE id = %s", (title, id))
    daemon.wait_more("pgsync_batch_seconds_count", batches)
    written = time.monotonic() - began
    wait_for("the small change to be found", lambda: found_by_search(scenario.target, "fan_out", title), 60, 0.02)
    return written, time.monotonic() - began


@pytest.mark.parametrize("queue", ["memory", "redis"])
def test_a_row_with_very_many_roots(scenario, loaded, queue):
    scenario.sql("UPDATE author SET name = 'another one' WHERE id = 1")
    position = scenario.server.wal_position()
    found_by_search(scenario.target, "fan_out", "title")  # the engine refreshes only what is searched from time to time
    wait_left_between(loaded, ROOTS // 10, ROOTS)

    times = [overtakes(scenario, loaded, ROOTS + 1 + n) for n in range(CHANGES)]
    left = loaded.metric("pgsync_fan_out_documents")
    print(f"{queue}: written and found after {' '.join(f'{w:.2f} {f:.2f},' for w, f in times)} with {left} of {ROOTS} documents left to build")
    assert left > 0, "the fan-out was over before; use a larger PGSYNC_FAN_OUT"
    assert (scenario.confirmed() or 0) < position, "WAL of a fan-out that is not finished was acknowledged"
    assert max(written for written, _ in times) < SOON
    assert statistics.median(found for _, found in times) < SOON

    wait_left_between(loaded, 0, left + 1)
    loaded.process.kill9()
    assert (scenario.confirmed() or 0) < position
    again = Daemon(scenario, "--workers", "1")
    scenario.wait_acknowledged(again.process, timeout=1800)
    assert scenario.assert_equal() == ROOTS + 1000
    print(f"{queue}: peak memory of the daemon after the restart {again.peak_memory() >> 20} MB")
    assert again.peak_memory() < MEMORY
    assert again.process.terminate() == 0


@pytest.mark.parametrize("queue", ["memory"])
def test_memory_of_a_fan_out_that_is_not_disturbed(scenario, loaded):
    before = loaded.peak_memory()
    scenario.sql("UPDATE author SET name = 'the third' WHERE id = 1")
    scenario.wait_acknowledged(loaded.process, timeout=1800)
    assert loaded.metric("pgsync_fan_outs_total") > 0
    assert scenario.assert_equal() == ROOTS + 1000
    print(f"peak memory {before >> 20} MB after the load, {loaded.peak_memory() >> 20} MB after the fan-out")
    assert loaded.peak_memory() < MEMORY
    assert loaded.process.terminate() == 0
