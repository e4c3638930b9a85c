"""Random convergence: whatever several sessions do at once, while the daemon loads, follows, is killed and starts again, in the end the
index equals an oracle in plain SQL (harness/random_convergence.py).

PGSYNC_CONVERGENCE_RUNS=N      seeds to try (default 40)
PGSYNC_CONVERGENCE_SEED=S      the first of them (default 1)
PGSYNC_CONVERGENCE_SECONDS=T   fresh seeds for so long, instead of N
PGSYNC_CONVERGENCE_FIX=a=1,…   what the plan of every run shall be instead of what is drawn, e.g. workers=4,writers=4,queue=redis

A failing seed leaves plan.txt, schema.json, setup.sql, history.sql (what the sessions did, in the order in which it was answered),
expected and actual in the test's logs; and a smaller case, if it fails without the others' interleaving, too.
"""
import os
import random
import time

import pytest

from harness import random_convergence
from harness.random_convergence import case_of

COUNT = int(os.environ.get("PGSYNC_CONVERGENCE_RUNS", "40"))
FIRST = int(os.environ.get("PGSYNC_CONVERGENCE_SEED", "1"))
SECONDS = float(os.environ.get("PGSYNC_CONVERGENCE_SECONDS", "0"))
FIX = dict(item.split("=") for item in os.environ.get("PGSYNC_CONVERGENCE_FIX", "").split(",") if item)
FIX = {k: int(v) if v.isdigit() else v for k, v in FIX.items()}


@pytest.fixture(scope="module")
def server(root):
    from harness.postgres import PostgresServer
    made = PostgresServer(root / "pg-convergence", settings=random_convergence.SETTINGS).start()
    yield made
    made.stop("immediate")


@pytest.fixture(scope="module")
def runner(server, redis, root):
    made = random_convergence.Runner(server, redis, root / "convergence")
    yield made
    made.end()
    crashes = server.new_crash_lines()
    assert not crashes, "PostgreSQL's log tells of a crash: " + "; ".join(crashes[:5])


def seeds():
    if not SECONDS:
        yield from range(FIRST, FIRST + COUNT)
        return
    first, end = random.SystemRandom().randrange(1 << 40), time.monotonic() + SECONDS
    while time.monotonic() < end:
        yield first
        first += 1


def test_the_index_equals_the_oracle(runner):
    failed, started = [], time.monotonic()
    for seed in seeds():
        case = case_of(seed, **FIX)
        problem = runner.run(case)
        if problem:
            print(f"seed {seed}: {problem.text}\n{case.plan}")
            failed.append(seed)
            runner.keep(f"seed-{seed}", case, problem, minimise=len(failed) <= 3)
    print(f"{runner.runs} runs in {time.monotonic() - started:.0f} s: {runner.documents} documents compared, {runner.transactions} transactions, "
          f"{runner.streamed} of them sent in blocks, {runner.changes} statements followed, {runner.faults} faults")
    assert not failed, f"seeds that fail: {failed}; try PGSYNC_CONVERGENCE_SEED={failed[0]} PGSYNC_CONVERGENCE_RUNS=1; kept in {runner.kept}"
    assert runner.documents > runner.runs * 5, "too few documents for a test"
