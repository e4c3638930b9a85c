"""The ways to load the documents, into nothing and into a real engine, each measured alike."""
import contextlib
import datetime
import json
import os
import pathlib
import re
import subprocess
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent))

from lib.bulk import cpu_of, curl, fresh_index, held, split  # noqa: E402
from lib.server import CANARY, PEER, ROLE, BenchServer, program  # noqa: E402
from harness import oracle  # noqa: E402
from harness.engine import Engine  # noqa: E402
from harness.http import request  # noqa: E402
from harness.ndjson import NdjsonTarget  # noqa: E402
from harness.postgres import bin_dir  # noqa: E402
from harness.processes import children_of, run  # noqa: E402

# Into nothing, then into the engine. Those of PGSync, slow as it is, load fewer documents.
DRY, WET = ("pgsync", "copy", "peer"), ("pgsync-engine", "replay", "peer-engine", "parallel_sync", "pgsync-apart", "replay-apart")
PEERS = ("peer", "peer-engine", "parallel_sync")
VARIANTS = DRY + WET
BODY_BYTES = 5 << 20  # as the daemon's
OWN_SETTINGS = ("number_of_shards", "number_of_replicas", "analysis")


def confine(pids, processors):
    for pid in pids:
        for task in pathlib.Path(f"/proc/{pid}/task").iterdir():
            try:
                os.sched_setaffinity(int(task.name), processors)
            except ProcessLookupError:
                pass  # it has just ended


class Bench(BenchServer):
    """Owns servers and their directory: a context manager that leaves nothing behind."""

    def __init__(self, consumer, plugin_dir, variants, workers, flavour):
        super().__init__(consumer, plugin_dir, any(v in PEERS for v in variants))
        self.workers = workers
        self.engine = Engine(self.home / "engine", flavour) if any(v in WET for v in variants) else None
        self.bodies, self.body_bytes, self.replayed = [], 0, {}

    def __enter__(self):
        super().__enter__()
        try:
            if self.engine:
                self.engine.start()
                self.fresh_engine()
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *how):
        if self.engine and (self.engine.dir / "node.pid").exists():
            self.engine.stop()
        super().__exit__(*how)

    def about(self):
        found = super().about()
        if self.engine:
            version = request("GET", self.engine.url)["version"]
            found["engine"] = f"{version.get('distribution', 'elasticsearch')} {version['number']}"
        return found

    # ---- ours ----
    def load(self, workload, database, roots, target):
        """The daemon's own initial load. Seconds are those between its words "loading" and "loaded"."""
        words = self.home / "consumer.log"
        with open(words, "w") as f:
            sample = self.measured([program.binary(), "load", "--target", target, "--queue", "memory:", "--workers", self.workers,
                                    "--log-format", "json", self.schema(workload, database)], self.environment(), stdout=f, stderr=f)
        times, documents = {}, 0
        for line in words.read_text().splitlines():
            entry = json.loads(line)
            found = re.search(r"index \S+: (loading|loaded, (\d+) documents)", entry["message"])
            if found:
                times[found[1].split(",")[0]] = datetime.datetime.fromisoformat(entry["time"]).timestamp()
                documents = int(found[2] or 0)
        if set(times) != {"loading", "loaded"} or documents != roots:
            raise RuntimeError(f"the load did not run to its end:\n{words.read_text()}")
        sample["process_seconds"], sample["seconds"] = sample["seconds"], times["loaded"] - times["loading"]
        return sample

    def pgsync(self, workload, database, roots):
        return self.load(workload, database, roots, "null:")

    def pgsync_engine(self, workload, database, roots):
        self.fresh_engine()
        return self.into_engine(workload.index, roots, lambda: self.load(workload, database, roots, self.engine.url))

    # ---- what it is compared with ----
    def copy(self, workload, database, roots):
        """psql runs COPY … TO STDOUT for every table, and what arrives goes to /dev/null."""
        statements = [f"COPY {table} TO STDOUT (FORMAT binary)" for table in workload.copied]
        return self.measured([bin_dir() / "psql", "-X", "-q", "-v", "ON_ERROR_STOP=1", "-h", "127.0.0.1", "-p", self.server.port, "-U", ROLE,
                              "-d", database, *(word for s in statements for word in ("-c", s))], {"PGPASSWORD": CANARY},
                             stdout=subprocess.DEVNULL)

    def peer_environment(self):
        env = {**self.environment(), "REDIS_HOST": "127.0.0.1", "REDIS_PORT": str(self.redis.port), "LC_ALL": "C.UTF-8"}
        if self.engine:
            env |= {"ELASTICSEARCH": "false", "OPENSEARCH": "true", "ELASTICSEARCH_URL": self.engine.url, "ELASTICSEARCH_TIMEOUT": "300"}
        return env

    def peer(self, workload, database, roots, *more):
        """PGSync's whole build into a sink that encodes and drops, or into the engine, by its own clock."""
        out = self.home / "peer.json"
        with open(out, "w") as f:
            sample = self.measured([self.python, PEER / "pgsync_peer.py", "load", self.schema(workload, database), *more],
                                   self.peer_environment(), stdout=f)
        figures = json.loads(out.read_text().splitlines()[-1])
        if figures["documents"] != roots:
            raise RuntimeError(f"PGSync built {figures['documents']} documents of {roots}")
        sample["process_seconds"], sample["seconds"] = sample["seconds"], figures["seconds"]
        return sample

    def peer_engine(self, workload, database, roots):
        self.fresh_engine()
        return self.into_engine(workload.index, roots, lambda: self.peer(workload, database, roots, "--engine"))

    def parallel_sync(self, workload, database, roots):
        """PGSync's `parallel_sync` as it comes, two processes per processor, but for the pool of connections: its processes inherit that and
        now and then read each other's answers. Its `bootstrap` (slot, triggers, view, index) is not counted."""
        self.fresh_engine()
        tools = pathlib.Path(self.python).parent
        env = self.peer_environment() | {"PATH": "/usr/bin:/bin", "HOME": str(self.home), "SQLALCHEMY_USE_NULLPOOL": "true"}
        schema = self.schema(workload, database)
        run([tools / "bootstrap", "--config", schema], env=env, cwd=self.home)
        words = self.home / "parallel_sync.log"
        try:
            with open(words, "w") as f:
                return self.into_engine(workload.index, roots, lambda: self.measured(
                    [self.python, tools / "parallel_sync", "--config", schema], env, family=True, stdout=f, stderr=f))
        except RuntimeError as e:
            # With a statement of many thousand lines, what it was refused for stands somewhere before.
            said = [line[:300] for line in words.read_text().splitlines() if line.strip() and "%(param" not in line]
            raise RuntimeError("\n".join([str(e), *said[-40:]])) from None
        finally:
            run([tools / "bootstrap", "--config", schema, "--teardown"], env=env, cwd=self.home)
            for left in self.home.glob(".*.ctid"):
                left.unlink()

    def replay(self, workload, database, roots):
        """A bare `curl --parallel` with the very bodies that the daemon would send, into an index of the same mapping that never refreshes but
        at its end: then searches see all, as after the daemon's load."""
        index = f"replay_{workload.index}"
        self.fresh_engine()
        fresh_index(self.engine, index, self.replayed)
        url = f"{self.engine.url}/{index}/_bulk?filter_path=errors"

        def send():
            sample, sent = curl(self.workers, url, self.bodies, self.home), time.monotonic()
            request("POST", f"{self.engine.url}/{index}/_refresh")
            return {**sample, "seconds": sample["seconds"] + time.monotonic() - sent}
        sample = self.into_engine(index, roots, send)
        return {**sample, "server_cpu_s": 0.0, "peak_rss_mb": 0.0}

    @contextlib.contextmanager
    def apart(self):
        """The engine has half of the processors, everybody else the others: it loses nothing to those who feed it, as on a machine of its own."""
        all_of_them = sorted(os.sched_getaffinity(0))
        half = len(all_of_them) // 2
        if half == 0:
            raise RuntimeError("one processor cannot be shared out")
        engine, others = [self.engine.pid()], [os.getpid(), self.server.pid(), *children_of(self.server.pid())]
        try:
            confine(engine, all_of_them[:half])
            confine(others, all_of_them[half:])
            yield
        finally:
            confine(engine + others, all_of_them)

    def pgsync_apart(self, workload, database, roots):
        with self.apart():
            return self.pgsync_engine(workload, database, roots)

    def replay_apart(self, workload, database, roots):
        with self.apart():
            return self.replay(workload, database, roots)

    def into_engine(self, index, roots, load):
        cpu = cpu_of(self.engine.pid())
        sample = load()
        sample["engine_cpu_s"] = cpu_of(self.engine.pid()) - cpu
        there = held(self.engine, index)
        if there != roots:
            raise RuntimeError(f"the engine holds {there} of {roots} documents of {index}")
        return sample

    def fresh_engine(self):
        """No index is left."""
        self.engine.drop_all()

    def prepare_replay(self, workload, database, roots):
        """The bodies, from a load into a file, and the index that takes them, from a load into the engine; the latter also warms it up."""
        self.pgsync_engine(workload, database, roots)
        (made,) = request("GET", f"{self.engine.url}/{workload.index}").values()
        made["mappings"].pop("_meta", None)
        settings = {k: v for k, v in made["settings"]["index"].items() if k in OWN_SETTINGS}
        self.replayed = {"mappings": made["mappings"], "settings": {**settings, "refresh_interval": "-1"}}
        for body in self.bodies:
            body.unlink()
        dump, folder = self.home / "dump.ndjson", self.home / f"bodies.{workload.name}"
        self.load(workload, database, roots, f"ndjson:{dump}")
        self.bodies = split(dump, folder, BODY_BYTES)
        self.body_bytes = sum(body.stat().st_size for body in self.bodies)
        for path in self.home.glob("dump.ndjson*"):
            path.unlink()

    def verify(self, workload, database):
        """Every document of the database equals the one that PostgreSQL's own JSON functions make."""
        target = NdjsonTarget(self.home / "documents.ndjson")
        with open(self.home / "verify.log", "w") as f:
            self.measured([program.binary(), "load", "--target", target.url, "--queue", "memory:", self.schema(workload, database)],
                          self.environment(), stdout=f, stderr=f)
        oracle.assert_equal(self.server, database, workload.sql, target, workload.index)
        for path in self.home.glob("documents.ndjson*"):
            path.unlink()

    def drop_slots(self, database):
        for slot, in self.server.rows("postgres", f"SELECT slot_name FROM pg_replication_slots WHERE database = '{database}'"):
            self.server.rows("postgres", f"SELECT pg_drop_replication_slot('{slot}')")

    def drop(self, database):
        self.drop_slots(database)
        super().drop(database)
