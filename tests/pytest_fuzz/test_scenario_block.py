"""`scenario` from outside: explicit use with Hypothesis's own @given."""

from __future__ import annotations

import pytest

pytest_plugins = ["pytester", "plugin_doubles"]


def test_given_scenarios_run_on_the_cassette_of_the_marker(suite):
    """Every example starts afresh on the test's own recording, without a fixture and without a health check."""
    suite.pytester.makepyfile(
        test_a="""
        import pytest
        from hypothesis import given, settings
        from llmreplay import scenario
        from llmreplay.strategies import scenarios
        from asking import ask

        SEEN = []

        @pytest.mark.llmreplay
        @settings(max_examples=20, database=None)
        @given(faults=scenarios(kinds=("status", "transport"), max_faults=1))
        def test_one(faults):
            with scenario(faults) as replay:
                try:
                    assert "hi" in ask("hi")
                except Exception:
                    pass
                assert len(replay.calls) == 1
                SEEN.append(replay.calls.last.last.faults)

        def test_faults_were_used():
            assert len(SEEN) >= 20
            assert len(set(SEEN)) > 3
        """,
        test_b="""
        import pytest
        from asking import ask

        @pytest.mark.llmreplay(cassette="test_a/test_one.json")
        def test_one():
            ask("hi")
        """,
    )
    suite.record("test_b.py").assert_outcomes(passed=1)

    suite.run("test_a.py").assert_outcomes(passed=2)


SAMPLE = """
    import time
    import pytest
    from hypothesis import given, settings
    from llmreplay import scenario
    from llmreplay.strategies import scenarios
    from asking import ask

    SEEN = []

    @pytest.mark.llmreplay
    @settings(database=None, max_examples=60, deadline={deadline})
    @given(faults=scenarios(kinds=("status", "transport"), min_faults=1, max_faults=1, attempts=1))
    def test_one(faults):
        with scenario(faults{arguments}) as replay:
            SEEN.append(faults)
            until = time.perf_counter() + {lasts_s} * replay.recorder.records
            while time.perf_counter() < until:
                pass
            for text in {texts}:
                try:
                    ask(text)
                except Exception:
                    pass
            assert len(replay.calls) == len({texts})

    def test_that_many_were_tried():
        assert len(SEEN) >= 10
    """


def a_sample(arguments="", **times):
    """Give the sample of the docs, with a block that asks twice."""
    return SAMPLE.format(arguments=arguments, texts=["one", "two"], **{"deadline": None, "lasts_s": 0, **times})


@pytest.mark.parametrize("arguments", ["", ", cassette='named.json'"], ids=["of the marker", "named"])
@pytest.mark.parametrize("mode", ["once", "new_episodes", "rewrite"])
def test_a_given_test_is_recorded_by_one_command(suite, arguments, mode):
    """The block is recorded once, without faults; then the same test replays under them."""
    suite.pytester.makepyfile(test_a=a_sample(arguments))
    sent = suite.sent

    suite.record(mode=mode).assert_outcomes(passed=2)

    assert suite.sent - sent == 2
    assert suite.prompts("named.json" if arguments else "test_a/test_one.json") == ["one", "two"]
    suite.run().assert_outcomes(passed=2)
    assert suite.sent - sent == 2


def test_a_provider_may_take_longer_than_an_example_may(suite):
    """Hypothesis's deadline does not fail the example that is recorded, which would throw away what was paid for."""
    suite.pytester.makepyfile(test_a=a_sample(deadline=1500, lasts_s=2))

    suite.record("-k", "test_one").assert_outcomes(passed=1)


def test_a_budget_holds_while_a_given_test_is_recorded(suite):
    """What the recorded block spent is judged at the end of the test."""
    suite.pytester.makepyfile(test_a=a_sample().replace("mark.llmreplay", "mark.llmreplay(max_calls=1)"))

    result = suite.record("-k", "test_one")

    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(["*max_calls*"])


def test_a_failing_example_tells_its_scenario_as_code(suite):
    """The falsifying example is followed by the scenario to paste."""
    suite.pytester.makepyfile(
        test_a="""
        import pytest
        from hypothesis import given, settings
        from llmreplay import scenario
        from llmreplay.strategies import scenarios
        from asking import ask

        @pytest.mark.llmreplay(cassette="one.json")
        def test_record():
            ask("hi")

        @pytest.mark.llmreplay(cassette="one.json")
        @settings(max_examples=30, database=None, derandomize=True)
        @given(faults=scenarios(kinds="status"))
        def test_one(faults):
            with scenario(faults):
                assert "hi" in ask("hi")
        """
    )
    suite.record("-k", "record").assert_outcomes(passed=1)

    result = suite.run("-k", "test_one")

    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(["*llmreplay: under scenario('429@1')*"])


@pytest.mark.parametrize(
    ("verdict", "outcomes"), [("discard", {"passed": 1}), ("fail", {"failed": 1}), ("answer", {"passed": 1})]
)
def test_what_was_never_recorded_is_given_up_fails_or_is_answered(suite, verdict, outcomes):
    """Under a fault the application asks for something else; the block says what becomes of that."""
    suite.pytester.makepyfile(
        test_a=f"""
        import pytest
        from hypothesis import HealthCheck, given, settings
        from llmreplay import scenario
        from llmreplay.strategies import scenarios
        from asking import ask

        @pytest.mark.llmreplay
        @settings(
            max_examples=4, database=None, derandomize=True, suppress_health_check=[HealthCheck.filter_too_much]
        )
        @given(faults=scenarios(kinds="transport", min_faults=1, max_faults=1, attempts=1))
        def test_one(faults):
            with scenario(faults, on_unmatched="{verdict}"):
                try:
                    ask("hi")
                except Exception:
                    try:
                        ask("the fallback")
                    except Exception:
                        pass
        """,
        test_b="""
        import pytest
        from asking import ask

        @pytest.mark.llmreplay(cassette="test_a/test_one.json")
        def test_one():
            ask("hi")
        """,
    )
    suite.record("test_b.py").assert_outcomes(passed=1)

    suite.run("test_a.py").assert_outcomes(**outcomes)


def test_without_a_cassette_it_says_what_to_do(suite):
    """A test that is not marked is told how to name a cassette; a named one is enough."""
    suite.pytester.makepyfile(
        test_a="""
        from llmreplay import scenario, use_cassette
        from asking import ask

        def test_record():
            with use_cassette("one.json"):
                ask("hi")

        def test_unmarked():
            with scenario("429"):
                pass

        def test_named():
            with scenario("ok", cassette="one.json") as replay:
                ask("hi")
            assert replay.calls.one().text
        """
    )
    suite.record("-k", "record").assert_outcomes(passed=1)

    result = suite.run("-k", "unmarked or named")

    result.assert_outcomes(failed=1, passed=1)
    result.stdout.fnmatch_lines(["*SettingError: scenario(): no cassette is open. Mark the test with*"])
