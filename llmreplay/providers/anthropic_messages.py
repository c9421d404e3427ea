"""Anthropic Messages: reading an answer from a body or from the events of a stream.

Sources: anthropic/types and anthropic/lib/streaming/_messages.py of anthropic 2.11.0;
https://platform.claude.com/docs/en/build-with-claude/streaming (read 2026-11-21).
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import replace

from llmreplay.core.model import Answer, Json, ToolCall, Usage
from llmreplay.core.streams import Event
from llmreplay.providers.json_fields import (
    EventReader,
    Fields,
    error_in,
    error_text,
    fields_of,
    indexed,
    number_at,
    object_in,
    objects_in,
    text_of,
    text_or_none,
    total_of,
)
from llmreplay.providers.stated_cost import cost_in

STOP_REASONS = {
    "end_turn": "stop",
    "stop_sequence": "stop_sequence",
    "max_tokens": "length",
    "model_context_window_exceeded": "context_window",
    "tool_use": "tool_use",
    "refusal": "refusal",
    "pause_turn": "pause",
    "compaction": "compaction",
}


def is_streamed(path: str, body: Json) -> bool:
    """Say whether a request asks for a stream: `"stream": true` in its body."""
    return fields_of(body).get("stream") is True


def looks_like(body: Json) -> bool:
    """Say whether a request's body has the three fields that Messages requires."""
    fields = fields_of(body)
    return (
        isinstance(fields.get("model"), str) and isinstance(fields.get("messages"), Sequence) and "max_tokens" in fields
    )


def is_terminal(event: Event) -> bool:
    """Say whether an event ends a stream."""
    return event.name == "message_stop" or object_in(event).get("type") == "message_stop"


def answer_from_body(body: Json) -> Answer:
    """Read a whole body: a message, or an error."""
    message = fields_of(body)
    if message.get("type") == "error":
        return Answer(error=_error_in(message))
    if "content" not in message and (error := error_in(message)):
        return Answer(error=error)
    blocks = objects_in(message.get("content"))
    return _answer(message, blocks, {})


def answer_from_events(events: Sequence[Event]) -> Answer:
    """Read the events of a stream; without `message_stop` it is truncated, whatever was said before.

    Usage counts are cumulative: each count that `message_delta` gives replaces that of `message_start`.
    """
    stream = _Stream()
    reader = EventReader(events)
    for _, fields in reader.objects():
        stream.take(fields)
    answer = _answer(stream.message, [stream.blocks[at] for at in sorted(stream.blocks)], stream.arguments)
    return replace(
        answer,
        stop_reason=answer.stop_reason if stream.is_complete else "truncated",
        is_complete=stream.is_complete,
        error=stream.error or reader.malformed,
    )


class _Stream:
    """A message put together from its events."""

    __slots__ = ("arguments", "blocks", "error", "is_complete", "message")

    def __init__(self) -> None:
        self.message: dict[str, Json] = {}
        self.blocks: dict[int, dict[str, Json]] = {}
        self.arguments: dict[int, str] = {}
        self.is_complete = False
        self.error: str | None = None

    def take(self, event: Fields) -> None:
        kind = event.get("type")
        if kind == "message_start":
            self.message = dict(fields_of(event.get("message")))
        elif kind == "content_block_start":
            at = indexed(event)
            self.blocks[at] = {**fields_of(event.get("content_block")), "index": at}
        elif kind == "content_block_delta":
            self._extend_block(indexed(event), fields_of(event.get("delta")))
        elif kind == "message_delta":
            self.message.update(fields_of(event.get("delta")))
            newer = {name: count for name, count in fields_of(event.get("usage")).items() if count is not None}
            self.message["usage"] = {**fields_of(self.message.get("usage")), **newer}
        elif kind == "message_stop":
            self.is_complete = True
        elif kind == "error":
            self.error = _error_in(event)

    def _extend_block(self, at: int, delta: Fields) -> None:
        if delta.get("type") == "text_delta":
            block = self.blocks.setdefault(at, {"type": "text", "index": at})
            block["text"] = text_of(block.get("text")) + text_of(delta.get("text"))
        elif delta.get("type") == "input_json_delta":
            self.arguments[at] = self.arguments.get(at, "") + text_of(delta.get("partial_json"))


def _answer(message: Fields, blocks: Sequence[Fields], arguments: Mapping[int, str]) -> Answer:
    """Give the answer of a message; `arguments` holds, by the block's index, what a stream wrote of them."""
    raw = text_or_none(message.get("stop_reason"))
    calls = [
        ToolCall(
            id=text_of(block.get("id")),
            name=text_of(block.get("name")),
            # An empty object is streamed as no fragment at all.
            arguments=arguments.get(indexed(block)) or json.dumps(block.get("input", {}), ensure_ascii=False),
        )
        for block in blocks
        if block.get("type") == "tool_use"
    ]
    return Answer(
        model=text_or_none(message.get("model")),
        text="".join(text_of(block.get("text")) for block in blocks if block.get("type") == "text"),
        tool_calls=tuple(calls),
        stop_reason=None if raw is None else STOP_REASONS.get(raw, "other"),
        raw_stop_reason=raw,
        usage=usage_of(message.get("usage")),
        # OpenRouter's, which speaks this protocol, too.
        cost_usd=cost_in(message.get("usage")),
    )


def usage_of(value: Json) -> Usage | None:
    """Read `usage`; Anthropic counts cached tokens apart from `input_tokens`, so they are added."""
    usage = fields_of(value)
    if not usage:
        return None
    written = number_at(usage, "cache_creation_input_tokens")
    read = number_at(usage, "cache_read_input_tokens")
    new = number_at(usage, "input_tokens")
    return Usage(
        input_tokens=None if new is None else total_of(new, written, read),
        output_tokens=number_at(usage, "output_tokens"),
        cache_read_tokens=read,
        cache_write_tokens=written,
        cache_write_5m_tokens=number_at(usage, "cache_creation", "ephemeral_5m_input_tokens"),
        cache_write_1h_tokens=number_at(usage, "cache_creation", "ephemeral_1h_input_tokens"),
        output_reasoning_tokens=number_at(usage, "output_tokens_details", "thinking_tokens"),
        web_searches=number_at(usage, "server_tool_use", "web_search_requests"),
        service_tier=text_or_none(usage.get("service_tier")),
        speed=text_or_none(usage.get("speed")),
    )


def _error_in(body: Fields) -> str:
    error = fields_of(body.get("error"))
    return error_text(error.get("type"), error.get("message"))
