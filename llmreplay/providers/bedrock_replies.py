"""Bedrock: making up answers of `converse` and `converse-stream`, and its errors.

Sources: botocore/data/bedrock-runtime/2023-09-30/service-2.json of botocore 1.44.5, as given 2026-11-21; recorded
answers.
"""

from __future__ import annotations

import json
from collections.abc import Iterator

from llmreplay.core.api import ErrorReply
from llmreplay.core.model import Chunk, Headers, Json, Reply, Request, Response
from llmreplay.core.streams import aws_frame
from llmreplay.providers.json_fields import Fields, fields_of, objects_in, text_of
from llmreplay.providers.making import (
    Counts,
    arguments_object,
    counts_for,
    fragments_of,
    json_response,
    json_text,
    made_id,
    raw_stop_reason,
)

_WORDS = {
    "stop": "end_turn",
    "stop_sequence": "stop_sequence",
    "length": "max_tokens",
    "context_window": "model_context_window_exceeded",
    "tool_use": "tool_use",
    "content_filter": "content_filtered",
    "malformed": "malformed_model_output",
}
_SAYS = (
    "input_tokens",
    "output_tokens",
    "cache_read_tokens",
    "cache_write_tokens",
    "cache_write_5m_tokens",
    "cache_write_1h_tokens",
    "service_tier",
)
_ERRORS = {
    400: ("ValidationException", "The provided request is not valid."),
    401: ("UnrecognizedClientException", "The security token included in the request is invalid."),
    403: ("AccessDeniedException", "You don't have access to the model with the specified model ID."),
    404: ("ResourceNotFoundException", "Could not resolve the foundation model from the provided model identifier."),
    408: ("ModelTimeoutException", "The model took too long to process the request."),
    424: ("ModelErrorException", "The model returned an error."),
    429: ("ThrottlingException", "Too many requests, please wait before trying again."),
    500: ("InternalServerException", "The system encountered an unexpected error during processing. Try again."),
    503: ("ServiceUnavailableException", "Bedrock is unable to process your request."),
}
_KINDS = {
    "spend_cap": ("ServiceQuotaExceededException", "Your request exceeds the service quota for your account."),
    "context_overflow": ("ValidationException", "Input is too long for requested model."),
    "quota": ("ThrottlingException", "Too many tokens per day, please wait before trying again."),
    "overloaded": _ERRORS[503],
}
_STREAM_EXCEPTIONS = {
    400: "validationException",
    424: "modelStreamErrorException",
    429: "throttlingException",
    500: "internalServerException",
    503: "serviceUnavailableException",
}


def error_reply(status: int, kind: str | None) -> ErrorReply:
    """Build the error that Bedrock sends for a status; its code stands in the header `x-amzn-errortype`.

    Args:
        status: 4xx or 5xx; for 401 it is 403, for the kind `overloaded` 503, for `spend_cap` 400.
        kind: None, `spend_cap`, `context_overflow` (400), `quota` (429) or `overloaded`.

    Raises:
        ValueError: The kind is none of these.
    """
    if kind is not None and kind not in _KINDS:
        raise ValueError(f"kind={kind!r}: choose from {', '.join(_KINDS)}.")
    code, message = _plain(status) if kind is None else _KINDS[kind]
    if kind == "overloaded":
        status = 503
    elif kind == "spend_cap":
        # So in botocore's model of the service, which takes a 429 for something to retry.
        status = 400
    elif status == 401:
        # What AWS answers to a wrong key.
        status = 403
    return ErrorReply(
        status=status,
        headers=(
            ("content-type", "application/json"),
            ("x-amzn-requestid", _uuid(f"{status}{kind}")),
            ("x-amzn-errortype", f"{code}:http://internal.amazon.com/coral/com.amazon.bedrock/"),
        ),
        body=json_text({"message": message}).encode(),
    )


def error_event(status: int) -> bytes:
    """Give the exception frame of an error in a stream, for the status it would have had."""
    name = _STREAM_EXCEPTIONS.get(status) or _STREAM_EXCEPTIONS[400 if status < 500 else 503]
    headers = (
        (":exception-type", name),
        (":content-type", "application/json"),
        (":message-type", "exception"),
    )
    return aws_frame(headers, json_text({"message": _plain(status)[1]}).encode())


def _plain(status: int) -> tuple[str, str]:
    return _ERRORS.get(status) or _ERRORS[400 if status < 500 else 500]


def _uuid(seed: str) -> str:
    digits = made_id("", seed, "request", 32).lower()
    digits = "".join(format(ord(letter) % 16, "x") for letter in digits)
    return "-".join((digits[:8], digits[8:12], digits[12:16], digits[16:20], digits[20:]))


def build_response(reply: Reply, request: Request, is_streamed: bool) -> Response:
    """Make up the answer of `converse` or `converse-stream`.

    Raises:
        ValueError: Bedrock has no such stop reason, the usage does not add up, or the arguments of a tool call
            are no JSON object.
    """
    counts = counts_for(reply, request, "bedrock.converse", _SAYS)
    reason = raw_stop_reason(reply, _WORDS, "bedrock.converse")
    headers: Headers = (("x-amzn-requestid", _uuid(reply.id_seed)),)
    if not is_streamed:
        message: Json = {"role": "assistant", "content": _content(reply)}
        body: Json = {"output": {"message": message}, "stopReason": reason, **_metadata(counts)}
        return json_response(body, headers)
    return Response(
        status=200,
        headers=(("content-type", "application/vnd.amazon.eventstream"), *headers),
        chunks=tuple(Chunk(_frame(name, payload)) for name, payload in _events(reply, reason, counts)),
    )


def _frame(name: str, payload: dict[str, Json]) -> bytes:
    headers = ((":event-type", name), (":content-type", "application/json"), (":message-type", "event"))
    return aws_frame(headers, json_text(payload).encode())


def _content(reply: Reply) -> list[Json]:
    content: list[Json] = []
    if reply.thinking:
        signature = made_id("Er", reply.id_seed, "signature", 64)
        content.append({"reasoningContent": {"reasoningText": {"text": reply.thinking, "signature": signature}}})
    if reply.text:
        content.append({"text": reply.text})
    for at, call in enumerate(reply.tool_calls):
        identity = call.id or made_id("tooluse_", reply.id_seed, f"tool {at}", 22)
        arguments = arguments_object(call, "bedrock.converse")
        content.append({"toolUse": {"toolUseId": identity, "name": call.name, "input": arguments}})
    return content


def _metadata(counts: Counts) -> dict[str, Json]:
    usage: dict[str, Json] = {
        "inputTokens": counts.uncached_input_tokens,
        "outputTokens": counts.output_tokens,
        "totalTokens": counts.total_tokens,
        "cacheReadInputTokens": counts.cache_read_tokens,
        "cacheWriteInputTokens": counts.cache_write_tokens,
    }
    kept = (("1h", counts.cache_write_1h_tokens), ("5m", counts.cache_write_5m_tokens))
    if counts.cache_write_tokens:
        usage["cacheDetails"] = [{"ttl": ttl, "inputTokens": tokens} for ttl, tokens in kept if tokens]
    tier: dict[str, Json] = {"serviceTier": {"type": counts.service_tier}} if counts.service_tier else {}
    return {"usage": usage, "metrics": {"latencyMs": 500}, **tier}


def _events(reply: Reply, reason: str, counts: Counts) -> Iterator[tuple[str, dict[str, Json]]]:
    yield "messageStart", {"role": "assistant"}
    for index, block in enumerate(objects_in(_content(reply))):
        place: dict[str, Json] = {"contentBlockIndex": index}
        use = fields_of(block.get("toolUse"))
        if use:
            started: Json = {"toolUse": {"toolUseId": use["toolUseId"], "name": use["name"]}}
            yield "contentBlockStart", {**place, "start": started}
        for delta in _deltas(block, use):
            yield "contentBlockDelta", {**place, "delta": delta}
        yield "contentBlockStop", place
    yield "messageStop", {"stopReason": reason}
    yield "metadata", _metadata(counts)


def _deltas(block: Fields, use: Fields) -> list[Json]:
    if use:
        written = json.dumps(use["input"], ensure_ascii=False)
        return [{"toolUse": {"input": fragment}} for fragment in fragments_of(written)]
    if "reasoningContent" in block:
        thought = fields_of(fields_of(block["reasoningContent"]).get("reasoningText"))
        thoughts: list[Json] = [
            {"reasoningContent": {"text": fragment}} for fragment in fragments_of(text_of(thought["text"]))
        ]
        return [*thoughts, {"reasoningContent": {"signature": thought["signature"]}}]
    return [{"text": fragment} for fragment in fragments_of(text_of(block["text"]))]
