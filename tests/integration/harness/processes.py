"""Starting, awaiting and ending processes. Everything is ended by the pid that was started here, and nothing is awaited by
sleeping: wait_for polls a condition and says what it waited for when the time is over."""
import ctypes
import os
import pathlib
import signal
import socket
import subprocess
import time

REPO = pathlib.Path(__file__).resolve().parents[3]
# A password that must never be seen: not in a log, not in the process list.
CANARY = "k4nari3-pAsS-7391"

# Servers daemonize. As their adoptive parent we can reap what we killed, also where process 1 reaps nothing (containers):
# a zombie would look alive to pg_ctl.
PR_SET_CHILD_SUBREAPER = 36
ctypes.CDLL(None).prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)


def wait_for(what, condition, timeout=30.0, interval=0.02):
    """Returns the first truthy result of condition(); raises after `timeout` seconds. An AssertionError passes through."""
    end = time.monotonic() + timeout
    while True:
        result = condition()
        if result:
            return result
        if time.monotonic() > end:
            raise TimeoutError(f"waited {timeout:.0f} s for: {what() if callable(what) else what}")
        time.sleep(interval)


def free_port(also=0):
    """A TCP port of 127.0.0.1 that is free now, and so is the one `also` above it."""
    for _ in range(200):
        with socket.socket() as a, socket.socket() as b:
            a.bind(("127.0.0.1", 0))
            port = a.getsockname()[1]
            if not also:
                return port
            try:
                b.bind(("127.0.0.1", port + also))
                return port
            except OSError:
                continue
    raise RuntimeError("no free port")


def answers(port, host="127.0.0.1"):
    with socket.socket() as s:
        s.settimeout(1)
        return s.connect_ex((host, port)) == 0


def as_user(user):
    """The words in front of a command that has to run as `user` when the tests run as root."""
    return ["runuser", "-u", user, "--"] if os.geteuid() == 0 else []


def run(args, **kwargs):
    """Runs a command to its end; on failure the exception carries its output."""
    kwargs.setdefault("timeout", 300)
    r = subprocess.run([str(a) for a in args], capture_output=True, text=True, **kwargs)
    if r.returncode:
        raise RuntimeError(f"{args[0]} failed with {r.returncode}: {' '.join(map(str, args))}\n{r.stdout[-3000:]}{r.stderr[-3000:]}")
    return r.stdout


def alive(pid):
    try:
        return pathlib.Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def kill_and_wait(pids, sig=signal.SIGKILL, timeout=30):
    for pid in pids:
        try:
            os.kill(pid, sig)
        except ProcessLookupError:
            pass
    wait_for(f"the end of {pids}", lambda: not any(alive(p) for p in pids), timeout)
    for pid in pids:
        wait_for(f"{pid} to be reaped", lambda: _reaped(pid), timeout)


def _reaped(pid):
    """True when the process is gone from the process table; ours once its own parent is gone."""
    try:
        os.waitpid(pid, os.WNOHANG)
    except ChildProcessError:
        pass  # its parent still lives and reaps it, or nobody knows it any more
    return not pathlib.Path(f"/proc/{pid}").exists()


def children_of(pid):
    out = subprocess.run(["ps", "-o", "pid=", "--ppid", str(pid)], capture_output=True, text=True).stdout
    return [int(p) for p in out.split()]


def process_list():
    return subprocess.run(["ps", "axww", "-o", "pid=,args="], capture_output=True, text=True, check=True).stdout
