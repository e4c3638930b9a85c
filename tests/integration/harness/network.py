"""A network namespace with a cable to this one, whose packets to chosen addresses get lost without a word: no reset, no ICMP.

Needs root (CAP_NET_ADMIN), ip and nsenter; what fails says so.
"""
import os
import subprocess

from .processes import run, wait_for

LOST = "02:00:00:00:00:99"  # a station that is not there
NET = f"10.{200 + os.getpid() // 250 % 50}.{os.getpid() % 250}"


class Namespace:
    """`hosts`: {name: address} of this side; a process in the namespace reaches them by these addresses."""

    def __init__(self, *names):
        self.hosts = {name: f"{NET}.{i}" for i, name in enumerate(names, 1)}
        self._holder = subprocess.Popen(["unshare", "-n", "sleep", "infinity"])
        self.prefix = ["nsenter", "-t", self._holder.pid, "-n", "--"]
        here = os.readlink("/proc/self/ns/net")
        wait_for("a network namespace (are you root?)", self._unshared(here), 10)
        self.ours, self.theirs = f"pgs{os.getpid()}", f"pgt{os.getpid()}"
        try:
            run(["ip", "link", "add", self.ours, "type", "veth", "peer", "name", self.theirs, "netns", self._holder.pid])
            for address in self.hosts.values():
                run(["ip", "address", "add", f"{address}/24", "dev", self.ours])
            run(["ip", "link", "set", self.ours, "up"])
            run([*self.prefix, "ip", "address", "add", f"{NET}.100/24", "dev", self.theirs])
            run([*self.prefix, "ip", "link", "set", self.theirs, "up"])
            run([*self.prefix, "ip", "link", "set", "lo", "up"])
        except Exception:
            self.end()
            raise

    def _unshared(self, here):
        def unshared():
            assert self._holder.poll() is None, "unshare -n failed: these tests need root"
            return os.readlink(f"/proc/{self._holder.pid}/ns/net") != here and b"sleep" in open(f"/proc/{self._holder.pid}/cmdline", "rb").read()
        return unshared

    def lose(self, name):
        """From now on nothing that the namespace sends to this host arrives."""
        run([*self.prefix, "ip", "neighbor", "replace", self.hosts[name], "lladdr", LOST, "dev", self.theirs, "nud", "permanent"])

    def find(self, name):
        run([*self.prefix, "ip", "neighbor", "del", self.hosts[name], "dev", self.theirs])

    def end(self):
        subprocess.run(["ip", "link", "del", self.ours], capture_output=True)
        self._holder.kill()
        self._holder.wait(10)
