"""Trials: one test, run again and again under scenarios, everything rewound in between."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass

import pytest

from llmreplay.core.attempt import Source
from llmreplay.core.errors import RanAway, Refusal, UnmatchedRequest
from llmreplay.core.limits import Limits
from llmreplay.core.model import Response, header
from llmreplay.core.oracles import HANG_S, ORACLES, STORM, Ending
from llmreplay.core.reading import is_stream
from llmreplay.core.streams import events_of, wire_of
from llmreplay.providers import CATALOGUE
from llmreplay.pytest_fuzz.said import FuzzSettings
from llmreplay.report.failing import as_test_failure
from llmreplay.session import MADE_UP, Replay, Start


@dataclass(frozen=True, slots=True, kw_only=True)
class Plain:
    """What a test does without faults.

    Attributes:
        attempts: How many it makes.
        events: Most events of one of its streams; 0 if none of its calls streams.
        apis: Names of the apis it calls.
    """

    attempts: int
    events: int
    apis: tuple[str, ...]


def plain_run_of(replay: Replay) -> Plain:
    """Read from a run without faults what faults can hit."""
    outcomes = [attempt.outcome for attempt in replay.calls.attempts]
    events = [
        len(events_of(wire, [chunk.data for chunk in outcome.chunks])[0])
        for outcome in outcomes
        if isinstance(outcome, Response) and is_stream(outcome)
        if (wire := wire_of(header(outcome.headers, "content-type"))) is not None
    ]
    apis = dict.fromkeys(call.api for call in replay.calls if call.api is not None)
    return Plain(attempts=len(outcomes), events=max(events, default=0), apis=tuple(apis))


class Trials:
    """The runs of one test under scenarios.

    Attributes:
        passed: Runs whose body passed.
        allowed: Runs whose body raised an exception that it may raise.
        discarded: Runs that asked for what was never recorded.
        skipped: Runs whose body skipped itself.
        fails_alone: Whether the body of the last run failed by itself, without help of an oracle, a limit, or an
            answer that was made up.
        found_after: Runs up to the first in which something was wrong, that one included; None if there is none.
    """

    def __init__(self, item: pytest.Item, replay: Replay, settings: FuzzSettings) -> None:
        self.plain = plain_run_of(replay)
        self.passed = self.allowed = self.discarded = self.skipped = 0
        self.fails_alone = False
        self.found_after: int | None = None
        self._item = item
        self._replay = replay
        self._settings = settings
        self._secrets = _secrets()
        self._limits = self._limits_of_a_run()

    def _limits_of_a_run(self) -> Limits:
        settings, usual = self._settings, Limits()
        storm = STORM * max(1, self.plain.attempts) if "storm" in settings.oracles else usual.most_attempts
        is_hang_told = "hang" in settings.oracles and settings.deadline_s is None
        return Limits(
            most_attempts=settings.most_attempts or storm,
            deadline_s=settings.deadline_s or usual.deadline_s,
            excess_s=HANG_S if is_hang_told else usual.excess_s,
        )

    def problem_under(self, scenario: object) -> BaseException | None:
        """Run the test under a scenario; give what is wrong, None if nothing is."""
        problem = self._problem_under(scenario)
        if problem is not None and self.found_after is None:
            self.found_after = self.tried + 1
        return problem

    def _problem_under(self, scenario: object) -> BaseException | None:
        replay, settings = self._replay, self._settings
        otherwise = MADE_UP if settings.on_unmatched == "answer" else None
        replay.rewind(Start(scenario=scenario, limits=self._limits, otherwise=otherwise))
        error = self._run_body()
        self.fails_alone = False
        refusals = list(replay.recorder.refusals)
        ran_away = next((refusal for refusal in refusals if isinstance(refusal, RanAway)), None)
        replay.judged()
        if ran_away is not None:
            return error if isinstance(error, RanAway) else as_test_failure(ran_away)
        if isinstance(error, pytest.skip.Exception):
            self.skipped += 1
            return None
        if settings.on_unmatched == "discard" and any(isinstance(refusal, UnmatchedRequest) for refusal in refusals):
            self.discarded += 1
            return None
        if refusals:
            self.fails_alone = True
            return error if isinstance(error, Refusal) else as_test_failure(refusals[0])
        if error is not None and not _is_allowed(error, settings.allowed):
            self.fails_alone = all(attempt.source is not Source.STUB for attempt in replay.calls.attempts)
            return error
        problem = self._problem_seen(error)
        if problem is None:
            self.allowed += error is not None
            self.passed += error is None
        return problem

    def attempts_made(self) -> int:
        """Give how many attempts the last run came to; before the first, the run without faults."""
        return sum(len(call.attempts) for call in self._replay.calls)

    @property
    def tried(self) -> int:
        """Runs in which nothing was wrong."""
        return self.passed + self.allowed + self.discarded + self.skipped

    def _run_body(self) -> BaseException | None:
        __tracebackhide__ = True
        try:
            self._item.runtest()
        except (KeyboardInterrupt, pytest.exit.Exception):
            raise
        except BaseException as error:
            return error
        return None

    def _problem_seen(self, error: BaseException | None) -> AssertionError | None:
        ending = Ending(calls=self._replay.calls, error=error, secrets=(*self._secrets, *self._replay.secrets))
        found = (ORACLES[name](ending) for name in self._settings.oracles if name in ORACLES)
        return next((problem for problem in found if problem is not None), None)


def _is_allowed(error: BaseException, allowed: Sequence[type[BaseException]]) -> bool:
    kinds = tuple(allowed)
    if isinstance(error, BaseExceptionGroup) and kinds:
        return isinstance(error, kinds) or error.split(kinds)[1] is None
    return isinstance(error, kinds)


def _secrets() -> tuple[str, ...]:
    """Give the keys that clients send: of the environment, and what stands in for them."""
    keys = (value for name, placeholder in CATALOGUE.key_variables for value in (os.environ.get(name), placeholder))
    return tuple(dict.fromkeys(key for key in keys if key))
