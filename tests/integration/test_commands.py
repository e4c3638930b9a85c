"""The commands: what they do, print and answer."""
import json
import re
import signal

import pytest

from harness import oracle
from harness.http import HttpError, request
from harness.ndjson import NdjsonTarget
from harness.processes import CANARY, free_port, process_list, wait_for


@pytest.fixture
def shop(scenario, bookstore):
    return scenario.use(bookstore)


def identities(scenario):
    return dict(scenario.sql("SELECT relname::text, relreplident::text FROM pg_class WHERE relkind = 'r' AND relnamespace = 'public'::regnamespace"))


def schema(scenario, work, change):
    document = json.loads(scenario.schema.read_text())
    change(document[0])
    scenario.schema = work / "schema.json"
    scenario.schema.write_text(json.dumps(document))


def slots(scenario):
    return [r[0] for r in scenario.sql("SELECT slot_name::text FROM pg_replication_slots WHERE database = %s", (scenario.data.database,))]


# ---- help ----
def test_version(scenario):
    r = scenario.bare("--version", server=False).expect(0)
    assert re.match(r"pgsync-consumer \d+\.\d+\.\d+", r.stdout), repr(r)


@pytest.mark.parametrize("flag", ["--help", "-h", "help"])
def test_help(scenario, flag):
    r = scenario.bare(flag, server=False).expect(0)
    for word in ("run", "validate", "plan", "bootstrap", "teardown", "preview", "status", "--target", "--queue", "--once",
                 "PG_HOST", "REDIS_URL", "ELASTICSEARCH_URL", "sqlite:", "ndjson:", "null:"):
        assert word in r.stdout, f"--help does not name {word}"


def test_command_after_the_file(shop):
    r = shop.bare(shop.schema, "run").expect(2)
    assert f"pgsync-consumer run {shop.schema}" in r.stderr, repr(r)


# ---- looking ----
def test_validate(shop):
    shop.command("validate").expect(0)
    assert not slots(shop) and set(identities(shop).values()) == {"d"}, "validate changed something"


def test_validate_offline_needs_no_server(shop):
    shop.command("validate", "--offline", server=False).expect(0)


@pytest.mark.parametrize("what, env", [("password", {"PG_PASSWORD": CANARY + "wrong"}), ("cannot reach", {"PG_PORT": "1"})])
def test_validate_without_a_server_is_no_success(shop, what, env):
    """What could not be checked is not valid: neither when the server refuses us, nor when nobody answers."""
    r = shop.command("validate", env=env).expect(3)
    assert what in r.stderr and re.search(r"validate --offline \S+", r.stderr) and "valid as far" not in r.stdout, repr(r)
    shop.command("validate", "--offline", env=env).expect(0)


def test_validate_against_a_missing_database(shop, work):
    schema(shop, work, lambda d: d.update(database="bookshop"))
    r = shop.command("validate").expect(3)
    assert '"bookshop"' in r.stderr and "does not exist" in r.stderr, repr(r)


def test_plan_names_tables_slot_and_index(shop):
    r = shop.command("plan").expect(0)
    for word in (shop.data.slot, shop.data.index, "book_author", "publisher", "reviewer", "reply", "country"):
        assert word in r.stdout, f"plan does not name {word}\n{r!r}"
    assert not slots(shop)


# ---- bootstrap and teardown ----
def test_bootstrap_prints_remedies_and_changes_nothing(shop):
    r = shop.command("bootstrap").expect(3)
    assert re.search(r"ALTER TABLE \S*review\S* REPLICA IDENTITY \S", r.output) and shop.data.slot in r.output, repr(r)
    assert not slots(shop) and set(identities(shop).values()) == {"d"}


def test_bootstrap_remedies_do_what_apply_does(shop):
    """The statements it prints are exact: typed into psql, they leave nothing to do but the slot."""
    r = shop.command("bootstrap").expect(3)
    statements = re.findall(r"ALTER TABLE [^;\n]+ REPLICA IDENTITY [^;\n]+;", r.output)
    assert statements
    for statement in statements:
        shop.server.psql(shop.data.database, "-c", statement)
    typed = identities(shop)
    shop.command("bootstrap", "--apply").expect(0)
    assert identities(shop) == typed


def test_bootstrap_apply_is_idempotent(shop):
    shop.command("bootstrap", "--apply").expect(0)
    first = identities(shop)
    assert slots(shop) == [shop.data.slot] and shop.confirmed() is not None
    assert "d" in first.values() and {"f", "i"} & set(first.values()), "the weakest identity was not chosen per table"
    shop.command("bootstrap").expect(0)
    shop.command("bootstrap", "--apply").expect(0)
    assert identities(shop) == first and slots(shop) == [shop.data.slot]


def test_bootstrap_makes_no_slot_before_identities(shop):
    """A slot made while an identity is too weak would stream changes without old values, and the first run could not go on."""
    shop.sql("ALTER TABLE review OWNER TO postgres; GRANT SELECT ON review TO PUBLIC")
    r = shop.command("bootstrap", "--apply").expect(3)
    assert re.search(r"REPLICA IDENTITY \S+( INDEX \S+)?: .*must be owner", r.stderr), repr(r)
    assert not slots(shop) and identities(shop)["review"] == "d"
    statement = re.search(r"ALTER TABLE \S*review\S* REPLICA IDENTITY [^;]+;", r.stdout)[0]
    shop.sql("DELETE FROM review WHERE id % 2 = 0")  # before the identity is right, so before the slot
    shop.sql(statement)
    shop.command("bootstrap", "--apply").expect(0)
    assert slots(shop) == [shop.data.slot]
    shop.run_once().expect(0)
    shop.assert_equal()


def test_too_weak_identity_has_a_remedy_that_works(shop):
    """What its message says to type, typed, brings the index back."""
    shop.bootstrap().run_once().expect(0)
    for statement in ("ALTER TABLE review REPLICA IDENTITY NOTHING", "DELETE FROM review WHERE id % 7 = 0", "ALTER TABLE review REPLICA IDENTITY FULL"):
        shop.sql(statement)
    r = shop.run_once().expect(3)
    commands = re.findall(r"`pgsync-consumer ([^`]+)`", r.stderr)
    assert len(commands) == 2 and all(str(shop.schema) in c and shop.target.url in c for c in commands), repr(r)
    for command in commands:
        shop.bare(*command.split(), *(["--yes"] if command.startswith("teardown") else [])).expect(0)
    shop.run_once().expect(0)
    shop.assert_equal()


def test_remedies_repeat_the_pipeline(shop):
    other = ["--slot", "another_one"]
    typed = f"pgsync-consumer bootstrap --apply {shop.schema} --slot another_one --target {shop.target.url}"
    assert typed in shop.command("bootstrap", *other).expect(3).output
    shop.bootstrap()
    assert typed in shop.command("run", "--once", *other).expect(3).output
    assert slots(shop) == [shop.data.slot]


def test_teardown_asks_unless_told(shop, stub):
    shop.target = stub
    shop.bootstrap().run_once().expect(0)
    r = shop.command("teardown")
    assert r.status != 0 and "--yes" in r.output and slots(shop), repr(r)
    shop.command("teardown", "--yes").expect(0)
    assert not slots(shop)
    with pytest.raises(HttpError):
        request("HEAD", f"{stub.url}/{shop.data.index}")
    # And everything can start again.
    shop.bootstrap().run_once().expect(0)
    shop.assert_equal()


def test_teardown_leaves_nothing_in_redis(scenario, bookstore, redis):
    scenario.use(bookstore, queue=redis).bootstrap().run_once().expect(0)
    scenario.command("teardown", "--yes").expect(0)
    assert redis.command("DBSIZE") == 0


def test_teardown_does_not_need_the_tables(shop, work):
    """The file names a table and a column that are gone: the slot must not keep WAL for ever because of that."""
    shop.bootstrap().run_once().expect(0)
    shop.sql("DROP TABLE reply; ALTER TABLE book DROP COLUMN title")
    r = shop.command("teardown", "--yes").expect(0)
    assert not slots(shop) and f'removed slot "{shop.data.slot}"' in r.stdout, repr(r)
    assert shop.target.count(shop.data.index) == 0


def test_teardown_without_engine(shop, stub):
    """The slot goes, what is left is named, and typing it again when the engine is back removes the rest."""
    shop.target = stub
    shop.bootstrap().run_once().expect(0)
    alive, dead = stub.url, f"http://127.0.0.1:{free_port()}"
    r = shop.bare("teardown", "--yes", shop.schema, "--target", dead).expect(3)
    assert not slots(shop) and f'removed slot "{shop.data.slot}"' in r.stdout, repr(r)
    assert shop.data.index in r.stderr and dead in r.stderr and f"{shop.data.index}-rejected" in r.stderr, repr(r)
    request("GET", f"{alive}/{shop.data.index}_1")
    shop.command("teardown", "--yes").expect(0)
    with pytest.raises(HttpError):
        request("GET", f"{alive}/{shop.data.index}_1")


def test_teardown_without_redis(shop):
    shop.bootstrap().run_once().expect(0)
    port = free_port()
    shop.queue = f"redis://127.0.0.1:{port}/0"
    r = shop.command("teardown", "--yes").expect(3)
    assert not slots(shop) and shop.target.count(shop.data.index) == 0, repr(r)
    assert f"127.0.0.1:{port}" in r.stderr and re.search(rf"pgsync:{{\d+:{shop.data.slot}}}:", r.stderr), repr(r)


def test_teardown_under_a_daemon_removes_nothing(shop):
    shop.bootstrap()
    daemon = shop.start()
    shop.wait_synced(daemon)
    r = shop.command("teardown", "--yes").expect(3)
    assert "in use" in r.stderr and slots(shop) == [shop.data.slot], repr(r)
    shop.assert_equal()
    daemon.must_run()


def test_teardown_without_postgres_removes_nothing(shop):
    """Nobody can say then whether a daemon still works on the index."""
    shop.bootstrap().run_once().expect(0)
    r = shop.command("teardown", "--yes", env={"PG_PORT": free_port()}).expect(3)
    assert "nothing was removed" in r.stderr and "removed" not in r.stdout, repr(r)
    shop.assert_equal()


# ---- preview ----
def test_preview_prints_the_document(shop):
    r = shop.command("preview", "--id", "7").expect(0)
    want = oracle.expected(shop.server, shop.data.database, shop.data.query)["7"]
    start = r.stdout.index("{")
    found = json.loads(r.stdout[start:])
    assert found.get("_source", found) == want


def test_preview_of_nothing(shop):
    r = shop.command("preview", "--id", "123456789")
    assert r.status == 1 and "123456789" in r.output, repr(r)


@pytest.mark.parametrize("id", ["abc", "99999999999999999999", "1|2"])
def test_preview_of_what_is_no_key(shop, id):
    r = shop.command("preview", "--id", id).expect(1)
    assert re.search(rf'no document has the _id "{re.escape(id)}".*key is \(id (integer|bigint)\)', r.stderr), repr(r)
    assert "22P02" not in r.stderr and "invalid input syntax" not in r.stderr, repr(r)


# ---- run --once ----
def test_run_once_loads_and_applies(shop, queue):
    shop.queue = queue if isinstance(queue, str) else queue.url
    shop.bootstrap().run_once().expect(0)
    shop.assert_equal()
    shop.sql("UPDATE book SET title = 'second run' WHERE id < 50; DELETE FROM book WHERE id = 99")
    position = shop.server.wal_position()
    shop.run_once().expect(0)
    assert shop.confirmed() >= position
    shop.assert_equal()


def test_run_once_to_ndjson(shop, work):
    shop.target = NdjsonTarget(work / "documents.ndjson")
    shop.bootstrap().run_once().expect(0)
    shop.assert_equal()
    shop.sql("DELETE FROM book WHERE id < 10; UPDATE publisher SET name = 'x'")
    shop.run_once().expect(0)
    shop.assert_equal()


def test_run_once_to_standard_output(shop):
    shop.bootstrap()
    r = shop.bare("run", "--once", shop.schema, "--target", "ndjson:-", "--queue", "memory:").expect(0)
    lines = [json.loads(line) for line in r.stdout.rstrip("\n").split("\n")]  # nothing but documents goes there
    sources = {a["index"]["_id"]: s for a, s in zip(lines[::2], lines[1::2])}
    assert not oracle.difference(oracle.expected(shop.server, shop.data.database, shop.data.query), sources)


def test_run_once_to_null(shop):
    shop.bootstrap()
    shop.bare("run", "--once", shop.schema, "--target", "null:", "--queue", "memory:").expect(0)


def test_run_once_to_an_engine(shop, engine):
    shop.target = engine
    shop.bootstrap().run_once().expect(0)
    shop.assert_equal()
    aliases = request("GET", f"{engine.url}/{shop.data.index}/_alias")
    assert list(aliases) == [f"{shop.data.index}_1"]
    mapping = request("GET", f"{engine.url}/{shop.data.index}/_mapping")[f"{shop.data.index}_1"]["mappings"]
    assert mapping["properties"]["title"]["analyzer"] == "folded"


def test_embedded_full_text_search(shop):
    shop.bootstrap().run_once().expect(0)
    shop.sql("UPDATE book SET title = 'Xylophonist' WHERE id IN (1, 2, 3)")
    assert shop.target.search("xylophonist") == 0
    shop.run_once().expect(0)
    assert shop.target.search("xylophonist") == 3


def test_deleted_index_loads_again(shop, stub):
    shop.target = stub
    shop.bootstrap().run_once().expect(0)
    request("DELETE", f"{stub.url}/{shop.data.index}_1")
    shop.run_once().expect(0)
    shop.assert_equal()


# ---- status and the page ----
def test_status(shop):
    shop.bootstrap().run_once().expect(0)
    r = shop.command("status").expect(0)
    assert shop.data.slot in r.stdout and shop.data.index in r.stdout and "300" in r.stdout, repr(r)


def test_status_without_redis_or_engine(shop):
    """Either part missing is an operator's business, and the others are shown."""
    shop.bootstrap().run_once().expect(0)
    shop.queue = f"redis://127.0.0.1:{free_port()}/0"
    r = shop.command("status").expect(3)
    assert "queue" in r.stdout and "cannot be read" in r.stdout and "300" in r.stdout, repr(r)
    r = shop.bare("status", shop.schema, "--target", f"http://127.0.0.1:{free_port()}").expect(3)
    assert "cannot be read" in r.stdout and shop.data.slot in r.stdout, repr(r)


def test_http_page(shop):
    shop.bootstrap()
    port = free_port()
    daemon = shop.start("--http", str(port))
    shop.wait_synced(daemon)
    assert "pgsync_" in request("GET", f"http://127.0.0.1:{port}/metrics", raw=True)
    request("GET", f"http://127.0.0.1:{port}/health", raw=True)
    assert CANARY not in request("GET", f"http://127.0.0.1:{port}/", raw=True)


def test_password_on_the_command_line_is_hidden(shop, work):
    """A URL with a password as an argument does not stay visible in the process list."""
    from harness.redis import RedisServer
    server = RedisServer(work / "redis", password=CANARY).start()
    try:
        shop.bootstrap()
        shop.queue = f"redis://:{CANARY}@127.0.0.1:{server.port}/0"
        daemon = shop.start()
        # Our own record of what we typed is not a leak of the program.
        daemon.log.write_text(daemon.text().replace(CANARY, "<given>", 1))
        shop.wait_synced(daemon)
        mine = [line for line in process_list().splitlines() if line.split()[0] == str(daemon.pid)]
        assert mine and CANARY not in mine[0], "the password is visible in ps"
        assert daemon.terminate() == 0
    finally:
        server.stop()
