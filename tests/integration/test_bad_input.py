"""Wrong inputs: each ends with one paragraph that names the thing and the remedy, with the right exit code (2 wrong usage or
schema, 3 an operator must act), without a stack trace and without a password."""
import http.server
import json
import re
import threading

import pytest

from harness.consumer import TRACES
from harness.processes import CANARY, free_port, wait_for
from harness.postgres import ROLE


def check(finished, status, *words):
    """One paragraph, the words in it, and nothing that must not be there."""
    finished.expect(status)
    text = finished.output.strip()  # validate reports on standard output, all others on standard error
    assert text, f"nothing was printed\n{finished!r}"
    paragraph = re.split(r"\n\s*\n", text)[-1]
    assert "\n\n" not in text, f"more than one paragraph\n{finished!r}"
    assert len(paragraph) < 2000, f"too long for a paragraph: {len(paragraph)}\n{finished!r}"
    for word in words:
        assert re.search(word, paragraph, re.I), f'"{word}" is not named\n{finished!r}'
    found = TRACES.search(finished.output)
    assert not found, f"looks like a trace: {found.group(0)!r}\n{finished!r}"
    assert CANARY not in finished.output, "the password is shown"


@pytest.fixture
def ready(scenario, bookstore):
    """Everything is right; the test breaks one thing."""
    return scenario.use(bookstore).bootstrap()


def edited_schema(scenario, work, change):
    document = json.loads(scenario.schema.read_text())
    change(document[0])
    scenario.schema = work / "schema.json"
    scenario.schema.write_text(json.dumps(document, indent=2))


# ---- PostgreSQL ----
def test_no_postgres(ready):
    port = free_port()
    check(ready.command("run", "--once", env={"PG_PORT": port}), 3, f"127.0.0.1:{port}", "PG_HOST|PG_PORT|running")


def test_wrong_password(ready):
    check(ready.command("run", "--once", env={"PG_PASSWORD": CANARY + "wrong"}), 3, "password", f'"{ROLE}"', "PG_PASSWORD|PGPASSFILE")


def test_unknown_database(ready, work):
    edited_schema(ready, work, lambda d: d.update(database="bookshop"))
    check(ready.command("run", "--once"), 3, '"bookshop"')


def plain_bookstore(private_postgres, work, **settings):
    from harness import datasets
    from harness.scenario import Scenario
    server = private_postgres(**settings)
    return Scenario(server, work).use(datasets.bookstore(server))


@pytest.mark.parametrize("command", [("bootstrap", "--apply"), ("run", "--once")])
def test_plugin_not_allowed(private_postgres, work, command):
    scenario = plain_bookstore(private_postgres, work, allow_plugin=False)
    if command[0] == "run":  # a slot from the time before the list was tightened
        server = scenario.server
        server.rows("postgres", "ALTER SYSTEM SET output_plugin_libraries = pgoutput, test_decoding, pgsync")
        server.restart()
        scenario.bootstrap()
        server.rows("postgres", "ALTER SYSTEM RESET output_plugin_libraries")
        server.restart()
    r = scenario.command(*command)
    r.expect(3)
    # The remedy in its list form, with what is allowed already: the quoted form would store one name with commas in it.
    assert re.search(r"ALTER SYSTEM SET output_plugin_libraries = pgoutput, test_decoding, pgsync", r.output), repr(r)
    assert not TRACES.search(r.output) and CANARY not in r.output


@pytest.mark.parametrize("command", [("bootstrap", "--apply"), ("run", "--once")])
def test_wal_level_replica(private_postgres, work, command):
    scenario = plain_bookstore(private_postgres, work, wal_level="replica")
    r = scenario.command(*command)
    r.expect(3)
    assert re.search(r"ALTER SYSTEM SET wal_level = '?logical", r.output) and "restart" in r.output, repr(r)
    assert not TRACES.search(r.output) and CANARY not in r.output


def test_missing_slot(scenario, bookstore):
    scenario.use(bookstore).bootstrap()
    scenario.sql("SELECT pg_drop_replication_slot(%s)", (bookstore.slot,))
    check(scenario.command("run", "--once"), 3, f'"{bookstore.slot}"', "slot", "bootstrap")


def test_slot_of_another_plugin(ready):
    ready.sql("SELECT pg_drop_replication_slot(%s)", (ready.data.slot,))
    ready.sql("SELECT pg_create_logical_replication_slot(%s, 'test_decoding')", (ready.data.slot,))
    check(ready.command("run", "--once"), 3, f'"{ready.data.slot}"', "test_decoding")


def test_slot_in_use(ready):
    daemon = ready.start()
    ready.wait_synced(daemon)
    check(ready.command("run", "--once"), 3, f'"{ready.data.slot}"', "in use|active|another")
    daemon.must_run()
    ready.assert_equal()


def test_insufficient_replica_identity(ready):
    ready.sql("ALTER TABLE review REPLICA IDENTITY NOTHING")
    check(ready.command("run", "--once"), 3, "review", "ALTER TABLE .*review.* REPLICA IDENTITY")


def test_missing_select(ready):
    ready.sql(f"ALTER TABLE reply OWNER TO postgres; REVOKE ALL ON reply FROM {ROLE}")
    check(ready.command("run", "--once"), 3, "reply", "GRANT SELECT ON")


def test_role_without_replication(ready):
    try:
        ready.sql(f"ALTER ROLE {ROLE} NOREPLICATION")
        check(ready.command("run", "--once"), 3, "REPLICATION", ROLE)
    finally:
        ready.sql(f"ALTER ROLE {ROLE} REPLICATION")


# ---- the schema file ----
@pytest.mark.parametrize("command", [("validate",), ("run", "--once")])
def test_missing_table(ready, work, command):
    edited_schema(ready, work, lambda d: d["nodes"]["children"][0].update(table="publishr"))
    check(ready.command(*command), 2, r"nodes\.children\[0\]\.table", '"public.publishr"', 'did you mean "publisher"')


@pytest.mark.parametrize("command", [("validate",), ("run", "--once")])
def test_missing_column(ready, work, command):
    edited_schema(ready, work, lambda d: d["nodes"]["columns"].append("titel"))
    check(ready.command(*command), 2, r"nodes\.columns\[8\]", '"titel"', "public.book", 'did you mean "title"')


@pytest.mark.parametrize("command", [("validate",), ("run", "--once")])
def test_unknown_key(ready, work, command):
    def change(d):
        d["nodes"]["children"][0]["colums"] = d["nodes"]["children"][0].pop("columns")
    edited_schema(ready, work, change)
    check(ready.command(*command), 2, r"nodes\.children\[0\]", 'unknown key "colums"', "allowed:", 'did you mean "columns"')


def test_unknown_top_level_key_needs_no_database(ready, work):
    edited_schema(ready, work, lambda d: d.update(mapings={}))
    check(ready.command("validate", "--offline", server=False), 2, 'unknown key "mapings"', 'did you mean "mapping')


def test_all_findings_at_once(ready, work):
    def change(d):
        d["nodes"]["columns"].append("titel")
        d["nodes"]["children"][2]["table"] = "autor"
    edited_schema(ready, work, change)
    check(ready.command("validate"), 2, '"titel"', '"public.autor"')


def test_not_json(ready, work):
    ready.schema = work / "broken.json"
    ready.schema.write_text('[{"database": "bookstore",\n  "index" "books"}]')
    check(ready.command("validate"), 2, r"line 2, column \d+", "not valid JSON")


def test_missing_schema_file(ready, work):
    ready.schema = work / "nowhere.json"
    check(ready.command("validate"), 2, "nowhere.json")


# ---- the command line ----
def test_unknown_option(ready):
    check(ready.command("run", "--tarjet", "null:", target=False), 2, "--tarjet", "did you mean .*--target")


def test_unknown_command(ready):
    check(ready.bare("validat", ready.schema), 2, '"validat"', 'did you mean "validate"')


def test_unknown_target(ready):
    check(ready.bare("run", ready.schema, "--target", "mongodb://x"), 2, "mongodb", "sqlite:FILE|sqlite:")


def test_no_schema(ready):
    check(ready.bare("run"), 2, "schema", "SCHEMA")


def test_bad_number_in_the_environment(ready):
    check(ready.command("run", "--once", env={"NUM_WORKERS": "many"}), 2, "NUM_WORKERS", '"many"')


# ---- the engine ----
def test_no_engine(ready):
    port = free_port()
    r = ready.bare("run", "--once", ready.schema, env={"ELASTICSEARCH_URL": f"http://127.0.0.1:{port}"})
    check(r, 3, f"http://127.0.0.1:{port}", "ELASTICSEARCH_URL|--target", "running")


def test_engine_wants_a_password(ready, stub):
    stub.control(f"auth?user=elastic&password={CANARY}")
    env = {"ELASTICSEARCH_URL": stub.url}
    check(ready.bare("run", "--once", ready.schema, env=env), 3, stub.url, "401", "ELASTICSEARCH_USER", "ELASTICSEARCH_PASSWORD")


def test_engine_refuses_the_password(ready, stub):
    stub.control(f"auth?user=elastic&password={CANARY}")
    env = {"ELASTICSEARCH_URL": stub.url.replace("http://", f"http://elastic:{CANARY}wrong@")}
    check(ready.bare("run", "--once", ready.schema, env=env), 3, stub.url, "401", "ELASTICSEARCH_PASSWORD|password")


@pytest.fixture
def forbidding():
    """An engine that says who it is, and then forbids everything."""
    class Handler(http.server.BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def answer(self):
            self.rfile.read(int(self.headers.get("Content-Length") or 0))
            root = self.path == "/" and self.command == "GET"
            body = json.dumps({"version": {"number": "2.19.5", "distribution": "opensearch"}, "cluster_name": "c"} if root else {
                "error": {"type": "security_exception", "reason": f"no permissions for [{self.path}] and User [name=reader]"},
                "status": 403}).encode()
            self.send_response(200 if root else 403)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            if self.command != "HEAD":
                self.wfile.write(body)
        do_GET = do_PUT = do_POST = do_HEAD = do_DELETE = answer

        def log_message(self, *_):
            pass
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    thread.join()
    server.server_close()


def test_engine_without_permission(ready, forbidding):
    env = {"ELASTICSEARCH_URL": forbidding.replace("http://", f"http://reader:{CANARY}@")}
    check(ready.bare("run", "--once", ready.schema, env=env), 3, forbidding, "403|permission|not allowed|privilege", "reader|privilege")


def test_index_name_is_taken(ready, stub):
    from harness.http import request
    request("PUT", f"{stub.url}/{ready.data.index}", {})
    r = ready.bare("run", "--once", ready.schema, "--target", stub.url)
    check(r, 3, f'"{ready.data.index}"', r'"alias": false', "delete")


# ---- Redis ----
def test_no_redis(ready):
    port = free_port()
    ready.queue = f"redis://127.0.0.1:{port}/0"
    check(ready.command("run", "--once"), 3, f"127.0.0.1:{port}", "REDIS_URL|--queue", "memory:|running")


@pytest.mark.parametrize("given", ["", f":{CANARY}wrong@"])
def test_redis_refuses_the_password(ready, work, given):
    from harness.redis import RedisServer
    server = RedisServer(work / "redis", password=CANARY).start()
    try:
        ready.queue = ""
        env = {"REDIS_URL": f"redis://{given}127.0.0.1:{server.port}/0"}
        r = ready.bare("run", "--once", ready.schema, "--target", ready.target.url, env=env)
        check(r, 3, f"127.0.0.1:{server.port}", "password|auth")
    finally:
        server.stop()
