"""Endpoints that answer with vectors, scores or pictures: reading what they count.

Sources: openai/types of openai 3.52.0 (images, responses.compact), https://docs.voyageai.com/reference,
https://docs.cohere.com/reference, https://ai.google.dev/api/embeddings; recorded answers (read 2026-11-30).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

from llmreplay.core.model import Answer, Json, Usage
from llmreplay.core.streams import Event
from llmreplay.providers.json_fields import (
    EventReader,
    Fields,
    error_in,
    fields_of,
    number_at,
    object_in,
    text_of,
    text_or_none,
)

_READ = ("input_tokens", "prompt_tokens", "promptTokenCount", "total_tokens")
_WRITTEN = ("output_tokens", "completion_tokens")


def answer_from_body(body: Json) -> Answer:
    """Read a whole body: the model and the tokens."""
    fields = fields_of(body)
    usage = _usage_of(fields)
    return Answer(
        model=text_or_none(fields.get("model")), usage=usage, error=error_in(fields) if usage is None else None
    )


def is_terminal(event: Event) -> bool:
    """Say whether an event ends a stream of pictures: one is complete, and no partial picture follows."""
    return text_of(object_in(event).get("type")).endswith(".completed")


def answer_until(ends: Callable[[Event], bool], events: Sequence[Event]) -> Answer:
    """Read the events of a stream that an event which `ends` it completes: the last that counts tokens says it all."""
    reader = EventReader(events)
    counting: Fields = {}
    error: str | None = None
    for _, event in reader.objects():
        counting = event if event.get("usage") else counting
        error = (error_in(event) if event.get("error") else None) or error
    is_complete = any(map(ends, events))
    return replace(
        answer_from_body(dict(counting)),
        stop_reason=None if is_complete else "truncated",
        is_complete=is_complete,
        error=error or reader.malformed,
    )


def _usage_of(body: Fields) -> Usage | None:
    """Read the tokens under whatever names; None where seconds, searches or pictures are counted instead."""
    meta = fields_of(body.get("meta"))
    given = body.get("usage") or body.get("usageMetadata") or meta.get("tokens") or meta.get("billed_units")
    usage = fields_of(given)
    read, written = _first_of(usage, _READ), _first_of(usage, _WRITTEN)
    if read is None and written is None:
        return None
    return Usage(
        input_tokens=read,
        # What names no tokens written has none.
        output_tokens=written or 0,
        cache_read_tokens=number_at(usage, "input_tokens_details", "cached_tokens"),
        output_reasoning_tokens=number_at(usage, "output_tokens_details", "reasoning_tokens"),
    )


def _first_of(usage: Fields, names: tuple[str, ...]) -> int | None:
    return next((count for name in names if (count := number_at(usage, name)) is not None), None)
