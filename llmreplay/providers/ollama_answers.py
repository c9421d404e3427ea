"""Ollama's chat and generate: reading answers, making them up, and errors.

Sources: https://docs.ollama.com/api, ollama/_types.py of ollama 0.6.3, as given 2026-11-21; recorded answers.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace

from llmreplay.core.api import ErrorReply
from llmreplay.core.model import Answer, Chunk, Headers, Json, Reply, Request, Response, ToolCall, Usage
from llmreplay.core.streams import Event, ndjson_line
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
from llmreplay.providers.making import (
    CREATED_AT_TEXT,
    Counts,
    arguments_object,
    counts_for,
    fragments_of,
    json_response,
    json_text,
    made_id,
    raw_stop_reason,
    request_fields,
)

STOP_REASONS = {"stop": "stop", "length": "length"}
_WORDS = {"stop": "stop", "stop_sequence": "stop", "tool_use": "stop", "length": "length", "other": "load"}
_SAYS = ("input_tokens", "output_tokens")
_MESSAGES = {
    400: "invalid request",
    401: "unauthorized",
    404: "model 'unknown' not found",
    429: "too many concurrent requests",
    500: "llama runner process has terminated",
    503: "server busy, please try again.  maximum pending requests exceeded",
}
_KINDS = {
    "spend_cap": "you've reached your usage limit, please upgrade to continue",
    "context_overflow": "the input length exceeds the context length",
    "quota": "you've reached your usage limit, please upgrade to continue",
    "overloaded": _MESSAGES[503],
}


def is_streamed(path: str, body: Json) -> bool:
    """Say whether a request asks for a stream, as it does unless it says `"stream": false`."""
    return fields_of(body).get("stream") is not False


def is_terminal(event: Event) -> bool:
    """Say whether an event ends a stream: `"done": true`."""
    return object_in(event).get("done") is True


def answer_from_body(body: Json) -> Answer:
    """Read a whole body: a message, a completion, or an error."""
    fields = fields_of(body)
    if "done" not in fields and (error := error_in(fields)):
        return Answer(error=error)
    return _answer([fields], is_complete=True)


def answer_from_events(events: Sequence[Event]) -> Answer:
    """Read the lines of a stream; without `"done": true` it is truncated."""
    reader = EventReader(events)
    lines = [line for _, line in reader.objects()]
    answer = _answer(lines, is_complete=any(line.get("done") is True for line in lines))
    error = next((error for line in lines if (error := text_or_none(line.get("error")))), None)
    return replace(answer, error=error or reader.malformed)


def _answer(lines: Sequence[Fields], *, is_complete: bool) -> Answer:
    messages = [fields_of(line.get("message")) for line in lines]
    calls = tuple(_call_of(call) for message in messages for call in objects_in(message.get("tool_calls")))
    last: Fields = lines[-1] if lines else {}
    raw = text_or_none(last.get("done_reason"))
    stop_reason = None if raw is None else STOP_REASONS.get(raw, "other")
    return Answer(
        model=next((model for line in lines if (model := text_or_none(line.get("model")))), None),
        text="".join(text_of(message.get("content")) for message in messages)
        + "".join(text_of(line.get("response")) for line in lines),
        tool_calls=calls,
        stop_reason=("tool_use" if calls and stop_reason == "stop" else stop_reason) if is_complete else "truncated",
        raw_stop_reason=raw,
        usage=_usage_of(last),
        is_complete=is_complete,
    )


def _call_of(call: Fields) -> ToolCall:
    function = fields_of(call.get("function"))
    arguments = json.dumps(function.get("arguments") or {}, ensure_ascii=False)
    return ToolCall(text_of(call.get("id")), text_of(function.get("name")), arguments)


def _usage_of(last: Fields) -> Usage | None:
    if "eval_count" not in last and "prompt_eval_count" not in last:
        return None
    return Usage(input_tokens=number_at(last, "prompt_eval_count"), output_tokens=number_at(last, "eval_count"))


def build_chat(reply: Reply, request: Request, is_streamed: bool) -> Response:
    """Make up the answer of `/api/chat`; raises ValueError as `build_generate` does."""
    calls: list[Json] = []
    for at, call in enumerate(reply.tool_calls):
        arguments = arguments_object(call, "ollama.chat")
        identity = call.id or made_id("call_", reply.id_seed, f"tool {at}", 8).lower()
        calls.append({"id": identity, "function": {"index": at, "name": call.name, "arguments": arguments}})

    def line(text: str, thinking: str, with_calls: bool) -> dict[str, Json]:
        message: dict[str, Json] = {"role": "assistant", "content": text}
        if thinking:
            message["thinking"] = thinking
        if with_calls and calls:
            message["tool_calls"] = calls
        return {"message": message}

    pieces = [line("", fragment, False) for fragment in fragments_of(reply.thinking)]
    pieces += [line(fragment, "", False) for fragment in fragments_of(reply.text)]
    # One line a call, as they come.
    pieces += [{"message": {"role": "assistant", "content": "", "tool_calls": [call]}} for call in calls]
    whole = line(reply.text, reply.thinking, True)
    return _response(reply, request, whole, [*pieces, line("", "", False)] if is_streamed else None)


def build_generate(reply: Reply, request: Request, is_streamed: bool) -> Response:
    """Make up the answer of `/api/generate`.

    Raises:
        ValueError: Ollama has no such stop reason, the usage does not add up, or the reply has tool calls, which
            this endpoint does not know.
    """
    if reply.tool_calls:
        raise ValueError("Reply(tool_calls=...): ollama.generate has no tools: ask ollama.chat.")
    pieces: list[dict[str, Json]] = [{"response": "", "thinking": part} for part in fragments_of(reply.thinking)]
    pieces += [{"response": part} for part in fragments_of(reply.text)]
    thinking: dict[str, Json] = {"thinking": reply.thinking} if reply.thinking else {}
    whole: dict[str, Json] = {"response": reply.text, **thinking}
    return _response(reply, request, whole, [*pieces, {"response": ""}] if is_streamed else None)


def _response(reply: Reply, request: Request, whole: dict[str, Json], pieces: list[dict[str, Json]] | None) -> Response:
    counts = counts_for(reply, request, "ollama.chat", _SAYS)
    ending = _ending(counts, raw_stop_reason(reply, _WORDS, "ollama.chat"))
    frame: dict[str, Json] = {
        "model": text_of(request_fields(request).get("model")) or "llama3.2",
        "created_at": CREATED_AT_TEXT,
    }
    if pieces is None:
        return json_response({**frame, **whole, **ending}, ())
    headers: Headers = (("content-type", "application/x-ndjson"),)
    lines = [{**frame, **piece, "done": False} for piece in pieces[:-1]] + [{**frame, **pieces[-1], **ending}]
    return Response(200, headers, tuple(Chunk(ndjson_line(json_text(line))) for line in lines))


def _ending(counts: Counts, reason: str) -> dict[str, Json]:
    return {
        "done": True,
        "done_reason": reason,
        "total_duration": 500_000_000,
        "load_duration": 20_000_000,
        "prompt_eval_count": counts.input_tokens,
        "prompt_eval_duration": 80_000_000,
        "eval_count": counts.output_tokens,
        "eval_duration": 400_000_000,
    }


def error_reply(status: int, kind: str | None) -> ErrorReply:
    """Build the error that Ollama sends for a status.

    Args:
        status: 4xx or 5xx; for the kind `overloaded` it is 503.
        kind: None, `spend_cap` or `quota` (429), `context_overflow` (400) or `overloaded`.

    Raises:
        ValueError: The kind is none of these.
    """
    if kind is not None and kind not in _KINDS:
        raise ValueError(f"kind={kind!r}: choose from {', '.join(_KINDS)}.")
    status = 503 if kind == "overloaded" else status
    message = _message(status) if kind is None else _KINDS[kind]
    headers = (("content-type", "application/json; charset=utf-8"),)
    return ErrorReply(status=status, headers=headers, body=json_text({"error": message}).encode())


def error_event(status: int) -> bytes:
    """Give the bytes of an error in a stream, for the status it would have had."""
    return ndjson_line(json_text({"error": _message(status)}))


def _message(status: int) -> str:
    return _MESSAGES.get(status) or _MESSAGES[400 if status < 500 else 500]
