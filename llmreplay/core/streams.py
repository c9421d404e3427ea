"""Streams: chunks to events and back, incremental and lossless."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Event:
    """One event of a stream.

    Attributes:
        name: SSE `event:` field, AWS `:event-type`; None where the wire has none.
        data: The payload as text: the joined `data:` lines of SSE, a line of NDJSON, an AWS frame's payload.
        raw: The exact bytes, terminator included; joined, the raws of a stream are the stream.
    """

    name: str | None
    data: str
    raw: bytes
