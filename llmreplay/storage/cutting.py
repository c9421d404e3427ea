"""A cassette file cut into its interactions while it is read; none but one that looks as we write it."""

from __future__ import annotations

import codecs
from collections.abc import Iterator
from typing import BinaryIO

_HEAD = '{{\n  "format": "{}",\n  "interactions": [\n    '
# An interaction ends with an object, its outcome. The longer what is searched for, the faster.
_END = b"}\n    }"
_BETWEEN = _END + b',\n    {\n      "'
_FROM_END_TO_NEXT = len(_END) + len(b",\n    ")
_TAIL = _END + b"\n  ]\n}\n"

# Small enough that the allocator has such memory at hand: fresh pages cost more than what is done with them.
_READ_BYTES = 1 << 15


class OtherLayout(Exception):
    """A file does not look as we write it, which says nothing of what it is."""


def interactions_in(file: BinaryIO, file_format: str) -> Iterator[bytes]:
    """Cut a file into its interactions, each as it stands there.

    Args:
        file: From its start on.
        file_format: The format that it must have.

    Yields:
        UTF-8, from brace to brace. If each is an interaction, then the file is JSON without a key too many at its top.

    Raises:
        OtherLayout: The file does not begin, or does not end, as we write it.
        UnicodeDecodeError: It is no UTF-8.
    """
    head = _HEAD.format(file_format).encode()
    if file.read(len(head)) != head:
        raise OtherLayout
    decoder = codecs.getincrementaldecoder("utf-8")()
    held = bytearray()
    start = searched = 0
    while piece := file.read(_READ_BYTES):
        # ASCII needs no look, unless a character has begun in the piece before.
        if not piece.isascii() or decoder.getstate()[0]:
            decoder.decode(piece)
        held += piece
        while (end := held.find(_BETWEEN, searched)) >= 0:
            yield bytes(memoryview(held)[start : end + len(_END)])
            start = searched = end + _FROM_END_TO_NEXT
        del held[:start]
        start, searched = 0, max(0, len(held) - len(_BETWEEN))
    if not held.endswith(_TAIL):
        raise OtherLayout
    last = bytes(memoryview(held)[: len(held) - len(_TAIL) + len(_END)])
    held.clear()
    yield last
