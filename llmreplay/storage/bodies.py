"""Request bodies and headers: laid out for a cassette, and restored from it."""

from __future__ import annotations

from base64 import b64decode, b64encode
from itertools import groupby
from operator import itemgetter
from typing import cast

import msgspec
from msgspec import UNSET, Raw

from llmreplay.core.model import Headers, Request
from llmreplay.storage.json_text import laid_out, restored
from llmreplay.storage.wire import Text, WireHeaders, WireRequest, plain_text, wire_text

_text_from = msgspec.json.Decoder(str)
_ONE_STRING_EACH = frozenset([str])


def wire_request(request: Request, *, is_plain: bool = False) -> WireRequest:
    """Lay a request out; `is_plain` keeps a JSON body as text, byte for byte."""
    wire = WireRequest(method=request.method, url=wire_text(request.url), headers=wire_headers(request.headers))
    shown = None if is_plain else laid_out(request.body)
    if shown is not None:
        wire.json = Raw(shown)
    elif request.body:
        wire.text, wire.base64 = text_or_base64(request.body)
    return wire


def request_from(wire: WireRequest, *, is_compact: bool = False) -> Request:
    """Restore a request; a JSON body comes without white space.

    Args:
        wire: As read.
        is_compact: Whether a JSON body has no white space between its tokens.

    Raises:
        ValueError: A body is not what its name says.
    """
    if wire.json is UNSET:
        body = bytes_from(wire.text, wire.base64)
    else:
        body = bytes(wire.json) if is_compact else restored(wire.json, "compact")
    url = wire.url if isinstance(wire.url, str) else plain_text(wire.url)
    return Request(wire.method, url, headers_from(wire.headers), body)


def text_or_base64(data: bytes) -> tuple[Raw | msgspec.UnsetType, Raw | msgspec.UnsetType]:
    """Store bytes as a JSON string: the first of the pair if they are UTF-8, else the second."""
    try:
        return Raw(msgspec.json.encode(data.decode())), UNSET
    except UnicodeDecodeError:
        return UNSET, Raw(b'"' + b64encode(data) + b'"')


def bytes_from(text: Raw | msgspec.UnsetType, base64: Raw | msgspec.UnsetType) -> bytes:
    """Undo `text_or_base64`; empty if both are unset.

    Raises:
        ValueError: They are no JSON strings, or the base64 is none.
    """
    if text is not UNSET:
        return _text_from.decode(text).encode()
    if base64 is not UNSET:
        return b64decode(_text_from.decode(base64), validate=True)
    return b""


def wire_headers(headers: Headers) -> WireHeaders:
    """Store headers as an object if it can hold them, else as pairs.

    An object cannot if a name comes again after another one, in a second spelling, or with lone surrogates.
    """
    pairs = [(wire_text(name), wire_text(value)) for name, value in headers]
    held: dict[str, str | msgspec.Struct | list[Text]] = {}
    seen: set[str] = set()
    for name, group in groupby(pairs, key=itemgetter(0)):
        if not isinstance(name, str) or name.lower() in seen:
            return pairs
        seen.add(name.lower())
        values = [value for _, value in group]
        held[name] = values if len(values) > 1 else values[0]
    return held  # type: ignore[return-value]


def headers_from(wire: WireHeaders) -> Headers:
    """Undo `wire_headers`."""
    if isinstance(wire, list):
        return tuple((plain_text(name), plain_text(value)) for name, value in wire)
    if _ONE_STRING_EACH.issuperset(map(type, wire.values())):
        return cast(Headers, tuple(wire.items()))
    pairs: list[tuple[str, str]] = []
    for name, value in wire.items():
        if isinstance(value, str):
            pairs.append((name, value))
        elif isinstance(value, list):
            pairs.extend((name, plain_text(one)) for one in value)
        else:
            pairs.append((name, plain_text(value)))
    return tuple(pairs)
