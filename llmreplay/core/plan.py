"""Plans: what the recorder tells an interceptor to do with a request."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeAlias

from llmreplay.core.attempt import Attempt
from llmreplay.core.model import Outcome


@dataclass(frozen=True, slots=True)
class Answered:
    """Give the client this outcome; nothing is sent.

    Attributes:
        outcome: Its chunks to yield, or its failure to raise.
        attempt: Where to report what the client took; None for traffic that is not logged.
        speed: Factor on the recorded delays; 0 for none.
    """

    outcome: Outcome
    attempt: Attempt | None = None
    speed: float = 0.0


@dataclass(frozen=True, slots=True)
class Send:
    """Send the request, pass every chunk on as it comes, and report what came.

    Attributes:
        attempt: Where to report.
        url: Where to send instead of the request's own address; None for there.
        change: Given, the response is read to its end and recorded, and the client gets what this makes of it.
    """

    attempt: Attempt
    url: str | None = None
    change: Callable[[Outcome], Answered] | None = None


@dataclass(frozen=True, slots=True)
class PassThrough:
    """Send the request as if nobody were listening."""


Plan: TypeAlias = Answered | Send | PassThrough
PASS_THROUGH = PassThrough()
