"""Checks on retries: what passes, what fails, and that a failure tells the story."""

from __future__ import annotations

import pytest
from call_doubles import a_call, an_attempt, calls_of

from llmreplay import assertions


def failing(check, calls, *arguments, **named):
    """Give the first two lines of a check's failure; the table must follow."""
    with pytest.raises(AssertionError) as caught:
        check(calls, *arguments, **named)
    claim, found, blank, *table = str(caught.value).splitlines()
    assert (blank, table[0].split()) == ("", ["call", "try", "at", "waited", "status", "fault", "what", "came"])
    return f"{claim} {found.strip()}"


def waited(*waits_s):
    """A call that failed after each of these waits and then was answered."""
    first = an_attempt(500)
    return a_call(first, *(an_attempt(500, wait_s=wait_s) for wait_s in waits_s[:-1]), an_attempt(wait_s=waits_s[-1]))


def asked_to_wait(retry_after, waited_s, *, status=429, name="retry-after", passed_s=None, date=None):
    """A call whose first attempt asked to wait, and whose second came after so many seconds."""
    dated = () if date is None else (("date", date),)
    refused = an_attempt(status, headers=((name, retry_after), *dated), started_s=0, took_s=1)
    return a_call(refused, an_attempt(started_s=1 + (waited_s if passed_s is None else passed_s), wait_s=waited_s))


def test_retried_counts_over_all_calls():
    """Retries are attempts after the first, of all calls together."""
    calls = calls_of((500, 200), (None, 429, 200), (200,))

    assertions.assert_retried(calls)
    assertions.assert_retried(calls, 3, statuses=[500, None, 429])
    calls.assert_retried(times=3)


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        ({}, "expected the calls to be retried at least once but there were 0 retries"),
        ({"times": 1}, "expected the calls to be retried 1 time but there were 0 retries"),
        ({"times": 2}, "expected the calls to be retried 2 times but there were 0 retries"),
        ({"times": 0, "statuses": [500]}, "expected retries of [500] but [] were retried"),
    ],
)
def test_retried_says_how_often_it_was(arguments, expected):
    """The claim and the count stand before the table."""
    assert failing(assertions.assert_retried, calls_of((200,)), **arguments) == expected


def test_not_retried_fails_for_any_retry():
    """One retry of one call is one too many."""
    assertions.assert_not_retried(calls_of((200,), (400,)))

    assert failing(assertions.assert_not_retried, calls_of((200,), (400, 200))) == "expected no retry but there was 1"


def test_waited_compares_all_waits_in_order():
    """Waits of all calls, to the millisecond, in order."""
    calls = calls_of(waited(1, 2), waited(0.5))

    assertions.assert_waited(calls, 1, 2, 0.5)
    assertions.assert_waited(calls, 1.4, 1.6, 0.5, tolerance_s=0.5)
    assert failing(assertions.assert_waited, calls, 1, 2) == (
        "expected waits of [1, 2] s but the waits were [1, 2, 0.5] s"
    )


@pytest.mark.parametrize(
    ("waits_s", "arguments", "is_fine"),
    [
        ((1, 2, 4), {"base_s": 1}, True),
        ((1, 3, 9), {"base_s": 1, "factor": 3}, True),
        ((1, 2, 3, 3), {"base_s": 1, "max_s": 3}, True),
        ((0.8, 1.7), {"base_s": 1, "jitter": 0.25}, True),
        ((0.7, 2), {"base_s": 1, "jitter": 0.25}, False),
        ((1, 2, 4), {"base_s": 1, "max_s": 3}, False),
        ((1, 1), {"base_s": 1}, False),
    ],
)
def test_backoff_follows_base_and_factor(waits_s, arguments, is_fine):
    """Each wait is the one before times the factor, up to the longest, within the jitter."""
    calls = calls_of(waited(*waits_s))

    if is_fine:
        calls.assert_backoff(**arguments)
    else:
        assert failing(assertions.assert_backoff, calls, **arguments).startswith("expected a wait of ")


def test_backoff_begins_anew_with_each_call():
    """Two calls that each waited 1 s and 2 s backed off alike."""
    calls_of(waited(1, 2), waited(1, 2)).assert_backoff(1)


def test_backoff_says_which_wait_was_wrong():
    """The number of the retry, the wait expected and the wait found."""
    assert failing(assertions.assert_backoff, calls_of(waited(1, 5)), 1, jitter=0.1) == (
        "expected a wait of 2 s (±10%) before retry 2 but it was 5.000 s"
    )


def test_backoff_without_a_retry_fails():
    """A check that checked nothing must not pass."""
    assert failing(assertions.assert_backoff, calls_of((200,)), 1) == (
        "expected a backoff from 1 s but nothing was retried"
    )


@pytest.mark.parametrize(
    "call",
    [
        asked_to_wait("7", 7),
        asked_to_wait("7", 9),
        asked_to_wait("0.5", 0.5),
        asked_to_wait("250", 0.25, name="retry-after-ms"),
        asked_to_wait("Sat, 21 Nov 2026 10:00:30 GMT", 30, date="Sat, 21 Nov 2026 10:00:00 GMT"),
        asked_to_wait("7", 0, passed_s=8),
        asked_to_wait("7", 7, status=503),
    ],
    ids=["to the second", "longer", "a fraction", "milliseconds", "a date", "busy with other things", "503"],
)
def test_honoured_means_no_earlier_than_asked(call):
    """Seconds, milliseconds and dates are honoured by waiting that long or longer, in whatever way."""
    calls_of(call).assert_honoured_retry_after()


@pytest.mark.parametrize(
    "call",
    [
        asked_to_wait("7", 0.4),
        asked_to_wait("500", 0.25, name="retry-after-ms"),
        asked_to_wait("Sat, 21 Nov 2026 10:00:30 GMT", 2, date="Sat, 21 Nov 2026 10:00:00 GMT"),
    ],
    ids=["seconds", "milliseconds", "a date"],
)
def test_too_early_is_not_honoured(call):
    """An attempt that comes before the time named is found."""
    assert failing(assertions.assert_honoured_retry_after, calls_of(call)).startswith("expected a wait of ")


@pytest.mark.parametrize("text", ["soon", "", "-5", "0", "nan", "inf"])
def test_a_retry_after_that_says_nothing_leaves_nothing_to_honour(text):
    """Garbage is not honoured and not broken: the check says that it had nothing to check."""
    assert failing(assertions.assert_honoured_retry_after, calls_of(asked_to_wait(text, 0))) == (
        "expected a retry after a response with retry-after but there was none"
    )


def test_gave_up_looks_at_the_last_call():
    """The last call failed in so many attempts; what came before is beside the point."""
    assertions.assert_gave_up_after(calls_of((200,), (500, 529, None)), 3)

    assert failing(assertions.assert_gave_up_after, calls_of((500, 500)), 3) == (
        "expected the call to be given up after 3 attempts but it took 2"
    )
    assert failing(assertions.assert_gave_up_after, calls_of((500, 200)), 2) == (
        "expected the call to be given up after 2 attempts but it was answered"
    )


@pytest.mark.parametrize(("from_", "to"), [("openai", "anthropic"), ("openai.chat", "anthropic.chat")])
def test_fell_back_names_providers_or_apis(from_, to):
    """The failed call and the one that took over, by provider or by api."""
    failed = a_call(an_attempt(500, provider="openai"))
    calls = calls_of(failed, a_call(an_attempt(provider="anthropic"), fell_back_from=failed))

    calls.assert_fell_back(from_, to)


def test_a_fallback_that_failed_too_is_none():
    """The other provider must have answered."""
    failed = a_call(an_attempt(500, provider="openai"))
    calls = calls_of(failed, a_call(an_attempt(500, provider="anthropic"), fell_back_from=failed))

    assert failing(assertions.assert_fell_back, calls, "openai", "anthropic") == (
        "expected a fallback from openai to anthropic but the fallbacks were: openai.chat -> anthropic.chat"
    )
    assert failing(assertions.assert_fell_back, calls_of((200,)), "openai", "anthropic").endswith("were: none")
