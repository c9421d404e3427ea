"""The bytes of a cassette file to interactions: checked whole, their bodies restored when they are asked for."""

from __future__ import annotations

import codecs
from io import BytesIO
from typing import BinaryIO

import msgspec
from msgspec import UNSET, Raw

from llmreplay.core.errors import CassetteError
from llmreplay.core.model import End, Failure, Headers, Interaction, Outcome, Request, Response, TransportFailure
from llmreplay.storage.bodies import headers_from, request_from
from llmreplay.storage.checks import check_cuts, check_restorable, has_cuts, is_plain
from llmreplay.storage.chunks import chunks_from
from llmreplay.storage.cutting import OtherLayout, interactions_in
from llmreplay.storage.diagnosis import damaged_file, wrong_value
from llmreplay.storage.duplicate_keys import duplicate_key, duplicate_key_at_top, is_written_again
from llmreplay.storage.wire import (
    FORMAT,
    WireCassette,
    WireFailure,
    WireInteraction,
    WireRequest,
    WireResponse,
    plain_text,
)

_cassette_from = msgspec.json.Decoder(WireCassette)
_interaction_from = msgspec.json.Decoder(WireInteraction)
_ENDS = {end.value: end for end in End}
_LARGE_BYTES = 1 << 20
_DECODED_BYTES = 1 << 15


class _Slices(msgspec.Struct, gc=False):
    """An interaction whose outcome is still to be read; it was checked when the file was loaded."""

    request: WireRequest
    response: Raw | msgspec.UnsetType = UNSET
    failure: Raw | msgspec.UnsetType = UNSET


_slices_from = msgspec.json.Decoder(_Slices)
_response_from = msgspec.json.Decoder(WireResponse)
_failure_from = msgspec.json.Decoder(WireFailure)


class StoredInteraction(msgspec.Struct, eq=False, gc=False):
    """An interaction as it stands in a file; request and outcome are read each time they are asked for.

    Attributes:
        recorded_at: UTC, `2026-11-21T09:14:03Z`.
        during: Part of the test that made it.
        summary: The line with which it begins, for the reader of the file.
    """

    # Its text as it stands; or what was read of it, its bodies without white space between their tokens.
    _held: bytes | WireInteraction
    recorded_at: str
    during: str
    summary: str
    _slices: _Slices | None = None

    @property
    def request(self) -> Request:
        """As redacted; a JSON body without white space."""
        held = self._held
        if isinstance(held, WireInteraction):
            return request_from(held.request, is_compact=True)
        # The outcome is asked for next, if this request is the one that was made.
        slices = self._slices = _slices_from.decode(held)
        return request_from(slices.request)

    @property
    def outcome(self) -> Outcome:
        """As received and redacted, byte for byte."""
        held = self._held
        if isinstance(held, WireInteraction):
            if held.response is not UNSET:
                return _response(held.response, is_compact=True)
            return _outcome(held, is_compact=True)
        slices, self._slices = self._slices, None
        if slices is None:
            slices = _slices_from.decode(held)
        if slices.response is not UNSET:
            return _response(_response_from.decode(slices.response), is_compact=False)
        assert slices.failure is not UNSET, "an interaction without outcome is refused on loading"
        return _failure(_failure_from.decode(slices.failure))

    def headers_if_same(self, method: str, url: str, body: bytes) -> Headers | None:
        """Give the headers of the request, if all else in it is to the letter as given; else None."""
        held = self._held
        if not isinstance(held, WireInteraction) or held.request.json is UNSET:
            return self.request.headers_if_same(method, url, body)
        wire = held.request
        # Without a copy of the body.
        is_same = wire.json == Raw(body) and wire.url == url and wire.method == method
        return headers_from(wire.headers) if is_same else None

    @property
    def interaction(self) -> Interaction:
        """The same as a plain value, everything read anew: nothing of it is kept."""
        held = self._held
        if isinstance(held, WireInteraction):
            return interaction_from(held, is_compact=True)
        return interaction_from(_interaction_from.decode(held))

    def __eq__(self, other: object) -> bool:
        if isinstance(other, StoredInteraction):
            return self.interaction == other.interaction
        return self.interaction == other

    def __ne__(self, other: object) -> bool:
        # That of a struct would compare identities.
        return not self == other

    def __hash__(self) -> int:
        return hash(self.interaction)

    def __repr__(self) -> str:
        return f"StoredInteraction({(self.summary or self.recorded_at)!r})"


def decode(data: bytes, path: str, *, file_format: str = FORMAT) -> tuple[StoredInteraction, ...]:
    """Read a cassette file.

    Args:
        data: The whole file; one that was checked out with CRLF or a byte order mark is read all the same.
        path: The file's name, for errors.
        file_format: The format that it must have.

    Raises:
        CassetteError: Anything in it is wrong; nothing of it is given then.
    """
    data = data.removeprefix(codecs.BOM_UTF8)
    stored = decode_as_written(BytesIO(data), path, file_format=file_format)
    return _decode_strictly(data, path, file_format) if stored is None else stored


def decode_as_written(file: BinaryIO, path: str, *, file_format: str = FORMAT) -> tuple[StoredInteraction, ...] | None:
    """Read a cassette file that looks as we write it, with no more memory than its interactions need.

    Args:
        file: From its start on.
        path: The file's name, for errors.
        file_format: The format that it must have.

    Returns:
        None where only `decode` can tell what the file is, or what is wrong with it: a fault in an interaction shows
        where the next begins only if the whole is read strictly.
    """
    try:
        scratch = bytearray()
        return tuple(_stored(text, "$", path, scratch) for text in interactions_in(file, file_format))
    except (OtherLayout, UnicodeDecodeError, CassetteError):
        return None


def _decode_strictly(data: bytes, path: str, file_format: str) -> tuple[StoredInteraction, ...]:
    try:
        _check_utf8(data)
        cassette = _cassette_from.decode(data)
    except (UnicodeDecodeError, msgspec.DecodeError, RecursionError) as error:
        raise damaged_file(data, path, error) from None
    if cassette.format != file_format:
        raise damaged_file(data, path, None)
    scratch = bytearray()
    stored = tuple(
        _stored(bytes(raw), f"$.interactions[{number}]", path, scratch)
        for number, raw in enumerate(cassette.interactions)
    )
    repeated = duplicate_key_at_top(data, cassette)
    if repeated is not None:
        raise wrong_value(path, "$", f"the key `{repeated}` stands here twice")
    return stored


def _check_utf8(data: bytes) -> None:
    view, position = memoryview(data), 0
    while position < len(data):
        piece = view[position : position + _DECODED_BYTES]
        try:
            position += codecs.utf_8_decode(piece, "strict", position + len(piece) == len(data))[1]
        except UnicodeDecodeError as error:
            start = position + error.start
            raise UnicodeDecodeError("utf-8", data, start, start + 1, error.reason) from None


def _stored(text: bytes, place: str, path: str, scratch: bytearray) -> StoredInteraction:
    wire, is_compact = _checked(text, place, path, scratch)
    return StoredInteraction(wire if is_compact else text, wire.recorded_at, wire.during, wire.summary)


def _checked(raw: bytes, place: str, path: str, scratch: bytearray) -> tuple[WireInteraction, bool]:
    """Prove that an interaction can be restored, without restoring it.

    Returns:
        What was read of it, and whether its bodies have no white space between their tokens, nor need to.
    """
    try:
        # Compact, it is read faster. One so large that a copy would count is read as it stands.
        is_compact = len(raw) <= _LARGE_BYTES
        # A copy: what msgspec gives holds half as much memory again.
        read = bytes(memoryview(msgspec.json.format(raw, indent=-1))) if is_compact else raw
        wire = _interaction_from.decode(read)
        check_restorable(wire)
        is_compact = is_compact and is_plain(wire)
        if has_cuts(wire):
            whole = wire if read is raw or is_compact else _interaction_from.decode(raw)
            check_cuts(whole, is_compact=is_compact)
    except (msgspec.DecodeError, ValueError, RecursionError) as error:
        raise wrong_value(path, place, str(error)) from None
    repeated = None if is_written_again(wire, read, scratch) else duplicate_key(read)
    if repeated is not None:
        raise wrong_value(path, place + repeated[0], f"the key `{repeated[1]}` stands here twice")
    return wire, is_compact


def interaction_from(wire: WireInteraction, *, is_compact: bool = False) -> Interaction:
    """Restore an interaction at once.

    Args:
        wire: As read.
        is_compact: Whether its bodies have no white space between their tokens.

    Raises:
        ValueError: A body is not what its name says.
    """
    outcome = _outcome(wire, is_compact=is_compact)
    return Interaction(request_from(wire.request, is_compact=is_compact), outcome, wire.recorded_at, wire.during)


def _outcome(wire: WireInteraction, *, is_compact: bool) -> Outcome:
    if wire.response is not UNSET:
        return _response(wire.response, is_compact=is_compact)
    assert wire.failure is not UNSET, "an interaction has one of the two"
    return _failure(wire.failure)


def _response(wire: WireResponse, *, is_compact: bool) -> Response:
    chunks = chunks_from(wire.chunks, is_compact=is_compact)
    reason = plain_text(wire.reason) if wire.reason else ""
    return Response(
        wire.status, headers_from(wire.headers), chunks, _ENDS[wire.end], reason, end_after_s=wire.end_after_s
    )


def _failure(wire: WireFailure) -> TransportFailure:
    return TransportFailure(kind=Failure(wire.kind), message=plain_text(wire.message), after_s=wire.after_s)
