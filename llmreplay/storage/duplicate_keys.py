"""Keys that stand twice in the cassette's own structure, of which msgspec would silently take the last."""

from __future__ import annotations

import json
from hashlib import blake2b

import msgspec

from llmreplay.storage.wire import WireCassette, WireInteraction

_encode_into = msgspec.json.Encoder().encode_into
_PIECE_BYTES = 1 << 20

# A provider's own JSON stands below these, and may repeat what it likes.
_EMBEDDED = frozenset({"json", "ndjson", "data"})


class _Pairs(list[tuple[str, object]]):
    """An object, its repeated keys kept."""


def is_written_again(wire: WireInteraction, data: bytes, scratch: bytearray) -> bool:
    """Say whether an interaction, written as msgspec read it, is the same JSON: then it has no key twice.

    Args:
        wire: As msgspec read it.
        data: As it stands in the file, with or without white space.
        scratch: Memory to write into, used again and again; what it holds is lost.
    """
    # A large one is written into memory of its size: grown, it would take half as much again, and be kept.
    again = scratch if len(data) <= _PIECE_BYTES else bytearray(len(data) + 64)
    _encode_into(wire, again)
    same = again == data
    return same or _digest_without_spaces(again) == _digest_without_spaces(data)


def duplicate_key(interaction: bytes) -> tuple[str, str] | None:
    """Find a key that stands twice in an interaction.

    Returns:
        The place of its object, from the interaction on, and the key; None if there is none.
    """
    return _search(_pairs_from(interaction), "")


def duplicate_key_at_top(data: bytes, cassette: WireCassette) -> str | None:
    """Find a key that stands twice at the top of a file; None if there is none.

    Args:
        data: The file.
        cassette: As msgspec read it.
    """
    if _is_so_but_for_white_space(data, cassette):
        return None
    names = [name for name, _ in _pairs_from(data)]
    return next((name for name in names if names.count(name) > 1), None)


def _is_so_but_for_white_space(data: bytes, cassette: WireCassette) -> bool:
    view = memoryview(msgspec.json.format(data, indent=-1))
    head = f'{{"format":"{cassette.format}","interactions":['.encode()
    position = len(head)
    if view[:position] != head:
        return False
    for raw in cassette.interactions:
        compact = msgspec.json.format(raw, indent=-1)
        if view[position : position + len(compact)] != compact:
            return False
        position += len(compact) + 1
    return bytes(view[position - 1 if cassette.interactions else position :]) == b"]}"


def _digest_without_spaces(data: bytes | bytearray | memoryview) -> bytes:
    """Sum up what is left without white space, in strings too: the same for two only if they have the same keys."""
    digest = blake2b()
    view = memoryview(data)
    for start in range(0, len(view), _PIECE_BYTES):
        digest.update(bytes(view[start : start + _PIECE_BYTES]).translate(None, b" \t\r\n"))
    return digest.digest()


def _pairs_from(data: bytes) -> _Pairs:
    # Numbers stay text: Python refuses to read one of more than 4,300 digits.
    loaded: _Pairs = json.loads(data, object_pairs_hook=_Pairs, parse_int=str, parse_float=str)
    return loaded


def _search(value: object, place: str) -> tuple[str, str] | None:
    found = None
    if isinstance(value, _Pairs):
        seen: set[str] = set()
        for name, held in value:
            if name in seen:
                return place, name
            seen.add(name)
            if name not in _EMBEDDED:
                found = found or _search(held, f"{place}.{name}")
    elif isinstance(value, list):
        for number, held in enumerate(value):
            found = found or _search(held, f"{place}[{number}]")
    return found
