"""Scenarios drawn at random are such as can be written, and shrink to the simplest that does."""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise
from random import Random
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, find, given, settings
from hypothesis import strategies as st

from llmreplay.core.errors import SettingError
from llmreplay.core.fault import FaultCannotApply, FaultContext, Scenario
from llmreplay.core.model import Reply, Request, Response
from llmreplay.core.reading import answer_of
from llmreplay.faults import CATALOGUE, scenario_from_text, text_of
from llmreplay.faults.catalogue import entry_of
from llmreplay.faults.chunking import Pings
from llmreplay.faults.kinds import KINDS, kind_of
from llmreplay.providers.anthropic import MESSAGES
from llmreplay.strategies import faults, harmless_scenarios, scenarios
from llmreplay.strategies.search import Tried

QUICK = settings(max_examples=100, database=None, suppress_health_check=list(HealthCheck))
GENERATED = settings(QUICK, max_examples=200, phases=[Phase.generate])


def smallest(strategy: st.SearchStrategy[Any], wanted: Callable[[Any], bool]) -> Any:
    return find(strategy, wanted, settings=settings(QUICK, max_examples=3000), random=Random(1))


@QUICK
@given(scenarios())
def test_a_scenario_can_be_written_as_text_that_reads_as_the_same(scenario: Scenario) -> None:
    """What is found can be pasted: the text hits every attempt with the same faults."""
    text = text_of(scenario)

    assert text is not None
    read = scenario_from_text(text)
    for number in range(1, 12):
        assert hitting(read, number) == hitting(scenario, number)


def hitting(scenario: Scenario, number: int) -> list[object]:
    return [injection.fault for injection in scenario.injections if injection.schedule.hits(number, "")]


@QUICK
@given(scenarios(2, min_faults=1, attempts=3))
def test_the_numbers_asked_for_are_kept(scenario: Scenario) -> None:
    """There are as many faults as were asked for, and none begins later than it may."""
    assert 1 <= len(scenario.injections) <= 2
    assert any(hitting(scenario, number) for number in (1, 2, 3))


@pytest.mark.parametrize("entry", CATALOGUE, ids=lambda entry: entry.name)
def test_every_fault_of_the_catalogue_has_a_kind_and_is_drawn(entry: Any) -> None:
    """No fault is forgotten: each belongs to a kind, and comes up when asked for by name."""
    assert kind_of(entry) in KINDS
    assert find(faults(kinds=(entry.name,)), lambda fault: isinstance(fault, entry.make), settings=QUICK)


def test_every_kind_comes_up_about_as_often_as_any_other() -> None:
    """A kind with few faults is not drowned by one with many."""
    counts = dict.fromkeys(KINDS, 0)
    kinds = {entry.make: kind_of(entry) for entry in CATALOGUE}

    @GENERATED
    @given(st.lists(faults(), min_size=20, max_size=20))
    def count(drawn: list[object]) -> None:
        for fault in drawn:
            counts[kinds[type(fault)]] += 1

    count()

    assert min(counts.values()) * 4 > max(counts.values())


def test_the_smallest_scenario_is_one_fault_at_the_first_attempt() -> None:
    """What fails under any error status shrinks to the mildest of them, once, at once."""
    found = smallest(scenarios(min_faults=1, kinds="status"), lambda scenario: bool(scenario.injections))

    assert text_of(found) == "429@1"


def test_two_faults_in_order_shrink_to_just_these() -> None:
    """A third fault, later attempts and repetitions are shrunk away."""

    def fails(scenario: Scenario) -> bool:
        names = [[type(fault).__name__ for fault in hitting(scenario, number)] for number in range(1, 5)]
        return any("Overloaded" in one and "ConnectError" in two for one, two in pairwise(names))

    found = smallest(scenarios(kinds=("overloaded", "connect_error", "cut", "delay")), fails)

    assert text_of(found) == "529@1, connect_error"


def test_a_needless_fault_is_left_out_whatever_it_is() -> None:
    """A fault with more choices than others is as easily shrunk away."""
    wanted = "status"

    for seed in range(6):
        found = find(
            scenarios(),
            lambda scenario: any(entry_of(one.fault).name == wanted for one in scenario.injections),
            settings=settings(QUICK, max_examples=1000),
            random=Random(seed),
        )
        assert text_of(found) == "408"


def test_named_apis_alone_are_hit_and_counted() -> None:
    """With `apis` every fault has a condition, and faults of streams are left out where an api has none."""

    @QUICK
    @given(scenarios(apis=("openai.embeddings",)))
    def holds(scenario: Scenario) -> None:
        for injection in scenario.injections:
            assert repr(injection.schedule.when) == "'openai.embeddings'"
            assert kind_of(next(one for one in CATALOGUE if one.make is type(injection.fault))) != "stream" or (
                type(injection.fault).__name__ == "MissingUsage"
            )

    holds()


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: faults(kinds=("weather",)), "'weather' is no kind of fault. Choose from chunking, latency, status"),
        (lambda: faults("antropic"), "api='antropic': no such api"),
        (lambda: faults("openai.embeddings", kinds="cut"), "none of these faults can hit a call that does not stream"),
        (lambda: faults(events=0), "has one event at least"),
        (lambda: scenarios(apis=()), "name at least one api"),
        (lambda: scenarios(min_faults=3, max_faults=2), "there must be room for them"),
        (lambda: scenarios(attempts=0), "there must be room for them"),
        (lambda: scenarios(max_faults="2"), "max_faults must be a whole number"),
        (lambda: faults(kinds=3), "kinds=3: give a kind of fault"),
    ],
)
def test_what_cannot_be_drawn_is_refused_when_it_is_asked_for(make: Callable[[], object], message: str) -> None:
    """A wrong name or number is an error at once, with what can be said."""
    with pytest.raises(SettingError, match=message):
        make()


@QUICK
@given(harmless_scenarios(apis=("gemini.generateContent",)))
def test_nothing_is_harmless_that_a_client_cannot_read(scenario: Scenario) -> None:
    """Keep-alives break every stream of google-genai."""
    assert not [one for one in scenario.injections if isinstance(one.fault, Pings)]


@QUICK
@given(harmless_scenarios(apis=("anthropic.messages",)))
def test_a_harmless_scenario_leaves_what_a_stream_says(scenario: Scenario) -> None:
    """Whatever is done to the bytes, the events and their answer stay, and nothing fails."""
    request = Request("POST", "https://api.anthropic.com/v1/messages", (), b'{"stream": true}')
    assert MESSAGES.build_response is not None
    whole = MESSAGES.build_response(Reply(text="你好, 世界 👩‍👩‍👧‍👦"), request, True)
    context = FaultContext(api=MESSAGES, request=request, is_streamed=True, read_timeout_s=600.0)
    changed: Any = whole
    for injection in scenario.injections:
        try:
            changed = injection.fault.apply(changed, context)
        except FaultCannotApply:
            continue

    assert isinstance(changed, Response)
    assert answer_of(MESSAGES, changed) == answer_of(MESSAGES, whole)
    assert changed.end is whole.end


def test_what_does_the_same_to_every_attempt_is_not_tried_twice() -> None:
    """After a run of one attempt, all that a scenario has in store for the second makes no difference."""
    tried = Tried()
    tried.add(scenario_from_text("401"), attempts=1)

    assert scenario_from_text("401, 529") in tried
    assert scenario_from_text("401x*") in tried
    assert scenario_from_text("429") not in tried
    tried.add(scenario_from_text("ok"), attempts=2)
    assert scenario_from_text("ok, ok, cut@1") in tried
    assert scenario_from_text("ok, cut@1") not in tried
