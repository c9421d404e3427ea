"""Take members out of JSON text and leave every other byte as it was."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from json.decoder import scanstring  # type: ignore[attr-defined]

_SPACE = re.compile(r"[ \t\r\n]*")
_DECODER = json.JSONDecoder()


def without_members(text: str, names: frozenset[str], *, depth: int) -> str:
    """Take the members with these names out of an object, and out of the objects in it; a null stays.

    Args:
        text: JSON; anything but an object comes back as it is.
        names: Of members.
        depth: How many objects deep to look; 1 is the outermost only.

    Raises:
        ValueError: The text is not JSON.
    """
    if not isinstance(_DECODER.decode(text), dict):
        return text
    start = _skip(text, 0)
    ranges = list(_ranges(text, start, names, depth))
    for begin, end in reversed(ranges):
        text = text[:begin] + text[end:]
    return text


def _skip(text: str, at: int) -> int:
    found = _SPACE.match(text, at)
    return found.end() if found else at


def _ranges(text: str, start: int, names: frozenset[str], depth: int) -> Iterator[tuple[int, int]]:
    """Find, in order, what to take out of the object at `start`, each with one of the commas beside it."""
    kept_any = False
    at = start
    while text[at] != "}":
        # `at` stands on the brace or comma before a member.
        comma_at = at
        key_at = _skip(text, at + 1)
        if text[key_at] == "}":
            return
        key, after_key = scanstring(text, key_at + 1)
        value_at = _skip(text, _skip(text, after_key) + 1)
        value, end = _DECODER.raw_decode(text, value_at)
        at = _skip(text, end)
        if key in names and value is not None:
            # The comma before goes with it; a first member takes the comma behind it instead.
            is_followed = text[at] == ","
            yield (comma_at, end) if kept_any else (key_at, _skip(text, at + 1) if is_followed else end)
        else:
            kept_any = True
            if depth > 1 and text[value_at] == "{":
                yield from _ranges(text, value_at, names, depth - 1)
