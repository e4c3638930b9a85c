"""The four ways to get documents out of the server's tables, each measured alike."""
import datetime
import json
import pathlib
import re
import subprocess
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent))

from lib.server import CANARY, PEER, ROLE, BenchServer, program  # noqa: E402
from harness.ndjson import NdjsonTarget  # noqa: E402
from harness.postgres import bin_dir  # noqa: E402

VARIANTS = ("pgsync", "json_agg", "copy", "peer")


class Bench(BenchServer):
    """Owns the server and its directory: a context manager that leaves nothing behind."""

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
            sample = self.measured([self.python, PEER / "pgsync_peer.py", "load", self.schema(workload, database)], env, stdout=f)
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
