"""OpenAI chat completions, and those who imitate them: making up an answer, streamed or not, as the API would send it.

Sources: openai/types/chat of openai 3.52.0; recorded streams of 2026 for the order of chunks (read 2026-11-21), and of
2024 to 2026 for the forms of others (read 2026-11-30).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

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
_SAYS = (
    "input_tokens",
    "output_tokens",
    "cache_read_tokens",
    "cache_write_tokens",
    "output_reasoning_tokens",
    "input_audio_tokens",
    "output_audio_tokens",
    "service_tier",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class ChatForm:
    """What the chat completions of one provider have in another form than OpenAI's.

    Attributes:
        has_refusal: Whether a message has the field `refusal`; without it a refusal is said in `content`.
        has_whole_calls: Whether a stream gives each tool call in one chunk.
        ends_with_usage: Whether the chunk that ends the choice tells the usage, asked or not; OpenAI tells it in a
            further chunk, and only where `stream_options.include_usage` asks for it.
        usage_copy: Name of an object of that chunk that tells the usage once more; None for no such object.
    """

    has_refusal: bool = True
    has_whole_calls: bool = False
    ends_with_usage: bool = False
    usage_copy: str | None = None


OPENAI = ChatForm()


def build_response(reply: Reply, request: Request, is_streamed: bool, *, form: ChatForm = OPENAI) -> Response:
    """Make up the answer of chat completions to a request.

    Thoughts are counted, not shown, as this api does.

    Raises:
        ValueError: The api has no such stop reason, or the usage does not add up.
    """
    asked = request_fields(request)
    headers: Headers = (
        ("x-request-id", made_id("req_", reply.id_seed, "request", 32).lower()),
        ("openai-version", "2020-10-01"),
        ("openai-processing-ms", "12"),
    )
    counts = counts_for(reply, request, "openai.chat.completions", _SAYS)
    finish_reason = raw_stop_reason(reply, _WORDS, "openai.chat.completions")
    if is_streamed:
        chunks = _chunks(reply, asked, counts, finish_reason, form)
        return sse_response([*((None, json_text(chunk)) for chunk in chunks), (None, "[DONE]")], headers)
    choice: dict[str, Json] = {
        "index": 0,
        "message": _message(reply, form),
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


def _message(reply: Reply, form: ChatForm) -> dict[str, Json]:
    is_apart = _is_apart(reply, form)
    message: dict[str, Json] = {
        "role": "assistant",
        "content": None if is_apart or not reply.text else reply.text,
    }
    if form.has_refusal:
        message |= {"refusal": reply.text if is_apart else None, "annotations": []}
    if reply.tool_calls:
        message["tool_calls"] = [_call(reply, at, call.arguments) for at, call in enumerate(reply.tool_calls)]
    return message


def _is_apart(reply: Reply, form: ChatForm) -> bool:
    """Say whether the text is a refusal and stands in the field for it."""
    return form.has_refusal and canonical_stop_reason(reply) == "refusal"


def _call(reply: Reply, at: int, arguments: str) -> dict[str, Json]:
    call = reply.tool_calls[at]
    return {
        "id": call.id or made_id("call_", reply.id_seed, f"tool {at}"),
        "type": "function",
        "function": {"name": call.name, "arguments": arguments},
    }


def _chunks(
    reply: Reply, asked: Fields, counts: Counts, finish_reason: str, form: ChatForm
) -> Iterator[dict[str, Json]]:
    frame = _frame(reply, asked, counts, "chat.completion.chunk")
    is_asked = not form.ends_with_usage and fields_of(asked.get("stream_options")).get("include_usage") is True
    if is_asked:
        frame["usage"] = None

    def chunk(delta: dict[str, Json], ending: str | None = None) -> dict[str, Json]:
        choice: dict[str, Json] = {"index": 0, "delta": delta, "logprobs": None, "finish_reason": ending}
        return {**frame, "choices": [choice]}

    part = "refusal" if _is_apart(reply, form) else "content"
    begun: dict[str, Json] = {"role": "assistant", "content": "" if reply.text else None}
    yield chunk({**begun, "refusal": None} if form.has_refusal else begun)
    for fragment in fragments_of(reply.text):
        yield chunk({part: fragment})
    for at, call in enumerate(reply.tool_calls):
        whole = call.arguments if form.has_whole_calls else ""
        yield chunk({"tool_calls": [{"index": at, **_call(reply, at, whole)}]})
        for fragment in fragments_of(call.arguments.removeprefix(whole)):
            yield chunk({"tool_calls": [{"index": at, "function": {"arguments": fragment}}]})
    last = chunk({}, finish_reason)
    if form.ends_with_usage:
        last["usage"] = _usage(counts)
    if form.usage_copy:
        last[form.usage_copy] = {"id": made_id("req_", reply.id_seed, "copy", 26).lower(), "usage": _usage(counts)}
    yield last
    if is_asked:
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
