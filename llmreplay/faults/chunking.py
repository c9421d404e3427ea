"""Faults that leave every event as it was and change how the bytes arrive, or what stands between events."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from hashlib import sha256
from itertools import cycle
from typing import ClassVar

from llmreplay.core.errors import SettingError
from llmreplay.core.fault import FaultContext
from llmreplay.core.model import Outcome
from llmreplay.core.streams import Wire, sse_event
from llmreplay.faults.checks import check_choice, check_count, check_header_text
from llmreplay.faults.chunk_edit import insert_bytes, rechunked
from llmreplay.faults.outcomes import cannot_apply, streamed_response, with_chunks
from llmreplay.faults.places import stream_of

PING_FORMS = ("comment", "event")
_LARGEST_SEEDED_CHUNK = 64


def _seeded_sizes(seed: int) -> Iterator[int]:
    """Give sizes from 1 to 64 that depend on the seed alone: the same in every process and Python."""
    block = 0
    while True:
        for byte in sha256(f"{seed}:{block}".encode()).digest():
            yield byte % _LARGEST_SEEDED_CHUNK + 1
        block += 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Rechunk:
    """Cut the same bytes into other chunks: `Rechunk(sizes=(1,))` byte by byte, `Rechunk(seed=7)` at random.

    Attributes:
        sizes: Bytes of the chunks, over and over; a single number will do.
        seed: In the place of `sizes`: sizes from 1 to 64 that depend on it.
    """

    sizes: tuple[int, ...] = ()
    seed: int | None = None
    replaces: ClassVar[bool] = False

    def __post_init__(self) -> None:
        if isinstance(self.sizes, int):
            object.__setattr__(self, "sizes", (self.sizes,))
        if bool(self.sizes) == (self.seed is not None):
            raise SettingError(
                f"Rechunk(sizes={self.sizes!r}, seed={self.seed!r}): say how, in one of two ways: "
                "Rechunk(sizes=(1, 5)), or Rechunk(seed=7)."
            )
        if self.seed is not None:
            check_count("Rechunk", "seed", self.seed, at_least=0)
        if not isinstance(self.sizes, (tuple, list)):
            raise SettingError(f"Rechunk(sizes={self.sizes!r}): sizes must be a tuple of numbers of bytes.")
        object.__setattr__(self, "sizes", tuple(self.sizes))
        for size in self.sizes:
            check_count("Rechunk", "sizes", size, at_least=1)

    def apply(self, outcome: Outcome | None, context: FaultContext) -> Outcome:
        """Cut the stream anew; every byte keeps its time of arrival or comes with the rest of its chunk.

        Raises:
            FaultCannotApply: The answer is no stream, or an empty one.
        """
        response = streamed_response(self, outcome, context)
        if not response.chunks:
            raise cannot_apply(self, "the stream is empty.")
        sizes = cycle(self.sizes) if self.seed is None else _seeded_sizes(self.seed)
        return with_chunks(response, rechunked(response.chunks, sizes))


@dataclass(frozen=True, slots=True, kw_only=True)
class Pings:
    """Put keep-alives between the events of an SSE stream, before each or before every `every`-th.

    Attributes:
        every: 1 puts one before each event.
        form: `"comment"` for the SSE comment that gateways send; `"event"` for an event of the name `ping`, as
            Anthropic sends it.
        text: Of the comment.
    """

    every: int = 1
    form: str = "comment"
    text: str = "keep-alive"
    replaces: ClassVar[bool] = False

    def __post_init__(self) -> None:
        check_count("Pings", "every", self.every, at_least=1)
        check_choice("Pings", "form", self.form, PING_FORMS)
        check_header_text("Pings", "text", self.text)

    def apply(self, outcome: Outcome | None, context: FaultContext) -> Outcome:
        """Put them in.

        Raises:
            FaultCannotApply: The answer is no SSE stream, or has fewer than `every` events.
        """
        stream = stream_of(self, outcome, context)
        if stream.wire is not Wire.SSE:
            raise cannot_apply(self, f"a stream of the format {stream.wire.value} has no keep-alives.")
        if len(stream.events) < self.every:
            raise cannot_apply(self, f"the stream has {len(stream.events)} events.")
        starts = [placed.start for placed in stream.events[self.every - 1 :: self.every]]
        return with_chunks(stream.response, insert_bytes(stream.response.chunks, starts, self._ping()))

    def _ping(self) -> bytes:
        if self.form == "comment":
            return f": {self.text}\n\n".encode()
        return sse_event("ping", '{"type": "ping"}')
