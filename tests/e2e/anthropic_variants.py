"""The ways to ask the anthropic SDK."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from typing import Any

import anthropic

from .variant import MESSAGES, claude_asks, variant


@variant(MESSAGES, "create")
def _(options: dict[str, Any], prompt: str) -> Iterator[Any]:
    with anthropic.Anthropic(**options) as client:
        yield client.messages.create(**claude_asks(prompt))


@variant(MESSAGES, "create", is_async=True)
async def _(options: dict[str, Any], prompt: str) -> AsyncIterator[Any]:
    async with anthropic.AsyncAnthropic(**options) as client:
        yield await client.messages.create(**claude_asks(prompt))


@variant(MESSAGES, "stream")
def _(options: dict[str, Any], prompt: str) -> Iterator[Any]:
    with (
        anthropic.Anthropic(**options) as client,
        client.messages.create(stream=True, **claude_asks(prompt)) as stream,
    ):
        yield from stream


@variant(MESSAGES, "stream", is_async=True)
async def _(options: dict[str, Any], prompt: str) -> AsyncIterator[Any]:
    async with (
        anthropic.AsyncAnthropic(**options) as client,
        await client.messages.create(stream=True, **claude_asks(prompt)) as stream,
    ):
        async for event in stream:
            yield event


@variant(MESSAGES, "helper")
def _(options: dict[str, Any], prompt: str) -> Iterator[Any]:
    with anthropic.Anthropic(**options) as client, client.messages.stream(**claude_asks(prompt)) as stream:
        yield from stream


@variant(MESSAGES, "helper", is_async=True)
async def _(options: dict[str, Any], prompt: str) -> AsyncIterator[Any]:
    async with anthropic.AsyncAnthropic(**options) as client, client.messages.stream(**claude_asks(prompt)) as stream:
        async for event in stream:
            yield event


@variant(MESSAGES, "final")
def _(options: dict[str, Any], prompt: str) -> Iterator[Any]:
    with anthropic.Anthropic(**options) as client, client.messages.stream(**claude_asks(prompt)) as stream:
        yield from stream.text_stream
        yield stream.get_final_message()


@variant(MESSAGES, "final", is_async=True)
async def _(options: dict[str, Any], prompt: str) -> AsyncIterator[Any]:
    async with anthropic.AsyncAnthropic(**options) as client, client.messages.stream(**claude_asks(prompt)) as stream:
        async for text in stream.text_stream:
            yield text
        yield await stream.get_final_message()


@variant(MESSAGES, "raw")
def _(options: dict[str, Any], prompt: str) -> Iterator[Any]:
    with anthropic.Anthropic(**options) as client:
        response = client.messages.with_raw_response.create(**claude_asks(prompt))
        yield from (response.status_code, response.headers["content-type"], response.text, response.parse())


@variant(MESSAGES, "raw", is_async=True)
async def _(options: dict[str, Any], prompt: str) -> AsyncIterator[Any]:
    async with anthropic.AsyncAnthropic(**options) as client:
        response = await client.messages.with_raw_response.create(**claude_asks(prompt))
        for item in (response.status_code, response.headers["content-type"], response.text, response.parse()):
            # The SDKs' majors disagree on whether text and parse are coroutine functions.
            item = item() if callable(item) else item
            yield await item if asyncio.iscoroutine(item) else item


@variant(MESSAGES, "streaming")
def _(options: dict[str, Any], prompt: str) -> Iterator[Any]:
    with (
        anthropic.Anthropic(**options) as client,
        client.messages.with_streaming_response.create(**claude_asks(prompt)) as response,
    ):
        yield response.status_code
        yield from response.iter_lines()


@variant(MESSAGES, "streaming", is_async=True)
async def _(options: dict[str, Any], prompt: str) -> AsyncIterator[Any]:
    async with (
        anthropic.AsyncAnthropic(**options) as client,
        client.messages.with_streaming_response.create(**claude_asks(prompt)) as response,
    ):
        yield response.status_code
        async for line in response.iter_lines():
            yield line


@variant(MESSAGES, "beta")
def _(options: dict[str, Any], prompt: str) -> Iterator[Any]:
    with anthropic.Anthropic(**options) as client:
        yield client.beta.messages.create(**claude_asks(prompt))


@variant(MESSAGES, "beta", is_async=True)
async def _(options: dict[str, Any], prompt: str) -> AsyncIterator[Any]:
    async with anthropic.AsyncAnthropic(**options) as client:
        yield await client.beta.messages.create(**claude_asks(prompt))


@variant(MESSAGES, "beta-stream")
def _(options: dict[str, Any], prompt: str) -> Iterator[Any]:
    with anthropic.Anthropic(**options) as client, client.beta.messages.stream(**claude_asks(prompt)) as stream:
        yield from stream


@variant(MESSAGES, "beta-stream", is_async=True)
async def _(options: dict[str, Any], prompt: str) -> AsyncIterator[Any]:
    async with (
        anthropic.AsyncAnthropic(**options) as client,
        client.beta.messages.stream(**claude_asks(prompt)) as stream,
    ):
        async for event in stream:
            yield event
