"""Chaos wherever a test makes its calls: in blocks, fixtures and teardown; under every mode; run again."""

from __future__ import annotations

import re
from itertools import dropwhile, takewhile

import pytest

pytest_plugins = ["pytester", "plugin_doubles"]

EVERYWHERE = """
import pytest
from llmreplay import use_cassette
from asking import ask

@pytest.mark.llmreplay
def test_call():
    assert "hi" in ask("hi")

def test_block():
    with use_cassette("block.json"):
        assert "hi" in ask("hi")

@pytest.fixture
def asked():
    return ask("hi")

@pytest.mark.llmreplay
def test_set_up(asked):
    pass

@pytest.fixture
def closing():
    yield
    ask("bye")

@pytest.mark.llmreplay
def test_teardown(closing):
    pass

@pytest.fixture(scope="module")
def wide():
    return ask("wide")

@pytest.mark.llmreplay
@pytest.mark.parametrize("number", [1, 2])
def test_wide(number, wide):
    pass

@pytest.mark.llmreplay
def test_that_handles_errors():
    try:
        ask("hi")
    except Exception:
        pass
"""
BROKEN = ("test_block", "test_call", "test_set_up", "test_teardown", "test_wide[1]", "test_wide[2]")
SEED = "--llmreplay-seed=0"


@pytest.fixture
def everywhere(suite):
    """Give a recorded suite that makes calls wherever one can."""
    suite.pytester.makepyfile(test_a=EVERYWHERE)
    suite.record().assert_outcomes(passed=7)
    return suite


def told(result):
    """Give the lines on chaos."""
    lines = dropwhile(lambda line: not line.startswith("llmreplay chaos:"), result.outlines)
    first = next(lines)
    return [first, *takewhile(lambda line: line.startswith(" "), lines)]


def commands(result):
    """Give the test and the share of each command."""
    command = re.compile(r"      pytest '?(.*?)'? --llmreplay-chaos=(\S+) --llmreplay-seed=\d+")
    return [match.groups() for line in told(result) if (match := command.fullmatch(line))]


def test_what_breaks_in_any_phase_is_ranked_with_its_command(everywhere):
    """Tests broken in a block, a fixture, its teardown or a module's fixture have a line, and break again alone."""
    result = everywhere.run("--llmreplay-chaos=1", SEED)

    result.assert_outcomes(passed=2, failed=2, errors=4)
    assert "7 faults in 7 of 7 tests; 6 broke" in told(result)[0]
    assert sorted(test for test, _ in commands(result)) == [f"test_a.py::{test}" for test in BROKEN]
    for test, share in commands(result):
        again = everywhere.run(test, f"--llmreplay-chaos={share}", SEED).parseoutcomes()
        assert again.get("failed", 0) + again.get("errors", 0) == 1, test


def test_a_test_that_is_run_again_counts_once(everywhere):
    """Of several runs of a test the last one counts."""
    everywhere.plugins.append("rerunfailures")

    once = told(everywhere.run("--llmreplay-chaos=1", SEED))
    again = told(everywhere.run("--llmreplay-chaos=1", SEED, "--reruns", "2"))

    assert again == once


@pytest.mark.parametrize("where", ["the environment", "the ini file"])
def test_a_suite_that_is_being_recorded_is_refused_wherever_that_was_said(everywhere, monkeypatch, where):
    """A mode that records is an error of usage, and nothing is sent."""
    sent = everywhere.sent
    if where == "the environment":
        monkeypatch.setenv("LLMREPLAY_MODE", "new_episodes")
    else:
        everywhere.ini("llmreplay_mode = new_episodes")

    refused = everywhere.run("--llmreplay-chaos=1")

    assert refused.ret == pytest.ExitCode.USAGE_ERROR
    refused.stderr.fnmatch_lines(
        ["*faults are laid over recordings; with mode new_episodes there are none. Add --llmreplay-mode=none."]
    )
    everywhere.run("--llmreplay-chaos=0", "--llmreplay-mode=none").assert_outcomes(passed=7)
    assert everywhere.sent == sent


def test_live_calls_get_faults_too(everywhere):
    """In mode live the share of attempts is the same, and what a fault answers is not sent."""
    everywhere.pytester.makepyfile(
        test_a="""
        import pytest
        from asking import ask

        @pytest.mark.llmreplay
        @pytest.mark.parametrize("number", range(8))
        def test_one(number):
            assert "hi" in ask("hi")
        """
    )
    sent = everywhere.sent

    result = everywhere.record("--llmreplay-chaos=0.6", "--llmreplay-seed=1", mode="live")

    hit = int(re.search(r"(\d+) faults in \d+ of 8 tests", told(result)[0]).group(1))
    assert 0 < hit < 8
    assert everywhere.sent - sent < 8


def test_what_records_for_itself_under_chaos_is_told(everywhere):
    """A block that names its own mode is recorded without faults, and the summary says so."""
    everywhere.pytester.makepyfile(
        test_a="""
        from llmreplay import use_cassette
        from asking import ask

        def test_one():
            with use_cassette("new.json", mode="once"):
                ask("hi")
        """
    )
    everywhere.ini("llmreplay_upstream =", *(f"    {line}" for line in everywhere.upstream.splitlines()))

    result = everywhere.run("--llmreplay-chaos=1")

    result.assert_outcomes(passed=1)
    result.stdout.fnmatch_lines(["  recorded meanwhile, so without faults: test_a.py::test_one"])


def test_the_command_works_from_the_folder_where_it_is_printed(everywhere, monkeypatch):
    """In a subfolder the test is named as pytest finds it there, and the share is told to the last digit."""
    folder = everywhere.pytester.mkdir("below")
    (everywhere.root / "test_a.py").rename(folder / "test_b.py")
    everywhere.record().assert_outcomes(passed=7)
    monkeypatch.chdir(folder)

    result = everywhere.run("--llmreplay-chaos=0.99999999", "--llmreplay-seed=26")

    assert ("test_b.py::test_call", "0.99999999") in commands(result)
    again = everywhere.run("test_b.py::test_call", "--llmreplay-chaos=0.99999999", "--llmreplay-seed=26")
    again.assert_outcomes(failed=1)
