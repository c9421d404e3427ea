"""Why two requests differ: a list of places, found by deepdiff."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from fnmatch import fnmatchcase
from itertools import accumulate
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from llmreplay.core.api import identify
from llmreplay.core.canonical import normalized, normalized_text
from llmreplay.core.errors import Difference
from llmreplay.core.json_path import places_of
from llmreplay.core.matching import Rules, canonical_url, feature_words
from llmreplay.core.model import Request, header
from llmreplay.core.multipart import Part, parts_of

_MOST_SHOWN = 70
_STEP = re.compile(r"\['((?:[^'\\]|\\.)*)'\]|\[\"((?:[^\"\\]|\\.)*)\"\]|\[(\d+)\]")
_PLAIN = re.compile(r"[A-Za-z_][\w-]*\Z")
_ABSENT = object()


def differences_between(
    rules: Rules, shown: Callable[[str], str], recorded: Request, sent: Request
) -> Sequence[Difference]:
    """Find the places in which a request differs from a recorded one.

    Args:
        rules: What counts; what does not is not compared, and texts are shown as normalised.
        shown: Redacts a text that is about to be shown.
        recorded: As it stands on the cassette.
        sent: As redacted.

    Returns:
        Places in the order method, URL, headers, body.
    """
    found: list[Difference] = []
    if recorded.method != sent.method:
        found.append(Difference("method", recorded.method, sent.method))
    found += _url_differences(recorded, sent, rules, shown)
    one, other = dict(feature_words(recorded.headers, rules)), dict(feature_words(sent.headers, rules))
    for name in sorted({*one, *other}):
        if one.get(name) != other.get(name):
            found.append(Difference(f"header:{name}", one.get(name), other.get(name)))
    before, after = _parts_by_name(recorded, rules), _parts_by_name(sent, rules)
    if before and after:
        return [*found, *_part_differences(before, after, shown)]
    return [*found, *_body_differences(recorded.body, sent.body, rules, shown)]


def _url_differences(recorded: Request, sent: Request, rules: Rules, shown: Callable[[str], str]) -> list[Difference]:
    before_and_after = (canonical_url(request, rules, identify(request, rules.apis)) for request in (recorded, sent))
    if len({*before_and_after}) == 1:
        return []
    found = []
    one, other = urlsplit(recorded.url), urlsplit(sent.url)
    if not rules.ignores_host and (one.scheme, one.netloc) != (other.scheme, other.netloc):
        found.append(
            Difference("host", shown(f"{one.scheme}://{one.netloc}"), shown(f"{other.scheme}://{other.netloc}"))
        )
    if one.path != other.path:
        found.append(Difference("path", shown(one.path), shown(other.path)))
    if one.query != other.query:
        before, after = _values_by_name(one.query), _values_by_name(other.query)
        for name in {**before, **after}:
            old, new = before.get(name, []), after.get(name, [])
            if any(fnmatchcase(name, pattern) for pattern in rules.ignored_query):
                continue
            if sorted(old) != sorted(new):
                found.append(
                    Difference(
                        f"query:{name}", *(shown(", ".join(values)) if values else None for values in (old, new))
                    )
                )
    return found


def _values_by_name(query: str) -> dict[str, list[str]]:
    values: dict[str, list[str]] = {}
    for name, value in parse_qsl(query, keep_blank_values=True, errors="backslashreplace"):
        values.setdefault(name, []).append(value)
    return values


def _parts_by_name(request: Request, rules: Rules) -> dict[str, Part]:
    """Give the parts of a multipart body by name, numbered where several have the same; none of any other."""
    parts: dict[str, Part] = {}
    for part in parts_of(header(request.headers, "content-type") or "", request.body):
        number = sum(1 for other in parts.values() if other.name == part.name)
        head, content = (normalized_text(text, rules.normalizers) for text in (part.head, part.content))
        parts[f"part:{part.name}" + (f"[{number}]" if number else "")] = Part(part.name, head, content)
    return parts


def _part_differences(
    before: Mapping[str, Part], after: Mapping[str, Part], shown: Callable[[str], str]
) -> list[Difference]:
    found = []
    for name in {**before, **after}:
        old, new = before.get(name), after.get(name)
        if old is None or new is None:
            contents = (None if part is None else _content(part.content, 0, shown) for part in (old, new))
            found.append(Difference(_one_line(name), *contents))
            continue
        for path, one, other in ((f"{name} head", old.head, new.head), (name, old.content, new.content)):
            if one != other:
                found.append(Difference(_one_line(path), *_bytes_pair(one, other, shown)))
    return found


def _bytes_pair(one: bytes, other: bytes, shown: Callable[[str], str]) -> tuple[str, str]:
    try:
        texts = _cut_to_difference(one.decode("utf-8"), other.decode("utf-8"))
    except UnicodeDecodeError:
        same = next(
            (at for at, (a, b) in enumerate(zip(one, other, strict=False)) if a != b), min(len(one), len(other))
        )
        return _content(one, same, shown), _content(other, same, shown)
    return _one_line(shown(texts[0])), _one_line(shown(texts[1]))


def _content(data: bytes, start: int, shown: Callable[[str], str]) -> str:
    """Show what a part holds: a text, or how many bytes and some of them from where two differ."""
    try:
        return _one_line(shown(_short(data[:4000].decode("utf-8"))))
    except UnicodeDecodeError:
        return f"{len(data)} bytes, from {start}: {data[start : start + 8].hex()}"


def _one_line(text: str) -> str:
    """Write line ends and whatever else cannot be seen as escapes, shortened."""
    if text.isprintable():
        return text
    return _short("".join(sign if sign.isprintable() else repr(sign)[1:-1] for sign in text))


def _body_differences(recorded: bytes, sent: bytes, rules: Rules, shown: Callable[[str], str]) -> list[Difference]:
    try:
        one, other = (normalized(json.loads(body), rules.normalizers) for body in (recorded, sent))
    except (ValueError, RecursionError):
        before, after = (normalized_text(body, rules.normalizers) for body in (recorded, sent))
        if before == after:
            return []
        texts = _cut_to_difference(before.decode("utf-8", "replace"), after.decode("utf-8", "replace"))
        return [Difference("body", *(_one_line(shown(text)) for text in texts))]
    ignored = places_of(one, rules.ignored_paths) | places_of(other, rules.ignored_paths)
    return [
        Difference(_json_path(path), *_shown_pair(old, new, shown))
        for path, old, new in _tree_differences(one, other)
        if not ignored or ignored.isdisjoint(accumulate((step,) for step in _steps(path)))
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


def _steps(path: str) -> Iterator[str | int]:
    for single, double, index in _STEP.findall(path):
        yield int(index) if index else single or double


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
