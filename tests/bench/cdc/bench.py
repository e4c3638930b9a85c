"""Changes that wait in a slot, and how fast they are applied: by the daemon, as often as wanted, and by PGSync."""
import datetime
import json
import pathlib
import re
import subprocess
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent))

from lib.server import CANARY, PEER, BenchServer, program, wait_for  # noqa: E402
from harness.ndjson import NdjsonTarget  # noqa: E402

SLOT = "ours"


class Bench(BenchServer):
    """`queue` is memory or redis: a private server, as empty before every measurement as after it."""

    def __init__(self, consumer, plugin_dir, with_peer=False, queue="memory"):
        super().__init__(consumer, plugin_dir, with_peer, queue == "redis")

    def queue_url(self):
        if not self.with_redis:
            return "memory:"
        self.redis.flushall()
        return self.redis.url

    # ---- changes ----
    def make(self, workload, database):
        """Tables, and a slot that has seen them."""
        self.fill(workload.tables.format(roots=workload.roots, reviews=workload.reviews * workload.roots), database)
        self.bootstrap(workload, database, "--slot", SLOT)

    def write(self, workload, database, first, last):
        self.server.psql(database, "-c", workload.sql(first, last, workload.roots))

    def write_all(self, workload, database):
        """Writes all changes. Slots `keep_N` wait before the last N of them and are only ever copied; returns the positions of these.
        What a reader finds is what was just written: neither vacuumed nor seen by anybody."""
        keep = lambda n: f"keep_{n}"  # noqa: E731
        sizes = sorted({workload.changes, *workload.tails}, reverse=True)
        written, kept = 0, {}
        for size in sizes:
            if workload.changes - size > written:
                self.write(workload, database, written + 1, workload.changes - size)
                written = workload.changes - size
            self.flushed()
            self.server.rows(database, "SELECT pg_create_logical_replication_slot(%s, 'pgsync')", (keep(size),))
            kept[size] = self.server.confirmed(keep(size))
        self.write(workload, database, written + 1, workload.changes)
        self.flushed()
        return kept

    def flushed(self):
        """Commits are asynchronous here, and only what is flushed is sent."""
        end = self.server.value("postgres", "SELECT pg_current_wal_insert_lsn() - '0/0'")
        wait_for("the WAL to be flushed", lambda: self.server.wal_position() >= end, 60)

    # ---- our side ----
    def once(self, workload, database, target, log):
        with open(log, "w") as f:
            return self.measured([program.binary(), "run", "--once", "--target", target, "--queue", self.queue_url(), "--slot", SLOT, "--log-format",
                                  "json", self.schema(workload, database)], self.environment(), stdout=f, stderr=f)

    def load(self, workload, database):
        """The documents as they are now, loaded into nothing; what is kept is that they were."""
        state = self.home / f"{database}.state"
        self.once(workload, database, f"null:{state}", self.home / "load.log")
        return json.loads(state.read_text())

    def pgsync(self, workload, database, size, state, position):
        """Applies the last `size` changes. The slot and the index's state are put where they were before them. Seconds are those between the
        words "streaming slot" and "stopped at", at which everything is recorded and acknowledged."""
        self.server.rows(database, "SELECT pg_drop_replication_slot(%s)", (SLOT,))
        self.server.rows(database, "SELECT pg_copy_logical_replication_slot(%s, %s)", (f"keep_{size}", SLOT))
        end = self.server.wal_position()
        for index in state["indices"].values():
            index["applied"] = f"{int(position) >> 32:X}/{int(position) & 0xFFFFFFFF:X}"
        file, words = self.home / f"{database}.state", self.home / "consumer.log"
        file.write_text(json.dumps(state))
        sample = self.once(workload, database, f"null:{file}", words)
        times = {}
        for line in words.read_text().splitlines():
            entry = json.loads(line)
            found = re.search(r"(streaming slot|stopped at) .*?(?:; (\d+) changes received and (\d+) documents built|$)", entry["message"])
            if found:
                times[found[1]] = datetime.datetime.fromisoformat(entry["time"]).timestamp()
                received, documents = int(found[2] or 0), int(found[3] or 0)
        confirmed = self.server.confirmed(SLOT)
        if len(times) != 2 or received != size or confirmed < end:
            raise RuntimeError(f"{size} changes up to {end} were not all applied (slot: {confirmed}):\n{words.read_text()}")
        seconds = times["stopped at"] - times["streaming slot"]
        return {**sample, "process_seconds": sample["seconds"], "seconds": seconds, "changes": size, "documents": documents}

    def verify(self, workload, database):
        """Loads, writes all changes, applies them; then every document equals the one that PostgreSQL's own JSON functions make of the tables,
        and the change was one. Returns the number of documents that differ from before."""
        file = self.home / "documents.ndjson"
        target, log, documents = NdjsonTarget(file), self.home / "verify.log", lambda: target.documents(f"bench_{workload.name}")
        self.once(workload, database, target.url, log)
        before = documents()
        loaded = file.stat().st_size
        self.write(workload, database, 1, workload.changes)
        self.flushed()
        self.once(workload, database, target.url, log)
        after = documents()
        expected = {str(d["id"]): d for d, in self.server.rows(database, workload.shape[1])}
        wrong = [i for i in {*after, *expected} if after.get(i) != expected.get(i)]
        changed = sum(before.get(i) != after.get(i) for i in {*before, *after})
        if wrong or len(before) != workload.roots or not changed or file.stat().st_size == loaded:
            raise RuntimeError(f"{workload.name}: {len(after)} documents, {len(expected)} expected, {changed} changed, different: {wrong[:5]}")
        for path in self.home.glob("documents.ndjson*"):
            path.unlink()
        return changed

    # ---- PGSync ----
    def peer_slot(self, workload, database):
        self.server.rows(database, "SELECT pg_create_logical_replication_slot(%s, 'test_decoding')", (f"{database}_bench_{workload.name}",))

    def peer(self, workload, database):
        """PGSync's --wal mode over the same changes, into a sink that encodes and drops. By its own clock, which begins with the first document."""
        out = self.home / "peer.json"
        env = {**self.environment(), "REDIS_HOST": "127.0.0.1", "REDIS_PORT": str(self.redis.port), "LC_ALL": "C.UTF-8", "PGPASSWORD": CANARY}
        with open(out, "w") as f:
            sample = self.measured([self.python, PEER / "pgsync_peer.py", "wal", "--documents", workload.changes, self.schema(workload, database)],
                                   env, stdout=f, stderr=subprocess.DEVNULL)
        figures = json.loads(out.read_text().splitlines()[-1])
        if figures["documents"] != workload.changes:
            raise RuntimeError(f"PGSync built {figures['documents']} documents of {workload.changes}")
        return {**sample, "process_seconds": sample["seconds"], "seconds": figures["seconds"], "client_cpu_s": figures["client_cpu_s"],
                "changes": workload.changes, "documents": figures["documents"]}
