"""Changes to the bytes of a chunked body that leave every chunk boundary they do not touch."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from itertools import pairwise

from llmreplay.core.model import Chunk


def first_bytes(chunks: Sequence[Chunk], size: int) -> tuple[Chunk, ...]:
    """Give the chunks up to byte `size`; the one that it falls into is shortened."""
    kept: list[Chunk] = []
    for chunk in chunks:
        if size <= 0:
            break
        kept.append(chunk if len(chunk.data) <= size else replace(chunk, data=chunk.data[:size]))
        size -= len(chunk.data)
    return tuple(kept)


def split_at(chunks: Sequence[Chunk], offsets: Iterable[int]) -> tuple[Chunk, ...]:
    """Split chunks so that each of `offsets` is a boundary; the parts of a chunk arrive together."""
    wanted = sorted(set(offsets))
    parts: list[Chunk] = []
    begin = 0
    for chunk in chunks:
        among = wanted[bisect_right(wanted, begin) : bisect_left(wanted, begin + len(chunk.data))]
        inner = [offset - begin for offset in among]
        edges = [0, *inner, len(chunk.data)]
        pieces = [chunk.data[left:right] for left, right in pairwise(edges)]
        parts.append(replace(chunk, data=pieces[0]))
        parts.extend(Chunk(piece) for piece in pieces[1:])
        begin += len(chunk.data)
    return tuple(parts)


def replace_bytes(chunks: Sequence[Chunk], start: int, stop: int, new: bytes) -> tuple[Chunk, ...]:
    """Exchange the bytes from `start` up to `stop` (at least one) for `new`, put where the first of them was.

    A chunk left without bytes goes, and the time before it passes before the next one.
    """
    return replace_ranges(chunks, [(start, stop, new)])


def replace_ranges(chunks: Sequence[Chunk], edits: Sequence[tuple[int, int, bytes]]) -> tuple[Chunk, ...]:
    """Exchange several ranges, as `replace_bytes` does one: each `(start, stop, new)`, in order, none overlapping."""
    kept: list[Chunk] = []
    index = begin = 0
    owed_after_s = owed_delay_s = 0.0
    for chunk in chunks:
        end = begin + len(chunk.data)
        parts: list[bytes] = []
        at = begin
        while index < len(edits) and edits[index][0] < end:
            start, stop, new = edits[index]
            parts.append(chunk.data[at - begin : max(0, start - begin)])
            if start >= begin:
                parts.append(new)
            at = min(stop, end)
            if stop > end:
                break
            index += 1
        data = b"".join((*parts, chunk.data[at - begin :])) if parts else chunk.data
        begin = end
        after_s, delay_s = chunk.after_s + owed_after_s, chunk.delay_s + owed_delay_s
        if data:
            kept.append(Chunk(data, after_s, delay_s))
            owed_after_s = owed_delay_s = 0.0
        else:
            owed_after_s, owed_delay_s = after_s, delay_s
    return tuple(kept)


def insert_bytes(chunks: Sequence[Chunk], offsets: Sequence[int], new: bytes) -> tuple[Chunk, ...]:
    """Put the same bytes in before each of some offsets, given in order.

    They are a chunk of their own where a chunk ends; inside of a chunk it grows.
    """
    kept: list[Chunk] = []
    index = begin = 0
    for chunk in chunks:
        end = begin + len(chunk.data)
        parts: list[bytes] = []
        at = begin
        while index < len(offsets) and offsets[index] < end:
            offset = offsets[index]
            if offset == begin:
                kept.append(Chunk(new))
            else:
                parts += (chunk.data[at - begin : offset - begin], new)
                at = offset
            index += 1
        kept.append(replace(chunk, data=b"".join((*parts, chunk.data[at - begin :]))) if parts else chunk)
        begin = end
    kept.extend(Chunk(new) for offset in offsets[index:] if offset == begin)
    return tuple(kept)


def rechunked(chunks: Sequence[Chunk], sizes: Iterator[int]) -> tuple[Chunk, ...]:
    """Cut the same bytes into chunks of the sizes given; each arrives when its last byte did.

    Args:
        chunks: Of a body.
        sizes: Each 1 or more; endless, or at least enough for the body.

    Returns:
        Chunks with the same bytes and the same total time.
    """
    arrivals: list[tuple[int, float, float]] = []
    offset, after_s, delay_s = 0, 0.0, 0.0
    for chunk in chunks:
        offset, after_s, delay_s = offset + len(chunk.data), after_s + chunk.after_s, delay_s + chunk.delay_s
        arrivals.append((offset, after_s, delay_s))
    body = b"".join(chunk.data for chunk in chunks)
    made: list[Chunk] = []
    begin, passed_after_s, passed_delay_s, index = 0, 0.0, 0.0, 0
    while begin < len(body):
        end = min(begin + next(sizes), len(body))
        while arrivals[index][0] < end:
            index += 1
        _, after_s, delay_s = arrivals[index]
        made.append(Chunk(body[begin:end], after_s - passed_after_s, delay_s - passed_delay_s))
        begin, passed_after_s, passed_delay_s = end, after_s, delay_s
    return tuple(made)
