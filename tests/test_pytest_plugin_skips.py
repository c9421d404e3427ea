"""Tests and fixtures that skip half way: what they asked before is recorded, replayed and never in their way."""

from __future__ import annotations

import pytest

pytest_plugins = ["pytester", "plugin_doubles"]

IN_A_TEST = """
import pytest
from asking import ask

def test_it(llmreplay):
    ask("first")
    pytest.skip("half way")
"""
IN_A_CLASS = """
import unittest
import pytest
from asking import ask

@pytest.mark.llmreplay
class TestOld(unittest.TestCase):
    def test_it(self):
        ask("first")
        self.skipTest("half way")
"""
IN_A_FIXTURE = """
import pytest
from asking import ask

@pytest.fixture
def narrow():
    ask("first")
    pytest.skip("half way")

def test_it(llmreplay, narrow):
    pass
"""
IN_A_WIDE_FIXTURE = """
import pytest
from asking import ask

@pytest.fixture(scope="module")
def wide():
    ask("first")
    pytest.skip("half way")

def test_it(llmreplay, wide):
    pass
"""


@pytest.mark.parametrize(
    "test",
    [IN_A_TEST, IN_A_CLASS, IN_A_FIXTURE, IN_A_WIDE_FIXTURE],
    ids=["test", "unittest", "fixture", "wide fixture"],
)
def test_what_skips_after_a_call_is_recorded_and_replayed(suite, test):
    """A call before the skip is kept, and given again by a replay, which skips as well."""
    suite.pytester.makepyfile(test_a=test)

    suite.record().assert_outcomes(skipped=1)
    sent = suite.sent
    replayed = suite.run()

    replayed.assert_outcomes(skipped=1)
    replayed.stdout.re_match_lines([r"llmreplay: 1 replayed;.*"])
    assert [suite.prompts(name) for name in suite.cassettes] == [["first"]]
    assert (suite.others, suite.sent) == ([], sent)


@pytest.mark.parametrize("place", ["test", "wide fixture"])
def test_a_skip_leaves_recordings_unplayed_in_peace(suite, monkeypatch, place):
    """What skips before it asked for all that was recorded is skipped, and the cassette stays."""
    suite.pytester.makepyfile(
        test_a=f"""
        import os, pytest
        from asking import ask

        def act(here):
            if here:
                ask("first")
                if os.environ.get("SKIP"):
                    pytest.skip("half way")
                ask("second")

        @pytest.fixture(scope="module")
        def wide():
            act({place == "wide fixture"})

        def test_it(llmreplay, wide):
            act({place == "test"})
        """
    )
    suite.record().assert_outcomes(passed=1)

    monkeypatch.setenv("SKIP", "1")
    result = suite.run()

    result.assert_outcomes(skipped=1)
    assert [suite.prompts(name) for name in suite.cassettes] == [["first", "second"]]


@pytest.mark.parametrize("place", ["test", "fixture", "wide fixture"])
def test_a_skip_hides_no_refusal(suite, place):
    """What was refused and swallowed before a skip fails the test as it would without the skip."""
    suite.pytester.makepyfile(
        test_a=f"""
        import pytest
        from asking import ask

        def act(here):
            if here:
                try:
                    ask("never recorded")
                except BaseException:
                    pytest.skip("no provider")

        @pytest.fixture(scope="module")
        def wide():
            act({place == "wide fixture"})

        @pytest.fixture
        def narrow():
            act({place == "fixture"})

        def test_it(llmreplay, wide, narrow):
            act({place == "test"})
        """
    )

    result = suite.run()

    assert result.ret == pytest.ExitCode.TESTS_FAILED
    result.stdout.fnmatch_lines(["*no recorded interaction matches this request.*"])
    assert "During handling" not in result.stdout.str()


@pytest.mark.parametrize("place", ["test", "fixture", "wide fixture", "subtest"])
def test_what_is_recorded_anew_up_to_a_skip_replaces_no_longer_cassette(suite, monkeypatch, place):
    """A skip that cuts a test short leaves a good cassette alone; one that comes where it came before replaces it."""
    suite.pytester.makepyfile(
        test_a=f"""
        import os, pytest
        from asking import ask

        def act(here):
            if here:
                ask("first")
                if os.environ.get("SKIP") == "early":
                    pytest.skip("too early")
                ask(os.environ.get("WORD", "second"))
                if os.environ.get("SKIP") == "late":
                    pytest.skip("at the end")

        @pytest.fixture(scope="module")
        def wide():
            act({place == "wide fixture"})

        @pytest.fixture
        def narrow():
            act({place == "fixture"})

        def test_it(llmreplay, wide, narrow, request):
            act({place == "test"})
            if {place == "subtest"}:
                with request.getfixturevalue("subtests").test("part"):
                    act(True)
        """
    )
    if place == "subtest" and not hasattr(pytest, "Subtests"):
        pytest.skip("this pytest has no subtests")
    suite.record().assert_outcomes(passed=1)
    [cassette] = suite.cassettes

    monkeypatch.setenv("SKIP", "early")
    early = suite.record(mode="rewrite")
    after_early = (suite.prompts(cassette), suite.others)
    monkeypatch.setenv("SKIP", "late")
    monkeypatch.setenv("WORD", "changed")
    suite.record(mode="rewrite")

    early.stdout.fnmatch_lines(["*the cassette stays as it was, because the test did not pass.*"])
    assert after_early == (["first", "second"], [f"{cassette}.llmreplay-partial"])
    assert (suite.prompts(cassette), suite.others) == (["first", "changed"], [])


def test_a_marked_skip_is_not_blamed_for_the_test_before(suite):
    """What a failed test was refused, of ours or not, is none of the business of a skipped test that never began."""
    suite.ini("llmreplay_guard = session")
    suite.pytester.makepyfile(
        test_a="""
        import pytest
        from asking import ask

        def test_fails():
            try:
                ask("refused")
            except BaseException:
                pass
            assert False, "my own reason"

        @pytest.mark.skip(reason="not today")
        def test_skipped():
            pass

        @pytest.mark.skip(reason="not today")
        def test_skipped_of_ours(llmreplay):
            pass
        """
    )

    suite.run().assert_outcomes(failed=1, skipped=2)


XFAILED = """
import os, pytest
from asking import ask

{mark}
def test_it(llmreplay):
    ask("first")
    if os.environ.get("EARLY"):
        {early}
    ask("second")
    assert False
"""


@pytest.mark.parametrize("early", ["raise OSError('disk')", "pytest.xfail('x')"])
def test_an_expected_failure_replaces_no_longer_cassette(suite, monkeypatch, early):
    """What fails as expected, but earlier than when it was recorded, has not said what it will ask for."""
    suite.pytester.makepyfile(test_a=XFAILED.format(mark="@pytest.mark.xfail", early=early))
    suite.record().assert_outcomes(xfailed=1)

    monkeypatch.setenv("EARLY", "1")
    shorter = suite.record(mode="rewrite")

    shorter.assert_outcomes(xfailed=1)
    shorter.stdout.fnmatch_lines(["*the cassette stays as it was*"])
    assert suite.prompts(suite.cassettes[0]) == ["first", "second"]
    monkeypatch.delenv("EARLY")
    suite.record(mode="rewrite").assert_outcomes(xfailed=1)
    assert (suite.prompts(suite.cassettes[0]), suite.others) == (["first", "second"], [])
