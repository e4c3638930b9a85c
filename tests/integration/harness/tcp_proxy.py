"""A TCP link that can be slow, silent, half-open or cut. It knows nothing of what goes through it.

    link = TcpLink(port of the server); clients connect to link.port
    link.delay(0.05)      every piece of data waits that long, in both directions; 0 = off
    link.silence()        nothing gets through any more, in either direction; new connections are accepted and get nothing either
    link.heal()           ends delay and silence: what was held is passed on
    link.abandon()        the connections of now get nothing for ever and are never closed (half-open); new ones work
    link.cut()            the connections of now are closed with RST
"""
import socket
import struct
import threading

RST = struct.pack("ii", 1, 0)
PIECE = 65536


class Pair:
    """One connection through the link."""

    def __init__(self, link, client):
        self.link, self.client, self.server = link, client, None
        self.abandoned = False
        self.ended = threading.Event()

    def run(self):
        try:
            self.link.pass_gate(self)
            self.server = socket.create_connection(("127.0.0.1", self.link.target), timeout=10)
            self.server.settimeout(None)
            for end in (self.client, self.server):
                end.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            threading.Thread(target=self.pump, args=(self.client, self.server), daemon=True).start()
            self.pump(self.server, self.client)
        except OSError:
            self.end()

    def pump(self, source, sink):
        try:
            while True:
                data = source.recv(PIECE)
                self.link.pass_gate(self)
                if self.link.seconds:
                    self.ended.wait(self.link.seconds)
                if not data:
                    break
                sink.sendall(data)
        except OSError:
            pass
        if not self.abandoned:
            self.end()

    def end(self, reset=False):
        self.ended.set()
        for end in (self.client, self.server):
            if end is None:
                continue
            try:
                if reset:
                    end.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RST)
                # Wakes the thread that reads from it; before that, close() would not even be told to the other side.
                end.shutdown(socket.SHUT_RD if reset else socket.SHUT_RDWR)
            except OSError:
                pass
            end.close()
        self.link.forget(self)


class TcpLink:
    def __init__(self, target, host="127.0.0.1"):
        self.target, self.seconds = target, 0
        self._changed = threading.Condition()
        self._silent, self._pairs, self.connections = False, set(), 0
        self._listener = socket.create_server((host, 0), backlog=128)
        self.port = self._listener.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self):
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            pair = Pair(self, client)
            with self._changed:
                self._pairs.add(pair)
                self.connections += 1
            threading.Thread(target=pair.run, daemon=True).start()

    def pass_gate(self, pair):
        """Returns when data may pass; raises when the connection is over."""
        with self._changed:
            self._changed.wait_for(lambda: pair.ended.is_set() or not (self._silent or pair.abandoned))
        if pair.ended.is_set():
            raise OSError("closed")

    def forget(self, pair):
        with self._changed:
            self._pairs.discard(pair)
            self._changed.notify_all()

    def delay(self, seconds):
        self.seconds = seconds

    def silence(self):
        with self._changed:
            self._silent = True

    def heal(self):
        with self._changed:
            self.seconds, self._silent = 0, False
            self._changed.notify_all()

    def abandon(self):
        with self._changed:
            for pair in self._pairs:
                pair.abandoned = True
            return len(self._pairs)

    def cut(self):
        with self._changed:
            pairs = list(self._pairs)
        for pair in pairs:
            pair.end(reset=True)
        return len(pairs)

    def close(self):
        self._listener.close()
        self.heal()
        self.cut()
