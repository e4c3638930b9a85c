"""Several sessions that write to a random database at once: what they will do is drawn before, how it interleaves is written down.

    draw(rng, database, count)   what each session will do: [[transaction]]
    Writers(...)                 does it, one thread per session; `history` is what happened, in the order in which it was answered

A transaction is {"isolation", "guarded", "steps", "end", "later"}; a step is SQL text, (SQL of COPY, its data, the same as INSERT), or HOLD. `guarded`: a
statement that is refused is rolled back to a savepoint, else the whole transaction is. `end` is COMMIT, ROLLBACK, COMMIT PREPARED or
ROLLBACK PREPARED; the last two after `later` further transactions of the same session.
"""
import io
import threading
import time

import psycopg2

from . import random_changes, random_types as types
from .postgres import ROLE
from .random_changes import condition, literal, new_row
from .random_database import column_of, copy_field, full_name, index_of, listed, q, quoted

HOLD = "-- hold open"
HOLD_SECONDS = 0.15    # then others may wait for our locks, and we go on
PATIENCE_SECONDS = 60  # of a whole run
# Constraints, values, deadlocks and serialization, locks and objects in use, two rows of one MERGE or ON CONFLICT.
REFUSALS = ("23", "22", "40", "55", "21")
# Nothing worth a wait: a session that waits for a lock longer takes its statement back.
SESSION = "SET lock_timeout = '150ms'; SET client_min_messages = error; SET xmloption = content"


def draw(rng, database, count):
    drawing = Drawing(rng, database)
    return [[drawing.transaction() for _ in range(rng.choice([2, 4, 8, 14]))] for _ in range(count)]


class Drawing:
    def __init__(self, rng, database):
        self.rng, self.database, self.by_name = rng, database, index_of(database)
        self.tables = [t for t in database["tables"] if t["kind"] == "table"]
        self.linked = {full_name(t): [c for link in database["links"] for c in (link["columns"] if link["child"] == full_name(t) else []) + (
            link["refs"] if link["parent"] == full_name(t) else [])] for t in self.tables}

    def transaction(self):
        rng = self.rng
        steps = []
        for _ in range(rng.choice([1, 1, 1, 2, 4, 7])):
            steps += self.steps()
        if rng.random() < 0.15:
            steps.insert(rng.randrange(1, len(steps) + 1), HOLD)
        end = rng.choices(["COMMIT", "ROLLBACK", "COMMIT PREPARED", "ROLLBACK PREPARED"], [80, 7, 9, 4])[0]
        return {"isolation": rng.choices(["READ COMMITTED", "REPEATABLE READ", "SERIALIZABLE"], [80, 12, 8])[0], "guarded": rng.random() < 0.6,
                "steps": steps, "end": end, "later": rng.choice([0, 1, 2])}

    def steps(self):
        rng = self.rng
        if rng.random() < 0.08:
            inner = [self.statement() for _ in range(rng.choice([1, 2]))]
            return ["SAVEPOINT mark", *inner, rng.choice(["ROLLBACK TO SAVEPOINT mark", "ROLLBACK TO SAVEPOINT mark", "RELEASE SAVEPOINT mark"])]
        return [self.statement()]

    def statement(self):
        rng = self.rng
        table = rng.choice(self.tables)
        kinds = [(self.plain, 34), (self.upsert, 12), (self.merge, 8), (self.copy, 6), (self.move_rows, 16), (self.unlink, 6), (self.new_key, 8),
                 (self.many_times, 6), (self.in_blocks, 4), (self.series, 3)]
        make = rng.choices([k for k, _ in kinds], [w for _, w in kinds])[0]
        return make(table) or self.plain(table)

    def plain(self, table):
        return random_changes.statement(self.rng, self.database, table)

    def row(self, table):
        """A new row, with an existing key now and then."""
        row = new_row(self.rng, self.database, table)
        if table["rows"] and self.rng.random() < 0.6:
            old = self.rng.choice(table["rows"])
            row.update({k: old[k] for k in table["key"]})
        return row

    def some_columns(self, table, most=2):
        rng = self.rng
        columns = [c for c in table["columns"] if not c["generated"]]
        if rng.random() < 0.7:
            columns = [c for c in columns if c["name"] in self.linked[full_name(table)]] or columns
        return [c["name"] for c in rng.sample(columns, min(len(columns), rng.randrange(1, most + 1)))]

    def upsert(self, table):
        rng = self.rng
        if not table["key"]:
            return None
        rows = [self.row(table) for _ in range(rng.choice([1, 1, 2, 4]))]
        columns = list(rows[0])
        values = ", ".join("(" + ", ".join(literal(r.get(c)) for c in columns) + ")" for r in rows)
        change = ", ".join(f"{q(c)} = EXCLUDED.{q(c)}" for c in self.some_columns(table, 3))
        then = rng.choice([f"DO UPDATE SET {change}", f"DO UPDATE SET {change}", "DO NOTHING"])
        return f"INSERT INTO {quoted(table)} ({listed(columns)}) VALUES {values} ON CONFLICT ({listed(table['key'])}) {then}"

    def merge(self, table):
        rng = self.rng
        if not table["key"]:
            return None
        rows = [self.row(table) for _ in range(rng.choice([1, 2, 3]))]
        columns = list(rows[0])
        source = " UNION ALL ".join("SELECT " + ", ".join(f"{literal(r.get(c))}::{column_of(table, c)['type']} AS {q(c)}" for c in columns) for r in rows)
        match = " AND ".join(f"t.{q(k)} = s.{q(k)}" for k in table["key"])
        change = ", ".join(f"{q(c)} = s.{q(c)}" for c in self.some_columns(table, 3))
        matched = rng.choice([f"UPDATE SET {change}", f"UPDATE SET {change}", "DELETE"])
        insert = f"INSERT ({listed(columns)}) VALUES ({', '.join(f's.{q(c)}' for c in columns)})"
        return f"MERGE INTO {quoted(table)} t USING ({source}) s ON {match} WHEN MATCHED THEN {matched} WHEN NOT MATCHED THEN {insert}"

    def copy(self, table):
        rng = self.rng
        rows = [new_row(rng, self.database, table) for _ in range(rng.choice([1, 2, 3]))]
        columns = list(rows[0])
        data = "".join("\t".join(copy_field(r.get(c)) for c in columns) + "\n" for r in rows)
        values = ", ".join("(" + ", ".join(literal(r.get(c)) for c in columns) + ")" for r in rows)
        return (f"COPY {quoted(table)} ({listed(columns)}) FROM stdin", data, f"INSERT INTO {quoted(table)} ({listed(columns)}) VALUES {values}")

    def some_rows(self, table):
        rng = self.rng
        key = f"concat_ws(',', {listed(table['key'])})" if table["key"] else "ctid::text"
        n = rng.choice([1, 2, 3, 5])
        return f"abs(hashtext({key})::bigint) % {n} = {rng.randrange(n)}"

    def move_rows(self, table):
        """Several rows at once to another parent, in or out of a filter."""
        row = new_row(self.rng, self.database, table)
        names = [n for n in self.some_columns(table) if n not in table["key"]]
        if not names:
            return None
        return f"UPDATE {quoted(table)} SET {', '.join(f'{q(n)} = {literal(row[n])}' for n in names)} WHERE {self.some_rows(table)}"

    def unlink(self, table):
        names = [c["name"] for c in table["columns"] if c["null"] and not c["generated"] and c["name"] in self.linked[full_name(table)]]
        return f"UPDATE {quoted(table)} SET {', '.join(f'{q(n)} = NULL' for n in names)} WHERE {self.some_rows(table)}" if names else None

    def new_key(self, table):
        rng = self.rng
        if not table["key"]:
            return None
        row = new_row(rng, self.database, table)
        names = rng.sample(table["key"], rng.randrange(1, len(table["key"]) + 1))
        return f"UPDATE {quoted(table)} SET {', '.join(f'{q(n)} = {literal(row[n])}' for n in names)} WHERE {condition(rng, table)}"

    def many_times(self, table):
        """Enough to be sent before the transaction ends, mostly (the server's logical_decoding_work_mem is small)."""
        rng = self.rng
        names = [n for n in self.some_columns(table) if n not in table["key"]]
        if not names:
            return None
        one, other = (new_row(rng, self.database, table) for _ in range(2))

        def update(row):
            return f"UPDATE {quoted(table)} SET {', '.join(f'{q(n)} = {literal(row[n])}' for n in names)} WHERE {self.some_rows(table)};"
        body = f"{update(one)} {update(other)}"
        if rng.random() < 0.4:
            body = f"BEGIN {body} IF i % {rng.choice([1, 2, 3])} = 0 THEN RAISE division_by_zero; END IF; EXCEPTION WHEN division_by_zero THEN NULL; END;"
        return f"DO $do$ BEGIN FOR i IN 1..{rng.choice([20, 60, 150])} LOOP {body} END LOOP; END $do$"

    def in_blocks(self, table):
        """Statements whose failures are caught, one inside of the other."""
        rng = self.rng
        inner, outer = self.plain(table), self.plain(rng.choice(self.tables))
        fail = rng.choice(["", "PERFORM 1 / 0;"])
        block = f"BEGIN {inner}; {fail} EXCEPTION WHEN OTHERS THEN NULL; END;"
        return f"DO $do$ BEGIN {block} BEGIN {outer}; {block} {rng.choice(['', 'PERFORM 1 / 0;'])} EXCEPTION WHEN OTHERS THEN NULL; END; END $do$"

    def series(self, table):
        """Many new rows, or the end of all such."""
        rng = self.rng
        if len(table["key"]) != 1 or column_of(table, table["key"][0])["type"] not in ("integer", "bigint", "text", "numeric", '"Name"'):
            return None
        if rng.random() < 0.3:
            return f"DELETE FROM {quoted(table)} WHERE {q(table['key'][0])}::text LIKE '77%'"
        row = new_row(rng, self.database, table)
        first = rng.randrange(7700, 7740)
        values = [f"g::{column_of(table, c)['type']}" if c in table["key"] else f"{literal(v)}::{column_of(table, c)['type']}" for c, v in row.items()]
        return (f"INSERT INTO {quoted(table)} ({listed(row)}) SELECT {', '.join(values)} FROM generate_series({first}, {first + rng.choice([3, 10, 25])}) g "
                "ON CONFLICT DO NOTHING")


class Writers:
    """`sessions`: what draw gave. `server`: a PostgresServer with max_prepared_transactions."""

    def __init__(self, server, database, sessions, commit_settings=None):
        self.server, self.database, self.sessions = server, database, sessions
        self.commit_settings = commit_settings or [[None] * len(s) for s in sessions]  # of synchronous_commit
        self.history = []      # (session, what was sent, "" or the error)
        self.accepted = self.ended = 0
        self.committed = []    # the transactions that ended, in order, as random_changes.apply takes them
        self.failure = None
        self._changed = threading.Condition()
        self._threads = [threading.Thread(target=self._session, args=(i,), daemon=True) for i in range(len(sessions))]
        self._running = 0

    def start(self):
        self._running = len(self._threads)
        for thread in self._threads:
            thread.start()
        return self

    def running(self):
        return self._running

    def wait_ended(self, count, timeout=PATIENCE_SECONDS, must=True):
        """Until so many transactions have ended, or all."""
        with self._changed:
            reached = self._changed.wait_for(lambda: self.ended >= count or not self._running, timeout)
            assert reached or not must, "the sessions hang"

    def join(self):
        end = time.monotonic() + PATIENCE_SECONDS
        for thread in self._threads:
            thread.join(max(0.1, end - time.monotonic()))
            assert not thread.is_alive(), f"a session hangs; last: {self.history[-3:]}"
        if self.failure:
            raise self.failure

    def total(self):
        return sum(map(len, self.sessions))

    # ---- one session ----
    def _session(self, number):
        try:
            with self.server.connect(self.database, ROLE) as c, c.cursor() as cursor:
                cursor.execute(SESSION)
                waiting = []  # prepared: [how many more transactions before its end, gid, transaction, statements]
                for i, transaction in enumerate(self.sessions[number]):
                    setting = self.commit_settings[number][i]
                    if setting:
                        cursor.execute(f"SET synchronous_commit = {setting}")
                    prepared = self._transaction(cursor, number, f"c-{number}-{i}", transaction)
                    if prepared:
                        waiting.append([transaction["later"], *prepared])
                    for item in waiting:
                        item[0] -= 1
                    self._finish(cursor, number, [w for w in waiting if w[0] < 0])
                    waiting = [w for w in waiting if w[0] >= 0]
                self._finish(cursor, number, waiting)
        except Exception as e:  # noqa: BLE001  for the thread that joins
            self.failure = self.failure or e
        finally:
            with self._changed:
                self._running -= 1
                self._changed.notify_all()

    def _send(self, cursor, number, step):
        sql, data = step[:2] if isinstance(step, tuple) else (step, None)
        error = None
        try:
            if data is None:
                cursor.execute(sql)
            else:
                cursor.copy_expert(sql, io.StringIO(data))
        except psycopg2.Error as e:
            if (not e.pgcode or e.pgcode[:2] not in REFUSALS) and "cannot convert NaN" not in str(e):
                raise AssertionError(f"{sql}: {e.pgcode} {e}") from e
            error = e
        with self._changed:
            self.history.append((number, sql if data is None else f"{sql};\n{data}\\.", f"{error.pgcode} {error}".strip() if error else ""))
            self.accepted += error is None
        return error

    def _hold(self):
        with self._changed:
            seen = self.ended
            self._changed.wait_for(lambda: self.ended > seen + 1 or self._running <= 1, HOLD_SECONDS)

    def _transaction(self, cursor, number, gid, transaction):
        """Returns (gid, statements, whether it will commit) if it was prepared and waits for its end."""
        done = []
        self._send(cursor, number, f"BEGIN ISOLATION LEVEL {transaction['isolation']}")
        for step in transaction["steps"]:
            if step == HOLD:
                self._hold()
                continue
            mark = isinstance(step, str) and step.startswith(("SAVEPOINT", "ROLLBACK", "RELEASE"))
            guard = transaction["guarded"] and not mark
            if guard:
                self._send(cursor, number, "SAVEPOINT guard")
            error = self._send(cursor, number, step)
            if error and (not guard or error.pgcode.startswith("40")):
                self._send(cursor, number, "ROLLBACK")
                return self._end(done, False)
            if error:
                self._send(cursor, number, "ROLLBACK TO SAVEPOINT guard")
            else:
                done.append(step[2] if isinstance(step, tuple) else step)
        end = transaction["end"]
        if not end.endswith("PREPARED"):
            error = self._send(cursor, number, end)
            return self._end(done, end == "COMMIT" and not error)
        if self._send(cursor, number, f"PREPARE TRANSACTION '{gid}'"):
            return self._end(done, False)
        return gid, done, end == "COMMIT PREPARED"

    def _finish(self, cursor, number, prepared):
        for _, gid, done, commits in prepared:
            error = self._send(cursor, number, f"{'COMMIT' if commits else 'ROLLBACK'} PREPARED '{gid}'")
            assert not error, error
            self._end(done, commits)

    def _end(self, done, committed):
        with self._changed:
            if done:
                self.committed.append(done if committed else [*done, "ROLLBACK"])
            self.ended += 1
            self._changed.notify_all()

    def script(self):
        """What happened, for a reader."""
        return "".join(f"/* {number} */ {sql};{' -- refused: ' + error.splitlines()[0] if error else ''}\n" for number, sql, error in self.history)
