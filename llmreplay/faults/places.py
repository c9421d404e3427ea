"""Events of a streamed response and how a fault names one: by number, or by name and number."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import dataclass

from llmreplay.core.errors import SettingError
from llmreplay.core.fault import FaultContext
from llmreplay.core.model import Outcome, Response, header
from llmreplay.core.streams import Event, Wire, events_of, wire_of
from llmreplay.faults.checks import check_count
from llmreplay.faults.outcomes import cannot_apply, streamed_response

DONE = "[DONE]"
_LISTED_NAMES = 12


@dataclass(frozen=True, slots=True)
class PlacedEvent:
    """An event and where it stands.

    Attributes:
        event: As decoded.
        start: Offset of its first byte in the body.
        stop: Offset after its last byte.
    """

    event: Event
    start: int
    stop: int

    @property
    def name(self) -> str | None:
        """What a fault may call it: its name on the wire, else `type` in its JSON, else `[DONE]`; None if unnamed."""
        if self.event.name is not None:
            return self.event.name
        if self.event.data.strip() == DONE:
            return DONE
        try:
            decoded = json.loads(self.event.data)
        except ValueError:
            return None
        kind = decoded.get("type") if isinstance(decoded, dict) else None
        return kind if isinstance(kind, str) else None


@dataclass(frozen=True, slots=True)
class Stream:
    """A streamed response, its events placed.

    Attributes:
        response: Whose body it is.
        wire: How it is cut into events.
        events: In order; comments and blank lines, which clients pass over, are not among them.
        rest: Bytes after the last whole event.
    """

    response: Response
    wire: Wire
    events: tuple[PlacedEvent, ...]
    rest: bytes

    def names(self) -> str:
        """List the names of the events with their counts, for an error."""
        counts = Counter(placed.name or "(unnamed)" for placed in self.events)
        listed = [f"{name} x{count}" if count > 1 else name for name, count in counts.most_common(_LISTED_NAMES)]
        more = ["..."] if len(counts) > _LISTED_NAMES else []
        return ", ".join(listed + more) or "none"


def stream_wire(response: Response, context: FaultContext) -> Wire | None:
    """Tell how a body is cut into events: by its content type, else as the api says; None if neither knows."""
    return wire_of(header(response.headers, "content-type")) or (context.api.wire if context.api else None)


def stream_of(fault: object, outcome: Outcome | None, context: FaultContext) -> Stream:
    """Decode the streamed answer that a fault is to change.

    Raises:
        FaultCannotApply: No stream was asked for or came, or its format is not known.
    """
    response = streamed_response(fault, outcome, context)
    wire = stream_wire(response, context)
    if wire is None:
        kind = header(response.headers, "content-type")
        raise cannot_apply(fault, f"how to cut a stream of content type {kind!r} into events is not known.")
    events, rest = events_of(wire, (chunk.data for chunk in response.chunks))
    placed: list[PlacedEvent] = []
    at = 0
    for event in events:
        if event.data or event.name:
            placed.append(PlacedEvent(event, at, at + len(event.raw)))
        at += len(event.raw)
    return Stream(response, wire, tuple(placed), rest)


def check_place(owner: str, counted: str, count: int | None, event: str | None, n: int) -> None:
    """Accept one way of saying after which event: a count of all, or the `n`-th of a name.

    Raises:
        SettingError: Both, neither, or a number that cannot be.
    """
    if (count is None) == (event is None):
        raise SettingError(
            f"{owner}({counted}={count!r}, event={event!r}): say where, in one of two ways: "
            f'{owner}({counted}=3), or {owner}(event="content_block_delta", n=2).'
        )
    if count is not None:
        check_count(owner, counted, count, at_least=0)
        if n != 1:
            raise SettingError(f"{owner}(n={n!r}): n counts events of one name; give event= with it.")
    check_name(owner, event)
    check_count(owner, "n", n, at_least=1)


def check_name(owner: str, event: object) -> None:
    """Accept the name of an event, or None.

    Raises:
        SettingError: Anything else.
    """
    if event is not None and (not isinstance(event, str) or not event):
        raise SettingError(f"{owner}(event={event!r}): event must be the name of an event, as text.")


def events_before(fault: object, stream: Stream, count: int | None, event: str | None, n: int) -> int:
    """Tell how many events come before the place `check_place` accepted: `count`, or up to the `n`-th of a name.

    Raises:
        FaultCannotApply: The stream is too short.
    """
    if count is None:
        return index_of(fault, stream, event, n) + 1
    if count > len(stream.events):
        raise cannot_apply(fault, f"the stream has {len(stream.events)} events ({stream.names()}).")
    return count


def index_of(fault: object, stream: Stream, event: str | None, n: int) -> int:
    """Find the `n`-th event, counted from 1, of this name (of all, for None); its index from 0.

    Raises:
        FaultCannotApply: There is none.
    """
    found = [index for index, placed in enumerate(stream.events) if event is None or placed.name == event]
    if n > len(found):
        wanted = f"no event number {n}" if event is None else f"no event number {n} of name {event!r}"
        raise cannot_apply(fault, f"the stream has {wanted}: it has {len(stream.events)} events ({stream.names()}).")
    return found[n - 1]


def offset_after(stream: Stream, count: int) -> int:
    """Give the offset in the body after the first `count` events; comments between them belong to the later."""
    return stream.events[count - 1].stop if count else 0
