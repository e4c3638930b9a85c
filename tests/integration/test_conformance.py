"""The conformance cases: documents as PGSync builds them, after the setup and after every step, through the whole pipeline.

Where we differ from PGSync on purpose, tests/conformance/ours has the documents, and the schema if that differs too.
Cases that need what this version refuses ("not supported yet") are listed in conformance_open.txt with the reason; a listed case
that passes is a failure, so the list stays honest.
"""
import json
import re
import subprocess
import sys

import pytest

from harness import consumer as program
from harness.ndjson import NdjsonTarget
from harness.processes import REPO

CASES = REPO / "tests/conformance/cases"
OURS = REPO / "tests/conformance/ours"
DATABASE = "conformance"
VARIABLES = {"CF_REGION": "north", "CF_STAGE": "blue"}


def open_cases():
    out = {}
    for line in (REPO / "tests/integration/conformance_open.txt").read_text().splitlines():
        if line.strip() and not line.startswith("#"):
            name, _, reason = line.partition(":")
            out[name.strip()] = reason.strip()
    return out


OPEN = open_cases()


# PostgreSQL itself refuses this step (TRUNCATE of a partition whose parent is referenced), so there is no golden for it.
WITHOUT_GOLDEN = {"partitioned-root/05-truncate-partition"}


def ours_or_golden(folder, path):
    """The file of a case, or the one that takes its place."""
    ours = OURS / folder.name / path
    return ours if ours.exists() else folder / path


def steps(folder):
    names = ["setup", *sorted(p.stem for p in folder.glob("[0-9][0-9]-*.sql"))]
    return [n for n in names if f"{folder.name}/{n}" not in WITHOUT_GOLDEN]


class CaseFailed(Exception):
    pass


class Case:
    """One folder's database, and the program run on it once per step."""

    def __init__(self, scenario, folder, redis=None):
        self.scenario, self.folder = scenario, folder
        if redis:
            redis.flushall()
            scenario.queue = redis.url
        scenario.schema = ours_or_golden(folder, "schema.json")
        # Bulk format, because only there the pipeline of an action can be seen.
        scenario.target = NdjsonTarget(scenario.dir / "documents.ndjson")
        scenario.server.create_database(DATABASE)

    def command(self, *args):
        r = self.scenario.command(*args, env=VARIABLES)
        if r.status:
            raise CaseFailed(repr(r))

    def run(self):
        for step in steps(self.folder):
            self.scenario.server.psql(DATABASE, "-f", self.folder / f"{step}.sql")
            if step == "setup":
                self.command("bootstrap", "--apply")
            self.command("run", "--once")
            self.compare(step)

    def compare(self, step):
        actual = self.scenario.dir / f"{step}.actual.ndjson"
        actual.write_text("".join(json.dumps(line) + "\n" for line in self.scenario.target.all_lines()))
        env = {**program.environment(None), **VARIABLES}
        r = subprocess.run([sys.executable, REPO / "tests/conformance/compare.py", ours_or_golden(self.folder, f"expected/{step}.ndjson"),
                            actual, "--schema", self.scenario.schema, "--max", "15"], capture_output=True, text=True, env=env)
        if r.returncode:
            raise CaseFailed(f"after {step}: {r.stdout}{r.stderr}")


@pytest.mark.parametrize("queue", ["memory", "redis"])
@pytest.mark.parametrize("name", sorted(p.name for p in CASES.iterdir() if p.is_dir()))
def test_case(scenario, redis, name, queue):
    case = Case(scenario, CASES / name, redis if queue == "redis" else None)
    try:
        case.run()
    except CaseFailed as e:
        if name in OPEN:
            pytest.xfail(OPEN[name])
        raise AssertionError(str(e)) from None
    finally:
        scenario.server.drop_database(DATABASE)
    assert name not in OPEN, f"{name} passes: take it out of conformance_open.txt"


def test_every_open_case_exists_and_has_a_reason():
    for name, reason in OPEN.items():
        assert (CASES / name).is_dir(), f"conformance_open.txt lists {name}, which does not exist"
        assert reason, f"conformance_open.txt gives no reason for {name}"


@pytest.mark.parametrize("name", sorted(p.name for p in OURS.iterdir()))
def test_documents_of_our_own_differ_and_say_why(name):
    """Whatever is in ours/ takes the place of a file of the case, is not the same, and names the rule of the reference."""
    folder = OURS / name
    assert re.search(r"\bB\d+: |\bSection \d+: ", (folder / "README.md").read_text()), "README.md names no B number and no section"
    files = [p for p in folder.rglob("*") if p.is_file() and p.name != "README.md"]
    goldens = [CASES / name / p.relative_to(folder) for p in files]
    assert all(p.is_file() for p in goldens), "a file takes the place of none"
    assert any(p.parent.name == "expected" for p in files), "no document differs"
    for ours, golden in zip(files, goldens):
        if ours.suffix == ".ndjson":
            assert [json.loads(x) for x in ours.open()] != [json.loads(x) for x in golden.open()], f"{ours} is the golden"


@pytest.mark.parametrize("name", sorted(p.parent.parent.name for p in CASES.glob("*/expected/index.json")))
def test_index_body(scenario, stub, name):
    """What the index is created with: settings and mappings as PGSync makes them, beside our own _meta and alias."""
    case = Case(scenario, CASES / name)
    scenario.target = stub
    try:
        scenario.server.psql(DATABASE, "-f", case.folder / "setup.sql")
        case.command("bootstrap", "--apply")
        case.command("run", "--once")
        made = {e["path"].strip("/").split("?")[0]: e["body"] for e in stub.log() if e["method"] == "PUT" and "/_mapping" not in e["path"]
                and isinstance(e.get("body"), dict) and e["path"].count("/") == 1}
        for index, body in json.loads(ours_or_golden(case.folder, "expected/index.json").read_text()).items():
            found = next((b for n, b in made.items() if n == index or n.startswith(f"{index}_")), None)
            if found is None:
                raise CaseFailed(f"index {index} was not created; created: {sorted(made)}")
            mappings = {k: v for k, v in found.get("mappings", {}).items() if k != "_meta"}
            if (mappings, found.get("settings", {})) != (body.get("mappings", {}), body.get("settings", {})):
                raise CaseFailed(f"{index}: expected {json.dumps(body)}\nfound {json.dumps(found)}")
    except CaseFailed as e:
        if name in OPEN:
            pytest.xfail(OPEN[name])
        raise AssertionError(str(e)) from None
    finally:
        scenario.server.drop_database(DATABASE)
