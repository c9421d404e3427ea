"""Anthropic Messages: making up an answer, streamed or not, as the API would send it.

Sources: anthropic/types of anthropic 2.11.0; recorded streams of 2025 and 2026 for the order of events
(read 2026-11-21).
"""

from __future__ import annotations

import json
from collections.abc import Iterator

from llmreplay.core.model import Headers, Json, Reply, Request, Response
from llmreplay.providers.anthropic_messages import STOP_REASONS
from llmreplay.providers.json_fields import Fields, fields_of, items_of, number_at, objects_in, text_of
from llmreplay.providers.making import (
    Counts,
    arguments_object,
    counts_for,
    fragments_of,
    json_response,
    json_text,
    made_id,
    raw_stop_reason,
    request_fields,
    sse_response,
)

_WORDS = {canonical: raw for raw, canonical in STOP_REASONS.items()} | {"content_filter": "refusal"}
_SAYS = (
    "input_tokens",
    "output_tokens",
    "cache_read_tokens",
    "cache_write_tokens",
    "cache_write_5m_tokens",
    "cache_write_1h_tokens",
    "speed",
    "output_reasoning_tokens",
    "web_searches",
    "service_tier",
)


def build_response(reply: Reply, request: Request, is_streamed: bool) -> Response:
    """Make up Anthropic's answer to a request.

    Raises:
        ValueError: Anthropic has no such stop reason, the usage does not add up, or the arguments of a tool
            call are no JSON object.
    """
    asked = request_fields(request)
    message = _message(reply, asked, counts_for(reply, request, "anthropic.messages", _SAYS))
    headers: Headers = (("request-id", made_id("req_011C", reply.id_seed, "request", 20)),)
    if not is_streamed:
        return json_response(message, headers)
    return sse_response(((text_of(event["type"]), json_text(event)) for event in _events(message)), headers)


def _message(reply: Reply, asked: Fields, counts: Counts) -> dict[str, Json]:
    raw = raw_stop_reason(reply, _WORDS, "anthropic.messages")
    sequences = items_of(asked.get("stop_sequences"))
    return {
        "model": text_of(asked.get("model")) or "claude-haiku-4-5",
        "id": made_id("msg_01", reply.id_seed, "message", 22),
        "type": "message",
        "role": "assistant",
        "content": _content(reply),
        "stop_reason": raw,
        "stop_sequence": text_of(sequences[0]) if raw == "stop_sequence" and sequences else None,
        "stop_details": {"type": "refusal", "category": None, "explanation": None} if raw == "refusal" else None,
        "usage": _usage(counts),
    }


def _content(reply: Reply) -> list[Json]:
    content: list[Json] = []
    if reply.thinking:
        signature = made_id("Er", reply.id_seed, "signature", 64)
        content.append({"type": "thinking", "thinking": reply.thinking, "signature": signature})
    if reply.text:
        content.append({"type": "text", "text": reply.text})
    for at, call in enumerate(reply.tool_calls):
        identity = call.id or made_id("toolu_01", reply.id_seed, f"tool {at}", 22)
        arguments = arguments_object(call, "anthropic.messages")
        content.append({"type": "tool_use", "id": identity, "name": call.name, "input": arguments})
    return content


def _usage(counts: Counts) -> dict[str, Json]:
    usage: dict[str, Json] = {
        "input_tokens": counts.uncached_input_tokens,
        "cache_creation_input_tokens": counts.cache_write_tokens,
        "cache_read_input_tokens": counts.cache_read_tokens,
        "cache_creation": {
            "ephemeral_5m_input_tokens": counts.cache_write_5m_tokens,
            "ephemeral_1h_input_tokens": counts.cache_write_1h_tokens,
        },
        "output_tokens": counts.output_tokens,
        "output_tokens_details": {"thinking_tokens": counts.reasoning_tokens},
        "service_tier": counts.service_tier or "standard",
    }
    if counts.web_searches:
        usage["server_tool_use"] = {"web_search_requests": counts.web_searches, "web_fetch_requests": 0}
    if counts.speed:
        usage["speed"] = counts.speed
    return usage


def _events(message: dict[str, Json]) -> Iterator[dict[str, Json]]:
    usage = fields_of(message["usage"])
    begun = {key: value for key, value in usage.items() if key not in ("output_tokens_details", "server_tool_use")}
    yield {
        "type": "message_start",
        "message": {
            **message,
            "content": [],
            "stop_reason": None,
            "stop_sequence": None,
            "stop_details": None,
            "usage": {**begun, "output_tokens": min(1, number_at(usage, "output_tokens") or 0)},
        },
    }
    for index, block in enumerate(objects_in(message["content"])):
        yield from _block_events(index, block)
    yield {
        "type": "message_delta",
        "delta": {key: message[key] for key in ("stop_reason", "stop_sequence", "stop_details")},
        "usage": {key: value for key, value in usage.items() if key not in ("cache_creation", "service_tier", "speed")},
    }
    yield {"type": "message_stop"}


def _block_events(index: int, block: Fields) -> Iterator[dict[str, Json]]:
    begun, deltas = _deltas_of(block)
    yield {"type": "content_block_start", "index": index, "content_block": begun}
    if index == 0:
        yield {"type": "ping"}
    for delta in deltas:
        yield {"type": "content_block_delta", "index": index, "delta": delta}
    yield {"type": "content_block_stop", "index": index}


def _deltas_of(block: Fields) -> tuple[dict[str, Json], list[dict[str, Json]]]:
    """Give the block as it begins, and the deltas that fill it."""
    if block["type"] == "thinking":
        thoughts = fragments_of(text_of(block["thinking"]))
        deltas: list[dict[str, Json]] = [{"type": "thinking_delta", "thinking": thought} for thought in thoughts]
        deltas.append({"type": "signature_delta", "signature": block["signature"]})
        return {**block, "thinking": "", "signature": ""}, deltas
    if block["type"] == "tool_use":
        pieces = ["", *fragments_of(json.dumps(block["input"], ensure_ascii=False))]
        return {**block, "input": {}}, [{"type": "input_json_delta", "partial_json": piece} for piece in pieces]
    texts = fragments_of(text_of(block["text"]))
    return {**block, "text": ""}, [{"type": "text_delta", "text": text} for text in texts]
