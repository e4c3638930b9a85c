"""kill -9 at any moment while a changed schema file's generation is made, filled, swapped in, and the old one removed; on a real engine, with a
client that searches through all of it and people who write. In the end: the documents of the file, one generation, the alias on it.

PGSYNC_GENERATION_KILLS=N   seeded moments to try (default 4)
PGSYNC_GENERATION_SEED=S    the first seed (default 1)
"""
import os
import random
import signal

import pytest

from harness import consumer as program
from harness import generations as g
from harness.generations import AFTER, BEFORE, QUERY_AFTER, QUERY_BEFORE

KILLS = int(os.environ.get("PGSYNC_GENERATION_KILLS", "4"))
FIRST = int(os.environ.get("PGSYNC_GENERATION_SEED", "1"))
ROWS = 3000
# Where it dies, and at which passage at the latest.
MOMENTS = {"beside": 1, "fetch": 15, "bulk_sent": 60, "bulk_answered": 25, "state": 12, "xack": 20, "serve": 1, "served": 1, "drop": 1}
QUICK = {"PGSYNC_DEVELOPER": "grace_ms=300 record_ms=50", "BLOCK_SIZE": "200"}


@pytest.fixture(scope="module", autouse=True)
def crash_points():
    has = b"PGSYNC_CRASH_POINT" in program.binary().read_bytes()
    assert has, f"{program.binary()} has no crash points: cmake --preset crash && ninja -C build/crash pgsync-consumer; PGSYNC_CONSUMER names it"


def die(scenario, point):
    daemon = scenario.start(env={**QUICK, "PGSYNC_CRASH_POINT": point})
    assert daemon.wait(180) == -signal.SIGKILL, f"{point} was not passed\n{daemon.text()[-3000:]}"


def live_through(scenario, engine, work, queue, points, back=False):
    """Each of these deaths, one after the other, and then a life in peace; `back`: with the old file."""
    shelf = g.fill(scenario, work, engine, ROWS, queue)
    shelf.write(AFTER, QUERY_AFTER)
    searcher, writer = g.Searcher(engine, (str(n) for n in range(1, ROWS + 1))), g.Writer(scenario.server, ROWS)
    searcher.start()
    writer.start()
    for point in points:
        die(scenario, point)
    swapped = g.served(engine) != "shelf_1"
    if back:
        shelf.write(BEFORE, QUERY_BEFORE)
    daemon = scenario.start(env=QUICK)
    # The old file after the swap is a changed file like any other.
    g.wait_only(engine, "shelf_3" if back and swapped else "shelf_1" if back else "shelf_2", daemon)
    g.wait_seen(searcher, writer.stop())
    scenario.wait_acknowledged(daemon)
    searcher.check()
    scenario.assert_equal()
    assert daemon.terminate() == 0
    return searcher


@pytest.mark.parametrize("point", MOMENTS)
def test_dies_once_at_every_kind_of_moment(scenario, engine, work, point):
    live_through(scenario, engine, work, "memory:", [f"{point}:1"])


@pytest.mark.parametrize("seed", range(FIRST, FIRST + KILLS))
def test_dies_at_seeded_moments(scenario, engine, work, redis, seed):
    rng = random.Random(seed)
    early = [p for p in MOMENTS if p not in ("serve", "served", "drop")]
    points = [f"{p}:{rng.randint(1, MOMENTS[p])}" for p in rng.sample([p for p in early if p != "beside"], rng.randint(1, 2))]
    if rng.random() < 0.5:
        points.append(rng.choice(["serve:1", "served:1"]))
    back = rng.random() < 0.3
    print(f"seed {seed}: {points}, the old file {'comes back' if back else 'stays away'}")
    live_through(scenario, engine, work, rng.choice(["memory:", redis]), points, back)


@pytest.mark.parametrize("point", ["beside:1", "state:3", "serve:1", "served:1"])
def test_the_old_file_comes_back_after_a_death(scenario, engine, work, point):
    live_through(scenario, engine, work, "memory:", [point], back=True)
