"""At no moment is WAL acknowledged whose documents are not in the index: shown with an engine that holds, refuses or delays."""
import threading
import time

import pytest

from harness.processes import wait_for

OBSERVED_SECONDS = 4  # longer than several rounds of feedback


def commit(scenario, book, pages):
    """Changes one book; returns a position at or behind the end of that commit."""
    scenario.sql("UPDATE book SET pages = %s WHERE id = %s", (pages, book))
    return scenario.server.wal_position()


@pytest.fixture
def running(scenario, bookstore, stub, queue):
    scenario.use(bookstore, target=stub, queue=queue).bootstrap()
    scenario.daemon = scenario.start()
    scenario.wait_synced(scenario.daemon)
    return scenario


def confirmed_stays_below(scenario, limit, seconds):
    """Samples confirmed_flush_lsn as fast as possible, while unrelated WAL flows."""
    samples, end = 0, time.monotonic() + seconds
    with scenario.server.connect(scenario.data.database) as c, c.cursor() as cur:
        cur.execute("CREATE TABLE IF NOT EXISTS unrelated (a int)")
        while time.monotonic() < end:
            scenario.daemon.must_run()
            cur.execute("INSERT INTO unrelated VALUES (1)")
            cur.execute("SELECT confirmed_flush_lsn - '0/0' FROM pg_replication_slots WHERE slot_name = %s", (scenario.data.slot,))
            confirmed = cur.fetchone()[0]
            assert confirmed < limit, f"acknowledged {confirmed}, but the documents of {limit} are not in the index"
            samples += 1
    assert samples > 100


@pytest.mark.parametrize("obstacle, remove", [
    ("hold", "release"),
    ("fail?status=429&count=-1", "clear"),
    ("fail?status=503&count=-1", "clear"),
    ("reset?count=1000000&when=before", "clear"),
    ("fail_items?pattern=.&status=429", "clear"),
])
def test_nothing_is_acknowledged_before_it_is_written(running, stub, obstacle, remove):
    stub.control(obstacle)
    positions = [commit(running, book, 5000 + book) for book in range(1, 21)]
    confirmed_stays_below(running, positions[0], OBSERVED_SECONDS)
    assert all((running.document(b) or {}).get("pages") != 5000 + b for b in range(1, 21)), "the stub let documents through"
    stub.control(remove)
    running.wait_acknowledged(running.daemon, positions[-1])
    running.assert_equal()


def test_a_new_session_acknowledges_nothing_that_is_only_queued(running, stub):
    """The walsender is killed while changes wait in the queue: the next session starts beyond them, and they stay unacknowledged."""
    stub.control("hold")
    position = commit(running, 1, 8101)
    commit(running, 2, 8102)
    stub.wait_held(1)
    killed = running.sql("SELECT active_pid, pg_terminate_backend(active_pid) FROM pg_replication_slots WHERE slot_name = %s", (running.data.slot,))
    confirmed_stays_below(running, position, 2 * OBSERVED_SECONDS)  # beyond the interval between two reports
    assert killed != running.sql("SELECT active_pid, true FROM pg_replication_slots WHERE slot_name = %s", (running.data.slot,))
    stub.control("release")
    running.wait_synced(running.daemon)
    running.assert_equal()


def test_with_slow_answers_every_acknowledged_change_is_in_the_index(running, stub):
    """Bulks are applied 200 ms late while commits go on: whatever is confirmed at any moment is there to be read."""
    stub.control("delay?ms=200")
    commits, done = [], threading.Event()

    def write():
        for k in range(1, 201):
            commits.append((commit(running, k, 7000 + k), k))
        done.set()
    writer = threading.Thread(target=write)
    writer.start()
    last, checked = 0, 0
    try:
        def observed():
            nonlocal last, checked
            running.daemon.must_run()
            confirmed = running.confirmed()
            documents = stub.documents(running.data.index)
            assert confirmed >= last, f"confirmed_flush_lsn went back from {last} to {confirmed}"
            known = [(p, k) for p, k in list(commits) if p <= confirmed]
            for position, k in known:
                assert documents[str(k)]["pages"] == 7000 + k, f"{position} is acknowledged, book {k} is not in the index"
            last, checked = confirmed, checked + 1
            return done.is_set() and len(known) == 200
        wait_for("all commits to be acknowledged", observed, 90, 0.01)
    finally:
        writer.join(60)
    assert checked > 20
    stub.control("clear")
    running.assert_equal()


def test_load_acknowledges_nothing_that_is_only_queued(scenario, bookstore, stub, queue):
    """Changes made while the load is held back are acknowledged only after their documents are written."""
    scenario.use(bookstore, target=stub, queue=queue).bootstrap()
    stub.control("hold")
    scenario.daemon = scenario.start()
    stub.wait_held(1)
    position = commit(scenario, 1, 8001)
    confirmed_stays_below(scenario, position, OBSERVED_SECONDS)
    stub.control("release")
    scenario.wait_synced(scenario.daemon)
    scenario.assert_equal()
