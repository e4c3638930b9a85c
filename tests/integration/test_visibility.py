"""Commits that are in the WAL, and sent to us, before anybody can see them: synchronous_standby_names names a standby that does not exist, and
whoever commits waits. Nothing counts as done while documents without such a commit are all that can be built (docs/design.md, D4)."""
import re
import urllib.request

import pytest

from harness import datasets, random_convergence
from harness.processes import free_port, wait_for
from harness.scenario import Scenario
from harness.visibility import Lag

LOCAL = "SET synchronous_commit = local"
SEEDS = 12


def invisible_snapshots(port):
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=10) as answer:
        found = re.search(r"^pgsync_build_invisible_total (\d+)", answer.read().decode(), re.M)
    return int(found.group(1)) if found else 0


@pytest.mark.parametrize("workers", [1, 4])
@pytest.mark.parametrize("killed", [False, True], ids=["", "kill-9"])
def test_nothing_is_acknowledged_that_is_not_visible(private_postgres, work, queue, workers, killed):
    server = private_postgres()
    scenario, lag, port = Scenario(server, work), Lag(server), free_port()
    try:
        scenario.use(datasets.bookstore(server), queue=queue).bootstrap()
        daemon = scenario.start("--workers", workers, "--http", port)
        scenario.wait_synced(daemon)
        before, (moved,) = scenario.document(1), scenario.sql("SELECT id FROM review WHERE book_id = 2 LIMIT 1")[0]

        lag.begin()
        # The document of book 1, and a child that goes from one document to another.
        behind = lag.commit(scenario.data.database, f"BEGIN; UPDATE book SET title = 'nobody sees it' WHERE id = 1; "
                                                    f"UPDATE review SET book_id = 3 WHERE id = {moved}; COMMIT")
        wait_for("a snapshot without the commit to be thrown away", lambda: daemon.must_run() and invisible_snapshots(port))
        # The same documents are changed by others, who do not wait.
        scenario.sql(f"{LOCAL}; UPDATE isbn SET value = 'seen' WHERE book_id = 1; UPDATE book SET subtitle = 'seen' WHERE id IN (2, 3)")
        if workers > 1:  # another worker builds them, as they can be seen; that is right, and not the end of it
            wait_for("what can be seen", lambda: scenario.document(2)["subtitle"] == "seen" and scenario.document(1) != before)
            assert scenario.document(1)["title"] == before["title"]
        if killed:
            daemon.kill9()
            daemon = scenario.start("--workers", workers, "--http", port)
            wait_for("the commit to be met again", lambda: daemon.must_run() and daemon.text().count("streaming slot") > 0 and invisible_snapshots(port))
        state = scenario.target.state(scenario.data.index)["applied"]
        assert scenario.confirmed() < behind
        assert server.value("postgres", f"SELECT '{state}'::pg_lsn - '0/0'") < behind

        lag.end()
        scenario.wait_acknowledged(daemon)
        assert scenario.document(1)["title"] == "nobody sees it"
        scenario.assert_equal()
        assert invisible_snapshots(port) > 0
        assert daemon.terminate() == 0
    finally:
        lag.end()
        scenario.end()


def test_convergence_while_commits_become_visible_late(private_postgres, redis, work):
    """Random transactions of sessions of which some commits wait and others do not (harness/random_convergence.py)."""
    server = private_postgres(settings=random_convergence.SETTINGS)
    runner = random_convergence.Runner(server, redis, work / "runs")
    for seed in range(1, SEEDS + 1):
        case = random_convergence.case_of(seed, writers=4, late_commits=True)
        problem = runner.run(case)
        if problem:
            runner.keep(f"late-{seed}", case, problem, minimise=False)
        assert not problem, f"seed {seed}: {problem.text}\n{case.plan}; kept in {runner.kept}"
    print(f"{runner.runs} runs, {runner.transactions} transactions, {runner.late} commits seen to wait, {runner.invisible} snapshots thrown away")
    assert runner.late > SEEDS
    assert runner.invisible > 0
