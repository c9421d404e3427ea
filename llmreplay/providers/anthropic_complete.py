"""Anthropic's text completions, which came before Messages: reading an answer.

Sources: anthropic/types/completion.py of anthropic 2.11.0; recorded answers of 2023 and 2024 (read 2026-11-30).
"""

from __future__ import annotations

from collections.abc import Sequence

from llmreplay.core.model import Answer, Json
from llmreplay.core.streams import Event
from llmreplay.providers.json_fields import EventReader, error_in, fields_of, object_in, text_of, text_or_none

# Of the stop sequences, the usual one is the next turn's beginning.
STOP_REASONS = {"stop_sequence": "stop_sequence", "max_tokens": "length"}


def is_terminal(event: Event) -> bool:
    """Say whether an event ends a stream: it has a stop reason."""
    return bool(text_of(object_in(event).get("stop_reason")))


def answer_from_body(body: Json) -> Answer:
    """Read a whole body: a completion, or an error."""
    fields = fields_of(body)
    if "completion" not in fields:
        return Answer(error=error_in(fields))
    raw = text_or_none(fields.get("stop_reason"))
    return Answer(
        model=text_or_none(fields.get("model")),
        text=text_of(fields.get("completion")),
        stop_reason=None if raw is None else STOP_REASONS.get(raw, "other"),
        raw_stop_reason=raw,
    )


def answer_from_events(events: Sequence[Event]) -> Answer:
    """Read the events of a stream; without a stop reason it is truncated."""
    text, model, raw, error = "", None, None, None
    reader = EventReader(events)
    for _, event in reader.objects():
        text += text_of(event.get("completion"))
        model = text_or_none(event.get("model")) or model
        raw = text_or_none(event.get("stop_reason")) or raw
        error = error_in(event) or error
    return Answer(
        model=model,
        text=text,
        stop_reason="truncated" if raw is None else STOP_REASONS.get(raw, "other"),
        raw_stop_reason=raw,
        is_complete=raw is not None,
        error=error or reader.malformed,
    )
