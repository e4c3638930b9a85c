"""The engine is down for long while changes go on (fault matrix 10): the daemon's memory stays, the server keeps the WAL, and when the engine
is back all is caught up.

PGSYNC_OUTAGE_SECONDS=600 (30)
"""
import os
import time

from harness.daemon import Daemon

SECONDS = float(os.environ.get("PGSYNC_OUTAGE_SECONDS", "30"))
ALLOWED_GROWTH = 24 << 20  # the queue in memory has its bound, and it fills
STATEMENTS_PER_SECOND = 20


def test_memory_stays_and_all_is_caught_up(scenario, bookstore, stub, queue):
    scenario.use(bookstore, target=stub, queue=queue).bootstrap()
    daemon = Daemon(scenario)
    scenario.wait_synced(daemon.process)
    for pages in range(100):  # what work in order takes
        scenario.sql("UPDATE book SET pages = %s", (pages,))
    scenario.wait_acknowledged(daemon.process)
    before, confirmed = daemon.peak_memory(), scenario.confirmed()

    # Not stopped: its documents would be gone with it.
    stub.control("reset?count=1000000000&when=before")
    begun, statements, middle = time.monotonic(), 0, None
    scenario.sql("UPDATE book SET pages = 0")
    first = scenario.server.wal_position()
    while time.monotonic() < begun + SECONDS:
        scenario.sql("UPDATE book SET pages = pages + 1, title = id || ' without an engine' WHERE id %% 10 = %s", (statements % 10,))
        statements += 1
        daemon.process.must_run()
        if middle is None and time.monotonic() > begun + SECONDS / 2:
            middle = daemon.peak_memory()
        time.sleep(max(0, begun + statements / STATEMENTS_PER_SECOND - time.monotonic()))
    after = daemon.peak_memory()
    waiting = scenario.server.wal_position() - scenario.confirmed()
    assert scenario.confirmed() < first, "acknowledged without the engine"
    assert daemon.process.text().count("does not take documents") >= 1
    assert daemon.metric("pgsync_sink_stalled") == 1
    retained = scenario.server.value("postgres", "SELECT pg_wal_lsn_diff(pg_current_wal_lsn(), restart_lsn)::bigint FROM pg_replication_slots")
    assert retained >= waiting, "the server does not keep what waits"

    stub.control("clear")
    back = time.monotonic()
    scenario.wait_acknowledged(daemon.process, timeout=60 + SECONDS)
    scenario.assert_equal()
    print(f"{SECONDS:.0f} s without an engine, {statements} statements, {waiting} bytes of WAL waited; memory {before >> 20} MiB before, "
          f"{(middle or after) >> 20} in the middle, {after >> 20} at the end; caught up in {time.monotonic() - back:.1f} s")
    assert after < before + ALLOWED_GROWTH
    assert confirmed <= scenario.confirmed()
