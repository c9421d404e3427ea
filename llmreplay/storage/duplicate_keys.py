"""Keys that stand twice in the cassette's own structure, of which msgspec would silently take the last."""

from __future__ import annotations

import json

import msgspec

from llmreplay.storage.wire import WireCassette, WireInteraction

_encode = msgspec.json.Encoder().encode

# A provider's own JSON stands below these, and may repeat what it likes.
_EMBEDDED = frozenset({"json", "ndjson", "data"})

_HEAD = b'{\n  "format": "llmreplay/1",\n  "interactions": [\n    '
_BETWEEN = b",\n    "
_TAIL = b"\n  ]\n}\n"


class _Pairs(list[tuple[str, object]]):
    """An object, its repeated keys kept."""


def duplicate_key(raw: msgspec.Raw, wire: WireInteraction) -> tuple[str, str] | None:
    """Find a key that stands twice in an interaction.

    Args:
        raw: As it stands in the file.
        wire: As msgspec read it.

    Returns:
        The place of its object, from the interaction on, and the key; None if there is none.
    """
    # What is written again as the same bytes, white space apart, has lost nothing. The order of these two
    # lines keeps the most that is in memory at a time at twice the interaction.
    again = msgspec.json.format(_encode(wire), indent=-1)
    if again == msgspec.json.format(raw, indent=-1):
        return None
    return _search(_pairs_from(bytes(raw)), "")


def duplicate_key_at_top(data: bytes, cassette: WireCassette) -> str | None:
    """Find a key that stands twice at the top of a file; None if there is none."""
    if _is_as_written(data, cassette) or _is_so_but_for_white_space(data, cassette):
        return None
    pairs = _pairs_from(data)
    names = [name for name, _ in pairs]
    return next((name for name in names if names.count(name) > 1), None)


def _is_as_written(data: bytes, cassette: WireCassette) -> bool:
    view = memoryview(data)
    position = len(_HEAD)
    if not cassette.interactions or view[:position] != _HEAD:
        return False
    for raw in cassette.interactions:
        slice_ = memoryview(raw)
        following = position + len(slice_)
        if view[position:following] != slice_:
            return False
        position = following + len(_BETWEEN)
        if view[following:position] != _BETWEEN:
            return view[following:] == _TAIL and raw is cassette.interactions[-1]
    return False


def _is_so_but_for_white_space(data: bytes, cassette: WireCassette) -> bool:
    view = memoryview(msgspec.json.format(data, indent=-1))
    head = b'{"format":' + _encode(cassette.format) + b',"interactions":['
    position = len(head)
    if view[:position] != head:
        return False
    for raw in cassette.interactions:
        compact = msgspec.json.format(raw, indent=-1)
        if view[position : position + len(compact)] != compact:
            return False
        position += len(compact) + 1
    return bytes(view[position - 1 if cassette.interactions else position :]) == b"]}"


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
