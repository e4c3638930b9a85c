"""SIGTERM drains and acknowledges within 5 s under load; SIGINT twice stops at once; either way nothing is lost."""
import signal
import threading
import time

import pytest

SECONDS = 5.0


class Writer:
    """Changes rows without pause until stopped."""

    def __init__(self, scenario, statement):
        self._stop = threading.Event()
        self._scenario, self._statement = scenario, statement
        self._thread = threading.Thread(target=self._run)
        self.rounds = 0

    def _run(self):
        with self._scenario.server.connect(self._scenario.data.database) as c, c.cursor() as cur:
            while not self._stop.is_set():
                cur.execute(self._statement, {"n": self.rounds})
                self.rounds += 1

    def __enter__(self):
        self._thread.start()
        return self

    def __exit__(self, *_):
        self._stop.set()
        self._thread.join(60)


UPDATE_SOME = "UPDATE package SET version = version || '.' || %(n)s WHERE id %% 40 = %(n)s %% 40"


def end_within(daemon, number, seconds):
    start = time.monotonic()
    daemon.signal(number)
    status = daemon.wait(seconds + 10)
    took = time.monotonic() - start
    assert took <= seconds, f"took {took:.1f} s\n{daemon.text()[-3000:]}"
    return status


def assert_nothing_lost(scenario):
    daemon = scenario.start()
    scenario.wait_synced(daemon)
    scenario.assert_equal()
    assert daemon.terminate() == 0


def applied(scenario):
    high, low = scenario.target.state(scenario.data.index)["applied"].split("/")
    return (int(high, 16) << 32) + int(low, 16)


def test_sigterm_under_load_of_changes(scenario, small_debian, queue):
    scenario.use(small_debian, queue=queue).bootstrap()
    daemon = scenario.start()
    scenario.wait_synced(daemon)
    with Writer(scenario, UPDATE_SOME) as writer:
        scenario.wait_acknowledged(daemon)  # it keeps up, and is in the middle of it
        assert end_within(daemon, signal.SIGTERM, SECONDS) == 0
        assert writer.rounds > 0
    # What it wrote it also acknowledged: the last feedback was sent.
    assert scenario.confirmed() == applied(scenario)
    assert_nothing_lost(scenario)


def test_sigterm_during_load(scenario, small_debian, queue):
    scenario.use(small_debian, queue=queue).bootstrap()
    daemon = scenario.start()
    scenario.wait_count_between(daemon, 1, 5999)
    assert end_within(daemon, signal.SIGTERM, SECONDS) == 0
    assert_nothing_lost(scenario)


def test_sigterm_during_one_large_transaction(scenario, small_debian, queue):
    scenario.use(small_debian, queue=queue).bootstrap()
    daemon = scenario.start()
    scenario.wait_synced(daemon)
    version = scenario.target.highest_version(scenario.data.index)
    scenario.sql("UPDATE depends SET version = 'large'; UPDATE package SET version = 'large'")
    from harness.processes import wait_for
    wait_for("the first documents of the update", lambda: scenario.target.newer_than(scenario.data.index, version), 60, 0.005)
    assert end_within(daemon, signal.SIGTERM, SECONDS) == 0
    assert_nothing_lost(scenario)


def test_sigterm_while_the_engine_does_not_answer(scenario, bookstore, stub, queue):
    """Draining has an end: what the engine does not take is read again from the slot."""
    scenario.use(bookstore, target=stub, queue=queue).bootstrap()
    daemon = scenario.start()
    scenario.wait_synced(daemon)
    stub.control("hold")
    scenario.sql("UPDATE book SET title = 'held ' || id")
    position = scenario.server.wal_position()
    stub.wait_held(1)
    assert end_within(daemon, signal.SIGTERM, SECONDS) == 0
    assert scenario.confirmed() < position
    stub.control("release")
    assert_nothing_lost(scenario)


def test_sigint_twice_stops_at_once(scenario, bookstore, stub, queue):
    scenario.use(bookstore, target=stub, queue=queue).bootstrap()
    daemon = scenario.start()
    scenario.wait_synced(daemon)
    stub.control("hold")
    scenario.sql("UPDATE book SET title = 'held ' || id")
    stub.wait_held(1)
    daemon.signal(signal.SIGINT)
    # The first one drains, and cannot end while the engine holds its answer.
    with pytest.raises(AssertionError, match="still runs"):
        daemon.wait(0.5)
    end_within(daemon, signal.SIGINT, 1.0)
    stub.control("release")
    assert_nothing_lost(scenario)


def test_sigint_once_drains(scenario, small_debian, queue):
    scenario.use(small_debian, queue=queue).bootstrap()
    daemon = scenario.start()
    scenario.wait_synced(daemon)
    with Writer(scenario, UPDATE_SOME):
        scenario.wait_acknowledged(daemon)
        assert end_within(daemon, signal.SIGINT, SECONDS) == 0
    assert_nothing_lost(scenario)
