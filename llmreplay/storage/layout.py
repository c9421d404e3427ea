"""The look of a cassette: two spaces an indent, one header a line, one event a line."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import msgspec
from msgspec import UNSET, Raw

from llmreplay.storage.wire import (
    FORMAT,
    WireChunks,
    WireEvent,
    WireFailure,
    WireHeaders,
    WireInteraction,
    WireRequest,
    WireResponse,
)

_encode = msgspec.json.Encoder().encode


def lay_out(wires: Iterable[WireInteraction], *, file_format: str = FORMAT) -> bytes:
    """Write a whole cassette file, ending with a line feed."""
    parts = [b'{\n  "format": ', _encode(file_format), b',\n  "interactions": [']
    is_first = True
    for wire in wires:
        parts.append(b"\n    " if is_first else b",\n    ")
        parts.append(_object(_interaction_fields(wire), 4))
        is_first = False
    parts.append(b"]\n}\n" if is_first else b"\n  ]\n}\n")
    return b"".join(parts)


def _interaction_fields(wire: WireInteraction) -> Iterator[tuple[str, bytes]]:
    if wire.summary:
        yield "summary", _encode(wire.summary)
    if wire.recorded_at:
        yield "recorded_at", _encode(wire.recorded_at)
    if wire.during != "call":
        yield "during", _encode(wire.during)
    yield "request", _object(_request_fields(wire.request), 6)
    if wire.response is not UNSET:
        yield "response", _object(_response_fields(wire.response), 6)
    elif wire.failure is not UNSET:
        yield "failure", _inline(wire.failure)


def _request_fields(wire: WireRequest) -> Iterator[tuple[str, bytes]]:
    yield "method", _encode(wire.method)
    yield "url", _encode(wire.url)
    if wire.headers:
        yield "headers", _headers(wire.headers)
    if wire.json is not UNSET:
        yield "json", _shifted(wire.json, 8)
    elif wire.text is not UNSET:
        yield "text", bytes(wire.text)
    elif wire.base64 is not UNSET:
        yield "base64", bytes(wire.base64)


def _response_fields(wire: WireResponse) -> Iterator[tuple[str, bytes]]:
    yield "status", _encode(wire.status)
    if wire.reason:
        yield "reason", _encode(wire.reason)
    if wire.headers:
        yield "headers", _headers(wire.headers)
    yield "chunks", _list((_chunks(chunks) for chunks in wire.chunks), 8)
    yield "end", _encode(wire.end)
    if wire.end_after_s:
        yield "end_after_s", _encode(wire.end_after_s)


def _chunks(wire: WireChunks) -> bytes:
    if wire.sse is not UNSET:
        content = _list((_event(piece) for piece in wire.sse), 10, is_one_inline=True)
    elif wire.json is not UNSET:
        content = bytes(wire.json) if wire.layout == "verbatim" else _shifted(wire.json, 10)
    elif wire.ndjson is not UNSET:
        content = _list(map(bytes, wire.ndjson), 10, is_one_inline=True)
    else:
        content = bytes(wire.text) if wire.text is not UNSET else bytes(wire.base64)  # type: ignore[arg-type]
    head = WireChunks(
        after_s=wire.after_s,
        cuts=wire.cuts,
        newline=wire.newline,
        layout=wire.layout,
        before=wire.before,
        after=wire.after,
        text=_PLACE,
    )
    name = next(name for name in _CONTENTS if getattr(wire, name) is not UNSET)
    start = _inline(head).removesuffix(b'"text": ""}')
    return b"".join((start, b'"', name.encode(), b'": ', content, b"}"))


_PLACE = Raw(b'""')
_CONTENTS = ("sse", "json", "ndjson", "text", "base64")


def _event(piece: str | WireEvent) -> bytes:
    if isinstance(piece, str):
        return _encode(piece)
    fields = [b'"event": ' + _encode(piece.event)] if piece.event is not UNSET else []
    if piece.data is not UNSET:
        fields.append(b'"data": ' + bytes(piece.data))
    return b"{" + b", ".join(fields) + b"}"


def _headers(wire: WireHeaders) -> bytes:
    if isinstance(wire, list):
        return _list((_spaced(pair) for pair in wire), 8)
    return _object(((name, _spaced(value)) for name, value in wire.items()), 8)


def _inline(wire: WireFailure | WireChunks) -> bytes:
    return _spaced(wire)


def _spaced(value: object) -> bytes:
    if isinstance(value, str):
        return _encode(value)
    return msgspec.json.format(_encode(value), indent=0)


def _object(fields: Iterable[tuple[str, bytes]], indent: int) -> bytes:
    pad = b"\n" + b" " * indent
    inner = b",".join(pad + b"  " + _encode(name) + b": " + value for name, value in fields)
    return b"{" + inner + pad + b"}" if inner else b"{}"


def _list(values: Iterable[bytes], indent: int, *, is_one_inline: bool = False) -> bytes:
    held = list(values)
    if not held or (is_one_inline and len(held) == 1):
        return b"[" + b"".join(held) + b"]"
    pad = b"\n" + b" " * indent
    return b"[" + b",".join(pad + b"  " + value for value in held) + pad + b"]"


def _shifted(json: Raw, indent: int) -> bytes:
    return bytes(json).replace(b"\n", b"\n" + b" " * indent)
