"""A report on retries: how often it went well, how often it took more than one try, and what went wrong."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from llmreplay.core.attempt import Attempt
from llmreplay.core.call import Call
from llmreplay.core.model import End, TransportFailure


@dataclass(frozen=True, slots=True, kw_only=True)
class RetryReport:
    """What became of calls.

    Attributes:
        calls: How many there were.
        answered: How many were answered in the end.
        attempts: First tries and retries of all.
        attempts_per_answer: Mean number of attempts of the answered ones; None if none was.
        waits_s: All waits, as asked for.
        errors: Kinds of error, the most frequent first, and how many attempts had each: a status, the name of a
            transport failure or of a body's bad end, `error in the answer` after a 200, `cut short`.
    """

    calls: int
    answered: int
    attempts: int
    attempts_per_answer: float | None
    waits_s: tuple[float, ...]
    errors: Mapping[str, int]

    @property
    def success_rate(self) -> float | None:
        """Share of calls that were answered; None without calls."""
        return self.answered / self.calls if self.calls else None

    def __str__(self) -> str:
        if not self.calls:
            return "no calls"
        errors = ", ".join(f"{count} x {kind}" for kind, count in self.errors.items()) or "none"
        mean = "-" if self.attempts_per_answer is None else f"{self.attempts_per_answer:.2f}"
        return (
            f"calls {self.calls}, answered {self.answered} ({self.answered / self.calls:.0%}), "
            f"attempts {self.attempts} ({mean} per answer), waited {sum(self.waits_s):.2f} s, errors: {errors}"
        )


def retry_report(calls: Sequence[Call]) -> RetryReport:
    """Count what became of calls."""
    answered = [call for call in calls if not call.last.has_failed]
    attempts = [attempt for call in calls for attempt in call.attempts]
    kinds = Counter(_kind_of_error(attempt) for attempt in attempts if attempt.has_failed)
    return RetryReport(
        calls=len(calls),
        answered=len(answered),
        attempts=len(attempts),
        attempts_per_answer=sum(len(call.attempts) for call in answered) / len(answered) if answered else None,
        waits_s=tuple(wait for call in calls for wait in call.waits_s),
        errors=dict(kinds.most_common()),
    )


def _kind_of_error(attempt: Attempt) -> str:
    outcome = attempt.outcome
    if isinstance(outcome, TransportFailure):
        return str(outcome.kind.value)
    if outcome is not None and outcome.status >= 400:
        return str(outcome.status)
    if outcome is not None and outcome.end not in (End.COMPLETE, End.CLIENT_CLOSED):
        return str(outcome.end.value)
    return "cut short" if attempt.answer.error is None else "error in the answer"
