"""Faults that make the client wait, on the virtual clock, up to the timeout that the client itself asked for.

Only the seconds that faults add are compared with that timeout: a recording's own rhythm does not pass in replay.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import ClassVar

from llmreplay.core.fault import FaultContext
from llmreplay.core.model import Chunk, End, Failure, Outcome, TransportFailure
from llmreplay.faults.checks import check_seconds
from llmreplay.faults.chunk_edit import first_bytes, split_at
from llmreplay.faults.outcomes import cannot_apply, streamed_response
from llmreplay.faults.places import (
    check_place,
    events_before,
    offset_after,
    stream_of,
    stream_wire,
)

_CONNECTING = (Failure.CONNECT_ERROR, Failure.CONNECT_TIMEOUT)


def _as_the_client_sees(outcome: Outcome, context: FaultContext) -> Outcome:
    """End the outcome where the client's own timeout strikes, if a delay in it is longer."""
    if isinstance(outcome, TransportFailure):
        return _failure_in_time(outcome, context)
    limit = context.read_timeout_s
    if limit is None:
        return outcome
    if outcome.delay_s > limit:
        return TransportFailure(Failure.READ_TIMEOUT, "The read operation timed out", delay_s=limit)
    for index, chunk in enumerate(outcome.chunks):
        if chunk.delay_s > limit:
            return replace(outcome, chunks=outcome.chunks[:index], end=End.READ_TIMEOUT, end_delay_s=limit)
    if outcome.end_delay_s > limit:
        return replace(outcome, end=End.READ_TIMEOUT, end_delay_s=limit)
    return outcome


def _failure_in_time(failure: TransportFailure, context: FaultContext) -> TransportFailure:
    if failure.kind in _CONNECTING:
        limit, kind, text = context.connect_timeout_s, Failure.CONNECT_TIMEOUT, "timed out"
    else:
        limit, kind, text = context.read_timeout_s, Failure.READ_TIMEOUT, "The read operation timed out"
    if limit is None or failure.delay_s <= limit:
        return failure
    return TransportFailure(kind, text, delay_s=limit)


@dataclass(frozen=True, slots=True)
class Delay:
    """Let time pass before the answer begins; also before a failure, which then comes late.

    Attributes:
        delay_s: Seconds. More than the client's read timeout ends in that timeout.
    """

    delay_s: float
    replaces: ClassVar[bool] = False

    def __post_init__(self) -> None:
        check_seconds("Delay", "delay_s", self.delay_s, above_zero=True)

    def apply(self, outcome: Outcome | None, context: FaultContext) -> Outcome:
        """Give the outcome, later.

        Raises:
            FaultCannotApply: There is none.
        """
        if outcome is None:
            raise cannot_apply(self, "there is no answer to change.")
        return _as_the_client_sees(replace(outcome, delay_s=outcome.delay_s + self.delay_s), context)


@dataclass(frozen=True, slots=True)
class SlowFirstToken:
    """Send the headers at once and let time pass before the first byte of the stream.

    Attributes:
        delay_s: Seconds. More than the client's read timeout ends in that timeout.
    """

    delay_s: float
    replaces: ClassVar[bool] = False

    def __post_init__(self) -> None:
        check_seconds("SlowFirstToken", "delay_s", self.delay_s, above_zero=True)

    def apply(self, outcome: Outcome | None, context: FaultContext) -> Outcome:
        """Delay the first chunk.

        Raises:
            FaultCannotApply: The answer is no stream, or an empty one.
        """
        response = streamed_response(self, outcome, context)
        if not response.chunks:
            raise cannot_apply(self, "the stream is empty.")
        head, *others = response.chunks
        late = replace(head, delay_s=head.delay_s + self.delay_s)
        return _as_the_client_sees(replace(response, chunks=(late, *others)), context)


@dataclass(frozen=True, slots=True)
class SlowStream:
    """Let time pass before each event of a stream but the first, also where several arrived together.

    A stream of unknown format is slowed chunk by chunk.

    Attributes:
        delay_s: Seconds between two events. More than the client's read timeout ends in that timeout.
    """

    delay_s: float
    replaces: ClassVar[bool] = False

    def __post_init__(self) -> None:
        check_seconds("SlowStream", "delay_s", self.delay_s, above_zero=True)

    def apply(self, outcome: Outcome | None, context: FaultContext) -> Outcome:
        """Delay every event but the first.

        Raises:
            FaultCannotApply: The answer is no stream, or one of a single event.
        """
        response = streamed_response(self, outcome, context)
        if stream_wire(response, context) is None:
            chunks, starts = response.chunks, _chunk_starts(response.chunks)[1:]
        else:
            stream = stream_of(self, response, context)
            starts = [placed.stop for placed in stream.events[:-1]]
            chunks = split_at(response.chunks, starts)
        if not starts:
            raise cannot_apply(self, "the stream has one event at most, so there is nothing to slow down.")
        late = frozenset(starts)
        slowed = tuple(
            replace(chunk, delay_s=chunk.delay_s + self.delay_s) if start in late else chunk
            for start, chunk in zip(_chunk_starts(chunks), chunks, strict=True)
        )
        return _as_the_client_sees(replace(response, chunks=slowed), context)


def _chunk_starts(chunks: tuple[Chunk, ...]) -> list[int]:
    starts, at = [], 0
    for chunk in chunks:
        starts.append(at)
        at += len(chunk.data)
    return starts


@dataclass(frozen=True, slots=True, kw_only=True)
class Stall:
    """Fall silent in mid-stream: `Stall(after=3)`, `Stall(event="content_block_delta", n=2)`.

    Attributes:
        after: Whole events delivered before the silence.
        event: Name of the event after which it falls; in the place of `after`.
        n: Which event of that name, counted from 1.
        stall_s: Seconds of silence; None, and more than the client's read timeout, end in that timeout.
    """

    after: int | None = None
    event: str | None = None
    n: int = 1
    stall_s: float | None = None
    replaces: ClassVar[bool] = False

    def __post_init__(self) -> None:
        check_place("Stall", "after", self.after, self.event, self.n)
        if self.stall_s is not None:
            check_seconds("Stall", "stall_s", self.stall_s, above_zero=True)

    def apply(self, outcome: Outcome | None, context: FaultContext) -> Outcome:
        """Put the silence in.

        Raises:
            FaultCannotApply: The answer is no stream, too short a one, or the client would wait for ever.
        """
        stream = stream_of(self, outcome, context)
        at = offset_after(stream, events_before(self, stream, self.after, self.event, self.n))
        response = stream.response
        if self.stall_s is None:
            if context.read_timeout_s is None:
                raise cannot_apply(
                    self,
                    "the client set no read timeout and would wait for ever. Give it one, or say how long the "
                    "silence lasts: stall_s=30.",
                )
            heard = first_bytes(response.chunks, at)
            return replace(response, chunks=heard, end=End.READ_TIMEOUT, end_delay_s=context.read_timeout_s)
        chunks = split_at(response.chunks, [at])
        starts = _chunk_starts(chunks)
        if at not in starts:
            late = replace(response, end_delay_s=response.end_delay_s + self.stall_s)
            return _as_the_client_sees(late, context)
        index = starts.index(at)
        silent = replace(chunks[index], delay_s=chunks[index].delay_s + self.stall_s)
        return _as_the_client_sees(replace(response, chunks=(*chunks[:index], silent, *chunks[index + 1 :])), context)
