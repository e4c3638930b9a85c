"""One run of convergence: a random database and schema file, the daemon loading and following while several sessions write, faults
meanwhile; when the writers have ended and the slot confirms all of it, the target holds what the oracle reads from the tables.

A seed decides the database, the file, what each session does, sizes and faults. How they interleave it does not: what happened is
written into the failure's folder, and if the same transactions one after the other fail, too, that is made smaller.
"""
import json
import random
import re
import shutil
import time
import urllib.request

from . import consumer as program
from . import random_case, random_database, random_oracle, random_schema, random_writers
from .postgres import ROLE
from .processes import free_port, wait_for
from .random_case import DATABASE, Problem, all_nodes, difference
from .sqlite import SqliteTarget
from .visibility import Lag

LAG_SECONDS = 0.3
STALLED_SECONDS, LONGEST_SECONDS = 120, 1800
ROW_LIMITS = [0, 1, 4, 8, 14, 20, 30]
# Of the server: prepared transactions, transactions sent before they end, deadlocks that are noticed soon.
SETTINGS = {"max_prepared_transactions": 40, "logical_decoding_work_mem": "'64kB'", "deadlock_timeout": "'30ms'", "autovacuum": "off"}


class Case(random_case.Case):
    """`sessions`: what several sessions do at once (random_writers), or None: then `changes` are done, one after the other."""

    def __init__(self, database, schema, plan, sessions, changes=()):
        super().__init__(database, schema, changes)
        self.plan, self.sessions = plan, sessions


class Plan:
    """How the daemon runs, and what happens to it."""

    def __init__(self, rng, **fixed):
        self.queue = rng.choice(["memory", "redis"])
        self.workers = rng.choice([1, 2, 3, 4])
        self.writers = rng.choice([1, 2, 3, 4])
        self.keys_per_chunk = rng.choice([1, 2, 3, 7, 30, 5000])
        self.rows_per_chunk = rng.choice([1, 3, 10, 20480])
        self.spool_memory = rng.choice([0, 64])
        self.batch_bytes = rng.choice([1, 100, 1000, 262144])
        self.take_bytes = rng.choice([1, 100, 1000, 524288])
        self.shuffle = rng.choice([0, rng.randrange(1, 1 << 31)])
        self.start_late = rng.random() < 0.3  # the daemon starts when the writers are at work
        # At which share of the transactions what happens.
        self.faults = [(rng.random(), rng.choice(["kill -9", "kill -9", "SIGTERM", "flush", "walsender"]))] if rng.random() < 0.3 else []
        self.late_commits = False  # nobody sees some commits for a while (visibility.py)
        for name, value in fixed.items():
            assert hasattr(self, name), name
            setattr(self, name, value)

    def __repr__(self):
        return ", ".join(f"{k} {v}" for k, v in vars(self).items())


def case_of(seed, **fixed):
    rng = random.Random(f"convergence {seed}")
    plan = Plan(rng, **fixed)
    database = random_database.make(rng, ROW_LIMITS)
    schema = random_schema.make(rng, database, DATABASE, random_schema.FEATURES | {random_schema.LOOKUP})
    tables = {random_database.full_name(t): t for t in database["tables"]}
    for node in (n for d in schema for n in all_nodes(d["nodes"])):
        if "primary_key" in node:  # a view: only then are its changes followed
            node["base_tables"] = [tables[f"{node.get('schema', 'public')}.{node['table']}"]["source"]]
    return Case(database, schema, plan, random_writers.draw(rng, database, plan.writers))


class Runner(random_case.Runner):
    """`server` has SETTINGS. `redis`: a RedisServer, emptied for every run."""

    def __init__(self, server, redis, directory):
        super().__init__(server, directory)
        self.kept = random_case.KEPT_LOGS.with_name("convergence")
        shutil.rmtree(self.kept, ignore_errors=True)
        self.redis = redis
        self.runs = self.faults = self.transactions = self.streamed = self.late = self.invisible = 0
        self.history = ""

    def clear(self):
        for gid, in self.server.rows(DATABASE, "SELECT gid FROM pg_prepared_xacts WHERE database = current_database()"):
            self.server.rows(DATABASE, f"ROLLBACK PREPARED '{gid}'")
        super().clear()

    def run(self, case, replays=(), spoil=None):
        """Returns None, or the Problem. `replays`: for each, the stream is read again from its beginning, up to that share of it.
        `spoil(self, case)` is called when the daemon has ended."""
        self.folder = self.dir / "case"
        shutil.rmtree(self.folder, ignore_errors=True)
        self.folder.mkdir()
        (self.folder / "setup.sql").write_text(random_database.setup_sql(case.database))
        (self.folder / "schema.json").write_text(json.dumps(case.schema, ensure_ascii=False, indent=1))
        self.clear()
        self.redis.flushall()
        self.server.psql(DATABASE, "-f", self.folder / "setup.sql")
        self.target = SqliteTarget(self.folder / "documents.db")
        self.plan, self.daemon, self.history, self.committed = case.plan, None, "", []
        words = ["schema.json", "--target", self.target.url, "--queue", "memory:" if self.plan.queue == "memory" else self.redis.url]
        self.options = [*words, "--workers", self.plan.workers, "--spool-memory", self.plan.spool_memory]
        if self.plan.late_commits:
            self.port = free_port()
            self.options += ["--http", self.port]
        done = program.run(["bootstrap", "--apply", *words], self.environment(), self.folder, self.folder / "consumer.log", 60)
        if done.status:
            return Problem("exit of bootstrap", f"bootstrap ended with {done.status}: {random_case.lines_of_error(done.output)}")
        self.slot = self.server.value(DATABASE, "SELECT slot_name FROM pg_replication_slots WHERE database = current_database()")
        if replays:
            self.server.rows(DATABASE, "SELECT pg_copy_logical_replication_slot(%s, 'beginning')", (self.slot,))
        try:
            return self.follow(case, replays, spoil)
        finally:
            if self.daemon:
                self.daemon.end()

    def follow(self, case, replays, spoil):
        sessions = case.sessions
        if sessions is None:
            sessions = [[{"isolation": "READ COMMITTED", "guarded": True, "steps": [s for s in t if s != "ROLLBACK"], "later": 0,
                          "end": "ROLLBACK" if t[-1:] == ["ROLLBACK"] else "COMMIT"} for t in case.changes]]
        commits = [["local" if (i + j) % 2 else "on" for j in range(len(s))] for i, s in enumerate(sessions)] if self.plan.late_commits else None
        writers = random_writers.Writers(self.server, DATABASE, sessions, commits)
        try:
            if not self.plan.start_late:
                self.start()
            writers.start()
            if self.plan.start_late:
                self.start()
            for share, fault in self.plan.faults:
                writers.wait_ended(int(share * writers.total()))
                self.fault(fault)
            if self.plan.late_commits:
                self.delay_commits(writers)
            writers.join()
            position = self.server.wal_position()
            self.wait_confirmed(position)
            if self.plan.late_commits:
                self.invisible += self.invisible_snapshots()
            status = self.daemon.terminate()
            self.replayed = 0
            for share in replays if not status else ():
                status = self.replay(share, position)
            if status:
                return Problem(f"exit {status}", f"SIGTERM was answered with {status}: {self.daemon.text()[-400:]}")
        except (AssertionError, TimeoutError) as e:  # it crashed, gave up, or does not come to an end
            lines = str(e).splitlines()
            last = [line for line in self.daemon.text().splitlines() if line.strip()][-4:] if self.daemon else []
            return Problem("end of run: " + lines[0][:60], "\n".join([lines[0], *last]))
        finally:
            self.history = writers.script()
            self.committed = writers.committed
        if spoil:
            spoil(self, case)
        self.transactions += writers.ended
        self.changes += writers.accepted
        self.faults += len(self.plan.faults)
        self.streamed += self.server.value(DATABASE, f"SELECT coalesce(sum(stream_txns), 0)::int FROM pg_stat_replication_slots WHERE slot_name = '{self.slot}'")
        self.runs += 1
        return self.judge(case)

    def environment(self):
        developer = f"batch_bytes={self.plan.batch_bytes} take_bytes={self.plan.take_bytes} shuffle={self.plan.shuffle} record_ms=30"
        extra = {"PGSYNC_DEVELOPER": developer, "FILTER_CHUNK_SIZE": self.plan.keys_per_chunk, "BLOCK_SIZE": self.plan.rows_per_chunk, "LOG_INTERVAL": 60, "TMPDIR": self.folder}
        return program.environment(self.server, extra)

    def start(self):
        self.daemon = program.Consumer(["run", *self.options], self.environment(), self.folder, self.folder / "consumer.log")
        seen = self.streams()
        self.daemon.start()
        self.is_up = lambda: self.daemon.must_run() and self.streams() > seen

    def streams(self):
        return self.daemon.text().count("streaming slot") if self.daemon.log.exists() else 0

    def fault(self, kind):
        wait_for("the daemon to stream", self.is_up)
        if kind == "kill -9":
            self.daemon.kill9()
            self.start()
        elif kind == "SIGTERM":
            status = self.daemon.terminate()
            assert status == 0, f"SIGTERM was answered with {status}"
            self.start()
        elif kind == "flush":
            self.redis.flushall()
        else:
            self.server.rows("postgres", "SELECT pg_terminate_backend(active_pid) FROM pg_replication_slots WHERE active")

    def delay_commits(self, writers):
        """Until the writers have ended: no commit is seen until all of them wait, or one more of those that need not has ended."""
        lag = Lag(self.server)
        while writers.running():
            lag.begin()
            try:
                ended = writers.ended
                writers.wait_ended(ended + 2, LAG_SECONDS, must=False)
                self.late += lag.waiting() - 1  # one is the lag's own
            finally:
                lag.end()

    def invisible_snapshots(self):
        with urllib.request.urlopen(f"http://127.0.0.1:{self.port}/metrics", timeout=10) as answer:
            found = re.search(r"^pgsync_build_invisible_total (\d+)", answer.read().decode(), re.M)
        return int(found.group(1)) if found else 0

    def replay(self, share, position):
        """The stream once more into the same documents, from the beginning up to a share of it. Returns the exit status."""
        start = self.server.value(DATABASE, "SELECT confirmed_flush_lsn FROM pg_replication_slots WHERE slot_name = 'beginning'")
        self.server.rows(DATABASE, "SELECT pg_drop_replication_slot(%s)", (self.slot,))
        self.server.rows(DATABASE, "SELECT pg_copy_logical_replication_slot('beginning', %s)", (self.slot,))
        self.target.go_back(start)
        self.redis.flushall()
        first = self.server.confirmed(self.slot)
        assert first < position
        self.plan.shuffle += self.plan.shuffle > 0
        self.start()
        end = first + int(share * int(position - first))
        self.wait_confirmed(end)
        self.replayed += end - first
        if share == 1:
            return self.daemon.terminate()
        self.daemon.kill9()
        self.wait_free()
        return 0

    def wait_free(self):
        """Until the walsender of a daemon that was killed has noticed."""
        active = "SELECT bool_or(active) FROM pg_replication_slots WHERE database = current_database()"
        wait_for("the slot to be free", lambda: not self.server.value(DATABASE, active))

    def wait_confirmed(self, position):
        """Tiny chunks of very many documents take their time, the more so on a busy machine: as long as something is written, we wait."""
        seen, since = None, time.monotonic()

        def reached():
            nonlocal seen, since
            self.daemon.must_run()
            confirmed = self.server.confirmed(self.slot) or 0
            if confirmed >= position and not self.target.indexes_loading():
                return True
            now = (confirmed, self.target.written())
            if now != seen:
                seen, since = now, time.monotonic()
            assert time.monotonic() < since + STALLED_SECONDS, f"nothing was written or confirmed for {STALLED_SECONDS} s; {what()}"
            return False

        def what():
            return (f"the load of {self.target.indexes_loading()}, and confirmed_flush_lsn of {self.slot} to reach {position}; it is "
                    f"{self.server.confirmed(self.slot)}")
        wait_for(what, reached, LONGEST_SECONDS)

    # ---- judging ----
    def judge(self, case):
        expected = self.expected(case)
        actual = {(index, id): random_oracle.parse(body) for index, id, body in self.target.bodies()}
        for document in actual.values():
            document.pop("_pgsync", None)  # of "lookup": how documents are found again
        unseen = {d["index"] for d in case.schema if any(self.by_view(node, case) for node in all_nodes(d["nodes"]))}
        expected, actual = ({k: v for k, v in side.items() if k[0] not in unseen} for side in (expected, actual))
        report = difference(expected, actual)
        self.documents += len(expected)
        return Problem("difference", report, expected, actual) if report else None

    @staticmethod
    def by_view(node, case):
        """Has it a junction that is a view? Nothing says which tables are behind that, so changes there are not seen."""
        for through in (node.get("relationship") or {}).get("through_tables") or []:
            named = through if isinstance(through, str) else f"{through.get('schema') or node.get('schema', 'public')}.{through['table']}"
            full = named if "." in named else f"{node.get('schema', 'public')}.{named}"
            return random_database.index_of(case.database)[full]["kind"] != "table"
        return False

    def expected(self, case):
        with self.server.connect(DATABASE, ROLE) as c, c.cursor() as cursor:
            for table in case.database["tables"]:
                if table["kind"] == "matview":
                    cursor.execute(f"REFRESH MATERIALIZED VIEW {random_database.quoted(table)}")
            cursor.execute("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY")
            return random_oracle.expected(cursor, case.schema, case.database)

    # ---- failures ----
    def keep(self, name, case, problem, minimise):
        """As found; then, if the same transactions one after the other fail as well, that made smaller."""
        alone = Case(case.database, case.schema, case.plan, None, self.committed)
        self.write(self.kept / name, case, problem)
        again = self.run(alone) if minimise else None
        if again:
            super().keep(f"{name}-alone", alone, again, True)
        elif minimise:
            print(f"{name}: does not fail one after the other; {self.kept / name}/history.sql is what happened")

    def write(self, folder, case, problem):
        super().write(folder, case, problem)
        (folder / "plan.txt").write_text(f"{case.plan!r}\n")
        (folder / "history.sql").write_text(self.history)
