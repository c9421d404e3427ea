"""A site that answers whatever HTTP can carry, and a client of httpx or httpx2 that fetches it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from types import ModuleType
from typing import Any

import pytest

from llmreplay.core.model import Chunk, Request, Response
from llmreplay.simulator import Source

SITE = "https://files.example.com"
LINES = "één\r\ntwee\ndrie – ✓\n\nlast".encode()
EVERY_BYTE = bytes(range(256)) * 3


def text(body: bytes, *headers: tuple[str, str], status: int = 200, reason: str = "") -> Response:
    """Give an answer in one chunk."""
    return Response(status, headers or (("content-type", "text/plain"),), (Chunk(body),) if body else (), reason=reason)


def in_pieces(body: bytes, size: int) -> Response:
    """Give an answer in chunks of so many bytes."""
    return Response(200, (), tuple(Chunk(body[at : at + size]) for at in range(0, len(body), size)))


def routes(answers: dict[str, Response]) -> Source:
    """Give a source that answers by path."""

    def answer(request: Request) -> Response | None:
        return answers.get(request.url.split("/", 3)[3].partition("?")[0])

    return answer


def facts(response: Any) -> tuple[Any, ...]:
    """Give what a client can tell of a response that was read."""
    framing = ("content-length", "transfer-encoding", "content-encoding", "connection")
    headers = [(name.lower(), value) for name, value in response.headers.raw if name.lower().decode() not in framing]
    return response.status_code, response.reason_phrase, headers, response.content, str(response.url)


def fetched(library: ModuleType, method: str, path: str, **options: Any) -> Callable[[], Any]:
    """Give the work of one sync request."""

    def work() -> Any:
        with library.Client() as client:
            return facts(client.request(method, f"{SITE}/{path}", **options))

    return work


def fetched_async(library: ModuleType, method: str, path: str, **options: Any) -> Callable[[], Any]:
    """Give the work of one async request."""

    async def ask() -> Any:
        async with library.AsyncClient() as client:
            return facts(await client.request(method, f"{SITE}/{path}", **options))

    return lambda: asyncio.run(ask())


FETCH = pytest.mark.parametrize("fetch", [fetched, fetched_async], ids=["sync", "async"])
