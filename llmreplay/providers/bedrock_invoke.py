"""Bedrock `invoke` and `invoke-with-response-stream`: the model vendor's own bodies, in Bedrock's frames.

Sources: anthropic/lib/bedrock of anthropic 2.11.0; recorded answers of Anthropic, Amazon, Meta and Cohere models of
2024 to 2026 (read 2026-11-21).
"""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Sequence
from dataclasses import replace
from urllib.parse import unquote, urlsplit

from llmreplay.core.model import Answer, Chunk, Json, Reply, Request, Response, Usage
from llmreplay.core.streams import Event, Wire, aws_frame, events_of
from llmreplay.providers import anthropic_messages, anthropic_replies, bedrock_converse, openai_chat
from llmreplay.providers.json_fields import (
    EventReader,
    Fields,
    error_in,
    error_text,
    fields_of,
    number_at,
    object_in,
    objects_in,
    text_of,
    text_or_none,
)
from llmreplay.providers.making import json_text, request_fields

METRICS = "amazon-bedrock-invocationMetrics"
_MODEL = re.compile(r"/model/(.+)/invoke")
_STOP_REASONS = {
    "FINISH": "stop",
    "COMPLETE": "stop",
    "stop": "stop",
    "stop_sequence": "stop_sequence",
    "LENGTH": "length",
    "MAX_TOKENS": "length",
    "length": "length",
    "CONTENT_FILTERED": "content_filter",
}


def looks_like(body: Json) -> bool:
    """Say whether a request's body is for Anthropic's models on Bedrock, the only ones with a mark of their own."""
    return "anthropic_version" in fields_of(body)


def is_terminal(event: Event) -> bool:
    """Say whether an event ends a stream: Bedrock adds its metrics to the vendor's last one."""
    return METRICS in _inner(event)


def answer_from_body(body: Json) -> Answer:
    """Read a whole body by its shape: Anthropic's, Amazon Nova's, OpenAI's, or an older one's text and reason."""
    fields = fields_of(body)
    if fields.get("type") == "message":
        return anthropic_messages.answer_from_body(body)
    if "output" in fields and "stopReason" in fields:
        return bedrock_converse.answer_from_body(body)
    if "choices" in fields:
        return openai_chat.answer_from_body(body)
    if error := error_in(fields) or text_or_none(fields.get("Message")):
        return Answer(error=error)
    return _older_answer([fields])


def answer_from_events(events: Sequence[Event]) -> Answer:
    """Read the frames of a stream by the shape of the vendor's events in them."""
    inner = [_inner(event) for event in events if event.name == "chunk"]
    first: Fields = inner[0] if inner else {}
    if first.get("type") == "message_start":
        answer = anthropic_messages.answer_from_events([Event(None, json_text(fields), b"") for fields in inner])
    elif "messageStart" in first:
        named = [(name, fields[name]) for fields in inner for name in fields if name != METRICS]
        answer = bedrock_converse.answer_from_events([Event(name, json_text(value), b"") for name, value in named])
    else:
        answer = _older_answer(inner)
    is_complete = any(METRICS in fields for fields in inner)
    reader = EventReader(events)
    errors = [error_text(name, fields.get("message")) for name, fields in reader.objects() if name and name != "chunk"]
    return replace(
        answer,
        stop_reason=answer.stop_reason if is_complete else "truncated",
        is_complete=is_complete,
        error=answer.error or next(iter(errors), reader.malformed),
    )


def _inner(event: Event) -> Fields:
    """Give the vendor's event that a frame carries."""
    try:
        value: Json = json.loads(base64.b64decode(text_of(object_in(event).get("bytes"))))
    except (ValueError, RecursionError):
        return {}
    return fields_of(value)


def _older_answer(pieces: Sequence[Fields]) -> Answer:
    """Read what the models before Messages and Converse send: Titan, Llama, Command, Claude 2."""
    flat = [{**fields, **part} for fields in pieces for part in _parts_of(fields)]
    text = "".join(
        text_of(part.get(name)) for part in flat for name in ("outputText", "generation", "completion", "text")
    )
    reasons = ("completionReason", "stop_reason", "finish_reason")
    raw = next(
        (reason for part in reversed(flat) for name in reasons if (reason := text_or_none(part.get(name)))), None
    )
    metrics = next((fields_of(part[METRICS]) for part in reversed(flat) if METRICS in part), {})
    last: Fields = flat[-1] if flat else {}
    usage = Usage(
        input_tokens=_first_count(metrics, last, "inputTokenCount", "inputTextTokenCount", "prompt_token_count"),
        output_tokens=_first_count(metrics, last, "outputTokenCount", "tokenCount", "generation_token_count"),
    )
    return Answer(
        text=text,
        stop_reason=None if raw is None else _STOP_REASONS.get(raw, "other"),
        raw_stop_reason=raw,
        usage=None if usage == Usage() else usage,
    )


def _parts_of(fields: Fields) -> list[Fields]:
    return objects_in(fields.get("results")) or objects_in(fields.get("generations")) or [{}]


def _first_count(metrics: Fields, last: Fields, *names: str) -> int | None:
    counts = [number_at(metrics, names[0]), *(number_at(last, name) for name in names)]
    return next((count for count in counts if count is not None), None)


def build_response(reply: Reply, request: Request, is_streamed: bool) -> Response:
    """Make up the answer of one of Anthropic's models; the model is the one in the request's path.

    Raises:
        ValueError: As the builder of Anthropic's answers does.
    """
    named = _MODEL.search(urlsplit(request.url).path)
    asked = {**request_fields(request), "model": unquote(named[1]) if named else "anthropic.claude"}
    made = anthropic_replies.build_response(reply, replace(request, body=json_text(asked).encode()), is_streamed)
    if not is_streamed:
        return made
    events, _ = events_of(Wire.SSE, [chunk.data for chunk in made.chunks])
    said = [dict(object_in(event)) for event in events if event.name != "ping"]
    answer = anthropic_messages.answer_from_events(events)
    usage = answer.usage or Usage()
    said[-1][METRICS] = {
        "inputTokenCount": usage.input_tokens,
        "outputTokenCount": usage.output_tokens,
        "invocationLatency": 500,
        "firstByteLatency": 120,
    }
    headers = tuple(pair for pair in made.headers if pair[0] not in ("content-type", "cache-control"))
    return Response(
        status=200,
        headers=(("content-type", "application/vnd.amazon.eventstream"), *headers),
        chunks=tuple(Chunk(_frame(fields)) for fields in said),
    )


def _frame(fields: Fields) -> bytes:
    headers = ((":event-type", "chunk"), (":content-type", "application/json"), (":message-type", "event"))
    packed = base64.b64encode(json_text(fields).encode()).decode()
    return aws_frame(headers, json_text({"bytes": packed, "p": "abcdefgh"}).encode())
