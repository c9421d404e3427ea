"""Oracles: what they find in the calls of a test, and what they leave alone."""

from __future__ import annotations

import pytest
from call_doubles import a_stream, an_attempt, calls_of

from llmreplay.core.model import End
from llmreplay.core.oracles import Ending, accepted_truncation, told_secret


def an_ending(attempt, error=None):
    """How a test ended whose only call made one attempt."""
    return Ending(calls=calls_of((attempt,)), error=error)


def test_a_stream_without_its_terminal_event_that_was_read_to_the_end_is_found():
    """The client got the end of a stream that a fault cut short, and the test passed."""
    cut = an_attempt(a_stream(whole=False, stop=None), faults=("CutAfter",))

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
        (a_stream(whole=False, stop=None), (), None),
        (a_stream(whole=False, stop="stop"), ("MissingTerminalEvent",), None),
        (a_stream(end=End.PEER_CLOSED, whole=False, stop=None), ("CutAfter",), None),
        (a_stream(whole=False, stop=None), ("CutAfter",), ValueError("noticed")),
        (200, ("Delay",), None),
    ],
    ids=[
        "client closed",
        "whole",
        "no fault",
        "only the last event lacks",
        "the client got an error",
        "the test failed",
        "no stream",
    ],
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


KEY = "sk-ant-a-key-that-a-request-carried"


def caused(by, *, is_shown=True):
    """An exception that tells nothing, raised because of another."""
    try:
        try:
            raise by
        except type(by):
            if is_shown:
                raise KeyError("nothing told") from by
            raise KeyError("nothing told") from None
    except KeyError as error:
        return error


def in_the_midst_of(other):
    """An exception that tells nothing, raised while another was handled."""
    error = KeyError("nothing told")
    error.__context__ = other
    return error


def noted(error):
    """An exception with a key in a note."""
    error.add_note(f"the key was {KEY}")
    return error


@pytest.mark.parametrize(
    "error",
    [
        ValueError(KEY),
        noted(ValueError("nothing told")),
        caused(ValueError(KEY)),
        in_the_midst_of(ValueError(KEY)),
        ExceptionGroup("nothing told", [KeyError(1), ExceptionGroup("nothing told", [ValueError(KEY)])]),
        caused(ExceptionGroup("nothing told", [caused(ValueError(KEY))])),
    ],
    ids=["itself", "note", "cause", "context", "member", "cause of a member of a cause"],
)
def test_a_key_is_found_in_whatever_a_traceback_shows(error):
    """Texts of causes, contexts, notes and members of groups are printed with the exception's own."""
    problem = told_secret(Ending(calls=calls_of((500,)), error=error, secrets=(KEY,)))

    told = "ValueError tells one"
    assert str(problem).startswith(f"expected no key in the text of an exception\n  but {told}\n")


@pytest.mark.parametrize(
    "error",
    [None, ValueError("nothing told"), caused(ValueError(KEY), is_shown=False)],
    ids=["none", "clean", "hidden"],
)
def test_what_no_traceback_shows_tells_no_key(error):
    """A cause that was cut off with `from None` is not printed."""
    assert told_secret(Ending(calls=calls_of((500,)), error=error, secrets=(KEY,))) is None


def test_an_exception_that_is_its_own_context_is_looked_at_once():
    """A circle of exceptions has an end."""
    one, other = ValueError("nothing told"), KeyError("nothing told")
    one.__context__, other.__context__ = other, one

    assert told_secret(Ending(calls=calls_of((500,)), error=one, secrets=(KEY,))) is None
