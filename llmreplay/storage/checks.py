"""Whether an interaction can be restored: what the types of `wire` cannot say."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import TypeVar
from urllib.parse import urlsplit

from msgspec import UNSET, Raw, UnsetType

from llmreplay.storage.bodies import bytes_from, headers_from
from llmreplay.storage.chunks import chunks_from
from llmreplay.storage.wire import WireChunks, WireHeaders, WireInteraction, WireRequest, plain_text

T = TypeVar("T")
_FEW_CHUNKS = 4


def check_restorable(wire: WireInteraction) -> None:
    """Check an interaction without restoring the most of it; its cuts are for `check_cuts`.

    Raises:
        ValueError: Something cannot be restored; the text ends with its place, in the manner of msgspec.
    """
    response, failure = wire.response, wire.failure
    if (response is UNSET) is (failure is UNSET):
        raise ValueError("Expected exactly one of `response`, `failure`")
    _check_request(wire.request)
    if response is not UNSET:
        _check_headers(response.headers, "$.response.headers")
        if type(response.reason) is not str:
            _restore(plain_text, response.reason, "$.response.reason")
        _check_contents(response.chunks)
    elif failure is not UNSET:
        _restore(plain_text, failure.message, "$.failure.message")


def check_cuts(wire: WireInteraction, *, is_compact: bool) -> None:
    """Check that chunks are cut inside of their content; restores it.

    Args:
        wire: As read.
        is_compact: Whether JSON in it has no white space between its tokens.

    Raises:
        ValueError: One is not; the text ends with its place.
    """
    if wire.response is not UNSET:
        for number, chunks in enumerate(wire.response.chunks):
            if chunks.cuts:
                place = f"$.response.chunks[{number}].cuts"
                _restore(lambda held: chunks_from([held], is_compact=is_compact), chunks, place)


def has_cuts(wire: WireInteraction) -> bool:
    """Say whether any content arrived in more than one chunk."""
    if wire.response is not UNSET:
        for chunks in wire.response.chunks:
            if chunks.cuts:
                return True
    return False


def is_plain(wire: WireInteraction) -> bool:
    """Say whether an interaction is no stream, and no white space in it is a provider's own."""
    if wire.response is not UNSET:
        if len(wire.response.chunks) > _FEW_CHUNKS:
            return False
        for chunks in wire.response.chunks:
            if chunks.sse is not UNSET or chunks.ndjson is not UNSET or chunks.layout == "verbatim":
                return False
    return True


def _check_request(wire: WireRequest) -> None:
    _check_headers(wire.headers, "$.request.headers")
    if type(wire.url) is not str:
        _restore(plain_text, wire.url, "$.request.url")
    elif not _can_be_read(wire.url):
        raise ValueError("Expected a URL, got one that cannot be read - at `$.request.url`")
    if wire.text is UNSET and wire.base64 is UNSET:
        return
    if (wire.json, wire.text, wire.base64).count(UNSET) < 2:
        raise ValueError("Expected at most one of `json`, `text`, `base64` - at `$.request`")
    _check_string(wire.text, wire.base64, "$.request")


# Most requests go to the same few addresses.
@lru_cache(maxsize=500)
def _can_be_read(url: str) -> bool:
    try:
        parts = urlsplit(url)
        # Read when asked for, and only then found to be none.
        return parts.port is None or parts.port >= 0
    except ValueError:
        return False


def _check_contents(held: Sequence[WireChunks]) -> None:
    for number, wire in enumerate(held):
        # A stream has hundreds of them: nearly all are plain events, or plain JSON.
        is_of_these = wire.text is UNSET and wire.base64 is UNSET and wire.ndjson is UNSET
        if is_of_these and (wire.sse is UNSET) is not (wire.json is UNSET):
            continue
        place = f"$.response.chunks[{number}]"
        if (wire.sse, wire.text, wire.json, wire.base64, wire.ndjson).count(UNSET) != 4:
            names = "`json`, `sse`, `ndjson`, `text`, `base64`"
            raise ValueError(f"Expected exactly one of {names} - at `{place}`")
        _check_string(wire.text, wire.base64, place)


def _check_headers(wire: WireHeaders, place: str) -> None:
    if isinstance(wire, dict):
        for value in wire.values():
            if type(value) is not str:
                break
        else:
            return
    _restore(headers_from, wire, place)


def _check_string(text: Raw | UnsetType, base64: Raw | UnsetType, place: str) -> None:
    """Check that what is set is a string; its characters were checked with the file's."""
    name, raw = ("text", text) if text is not UNSET else ("base64", base64)
    if raw is UNSET:
        return
    start = bytes(memoryview(raw)[:20])
    if start[:1] != b'"':
        raise ValueError(f"Expected `str`, got `{start.decode(errors='replace')}` - at `{place}.{name}`")
    if base64 is not UNSET:
        _restore(lambda held: bytes_from(UNSET, held), base64, f"{place}.base64")


def _restore(restore: Callable[[T], object], value: T, place: str) -> None:
    try:
        restore(value)
    except ValueError as error:
        raise ValueError(f"{error} - at `{place}`") from None
