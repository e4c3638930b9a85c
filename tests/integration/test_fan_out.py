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


class FanOut:
    """Keeps one going, however fast the machine is: when little is left of it, the one row is changed again."""

    def __init__(self, scenario, daemon):
        self.scenario, self.daemon = scenario, daemon
        self.names, self.position = 0, None

    def left(self):
        self.daemon.process.must_run()
        return self.daemon.metric("pgsync_fan_out_documents")

    def keep_going(self):
        if self.left() > ROOTS // 4:
            return
        self.names += 1
        self.scenario.sql("UPDATE author SET name = %s WHERE id = 1", (f"name {self.names}",))
        self.position = self.scenario.server.wal_position()
        wait_for("the middle of the fan-out", lambda: ROOTS // 4 < self.left() < ROOTS, 300, 0.01)


def overtakes(scenario, daemon, fan_out, id):
    """Seconds from a small change until it is written and until a search finds it, and what was left of the fan-out when it was written."""
    title, batches = f"overtaking {id}", daemon.metric("pgsync_batch_seconds_count")
    began = time.monotonic()
    scenario.sql("UPDATE book SET title = %s WHERE id = %s", (title, id))
    daemon.wait_more("pgsync_batch_seconds_count", batches)
    written, left = time.monotonic() - began, fan_out.left()
    wait_for("the small change to be found", lambda: found_by_search(scenario.target, "fan_out", title), 60, 0.02)
    return written, time.monotonic() - began, left


@pytest.mark.parametrize("queue", ["memory", "redis"])
def test_a_row_with_very_many_roots(scenario, loaded, queue):
    found_by_search(scenario.target, "fan_out", "title")  # the engine refreshes only what is searched from time to time
    fan_out, times = FanOut(scenario, loaded), []
    for n in range(CHANGES):
        fan_out.keep_going()
        times.append(overtakes(scenario, loaded, fan_out, ROOTS + 1 + n))
    print(f"{queue}: written and found after {' '.join(f'{w:.2f} {f:.2f},' for w, f, _ in times)} with "
          f"{' '.join(f'{left:.0f}' for *_, left in times)} of {ROOTS} documents left to build, {fan_out.names} fan-outs")
    assert min(left for *_, left in times) > 0, "a change was written after the fan-out; use a larger PGSYNC_FAN_OUT"
    assert max(written for written, *_ in times) < SOON
    assert statistics.median(found for _, found, _ in times) < SOON

    fan_out.keep_going()
    assert (scenario.confirmed() or 0) < fan_out.position, "WAL of a fan-out that is not finished was acknowledged"
    loaded.process.kill9()
    assert (scenario.confirmed() or 0) < fan_out.position
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
