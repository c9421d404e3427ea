"""The story of a test's calls: a table of the attempts, for a failure's text."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from llmreplay.core.attempt import Attempt, Source
from llmreplay.core.call import Call

_HEAD = ("call", "try", "at", "waited", "status", "fault", "what came")
_MOST_ROWS = 40
_MOST_SAID = 60


def table_of(calls: Iterable[Call]) -> str:
    """Draw a table of attempts, one a line: when, after which wait, status, fault, and what came.

    Times are seconds on the test's clock since the first attempt. With more than 40 attempts the middle is left out.
    """
    rows: list[Sequence[str]] = [_HEAD]
    start: float | None = None
    for number, call in enumerate(calls, 1):
        for tried, attempt in enumerate(call.attempts, 1):
            start = attempt.started_s if start is None else start
            rows.append(
                (
                    str(number) if tried == 1 else "",
                    str(tried),
                    f"{attempt.started_s - start:.2f} s",
                    "" if attempt.wait_s is None else f"{attempt.wait_s:.2f} s",
                    str(attempt.status or "-"),
                    ", ".join(attempt.faults),
                    _what_came(call, attempt, tried),
                )
            )
    if len(rows) == 1:
        return "  no calls were made"
    widths = [max(len(row[column]) for row in rows) for column in range(len(_HEAD))]
    lines = [
        "  " + "  ".join(f"{cell:{width}}" for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows
    ]
    if len(lines) > _MOST_ROWS:
        half = _MOST_ROWS // 2
        lines = [*lines[:half], f"  ... {len(lines) - _MOST_ROWS} attempts left out ...", *lines[-half:]]
    return "\n".join(lines)


def _what_came(call: Call, attempt: Attempt, tried: int) -> str:
    name = f"{call.api or attempt.request.url} {call.model or ''}: ".replace(" :", ":") if tried == 1 else ""
    if call.fell_back_from is not None and tried == 1:
        name = f"(fallback from {call.fell_back_from.provider}) {name}"
    if attempt.source is Source.REFUSED:
        return f"{name}refused"
    if attempt.outcome is None:
        return f"{name}under way"
    answer = attempt.answer
    said = answer.error or ", ".join(
        part
        for part in (
            answer.raw_stop_reason or "",
            "" if answer.is_complete else "incomplete",
            f"{answer.usage.output_tokens} out" if answer.usage and answer.usage.output_tokens is not None else "",
            repr(answer.text[:_MOST_SAID]) if answer.text else "",
        )
        if part
    )
    shown = " ".join((said or "answered").split())
    return name + (shown if len(shown) <= 2 * _MOST_SAID else shown[: 2 * _MOST_SAID - 1] + "…")


def failed_check(claim: str, found: str, calls: Iterable[Call]) -> AssertionError:
    """Give the failure of a check: what was claimed, what is so, and the story."""
    return AssertionError(f"{claim}\n  but {found}\n\n{table_of(calls)}")
