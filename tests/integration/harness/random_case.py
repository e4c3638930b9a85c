"""One random case: the database is made, the program runs once, and its documents are compared with the oracle's."""
import copy
import json
import os
import pathlib
import shutil
import subprocess

from . import consumer as program
from . import oracle, random_changes, random_database, random_minimise, random_oracle, random_types
from .processes import REPO, wait_for
from .postgres import ROLE

DATABASE = "random"
KEPT_LOGS = pathlib.Path(os.environ.get("PGSYNC_TEST_LOGS", REPO / "build/test-logs")) / "random-schemas"


class Case:
    """A database, a schema file, and transactions to follow after the load (none: only the load is judged)."""

    def __init__(self, database, schema, changes=()):
        self.database, self.schema, self.changes = database, schema, list(changes)

    def copy(self):
        return copy.deepcopy(self)


class Problem:
    """Why a case failed. `kind` is the same for failures that may have the same cause."""

    def __init__(self, kind, text, expected=None, actual=None):
        self.kind, self.text, self.expected, self.actual = kind, text, expected, actual


class Runner:
    def __init__(self, server, directory):
        self.server, self.dir, self.kept = server, pathlib.Path(directory), KEPT_LOGS
        shutil.rmtree(self.kept, ignore_errors=True)
        self.dir.mkdir()
        self.documents = self.nodes = self.changes = 0
        server.create_database(DATABASE)
        server.rows(DATABASE, random_types.PRELUDE)

    def end(self):
        self.server.drop_database(DATABASE)

    def clear(self):
        """An empty database again, but for the prelude, which belongs to the superuser. Five times quicker than making a new one."""
        def without_slots():
            self.server.rows(DATABASE, "SELECT pg_drop_replication_slot(slot_name) FROM pg_replication_slots WHERE database = current_database() AND NOT active")
            return not self.server.rows(DATABASE, "SELECT FROM pg_replication_slots WHERE database = current_database()")
        wait_for("the slot to be free", without_slots)
        self.server.rows(DATABASE, f"DROP OWNED BY {ROLE} CASCADE")

    # ---- running ----
    def run(self, case, change_expected=None):
        """Returns None, or the Problem."""
        folder = self.dir / "case"
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir()
        (folder / "setup.sql").write_text(random_database.setup_sql(case.database))
        (folder / "schema.json").write_text(json.dumps(case.schema, ensure_ascii=False, indent=1))
        self.clear()
        self.server.psql(DATABASE, "-f", folder / "setup.sql")
        problem = self.compare(case, folder, ["bootstrap", "--apply"], change_expected)
        if problem is None and case.changes:
            with self.server.connect(DATABASE, ROLE) as c:
                self.changes += random_changes.apply(c, case.changes)
            problem = self.compare(case, folder, None, None)
        return problem

    def compare(self, case, folder, before, change_expected):
        """Runs the program once and judges what is in the target then."""
        for command in ([before] if before else []) + [["run", "--once"]]:
            try:
                done = self.command(folder, *command)
            except AssertionError as e:  # a crash, or no end
                return Problem(f"crash of {command[0]}", f"{str(e).splitlines()[0]}; its last words: {str(e).splitlines()[-1][:200]}")
            if done.status:
                return Problem(f"exit {done.status} of {command[0]}", f"{' '.join(command)} ended with {done.status}: {lines_of_error(done.output)}")
        with self.server.connect(DATABASE, ROLE) as c, c.cursor() as cursor:
            # Afterwards, so that documents of a view that the program forgot to refresh are old ones.
            for table in case.database["tables"]:
                if table["kind"] == "matview":
                    cursor.execute(f"REFRESH MATERIALIZED VIEW {random_database.quoted(table)}")
            expected = random_oracle.expected(cursor, case.schema, case.database)
        if change_expected:
            change_expected(expected)
        actual = read_bulk(folder / "documents.ndjson")
        if not before:
            unseen = {d["index"] for d in case.schema if any(map(hidden, all_nodes(d["nodes"])))}
            expected, actual = ({k: v for k, v in side.items() if k[0] not in unseen} for side in (expected, actual))
        report = difference(expected, actual)
        if report:
            return Problem("difference" if before else "difference after changes", report, expected, actual)
        self.documents += len(expected)
        self.nodes += sum(count_nodes(d["nodes"]) for d in case.schema)
        return None

    def command(self, folder, *words):
        args = [*words, "schema.json", "--target", f"ndjson:{folder / 'documents.ndjson'}", "--queue", "memory:"]
        return program.run(args, program.environment(self.server), folder, folder / "consumer.log", 180)

    # ---- failures ----
    def keep(self, name, case, problem, minimise):
        self.write(self.kept / name, case, problem)
        if minimise:
            small, problem = random_minimise.minimise(case, problem, self.run, seconds=90)
            self.write(self.kept / name / "small", small, problem)
            print(f"{name}, smaller: {problem.text}\n{json.dumps(small.schema, ensure_ascii=False)}")

    def write(self, folder, case, problem):
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "problem.txt").write_text(problem.text + "\n")
        (folder / "schema.json").write_text(json.dumps(case.schema, ensure_ascii=False, indent=1) + "\n")
        (folder / "setup.sql").write_text(random_types.PRELUDE + random_database.setup_sql(case.database))
        (folder / "changes.sql").write_text("".join("BEGIN;\n" + "".join(f"{sql};\n" for sql in t) + "COMMIT;\n" for t in case.changes))
        (folder / "oracle.sql").write_text("".join(random_oracle.query(d, case.database) + ";\n" for d in case.schema))
        for side in ("expected", "actual"):
            documents = getattr(problem, side) or {}
            (folder / f"{side}.txt").write_text("".join(f"{key} {documents[key]!r}\n" for key in sorted(documents, key=repr)))
        log = self.dir / "case/consumer.log"
        if log.exists():
            shutil.copy(log, folder)


def lines_of_error(output):
    found = [line for line in output.splitlines() if "error" in line.lower()]
    return "\n".join(found[:6] or output.splitlines()[-6:])


def hidden(node):
    """Are changes of its rows not seen, and is that right (views without base tables)?"""
    return "primary_key" in node and not node.get("base_tables")


def all_nodes(node):
    yield node
    for child in node.get("children") or []:
        yield from all_nodes(child)


def count_nodes(node):
    return len(list(all_nodes(node)))


def read_bulk(path):
    """{(index, id): document} as an engine would hold it after all actions."""
    out = {}
    lines = iter(path.read_text().rstrip("\n").split("\n") if path.exists() and path.stat().st_size else [])
    for line in lines:
        (verb, action), = json.loads(line).items()
        if verb == "index":
            out[action["_index"], action["_id"]] = random_oracle.parse(next(lines))
        else:
            out.pop((action["_index"], action["_id"]), None)
    return out


# ---- comparing ----
def difference(expected, actual):
    lines = [f"- {key} is missing" for key in sorted(expected.keys() - actual.keys(), key=repr)[:4]]
    lines += [f"+ {key} is extra" for key in sorted(actual.keys() - expected.keys(), key=repr)[:4]]
    differing = [k for k in expected.keys() & actual.keys() if expected[k] != actual[k]]
    for key in sorted(differing, key=repr)[:4]:
        lines += [f"~ {key}: {line}" for line in list(oracle.paths(expected[key], actual[key], ""))[:3]]
    if not lines:
        return ""
    return f"{len(expected)} documents expected, {len(actual)} found, {len(differing)} differ\n" + "\n".join(lines)
