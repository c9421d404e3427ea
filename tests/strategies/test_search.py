"""The search for the smallest scenario, against what trying all of them finds."""

from __future__ import annotations

from collections.abc import Callable

import hypothesis
import pytest

from llmreplay.core.fault import Injection, Scenario
from llmreplay.faults import CATALOGUE, scenario_from_text, text_of
from llmreplay.faults.catalogue import entry_of
from llmreplay.faults.schedule import always, first
from llmreplay.strategies import scenarios
from llmreplay.strategies.lessening import MOST_RUNS, Lessening, origin_of
from llmreplay.strategies.search import Found, smallest_failing
from llmreplay.strategies.single_faults import samples_of

SEEDS = range(6)


@pytest.fixture(autouse=True)
def _no_database():
    before = hypothesis.settings.default
    hypothesis.settings.register_profile("no_database", database=None)
    hypothesis.settings.load_profile("no_database")
    yield
    hypothesis.settings.register_profile("before", before)
    hypothesis.settings.load_profile("before")


def searched(
    fails: Callable[[Scenario], bool], seed: int, *, attempts: int = 1, kinds: object = None, max_examples: int = 200
) -> Found | None:
    """Search for a scenario that fails, in a test that makes so many attempts."""
    return smallest_failing(
        scenarios(3, kinds, min_faults=1, attempts=attempts + 2, streams=False),
        lambda scenario: ValueError("broken") if fails(scenario) else None,
        lambda: attempts,
        key="a test",
        seed=seed,
        max_examples=max_examples,
        milder=samples_of(kinds, streams=False),
    )


def hits(scenario: Scenario, number: int) -> bool:
    return any(injection.schedule.hits(number, "") for injection in scenario.injections)


def hides_retry_after(fault: object) -> bool:
    """Say whether a fault is an error answer without advice when to try again."""
    name = entry_of(fault).name
    plain = {"rate_limited", "overloaded", "unavailable", "server_error"}
    return (name in plain and fault == type(fault)()) or name in ("spend_cap", "html")


@pytest.mark.parametrize("seed", SEEDS)
def test_the_mildest_fault_that_fails_is_found(seed):
    """Whatever failed first: what is reported is the first of the catalogue that fails."""

    def fails(scenario):
        return any(hides_retry_after(one.fault) and one.schedule.hits(1, "") for one in scenario.injections)

    found = searched(fails, seed)

    mildest = next(fault for entry in CATALOGUE for fault in entry.faults() if hides_retry_after(fault))
    assert found is not None
    assert text_of(found.scenario) == text_of(Scenario((Injection(mildest, first(1)),))) == "429"
    assert not found.is_flaky


@pytest.mark.parametrize(
    ("fails", "expected"),
    [
        (lambda scenario: hits(scenario, 3), "okx2, 429@1"),
        (lambda scenario: hits(scenario, 2), "ok, 429@1"),
        (lambda scenario: hits(scenario, 2) and hits(scenario, 3), "ok, 429@1x2"),
        (lambda scenario: hits(scenario, 1) and hits(scenario, 3), "429@1, ok, 429@1"),
    ],
    ids=["the third", "the second", "the last two", "the first and the third"],
)
@pytest.mark.parametrize("seed", SEEDS)
def test_no_attempt_is_hit_that_need_not_be(fails, expected, seed):
    """One fault where one is enough, at the attempts that matter and at no other."""
    found = searched(fails, seed, attempts=3, kinds="status")

    assert found is not None
    told = [number for number in range(1, 6) if hits(found.scenario, number)]
    assert told == [number for number in range(1, 6) if hits(scenario_from_text(expected), number)]
    assert all(text_of(Scenario((Injection(one.fault, first(1)),))) == "429@1" for one in found.scenario.injections)


def lessened(text, fails, *, attempts=3, passed=(), problem=lambda scenario: ValueError("broken")):
    """Lessen a scenario; give what came of it, and what was tried."""
    tried = []

    def problem_under(scenario):
        tried.append(scenario)
        return problem(scenario) if fails(scenario) else None

    known = [scenario_from_text(one) for one in passed]
    lessening = Lessening(problem_under, lambda: attempts, known.__contains__, samples_of("status"))
    least = lessening.least(scenario_from_text(text), origin_of(ValueError("broken")), attempts)
    assert lessening.runs == len(tried) == len(set(tried))
    return text_of(least), tried


def test_a_fault_that_lasts_happens_only_as_often_as_it_must():
    """An outage shrinks to the attempts that matter."""
    assert lessened("529@1x*", lambda scenario: hits(scenario, 2))[0] == "ok, 429@1"


def test_what_is_needed_stays():
    """Where every step passes, the scenario is what it was."""
    text = "529, connect_error"
    whole = scenario_from_text(text)

    assert lessened(text, lambda scenario: scenario == whole)[0] == text


def test_another_bug_is_not_taken_for_a_smaller_scenario_of_this_one():
    """A milder fault that fails for another reason is no lesser scenario of the same bug."""

    def problem(scenario):
        return KeyError("another")

    assert lessened("529", lambda scenario: True, problem=problem)[0] == "529"


def test_what_is_known_to_pass_is_not_tried():
    """The search has run the mildest already, so the pass begins with the next."""
    least, tried = lessened("529", lambda scenario: True, attempts=1, passed=["429@1"])

    assert least == "429"
    assert scenario_from_text("429@1") not in tried


def test_the_pass_has_an_end():
    """However much could be tried, no more runs are made than were promised."""
    whole = scenario_from_text("html, status@413, context_overflow, spend_cap, 401")

    least, tried = lessened(text_of(whole), lambda scenario: scenario == whole, attempts=5)

    assert least == text_of(whole)
    assert len(tried) == MOST_RUNS


def test_problems_are_told_apart_by_type_and_place_else_by_what_is_said():
    """What was seen from outside has no place, and its numbers vary from run to run."""

    def raised(kind):
        try:
            raise kind("broken")
        except kind as error:
            return error

    assert origin_of(raised(ValueError)) == origin_of(raised(ValueError))
    assert origin_of(raised(ValueError)) != origin_of(raised(KeyError))
    assert origin_of(raised(ValueError)) != origin_of(ValueError("broken"))
    assert origin_of(AssertionError("601 s\nfirst")) == origin_of(AssertionError("700 s\nsecond"))
    assert origin_of(AssertionError("601 s")) != origin_of(AssertionError("601 attempts"))


def test_a_flaky_failure_is_given_with_its_scenario():
    """What fails once and never again is found, and told as such; nothing is lessened."""
    runs = []

    def fails(scenario):
        runs.append(scenario)
        return len(runs) == 5

    found = searched(fails, seed=1)

    assert found is not None
    assert (found.scenario, found.is_flaky, found.runs) == (runs[4], True, 0)


def test_what_never_fails_is_not_found():
    """Without a problem there is nothing to report."""
    assert searched(lambda scenario: False, seed=1, max_examples=30) is None


def test_a_lasting_fault_with_a_condition_keeps_it():
    """What hits calls of one api only still does after it was lessened."""
    scenario = Scenario((Injection(samples_of("status")[0], always(when="openai")),))

    def problem_under(tried):
        return ValueError("broken") if hits(tried, 1) else None

    lessening = Lessening(problem_under, lambda: 2, lambda tried: False, ())
    least = lessening.least(scenario, origin_of(ValueError("broken")), 2)

    assert least.injections[0].schedule == first(1, when="openai")
