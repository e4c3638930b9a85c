"""Random schema files over random databases: the program's documents equal those of an oracle in plain SQL (harness/random_oracle.py),
after the load and, with every second seed, after random transactions.

PGSYNC_RANDOM_SCHEMAS=N     seeds to try (default 40; each is one database with a file of several documents)
PGSYNC_RANDOM_SEED=S        the first of them (default 1)
PGSYNC_RANDOM_FEATURES=a,b  only these options beyond the simple language ("" for none; see random_schema.FEATURES)

A failing seed leaves schema.json, setup.sql, expected, actual and a smaller case that fails in the same way in the test's logs.
"""
import os
import random

import pytest

from harness import random_case, random_changes, random_database, random_minimise, random_oracle, random_schema

COUNT = int(os.environ.get("PGSYNC_RANDOM_SCHEMAS", "40"))
FIRST = int(os.environ.get("PGSYNC_RANDOM_SEED", "1"))
FEATURES = os.environ.get("PGSYNC_RANDOM_FEATURES")
FEATURES = random_schema.FEATURES if FEATURES is None else set(FEATURES.split(",")) - {""}


@pytest.fixture(scope="module")
def runner(postgres, root):
    made = random_case.Runner(postgres, root / "random")
    yield made
    made.end()


def case_of(seed):
    rng = random.Random(f"schemas {seed}")
    database = random_database.make(rng)
    schema = random_schema.make(rng, database, random_case.DATABASE, FEATURES)
    changes = random_changes.make(rng, database) if seed % 2 else []
    return random_case.Case(database, schema, changes)


def test_documents_equal_the_oracle(runner):
    failed = []
    for seed in range(FIRST, FIRST + COUNT):
        case = case_of(seed)
        problem = runner.run(case)
        if problem:
            print(f"seed {seed}: {problem.text}")
            failed.append(seed)
            runner.keep(f"seed-{seed}", case, problem, minimise=len(failed) <= 3)
    print(f"{COUNT} seeds from {FIRST} on: {runner.documents} documents compared, {runner.nodes} nodes, {runner.changes} statements followed")
    assert not failed, f"seeds that fail: {failed}; try PGSYNC_RANDOM_SEED={failed[0]} PGSYNC_RANDOM_SCHEMAS=1; kept in {runner.kept}"
    assert runner.documents > COUNT * 20, "too few documents for a test"


# ---- the judge is judged ----
def find(value, wanted):
    """The first container and key of a wanted value in a document."""
    for key, inner in (value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()):
        found = (value, key) if wanted(inner) else find(inner, wanted)
        if found:
            return found
    return None


def reverse(container, key):
    container[key] = container[key][::-1]


def one_digit_more(container, key):
    container[key] = random_oracle.Number(container[key].text + "0")


FAULTS = {
    "an array in another order": (lambda v: isinstance(v, list) and len(v) > 1 and v != v[::-1], reverse),
    "a number with a digit more": (lambda v: isinstance(v, random_oracle.Number) and v.text.isdigit() and v.text != "0", one_digit_more),
    "null for a missing key": (lambda v: v is None, lambda container, key: container.pop(key)),
    "text for a number": (lambda v: isinstance(v, random_oracle.Number), lambda container, key: container.update({key: container[key].text})),
    "a row less in an array": (lambda v: isinstance(v, list) and len(v) > 0, lambda container, key: container[key].pop()),
}


@pytest.fixture(scope="module")
def good_case(runner):
    """A case with every kind of value that a fault needs."""
    for seed in range(10_000, 10_100):
        case = case_of(seed)
        held = {}
        runner.run(case, held.update)
        documents = [d for d in held.values()]
        if all(find(documents, wanted) for wanted, _ in FAULTS.values()):
            return case
    raise AssertionError("no seed gives such a case")


@pytest.mark.parametrize("fault", FAULTS)
def test_a_wrong_document_is_noticed(runner, good_case, fault):
    wanted, spoil = FAULTS[fault]

    def change(expected):
        for document in expected.values():
            found = find(document, wanted)
            if found and isinstance(found[0], dict):
                return spoil(*found)
        raise AssertionError("nothing to spoil")
    assert runner.run(good_case) is None
    problem = runner.run(good_case, change)
    assert problem and problem.kind == "difference" and " 1 differ" in problem.text


def test_missing_and_extra_documents_are_noticed(runner, good_case):
    problem = runner.run(good_case, lambda expected: expected.pop(next(iter(expected))))
    assert "is extra" in problem.text
    problem = runner.run(good_case, lambda expected: expected.update({("random-0", "no such"): {}}))
    assert "is missing" in problem.text


def test_a_failure_is_made_smaller():
    """Without a server: what fails is any document with a scalar node, and rows of its root are needed."""
    def run(case):
        def scalar(node):
            return node.get("relationship", {}).get("variant") == "scalar" or any(map(scalar, node.get("children", [])))
        if any(scalar(d["nodes"]) for d in case.schema) and sum(len(t["rows"]) for t in case.database["tables"] if t["kind"] == "table") > 1:
            return random_case.Problem("difference", "")
        return None
    case = next(c for c in map(case_of, range(100)) if run(c) and len(c.schema) > 1 and len(c.database["tables"]) > 4)
    small, _ = random_minimise.minimise(case, random_case.Problem("difference", ""), run, seconds=60)
    assert len(small.schema) == 1 and random_case.count_nodes(small.schema[0]["nodes"]) == 2 and run(small)
    assert sum(len(t["rows"]) for t in small.database["tables"] if t["kind"] == "table") < 10
