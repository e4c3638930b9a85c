"""The judges of the other tests can fail: each is shown what it has to find."""
import json
import signal
import sqlite3
import subprocess
import sys

import pytest

from harness import oracle, scans
from harness.processes import CANARY, wait_for
from harness.sqlite import SqliteTarget

ROWS = "SELECT id::text AS id, jsonb_build_object('id', id, 'name', name) AS document FROM thing"


@pytest.fixture
def things(postgres, work):
    postgres.create_database("things")
    postgres.psql("things", "-c", "CREATE TABLE thing (id int PRIMARY KEY, name text)",
                  "-c", "INSERT INTO thing SELECT n, 'name ' || n FROM generate_series(1, 300) n")
    target = SqliteTarget(work / "documents.db")
    c = sqlite3.connect(target.path)
    c.execute('CREATE TABLE documents ("index" TEXT, id TEXT, routing TEXT, version INTEGER, body TEXT)')
    c.executemany("INSERT INTO documents VALUES ('things', ?, NULL, 1, ?)",
                  [(str(n), json.dumps({"id": n, "name": f"name {n}"})) for n in range(1, 301)])
    c.commit()
    yield target, c
    c.close()
    postgres.drop_database("things")


def judge(postgres, target):
    oracle.assert_equal(postgres, "things", ROWS, target, "things")
    oracle.assert_sample_equal(postgres, "things", ROWS, target, "things")


def test_oracle_accepts_equal_documents(postgres, things):
    judge(postgres, things[0])


@pytest.mark.parametrize("change, words", [
    ("DELETE FROM documents WHERE id = '7'", "- 7 is missing"),
    ("INSERT INTO documents VALUES ('things', '301', NULL, 1, '{}')", "+ 301 is extra"),
    ("""UPDATE documents SET body = '{"id": 7, "name": "old"}' WHERE id = '7'""", "~ 7: .name: expected 'name 7', found 'old'"),
])
def test_oracle_finds(postgres, things, change, words):
    target, c = things
    c.execute(change)
    c.commit()
    with pytest.raises(AssertionError, match=words.replace("+", r"\+").replace(".name", r"\.name")):
        oracle.assert_equal(postgres, "things", ROWS, target, "things")


def test_oracle_sample_finds_a_wrong_document(postgres, things):
    target, c = things
    c.execute("UPDATE documents SET body = '{}'")
    c.commit()
    with pytest.raises(AssertionError, match="200 differing"):
        oracle.assert_sample_equal(postgres, "things", ROWS, target, "things")


def test_canary_is_found_in_logs_and_processes(work):
    assert not scans.canary_in_logs(work) and not scans.canary_in_processes()
    (work / "deep").mkdir()
    (work / "deep/some.log").write_text(f"connecting with {CANARY} now")
    assert "some.log" in scans.canary_in_logs(work)[0]
    (work / "deep/some.log").unlink()
    p = subprocess.Popen([sys.executable, "-c", "input()", CANARY], stdin=subprocess.PIPE)
    try:
        wait_for("the process in the list", scans.canary_in_processes, 10)
    finally:
        p.communicate()


def test_a_crashed_backend_is_found_in_the_log(private_postgres):
    server = private_postgres()
    assert not server.new_crash_lines()
    with server.connect("postgres") as c, c.cursor() as cur:
        cur.execute("SELECT pg_backend_pid()")
        subprocess.run(["kill", f"-{signal.SIGSEGV.value}", str(cur.fetchone()[0])], check=True)
    assert any("terminated by signal" in line for line in wait_for("the line in the log", server.new_crash_lines))


def test_cluster_survives_kill_9_and_immediate_stop(private_postgres):
    server = private_postgres()
    server.psql("postgres", "-c", "CREATE TABLE t AS SELECT 1 AS a", user="postgres")
    server.kill9()
    assert not server.is_running()
    server.start()
    server.restart("immediate")
    assert server.value("postgres", "SELECT a FROM t") == 1


def test_redis_is_flushed_and_killed(work):
    from harness.redis import RedisServer
    server = RedisServer(work / "redis", password=CANARY).start()
    server.command("SET", "a", "1")
    assert server.command("GET", "a") == "1"
    server.flushall()
    assert server.command("GET", "a") is None
    server.kill9()
    server.start()
    server.stop()


def test_stub_holds_and_releases(stub):
    from harness.http import request
    import threading
    stub.control("hold")
    answers = []
    bulk = '{"index":{"_index":"books","_id":"1","version":5,"version_type":"external_gte"}}\n{"a":1}\n'
    t = threading.Thread(target=lambda: answers.append(request("POST", f"{stub.url}/_bulk", bulk)))
    t.start()
    stub.wait_held(1)
    assert stub.held() == 1 and stub.documents("books") == {} and not answers
    stub.control("release")
    t.join(20)
    assert stub.documents("books") == {"1": {"a": 1}} and len(answers) == 1


def test_engine_keeps_its_documents_through_kill_9(engine):
    from harness.http import request
    want = {str(n): {"n": n} for n in range(12000)}
    bulk = "".join(f'{{"index":{{"_id":"{k}"}}}}\n{json.dumps(v)}\n' for k, v in want.items())
    assert not request("POST", f"{engine.url}/kept/_bulk", bulk)["errors"]
    assert engine.count("kept") == 12000 and engine.writes("kept") == 12000 and engine.count("nowhere") == 0
    engine.engine.kill9()
    engine.engine.start()
    assert engine.documents("kept") == want and engine.document("kept", "77") == {"n": 77}
    engine.engine.drop_all()
    assert engine.count("kept") == 0
