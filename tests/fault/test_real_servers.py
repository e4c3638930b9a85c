"""Daemon, OpenSearch, Redis and PostgreSQL, each killed by kill -9 while a random load runs: in the end the index equals the tables, nothing
was confirmed early, no version went back (real_run.py, witness.py).

PGSYNC_REAL_RUNS=N    seeds to try (default 2)
PGSYNC_REAL_SEED=S    the first of them (default 1)
PGSYNC_ENGINE         another flavour of scripts/engine
"""
import os
import time

import pytest

import faulty_run
from real_run import RealRunner

COUNT = int(os.environ.get("PGSYNC_REAL_RUNS", "2"))
FIRST = int(os.environ.get("PGSYNC_REAL_SEED", "1"))


@pytest.fixture(scope="module")
def runner(root, redis, engine_server):
    from harness.postgres import PostgresServer
    server = PostgresServer(root / "pg-real", settings=faulty_run.SETTINGS).start()
    yield RealRunner(server, redis, engine_server, root / "real")
    server.stop("immediate")


def test_each_is_killed(runner):
    from integration_conftest import KEPT_LOGS
    failed, began = [], time.monotonic()
    for seed in range(FIRST, FIRST + COUNT):
        problems = runner.run(seed)
        print(f"seed {seed}: {'; '.join(problems) or 'equal'}, {time.monotonic() - began:.0f} s", flush=True)
        if problems:
            failed.append(seed)
            runner.keep(KEPT_LOGS / "real" / f"seed-{seed}", problems)
    print(f"{time.monotonic() - began:.0f} s: {runner.count}; kills {runner.kills}")
    assert not failed, f"seeds that fail: {failed}; PGSYNC_REAL_SEED={failed[0]} PGSYNC_REAL_RUNS=1; kept in {KEPT_LOGS / 'real'}"
    assert all(kills >= COUNT for kills in runner.kills.values()) and runner.count["documents"] and runner.count["samples"], (runner.kills, runner.count)


def test_a_violation_is_noticed(runner):
    def other_document(runner):
        runner.load.states[-1][next(iter(runner.load.states[-1]), ("books", "1"))] = {"id": 1, "title": "what nobody wrote"}
    problems = runner.run(FIRST, spoil=other_document)
    assert any(p.startswith("O1") for p in problems), problems
