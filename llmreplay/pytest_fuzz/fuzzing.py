"""The plugin that runs marked tests as properties, and lays chaos over a suite."""

from __future__ import annotations

import gc
import secrets
import unittest
from collections.abc import Callable, Generator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import pytest

from llmreplay.core.errors import LlmReplayError, Refusal
from llmreplay.core.fault import Scenario
from llmreplay.faults.chunking import Pings
from llmreplay.pytest_fuzz.pasting import reproduction, surrounded
from llmreplay.pytest_fuzz.said import FuzzSettings, fuzz_settings_of
from llmreplay.pytest_fuzz.telling import counted, failure_text, merged
from llmreplay.pytest_fuzz.trials import Plain, Trials
from llmreplay.session import AMBIENCES, Replay
from llmreplay.session.opened import OPEN
from llmreplay.session.outside import outside_the_test
from llmreplay.session.scenarios import scenario_of

_FURTHER_ATTEMPTS = 2
_AFTERWARDS = pytest.StashKey[Callable[[], None]]()
_NOT_DETERMINISTIC = (
    "the test is not deterministic: under this scenario it failed once, and passed at another time. What a run changes "
    "must not be there for the next one, and threads must not race for the faults."
)


@dataclass(frozen=True, slots=True)
class _Finding:
    """A scenario that failed.

    Attributes:
        is_flaky: Whether it did not always do so.
        runs: How many were made to lessen it, after Hypothesis had shrunk it.
    """

    scenario: Scenario
    is_flaky: bool = False
    runs: int = 0


class Fuzzing:
    """Runs marked tests under scenarios over their own recordings."""

    def __init__(self, seed: int | None) -> None:
        """Take the seed of the command line, for tests whose marker names none."""
        self._seed = seed

    @pytest.hookimpl(wrapper=True, trylast=True)
    def pytest_runtest_call(self, item: pytest.Item) -> Generator[None, None, None]:
        """Run the test plainly; if it passes, run it under scenarios."""
        if AMBIENCES.at_random is not None:
            # Under chaos a test shows what it does under that.
            return (yield)
        blocks: list[Replay] = []
        before, AMBIENCES.closing = AMBIENCES.closing, blocks.append
        try:
            result = yield
        finally:
            AMBIENCES.closing = before
        try:
            marked = fuzz_settings_of(item)
        except LlmReplayError as error:
            pytest.fail(f"{type(error).__name__}: {error}", pytrace=False)
        replay = OPEN.innermost
        if marked and replay is not None:
            replay.verify()
            _refuse_what_has_no_calls(replay, blocks)
            for settings in marked:
                self._fuzz(item, replay, settings)
        return result

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_runtest_teardown(self, item: pytest.Item) -> Generator[None, None, None]:
        """Go on as after the plain run; not before, as the report of a failure shows the attempts that failed."""
        _go_on(item)
        return (yield)

    def _fuzz(self, item: pytest.Item, replay: Replay, settings: FuzzSettings) -> None:
        __tracebackhide__ = True
        if not replay.recorder.is_offline:
            replay.notes.append(f"{item.nodeid}: not fuzzed, as it is being recorded (mode {replay.mode}).")
            return
        _refuse_what_cannot_be_run_again(item)
        trials = Trials(item, replay, settings)
        item.stash[_AFTERWARDS] = replay.set_aside()
        told = self._seed if settings.seed is None else settings.seed
        seed = secrets.randbelow(2**32) if told is None else told
        try:
            # A seed that was told means: the same as the last time, whatever was found since.
            found = _smallest_failing(item, trials, settings, seed, uses_database=told is None)
        except LlmReplayError as error:
            pytest.fail(f"{type(error).__name__}: {error}", pytrace=False)
        if found is None:
            _go_on(item)
            replay.notes.append(f"{item.nodeid}: fuzzed with {counted(trials)} (seed {seed}).")
            return
        _raise_again(item, replay, trials, found, settings, seed)


def _go_on(item: pytest.Item) -> None:
    afterwards = item.stash.get(_AFTERWARDS, None)
    if afterwards is not None:
        del item.stash[_AFTERWARDS]
        afterwards()


def _smallest_failing(
    item: pytest.Item, trials: Trials, settings: FuzzSettings, seed: int, *, uses_database: bool
) -> _Finding | None:
    for example in settings.examples:
        scenario = scenario_of(example)
        if trials.problem_under(scenario) is not None:
            return _Finding(scenario)
    if settings.max_examples == 0:
        return None
    from llmreplay.strategies.search import smallest_failing
    from llmreplay.strategies.single_faults import samples_of

    found = smallest_failing(
        _drawn(trials.plain, settings),
        trials.problem_under,
        trials.attempts_made,
        key=f"{item.nodeid} (invariant)" if settings.is_harmless else item.nodeid,
        seed=seed,
        uses_database=uses_database,
        outside=outside_the_test,
        milder=() if settings.is_harmless else samples_of(settings.kinds, streams=trials.plain.events > 0),
        max_examples=settings.max_examples,
    )
    return None if found is None else _Finding(found.scenario, found.is_flaky, found.runs)


def _drawn(plain: Plain, settings: FuzzSettings) -> Any:
    from llmreplay.strategies import harmless_scenarios, scenarios
    from llmreplay.strategies.rows import send_pings, take_comments

    attempts = plain.attempts + _FURTHER_ATTEMPTS
    if settings.is_harmless:
        return harmless_scenarios(settings.max_faults, plain.apis, attempts=plain.attempts)
    drawn = scenarios(
        settings.max_faults,
        settings.kinds,
        min_faults=1,
        attempts=attempts,
        events=max(1, plain.events),
        streams=plain.events > 0,
    )
    if not take_comments(plain.apis):
        return drawn.map(_without_pings)
    return drawn if send_pings(plain.apis) else drawn.map(_without_ping_events)


def _without_pings(scenario: Scenario) -> Scenario:
    """Leave out what would only show that a provider's own client cannot read it."""
    return Scenario(tuple(one for one in scenario.injections if not isinstance(one.fault, Pings)))


def _without_ping_events(scenario: Scenario) -> Scenario:
    """Keep a stream alive by comments, as every api may, where it would be by events that this one never sends."""
    return Scenario(
        tuple(
            replace(injection, fault=replace(injection.fault, form="comment"))
            if isinstance(injection.fault, Pings)
            else injection
            for injection in scenario.injections
        )
    )


def _raise_again(
    item: pytest.Item, replay: Replay, trials: Trials, found: _Finding, settings: FuzzSettings, seed: int
) -> None:
    """Run the smallest failing scenario once more, so that what is reported is what it does."""
    __tracebackhide__ = True
    # Tasks that failed and were left alone tell so when they are collected. In the midst of pytest's report that ends
    # the whole run: CPython 3.11.7 cannot format a traceback while it parses source (read 2026-11-21,
    # https://github.com/python/cpython/issues/106905).
    gc.collect()
    problem = trials.problem_under(found.scenario)
    fails_alone = problem is not None and trials.fails_alone
    smallest, is_refused = merged(found.scenario), bool(replay.recorder.refusals)
    around = surrounded(item, replay)
    pasted = reproduction(smallest, settings, around, fails_alone=fails_alone, is_refused=is_refused)
    text = failure_text(smallest, pasted, trials, seed)
    if found.runs:
        text += f"\nAfter it had shrunk, {found.runs} more runs looked for less."
    if problem is None or found.is_flaky:
        text = f"{_NOT_DETERMINISTIC}\n\n{text}"
    item.add_report_section("call", "llmreplay: smallest scenario", text)
    if problem is None:
        pytest.fail(_NOT_DETERMINISTIC, pytrace=False)
    if problem.__traceback__ is None:
        # It was seen from outside, so there is no place in the test to show.
        kind = f"{type(problem).__name__}: " if isinstance(problem, Refusal) else ""
        pytest.fail(f"{kind}{problem}", pytrace=False)
    raise problem


def _refuse_what_has_no_calls(replay: Replay, blocks: Sequence[Replay]) -> None:
    if not replay.recorder.is_offline or replay.calls:
        return
    if any(block.calls for block in blocks):
        pytest.fail(
            "llmreplay_fuzz: the calls of this test are made inside `use_cassette`, and only those on the cassette of "
            "the marker or of the fixture `llmreplay` are fuzzed: take the block away.",
            pytrace=False,
        )
    pytest.fail("llmreplay_fuzz: this test makes no calls, so there is nothing to lay faults over.", pytrace=False)


def _refuse_what_cannot_be_run_again(item: pytest.Item) -> None:
    function = getattr(item, "obj", None)
    if isinstance(getattr(item, "instance", None), unittest.TestCase):
        pytest.fail(
            "llmreplay_fuzz: methods of unittest.TestCase cannot be run again; make it a plain class.", pytrace=False
        )
    if getattr(function, "is_hypothesis_test", False):
        pytest.fail(
            "llmreplay_fuzz: this test is Hypothesis's already: draw `faults=scenarios()` in its @given, and run its "
            "body in `with scenario(faults):`.",
            pytrace=False,
        )
