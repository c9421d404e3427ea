"""pytest's options that run no test, or only what comes before it: nothing is judged that never ran."""

from __future__ import annotations

import pytest

pytest_plugins = ["pytester", "plugin_doubles"]

A_SUITE = """
import pytest
from asking import ask

@pytest.fixture(scope="session")
def wide():
    yield ask("wide")
    ask("farewell")

@pytest.fixture
def narrow():
    return ask("narrow")

class TestIt:
    @classmethod
    def setup_class(cls):
        ask("in setup_class")

    def test_it(self, llmreplay, wide, narrow, request):
        ask("in the test")
        request.getfixturevalue("wide")
"""


@pytest.fixture
def recorded(suite):
    """Give a suite with calls everywhere, recorded."""
    suite.pytester.makepyfile(test_a=A_SUITE)
    suite.record().assert_outcomes(passed=1)
    return suite


@pytest.mark.parametrize("options", [("--setup-plan",), ("--collect-only",), ("--fixtures",)], ids=lambda one: one[0])
@pytest.mark.parametrize("mode", ["none", "once", "rewrite"])
def test_what_never_runs_is_never_judged(recorded, options, mode):
    """A plan, a list of tests or of fixtures is given in every mode, and the cassettes stay as they are."""
    folder = recorded.root / "cassettes"
    before = {path: path.read_bytes() for path in folder.rglob("*.json")}

    result = recorded.run(*options, f"--llmreplay-mode={mode}")

    assert result.ret == pytest.ExitCode.OK
    result.assert_outcomes()
    assert {path: path.read_bytes() for path in folder.rglob("*.json")} == before
    assert recorded.others == []


def test_a_plan_needs_no_cassette(suite):
    """Before anything is recorded, and where a cassette is damaged, a plan is still a plan."""
    suite.pytester.makepyfile(test_a=A_SUITE)
    broken = suite.root / "cassettes" / "test_a" / "fixture.wide.json"
    broken.parent.mkdir(parents=True)
    broken.write_text("damaged", "utf-8")

    result = suite.run("--setup-plan")

    assert result.ret == pytest.ExitCode.OK
    result.stdout.fnmatch_lines(["*SETUP    S wide*"])


def test_set_ups_alone_are_replayed_and_judged(recorded):
    """`--setup-only` replays what set-ups ask; what only the test itself asks for is not missed."""
    replayed = recorded.run("--setup-only")

    assert replayed.ret == pytest.ExitCode.OK
    replayed.stdout.re_match_lines([r"llmreplay: 4 replayed;.*"])


def test_set_ups_are_shown_while_tests_run(recorded):
    """`--setup-show` changes nothing but what is shown."""
    replayed = recorded.run("--setup-show")

    replayed.assert_outcomes(passed=1)
    replayed.stdout.re_match_lines([r"llmreplay: 5 replayed;.*"])
