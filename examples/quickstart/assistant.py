"""A small application that calls two providers. It knows nothing of llmreplay."""

import json
from collections.abc import Iterator

import anthropic
import openai

CLAUDE = "claude-haiku-4-5"
GPT = "gpt-5-mini"
WEATHER_TOOL = {
    "name": "get_weather",
    "description": "Current weather of a city.",
    "input_schema": {
        "type": "object",
        "properties": {"city": {"type": "string"}},
        "required": ["city"],
    },
}


def answer(question: str) -> str:
    """Ask Claude one question."""
    message = anthropic.Anthropic().messages.create(
        model=CLAUDE, max_tokens=200, messages=[{"role": "user", "content": question}]
    )
    return message.content[0].text


def answer_word_by_word(question: str) -> Iterator[str]:
    """Ask Claude and give the answer's pieces as they come."""
    with anthropic.Anthropic().messages.stream(
        model=CLAUDE, max_tokens=200, messages=[{"role": "user", "content": question}]
    ) as stream:
        yield from stream.text_stream


async def summary(text: str) -> str:
    """Have GPT sum a text up, streamed, without blocking."""
    async with openai.AsyncOpenAI() as client:
        stream = await client.chat.completions.create(
            model=GPT,
            messages=[{"role": "user", "content": f"Sum up: {text}"}],
            stream=True,
            stream_options={"include_usage": True},
        )
        return "".join([chunk.choices[0].delta.content or "" async for chunk in stream if chunk.choices])


def packing_advice(question: str) -> str:
    """Ask Claude, and look the weather up for as long as it asks to."""
    client = anthropic.Anthropic()
    messages = [{"role": "user", "content": question}]
    while True:
        message = client.messages.create(model=CLAUDE, max_tokens=200, tools=[WEATHER_TOOL], messages=messages)
        if message.stop_reason != "tool_use":
            return message.content[0].text
        messages.append({"role": "assistant", "content": message.content})
        results = [
            {"type": "tool_result", "tool_use_id": block.id, "content": _weather(**block.input)}
            for block in message.content
            if block.type == "tool_use"
        ]
        messages.append({"role": "user", "content": results})


def _weather(city: str) -> str:
    return json.dumps({"city": city, "sky": "rain", "celsius": 9})


class Chat:
    """A conversation with GPT that remembers what was said."""

    def __init__(self) -> None:
        self._client = openai.OpenAI()
        self.messages: list[dict[str, str]] = []

    def say(self, text: str) -> str:
        """Say something and give the reply."""
        self.messages.append({"role": "user", "content": text})
        completion = self._client.chat.completions.create(model=GPT, messages=self.messages)
        reply = completion.choices[0].message.content or ""
        self.messages.append({"role": "assistant", "content": reply})
        return reply
