"""Where the strings of a JSON text stand: offsets with their paths, without decoding anything."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass, field

_DEEPEST = 200
"""No provider nests deeper; what does is an attack on whoever keeps the paths."""

# Possessive: without a way back a string of 50 MB takes a third of a second, with one 20 seconds.
_PIECE = re.compile(rb'"(?:[^"\\]++|\\.)*+"?|[{}\[\],:]|[^\s{}\[\],:"]++', re.DOTALL)


@dataclass(slots=True)
class Container:
    """An object or array of a JSON text, on the way down to a leaf.

    Attributes:
        is_object: Object or array.
        step: The key or position at which its present child stands.
        numbers: Of an object: members that tell one of several texts from another, `index` and the like.
    """

    is_object: bool
    step: str = ""
    numbers: dict[str, bytes] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Leaf:
    """A string of a JSON text that is a value.

    Attributes:
        start: Offset of its first character, after the quote.
        end: Offset of its closing quote.
        steps: The keys and positions that lead to it.
        containers: The objects and arrays around it, outermost first; complete once the text was read to its end.
    """

    start: int
    end: int
    steps: tuple[str, ...]
    containers: tuple[Container, ...]

    @property
    def path(self) -> str:
        """The path as `$.choices[0].delta.content`."""
        pairs = zip(self.steps, self.containers, strict=True)
        return "$" + "".join(f".{step}" if around.is_object else f"[{step}]" for step, around in pairs)


def string_leaves(data: bytes, start: int = 0, end: int | None = None) -> Iterator[Leaf]:
    """Find the strings that are values in a JSON text; reads cut or broken JSON as far as it makes sense.

    Args:
        data: Bytes that hold the text.
        start: Offset at which it starts.
        end: Offset at which it ends; None for the end of `data`.
    """
    stack: list[Container] = []
    expects_key = False
    for match in _PIECE.finditer(data, start, len(data) if end is None else end):
        piece = match.group()
        mark = piece[:1]
        if mark in b"{[":
            if len(stack) == _DEEPEST:
                return
            stack.append(Container(mark == b"{", "" if mark == b"{" else "0"))
            expects_key = mark == b"{"
        elif mark in b"}]":
            if stack:
                stack.pop()
            expects_key = False
        elif mark == b",":
            expects_key = bool(stack) and stack[-1].is_object
            if stack and not stack[-1].is_object:
                stack[-1].step = str(int(stack[-1].step) + 1)
        elif mark == b":":
            expects_key = False
        elif expects_key:
            stack[-1].step = piece.strip(b'"').decode("utf-8", "replace")
        else:
            step = stack[-1].step if stack else ""
            if stack and stack[-1].is_object and step.lower().endswith(("index", "item_id", "type")):
                stack[-1].numbers[step] = piece
            if mark == b'"':
                closing = match.end() - (len(piece) > 1 and piece.endswith(b'"'))
                yield Leaf(match.start() + 1, closing, tuple(s.step for s in stack), tuple(stack))


def is_json(data: bytes) -> bool:
    """Say whether bytes look like a JSON object or array."""
    return data[:64].lstrip()[:1] in (b"{", b"[")


def own_texts(data: bytes) -> list[tuple[str, str]]:
    """Give the names and texts that stand directly in a JSON object; none of anything else."""
    try:
        decoded = json.loads(data) if data[:1] == b"{" else None
    except (ValueError, RecursionError):
        return []
    return [(name, value) for name, value in decoded.items() if isinstance(value, str)] if decoded else []
