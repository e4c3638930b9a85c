"""Two daemons on one slot (fault matrix 7): one works, the other stands by without touching anything, and takes over."""
import time

import pytest

from harness.daemon import Daemon
from harness.http import HttpError, request
from harness.processes import wait_for

TAKEOVER_SECONDS = 5


def health(daemon):
    try:
        return request("GET", f"http://127.0.0.1:{daemon.port}/health", raw=True).strip()
    except (HttpError, OSError) as e:  # OSError: it is leaving
        return str(e)


def standing_by(daemon):
    wait_for(lambda: f"a standby; health says {health(daemon)}", lambda: daemon.process.must_run() and health(daemon) == "standby", 30)


@pytest.fixture
def both(scenario, bookstore, stub, queue):
    scenario.use(bookstore, target=stub, queue=queue).bootstrap()
    first = Daemon(scenario)
    scenario.wait_synced(first.process)
    second = Daemon(scenario)
    standing_by(second)
    return scenario, first, second


def test_a_standby_takes_over_after_kill_9(both):
    scenario, first, second = both
    scenario.sql("UPDATE book SET pages = 1")
    scenario.wait_acknowledged(first.process)
    assert "streaming slot" not in second.process.text()
    first.process.kill9()
    killed = time.monotonic()
    scenario.sql("UPDATE book SET pages = 2")
    scenario.wait_acknowledged(second.process, timeout=20)
    seconds = time.monotonic() - killed
    print(f"took over, with all changes applied, after {seconds:.1f} s")
    assert seconds < TAKEOVER_SECONDS
    scenario.assert_equal()
    assert health(second) == "ok"
    assert "loading" not in second.process.text(), "it loaded what was loaded"


def test_a_rolling_restart_has_no_gap(both):
    """The first is stopped, the second takes over; a third stands by and takes over from that."""
    scenario, first, second = both
    assert first.process.terminate() == 0
    scenario.sql("UPDATE book SET pages = 3")
    scenario.wait_acknowledged(second.process, timeout=20)
    third = Daemon(scenario)
    standing_by(third)
    assert second.process.terminate() == 0
    scenario.sql("UPDATE book SET pages = 4")
    scenario.wait_acknowledged(third.process, timeout=20)
    scenario.assert_equal()


def test_a_standby_outlives_a_restart_of_postgres(both):
    scenario, first, second = both
    scenario.server.restart("immediate")
    scenario.sql("UPDATE book SET pages = 5")
    wait_for("one of them to stream", lambda: scenario.server.value("postgres", "SELECT bool_or(active) FROM pg_replication_slots"), 30)
    position = scenario.server.wal_position()
    wait_for("the change to be confirmed", lambda: scenario.confirmed() >= position, 30)
    for daemon in (first, second):
        daemon.process.must_run()
    # The other one may still be looking for the server.
    wait_for("the other one to stand by", lambda: sorted(map(health, (first, second))) == ["ok", "standby"], 30)
    scenario.assert_equal()


def test_once_does_not_stand_by(both):
    scenario, _, _ = both
    done = scenario.run_once(timeout=60)
    done.expect(3)
    assert "is in use by process" in done.output


def test_what_was_stopped_meanwhile_does_not_take_the_index_back(scenario, bookstore, stub):
    """The first is stopped (SIGSTOP) with documents in hand, loses its stream, and wakes up when the second has gone further."""
    import signal
    scenario.use(bookstore, target=stub).bootstrap()
    first = Daemon(scenario)
    scenario.wait_synced(first.process)
    second = Daemon(scenario)
    standing_by(second)
    stub.control("hold")
    scenario.sql("UPDATE book SET pages = 6 WHERE id <= 10")
    stub.wait_held(1)
    first.process.signal(signal.SIGSTOP)
    try:
        scenario.server.rows("postgres", "SELECT pg_terminate_backend(active_pid) FROM pg_replication_slots WHERE active")
        stub.control("release")
        scenario.sql("UPDATE book SET pages = 7")
        scenario.wait_acknowledged(second.process, timeout=30)
    finally:
        first.process.signal(signal.SIGCONT)
    # It notices: by the state in the target, or as its stream is taken.
    wait_for("the first to stand by or to leave", lambda: not first.process.running() or health(first) == "standby", 30)
    scenario.sql("UPDATE book SET pages = 8 WHERE id <= 20")
    scenario.wait_acknowledged(second.process, timeout=30)
    scenario.assert_equal()
    confirmed, applied = scenario.confirmed(), stub.state(scenario.data.index)["applied"]
    high, low = (int(part, 16) for part in applied.split("/"))
    assert (high << 32) + low >= confirmed, f"the index says {applied}, but {confirmed} is confirmed"
