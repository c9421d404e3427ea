"""Faults that lose, repeat, swap or damage one event of a stream that goes on."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from llmreplay.core.aws_frames import first_frame
from llmreplay.core.fault import FaultContext
from llmreplay.core.model import Outcome
from llmreplay.core.streams import Wire, aws_frame
from llmreplay.faults.checks import check_choice, check_count
from llmreplay.faults.chunk_edit import insert_bytes, replace_bytes
from llmreplay.faults.outcomes import cannot_apply, with_chunks
from llmreplay.faults.places import PlacedEvent, check_name, index_of, stream_of

DAMAGES = ("json", "utf8")
_NO_UTF8 = b"\xff"


@dataclass(frozen=True, slots=True, kw_only=True)
class DropEvent:
    """Lose one event: `DropEvent(n=3)`, `DropEvent(event="message_delta")`.

    Attributes:
        n: Which event, counted from 1.
        event: Count only events of this name.
    """

    n: int = 1
    event: str | None = None
    replaces: ClassVar[bool] = False

    def __post_init__(self) -> None:
        check_count("DropEvent", "n", self.n, at_least=1)
        check_name("DropEvent", self.event)

    def apply(self, outcome: Outcome | None, context: FaultContext) -> Outcome:
        """Take the event out.

        Raises:
            FaultCannotApply: The answer is no stream, or has no such event.
        """
        stream = stream_of(self, outcome, context)
        lost = stream.events[index_of(self, stream, self.event, self.n)]
        return with_chunks(stream.response, replace_bytes(stream.response.chunks, lost.start, lost.stop, b""))


@dataclass(frozen=True, slots=True, kw_only=True)
class DuplicateEvent:
    """Deliver one event twice in a row: `DuplicateEvent(n=3)`, `DuplicateEvent(event="content_block_delta")`.

    Attributes:
        n: Which event, counted from 1.
        event: Count only events of this name.
    """

    n: int = 1
    event: str | None = None
    replaces: ClassVar[bool] = False

    def __post_init__(self) -> None:
        check_count("DuplicateEvent", "n", self.n, at_least=1)
        check_name("DuplicateEvent", self.event)

    def apply(self, outcome: Outcome | None, context: FaultContext) -> Outcome:
        """Put the event in again, behind itself.

        Raises:
            FaultCannotApply: The answer is no stream, or has no such event.
        """
        stream = stream_of(self, outcome, context)
        twice = stream.events[index_of(self, stream, self.event, self.n)]
        return with_chunks(stream.response, insert_bytes(stream.response.chunks, [twice.stop], twice.event.raw))


@dataclass(frozen=True, slots=True, kw_only=True)
class SwapEvents:
    """Deliver one event after the one that follows it: `SwapEvents(n=3)` exchanges the third and the fourth.

    Attributes:
        n: Which event, counted from 1.
        event: Count only events of this name; the event that follows may have any.
    """

    n: int = 1
    event: str | None = None
    replaces: ClassVar[bool] = False

    def __post_init__(self) -> None:
        check_count("SwapEvents", "n", self.n, at_least=1)
        check_name("SwapEvents", self.event)

    def apply(self, outcome: Outcome | None, context: FaultContext) -> Outcome:
        """Exchange the two events.

        Raises:
            FaultCannotApply: The answer is no stream, has no such event, or none after it, or both are equal.
        """
        stream = stream_of(self, outcome, context)
        index = index_of(self, stream, self.event, self.n)
        if index + 1 == len(stream.events):
            raise cannot_apply(self, f"event number {index + 1} is the last, so no event follows to swap it with.")
        early, late = stream.events[index], stream.events[index + 1]
        if early.event.raw == late.event.raw:
            raise cannot_apply(
                self, f"events number {index + 1} and {index + 2} are equal, so swapping changes nothing."
            )
        chunks = replace_bytes(stream.response.chunks, late.start, late.stop, early.event.raw)
        return with_chunks(stream.response, replace_bytes(chunks, early.start, early.stop, late.event.raw))


@dataclass(frozen=True, slots=True, kw_only=True)
class CorruptEvent:
    """Damage one event: `CorruptEvent(n=3)`, `CorruptEvent(event="message_delta", damage="utf8")`.

    Attributes:
        n: Which event, counted from 1.
        event: Count only events of this name.
        damage: `"json"` blanks the last character of its payload, so that it is no JSON any more; `"utf8"` puts
            a byte into its middle that no UTF-8 text holds. An AWS frame is framed anew, with a right CRC.
    """

    n: int = 1
    event: str | None = None
    damage: str = "json"
    replaces: ClassVar[bool] = False

    def __post_init__(self) -> None:
        check_count("CorruptEvent", "n", self.n, at_least=1)
        check_name("CorruptEvent", self.event)
        check_choice("CorruptEvent", "damage", self.damage, DAMAGES)

    def apply(self, outcome: Outcome | None, context: FaultContext) -> Outcome:
        """Damage the event.

        Raises:
            FaultCannotApply: The answer is no stream, has no such event, or an empty one.
        """
        stream = stream_of(self, outcome, context)
        target = stream.events[index_of(self, stream, self.event, self.n)]
        damaged = self._damaged(target, stream.wire)
        return with_chunks(stream.response, replace_bytes(stream.response.chunks, target.start, target.stop, damaged))

    def _damaged(self, target: PlacedEvent, wire: Wire) -> bytes:
        raw = target.event.raw
        frame = first_frame(raw) if wire is Wire.AWS else None
        if frame is not None:
            if not frame.payload:
                raise cannot_apply(self, "the event carries no payload.")
            return aws_frame(frame.headers, self._damaged_text(frame.payload))
        line = target.event.data.rpartition("\n")[2].strip()
        payload = line.encode()
        start = raw.rfind(payload) if payload else -1
        if start < 0:
            raise cannot_apply(self, "the event carries no text that can be damaged.")
        return raw[:start] + self._damaged_text(payload) + raw[start + len(payload) :]

    def _damaged_text(self, text: bytes) -> bytes:
        if self.damage == "json":
            return text.rstrip()[:-1] + b" "
        middle = len(text) // 2
        return text[:middle] + _NO_UTF8 + text[middle + 1 :]
