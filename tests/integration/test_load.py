"""`load`: what it loads, what it leaves alone, and that nothing is lost between it and the next run."""
import sqlite3
import time

from harness import things


def loads(text):
    """The indices that a log says were loaded."""
    return [line.split("index ")[1].split(":")[0] for line in text.splitlines() if ": loading " in line]


def test_load_then_run(scenario, work):
    """It ends by itself with everything loaded; a run goes on from there and loads nothing."""
    things.use(scenario, work)
    done = scenario.command("load").expect(0)
    assert loads(done.output) == ["thing", "label"]
    things.assert_equal(scenario)
    assert loads(scenario.command("load").expect(0).output) == [], "it was loaded already"
    scenario.sql("UPDATE thing SET name = name || '!' WHERE id % 3 = 0")
    scenario.sql("DELETE FROM part WHERE id % 5 = 0")
    done = scenario.run_once().expect(0)
    assert loads(done.output) == []
    things.assert_equal(scenario)


def test_only_one_index_and_changes_of_the_other(scenario, work, redis):
    """What is not chosen stays unloaded, and misses nothing: not what changes before, during or after."""
    things.use(scenario, work, queue=redis)
    done = scenario.command("load", "--only", "label").expect(0)
    assert loads(done.output) == ["label"]
    things.assert_equal(scenario, "label")
    assert not scenario.target.state("thing")["load"]["complete"]
    scenario.sql("UPDATE thing SET name = 'changed ' || id WHERE id <= 50")
    scenario.sql("UPDATE label SET name = 'changed ' || id")
    scenario.command("load", "--only", "label").expect(0)  # the stream is acknowledged, and the other index still not loaded
    assert scenario.target.count("thing") < 3000
    scenario.sql("UPDATE label SET name = name || ' again' WHERE id = 7")
    done = scenario.run_once().expect(0)
    assert loads(done.output) == ["thing"]
    things.assert_equal(scenario)


def test_tables_choose_the_documents_that_use_them(scenario, work):
    things.use(scenario, work)
    assert loads(scenario.command("load", "--tables", "public.part").expect(0).output) == ["thing"]
    things.assert_equal(scenario, "thing")
    done = scenario.command("load", "--tables", "part", "--only", "label").expect(0)
    assert loads(done.output) == [] and "nothing to load" in done.output
    assert loads(scenario.command("load", "--tables", "part,label").expect(0).output) == ["label"]
    assert sorted(loads(scenario.command("load", "--again", "--tables", "label").expect(0).output)) == ["label", "thing"]
    things.assert_equal(scenario)


def test_again_mends_whatever_became_of_the_documents(scenario, work):
    things.use(scenario, work)
    scenario.command("load").expect(0)
    with sqlite3.connect(scenario.target.path) as c:
        c.execute("""UPDATE documents SET body = '{"id":5}' WHERE "index" = 'thing' AND id = '5'""")
        c.execute("""DELETE FROM documents WHERE "index" = 'thing' AND id = '6'""")
        c.execute("""INSERT INTO documents ("index", id, version, body) VALUES ('thing', '999999', 1, '{}')""")
    scenario.command("load").expect(0)
    assert scenario.document(5) == {"id": 5}, "what is loaded is left alone"
    done = scenario.command("load", "--again", "--only", "thing").expect(0)
    assert loads(done.output) == ["thing"] and "1 documents deleted that the tables no longer have" in done.output
    things.assert_equal(scenario)


def test_a_killed_load_goes_on(scenario, work):
    """Also one that was to be done again: it goes on without being told so."""
    things.use(scenario, work, things=20000)
    scenario.command("load").expect(0)
    from harness import consumer as program
    killed = program.Consumer(["load", *scenario.options(), "--again", "--rate", 2000], program.environment(scenario.server, {"BLOCK_SIZE": 100}),
                              scenario.dir, scenario.new_log("load")).start()
    scenario.consumers.append(killed)

    def begun():
        killed.must_run()
        load = scenario.target.state("thing")["load"]
        return not load["complete"] and load["documents"] > 2000 and load
    from harness.processes import wait_for
    load = wait_for("the load to be under way", begun, 30)
    killed.kill9()
    stored = scenario.target.state("thing")["load"]
    assert load["documents"] <= stored["documents"] < 20000
    scenario.sql("UPDATE thing SET name = 'while nobody looked' WHERE id % 2 = 0")
    done = scenario.command("load").expect(0)
    assert f"from chunk {stored['done_below']} on" in done.output
    things.assert_equal(scenario)


def test_rate(scenario, work):
    """No more than so many documents per second, over the whole; one second's worth may come at once."""
    things.use(scenario, work, things=3000, labels=10)
    began = time.monotonic()
    scenario.command("load", "--rate", 1000).expect(0)
    seconds = time.monotonic() - began
    assert seconds > 2, f"3,000 documents in {seconds} s"
    things.assert_equal(scenario)


def test_wrong_words(scenario, work):
    things.use(scenario, work)
    cases = [
        (("--only", "thin"), "no index \"thin\"; it has: thing, label; did you mean \"thing\"?"),
        (("--tables", "prat"), "uses a table \"prat\"; did you mean \"part\"?"),
        (("--rate", "0"), "--rate"),
        (("--once",), "--once is an option of `run`, not of `load`"),
    ]
    for words, expected in cases:
        done = scenario.command("load", *words).expect(2)
        assert expected in done.stderr, done
    done = scenario.command("verify", "--again").expect(2)
    assert "--again is an option of `load`" in done.stderr, done
