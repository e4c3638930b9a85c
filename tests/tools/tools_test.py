"""The checks themselves can fail: each is run on a small tree with one violation, and on one without."""
import pathlib
import subprocess

import pytest

HERE = pathlib.Path(__file__).resolve().parent


def run(tool, root, *args):
    r = subprocess.run([HERE / tool, "--root", root, *args], capture_output=True, text=True)
    return r.returncode, r.stdout + r.stderr


def write(root, files):
    for name, text in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)


CLEAN = {
    "consumer/base/lsn.h": "#include <cstdint>\n",
    "consumer/wire/decode.cpp": '#include "consumer/base/lsn.h"\n#include "decoder/wire_format.h"\n#include <msgpack.hpp>\n',
    "consumer/main.cpp": '#include "consumer/app/pipeline.h"\n',
    "decoder/encoder.h": "#include <msgpack/pack.hpp>\n",
    "decoder/pg.h": "#include <postgres.h>\n",
}
VIOLATIONS = {
    "up": ("consumer/base/x.h", '#include "consumer/model/batch.h"\n', "only point down"),
    "far up": ("consumer/pg/x.cpp", '#include "consumer/app/config.h"\n', "only point down"),
    "sideways": ("consumer/sink/x.cpp", '#include "consumer/queue/queue.h"\n', "meet only in app"),
    "sideways below": ("consumer/wire/x.cpp", '#include "consumer/schema/tree.h"\n', "meet only in app"),
    "main": ("consumer/app/x.cpp", '#include "consumer/main.h"\n', "only point down"),
    "unknown room": ("consumer/util/x.h", "\n", "is not a room"),
    "plugin from consumer": ("consumer/wire/x.cpp", '#include "decoder/encoder.h"\n', "only decoder/wire_format.h"),
    "consumer from plugin": ("decoder/x.cpp", '#include "consumer/base/lsn.h"\n', "nothing from consumer"),
    "relative": ("consumer/wire/x.cpp", '#include "decode.h"\n', "from the repository root"),
    "libpq": ("consumer/source/x.cpp", "#include <libpq-fe.h>\n", "libpq has its home in pg"),
    "hiredis": ("consumer/app/x.cpp", "#include <hiredis/hiredis.h>\n", "hiredis has its home in queue"),
    "curl": ("consumer/app/x.cpp", "#  include <curl/curl.h>\n", "libcurl has its home in sink"),
    "sqlite": ("consumer/app/x.cpp", "#include <sqlite3.h>\n", "SQLite has its home in sink"),
    "msgpack": ("consumer/queue/x.cpp", "#include <msgpack.hpp>\n", "msgpack-c has its home"),
    "msgpack in plugin": ("decoder/plugin.cpp", "#include <msgpack.hpp>\n", "msgpack-c has its home"),
    "cli": ("consumer/schema/x.cpp", "#include <CLI/CLI.hpp>\n", "CLI11 has its home in app"),
    "spdlog": ("consumer/app/x.cpp", "#include <spdlog/spdlog.h>\n", "spdlog has its home in base"),
    "json": ("consumer/pg/x.cpp", "#include <nlohmann/json.hpp>\n", "nlohmann/json has its home"),
    "fmt in a header": ("consumer/pg/x.h", "#include <fmt/format.h>\n", ".cpp files only"),
    "server header": ("decoder/x.cpp", "#include <utils/rel.h>\n", "by decoder/pg.h alone"),
}


def test_layering_accepts_a_clean_tree(tmp_path):
    write(tmp_path, CLEAN)
    status, output = run("check_layering", tmp_path)
    assert status == 0, output


@pytest.mark.parametrize("name", VIOLATIONS)
def test_layering_finds(tmp_path, name):
    path, text, rule = VIOLATIONS[name]
    write(tmp_path, {**CLEAN, path: text})
    status, output = run("check_layering", tmp_path)
    assert status == 1 and f"{path}:1: " in output and rule in output, output


def test_layering_refuses_an_empty_tree(tmp_path):
    assert run("check_layering", tmp_path)[0] == 2


def test_file_size(tmp_path):
    write(tmp_path, {"consumer/base/short.h": "\n" * 500})
    assert run("check_file_size", tmp_path)[0] == 0
    write(tmp_path, {"consumer/base/long.h": "\n" * 501})
    status, output = run("check_file_size", tmp_path)
    assert status == 1 and "long.h: 501 lines" in output
    write(tmp_path, {"tests/tools/long_files.txt": "consumer/base/long.h: one table\n"})
    assert run("check_file_size", tmp_path)[0] == 0
    write(tmp_path, {"tests/tools/long_files.txt": "consumer/base/long.h: one table\nconsumer/base/short.h: old\n"})
    status, output = run("check_file_size", tmp_path)
    assert status == 1 and "no longer needed" in output


def test_format(tmp_path):
    (tmp_path / ".clang-format").write_text((HERE.parents[1] / ".clang-format").read_text())
    for folder in ("consumer", "decoder", "tests"):
        (tmp_path / folder).mkdir()
    write(tmp_path, {"consumer/base/a.cpp": "int main() { return 0; }\n"})
    assert run("check_format", tmp_path)[0] == 0
    write(tmp_path, {"consumer/base/a.cpp": "int main( ) {return 0;}\n"})
    status, output = run("check_format", tmp_path)
    assert status == 1 and "consumer/base/a.cpp: not formatted" in output


def all_tests(tmp_path, names):
    (tmp_path / "names").write_text("\n".join(names))
    return run("check_all_tests_run", tmp_path, "--build", tmp_path, "--names", tmp_path / "names")


def test_all_tests_run(tmp_path):
    write(tmp_path, {
        "tests/unit/base/lsn_test.cpp": "TEST(Lsn, Parses) {}\nTEST_P(Any, Works) {}\n",
        "tests/integration/test_kill.py": "",
        "tests/decoder/test_peeks.py": "",
        "tests/decoder/isolation/specs/order.spec": "", "tests/decoder/isolation/expected/order.out": "",
        "tests/tools/check_it": "",
        "sql/insert.sql": "", "expected/insert.out": "",
        "Makefile.pgxs": "REGRESS = $(sort $(patsubst sql/%.sql,%,$(wildcard sql/*.sql)))\nall:\n",
    })
    names = ["unit/base/Lsn.Parses", "unit/base/Memory/Any.Works/0", "integration/test_kill", "decoder/test_peeks", "decoder/isolation", "tools/check_it",
             "regress"]
    status, output = all_tests(tmp_path, names)
    assert status == 0, output
    for name, word in zip(names, ["Lsn.Parses", "Any.Works", "test_kill.py", "test_peeks.py", "decoder/isolation", "check_it", "regress run"]):
        status, output = all_tests(tmp_path, [n for n in names if n != name])
        assert status == 1 and word in output and "1 findings" in output, output
    (tmp_path / "tests/decoder/isolation/expected/order.out").unlink()
    status, output = all_tests(tmp_path, names)
    assert status == 1 and "order.spec: has no expected" in output, output
    write(tmp_path, {"Makefile.pgxs": "REGRESS = update\nall:\n"})
    status, output = all_tests(tmp_path, names)
    assert status == 1 and "insert.sql: not in REGRESS" in output
