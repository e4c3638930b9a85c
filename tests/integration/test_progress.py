"""What an operator sees of a load: a line that moves on a terminal, lines in the log elsewhere, and the same in `status` and the metrics."""
import fcntl
import os
import pty
import re
import struct
import termios
import threading

from harness import consumer as program
from harness import things
from harness.daemon import Daemon
from harness.processes import wait_for

COLUMNS = 120
BAR = re.compile(r"thing \[(#*)(-*)\] ([\d,]+) of about ([\d,]+) documents \((\d+) %\), ([\d,]+)/s, (\d+):(\d\d) left, stream \d")
LOG = re.compile(r"^\S+ \S+ info status: applied .* documents/s; load of thing: ([\d,]+) of about ([\d,]+) documents \((\d+) %\), [\d,]+/s, "
                 r"\d+:\d\d left", re.M)


def number(text):
    return int(text.replace(",", ""))


class Terminal:
    """A daemon whose standard error is a terminal; keeps all that came."""

    def __init__(self, scenario, *args, columns=COLUMNS, env=None):
        self.text = ""
        leader, follower = pty.openpty()
        fcntl.ioctl(follower, termios.TIOCSWINSZ, struct.pack("HHHH", 24, columns, 0, 0))
        import subprocess
        environment = program.environment(scenario.server, {"TERM": "xterm", "BLOCK_SIZE": 100, **(env or {})})
        self.process = subprocess.Popen([program.binary(), *map(str, args), *map(str, scenario.options())], env=environment, cwd=scenario.dir,
                                        stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=follower)
        os.close(follower)
        self.leader = leader
        self.reader = threading.Thread(target=self._read)
        self.reader.start()

    def _read(self):
        while True:
            try:
                got = os.read(self.leader, 65536)
            except OSError:  # EIO: nobody holds the other end any more
                got = b""
            if not got:
                return
            self.text += got.decode()

    def end(self, timeout=60):
        try:
            status = self.process.wait(timeout)
        finally:
            self.process.kill()
            self.reader.join(30)
            os.close(self.leader)
        return status


def drawn(text):
    """Everything that was drawn on the line that moves, one after the other."""
    return [part for part in re.split(r"\r\n|\r\x1b\[K", text) if part.startswith("thing [")]


def test_a_line_that_moves(scenario, work):
    things.use(scenario, work, things=6000)
    terminal = Terminal(scenario, "load", "--rate", 2000)
    assert terminal.end() == 0, terminal.text
    lines = [BAR.match(line) for line in drawn(terminal.text)]
    lines = [line for line in lines if line]
    assert len(lines) >= 5, terminal.text
    counts = [number(line[3]) for line in lines]
    assert counts == sorted(counts) and counts[0] < counts[-1] <= 6000
    for line in lines:
        assert 4000 <= number(line[4]) <= 9000, line[0]
        assert len(line[1]) + len(line[2]) == 20 and len(line[1]) == int(line[5]) * 20 // 100, line[0]
    assert all(len(line) < COLUMNS for line in drawn(terminal.text))
    # Log lines stand above it, whole; of the line that moves nothing is left.
    last = terminal.text.split("\r\x1b[K")[-1]
    assert "pipeline: stopped at" in terminal.text and "thing [" not in last, last
    logged = [line for line in re.split(r"\r\n|\r\x1b\[K", terminal.text) if " info " in line]
    assert logged and all(re.match(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\.\d{3} info ", line) for line in logged), logged
    assert "info status:" not in terminal.text, "the same figures twice"
    things.assert_equal(scenario)


def test_a_narrow_terminal_and_programs(scenario, work):
    """The line never wraps; a log for programs stays one."""
    things.use(scenario, work, things=4000)
    terminal = Terminal(scenario, "load", "--rate", 2000, columns=40)
    assert terminal.end() == 0, terminal.text
    lines = drawn(terminal.text)
    assert lines and all(len(line) <= 39 for line in lines), lines
    for more, env in ((("--log-format", "json"), {}), ((), {"TERM": "dumb"})):
        terminal = Terminal(scenario, "load", "--again", "--rate", 4000, *more, env=env)
        assert terminal.end() == 0, terminal.text
        assert "\x1b" not in terminal.text and "thing [" not in terminal.text


def test_lines_in_the_log_status_and_metrics(scenario, work):
    things.use(scenario, work, things=8000)
    daemon = Daemon(scenario, "--rate", 1000, env={"LOG_INTERVAL": "1", "BLOCK_SIZE": 100})
    found = wait_for("lines of progress", lambda: daemon.process.must_run() and len(m := LOG.findall(daemon.process.text())) >= 3 and m, 60)
    assert "\x1b" not in daemon.process.text()
    counts = [number(count) for count, _, _ in found]
    assert counts == sorted(counts) and counts[0] < counts[-1]

    load = 'pgsync_load_{}{{index="thing"}}'.format
    metrics = daemon.metrics()
    assert 0 < metrics[load("documents")] < 8000 and 6000 <= metrics[load("expected_documents")] <= 12000
    assert 1 <= metrics[load("seconds_left")] <= 60
    status = scenario.command("status").expect(0).stdout
    shown = re.search(r"thing: .*load (\d+) of (\d+) chunks, ([\d,]+) of about ([\d,]+) documents \((\d+) %\), ([\d,]+)/s, \d+:\d\d left", status)
    assert shown, status
    assert 300 <= number(shown[6]) <= 3000, status
    scenario.wait_synced(daemon.process)
    wait_for("the metrics of the end", lambda: daemon.metric(load("documents")) == 8000 and daemon.metric(load("seconds_left")) == 0, 30)
    assert "load complete" in scenario.command("status").expect(0).stdout
    assert daemon.process.terminate() == 0
    things.assert_equal(scenario)
