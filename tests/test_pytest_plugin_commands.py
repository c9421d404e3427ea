"""The command that a failure tells is one that can be typed where pytest was started."""

from __future__ import annotations

import re
import shlex
import sys

import pytest

from llmreplay.pytest_run.rerunning import quoted_for

pytest_plugins = ["pytester", "plugin_doubles"]

posix_only = pytest.mark.skipif(sys.platform == "win32", reason="the shell of Windows quotes in another way")


def arguments_told(result: pytest.RunResult, mode: str = "once") -> list[list[str]]:
    """Give the commands that a run told, as a shell hands them on: what follows `pytest`, mode apart."""
    commands = re.findall(rf"  pytest (.*) --llmreplay-mode={mode}$", result.stdout.str(), re.MULTILINE)
    return [shlex.split(command) for command in dict.fromkeys(commands)]


@posix_only
@pytest.mark.parametrize(
    "parameter",
    ["it's", 'say "hi"', "$HOME `ls`", "a b", "a;b", "a\\b", "ü"],
    ids=["apostrophe", "quotes", "expansion", "blank", "semicolon", "backslash", "umlaut"],
)
def test_any_id_is_quoted_for_the_shell(suite, parameter):
    """Quotes, blanks and what else a shell takes for its own come through as one word: the test's id."""
    suite.pytester.makepyfile(
        test_a=f"""
        import pytest
        from asking import ask

        @pytest.mark.parametrize("text", [{parameter!r}], ids=[{parameter!r}])
        def test_quote(llmreplay, text):
            ask(text)
        """
    )

    [told] = arguments_told(suite.run())
    recorded = suite.record(*told)

    recorded.assert_outcomes(passed=1)


def test_a_plain_id_needs_no_quotes(suite):
    """What no shell touches is told as it stands."""
    suite.pytester.makepyfile(test_a="from asking import ask\n\ndef test_it(llmreplay):\n    ask()\n")

    result = suite.run()

    result.stdout.fnmatch_lines(["*pytest test_a.py::test_it --llmreplay-mode=once"])


def test_where_cassettes_are_said_to_be_is_said_again(suite):
    """The command makes the cassette that the failed run looked for."""
    suite.pytester.makepyfile(test_a="from asking import ask\n\ndef test_it(llmreplay):\n    ask()\n")

    result = suite.run("--llmreplay-cassette-dir", "else where")

    (told,) = arguments_told(result)
    assert told == ["test_a.py::test_it", "--llmreplay-cassette-dir=else where"]
    suite.record(*told).assert_outcomes(passed=1)
    suite.run("--llmreplay-cassette-dir", "else where").assert_outcomes(passed=1)


def test_the_command_for_a_cassette_that_tests_share_leaves_the_others_theirs(suite):
    """A new test's calls are added: recorded afresh for it alone, the cassette would fail the others."""
    test = "    ask('{0}')\n\n"
    head = "import pytest\nfrom asking import ask\n\n"
    head += "pytestmark = pytest.mark.llmreplay(cassette='all.json', on_unplayed='ignore')\n\n"
    first = head + "def test_one(llmreplay):\n" + test.format("one")
    suite.pytester.makepyfile(test_a=first)
    suite.record().assert_outcomes(passed=1)
    suite.pytester.makepyfile(test_a=first + "def test_two(llmreplay):\n" + test.format("two"))

    [told] = arguments_told(suite.run(), "new_episodes")
    suite.record(*told, mode="new_episodes").assert_outcomes(passed=1)

    suite.run().assert_outcomes(passed=2)


MONOREPO = """
from asking import ask
import pytest

@pytest.fixture(scope="module")
def wide():
    return ask("{name} in a fixture")

def test_it(llmreplay, wide):
    assert "{name}" in ask("{name}")
"""


def test_alike_tests_outside_the_rootdir_have_a_cassette_each(suite):
    """There pytest's ids are no one's own and change with the command line; the names of cassettes do neither."""
    pytester = suite.pytester
    for name in ("a", "b"):
        folder = pytester.mkdir(name) / "tests"
        folder.mkdir()
        (folder / "test_same.py").write_text(MONOREPO.format(name=f"service {name}"))
    pytester.mkdir("ci").joinpath("pytest.ini").write_text("[pytest]\npythonpath = ..\n")
    config = ("-c", "ci/pytest.ini", "--import-mode=importlib")

    suite.record(*config, "a").assert_outcomes(passed=1)
    suite.record(*config, "b", mode="rewrite").assert_outcomes(passed=1)

    suite.run(*config, "a", "b/tests").assert_outcomes(passed=2)
    suite.run(*config, "a/tests/test_same.py").assert_outcomes(passed=1)
    names = {path.parent.parent.parent.name for path in suite.root.glob("ci/cassettes/**/*.json")}
    assert names == {"a", "b"}


def test_the_command_for_a_test_outside_the_rootdir_finds_it(suite):
    """It names the file as it is reached from where pytest was started."""
    folder = suite.pytester.mkdir("a")
    (folder / "test_same.py").write_text(MONOREPO.format(name="it"))
    suite.pytester.mkdir("ci").joinpath("pytest.ini").write_text("[pytest]\npythonpath = ..\n")

    result = suite.run("-c", "ci/pytest.ini", "a")

    result.stdout.fnmatch_lines(["*pytest a/test_same.py::test_it -cci/pytest.ini --llmreplay-mode=once"])


@posix_only
@pytest.mark.parametrize("workers", [(), ("-n", "1")], ids=["alone", "worker"])
def test_from_a_subfolder_the_command_names_the_path_from_there(suite, monkeypatch, workers):
    """Started below the rootdir, the command that is told finds the test from the same folder."""
    folder = suite.pytester.mkdir("sub")
    (folder / "test_a.py").write_text("from asking import ask\n\ndef test_it(llmreplay):\n    ask()\n", "utf-8")
    monkeypatch.chdir(folder)
    suite.plugins += ["xdist"] if workers else []

    [told] = arguments_told(suite.run(*workers, subprocess=bool(workers)))
    recorded = suite.record(*told)

    assert told == ["test_a.py::test_it"]
    recorded.assert_outcomes(passed=1)
    assert suite.cassettes == ["sub/test_a/test_it.json"]


def test_from_beside_the_test_the_command_goes_up(suite, monkeypatch):
    """From another folder than the test's the path leads there; of a session's fixture one test is told."""
    suite.pytester.makepyfile(
        test_a="""
        import pytest
        from asking import ask

        @pytest.fixture(scope="session")
        def wide():
            ask("wide")

        def test_wide(llmreplay, wide):
            pass

        def test_it(llmreplay):
            ask()
        """
    )
    monkeypatch.chdir(suite.pytester.mkdir("sub"))

    told = arguments_told(suite.run(".."))
    recorded = suite.record(*told[0])

    assert told == [["../test_a.py::test_wide"], ["../test_a.py::test_it"]]
    recorded.assert_outcomes(passed=1)
    assert suite.cassettes == ["test_a/fixture.wide.json"]


@pytest.mark.parametrize(
    ("text", "quoted"),
    [
        ("test_a.py::test_it", "test_a.py::test_it"),
        ("test_a.py::test_it[a b]", '"test_a.py::test_it[a b]"'),
        ("test_a.py::test_it[it's]", '"test_a.py::test_it[it\'s]"'),
        ('test_a.py::test_it["]', '"test_a.py::test_it[\\"]"'),
        ('test_a.py::test_it[\\"]', '"test_a.py::test_it[\\\\\\"]"'),
        ("test_a.py::test_it[&]", '"test_a.py::test_it[&]"'),
    ],
    ids=["plain", "blank", "apostrophe", "quote", "backslash before a quote", "ampersand"],
)
def test_windows_has_double_quotes(text, quoted):
    """Its programs know no single quotes, and read a backslash as one unless a quote follows."""
    assert quoted_for("win32", text) == quoted
