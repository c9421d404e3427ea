"""Gemini's interactions: reading an answer.

Sources: https://ai.google.dev/api/interactions-api, google/genai/_interactions of google-genai 3.4.0; recorded answers
of 2026 (read 2026-11-30).
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
    total_of,
)

STOP_REASONS = {
    "completed": "stop",
    "requires_action": "tool_use",
    "incomplete": "length",
    "in_progress": "pending",
    "cancelled": "cancelled",
    "failed": "error",
}
_ENDINGS = ("interaction.completed", "interaction.complete")


def is_terminal(event: Event) -> bool:
    """Say whether an event ends a stream: the interaction is complete; a `[DONE]` follows it."""
    return object_in(event).get("event_type") in _ENDINGS


def answer_from_body(body: Json) -> Answer:
    """Read a whole body: an interaction, or an error."""
    fields = fields_of(body)
    steps = objects_in(fields.get("steps") or fields.get("outputs"))
    return replace(_answer(fields, steps), error=_error_of(fields))


def answer_from_events(events: Sequence[Event]) -> Answer:
    """Read the events of a stream; without the interaction's end it is truncated."""
    interaction: dict[str, Json] = {}
    steps: dict[int, dict[str, Json]] = {}
    error: str | None = None
    is_complete = False
    reader = EventReader(events)
    for _, event in reader.objects():
        kind = text_of(event.get("event_type"))
        interaction.update(fields_of(event.get("interaction")))
        is_complete = is_complete or kind in _ENDINGS
        if kind in ("step.start", "content.start"):
            steps[indexed(event)] = dict(fields_of(event.get("step") or event.get("content")))
        elif kind in ("step.delta", "content.delta"):
            _extend(steps.setdefault(indexed(event), {}), fields_of(event.get("delta")))
        elif kind == "error":
            error = _error_of(event) or "error"
    answer = _answer(interaction, [steps[at] for at in sorted(steps)])
    return replace(
        answer,
        stop_reason=answer.stop_reason if is_complete else "truncated",
        is_complete=is_complete,
        error=error or reader.malformed,
    )


def _extend(step: dict[str, Json], delta: Fields) -> None:
    for name, more in (("text", delta.get("text")), ("written", delta.get("arguments"))):
        if isinstance(more, str):
            step[name] = text_of(step.get(name)) + more


def _answer(interaction: Fields, steps: Sequence[Fields]) -> Answer:
    raw = text_or_none(interaction.get("status"))
    return Answer(
        model=text_or_none(interaction.get("model")),
        text="".join(_text_in(step) for step in steps if step.get("type") in ("model_output", "text")),
        tool_calls=tuple(_call_in(step) for step in steps if step.get("type") == "function_call"),
        stop_reason=None if raw is None else STOP_REASONS.get(raw, "other"),
        raw_stop_reason=raw,
        usage=_usage_of(interaction),
    )


def _text_in(step: Fields) -> str:
    parts = "".join(text_of(part.get("text")) for part in objects_in(step.get("content")) if part.get("type") == "text")
    return parts + text_of(step.get("text"))


def _call_in(step: Fields) -> ToolCall:
    written = text_of(step.get("written")) or json.dumps(step.get("arguments") or {}, ensure_ascii=False)
    return ToolCall(text_of(step.get("id")), text_of(step.get("name")), written)


def _usage_of(interaction: Fields) -> Usage | None:
    """Read `usage`: its output excludes thoughts, its input what tools were given."""
    usage = fields_of(interaction.get("usage"))
    if not usage:
        return None
    thoughts = number_at(usage, "total_thought_tokens")
    read = total_of(number_at(usage, "total_input_tokens"), number_at(usage, "total_tool_use_tokens"))
    return Usage(
        input_tokens=read,
        output_tokens=total_of(number_at(usage, "total_output_tokens"), thoughts),
        cache_read_tokens=number_at(usage, "total_cached_tokens"),
        output_reasoning_tokens=thoughts,
        service_tier=text_or_none(interaction.get("service_tier")),
    )


def _error_of(fields: Fields) -> str | None:
    error = fields_of(fields.get("error"))
    if error:
        return error_text(error.get("code") or error.get("status"), error.get("message"))
    return None if "status" in fields else error_in(fields)
