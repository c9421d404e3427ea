"""OpenAI's text completions, which servers of open models still speak: making up an answer.

They are read as chat completions are: a choice has its text where the other has a message.

Sources: openai/types/completion.py of openai 3.52.0; recorded answers (read 2026-11-30).
"""

from __future__ import annotations

from llmreplay.core.model import Headers, Json, Reply, Request, Response
from llmreplay.providers.json_fields import Fields, fields_of, text_of
from llmreplay.providers.making import (
    CREATED_AT,
    counts_for,
    fragments_of,
    json_response,
    json_text,
    made_id,
    raw_stop_reason,
    request_fields,
    sse_response,
)

_WORDS = {"stop": "stop", "stop_sequence": "stop", "length": "length", "content_filter": "content_filter"}
_SAYS = ("input_tokens", "output_tokens")


def looks_like(body: Json) -> bool:
    """Say whether a request's body has the two fields that completions require."""
    fields = fields_of(body)
    return isinstance(fields.get("model"), str) and "prompt" in fields


def build_response(reply: Reply, request: Request, is_streamed: bool) -> Response:
    """Make up the answer of completions to a request; a stream tells its usage only where it is asked for it.

    Raises:
        ValueError: The api has no such stop reason and no tools, or cannot say the usage.
    """
    if reply.tool_calls:
        raise ValueError("Reply(tool_calls=...): openai.completions has no tools: ask openai.chat.completions.")
    asked = request_fields(request)
    headers: Headers = (("x-request-id", made_id("req_", reply.id_seed, "request", 32).lower()),)
    counts = counts_for(reply, request, "openai.completions", _SAYS)
    ending = raw_stop_reason(reply, _WORDS, "openai.completions")
    usage: Json = {
        "prompt_tokens": counts.input_tokens,
        "completion_tokens": counts.output_tokens,
        "total_tokens": counts.total_tokens,
    }
    frame = _frame(reply, asked)
    if not is_streamed:
        return json_response({**frame, "choices": [_choice(reply.text, ending)], "usage": usage}, headers)
    chunks = [{**frame, "choices": [_choice(text, None)]} for text in fragments_of(reply.text)]
    chunks.append({**frame, "choices": [_choice("", ending)]})
    if fields_of(asked.get("stream_options")).get("include_usage") is True:
        chunks.append({**frame, "choices": [], "usage": usage})
    return sse_response([*((None, json_text(chunk)) for chunk in chunks), (None, "[DONE]")], headers)


def _frame(reply: Reply, asked: Fields) -> dict[str, Json]:
    return {
        "id": made_id("cmpl-", reply.id_seed, "completion", 29),
        "object": "text_completion",
        "created": CREATED_AT,
        "model": text_of(asked.get("model")) or "gpt-3.5-turbo-instruct",
    }


def _choice(text: str, ending: str | None) -> dict[str, Json]:
    return {"text": text, "index": 0, "logprobs": None, "finish_reason": ending}
