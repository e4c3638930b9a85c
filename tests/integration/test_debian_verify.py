"""verify over Debian's package index on a real engine: one document altered deep inside, one deleted, one added, all by hand: it finds
these three and nothing else, mends them, and resync mends a single one. The times are printed.

PGSYNC_VERIFY_PACKAGES=N    that many packages (default 6000); 0: all of them
PGSYNC_VERIFY_SEED=N        which documents (a fresh one each time, printed)
"""
import os
import random
import re
import time

from harness import datasets
from harness.http import request

PACKAGES = int(os.environ.get("PGSYNC_VERIFY_PACKAGES", "6000"))
SEED = int(os.environ.get("PGSYNC_VERIFY_SEED", random.randrange(1 << 32)))


def alter(document):
    """Changes one value as deep inside as there is one; returns its path as verify names it."""
    path, at = "", document
    while True:
        below = sorted((k for k, v in at.items() if isinstance(v, (dict, list)) and v), key=str) if isinstance(at, dict) else \
            [i for i, v in enumerate(at) if isinstance(v, (dict, list)) and v]
        if not below:
            break
        key = below[-1]
        path, at = path + (f"[{key}]" if isinstance(at, list) else f".{key}"), at[key]
    key = next(k for k in (sorted(at) if isinstance(at, dict) else range(len(at))) if type(at[k]) in (str, int))
    at[key] = at[key] + 1 if type(at[key]) is int else f"{at[key]}, altered by hand"  # the mapping takes no words for a number
    return path + (f"[{key}]" if isinstance(at, list) else f".{key}")


def timed(scenario, *words):
    began = time.monotonic()
    result = scenario.command(*words, queue=False, timeout=600)
    print(f"{' '.join(words)}: {time.monotonic() - began:.1f} s; {result.stdout.splitlines()[0]}")
    return result


def found(result):
    return dict(re.findall(r"^  (\S+): (.*)$", result.stdout, re.MULTILINE))


def test_exactly_what_was_changed_by_hand(scenario, postgres, engine):
    print(f"seed {SEED}")
    debian = datasets.debian(postgres, limit=PACKAGES or None)
    scenario.use(debian, target=engine).bootstrap()
    scenario.run_once().expect(0)
    packages = scenario.assert_equal()
    url = f"{engine.url}/{debian.index}"
    clean = timed(scenario, "verify").expect(0)
    assert f"{packages} documents from the tables, {packages} in the index, 0 wrong" in clean.stdout, clean.stdout

    ids = random.Random(SEED).sample(sorted(engine.documents(debian.index)), 3)
    document = engine.document(debian.index, ids[0])
    where = alter(document)
    request("PUT", f"{url}/_doc/{ids[0]}", document)
    request("DELETE", f"{url}/_doc/{ids[1]}")
    added = str(10 ** 9 + SEED % 10 ** 6)
    request("PUT", f"{url}/_doc/{added}", engine.document(debian.index, ids[2]))
    wrong = {ids[0]: f"differs at {where}", ids[1]: "missing in the index", added: "not in the tables"}
    assert found(timed(scenario, "verify").expect(1)) == wrong
    repaired = timed(scenario, "verify", "--repair").expect(0)
    assert found(repaired) == wrong and "3 repaired" in repaired.stdout, repaired.stdout
    assert found(timed(scenario, "verify").expect(0)) == {}
    assert scenario.assert_equal() == packages

    document = engine.document(debian.index, ids[2])
    alter(document)
    request("PUT", f"{url}/_doc/{ids[2]}", document)
    request("DELETE", f"{url}/_doc/{ids[1]}")
    timed(scenario, "resync", "--id", ids[2]).expect(0)
    assert found(timed(scenario, "verify").expect(1)) == {ids[1]: "missing in the index"}, "resync mends the one that it is given"
    timed(scenario, "resync", "--id", ids[1]).expect(0)
    assert scenario.assert_equal() == packages
