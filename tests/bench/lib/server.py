"""A private server with its tables in memory, for benchmarks: filled databases, and the CPU and memory of whoever uses them. Beside it what
every bench's `run` needs."""
import argparse
import json
import os
import pathlib
import platform
import shutil
import subprocess
import sys
import tempfile
import time

HERE = pathlib.Path(__file__).resolve().parent
REPO = HERE.parents[2]
sys.path.insert(0, str(REPO / "tests/integration"))

from harness import consumer as program  # noqa: E402
from harness.postgres import ROLE, PostgresServer  # noqa: E402
from harness.processes import CANARY, children_of, run, wait_for  # noqa: E402
from harness.redis import RedisServer  # noqa: E402

PEER = HERE.parent / "peer"
BACKGROUND = ("checkpointer", "background writer", "walwriter", "logical replication launcher")
TICK = os.sysconf("SC_CLK_TCK")


def log(text):
    print(text, file=sys.stderr, flush=True)


def names(known):
    """An argparse type: comma-separated words of `known`."""
    def parse(text):
        chosen = text.split(",")
        unknown = [name for name in chosen if name not in known]
        if unknown:
            raise argparse.ArgumentTypeError(f"unknown: {', '.join(unknown)}; there are {', '.join(known)}")
        return chosen
    return parse


def high_water_kb(pid):
    """VmHWM: the most that was resident so far. 0 when the process has just ended."""
    try:
        lines = pathlib.Path(f"/proc/{pid}/status").read_text().splitlines()
    except OSError:
        return 0
    return next((int(line.split()[1]) for line in lines if line.startswith("VmHWM:")), 0)


def title_of(pid):
    """What a process calls itself; "" when it has ended, also while nobody has waited for it: its CPU is not counted yet."""
    try:
        return pathlib.Path(f"/proc/{pid}/cmdline").read_text()
    except OSError:
        return ""


class BenchServer:
    """Owns the server and its directory: a context manager that leaves nothing behind."""

    def __init__(self, consumer, plugin_dir, with_peer, with_redis=False):
        os.environ["PGSYNC_CONSUMER"], os.environ["PGSYNC_PLUGIN_DIR"] = str(consumer), str(plugin_dir)
        self.python = run([PEER / "venv"], timeout=900).strip() if with_peer else None
        self.with_redis = with_redis
        self.home = pathlib.Path(tempfile.mkdtemp(prefix="pgsync-bench."))
        self.home.chmod(0o755)
        self.server = self.redis = None

    def __enter__(self):
        try:
            self.server = PostgresServer(self.home / "server", settings={
                "autovacuum": "off", "synchronous_commit": "off", "shared_buffers": "1GB", "checkpoint_timeout": "1d",
                "max_wal_size": "200GB"}).start()
            if self.python or self.with_redis:  # PGSync wants one, also when it does not use it
                self.redis = RedisServer(self.home / "redis").start()
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_):
        if self.redis:
            self.redis.stop()
        if self.server and self.server.is_running():
            self.server.stop()
        shutil.rmtree(self.home, ignore_errors=True)

    # ---- data ----
    def fill(self, tables, database):
        """Tables that are complete, analyzed, all visible and in shared buffers."""
        self.server.create_database(database)
        script = self.home / "tables.sql"
        script.write_text(tables)
        self.server.psql(database, "-f", script)
        self.settle(database)

    def settle(self, database):
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
    def measured(self, args, env, family=False, **popen):
        """Runs a command that uses the server. CPU of client and backends: each complete, from start to end of the process. Memory is the
        process's own, or with `family` that of it and its children, added up."""
        wait_for("the server to be idle", self.idle, 60)
        server_before, began = self.server_cpu(), time.monotonic()
        process = subprocess.Popen([str(a) for a in args], env={"PATH": os.environ["PATH"], "HOME": str(self.home), **env}, cwd=self.home,
                                   stdin=subprocess.DEVNULL, **popen)
        # Not ru_maxrss: it begins with what the parent, Python, held when it forked.
        peak = 0
        while os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is None:
            members = [process.pid, *(children_of(process.pid) if family else [])]
            peak = max(peak, sum(high_water_kb(pid) for pid in members))
            time.sleep(0.01)
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        seconds = time.monotonic() - began  # the variants without a clock of their own are late by 10 ms at most
        if process.returncode:
            raise RuntimeError(f"{args} ended with {process.returncode}")
        wait_for("the backends to end", self.idle, 60)
        return {"seconds": seconds, "client_cpu_s": usage.ru_utime + usage.ru_stime, "server_cpu_s": self.server_cpu() - server_before,
                "peak_rss_mb": peak / 1024}

    def idle(self):
        """Nobody is connected, and the postmaster has waited for all who were."""
        titles = [title_of(pid) for pid in children_of(self.server.pid())]
        return all(any(word in title for word in BACKGROUND) for title in titles)

    def server_cpu(self):
        """Of all backends that have ended: the postmaster's waited-for children."""
        fields = pathlib.Path(f"/proc/{self.server.pid()}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[13]) + int(fields[14])) / TICK

    def bootstrap(self, workload, database, *more):
        run([program.binary(), "bootstrap", "--apply", *more, self.schema(workload, database)], env={**os.environ, **self.environment()})

    def about(self):
        """Where and what was measured."""
        model = next((line.split(":", 1)[1].strip() for line in open("/proc/cpuinfo") if line.startswith("model name")), platform.machine())
        commit = run(["git", "-c", f"safe.directory={REPO}", "-C", REPO, "describe", "--always", "--dirty"]).strip()
        return {"commit": commit, "cpu": model, "cpus": os.cpu_count(), "load": os.getloadavg()[0], "time": time.strftime("%Y-%m-%d %H:%M:%S"),
                "server": self.server.value("postgres", "SELECT version()").split(" on ")[0]}


def headline(about):
    return (f"{about['server']}, {about['cpus']} x {about['cpu']}, commit {about['commit']}, {about['time']}, "
            f"load {about['load']:.1f} at the start\n")
