"""Strategies of re-chunkings: the same bytes, cut anywhere."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from typing import overload

from hypothesis import strategies as st

from llmreplay.core.model import Chunk, Response

_MOST_CUTS = 40


@overload
def rechunkings(stream: Response) -> st.SearchStrategy[Response]: ...
@overload
def rechunkings(stream: bytes | Iterable[bytes]) -> st.SearchStrategy[tuple[bytes, ...]]: ...
def rechunkings(
    stream: Response | bytes | Iterable[bytes],
) -> st.SearchStrategy[Response] | st.SearchStrategy[tuple[bytes, ...]]:
    """Draw the same stream in other chunks, cut at any byte, inside of characters too.

    It shrinks to fewer cuts: all in one chunk is the simplest.

    Args:
        stream: A response, which stays one; or bytes, whole or in chunks, of which a tuple of chunks is made.
    """
    if isinstance(stream, Response):
        return _cuts(stream.body).map(lambda chunks: replace(stream, chunks=tuple(map(Chunk, chunks))))
    return _cuts(stream if isinstance(stream, bytes) else b"".join(stream))


def _cuts(data: bytes) -> st.SearchStrategy[tuple[bytes, ...]]:
    if len(data) < 2:
        return st.just((data,) if data else ())
    places = st.lists(st.integers(1, len(data) - 1), max_size=min(_MOST_CUTS, len(data) - 1), unique=True)
    return places.map(
        lambda cuts: tuple(data[a:b] for a, b in zip([0, *sorted(cuts)], [*sorted(cuts), len(data)], strict=True))
    )
