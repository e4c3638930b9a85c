"""A disk of a few megabytes that fills up: a tmpfs of its own (as root)."""
import contextlib
import os
import pathlib

from .processes import run


class SmallDisk:
    def __init__(self, path):
        self.path = pathlib.Path(path)
        self._filler = self.path / "filler"

    def fill(self, leave=0):
        """Takes all that is free but `leave` bytes."""
        free = os.statvfs(self.path)
        size = max(0, free.f_bavail * free.f_frsize - leave)
        with open(self._filler, "ab") as f:
            os.posix_fallocate(f.fileno(), f.tell(), size)

    def release(self):
        self._filler.unlink(missing_ok=True)


@contextlib.contextmanager
def small_disk(path, megabytes):
    path = pathlib.Path(path)
    path.mkdir(parents=True)
    run(["mount", "-t", "tmpfs", "-o", f"size={megabytes}m,mode=755", "pgsync-test", path])
    try:
        yield SmallDisk(path)
    finally:
        run(["umount", "-l", path])
