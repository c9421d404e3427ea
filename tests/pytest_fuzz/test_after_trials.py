"""What comes after the runs under faults: the rest of the test, as if they had not been."""

from __future__ import annotations

import pytest

pytest_plugins = ["pytester", "plugin_doubles"]

CLOSING = """
import pytest
from asking import ask

class AppError(Exception):
    pass

@pytest.fixture
def closing(llmreplay):
    yield
    assert [attempt.faults for attempt in llmreplay.calls.attempts] == [()]
    assert "bye" in ask("bye")
    assert len(llmreplay.calls) == 2

@pytest.mark.llmreplay_fuzz(examples=["429x*"], kinds="status", max_examples=10, {settings}, seed=1)
def test_one(closing):
    try:
        ask("hi")
    except KeyError:
        raise AppError from None
"""


@pytest.mark.parametrize(
    ("settings", "outcomes"),
    [("allowed=AppError", {"passed": 1}), ("most_attempts=1", {"failed": 1})],
    ids=["nothing is found", "a failure is found"],
)
def test_the_teardown_of_a_fuzzed_test_goes_on_as_after_a_plain_run(suite, settings, outcomes):
    """No fault of the last trial hits the teardown, which sees the calls of the run without faults."""
    suite.pytester.makepyfile(test_a=CLOSING.format(settings=settings))
    suite.record().assert_outcomes(passed=1)

    suite.run().assert_outcomes(**outcomes)


def test_a_failure_shows_the_attempts_of_the_run_that_failed(suite):
    """The calls of the run without faults come back after the report, not before it."""
    suite.pytester.makepyfile(test_a=CLOSING.format(settings="most_attempts=1"))
    suite.record().assert_outcomes(passed=1)

    suite.run().stdout.fnmatch_lines(["*llmreplay: attempts*", "*RateLimited*"])


def test_after_a_scenario_block_its_faults_limits_and_answers_are_gone(suite):
    """What follows the block is answered as recorded, and refused where nothing is; its calls stay to be looked at."""
    suite.pytester.makepyfile(
        test_a="""
        import pytest
        from llmreplay import scenario
        from llmreplay.core.limits import Limits
        from asking import ask

        @pytest.mark.llmreplay(cassette="one.json")
        def test_record():
            ask("hi")

        @pytest.mark.llmreplay(cassette="one.json")
        def test_faults():
            with scenario("429"):
                pass
            assert "hi" in ask("hi")

        @pytest.mark.llmreplay(cassette="one.json", allow_repeats=True)
        def test_limits(llmreplay):
            with scenario("ok", limits=Limits(most_attempts=1)):
                ask("hi")
            ask("hi")
            assert len(llmreplay.calls) == 2

        @pytest.mark.llmreplay(cassette="one.json", on_unmatched="ignore")
        def test_answers(llmreplay):
            with scenario("ok", on_unmatched="answer"):
                llmreplay.reply("left over")
                assert "left over" in ask("something else")
                llmreplay.reply("left over")
            with pytest.raises(BaseException, match="no recorded interaction matches"):
                ask("something else")

        @pytest.mark.llmreplay(cassette="one.json", faults="ok, 429")
        def test_faults_of_the_test_itself(llmreplay):
            with scenario("ok"):
                ask("hi")
            with pytest.raises(KeyError):
                ask("hi")
        """
    )
    suite.record("-k", "record").assert_outcomes(passed=1)

    suite.run().assert_outcomes(passed=5)
