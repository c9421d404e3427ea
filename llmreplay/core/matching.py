"""When two requests are the same question: fingerprints, and the rules that make them."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from functools import lru_cache
from hashlib import blake2b
from string import ascii_letters, digits
from urllib.parse import parse_qsl, urlsplit

from llmreplay.core.api import Api, identify
from llmreplay.core.canonical import canonical_body
from llmreplay.core.errors import SettingError
from llmreplay.core.json_path import JsonPath, parse_json_path
from llmreplay.core.model import Headers, Request, header
from llmreplay.core.normalize import READY_MADE, Normalizer
from llmreplay.core.user_functions import text_function

_DEFAULT_PORTS = {"http": 80, "https": 443}

_ESCAPE = re.compile("%([0-9A-Fa-f]{2})")
_UNRESERVED = frozenset(f"{ord(character):02X}" for character in ascii_letters + digits + "-._~")
# What would end a name or a value, and what begins an escape.
_IN_NAME = str.maketrans({"%": "%25", "&": "%26", "=": "%3D"})
_IN_VALUE = str.maketrans({"%": "%25", "&": "%26"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Rules:
    """What counts when requests are compared.

    Attributes:
        apis: Rows whose paths may have several spellings.
        feature_headers: Lower-case names of the only headers that count, as sets of their comma-separated words.
        ignored_paths: Parts of a JSON body that do not count.
        ignored_query: Query parameters that do not count; `*` patterns.
        ignored_headers: Feature headers that do not count.
        ignores_host: Whether scheme, host and port do not count.
        normalizers: Applied to every string of a body, and to path and query.
        ready_made: The ready-made ones, by name.
    """

    apis: tuple[Api, ...] = ()
    feature_headers: tuple[str, ...] = ()
    ignored_paths: tuple[JsonPath, ...] = ()
    ignored_query: tuple[str, ...] = ()
    ignored_headers: frozenset[str] = frozenset()
    ignores_host: bool = False
    normalizers: tuple[Normalizer, ...] = ()
    ready_made: Mapping[str, Normalizer] = field(default_factory=lambda: READY_MADE)


def rules_from(
    ignore: Sequence[str],
    normalize: Sequence[str | Normalizer],
    *,
    apis: Sequence[Api],
    feature_headers: Sequence[str],
    ready_made: Mapping[str, Normalizer] = READY_MADE,
) -> Rules:
    """Make the rules that a user asked for.

    Args:
        ignore: `$.path`, `query:name`, `header:name` or `host`.
        normalize: Functions from text to text, or names of ready-made ones.
        apis: The catalogue.
        feature_headers: The headers that count.
        ready_made: The ready-made normalisers, by name.

    Raises:
        SettingError: An entry that cannot be read; the text says which and what can.
    """
    paths, query, headers = [], [], set()
    for entry in ignore:
        kind, _, name = entry.partition(":")
        if entry.startswith("$"):
            paths.append(parse_json_path(entry))
        elif kind == "query" and name:
            query.append(name)
        elif kind == "header" and name:
            headers.add(name.lower())
        elif entry != "host":
            raise SettingError(
                f"ignore={entry!r}: write a JSON path such as $.metadata.user_id, query:NAME, header:NAME or host."
            )
    return Rules(
        apis=tuple(apis),
        feature_headers=tuple(name.lower() for name in feature_headers),
        ignored_paths=tuple(paths),
        ignored_query=tuple(query),
        ignored_headers=frozenset(headers),
        ignores_host="host" in ignore,
        normalizers=tuple(_normalizer(entry, ready_made) for entry in normalize),
        ready_made=ready_made,
    )


def _normalizer(entry: str | Callable[[str], str], ready_made: Mapping[str, Normalizer]) -> Normalizer:
    if not isinstance(entry, str):
        if callable(entry):
            return text_function("normalize", entry)
    elif entry in ready_made:
        return ready_made[entry]
    raise SettingError(
        f"normalize={entry!r}: give a function from text to text, or one of {', '.join(sorted(ready_made))}."
    )


def fingerprint(request: Request, rules: Rules, api: Api | None = None) -> str:
    """Give the identity of what a request asks; equal for two requests exactly if the rules call them the same.

    Args:
        request: As redacted.
        rules: What counts.
        api: The request's row, if known already; else it is looked up.

    Returns:
        32 hexadecimal digits.
    """
    digest = blake2b(digest_size=16)
    for part in (
        request.method,
        canonical_url(request, rules, api or identify(request, rules.apis)),
        *(f"{name}:{words}" for name, words in feature_words(request.headers, rules)),
    ):
        digest.update(part.encode("utf-8", "surrogatepass") + b"\0")
    digest.update(
        canonical_body(request.headers, request.body, ignore=rules.ignored_paths, normalize=rules.normalizers)
    )
    return digest.hexdigest()


def count_alike(headers: Headers, others: Headers, rules: Rules) -> bool:
    """Say, quickly, whether all that can count of two requests' headers in a fingerprint is the same."""
    return _count_alike(headers, others, rules.feature_headers, rules.ignored_headers)


# A client sends the same headers with nearly every request.
@lru_cache(maxsize=500)
def _count_alike(headers: Headers, others: Headers, feature_headers: tuple[str, ...], ignored: frozenset[str]) -> bool:
    return _counted_in(headers, feature_headers, ignored) == _counted_in(others, feature_headers, ignored)


def canonical_url(request: Request, rules: Rules, api: Api | None) -> str:
    """Write a URL in the one way that all its spellings share; the query is a multiset."""
    parts = urlsplit(request.url)
    if rules.ignores_host:
        api = next(
            (
                row
                for row in rules.apis
                if (row.canonical_path or row.volatile_query) and row.path.fullmatch(parts.path)
            ),
            None,
        )
    path = _canonical_escapes(parts.path) if "%" in parts.path else parts.path
    path = api.canonical_path(path) if api is not None and api.canonical_path else path
    ignored = rules.ignored_query if api is None else (*rules.ignored_query, *api.volatile_query)
    query = _canonical_query(parts.query, ignored) if parts.query else ""
    for normalizer in rules.normalizers:
        path, query = normalizer(path), normalizer(query)
    if rules.ignores_host:
        return (path or "/") + query
    port = parts.port
    shown = "" if port is None or port == _DEFAULT_PORTS.get(parts.scheme) else f":{port}"
    return f"{parts.scheme}://{parts.hostname or ''}{shown}{path or '/'}{query}"


def _canonical_escapes(path: str) -> str:
    """Write out what need not be escaped, and escape the rest in capitals; `%2F` is no `/`: RFC 3986, 6.2.2."""

    def spelled(escape: re.Match[str]) -> str:
        code = escape[1].upper()
        return chr(int(code, 16)) if code in _UNRESERVED else f"%{code}"

    return _ESCAPE.sub(spelled, path)


def _canonical_query(query: str, ignored: Sequence[str]) -> str:
    """Write the pairs that count in one order, as text that no other pairs have."""
    # Bytes that are no UTF-8 stay different, too.
    pairs = parse_qsl(query, keep_blank_values=True, errors="surrogateescape")
    if ignored:
        pairs = [pair for pair in pairs if not any(fnmatchcase(pair[0], pattern) for pattern in ignored)]
    if "%" in query:
        pairs = [(name.translate(_IN_NAME), value.translate(_IN_VALUE)) for name, value in pairs]
    return "?" + "&".join(sorted(f"{name}={value}" for name, value in pairs)) if pairs else ""


def feature_words(headers: Headers, rules: Rules) -> tuple[tuple[str, str], ...]:
    """Give the headers that count, each with its words in one order, however they were spread over lines."""
    return _counted_in(headers, rules.feature_headers, rules.ignored_headers)[1]


@lru_cache(maxsize=500)
def _counted_in(
    headers: Headers, feature_headers: tuple[str, ...], ignored: frozenset[str]
) -> tuple[str | None, tuple[tuple[str, str], ...]]:
    """Give the content type, and the headers that count."""
    counted = tuple(name for name in feature_headers if name not in ignored)
    found: dict[str, set[str]] = {}
    for key, value in headers:
        name = key.lower()
        if name in counted:
            found.setdefault(name, set()).update(word.strip() for word in value.split(",") if word.strip())
    words = tuple((name, ",".join(sorted(found[name]))) for name in counted if found.get(name))
    return header(headers, "content-type"), words
