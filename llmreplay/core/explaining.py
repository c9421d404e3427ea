"""Explaining a refusal: the nearest recording, and the setting that would have made it match."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Any

from llmreplay.core.canonical import json_tree
from llmreplay.core.cassette import Track
from llmreplay.core.errors import Difference
from llmreplay.core.json_path import parse_json_path
from llmreplay.core.matching import Rules, fingerprint
from llmreplay.core.model import Request

_MOST_CANDIDATES = 500
_MOST_LEAVES = 2000


def nearest(request: Request, tracks: Sequence[Track]) -> Track | None:
    """Find the recording that is most alike, by a cheap score; unplayed ones win a tie, then earlier ones."""
    wanted = _features(request)
    unplayed = [track for track in tracks if not track.plays]
    played = [track for track in tracks if track.plays]
    best, best_score = None, -1.0
    for track in (unplayed + played)[:_MOST_CANDIDATES]:
        features = _features(track.interaction.request)
        score = 2 * len(wanted & features) / (len(wanted) + len(features))
        if score > best_score:
            best, best_score = track, score
    return best


def _features(request: Request) -> set[str]:
    features = {f"method {request.method}", f"url {request.url}", f"path {request.url.partition('?')[0]}"}
    try:
        tree = json_tree(request.body)
    except ValueError:
        features.update(f"word {word}" for word in request.body.decode("utf-8", "replace").split()[:_MOST_LEAVES])
        return features
    for number, (path, leaf) in enumerate(_leaves(tree, "$")):
        if number >= _MOST_LEAVES:
            break
        features.add(f"{path}={leaf!r}")
        if isinstance(leaf, str) and len(leaf) > 20:
            features.update(f"{path} {word}" for word in leaf.split()[:50])
    return features


def _leaves(node: Any, path: str) -> Iterable[tuple[str, Any]]:
    if isinstance(node, dict):
        for key, child in node.items():
            yield from _leaves(child, f"{path}.{key}")
    elif isinstance(node, list):
        for number, child in enumerate(node):
            yield from _leaves(child, f"{path}[{number}]")
    else:
        yield path, node


def matching_setting(
    recorded: Request, sent: Request, rules: Rules, differences: Sequence[Difference]
) -> tuple[str, str] | None:
    """Find the smallest setting under which two requests would have matched.

    Returns:
        A question and the setting to type, whole: what is in force already is in it. None if no setting would have
        helped.
    """
    for name, function in rules.ready_made.items():
        if _same(recorded, sent, replace(rules, normalizers=(*rules.normalizers, function))):
            return "Volatile text?", f"normalize=[{', '.join([*_normalizers(rules), _quoted(name)])}]"
    entries = list(dict.fromkeys(_ignorable(difference.path) for difference in differences))
    if not entries or None in entries or any(entry in ("$.messages", "$.input", "$") for entry in entries):
        return None
    if not _same(recorded, sent, _ignoring(rules, [entry for entry in entries if entry])):
        return None
    shown = (_quoted(entry) for entry in dict.fromkeys([*_ignored(rules), *filter(None, entries)]))
    return "Volatile field?", f"ignore=[{', '.join(shown)}]"


def _normalizers(rules: Rules) -> list[str]:
    """Give what the user normalises with, as code."""
    names = {function: _quoted(name) for name, function in rules.ready_made.items()}
    return [names.get(function) or str(getattr(function, "__name__", "...")) for function in rules.normalizers]


def _ignored(rules: Rules) -> list[str]:
    """Give what the user ignores, as written."""
    return [
        *(path.text for path in rules.ignored_paths),
        *(f"query:{name}" for name in rules.ignored_query),
        *(f"header:{name}" for name in sorted(rules.ignored_headers)),
        *(["host"] if rules.ignores_host else []),
    ]


def _quoted(text: str) -> str:
    return json.dumps(text, ensure_ascii=False)


def _same(recorded: Request, sent: Request, rules: Rules) -> bool:
    return fingerprint(recorded, rules) == fingerprint(sent, rules)


def _ignorable(path: str) -> str | None:
    if path.startswith("$"):
        return re.sub(r"\[\d+\]", "[*]", path)
    return path if path == "host" or path.startswith(("query:", "header:")) else None


def _ignoring(rules: Rules, entries: Sequence[str]) -> Rules:
    return replace(
        rules,
        ignored_paths=(*rules.ignored_paths, *(parse_json_path(entry) for entry in entries if entry.startswith("$"))),
        ignored_query=(*rules.ignored_query, *(entry[6:] for entry in entries if entry.startswith("query:"))),
        ignored_headers=rules.ignored_headers | {entry[7:] for entry in entries if entry.startswith("header:")},
        ignores_host=rules.ignores_host or "host" in entries,
    )
