"""Results of tools are found where each provider has them, and a call that is only repeated is none."""

import pytest

from llmreplay.core.model import ToolCall
from llmreplay.core.tool_results import tool_results_in

WITH_ID, WITHOUT_ID = ToolCall("call_1", "get_weather", "{}"), ToolCall("", "get_weather", "{}")


@pytest.mark.parametrize(
    ("message", "call"),
    [
        ({"role": "user", "content": [{"type": "tool_result", "tool_use_id": "call_1", "content": "sunny"}]}, WITH_ID),
        ({"role": "tool", "tool_call_id": "call_1", "content": "sunny"}, WITH_ID),
        ({"type": "function_call_output", "call_id": "call_1", "output": "sunny"}, WITH_ID),
        ({"type": "custom_tool_call_output", "call_id": "call_1", "output": "sunny"}, WITH_ID),
        ({"role": "user", "content": [{"toolResult": {"toolUseId": "call_1", "content": []}}]}, WITH_ID),
        ({"parts": [{"functionResponse": {"name": "get_weather", "response": {}}}]}, WITHOUT_ID),
        ({"parts": [{"functionResponse": {"name": "get_weather", "response": {}}}]}, WITH_ID),
        ({"parts": [{"function_response": {"id": "call_1", "name": "get_weather", "response": {}}}]}, WITH_ID),
        ({"role": "tool", "tool_name": "get_weather", "content": "sunny"}, WITHOUT_ID),
        ({"role": "tool", "content": "sunny"}, WITHOUT_ID),
    ],
    ids=[
        "anthropic", "openai chat", "openai responses", "openai custom", "bedrock", "gemini", "gemini with an id",
        "vertex", "ollama", "ollama of old",
    ],
)  # fmt: skip
def test_a_result_is_found(message, call):
    """Under the id of the call, or under the tool's name where a provider gives calls no id."""
    assert tool_results_in({"messages": [message]}).answers(call)


@pytest.mark.parametrize(
    "message",
    [
        {"role": "assistant", "content": [{"type": "tool_use", "id": "call_1", "name": "get_weather", "input": {}}]},
        {"role": "assistant", "tool_calls": [{"id": "call_1", "function": {"name": "get_weather"}}]},
        {"type": "function_call", "call_id": "call_1", "name": "get_weather", "arguments": "{}"},
        {"role": "assistant", "content": [{"toolUse": {"toolUseId": "call_1", "name": "get_weather"}}]},
        {"role": "model", "parts": [{"functionCall": {"name": "get_weather", "args": {}}}]},
        {"role": "tool", "tool_call_id": "call_2", "content": "sunny"},
        {"role": "user", "content": "call_1 get_weather"},
    ],
    ids=["anthropic", "openai chat", "openai responses", "bedrock", "gemini", "another call's", "text"],
)
def test_a_call_that_is_repeated_is_no_result(message):
    """A history has the model's own turn in it, with the id of the call."""
    results = tool_results_in({"messages": [message]})

    assert not results.answers(WITH_ID)
    assert not results.answers(WITHOUT_ID)


def test_a_body_that_is_no_json_has_none():
    """Nothing is found in nothing."""
    assert not tool_results_in(None).answers(WITH_ID)
