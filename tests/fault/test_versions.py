"""The plugin and the daemon are of different releases (fault matrix 44): refused with words, and nothing is lost until both are the same again.

Other releases are made from this one's sources, with another version of the wire format.
"""
import os
import shutil
import subprocess

import pytest

from harness import datasets
from harness.postgres import plugin_file
from harness.processes import REPO
from harness.scenario import Scenario

WIRE = ("decoder/wire_format.h", "kVersion = 1;", "kVersion = 2;")
SPEAKS = ("decoder/options.cpp", 'strcmp(value, "1") != 0', 'strcmp(value, "2") != 0')
# What the other release changed -> the words that name it.
RELEASES = {"asks for another version": ([SPEAKS], ['proto_version" is "1"', "same release"]),
            "sends frames of another version": ([WIRE], ["version 2", "same release"])}


@pytest.fixture(scope="module")
def built(root):
    """{release: its plugin}"""
    out = {}
    for number, (release, (changes, _)) in enumerate(RELEASES.items()):
        tree = root / f"release{number}"
        for name in ("decoder", "sql", "scripts"):
            shutil.copytree(REPO / name, tree / name)
        shutil.copy(REPO / "Makefile.pgxs", tree)
        shutil.copytree(plugin_file().parent, tree / "built")  # with the objects of what stays the same
        for name, before, after in changes:
            path = tree / name
            text = path.read_text()
            assert text.count(before) == 1, f"{name} no longer says {before}"
            path.write_text(text.replace(before, after))
        done = subprocess.run([tree / "scripts/build-decoder", tree / "built"], capture_output=True, text=True, timeout=600,
                              env=dict(os.environ, MAKEFLAGS="-j2"))
        assert done.returncode == 0, done.stderr
        out[release] = tree / "built/pgsync.so"
    return out


@pytest.mark.parametrize("release", RELEASES)
def test_another_release_of_the_plugin(private_postgres, work, stub, built, release):
    server = private_postgres()
    place = server.dir / "plugin/pgsync.so"

    def install(plugin):
        # Another file, not another content: processes of before have the old one mapped.
        place.unlink()
        shutil.copy(plugin, place)
        place.chmod(0o755)

    scenario = Scenario(server, work).use(datasets.bookstore(server), target=stub).bootstrap()
    try:
        daemon = scenario.start()
        scenario.wait_synced(daemon)
        # Upgraded beneath a running daemon: its next session meets the other plugin.
        install(built[release])
        scenario.sql("SELECT pg_terminate_backend(active_pid) FROM pg_replication_slots WHERE active")
        scenario.sql("UPDATE book SET pages = 41")
        confirmed = scenario.confirmed()
        for _ in range(2):
            status = daemon.wait(60)
            assert status in (1, 3), daemon.text()[-2000:]
            for words in RELEASES[release][1]:
                assert words in daemon.text(), daemon.text()[-2000:]
            assert scenario.confirmed() == confirmed
            daemon = scenario.start()
        daemon.wait(60)
        install(plugin_file())
        daemon = scenario.start()
        scenario.wait_acknowledged(daemon)
        scenario.assert_equal()
        assert daemon.terminate() == 0
        assert not server.new_crash_lines()
    finally:
        scenario.end()
