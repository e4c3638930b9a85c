"""What a load costs does not grow with the table: memory, the age of its transactions, the WAL that waits for it, and time per row.

PGSYNC_LOAD_ROWS rows are loaded into nothing while others write (default 1,200,000). From 2,000,000 on, the last tenth has to be as quick as the first.
With fewer a tenth is over before its time says anything, the less beside other tests: then what is compared is the processor time, ours and our
sessions', of the two halves."""
import json
import os
import pathlib
import re
import statistics
import threading
import time

from harness.daemon import Daemon
from harness.postgres import ROLE
from harness.processes import wait_for

ROWS = int(os.environ.get("PGSYNC_LOAD_ROWS", "1200000"))
JUDGED_ROWS = 2_000_000
MOST_MEMORY_MB = 256
MOST_GROWTH_MB = 24
# A chunk that takes longer from its snapshot to its end is followed by smaller ones; reading is a part of that.
LONGEST_TRANSACTION_S = 4
TABLES = """
CREATE TABLE item (id bigint PRIMARY KEY, name text NOT NULL, code int, price numeric(8,2), seen timestamptz, good boolean, note text);
INSERT INTO item SELECT i, 'item ' || md5(i::text), i % 1000, i % 100000 / 100.0, timestamptz '2020-01-01' + i * interval '1 s', i % 2 = 0, 'note'
  FROM generate_series(1, {rows}) i;
"""
NODES = {"table": "item", "columns": ["id", "name", "code", "price", "seen", "good"]}


class NullTarget:
    """Documents go nowhere; how far the load is, is told by the file of states."""

    def __init__(self, path):
        self.path = pathlib.Path(path)
        self.url = f"null:{self.path}"

    def state(self, index):
        return json.loads(self.path.read_text())["indices"].get(index) if self.path.exists() else None


class Data:
    database, index, slot, template = "scale", "item", "scale_item", "template0"

    def __init__(self, schema):
        self.schema = schema


class Writer(threading.Thread):
    """One transaction after the other, each with 50 rows from anywhere in the table."""

    def __init__(self, server):
        super().__init__(daemon=True)
        self.server, self.stop, self.error, self.rounds = server, threading.Event(), None, 0

    def run(self):
        try:
            with self.server.connect("scale", ROLE) as c, c.cursor() as cur:
                while not self.stop.is_set():
                    self.rounds += 1
                    first = 1 + self.rounds * 7919 * 50 % ROWS
                    cur.execute("UPDATE item SET code = code + 1, name = 'changed ' || %s WHERE id BETWEEN %s AND %s",
                                (self.rounds, first, first + 49))
                    self.stop.wait(0.01)  # otherwise the load and the stream get no processor
        except Exception as e:  # noqa: B902 - told by whoever stops it
            self.error = e

    def end(self):
        self.stop.set()
        self.join(60)
        assert self.error is None, self.error
        assert self.rounds > 5


# Of our sessions: the oldest transaction, and by how many transactions the oldest snapshot is behind. And what the slot keeps.
COST = f"""
SELECT (SELECT coalesce(extract(epoch FROM max(clock_timestamp() - xact_start)), 0)::float8 FROM pg_stat_activity
        WHERE datname = 'scale' AND usename = '{ROLE}' AND application_name = 'pgsync-consumer' AND backend_type = 'client backend'),
       (SELECT coalesce(extract(epoch FROM max(clock_timestamp() - xact_start)), 0)::float8 FROM pg_stat_activity
        WHERE datname = 'scale' AND usename = '{ROLE}' AND application_name = 'pgsync-consumer' AND backend_xmin IS NOT NULL),
       (SELECT (pg_current_wal_lsn() - restart_lsn)::int8 FROM pg_replication_slots WHERE slot_name = 'scale_item'),
       (pg_current_wal_lsn() - '0/0')::int8,
       (SELECT array_agg(pid) FROM pg_stat_activity WHERE datname = 'scale' AND usename = '{ROLE}' AND application_name = 'pgsync-consumer')
"""


def processor_seconds(pid):
    """Of all its threads; 0 for who has just gone."""
    try:
        return sum(int(t.read_text().split()[0]) for t in pathlib.Path(f"/proc/{pid}/task").glob("*/schedstat")) / 1e9
    except OSError:
        return 0


class Sample:
    def __init__(self, cursor, process, target, began):
        cursor.execute(COST)
        self.transaction, self.snapshot, self.kept, self.wal, sessions = cursor.fetchone()
        self.sessions = len(sessions or [])
        self.processor = processor_seconds(process.pid) + sum(processor_seconds(pid) for pid in sessions or [])
        status = pathlib.Path(f"/proc/{process.pid}/status").read_text()
        self.memory = int(re.search(r"VmRSS:\s+(\d+) kB", status)[1]) / 1024
        load = (target.state("item") or {}).get("load", {})
        self.done, self.complete, self.time = load.get("documents", 0), load.get("complete", False), time.monotonic() - began


def until(samples, share, what="time"):
    """Until that share was loaded, in a straight line between the two samples around it."""
    wanted, before = samples[-1].done * share, None
    for sample in samples:
        if sample.done >= wanted:
            there = getattr(sample, what)
            if before is None or sample.done == before.done:
                return there
            return getattr(before, what) + (there - getattr(before, what)) * (wanted - before.done) / (sample.done - before.done)
        before = sample
    raise AssertionError(f"{share} is more than all")


def test_a_large_table_costs_no_more_at_its_end_than_at_its_start(scenario, work):
    schema = pathlib.Path(work) / "schema.json"
    schema.write_text(json.dumps([{"database": "scale", "index": "item", "nodes": NODES}]))
    scenario.use(Data(schema), NullTarget(pathlib.Path(work) / "states.json"))
    with scenario.server.connect("scale", ROLE) as c, c.cursor() as cur:
        cur.execute(TABLES.format(rows=ROWS))
    scenario.sql("VACUUM (ANALYZE)")
    scenario.server.rows("postgres", "CHECKPOINT")
    scenario.bootstrap()
    writer = Writer(scenario.server)
    writer.start()
    samples = []
    try:
        daemon = Daemon(scenario, "--workers", 2, env={
            "PGSYNC_DEVELOPER": "record_ms=50", "BLOCK_SIZE": min(20480, ROWS // 100)})
        began = time.monotonic()
        with scenario.server.connect("scale") as c, c.cursor() as cur:
            def loaded():
                daemon.process.must_run()
                samples.append(Sample(cur, daemon.process, scenario.target, began))
                return samples[-1].complete
            wait_for(lambda: f"the load; {samples[-1].done} documents so far", loaded, 60 + ROWS / 5000, 0.03)
        peak = daemon.peak_memory() / 2**20
    finally:
        writer.end()
    scenario.wait_acknowledged(daemon.process)

    # Progress is told from the first chunks on: a tenth of the table from there, and the last one.
    total = samples[-1].done
    assert total >= 0.9 * ROWS, "rows that moved to new pages come by the stream, but these are few"
    begun = next(s for s in samples if s.done > 0)
    rate_first = total * 0.1 / (until(samples, begun.done / total + 0.1) - begun.time)
    rate_last = total * 0.1 / (until(samples, 1) - until(samples, 0.9))
    middle = (1 + begun.done / total) / 2
    work_first = until(samples, middle, "processor") - begun.processor
    work_last = until(samples, 1, "processor") - until(samples, middle, "processor")
    # What is in flight goes up and down by 30 MB within a second; what is kept for good moves the middle.
    early = statistics.median(s.memory for s in samples if 0 < s.done <= total * 0.25)
    late = statistics.median(s.memory for s in samples if s.done >= total * 0.75)
    transaction, snapshot = max(s.transaction for s in samples), max(s.snapshot for s in samples)
    kept, written = max(s.kept for s in samples) / 2**20, (samples[-1].wal - samples[0].wal) / 2**20
    print(f"{ROWS:,} rows in {samples[-1].time:.1f} s beside {writer.rounds:,} transactions; documents/s: first tenth "
          f"{rate_first:,.0f}, last {rate_last:,.0f}; "
          f"processor seconds: first half {work_first:.2f}, second {work_last:.2f}; "
          f"median memory MB: {early:.0f} in the first quarter, {late:.0f} in the last, peak {peak:.0f}; "
          f"oldest transaction {transaction:.2f} s, snapshot {snapshot:.2f} s; WAL written {written:.0f} MB, kept at most {kept:.0f} MB; "
          f"sessions {max(s.sessions for s in samples)}")
    assert peak <= MOST_MEMORY_MB
    assert late <= early + MOST_GROWTH_MB
    assert max(transaction, snapshot) <= LONGEST_TRANSACTION_S
    # The slot's position moves when it is confirmed and running transactions were logged, every 15 s.
    assert kept <= max(64, written / 4)
    # Two for each worker; the loader, the stream, and those that look at the slot, at WAL, tables and transactions.
    assert max(s.sessions for s in samples) <= 2 * 2 + 8
    assert work_last <= 1.5 * work_first
    if ROWS >= JUDGED_ROWS:
        assert rate_last >= 0.9 * rate_first
    daemon.process.terminate()
