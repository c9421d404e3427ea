"""Whether what msgspec has accepted can be restored: what the types of `wire` cannot say."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from msgspec import UNSET, Raw

from llmreplay.storage.bodies import bytes_from, headers_from
from llmreplay.storage.chunks import chunks_from
from llmreplay.storage.wire import WireChunks, WireEvent, WireHeaders, WireInteraction, WireRequest, plain_text

T = TypeVar("T")

_OBJECT = (b"{", b"[")
_STRING = (b'"',)
_LINE = (b"{", b"[", b'"')


def check_restorable(wire: WireInteraction) -> None:
    """Check bodies, headers and texts of an interaction without restoring the most of them.

    Raises:
        ValueError: One cannot be restored; the text ends with its place, in the manner of msgspec.
    """
    _check_request(wire.request)
    response = wire.response
    if response is not UNSET:
        _check_headers(response.headers, "$.response.headers")
        _restore(plain_text, response.reason, "$.response.reason")
        for number, chunks in enumerate(response.chunks):
            try:
                _check_chunks(chunks)
            except ValueError as error:
                raise ValueError(str(error).replace("`$", f"`$.response.chunks[{number}]", 1)) from None
    elif wire.failure is not UNSET:
        _restore(plain_text, wire.failure.message, "$.failure.message")


def _check_request(wire: WireRequest) -> None:
    _check_headers(wire.headers, "$.request.headers")
    _restore(plain_text, wire.url, "$.request.url")
    if wire.json is not UNSET:
        _check_kind(wire.json, _OBJECT, "$.request.json")
    elif wire.text is not UNSET:
        _check_kind(wire.text, _STRING, "$.request.text")
    elif wire.base64 is not UNSET:
        _check_base64(wire.base64, "$.request.base64")


def _check_chunks(wire: WireChunks) -> None:
    if wire.sse is not UNSET:
        for number, piece in enumerate(wire.sse):
            if type(piece) is WireEvent and piece.data is not UNSET and _kind(piece.data) not in _LINE:
                _check_kind(piece.data, _LINE, f"$.sse[{number}].data")
    elif wire.json is not UNSET:
        _check_kind(wire.json, _OBJECT, "$.json")
    elif wire.text is not UNSET:
        _check_kind(wire.text, _STRING, "$.text")
    elif wire.base64 is not UNSET:
        _check_base64(wire.base64, "$.base64")
    elif wire.ndjson is not UNSET:
        for number, line in enumerate(wire.ndjson):
            _check_kind(line, _LINE, f"$.ndjson[{number}]")
    if wire.cuts:
        _restore(chunks_from, [wire], "$.cuts")


def _check_headers(wire: WireHeaders, place: str) -> None:
    if isinstance(wire, list) or not all(type(value) is str for value in wire.values()):
        _restore(headers_from, wire, place)


def _check_base64(raw: Raw, place: str) -> None:
    _check_kind(raw, _STRING, place)
    try:
        bytes_from(UNSET, raw)
    except ValueError as error:
        raise ValueError(f"Expected base64: {error} - at `{place}`") from None


def _check_kind(raw: Raw, kinds: tuple[bytes, ...], place: str) -> None:
    if _kind(raw) not in kinds:
        expected = {_OBJECT: "`object | array`", _STRING: "`str`", _LINE: "`object | array | str`"}[kinds]
        raise ValueError(f"Expected {expected}, got `{bytes(raw)[:20].decode(errors='replace')}` - at `{place}`")


def _kind(raw: Raw) -> bytes:
    return bytes(memoryview(raw)[:1])


def _restore(restore: Callable[[T], object], value: T, place: str) -> None:
    try:
        restore(value)
    except ValueError as error:
        raise ValueError(f"{error} - at `{place}`") from None
