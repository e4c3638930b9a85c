"""DDL against DML, concurrently and at random: what the plugin sends must be what triggers wrote down, column by column.

PGSYNC_FUZZ_SECONDS (default 8) per seed; PGSYNC_FUZZ_SEEDS (default "1 2 3"), printed with every failure. The same changes are decoded five times:
while they are made, by SQL calls and by a walsender (and by one that streams transactions in progress), and afterwards with and without a list of tables."""
import copy
import os
import threading

import psycopg2
import pytest

from fuzz_sessions import World, run_sessions
from judge import Entry, History, Wrong, check
from replication import ServerError, Walsender, lsn_number
from server import number
from stream import Reader, parse

SECONDS = number("PGSYNC_FUZZ_SECONDS", 8)
SEEDS = os.environ.get("PGSYNC_FUZZ_SEEDS", "1 2 3").split()
DECODE = "SELECT n, r::text FROM {source} AS c(lsn, xid, data, n), pgsync_decode(c.data) WITH ORDINALITY d(r, m) ORDER BY n, m"
# fz.fixed is swapped with another table, so a column may be missing in one of them; root has partitions that come and go.
LISTED = {"fz.fixed": (("id", "a", "n"), ("m",)), "fz.root": (None, ())}
TABLES = "fz.fixed(id, a, n; m), fz.root"
# One reader is late on purpose, for longer than the server would wait.
SPILL = "-c logical_decoding_work_mem=64kB -c wal_sender_timeout=0"


class Puller(threading.Thread):
    """pg_logical_slot_get_binary_changes again and again while others write: many short sessions of the plugin in one of the server."""

    def __init__(self, database, slot):
        super().__init__(daemon=True)
        self.slot, self.stop, self.failure = slot, threading.Event(), None
        self.transactions, self.calls = [], 0
        self.db = database.connect(logical_decoding_work_mem="64kB")

    def run(self):
        try:
            last = False
            while not last:
                last = self.stop.wait(0.2)  # leaves the writers a processor
                self.pull()
        except BaseException as e:
            self.failure = e

    def pull(self):
        source = f"pg_logical_slot_get_binary_changes('{self.slot}', NULL, NULL, 'proto_version', '1') WITH ORDINALITY"
        reader = Reader()
        with self.db.cursor() as cursor:
            cursor.execute(DECODE.format(source=source))
            for _, record in cursor:
                reader.read(record)
        self.transactions += reader.end()
        self.calls += 1


class Streamer(threading.Thread):
    """A walsender; its frames are decoded afterwards."""

    def __init__(self, database, slot, *options):
        super().__init__(daemon=True)
        self.database, self.slot, self.options = database, slot, [("proto_version", "1"), *options]
        self.stop, self.failure, self.frames = threading.Event(), None, []

    def run(self):
        try:
            with Walsender(self.database.name, SPILL) as sender:
                sender.start(self.slot, self.options)
                self.stop.wait()
                self.frames = sender.receive(self.until)
                sender.stop()
        except BaseException as e:
            self.failure = e


class Follower(Streamer):
    """A walsender that is read all the time. While it streams transactions in progress, the server itself may raise an ERROR, before any callback, or
    the plugin, because the server lost changes to the catalogs; and again whenever it comes to that place. It is printed; what came before it has to be
    right."""

    @staticmethod
    def allowed(error):
        if "callback" in (error.context or ""):
            return "cannot decode a transaction in progress any further" in error.message
        return "could not map filenode" in error.message

    def run(self):
        self.errors = []
        try:
            while len(self.errors) < 3:
                try:
                    return self.session()
                except ServerError as e:
                    if ("streaming", "on") not in self.options or not self.allowed(e):
                        raise
                    self.errors.append(str(e))
            self.stop.wait()
        except BaseException as e:
            self.failure = e

    def session(self):
        self.frames = []
        with Walsender(self.database.name, SPILL) as sender:
            db = self.database.connect()
            sender.start(self.slot, self.options)
            while not self.stop.wait(0.1):
                until = self.database.value("SELECT pg_current_wal_flush_lsn()", session=db)
                sender.receive(lsn_number(until), frames=self.frames)
            sender.receive(self.until, frames=self.frames)
            sender.stop()


def read_frames(database, frames):
    reader = Reader()
    for _, frame in frames:
        for (record,) in database.rows("SELECT r::text FROM pgsync_decode(%s) r", (psycopg2.Binary(frame),)):
            reader.read(record)
    return reader


def peek(database, slot, *options):
    arguments = "".join(f", '{word}'" for pair in (("proto_version", "1"), *options) for word in pair)
    reader = Reader()
    source = f"pg_logical_slot_peek_binary_changes('{slot}', NULL, NULL{arguments}) WITH ORDINALITY"
    for _, record in database.rows(DECODE.format(source=source)):
        reader.read(record)
    return reader


def history_of(database):
    entries = {}
    for xid, *fields in database.rows("""SELECT xid::text::bigint, seq, op, relid::bigint, namespace::bigint, schema, tab, identity, key, ancestors, started, old, new
                                           FROM judge.history ORDER BY seq"""):
        *head, old, new = fields
        entries.setdefault(xid, []).append(Entry(xid, *head, old and parse(old), new and parse(new)))
    return History(entries, database.rows("SELECT seq, namespace::bigint, old, new, at FROM judge.renamed_schemas"))


def must_find(transactions, history):
    """The judge is judged: it has to find a swapped pair of columns, a lost row and a value of another column in what it has just accepted."""
    wide = next(t for t in transactions if any(c.op == "insert" and c.new[1] != c.new[2] for c in t.changes))
    at = next(n for n, c in enumerate(wide.changes) if c.op == "insert" and c.new[1] != c.new[2])

    def swap_names(changes):
        columns = changes[at].relation.columns
        columns[1], columns[2] = (columns[2][0], *columns[1][1:]), (columns[1][0], *columns[2][1:])

    def swap_values(changes):
        changes[at].new[1], changes[at].new[2] = changes[at].new[2], changes[at].new[1]

    def lose(changes):
        del changes[at]

    def rename(changes):
        changes[at].relation.table += "x"

    for falsify in (swap_names, swap_values, lose, rename):
        false = [copy.deepcopy(t) if t is wide else t for t in transactions]
        falsify(false[transactions.index(wide)].changes)
        with pytest.raises(Wrong):
            check(false, history, history.every)
    with pytest.raises(Wrong):
        check([t for t in transactions if t is not wide], history, history.every)


@pytest.mark.parametrize("seed", SEEDS)
def test_ddl_fuzz(database, seed):
    here = os.path.dirname(__file__)
    with open(f"{here}/history.sql", encoding="utf-8") as f:
        database.run(f.read())
    world = World()
    world.build(database.run)
    for slot in ("pulled", "followed", "late", "streamed", "after"):
        database.slot(slot)
    # A server with assertions may stop at one of its own here: see scripts/assert-server.
    streaming = os.environ.get("PGSYNC_FUZZ_STREAMING", "on") != "off"
    beside = [Puller(database, "pulled"), Follower(database, "followed"), Streamer(database, "late")]
    if streaming:
        beside.append(Follower(database, "streamed", ("streaming", "on")))
    for thread in beside:
        thread.start()
    sessions = run_sessions(database, seed, SECONDS, world, beside)

    until = lsn_number(database.value("SELECT pg_current_wal_flush_lsn()"))
    for thread in beside:
        thread.until = until
        thread.stop.set()
    for thread in beside:
        thread.join(180)
        assert not thread.is_alive(), f"decoding of slot {thread.slot} did not end"
        if thread.failure:
            raise AssertionError(f"decoding of slot {thread.slot}: {thread.failure}") from thread.failure

    history = history_of(database)
    puller, *senders = beside
    results, wrong = {}, []

    def judge(name, transactions, view, **how):
        try:
            results[name] = check(transactions, history, view, **how)
        except AssertionError as e:
            wrong.append(f"{name}: {e}")

    judge("get, while writing", puller.transactions, history.every)
    for sender in senders:
        reader = read_frames(database, sender.frames)
        given_up = len(getattr(sender, "errors", ())) == 3
        judge(f"walsender {sender.slot}", reader.transactions if given_up else reader.end(), history.every, complete=not given_up)
        if sender.slot == "streamed":
            assert reader.records.get("stream_start") or given_up, "no transaction was streamed"
            results["ERRORs of the server"] = sender.errors
            results["stream records"] = {k: v for k, v in reader.records.items() if "stream" in k or k == "subtransaction"}
    everything = peek(database, "after").end()
    judge("peek, afterwards", everything, history.every)
    # A listed column has to exist when decoding starts; at the points of the WAL it may not.
    database.run(*(f"ALTER TABLE fz.fixed ADD COLUMN IF NOT EXISTS {column} int" for column in ("a", "n", "m")))
    listed = peek(database, "after", ("tables", TABLES))
    judge("peek with a list", listed.end(), history.listed(LISTED), truncates=False)
    if wrong:
        renamed = "\n".join(map(str, database.rows("SELECT seq, namespace, old, new FROM judge.renamed_schemas ORDER BY seq")))
        pytest.fail(f"seed {seed}\n" + "\n".join(wrong) + f"\nrenamed schemas (seq, oid, old, new):\n{renamed}\nright: {results}")
    must_find(everything, history)

    print(f"\nseed {seed}: {SECONDS} s, {puller.calls} calls of get; " + ", ".join(
        f"{s.name} {s.done} done {s.committed} committed {dict(sorted(s.unexpected.items()))}" for s in sessions))
    for name, counts in results.items():
        print(f"  {name}: {counts}")
    assert results["peek, afterwards"]["changes"] > 100 * SECONDS, "too little happened to show anything"
    assert results["peek with a list"]["changes"] > 10 * SECONDS, "too little happened in the listed tables"
