"""Streams, piece by piece: one event or line of JSON each, the rest as it is."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import Literal, TypeAlias

import msgspec
from msgspec import UNSET, Raw

from llmreplay.storage.json_text import is_embeddable
from llmreplay.storage.wire import WireEvent

Newline: TypeAlias = Literal["lf", "crlf"]

# Of one `event:` and one `data:` line, each with its space, in this order; any other event stays text.
_EVENTS = {
    "lf": re.compile(rb"(?:event: ([^\r\n]*)\n)?(?:data: ([^\r\n]*)\n)?\n"),
    "crlf": re.compile(rb"(?:event: ([^\r\n]*)\r\n)?(?:data: ([^\r\n]*)\r\n)?\r\n"),
}
_EVENT_ENDS = {"lf": b"\n\n", "crlf": b"\r\n\r\n"}
_text_from = msgspec.json.Decoder(str)


def newline_of(data: bytes) -> Newline:
    """Tell which line ends a stream of events has, from its first line."""
    end = data.find(b"\n")
    return "crlf" if end > 0 and data[end - 1 : end] == b"\r" else "lf"


def sse_pieces(data: bytes, newline: Newline) -> list[str | WireEvent] | None:
    """Cut UTF-8 into events and the text between them; None if there is no event in it.

    Raises:
        UnicodeDecodeError: It is not UTF-8.
    """
    pattern, end = _EVENTS[newline], _EVENT_ENDS[newline]
    pieces: list[str | WireEvent] = []
    position = text_from = 0
    while position < len(data):
        match = pattern.match(data, position)
        if match is not None and (match[1] is not None or match[2] is not None):
            if text_from < position:
                pieces.append(data[text_from:position].decode())
            pieces.append(_event(match[1], match[2]))
            position = text_from = match.end()
            continue
        found = data.find(end, position)
        position = len(data) if found < 0 else found + len(end)
    if text_from < len(data):
        pieces.append(data[text_from:].decode())
    return pieces if any(isinstance(piece, WireEvent) for piece in pieces) else None


def sse_from(pieces: Sequence[str | WireEvent], newline: Newline) -> bytes:
    """Undo `sse_pieces`."""
    eol = b"\n" if newline == "lf" else b"\r\n"
    parts: list[bytes] = []
    for piece in pieces:
        if isinstance(piece, str):
            parts.append(piece.encode())
            continue
        if piece.event is not UNSET:
            parts += (b"event: ", piece.event.encode(), eol)
        if piece.data is not UNSET:
            parts += (b"data: ", _line_from(piece.data), eol)
        parts.append(eol)
    return b"".join(parts)


def ndjson_pieces(data: bytes) -> list[Raw] | None:
    """Cut UTF-8 into lines of JSON and the text between them; None if no line is JSON.

    Raises:
        UnicodeDecodeError: It is not UTF-8.
    """
    pieces: list[Raw] = []
    text: list[bytes] = []
    has_json = False
    for line in _lines(data):
        if line[-1:] == b"\n" and is_embeddable(line[:-1]):
            if text:
                pieces.append(_string(b"".join(text)))
                text.clear()
            pieces.append(Raw(line[:-1]))
            has_json = True
        else:
            text.append(line)
    if text:
        pieces.append(_string(b"".join(text)))
    return pieces if has_json else None


def ndjson_from(pieces: Sequence[Raw]) -> bytes:
    """Undo `ndjson_pieces`."""
    return b"".join(_line_from(piece) + (b"" if bytes(memoryview(piece)[:1]) == b'"' else b"\n") for piece in pieces)


def _event(name: bytes | None, data: bytes | None) -> WireEvent:
    event = WireEvent()
    if name is not None:
        event.event = name.decode()
    if data is not None:
        event.data = Raw(data) if is_embeddable(data) else _string(data)
    return event


def _line_from(data: Raw) -> bytes:
    line = bytes(data)
    if line[:1] == b'"':
        return _text_from.decode(line).encode()
    # We write it on one line; a formatter may have spread it since, which would break the event in two.
    return msgspec.json.format(line, indent=-1) if b"\n" in line else line


def _string(data: bytes) -> Raw:
    return Raw(msgspec.json.encode(data.decode()))


def _lines(data: bytes) -> Iterator[bytes]:
    start = 0
    while start < len(data):
        end = data.find(b"\n", start) + 1 or len(data)
        yield data[start:end]
        start = end
