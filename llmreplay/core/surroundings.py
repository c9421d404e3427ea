"""What a recorder needs from outside the core: it is given, so that the core stays pure."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from llmreplay.core.calls import Call
from llmreplay.core.errors import Difference, Refusal
from llmreplay.core.model import Interaction, Outcome, Request, Response
from llmreplay.core.price import Price
from llmreplay.core.remedy import Remedy


class Redaction(Protocol):
    """What the recorder needs of a redactor."""

    @property
    def known(self) -> int:
        """How many secrets it hunts; what it gave before it knew more is to be redacted anew."""
        ...

    def learn_from_request(self, request: Request) -> object:
        """Remember the secrets of a request's headers and URL, to hunt them everywhere."""
        ...

    def learn_from_body(self, request: Request) -> object:
        """Remember the secrets of a request's body, which `request` does by itself."""
        ...

    def learn_from_response(self, response: Response) -> object:
        """Remember the secrets of a response."""
        ...

    def request(self, request: Request) -> Request:
        """Give the request as it may be written."""
        ...

    def outcome(self, outcome: Outcome) -> Outcome:
        """Give the outcome as it may be written."""
        ...

    def text(self, text: str) -> str:
        """Give a text as it may be shown."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Surroundings:
    """What a recorder needs from outside the core.

    Attributes:
        now: Seconds on the test's clock.
        time: Unix seconds, virtual waits included.
        utc_now: The time of day, `2026-11-21T09:14:03Z`.
        explain: Differences between a recorded and a sent request.
        as_raised: Turns a refusal into the exception that the test runner understands.
        price_of: US dollars of a call's tokens, or why they are unknown.
        keep: Called with every recorded interaction as soon as it is finished.
        rewrite: Called with all of them, redacted anew, when a secret was learnt after some were kept.
        remedy: What to type where something is refused.
    """

    now: Callable[[], float]
    time: Callable[[], float]
    utc_now: Callable[[], str]
    explain: Callable[[Request, Request], Sequence[Difference]]
    as_raised: Callable[[Refusal], BaseException] = lambda refusal: refusal
    price_of: Callable[[Call], Price] = lambda call: Price()
    keep: Callable[[Interaction], None] = lambda interaction: None
    rewrite: Callable[[Sequence[Interaction]], None] = lambda interactions: None
    remedy: Remedy = field(default_factory=Remedy)


@dataclass(frozen=True, slots=True, kw_only=True)
class Timeouts:
    """How long a client waits, in seconds; None for ever."""

    connect_s: float | None = None
    read_s: float | None = None


NO_TIMEOUTS = Timeouts()
