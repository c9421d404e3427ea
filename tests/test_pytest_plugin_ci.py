"""Recording on a build server: told where something is recorded, and only there."""

from __future__ import annotations

import pytest

pytest_plugins = ["pytester", "plugin_doubles"]

BY_FIXTURE = """
from asking import ask

def test_it(llmreplay):
    ask()
"""
BY_MARKER = """
import pytest
from asking import ask

@pytest.mark.llmreplay(mode="once")
def test_it():
    ask()
"""
BY_BLOCK = """
from asking import ask
from llmreplay import use_cassette

def test_it():
    with use_cassette("uc.json", mode="once"):
        ask()
"""
BY_WIDE_FIXTURE = """
import pytest
from asking import ask

@pytest.fixture(scope="session")
def wide():
    ask()

@pytest.mark.llmreplay(mode="none")
def test_it(wide):
    pass
"""
EACH_WAY = pytest.mark.parametrize(
    "test",
    [BY_FIXTURE, BY_MARKER, BY_BLOCK, BY_WIDE_FIXTURE],
    ids=["fixture", "marker", "use_cassette", "wide fixture"],
)


@pytest.fixture(autouse=True)
def on_a_build_server(suite, monkeypatch):
    """Set the variable that build servers set."""
    monkeypatch.setenv("CI", "true")


@EACH_WAY
def test_recording_while_ci_is_set_warns(suite, test):
    """Somebody who records on a build server is told that nothing of it will be committed."""
    suite.ini("llmreplay_mode = once", f"llmreplay_upstream = {suite.upstream.splitlines()[0]}")
    suite.pytester.makepyfile(test_a=test)

    recorded = suite.run()

    recorded.assert_outcomes(passed=1, warnings=1)
    recorded.stdout.fnmatch_lines(["*LlmReplayWarning: recording (mode once) while CI is set: *is not committed."])


@EACH_WAY
def test_a_mode_that_could_record_but_does_not_warns_nobody(suite, test):
    """Where all cassettes exist, a build server replays them in peace, though warnings are errors."""
    suite.ini("llmreplay_mode = once", f"llmreplay_upstream = {suite.upstream.splitlines()[0]}")
    suite.pytester.makepyfile(test_a=test)
    suite.run()
    sent = suite.sent

    replayed = suite.run("-W", "error::UserWarning")

    replayed.assert_outcomes(passed=1, warnings=0)
    assert suite.sent == sent


@EACH_WAY
def test_with_warnings_as_errors_recording_is_refused_in_words(suite, test):
    """The test fails before anything is sent, with the words of the warning and no traceback of ours."""
    suite.ini("llmreplay_mode = once", f"llmreplay_upstream = {suite.upstream.splitlines()[0]}")
    suite.pytester.makepyfile(test_a=test)
    sent = suite.sent

    result = suite.run("-W", "error::UserWarning")

    assert result.ret == pytest.ExitCode.TESTS_FAILED
    result.stdout.fnmatch_lines(["LlmReplayWarning: recording (mode once) while CI is set: *is not committed."])
    for word in ("Traceback", "INTERNALERROR", "pytest_run"):
        assert word not in result.stdout.str() + result.stderr.str()
    assert (suite.sent, suite.cassettes, suite.others) == (sent, [], [])


def test_a_session_warns_once(suite):
    """However many cassettes are recorded, one warning is enough."""
    suite.pytester.makepyfile(
        test_a="""
        from asking import ask
        from llmreplay import use_cassette

        def test_one(llmreplay):
            ask()

        def test_two(llmreplay):
            ask()

        def test_three():
            with use_cassette("uc.json", mode="new_episodes"):
                ask()
        """
    )

    suite.record().assert_outcomes(passed=3, warnings=1)


@pytest.mark.parametrize("ci", ["false", "0", ""])
def test_a_ci_that_says_no_is_none(suite, monkeypatch, ci):
    """A variable that is there and says no is heard."""
    monkeypatch.setenv("CI", ci)
    suite.pytester.makepyfile(test_a=BY_FIXTURE)

    suite.record().assert_outcomes(passed=1, warnings=0)
