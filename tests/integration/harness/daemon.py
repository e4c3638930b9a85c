"""A running daemon together with its page of metrics."""
import pathlib
import re

from .http import request
from .processes import answers, free_port, wait_for


class Daemon:
    """A daemon with its metrics."""

    def __init__(self, scenario, *args, env=None):
        self.scenario = scenario
        self.port = free_port()
        self.process = scenario.start("--http", self.port, *args, env=env)
        wait_for("the page with the metrics", lambda: self.process.must_run() and answers(self.port), 60)

    def metrics(self):
        text = request("GET", f"http://127.0.0.1:{self.port}/metrics", raw=True)
        return {m[1]: int(float(m[2])) for m in re.finditer(r"^(pgsync_\S+) (\S+)$", text, re.M)}

    def metric(self, name):
        return self.metrics().get(name, 0)

    def wait_more(self, name, than, timeout=60):
        def more():
            self.process.must_run()
            value = self.metric(name)
            return value if value > than else None
        return wait_for(f"{name} to exceed {than}", more, timeout)

    def wait_spool_empty(self):
        """A ROLLBACK returns before its record is on disk, and only then it is sent."""
        def empty():
            self.process.must_run()
            now = self.metrics()
            return not any(now[f"pgsync_spool_{gauge}"] for gauge in ("transactions", "memory_bytes", "file_bytes"))
        wait_for(lambda: f"the spool to be empty; {self.metrics()}", empty, 60)

    def peak_memory(self):
        """VmHWM: the most that was ever resident, in bytes."""
        status = pathlib.Path(f"/proc/{self.process.pid}/status").read_text()
        return int(re.search(r"VmHWM:\s+(\d+) kB", status)[1]) * 1024
