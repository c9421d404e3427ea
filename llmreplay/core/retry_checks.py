"""Checks on retries: how often, after which waits, and when it was given up. Their failures show the attempts."""

from __future__ import annotations

from collections.abc import Sequence
from email.utils import parsedate_to_datetime

from llmreplay.core.attempt import Attempt
from llmreplay.core.call import Call
from llmreplay.core.call_list import CallList
from llmreplay.core.model import Response, header
from llmreplay.core.story import failed_check

_SLACK_S = 0.05


def assert_retried(calls: CallList, times: int | None = None, *, statuses: Sequence[int | None] | None = None) -> None:
    """Check that calls were retried.

    Args:
        calls: All of them count.
        times: Retries altogether, first tries not counted; None for at least one.
        statuses: The HTTP statuses that were retried, in order; None stands for an attempt without a response.

    Raises:
        AssertionError: It is otherwise; shows the attempts.
    """
    __tracebackhide__ = True
    retried = [attempt for call in calls for attempt in call.attempts[:-1]]
    wanted = "at least once" if times is None else f"{times} time{'' if times == 1 else 's'}"
    if (times is None and not retried) or (times is not None and len(retried) != times):
        raise failed_check(f"expected the calls to be retried {wanted}", f"there were {len(retried)} retries", calls)
    found = [attempt.status for attempt in retried]
    if statuses is not None and found != list(statuses):
        raise failed_check(f"expected retries of {list(statuses)}", f"{found} were retried", calls)


def assert_not_retried(calls: CallList) -> None:
    """Check that every call was tried once.

    Raises:
        AssertionError: One was tried again; shows the attempts.
    """
    __tracebackhide__ = True
    retries = sum(len(call.attempts) - 1 for call in calls)
    if retries:
        raise failed_check("expected no retry", f"there {'was' if retries == 1 else 'were'} {retries}", calls)


def assert_waited(calls: CallList, *waits_s: float, tolerance_s: float = 0.001) -> None:
    """Check the waits before the retries, in seconds as asked for, call by call.

    Raises:
        AssertionError: They are others; shows the attempts.
    """
    __tracebackhide__ = True
    found = calls.waits_s
    if len(found) != len(waits_s) or any(
        abs(one - other) > tolerance_s for one, other in zip(found, waits_s, strict=False)
    ):
        raise failed_check(f"expected waits of {list(waits_s)} s", f"the waits were {_rounded(found)} s", calls)


def assert_backoff(
    calls: CallList, base_s: float, factor: float = 2.0, *, max_s: float | None = None, jitter: float = 0.0
) -> None:
    """Check that each call waited `base_s * factor ** n` seconds before its n-th retry, counted from 0.

    Args:
        calls: Each by itself; at least one must have been retried.
        base_s: The first wait.
        factor: From each wait to the next.
        max_s: No wait is longer; None for no limit.
        jitter: Share by which a wait may be shorter or longer: 0.25 for a quarter.

    Raises:
        AssertionError: A wait is another; shows the attempts.
    """
    __tracebackhide__ = True
    if not calls.waits_s:
        raise failed_check(f"expected a backoff from {base_s} s", "nothing was retried", calls)
    for call in calls:
        for number, wait_s in enumerate(call.waits_s):
            wanted_s = base_s * factor**number
            wanted_s = wanted_s if max_s is None else min(wanted_s, max_s)
            slack_s = wanted_s * jitter + 0.001
            if not wanted_s - slack_s <= wait_s <= wanted_s + slack_s:
                raise failed_check(
                    f"expected a wait of {wanted_s:g} s (±{jitter:.0%}) before retry {number + 1}",
                    f"it was {wait_s:.3f} s",
                    calls,
                )


def assert_honoured_retry_after(calls: CallList) -> None:
    """Check that no attempt came earlier than the `retry-after` of the one before allowed.

    Attempts whose failure names no usable time, or a date within the next second, or that were not tried again, have
    nothing to honour; at least one must have.

    Raises:
        AssertionError: One came too early, or nothing was to be honoured; shows the attempts.
    """
    __tracebackhide__ = True
    checked = 0
    for call in calls:
        for before, after in zip(call.attempts, call.attempts[1:], strict=False):
            wanted_s = retry_after_s(before)
            if wanted_s is None or wanted_s <= _slack_s(before):
                continue
            checked += 1
            too_early = too_early_retry(before, after, wanted_s, calls)
            if too_early is not None:
                raise too_early
    if not checked:
        raise failed_check("expected a retry after a response with retry-after", "there was none", calls)


def retry_after_s(attempt: Attempt) -> float | None:
    """Read how many seconds a failed attempt's response asks to wait; None if it says nothing usable.

    `retry-after-ms` wins over `retry-after`, as in the SDKs; a date counts from the response's own `date`.
    """
    outcome = attempt.outcome
    if not isinstance(outcome, Response) or outcome.status < 400:
        return None
    milliseconds, value = header(outcome.headers, "retry-after-ms"), header(outcome.headers, "retry-after")
    try:
        if milliseconds is not None:
            return _positive(float(milliseconds) / 1000)
        return None if value is None else _positive(float(value))
    except ValueError:
        pass
    try:
        then, now = parsedate_to_datetime(value or ""), parsedate_to_datetime(header(outcome.headers, "date") or "")
        return _positive((then - now).total_seconds())
    except (TypeError, ValueError):
        return None


def too_early_retry(before: Attempt, after: Attempt, wanted_s: float, calls: CallList) -> AssertionError | None:
    """Tell of an attempt that came earlier than so many seconds after the one before; None if it did not."""
    # Measured, not asked for: a loop that does other things in between honours it too.
    passed_s = after.started_s - (before.ended_s or before.started_s)
    if max(passed_s, after.wait_s or 0.0) >= wanted_s - _slack_s(before):
        return None
    return failed_check(f"expected a wait of {wanted_s:g} s, as retry-after says", f"it was {passed_s:.2f} s", calls)


def _slack_s(attempt: Attempt) -> float:
    """Give how much less may be waited: dates are of whole seconds, and a client knows what part of one has passed."""
    outcome = attempt.outcome
    value = header(outcome.headers, "retry-after") if isinstance(outcome, Response) else None
    return _SLACK_S + (1.0 if value is not None and value.endswith("GMT") else 0.0)


def _positive(seconds: float) -> float | None:
    return seconds if 0 < seconds < float("inf") else None


def assert_gave_up_after(calls: CallList, attempts: int) -> None:
    """Check that the last call failed for good after so many attempts.

    Raises:
        AssertionError: It was answered, or tried more or less often; shows the attempts.
    """
    __tracebackhide__ = True
    call = calls.last
    if not call.last.has_failed:
        raise failed_check(f"expected the call to be given up after {attempts} attempts", "it was answered", calls)
    if len(call.attempts) != attempts:
        raise failed_check(
            f"expected the call to be given up after {attempts} attempts", f"it took {len(call.attempts)}", calls
        )


def assert_fell_back(calls: CallList, from_: str, to: str) -> None:
    """Check that a call that failed at one provider was answered by another.

    Args:
        calls: In which the pair must be found.
        from_: Provider (`openai`) or api (`openai.responses`) that failed.
        to: Provider or api that answered.

    Raises:
        AssertionError: There is no such pair; shows the attempts.
    """
    __tracebackhide__ = True
    pairs = [(call.fell_back_from, call) for call in calls if call.fell_back_from is not None]
    if not any(_is(failed, from_) and _is(call, to) and not call.last.has_failed for failed, call in pairs):
        found = ", ".join(f"{failed.api} -> {call.api}" for failed, call in pairs) or "none"
        raise failed_check(f"expected a fallback from {from_} to {to}", f"the fallbacks were: {found}", calls)


def _is(call: Call, name: str) -> bool:
    return name in (call.provider, call.api)


def _rounded(values: Sequence[float]) -> list[float]:
    return [round(value, 3) for value in values]
