"""OpenAI Responses: making up an answer, streamed or not, as the API would send it.

Sources: openai/types/responses of openai 3.52.0; recorded streams of 2026 for the order of events (read 2026-11-21).
"""

from __future__ import annotations

from collections.abc import Iterator

from llmreplay.core.model import Headers, Json, Reply, Request, Response
from llmreplay.providers.json_fields import Fields, objects_in, text_of
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

# Canonical: the status, and a reason where it is incomplete.
_WORDS = {
    "stop": "completed",
    "stop_sequence": "completed",
    "tool_use": "completed",
    "refusal": "completed",
    "length": "max_output_tokens",
    "content_filter": "content_filter",
    "pause": "max_messages",
    "error": "failed",
}
_STATUSES = frozenset(("completed", "failed"))
# What a response repeats of its request, and says where the request is silent.
_ECHOED: dict[str, Json] = {
    "background": False,
    "instructions": None,
    "max_output_tokens": None,
    "max_tool_calls": None,
    "metadata": {},
    "parallel_tool_calls": True,
    "previous_response_id": None,
    "prompt_cache_key": None,
    "reasoning": {"effort": None, "summary": None},
    "safety_identifier": None,
    "store": True,
    "temperature": 1.0,
    "text": {"format": {"type": "text"}, "verbosity": "medium"},
    "tool_choice": "auto",
    "tools": [],
    "top_logprobs": 0,
    "top_p": 1.0,
    "truncation": "disabled",
    "user": None,
}
_SAYS = (
    "input_tokens",
    "output_tokens",
    "cache_read_tokens",
    "cache_write_tokens",
    "output_reasoning_tokens",
    "web_searches",
    "service_tier",
)
_Event = dict[str, Json]


def build_response(reply: Reply, request: Request, is_streamed: bool) -> Response:
    """Make up the answer of the Responses API to a request.

    Thoughts become the summary of a reasoning item; the text of a refusal a part of type `refusal`.

    Raises:
        ValueError: The api has no such stop reason, or the usage does not add up.
    """
    asked = request_fields(request)
    counts = counts_for(reply, request, "openai.responses", _SAYS)
    word = raw_stop_reason(reply, _WORDS, "openai.responses")
    headers: Headers = (
        ("x-request-id", made_id("req_", reply.id_seed, "request", 32).lower()),
        ("openai-version", "2020-10-01"),
        ("openai-processing-ms", "12"),
    )
    response = _response(reply, asked, counts, word)
    if not is_streamed:
        return json_response(response, headers)
    numbered = ({**event, "sequence_number": at} for at, event in enumerate(_events(response)))
    return sse_response(((text_of(event["type"]), json_text(event)) for event in numbered), headers)


def _response(reply: Reply, asked: Fields, counts: Counts, word: str) -> _Event:
    status = word if word in _STATUSES else "incomplete"
    error: Json = {"code": "server_error", "message": "The model failed to respond."} if word == "failed" else None
    echoed = {name: value if asked.get(name) is None else asked[name] for name, value in _ECHOED.items()}
    return {
        "id": made_id("resp_", reply.id_seed, "response", 48).lower(),
        "object": "response",
        "created_at": CREATED_AT,
        "status": status,
        "completed_at": CREATED_AT if status == "completed" else None,
        "error": error,
        "incomplete_details": {"reason": word} if status == "incomplete" else None,
        "model": text_of(asked.get("model")) or "gpt-5-mini",
        "output": _output(reply, counts, "incomplete" if status == "incomplete" else "completed"),
        **echoed,
        "service_tier": counts.service_tier or "default",
        "usage": _usage(counts),
    }


def _output(reply: Reply, counts: Counts, status: str) -> list[Json]:
    def item(kind: str, prefix: str, part: str, **rest: Json) -> _Event:
        return {"id": made_id(prefix, reply.id_seed, part, 48).lower(), "type": kind, **rest}

    output: list[Json] = []
    if reply.thinking:
        summary: list[Json] = [{"type": "summary_text", "text": reply.thinking}]
        output.append(item("reasoning", "rs_", "reasoning", summary=summary))
    for at in range(counts.web_searches):
        action: Json = {"type": "search", "query": f"search {at + 1}", "queries": [f"search {at + 1}"]}
        output.append(item("web_search_call", "ws_", f"search {at}", status="completed", action=action))
    if reply.text:
        content: list[Json] = [_part(reply)]
        output.append(item("message", "msg_", "message", status=status, role="assistant", content=content))
    for at, call in enumerate(reply.tool_calls):
        call_id = call.id or made_id("call_", reply.id_seed, f"tool {at}")
        rest: _Event = {"call_id": call_id, "name": call.name, "arguments": call.arguments}
        output.append(item("function_call", "fc_", f"call {at}", status=status, **rest))
    return output


def _part(reply: Reply) -> _Event:
    if canonical_stop_reason(reply) == "refusal":
        return {"type": "refusal", "refusal": reply.text}
    return {"type": "output_text", "text": reply.text, "annotations": [], "logprobs": []}


def _usage(counts: Counts) -> _Event:
    return {
        "input_tokens": counts.input_tokens,
        "input_tokens_details": {
            "cached_tokens": counts.cache_read_tokens,
            "cache_write_tokens": counts.cache_write_tokens,
        },
        "output_tokens": counts.output_tokens,
        "output_tokens_details": {"reasoning_tokens": counts.reasoning_tokens},
        "total_tokens": counts.total_tokens,
    }


def _events(response: _Event) -> Iterator[_Event]:
    begun = {
        **response,
        "status": "in_progress",
        "completed_at": None,
        "error": None,
        "incomplete_details": None,
        "output": [],
        "usage": None,
    }
    yield {"type": "response.created", "response": begun}
    yield {"type": "response.in_progress", "response": begun}
    for at, item in enumerate(objects_in(response["output"])):
        yield {"type": "response.output_item.added", "output_index": at, "item": _begun(item)}
        place: _Event = {"item_id": item["id"], "output_index": at}
        yield from _item_events(item, place)
        yield {"type": "response.output_item.done", "output_index": at, "item": item}
    yield {"type": f"response.{response['status']}", "response": response}


def _begun(item: Fields) -> _Event:
    """Give an item as it is when it is added: in progress, and empty."""
    empty: dict[str, Json] = {"status": "in_progress", "content": [], "arguments": "", "summary": []}
    return {name: empty.get(name, value) for name, value in item.items()}


def _item_events(item: Fields, place: _Event) -> Iterator[_Event]:
    kind = item["type"]
    if kind == "reasoning":
        for at, part in enumerate(objects_in(item["summary"])):
            yield from _summary_events(part, {**place, "summary_index": at})
    elif kind == "web_search_call":
        for step in ("in_progress", "searching", "completed"):
            yield {"type": f"response.web_search_call.{step}", **place}
    elif kind == "message":
        for at, part in enumerate(objects_in(item["content"])):
            yield from _part_events(part, {**place, "content_index": at})
    elif kind == "function_call":
        name = "response.function_call_arguments"
        arguments = text_of(item["arguments"])
        for fragment in fragments_of(arguments):
            yield {"type": f"{name}.delta", **place, "delta": fragment}
        yield {"type": f"{name}.done", **place, "name": item["name"], "arguments": arguments}


def _summary_events(part: Fields, place: _Event) -> Iterator[_Event]:
    yield {"type": "response.reasoning_summary_part.added", **place, "part": {**part, "text": ""}}
    for fragment in fragments_of(text_of(part["text"])):
        yield {"type": "response.reasoning_summary_text.delta", **place, "delta": fragment}
    yield {"type": "response.reasoning_summary_text.done", **place, "text": part["text"]}
    yield {"type": "response.reasoning_summary_part.done", **place, "part": part}


def _part_events(part: Fields, place: _Event) -> Iterator[_Event]:
    field, name = ("refusal", "refusal") if part["type"] == "refusal" else ("text", "output_text")
    logprobs: _Event = {} if field == "refusal" else {"logprobs": []}
    yield {"type": "response.content_part.added", **place, "part": {**part, field: ""}}
    for fragment in fragments_of(text_of(part[field])):
        yield {"type": f"response.{name}.delta", **place, "delta": fragment, **logprobs}
    yield {"type": f"response.{name}.done", **place, field: part[field], **logprobs}
    yield {"type": "response.content_part.done", **place, "part": part}
