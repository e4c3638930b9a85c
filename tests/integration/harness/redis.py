"""A private redis-server without persistence. With `password`, it is in the configuration file: never on a command line."""
import pathlib
import re
import socket
import subprocess

from .processes import free_port, wait_for


class RedisServer:
    def __init__(self, directory, password=None, settings=""):
        self.dir = pathlib.Path(directory)
        self.dir.mkdir(parents=True, exist_ok=True)
        self.port = free_port()
        self.password = password
        self.settings = settings  # further lines of its configuration
        self.log = self.dir / "redis.log"
        self._process = None

    @property
    def url(self):
        return f"redis://127.0.0.1:{self.port}/0"

    def start(self):
        conf = self.dir / "redis.conf"
        conf.write_text(f"port {self.port}\nbind 127.0.0.1\nsave \"\"\nappendonly no\ndir {self.dir}\nlogfile {self.log}\n"
                        + ("enable-debug-command local\n" if self._major() >= 7 else "")
                        + (f"requirepass {self.password}\n" if self.password else "") + self.settings)
        self._process = subprocess.Popen(["redis-server", str(conf)], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        wait_for("Redis to answer", self._ready, 20)
        return self

    @staticmethod
    def _major():
        version = subprocess.run(["redis-server", "--version"], capture_output=True, text=True, check=True).stdout
        return int(re.search(r"v=(\d+)", version)[1])

    def _ready(self):
        if self._process.poll() is not None:
            raise RuntimeError(f"redis-server ended: {self.log.read_text() if self.log.exists() else ''}")
        try:
            return self.command("PING") == "PONG"
        except OSError:
            return False

    def command(self, *words):
        """Sends one command and returns its simple, integer or bulk answer: all that the tests need of the protocol."""
        with socket.create_connection(("127.0.0.1", self.port), timeout=10) as s:
            f = s.makefile("rwb")
            for args in ([("AUTH", self.password)] if self.password else []) + [words]:
                f.write(b"*%d\r\n" % len(args) + b"".join(b"$%d\r\n%s\r\n" % (len(str(a).encode()), str(a).encode()) for a in args))
                f.flush()
                line = f.readline().decode().rstrip("\r\n")
                if line.startswith("-"):
                    raise RuntimeError(f"Redis: {line[1:]}")
                if line.startswith("$"):
                    size = int(line[1:])
                    answer = f.read(size + 2)[:-2].decode() if size >= 0 else None
                else:
                    answer = int(line[1:]) if line.startswith(":") else line[1:]
            return answer

    def keys(self, pattern):
        """Of less than a thousand keys."""
        text = self.command("EVAL", "return table.concat(redis.call('KEYS', ARGV[1]), string.char(10))", 0, pattern)
        return text.split("\n") if text else []

    def flushall(self):
        assert self.command("FLUSHALL") == "OK"

    def kill9(self):
        self._process.kill()
        self._process.wait(20)

    def stop(self):
        if self._process and self._process.poll() is None:
            self._process.terminate()
            self._process.wait(20)
