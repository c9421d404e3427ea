"""Subtests: a test of which one failed has failed, whatever is reported of the rest of it."""

from __future__ import annotations

import pytest

pytest_plugins = ["pytester", "plugin_doubles"]

# Pytest has them since 9; before, they are a plugin's.
pytestmark = pytest.mark.skipif(not hasattr(pytest, "Subtests"), reason="this pytest has no subtests")

IN_A_FUNCTION = """
import os
from asking import ask

def test_it(llmreplay, subtests):
    with subtests.test("first"):
        assert "one" in ask("one")
        assert not os.environ.get("BROKEN"), "my own reason"
        ask("two")
    with subtests.test("second"):
        assert "three" in ask("three")
"""
IN_A_CLASS = """
import os, unittest
import pytest
from asking import ask

@pytest.mark.llmreplay
class TestOld(unittest.TestCase):
    def test_it(self):
        with self.subTest("first"):
            assert "one" in ask("one")
            assert not os.environ.get("BROKEN"), "my own reason"
            ask("two")
        with self.subTest("second"):
            assert "three" in ask("three")
"""
EACH_KIND = pytest.mark.parametrize("test", [IN_A_FUNCTION, IN_A_CLASS], ids=["fixture", "unittest"])


@EACH_KIND
def test_a_failed_subtest_leaves_a_good_cassette_alone(suite, monkeypatch, test):
    """A recording of a test that failed in part is kept aside, though its other parts and its end passed."""
    suite.pytester.makepyfile(test_a=test)
    suite.record()
    [cassette] = suite.cassettes
    good = (suite.root / "cassettes" / cassette).read_bytes()

    monkeypatch.setenv("BROKEN", "1")
    broken = suite.record(mode="rewrite")

    assert broken.ret == pytest.ExitCode.TESTS_FAILED
    assert (suite.root / "cassettes" / cassette).read_bytes() == good
    assert suite.others == [f"{cassette}.llmreplay-partial"]
    broken.stdout.fnmatch_lines(["*the cassette stays as it was, because the test did not pass.*"])


@EACH_KIND
def test_a_failed_subtest_is_not_blamed_for_what_it_left_unplayed(suite, monkeypatch, test):
    """What was never asked for, because a subtest broke off, is not added to its own failure."""
    suite.pytester.makepyfile(test_a=test)
    suite.record()

    monkeypatch.setenv("BROKEN", "1")
    result = suite.run("-rA")

    assert result.ret == pytest.ExitCode.TESTS_FAILED
    result.stdout.fnmatch_lines(["*AssertionError: my own reason*"])
    assert "Unplayed" not in result.stdout.str()
    assert "never asked for" not in result.stdout.str()


def test_a_test_whose_subtests_pass_is_still_judged(suite, monkeypatch):
    """Recordings that nobody asks for fail a test whose subtests passed or were skipped."""
    suite.pytester.makepyfile(
        test_a="""
        import os, pytest
        from asking import ask

        def test_it(llmreplay, subtests):
            with subtests.test("asks"):
                ask("one")
            with subtests.test("asks on demand"):
                if os.environ.get("ASK") == "no":
                    pytest.skip("not today")
                ask("two")
        """
    )
    suite.record().assert_outcomes(passed=1)

    monkeypatch.setenv("ASK", "no")
    result = suite.run()

    assert result.ret == pytest.ExitCode.TESTS_FAILED
    result.stdout.fnmatch_lines(["*1 of 2 recorded interactions were never asked for.*"])


def test_a_refusal_after_a_failed_subtest_is_told_too(suite):
    """What is swallowed after a subtest failed fails the test as itself; what failed a subtest is told once."""
    suite.pytester.makepyfile(
        test_a="""
        from asking import ask

        def test_it(llmreplay, subtests):
            with subtests.test("refused"):
                ask("never recorded")
            try:
                ask("swallowed")
            except BaseException:
                pass

        def test_told_once(llmreplay, subtests):
            with subtests.test("refused"):
                ask("told once")
        """
    )

    result = suite.run()

    told = result.stdout.str().count("  request   POST")
    assert result.ret == pytest.ExitCode.TESTS_FAILED
    assert told == 3


def test_a_rerun_forgets_the_subtests_that_failed_before(suite):
    """A test that passes when it is run again is recorded, whatever failed in its first run."""
    suite.plugins.append("rerunfailures")
    suite.pytester.makepyfile(
        test_a="""
        from asking import ask

        RUNS = []

        def test_it(llmreplay, subtests):
            RUNS.append(1)
            with subtests.test("fails the first time"):
                ask("one")
                assert len(RUNS) > 1
            assert len(RUNS) > 1
        """
    )

    suite.record("--reruns", "1")

    assert (suite.cassettes, suite.others) == (["test_a/test_it.json"], [])


def test_what_a_subtest_prints_is_shown_without_secrets(suite, monkeypatch):
    """The output of a failed subtest, which pytest adds to its report late, tells no key."""
    monkeypatch.setenv("ANTHROPIC_API_KEY", "a-key-that-looks-like-nothing-4711")
    suite.pytester.makepyfile(
        test_a="""
        import os

        def test_it(llmreplay, subtests):
            with subtests.test("tells"):
                print("the key is", os.environ["ANTHROPIC_API_KEY"])
                assert False, "my own reason"
        """
    )

    result = suite.run()

    result.stdout.fnmatch_lines(["*my own reason*", "the key is *"])
    assert "4711" not in result.stdout.str()
