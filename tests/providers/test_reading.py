"""Answers read from small bodies and streams: what the providers do that is easily read wrong."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence

import pytest

from llmreplay.core.model import Answer, ToolCall, Usage
from llmreplay.core.streams import Event, Wire, aws_frame, events_of, ndjson_line, sse_event
from llmreplay.providers import anthropic_messages as messages
from llmreplay.providers import bedrock_converse, gemini_generate, ollama_answers
from llmreplay.providers.bedrock_replies import error_event as bedrock_error_event

Read = Callable[[Sequence[Event]], Answer]


def streamed(read: Read, *objects: object, wire: Wire = Wire.SSE) -> Answer:
    texts = [value if isinstance(value, str) else json.dumps(value) for value in objects]
    data = [ndjson_line(text) if wire is Wire.NDJSON else sse_event(None, text) for text in texts]
    return read(events_of(wire, data)[0])


START = {
    "type": "message_start",
    "message": {
        "model": "claude-x",
        "usage": {"input_tokens": 10, "cache_read_input_tokens": 5, "output_tokens": 1, "service_tier": "standard"},
    },
}
STOP = {"type": "message_stop"}


def message_delta(stop_reason: str | None, **usage: object) -> dict[str, object]:
    return {"type": "message_delta", "delta": {"stop_reason": stop_reason}, "usage": usage}


def test_later_counts_of_a_message_win_and_null_does_not() -> None:
    """Anthropic's counts are cumulative: those of `message_delta` replace the first ones, except where null."""
    answer = streamed(
        messages.answer_from_events,
        START,
        message_delta(None, output_tokens=7),
        message_delta("end_turn", output_tokens=9, input_tokens=None, cache_read_input_tokens=6),
        STOP,
    )

    assert answer.usage == Usage(input_tokens=16, output_tokens=9, cache_read_tokens=6, service_tier="standard")
    assert (answer.stop_reason, answer.is_complete) == ("stop", True)


def test_the_speed_of_a_message_is_read() -> None:
    """It stands in the usage of `message_start`, where `message_delta` does not repeat it."""
    usage = {"input_tokens": 1, "output_tokens": 1, "speed": "fast"}

    whole = messages.answer_from_body({"type": "message", "content": [], "usage": usage})
    stream = streamed(
        messages.answer_from_events,
        {"type": "message_start", "message": {"usage": usage}},
        message_delta("end_turn", output_tokens=9),
        STOP,
    )

    assert [answer.usage.speed for answer in (whole, stream) if answer.usage] == ["fast", "fast"]


def test_an_error_in_a_message_stream_is_told_and_leaves_it_truncated() -> None:
    """After an `error` event the answer has what came, the error, and no clean end."""
    answer = streamed(
        messages.answer_from_events,
        START,
        {"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": ""}},
        {"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": "Hel"}},
        {"type": "error", "error": {"type": "overloaded_error", "message": "Overloaded"}},
    )

    assert answer.text == "Hel"
    assert answer.error == "overloaded_error: Overloaded"
    assert (answer.stop_reason, answer.is_complete) == ("truncated", False)
    assert answer.usage == Usage(input_tokens=15, output_tokens=1, cache_read_tokens=5, service_tier="standard")


def test_a_stop_reason_without_message_stop_is_truncated() -> None:
    """The provider's word is kept, but a stream that lacks its last event is not complete."""
    answer = streamed(messages.answer_from_events, START, message_delta("end_turn", output_tokens=9))

    assert (answer.stop_reason, answer.raw_stop_reason, answer.is_complete) == ("truncated", "end_turn", False)


def test_an_event_that_is_no_json_is_an_error_with_its_place() -> None:
    """A corrupt event is passed over and named; the rest of the stream is read."""
    answer = streamed(messages.answer_from_events, START, '{"type": "ping"', message_delta("end_turn"), STOP)

    assert answer.error == "event 2 of the stream is not JSON"
    assert answer.stop_reason == "stop"


@pytest.mark.parametrize(
    ("raw", "canonical"),
    [
        ("end_turn", "stop"),
        ("max_tokens", "length"),
        ("stop_sequence", "stop_sequence"),
        ("tool_use", "tool_use"),
        ("pause_turn", "pause"),
        ("refusal", "refusal"),
        ("model_context_window_exceeded", "context_window"),
        ("compaction", "compaction"),
        ("tired", "other"),
        (None, None),
    ],
)
def test_stop_reasons_of_messages(raw: str | None, canonical: str | None) -> None:
    """Each word of Anthropic has its canonical one; an unknown one is `other` and kept."""
    answer = messages.answer_from_body({"type": "message", "content": [], "stop_reason": raw})

    assert (answer.stop_reason, answer.raw_stop_reason) == (canonical, raw)


def test_only_tools_for_the_application_are_tool_calls() -> None:
    """Thoughts are no text, and a tool that Anthropic runs itself is no tool call."""
    content = [
        {"type": "thinking", "thinking": "hm", "signature": "s"},
        {"type": "server_tool_use", "id": "srvtoolu_1", "name": "web_search", "input": {"query": "x"}},
        {"type": "text", "text": "A"},
        {"type": "tool_use", "id": "toolu_1", "name": "f", "input": {"ü": 1}},
        {"type": "text", "text": "B"},
    ]

    answer = messages.answer_from_body({"type": "message", "content": content, "stop_reason": "tool_use"})

    assert answer.text == "AB"
    assert answer.tool_calls == (ToolCall("toolu_1", "f", '{"ü": 1}'),)


def candidate(reason: object = None, *parts: dict[str, object]) -> dict[str, object]:
    return {"candidates": [{"content": {"parts": list(parts)}, **({"finishReason": reason} if reason else {})}]}


@pytest.mark.parametrize(
    ("body", "stop_reason", "raw"),
    [
        (candidate("STOP"), "stop", "STOP"),
        (candidate("STOP", {"functionCall": {"name": "f"}}), "tool_use", "STOP"),
        (candidate("MAX_TOKENS"), "length", "MAX_TOKENS"),
        (candidate("RECITATION"), "content_filter", "RECITATION"),
        (candidate("MALFORMED_FUNCTION_CALL"), "malformed", "MALFORMED_FUNCTION_CALL"),
        (candidate("OTHER"), "other", "OTHER"),
        (candidate(2), "length", "MAX_TOKENS"),
        ({"promptFeedback": {"blockReason": "OTHER"}}, "content_filter", "OTHER"),
        ([candidate(None, {"text": "A"}), candidate(1, {"text": "B"})], "stop", "STOP"),
    ],
)
def test_stop_reasons_of_gemini(body: object, stop_reason: str, raw: str) -> None:
    """Words, numbers, blocked prompts and the array form are read alike."""
    answer = gemini_generate.answer_from_body(body)  # type: ignore[arg-type]

    assert (answer.stop_reason, answer.raw_stop_reason) == (stop_reason, raw)


def test_gemini_counts_thoughts_apart_and_hides_them() -> None:
    """Thoughts are added to the output and are not part of the text; a stream's last counts win."""
    answer = streamed(
        gemini_generate.answer_from_events,
        {**candidate(None, {"text": "hm", "thought": True}), "usageMetadata": {"promptTokenCount": 9}},
        {
            **candidate("STOP", {"text": "A"}),
            "usageMetadata": {
                "promptTokenCount": 10,
                "cachedContentTokenCount": 4,
                "cacheTokensDetails": [{"modality": "TEXT", "tokenCount": 1}, {"modality": "AUDIO", "tokenCount": 3}],
                "candidatesTokenCount": 2,
                "thoughtsTokenCount": 3,
                "toolUsePromptTokenCount": 5,
            },
        },
    )

    assert answer.text == "A"
    assert answer.usage == Usage(
        input_tokens=15,
        output_tokens=5,
        cache_read_tokens=4,
        output_reasoning_tokens=3,
        cache_audio_read_tokens=3,
    )


@pytest.mark.parametrize(
    ("details", "sound"),
    [({}, None), ({"cacheTokensDetails": [{"modality": "TEXT", "tokenCount": 4}]}, 0)],
    ids=["no details", "text alone"],
)
def test_what_geminis_details_do_not_name_is_not_there(details: dict[str, object], sound: int | None) -> None:
    """A cache whose details name text alone holds no sound; without details it is not known."""
    usage = {"promptTokenCount": 9, "cachedContentTokenCount": 4, **details}

    answer = gemini_generate.answer_from_body({**candidate("STOP"), "usageMetadata": usage})  # type: ignore[dict-item]

    assert answer.usage is not None
    assert answer.usage.cache_audio_read_tokens == sound


def test_an_ollama_stream_without_done_is_truncated() -> None:
    """A line with an error ends nothing cleanly; what came is kept."""
    answer = streamed(
        ollama_answers.answer_from_events,
        {"model": "m", "message": {"content": "A"}, "done": False},
        {"error": "unexpected EOF"},
        wire=Wire.NDJSON,
    )

    assert (answer.text, answer.error, answer.stop_reason) == ("A", "unexpected EOF", "truncated")


def test_a_tool_that_bedrock_runs_itself_is_no_tool_call() -> None:
    """Neither in a body nor in a stream; what the application is asked for beside it is."""
    uses = [
        {"toolUseId": "s1", "name": "nova_code_interpreter", "type": "server_tool_use"},
        {"toolUseId": "t1", "name": "f"},
    ]
    content = [{"toolUse": {**use, "input": {"x": 1}}} for use in uses]
    frames = [
        aws_frame(((":event-type", name),), json.dumps({"contentBlockIndex": at, **payload}).encode())
        for at, use in enumerate(uses)
        for name, payload in (
            ("contentBlockStart", {"start": {"toolUse": use}}),
            ("contentBlockDelta", {"delta": {"toolUse": {"input": '{"x": 1}'}}}),
        )
    ]

    whole = bedrock_converse.answer_from_body({"output": {"message": {"content": content}}})  # type: ignore[dict-item]
    stream = bedrock_converse.answer_from_events(events_of(Wire.AWS, frames)[0])

    assert whole.tool_calls == stream.tool_calls == (ToolCall("t1", "f", '{"x": 1}'),)


def test_bedrock_tells_for_how_long_what_is_cached() -> None:
    """What is kept for an hour costs more than what is kept for five minutes."""
    usage = {
        "inputTokens": 1,
        "outputTokens": 2,
        "cacheWriteInputTokens": 12,
        "cacheDetails": [{"ttl": "1h", "inputTokens": 7}, {"ttl": "5m", "inputTokens": 5}],
    }

    answer = bedrock_converse.answer_from_body({"output": {"message": {"content": []}}, "usage": usage})

    assert answer.usage == Usage(
        input_tokens=13,
        output_tokens=2,
        cache_write_tokens=12,
        cache_write_5m_tokens=5,
        cache_write_1h_tokens=7,
    )


def test_an_exception_frame_is_an_error_of_the_stream() -> None:
    """Bedrock's exception frame names itself and leaves the stream truncated."""
    answer = bedrock_converse.answer_from_events(events_of(Wire.AWS, [bedrock_error_event(429)])[0])

    assert answer.error == "throttlingException: Too many requests, please wait before trying again."
    assert (answer.stop_reason, answer.is_complete) == ("truncated", False)
