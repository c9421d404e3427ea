"""The values that everything else is made of: requests, outcomes, interactions, usage, answers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum
from typing import TypeAlias

Headers: TypeAlias = tuple[tuple[str, str], ...]
"""Header pairs in the order received; repeats kept; names as received."""

Json: TypeAlias = "bool | int | float | str | Sequence[Json] | Mapping[str, Json] | None"
"""A decoded JSON value."""


def header(headers: Headers, name: str) -> str | None:
    """Give the first value of a header, its name compared without case; None if absent."""
    wanted = name.lower()
    for key, value in headers:
        if key.lower() == wanted:
            return value
    return None


@dataclass(frozen=True, slots=True)
class Request:
    """What a client sent.

    Attributes:
        method: Upper case.
        url: Absolute, as the provider would see it (an `upstream` mapping undone).
        headers: Of the client; on a cassette only an allow list of them.
        body: After content decoding. On a cassette a JSON body keeps its meaning, not its layout.
    """

    method: str
    url: str
    headers: Headers = ()
    body: bytes = b""

    def headers_if_same(self, method: str, url: str, body: bytes) -> Headers | None:
        """Give the headers, if all else is to the letter as given; else None."""
        return self.headers if (body, url, method) == (self.body, self.url, self.method) else None


@dataclass(frozen=True, slots=True)
class Chunk:
    """Bytes of a response body that arrived together.

    Attributes:
        data: After content decoding; never empty on a cassette.
        after_s: Seconds since the chunk before; for the first, since the request was sent. Replay scales it
            by `speed`.
        delay_s: Seconds that a fault adds before it, on the test's clock whatever the speed; never recorded.
    """

    data: bytes
    after_s: float = 0.0
    delay_s: float = 0.0


class End(Enum):
    """How a response body ended."""

    COMPLETE = "complete"
    CLIENT_CLOSED = "client_closed"
    """The client stopped reading; what the provider had left to say is unknown."""
    PEER_CLOSED = "peer_closed"
    """The connection closed before the body was whole."""
    RESET = "reset"
    """The connection was reset."""
    READ_TIMEOUT = "read_timeout"
    """Nothing came for longer than the client was willing to wait."""


# For what every call asks: until Python 3.12, finding a member of an enum takes as long as calling a function.
COMPLETE = End.COMPLETE


@dataclass(frozen=True, slots=True)
class Response:
    """What a provider answered.

    Attributes:
        status: HTTP status code.
        headers: Without `transfer-encoding`, and without `content-encoding` but where the chunks could not be decoded.
        chunks: In order of arrival.
        end: How the body ended.
        reason: The reason phrase, where it is not the standard one of the status.
        delay_s: Seconds that a fault makes the client wait for the headers; never recorded.
        end_delay_s: Seconds that a fault lets pass between the last chunk and the end; never recorded.
        end_after_s: Where the client closed it: seconds since the last chunk, or since the request was sent.
    """

    status: int
    headers: Headers = ()
    chunks: tuple[Chunk, ...] = ()
    end: End = End.COMPLETE
    reason: str = ""
    delay_s: float = 0.0
    end_delay_s: float = 0.0
    end_after_s: float = 0.0

    @property
    def body(self) -> bytes:
        """The whole body, its chunks joined."""
        return b"".join(chunk.data for chunk in self.chunks)


class Failure(Enum):
    """The ways in which a request gets no response at all; named as httpx names them."""

    CONNECT_ERROR = "connect_error"
    CONNECT_TIMEOUT = "connect_timeout"
    READ_ERROR = "read_error"
    READ_TIMEOUT = "read_timeout"
    WRITE_ERROR = "write_error"
    WRITE_TIMEOUT = "write_timeout"
    POOL_TIMEOUT = "pool_timeout"
    PROTOCOL_ERROR = "protocol_error"
    """The connection closed, or broke HTTP, after the request was sent."""
    CLIENT_CLOSED = "client_closed"
    """The client gave up before anything came: it was cancelled, or interrupted."""


@dataclass(frozen=True, slots=True)
class TransportFailure:
    """No response: the connection could not be made, or broke before the headers.

    Attributes:
        kind: What broke.
        message: The text of the client's exception.
        after_s: Seconds from sending to failing. Replay scales it by `speed`.
        delay_s: Seconds that a fault lets pass before it, whatever the speed; never recorded.
    """

    kind: Failure
    message: str = ""
    after_s: float = 0.0
    delay_s: float = 0.0


Outcome: TypeAlias = Response | TransportFailure


@dataclass(frozen=True, slots=True)
class Interaction:
    """A request and its outcome, on a cassette.

    Attributes:
        request: As redacted.
        outcome: As received and redacted, never as a fault made it.
        recorded_at: UTC, `2026-11-21T09:14:03Z`.
        during: Part of the test that made it: `setup`, `call` or `teardown`.
    """

    request: Request
    outcome: Outcome
    recorded_at: str = ""
    during: str = "call"

    def headers_if_same(self, method: str, url: str, body: bytes) -> Headers | None:
        """Give the headers of the request, if all else in it is to the letter as given; else None."""
        return self.request.headers_if_same(method, url, body)


@dataclass(frozen=True, slots=True, kw_only=True)
class Usage:
    """Token counts of one answer; None is unknown, 0 is none.

    Totals are inclusive, as OpenAI reports them: `input_tokens` includes cached ones, `output_tokens`
    includes reasoning. The names and meanings are those of genai-prices.

    Attributes:
        input_tokens: All tokens read, from cache or not.
        output_tokens: All tokens written, thoughts included.
        cache_read_tokens: Part of the input that came from the prompt cache.
        cache_write_tokens: Part of the input that was written to the prompt cache.
        cache_write_5m_tokens: Of those, kept for five minutes.
        cache_write_1h_tokens: Of those, kept for an hour.
        output_reasoning_tokens: Part of the output spent on thinking.
        input_audio_tokens: Part of the input that is sound.
        output_audio_tokens: Part of the output that is sound.
        cache_audio_read_tokens: Part of both `cache_read_tokens` and `input_audio_tokens`: sound from the prompt cache.
        web_searches: Searches the provider made for the answer.
        service_tier: As the provider names it.
        speed: `fast` where the answer was made faster than usual at a higher price (Anthropic).
    """

    input_tokens: int | None = None
    output_tokens: int | None = None
    cache_read_tokens: int | None = None
    cache_write_tokens: int | None = None
    cache_write_5m_tokens: int | None = None
    cache_write_1h_tokens: int | None = None
    output_reasoning_tokens: int | None = None
    input_audio_tokens: int | None = None
    output_audio_tokens: int | None = None
    cache_audio_read_tokens: int | None = None
    web_searches: int | None = None
    service_tier: str | None = None
    speed: str | None = None


COUNTS: tuple[str, ...] = tuple(name for name in Usage.__dataclass_fields__ if name not in ("service_tier", "speed"))
"""Names of the counts in a `Usage`, which can be added up."""


@dataclass(frozen=True, slots=True)
class ToolCall:
    """A tool that the model asked for.

    Attributes:
        id: The provider's id of this use; empty if it gives none.
        name: The tool's name.
        arguments: As text, exactly as written by the model; normally JSON, cut short in a cut stream.
    """

    id: str
    name: str
    arguments: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What a response says, whatever provider and whether streamed or not.

    Attributes:
        model: As the provider reports it; None if it does not.
        text: The answer's visible text, its parts joined.
        tool_calls: In order.
        stop_reason: Canonical: `stop`, `stop_sequence`, `length`, `context_window`, `tool_use`, `refusal`,
            `content_filter`, `malformed`, `pause`, `compaction`, `cancelled`, `error`, `pending`, `other`;
            `truncated` for a stream without its terminal event; None where the api has none.
        raw_stop_reason: The provider's own word.
        usage: None if the response carries none.
        billed: The counts that a price is of, where the provider bills others than it read and wrote; else None.
        cost_usd: US dollars, where the provider states them itself; else None.
        is_complete: A body that is whole, or a stream that reached its terminal event.
        error: Text of an error that the response reports, status or mid-stream; None if none.
    """

    model: str | None = None
    text: str = ""
    tool_calls: tuple[ToolCall, ...] = ()
    stop_reason: str | None = None
    raw_stop_reason: str | None = None
    usage: Usage | None = None
    billed: Usage | None = None
    cost_usd: float | None = None
    is_complete: bool = True
    error: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Reply:
    """An answer to be made up: what a provider should say.

    Attributes:
        text: Visible text; empty for none.
        tool_calls: Tools to ask for.
        stop_reason: Canonical; None: `tool_use` with tool calls, else `stop`.
        usage: None: counts that add up are made from the lengths of request and text.
        thinking: Reasoning text; empty for none.
        id_seed: Ids in the answer are derived from it, so the same seed gives the same bytes.
    """

    text: str = ""
    tool_calls: tuple[ToolCall, ...] = ()
    stop_reason: str | None = None
    usage: Usage | None = None
    thinking: str = ""
    id_seed: str = field(default="0")
