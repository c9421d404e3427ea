"""The report on retries."""

from __future__ import annotations

import pytest
from call_doubles import a_call, a_stream, an_attempt, calls_of

from llmreplay.core.model import End
from llmreplay.core.retry_report import RetryReport


def test_it_counts_calls_attempts_waits_and_errors_by_kind():
    """Answered calls, attempts for each answer, all waits, and every failed attempt by its kind."""
    cut = an_attempt(a_stream(end=End.PEER_CLOSED, whole=False))
    calls = calls_of(
        (200,),
        (an_attempt(529), an_attempt(529, wait_s=1.0), an_attempt(wait_s=2.0)),
        (cut, an_attempt(None, wait_s=0.5)),
        (a_call(an_attempt(a_stream(whole=False)))),
    )

    report = calls.retry_report()

    assert report == RetryReport(
        calls=4,
        answered=2,
        attempts=7,
        attempts_per_answer=2.0,
        waits_s=(1.0, 2.0, 0.5),
        errors={"529": 2, "peer_closed": 1, "connect_error": 1, "cut short": 1},
    )
    assert report.success_rate == 0.5


def test_it_reads_as_one_line():
    """What a log or a failure text can show."""
    calls = calls_of((an_attempt(529), an_attempt(wait_s=7.0)))

    assert str(calls.retry_report()) == (
        "calls 1, answered 1 (100%), attempts 2 (2.00 per answer), waited 7.00 s, errors: 1 x 529"
    )


@pytest.mark.parametrize(
    ("calls", "expected"),
    [
        (calls_of(), "no calls"),
        (calls_of((500,)), "calls 1, answered 0 (0%), attempts 1 (- per answer), waited 0.00 s, errors: 1 x 500"),
    ],
    ids=["no calls", "none answered"],
)
def test_it_says_what_cannot_be_said(calls, expected):
    """Without calls there is no rate, without answers no mean."""
    report = calls.retry_report()

    assert str(report) == expected
    assert report.attempts_per_answer is None
