"""tests/fakes/engine_stub.py as a process: an engine that delays, holds and refuses what the test says."""
import json
import pathlib
import subprocess
import sys

from .http import HttpError, request
from .processes import REPO


class EngineStub:
    program = REPO / "tests/fakes/engine_stub.py"

    def __init__(self, directory):
        self.dir = pathlib.Path(directory)
        self.port = 0
        self._process = None

    @property
    def url(self):
        return f"http://127.0.0.1:{self.port}"

    def start(self):
        self.dir.mkdir(parents=True, exist_ok=True)
        self._process = subprocess.Popen([sys.executable, self.program, str(self.port)], stdout=subprocess.PIPE,
                                         stderr=open(self.dir / "stub.log", "ab"), text=True)
        line = self._process.stdout.readline()
        assert line.startswith("PORT "), f"engine_stub did not start: {line!r} {(self.dir / 'stub.log').read_text()}"
        self.port = int(line.split()[1])
        return self

    def stop(self):
        if self._process and self._process.poll() is None:
            self._process.kill()
            self._process.wait(20)

    def control(self, command):
        """POST /_stub/<command>, for example "delay?ms=100"."""
        return request("POST", f"{self.url}/_stub/{command}")

    def wait_held(self, number=1, timeout=30):
        answer = request("GET", f"{self.url}/_stub/held?wait={number}&timeout={timeout}", timeout=timeout + 10)
        assert answer["held"] >= number, f"only {answer['held']} bulk requests are waiting"

    def held(self):
        return request("GET", f"{self.url}/_stub/held")["held"]

    def counters(self):
        return request("GET", f"{self.url}/_stub/counters")

    def log(self):
        return [json.loads(line) for line in request("GET", f"{self.url}/_stub/log", raw=True).split("\n") if line]

    def ops(self):
        """What was applied, and what was refused for good, in order."""
        return [json.loads(line) for line in request("GET", f"{self.url}/_stub/ops", raw=True).split("\n") if line]

    def all_hits(self):
        return [json.loads(line) for line in request("GET", f"{self.url}/_stub/dump", raw=True).split("\n") if line]

    # ---- as a target of the oracle ----
    def hits(self, index):
        try:
            request("HEAD", f"{self.url}/{index}")
            text = request("GET", f"{self.url}/_stub/dump?index={index}", raw=True)
        except HttpError as e:
            if e.status == 404:
                return []
            raise
        return [json.loads(line) for line in text.split("\n") if line]

    def documents(self, index):
        return {h["_id"]: h["_source"] for h in self.hits(index)}

    def document(self, index, id):
        return self.documents(index).get(id)

    def count(self, index):
        return len(self.hits(index))

    def state(self, index):
        try:
            answer = request("GET", f"{self.url}/{index}/_mapping")
        except HttpError as e:
            if e.status == 404:
                return None
            raise
        return next(iter(answer.values()))["mappings"].get("_meta", {}).get("pgsync")
