"""The meaning of a body as text: two bodies mean the same exactly if their canonical texts are equal.

JSON: key order, white space, escapes and the spelling of numbers do not matter; `1` is `1.0` but not `true`,
integers and decimals are exact, duplicate keys stay. Multipart: the boundary does not matter. Anything else: bytes.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from functools import lru_cache, partial
from typing import Any

from llmreplay.core.json_path import JsonPath, remove
from llmreplay.core.model import Headers, header
from llmreplay.core.multipart import delimiter_of, with_each_part

# A float holds these exactly enough to print them back; any longer literal is compared digit by digit.
_SHORT_DECIMAL = re.compile(r"-?\d{1,15}\.\d{1,15}\Z")
_MOST_DIGITS = 4000
_REMEMBERED_BYTES = 32_000


@dataclass(frozen=True, slots=True)
class _Exact:
    """A number that a float cannot hold; equal numbers have equal digits."""

    digits: str


@dataclass(frozen=True, slots=True)
class _Pairs:
    """An object with a key that stands in it twice."""

    pairs: tuple[tuple[str, Any], ...]


def _number(literal: str) -> int | float | _Exact:
    if _SHORT_DECIMAL.match(literal) and len(literal) <= 15:
        value = float(literal)
        return int(value) if value.is_integer() else value
    try:
        exact = Decimal(literal)
    except InvalidOperation:
        return _Exact(literal.lower())
    sign, digits, exponent = exact.as_tuple()
    if not exact:
        return 0
    assert isinstance(exponent, int)
    text = "".join(map(str, digits)).rstrip("0")
    exponent += len(digits) - len(text)
    if exponent >= 0 and len(text) + exponent <= _MOST_DIGITS:
        return int(f"{'-' if sign else ''}{text}{'0' * exponent}")
    as_float = float(literal)
    if abs(as_float) != float("inf") and Decimal(repr(as_float)) == exact:
        return as_float
    return _Exact(f"{'-' if sign else ''}{text}e{exponent}")


def _integer(literal: str) -> int | _Exact:
    return int(literal) if len(literal) <= _MOST_DIGITS else _exact_integer(literal)


def _exact_integer(literal: str) -> _Exact:
    sign = "-" if literal.startswith("-") else ""
    digits = literal.lstrip("-")
    text = digits.rstrip("0")
    return _Exact(f"{sign}{text}e{len(digits) - len(text)}")


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any] | _Pairs:
    as_dict = dict(pairs)
    return as_dict if len(as_dict) == len(pairs) else _Pairs(tuple(sorted(pairs, key=lambda pair: pair[0])))


def _constant(name: str) -> None:
    raise ValueError(f"{name} is no JSON")


# JSON itself has neither NaN nor Infinity, so as marks they cannot be mistaken for anything a body holds.
def _marked(value: object) -> object:
    if isinstance(value, _Exact):
        return [float("nan"), value.digits]
    assert isinstance(value, _Pairs)
    return [float("inf"), value.pairs]


_decode = json.JSONDecoder(
    object_pairs_hook=_object, parse_float=_number, parse_int=_integer, parse_constant=_constant
).decode
_encode = json.JSONEncoder(sort_keys=True, separators=(",", ":"), default=_marked).encode


def json_tree(body: bytes) -> Any:
    """Decode a JSON body into dicts, lists and exact values.

    Raises:
        ValueError: It is no JSON, or nests too deeply to be read.
    """
    try:
        return _decode(body.decode("utf-8", "strict"))
    except RecursionError:
        raise ValueError("nested too deeply") from None


def canonical_body(
    headers: Headers,
    body: bytes,
    *,
    ignore: Sequence[JsonPath] = (),
    normalize: Sequence[Callable[[str], str]] = (),
) -> bytes:
    """Give the canonical text of a body.

    Args:
        headers: Of the request, for its content type.
        body: After content decoding.
        ignore: Parts of a JSON body that do not count.
        normalize: Applied, in order, to every string of a JSON body, to each part of a multipart body that is text,
            or to a text body as a whole.

    Returns:
        Text that is equal for two bodies exactly if they mean the same.
    """
    content_type = header(headers, "content-type") or ""
    if len(body) <= _REMEMBERED_BYTES and not normalize:
        return _remembered(content_type, body, tuple(ignore), ())
    return _canonical(content_type, body, ignore, normalize)


def _canonical(
    content_type: str, body: bytes, ignore: Sequence[JsonPath], normalize: Sequence[Callable[[str], str]]
) -> bytes:
    if "json" in content_type.lower() or body[:1] in (b"{", b"["):
        try:
            tree = json_tree(body)
        except ValueError:
            pass
        else:
            if ignore:
                remove(tree, ignore)
            if normalize:
                tree = normalized(tree, normalize)
            return b"json:" + _encode(tree).encode("ascii")
    delimiter = delimiter_of(content_type)
    if normalize:
        change = partial(normalized_text, functions=normalize)
        return b"bytes:" + (change(body) if delimiter is None else with_each_part(delimiter, body, change))
    return b"bytes:" + (body if delimiter is None else body.replace(delimiter, b"--boundary"))


# Retries, and runs under fuzzing, send the same again.
_remembered = lru_cache(maxsize=50)(_canonical)


def normalized(node: Any, functions: Sequence[Callable[[str], str]]) -> Any:
    """Apply functions, in order, to every string of a JSON tree but its keys."""
    if isinstance(node, str):
        for function in functions:
            node = function(node)
        return node
    if isinstance(node, list):
        return [normalized(child, functions) for child in node]
    if isinstance(node, dict):
        return {key: normalized(child, functions) for key, child in node.items()}
    if isinstance(node, _Pairs):
        return _Pairs(tuple((key, normalized(child, functions)) for key, child in node.pairs))
    return node


def normalized_text(body: bytes, functions: Sequence[Callable[[str], str]]) -> bytes:
    """Apply functions, in order, to a text; give bytes that are none as they are."""
    try:
        text = body.decode("utf-8")
    except UnicodeDecodeError:
        return body
    for function in functions:
        text = function(text)
    return text.encode("utf-8", "surrogatepass")
