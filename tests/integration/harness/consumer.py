"""The program under test as a process: pgsync-consumer with its arguments, environment and log."""
import os
import pathlib
import re
import signal
import subprocess

from .processes import REPO, alive, wait_for

TRACES = re.compile(r"terminate called|Segmentation|AddressSanitizer|runtime error:|std::|\bat 0x[0-9a-f]|Traceback|core dumped|#0 ")


def binary():
    path = pathlib.Path(os.environ.get("PGSYNC_CONSUMER", REPO / "build/ci/pgsync-consumer"))
    if not path.exists():
        raise RuntimeError(f"{path} does not exist: build pgsync-consumer, or set PGSYNC_CONSUMER")
    return path


def environment(server, extra=None):
    """What the daemon sees: the connection by PG_*, and nothing else of this shell that could mean something to it."""
    from .postgres import ROLE
    from .processes import CANARY
    names = ("PATH", "HOME", "LANG", "LC_ALL", "TMPDIR", "ASAN_OPTIONS", "UBSAN_OPTIONS")
    env = {k: os.environ[k] for k in names if k in os.environ}
    if server is not None:
        env.update(PG_HOST="127.0.0.1", PG_PORT=str(server.port), PG_USER=ROLE, PG_PASSWORD=CANARY)
    env.update(extra or {})
    return {k: str(v) for k, v in env.items() if v is not None}


class Finished:
    def __init__(self, args, status, stdout, stderr):
        self.args, self.status, self.stdout, self.stderr = args, status, stdout, stderr
        self.output = stdout + stderr

    def __repr__(self):
        return f"{' '.join(self.args)}\nexit code {self.status}\n--- stdout\n{self.stdout[-4000:]}\n--- stderr\n{self.stderr[-4000:]}"

    def expect(self, status):
        assert self.status == status, f"expected exit code {status}\n{self!r}"
        return self


def run(args, env, cwd, log, timeout=120, stdin=subprocess.DEVNULL):
    """Runs a command of the program to its end. What it printed is also kept in `log`."""
    args = [str(a) for a in args]
    try:
        r = subprocess.run([binary(), *args], env=env, cwd=cwd, capture_output=True, text=True, timeout=timeout, stdin=stdin)
    except subprocess.TimeoutExpired as e:
        text = "".join((s.decode(errors="replace") if isinstance(s, bytes) else s or "") for s in (e.stdout, e.stderr))
        raise AssertionError(f"pgsync-consumer {' '.join(args)} did not end within {timeout} s\n{text[-4000:]}") from None
    with open(log, "a") as f:
        f.write(f"$ pgsync-consumer {' '.join(args)}\n{r.stdout}{r.stderr}exit code {r.returncode}\n")
    finished = Finished(args, r.returncode, r.stdout, r.stderr)
    assert r.returncode >= 0, f"ended by signal {-r.returncode}\n{finished!r}"
    return finished


class Consumer:
    """A daemon: started, awaited, signalled."""

    def __init__(self, args, env, cwd, log, prefix=()):
        self.prefix = [str(word) for word in prefix]  # words before the program: what it is started by, and ends in
        self.args, self.env, self.cwd, self.log = [str(a) for a in args], env, cwd, pathlib.Path(log)
        self._process = None

    def start(self):
        with open(self.log, "ab") as f:
            f.write(f"$ pgsync-consumer {' '.join(self.args)}\n".encode())
            f.flush()
            self._process = subprocess.Popen([*self.prefix, binary(), *self.args], env=self.env, cwd=self.cwd, stdin=subprocess.DEVNULL,
                                             stdout=f, stderr=f)
        return self

    @property
    def pid(self):
        return self._process.pid

    def running(self):
        return self._process is not None and self._process.poll() is None

    def text(self):
        return self.log.read_text(errors="replace")

    def must_run(self):
        assert self.running(), f"pgsync-consumer ended with {self._process.returncode}\n{self.text()[-4000:]}"
        return True

    def signal(self, number):
        os.kill(self.pid, number)

    def wait(self, timeout):
        """Returns the exit code; fails if it has not ended in time."""
        try:
            return self._process.wait(timeout)
        except subprocess.TimeoutExpired:
            raise AssertionError(f"pgsync-consumer still runs after {timeout} s\n{self.text()[-4000:]}") from None

    def kill9(self):
        self.must_run()
        self._process.kill()
        self._process.wait(30)
        assert not alive(self.pid)

    def terminate(self, timeout=20):
        """The polite end; a test that is about something else must not wait for it for ever."""
        if self.running():
            self._process.terminate()
            return self.wait(timeout)
        return self._process.returncode

    def end(self):
        if self.running():
            self._process.kill()
            self._process.wait(30)
