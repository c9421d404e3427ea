"""The shapes of faults and schedules; the faults themselves stand in `llmreplay/faults/`."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

from llmreplay.core.api import Api
from llmreplay.core.model import Outcome, Request


@dataclass(frozen=True, slots=True, kw_only=True)
class FaultContext:
    """What a fault may know about the attempt it hits.

    Attributes:
        api: The row of the request's endpoint; None if no row describes it.
        request: As sent.
        is_streamed: Whether the request asks for a stream.
        read_timeout_s: How long the client said it waits for bytes; None for ever.
        connect_timeout_s: How long the client said it waits for a connection; None for ever.
        occurrence: 1 for the first attempt that the fault's schedule looked at, and so on.
        seed: Of this run; the same seed gives the same bytes.
        now: Unix seconds on the recorder's clock; for faults that name a date.
    """

    api: Api | None
    request: Request
    is_streamed: bool = False
    read_timeout_s: float | None = None
    connect_timeout_s: float | None = None
    occurrence: int = 1
    seed: int = 0
    now: float = 0.0


class FaultCannotApply(Exception):
    """Raised by a fault for an outcome it cannot change, with the reason; fails the test at its end."""


@runtime_checkable
class Fault(Protocol):
    """A deliberate change to an outcome: a frozen value with one pure method."""

    @property
    def replaces(self) -> bool:
        """Whether it takes the answer's place without looking at it, so that nothing need be sent."""
        ...

    def apply(self, outcome: Outcome | None, context: FaultContext) -> Outcome:
        """Give the outcome that the client is to see; `outcome` is None only if `replaces`."""
        ...


@runtime_checkable
class Schedule(Protocol):
    """Which attempts a fault hits."""

    @property
    def when(self) -> Callable[[Request, Api | None], bool] | None:
        """Selects the attempts that count; None for all."""
        ...

    @property
    def is_keyed(self) -> bool:
        """Whether it looks at the key; if not, none may be made for it."""
        ...

    def hits(self, occurrence: int, key: str) -> bool:
        """Say whether the `occurrence`-th attempt (from 1) that `when` selects is hit.

        `key` names the attempt independently of order: test id, fingerprint and its own occurrence.
        """
        ...


@dataclass(frozen=True, slots=True)
class Injection:
    """A fault with its schedule."""

    fault: Fault
    schedule: Schedule


@dataclass(frozen=True, slots=True)
class Scenario:
    """Faults with their schedules, applied in order."""

    injections: tuple[Injection, ...] = ()
