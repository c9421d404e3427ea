"""Chaos from outside: faults over a share of all attempts of a suite, the same for the same seed."""

from __future__ import annotations

import re

import pytest

pytest_plugins = ["pytester", "plugin_doubles"]

MANY = """
    import pytest
    from asking import ask

    @pytest.mark.llmreplay
    @pytest.mark.parametrize("number", range(20))
    def test_one(number):
        assert "hi" in ask("hi")

    def test_without_calls():
        pass
    """


@pytest.fixture
def many(suite):
    """Give a recorded suite of careless tests."""
    suite.pytester.makepyfile(test_a=MANY)
    suite.record().assert_outcomes(passed=21)
    return suite


def failed(result):
    """Name the tests that failed."""
    return sorted(set(re.findall(r"^FAILED (\S+)", result.stdout.str(), re.MULTILINE)))


def test_the_same_seed_breaks_the_same_tests_in_any_order_and_another_breaks_others(many):
    """What is hit depends on the seed and the test, not on what ran before."""
    forward = failed(many.run("--llmreplay-chaos=0.3", "--llmreplay-seed=7"))
    half = failed(
        many.run(
            "--llmreplay-chaos=0.3", "--llmreplay-seed=7", *(f"test_a.py::test_one[{n}]" for n in range(19, 9, -1))
        )
    )
    other = failed(many.run("--llmreplay-chaos=0.3", "--llmreplay-seed=8"))

    assert 0 < len(forward) < 20
    assert half == [test for test in forward if int(re.findall(r"\[(\d+)\]", test)[0]) >= 10]
    assert other != forward


def test_workers_lay_the_same_faults(many):
    """With four workers the same tests break as with none, and the controller tells of them."""
    many.plugins.append("xdist.plugin")
    arguments = ("--llmreplay-chaos=0.3", "--llmreplay-seed=7")

    alone = many.run(*arguments)
    together = many.run(*arguments, "-n", "4", subprocess=True)

    assert failed(together) == failed(alone)
    told = [line for line in alone.outlines if line.startswith(("llmreplay chaos", "  test_a.py"))]
    assert [line for line in together.outlines if line.startswith(("llmreplay chaos", "  test_a.py"))] == told


def test_the_summary_ranks_faults_and_gives_the_command_that_breaks_a_test_alone(many):
    """The table counts what broke by fault; the printed command breaks the test again."""
    result = many.run("--llmreplay-chaos=0.3", "--llmreplay-seed=7")

    result.stdout.re_match_lines_random(
        [
            r"llmreplay chaos: 0\.3 of all attempts, seed 7: \d+ faults in \d+ of 20 tests; \d+ broke",
            r"  \w+ +broke \d+ of \d+ tests",
        ]
    )
    command = next(line for line in result.outlines if line.startswith("      pytest "))
    found = re.fullmatch(r"      pytest '(.*)' (--llmreplay-chaos=0\.3) (--llmreplay-seed=7)", command)
    assert found is not None
    many.run(*found.groups()).assert_outcomes(failed=1)


def test_no_chaos_hits_nothing_and_all_hits_everything(many):
    """A share of 0 leaves the suite as it is; a share of 1 leaves no attempt alone."""
    many.run("--llmreplay-chaos=0").assert_outcomes(passed=21)

    result = many.run("--llmreplay-chaos=1")

    result.stdout.re_match_lines([r"llmreplay chaos: 1 of all attempts, seed 0: \d+ faults in 20 of 20 tests; .*"])


def test_a_suite_that_handles_errors_passes_though_recordings_are_left_and_faults_do_not_fire(suite):
    """Chaos asks no more of a test than that it passes: what it never got to ask for is no failure."""
    suite.pytester.makepyfile(
        test_a="""
        import pytest
        from asking import ask

        @pytest.mark.llmreplay
        @pytest.mark.parametrize("number", range(8))
        def test_one(number):
            try:
                ask("one")
                ask("two")
            except Exception:
                pass
        """
    )
    suite.record().assert_outcomes(passed=8)

    suite.run("--llmreplay-chaos=0.5", "--llmreplay-seed=1").assert_outcomes(passed=8)


def test_a_fuzzed_test_is_run_once_under_chaos(suite):
    """Chaos and the fuzz marker do not mix: what is told of is what chaos did."""
    suite.pytester.makepyfile(
        test_a="""
        import pytest
        from asking import ask

        @pytest.mark.llmreplay_fuzz(kinds="status", max_examples=5)
        def test_one():
            assert "hi" in ask("hi")
        """
    )
    suite.record().assert_outcomes(passed=1)

    result = suite.run("--llmreplay-chaos=0")

    result.assert_outcomes(passed=1)
    result.stdout.fnmatch_lines(["llmreplay chaos: 0 of all attempts, seed 0: 0 faults in 0 of 1 tests; 0 broke"])


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--llmreplay-chaos=2",), "*--llmreplay-chaos=2.0: give the share of all attempts, from 0 to 1."),
        (("--llmreplay-chaos=0.1", "--llmreplay-mode=once"), "*faults are laid over recordings; with mode once*"),
    ],
)
def test_chaos_that_cannot_be_is_refused(suite, arguments, message):
    """A share that is none, and a suite that is being recorded, are errors of usage."""
    result = suite.run(*arguments)

    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines([message])
