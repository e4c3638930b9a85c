"""A small client of the replication protocol: psycopg2 cannot leave COPY BOTH without closing the connection, and these tests are about
what a connection can do after an ERROR. Trust authentication over a unix socket, nothing else."""
import os
import select
import socket
import struct
import time


class ServerError(Exception):
    def __init__(self, fields):
        self.sqlstate, self.message = fields.get("C", "?????"), fields.get("M", "")
        self.hint, self.context = fields.get("H"), fields.get("W")
        super().__init__(f"{self.sqlstate} {self.message}")


class ConnectionLost(Exception):
    pass


def lsn_number(text):
    high, low = text.split("/")
    return int(high, 16) << 32 | int(low, 16)


class Walsender:
    """One replication connection. After start() the server is in COPY BOTH; receive() returns frames, stop() leaves it politely, cancelled() by an ERROR."""

    def __init__(self, database=None, settings="", timeout=120):
        self._socket = socket.socket(socket.AF_UNIX)
        self._socket.settimeout(timeout)
        self._socket.connect(f"{os.environ['PGHOST']}/.s.PGSQL.{os.environ['PGPORT']}")
        self._bytes = bytearray()
        self.pid = None
        parameters = {"user": os.environ["PGUSER"], "database": database or os.environ["PGDATABASE"], "replication": "database",
                      "application_name": "robust", "options": settings}
        body = struct.pack("!i", 196608) + b"".join(f"{k}\0{v}\0".encode() for k, v in parameters.items() if v) + b"\0"
        self._socket.sendall(struct.pack("!i", len(body) + 4) + body)
        self._until_ready()

    def close(self):
        self._socket.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    # ---- messages
    def _send(self, kind, body=b""):
        self._socket.sendall(kind + struct.pack("!i", len(body) + 4) + body)

    def _buffered(self):
        """The next whole message in the buffer, or None."""
        if len(self._bytes) < 5:
            return None
        size = struct.unpack_from("!i", self._bytes, 1)[0] + 1
        if len(self._bytes) < size:
            return None
        kind, body = chr(self._bytes[0]), bytes(self._bytes[5:size])
        del self._bytes[:size]
        return kind, body

    def _next(self, deadline=None):
        """The next message; None when the deadline passes first."""
        while True:
            message = self._buffered()
            if message:
                return message
            if deadline is not None:
                if not select.select([self._socket], [], [], max(0, deadline - time.monotonic()))[0]:
                    return None
            data = self._socket.recv(1 << 18)
            if not data:
                raise ConnectionLost("the server closed the connection")
            self._bytes += data

    @staticmethod
    def _error(body):
        return ServerError({part[:1].decode(): part[1:].decode(errors="replace") for part in body.split(b"\0") if part})

    def _until_ready(self):
        """Reads up to ReadyForQuery; returns rows, raises the first ERROR after it."""
        rows, error = [], None
        while True:
            kind, body = self._next()
            if kind == "Z":
                if error:
                    raise error
                return rows
            if kind == "E":
                error = error or self._error(body)
                if b"SFATAL\0" in body:
                    raise error
            elif kind == "K":
                self.pid = struct.unpack_from("!i", body)[0]
            elif kind == "D":
                rows.append(self._row(body))
            elif kind in "WGH":  # a copy that nobody asked for here: end it
                self._send(b"c")

    @staticmethod
    def _row(body):
        count, at, row = struct.unpack_from("!h", body)[0], 2, []
        for _ in range(count):
            size = struct.unpack_from("!i", body, at)[0]
            at += 4
            row.append(None if size < 0 else body[at:at + size].decode())
            at += max(size, 0)
        return row

    # ---- commands
    def query(self, text):
        self._send(b"Q", (text if isinstance(text, bytes) else text.encode()) + b"\0")
        return self._until_ready()

    def start(self, slot, options, lsn="0/0"):
        """START_REPLICATION; options is a list of (name, value) or the text between the parentheses."""
        if not isinstance(options, (str, bytes)):
            options = ", ".join('"%s" \'%s\'' % (k.replace('"', '""'), v.replace("'", "''")) for k, v in options)
        self.start_raw(b"START_REPLICATION SLOT %s LOGICAL %s (%s)"
                       % (slot.encode(), lsn.encode(), options if isinstance(options, bytes) else options.encode()))

    def start_raw(self, command):
        self._send(b"Q", command + b"\0")
        error = None
        while True:
            kind, body = self._next()
            if kind == "W":
                return
            if kind == "E":
                error = self._error(body)
                if b"SFATAL\0" in body:
                    raise error
            elif kind == "Z":
                raise error or ServerError({"M": "START_REPLICATION ended without an answer"})

    def receive(self, until, seconds=120, frames=None):
        """Frames as (lsn, bytes), up to the first moment at which the server has nothing more to send before WAL position `until`. They are added to
        `frames`, if given, so that they are there after an ERROR too."""
        frames, deadline = [] if frames is None else frames, time.monotonic() + seconds
        asked = 0.0
        while True:
            if time.monotonic() > deadline:
                raise TimeoutError(f"WAL position {until:X} was not reached within {seconds} s")
            if time.monotonic() - asked > 0.2:
                asked = time.monotonic()
                self._status(0, reply=True)
            message = self._next(min(deadline, time.monotonic() + 0.2))
            if message is None:
                continue
            kind, body = message
            if kind == "E":
                error = self._error(body)
                self._until_ready()
                raise error
            if kind == "c":
                raise ConnectionLost("the server ended the stream")
            if kind == "d" and body[:1] == b"w":
                frames.append((struct.unpack_from("!Q", body, 1)[0], body[25:]))
            elif kind == "d" and body[:1] == b"k" and struct.unpack_from("!Q", body, 1)[0] >= until:
                return frames

    def _status(self, flushed, reply=False):
        self._send(b"d", b"r" + struct.pack("!QQQqB", flushed, flushed, flushed, 0, reply))

    def stop(self):
        """Ends COPY BOTH politely; frames that were still on their way are dropped. The server does not stream changes on this connection any more: it
        remembers that the client was done, and the next START_REPLICATION runs the plugin's startup and ends at once. After an ERROR it does."""
        self._send(b"c")
        self._until_ready()

    def cancelled(self, cancel):
        """Ends COPY BOTH by the ERROR that `cancel` (pg_cancel_backend of this pid) brings about."""
        cancel(self.pid)
        try:
            self.receive(1 << 62, seconds=30)
        except ServerError as error:
            if error.sqlstate != "57014":
                raise
