#!/usr/bin/env python3
"""stub.py [PORT]: tests/fakes/engine_stub.py, with a _bulk that answers at once and notes when.

The engine stub parses every request with http.server and keeps every document: some tenths of a millisecond each, which would be most of what is
measured here. So a POST to _bulk takes a way of its own: its actions are read as far as their ids, nothing is stored, and the answer is that all
were taken. The moment after the answer was sent is when the target has acknowledged.

    GET /_stub/trace     "<unix time> <_id>" for each document so far, and forgets them
"""
import json
import pathlib
import socket
import sys
import threading
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2] / "fakes"))

import engine_stub  # noqa: E402

ITEM = '{"%s":{"_index":"%s","_id":%s,"_version":%d,"status":200}}'


class Trace:
    def __init__(self):
        self.lock = threading.Lock()
        self.lines = []

    def add(self, when, ids):
        with self.lock:
            self.lines.extend((when, i) for i in ids)

    def take(self):
        with self.lock:
            lines, self.lines = self.lines, []
        return "".join(f"{when:.6f} {i}\n" for when, i in lines)


TRACE = Trace()


def answer(body):
    """Of a bulk request: the answer, and the ids."""
    items, ids = [], []
    lines = iter(body.split(b"\n"))
    for line in lines:
        if not line:
            continue
        (verb, meta), = json.loads(line).items()
        if verb != "delete":
            next(lines)
        ids.append(meta["_id"])
        items.append(ITEM % (verb, meta.get("_index", "i"), json.dumps(meta["_id"]), meta.get("version", 1)))
    return ('{"took":0,"errors":false,"items":[' + ",".join(items) + "]}").encode(), ids


class Handler(engine_stub.Handler):
    def handle_one_request(self):
        first = self.rfile.peek(1).split(b"\r\n", 1)[0]
        if not first.startswith(b"POST ") or b"/_bulk" not in first:
            return super().handle_one_request()
        self.rfile.readline()
        length = 0
        for line in iter(self.rfile.readline, b"\r\n"):
            name, _, value = line.partition(b":")
            if name.lower() == b"content-length":
                length = int(value)
            elif name.lower() == b"content-encoding":
                raise RuntimeError("the bench does not compress")
        text, ids = answer(self.rfile.read(length))
        self.connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n" % len(text) + text)
        TRACE.add(time.time(), ids)
        self.close_connection = False

    def control(self, what):
        if what == "trace":
            return self.answer(200, TRACE.take().encode(), "text/plain")
        return super().control(what)


class Server(engine_stub.Server):
    def server_bind(self):
        super().server_bind()
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)


def main():
    sys.setswitchinterval(0.0005)  # several connections, one interpreter
    server = Server(("127.0.0.1", int(sys.argv[1]) if len(sys.argv) > 1 else 0), Handler)
    print(f"PORT {server.server_address[1]}", flush=True)
    server.serve_forever()


if __name__ == "__main__":
    main()
