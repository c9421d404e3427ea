"""Answers of endpoints beside the chats: completions, interactions, cohere's first version, and what only counts."""

from __future__ import annotations

import json
from collections.abc import Sequence

import pytest

from llmreplay.core.api import Api, identify, model_in_path
from llmreplay.core.model import Answer, Json, Request, ToolCall, Usage
from llmreplay.core.streams import Wire, events_of, sse_event
from llmreplay.providers import APIS

UNITS: Json = {
    "billed_units": {"input_tokens": 5, "output_tokens": 3},
    "tokens": {"input_tokens": 206, "output_tokens": 4},
}
ROWS = {api.name: api for api in APIS}


def whole(name: str, body: Json) -> Answer:
    read = ROWS[name].answer_from_body
    assert read is not None
    return read(body)


def streamed(name: str, events: Sequence[Json | str]) -> Answer:
    row = ROWS[name]
    assert row.answer_from_events is not None
    texts = [event if isinstance(event, str) else json.dumps(event) for event in events]
    if row.wire is Wire.NDJSON:
        data = [f"{text}\n".encode() for text in texts]
    else:
        data = [sse_event(None, text) for text in texts]
    return row.answer_from_events(events_of(row.wire or Wire.SSE, data)[0])


def completion(text: str, ending: str | None = None) -> dict[str, Json]:
    return {"model": "m", "choices": [{"text": text, "index": 0, "finish_reason": ending}]}


def test_a_text_completion_is_read_whole_and_streamed() -> None:
    """A choice's text is the answer; without `[DONE]` a stream is cut short."""
    usage: Json = {"prompt_tokens": 5, "completion_tokens": 7, "total_tokens": 12}

    answer = whole("openai.completions", {**completion("Hello", "length"), "usage": usage})
    stream = streamed("openai.completions", [completion("Hel"), completion("lo", "stop"), "[DONE]"])
    cut = streamed("openai.completions", [completion("Hel")])

    assert (answer.text, answer.stop_reason, answer.model) == ("Hello", "length", "m")
    assert answer.usage is not None
    assert (answer.usage.input_tokens, answer.usage.output_tokens) == (5, 7)
    assert (stream.text, stream.stop_reason, stream.is_complete) == ("Hello", "stop", True)
    assert (cut.text, cut.stop_reason, cut.is_complete) == ("Hel", "truncated", False)


def test_an_empty_function_call_is_none() -> None:
    """Snowflake sends one with every answer; Together says `eos` for `stop`."""
    message: Json = {"content": "Sunny.", "function_call": {"arguments": "", "name": ""}, "tool_calls": None}

    answer = whole("snowflake.chat.completions", {"choices": [{"message": message, "finish_reason": "eos"}]})

    assert (answer.text, answer.tool_calls, answer.stop_reason) == ("Sunny.", (), "stop")


def test_an_interaction_is_read_whole_and_streamed() -> None:
    """Steps of the model make the text, function calls the tool calls; thoughts count as output."""
    usage: Json = {"total_input_tokens": 50, "total_output_tokens": 3, "total_thought_tokens": 56}
    call: Json = {"type": "function_call", "id": "fc_1", "name": "add", "arguments": {"x": 7}}
    said: Json = {"type": "model_output", "content": [{"type": "text", "text": "Let me see."}]}
    body: Json = {"model": "gemini-3-flash", "status": "requires_action", "steps": [said, call], "usage": usage}
    started: Json = {"type": "function_call", "id": "fc_1", "name": "add", "arguments": {}}
    events: list[Json | str] = [
        {"event_type": "interaction.created", "interaction": {"model": "gemini-3-flash", "status": "in_progress"}},
        {"event_type": "step.start", "index": 0, "step": {"type": "model_output"}},
        {"event_type": "step.delta", "index": 0, "delta": {"type": "text", "text": "Let me"}},
        {"event_type": "step.delta", "index": 0, "delta": {"type": "text", "text": " see."}},
        {"event_type": "step.start", "index": 1, "step": started},
        {"event_type": "step.delta", "index": 1, "delta": {"type": "arguments_delta", "arguments": '{"x": 7}'}},
        {"event_type": "interaction.completed", "interaction": {"status": "requires_action", "usage": usage}},
        "[DONE]",
    ]

    answer, stream = whole("gemini.interactions", body), streamed("gemini.interactions", events)
    cut = streamed("gemini.interactions", events[:4])

    assert stream == answer
    assert (answer.text, answer.stop_reason) == ("Let me see.", "tool_use")
    assert answer.tool_calls == (ToolCall("fc_1", "add", '{"x": 7}'),)
    assert answer.usage == Usage(input_tokens=50, output_tokens=59, output_reasoning_tokens=56)
    assert (cut.text, cut.is_complete, cut.stop_reason) == ("Let me see.", False, "truncated")


def test_the_first_version_of_coheres_chat_is_read_whole_and_streamed() -> None:
    """A stream ends with the whole answer; a generation is the first of several."""
    counts: dict[str, Json] = {"input_tokens": 206, "output_tokens": 3}
    meta: Json = {"tokens": counts, "billed_units": {"input_tokens": 5}, "cached_tokens": 128}
    body: dict[str, Json] = {"text": "Hola.", "finish_reason": "COMPLETE", "meta": meta}
    events: list[Json | str] = [
        {"event_type": "text-generation", "text": "Ho"},
        {"event_type": "text-generation", "text": "la."},
        {"event_type": "stream-end", "response": body, "finish_reason": "COMPLETE"},
    ]
    tools: Json = {**body, "tool_calls": [{"name": "f", "parameters": {"x": 1}}]}

    answer = whole("cohere.chat_v1", body)

    assert answer == streamed("cohere.chat_v1", events)
    assert (answer.text, answer.stop_reason) == ("Hola.", "stop")
    assert answer.usage == Usage(input_tokens=206, output_tokens=3, cache_read_tokens=128)
    assert streamed("cohere.chat_v1", events[:1]).is_complete is False
    assert whole("cohere.chat_v1", tools).stop_reason == "tool_use"
    assert whole("cohere.generate", {"generations": [{"text": "Once"}]}).text == "Once"


@pytest.mark.parametrize(
    ("name", "body", "event"),
    [
        ("cohere.chat", {"message": {}, "usage": UNITS}, {"type": "message-end", "delta": {"usage": UNITS}}),
        ("cohere.chat_v1", {"text": "", "meta": UNITS}, {"event_type": "stream-end", "response": {"meta": UNITS}}),
    ],
)
def test_what_cohere_bills_is_read_beside_what_it_counts(name: str, body: Json, event: Json) -> None:
    """`billed_units` leave out what Cohere itself puts before a prompt; the usage does not."""
    for answer in (whole(name, body), streamed(name, [event])):
        assert answer.billed == Usage(input_tokens=5, output_tokens=3)
        assert answer.usage is not None
        assert (answer.usage.input_tokens, answer.usage.output_tokens) == (206, 4)


def test_anthropics_completions_are_read_whole_and_streamed() -> None:
    """The pieces of a stream are put together; a stop reason ends it."""
    body: Json = {"completion": " Light", "stop_reason": "max_tokens", "model": "claude-2.1"}
    events: list[Json | str] = [
        {"completion": " Li", "stop_reason": None, "model": "claude-2.1"},
        {"completion": "ght", "stop_reason": "max_tokens", "model": "claude-2.1"},
    ]

    answer = whole("anthropic.complete", body)

    assert answer == streamed("anthropic.complete", events)
    assert (answer.text, answer.stop_reason) == (" Light", "length")
    assert streamed("anthropic.complete", events[:1]).is_complete is False


@pytest.mark.parametrize(
    ("name", "body", "read", "written"),
    [
        ("voyage.rerank", {"usage": {"total_tokens": 43}}, 43, 0),
        ("vertex.embedContent", {"usageMetadata": {"promptTokenCount": 11}}, 11, 0),
        ("cohere.embed", {"meta": {"billed_units": {"input_tokens": 8}}}, 8, 0),
        ("openai.images.generate", {"usage": {"input_tokens": 14, "output_tokens": 272}}, 14, 272),
        ("openai.responses.compact", {"usage": {"input_tokens": 1027, "output_tokens": 449}}, 1027, 449),
    ],
)
def test_what_only_counts_is_read(name: str, body: Json, read: int, written: int) -> None:
    """Tokens are tokens under whatever name; what names none written has written none."""
    usage = whole(name, body).usage

    assert usage is not None
    assert (usage.input_tokens, usage.output_tokens) == (read, written)


def test_searches_and_pictures_are_no_tokens() -> None:
    """Where something else is counted, tokens are unknown."""
    assert whole("cohere.rerank", {"meta": {"billed_units": {"search_units": 1}}}).usage is None


def test_a_stream_of_pictures_ends_with_a_whole_one() -> None:
    """A partial picture is no end."""
    partial: Json = {"type": "image_generation.partial_image"}
    done: Json = {"type": "image_generation.completed", "usage": {"input_tokens": 1, "output_tokens": 2}}

    answer = streamed("openai.images.generate", [partial, done])

    assert answer.is_complete
    assert answer.usage is not None
    assert streamed("openai.images.generate", [partial]).is_complete is False


@pytest.mark.parametrize(
    ("url", "model"),
    [
        ("https://bedrock-runtime.us-east-1.amazonaws.com/model/us.amazon.nova-v1%3A0/converse", "us.amazon.nova-v1:0"),
        (
            "https://bedrock-runtime.us-east-1.amazonaws.com/model/arn%3Aaws%3Abedrock%3Aus-east-1%3A1%3Ax%2Fa.b/invoke",
            "a.b",
        ),
        ("https://generativelanguage.googleapis.com/v1beta/models/gemini-2:generateContent", "gemini-2"),
        ("https://api.openai.com/v1/chat/completions", None),
    ],
)
def test_a_path_may_name_the_model(url: str, model: str | None) -> None:
    """Bedrock and Gemini name it nowhere else in a request; of an ARN it is the last part."""
    api = identify(Request("POST", url), APIS)

    assert isinstance(api, Api)
    assert model_in_path(api, url.partition(".com")[2]) == model
