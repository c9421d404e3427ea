"""The shape of a cassette file, as msgspec checks it; `cassette.schema.json` says the same to other tools."""

from __future__ import annotations

from base64 import b64decode, b64encode
from typing import Annotated, Literal, TypeAlias

from msgspec import UNSET, Meta, Raw, Struct, UnsetType, field

FORMAT = "llmreplay/1"
"""Says that a file is a cassette, and which version of this shape it has."""

PARTIAL_FORMAT = "llmreplay/1-partial"
"""Says that a file holds what came before a recording was broken off; it is never replayed."""

Seconds: TypeAlias = Annotated[float, Meta(ge=0)]
Offset: TypeAlias = Annotated[int, Meta(ge=0)]
WhiteSpace: TypeAlias = Annotated[str, Meta(pattern=r"^[ \t\r\n]*$")]
During: TypeAlias = Literal["setup", "call", "teardown"]
Layout: TypeAlias = Literal["compact", "spaced", "indent-2", "indent-4", "verbatim"]


class Escaped(Struct, forbid_unknown_fields=True, frozen=True, gc=False):
    """Text that no JSON string can hold, because it has lone surrogates.

    Attributes:
        base64: Its UTF-8, the surrogates encoded as if they were characters.
    """

    base64: str


Text: TypeAlias = str | Escaped
WireHeaders: TypeAlias = dict[str, str | Escaped | list[Text]] | list[tuple[Text, Text]]


class WireRequest(Struct, kw_only=True, omit_defaults=True, forbid_unknown_fields=True, gc=False):
    """A request; at most one of `json`, `text` and `base64` is its body, none an empty one.

    Attributes:
        json: Laid out for reading.
        text: A JSON string: a body in UTF-8 that is not JSON.
        base64: A JSON string: any other body.
    """

    method: str
    url: Text
    headers: WireHeaders = field(default_factory=dict)
    json: Raw | UnsetType = UNSET
    text: Raw | UnsetType = UNSET
    base64: Raw | UnsetType = UNSET


class WireEvent(Struct, kw_only=True, omit_defaults=True, forbid_unknown_fields=True, gc=False):
    """A server-sent event of one `event:` line, or none, and one `data:` line, or none.

    Attributes:
        event: What follows `event: `.
        data: What follows `data: `: JSON verbatim, or a JSON string of anything else.
    """

    event: str | UnsetType = UNSET
    data: Raw | UnsetType = UNSET


class WireChunks(Struct, kw_only=True, omit_defaults=True, forbid_unknown_fields=True, gc=False):
    """Bytes of a response body, which arrived in one chunk or, where `cuts` says so, in several.

    Exactly one of the last five fields is their content.

    Attributes:
        after_s: Seconds since the chunk before; for the first, since the request was sent.
        cuts: Where a further chunk begins: its offset in these bytes, and its own `after_s`.
        newline: Ends the lines of `sse`.
        layout: The white space that `json` had: none; a space after `:` and `,`; indented; as it stands.
        before: White space before `json`.
        after: White space after `json`.
        json: JSON, an object or array as we write it.
        sse: Events; a string stands for bytes that are no event of this shape.
        ndjson: Lines of JSON; a string stands for any other bytes.
        text: A JSON string: other UTF-8.
        base64: A JSON string: other bytes.
    """

    after_s: Seconds
    cuts: tuple[tuple[Offset, Seconds], ...] = ()
    newline: Literal["lf", "crlf"] = "lf"
    layout: Layout = "compact"
    before: WhiteSpace = ""
    after: WhiteSpace = ""
    json: Raw | UnsetType = UNSET
    sse: list[str | WireEvent] | UnsetType = UNSET
    ndjson: list[Raw] | UnsetType = UNSET
    text: Raw | UnsetType = UNSET
    base64: Raw | UnsetType = UNSET


class WireResponse(Struct, kw_only=True, omit_defaults=True, forbid_unknown_fields=True, gc=False):
    """A response.

    Attributes:
        reason: Only where it is not the standard one.
        end_after_s: Only where the client closed it: seconds since the last chunk, or since the request was sent.
    """

    status: Annotated[int, Meta(ge=100, le=999)]
    reason: Text = ""
    headers: WireHeaders = field(default_factory=dict)
    chunks: tuple[WireChunks, ...]
    end: Literal["complete", "client_closed", "peer_closed", "reset", "read_timeout"]
    end_after_s: Seconds = 0.0


class WireFailure(Struct, kw_only=True, omit_defaults=True, forbid_unknown_fields=True, gc=False):
    """A transport failure in the place of a response."""

    kind: Literal[
        "connect_error",
        "connect_timeout",
        "read_error",
        "read_timeout",
        "write_error",
        "write_timeout",
        "pool_timeout",
        "protocol_error",
        "client_closed",
    ]
    message: Text = ""
    after_s: Seconds


class WireInteraction(Struct, kw_only=True, omit_defaults=True, forbid_unknown_fields=True, gc=False):
    """An interaction; exactly one of `response` and `failure` is its outcome."""

    summary: str = ""
    recorded_at: str = ""
    during: During = "call"
    request: WireRequest
    response: WireResponse | UnsetType = UNSET
    failure: WireFailure | UnsetType = UNSET


class WireCassette(Struct, kw_only=True, forbid_unknown_fields=True, gc=False):
    """A whole file, its interactions left as they stand."""

    format: str
    interactions: list[Raw]


def wire_text(text: str) -> Text:
    """Give text in the form that JSON can hold."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return Escaped(b64encode(text.encode("utf-8", "surrogatepass")).decode())
    return text


def plain_text(text: Text) -> str:
    """Undo `wire_text`.

    Raises:
        ValueError: The base64 is none, or does not hold text.
    """
    if isinstance(text, str):
        return text
    return b64decode(text.base64, validate=True).decode("utf-8", "surrogatepass")
