"""A memory limit as containers have it: a control group (version 1 or 2; as root) whose processes the kernel ends when they need more."""
import contextlib
import os
import pathlib

PLACES = [("/sys/fs/cgroup/memory", "memory.limit_in_bytes", "memory.usage_in_bytes"), ("/sys/fs/cgroup", "memory.max", "memory.current")]


class MemoryGroup:
    def __init__(self, path, limit, usage):
        self.path, self._limit, self._usage = path, path / limit, path / usage

    @property
    def prefix(self):
        """Words before a command that shall run in the group."""
        return ["sh", "-c", f'echo $$ > {self.path}/cgroup.procs && exec "$@"', "sh"]

    def usage(self):
        return int(self._usage.read_text())

    def limit(self, size):
        self._limit.write_text(str(size))


@contextlib.contextmanager
def memory_group():
    for place, limit, usage in PLACES:
        path = pathlib.Path(place, f"pgsync-test-{os.getpid()}")
        try:
            path.mkdir()
        except OSError:
            continue
        if not (path / limit).exists():
            path.rmdir()
            continue
        try:
            yield MemoryGroup(path, limit, usage)
        finally:
            path.rmdir()
        return
    raise RuntimeError("no control group for memory can be made: this test needs root, and /sys/fs/cgroup writable")
