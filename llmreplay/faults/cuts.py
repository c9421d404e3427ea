"""Faults that end a stream early: cut off, or by an error event after a 200."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from llmreplay.core.errors import SettingError
from llmreplay.core.fault import FaultContext
from llmreplay.core.model import Chunk, End, Outcome
from llmreplay.faults.checks import check_choice, check_count
from llmreplay.faults.chunk_edit import first_bytes
from llmreplay.faults.error_answers import error_event
from llmreplay.faults.outcomes import cannot_apply, with_chunks
from llmreplay.faults.places import Stream, check_place, events_before, offset_after, stream_of

ENDS = {"dropped": End.PEER_CLOSED, "reset": End.RESET, "clean": End.COMPLETE}
INSIDES = ("event", "character")


@dataclass(frozen=True, slots=True, kw_only=True)
class CutAfter:
    """End a stream early: `CutAfter(events=7)`, `CutAfter(event="content_block_delta", n=7)`.

    Attributes:
        events: Whole events delivered before the cut; 0 cuts right after the headers.
        event: Name of the last event delivered; in the place of `events`.
        n: Which event of that name, counted from 1.
        inside: None cuts there; `"event"` in the middle of the next event; `"character"` inside the next
            character that UTF-8 writes with several bytes.
        end: How the body ends: `"dropped"`, the connection closes before the body is whole; `"reset"`;
            `"clean"`, as if that were all, which most SDKs do not notice.
    """

    events: int | None = None
    event: str | None = None
    n: int = 1
    inside: str | None = None
    end: str = "dropped"
    replaces: ClassVar[bool] = False

    def __post_init__(self) -> None:
        check_place("CutAfter", "events", self.events, self.event, self.n)
        check_choice("CutAfter", "inside", self.inside, (None, *INSIDES))
        check_choice("CutAfter", "end", self.end, ENDS)

    def apply(self, outcome: Outcome | None, context: FaultContext) -> Outcome:
        """Cut the stream.

        Raises:
            FaultCannotApply: The answer is no stream, or it ends before the place, or nothing would be lost.
        """
        stream = stream_of(self, outcome, context)
        delivered = events_before(self, stream, self.events, self.event, self.n)
        at = self._offset(stream, delivered)
        end = ENDS[self.end]
        if end is End.COMPLETE and at >= len(stream.response.body):
            raise cannot_apply(self, f"a clean end after all {delivered} events changes nothing.")
        return with_chunks(stream.response, first_bytes(stream.response.chunks, at), end=end)

    def _offset(self, stream: Stream, delivered: int) -> int:
        if self.inside is None:
            return offset_after(stream, delivered)
        if self.inside == "character":
            return self._offset_in_character(stream, delivered)
        if delivered < len(stream.events):
            cut = stream.events[delivered]
            return cut.start + len(cut.event.raw) // 2
        if len(stream.rest) > 1:
            return len(stream.response.body) - len(stream.rest) // 2
        raise cannot_apply(self, f"no event follows the {delivered} delivered ones, so none can be cut in two.")

    def _offset_in_character(self, stream: Stream, delivered: int) -> int:
        for placed in stream.events[delivered:]:
            character = next((char for char in placed.event.data if not char.isascii()), None)
            # A replacement character may stand for bytes that are no UTF-8, and then is not to be found.
            found = placed.event.raw.find(character.encode("utf-8", "replace")) if character else -1
            if found >= 0:
                return placed.start + found + 1
        raise cannot_apply(
            self, f"after event {delivered} no character takes several bytes: they are ASCII or escaped (\\u00e9)."
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class ErrorEvent:
    """Report an error in mid-stream, after the 200: `ErrorEvent(after=3)`; the stream ends with it.

    Attributes:
        after: Whole events delivered before the error.
        event: Name of the last event before it; in the place of `after`.
        n: Which event of that name, counted from 1.
        status: What goes wrong, as a status: 529 overloaded, 500, 429. The provider's own words follow from it.
    """

    after: int | None = None
    event: str | None = None
    n: int = 1
    status: int = 529
    replaces: ClassVar[bool] = False

    def __post_init__(self) -> None:
        check_place("ErrorEvent", "after", self.after, self.event, self.n)
        check_count("ErrorEvent", "status", self.status, at_least=400)
        if self.status > 599:
            raise SettingError(f"ErrorEvent(status={self.status}): a status of an error is 400 to 599.")

    def apply(self, outcome: Outcome | None, context: FaultContext) -> Outcome:
        """Put the provider's error event in the place of what follows.

        Raises:
            FaultCannotApply: The answer is no stream, or it ends before the place.
        """
        stream = stream_of(self, outcome, context)
        at = offset_after(stream, events_before(self, stream, self.after, self.event, self.n))
        error = Chunk(error_event(self.status, stream.wire, context))
        return with_chunks(stream.response, (*first_bytes(stream.response.chunks, at), error), end=End.COMPLETE)
