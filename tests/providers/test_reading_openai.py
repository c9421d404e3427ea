"""OpenAI's answers, and their imitators', read from small bodies and streams."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence

import pytest

from llmreplay.core.model import Answer, ToolCall, Usage
from llmreplay.core.streams import Event, Wire, events_of, sse_event
from llmreplay.providers import openai_chat as chat
from llmreplay.providers import openai_responses as responses

Read = Callable[[Sequence[Event]], Answer]


def streamed(read: Read, *objects: object) -> Answer:
    texts = [value if isinstance(value, str) else json.dumps(value) for value in objects]
    data = [sse_event(None, text) for text in texts]
    return read(events_of(Wire.SSE, data)[0])


def choice(delta: dict[str, object], finish_reason: str | None = None, index: int = 0) -> dict[str, object]:
    return {"model": "m", "choices": [{"index": index, "delta": delta, "finish_reason": finish_reason}]}


def call(index: int, arguments: str, **rest: object) -> dict[str, object]:
    name = {"name": rest.pop("name")} if "name" in rest else {}
    return {"tool_calls": [{"index": index, **rest, "function": {**name, "arguments": arguments}}]}


def test_fragments_of_parallel_calls_are_put_together() -> None:
    """Fragments belong to the call of their index, wherever they come; a repeated id or name is not doubled."""
    answer = streamed(
        chat.answer_from_events,
        choice(call(0, "", id="a", name="f")),
        choice(call(1, '{"y"', id="b", name="g")),
        choice(call(0, '{"x"', id="a", name="f")),
        choice(call(1, ":2}", id="", name="")),
        choice(call(0, ":1}")),
        choice({}, "tool_calls"),
        "[DONE]",
    )

    assert answer.tool_calls == (ToolCall("a", "f", '{"x":1}'), ToolCall("b", "g", '{"y":2}'))
    assert (answer.stop_reason, answer.raw_stop_reason) == ("tool_use", "tool_calls")


def test_of_several_choices_the_first_is_the_answer() -> None:
    """Chunks of other choices add nothing, streamed or not."""
    answer = streamed(
        chat.answer_from_events,
        choice({"content": "A"}),
        choice({"content": "X"}, index=1),
        choice({"content": "B"}, "stop"),
        choice({}, "length", index=1),
        "[DONE]",
    )

    assert (answer.text, answer.stop_reason) == ("AB", "stop")


@pytest.mark.parametrize(
    ("message", "expected"),
    [
        ({"content": None, "refusal": "No."}, ("No.", (), "refusal")),
        ({"content": [{"type": "thinking"}, {"type": "text", "text": "A"}]}, ("A", (), "stop")),
        (
            {"content": None, "function_call": {"name": "f", "arguments": "{}"}},
            ("", (ToolCall("", "f", "{}"),), "stop"),
        ),
        (
            {"tool_calls": [{"id": "a", "type": "custom", "custom": {"name": "g", "input": "free text"}}]},
            ("", (ToolCall("a", "g", "free text"),), "stop"),
        ),
    ],
    ids=["refusal", "parts", "legacy function", "custom tool"],
)
def test_messages_of_chat(message: dict[str, object], expected: tuple[object, ...]) -> None:
    """Refusals, lists of parts and the three kinds of calls are found where they stand."""
    answer = chat.answer_from_body({"choices": [{"index": 0, "message": message, "finish_reason": "stop"}]})  # type: ignore[dict-item]

    assert (answer.text, answer.tool_calls, answer.stop_reason) == expected


@pytest.mark.parametrize(
    ("usage", "expected"),
    [
        (
            {
                "prompt_tokens": 10,
                "completion_tokens": 5,
                "total_tokens": 15,
                "completion_tokens_details": {"reasoning_tokens": 3},
            },
            Usage(input_tokens=10, output_tokens=5, output_reasoning_tokens=3),
        ),
        (
            {
                "prompt_tokens": 10,
                "completion_tokens": 5,
                "total_tokens": 18,
                "completion_tokens_details": {"reasoning_tokens": 3},
            },
            Usage(input_tokens=10, output_tokens=8, output_reasoning_tokens=3),
        ),
        (
            {"prompt_tokens": 10, "completion_tokens": 5, "prompt_cache_hit_tokens": 4},
            Usage(input_tokens=10, output_tokens=5, cache_read_tokens=4),
        ),
        ({}, None),
        (None, None),
    ],
    ids=["reasoning within", "reasoning apart", "DeepSeek's cache", "empty", "none"],
)
def test_usage_of_chat(usage: object, expected: Usage | None) -> None:
    """Totals are inclusive whether the provider counts reasoning within the completion or apart from it."""
    assert chat.usage_of(usage, None) == expected  # type: ignore[arg-type]


def test_groq_tells_usage_and_errors_under_its_own_name() -> None:
    """`x_groq` holds the usage where the chunk itself has none."""
    answer = streamed(
        chat.answer_from_events,
        {**choice({"content": "A"}, "stop"), "x_groq": {"usage": {"prompt_tokens": 3, "completion_tokens": 1}}},
        "[DONE]",
    )

    assert answer.usage == Usage(input_tokens=3, output_tokens=1)


def test_a_provider_without_done_ends_with_its_finish_reason() -> None:
    """Where no `[DONE]` is sent, the chunk with the finish reason completes the stream."""
    events, _ = events_of(
        Wire.SSE,
        [sse_event(None, json.dumps(choice({"content": "A"}))), sse_event(None, json.dumps(choice({}, "stop")))],
    )

    assert not chat.answer_from_stream(events, chat.is_terminal).is_complete
    assert chat.answer_from_stream(events, chat.is_last_choice).is_complete
    assert not chat.answer_from_stream(events[:1], chat.is_last_choice).is_complete


@pytest.mark.parametrize(
    ("last", "error", "stop_reason"),
    [
        ({"type": "error", "code": "c", "message": "flat"}, "c: flat", "error"),
        ({"type": "error", "error": {"type": "t", "code": "c", "message": "nested"}}, "c: nested", "error"),
        (
            {
                "type": "response.failed",
                "response": {"status": "failed", "error": {"code": "server_error", "message": "boom"}},
            },
            "server_error: boom",
            "error",
        ),
        (
            {
                "type": "response.incomplete",
                "response": {"status": "incomplete", "incomplete_details": {"reason": "max_output_tokens"}},
            },
            None,
            "length",
        ),
    ],
    ids=["flat error", "nested error", "failed", "incomplete"],
)
def test_a_response_stream_that_ends_badly(last: object, error: str | None, stop_reason: str) -> None:
    """Each of the four bad ends says what went wrong; what came before is kept."""
    answer = streamed(
        responses.answer_from_events,
        {"type": "response.created", "response": {"model": "m", "status": "in_progress", "output": []}},
        {"type": "response.output_text.delta", "output_index": 0, "content_index": 0, "delta": "so far"},
        last,
    )

    assert answer.text == "so far"
    assert (answer.error, answer.stop_reason) == (error, stop_reason)
    # As with every other provider, an answer that an error broke off is not whole; one that failed is.
    assert answer.is_complete is (last["type"] != "error")


@pytest.mark.parametrize(
    ("response", "stop_reason", "raw"),
    [
        ({"status": "completed", "output": []}, "stop", "completed"),
        ({"status": "queued"}, "pending", "queued"),
        ({"status": "cancelled"}, "cancelled", "cancelled"),
        ({"status": "incomplete", "incomplete_details": {"reason": "content_filter"}}, "content_filter", None),
        ({"status": "incomplete", "incomplete_details": {"reason": "steered"}}, "pause", "steered"),
        ({"status": "incomplete", "incomplete_details": {"reason": "new"}}, "other", "new"),
        ({"status": "new"}, "other", "new"),
        (
            {"status": "completed", "output": [{"type": "function_call", "call_id": "a", "name": "f"}]},
            "tool_use",
            "completed",
        ),
        (
            {
                "status": "completed",
                "output": [{"type": "message", "content": [{"type": "refusal", "refusal": "No."}]}],
            },
            "refusal",
            "completed",
        ),
    ],
)
def test_stop_reasons_of_responses(response: dict[str, object], stop_reason: str, raw: str | None) -> None:
    """Status, reason and output together give the canonical stop reason."""
    answer = responses.answer_from_body({"object": "response", **response})  # type: ignore[dict-item]

    assert answer.stop_reason == stop_reason
    assert answer.raw_stop_reason == (raw or "content_filter")


def test_a_call_that_was_answered_within_is_not_for_the_application() -> None:
    """A hosted shell's call stands with its output and is no tool call; a local one is."""
    output = [
        {"type": "shell_call", "call_id": "a", "action": {"commands": ["ls"]}},
        {"type": "shell_call_output", "call_id": "a", "output": []},
        {"type": "local_shell_call", "call_id": "b", "action": {"command": ["ls"]}},
        {"type": "custom_tool_call", "call_id": "c", "name": "g", "input": "free"},
        {"type": "web_search_call", "id": "w"},
    ]

    answer = responses.answer_from_body(
        {"object": "response", "status": "completed", "output": output, "usage": {"input_tokens": 1}}  # type: ignore[dict-item]
    )

    assert answer.tool_calls == (ToolCall("b", "local_shell", '{"command": ["ls"]}'), ToolCall("c", "g", "free"))
    assert answer.usage == Usage(input_tokens=1, web_searches=1)


@pytest.mark.parametrize(
    ("item", "searches"),
    [
        ({}, 1),
        ({"action": {"type": "search"}}, 1),
        ({"action": {"type": "open_page"}}, 0),
        ({"action": {"type": "find_in_page"}}, 0),
    ],
    ids=["no action", "search", "open_page", "find_in_page"],
)
def test_only_a_search_is_a_web_search(item: dict[str, object], searches: int) -> None:
    """A page that is opened or looked through is billed as tokens, not as a search."""
    output = [{"type": "web_search_call", "id": "w", **item}]

    answer = responses.answer_from_body(
        {"object": "response", "status": "completed", "output": output, "usage": {"input_tokens": 1}}  # type: ignore[dict-item]
    )

    assert answer.usage == Usage(input_tokens=1, web_searches=searches)
