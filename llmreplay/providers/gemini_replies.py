"""Gemini `generateContent` and `streamGenerateContent`: making up an answer.

Sources: google/genai/types.py of google-genai 3.4.0, as given 2026-11-21; recorded streams of 2025 and 2026.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from urllib.parse import urlsplit

from llmreplay.core.model import Chunk, Headers, Json, Reply, Request, Response
from llmreplay.core.streams import sse_event
from llmreplay.providers.making import (
    Counts,
    arguments_object,
    counts_for,
    fragments_of,
    json_response,
    json_text,
    made_id,
    raw_stop_reason,
)

_WORDS = {
    "stop": "STOP",
    "stop_sequence": "STOP",
    "tool_use": "STOP",
    "length": "MAX_TOKENS",
    "content_filter": "SAFETY",
    "malformed": "MALFORMED_FUNCTION_CALL",
    "other": "OTHER",
}
_SAYS = (
    "input_tokens",
    "output_tokens",
    "cache_read_tokens",
    "output_reasoning_tokens",
    "input_audio_tokens",
    "cache_audio_read_tokens",
    "service_tier",
)
_MODEL = re.compile(r"/models/([^/:]+)")
_HEADERS: Headers = (("server-timing", "gfet4t7; dur=254"),)


def build_response(reply: Reply, request: Request, is_streamed: bool) -> Response:
    """Make up Gemini's answer to a request; a stream is one of server-sent events, as with `alt=sse`.

    Raises:
        ValueError: Gemini has no such stop reason, the usage does not add up, or the arguments of a tool call
            are no JSON object.
    """
    named = _MODEL.search(urlsplit(request.url).path)
    counts = counts_for(reply, request, "gemini.generateContent", _SAYS)
    ending = raw_stop_reason(reply, _WORDS, "gemini.generateContent")
    frame: dict[str, Json] = {
        "modelVersion": named[1] if named else "gemini-2.5-flash",
        "responseId": made_id("", reply.id_seed, "response", 22),
    }
    if not is_streamed:
        parts: list[Json] = []
        if reply.thinking:
            parts.append({"text": reply.thinking, "thought": True})
        if reply.text:
            parts.append({"text": reply.text})
        parts += _calls(reply)
        body = {"candidates": [_candidate(parts, ending)], "usageMetadata": _usage(counts), **frame}
        return json_response(body, _HEADERS)
    chunks = [
        {"candidates": [candidate], "usageMetadata": usage, **frame}
        for candidate, usage in _pieces(reply, counts, ending)
    ]
    return Response(
        status=200,
        headers=(("content-type", "text/event-stream"), *_HEADERS),
        chunks=tuple(Chunk(sse_event(None, json_text(chunk)).replace(b"\n", b"\r\n")) for chunk in chunks),
    )


def _pieces(reply: Reply, counts: Counts, ending: str) -> Iterator[tuple[Json, Json]]:
    """Give the candidate and the usage of each chunk; only the last has the reason and the full count."""
    begun = _begun_usage(counts)
    for fragment in fragments_of(reply.thinking):
        yield _candidate([{"text": fragment, "thought": True}], None), begun
    for fragment in fragments_of(reply.text):
        yield _candidate([{"text": fragment}], None), begun
    for call in _calls(reply):
        yield _candidate([call], None), begun
    yield _candidate([{"text": ""}], ending), _usage(counts)


def _candidate(parts: list[Json], ending: str | None) -> Json:
    content: dict[str, Json] = {"role": "model"}
    if parts:
        content["parts"] = parts
    reason: dict[str, Json] = {} if ending is None else {"finishReason": ending}
    return {"content": content, **reason, "index": 0}


def _calls(reply: Reply) -> list[Json]:
    calls: list[Json] = []
    for call in reply.tool_calls:
        identity: dict[str, Json] = {"id": call.id} if call.id else {}
        arguments = arguments_object(call, "gemini.generateContent")
        calls.append({"functionCall": {**identity, "name": call.name, "args": arguments}})
    return calls


def _begun_usage(counts: Counts) -> dict[str, Json]:
    usage: dict[str, Json] = {
        "promptTokenCount": counts.input_tokens,
        "totalTokenCount": counts.input_tokens,
        "promptTokensDetails": _by_modality(counts.input_tokens, counts.input_audio_tokens),
    }
    if counts.cache_read_tokens:
        usage["cachedContentTokenCount"] = counts.cache_read_tokens
        usage["cacheTokensDetails"] = _by_modality(counts.cache_read_tokens, counts.cache_audio_read_tokens)
    return usage


def _by_modality(tokens: int, sound: int) -> list[Json]:
    details: list[Json] = [{"modality": "TEXT", "tokenCount": tokens - sound}]
    return [*details, {"modality": "AUDIO", "tokenCount": sound}] if sound else details


def _usage(counts: Counts) -> dict[str, Json]:
    usage = _begun_usage(counts) | {
        "candidatesTokenCount": counts.output_tokens - counts.reasoning_tokens,
        "totalTokenCount": counts.total_tokens,
    }
    if counts.reasoning_tokens:
        usage["thoughtsTokenCount"] = counts.reasoning_tokens
    if counts.service_tier:
        usage["serviceTier"] = counts.service_tier
    return usage
