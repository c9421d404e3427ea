"""OpenAI Responses: reading an answer from a body or from the events of a stream.

Sources: openai/types/responses of openai 3.52.0; https://platform.openai.com/docs/api-reference/responses-streaming;
recorded answers of OpenAI and xAI (read 2026-11-21).
"""

from __future__ import annotations

import json
from collections.abc import Sequence
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
)
from llmreplay.providers.stated_cost import cost_in

_TERMINAL = frozenset(("response.completed", "response.failed", "response.incomplete", "error"))
_STATUSES = {
    "completed": "stop",
    "failed": "error",
    "cancelled": "cancelled",
    "queued": "pending",
    "in_progress": "pending",
    "incomplete": "other",
}
_INCOMPLETE = {
    "max_output_tokens": "length",
    "content_filter": "content_filter",
    "max_messages": "pause",
    "steered": "pause",
}
# Where the model's own words stand in an item that asks the application to run a tool.
_CALLS = {
    "function_call": "arguments",
    "custom_tool_call": "input",
    "computer_call": "action",
    "local_shell_call": "action",
    "shell_call": "action",
    "apply_patch_call": "operation",
}
# Deltas: the item's field they extend, or the type of the content part.
_CALL_DELTAS = {
    "response.function_call_arguments.delta": "arguments",
    "response.custom_tool_call_input.delta": "input",
}
_PART_DELTAS = {"response.output_text.delta": "text", "response.refusal.delta": "refusal"}


def is_streamed(path: str, body: Json) -> bool:
    """Say whether a request asks for a stream: `"stream": true` in its body."""
    return fields_of(body).get("stream") is True


def looks_like(body: Json) -> bool:
    """Say whether a request's body has something to respond to and no `messages`."""
    fields = fields_of(body)
    return "messages" not in fields and any(
        fields.get(name) is not None for name in ("input", "prompt", "previous_response_id", "conversation")
    )


def is_terminal(event: Event) -> bool:
    """Say whether an event ends a stream: completed, failed, incomplete or `error`."""
    return event.name in _TERMINAL or object_in(event).get("type") in _TERMINAL


def answer_from_body(body: Json) -> Answer:
    """Read a whole body: a response, or an error."""
    response = fields_of(body)
    if response.get("object") != "response" and (error := error_in(response)):
        return Answer(error=error)
    return _answer(response, objects_in(response.get("output")))


def answer_from_events(events: Sequence[Event]) -> Answer:
    """Read the events of a stream; one without its terminal event is truncated, and says what came so far."""
    stream = _Stream()
    reader = EventReader(events)
    for name, fields in reader.objects():
        stream.take(text_of(fields.get("type")) or name or "", fields)
    answer = _answer(stream.response, stream.output())
    stop_reason, raw = answer.stop_reason, answer.raw_stop_reason
    if stream.error is not None:
        stop_reason = "error"
    elif not stream.is_complete:
        stop_reason, raw = "truncated", None
    return replace(
        answer,
        stop_reason=stop_reason,
        raw_stop_reason=raw,
        is_complete=stream.is_complete,
        error=stream.error or answer.error or reader.malformed,
    )


class _Stream:
    """A response put together from its events; the terminal one carries it whole."""

    __slots__ = ("_items", "error", "is_complete", "response")

    def __init__(self) -> None:
        self.response: Fields = {}
        self.is_complete = False
        self.error: str | None = None
        self._items: dict[int, dict[str, Json]] = {}

    def take(self, kind: str, event: Fields) -> None:
        if "response" in event:
            self.response = fields_of(event["response"])
        if kind in _TERMINAL and kind != "error":
            self.is_complete = True
        if kind == "error":
            flat = error_text(event.get("code"), event.get("message"))
            self.error = error_in(event) if "error" in event else flat
        elif kind in ("response.output_item.added", "response.output_item.done"):
            self._items[indexed(event, "output_index")] = dict(fields_of(event.get("item")))
        elif kind in _CALL_DELTAS:
            item = self._items.setdefault(indexed(event, "output_index"), {})
            field = _CALL_DELTAS[kind]
            item[field] = text_of(item.get(field)) + text_of(event.get("delta"))
        elif kind in _PART_DELTAS:
            self._extend_part(event, _PART_DELTAS[kind])

    def _extend_part(self, event: Fields, field: str) -> None:
        item = self._items.setdefault(indexed(event, "output_index"), {"type": "message"})
        parts = [dict(part) for part in objects_in(item.get("content"))]
        at = indexed(event, "content_index")
        while len(parts) <= at:
            parts.append({})
        parts[at] |= {
            "type": "refusal" if field == "refusal" else "output_text",
            field: text_of(parts[at].get(field)) + text_of(event.get("delta")),
        }
        item["content"] = list(parts)

    def output(self) -> list[Fields]:
        """Give the response's output: as its terminal event has it, or as far as the stream came."""
        return objects_in(self.response.get("output")) or [self._items[at] for at in sorted(self._items)]


def _answer(response: Fields, output: Sequence[Fields]) -> Answer:
    calls = _calls_in(output)
    parts = [part for item in output if item.get("type") == "message" for part in objects_in(item.get("content"))]
    refusal = "".join(text_of(part.get("refusal")) for part in parts if part.get("type") == "refusal")
    raw, stop_reason = _stop_reason_of(response)
    if stop_reason == "stop":
        stop_reason = "tool_use" if calls else "refusal" if refusal else "stop"
    return Answer(
        model=text_or_none(response.get("model")),
        text="".join(text_of(part.get("text")) for part in parts if part.get("type") == "output_text") + refusal,
        tool_calls=calls,
        stop_reason=stop_reason,
        raw_stop_reason=raw,
        usage=usage_of(response, output),
        cost_usd=cost_in(response.get("usage")),
        error=error_in(response) if response.get("error") else None,
    )


def _stop_reason_of(response: Fields) -> tuple[str | None, str | None]:
    """Give the provider's word, the status or why it is incomplete, and the canonical one."""
    status = text_or_none(response.get("status"))
    reason = text_or_none(fields_of(response.get("incomplete_details")).get("reason"))
    if status == "incomplete" and reason:
        return reason, _INCOMPLETE.get(reason, "other")
    return status, None if status is None else _STATUSES.get(status, "other")


def _calls_in(output: Sequence[Fields]) -> tuple[ToolCall, ...]:
    """Give the calls that the application is to run: those whose output is not already there."""
    answered = {item.get("call_id") for item in output if text_of(item.get("type")).endswith("_output")}
    calls: list[ToolCall] = []
    for item in output:
        kind = text_of(item.get("type"))
        if kind not in _CALLS or (item.get("call_id") and item.get("call_id") in answered):
            continue
        words = item.get(_CALLS[kind])
        calls.append(
            ToolCall(
                id=text_of(item.get("call_id")) or text_of(item.get("id")),
                name=text_of(item.get("name")) or kind.removesuffix("_call"),
                arguments=words if isinstance(words, str) else json.dumps(words, ensure_ascii=False),
            )
        )
    return tuple(calls)


def usage_of(response: Fields, output: Sequence[Fields]) -> Usage | None:
    """Read `usage`, whose totals are inclusive, and count the searches in the output; None if there is none."""
    usage = fields_of(response.get("usage"))
    if not usage:
        return None
    return Usage(
        input_tokens=number_at(usage, "input_tokens"),
        output_tokens=number_at(usage, "output_tokens"),
        cache_read_tokens=number_at(usage, "input_tokens_details", "cached_tokens"),
        cache_write_tokens=number_at(usage, "input_tokens_details", "cache_write_tokens"),
        output_reasoning_tokens=number_at(usage, "output_tokens_details", "reasoning_tokens"),
        web_searches=sum(_is_search(item) for item in output),
        service_tier=text_or_none(response.get("service_tier")),
    )


def _is_search(item: Fields) -> bool:
    # A page that is opened, or looked through, is no search, and is not billed as one.
    return item.get("type") == "web_search_call" and fields_of(item.get("action")).get("type", "search") == "search"
