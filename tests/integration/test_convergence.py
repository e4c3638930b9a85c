"""Random convergence: whatever several sessions do at once, while the daemon loads, follows, is killed and starts again, in the end the
index equals an oracle in plain SQL (harness/random_convergence.py).

PGSYNC_CONVERGENCE_RUNS=N      seeds to try (default 30)
PGSYNC_CONVERGENCE_SEED=S      the first of them (default 1)
PGSYNC_CONVERGENCE_SECONDS=T   fresh seeds for so long, instead of N
PGSYNC_CONVERGENCE_FIX=a=1,…   what the plan of every run shall be instead of what is drawn, e.g. workers=4,writers=4,queue=redis

A failing seed leaves plan.txt, schema.json, setup.sql, history.sql (what the sessions did, in the order in which it was answered),
expected and actual in the test's logs; and a smaller case, if it fails without the others' interleaving, too.
"""
import os
import random
import sqlite3
import time

import pytest

from harness import random_convergence
from harness.random_convergence import case_of
from harness.random_database import q

COUNT = int(os.environ.get("PGSYNC_CONVERGENCE_RUNS", "30"))
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


# ---- the same changes again ----
def test_replays_and_order_change_nothing(runner):
    """All batches in any order, some twice; prefixes of the stream, cut by kill -9, and at last all of it once more."""
    replayed = 0
    for seed in range(FIRST, FIRST + max(1, COUNT // 4)):
        rng = random.Random(f"replays {seed}")
        cut = {name: rng.choice([1, 100, 1000]) for name in ("batch_bytes", "take_bytes")}
        case = case_of(500_000 + seed, **{"faults": [], "shuffle": rng.randrange(1, 1 << 31), **cut, **FIX})
        problem = runner.run(case, replays=[rng.random(), rng.random(), 1])
        if problem:
            runner.keep(f"replays-{seed}", case, problem, minimise=False)
        assert not problem, f"PGSYNC_CONVERGENCE_SEED={seed}: {problem.text}\n{case.plan}; kept in {runner.kept}"
        replayed += runner.replayed
    print(f"{replayed} bytes of WAL were read again")
    assert replayed > 0


# ---- the judge is judged ----
@pytest.fixture(scope="module")
def good_case(runner):
    """A case that passes, with documents and without faults."""
    for seed in range(1_000_000, 1_000_050):
        case = case_of(seed, faults=[], shuffle=0)
        before = runner.documents
        if runner.run(case) is None and runner.documents > before + 10:
            return case
    raise AssertionError("no seed gives such a case")


def lose_a_change(runner, case):
    """Something that the daemon never heard of, since it has ended."""
    index = runner.target.bodies()[0][0]
    root = next(d for d in case.schema if d["index"] == index)["nodes"]
    table = next(t for t in case.database["tables"] if (t["schema"], t["name"]) == (root.get("schema", "public"), root["table"]))
    schema, name = (table.get("source") or f"{table['schema']}.{table['name']}").split(".", 1)
    runner.server.rows(random_convergence.DATABASE, f"TRUNCATE {q(schema)}.{q(name)} CASCADE")


def spoil(sql):
    def change(runner, case):
        with sqlite3.connect(runner.target.path) as c:
            assert c.execute(sql).rowcount == 1
    return change


ONE = "docid = (SELECT docid FROM documents LIMIT 1)"
FAULTS = {
    "a change that is not followed": (lose_a_change, "is extra"),
    "another document": (spoil(f"UPDATE documents SET body = '{{}}' WHERE {ONE}"), " 1 differ"),
    "a document less": (spoil(f"DELETE FROM documents WHERE {ONE}"), "is missing"),
    "a document more": (spoil("""INSERT INTO documents("index", id, version, body) VALUES ('random-0', 'no such', 1, '{}')"""), "is extra"),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_a_wrong_index_is_noticed(runner, good_case, fault):
    change, words = FAULTS[fault]
    problem = runner.run(good_case, spoil=change)
    assert problem and problem.kind == "difference" and words in problem.text, problem and problem.text
