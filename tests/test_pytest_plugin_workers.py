"""Several workers: the same cassettes as with one, nothing lost where they share one, and a line that adds up."""

from __future__ import annotations

import shutil

import pytest

pytest_plugins = ["pytester", "plugin_doubles"]

A_SUITE = """
import pytest
from asking import ask

@pytest.fixture(scope="session")
def wide():
    return ask("wide")

@pytest.mark.parametrize("number", range(8))
def test_it(llmreplay, wide, number):
    assert f"number {number}" in ask(f"number {number}")
    assert "always" in ask("always the same")
"""


@pytest.fixture
def workers(suite):
    """Give a suite that pytest-xdist runs."""
    suite.plugins += ["xdist", "xdist.looponfail"]
    return suite


def contents(suite):
    return {name: sorted(suite.prompts(name)) for name in suite.cassettes}


def test_workers_record_what_one_process_records(workers):
    """Two and four workers leave the cassettes that one process leaves, and replay them; the summary adds up."""
    workers.pytester.makepyfile(test_a=A_SUITE)
    workers.record(mode="rewrite").assert_outcomes(passed=8)
    expected = contents(workers)
    shutil.rmtree(workers.root / "cassettes")

    recorded = workers.record("-n4", subprocess=True)
    sent = workers.sent
    replayed = workers.run("-n2", subprocess=True)

    recorded.assert_outcomes(passed=8)
    replayed.assert_outcomes(passed=8)
    assert workers.sent == sent
    assert {name: set(prompts) for name, prompts in contents(workers).items()} == {
        name: set(prompts) for name, prompts in expected.items()
    }
    assert workers.others == []
    replayed.stdout.re_match_lines([r"llmreplay: (17|18) replayed; tokens: .*"])


@pytest.mark.parametrize("mode", ["once", "new_episodes"])
def test_workers_that_share_a_cassette_lose_nothing(workers, mode):
    """Four workers that record into one cassette keep every answer, and each test finds its own again."""
    workers.pytester.makepyfile(
        test_a="""
        import pytest
        from asking import ask

        pytestmark = pytest.mark.llmreplay(cassette="shared.json", on_unplayed="ignore")

        @pytest.mark.parametrize("number", range(12))
        def test_it(number):
            for turn in range(3):
                assert f"number {number}, turn {turn}" in ask(f"number {number}, turn {turn}")
        """
    )

    recorded = workers.record("-n4" if mode == "once" else "-n2", mode=mode, subprocess=True)
    sent = workers.sent
    replayed = workers.run()

    recorded.assert_outcomes(passed=12)
    recorded.stdout.re_match_lines([r"llmreplay: 36 recorded; tokens: .*"])
    assert sorted(workers.prompts("shared.json")) == sorted(
        f"number {number}, turn {turn}" for number in range(12) for turn in range(3)
    )
    assert workers.others == []
    replayed.assert_outcomes(passed=12)
    assert workers.sent == sent


def test_ci_is_warned_of_once_whatever_the_number_of_workers(workers, monkeypatch):
    """The warning about recording on a build server is given by the controller alone."""
    monkeypatch.setenv("CI", "true")
    workers.pytester.makepyfile(test_a="def test_it(llmreplay): pass")

    result = workers.record("-n1", subprocess=True)

    result.assert_outcomes(passed=1, warnings=1)
