"""kill -9 at a tenth, the half and nine tenths of a load, while others write: it goes on where it was, does at most the chunks again that were in
flight, and in the end all documents equal the tables. Random by a seed that is printed: PGSYNC_LOAD_KILL_RUNS=30, PGSYNC_LOAD_KILL_SEED."""
import os
import random
import re
import threading

import pytest

from harness import things
from harness.processes import wait_for

RUNS = int(os.environ.get("PGSYNC_LOAD_KILL_RUNS", 2))
SEED = int(os.environ.get("PGSYNC_LOAD_KILL_SEED", random.randrange(1 << 30)))
THINGS = 30_000
POINTS = (0.1, 0.5, 0.9)
WORKERS = 2
# What consumer/app/loader.cpp puts into the queue before it is stored as done: 16, and 4 for each worker.
MOST_IN_FLIGHT = 16 + 4 * WORKERS


class Writers:
    """Change, delete and add things and their parts, but only those whose id is a multiple of ten, and new ones."""

    def __init__(self, scenario, seed):
        self.scenario, self.stop, self.error, self.writes = scenario, threading.Event(), None, 0
        self.threads = [threading.Thread(target=self._write, args=(random.Random(f"{seed}/{n}"), n)) for n in range(2)]
        for thread in self.threads:
            thread.start()

    def _write(self, rng, number):
        new = THINGS + 1_000_000 * (1 + number)
        try:
            with self.scenario.server.connect("things") as c:
                while not self.stop.is_set():
                    touched, new = rng.randrange(1, THINGS // 10 + 1) * 10, new + 1
                    with c.cursor() as cur:
                        cur.execute(rng.choice([
                            f"UPDATE thing SET name = 'changed {rng.random()}', note = repeat('y', {rng.randrange(300)}) WHERE id = {touched}",
                            f"UPDATE part SET name = 'changed {rng.random()}' WHERE thing_id = {touched}",
                            f"DELETE FROM part WHERE thing_id = {touched}; DELETE FROM thing WHERE id = {touched}",
                            f"INSERT INTO thing SELECT {new}, 1 + {new} % 100, 'new', NULL; INSERT INTO part SELECT {new}, {new}, 'new'",
                        ]))
                    c.commit()
                    self.writes += 1
                    self.stop.wait(0.005)  # beside a load, not in front of it: what changes is built first
        except Exception as e:  # noqa: BLE001  (judged by end)
            self.error = e

    def end(self):
        self.stop.set()
        for thread in self.threads:
            thread.join(60)
        assert self.error is None, self.error
        assert self.writes > 100, f"only {self.writes} writes while the load ran"


def stored_chunks(load):
    return set(range(load["done_below"])) | set(load["done_above"])


def untouched_versions(scenario):
    """Of the documents that nobody writes to: only the load builds them."""
    return {int(id): version for id, version in scenario.target.versions("thing").items() if int(id) <= THINGS and int(id) % 10}


@pytest.mark.parametrize("run", range(RUNS))
def test_kill_9_in_a_load(scenario, work, redis, request, run):
    rng = random.Random(f"{SEED}/{run}")
    target = request.getfixturevalue("engine") if run % 2 else None  # else a SQLite file
    queue = rng.choice([None, redis])
    block = rng.choice([100, 200, 400])
    print(f"seed {SEED}, run {run}: {'engine' if target else 'sqlite'}, {'redis' if queue else 'memory'}, {block} rows a chunk")
    things.use(scenario, work, things=THINGS, setting={"number_of_replicas": 0}, target=target, queue=queue)
    pages = {id: page for id, page in scenario.sql("SELECT id, (ctid::text::point)[0]::int FROM thing WHERE id % 10 > 0")}
    writers = Writers(scenario, f"{SEED}/{run}")
    try:
        before = {}  # versions at the last kill
        stored = set()
        for point in POINTS:
            daemon = scenario.start("--workers", WORKERS, env={"BLOCK_SIZE": block})
            wanted = int(THINGS * (point + rng.random() * 0.05))
            wait_for(lambda: f"{wanted} documents; there are {scenario.target.count('thing')}",
                     lambda: daemon.must_run() and scenario.target.count("thing") >= wanted, 120, 0.01)
            daemon.kill9()
            load = scenario.target.state("thing")["load"]
            assert not load["complete"], f"the load was over before {point:.0%}"
            step = int(load["plan"].split()[0].removeprefix("pages/"))
            now = untouched_versions(scenario)
            judge(before, now, stored, pages, step)
            # What is there and not stored as done will be done again.
            stored, before = stored_chunks(load), now
            in_flight = {pages[id] // step for id in now} - stored
            assert len(in_flight) <= MOST_IN_FLIGHT, f"{len(in_flight)} chunks would be done again: {sorted(in_flight)}"
            print(f"  killed at {len(now) / len(pages):.1%}: {len(stored)} of {load['chunks']} chunks stored, {len(in_flight)} more begun")
        daemon = scenario.start("--workers", WORKERS, env={"BLOCK_SIZE": block})
        scenario.wait_loaded(daemon)
        # Or later: an engine may store what it had received before the kill after we have looked.
        resumed = re.search(r"index thing: loading public.thing, from chunk (\d+) on", daemon.text())
        assert resumed and int(resumed[1]) >= load["done_below"], (load["done_below"], daemon.text()[-1000:])
        judge(before, untouched_versions(scenario), stored, pages, step)
    finally:
        writers.end()
    scenario.wait_synced(daemon)
    things.assert_equal(scenario)
    assert daemon.terminate() == 0


def judge(before, now, stored, pages, step):
    """Between two looks no document of a chunk that was stored as done was written again, and not more chunks than may be in flight were."""
    assert before.keys() <= now.keys(), "documents are gone"
    again = {pages[id] // step for id, version in before.items() if now[id] != version}
    assert not again & stored, f"chunks {sorted(again & stored)} were stored as done, and are done again"
    assert len(again) <= MOST_IN_FLIGHT
