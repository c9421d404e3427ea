"""Made-up answers, as the real SDKs read them."""

from __future__ import annotations

import json
import time

import anthropic
import httpx
import openai
import pydantic
import pytest

from llmreplay.core.errors import SettingError
from llmreplay.core.model import Request
from llmreplay.simulator import Simulator, make_up

CITY = {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}
QUESTION = [{"role": "user", "content": "What is the capital of France?"}]
CLAUDE = {"model": "claude-haiku-4-5", "max_tokens": 100}


class Person(pydantic.BaseModel):
    name: str
    age: int


@pytest.fixture
def simulator():
    with Simulator() as simulator:
        yield simulator


@pytest.fixture
def claude(simulator):
    with anthropic.Anthropic(base_url=simulator.url, api_key="any", max_retries=0) as client:
        yield client


@pytest.fixture
def gpt(simulator):
    with openai.OpenAI(base_url=f"{simulator.url}/v1", api_key="any", max_retries=0) as client:
        yield client


def test_a_message_names_the_question(claude):
    """Anthropic's client reads a whole message whose text is about the prompt and whose usage is known."""
    message = claude.messages.create(**CLAUDE, messages=QUESTION)

    assert "What is the capital of France?" in message.content[0].text
    assert message.stop_reason == "end_turn"
    assert message.usage.input_tokens > 0
    assert message.usage.output_tokens > 0


def test_the_same_prompt_gives_the_same_bytes(simulator):
    """One request is answered with the same bytes every time, another with others."""
    body = {**CLAUDE, "messages": QUESTION}
    other = {**CLAUDE, "messages": [{"role": "user", "content": "And of Italy?"}]}

    first, again, different = [
        httpx.post(f"{simulator.url}/v1/messages", json=sent).content for sent in (body, body, other)
    ]

    assert first == again
    assert first != different


def test_a_streamed_message_says_what_the_whole_one_says(claude):
    """Anthropic's stream ends as a whole message with the same text and the same kind of usage."""
    whole = claude.messages.create(**CLAUDE, messages=QUESTION)

    with claude.messages.stream(**CLAUDE, messages=QUESTION) as stream:
        pieces = list(stream.text_stream)
        final = stream.get_final_message()

    assert len(pieces) > 1
    assert "".join(pieces) == whole.content[0].text == final.content[0].text
    assert final.stop_reason == "end_turn"
    assert final.usage.output_tokens > 0


@pytest.mark.parametrize("is_streamed", [False, True], ids=["whole", "streamed"])
def test_a_tool_loop_of_anthropic_ends(claude, is_streamed):
    """A tool that is offered is called with arguments that fit; after its result comes text."""
    tools = [{"name": "get_weather", "input_schema": CITY}]
    messages = [{"role": "user", "content": "Weather in Paris?"}]

    def ask():
        if not is_streamed:
            return claude.messages.create(**CLAUDE, tools=tools, messages=messages)
        with claude.messages.stream(**CLAUDE, tools=tools, messages=messages) as stream:
            return stream.get_final_message()

    called = ask()
    use = called.content[-1]
    messages += [
        {"role": "assistant", "content": called.content},
        {"role": "user", "content": [{"type": "tool_result", "tool_use_id": use.id, "content": "9 °C"}]},
    ]
    final = ask()

    assert (called.stop_reason, use.name, use.input) == ("tool_use", "get_weather", {"city": "Paris"})
    assert (final.stop_reason, final.content[0].text) == ("end_turn", "The tool says: 9 °C")


@pytest.mark.parametrize("is_streamed", [False, True], ids=["whole", "streamed"])
def test_a_tool_loop_of_chat_completions_ends(gpt, is_streamed):
    """OpenAI's chat client sees a tool call with fitting arguments, then text after the result."""
    tools = [{"type": "function", "function": {"name": "get_weather", "parameters": CITY}}]
    messages = [{"role": "user", "content": "Weather in Paris?"}]

    def ask():
        if not is_streamed:
            return gpt.chat.completions.create(model="gpt-5-mini", tools=tools, messages=messages).choices[0]
        with gpt.chat.completions.stream(model="gpt-5-mini", tools=tools, messages=messages) as stream:
            return stream.get_final_completion().choices[0]

    called = ask()
    (call,) = called.message.tool_calls
    messages += [
        {"role": "assistant", "tool_calls": [{"id": call.id, "type": "function", "function": {
            "name": call.function.name, "arguments": call.function.arguments}}]},
        {"role": "tool", "tool_call_id": call.id, "content": "9 °C"},
    ]  # fmt: skip
    final = ask()

    assert called.finish_reason == "tool_calls"
    assert json.loads(call.function.arguments) == {"city": "Paris"}
    assert (final.finish_reason, final.message.content) == ("stop", "The tool says: 9 °C")


def test_usage_of_a_chat_adds_up(gpt):
    """Tokens in and out of a made-up chat completion sum to its total, streamed or not."""
    chat = {"model": "gpt-5-mini", "messages": QUESTION}

    whole = gpt.chat.completions.create(**chat).usage
    stream = gpt.chat.completions.create(**chat, stream=True, stream_options={"include_usage": True})
    streamed = [chunk.usage for chunk in stream if chunk.usage][-1]

    for usage in (whole, streamed):
        assert usage.prompt_tokens + usage.completion_tokens == usage.total_tokens > 0


@pytest.mark.parametrize("is_streamed", [False, True], ids=["whole", "streamed"])
def test_a_tool_loop_of_responses_ends(gpt, is_streamed):
    """OpenAI's responses client sees a function call with fitting arguments, then text after its output."""
    tools = [{"type": "function", "name": "get_weather", "parameters": CITY, "strict": True}]
    items = [{"role": "user", "content": "Weather in Paris?"}]

    def ask():
        if not is_streamed:
            return gpt.responses.create(model="gpt-5-mini", tools=tools, input=items)
        with gpt.responses.stream(model="gpt-5-mini", tools=tools, input=items) as stream:
            return stream.get_final_response()

    called = ask()
    call = next(item for item in called.output if item.type == "function_call")
    items += [
        {"type": "function_call", "call_id": call.call_id, "name": call.name, "arguments": call.arguments},
        {"type": "function_call_output", "call_id": call.call_id, "output": "9 °C"},
    ]
    final = ask()

    assert json.loads(call.arguments) == {"city": "Paris"}
    assert (final.status, final.output_text) == ("completed", "The tool says: 9 °C")
    assert final.usage.input_tokens + final.usage.output_tokens == final.usage.total_tokens


def test_a_structured_answer_fits_its_schema(gpt):
    """An answer whose schema is demanded parses as that schema."""
    completion = gpt.chat.completions.parse(model="gpt-5-mini", messages=QUESTION, response_format=Person)

    assert isinstance(completion.choices[0].message.parsed, Person)


def test_texts_are_embedded(gpt):
    """An embeddings request gets a vector for each text."""
    embeddings = gpt.embeddings.create(model="text-embedding-3-small", input=["one", "two"])

    assert len(embeddings.data) == 2
    assert len(embeddings.data[0].embedding) > 1


async def test_async_clients_are_answered(simulator):
    """The async clients of both SDKs read what the others read."""
    async with anthropic.AsyncAnthropic(base_url=simulator.url, api_key="any") as claude:
        message = await claude.messages.create(**CLAUDE, messages=QUESTION)
    async with openai.AsyncOpenAI(base_url=f"{simulator.url}/v1", api_key="any") as gpt:
        stream = await gpt.chat.completions.create(model="gpt-5-mini", messages=QUESTION, stream=True)
        pieces = [chunk.choices[0].delta.content or "" async for chunk in stream if chunk.choices]

    assert message.content[0].text == "".join(pieces)


def test_a_streamed_answer_takes_its_time():
    """Every event of a streamed answer is sent on its own, after the delay."""
    with Simulator(make_up(token_delay_s=0.002)) as simulator, httpx.Client() as client:
        body = {**CLAUDE, "messages": QUESTION, "stream": True}
        started = time.perf_counter()
        with client.stream("POST", f"{simulator.url}/v1/messages", json=body) as response:
            chunks = list(response.iter_bytes())
        elapsed_s = time.perf_counter() - started

    assert len(chunks) >= 6
    assert all(chunk.count(b"event:") == 1 for chunk in chunks)
    assert elapsed_s >= 0.002 * len(chunks)


def test_a_negative_delay_is_refused():
    """A delay below zero is refused where it is written."""
    with pytest.raises(SettingError, match=r"make_up\(token_delay_s=-1\): must be 0 or more\."):
        make_up(token_delay_s=-1)


@pytest.mark.parametrize(("method", "body"), [("GET", b""), ("POST", b"not json")], ids=["method", "body"])
def test_what_is_no_prompt_is_left_to_the_next_source(method, body):
    """A request that no row describes is not answered."""
    assert make_up()(Request(method, "http://127.0.0.1:1/v1/messages", (), body)) is None
