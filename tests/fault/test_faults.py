"""Whatever dies, is cut, refuses, is slow or forgets, while a random load runs: in the end the index equals the tables, nothing was
confirmed early, no document went back, and what was refused is a dead letter (faulty_run.py, witness.py).

PGSYNC_FAULT_RUNS=N      seeds to try (default 20)
PGSYNC_FAULT_SEED=S      the first of them (default 1)
PGSYNC_FAULT_SECONDS=T   fresh seeds for so long, instead of N

The daemon has to be built with crash points: cmake --preset crash && ninja -C build/crash pgsync-consumer decoder.
"""
import os
import random
import time

import pytest

import faulty_run
from faulty_run import CRASH_POINTS, Plan
from harness import consumer as program
from harness.stub import EngineStub

COUNT = int(os.environ.get("PGSYNC_FAULT_RUNS", "20"))
FIRST = int(os.environ.get("PGSYNC_FAULT_SEED", "1"))
SECONDS = float(os.environ.get("PGSYNC_FAULT_SECONDS", "0"))


@pytest.fixture(scope="module")
def server(root):
    from harness.postgres import PostgresServer
    made = PostgresServer(root / "pg-faults", settings=faulty_run.SETTINGS).start()
    yield made
    made.stop("immediate")


@pytest.fixture(scope="module")
def runner(server, redis, root):
    has = b"PGSYNC_CRASH_POINT" in program.binary().read_bytes()
    assert has, f"{program.binary()} has no crash points: cmake --preset crash && ninja -C build/crash pgsync-consumer decoder; PGSYNC_CONSUMER names it"
    stub = EngineStub(root / "fault-stub").start()
    made = faulty_run.Runner(server, redis, stub, root / "faults")
    yield made
    stub.stop()
    said = (stub.dir / "stub.log").read_text()
    assert "Traceback" not in said, said[-2000:]


def seeds():
    if not SECONDS:
        yield from range(FIRST, FIRST + COUNT)
        return
    first, end = random.SystemRandom().randrange(1 << 40), time.monotonic() + SECONDS
    while time.monotonic() < end:
        yield first
        first += 1


def test_random_faults(runner):
    from integration_conftest import KEPT_LOGS
    failed, began = [], time.monotonic()
    for number, seed in enumerate(seeds(), 1):
        if number % 100 == 0:
            print(f"{number} runs, {len(failed)} failed, {time.monotonic() - began:.0f} s", flush=True)
        plan = Plan(seed)
        problems = runner.run(plan)
        if problems:
            failed.append(seed)
            runner.keep(KEPT_LOGS / "faults" / f"seed-{seed}", problems)
            print(f"seed {seed}:\n" + "\n".join(problems), flush=True)
    print(f"{time.monotonic() - began:.0f} s: {runner.count}; crashes {runner.points}; events {runner.events}")
    assert not failed, f"seeds that fail: {failed}; PGSYNC_FAULT_SEED={failed[0]} PGSYNC_FAULT_RUNS=1; kept in {KEPT_LOGS / 'faults'}"
    assert runner.count["documents"] and runner.count["compared"] and runner.count["operations"]


@pytest.mark.parametrize("point", CRASH_POINTS)
def test_every_crash_point_is_passed(runner, point):
    """A point that nothing reaches would make its runs idle."""
    life = {"transactions": 5, "end": "crash", "point": f"{point}:1", "events": []}
    before = runner.points.get(point, 0)
    problems = runner.run(Plan(1, schema="both", lives=[life, life], queue="redis", chaos=0, poison=False, linked=False))
    assert not problems, problems
    assert runner.points.get(point, 0) == before + 2


# ---- the judges are judged ----
def other_document(runner):
    runner.load.states[-1]["books", "1"] = {"id": 1, "title": "what nobody wrote"}


def early(runner):
    """As if everything had been confirmed at the beginning."""
    runner.witness.load.positions[:] = [0] * len(runner.load.positions)
    runner.witness._connection = type("C", (), {"cursor": lambda self: Cursor()})()
    runner.load.states.append({**runner.load.states[-1], ("books", "1"): {"id": 1, "title": "not yet written"}})
    runner.load.positions.append(0)
    runner.witness.sample()
    runner.load.states.pop()
    runner.load.positions.pop()


class Cursor:
    def __enter__(self):
        return self

    def __exit__(self, *error):
        pass

    def execute(self, *words):
        pass

    def fetchone(self):
        return [1]


def backwards(runner):
    """As if one document, when all was over, had been written once more as it was before its last change."""
    forms, judged = {}, runner.witness.monotone
    for state in runner.load.states:
        for key in runner.load.states[-1]:
            if not forms.get(key) or forms[key][-1] != state.get(key):
                forms.setdefault(key, []).append(state.get(key))
    index, id = next(key for key, all in forms.items() if len(all) > 1 and all[-2] and all[-1] not in all[:-1])

    def with_one_more(operations):
        last = [o for o in operations if o["_id"] == id and o["_index"].rpartition("_")[0] == index][-1]
        return judged([*operations, {**last, "_source": forms[index, id][-2]}])
    runner.witness.monotone = with_one_more


def no_letters(runner):
    runner.load.states[-1]["books", "77777"] = {"id": 77777, "title": "poison"}


SPOILS = {"O1": other_document, "O2": early, "O3": backwards, "O5": no_letters}


@pytest.mark.parametrize("oracle", SPOILS)
def test_a_violation_is_noticed(runner, oracle):
    life = {"transactions": 20, "end": "kill", "point": "", "events": []}
    problems = runner.run(Plan(3, schema="books", lives=[life], queue="memory", chaos=0, poison=False, linked=False), spoil=SPOILS[oracle])
    assert any(p.startswith(oracle) for p in problems), problems
