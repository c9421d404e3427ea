"""Texts that a stream brings in pieces: which strings of its events, joined, are one text."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from itertools import accumulate
from typing import TypeAlias

from llmreplay.core.findings import Finding
from llmreplay.core.json_leaves import Leaf, is_json, string_leaves

_DATA_LINE = re.compile(rb"data:(?<![^\r\n]data:)[ ]?([^\r\n]*)")
_EVENT_LINE = re.compile(rb"event:(?<![^\r\n]event:)[ ]?([^\r\n]*)")
_JSON_LINE = re.compile(rb"^\{[^\r\n]*", re.MULTILINE)


Places: TypeAlias = tuple[tuple[int, int], ...]
"""Where the pieces of one text stand, in order of arrival."""


def _key_of(leaf: Leaf, name: bytes) -> tuple[object, ...]:
    """Name the text that a string belongs to: its path, with the `index` of an array's member for its position."""
    key: list[object] = [name]
    for place, (step, around) in enumerate(zip(leaf.steps, leaf.containers, strict=True)):
        inner = leaf.containers[place + 1] if place + 1 < len(leaf.containers) else None
        if not around.is_object and inner is not None and "index" in inner.numbers:
            continue
        key.append(step)
        if around.is_object:
            key.append(tuple(sorted(around.numbers.items())))
    if leaf.containers and leaf.containers[-1].is_object:
        return tuple(key)
    return (*key, "")


def _events(body: bytes) -> Iterator[tuple[int, int, bytes]]:
    """Find the payloads of a stream of events: start, end and the event's name."""
    if is_json(body):
        if body[:64].lstrip()[:1] == b"[":
            yield 0, len(body), b"array"
            return
        lines = list(_JSON_LINE.finditer(body))
        if len(lines) > 1:
            yield from ((match.start(), match.end(), b"") for match in lines)
        return
    names = [(match.start(), match[1]) for match in _EVENT_LINE.finditer(body)]
    following = 0
    name = b""
    for match in _DATA_LINE.finditer(body):
        while following < len(names) and names[following][0] < match.start():
            name = names[following][1]
            following += 1
        yield match.start(1), match.end(1), name


def delta_texts(body: bytes) -> list[Places]:
    """Find the texts that come in more than one piece, in SSE, in lines of JSON, and in an array of JSON objects.

    A string that is the same in every event, such as an id, is no text in pieces.
    """
    texts: dict[tuple[object, ...], list[tuple[int, int]]] = {}
    for start, end, name in _events(body):
        if is_json(body[start : start + 64]):
            for leaf in list(string_leaves(body, start, end)):
                key = _key_of(leaf, name)
                if name == b"array" and len(leaf.steps) > 1:
                    key = (name, *key[2:])
                texts.setdefault(key, []).append((leaf.start, leaf.end))
        elif body[start:end] != b"[DONE]":
            texts.setdefault((name, "text"), []).append((start, end))
    return [
        tuple(pieces)
        for pieces in texts.values()
        if len(pieces) > 1 and len({body[start:end] for start, end in pieces}) > 1
    ]


def spread_over(places: Places, findings: Iterable[Finding]) -> Iterator[Finding]:
    """Turn findings in a joined text into findings in its pieces.

    The replacement stands in the first piece that a finding touches; what it touches of the others goes.
    """
    starts = list(accumulate((end - start for start, end in places), initial=0))
    for finding in findings:
        replacement = finding.replacement
        for index, (start, end) in enumerate(places):
            first = max(finding.start - starts[index], 0)
            last = min(finding.end - starts[index], end - start)
            if first < last:
                yield Finding(start + first, start + last, finding.kind, replacement)
                replacement = b""
