"""The table of all faults, mild to severe: their names in text, and parameters worth trying."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import Enum

from llmreplay.core.fault import Fault
from llmreplay.faults.bodies import BadGzip, EmptyBody, HtmlBody, TruncatedJson, WrongContentType
from llmreplay.faults.chunking import Pings, Rechunk
from llmreplay.faults.cuts import CutAfter, ErrorEvent
from llmreplay.faults.events import CorruptEvent, DropEvent, DuplicateEvent, SwapEvents
from llmreplay.faults.latency import Delay, SlowFirstToken, SlowStream, Stall
from llmreplay.faults.missing import MissingTerminalEvent, MissingUsage
from llmreplay.faults.statuses import (
    BadRequest,
    ContextOverflow,
    Overloaded,
    RateLimited,
    ServerError,
    SpendCap,
    Status,
    Unauthorized,
    Unavailable,
)
from llmreplay.faults.transport import (
    ClosedAfterRequest,
    ConnectError,
    ConnectionReset,
    ConnectTimeout,
    ReadTimeout,
)


class Needs(Enum):
    """Which calls a fault can hit."""

    ANY = "any"
    STREAM = "stream"
    WHOLE_BODY = "whole_body"


@dataclass(frozen=True, slots=True, eq=False)
class Entry:
    """A fault and how to speak of it.

    Attributes:
        name: In the text of a scenario, where the class's name will do as well.
        make: The fault's class.
        needs: Which calls it can hit.
        main: The argument that `@` sets in text: `cut@7`; None if it has none.
        status: The status that is another name for it in text; None if there is none.
        samples: Sets of arguments worth trying, mild to severe; each makes a fault.
    """

    name: str
    make: Callable[..., Fault]
    needs: Needs = Needs.ANY
    main: str | None = None
    status: int | None = None
    samples: tuple[Mapping[str, object], ...] = field(default=({},))

    def faults(self) -> tuple[Fault, ...]:
        """Make the faults of the samples, mild to severe."""
        return tuple(self.make(**sample) for sample in self.samples)


def _samples(name: str, *values: object) -> tuple[Mapping[str, object], ...]:
    return tuple({name: value} for value in values)


_ADVICE: tuple[Mapping[str, object], ...] = (
    {"retry_after_s": 1},
    {},
    {"retry_after_s": 0.5},
    {"retry_after_ms": 250},
    {"retry_after_date_s": 30},
    {"retry_after_s": 60},
    {"retry_after_s": 0},
    {"retry_after_date_s": -30},
    {"retry_after_s": -5},
    {"retry_after": "soon"},
    {"retry_after": ""},
    {"retry_after": "nan"},
    {"should_retry": False},
    {"retry_after_s": 86400},
)
_DELAYS = _samples("delay_s", 0.5, 5, 59, 601)
_NUMBERS = _samples("n", 1, 2, 3, 5, 8)
_STREAM = Needs.STREAM

CATALOGUE: tuple[Entry, ...] = (
    Entry("rechunk", Rechunk, _STREAM, "sizes", None, ({"sizes": (64,)}, {"seed": 7}, {"sizes": (1,)})),
    Entry("pings", Pings, _STREAM, "every", None, ({"every": 2}, {}, {"form": "event"})),
    Entry("slow_first_token", SlowFirstToken, _STREAM, "delay_s", None, _DELAYS),
    Entry("slow", SlowStream, _STREAM, "delay_s", None, _DELAYS),
    Entry("delay", Delay, Needs.ANY, "delay_s", None, _DELAYS),
    Entry("no_usage", MissingUsage),
    Entry("rate_limited", RateLimited, Needs.ANY, "retry_after_s", 429, _ADVICE),
    Entry("overloaded", Overloaded, Needs.ANY, "retry_after_s", 529, _ADVICE),
    Entry("unavailable", Unavailable, Needs.ANY, "retry_after_s", 503, _ADVICE),
    Entry("server_error", ServerError, Needs.ANY, "retry_after_s", 500, _ADVICE),
    Entry("connect_error", ConnectError),
    Entry("connect_timeout", ConnectTimeout),
    Entry("reset", ConnectionReset),
    Entry("read_timeout", ReadTimeout),
    Entry("closed", ClosedAfterRequest),
    Entry("stall", Stall, _STREAM, "after", None, _samples("after", 0, 1, 2, 3, 5)),
    Entry("no_terminal", MissingTerminalEvent, _STREAM),
    Entry("duplicate", DuplicateEvent, _STREAM, "n", None, _NUMBERS),
    Entry("swap", SwapEvents, _STREAM, "n", None, _NUMBERS),
    Entry("drop", DropEvent, _STREAM, "n", None, _NUMBERS),
    Entry("error", ErrorEvent, _STREAM, "after", None, _samples("after", 0, 1, 2, 3, 5)),
    Entry(
        "cut",
        CutAfter,
        _STREAM,
        "events",
        None,
        (
            {"events": 1},
            {"events": 3},
            {"events": 0},
            {"events": 2, "inside": "event"},
            {"events": 1, "inside": "character"},
            {"events": 2, "end": "reset"},
            {"events": 2, "end": "clean"},
            {"events": 2, "inside": "event", "end": "clean"},
        ),
    ),
    Entry("corrupt", CorruptEvent, _STREAM, "n", None, (*_NUMBERS, {"n": 2, "damage": "utf8"})),
    Entry("content_type", WrongContentType, Needs.ANY, "content_type"),
    Entry("empty", EmptyBody),
    Entry("truncated_json", TruncatedJson, Needs.WHOLE_BODY),
    Entry("html", HtmlBody, Needs.ANY, "status", None, _samples("status", 502, 200)),
    Entry("bad_gzip", BadGzip),
    Entry("bad_request", BadRequest, Needs.ANY, None, 400, ({}, {"should_retry": True})),
    Entry("unauthorized", Unauthorized, Needs.ANY, None, 401),
    Entry("context_overflow", ContextOverflow),
    Entry("spend_cap", SpendCap),
    Entry("status", Status, Needs.ANY, "code", None, _samples("code", 408, 409, 502, 504, 403, 404, 413)),
)


def entry_named(name: str) -> Entry | None:
    """Find a fault by its name in text or by its class's, however that is written; None if there is none."""
    folded = name.replace("_", "").lower()
    return next((entry for entry in CATALOGUE if name == entry.name or folded == entry.make.__name__.lower()), None)


def entry_of(fault: Fault) -> Entry | None:
    """Find the entry of a fault; None for a fault of the user's own making."""
    return next((entry for entry in CATALOGUE if entry.make is type(fault)), None)


def entry_for_status(code: int) -> Entry | None:
    """Find the fault that a bare status stands for; None if none but `Status` does."""
    return next((entry for entry in CATALOGUE if entry.status == code), None)
