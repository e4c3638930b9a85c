"""Compares decoded transactions with the trigger-kept history, row by row and column by column. Pure: no server here."""
import dataclasses

from stream import parse

NUMERIC, JSONB, JSON = 1700, 3802, 114
UNCHANGED, MISSING = {"unchanged": True}, {"missing": True}


@dataclasses.dataclass
class Entry:
    """One row of judge.history."""
    xid: int
    seq: int
    op: str
    relid: int
    namespace: int
    schema: str
    table: str
    identity: str
    key: list
    ancestors: list
    started: float           # of the statement
    old: dict
    new: dict
    committed: float = float("inf")  # as decoded


@dataclasses.dataclass
class Expected:
    """An entry as one relation of the stream has to show it: under its own name or, with option tables, under a listed one."""
    entry: Entry
    relid: int               # None = of an ancestor, not compared
    names: set               # (schema, table) that are right
    columns: set             # names of the emitted columns
    may_be_missing: bool     # nothing emitted or watched changed, and the old row proves it


class Wrong(AssertionError):
    pass


def value_of(decoded, type_oid):
    """A decoded value in the history's terms (to_jsonb, numbers by spelling)."""
    if isinstance(decoded, dict):
        assert len(decoded) == 1, decoded
        return next(iter(decoded.values()))
    if isinstance(decoded, str) and type_oid == NUMERIC:
        return ("number", decoded)
    if isinstance(decoded, str) and type_oid in (JSONB, JSON):
        return parse(decoded)
    return decoded


class History:
    """xid -> entries in order; renames of schemas."""

    SLACK_SECONDS = 1.0  # from the entry about a rename to its commit

    def __init__(self, entries, renamed=()):
        self.entries = entries
        self._renamed = {}
        for seq, namespace, old, new, at in sorted(renamed):
            self._renamed.setdefault(namespace, []).append((old, new, at))

    def schema_names(self, entry):
        """A schema is renamed without any lock on its tables, also below a transaction that has written to one and between a row's WAL and its trigger.
        The server's catalog caches are in the order of commits: a transaction is decoded after those that committed before it, whose newer name
        may still be cached at its first rows, with any plugin. So right is whatever the schema was called from the begin of the statement to the
        commit, and the neighbours of that in time. No name is used twice."""
        renamed = self._renamed.get(entry.namespace, ())
        names, name = {entry.schema}, entry.schema
        for old, new, at in renamed:  # later names
            if old == name and at < entry.committed + self.SLACK_SECONDS:
                names.add(new)
                name = new
        name, before = entry.schema, True
        for old, new, at in reversed(renamed):  # earlier ones
            if new == name and before:
                names.add(old)
                name, before = old, at > entry.started - self.SLACK_SECONDS
        return names

    def every(self, entry):
        """Without option tables: each row once, under its own name, all columns."""
        row = entry.new or entry.old or {}
        return [Expected(entry, entry.relid, {(s, entry.table) for s in self.schema_names(entry)}, set(row),
                         entry.op == "update" and entry.identity == "f" and entry.old == entry.new)]

    def listed(self, tables):
        """With option tables: {"schema.table": (emitted names or None for all, watched names)}. Schemas of listed tables keep their names."""
        def expected(entry):
            found = []
            if entry.op == "truncate":  # see check()
                return found
            for name in [f"{entry.schema}.{entry.table}", *entry.ancestors]:
                if name not in tables:
                    continue
                emitted, watched = tables[name]
                row = entry.new or entry.old
                columns = set(row) if emitted is None else set(row) & set(emitted)
                looked_at = columns | (set(row) & set(watched))
                same = entry.op == "update" and all(entry.old[c] == entry.new[c] for c in looked_at)
                found.append(Expected(entry, entry.relid if name == f"{entry.schema}.{entry.table}" else None, {tuple(name.split("."))},
                                      columns, same and entry.identity == "f"))
            return found
        return expected


def check_change(change, want):
    """Raises Wrong unless the change says exactly what the entry says."""
    entry, relation = want.entry, change.relation

    def wrong(what):
        raise Wrong(f"{what}\n  xid {entry.xid}\n  decoded: {change}\n  history: {entry}")

    if change.op != entry.op:
        wrong(f"{change.op} instead of {entry.op}")
    if want.relid is not None and relation.relid != want.relid:
        wrong(f"relation {relation.relid} instead of {want.relid}")
    if (relation.schema, relation.table) not in want.names:
        wrong(f"named {relation.schema}.{relation.table} instead of {want.names}")
    if change.op == "truncate":
        return
    names = [name for name, _, _ in relation.columns]
    if len(names) != len(set(names)) or set(names) != want.columns:
        wrong(f"columns {sorted(names)} instead of {sorted(want.columns)}")
    if relation.identity != entry.identity:
        wrong(f"identity {relation.identity} instead of {entry.identity}")
    key = set(names) if entry.identity == "f" else set(entry.key) & set(names)
    if {name for name, _, flag in relation.columns if flag} != key:
        wrong(f"identity columns differ from {sorted(key)}")
    if change.op in ("insert", "update"):
        _check_new(change, entry, wrong)
    if change.op in ("update", "delete"):
        _check_old(change, entry, wrong)


def _check_new(change, entry, wrong):
    for (name, type_oid, _), value in zip(change.relation.columns, change.new):
        if value == UNCHANGED:
            if change.op != "update" or entry.identity == "f":
                wrong(f"column {name}: unchanged marker in an {change.op} with identity {entry.identity}")
            if entry.old[name] != entry.new[name]:
                wrong(f"column {name}: unchanged marker, but the value changed")
        elif value_of(value, type_oid) != entry.new[name]:
            wrong(f"column {name} of the new row: {value!r} instead of {entry.new[name]!r}")


def _check_old(change, entry, wrong):
    key_changed = any(entry.old[c] != entry.new[c] for c in entry.key) if change.op == "update" else True
    if entry.identity == "f":
        kinds = {"full"}
    elif entry.identity == "n" or not entry.key:
        kinds = {"absent"}
    elif key_changed:
        kinds = {"key"}
    else:
        kinds = {"absent", "key"}  # the server sends the key also when only its bytes changed
    if change.old_kind not in kinds:
        wrong(f"old row of kind {change.old_kind} instead of {kinds}")
    if change.old_kind == "absent":
        return
    for (name, type_oid, _), value in zip(change.relation.columns, change.old):
        if change.old_kind == "key" and name not in entry.key:
            if value != MISSING:
                wrong(f"column {name} of the old key: {value!r} instead of missing")
        elif value in (MISSING, UNCHANGED):
            wrong(f"column {name} of the old row: {value!r}")
        elif value_of(value, type_oid) != entry.old[name]:
            wrong(f"column {name} of the old row: {value!r} instead of {entry.old[name]!r}")


def _sort_truncates(items, relid):
    """The trigger of a truncated table fires in another order than the record names them: sort within each run."""
    out, run = [], []
    for item in [*items, None]:
        if item is not None and relid(item) is not None:
            run.append(item)
            continue
        out += sorted(run, key=relid)
        run = []
        if item is not None:
            out.append(item)
    return out


def check(transactions, history, view, truncates=True, complete=True):
    """Compares all transactions; `view` is history.every or history.listed(...). Returns counts; raises Wrong at the first difference.
    Without `complete`, later transactions may be missing. With a list, truncates are left out: how roots and leaves are then named is the business of sql/truncate.sql."""
    counts = {"transactions": 0, "changes": 0, "suppressed": 0, "unchanged_markers": 0}
    left = dict(history.entries)
    for transaction in transactions:
        entries = left.pop(transaction.xid, [])
        for entry in entries:
            entry.committed = transaction.commit_time
        wanted = _sort_truncates([e for entry in entries for e in view(entry)],
                                 lambda w: w.entry.relid if w.entry.op == "truncate" else None)
        changes = _sort_truncates(transaction.changes, lambda c: c.relation.relid if c.op == "truncate" else None)
        if not truncates:
            changes = [c for c in changes if c.op != "truncate"]
        at = 0
        for change in changes:
            # An UPDATE that changed nothing may be left out, so it is skipped when this change is not it.
            while at < len(wanted) and wanted[at].may_be_missing and not _fits(change, wanted[at]):
                counts["suppressed"] += 1
                at += 1
            if at == len(wanted):
                raise Wrong(f"transaction {transaction.xid} has a change too many: {change}")
            check_change(change, wanted[at])
            at += 1
            counts["changes"] += 1
            counts["unchanged_markers"] += sum(v == UNCHANGED for v in change.new or ())
        for want in wanted[at:]:
            if not want.may_be_missing:
                raise Wrong(f"transaction {transaction.xid}: not decoded: {want.entry}")
            counts["suppressed"] += 1
        counts["transactions"] += 1
    for xid, entries in left.items() if complete else ():
        for want in [w for entry in entries for w in view(entry)]:
            if not want.may_be_missing:
                raise Wrong(f"transaction {xid} was not decoded at all: {want.entry}")
    return counts


def _fits(change, want):
    try:
        check_change(change, want)
        return True
    except Wrong:
        return False
