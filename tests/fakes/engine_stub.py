#!/usr/bin/env python3
"""engine_stub: a search engine for tests that does what it is told. Python 3 standard library only.

    engine_stub.py [PORT]        default 0 = any free port; prints "PORT <port>" as its first line on standard output

It speaks as much of the Elasticsearch/OpenSearch API as pgsync uses: GET /, indices (PUT GET HEAD DELETE), aliases, mappings
with _meta, _settings, _bulk (index, create, delete; versions external and external_gte, 409 on conflicts, deletions remembered for ever; gzip;
require_alias), _ingest/pipeline (all exist but those named missing…), _count, _refresh, _flush, _search with and without scroll
(match_all only, all hits in order of id), _doc/<id>, _mget of ids.
Documents are kept by _id alone (no shards, routing is only remembered). Nothing is stored on disk: a restart is an empty engine.

Control (all answer JSON; POST without body, arguments in the query string):
    POST /_stub/delay?ms=N          every _bulk is applied N ms after it has arrived, and answered then; 0 = off
    POST /_stub/hold                _bulk requests wait, before they are applied, until released
    POST /_stub/release             releases all of them and ends the hold
    GET  /_stub/held                {"held": number of _bulk requests waiting};  ?wait=N&timeout=S: answers when at least N wait
    POST /_stub/fail?status=429&count=N[&only=bulk|all][&type=T]
                                    the next N requests (default: _bulk only) are answered with this status; count=-1 = until reset
    POST /_stub/fail_items?pattern=REGEX&status=400[&type=T][&count=N]
                                    bulk items whose _id matches (search) fail with this status and error type; count defaults to -1.
                                    Only on indices not named *-rejected. Several rules may be in force; the first that matches wins
    POST /_stub/max_bytes?n=N       a larger _bulk (as sent) is answered with 413; 0 = off
    POST /_stub/reset?count=N[&when=before|after]
                                    the next N _bulk requests are read and the connection is cut without an answer,
                                    before they are applied or after (default: after)
    POST /_stub/chaos?seed=S&rate=PERCENT
                                    faults of all kinds (engine_chaos.py) in so many of the requests that write: _bulk, states, dead letters,
                                    sweeps; rate=0 ends it
    POST /_stub/strict?field=F&value=V
                                    a mapping that does not take documents with this value of this field: they are refused with 400
    POST /_stub/product?number=V&distribution=D     what GET / says; distribution=elasticsearch = none in the answer
    POST /_stub/auth?user=U&password=P              from now on basic auth is required (401); empty user = off
    POST /_stub/clear               ends every rule above, keeps the data
    POST /_stub/wipe                an empty engine without rules, once no _bulk is under way
    GET  /_stub/ops                 every item that was applied or refused for good, as NDJSON in order:
                                    {"_index","_id","verb","version","_source"}; verb "refused" for the latter
    GET  /_stub/chaos               {"kind": how many requests have met it}
    GET  /_stub/dump[?index=NAME]   all documents as NDJSON in order of index and id:
                                    {"_index","_id","_version","_routing","_source"}; NAME may be an alias
    GET  /_stub/tombstones?index=N  {"id": version, …}
    GET  /_stub/log                 all operations so far as NDJSON in order of arrival: {"n","method","path","status","items","t"}, and for
                                    _mapping and index creation also "body"; "t" = seconds since start, when it was answered
    GET  /_stub/counters            {"bulk","items","max_concurrent_bulk","requests","gzip"}
"""
import gzip
import json
import re
import socket
import sys
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, unquote, urlsplit

from engine_chaos import Chaos

START = time.monotonic()


class Failure(Exception):
    """An answer with an error body as the engines give it."""

    def __init__(self, status, kind, reason, **more):
        super().__init__(reason)
        self.status = status
        cause = {"type": kind, "reason": reason, **more}
        self.body = {"error": {"root_cause": [cause], **cause}, "status": status}


class Index:
    def __init__(self, name, body):
        self.name = name
        self.mappings = body.get("mappings", {})
        self.settings = body.get("settings", {})
        self.documents = {}   # id -> (version, routing, source)
        self.tombstones = {}  # id -> version


class Engine:
    """All data, guarded by one lock."""

    def __init__(self):
        self.lock = threading.RLock()
        self.indices = {}
        self.aliases = {}  # alias -> set of index names
        self.scrolls = {}
        self.scroll_number = 0
        self.ops = []  # (index, id, verb, version, source)

    def wipe(self):
        with self.lock:
            self.indices, self.aliases, self.scrolls, self.ops = {}, {}, {}, []

    def resolve(self, name):
        """Indices behind names, aliases and wildcards joined by commas."""
        found = []
        for part in name.split(","):
            if "*" in part:
                pattern = re.compile(re.escape(part).replace(r"\*", ".*") + "$")
                found += [i for n, i in sorted(self.indices.items()) if pattern.match(n)]
            elif part in self.indices:
                found.append(self.indices[part])
            elif part in self.aliases:
                found += [self.indices[n] for n in sorted(self.aliases[part])]
            else:
                raise Failure(404, "index_not_found_exception", "no such index [%s]" % part, index=part)
        return found

    def write_index(self, name, require_alias):
        if name in self.aliases:
            targets = sorted(self.aliases[name])
            if len(targets) != 1:
                raise Failure(400, "illegal_argument_exception",
                              "no write index is defined for alias [%s]" % name)
            return self.indices[targets[0]]
        if require_alias:
            raise Failure(404, "index_not_found_exception",
                          "no such index [%s] and [require_alias] request flag is [true] and [%s] is not an alias"
                          % (name, name), index=name)
        if name not in self.indices:  # as action.auto_create_index does by default
            self.indices[name] = Index(name, {})
        return self.indices[name]

    def describe(self, index):
        aliases = {a: {} for a, names in self.aliases.items() if index.name in names}
        settings = json.loads(json.dumps(index.settings))
        settings.setdefault("index", {})["provided_name"] = index.name
        return {"aliases": aliases, "mappings": index.mappings, "settings": settings}

    def create(self, name, body):
        if name in self.indices:
            raise Failure(400, "resource_already_exists_exception", "index [%s/stub] already exists" % name,
                          index=name)
        if name in self.aliases:
            raise Failure(400, "invalid_index_name_exception",
                          "Invalid index name [%s], already exists as alias" % name, index=name)
        for alias in body.get("aliases", {}):
            if alias in self.indices or alias == name:
                raise Failure(400, "invalid_alias_name_exception",
                              "Invalid alias name [%s]: an index or data stream exists with the same name as the alias"
                              % alias, index=alias)
        self.indices[name] = Index(name, body)
        for alias in body.get("aliases", {}):
            self.aliases.setdefault(alias, set()).add(name)
        return {"acknowledged": True, "shards_acknowledged": True, "index": name}

    def delete(self, names):
        for name in names.split(","):
            if name not in self.indices:
                if name in self.aliases:
                    raise Failure(400, "illegal_argument_exception",
                                  "The provided expression [%s] matches an alias, specify the corresponding "
                                  "concrete indices instead." % name)
                raise Failure(404, "index_not_found_exception", "no such index [%s]" % name, index=name)
        for name in names.split(","):
            del self.indices[name]
            for alias in list(self.aliases):
                self.aliases[alias].discard(name)
                if not self.aliases[alias]:
                    del self.aliases[alias]
        return {"acknowledged": True}

    def change_aliases(self, actions):
        for action in actions:
            (verb, what), = action.items()
            if verb == "remove_index":
                self.delete(what["index"])
                continue
            index = what["index"]
            if index not in self.indices:
                raise Failure(404, "index_not_found_exception", "no such index [%s]" % index, index=index)
            if verb == "add":
                self.aliases.setdefault(what["alias"], set()).add(index)
            elif verb == "remove":
                names = self.aliases.get(what["alias"], set())
                names.discard(index)
                if not names:
                    self.aliases.pop(what["alias"], None)
            else:
                raise Failure(400, "illegal_argument_exception", "unknown alias action [%s]" % verb)
        return {"acknowledged": True}

    def put_mapping(self, name, body):
        for index in self.resolve(name):
            for key, value in body.items():
                if key == "properties":
                    index.mappings.setdefault("properties", {}).update(value)
                else:
                    index.mappings[key] = value  # the engines replace _meta as a whole too
        return {"acknowledged": True}

    @staticmethod
    def settings(index):
        """Those that are not the default, and always the number of replicas, as text."""
        own = index.settings.get("index", index.settings)
        return {"number_of_replicas": "1", **{k: v if isinstance(v, dict) else str(v) for k, v in own.items() if v is not None}}

    def put_settings(self, name, body):
        for index in self.resolve(name):
            index.settings = {"index": {**index.settings.get("index", index.settings), **body.get("index", body)}}
        return {"acknowledged": True}

    def item(self, verb, meta, source, default_index, require_alias):
        name = meta.get("_index", default_index)
        if name is None:
            raise Failure(400, "action_request_validation_exception",
                          "Validation Failed: 1: index is missing;")
        index = self.write_index(name, require_alias)
        key = meta["_id"]
        version, kind = meta.get("version"), meta.get("version_type", "internal")
        known = index.documents.get(key)
        current = known[0] if known else index.tombstones.get(key)
        if kind in ("external", "external_gte"):
            if current is not None and (version < current or (version == current and kind == "external")):
                raise Failure(409, "version_conflict_engine_exception",
                              "[%s]: version conflict, current version [%d] is higher than the one provided [%d]"
                              % (key, current, version), index=index.name)
        else:
            version = (current or 0) + 1
        answer = {"_index": index.name, "_id": key, "_version": version}
        if verb == "delete":
            index.documents.pop(key, None)
            index.tombstones[key] = version
            self.ops.append((index.name, key, verb, version, None))
            return dict(answer, result="deleted" if known else "not_found", status=200 if known else 404)
        if verb == "create" and known:
            raise Failure(409, "version_conflict_engine_exception",
                          "[%s]: version conflict, document already exists" % key)
        index.tombstones.pop(key, None)
        index.documents[key] = (version, meta.get("routing"), source)
        self.ops.append((index.name, key, verb, version, source))
        return dict(answer, result="updated" if known else "created", status=200 if known else 201)

    def search(self, name, size, start=0):
        hits = []
        for index in self.resolve(name):
            for key in sorted(index.documents):
                version, routing, source = index.documents[key]
                hit = {"_index": index.name, "_id": key, "_version": version, "_source": source}
                if routing is not None:
                    hit["_routing"] = routing
                hits.append(hit)
        return hits, hits[start:start + size]


class Rules:
    """What the tests have asked for."""

    def __init__(self):
        self.changed = threading.Condition()
        self.held = 0
        self.release_number = 0
        self.clear()

    def clear(self):
        with self.changed:
            self.delay_ms = 0
            self.holding = False
            self.fail = None        # [status, count, only, type]
            self.item_rules = []    # [regex, status, type, count]
            self.max_bytes = 0
            self.reset = None       # [count, when]
            self.number, self.distribution = "2.19.5", "opensearch"
            self.auth = None
            self.chaos = Chaos()
            self.strict = None      # (field, value)
            self.release_number += 1
            self.changed.notify_all()

    def take_failure(self, is_bulk):
        with self.changed:
            if self.fail and self.fail[1] != 0 and (is_bulk or self.fail[2] == "all"):
                self.fail[1] -= 1 if self.fail[1] > 0 else 0
                return self.fail[0], self.fail[3]
            return None

    def take_reset(self):
        with self.changed:
            if self.reset and self.reset[0] > 0:
                self.reset[0] -= 1
                return self.reset[1]
            return None

    def item_failure(self, key):
        with self.changed:
            for rule in self.item_rules:
                if rule[3] != 0 and rule[0].search(key):
                    rule[3] -= 1 if rule[3] > 0 else 0
                    return rule[1], rule[2]
            return None

    def wait_if_held(self):
        with self.changed:
            if not self.holding:
                return
            ticket = self.release_number
            self.held += 1
            self.changed.notify_all()
            self.changed.wait_for(lambda: self.release_number != ticket)
            self.held -= 1
            self.changed.notify_all()


class Journal:
    def __init__(self):
        self.lock = threading.Lock()
        self.lines = []
        self.counters = {"bulk": 0, "items": 0, "max_concurrent_bulk": 0, "requests": 0, "gzip": 0}
        self.concurrent = 0
        self.idle = threading.Condition(self.lock)

    def wipe(self):
        with self.idle:
            assert self.idle.wait_for(lambda: self.concurrent == 0, 30), "a _bulk does not end"
            self.lines = []

    def add(self, **line):
        with self.lock:
            line["n"] = len(self.lines)
            line["t"] = round(time.monotonic() - START, 6)
            self.lines.append(line)
            self.counters["requests"] += 1

    def bulk_begins(self):
        with self.lock:
            self.concurrent += 1
            self.counters["bulk"] += 1
            self.counters["max_concurrent_bulk"] = max(self.counters["max_concurrent_bulk"], self.concurrent)

    def bulk_ends(self, items):
        with self.lock:
            self.concurrent -= 1
            self.counters["items"] += items
            self.idle.notify_all()


ENGINE, RULES, JOURNAL = Engine(), Rules(), Journal()
DEFAULT_TYPES = {400: "mapper_parsing_exception", 403: "security_exception", 404: "index_not_found_exception",
                 409: "version_conflict_engine_exception", 413: "content_too_long_exception",
                 429: "rejected_execution_exception", 503: "unavailable_shards_exception"}


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def log_message(self, *_):
        pass

    def do_GET(self):
        self.serve()

    do_POST = do_PUT = do_DELETE = do_HEAD = do_GET

    def serve(self):
        length = int(self.headers.get("Content-Length") or 0)
        self.sent_bytes = length
        raw = self.rfile.read(length) if length else b""
        url = urlsplit(self.path)
        self.query = {k: v[-1] for k, v in parse_qs(url.query, keep_blank_values=True).items()}
        self.parts = [unquote(p) for p in url.path.split("/") if p]
        self.items = None
        if self.parts[:1] == ["_stub"]:
            return self.control(self.parts[1] if len(self.parts) > 1 else "")
        is_bulk = self.parts[-1:] == ["_bulk"]
        self.logged_body = None
        self.retry_after = self.cut_answer = False
        self.item_chaos = None
        self.answer_delay = 0
        after = None
        try:
            if self.headers.get("Content-Encoding") == "gzip":
                raw = gzip.decompress(raw)
                with JOURNAL.lock:
                    JOURNAL.counters["gzip"] += 1
            self.check_auth()
            failure = RULES.take_failure(is_bulk)
            if failure:
                raise Failure(failure[0], failure[1] or DEFAULT_TYPES.get(failure[0], "stub_exception"),
                              "the stub was told to fail")
            after = self.chaos(raw, is_bulk)
            status, body = self.bulk(raw) if is_bulk else self.route(raw)
            if after == "after":
                raise ConnectionAbortedError
        except Failure as failure:
            status, body = failure.status, failure.body
        except ConnectionAbortedError:
            self.note(url.path, 0)
            self.close_connection = True
            # RST instead of FIN: what a crashed node looks like.
            self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
            self.connection.close()
            return
        self.note(url.path, status)
        self.answer(status, body)

    def chaos(self, raw, is_bulk):
        """What shall go wrong now, if anything, does; "after" is left to the caller."""
        chaos = RULES.chaos
        if self.headers.get("User-Agent", "").startswith("Python"):
            return None  # the tests' own requests
        writes = is_bulk or self.parts[-1:] in (["_mapping"], ["_search"]) or "".join(self.parts[:1]).endswith("-rejected")
        drawn = chaos.draw(is_bulk, raw.count(b"\n") // 2) if chaos.rate and writes else None
        if not drawn:
            return None
        kind, number = drawn
        if kind in ("fail", "too_large"):
            self.retry_after = number == 429
            status = number or 413
            raise Failure(status, DEFAULT_TYPES.get(status, "stub_exception"), "something went wrong")
        if kind == "before":
            raise ConnectionAbortedError
        if kind == "late":
            time.sleep(number / 1000)
        self.item_chaos = chaos if kind == "items" else None
        self.cut_answer = kind == "truncated"
        self.answer_delay = number / 1000 if kind == "slow" else 0
        return kind

    def note(self, path, status):
        line = {"method": self.command, "path": path, "status": status}
        if self.items is not None:
            line["items"] = self.items
        if self.logged_body is not None:
            line["body"] = self.logged_body
        JOURNAL.add(**line)

    def answer(self, status, body, kind="application/json"):
        data = body if isinstance(body, bytes) else json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(data)))
        if self.__dict__.get("retry_after"):
            self.send_header("Retry-After", "0")
        if self.__dict__.get("answer_delay"):
            time.sleep(self.answer_delay)
        self.end_headers()
        if self.__dict__.get("cut_answer"):
            data = data[:len(data) // 2]
            self.close_connection = True
        if self.command != "HEAD":
            self.wfile.write(data)

    def check_auth(self):
        if not RULES.auth:
            return
        import base64
        wanted = "Basic " + base64.b64encode(("%s:%s" % RULES.auth).encode()).decode()
        if self.headers.get("Authorization") != wanted:
            raise Failure(401, "security_exception", "missing authentication credentials for REST request")

    # Everything but _bulk.
    def route(self, raw):
        p, method = self.parts, self.command
        try:
            body = json.loads(raw) if raw.strip() else {}
        except ValueError as error:
            raise Failure(400, "parse_exception", str(error))
        if not isinstance(body, dict):
            raise Failure(400, "parse_exception", "request body is not an object")
        with ENGINE.lock:
            if not p:
                return 200, self.root()
            if p == ["_aliases"] and method == "POST":
                return 200, ENGINE.change_aliases(body.get("actions", []))
            if p[:1] == ["_alias"] and len(p) == 2 and method in ("GET", "HEAD"):
                if p[1] not in ENGINE.aliases:
                    raise Failure(404, "aliases_not_found_exception", "alias [%s] missing" % p[1])
                return 200, {n: {"aliases": {p[1]: {}}} for n in ENGINE.aliases[p[1]]}
            if p == ["_search", "scroll"]:
                return self.scroll(body)
            if p[:2] == ["_ingest", "pipeline"] and len(p) == 3 and method == "GET":
                return (404, {}) if p[2].startswith("missing") else (200, {p[2]: {"processors": []}})
            if p[0].startswith("_"):
                raise Failure(400, "illegal_argument_exception", "the stub does not know %s /%s" % (method, "/".join(p)))
            if len(p) == 1:
                if method == "PUT":
                    self.logged_body = body
                    return 200, ENGINE.create(p[0], body)
                if method == "DELETE":
                    return 200, ENGINE.delete(p[0])
                return 200, {i.name: ENGINE.describe(i) for i in ENGINE.resolve(p[0])}
            if p[1] == "_mapping":
                if method == "GET":
                    return 200, {i.name: {"mappings": i.mappings} for i in ENGINE.resolve(p[0])}
                self.logged_body = body
                return 200, ENGINE.put_mapping(p[0], body)
            if p[1] == "_settings":
                return 200, ENGINE.put_settings(p[0], body) if method == "PUT" else {
                    i.name: {"settings": {"index": ENGINE.settings(i)}} for i in ENGINE.resolve(p[0])}
            if p[1] == "_alias":
                return 200, {i.name: {"aliases": ENGINE.describe(i)["aliases"]} for i in ENGINE.resolve(p[0])}
            if p[1] in ("_refresh", "_flush"):
                ENGINE.resolve(p[0])
                return 200, {"_shards": {"total": 1, "successful": 1, "failed": 0}}
            if p[1] == "_count":
                return 200, {"count": sum(len(i.documents) for i in ENGINE.resolve(p[0]))}
            if p[1] == "_doc" and len(p) == 3 and method == "GET":
                for index in ENGINE.resolve(p[0]):
                    if p[2] in index.documents:
                        version, routing, source = index.documents[p[2]]
                        return 200, {"_index": index.name, "_id": p[2], "_version": version, "found": True,
                                     "_source": source, **({"_routing": routing} if routing else {})}
                return 404, {"_index": p[0], "_id": p[2], "found": False}
            if p[1] == "_mget":
                held = {key: d for i in ENGINE.resolve(p[0]) for key, d in i.documents.items()}
                return 200, {"docs": [{"_id": i, "found": True, "_version": held[i][0], "_source": held[i][2]} if i in held else
                                      {"_id": i, "found": False} for i in body["ids"]]}
            if p[1] == "_search":
                return self.search(p[0], body)
        raise Failure(400, "illegal_argument_exception", "the stub does not know %s /%s" % (method, "/".join(p)))

    @staticmethod
    def root():
        version = {"number": RULES.number}
        if RULES.distribution != "elasticsearch":
            version["distribution"] = RULES.distribution
        return {"name": "stub", "cluster_name": "stub", "version": version, "tagline": "The OpenSearch Project"}

    def search(self, name, body):
        size = int(body.get("size", self.query.get("size", 10)))
        start = int(body.get("from", self.query.get("from", 0)))
        everything, page = ENGINE.search(name, size, start)
        answer = self.hits(len(everything), page, body)
        if "scroll" in self.query:
            ENGINE.scroll_number += 1
            key = "scroll-%d" % ENGINE.scroll_number
            ENGINE.scrolls[key] = [everything[size:], size, len(everything), body]
            answer["_scroll_id"] = key
        return 200, answer

    def scroll(self, body):
        key = body.get("scroll_id")
        if self.command == "DELETE":
            keys = key if isinstance(key, list) else [key]
            freed = sum(1 for k in keys if ENGINE.scrolls.pop(k, None) is not None)
            return 200, {"succeeded": True, "num_freed": freed}
        if key not in ENGINE.scrolls:
            raise Failure(404, "search_context_missing_exception", "No search context found for id [%s]" % key)
        rest, size, total, search = ENGINE.scrolls[key]
        ENGINE.scrolls[key][0] = rest[size:]
        return 200, dict(self.hits(total, rest[:size], search), _scroll_id=key)

    @staticmethod
    def hits(total, page, body):
        shown = []
        for hit in page:
            hit = dict(hit, _score=None)
            if not body.get("version"):
                hit.pop("_version")
            if body.get("_source") is False:
                hit.pop("_source")
            shown.append(hit)
        return {"timed_out": False, "_shards": {"total": 1, "successful": 1, "skipped": 0, "failed": 0},
                "hits": {"total": {"value": total, "relation": "eq"}, "hits": shown}}

    def bulk(self, raw):
        JOURNAL.bulk_begins()
        done = 0
        try:
            if RULES.max_bytes and self.sent_bytes > RULES.max_bytes:
                raise Failure(413, "content_too_long_exception", "entity content is too long [%d]" % self.sent_bytes)
            RULES.wait_if_held()
            if RULES.delay_ms:
                time.sleep(RULES.delay_ms / 1000)
            reset = RULES.take_reset()
            if reset == "before":
                raise ConnectionAbortedError
            answer = self.apply_bulk(raw)
            self.items = done = len(answer["items"])
            if reset == "after":
                raise ConnectionAbortedError
            return 200, answer
        finally:
            JOURNAL.bulk_ends(done)

    def apply_bulk(self, raw):
        default_index = self.parts[0] if len(self.parts) == 2 else None
        require_alias = self.query.get("require_alias") == "true"
        if not raw.endswith(b"\n"):
            raise Failure(400, "illegal_argument_exception",
                          "The bulk request must be terminated by a newline [\\n]")
        actions, lines = [], iter(raw.split(b"\n")[:-1])
        for line in lines:
            if not line.strip():
                continue
            try:
                (verb, meta), = json.loads(line).items()
            except ValueError as error:
                raise Failure(400, "illegal_argument_exception", "Malformed action/metadata line: %s" % error)
            if verb not in ("index", "create", "delete"):
                raise Failure(400, "illegal_argument_exception", "Malformed action/metadata line [%s]" % verb)
            if len(meta.get("_id", "").encode()) > 512:  # the engines refuse the request as a whole for this
                raise Failure(400, "action_request_validation_exception",
                              "Validation Failed: 1: id [%s...] is too long, must be no longer than 512 bytes;"
                              % meta["_id"][:20])
            actions.append((verb, meta, next(lines) if verb != "delete" else None))
        items, errors = [], False
        with ENGINE.lock:
            for verb, meta, line in actions:
                try:
                    failure = None
                    if not meta.get("_index", default_index or "").endswith("-rejected"):
                        failure = RULES.item_failure(meta.get("_id", ""))
                        if self.item_chaos:
                            failure = (self.item_chaos.fails_item(), None) if not failure else failure
                    if failure and failure[0]:
                        raise Failure(failure[0], failure[1] or DEFAULT_TYPES.get(failure[0], "stub_exception"),
                                      "the stub was told to fail this item")
                    source = None
                    if line is not None:
                        try:
                            source = json.loads(line)
                        except ValueError as error:
                            raise Failure(400, "mapper_parsing_exception", "failed to parse: %s" % error)
                        self.check_mapping(meta, default_index, source)
                    answer = ENGINE.item(verb, meta, source, default_index, require_alias)
                except Failure as failure:
                    errors = True
                    answer = {"_index": meta.get("_index", default_index), "_id": meta.get("_id"),
                              "status": failure.status,
                              "error": {k: v for k, v in failure.body["error"].items() if k != "root_cause"}}
                items.append({verb: answer})
        return {"took": 1, "errors": errors, "items": items}

    @staticmethod
    def check_mapping(meta, default_index, source):
        name = meta.get("_index", default_index)
        if not RULES.strict or name.endswith("-rejected") or str(source.get(RULES.strict[0])) != RULES.strict[1]:
            return
        ENGINE.ops.append((name, meta.get("_id"), "refused", meta.get("version"), source))
        raise Failure(400, "mapper_parsing_exception", "failed to parse field [%s]" % RULES.strict[0])

    # /_stub/…
    def control(self, what):
        q = self.query
        if what == "dump":
            with ENGINE.lock:
                indices = ENGINE.resolve(q["index"]) if "index" in q else [i for _, i in sorted(ENGINE.indices.items())]
                lines = [json.dumps({"_index": i.name, "_id": key, "_version": d[0], "_routing": d[1], "_source": d[2]},
                                    ensure_ascii=False)
                         for i in indices for key, d in sorted(i.documents.items())]
            return self.answer(200, "".join(l + "\n" for l in lines).encode(), "application/x-ndjson")
        if what == "ops":
            with ENGINE.lock:
                lines = [json.dumps({"_index": o[0], "_id": o[1], "verb": o[2], "version": o[3], "_source": o[4]}) for o in ENGINE.ops]
            return self.answer(200, "".join(l + "\n" for l in lines).encode(), "application/x-ndjson")
        if what == "wipe":
            RULES.clear()
            JOURNAL.wipe()
            ENGINE.wipe()
            return self.answer(200, {"ok": True})
        if what == "chaos" and "seed" not in q:
            return self.answer(200, RULES.chaos.met)
        if what == "log":
            with JOURNAL.lock:
                lines = [json.dumps(line) for line in JOURNAL.lines]
            return self.answer(200, "".join(l + "\n" for l in lines).encode(), "application/x-ndjson")
        if what == "counters":
            with JOURNAL.lock:
                return self.answer(200, dict(JOURNAL.counters))
        if what == "tombstones":
            with ENGINE.lock:
                return self.answer(200, ENGINE.resolve(q["index"])[0].tombstones)
        if what == "held":
            with RULES.changed:
                RULES.changed.wait_for(lambda: RULES.held >= int(q.get("wait", 0)), float(q.get("timeout", 30)))
                return self.answer(200, {"held": RULES.held})
        if what == "clear":
            RULES.clear()
            return self.answer(200, {"ok": True})
        with RULES.changed:
            if what == "delay":
                RULES.delay_ms = int(q["ms"])
            elif what == "hold":
                RULES.holding = True
            elif what == "release":
                RULES.holding = False
                RULES.release_number += 1
            elif what == "fail":
                RULES.fail = [int(q["status"]), int(q.get("count", 1)), q.get("only", "bulk"), q.get("type")]
            elif what == "fail_items":
                RULES.item_rules.append([re.compile(q["pattern"]), int(q["status"]), q.get("type"),
                                         int(q.get("count", -1))])
            elif what == "max_bytes":
                RULES.max_bytes = int(q["n"])
            elif what == "reset":
                RULES.reset = [int(q.get("count", 1)), q.get("when", "after")]
            elif what == "product":
                RULES.number, RULES.distribution = q["number"], q["distribution"]
            elif what == "chaos":
                met, RULES.chaos = RULES.chaos.met, Chaos(q["seed"], float(q["rate"]))
                RULES.chaos.met.update(met)
            elif what == "strict":
                RULES.strict = (q["field"], q["value"])
            elif what == "auth":
                RULES.auth = (q["user"], q.get("password", "")) if q.get("user") else None
            else:
                return self.answer(404, {"error": "unknown control %r" % what})
            RULES.changed.notify_all()
        return self.answer(200, {"ok": True})


class Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128
    allow_reuse_address = True

    def handle_error(self, request, address):
        if not isinstance(sys.exc_info()[1], ConnectionError):  # a client that died is no fault of ours
            super().handle_error(request, address)


def main():
    port = int(sys.argv[1]) if len(sys.argv) > 1 else 0
    server = Server(("127.0.0.1", port), Handler)
    print("PORT %d" % server.server_address[1], flush=True)
    try:
        server.serve_forever()
    except KeyboardInterrupt:
        pass


if __name__ == "__main__":
    main()
