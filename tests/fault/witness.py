"""The judges of a run with faults. They know the sequence of the database's states (bookshop.Load) and what the engine did, and
nothing of the daemon: for each document, what was written must follow these states, and what is confirmed must be there.

O1 in the end the index equals the tables · O2 nothing is confirmed that is not in the index · O3 no document goes back ·
O5 refused documents are dead letters, and no others are
"""
import threading

import psycopg2

from bookshop import POISON
from harness import oracle

ABSENT = None


def poisoned(key, document):
    return key[0] == "books" and document is not ABSENT and document["title"] == POISON


def by_key(hits, indexes):
    """{(index, id): document} of a dump; generations count as their index."""
    out = {}
    for hit in hits:
        index = hit["_index"].rpartition("_")[0]
        if index in indexes:
            out[index, hit["_id"]] = hit["_source"]
    return out


class Witness:
    pause = 0.03  # seconds between two looks

    def __init__(self, load, stub, server, slot, indexes):
        self.load, self.stub, self.server, self.slot, self.indexes = load, stub, server, slot, indexes
        self.samples = self.compared = 0
        self.loaded = False
        self.violations = []
        self._end = threading.Event()
        self._thread = self._connection = None

    def start(self):
        self._thread = threading.Thread(target=self._watch, daemon=True)
        self._thread.start()

    def stop(self):
        self._end.set()
        self._thread.join(30)
        if self._connection:
            self._connection.close()

    def _watch(self):
        while not self._end.wait(self.pause):
            try:
                if not self._connection:
                    self._connection = psycopg2.connect(host=str(self.server.dir), port=self.server.port, user="postgres", dbname="postgres")
                    self._connection.autocommit = True
                self.sample()
            except psycopg2.Error:  # a server that is away just now confirms nothing
                self._connection = None
            except Exception as e:  # noqa: BLE001  a witness that has gone is no witness
                self.violations.append(f"the witness failed: {e!r}")
                return

    def _confirmed(self):
        with self._connection.cursor() as cursor:
            cursor.execute("SELECT confirmed_flush_lsn - '0/0' FROM pg_replication_slots WHERE slot_name = %s", (self.slot,))
            return (cursor.fetchone() or [None])[0]

    # ---- O2 ----
    def sample(self):
        """Whatever is confirmed at this moment is to be read from the engine."""
        confirmed = self._confirmed()
        known = len(self.load.states)
        if not self.loaded:
            states = [self.stub.state(index) for index in self.indexes]
            self.loaded = all(s and s.get("load", {}).get("complete") for s in states)
        if confirmed is None or not self.loaded:
            return
        sure = max((k for k in range(known) if self.load.positions[k] is not None and self.load.positions[k] <= confirmed), default=None)
        if sure is None:
            return
        hits = self.stub.all_hits()
        self.seen(hits)
        there = by_key(hits, self.indexes)
        states = self.load.states[sure:]
        self.samples += 1
        for key in set(there) | set(states[0]):
            allowed = [s.get(key, ABSENT) for s in states]
            if any(poisoned(key, d) for d in allowed):
                continue  # an older form may stay; what becomes of it is judged in the end
            if any(d != allowed[0] for d in allowed):
                # A commit that is not confirmed changes it, too. Who is found by the present links (design D5) may no longer be found
                # from an older change, but is from that one: then any form that it ever had may stay until then.
                allowed = [s.get(key, ABSENT) for s in self.load.states]
            else:
                self.compared += 1
            if there.get(key, ABSENT) not in allowed:
                self.violations.append(f"O2: {confirmed} is confirmed, which is commit {sure} of {known}, but {key} is {there.get(key)}, expected "
                                       f"{allowed[0]} or one of {len(allowed) - 1} later forms")

    def seen(self, hits):
        """For witnesses that have nothing else to judge O3 by."""

    # ---- in the end ----
    def judge(self):
        """Returns the problems, and how many documents and operations were compared."""
        problems = list(self.violations[:3])
        final = self.load.states[-1]
        hits = self.stub.all_hits()
        there = by_key(hits, self.indexes)
        poison = {key for key, document in final.items() if poisoned(key, document)}
        difference = oracle.difference({k: v for k, v in final.items() if k not in poison}, {k: v for k, v in there.items() if k not in poison})
        if difference:
            problems.append("O1: " + difference)
        operations = self.stub.ops()
        problems += self.monotone(operations)
        letters = {("books", h["_id"]) for h in hits if h["_index"] == "books-rejected"}
        refused = {("books", o["_id"]) for o in operations if o["verb"] == "refused"}
        if poison - letters:
            problems.append(f"O5: refused and no dead letter: {sorted(poison - letters)[:5]}")
        if letters - refused:
            problems.append(f"O5: dead letters of documents that were never refused: {sorted(letters - refused)[:5]}")
        return problems, len(final), len(operations), len(letters)

    # ---- O3 ----
    def monotone(self, operations):
        """Each form that a document got is one of its forms in the database, never an earlier one than the form before."""
        at, version, problems = {}, {}, []
        states = self.load.states
        for operation in operations:
            index = operation["_index"].rpartition("_")[0]
            if index not in self.indexes or operation["verb"] == "refused":
                continue
            key = index, operation["_id"]
            if operation["version"] < version.get(key, 0):
                problems.append(f"O3: the version of {key} went back from {version[key]} to {operation['version']}")
            version[key] = operation["version"]
            form = operation["_source"] if operation["verb"] != "delete" else ABSENT
            k = at.get(key, 0)
            while k < len(states) and states[k].get(key, ABSENT) != form:
                k += 1
            if k == len(states):
                problems.append(f"O3: {key} became {form}, which it was at no time from commit {at.get(key, 0)} on")
            else:
                at[key] = k
        return problems[:3]
