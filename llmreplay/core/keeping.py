"""What becomes of a recording: which interactions replace the cassette, and why not where they do not."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from llmreplay.core.cassette import Stored
from llmreplay.core.model import End, Interaction, Response
from llmreplay.core.settings import Mode


@dataclass(frozen=True, slots=True)
class Keeping:
    """The verdict on a recording.

    Attributes:
        cassette: What the cassette is to hold; None to leave it as it is.
        aside: What is to be kept beside it, marked as partial; empty for nothing.
        reason: Why the cassette is left as it is, and how to force it; empty if it is not.
    """

    cassette: tuple[Stored, ...] | None = None
    aside: tuple[Stored, ...] = ()
    reason: str = ""


def keeping(
    mode: Mode,
    standing: Sequence[Stored] | None,
    recorded: Sequence[Interaction],
    *,
    passed: bool,
    accept: bool = False,
) -> Keeping:
    """Decide what becomes of a recording.

    Args:
        mode: In which it was made.
        standing: What the cassette holds now; None if there is none.
        recorded: What was recorded, in order.
        passed: Whether the test passed and was not interrupted.
        accept: Whether the user said that the recording replaces the cassette whatever it holds.
    """
    if not recorded:
        return Keeping()
    new = tuple(recorded)
    if not passed and not accept:
        return Keeping(aside=new, reason="the test did not pass")
    if mode is not Mode.REWRITE or standing is None:
        return Keeping(cassette=(*(standing or ()), *new))
    if _is_worse(new, standing) and not accept:
        return Keeping(aside=new, reason="it brought errors where answers stood")
    return Keeping(cassette=new)


def _is_worse(new: Sequence[Stored], standing: Sequence[Stored]) -> bool:
    errors, errors_before = sum(map(_is_error, new)), sum(map(_is_error, standing))
    # An error that was there before, as of a retry, excuses none that stands for an answer.
    has_fewer_answers = len(new) - errors < len(standing) - errors_before
    return errors > errors_before or (errors > 0 and has_fewer_answers)


def _is_error(stored: Stored) -> bool:
    outcome = stored.outcome
    return not isinstance(outcome, Response) or outcome.status >= 400 or outcome.end is not End.COMPLETE
