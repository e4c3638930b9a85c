"""One real OpenSearch, started by scripts/engine/start.sh, shared by all tests of a session; indices are dropped between tests."""
import os
import pathlib
import signal
import subprocess

from .http import HttpError, request
from .processes import REPO, free_port, kill_and_wait


class Engine:
    def __init__(self, directory, flavour=None):
        self.dir = pathlib.Path(directory)
        self.flavour = flavour or os.environ.get("PGSYNC_ENGINE", "opensearch2")
        self.port = free_port(also=100)
        self.url = f"http://127.0.0.1:{self.port}"

    def start(self):
        env = dict(os.environ, PORT=str(self.port), HEAP=os.environ.get("HEAP", "1g"))
        # The node outlives this call: its output must not keep a pipe of ours open.
        with open(self._log("start.log"), "ab") as log:
            r = subprocess.run([REPO / "scripts/engine/start.sh", self.flavour, self.dir], env=env, stdout=log, stderr=log, timeout=900)
        if r.returncode:
            raise RuntimeError(f"the engine did not start: {self._log('start.log').read_text()[-3000:]}")
        return self

    def _log(self, name):
        self.dir.mkdir(parents=True, exist_ok=True)
        return self.dir / name

    def pid(self):
        return int((self.dir / "node.pid").read_text())

    def kill9(self):
        kill_and_wait([self.pid()])

    def stop(self):
        # Not by stop.sh: the node is our child by adoption, and has to be reaped before it looks ended.
        kill_and_wait([self.pid()], signal.SIGTERM)

    def drop_all(self):
        names = [r["index"] for r in request("GET", f"{self.url}/_cat/indices?format=json&expand_wildcards=all")]
        for name in names:
            if not name.startswith("."):
                request("DELETE", f"{self.url}/{name}")


class EngineTarget:
    """The documents of an index, as a search client sees them after a refresh."""

    def __init__(self, engine):
        self.engine = engine
        self.url = engine.url

    def refresh(self, index):
        request("POST", f"{self.url}/{index}/_refresh")

    def count(self, index):
        try:
            self.refresh(index)
            return request("GET", f"{self.url}/{index}/_count")["count"]
        except HttpError as e:
            if e.status in (404, 503):
                return 0
            raise

    def writes(self, index):
        """How many documents were written to the index in all since the node started: tells how far a bulk of updates is."""
        return request("GET", f"{self.url}/{index}/_stats/indexing")["_all"]["primaries"]["indexing"]["index_total"]

    def documents(self, index):
        return {hit["_id"]: hit["_source"] for hit in self._hits(index)}

    def versions(self, index):
        return {hit["_id"]: hit["_version"] for hit in self._hits(index, version=True, _source=False)}

    def _hits(self, index, **more):
        self.refresh(index)
        query = {"size": 5000, "sort": ["_doc"], "query": {"match_all": {}}, **more}
        answer, seen = request("POST", f"{self.url}/{index}/_search?scroll=2m", query), set()
        while answer["hits"]["hits"]:
            for hit in answer["hits"]["hits"]:
                assert hit["_id"] not in seen, f"two documents with the id {hit['_id']}"
                seen.add(hit["_id"])
                yield hit
            answer = request("POST", f"{self.url}/_search/scroll", {"scroll": "2m", "scroll_id": answer["_scroll_id"]})
        request("DELETE", f"{self.url}/_search/scroll", {"scroll_id": answer["_scroll_id"]})

    def document(self, index, id):
        try:
            return request("GET", f"{self.url}/{index}/_doc/{id}")["_source"]
        except HttpError as e:
            if e.status == 404:
                return None
            raise

    def mapping(self, index):
        """Of the one index behind the name."""
        (answer,) = request("GET", f"{self.url}/{index}/_mapping").values()
        return answer["mappings"]

    def state(self, index):
        try:
            answer = request("GET", f"{self.url}/{index}/_mapping")
        except HttpError as e:
            if e.status == 404:
                return None
            raise
        metas = [m["mappings"].get("_meta", {}).get("pgsync") for m in answer.values()]
        assert len(metas) == 1, f"{index} leads to {len(metas)} indices"
        return metas[0]
