"""Faults in a test run: marker, command line, environment, verdicts in the call phase, and the story in the report."""

from __future__ import annotations

import pytest

pytest.importorskip("httpx2", reason="the suites of plugin_doubles ask with httpx2, which is not installed")
pytest_plugins = ["pytester", "plugin_doubles"]

ASKING_TWICE = """
    from asking import ask

    def test_it(llmreplay):
        try:
            ask()
        except KeyError:
            ask()
        assert llmreplay.calls.one().attempts[0].status == 529
"""


@pytest.fixture
def recorded(suite):
    """A suite of one test whose application asks again after any failure; recorded without faults."""
    suite.pytester.makepyfile(
        test_a="""
        from asking import ask

        def test_it(llmreplay):
            try:
                ask()
            except (KeyError, ValueError):
                ask()
        """
    )
    suite.record().assert_outcomes(passed=1)
    return suite


@pytest.mark.parametrize("how", ["command line", "environment", "ini", "marker text", "marker object", "marker pair"])
def test_a_scenario_can_be_said_in_every_place(suite, monkeypatch, how):
    """One word everywhere: `faults` as option, variable, ini line and marker keyword, as text or objects."""
    marked = {
        "marker text": 'faults="529"',
        "marker object": "faults=faults.Overloaded()",
        "marker pair": "faults=[(faults.Overloaded(), first(1))]",
    }.get(how, "")
    head = f"import pytest\nfrom llmreplay import faults, first\npytestmark = pytest.mark.llmreplay({marked})\n"
    suite.pytester.makepyfile(test_a=head + "\n".join(line[4:] for line in ASKING_TWICE.splitlines()))
    suite.ini(*(["llmreplay_faults = 529"] if how == "ini" else []))
    arguments = ["--llmreplay-faults=529"] if how == "command line" else []
    if how == "environment":
        monkeypatch.setenv("LLMREPLAY_FAULTS", "529")

    suite.recorded_and_replayed(1, *arguments)

    assert len(suite.prompts("test_a/test_it.json")) == 1


def test_a_scenario_that_cannot_be_read_is_refused_before_any_test(recorded):
    """A misspelt scenario on the command line ends the run with the place and the forms that there are."""
    result = recorded.run("--llmreplay-faults=429x2, 529y")

    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines(["*529y*"])


@pytest.mark.parametrize(
    ("scenario", "said"),
    [
        ("ok, ok, 529", "*never fired*inject(faults.Overloaded(), on=nth(3)): it looked at 1 attempt"),
        ("cut@7", "*cannot apply*CutAfter(events=7): it changes a stream, and this call to anthropic.messages*"),
    ],
    ids=["never fired", "cannot apply"],
)
def test_a_fault_that_did_nothing_fails_the_test_in_its_call_phase(recorded, scenario, said):
    """Failed, not an error of the teardown; the text names the fault as code, and the attempts are shown."""
    result = recorded.run(f"--llmreplay-faults={scenario}")

    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(["a fault did not do what it is for*", said, "*llmreplay: attempts*"])


@pytest.mark.parametrize(("rule", "warned"), [("warn", 1), ("ignore", 0)])
def test_what_did_nothing_can_be_allowed(recorded, rule, warned):
    """`on_unfired` makes a warning of it, or nothing."""
    result = recorded.run("--llmreplay-faults=ok, ok, 529", f"--llmreplay-on-unfired={rule}")

    result.assert_outcomes(passed=1, warnings=warned)


def test_a_failing_test_shows_its_attempts(suite):
    """Calls, attempts, waits, statuses and faults stand in the report, once."""
    suite.pytester.makepyfile(
        test_a="""
        import anthropic
        from llmreplay import faults, first

        def test_it(llmreplay):
            llmreplay.reply("Hello")
            llmreplay.inject(faults.Overloaded(retry_after_s=7), on=first(2))
            client = anthropic.Anthropic()
            client.messages.create(model="m", max_tokens=9, messages=[{"role": "user", "content": "hi"}])
            assert llmreplay.calls.texts == ["Goodbye"]

        def test_with_a_check(llmreplay):
            llmreplay.reply("Hello")
            client = anthropic.Anthropic()
            client.messages.create(model="m", max_tokens=9, messages=[{"role": "user", "content": "hi"}])
            llmreplay.calls.assert_retried()
        """
    )

    result = suite.run()

    result.assert_outcomes(failed=2)
    result.stdout.fnmatch_lines(
        [
            "*llmreplay: attempts*",
            "*call  try  at  *waited  status  fault  *what came",
            "*1     1    0.00 s *529     Overloaded  anthropic.messages m: 529 overloaded_error: Overloaded",
            "*      2    7.*  7.00 s  529     Overloaded  529 overloaded_error: Overloaded",
            "*      3    14.*  7.00 s  200 *end_turn*'Hello'",
        ]
    )
    # The second test's message shows the table already.
    assert result.stdout.str().count("llmreplay: attempts") == 1
    assert result.stdout.str().count("waited  status") == 2


def test_a_fault_of_the_test_and_one_of_the_command_line_both_apply(recorded):
    """What the test injects comes after what the run was told."""
    recorded.pytester.makepyfile(
        test_a="""
        from asking import ask
        from llmreplay import faults, nth

        def test_it(llmreplay):
            llmreplay.inject(faults.ServerError(), on=nth(2))
            for _ in range(3):
                try:
                    ask()
                except KeyError:
                    pass
            assert [attempt.status for attempt in llmreplay.calls.attempts] == [529, 500, 200]
        """
    )

    recorded.run("--llmreplay-faults=529").assert_outcomes(passed=1)


@pytest.mark.parametrize(
    ("budget", "said"),
    [
        ("max_calls=0", "*max_calls=0, but 1 were made"),
        ("max_output_tokens=1", "*max_output_tokens=1, but there were *"),
        ("max_cost_usd=0.0000001", "*max_cost_usd=*, but *"),
    ],
)
def test_a_budget_fails_the_test_in_its_call_phase(recorded, budget, said):
    """A test that spent more than it may is failed, with its attempts."""
    recorded.ini(f"llmreplay_{budget}")

    result = recorded.run()

    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(["the test spent more than it may.", said])


def test_a_budget_that_is_kept_says_nothing(recorded):
    """Within its budgets a test passes."""
    recorded.ini("llmreplay_max_calls = 1", "llmreplay_max_output_tokens = 10000")

    recorded.run().assert_outcomes(passed=1)
