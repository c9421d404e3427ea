"""The table of attempts: what a failing test shows of its calls."""

from __future__ import annotations

from call_doubles import a_call, a_stream, an_attempt, calls_of

from llmreplay.core.attempt import Source
from llmreplay.core.model import End
from llmreplay.core.story import failed_check, table_of


def the_story():
    """Two failures, a fallback, and a stream that was cut."""
    failed = a_call(
        an_attempt(429, started_s=10.0, provider="openai", faults=("RateLimited",)),
        an_attempt(None, started_s=40.0, wait_s=30.0, provider="openai", faults=("Delay", "ConnectError")),
    )
    answered = a_call(
        an_attempt(started_s=41.0, provider="anthropic", model="m-1", usage={"output_tokens": 7}),
        fell_back_from=failed,
    )
    cut = a_call(an_attempt(a_stream(end=End.PEER_CLOSED, whole=False, stop=""), started_s=42.0))
    return calls_of(failed, answered, cut)


def test_the_table_tells_when_what_and_after_which_wait():
    """Each attempt is a line: call, try, seconds since the first, wait, status, faults, and what came."""
    assert the_story().table().splitlines() == [
        "  call  try  at       waited   status  fault                what came",
        "  1     1    0.00 s            429     RateLimited          openai.chat: 429 busy: try later",
        "        2    30.00 s  30.00 s  -       Delay, ConnectError  connect_error: refused",
        (
            "  2     1    31.00 s           200                          "
            "(fallback from openai) anthropic.chat m-1: stop, 7 out, 'hello'"
        ),
        "  3     1    32.00 s           200                          example.chat: peer_closed",
    ]


def test_without_calls_it_says_so():
    """An empty table would look like a mistake."""
    assert table_of([]) == "  no calls were made"


def test_a_long_story_loses_its_middle():
    """Forty lines are shown, the first and the last, and how many are missing."""
    lines = table_of([a_call(*[500] * 100)]).splitlines()

    assert len(lines) == 41
    assert lines[20] == "  ... 61 attempts left out ..."
    assert lines[-1].split()[0] == "100"


def test_what_is_refused_or_under_way_is_named():
    """An attempt without an outcome says why it has none."""
    refused = an_attempt(source=Source.REFUSED)
    under_way = an_attempt()
    refused.outcome = under_way.outcome = None

    first, second = table_of([a_call(refused), a_call(under_way)]).splitlines()[1:]

    assert first.endswith("example.chat: refused")
    assert second.endswith("example.chat: under way")


def test_what_was_said_is_shortened_to_one_line():
    """A long answer of many lines is cut, and stays on its line."""
    (line,) = table_of([a_call(an_attempt(text="word \n" * 100))]).splitlines()[1:]

    assert len(line) < 200


def test_a_failed_check_puts_facts_before_the_story():
    """The claim, what is so instead, then the table."""
    calls = the_story()

    assert str(failed_check("expected one thing", "it is another", calls)) == (
        f"expected one thing\n  but it is another\n\n{calls.table()}"
    )
