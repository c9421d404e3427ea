"""Gemini `generateContent` and `streamGenerateContent`: reading an answer.

Sources: google/genai/types.py of google-genai 3.4.0, https://ai.google.dev/api/generate-content, as given 2026-11-21;
recorded answers of 2025 and 2026 (read 2026-11-21).
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import replace

from llmreplay.core.model import Answer, Json, ToolCall, Usage
from llmreplay.core.streams import Event
from llmreplay.providers.json_fields import (
    EventReader,
    Fields,
    count_of,
    error_text,
    fields_of,
    indexed,
    items_of,
    number_at,
    object_in,
    objects_in,
    text_of,
    text_or_none,
    total_of,
)

_FILTERED = (
    "SAFETY RECITATION BLOCKLIST PROHIBITED_CONTENT SPII LANGUAGE IMAGE_SAFETY IMAGE_PROHIBITED_CONTENT "
    "IMAGE_RECITATION MODEL_ARMOR ESCALATION PUP_LIMITED_DISABLED"
)
_MALFORMED = (
    "MALFORMED_FUNCTION_CALL UNEXPECTED_TOOL_CALL TOO_MANY_TOOL_CALLS MISSING_THOUGHT_SIGNATURE MALFORMED_RESPONSE"
)
STOP_REASONS = {
    "STOP": "stop",
    "MAX_TOKENS": "length",
    "CONTINUATION": "pause",
    **dict.fromkeys(_FILTERED.split(), "content_filter"),
    **dict.fromkeys(_MALFORMED.split(), "malformed"),
}
# With `enum-encoding=int` the same reasons come as numbers; above these the two Google APIs disagree.
_NUMBERED = {1: "STOP", 2: "MAX_TOKENS", 3: "SAFETY", 4: "RECITATION", 5: "OTHER"}
_AUDIO = ("AUDIO", 3)


def looks_like(body: Json) -> bool:
    """Say whether a request's body has the contents to answer to."""
    return bool(items_of(fields_of(body).get("contents"))) or bool(fields_of(fields_of(body).get("contents")))


def is_terminal(event: Event) -> bool:
    """Say whether an event ends a stream: its candidate has a finish reason, or the prompt was blocked."""
    return _ending_of(object_in(event)) is not None


def answer_from_body(body: Json) -> Answer:
    """Read a whole body: a response, an error, or the array of responses that a stream without `alt=sse` is."""
    chunks = [fields_of(body)] if isinstance(body, dict) else objects_in(body)
    return _answer(chunks, is_stream=False)


def answer_from_events(events: Sequence[Event]) -> Answer:
    """Read the events of a stream; without a finish reason it is truncated."""
    reader = EventReader(events)
    answer = _answer([chunk for _, chunk in reader.objects()], is_stream=True)
    return answer if answer.error else replace(answer, error=reader.malformed)


def _answer(chunks: Sequence[Fields], *, is_stream: bool) -> Answer:
    parts = [part for chunk in chunks for part in _parts_of(chunk)]
    calls = tuple(_call_of(part) for part in parts if fields_of(part.get("functionCall")))
    raw = next((ending for chunk in chunks if (ending := _ending_of(chunk))), None)
    is_complete = raw is not None or not is_stream
    stop_reason = None if raw is None else _canonical(raw, chunks)
    return Answer(
        model=_last(text_or_none(chunk.get("modelVersion")) for chunk in chunks),
        text="".join(text_of(part.get("text")) for part in parts if part.get("thought") is not True),
        tool_calls=calls,
        stop_reason=("tool_use" if calls and stop_reason == "stop" else stop_reason) if is_complete else "truncated",
        raw_stop_reason=raw,
        usage=_usage_of(chunks),
        is_complete=is_complete,
        error=_last(_error_in(chunk) for chunk in chunks),
    )


def _last(values: Iterable[str | None]) -> str | None:
    return next((value for value in reversed(list(values)) if value), None)


def _candidate(chunk: Fields) -> Fields:
    return next((choice for choice in objects_in(chunk.get("candidates")) if indexed(choice) == 0), {})


def _parts_of(chunk: Fields) -> list[Fields]:
    return objects_in(fields_of(_candidate(chunk).get("content")).get("parts"))


def _ending_of(chunk: Fields) -> str | None:
    """Give the finish reason of the first candidate, or why the prompt was blocked."""
    reason = _candidate(chunk).get("finishReason") or fields_of(chunk.get("promptFeedback")).get("blockReason")
    number = count_of(reason)
    return text_or_none(reason) if number is None else _NUMBERED.get(number, str(number))


def _canonical(raw: str, chunks: Sequence[Fields]) -> str:
    is_blocked = any(fields_of(chunk.get("promptFeedback")).get("blockReason") for chunk in chunks)
    return "content_filter" if is_blocked else STOP_REASONS.get(raw, "other")


def _call_of(part: Fields) -> ToolCall:
    call = fields_of(part.get("functionCall"))
    arguments = json.dumps(call.get("args") or {}, ensure_ascii=False)
    return ToolCall(text_of(call.get("id")), text_of(call.get("name")), arguments)


def _usage_of(chunks: Sequence[Fields]) -> Usage | None:
    """Read `usageMetadata`, of a stream the last: prompt counts include cached tokens, candidates exclude thoughts."""
    usage: dict[str, Json] = {}
    for chunk in chunks:
        usage.update(fields_of(chunk.get("usageMetadata")))
    if not usage:
        return None
    thoughts, cached = number_at(usage, "thoughtsTokenCount"), "cacheTokensDetails"
    return Usage(
        input_tokens=total_of(number_at(usage, "promptTokenCount"), number_at(usage, "toolUsePromptTokenCount")),
        output_tokens=total_of(number_at(usage, "candidatesTokenCount"), thoughts),
        cache_read_tokens=number_at(usage, "cachedContentTokenCount"),
        output_reasoning_tokens=thoughts,
        input_audio_tokens=_audio_in(usage, "promptTokensDetails"),
        output_audio_tokens=_audio_in(usage, "candidatesTokensDetails"),
        # The details name only what there is.
        cache_audio_read_tokens=(_audio_in(usage, cached) or 0) if usage.get(cached) else None,
        service_tier=text_or_none(usage.get("serviceTier")),
    )


def _audio_in(usage: Fields, name: str) -> int | None:
    return total_of(
        *(
            count_of(detail.get("tokenCount"))
            for detail in objects_in(usage.get(name))
            if detail.get("modality") in _AUDIO
        )
    )


def _error_in(chunk: Fields) -> str | None:
    error = fields_of(chunk.get("error"))
    return error_text(error.get("status") or error.get("code"), error.get("message")) if error else None
