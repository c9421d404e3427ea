"""Paths into JSON, as users write them: `$.messages[*].id`, `$..name`, `$.tools[0]['input schema']`."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from llmreplay.core.errors import SettingError

_STEP = re.compile(
    r"""(?P<deep>\.\.)?(?:
        (?(deep)|\.)(?P<name>[^.\[\]'"\s*]+)
      | (?(deep)|\.)(?P<star>\*)
      | \[(?P<index>-?\d+)\]
      | \[(?P<all>\*)\]
      | \['(?P<single>(?:[^'\\]|\\.)*)'\]
      | \["(?P<double>(?:[^"\\]|\\.)*)"\]
    )""",
    re.VERBOSE,
)


@dataclass(frozen=True, slots=True)
class Step:
    """One step of a path.

    Attributes:
        key: A name, an index, or None for every member.
        is_deep: Whether it looks at any depth below.
    """

    key: str | int | None
    is_deep: bool = False


@dataclass(frozen=True, slots=True)
class JsonPath:
    """A parsed path; `text` is what the user wrote."""

    text: str
    steps: tuple[Step, ...]


def parse_json_path(text: str) -> JsonPath:
    """Parse a path that starts with `$`.

    Raises:
        SettingError: It cannot be parsed; the text says where and shows the forms that can.
    """
    if not text.startswith("$"):
        raise SettingError(f"{text!r}: a path into a JSON body starts with '$', such as $.metadata.user_id.")
    steps = []
    position = 1
    while position < len(text):
        match = _STEP.match(text, position)
        if match is None:
            raise SettingError(
                f"{text!r}: cannot read {text[position:]!r}. Write $.name, $.list[0], $.list[*].name, $..name "
                "or $['odd name']."
            )
        steps.append(Step(_key_of(match), bool(match["deep"])))
        position = match.end()
    if not steps:
        raise SettingError("'$' alone would ignore the whole body: name a part of it, such as $.metadata.")
    return JsonPath(text, tuple(steps))


def _key_of(match: re.Match[str]) -> str | int | None:
    if match["index"] is not None:
        return int(match["index"])
    for quoted in (match["single"], match["double"]):
        if quoted is not None:
            return re.sub(r"\\(.)", r"\1", quoted)
    return match["name"]


def remove(tree: Any, paths: Sequence[JsonPath]) -> None:
    """Take what the paths name out of a tree of dicts and lists, in place; each path means the tree as given."""
    found: dict[int, tuple[Any, set[str | int]]] = {}
    for path in paths:
        for parent, key in _find(tree, path.steps):
            found.setdefault(id(parent), (parent, set()))[1].add(key)
    # Nothing goes before everything is found: an index means another element as soon as one before it is gone.
    for parent, keys in found.values():
        if isinstance(parent, dict):
            for key in keys:
                del parent[key]
        else:
            parent[:] = [child for index, child in enumerate(parent) if index not in keys]


def places_of(tree: Any, paths: Sequence[JsonPath]) -> set[tuple[str | int, ...]]:
    """Give where the paths lead in a tree of dicts and lists: the keys and indices from its top on."""
    return {place for path in paths for place in _places(tree, path.steps, ())}


def _places(node: Any, steps: tuple[Step, ...], above: tuple[str | int, ...]) -> Iterator[tuple[str | int, ...]]:
    step, rest = steps[0], steps[1:]
    for key, child in _members(node, step):
        if rest:
            yield from _places(child, rest, (*above, key))
        else:
            yield (*above, key)
    if step.is_deep:
        for key, child in _members(node, Step(None)):
            yield from _places(child, steps, (*above, key))


def _find(node: Any, steps: tuple[Step, ...]) -> Iterator[tuple[Any, str | int]]:
    step, rest = steps[0], steps[1:]
    for key, child in _members(node, step):
        if rest:
            yield from _find(child, rest)
        else:
            yield node, key
    if step.is_deep:
        for _, child in _members(node, Step(None)):
            yield from _find(child, steps)


def _members(node: Any, step: Step) -> Iterator[tuple[str | int, Any]]:
    if isinstance(node, dict):
        if step.key is None:
            yield from list(node.items())
        elif isinstance(step.key, str) and step.key in node:
            yield step.key, node[step.key]
    elif isinstance(node, list):
        if step.key is None:
            yield from list(enumerate(node))
        elif isinstance(step.key, int) and -len(node) <= step.key < len(node):
            yield step.key % len(node), node[step.key]
