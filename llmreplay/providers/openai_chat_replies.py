"""OpenAI chat completions: making up an answer, streamed or not, as the API would send it.

Sources: openai/types/chat of openai 3.52.0; recorded streams of 2026 for the order of chunks (read 2026-11-21).
"""

from __future__ import annotations

from collections.abc import Iterator

from llmreplay.core.model import Headers, Json, Reply, Request, Response
from llmreplay.providers.json_fields import Fields, fields_of, text_of
from llmreplay.providers.making import (
    CREATED_AT,
    Counts,
    canonical_stop_reason,
    counts_for,
    fragments_of,
    json_response,
    json_text,
    made_id,
    raw_stop_reason,
    request_fields,
    sse_response,
)

_WORDS = {
    "stop": "stop",
    "stop_sequence": "stop",
    "length": "length",
    "tool_use": "tool_calls",
    "content_filter": "content_filter",
    "refusal": "stop",
}


def build_response(reply: Reply, request: Request, is_streamed: bool) -> Response:
    """Make up the answer of chat completions to a request.

    The text of a refusal goes into `refusal`. Thoughts are counted, not shown, as this api does. A stream tells
    its usage only where `stream_options.include_usage` asks for it.

    Raises:
        ValueError: The api has no such stop reason, or the usage does not add up.
    """
    asked = request_fields(request)
    headers: Headers = (
        ("x-request-id", made_id("req_", reply.id_seed, "request", 32).lower()),
        ("openai-version", "2020-10-01"),
        ("openai-processing-ms", "12"),
    )
    counts = counts_for(reply, request)
    finish_reason = raw_stop_reason(reply, _WORDS, "openai.chat.completions")
    if is_streamed:
        chunks = _chunks(reply, asked, counts, finish_reason)
        return sse_response([*((None, json_text(chunk)) for chunk in chunks), (None, "[DONE]")], headers)
    choice: dict[str, Json] = {
        "index": 0,
        "message": _message(reply),
        "logprobs": None,
        "finish_reason": finish_reason,
    }
    body = _frame(reply, asked, counts, "chat.completion")
    return json_response({**body, "choices": [choice], "usage": _usage(counts)}, headers)


def _frame(reply: Reply, asked: Fields, counts: Counts, kind: str) -> dict[str, Json]:
    return {
        "id": made_id("chatcmpl-", reply.id_seed, "completion", 29),
        "object": kind,
        "created": CREATED_AT,
        "model": text_of(asked.get("model")) or "gpt-5-mini",
        "service_tier": counts.service_tier or "default",
        "system_fingerprint": made_id("fp_", reply.id_seed, "fingerprint", 10).lower(),
    }


def _message(reply: Reply) -> dict[str, Json]:
    is_refusal = canonical_stop_reason(reply) == "refusal"
    message: dict[str, Json] = {
        "role": "assistant",
        "content": None if is_refusal or not reply.text else reply.text,
        "refusal": reply.text if is_refusal else None,
        "annotations": [],
    }
    if reply.tool_calls:
        message["tool_calls"] = [_call(reply, at, call.arguments) for at, call in enumerate(reply.tool_calls)]
    return message


def _call(reply: Reply, at: int, arguments: str) -> dict[str, Json]:
    call = reply.tool_calls[at]
    return {
        "id": call.id or made_id("call_", reply.id_seed, f"tool {at}"),
        "type": "function",
        "function": {"name": call.name, "arguments": arguments},
    }


def _chunks(reply: Reply, asked: Fields, counts: Counts, finish_reason: str) -> Iterator[dict[str, Json]]:
    frame = _frame(reply, asked, counts, "chat.completion.chunk")
    tells_usage = fields_of(asked.get("stream_options")).get("include_usage") is True
    if tells_usage:
        frame["usage"] = None

    def chunk(delta: dict[str, Json], ending: str | None = None) -> dict[str, Json]:
        choice: dict[str, Json] = {"index": 0, "delta": delta, "logprobs": None, "finish_reason": ending}
        return {**frame, "choices": [choice]}

    part = "refusal" if canonical_stop_reason(reply) == "refusal" else "content"
    yield chunk({"role": "assistant", "content": "" if reply.text else None, "refusal": None})
    for fragment in fragments_of(reply.text):
        yield chunk({part: fragment})
    for at, call in enumerate(reply.tool_calls):
        yield chunk({"tool_calls": [{"index": at, **_call(reply, at, "")}]})
        for fragment in fragments_of(call.arguments):
            yield chunk({"tool_calls": [{"index": at, "function": {"arguments": fragment}}]})
    yield chunk({}, finish_reason)
    if tells_usage:
        yield {**frame, "choices": [], "usage": _usage(counts)}


def _usage(counts: Counts) -> dict[str, Json]:
    return {
        "prompt_tokens": counts.input_tokens,
        "completion_tokens": counts.output_tokens,
        "total_tokens": counts.total_tokens,
        "prompt_tokens_details": {
            "cached_tokens": counts.cache_read_tokens,
            "cache_write_tokens": counts.cache_write_tokens,
            "audio_tokens": counts.input_audio_tokens,
        },
        "completion_tokens_details": {
            "reasoning_tokens": counts.reasoning_tokens,
            "audio_tokens": counts.output_audio_tokens,
            "accepted_prediction_tokens": 0,
            "rejected_prediction_tokens": 0,
        },
    }
