"""Large transactions that PostgreSQL sends before they end: blocks of several of them between one another and small ones,
savepoints and whole transactions rolled back, prepared ones, kill -9 in the middle. When all have ended, the index equals the tables.

PGSYNC_STREAM_ROWS: rows of the one large transaction (200,000; the figures of consumer/README.md are of 2,000,000).
PGSYNC_STREAM_SEED: the schedule to play again."""
import os
import random
import time

import pytest

from harness import datasets
from harness.daemon import Daemon
from harness.pg_proxy import PgProxy
from harness.processes import wait_for
from harness.scenario import Scenario

ROWS = int(os.environ.get("PGSYNC_STREAM_ROWS", 200_000))
SETTINGS = {"logical_decoding_work_mem": "64kB", "max_prepared_transactions": 10}
BOOKS = "INSERT INTO book (id, title, price, publisher_id) SELECT n, 'streamed ' || n, 1, 1 FROM generate_series({0}, {0} + {1} - 1) n"


@pytest.fixture(scope="module")
def server(root):
    from harness.postgres import PostgresServer
    server = PostgresServer(root / "pg-streaming", settings=SETTINGS).start()
    yield server
    server.stop("immediate")


@pytest.fixture
def streaming(server, work):
    """The bookstore on a server that streams whatever is larger than 64 kB."""
    server.new_crash_lines()
    scenario = Scenario(server, work)
    scenario.use(datasets.bookstore(server, books=100))
    yield scenario
    scenario.end()
    assert not server.new_crash_lines()


def streamed_transactions(scenario):
    """What the server itself says it sent before its end."""
    return scenario.server.value("postgres", "SELECT stream_txns FROM pg_stat_replication_slots WHERE slot_name = %s", (scenario.data.slot,))


class Session:
    """One connection with one transaction at a time, that takes one step when it is asked to. `books`: ids that are its own."""

    def __init__(self, server, database, number, random):
        self.context = server.connect(database)
        self.cursor = self.context.__enter__().cursor()
        self.number, self.random = number, random
        self.next_id = 1_000_000 * (number + 1)
        self.open = False
        self.prepared = None
        self.savepoints = 0
        self.committed_large = 0
        self.written = 0

    def execute(self, sql):
        self.cursor.execute(sql)

    def step(self):
        if not self.open:
            self.execute("BEGIN")
            self.open, self.savepoints, self.written = True, 0, 0
        kind = self.random.choices(["insert", "update", "delete", "child", "savepoint", "rollback to", "release", "end"],
                                   [6, 3, 1, 3, 4, 3, 1, 3])[0]
        rows = self.random.choice([1, 20, 600])
        mine = f"id BETWEEN {1_000_000 * (self.number + 1)} AND {1_000_000 * (self.number + 2) - 1}"
        chosen = f"{mine} AND id % 3 = {self.random.randrange(3)}"
        if kind == "insert":
            self.execute(BOOKS.format(self.next_id, rows))
            self.next_id += rows
            self.written += rows
        elif kind == "update":
            self.execute(f"UPDATE book SET title = title || '*' WHERE {chosen}")
            self.written += self.cursor.rowcount
        elif kind == "delete":
            self.execute(f"DELETE FROM book WHERE {chosen} AND id % 5 = 0")
        elif kind == "child":
            self.execute(f"INSERT INTO isbn (id, book_id, value) SELECT id, id, 'isbn ' || id FROM book WHERE {chosen} ON CONFLICT DO NOTHING")
        elif kind == "savepoint":
            self.savepoints += 1
            self.execute(f"SAVEPOINT s{self.savepoints}")
        elif kind == "rollback to" and self.savepoints:
            self.savepoints = self.random.randint(1, self.savepoints)
            self.execute(f"ROLLBACK TO s{self.savepoints}")
        elif kind == "release" and self.savepoints:
            self.execute(f"RELEASE s{self.savepoints}")
            self.savepoints -= 1
        elif kind == "end":
            self.end()

    def end(self, how=None):
        if not self.open:
            return
        how = how or self.random.choice(["COMMIT", "COMMIT", "ROLLBACK", "PREPARE"])
        if how == "PREPARE":
            name = f"session {self.number}"
            self.execute(f"PREPARE TRANSACTION '{name}'")
            how = self.random.choice(["COMMIT PREPARED", "ROLLBACK PREPARED"]) + f" '{name}'"
        self.execute(how)
        self.open = False

    def close(self):
        self.end("ROLLBACK")
        self.context.__exit__(None, None, None)


@pytest.mark.parametrize("memory", [64, 0])
@pytest.mark.parametrize("queue_of", ["memory", "redis"])
def test_random_transactions_between_one_another(streaming, request, queue_of, memory):
    scenario = streaming
    if queue_of == "redis":
        redis = request.getfixturevalue("redis")
        redis.flushall()
        scenario.queue = redis.url
    scenario.bootstrap()
    seed = int(os.environ.get("PGSYNC_STREAM_SEED", random.randrange(1 << 32)))
    print(f"seed {seed}")
    chance = random.Random(seed)
    daemon = Daemon(scenario, "--spool-memory", memory, "--spool-dir", scenario.dir)
    scenario.wait_synced(daemon.process)
    sessions = [Session(scenario.server, scenario.data.database, n, chance) for n in range(4)]
    for _ in range(250):
        chance.choice(sessions).step()
    for session in sessions:
        session.end("COMMIT")
        session.close()
    scenario.wait_acknowledged(daemon.process)
    scenario.assert_equal()
    assert daemon.metric("pgsync_stream_blocks_total") > 10
    assert daemon.metric("pgsync_stream_streamed_transactions_total") > 0
    assert streamed_transactions(scenario) > 0
    daemon.wait_spool_empty()
    assert daemon.process.terminate() == 0


@pytest.mark.parametrize("memory", [64, 0])
def test_nothing_is_written_before_the_commit_and_nothing_of_an_abort(streaming, memory):
    scenario = streaming.bootstrap()
    daemon = Daemon(scenario, "--spool-memory", memory, "--spool-dir", scenario.dir)
    scenario.wait_synced(daemon.process)
    before = scenario.target.documents(scenario.data.index)
    version = scenario.target.highest_version(scenario.data.index)
    kept = "pgsync_spool_memory_bytes" if memory else "pgsync_spool_file_bytes"
    with scenario.server.connect(scenario.data.database) as c, c.cursor() as cur:
        for end in ("ROLLBACK", "COMMIT"):
            blocks = daemon.metric("pgsync_stream_blocks_total")
            cur.execute("BEGIN")
            cur.execute(BOOKS.format(5000, 4000))
            cur.execute("UPDATE book SET title = title || ' in progress' WHERE id < 50")
            daemon.wait_more("pgsync_stream_blocks_total", blocks)
            daemon.wait_more(kept, 0)
            # A small transaction beside it goes through, and its WAL is acknowledged.
            scenario.sql("UPDATE book SET title = 'beside' WHERE id = 60")
            scenario.wait_acknowledged(daemon.process)
            documents = scenario.target.documents(scenario.data.index)
            assert documents.pop("60")["title"] == "beside"
            assert documents == {k: v for k, v in before.items() if k != "60"}
            assert scenario.target.newer_than(scenario.data.index, version) == 1, "more was built than the one book beside"
            cur.execute(end)
            daemon.wait_spool_empty()
            scenario.wait_acknowledged(daemon.process)
            if end == "ROLLBACK":
                assert scenario.target.newer_than(scenario.data.index, version) == 1, "an aborted transaction was built"
    assert scenario.assert_equal() == len(before) + 4000
    assert daemon.process.terminate() == 0


def test_committed_transaction_of_a_backlog_does_not_wait(streaming):
    """The server sends it in blocks, as if it were in progress; what it touches is built without waiting for its last block, except what
    was in progress when it was read."""
    scenario = streaming.bootstrap()
    daemon = Daemon(scenario)
    scenario.wait_synced(daemon.process)
    before = scenario.assert_equal()
    assert daemon.process.terminate() == 0
    scenario.sql("BEGIN; " + BOOKS.format(6000, 3000) + "; SAVEPOINT before; " + BOOKS.format(20000, 3000) + "; ROLLBACK TO before; "
                 + BOOKS.format(9000, 2000) + "; DELETE FROM book WHERE id < 20; COMMIT")
    with scenario.server.connect(scenario.data.database) as c, c.cursor() as cur:
        cur.execute("BEGIN")
        cur.execute(BOOKS.format(30000, 3000))
        daemon = Daemon(scenario)
        daemon.wait_more("pgsync_stream_streamed_transactions_total", 0)
        committed = daemon.metric("pgsync_stream_committed_blocks_total")
        assert committed > 10
        daemon.wait_more("pgsync_spool_transactions", 0)
        assert daemon.metric("pgsync_stream_blocks_total") > committed
        assert daemon.metric("pgsync_stream_committed_blocks_total") == committed, "the other one is in progress"
        cur.execute("COMMIT")
    scenario.wait_synced(daemon.process)
    assert scenario.assert_equal() == before + 5000 + 3000 - 19
    assert daemon.process.terminate() == 0


def test_changed_table_that_is_rolled_back_does_no_harm(streaming):
    """A link column is renamed away and rows are written: nobody could follow them, and nobody has to."""
    scenario = streaming.bootstrap()
    daemon = Daemon(scenario)
    scenario.wait_synced(daemon.process)
    with scenario.server.connect(scenario.data.database) as c, c.cursor() as cur:
        for rolled_back in ("ROLLBACK TO before", "ROLLBACK"):
            blocks = daemon.metric("pgsync_stream_blocks_total")
            cur.execute("BEGIN")
            cur.execute("SAVEPOINT before")
            cur.execute("ALTER TABLE isbn RENAME COLUMN book_id TO tome_id")
            cur.execute("UPDATE isbn SET value = value || '!' FROM generate_series(1, 10)")
            cur.execute(BOOKS.format(6000, 2000))
            cur.execute("INSERT INTO isbn (id, tome_id, value) SELECT n, n, 'x' FROM generate_series(6000, 7999) n")
            daemon.wait_more("pgsync_stream_blocks_total", blocks)
            cur.execute(rolled_back)
            if rolled_back != "ROLLBACK":
                cur.execute("UPDATE isbn SET value = 'after the rename' WHERE book_id < 20")
                cur.execute("COMMIT")
            scenario.wait_acknowledged(daemon.process)
            scenario.assert_equal()
    assert daemon.process.terminate() == 0


@pytest.mark.parametrize("when", ["in progress", "after the commit"])
def test_kill_9_while_blocks_arrive_and_while_they_are_handed_on(streaming, when):
    scenario = streaming.bootstrap()
    daemon = Daemon(scenario, "--spool-memory", 0, "--spool-dir", scenario.dir)
    scenario.wait_synced(daemon.process)
    books = scenario.target.count(scenario.data.index)
    with scenario.server.connect(scenario.data.database) as c, c.cursor() as cur:
        cur.execute("BEGIN")
        cur.execute(BOOKS.format(10_000, 10_000))
        daemon.wait_more("pgsync_spool_file_bytes", 0)
        if when == "in progress":
            daemon.process.kill9()
            assert not list(scenario.dir.glob("pgsync-spool*")), "the file outlived the process"
            daemon = Daemon(scenario)
            cur.execute("SAVEPOINT s")
            cur.execute("UPDATE book SET title = 'rolled back' WHERE id >= 10000")
            cur.execute("ROLLBACK TO s")
            cur.execute("UPDATE book SET title = 'after the kill' WHERE id = 10001")
            # The slot sends the whole transaction again, although WAL behind its beginning was acknowledged.
            daemon.wait_more("pgsync_stream_blocks_total", 0)
            cur.execute("COMMIT")
        else:
            cur.execute("COMMIT")
            scenario.wait_count_between(daemon.process, books + 1000, books + 9000)
            daemon.process.kill9()
            daemon = Daemon(scenario)
    scenario.wait_acknowledged(daemon.process)
    assert scenario.assert_equal() == books + 10_000
    assert daemon.process.terminate() == 0


def test_spool_directory_that_cannot_be_used_is_refused(streaming):
    scenario = streaming.bootstrap()
    missing = scenario.dir / "missing"
    daemon = Daemon(scenario, "--spool-memory", 0, "--spool-dir", missing)
    scenario.wait_synced(daemon.process)
    with scenario.server.connect(scenario.data.database) as c, c.cursor() as cur:
        cur.execute("BEGIN")
        cur.execute(BOOKS.format(10_000, 4000))
        assert daemon.process.wait(60) == 3
        text = daemon.process.text()
        assert str(missing) in text and "--spool-dir" in text and "nothing is lost" in text, text[-2000:]
        cur.execute("COMMIT")
    daemon = Daemon(scenario)
    scenario.wait_acknowledged(daemon.process)
    scenario.assert_equal()
    assert daemon.process.terminate() == 0


def test_server_that_cannot_send_a_transaction_in_progress(streaming):
    """Some ERRORs of the server come at every try, but only before the transaction's end: then it is read after its end."""
    scenario = streaming.bootstrap()
    proxy = PgProxy(scenario.server, "streaming 'on'", "XX000", 'could not map filenode "base/1/2" to relation OID', after=2)
    try:
        daemon = Daemon(scenario, env={"PG_HOST": "127.0.0.1", "PG_PORT": str(proxy.port)})
        scenario.wait_loaded(daemon.process)
        # What the server says to a session that is leaving, nobody hears.
        wait_for("the stream that follows the load", lambda: len(proxy.started) == 2, 60)
        with scenario.server.connect(scenario.data.database) as c, c.cursor() as cur:
            cur.execute("BEGIN")
            cur.execute(BOOKS.format(10_000, 4000))
            wait_for("a stream without transactions in progress", lambda: "streaming" not in proxy.started[-1], 60)
            cur.execute("COMMIT")
        scenario.sql("UPDATE book SET title = 'after' WHERE id = 1")
        scenario.wait_acknowledged(daemon.process)
        scenario.assert_equal()
        whole = ["streaming" not in command for command in proxy.started]
        assert proxy.failed == 1 and sorted(whole) == whole and whole[-1], proxy.started
        text = daemon.process.text()
        assert text.count("could not map filenode") == 1 and "read after their end from now on" in text, text[-2000:]
        assert daemon.process.terminate() == 0
    finally:
        proxy.close()


def test_plugin_statistics_become_metrics(streaming):
    scenario = streaming.bootstrap()
    scenario.sql("CREATE TABLE unrelated (id int)")
    daemon = Daemon(scenario)
    scenario.wait_synced(daemon.process)
    before = daemon.metrics()
    end = time.monotonic() + 60
    while True:  # a report comes with the first transaction that ends 10 s after the last one
        scenario.sql("INSERT INTO unrelated VALUES (1)")
        scenario.sql("UPDATE book SET title = title || '.' WHERE id = 1")
        now = daemon.metrics()
        if now != before and any(name.startswith("pgsync_plugin_rows_total") for name in now):
            break
        assert time.monotonic() < end, "no statistics in 60 s"
    assert now['pgsync_plugin_rows_total{relation="public.book",outcome="sent"}'] > 0
    assert now['pgsync_plugin_bytes_total{relation="public.book"}'] > 0
    assert now['pgsync_plugin_rows_total{relation="other",outcome="filtered"}'] > 0
    assert daemon.process.terminate() == 0


def test_memory_does_not_grow_with_the_transaction(streaming):
    """The target drops the documents: what counts is what lies before it."""
    scenario = streaming
    scenario.command("bootstrap", "--apply", target=False).expect(0)

    class Null:
        url = "null:"
    scenario.target = Null()
    daemon = Daemon(scenario, "--spool-memory", 1, "--spool-dir", scenario.dir)
    scenario.wait_acknowledged(daemon.process)
    before = daemon.peak_memory()
    with scenario.server.connect(scenario.data.database) as c, c.cursor() as cur:
        cur.execute("BEGIN")
        cur.execute(BOOKS.format(1_000_000, ROWS))
        daemon.wait_more("pgsync_stream_changes_total", ROWS - 5000, 600)
        received = daemon.peak_memory()
        files = daemon.metric("pgsync_spool_file_bytes")
        cur.execute("COMMIT")
    started = time.monotonic()
    scenario.wait_acknowledged(daemon.process, timeout=1200)
    print(f"{ROWS} rows: peak {before >> 20} MiB before, {received >> 20} MiB when received ({files >> 20} MiB in the file), "
          f"{daemon.peak_memory() >> 20} MiB when built, {time.monotonic() - started:.1f} s from commit to acknowledgement")
    assert files > 8 * ROWS, "it was not kept in a file"
    assert received - before < 40 << 20, "what is in progress is not bounded"
    assert daemon.peak_memory() - before < 500 << 20, "what is handed on is not bounded"
    assert daemon.process.terminate() == 0
