"""Oracles: what they find in the calls of a test, and what they leave alone."""

from __future__ import annotations

import pytest
from call_doubles import a_stream, an_attempt, calls_of

from llmreplay.core.model import End
from llmreplay.core.oracles import Ending, accepted_truncation


def an_ending(attempt, error=None):
    """How a test ended whose only call made one attempt."""
    return Ending(calls=calls_of((attempt,)), error=error)


def test_a_stream_without_its_terminal_event_that_was_read_to_the_end_is_found():
    """The client got the end of a stream that a fault cut short, and the test passed."""
    cut = an_attempt(a_stream(whole=False), faults=("MissingTerminalEvent",))

    problem = accepted_truncation(an_ending(cut))

    assert str(problem).startswith(
        "expected an answer that is cut short to be noticed\n"
        "  but call 1 ended without its terminal event, and the test passed\n"
    )


@pytest.mark.parametrize(
    ("outcome", "faults", "error"),
    [
        (a_stream(end=End.CLIENT_CLOSED, whole=False), ("Rechunk",), None),
        (a_stream(whole=True), ("Rechunk",), None),
        (a_stream(whole=False), (), None),
        (a_stream(end=End.PEER_CLOSED, whole=False), ("CutAfter",), None),
        (a_stream(whole=False), ("CutAfter",), ValueError("noticed")),
        (200, ("Delay",), None),
    ],
    ids=["client closed", "whole", "no fault", "the client got an error", "the test failed", "no stream"],
)
def test_what_the_application_did_not_take_for_whole_is_no_truncation(outcome, faults, error):
    """A client that wants no more of a stream has accepted nothing, and an error is there to be noticed."""
    attempt = an_attempt(outcome, faults=faults)

    assert accepted_truncation(an_ending(attempt, error)) is None


def test_a_stream_that_is_still_read_is_no_truncation():
    """What nobody has read to the end yet has no end to be noticed."""
    attempt = an_attempt(a_stream(whole=False), faults=("CutAfter",))
    attempt.ended_s = None

    assert accepted_truncation(an_ending(attempt)) is None
