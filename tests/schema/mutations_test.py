"""The JSON Schema (schemas/pgsync.schema.json) and the offline validator accept and refuse the same files.

Except where the validator refuses for nothing but what a JSON Schema cannot say: INEXPRESSIBLE, findings by their message.
PGSYNC_SCHEMA_SEED and PGSYNC_SCHEMA_MUTATIONS ask for others and more.
"""
import json
import os
import pathlib
import re
import subprocess

import jsonschema
import pytest

import files

SCHEMA = files.REPO / "schemas/pgsync.schema.json"
SEED = int(os.environ.get("PGSYNC_SCHEMA_SEED", 20260101))
MUTATIONS = int(os.environ.get("PGSYNC_SCHEMA_MUTATIONS", 1000))

# One regular expression per kind of finding that needs more than the shape of the file, and why.
INEXPRESSIBLE = {
    r"the key \".*\" is given twice$": "a reader of JSON keeps the last one",
    r"nested deeper than 400 levels": "depth",
    r"\(.*\) is already defined by ": "compares documents",
    r"both give the key ": "clash of keys",
    r"label \".*\" is already used by ": "clash of labels",
    r"this node has no key \"": "names that the node does not produce",
    r"is renamed to \".*\"; use the new name": "names that the node does not produce any more",
    r"is a child; write this into the \"transform\" of ": "whether a name is a column or a label",
    r"refers to itself; say which way with ": "compares a node with its parent",
    r"has [1-9]\d* columns?, \".*\" has [1-9]\d*; they are paired by position$": "compares two lengths",
    r"is listed twice$": "compares entries by one of their keys, or after schemas are filled in",
    r"may be around it$": "counts the arrays above a node",
    r"is already the destination of |is moved twice$": "compares the moves of all nodes",
    r"^unknown plugin \"": "what plugins a program knows",
    # Template of the id: variables are replaced first, and they have braces, too.
    r"^\".*\"(: a column stands in braces| names no column|: \{.*\} and \{.*\} run together)": "syntax of a template",
    # Column paths: columns[k].
    r"^\".*\": (nothing (may follow|stands after) |the column before the first operator is missing|after #>>? comes a path in braces|.* is greater than any array index|.*array index)": "syntax of a path",
    # Expressions: where, columns[k].expression.
    r"^(a .+ is not closed|a .+ has no beginning|has a )": "syntax of SQL",
}


def not_ascii_or_variable(name):
    """255 are bytes, not characters; and what a variable becomes is known only to the environment."""
    return isinstance(name, str) and (not name.isascii() or "$" in name)


# Kinds that a JSON Schema can say of most files: message, and the documents of which it cannot.
INEXPRESSIBLE_IF = {
    r"cannot be an index name": lambda document: not_ascii_or_variable(document.get("index") or document.get("database")),
    r"is not allowed; use \"null\" or \"empty\"": lambda document: "$" in document["empty_array"],
    r"^an expression cannot be empty$": lambda document: re.search(r"--|/\*", json.dumps(document)),  # nothing but a comment
    r"expected an integer from 1 to ": lambda document: re.search(r'"limit": [1-9]\d*\.0+\b', json.dumps(document)),  # 2.0 is an integer there
}


@pytest.fixture(scope="session")
def verdicts_of(tmp_path_factory):
    """A function: {name: text} -> {name: [errors]} of the offline validator."""
    program = os.environ.get("PGSYNC_VERDICTS") or files.REPO / "build/ci/tests/schema/verdicts"
    if not pathlib.Path(program).exists():
        pytest.fail(f"{program} does not exist: build the target verdicts, or set PGSYNC_VERDICTS")

    def ask(texts):
        folder = tmp_path_factory.mktemp("files")
        names = {f"{i:06}": name for i, name in enumerate(texts)}
        for number, name in names.items():
            (folder / number).write_text(texts[name], encoding="utf-8")
        r = subprocess.run([program, folder], capture_output=True, text=True, timeout=120)
        assert r.returncode == 0, r.stderr
        lines = [json.loads(line) for line in r.stdout.splitlines()]
        assert len(lines) == len(texts)
        return {names[v["file"]]: [f for f in v["findings"] if f["level"] == "error"] for v in lines}
    return ask


@pytest.fixture(scope="session")
def validator():
    return make_validator(json.loads(SCHEMA.read_text()))


def make_validator(schema):
    jsonschema.Draft7Validator.check_schema(schema)
    return jsonschema.Draft7Validator(schema)


def no_constant(name):
    raise ValueError(f"{name} is not JSON")


def no_overflow(text):
    number = float(text)
    if number in (float("inf"), float("-inf")):
        raise ValueError(f"{text} is no number")
    return number


def complaint_of(validator, text):
    """What the JSON Schema says against the file, or an empty string."""
    try:
        file = json.loads(text, parse_constant=no_constant, parse_float=no_overflow)
    except ValueError as e:
        return f"not JSON: {e}"
    error = jsonschema.exceptions.best_match(validator.iter_errors(file))
    return f"{'.'.join(map(str, error.absolute_path))}: {error.message[:200]}" if error else ""


def beyond(finding, text):
    """Whether a JSON Schema cannot say this."""
    message = finding["message"]
    if any(re.search(kind, message) for kind in INEXPRESSIBLE):
        return True
    number = re.match(r"schema\.json\[(\d+)\]", finding["path"])
    return any(re.search(kind, message) and applies(json.loads(text)[int(number[1])]) for kind, applies in INEXPRESSIBLE_IF.items())


def compare(validator, texts, verdicts):
    """(disagreements, counts): counts of files that both accept, both refuse, and that only the validator can refuse."""
    wrong, counts = [], {"accepted": 0, "refused": 0, "beyond": 0}
    for name, text in texts.items():
        errors, complaint = verdicts[name], complaint_of(validator, text)
        hard = [f for f in errors if not beyond(f, text)]
        if errors and not hard and not complaint:
            counts["beyond"] += 1
        elif bool(hard) == bool(complaint) and bool(errors) == bool(hard):
            counts["refused" if hard else "accepted"] += 1
        else:
            said = "; ".join(f"{f['path']}: {f['message']}" for f in errors) or "nothing"
            wrong.append(f"{name}\n  validator:   {said[:600]}\n  JSON Schema: {complaint or 'nothing'}\n  file: {text[:1500]}")
    return wrong, counts


def report(wrong):
    return f"{len(wrong)} disagreements\n" + "\n".join(wrong[:12])


def test_files_of_the_tree(validator, verdicts_of):
    texts = files.of_the_tree()
    assert len(texts) > 50
    wrong, counts = compare(validator, texts, verdicts_of(texts))
    assert not wrong, report(wrong)
    print(counts)


def test_every_key_with_every_kind_of_value(validator, verdicts_of):
    texts = {name: json.dumps([d]) for name, d in files.GOOD.items()}
    wrong, counts = compare(validator, texts, verdicts_of(texts))
    assert not wrong, report(wrong)
    assert counts["accepted"] == len(texts), counts


def test_every_rule_broken_alone(validator, verdicts_of):
    texts = {name: json.dumps([d]) for name, d in files.BAD.items()}
    wrong, counts = compare(validator, texts, verdicts_of(texts))
    assert not wrong, report(wrong)
    assert counts["refused"] == len(texts), counts


def test_the_table_uses_every_key(validator):
    """Else a key could be wrong in one of the two and nobody would see."""
    used = set()

    def collect(value):
        if isinstance(value, dict):
            used.update(value)
        for member in value.values() if isinstance(value, dict) else value if isinstance(value, list) else ():
            collect(member)
    collect(list(files.GOOD.values()))
    known = set()
    for definition in validator.schema["definitions"].values():
        for part in (definition, *definition.get("anyOf", ())):
            known.update(part.get("properties", {}))
    assert len(known) > 40
    assert known - {""} <= used, f"not in files.GOOD: {sorted(known - used)}"


def test_odd_files(validator, verdicts_of):
    wrong, _ = compare(validator, files.ODD, verdicts_of(files.ODD))
    assert not wrong, report(wrong)


def test_mutations(validator, verdicts_of):
    texts = files.mutations(MUTATIONS, SEED)
    wrong, counts = compare(validator, texts, verdicts_of(texts))
    print(f"seed {SEED}: {counts}")
    assert not wrong, f"seed {SEED}: " + report(wrong)
    assert counts["accepted"] >= len(texts) / 10 and counts["refused"] >= len(texts) / 2, counts
    assert counts["beyond"] <= len(texts) / 8, counts


@pytest.mark.parametrize("spoil", [
    lambda s: s["node"].update(additionalProperties=True),
    lambda s: s["relationship"]["properties"]["type"]["enum"].append("one_to_few"),
    lambda s: s["relationship"].update(required=["type"]),
    lambda s: s["document"]["required"].remove("database"),
    lambda s: s["document"]["required"].append("index"),
    lambda s: s["node"]["properties"]["table"].update(allOf=[{"type": "string", "maxLength": 3}]),
    lambda s: s["childNode"].update(allOf=s["childNode"]["allOf"][:1]),
    lambda s: s["relationship"].pop("if"),
])
def test_a_wrong_json_schema_is_found(verdicts_of, spoil):
    schema = json.loads(SCHEMA.read_text())
    spoil(schema["definitions"])
    texts = {name: json.dumps([d]) for name, d in {**files.GOOD, **files.BAD}.items()}
    wrong, _ = compare(make_validator(schema), texts, verdicts_of(texts))
    assert wrong, "the comparison cannot fail"


def test_mutations_are_the_same_for_a_seed():
    assert files.mutations(50, 3) == files.mutations(50, 3) != files.mutations(50, 4)
