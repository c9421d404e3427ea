"""OpenAI's transcriptions and translations of sound: reading an answer.

Sources: openai/types/audio of openai 3.52.0, https://platform.openai.com/docs/api-reference/audio; recorded answers
(read 2026-11-30).
"""

from __future__ import annotations

from collections.abc import Sequence
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
)

_DONE = "transcript.text.done"


def is_streamed(path: str, body: Json) -> bool:
    """Say whether a request asks for a stream: its form has a field `stream` that is true."""
    return str(fields_of(body).get("stream")).lower() in ("true", "1")


def is_terminal(event: Event) -> bool:
    """Say whether an event ends a stream: `transcript.text.done`, which repeats the text; a `[DONE]` follows it."""
    return object_in(event).get("type") == _DONE


def answer_from_body(body: Json) -> Answer:
    """Read a whole body: the text, or an error. It does not name the model, and has no stop reason."""
    fields = fields_of(body)
    return Answer(
        text=text_of(fields.get("text")),
        usage=_usage_of(fields),
        error=None if "text" in fields else error_in(fields),
    )


def answer_from_text(text: str) -> Answer:
    """Read a body in one of the formats that are no JSON (`text`, `srt`, `vtt`); they tell no usage."""
    return Answer(text=text)


def answer_from_events(events: Sequence[Event]) -> Answer:
    """Read the events of a stream; without `transcript.text.done` it is truncated."""
    text = ""
    done: Fields | None = None
    error: str | None = None
    reader = EventReader(events)
    for _, event in reader.objects():
        if event.get("type") == "transcript.text.delta":
            text += text_of(event.get("delta"))
        elif event.get("type") == _DONE:
            done = event
        elif event.get("error"):
            error = error_in(event)
    error = error or reader.malformed
    if done is None:
        return Answer(text=text, stop_reason="truncated", is_complete=False, error=error)
    answer = answer_from_body(dict(done))
    return replace(answer, text=answer.text or text, error=error)


def _usage_of(fields: Fields) -> Usage | None:
    """Read `usage`; None where seconds are counted in place of tokens."""
    usage = fields_of(fields.get("usage"))
    if number_at(usage, "input_tokens") is None:
        return None
    return Usage(
        input_tokens=number_at(usage, "input_tokens"),
        output_tokens=number_at(usage, "output_tokens"),
        input_audio_tokens=number_at(usage, "input_token_details", "audio_tokens"),
    )
