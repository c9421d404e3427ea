"""Streams: chunks to events and back, incremental and lossless."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from enum import Enum
from typing import Protocol

from llmreplay.core.aws_frames import AwsFrame, aws_frame, first_frame
from llmreplay.core.errors import MalformedStream

__all__ = [
    "AwsFrame",
    "Decoder",
    "Event",
    "Wire",
    "aws_frame",
    "decoder_for",
    "events_of",
    "ndjson_line",
    "sse_event",
    "wire_of",
]


class Wire(Enum):
    """How a streamed body is cut into events."""

    SSE = "sse"
    NDJSON = "ndjson"
    AWS = "aws-eventstream"


@dataclass(frozen=True, slots=True)
class Event:
    """One event of a stream.

    Attributes:
        name: SSE `event:` field, AWS `:event-type` (`:exception-type` or `:error-code` of a frame that reports
            an error); None where the wire has none.
        data: The payload as text: the joined `data:` lines of SSE, a line of NDJSON, an AWS frame's payload.
            Empty for a comment, a blank line and an SSE block without data: clients pass over those.
        raw: The exact bytes, terminator included; joined, the raws of a stream are the stream.
    """

    name: str | None
    data: str
    raw: bytes


class Decoder(Protocol):
    """Cuts a stream into events while its bytes arrive; how they were cut into chunks changes nothing."""

    def feed(self, data: bytes) -> list[Event]:
        """Give the events that these bytes complete."""
        ...

    @property
    def rest(self) -> bytes:
        """Bytes that are not yet part of an event."""
        ...

    @property
    def malformed(self) -> str | None:
        """What is wrong with the stream; all from there on stays in `rest`. None if nothing is."""
        ...


_BOM = b"\xef\xbb\xbf"
# A blank line ends a block. After CR LF or LF a CR may be the first half of CR LF, so it counts only once the next
# byte is there; after a lone CR it is a line end of its own, or the last event of such a stream would never come.
_BLANK_LINE = re.compile(rb"\r\r|\n(?:\r\n|\n|\r(?=[^\n]))")
_LEADING_BLANK_LINE = re.compile(rb"\r\n|\n|\r(?=[^\n])")
_LONGEST_HALF_BLANK_LINE = 3
_LINE_END = re.compile(r"\r\n|\n|\r")


class _SseDecoder:
    """Server-sent events.

    Source: https://html.spec.whatwg.org/multipage/server-sent-events.html#parsing-an-event-stream
    (read 2026-11-21). Unlike a browser it gives blocks without data too, for nothing may be lost.
    """

    __slots__ = ("_buffer", "_is_first", "_scanned")

    malformed: str | None = None

    def __init__(self) -> None:
        self._buffer = bytearray()
        self._scanned = 0
        self._is_first = True

    @property
    def rest(self) -> bytes:
        return bytes(self._buffer)

    def feed(self, data: bytes) -> list[Event]:
        self._buffer += data
        events: list[Event] = []
        start = 0
        while (end := self._block_end(start)) is not None:
            events.append(_sse_block(bytes(self._buffer[start:end]), is_first=self._is_first))
            self._is_first = False
            self._scanned = start = end
        del self._buffer[:start]
        self._scanned = max(0, len(self._buffer) - _LONGEST_HALF_BLANK_LINE)
        return events

    def _block_end(self, start: int) -> int | None:
        text_start = start
        if self._is_first and self._buffer.startswith(_BOM, start):
            text_start += len(_BOM)
        found = _LEADING_BLANK_LINE.match(self._buffer, text_start) or _BLANK_LINE.search(
            self._buffer, max(text_start, self._scanned)
        )
        return found.end() if found else None


def _sse_block(raw: bytes, *, is_first: bool) -> Event:
    text = (raw.removeprefix(_BOM) if is_first else raw).decode("utf-8", "replace")
    name: str | None = None
    data: list[str] = []
    for line in _LINE_END.split(text) if "\r" in text else text.split("\n"):
        field, _, value = line.partition(":")
        value = value.removeprefix(" ")
        if field == "data":
            data.append(value)
        elif field == "event":
            name = value or None
    return Event(name, "\n".join(data), raw)


class _NdjsonDecoder:
    """One JSON value a line."""

    __slots__ = ("_buffer",)

    malformed: str | None = None

    def __init__(self) -> None:
        self._buffer = bytearray()

    @property
    def rest(self) -> bytes:
        return bytes(self._buffer)

    def feed(self, data: bytes) -> list[Event]:
        searched = len(self._buffer)
        self._buffer += data
        events: list[Event] = []
        start = 0
        while (at := self._buffer.find(b"\n", max(start, searched))) >= 0:
            raw = bytes(self._buffer[start : at + 1])
            events.append(Event(None, raw.decode("utf-8", "replace").strip(), raw))
            start = at + 1
        del self._buffer[:start]
        return events


class _AwsDecoder:
    """AWS event stream frames."""

    __slots__ = ("_buffer", "malformed")

    def __init__(self) -> None:
        self._buffer = bytearray()
        self.malformed: str | None = None

    @property
    def rest(self) -> bytes:
        return bytes(self._buffer)

    def feed(self, data: bytes) -> list[Event]:
        self._buffer += data
        events: list[Event] = []
        while self.malformed is None:
            try:
                frame = first_frame(self._buffer)
            except MalformedStream as error:
                self.malformed = str(error)
                break
            if frame is None:
                break
            del self._buffer[: len(frame.raw)]
            events.append(_aws_event(frame))
        return events


def _aws_event(frame: AwsFrame) -> Event:
    name = frame.header(":event-type") or frame.header(":exception-type") or frame.header(":error-code")
    data = frame.payload.decode("utf-8", "replace") or frame.header(":error-message") or ""
    return Event(name, data, frame.raw)


def decoder_for(wire: Wire) -> Decoder:
    """Make a decoder at the beginning of a stream."""
    if wire is Wire.SSE:
        return _SseDecoder()
    if wire is Wire.NDJSON:
        return _NdjsonDecoder()
    return _AwsDecoder()


def events_of(wire: Wire, chunks: Iterable[bytes]) -> tuple[list[Event], bytes]:
    """Decode a whole stream.

    Returns:
        Its events, and the bytes after the last one: empty unless the stream was cut or malformed. The raws of
        the events and these bytes, joined, are the joined chunks.
    """
    decoder = decoder_for(wire)
    events = [event for chunk in chunks for event in decoder.feed(chunk)]
    return events, decoder.rest


_WIRES = {
    "text/event-stream": Wire.SSE,
    "application/x-ndjson": Wire.NDJSON,
    "application/jsonl": Wire.NDJSON,
    "application/x-jsonlines": Wire.NDJSON,
    "application/stream+json": Wire.NDJSON,
    "application/vnd.amazon.eventstream": Wire.AWS,
}


def wire_of(content_type: str | None) -> Wire | None:
    """Tell from a `content-type` header how a body is cut into events; None if it is no stream known here."""
    return _WIRES.get((content_type or "").partition(";")[0].strip().lower())


def sse_event(name: str | None, data: str) -> bytes:
    """Encode a server-sent event, each line of `data` on a `data:` line of its own; no `event:` line for None."""
    head = f"event: {name}\n" if name is not None else ""
    return (head + "".join(f"data: {line}\n" for line in _LINE_END.split(data)) + "\n").encode()


def ndjson_line(data: str) -> bytes:
    """Encode a line of NDJSON; `data` holds no line feed, as JSON on one line never does.

    U+2028 and U+2029 are escaped, as Go's encoding/json does: httpx, which cuts lines there too, would hand the
    halves of a value to Ollama's SDK.
    Source: https://pkg.go.dev/encoding/json#Marshal, httpx 0.28.1 `LineDecoder` (read 2026-11-30).
    """
    return data.replace("\u2028", "\\u2028").replace("\u2029", "\\u2029").encode() + b"\n"
