"""Why two requests differ: a list of places, found by deepdiff."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Sequence
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from llmreplay.core.errors import Difference
from llmreplay.core.matching import Rules, feature_words
from llmreplay.core.model import Request

_MOST_SHOWN = 70
_STEP = re.compile(r"\['((?:[^'\\]|\\.)*)'\]|\[\"((?:[^\"\\]|\\.)*)\"\]|\[(\d+)\]")
_PLAIN = re.compile(r"[A-Za-z_][\w-]*\Z")
_ABSENT = object()


def differences_between(
    rules: Rules, shown: Callable[[str], str], recorded: Request, sent: Request
) -> Sequence[Difference]:
    """Find the places in which a request differs from a recorded one.

    Args:
        rules: What counts; a header that does not is not compared.
        shown: Redacts a text that is about to be shown.
        recorded: As it stands on the cassette.
        sent: As redacted.

    Returns:
        Places in the order method, URL, headers, body.
    """
    found: list[Difference] = []
    if recorded.method != sent.method:
        found.append(Difference("method", recorded.method, sent.method))
    found += _url_differences(recorded.url, sent.url, shown)
    one, other = dict(feature_words(recorded.headers, rules)), dict(feature_words(sent.headers, rules))
    for name in sorted({*one, *other}):
        if one.get(name) != other.get(name):
            found.append(Difference(f"header:{name}", one.get(name), other.get(name)))
    return [*found, *_body_differences(recorded.body, sent.body, shown)]


def _url_differences(recorded: str, sent: str, shown: Callable[[str], str]) -> list[Difference]:
    found = []
    one, other = urlsplit(recorded), urlsplit(sent)
    if (one.scheme, one.netloc) != (other.scheme, other.netloc):
        found.append(
            Difference("host", shown(f"{one.scheme}://{one.netloc}"), shown(f"{other.scheme}://{other.netloc}"))
        )
    if one.path != other.path:
        found.append(Difference("path", shown(one.path), shown(other.path)))
    if one.query != other.query:
        before, after = parse_qsl(one.query, True), parse_qsl(other.query, True)
        for name in dict.fromkeys(name for name, _ in before + after):
            old = (
                ", ".join(value for key, value in before if key == name) if any(k == name for k, _ in before) else None
            )
            new = ", ".join(value for key, value in after if key == name) if any(k == name for k, _ in after) else None
            if old != new:
                found.append(Difference(f"query:{name}", old and shown(old), new and shown(new)))
    return found


def _body_differences(recorded: bytes, sent: bytes, shown: Callable[[str], str]) -> list[Difference]:
    try:
        one, other = json.loads(recorded), json.loads(sent)
    except (ValueError, RecursionError):
        if recorded == sent:
            return []
        before, after = recorded.decode("utf-8", "replace"), sent.decode("utf-8", "replace")
        return [Difference("body", *(shown(text) for text in _cut_to_difference(before, after)))]
    return [
        Difference(_json_path(path), *_shown_pair(old, new, shown)) for path, old, new in _tree_differences(one, other)
    ]


def _tree_differences(one: Any, other: Any) -> list[tuple[str, Any, Any]]:
    # Imported only now: it costs 100 ms, and a test that passes never needs it.
    from deepdiff import DeepDiff

    result = DeepDiff(one, other, ignore_numeric_type_changes=True, view="tree", threshold_to_diff_deeper=0)
    found = []
    for kind, levels in result.items():
        for level in levels:
            old = _ABSENT if "added" in kind else level.t1
            new = _ABSENT if "removed" in kind else level.t2
            found.append((level.path(), old, new))
    return sorted(found, key=lambda entry: _order(entry[0]))


def _order(path: str) -> list[tuple[int, str]]:
    return [(int(index or 0), single or double) for single, double, index in _STEP.findall(path)]


def _json_path(path: str) -> str:
    text = "$"
    for match in _STEP.finditer(path):
        single, double, index = match.groups()
        name = single if single is not None else double
        if index is not None:
            text += f"[{index}]"
        elif _PLAIN.match(name):
            text += f".{name}"
        else:
            text += "['" + name.replace("\\", "\\\\").replace("'", "\\'") + "']"
    return text


def _shown_pair(old: Any, new: Any, shown: Callable[[str], str]) -> tuple[str | None, str | None]:
    if isinstance(old, str) and isinstance(new, str):
        old, new = _cut_to_difference(old, new)
    return tuple(None if value is _ABSENT else _short(shown(_as_json(value))) for value in (old, new))  # type: ignore[return-value]


def _as_json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, default=str)


def _short(text: str) -> str:
    return text if len(text) <= _MOST_SHOWN else text[: _MOST_SHOWN - 1] + "…"


def _cut_to_difference(old: str, new: str) -> tuple[str, str]:
    """Cut two long texts to where they first differ, so that the difference can be seen."""
    if max(len(old), len(new)) <= _MOST_SHOWN - 2:
        return old, new
    same = next((at for at, (a, b) in enumerate(zip(old, new, strict=False)) if a != b), min(len(old), len(new)))
    start = max(0, same - 25)
    lead = "…" if start else ""
    return tuple(lead + _short(text[start:]) for text in (old, new))  # type: ignore[return-value]
