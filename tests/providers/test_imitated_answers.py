"""Made-up answers of those who imitate OpenAI have the form of their own recorded ones."""

from __future__ import annotations

import json
from typing import Any

import pytest

from llmreplay.core.api import Api, identify
from llmreplay.core.model import Reply, Request, ToolCall, Usage
from llmreplay.core.streams import Wire, events_of
from llmreplay.providers import APIS

ROWS = {api.name: api for api in APIS}
UNASKED = ["mistral", "groq", "deepseek", "openrouter", "together", "perplexity", "ai21"]
REPLY = Reply(
    text="Paris is sunny.",
    tool_calls=(ToolCall("", "weather", '{"city": "Paris", "days": [1, 2]}'),),
    usage=Usage(input_tokens=120, output_tokens=40),
)


def made(name: str, reply: Reply, *, is_streamed: bool) -> Any:
    """Give the decoded body of a made-up answer to a request that asks for no usage; of a stream its chunks."""
    build = ROWS[name].build_response
    assert build is not None
    response = build(reply, Request("POST", "https://host.example", body=b'{"model": "m"}'), is_streamed)
    if not is_streamed:
        return json.loads(response.body)
    events, _ = events_of(Wire.SSE, [response.body])
    return [json.loads(event.data) for event in events if event.data != "[DONE]"]


@pytest.mark.parametrize("provider", UNASKED)
def test_usage_stands_in_the_last_chunk_unasked(provider: str) -> None:
    """The chunk with the finish reason tells the usage that was given, and no chunk follows it."""
    last = made(f"{provider}.chat.completions", REPLY, is_streamed=True)[-1]

    assert last["choices"][0]["finish_reason"] == "tool_calls"
    assert (last["usage"]["prompt_tokens"], last["usage"]["completion_tokens"]) == (120, 40)


def test_groq_tells_the_usage_in_its_own_object_too() -> None:
    """Clients of Groq read `x_groq.usage`, which says the same as `usage`."""
    last = made("groq.chat.completions", REPLY, is_streamed=True)[-1]

    assert last["x_groq"]["usage"] == last["usage"]


def test_mistral_streams_whole_calls() -> None:
    """Each tool call comes in one chunk with its name and all its arguments."""
    chunks = made("mistral.chat.completions", REPLY, is_streamed=True)

    calls = [call for chunk in chunks for call in chunk["choices"][0]["delta"].get("tool_calls", ())]
    assert [call["function"] for call in calls] == [
        {"name": "weather", "arguments": '{"city": "Paris", "days": [1, 2]}'}
    ]


@pytest.mark.parametrize("is_streamed", [False, True], ids=["plain", "streamed"])
@pytest.mark.parametrize("provider", ["mistral", "groq"])
def test_a_refusal_is_content_where_there_is_no_field_for_it(provider: str, is_streamed: bool) -> None:
    """The words of a refusal are found where the provider's client looks, and nothing is named `refusal`."""
    made_up = made(f"{provider}.chat.completions", Reply(text="No.", stop_reason="refusal"), is_streamed=is_streamed)

    choices = [chunk["choices"][0] for chunk in made_up] if is_streamed else made_up["choices"]
    messages = [choice.get("delta") or choice.get("message") or {} for choice in choices]
    assert "".join(message.get("content") or "" for message in messages) == "No."
    assert not any("refusal" in message for message in messages)


def test_embeddings_of_mistral_have_an_id() -> None:
    """Mistral's SDK refuses embeddings without an id; OpenAI's have none."""
    assert made("mistral.embeddings", Reply(), is_streamed=False)["id"]
    assert "id" not in made("openai.embeddings", Reply(), is_streamed=False)


def test_fill_in_the_middle_is_a_chat_of_mistral() -> None:
    """Mistral's completion of code is a known endpoint, and its answer is read as a chat's."""
    api = identify(Request("POST", "https://codestral.mistral.ai/v1/fim/completions"), APIS)

    assert isinstance(api, Api)
    assert api.name == "mistral.fim.completions"
    assert api.answer_from_body is not None
    assert api.answer_from_body(made(api.name, Reply(text="return 1"), is_streamed=False)).text == "return 1"
