"""Settings that PGSync's users bring along, seen working: a schema file at an URL, the maintenance database, rows per fetch."""
import base64
import http.server
import json
import pathlib
import re
import signal
import threading

import pytest

from harness.postgres import ROLE
from harness.processes import CANARY, free_port

KEY = CANARY + "key"


class SchemaServer:
    """Serves one text at several paths: as it is, behind a redirection, for an account, for who knows a key; and faults."""

    def __init__(self, text):
        self.text = text
        self.asked = []
        outer = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self):
                outer.asked.append(self.path)
                status, body, headers = outer.answer(self.path, self.headers)
                self.send_response(status)
                for name, value in headers.items():
                    self.send_header(name, value)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                try:
                    self.wfile.write(body)
                except (BrokenPipeError, ConnectionResetError):
                    pass  # too large: the reader has left

            def log_message(self, *_):
                pass
        self._server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.host = f"127.0.0.1:{self._server.server_port}"
        self.url = f"http://{self.host}"
        self._thread = threading.Thread(target=self._server.serve_forever)
        self._thread.start()

    def answer(self, path, headers):
        account = "Basic " + base64.b64encode(f"reader:{CANARY}".encode()).decode()
        if path == "/moved":
            return 302, b"", {"Location": "/shop/schema.json"}
        if path == "/round":
            return 302, b"", {"Location": "/round"}
        if path == "/account/schema.json" and headers.get("Authorization") != account:
            return 401, b"who are you?", {}
        if path.startswith("/key/schema.json") and path != f"/key/schema.json?key={KEY}":
            return 403, b"no", {}
        if path == "/broken":
            return 503, b"later", {}
        if path == "/large":
            return 200, b" " * (17 << 20), {}
        if path not in ("/shop/schema.json", "/account/schema.json", f"/key/schema.json?key={KEY}"):
            return 404, b"[]", {}
        return 200, self.text.encode(), {}

    def end(self):
        if self._server is None:
            return
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()
        self._server = None


@pytest.fixture
def ready(scenario, bookstore):
    return scenario.use(bookstore).bootstrap()


@pytest.fixture
def at(ready):
    server = SchemaServer(ready.schema.read_text())
    yield server
    server.end()


def run_once(scenario, *args, env=None):
    return scenario.bare("run", "--once", *args, "--target", scenario.target.url, "--queue", "memory:", env=env)


# ---- SCHEMA_URL, --schema-url ----
def test_schema_file_at_an_url(ready, at):
    run_once(ready, "--schema_url", f"{at.url}/shop/schema.json").expect(0)
    ready.assert_equal()
    for source in (f"{at.url}/moved", at.url.replace("http://", f"http://reader:{CANARY}@") + "/account/schema.json",
                   f"{at.url}/key/schema.json?key={KEY}"):
        ready.sql("UPDATE book SET title = title || '!' WHERE id < 10")
        run_once(ready, env={"SCHEMA_URL": source}).expect(0)
        ready.assert_equal()


def test_findings_name_the_file_at_the_url(ready, at):
    at.text = at.text.replace('"subtitle"', '"subtitel"', 1)
    r = ready.bare("validate", env={"SCHEMA_URL": f"{at.url}/shop/schema.json"}).expect(2)
    assert re.search(r'error: schema\.json\[0\]\.nodes\.columns\[2\]: column "subtitel" .*did you mean "subtitle"', r.output), repr(r)
    assert f"{at.url}/shop/schema.json is not valid" in r.stderr, repr(r)


def test_a_daemon_goes_on_with_what_it_has_downloaded(ready, at):
    """When tables change it looks at the file again; neither a changed file nor a server that is gone may matter then."""
    ready.schema = f"{at.url}/shop/schema.json"
    daemon = ready.start()
    ready.wait_synced(daemon)
    at.text = "[]"
    at.end()
    ready.sql("ALTER TABLE book ALTER COLUMN pages TYPE bigint; UPDATE book SET title = 'new' WHERE id = 1")
    ready.wait_acknowledged(daemon)
    ready.assert_equal()
    assert at.asked == ["/shop/schema.json"], "it was read more than once"


@pytest.mark.parametrize("path, status, words", [
    ("/nowhere.json", 2, "404: there is no such file"),
    ("/large", 2, "more than 16 MiB"),
    ("/round", 3, "redirects"),
    ("/broken", 3, "out of order (503)"),
    ("/account/schema.json", 3, "(401); put user and password into the URL"),
    (f"/key/schema.json?key={CANARY}", 3, "(403)"),
])
def test_an_url_that_gives_no_file(ready, at, path, status, words):
    r = ready.bare("validate", "--offline", env={"SCHEMA_URL": at.url + path}).expect(status)
    assert r.stderr.startswith(f"pgsync-consumer: cannot read the schema file {at.url}{path.split('?')[0]}: "), repr(r)
    assert words in r.stderr and CANARY not in r.output, repr(r)


def test_nobody_answers_at_the_url(ready):
    url = f"http://127.0.0.1:{free_port()}/schema.json"
    r = ready.bare("validate", "--offline", "--schema-url", url).expect(3)
    assert f"cannot read the schema file {url}: the server does not answer" in r.stderr, repr(r)


# ---- PG_DATABASE ----
def test_a_missing_database_is_named_with_those_that_are_there(ready, work):
    document = json.loads(ready.schema.read_text())
    document[0]["database"] = "bookstor"
    ready.schema = work / "schema.json"
    ready.schema.write_text(json.dumps(document))
    for env in ({}, {"PG_DATABASE": ready.data.database}):
        for command in ("validate", "plan"):
            r = ready.command(command, env=env).expect(3)
            assert re.search(r'"bookstor" does not exist.*; the server has: .*bookstore.*; did you mean "bookstore"\?', r.stderr), repr(r)
    r = ready.command("validate", env={"PG_DATABASE": "nowhere"}).expect(3)
    assert '"bookstor" does not exist' in r.stderr and "the server has" not in r.stderr, repr(r)


# ---- QUERY_CHUNK_SIZE ----
@pytest.mark.parametrize("rows", [2, 40])
def test_no_more_rows_per_fetch_than_asked_for(ready, rows):
    """A level of several documents is asked for at most so many rows, and one more to see that there are more."""
    log_size = ready.server.log.stat().st_size
    ready.sql(f"ALTER ROLE {ROLE} SET log_statement = 'all'")
    try:
        ready.command("run", "--once", env={"QUERY_CHUNK_SIZE": rows}).expect(0)
        ready.sql("UPDATE publisher SET name = name || ' & Co'; UPDATE review SET stars = 6 - stars WHERE id % 3 = 0")
        ready.command("run", "--once", env={"QUERY_CHUNK_SIZE": rows}).expect(0)
    finally:
        ready.sql(f"ALTER ROLE {ROLE} RESET log_statement")
    ready.assert_equal()
    with open(ready.server.log, errors="replace") as log:
        log.seek(log_size)
        text = log.read()
    limits = {int(n) for n in re.findall(r" LIMIT (\d+)$", text, re.M)}
    assert limits == {rows + 1}, f"levels were read with LIMIT {limits}"


# ---- PGSYNC_CORE_FILES ----
@pytest.mark.parametrize("wanted", [None, "true"])
def test_a_crash_leaves_passwords_only_where_asked_to(scenario, bookstore, wanted):
    """Matrix 37: the kernel would write a core file, and the password would be in it; as the second run shows."""
    pattern = pathlib.Path("/proc/sys/kernel/core_pattern").read_text().strip()
    assert not set("|/") & set(pattern), f"core files go elsewhere ({pattern}): sysctl kernel.core_pattern=core"
    scenario.use(bookstore).bootstrap()
    env = {"PGSYNC_CORE_FILES": wanted} if wanted else None
    daemon = scenario.start(env=env, prefix=["prlimit", "--core=unlimited:unlimited", "--"])
    scenario.wait_synced(daemon)
    daemon.signal(signal.SIGABRT)
    assert daemon.wait(60) == -signal.SIGABRT
    cores = list(scenario.dir.glob("core*"))
    assert [CANARY.encode() in core.read_bytes() for core in cores] == ([True] if wanted else [])
    for core in cores:
        core.unlink()


# ---- validate: what the server lacks ----
def server_findings(finished):
    return [line for line in finished.stderr.splitlines() if re.match(r"(error|warning): database ", line)]


def test_validate_tells_what_bootstrap_will_do(scenario, bookstore):
    r = scenario.use(bookstore).command("validate").expect(0)
    weak = [line for line in server_findings(r) if "replica identity" in line]
    assert weak and all(line.startswith("warning: database bookstore: public.") for line in weak), repr(r)
    assert any(re.search(r"public\.review: .*`bootstrap --apply` runs ALTER TABLE \S+ REPLICA IDENTITY", line) for line in weak), repr(r)
    scenario.sql("DROP INDEX review_book_id_idx")
    r = scenario.command("validate").expect(0)
    assert "warning: public.review: no index on (book_id); consider: CREATE INDEX CONCURRENTLY ON" in r.stderr, repr(r)
    scenario.bootstrap()
    assert not server_findings(scenario.command("validate").expect(0))


def test_validate_tells_what_only_an_operator_can_do(private_postgres, work):
    from harness import datasets
    from harness.scenario import Scenario
    server = private_postgres(wal_level="replica", settings={"max_replication_slots": 0})
    data = datasets.bookstore(server)
    scenario = Scenario(server, work).use(data)
    scenario.sql(f"ALTER ROLE {ROLE} NOREPLICATION; ALTER TABLE reply OWNER TO postgres; REVOKE ALL ON reply FROM {ROLE}")
    r = scenario.command("validate").expect(2)
    errors = [line for line in server_findings(r) if line.startswith("error: ")]
    for word in ("wal_level is replica.*ALTER SYSTEM SET wal_level = logical", f'"{ROLE}" may not replicate; remedy: ALTER ROLE',
                 "all 0 replication slots are in use; remedy: .*max_replication_slots", f'public.reply: role "{ROLE}" may not read it; '
                 "remedy: .*GRANT SELECT ON"):
        assert [line for line in errors if re.search(word, line)], f"{word} is missing\n{r!r}"
    assert len(errors) == 4 and "is not valid" in r.stderr, repr(r)
