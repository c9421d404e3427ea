"""What a request asks for, in the shapes of several providers."""

from __future__ import annotations

import pytest

from llmreplay.simulator.prompt import prompt_from_body

SCHEMA = {"type": "object", "properties": {"city": {"type": "string"}}}


@pytest.mark.parametrize(
    "body",
    [
        {"messages": [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Hello"}]},
        {"messages": [{"role": "user", "content": [{"type": "text", "text": "Hello"}, {"type": "image"}]}]},
        {"input": "Hello"},
        {"input": [{"role": "user", "content": [{"type": "input_text", "text": "Hello"}]}]},
        {"contents": [{"role": "user", "parts": [{"text": "Hello"}]}]},
        {"prompt": "Hello"},
    ],
    ids=["chat", "content parts", "responses text", "responses items", "gemini", "completions"],
)
def test_the_last_turn_is_the_prompt(body):
    """The text of the last turn is found in every shape, without images and the system's words."""
    prompt = prompt_from_body(body)

    assert (prompt.text, prompt.is_tool_result, prompt.tool) == ("Hello", False, None)


@pytest.mark.parametrize(
    "body",
    [
        {"messages": [{"role": "user", "content": [{"type": "tool_result", "content": "sunny"}]}]},
        {"messages": [{"role": "tool", "tool_call_id": "1", "content": "sunny"}]},
        {"input": [{"type": "function_call_output", "call_id": "1", "output": "sunny"}]},
    ],
    ids=["anthropic", "chat", "responses"],
)
def test_the_result_of_a_tool_is_recognised(body):
    """A last turn that brings a tool's result says so, and its text is the result."""
    prompt = prompt_from_body(body)

    assert (prompt.text, prompt.is_tool_result) == ("sunny", True)


@pytest.mark.parametrize(
    "tool",
    [
        {"name": "weather", "input_schema": SCHEMA},
        {"type": "function", "function": {"name": "weather", "parameters": SCHEMA}},
        {"type": "function", "name": "weather", "parameters": SCHEMA},
    ],
    ids=["anthropic", "chat", "responses"],
)
def test_an_offered_tool_is_found_with_its_schema(tool):
    """A tool of the application is found; one that the provider runs itself is passed over."""
    own = {"type": "web_search_20250305", "name": "web_search"}

    prompt = prompt_from_body({"messages": [], "tools": [own, tool]})

    assert prompt.tool is not None
    assert (prompt.tool.name, prompt.tool.schema) == ("weather", SCHEMA)


@pytest.mark.parametrize(
    ("choice", "name"),
    [
        ("none", None),
        ({"type": "none"}, None),
        ({"type": "tool", "name": "b"}, "b"),
        ({"type": "function", "function": {"name": "b"}}, "b"),
        ("auto", "a"),
    ],
    ids=["none", "anthropic none", "anthropic named", "chat named", "auto"],
)
def test_the_choice_of_tool_is_obeyed(choice, name):
    """A forbidden tool is not called, and a demanded one is."""
    tools = [{"name": name, "input_schema": SCHEMA} for name in ("a", "b")]

    tool = prompt_from_body({"messages": [], "tools": tools, "tool_choice": choice}).tool

    assert (tool.name if tool else None) == name


@pytest.mark.parametrize(
    "fields",
    [
        {"response_format": {"type": "json_schema", "json_schema": {"schema": SCHEMA}}},
        {"text": {"format": {"type": "json_schema", "schema": SCHEMA}}},
        {"output_config": {"format": {"type": "json_schema", "schema": SCHEMA}}},
    ],
    ids=["chat", "responses", "anthropic"],
)
def test_a_demanded_shape_of_the_answer_is_found(fields):
    """The schema of a structured answer is found in every shape."""
    assert prompt_from_body({"messages": [], **fields}).answer_schema == SCHEMA


@pytest.mark.parametrize("body", [None, [], "text", {"messages": 7}, {"input": [[1, 2]]}], ids=repr)
def test_an_odd_body_has_an_empty_prompt(body):
    """A body without a known shape asks for nothing, and breaks nothing."""
    assert prompt_from_body(body).text == ""
