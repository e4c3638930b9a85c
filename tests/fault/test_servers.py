"""What happens to the slot, the index, the queue and the sessions behind the daemon's back: rows of the fault matrix, docs/faults.md."""
import signal
import socket
import threading
import time

import pytest

from harness import datasets
from harness.daemon import Daemon
from harness.http import request
from harness.processes import wait_for
from harness.scenario import Scenario


@pytest.fixture
def running(scenario, bookstore, stub, queue):
    scenario.use(bookstore, target=stub, queue=queue).bootstrap()
    scenario.daemon = scenario.start()
    scenario.wait_synced(scenario.daemon)
    return scenario


def refused(scenario, daemon, *words, timeout=60):
    """It ends with 3 and says what to type; and says so again when it is started again."""
    assert daemon.wait(timeout) == 3, daemon.text()[-2000:]
    said = daemon.text()
    for word in words:
        assert word in said, said[-2000:]


def remedied(scenario):
    """The remedy of the message: everything is loaded anew."""
    scenario.command("teardown", "--yes").expect(0)
    scenario.bootstrap()
    scenario.run_once().expect(0)
    scenario.assert_equal()


# ---- 2 ----
def test_stopped_for_longer_than_the_walsender_waits(private_postgres, work, redis):
    """Matrix 2: SIGSTOP until the server has given the session up; it connects again and goes on."""
    server = private_postgres(settings={"wal_sender_timeout": "'2s'"})
    scenario = Scenario(server, work).use(datasets.bookstore(server), queue=redis).bootstrap()
    try:
        daemon = scenario.start()
        scenario.wait_synced(daemon)
        daemon.signal(signal.SIGSTOP)
        scenario.sql("UPDATE book SET pages = 11")
        wait_for("the server to give up", lambda: not server.value("postgres", "SELECT bool_or(active) FROM pg_replication_slots"), 60)
        daemon.signal(signal.SIGCONT)
        scenario.wait_acknowledged(daemon)
        scenario.assert_equal()
        assert daemon.terminate() == 0
    finally:
        scenario.end()


# ---- 5, 6 ----
def test_slot_lost_by_max_slot_wal_keep_size(private_postgres, work):
    """Matrix 5: the server removes WAL that the slot needs while nobody reads; the start is refused with the remedy, which works."""
    server = private_postgres(settings={"max_slot_wal_keep_size": "'16MB'", "min_wal_size": "'32MB'", "max_wal_size": "'32MB'"})
    scenario = Scenario(server, work).use(datasets.bookstore(server)).bootstrap()
    try:
        daemon = scenario.start()
        scenario.wait_synced(daemon)
        assert daemon.terminate() == 0
        scenario.sql("UPDATE book SET pages = 12")
        scenario.sql("CREATE TABLE filler (t text)")
        for _ in range(5):
            scenario.sql("INSERT INTO filler SELECT repeat(md5(g::text), 20) FROM generate_series(1, 20000) g")
            scenario.sql("SELECT pg_switch_wal()")
            scenario.sql("CHECKPOINT")
        assert server.value("postgres", "SELECT wal_status FROM pg_replication_slots") == "lost"
        daemon = scenario.start()
        refused(scenario, daemon, "teardown", "bootstrap --apply")
        remedied(scenario)
    finally:
        scenario.end()


def test_slot_dropped_while_running(running):
    """Matrix 5."""
    def dropped():
        rows = running.sql("SELECT active_pid FROM pg_replication_slots WHERE slot_name = %s", (running.data.slot,))
        if not rows:
            return True
        running.sql("SELECT pg_terminate_backend(%s)", rows[0])
        try:
            running.sql("SELECT pg_drop_replication_slot(%s)", (running.data.slot,))
        except Exception as e:  # noqa: BLE001  it was faster
            assert "is active" in str(e), e
    wait_for("the slot to be dropped", dropped, 30, 0.001)
    refused(running, running.daemon, "teardown", "bootstrap --apply")
    remedied(running)


def test_slot_dropped_and_made_again(running):
    """Matrix 5: what was committed between is lost to the new slot, which begins later than the index ends."""
    assert running.daemon.terminate() == 0
    running.sql("SELECT pg_drop_replication_slot(%s)", (running.data.slot,))
    running.sql("UPDATE book SET pages = 13")
    running.sql("SELECT pg_create_logical_replication_slot(%s, 'pgsync')", (running.data.slot,))
    refused(running, running.start(), "teardown", "bootstrap --apply")
    remedied(running)


def test_slot_advanced_behind_our_back(running):
    """Matrix 6."""
    assert running.daemon.terminate() == 0
    running.sql("UPDATE book SET pages = 14")
    running.sql("SELECT pg_replication_slot_advance(%s, pg_current_wal_flush_lsn())", (running.data.slot,))
    refused(running, running.start(), "teardown", "bootstrap --apply")
    remedied(running)


# ---- 9 ----
def test_stream_trimmed_under_the_workers(scenario, bookstore, stub, redis):
    """Matrix 9: entries vanish from the Redis stream; they are read again from the slot."""
    scenario.use(bookstore, target=stub, queue=redis).bootstrap()
    daemon = scenario.start()
    scenario.wait_synced(daemon)
    stub.control("hold")
    for pages in range(20):
        scenario.sql("UPDATE book SET pages = %s WHERE id <= 50", (pages,))
    stub.wait_held(1)
    lengths = "local n = 0 for _, k in ipairs(redis.call('KEYS', '*')) do if redis.call('TYPE', k).ok == 'stream' then n = n + redis.call({}) end end return n"
    wait_for("entries in Redis", lambda: redis.command("EVAL", lengths.format("'XLEN', k"), "0") > 0, 30)
    assert redis.command("EVAL", lengths.format("'XTRIM', k, 'MAXLEN', 0"), "0") > 0
    stub.control("release")
    scenario.wait_acknowledged(daemon)
    scenario.assert_equal()


# ---- 13 ----
def test_index_deleted_while_running(running):
    """Matrix 13: noticed, refused, and loaded anew by the next start."""
    (name,) = request("GET", f"{running.target.url}/{running.data.index}").keys()
    request("DELETE", f"{running.target.url}/{name}")
    running.sql("UPDATE book SET pages = 15")
    refused(running, running.daemon, "deleted")
    running.run_once().expect(0)
    running.assert_equal()


def test_index_read_only_for_a_while(running, stub):
    """Matrix 13: a block (disk watermark) is waited for."""
    stub.control("fail?status=403&count=-1&type=cluster_block_exception")
    running.sql("UPDATE book SET pages = 16")
    position = running.server.wal_position()
    wait_for("the daemon to say so", lambda: running.daemon.must_run() and "does not take documents" in running.daemon.text(), 30)
    assert running.confirmed() < position
    stub.control("clear")
    running.wait_acknowledged(running.daemon, position)
    running.assert_equal()


def test_alias_switched_while_running(running):
    """Matrix 13: the alias leads to an index that is not ours."""
    url, index = running.target.url, running.data.index
    (name,) = request("GET", f"{url}/{index}").keys()
    request("PUT", f"{url}/foreign", {})
    request("POST", f"{url}/_aliases", {"actions": [{"remove": {"index": name, "alias": index}}, {"add": {"index": "foreign", "alias": index}}]})
    running.sql("UPDATE book SET pages = 17")
    position = running.server.wal_position()
    status = running.daemon.wait(60)
    assert status == 3, running.daemon.text()[-2000:]
    assert running.confirmed() < position, "acknowledged what went into another index"
    done = running.command("run", "--once")
    done.expect(3)
    assert "did not make" in done.output


# ---- 17, 18 ----
@pytest.mark.parametrize("where", ["nothing", "another table", "another database"])
def test_idle_slot_goes_on(private_postgres, work, where):
    """Matrix 17: longer than wal_sender_timeout with no change of ours: no disconnect, and the slot follows the WAL."""
    server = private_postgres(settings={"wal_sender_timeout": "'1500ms'"})
    scenario = Scenario(server, work).use(datasets.bookstore(server)).bootstrap()
    try:
        daemon = scenario.start()
        scenario.wait_synced(daemon)
        pid = scenario.wait_settled_stream(daemon)
        database = scenario.data.database if where == "another table" else "postgres"
        server.rows(database, "CREATE TABLE elsewhere (a int)")
        end = time.monotonic() + 6
        while time.monotonic() < end:
            if where != "nothing":
                server.rows(database, "INSERT INTO elsewhere SELECT generate_series(1, 1000)")
            daemon.must_run()
            time.sleep(0.2)
        scenario.wait_acknowledged(daemon)
        assert pid == scenario.walsender(), daemon.text()[-1000:]
    finally:
        scenario.end()


def test_large_transaction_of_other_tables(private_postgres, work):
    """Matrix 18: a million rows that concern nobody; no disconnect although the server is busy with them, memory as before."""
    server = private_postgres(settings={"wal_sender_timeout": "'3s'"})
    scenario = Scenario(server, work).use(datasets.bookstore(server)).bootstrap()
    try:
        daemon = Daemon(scenario)
        scenario.wait_synced(daemon.process)
        pid = scenario.wait_settled_stream(daemon.process)
        before = daemon.peak_memory()
        scenario.sql("CREATE TABLE elsewhere (a int)")
        scenario.sql("INSERT INTO elsewhere SELECT generate_series(1, 1000000)")
        scenario.wait_acknowledged(daemon.process)
        assert daemon.peak_memory() < before + (16 << 20)
        assert pid == scenario.walsender(), daemon.process.text()[-1000:]
    finally:
        scenario.end()


# ---- 38 ----
def test_select_revoked_while_running(running):
    """Matrix 38: a clear error, and it goes on after the right is back."""
    running.sql("REVOKE ALL ON review FROM syncer")
    running.sql("ALTER TABLE review OWNER TO postgres")
    running.sql("UPDATE book SET pages = 18")
    assert running.daemon.wait(60) in (1, 3), running.daemon.text()[-2000:]
    assert "review" in running.daemon.text().splitlines()[-1] and "GRANT SELECT" in running.daemon.text(), running.daemon.text()[-2000:]
    running.sql("GRANT SELECT ON review TO syncer")
    daemon = running.start()
    running.wait_acknowledged(daemon)
    running.assert_equal()


# ---- 41 ----
def test_the_page_under_abuse(scenario, bookstore):
    """Matrix 41: many silent connections, garbage and endless headers; changes flow meanwhile, memory stays, and the page answers again."""
    scenario.use(bookstore).bootstrap()
    daemon = Daemon(scenario)
    scenario.wait_synced(daemon.process)
    before = daemon.peak_memory()
    sockets, stop = [], threading.Event()

    def endless():
        with socket.create_connection(("127.0.0.1", daemon.port)) as s:
            try:
                s.sendall(b"GET / HTTP/1.1\r\n")
                for i in range(200_000):
                    if stop.is_set():
                        return
                    s.sendall(b"X-%d: " % i + b"y" * 1000 + b"\r\n")
            except OSError:
                pass
    writer = threading.Thread(target=endless)
    try:
        for i in range(500):
            s = socket.create_connection(("127.0.0.1", daemon.port))
            s.sendall([b"", b"G", b"\0\xff" * 100, b"GET /metrics HTTP/1.1\r\nHost:"][i % 4])
            sockets.append(s)
        writer.start()
        scenario.sql("UPDATE book SET pages = 19")
        scenario.wait_acknowledged(daemon.process, timeout=20)
    finally:
        stop.set()
        for s in sockets:
            s.close()
        writer.join(30)
    scenario.assert_equal()

    def answers():
        try:
            return request("GET", f"http://127.0.0.1:{daemon.port}/health", raw=True, timeout=5).strip() == "ok"
        except OSError:
            return False
    wait_for("the page to answer again", answers, 60, 0.2)
    assert daemon.peak_memory() < before + (32 << 20)
