"""Cohere's chat and generation, version 1: reading an answer.

Sources: https://docs.cohere.com/v1/reference/chat, cohere 7.3.1; recorded answers of 2024 and 2025 (read 2026-11-30).
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace

from llmreplay.core.model import Answer, Json, ToolCall, Usage
from llmreplay.core.streams import Event
from llmreplay.providers.cohere_chat import STOP_REASONS, billed_in
from llmreplay.providers.json_fields import (
    EventReader,
    Fields,
    error_in,
    fields_of,
    number_at,
    object_in,
    objects_in,
    text_of,
    text_or_none,
)

_ERRORS = ("ERROR", "ERROR_TOXIC", "ERROR_LIMIT", "USER_CANCEL")


def is_terminal(event: Event) -> bool:
    """Say whether an event ends a stream: `stream-end`."""
    return object_in(event).get("event_type") == "stream-end"


def answer_from_body(body: Json) -> Answer:
    """Read a whole body: an answer of chat, the first of several generations, or an error."""
    fields = fields_of(body)
    generation = next(iter(objects_in(fields.get("generations"))), fields)
    if "text" not in generation:
        return Answer(error=error_in(fields))
    return _answer(generation, fields)


def answer_from_events(events: Sequence[Event]) -> Answer:
    """Read the events of a stream; without `stream-end`, which repeats the whole answer, it is truncated."""
    text = ""
    ending: Fields | None = None
    reader = EventReader(events)
    for _, event in reader.objects():
        if event.get("event_type") == "text-generation" or "event_type" not in event:
            text += text_of(event.get("text"))
        elif event.get("event_type") == "stream-end":
            ending = event
    if ending is None:
        return Answer(text=text, stop_reason="truncated", is_complete=False, error=reader.malformed)
    response = fields_of(ending.get("response"))
    answer = _answer({**response, "finish_reason": ending.get("finish_reason")}, response)
    return replace(answer, text=answer.text or text, error=text_or_none(ending.get("error")) or reader.malformed)


def _answer(said: Fields, whole: Fields) -> Answer:
    raw = text_or_none(said.get("finish_reason"))
    calls = tuple(_call_of(call) for call in objects_in(said.get("tool_calls")))
    canonical = None if raw is None else STOP_REASONS.get(raw, "error" if raw in _ERRORS else "other")
    return Answer(
        text=text_of(said.get("text")),
        tool_calls=calls,
        # This version calls an answer that asks for tools complete.
        stop_reason="tool_use" if calls and canonical == "stop" else canonical,
        raw_stop_reason=raw,
        usage=_usage_of(fields_of(whole.get("meta"))),
        billed=billed_in(fields_of(whole.get("meta"))),
    )


def _call_of(call: Fields) -> ToolCall:
    arguments = json.dumps(call.get("parameters") or {}, ensure_ascii=False)
    return ToolCall(text_of(call.get("id")), text_of(call.get("name")), arguments)


def _usage_of(meta: Fields) -> Usage | None:
    # What was read, not what is billed; old answers tell only the latter.
    usage = fields_of(meta.get("tokens")) or fields_of(meta.get("billed_units"))
    if not usage:
        return None
    return Usage(
        input_tokens=number_at(usage, "input_tokens"),
        output_tokens=number_at(usage, "output_tokens"),
        cache_read_tokens=number_at(meta, "cached_tokens"),
    )
