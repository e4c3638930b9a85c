"""A proxy in front of PostgreSQL that lets the server fail in the middle of a stream, as it does by itself only in rare races."""
import socket
import struct
import threading

SSL_REQUEST, GSS_REQUEST, CANCEL = 80877103, 80877104, 80877102


def read(sock, size):
    data = b""
    while len(data) < size:
        more = sock.recv(size - len(data))
        if not more:
            raise ConnectionError("closed")
        data += more
    return data


def read_message(sock):
    """One message after the start-up: (type, whole bytes)."""
    head = read(sock, 5)
    return head[:1], head + read(sock, struct.unpack("!I", head[1:])[0] - 4)


def error(state, message):
    fields = b"".join(kind + text.encode() + b"\0" for kind, text in ((b"S", "ERROR"), (b"V", "ERROR"), (b"C", state), (b"M", message))) + b"\0"
    return b"E" + struct.pack("!I", 4 + len(fields)) + fields


class PgProxy:
    """Forwards connections to `server`. A session whose START_REPLICATION contains `marker` is ended with an ERROR instead of its first
    `after`-th message of the stream. `failed` counts these; `started` holds the commands of all streams."""

    def __init__(self, server, marker, state, message, after=1):
        self.server, self.marker, self.after = server, marker, after
        self.error = error(state, message)
        self.failed, self.started = 0, []
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = self._listener.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    def close(self):
        self._listener.close()

    def _accept(self):
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            threading.Thread(target=self._guard, args=(self._serve, client, client), daemon=True).start()

    @staticmethod
    def _guard(work, end, *args):
        """A connection that either side closes ends both."""
        try:
            work(*args)
        except OSError:
            pass
        finally:
            end.close()

    def _serve(self, client):
        server = socket.create_connection(("127.0.0.1", self.server.port))
        with server:
            while True:  # start-up packets have no type
                head = read(client, 8)
                size, code = struct.unpack("!II", head)
                if code in (SSL_REQUEST, GSS_REQUEST):
                    client.sendall(b"N")
                    continue
                server.sendall(head + read(client, size - 8))
                break
            if code == CANCEL:
                return
            doomed = threading.Event()
            threading.Thread(target=self._guard, args=(self._up, server, client, server, doomed), daemon=True).start()
            self._down(server, client, doomed)

    def _up(self, client, server, doomed):
        while True:
            kind, message = read_message(client)
            if kind == b"Q" and b"START_REPLICATION" in message:
                self.started.append(message[5:-1].decode())
                if self.marker in self.started[-1]:
                    doomed.set()
            server.sendall(message)

    def _down(self, server, client, doomed):
        rows = 0
        while True:
            kind, message = read_message(server)
            if kind == b"d" and message[5:6] == b"w" and doomed.is_set():
                rows += 1
                if rows == self.after:
                    self.failed += 1
                    client.sendall(self.error + b"Z" + struct.pack("!I", 5) + b"I")
                    return
            client.sendall(message)
