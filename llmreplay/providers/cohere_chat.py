"""Cohere's chat, version 2: reading answers, making them up, and errors.

Sources: https://docs.cohere.com/reference/chat, cohere 7.3.1, as given 2026-11-21; recorded answers of 2025 and 2026.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

from llmreplay.core.api import ErrorReply
from llmreplay.core.model import Answer, Json, Reply, Request, Response, ToolCall, Usage
from llmreplay.core.streams import Event, sse_event
from llmreplay.providers.json_fields import (
    EventReader,
    Fields,
    error_in,
    fields_of,
    indexed,
    number_at,
    object_in,
    objects_in,
    text_of,
    text_or_none,
)
from llmreplay.providers.making import (
    Counts,
    counts_for,
    fragments_of,
    json_response,
    json_text,
    made_id,
    raw_stop_reason,
    sse_response,
)

STOP_REASONS = {
    "COMPLETE": "stop",
    "STOP_SEQUENCE": "stop_sequence",
    "MAX_TOKENS": "length",
    "TOOL_CALL": "tool_use",
    "ERROR": "error",
    "TIMEOUT": "error",
}
_WORDS = {
    "stop": "COMPLETE",
    "stop_sequence": "STOP_SEQUENCE",
    "length": "MAX_TOKENS",
    "tool_use": "TOOL_CALL",
    "error": "ERROR",
}
_MESSAGES = {
    400: "invalid request: all elements in history must have a message.",
    401: "invalid api token",
    403: "this api key does not have permission to use this resource.",
    404: "model 'unknown' not found, make sure the correct model ID was used and that you have access to the model.",
    422: "unknown field: parameter name is not a valid field.",
    429: "Please wait and try again later",
    500: "internal server error",
    503: "service unavailable, please try again later",
}
_KINDS = {
    "spend_cap": "You have reached your spending limit.",
    "context_overflow": "too many tokens: total number of tokens in the request cannot exceed 128000.",
    "quota": "You have exceeded your monthly call limit.",
    "overloaded": _MESSAGES[503],
}
_SAYS = ("input_tokens", "output_tokens", "cache_read_tokens")


def is_terminal(event: Event) -> bool:
    """Say whether an event ends a stream: `message-end`; a `[DONE]` may follow it."""
    return object_in(event).get("type") == "message-end"


def answer_from_body(body: Json) -> Answer:
    """Read a whole body: a message, or an error. It does not name the model."""
    fields = fields_of(body)
    message = fields.get("message")
    if not isinstance(message, dict):
        return Answer(error=error_in(fields))
    calls = tuple(_call_of(call) for call in objects_in(message.get("tool_calls")))
    text = "".join(text_of(part.get("text")) for part in objects_in(message.get("content")))
    return _answer(text, calls, fields)


def answer_from_events(events: Sequence[Event]) -> Answer:
    """Read the events of a stream; without `message-end` it is truncated."""
    text = ""
    calls: dict[int, ToolCall] = {}
    ending: Fields = {}
    is_complete = False
    reader = EventReader(events)
    for _, event in reader.objects():
        message = fields_of(fields_of(event.get("delta")).get("message"))
        kind, at = event.get("type"), indexed(event)
        if kind == "content-delta":
            text += text_of(fields_of(message.get("content")).get("text"))
        elif kind in ("tool-call-start", "tool-call-delta"):
            begun, more = calls.get(at, ToolCall("", "", "")), _call_of(fields_of(message.get("tool_calls")))
            calls[at] = ToolCall(begun.id or more.id, begun.name or more.name, begun.arguments + more.arguments)
        elif kind == "message-end":
            ending, is_complete = fields_of(event.get("delta")), True
        elif kind == "error":
            ending = {"error": event.get("message") or "error"}
    answer = _answer(text, tuple(calls[at] for at in sorted(calls)), ending)
    return replace(
        answer,
        stop_reason=answer.stop_reason if is_complete else "truncated",
        is_complete=is_complete,
        error=text_or_none(ending.get("error")) or reader.malformed,
    )


def _call_of(call: Fields) -> ToolCall:
    function = fields_of(call.get("function"))
    return ToolCall(text_of(call.get("id")), text_of(function.get("name")), text_of(function.get("arguments")))


def _answer(text: str, calls: tuple[ToolCall, ...], ending: Fields) -> Answer:
    raw = text_or_none(ending.get("finish_reason"))
    usage = fields_of(ending.get("usage"))
    # What was read, not what is billed; the numbers may be spelt 506.0.
    counted = Usage(
        input_tokens=number_at(usage, "tokens", "input_tokens"),
        output_tokens=number_at(usage, "tokens", "output_tokens"),
        cache_read_tokens=number_at(usage, "cached_tokens"),
    )
    return Answer(
        text=text,
        tool_calls=calls,
        stop_reason=None if raw is None else STOP_REASONS.get(raw, "other"),
        raw_stop_reason=raw,
        usage=counted if usage else None,
        billed=billed_in(usage),
    )


def billed_in(usage: Fields) -> Usage | None:
    """Read `billed_units`, which leave out what Cohere itself adds to a prompt; None if there are none."""
    billed = fields_of(usage.get("billed_units"))
    if not billed:
        return None
    return Usage(input_tokens=number_at(billed, "input_tokens"), output_tokens=number_at(billed, "output_tokens"))


def build_response(reply: Reply, request: Request, is_streamed: bool) -> Response:
    """Make up Cohere's answer to a request; thoughts become a content part of type `thinking`.

    Raises:
        ValueError: Cohere has no such stop reason, or the usage does not add up.
    """
    counts = counts_for(reply, request, "cohere.chat", _SAYS)
    ending: dict[str, Json] = {"finish_reason": raw_stop_reason(reply, _WORDS, "cohere.chat"), "usage": _usage(counts)}
    identity = made_id("", reply.id_seed, "message", 36).lower()
    if is_streamed:
        events = _events(reply, identity, ending)
        return sse_response([*((text_of(event["type"]), json_text(event)) for event in events), (None, "[DONE]")], ())
    message: dict[str, Json] = {"role": "assistant", "content": _content(reply)}
    if reply.tool_calls:
        message["tool_calls"] = [_made_call(reply, at, call.arguments) for at, call in enumerate(reply.tool_calls)]
    return json_response({"id": identity, "message": message, **ending}, ())


def _content(reply: Reply) -> list[Json]:
    parts = (("thinking", reply.thinking), ("text", reply.text))
    return [{"type": kind, kind: text} for kind, text in parts if text]


def _made_call(reply: Reply, at: int, arguments: str) -> Json:
    call = reply.tool_calls[at]
    identity = call.id or made_id(f"{call.name}_", reply.id_seed, f"tool {at}", 12).lower()
    return {"id": identity, "type": "function", "function": {"name": call.name, "arguments": arguments}}


def _usage(counts: Counts) -> dict[str, Json]:
    tokens: Json = {"input_tokens": counts.input_tokens, "output_tokens": counts.output_tokens}
    return {"billed_units": tokens, "tokens": tokens, "cached_tokens": counts.cache_read_tokens}


def _events(reply: Reply, identity: str, ending: dict[str, Json]) -> Iterator[dict[str, Json]]:
    empty: Json = {"role": "assistant", "content": [], "tool_plan": "", "tool_calls": [], "citations": []}
    yield {"id": identity, "type": "message-start", "delta": {"message": empty}}
    index = -1
    for index, (kind, text) in enumerate((("thinking", reply.thinking), ("text", reply.text))):
        if not text:
            continue
        started: Json = {"type": kind, kind: ""}
        yield {"type": "content-start", "index": index, "delta": {"message": {"content": started}}}
        for fragment in fragments_of(text):
            yield {"type": "content-delta", "index": index, "delta": {"message": {"content": {kind: fragment}}}}
        yield {"type": "content-end", "index": index}
    for at, call in enumerate(reply.tool_calls):
        begun = _made_call(reply, at, "")
        yield {"type": "tool-call-start", "index": at, "delta": {"message": {"tool_calls": begun}}}
        for fragment in fragments_of(call.arguments):
            more: Json = {"function": {"arguments": fragment}}
            yield {"type": "tool-call-delta", "index": at, "delta": {"message": {"tool_calls": more}}}
        yield {"type": "tool-call-end", "index": at}
    yield {"type": "message-end", "delta": ending}


def error_reply(status: int, kind: str | None) -> ErrorReply:
    """Build the error that Cohere sends for a status.

    Args:
        status: 4xx or 5xx; for the kind `overloaded` it is 503.
        kind: None, `spend_cap` or `quota` (429), `context_overflow` (400) or `overloaded`.

    Raises:
        ValueError: The kind is none of these.
    """
    if kind is not None and kind not in _KINDS:
        raise ValueError(f"kind={kind!r}: choose from {', '.join(_KINDS)}.")
    status = 503 if kind == "overloaded" else status
    body: Json = {
        "id": made_id("", str(status), kind or "", 36).lower(),
        "message": _message(status) if kind is None else _KINDS[kind],
    }
    headers = (("content-type", "application/json"),)
    return ErrorReply(status=status, headers=headers, body=json_text(body).encode())


def error_event(status: int) -> bytes:
    """Give the bytes of an error in a stream, for the status it would have had; the SDK passes over it."""
    return sse_event("error", json_text({"type": "error", "message": _message(status)}))


def _message(status: int) -> str:
    return _MESSAGES.get(status) or _MESSAGES[400 if status < 500 else 500]
