"""One test's world: a database copied from a dataset, a target, a queue, and the daemon between them."""

from . import consumer as program
from . import oracle
from .processes import wait_for
from .sqlite import SqliteTarget


class Scenario:
    def __init__(self, server, directory):
        self.server = server
        self.dir = directory
        self.consumers = []
        self.data = None
        self.target = None
        self.queue = "memory:"
        self.schema = None
        self._logs = 0

    # ---- setting up ----
    def use(self, data, target=None, queue=None):
        """Copies the dataset's database; the target is a new SQLite file if none is given."""
        self.data = data
        self.schema = data.schema
        self.server.create_database(data.database, data.template)
        self.target = target or SqliteTarget(self.dir / "documents.db")
        if queue is not None:
            self.queue = queue
            if not isinstance(queue, str):
                queue.flushall()
                self.queue = queue.url
        return self

    def options(self, target=True, queue=True):
        out = [self.schema]
        if target:
            out += ["--target", self.target.url]
        if queue:
            out += ["--queue", self.queue]
        return out

    def new_log(self, name):
        self._logs += 1
        return self.dir / f"consumer-{self._logs:02}-{name}.log"

    # ---- the program ----
    def command(self, name, *args, env=None, timeout=120, server=True, **options):
        """Runs one command with the scenario's schema, target and queue."""
        # A queue is nothing to validate, plan or preview; they need not know it.
        what = [name, *self.options(**options), *args]
        return program.run(what, program.environment(self.server if server else None, env), self.dir, self.new_log(name), timeout)

    def bare(self, *args, env=None, timeout=60, server=True):
        """Runs the program with exactly these arguments."""
        return program.run(args, program.environment(self.server if server else None, env), self.dir, self.new_log("bare"), timeout)

    def bootstrap(self):
        self.command("bootstrap", "--apply").expect(0)
        return self

    def run_once(self, *args, timeout=300):
        return self.command("run", "--once", *args, timeout=timeout)

    def start(self, *args, env=None, prefix=()):
        daemon = program.Consumer(["run", *self.options(), *args], program.environment(self.server, env), self.dir,
                                  self.new_log("run"), prefix)
        self.consumers.append(daemon)
        return daemon.start()

    # ---- events ----
    def confirmed(self):
        return self.server.confirmed(self.data.slot)

    def wait_loaded(self, daemon, timeout=180):
        def loaded():
            daemon.must_run()
            state = self.target.state(self.data.index)
            return state and state.get("load", {}).get("complete")
        wait_for(lambda: f"the load to be complete; state: {self.target.state(self.data.index)}", loaded, timeout, 0.1)

    def wait_acknowledged(self, daemon, position=None, timeout=120):
        """Until the slot confirms everything committed before this call. Then the target holds it."""
        position = position if position is not None else self.server.wal_position()

        def reached():
            daemon.must_run()
            return (self.confirmed() or 0) >= position
        wait_for(lambda: f"confirmed_flush_lsn to reach {position}; it is {self.confirmed()}", reached, timeout)

    def wait_synced(self, daemon, timeout=180):
        self.wait_loaded(daemon, timeout)
        self.wait_acknowledged(daemon, timeout=timeout)

    def wait_settled_stream(self, daemon, timeout=60):
        """Until the session that follows the load streams: the one during it is another. Returns what `walsender` does."""
        def settled():
            daemon.must_run()
            return "streaming slot" in daemon.text().partition("leaving out what touches nothing")[2]
        wait_for(lambda: f"the stream to go on after the load; {daemon.text()[-1000:]}", settled, timeout)
        return self.walsender()

    def walsender(self):
        """The pid of the server's process that streams the slot, None if nobody does."""
        return self.server.value("postgres", "SELECT active_pid FROM pg_replication_slots WHERE slot_name = %s", (self.data.slot,))

    def wait_count_between(self, daemon, low, high, timeout=120):
        """Until the target holds at least `low` documents; fails if it was too quick for us and holds more than `high`."""
        def enough():
            daemon.must_run()
            count = self.target.count(self.data.index)
            return count if count >= low else None
        count = wait_for(f"{low} documents in the target", enough, timeout, 0.005)
        assert count <= high, f"the middle was missed: {count} documents are there already, wanted {low} to {high}"
        return count

    # ---- doing and judging ----
    def sql(self, text, args=None):
        return self.server.rows(self.data.database, text, args)

    def assert_equal(self):
        return oracle.assert_equal(self.server, self.data.database, self.data.query, self.target, self.data.index)

    def document(self, id):
        return self.target.document(self.data.index, str(id))

    def end(self):
        for daemon in self.consumers:
            daemon.end()
        if self.data and self.server.is_running():
            self.server.drop_database(self.data.database)
