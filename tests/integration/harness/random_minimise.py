"""Makes a failing random case smaller, as long as it fails in the same way: documents, nodes, options, tables, rows, columns."""
import copy
import re
import time

from .random_database import column_of, full_name, index_of, same


def minimise(case, problem, run, seconds):
    """Returns the smallest case found within the time, and its Problem. `run` returns a Problem or None."""
    end, changed = time.monotonic() + seconds, True
    while changed:
        changed = False
        for step in (documents, changes, subtrees, tables, rows, options, columns, shapes):
            for smaller in successive(step, case):
                if time.monotonic() > end:
                    return case, problem
                found = attempt(run, smaller)
                if found and signature(found) == signature(problem):
                    case, problem, changed = smaller, found, True
                    smaller.kept = True
    return case, problem


def attempt(run, case):
    try:
        return run(case)
    except Exception:  # noqa: BLE001  what was taken away was needed: by the database, or by the oracle
        return None


def signature(problem):
    """The kind of a failure without names and numbers."""
    if problem.kind.startswith(("difference", "crash")):
        return problem.kind
    return re.sub(r'"[^"]*"|\[\d+\]|\d+|schema\.json\S*', "", "\n".join(problem.text.splitlines()[:1]))


def successive(step, case):
    """Smaller cases by one step; when one was kept, the next ones start from it."""
    position = 0
    while True:
        choices = list(step(case))
        if position >= len(choices):
            return
        smaller = copy.deepcopy(case)
        smaller.kept = False
        choices[position](smaller)
        yield smaller
        if smaller.kept:
            case = smaller
        else:
            position += 1


# ---- steps: each gives functions that change a copy ----
def documents(case):
    for i in range(len(case.schema)):
        if len(case.schema) > 1:
            yield lambda c, i=i: c.schema.__setitem__(slice(None), [c.schema[i]])
    for i, document in enumerate(case.schema):
        children = document["nodes"].get("children") or []
        for j in range(len(children) if len(children) > 1 else 0):
            yield lambda c, i=i, j=j: c.schema[i]["nodes"].__setitem__("children", [c.schema[i]["nodes"]["children"][j]])


def changes(case):
    if len(case.changes) > 3:
        yield lambda c: c.changes.__delitem__(slice(0, len(c.changes) // 2))
        yield lambda c: c.changes.__delitem__(slice(len(c.changes) // 2, None))
    for i, transaction in enumerate(case.changes):
        if len(case.changes) > 1:
            yield lambda c, i=i: c.changes.pop(i)
        for j in range(len(transaction) if len(transaction) > 1 else 0):
            yield lambda c, i=i, j=j: c.changes[i].pop(j)


def node_paths(case):
    def below(node, path):
        yield path
        for j, child in enumerate(node.get("children") or []):
            yield from below(child, (*path, j))
    for i, document in enumerate(case.schema):
        yield from below(document["nodes"], (i,))


def node_at(case, path):
    node = case.schema[path[0]]["nodes"]
    for j in path[1:]:
        node = node["children"][j]
    return node


def promote(case, i, j):
    """A child of the root becomes the root."""
    node = case.schema[i]["nodes"]["children"][j]
    case.schema[i].pop("id", None)
    case.schema[i]["nodes"] = {k: v for k, v in node.items() if k not in ("relationship", "label", "order_by", "limit", "transform")}


def subtrees(case):
    for i, document in enumerate(case.schema):
        for j, child in enumerate(document["nodes"].get("children") or []):
            if child["relationship"]["variant"] == "object":
                yield lambda c, i=i, j=j: promote(c, i, j)
    for path in node_paths(case):
        if len(path) > 1:
            yield lambda c, path=path: node_at(c, path[:-1])["children"].pop(path[-1])


def tables(case):
    used = set()
    for path in node_paths(case):
        node = node_at(case, path)
        used.add(f"{node.get('schema', 'public')}.{node['table']}")
        used.update(base if "." in base else f"{node.get('schema', 'public')}.{base}" for base in node.get("base_tables") or [])
        for through in (node.get("relationship") or {}).get("through_tables") or []:
            name = through if isinstance(through, str) else f"{through['schema']}.{through['table']}" if "schema" in through else through["table"]
            used.update([name] if "." in name else [f"{node.get('schema', 'public')}.{name}"])
    by_name = index_of(case.database)
    used |= {by_name[n]["source"] for n in used if n in by_name and by_name[n]["kind"] != "table"}
    spare = [full_name(t) for t in case.database["tables"] if full_name(t) not in used]
    if spare:
        yield lambda c: drop_tables(c, set(spare))
    for name in spare:
        yield lambda c, name=name: drop_tables(c, {name})


def drop_tables(case, names):
    case.database["tables"] = [t for t in case.database["tables"] if full_name(t) not in names]
    case.database["links"] = [link for link in case.database["links"] if not {link["child"], link["parent"]} & names]


def rows(case):
    for table in case.database["tables"]:
        size = len(table["rows"]) if table["kind"] == "table" else 0
        chunk = size
        while chunk:
            for start in range(0, size, chunk):
                yield lambda c, name=full_name(table), a=start, b=start + chunk: drop_rows(c, name, a, b)
            if chunk == 1 or size // chunk > 8:
                break
            chunk = (chunk + 1) // 2


def drop_rows(case, name, start, end):
    by_name = index_of(case.database)
    del by_name[name]["rows"][start:end]
    changed = True
    while changed:  # and what refers to them by a constraint
        changed = False
        for link in case.database["links"]:
            if link["constraint"]:
                child, parent = by_name[link["child"]], by_name[link["parent"]]

                def value(table, row, columns):
                    return tuple(same(column_of(table, c)["type"], row.get(c)) for c in columns)
                there = {value(parent, row, link["refs"]) for row in parent["rows"]}
                kept = [row for row in child["rows"] if None in value(child, row, link["columns"]) or value(child, row, link["columns"]) in there]
                changed = changed or len(kept) < len(child["rows"])
                child["rows"][:] = kept
    for table in case.database["tables"]:
        if table["kind"] != "table" and table["source"] in by_name:
            table["rows"] = by_name[table["source"]]["rows"]


def options(case):
    for i, document in enumerate(case.schema):
        for key in document.keys() - {"database", "index", "nodes"}:
            yield lambda c, i=i, key=key: c.schema[i].pop(key)
    for path in node_paths(case):
        node = node_at(case, path)
        for key in ("transform", "where", "soft_delete", "order_by", "limit", "exclude", "label", "base_tables", "lookup"):
            if key in node:
                yield lambda c, path=path, key=key: node_at(c, path).pop(key)
        for key, specs in (node.get("transform") or {}).items():
            yield lambda c, path=path, key=key: node_at(c, path)["transform"].pop(key)
            if isinstance(specs, list):
                for k in range(len(specs)):
                    yield lambda c, path=path, key=key, k=k: node_at(c, path)["transform"][key].pop(k)
            elif key in ("rename", "replace"):
                for name in specs:
                    yield lambda c, path=path, key=key, name=name: node_at(c, path)["transform"][key].pop(name)
        if len(node.get("order_by") or []) > 1:
            yield lambda c, path=path: node_at(c, path)["order_by"].pop()
        size = len(node.get("columns") or [])
        for half in ([(0, size // 2), (size // 2, size)] if size > 2 else []):
            yield lambda c, path=path, half=half: node_at(c, path).__setitem__("columns", node_at(c, path)["columns"][slice(*half)])
        for k in range(size if 1 < size < 9 else 0):
            yield lambda c, path=path, k=k: node_at(c, path)["columns"].pop(k)


def columns(case):
    """Columns of tables that no key and no link needs."""
    for i, table in enumerate(case.database["tables"]):
        needed = set(table["key"]) | {c for u in table["unique"] for c in u} | set(table.get("view_key") or [])
        for link in case.database["links"]:
            needed |= set(link["columns"]) | {link.get("type_column")} if link["child"] == full_name(table) else set()
            needed |= set(link["refs"]) if link["parent"] == full_name(table) else set()
        spare = [c["name"] for c in table["columns"] if c["name"] not in needed]
        for names in [spare, *([n] for n in spare)]:
            if names:
                yield lambda c, i=i, names=names: drop_columns(c.database["tables"][i], set(names))


def drop_columns(table, names):
    table["columns"] = [c for c in table["columns"] if c["name"] not in names]
    for row in table["rows"]:
        for name in names:
            row.pop(name, None)


def shapes(case):
    for i, table in enumerate(case.database["tables"]):
        if table["partitions"]:
            yield lambda c, i=i: c.database["tables"][i].__setitem__("partitions", 0)
        if table["gone"]:
            yield lambda c, i=i: c.database["tables"][i].__setitem__("gone", False)
        if table["unique"]:
            yield lambda c, i=i: c.database["tables"][i].__setitem__("unique", [])
