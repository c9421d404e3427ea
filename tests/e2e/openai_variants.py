"""The ways to ask the openai SDK."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from typing import Any

import openai

from .variant import CHAT, EMBEDDER, EMBEDDINGS, GPT, RESPONSES, chat_asks, variant


def _endpoint(client: Any, api: str) -> Any:
    return {CHAT: client.chat.completions, RESPONSES: client.responses, EMBEDDINGS: client.embeddings}[api]


def _openai_asks(api: str, prompt: str) -> dict[str, Any]:
    if api == CHAT:
        return chat_asks(prompt)
    return {"model": GPT if api == RESPONSES else EMBEDDER, "input": prompt}


def _openai_variants(api: str) -> None:
    """Enter the ways to ask one endpoint of openai."""

    @variant(api, "create")
    def _(options: dict[str, Any], prompt: str) -> Iterator[Any]:
        with openai.OpenAI(**options) as client:
            yield _endpoint(client, api).create(**_openai_asks(api, prompt))

    @variant(api, "create", is_async=True)
    async def _(options: dict[str, Any], prompt: str) -> AsyncIterator[Any]:
        async with openai.AsyncOpenAI(**options) as client:
            yield await _endpoint(client, api).create(**_openai_asks(api, prompt))

    @variant(api, "raw")
    def _(options: dict[str, Any], prompt: str) -> Iterator[Any]:
        with openai.OpenAI(**options) as client:
            response = _endpoint(client, api).with_raw_response.create(**_openai_asks(api, prompt))
            yield from (response.status_code, response.headers["content-type"], response.text, response.parse())

    @variant(api, "raw", is_async=True)
    async def _(options: dict[str, Any], prompt: str) -> AsyncIterator[Any]:
        async with openai.AsyncOpenAI(**options) as client:
            response = await _endpoint(client, api).with_raw_response.create(**_openai_asks(api, prompt))
            for item in (response.status_code, response.headers["content-type"], response.text, response.parse()):
                item = item() if callable(item) else item
                yield await item if asyncio.iscoroutine(item) else item

    @variant(api, "streaming")
    def _(options: dict[str, Any], prompt: str) -> Iterator[Any]:
        with (
            openai.OpenAI(**options) as client,
            _endpoint(client, api).with_streaming_response.create(**_openai_asks(api, prompt)) as response,
        ):
            yield response.status_code
            yield from response.iter_lines()

    @variant(api, "streaming", is_async=True)
    async def _(options: dict[str, Any], prompt: str) -> AsyncIterator[Any]:
        async with (
            openai.AsyncOpenAI(**options) as client,
            _endpoint(client, api).with_streaming_response.create(**_openai_asks(api, prompt)) as response,
        ):
            yield response.status_code
            async for line in response.iter_lines():
                yield line


def _openai_streams(api: str) -> None:
    """Enter the streamed ways to ask one endpoint of openai."""

    @variant(api, "stream")
    def _(options: dict[str, Any], prompt: str) -> Iterator[Any]:
        with (
            openai.OpenAI(**options) as client,
            _endpoint(client, api).create(stream=True, **_openai_asks(api, prompt)) as stream,
        ):
            yield from stream

    @variant(api, "stream", is_async=True)
    async def _(options: dict[str, Any], prompt: str) -> AsyncIterator[Any]:
        async with (
            openai.AsyncOpenAI(**options) as client,
            await _endpoint(client, api).create(stream=True, **_openai_asks(api, prompt)) as stream,
        ):
            async for event in stream:
                yield event

    @variant(api, "helper")
    def _(options: dict[str, Any], prompt: str) -> Iterator[Any]:
        with (
            openai.OpenAI(**options) as client,
            _endpoint(client, api).stream(**_openai_asks(api, prompt)) as stream,
        ):
            yield from stream

    @variant(api, "helper", is_async=True)
    async def _(options: dict[str, Any], prompt: str) -> AsyncIterator[Any]:
        async with (
            openai.AsyncOpenAI(**options) as client,
            _endpoint(client, api).stream(**_openai_asks(api, prompt)) as stream,
        ):
            async for event in stream:
                yield event


for _api in (CHAT, RESPONSES):
    _openai_variants(_api)
    _openai_streams(_api)
_openai_variants(EMBEDDINGS)
