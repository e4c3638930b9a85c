"""The judge: compares all documents of a target with an independent SQL query over the tables (schemas/*/expected.sql)."""
import concurrent.futures
import random


def expected(server, database, query, user="postgres"):
    """{id: document} as the tables say now, in one snapshot."""
    with server.connect(database, user) as c:
        c.autocommit = False
        with c.cursor() as cur:
            cur.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
            cur.execute("SET LOCAL TimeZone = 'UTC'")
            cur.execute("SET LOCAL max_parallel_workers_per_gather = 0")
        with c.cursor("expected") as cur:
            cur.itersize = 5000
            cur.execute(query)
            return dict(cur)


def difference(want, got, limit=8):
    """A readable report of what is missing, extra and different, or an empty string."""
    missing = sorted(want.keys() - got.keys())
    extra = sorted(got.keys() - want.keys())
    differing = sorted(k for k in want.keys() & got.keys() if want[k] != got[k])
    if not (missing or extra or differing):
        return ""
    lines = [f"{len(want)} documents expected, {len(got)} found: {len(missing)} missing, {len(extra)} extra, {len(differing)} differing"]
    lines += [f"- {k} is missing" for k in missing[:limit]]
    lines += [f"+ {k} is extra" for k in extra[:limit]]
    for k in differing[:limit]:
        lines += [f"~ {k}: {line}" for line in paths(want[k], got[k], "")][:4]
    return "\n".join(lines)


def paths(a, b, path):
    if isinstance(a, dict) and isinstance(b, dict):
        for k in sorted(a.keys() | b.keys()):
            if k not in a:
                yield f"{path}.{k}: not expected, found {_show(b[k])}"
            elif k not in b:
                yield f"{path}.{k}: missing, expected {_show(a[k])}"
            elif a[k] != b[k]:
                yield from paths(a[k], b[k], f"{path}.{k}")
    elif isinstance(a, list) and isinstance(b, list) and len(a) == len(b):
        for i, (x, y) in enumerate(zip(a, b)):
            if x != y:
                yield from paths(x, y, f"{path}[{i}]")
    else:
        yield f"{path}: expected {_show(a)}, found {_show(b)}"


def _show(value):
    text = repr(value)
    return text if len(text) <= 200 else text[:197] + "..."


def assert_equal(server, database, query, target, index):
    """The full comparison; returns the number of documents."""
    with concurrent.futures.ThreadPoolExecutor(1) as beside:  # the two take seconds each on a large database
        future = beside.submit(target.documents, index)
        want = expected(server, database, query)
        got = future.result()
    report = difference(want, got)
    assert not report, report
    return len(want)


def assert_sample_equal(server, database, query, target, index, size=200, seed=None):
    """`size` random documents, fetched one by one by their id."""
    seed = seed if seed is not None else random.randrange(1 << 32)
    ids = [r[0] for r in server.rows(database, f"SELECT id FROM ({query}) AS expected")]
    chosen = random.Random(seed).sample(sorted(ids), min(size, len(ids)))
    want = dict(server.rows(database, f"SELECT * FROM ({query}) AS expected WHERE id = ANY (%s)", (chosen,)))
    got = {k: v for k in chosen if (v := target.document(index, k)) is not None}
    report = difference(want, got)
    assert not report, f"seed {seed}\n{report}"
