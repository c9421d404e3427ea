"""Response bodies: chunks laid out for a cassette, and restored from it, boundaries and all."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import pairwise
from math import isfinite

import msgspec
from msgspec import UNSET, Raw

from llmreplay.core.model import Chunk
from llmreplay.storage.bodies import bytes_from, text_or_base64
from llmreplay.storage.json_text import WHITE_SPACE, is_embeddable, laid_out, layout_of, restored
from llmreplay.storage.stream_pieces import ndjson_from, ndjson_pieces, newline_of, sse_from, sse_pieces
from llmreplay.storage.wire import WireChunks


def wire_chunks(chunks: Sequence[Chunk], *, is_plain: bool = False) -> list[WireChunks]:
    """Lay a body out: JSON and what ends with an event together, the chunks' boundaries as `cuts`.

    Args:
        chunks: Of one response.
        is_plain: Keep each chunk as text or base64, by itself.
    """
    if is_plain:
        return [_plain(chunk) for chunk in chunks]
    body = b"".join(chunk.data for chunk in chunks)
    whole = _json(chunks, body)
    if whole is not None:
        return [whole]
    return [wire for group in _groups(chunks, body) for wire in _stream(group)]


def chunks_from(wires: Sequence[WireChunks], *, is_compact: bool = False) -> tuple[Chunk, ...]:
    """Undo `wire_chunks`.

    Args:
        wires: As read.
        is_compact: Whether JSON in them has no white space between its tokens.

    Raises:
        ValueError: A body is not what its name says, or a cut is outside of it.
    """
    chunks: list[Chunk] = []
    for wire in wires:
        data = _data_from(wire, is_compact=is_compact)
        if wire.cuts:
            chunks += _cut(data, wire)
        else:
            chunks.append(Chunk(data, wire.after_s))
    return tuple(chunks)


def seconds(value: float) -> float:
    """Round to microseconds; what no clock can give (negative, infinite, not a number) is zero."""
    return round(float(value), 6) + 0.0 if isfinite(value) and value > 0 else 0.0


def _json(chunks: Sequence[Chunk], body: bytes) -> WireChunks | None:
    shown = laid_out(body)
    if shown is None:
        return None
    core = body.strip(WHITE_SPACE)
    layout = layout_of(core, shown)
    if layout is None:
        return None
    before, _, after = body.partition(core)
    wire = _arrival(chunks)
    wire.layout, wire.before, wire.after = layout, before.decode(), after.decode()
    wire.json = Raw(core if layout == "verbatim" else shown)
    return wire


def _groups(chunks: Sequence[Chunk], body: bytes) -> Iterator[list[Chunk]]:
    """Give the chunks in runs that end where an event or a line ends, as far as there are any."""
    if b"data: " in body:
        end = b"\r\n\r\n" if newline_of(body) == "crlf" else b"\n\n"
    elif is_embeddable(body[: max(body.find(b"\n"), 0)]):
        end = b"\n"
    else:
        end = b""
    group: list[Chunk] = []
    tail = b""
    for chunk in chunks:
        group.append(chunk)
        tail = (tail + chunk.data)[-4:]
        if end and tail.endswith(end):
            yield group
            group, tail = [], b""
    if group:
        yield group


def _stream(group: Sequence[Chunk]) -> Iterator[WireChunks]:
    data = b"".join(chunk.data for chunk in group)
    try:
        text = data.decode()
    except UnicodeDecodeError:
        yield from (wire for chunk in group for wire in (_stream([chunk]) if len(group) > 1 else [_plain(chunk)]))
        return
    wire = _arrival(group)
    newline = newline_of(data)
    events = sse_pieces(data, newline)
    lines = ndjson_pieces(data) if events is None else None
    if events is not None and sse_from(events, newline) == data:
        wire.newline, wire.sse = newline, events
    elif lines is not None and ndjson_from(lines) == data:
        wire.ndjson = lines
    else:
        wire.text = Raw(msgspec.json.encode(text))
    yield wire


def _plain(chunk: Chunk) -> WireChunks:
    wire = _arrival([chunk])
    wire.text, wire.base64 = text_or_base64(chunk.data)
    return wire


def _arrival(group: Sequence[Chunk]) -> WireChunks:
    """Say when the chunks of a group arrived, and where the later ones begin; the content is still to come."""
    cuts: list[tuple[int, float]] = []
    offset = 0
    for chunk, following in pairwise(group):
        offset += len(chunk.data)
        cuts.append((offset, seconds(following.after_s)))
    return WireChunks(after_s=seconds(group[0].after_s), cuts=tuple(cuts), text=Raw(b'""'))


def _data_from(wire: WireChunks, *, is_compact: bool) -> bytes:
    if wire.sse is not UNSET:
        return sse_from(wire.sse, wire.newline)
    if wire.json is not UNSET:
        is_there = is_compact and wire.layout == "compact"
        data = bytes(wire.json) if is_there else restored(wire.json, wire.layout)
        return wire.before.encode() + data + wire.after.encode() if wire.before or wire.after else data
    if wire.ndjson is not UNSET:
        return ndjson_from(wire.ndjson)
    return bytes_from(wire.text, wire.base64)


def _cut(data: bytes, wire: WireChunks) -> Iterator[Chunk]:
    start, after_s = 0, wire.after_s
    for offset, next_after_s in wire.cuts:
        if not start <= offset <= len(data):
            raise ValueError(f"Expected cuts in rising order up to {len(data)}, got {offset}")
        yield Chunk(data[start:offset], after_s)
        start, after_s = offset, next_after_s
    yield Chunk(data[start:], after_s)
