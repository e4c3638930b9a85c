"""Records of pgsync_decode -> committed transactions, as a reader of WIRE_FORMAT.md has to understand them, blocks of transactions in
progress included. Breaking the grammar is an AssertionError."""
import dataclasses
import datetime
import json


@dataclasses.dataclass
class Relation:
    relid: int
    schema: str
    table: str
    identity: str
    columns: list  # [name, type_oid, in_identity]


@dataclasses.dataclass
class Change:
    op: str
    relation: Relation
    old_kind: str = "absent"
    old: list = None
    new: list = None
    subxid: int = None


@dataclasses.dataclass
class Transaction:
    xid: int
    commit_lsn: int
    changes: list
    commit_time: float = None  # seconds since 1970


def _lsn(text):
    high, low = text.split("/")
    return int(high, 16) << 32 | int(low, 16)


def _seconds(text):
    """timestamptz as pgsync_decode shows it, in UTC."""
    date, _, fraction = text.removesuffix("+00").partition(".")
    return datetime.datetime.fromisoformat(date + "+00:00").timestamp() + float(f"0.{fraction or 0}")


def parse(text):
    """Numbers keep their spelling (as ("number", text)), so that 1.50 and 1.5, or 5 and "5", are not taken for equal."""
    def number(spelling):
        return ("number", spelling)
    return json.loads(text, parse_int=number, parse_float=number)


def _int(value):
    return int(value[1])


class Reader:
    """One decoding session: one START_REPLICATION, or one call of an SQL function."""

    def __init__(self):
        self.relations = {}
        self.transactions = []
        self._open = None        # the transaction between begin and commit
        self._block = None       # the transaction in progress whose block is open
        self._progress = {}      # xid -> Transaction
        self._subxid = None
        self.records = {}        # kind -> how many

    def read(self, text):
        record = parse(text)
        kind = record["record"]
        self.records[kind] = self.records.get(kind, 0) + 1
        getattr(self, f"_{kind}")(record)

    def end(self):
        assert self._open is None and self._block is None, "the stream ends inside of a transaction"
        return self.transactions

    # ---- whole transactions
    def _begin(self, r):
        assert self._open is None and self._block is None, "begin inside of a transaction"
        self._open = Transaction(_int(r["xid"]), _lsn(r["commit_lsn"]), [])

    def _commit(self, r):
        assert self._open is not None and _lsn(r["commit_lsn"]) == self._open.commit_lsn, "commit of another transaction"
        assert self._open.changes, "an empty transaction was sent"
        self._open.commit_time = _seconds(r["commit_time"])
        self._finish(self._open)
        self._open = None

    def _finish(self, transaction):
        assert not self.transactions or self.transactions[-1].commit_lsn < transaction.commit_lsn, "transactions out of commit order"
        self.transactions.append(transaction)

    # ---- transactions in progress
    def _stream_start(self, r):
        assert self._open is None and self._block is None, "stream_start inside of a transaction"
        xid = _int(r["xid"])
        assert r["first"] == (xid not in self._progress), f"stream_start says first={r['first']}"
        self._block = self._progress.setdefault(xid, Transaction(xid, None, []))
        self._subxid = xid

    def _subtransaction(self, r):
        assert self._block is not None, "subtransaction outside of a block"
        self._subxid = _int(r["subxid"])

    def _stream_stop(self, r):
        assert self._block is not None, "stream_stop without stream_start"
        self._block = None

    def _stream_abort(self, r):
        assert self._block is None and self._open is None, "stream_abort inside of a block"
        xid, subxid = _int(r["xid"]), _int(r["subxid"])
        assert xid in self._progress, "stream_abort of a transaction that was not streamed"
        if xid == subxid:
            del self._progress[xid]
        else:
            self._progress[xid].changes = [c for c in self._progress[xid].changes if c.subxid != subxid]

    def _stream_commit(self, r):
        assert self._block is None and self._open is None, "stream_commit inside of a block"
        transaction = self._progress.pop(_int(r["xid"]))
        transaction.commit_lsn = _lsn(r["commit_lsn"])
        transaction.commit_time = _seconds(r["commit_time"])
        self._finish(transaction)

    # ---- what is in them
    def _add(self, change):
        target = self._block or self._open
        assert target is not None, f"{change.op} outside of a transaction"
        change.subxid = self._subxid if self._block else None
        target.changes.append(change)

    def _relation(self, r):
        columns = [(c["name"], _int(c["type_oid"]), c["in_identity"]) for c in r["columns"]]
        self.relations[_int(r["relid"])] = Relation(_int(r["relid"]), r["schema"], r["table"], r["identity"], columns)

    def _row(self, relation, row):
        if row is not None:
            assert len(row) == len(relation.columns), f"row of {len(row)} values, relation {relation}"
        return row

    def _known(self, relid):
        assert _int(relid) in self.relations, f"relid {relid} without relation record"
        return self.relations[_int(relid)]

    def _insert(self, r):
        relation = self._known(r["relid"])
        self._add(Change("insert", relation, new=self._row(relation, r["row"])))

    def _update(self, r):
        relation = self._known(r["relid"])
        self._add(Change("update", relation, r["old_kind"], self._row(relation, r.get("old")), self._row(relation, r["row"])))

    def _delete(self, r):
        relation = self._known(r["relid"])
        self._add(Change("delete", relation, r["old_kind"], self._row(relation, r.get("old"))))

    def _truncate(self, r):
        for relid in r["relids"]:
            self._add(Change("truncate", self._known(relid)))

    def _message(self, r):
        if r["transactional"]:
            assert self._block or self._open, "transactional message outside of a transaction"

    def _statistics(self, r):
        assert self._block is None and self._open is None, "statistics inside of a transaction"
