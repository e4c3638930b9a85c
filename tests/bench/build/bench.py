"""One private server with the tables in memory, and the four ways to get documents out of it, each measured alike."""
import datetime
import json
import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile
import time

HERE = pathlib.Path(__file__).resolve().parent
REPO = HERE.parents[2]
sys.path.insert(0, str(REPO / "tests/integration"))

from harness import consumer as program  # noqa: E402
from harness.ndjson import NdjsonTarget  # noqa: E402
from harness.postgres import ROLE, PostgresServer, bin_dir  # noqa: E402
from harness.processes import CANARY, children_of, run, wait_for  # noqa: E402
from harness.redis import RedisServer  # noqa: E402

VARIANTS = ("pgsync", "json_agg", "copy", "peer")
TICK = os.sysconf("SC_CLK_TCK")


def log(text):
    print(text, file=sys.stderr, flush=True)


def high_water_kb(pid):
    """VmHWM: the most that was resident so far. 0 when the process has just ended."""
    try:
        lines = pathlib.Path(f"/proc/{pid}/status").read_text().splitlines()
    except OSError:
        return 0
    return next((int(line.split()[1]) for line in lines if line.startswith("VmHWM:")), 0)


class Bench:
    """Owns the server and its directory: a context manager that leaves nothing behind."""

    def __init__(self, consumer, plugin_dir, with_peer):
        os.environ["PGSYNC_CONSUMER"], os.environ["PGSYNC_PLUGIN_DIR"] = str(consumer), str(plugin_dir)
        self.python = run([HERE.parent / "peer/venv"], timeout=900).strip() if with_peer else None
        self.home = pathlib.Path(tempfile.mkdtemp(prefix="pgsync-bench."))
        self.home.chmod(0o755)
        self.server = self.redis = None

    def __enter__(self):
        try:
            self.server = PostgresServer(self.home / "server", settings={
                "autovacuum": "off", "synchronous_commit": "off", "shared_buffers": "1GB", "checkpoint_timeout": "1d",
                "max_wal_size": "200GB"}).start()
            if self.python:
                self.redis = RedisServer(self.home / "redis").start()  # PGSync wants one, also when it does not use it
        except BaseException:
            self.__exit__()
            raise
        self.idle = set(children_of(self.server.pid()))
        return self

    def __exit__(self, *_):
        if self.redis:
            self.redis.stop()
        if self.server and self.server.is_running():
            self.server.stop()
        shutil.rmtree(self.home, ignore_errors=True)

    # ---- data ----
    def fill(self, workload, database, roots):
        """Tables that are complete, analyzed, all visible and in shared buffers."""
        self.server.create_database(database)
        script = self.home / "tables.sql"
        script.write_text(workload.tables.format(roots=roots))
        self.server.psql(database, "-f", script)
        self.server.rows(database, "VACUUM (ANALYZE)")
        self.server.rows(database, "CREATE EXTENSION pg_prewarm")
        self.server.rows(database, "SELECT pg_prewarm(oid) FROM pg_class WHERE relkind IN ('r', 'i') AND relnamespace = 'public'::regnamespace")
        self.server.rows("postgres", "CHECKPOINT")

    def drop(self, database):
        self.server.drop_database(database)

    def schema(self, workload, database):
        path = self.home / f"{database}.json"
        path.write_text(json.dumps(workload.schema(database)))
        return path

    def environment(self):
        return {"PG_HOST": "127.0.0.1", "PG_PORT": str(self.server.port), "PG_USER": ROLE, "PG_PASSWORD": CANARY}

    # ---- measuring ----
    def measured(self, args, env, **popen):
        """Runs a command that uses the server. CPU of client and backends: each complete, from start to end of the process."""
        wait_for("the server to be idle", lambda: set(children_of(self.server.pid())) == self.idle, 60)
        server_before, began = self.server_cpu(), time.monotonic()
        process = subprocess.Popen([str(a) for a in args], env={"PATH": os.environ["PATH"], "HOME": str(self.home), **env}, cwd=self.home,
                                   stdin=subprocess.DEVNULL, **popen)
        # Not ru_maxrss: it begins with what the parent, Python, held when it forked.
        peak = 0
        while os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is None:
            peak = max(peak, high_water_kb(process.pid))
            time.sleep(0.01)
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        seconds = time.monotonic() - began  # the variants without a clock of their own are late by 10 ms at most
        if process.returncode:
            raise RuntimeError(f"{args} ended with {process.returncode}")
        wait_for("the backends to end", lambda: set(children_of(self.server.pid())) == self.idle, 60)
        return {"seconds": seconds, "client_cpu_s": usage.ru_utime + usage.ru_stime, "server_cpu_s": self.server_cpu() - server_before,
                "peak_rss_mb": peak / 1024}

    def server_cpu(self):
        """Of all backends that have ended: the postmaster's waited-for children."""
        fields = pathlib.Path(f"/proc/{self.server.pid()}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[13]) + int(fields[14])) / TICK

    def bootstrap(self, workload, database):
        run([program.binary(), "bootstrap", "--apply", self.schema(workload, database)], env={**os.environ, **self.environment()})

    def pgsync(self, workload, database, roots):
        """The daemon's own initial load, one worker. Seconds are those between its words "loading" and "loaded"."""
        words = self.home / "consumer.log"
        with open(words, "w") as f:
            sample = self.measured([program.binary(), "run", "--once", "--target", "null:", "--queue", "memory:", "--workers", "1", "--log-format",
                                    "json", self.schema(workload, database)], self.environment(), stdout=f, stderr=f)
        times = {}
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

    def copy_out(self, database, statements):
        """psql runs COPY … TO STDOUT, and what arrives goes to /dev/null."""
        return self.measured([bin_dir() / "psql", "-X", "-q", "-v", "ON_ERROR_STOP=1", "-h", "127.0.0.1", "-p", self.server.port, "-U", ROLE,
                              "-d", database, *(word for s in statements for word in ("-c", s))], {"PGPASSWORD": CANARY},
                             stdout=subprocess.DEVNULL)

    def json_agg(self, workload, database, roots):
        return self.copy_out(database, [f"COPY ({workload.json_sql}) TO STDOUT"])

    def copy(self, workload, database, roots):
        return self.copy_out(database, [f"COPY {table} TO STDOUT (FORMAT binary)" for table in workload.copied])

    def peer(self, workload, database, roots):
        """PGSync's whole build into a sink that encodes and drops, by its own clock."""
        out = self.home / "peer.json"
        env = {**self.environment(), "REDIS_HOST": "127.0.0.1", "REDIS_PORT": str(self.redis.port), "LC_ALL": "C.UTF-8"}
        with open(out, "w") as f:
            sample = self.measured([self.python, HERE.parent / "peer/pgsync_peer.py", "load", self.schema(workload, database)], env, stdout=f)
        figures = json.loads(out.read_text().splitlines()[-1])
        if figures["documents"] != roots:
            raise RuntimeError(f"PGSync built {figures['documents']} documents of {roots}")
        sample["process_seconds"], sample["seconds"] = sample["seconds"], figures["seconds"]
        return sample

    def verify(self, workload, database, roots):
        """Every document of the database equals the one that PostgreSQL's own JSON functions make."""
        target = NdjsonTarget(self.home / "documents.ndjson")
        with open(self.home / "verify.log", "w") as f:
            self.measured([program.binary(), "run", "--once", "--target", target.url, "--queue", "memory:", self.schema(workload, database)],
                          self.environment(), stdout=f, stderr=f)
        built = {id: source for id, source in target.documents(f"bench_{workload.name}").items()}
        expected = [document for document, in self.server.rows(database, workload.json_sql)]
        wrong = [d["id"] for d in expected if built.get(str(d["id"])) != d]
        if wrong or len(built) != len(expected) or len(expected) != roots:
            raise RuntimeError(f"{workload.name}: {len(built)} documents built, {len(expected)} expected, different: {wrong[:5]}")
        for path in self.home.glob("documents.ndjson*"):
            path.unlink()

    def about(self):
        return {"server": self.server.value("postgres", "SELECT version()").split(" on ")[0]}
