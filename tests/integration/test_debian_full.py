"""Debian's whole package index on a real engine: the number of documents, 200 random ones, and all of them, after the load and
after each of five changes, through Redis and through the memory queue."""
from harness import oracle

CHANGES = {
    "a maintainer with over 1,000 packages is renamed": """
        UPDATE maintainer SET name = name || ' (renamed)', email = 'renamed@example.org' WHERE id =
            (SELECT maintainer_id FROM package GROUP BY 1 ORDER BY count(*) DESC, 1 LIMIT 1)""",
    "a package is deleted": "DELETE FROM package WHERE name = 'bash'",
    "a dependency is added": """
        INSERT INTO depends (id, package_id, position, alternative, target, comparison, version)
        SELECT (SELECT max(id) + 1 FROM depends), id, 99, 1, 'postgresql', '>=', '15' FROM package WHERE name = 'coreutils'""",
    "a package moves to another section": """
        UPDATE package SET section_id = (SELECT id FROM section WHERE id <> section_id ORDER BY id DESC LIMIT 1) WHERE name = 'coreutils'""",
    "the junction of the tags is truncated": "TRUNCATE package_tag",
}


def test_documents_equal_tables(scenario, debian, engine, queue):
    scenario.use(debian, target=engine, queue=queue).bootstrap()
    largest = scenario.sql("SELECT count(*) FROM package GROUP BY maintainer_id ORDER BY 1 DESC LIMIT 1")[0][0]
    assert largest > 1000
    daemon = scenario.start()
    scenario.wait_synced(daemon)
    packages = scenario.sql("SELECT count(*) FROM package")[0][0]
    assert engine.count(debian.index) == packages
    oracle.assert_sample_equal(scenario.server, debian.database, debian.query, engine, debian.index, size=200)
    assert scenario.assert_equal() == packages
    for what, statement in CHANGES.items():
        with scenario.server.connect(debian.database) as c, c.cursor() as cur:
            cur.execute(statement)
            # TRUNCATE reports no number; all others change at least one row.
            assert cur.rowcount > 0 or statement.startswith("TRUNCATE"), what
        scenario.wait_acknowledged(daemon)
        try:
            scenario.assert_equal()
        except AssertionError as e:
            raise AssertionError(f"after {what}:\n{e}") from None
    assert scenario.sql("SELECT count(*) FROM package_tag")[0][0] == 0
    assert daemon.terminate() == 0
