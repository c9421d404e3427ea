"""What the builders of made-up answers share: ids, fragments, counts, and bodies as bytes.

All of it is a function of the reply and the request, so that the same test sees the same bytes in each run.
"""

from __future__ import annotations

import hashlib
import json
import math
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, fields

from llmreplay.core.model import Chunk, Headers, Json, Reply, Request, Response, ToolCall, Usage
from llmreplay.core.streams import sse_event
from llmreplay.providers.json_fields import Fields, fields_of

CREATED_AT = 1795219200
"""The second at which made-up answers were created: 2026-11-21T00:00:00Z."""

CREATED_AT_TEXT = "2026-11-21T00:00:00Z"

_LETTERS = "0123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz"
_FRAGMENT = re.compile(r"\s*\S{1,16}|\s+")


def made_id(prefix: str, seed: str, part: str, length: int = 24) -> str:
    """Derive an id from a reply's seed; `part` tells the ids of one answer apart."""
    number = int.from_bytes(hashlib.sha512(f"{seed}/{part}".encode("utf-8", "surrogatepass")).digest())
    letters: list[str] = []
    while len(letters) < length:
        number, letter = divmod(number, len(_LETTERS))
        letters.append(_LETTERS[letter])
    return prefix + "".join(letters)


def fragments_of(text: str) -> list[str]:
    """Split a text as a model streams it, about a word at a time; joined, the fragments are the text."""
    return _FRAGMENT.findall(text)


def json_text(value: Json) -> str:
    """Write JSON on one line without padding, as providers send it."""
    text = json.dumps(value, ensure_ascii=False, separators=(",", ":"))
    # A lone surrogate has no UTF-8; escaped it can travel.
    return text if text.isascii() or _is_utf8(text) else json.dumps(value, separators=(",", ":"))


def _is_utf8(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def request_fields(request: Request) -> Fields:
    """Give the JSON object that a request carries; an empty one if it carries none."""
    try:
        value: Json = json.loads(request.body)
    except (ValueError, RecursionError):
        return {}
    return fields_of(value)


def raw_stop_reason(reply: Reply, words: Mapping[str, str], api: str) -> str:
    """Give the provider's word for the stop reason of a reply.

    Args:
        reply: Without a stop reason it is `tool_use` with tool calls and `stop` without.
        words: The provider's word for each canonical one that it can say.
        api: Name of the api, for the error.

    Raises:
        ValueError: The provider has no word for it.
    """
    canonical = canonical_stop_reason(reply)
    if canonical not in words:
        raise ValueError(
            f"Reply(stop_reason={canonical!r}): {api} has no such stop reason: choose from {', '.join(words)}."
        )
    return words[canonical]


def arguments_object(call: ToolCall, api: str) -> Json:
    """Give the arguments of a tool call for an api that sends them as an object, not as text.

    Raises:
        ValueError: They are no JSON object.
    """
    try:
        value: Json = json.loads(call.arguments or "{}")
    except ValueError:
        value = None
    if not isinstance(value, dict):
        raise ValueError(
            f"ToolCall(name={call.name!r}): arguments must be a JSON object for {api}, which sends them as one."
        )
    return value


def canonical_stop_reason(reply: Reply) -> str:
    """Give the stop reason of a reply, or the one that its content implies."""
    return reply.stop_reason or ("tool_use" if reply.tool_calls else "stop")


@dataclass(frozen=True, slots=True, kw_only=True)
class Counts:
    """Token counts of a made-up answer, none of them unknown; totals are inclusive as in `Usage`."""

    input_tokens: int
    output_tokens: int
    cache_read_tokens: int
    cache_write_5m_tokens: int
    cache_write_1h_tokens: int
    reasoning_tokens: int
    input_audio_tokens: int
    output_audio_tokens: int
    cache_audio_read_tokens: int
    web_searches: int
    service_tier: str | None
    speed: str | None

    @property
    def cache_write_tokens(self) -> int:
        """Tokens written to the prompt cache, however long they are kept."""
        return self.cache_write_5m_tokens + self.cache_write_1h_tokens

    @property
    def uncached_input_tokens(self) -> int:
        """Tokens that were neither read from nor written to the prompt cache."""
        return self.input_tokens - self.cache_read_tokens - self.cache_write_tokens

    @property
    def total_tokens(self) -> int:
        """All tokens, read and written."""
        return self.input_tokens + self.output_tokens


def counts_for(reply: Reply, request: Request, api: str, says: tuple[str, ...]) -> Counts:
    """Fill in what the usage of a reply leaves unknown, so that it adds up.

    A token is taken for four bytes of text.

    Args:
        reply: Gives the usage.
        request: What it answers.
        api: Name of the api, for the error.
        says: Fields of `Usage` for which an answer of the api has a place.

    Raises:
        ValueError: The usage given does not add up, or has a count that the api cannot say.
    """
    usage = reply.usage or Usage()
    for name in (field.name for field in fields(Usage)):
        # What is none can be left out.
        if name not in says and (value := getattr(usage, name)):
            raise ValueError(f"Usage({name}={value!r}): {api} does not say that: choose from {', '.join(says)}.")
    read = usage.cache_read_tokens or 0
    kept_1h = usage.cache_write_1h_tokens or 0
    kept_5m = usage.cache_write_5m_tokens
    if kept_5m is None:
        kept_5m = 0 if usage.cache_write_tokens is None else usage.cache_write_tokens - kept_1h
    said = "".join([reply.text, reply.thinking, *(call.name + call.arguments for call in reply.tool_calls)])
    thought = usage.output_reasoning_tokens
    if thought is None:
        thought = _tokens_in(reply.thinking) if usage.output_tokens is None else 0
    counts = Counts(
        input_tokens=_first(usage.input_tokens, read + kept_5m + kept_1h + max(1, len(request.body) // 4)),
        output_tokens=_first(usage.output_tokens, max(_tokens_in(said), thought, 1)),
        cache_read_tokens=read,
        cache_write_5m_tokens=kept_5m,
        cache_write_1h_tokens=kept_1h,
        reasoning_tokens=thought,
        input_audio_tokens=usage.input_audio_tokens or 0,
        output_audio_tokens=usage.output_audio_tokens or 0,
        cache_audio_read_tokens=usage.cache_audio_read_tokens or 0,
        web_searches=usage.web_searches or 0,
        service_tier=usage.service_tier,
        speed=usage.speed,
    )
    _check_sums(counts, usage)
    return counts


def _check_sums(counts: Counts, usage: Usage) -> None:
    if usage.cache_write_tokens not in (None, counts.cache_write_tokens):
        raise ValueError(
            f"Usage(cache_write_tokens={usage.cache_write_tokens}): the parts kept for 5 minutes and 1 hour "
            f"make {counts.cache_write_tokens}."
        )
    if counts.uncached_input_tokens < 0:
        raise ValueError(
            f"Usage(input_tokens={counts.input_tokens}): must include the {counts.cache_read_tokens} tokens read "
            f"from the cache and the {counts.cache_write_tokens} written to it."
        )
    if counts.cache_audio_read_tokens > min(counts.cache_read_tokens, counts.input_audio_tokens):
        raise ValueError(
            f"Usage(cache_audio_read_tokens={counts.cache_audio_read_tokens}): must be part of the "
            f"{counts.cache_read_tokens} tokens read from the cache and of the {counts.input_audio_tokens} of sound."
        )
    if counts.reasoning_tokens > counts.output_tokens:
        raise ValueError(
            f"Usage(output_tokens={counts.output_tokens}): must include the {counts.reasoning_tokens} tokens of "
            "reasoning."
        )


def _first(given: int | None, otherwise: int) -> int:
    return otherwise if given is None else given


def _tokens_in(text: str) -> int:
    return math.ceil(len(text.encode("utf-8", "surrogatepass")) / 4)


def json_response(body: Json, headers: Headers) -> Response:
    """Make a response of one JSON body in one chunk."""
    return Response(
        status=200,
        headers=(("content-type", "application/json"), *headers),
        chunks=(Chunk(json_text(body).encode()),),
    )


def sse_response(events: Iterable[tuple[str | None, str]], headers: Headers) -> Response:
    """Make a response of server-sent events, given as names and data, each in a chunk of its own."""
    return Response(
        status=200,
        headers=(("content-type", "text/event-stream; charset=utf-8"), ("cache-control", "no-cache"), *headers),
        chunks=tuple(Chunk(sse_event(name, data)) for name, data in events),
    )
