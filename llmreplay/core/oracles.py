"""Oracles: what no application may do under faults, told from its calls alone."""

from __future__ import annotations

import traceback
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import TypeAlias

from llmreplay.core.attempt import Attempt
from llmreplay.core.calls import Calls
from llmreplay.core.model import End, Response, header
from llmreplay.core.reading import is_stream
from llmreplay.core.retry_checks import retry_after_s, too_early_retry
from llmreplay.core.story import failed_check

HANG_S = 600.0
"""Seconds on the test's clock, besides those that it was made to wait, after which a test hangs."""

STORM = 10
"""A storm is so many times the attempts that the test makes without faults."""

_FINAL_STATUSES = frozenset({400, 401, 403, 404, 405, 413, 422})
_LONGEST_HONOURED_S = 60.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Ending:
    """How a test ended under a scenario.

    Attributes:
        calls: What it asked for, and what it got.
        error: What its body raised; None if it passed.
        secrets: Texts that must not be shown.
    """

    calls: Calls
    error: BaseException | None = None
    secrets: Sequence[str] = ()


Oracle: TypeAlias = Callable[[Ending], AssertionError | None]


def accepted_truncation(ending: Ending) -> AssertionError | None:
    """Find a stream whose end came too early and without an error, and that a test which passed took for whole.

    A client that closes a stream itself wants no more of it, and was not deceived. Nor was one that has all that the
    model said, with its stop reason, where only the event is missing that ends a stream: SDKs do not show it.
    """
    if ending.error is not None:
        return None
    for number, call in enumerate(ending.calls, 1):
        is_cut = not call.is_complete and call.error is None and call.raw_stop_reason is None
        if is_cut and call.last.faults and _was_read_to_its_end(call.last):
            return failed_check(
                "expected an answer that is cut short to be noticed",
                f"call {number} ended without its terminal event, and the test passed",
                ending.calls,
            )
    return None


def _was_read_to_its_end(attempt: Attempt) -> bool:
    outcome = attempt.outcome
    return (
        isinstance(outcome, Response)
        and is_stream(outcome)
        and attempt.has_ended
        and outcome.end is not End.CLIENT_CLOSED
    )


def forbidden_retry(ending: Ending) -> AssertionError | None:
    """Find a retry of what the provider said must not be retried."""
    for call in ending.calls:
        for attempt in call.attempts[:-1]:
            why = _why_final(attempt)
            if why:
                return failed_check("expected no retry of what must not be retried", f"{why} was retried", ending.calls)
    return None


def _why_final(attempt: Attempt) -> str:
    outcome = attempt.outcome
    if not isinstance(outcome, Response) or outcome.status < 400:
        return ""
    said = (header(outcome.headers, "x-should-retry") or "").lower()
    if said == "false":
        return f"a {outcome.status} with x-should-retry: false"
    return f"a {outcome.status}" if outcome.status in _FINAL_STATUSES and said != "true" else ""


def ignored_retry_after(ending: Ending) -> AssertionError | None:
    """Find a retry that came earlier than `retry-after` allowed.

    More than 60 s are not looked at: whether to wait so long is a matter of taste, of which SDKs too have several.
    """
    for call in ending.calls:
        for before, later in zip(call.attempts, call.attempts[1:], strict=False):
            wanted_s = retry_after_s(before)
            if wanted_s is None or wanted_s > _LONGEST_HONOURED_S:
                continue
            too_early = too_early_retry(before, later, wanted_s, ending.calls)
            if too_early is not None:
                return too_early
    return None


def told_secret(ending: Ending) -> AssertionError | None:
    """Find a key in the text of the exception that the test raised, or of one that is shown with it."""
    for error in _shown_with(ending.error):
        text = "".join(traceback.format_exception_only(error))
        if any(secret in text for secret in ending.secrets):
            kind = type(error).__name__
            return failed_check("expected no key in the text of an exception", f"{kind} tells one", ending.calls)
    return None


def _shown_with(error: BaseException | None) -> list[BaseException]:
    """Give an exception with its causes and members: all whose texts a traceback shows."""
    shown: list[BaseException] = []
    waiting = [error]
    while waiting:
        one = waiting.pop()
        if one is None or any(one is other for other in shown):
            continue
        shown.append(one)
        waiting += [one.__cause__, None if one.__suppress_context__ else one.__context__]
        waiting += one.exceptions if isinstance(one, BaseExceptionGroup) else ()
    return shown


ORACLES: Mapping[str, Oracle] = MappingProxyType(
    {
        "truncated": accepted_truncation,
        "forbidden_retry": forbidden_retry,
        "retry_after": ignored_retry_after,
        "secret": told_secret,
    }
)
"""By name. `hang` and `storm` are no oracles but limits: they stop a test that would not end."""

LIMITS: tuple[str, ...] = ("hang", "storm")
