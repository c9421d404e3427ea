"""Faults in use: which attempt each hits, what it made of it, and which never fired."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import TypeAlias

from llmreplay.core.attempt import Attempt, Source
from llmreplay.core.errors import FaultProblem
from llmreplay.core.fault import FaultCannotApply, FaultContext, Injection
from llmreplay.core.model import Outcome, Request, Response, TransportFailure
from llmreplay.core.reading import asks_for_stream

AtRandom: TypeAlias = Callable[[str, FaultContext], Injection | None]
"""Gives a fault for the attempt with a key, or None."""


@dataclass(slots=True, eq=False)
class Armed:
    """An injection in use.

    Attributes:
        injection: The fault and its schedule.
        seen: Attempts that its schedule looked at.
        fired: Attempts that it changed.
        is_armed: Whether it may still fire.
        failure: Why it could not be applied where it should have been; empty if it could.
    """

    injection: Injection
    seen: int = 0
    fired: int = 0
    is_armed: bool = True
    failure: str = ""


@dataclass(frozen=True, slots=True)
class Hit:
    """A fault that is to change one attempt."""

    armed: Armed
    context: FaultContext


@dataclass(slots=True)
class Faulting:
    """The faults of one recorder.

    Attributes:
        label: The test's id: with the seed it decides what `chance` hits.
        seed: Of this run.
        describe: Tells an injection as code.
        armed: In the order injected.
        before: Called with every attempt before anything is decided on it; what it raises, the client gets.
        at_random: Gives a fault for an attempt that none of `armed` hits, or None, from the attempt's key: test id,
            fingerprint and its own occurrence, so that the order of tests changes nothing. Nobody waits for it to fire.
    """

    label: str = ""
    seed: int = 0
    describe: Callable[[Injection], str] = repr
    armed: list[Armed] = field(default_factory=list)
    before: Callable[[Attempt], None] | None = None
    at_random: AtRandom | None = None
    _occurrences: dict[str, int] = field(default_factory=dict)

    @property
    def is_in_use(self) -> bool:
        """Whether a fault may have hit an attempt."""
        return bool(self.armed) or self.at_random is not None

    def inject(self, injections: Iterable[Injection]) -> list[Armed]:
        """Put faults to use, after those that are."""
        added = [Armed(injection) for injection in injections]
        self.armed += added
        return added

    def stop(self) -> None:
        """Hit no more attempts."""
        self.at_random = None
        for armed in self.armed:
            armed.is_armed = False

    def hitting(self, request: Request, attempt: Attempt, time: Callable[[], float]) -> Sequence[Hit]:
        """Find the faults that hit an attempt, up to the first that takes the answer's place.

        Args:
            request: As sent.
            attempt: It began just now.
            time: Gives Unix seconds, virtual waits included.
        """
        if self.before is not None:
            self.before(attempt)
        if not self.armed and self.at_random is None:
            return ()
        now = time()
        occurrence, key = self._occurrence_and_key(attempt)
        hits: list[Hit] = []
        is_replaced = False
        for armed in self.armed:
            schedule = armed.injection.schedule
            if not armed.is_armed or (schedule.when is not None and not schedule.when(request, attempt.api)):
                continue
            armed.seen += 1
            if is_replaced or not schedule.hits(armed.seen, key):
                continue
            hits.append(Hit(armed, self._context(request, attempt, armed.seen, now)))
            is_replaced = armed.injection.fault.replaces
        if self.at_random is not None and not hits:
            context = self._context(request, attempt, occurrence, now)
            injection = self.at_random(key, context)
            hits = [Hit(Armed(injection), context)] if injection is not None else []
        return hits

    def _occurrence_and_key(self, attempt: Attempt) -> tuple[int, str]:
        """Count an attempt among its like, and name it; only where a draw needs it, as a fingerprint takes long."""
        if self.at_random is None and not any(armed.injection.schedule.is_keyed for armed in self.armed):
            return 0, ""
        occurrence = self._occurrences[attempt.fingerprint] = self._occurrences.get(attempt.fingerprint, 0) + 1
        return occurrence, f"{self.label}\0{attempt.fingerprint}\0{occurrence}"

    def _context(self, request: Request, attempt: Attempt, occurrence: int, now: float) -> FaultContext:
        return FaultContext(
            api=attempt.api,
            request=request,
            is_streamed=asks_for_stream(attempt.api, request),
            read_timeout_s=attempt.read_timeout_s,
            connect_timeout_s=attempt.connect_timeout_s,
            occurrence=occurrence,
            seed=self.seed,
            now=now,
        )

    def applied(self, hits: Sequence[Hit], outcome: Outcome, attempt: Attempt) -> Outcome:
        """Give what faults, in order, make of an outcome, and note them with the attempt."""
        for hit in hits:
            fault = hit.armed.injection.fault
            try:
                outcome = fault.apply(outcome, hit.context)
            except FaultCannotApply as reason:
                hit.armed.failure = str(reason)
                continue
            hit.armed.fired += 1
            attempt.faults = (*attempt.faults, _name_of(hit))
            if fault.replaces:
                attempt.source = Source.FAULT
            if isinstance(outcome, TransportFailure):
                # The client is gone: what would come now, it does not see.
                break
        return outcome

    def replaced(self, hits: Sequence[Hit], attempt: Attempt) -> Outcome | None:
        """Give the outcome where a fault takes the answer's place; None if none does, or it cannot be applied."""
        if not hits or not hits[-1].armed.injection.fault.replaces:
            return None
        # Faults before the last may add a delay, which it keeps, or end the client's patience; what else they would
        # change is not there.
        outcome: Outcome = Response(200)
        before: list[Hit] = []
        for hit in hits[:-1]:
            with suppress(FaultCannotApply):
                changed = hit.armed.injection.fault.apply(outcome, hit.context)
                before += [hit] if changed != outcome else []
                outcome = changed
            if isinstance(outcome, TransportFailure):
                break
        if isinstance(outcome, TransportFailure):
            attempt.source = Source.FAULT
        else:
            outcome = self.applied(hits[-1:], outcome, attempt)
            if not attempt.faults:
                return None
        for hit in before:
            hit.armed.fired += 1
        attempt.faults = (*(_name_of(hit) for hit in before), *attempt.faults)
        return outcome

    def cannot_apply(self, hits: Sequence[Hit]) -> FaultProblem | None:
        """Tell why the fault that was to take the answer's place cannot; None if none was to."""
        reason = hits[-1].armed.failure if hits and hits[-1].armed.injection.fault.replaces else ""
        return FaultProblem(f"a fault cannot take the place of an answer.\n\n  {reason}") if reason else None

    def problem(self, on_purpose: str) -> FaultProblem | None:
        """Give the faults that could not be applied, or never fired; None if all did what they were for.

        Args:
            on_purpose: What to write where that does not matter.
        """
        failed = [armed.failure for armed in self.armed if armed.failure]
        idle = [armed for armed in self.armed if not armed.fired and not armed.failure]
        if not failed and not idle:
            return None
        lines = ["a fault did not do what it is for, so this test does not test it.", ""]
        lines += [f"  cannot apply  {text}" for text in failed]
        lines += [
            f"  never fired   {self.describe(armed.injection)}: it looked at {armed.seen} attempt"
            f"{'' if armed.seen == 1 else 's'}"
            for armed in idle
        ]
        lines += ["", f"  On purpose?   {on_purpose}"]
        return FaultProblem("\n".join(lines))


def _name_of(hit: Hit) -> str:
    return type(hit.armed.injection.fault).__name__
