"""The file target in bulk format: what an engine would hold after taking all actions of the file in order."""
import json
import pathlib


class NdjsonTarget:
    def __init__(self, path):
        self.path = pathlib.Path(path)
        self.url = f"ndjson:{self.path}"

    def all_lines(self):
        """The documents that are left, each as a line of the conformance suite's form."""
        held, versions = {}, {}
        # Not splitlines(): texts may hold U+2028 and the like.
        lines = iter(self.path.read_text().rstrip("\n").split("\n") if self.path.exists() else [])
        for line in lines:
            (verb, action), = json.loads(line).items()
            key = (action["_index"], action["_id"])
            source = json.loads(next(lines)) if verb == "index" else None
            if action.get("version", 0) < versions.get(key, 0):
                continue  # external_gte: an older build changes nothing
            versions[key] = action.get("version", 0)
            held.pop(key, None)
            if verb == "index":
                routing = action.get("routing", action.get("_routing"))
                held[key] = {"_index": key[0], "_id": key[1], "_source": source,
                             **({"_routing": routing} if routing is not None else {}),
                             **({"pipeline": action["pipeline"]} if "pipeline" in action else {})}
        return list(held.values())

    def documents(self, index):
        return {d["_id"]: d["_source"] for d in self.all_lines() if d["_index"] == index}

    def document(self, index, id):
        return self.documents(index).get(str(id))

    def count(self, index):
        return len(self.documents(index))

    def state(self, index):
        path = self.path.with_name(self.path.name + ".state")
        return json.loads(path.read_text()).get(index) if path.exists() else None
