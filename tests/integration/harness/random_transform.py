"""Transforms of random schemas: choosing them, and what section 8 of the reference says they do, on parsed documents.

A document of the oracle's query has the keys before rename; apply() makes the final one. Children are finished before their parent.
"""
import json

SEARCHES = [("a", "A"), ("b", ""), (" ", "_"), ("x", "xx"), ("A", "a"), ("|", "/"), ("日", "sun"), ("e", "é"), ("0", "zero"), ("ab", "ba"), ("\\", "\\\\"), ("k", '"')]
NEW_NAMES = ["renamed", "Re named", "new.name", "ń", "r1", "r2", "r3", "r4", "r5", "r6"]


# ---- choosing ----
def add(rng, node, keys, features, scalar, arrays_above, moves):
    """Gives a finished node transforms. keys: {key before rename: column type, "scalar child" or "child"}; moves: destinations taken so far."""
    transform = {}
    names = list(keys)
    if "replace" in features and rng.random() < 0.25:
        made = {key: replacement(rng, kind) for key, kind in keys.items() if kind != "child" and rng.random() < (1 if scalar else 0.4)}
        if made:
            transform["replace"] = made
    final = {name: name for name in names}
    if not scalar and rng.random() < 0.25:
        final.update(renames(rng, names))
        changed = {a: b for a, b in final.items() if a != b or rng.random() < 0.05}
        inner = {key: inner_rename(rng) for key, kind in keys.items() if kind in ("json", "jsonb") and final[key] == key and "inner_rename" in features and rng.random() < 0.6}
        if {**changed, **inner}:
            transform["rename"] = {**changed, **inner}
    if not scalar and "concat" in features and rng.random() < 0.25:
        made = [concat(rng, list(final.values()), i) for i in range(rng.choice([1, 1, 2]))]
        transform["concat"] = made if len(made) > 1 or rng.random() < 0.3 else made[0]
    if not scalar and "move" in features and arrays_above < 2 and rng.random() < 0.2:
        made = []
        for key in rng.sample(names, min(len(names), rng.choice([1, 1, 2]))):
            if keys[key] in ("child", "scalar child"):
                continue
            name = key if rng.random() < 0.2 and key not in final.values() else final[key]
            made.append({"column": name, "destination": f"$root.moved{len(moves)}" + rng.choice(["", ".to", ".to.here"])})
            moves.append(made[-1])
        if made:
            transform["move"] = made if len(made) > 1 or rng.random() < 0.3 else made[0]
    if transform:
        node["transform"] = transform


def replacement(rng, kind):
    pairs = dict(rng.sample(SEARCHES, rng.choice([1, 1, 2, 3])))
    if kind in ("json", "jsonb") and rng.random() < 0.7:
        return {rng.choice("ab"): pairs if rng.random() < 0.7 else {rng.choice("bc"): pairs}}
    return pairs


def renames(rng, names):
    chosen = rng.sample(names, min(len(names), rng.choice([1, 2, 2, 3])))
    if len(chosen) > 1 and rng.random() < 0.4:  # each takes the name of the next
        return dict(zip(chosen, chosen[1:] + chosen[:1]))
    fresh = [n for n in NEW_NAMES if n not in names]
    return dict(zip(chosen, rng.sample(fresh, min(len(chosen), len(fresh)))))


def inner_rename(rng):
    made = dict(zip(rng.sample("abc", rng.choice([1, 2])), ["why", "Other name"]))
    if rng.random() < 0.3:
        made["b" if "b" not in made else "zero"] = {"c": "inner"}
    elif rng.random() < 0.3:
        made = {"a": "b", "b": "a"}
    return made


def concat(rng, names, i):
    parts = [rng.choice(names) if rng.random() < 0.75 else rng.choice(["literal", "-", "", "Zürich"]) for _ in range(rng.choice([1, 2, 3, 4]))]
    destination = rng.choice(names) if rng.random() < 0.15 else f"joined {i}"
    out = {"columns": parts, "destination": destination}
    if rng.random() < 0.7:
        out["delimiter"] = rng.choice(["", " ", " | ", ", "])
    return out


# ---- what they do ----
def label_of(node):
    return node.get("label") or node["table"]


def final_key(node, key):
    to = (node.get("transform") or {}).get("rename", {}).get(key)
    return to if isinstance(to, str) else key


def is_array(node):
    return node["relationship"]["type"] == "one_to_many" or bool(node["relationship"].get("through_tables"))


def apply(document, root):
    document = finished(document, root)
    for destination, value in list(taken(document, root, [])):
        *path, last = destination.removeprefix("$root.").split(".")
        place = document
        for name in path:
            place = place.setdefault(name, {})
        place[last] = value
    return document


def finished(value, node):
    spec = node.get("transform") or {}
    if isinstance(value, list) and node.get("relationship") and is_array(node):
        return [finished(v, node) for v in value]
    if (node.get("relationship") or {}).get("variant") == "scalar":
        for pairs in spec.get("replace", {}).values():
            value = replaced(value, pairs)
        return value
    if value is None:
        return None
    for child in node.get("children") or []:
        value[label_of(child)] = finished(value[label_of(child)], child)
    for key, pairs in spec.get("replace", {}).items():
        value[key] = replaced(value[key], pairs)
    value = renamed(value, spec.get("rename", {}))
    items = spec.get("concat") or []
    for item in items if isinstance(items, list) else [items]:
        texts = [text_of(value.get(name, name)) for name in item["columns"]]
        value[item["destination"]] = item.get("delimiter", "").join(t for t in texts if t)
    return value


def replaced(value, pairs):
    if isinstance(value, list):
        return [replaced(v, pairs) if isinstance(v, str) or isinstance(v, dict) else v for v in value]
    if all(isinstance(to, str) for to in pairs.values()):
        if isinstance(value, str):
            for search, to in pairs.items():
                value = value.replace(search, to)
        return value
    if isinstance(value, dict):
        return {k: replaced(v, pairs[k]) if k in pairs else v for k, v in value.items()}
    return value


def renamed(value, names):
    out = {}
    for key, inner in value.items():
        to = names.get(key, key)
        if isinstance(to, dict):
            inner, to = within(inner, to), key
        out[to] = inner
    return out


def within(value, names):
    if isinstance(value, list):
        return [renamed(v, names) if isinstance(v, dict) else v for v in value]
    return renamed(value, names) if isinstance(value, dict) else value


def text_of(value):
    """"" for what is skipped."""
    if value is None or value is False or value in ("", [], {}):
        return ""
    if value is True:
        return "True"
    if isinstance(value, str):
        return value
    if hasattr(value, "digits"):
        return value.text if any(value.digits.digits) else ""
    return compact(value)


def compact(value):
    if isinstance(value, dict):
        return "{" + ",".join(f"{compact(k)}:{compact(v)}" for k, v in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ",".join(map(compact, value)) + "]"
    return value.text if hasattr(value, "digits") else json.dumps(value, ensure_ascii=False)


def taken(document, root, path):
    """Takes the moved keys out of a document; gives (destination, value)."""
    def walk(objects, node, in_array):
        moves = (node.get("transform") or {}).get("move") or []
        for move in moves if isinstance(moves, list) else [moves]:
            values = []
            for item in objects:
                name = move["column"] if move["column"] in item else final_key(node, move["column"])
                values.append(item.pop(name))
            if values or in_array:  # a null above takes nothing along; an array without rows gives one without values
                yield move["destination"], values if in_array else values[0]
        for child in node.get("children") or []:
            if child["relationship"]["variant"] == "scalar":
                continue
            key = final_key(node, label_of(child))
            below, array = [], in_array
            for item in objects:
                value = item.get(key)
                array = array or isinstance(value, list)
                below += value if isinstance(value, list) else [value] if isinstance(value, dict) else []
            yield from walk(below, child, array)
    return walk([document], root, False)
