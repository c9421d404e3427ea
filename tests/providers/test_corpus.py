"""Recorded answers of Anthropic and OpenAI, read by us and by a second reader that shares no code with us."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator
from typing import Any

import pytest

from llmreplay.core.api import Api
from llmreplay.core.model import Answer
from llmreplay.core.streams import Event, Wire, events_of
from llmreplay.providers.anthropic import MESSAGES
from llmreplay.providers.openai import CHAT, EMBEDDINGS, RESPONSES

anthropic = pytest.importorskip("anthropic", reason="the anthropic SDK is not installed")
openai_chat = pytest.importorskip("openai.types.chat", reason="the openai SDK is not installed")
openai_responses = pytest.importorskip("openai.types.responses", reason="the openai SDK is not installed")
accumulate_event = pytest.importorskip("anthropic.lib.streaming._messages").accumulate_event
ChatCompletionStreamState = pytest.importorskip("openai.lib.streaming.chat").ChatCompletionStreamState

Recorded = Callable[[str], list[Any]]


def answered(exchanges: Iterable[Any], path: str, *, streamed: bool) -> Iterator[tuple[str, Any]]:
    for exchange in exchanges:
        is_here = exchange.url.partition("?")[0].endswith(path) and exchange.method == "POST"
        if is_here and exchange.status == 200 and (exchange.stream == "sse") is streamed:
            yield exchange.place, exchange


def sse_events(exchange: Any) -> list[Event]:
    events, rest = events_of(Wire.SSE, [exchange.body])
    assert rest == b"", exchange.place
    return events


def objects(events: Iterable[Event]) -> list[Any]:
    return [json.loads(event.data) for event in events if event.data and event.data != "[DONE]"]


def said_by_message(message: Any) -> tuple[Any, ...]:
    usage = message.usage
    cached = (usage.cache_read_input_tokens or 0) + (usage.cache_creation_input_tokens or 0)
    return (
        message.model,
        "".join(block.text for block in message.content if block.type == "text"),
        [(block.id, block.name, block.input) for block in message.content if block.type == "tool_use"],
        message.stop_reason,
        usage.input_tokens + cached,
        usage.output_tokens,
        usage.cache_read_input_tokens,
        usage.cache_creation_input_tokens,
    )


def said_by_answer(answer: Answer) -> tuple[Any, ...]:
    usage = answer.usage
    assert usage is not None
    return (
        answer.model,
        answer.text,
        [(call.id, call.name, json.loads(call.arguments)) for call in answer.tool_calls],
        answer.raw_stop_reason,
        usage.input_tokens,
        usage.output_tokens,
        usage.cache_read_tokens,
        usage.cache_write_tokens,
    )


def test_anthropic_bodies_read_as_its_sdk_reads_them(recorded: Recorded) -> None:
    """Text, tool calls, stop reason and inclusive usage of each recorded message equal those of the SDK's model."""
    assert MESSAGES.answer_from_body is not None
    seen = 0
    for place, exchange in answered(recorded("anthropic"), "/v1/messages", streamed=False):
        body = json.loads(exchange.body)
        message = anthropic.types.Message.construct(**body)

        answer = MESSAGES.answer_from_body(body)

        assert said_by_answer(answer) == said_by_message(message), place
        assert answer.is_complete
        seen += 1
    assert seen > 100


def test_anthropic_streams_read_as_its_sdk_reads_them(recorded: Recorded) -> None:
    """The message that the SDK accumulates from each recorded stream says what our answer says."""
    assert MESSAGES.answer_from_events is not None
    event_type = anthropic.types.RawMessageStreamEvent
    seen = 0
    for place, exchange in answered(recorded("anthropic"), "/v1/messages", streamed=True):
        events = sse_events(exchange)
        message, buffers = None, {}
        for fields in objects(events):
            if fields["type"] != "ping":
                event = anthropic._models.construct_type(type_=event_type, value=fields)
                message = accumulate_event(event=event, current_snapshot=message, json_bufs=buffers)

        answer = MESSAGES.answer_from_events(events)

        assert said_by_answer(answer) == said_by_message(message), place
        assert answer.is_complete
        seen += 1
    assert seen > 60


def test_a_cut_anthropic_stream_is_never_complete(recorded: Recorded) -> None:
    """Cut before its last event, at any event, a recorded stream is truncated and its text a beginning."""
    streams = list(answered(recorded("anthropic"), "/v1/messages", streamed=True))[:40]
    assert len(streams) == 40
    for place, exchange in streams:
        check_cuts(place, sse_events(exchange), MESSAGES)


def check_cuts(place: str, events: list[Event], api: Api) -> None:
    read, ends = api.answer_from_events, api.is_terminal
    assert read is not None
    assert ends is not None
    whole = read(events)
    assert whole.is_complete, place
    step = max(1, len(events) // 12)
    terminal = next(at for at, event in enumerate(events) if ends(event))
    for cut in [*range(0, terminal, step), terminal]:
        answer = read(events[:cut])

        assert (answer.is_complete, answer.stop_reason) == (False, "truncated"), f"{place} cut at {cut}"
        assert whole.text.startswith(answer.text), f"{place} cut at {cut}"


def said_by_completion(completion: Any) -> tuple[Any, ...]:
    choice = next((choice for choice in completion.choices if choice.index == 0), None)
    message = choice.message if choice else None
    calls = (message.tool_calls or []) if message else []
    usage = completion.usage
    return (
        completion.model,
        ((message.content or "") + (message.refusal or "")) if message else "",
        [
            (call.id, call.function.name, call.function.arguments)
            if call.type == "function"
            else (call.id, call.custom.name, call.custom.input)
            for call in calls
        ],
        choice.finish_reason if choice else None,
        (usage.prompt_tokens, usage.completion_tokens) if usage else None,
    )


def said_in_chat(answer: Answer) -> tuple[Any, ...]:
    usage = answer.usage
    calls = [(call.id, call.name, call.arguments) for call in answer.tool_calls]
    return (
        answer.model,
        answer.text,
        [] if [name for identity, name, _ in calls if not identity] else calls,
        answer.raw_stop_reason,
        (usage.input_tokens, usage.output_tokens) if usage else None,
    )


def test_chat_bodies_read_as_the_sdk_reads_them(recorded: Recorded) -> None:
    """Text, tool calls, finish reason and usage of each recorded completion equal those of the SDK's model."""
    assert CHAT.answer_from_body is not None
    seen = 0
    for place, exchange in answered(recorded("openai"), "/v1/chat/completions", streamed=False):
        body = json.loads(exchange.body)
        if body.get("object") != "chat.completion":
            continue
        completion = openai_chat.ChatCompletion.construct(**body)

        answer = CHAT.answer_from_body(body)

        assert said_in_chat(answer) == said_by_completion(completion), place
        seen += 1
    assert seen > 100


def test_chat_streams_read_as_the_sdk_reads_them(recorded: Recorded) -> None:
    """The completion that the SDK accumulates from each recorded stream says what our answer says."""
    assert CHAT.answer_from_events is not None
    seen = 0
    for place, exchange in answered(recorded("openai"), "/v1/chat/completions", streamed=True):
        events = sse_events(exchange)
        state = ChatCompletionStreamState()
        chunks = objects(events)
        # Sound comes in chunks that the SDK cannot accumulate; and it takes seconds for the longest.
        if len(chunks) > 300 or any(chunk.get("choices") is None for chunk in chunks):
            continue
        # The SDK forgets the usage when a chunk of moderation results follows it.
        for fields in [chunk for chunk in chunks if not chunk.get("moderation")]:
            state.handle_chunk(openai_chat.ChatCompletionChunk.construct(**fields))

        answer = CHAT.answer_from_events(events)

        assert said_in_chat(answer) == said_by_completion(state.current_completion_snapshot), place
        assert answer.is_complete, place
        seen += 1
    assert seen > 60


def test_a_cut_chat_stream_is_never_complete(recorded: Recorded) -> None:
    """Cut before `[DONE]`, at any chunk, a recorded stream is truncated and its text a beginning."""
    streams = list(answered(recorded("openai"), "/v1/chat/completions", streamed=True))[:40]
    assert len(streams) == 40
    for place, exchange in streams:
        check_cuts(place, sse_events(exchange), CHAT)


def said_by_response(response: Any) -> tuple[Any, ...]:
    usage = response.usage
    details = usage.input_tokens_details if usage else None
    return (
        response.model,
        response.output_text,
        [
            (item.call_id, item.name, item.arguments if item.type == "function_call" else item.input)
            for item in response.output
            if item.type in ("function_call", "custom_tool_call")
        ],
        response.status,
        (usage.input_tokens, usage.output_tokens, details.cached_tokens if details else None) if usage else None,
    )


def said_in_responses(answer: Answer) -> tuple[Any, ...]:
    usage = answer.usage
    status = answer.raw_stop_reason
    return (
        answer.model,
        "" if answer.stop_reason == "refusal" else answer.text,
        [
            (call.id, call.name, call.arguments)
            for call in answer.tool_calls
            if call.name not in ("computer", "local_shell", "shell", "apply_patch")
        ],
        "incomplete" if status in ("max_output_tokens", "content_filter") else status,
        (usage.input_tokens, usage.output_tokens, usage.cache_read_tokens) if usage else None,
    )


@pytest.mark.parametrize("provider", ["openai", "xai"])
def test_responses_bodies_read_as_the_sdk_reads_them(recorded: Recorded, provider: str) -> None:
    """Text, calls, status and usage of each recorded response equal those of the SDK's model."""
    assert RESPONSES.answer_from_body is not None
    seen = 0
    for place, exchange in answered(recorded(provider), "/v1/responses", streamed=False):
        body = json.loads(exchange.body)
        if body.get("object") != "response":
            continue

        answer = RESPONSES.answer_from_body(body)

        assert said_in_responses(answer) == said_by_response(openai_responses.Response.construct(**body)), place
        seen += 1
    assert seen > 30


@pytest.mark.parametrize("provider", ["openai", "xai"])
def test_responses_streams_read_as_their_last_event(recorded: Recorded, provider: str) -> None:
    """The response in the terminal event of each recorded stream says what our answer says."""
    assert RESPONSES.answer_from_events is not None
    seen = 0
    for place, exchange in answered(recorded(provider), "/v1/responses", streamed=True):
        events = sse_events(exchange)
        last = [fields for fields in objects(events) if "response" in fields][-1]["response"]

        answer = RESPONSES.answer_from_events(events)

        assert said_in_responses(answer) == said_by_response(openai_responses.Response.construct(**last)), place
        assert answer.is_complete, place
        seen += 1
    assert seen > 10


def test_a_cut_responses_stream_says_what_came_so_far(recorded: Recorded) -> None:
    """Cut before its terminal event a stream is truncated; just before it, text and calls are already whole."""
    assert RESPONSES.answer_from_events is not None
    for place, exchange in list(answered(recorded("openai"), "/v1/responses", streamed=True))[:40]:
        events = [event for event in sse_events(exchange) if event.data]
        check_cuts(place, events, RESPONSES)
        whole, almost = RESPONSES.answer_from_events(events), RESPONSES.answer_from_events(events[:-1])
        assert (almost.text, almost.tool_calls) == (whole.text, whole.tool_calls), place


def test_embeddings_read_their_usage(recorded: Recorded) -> None:
    """Model and tokens of each recorded embedding are those of its body; there is no stop reason."""
    assert EMBEDDINGS.answer_from_body is not None
    seen = 0
    for place, exchange in answered(recorded("openai"), "/v1/embeddings", streamed=False):
        body = json.loads(exchange.body)

        answer = EMBEDDINGS.answer_from_body(body)

        assert answer.usage is not None, place
        assert (answer.model, answer.usage.input_tokens) == (body["model"], body["usage"]["prompt_tokens"]), place
        assert answer.stop_reason is None
        seen += 1
    assert seen > 80
