"""A call that is recorded takes the time it takes, though another one waits in virtual time beside it."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from pathlib import Path

import anthropic
import pytest

from llmreplay import first, use_cassette
from llmreplay.core.model import Reply, Request, Response
from llmreplay.faults import RateLimited
from llmreplay.simulator import Simulator
from llmreplay.storage.files import load

from .conftest import says, upstream_to

PARIS = says(Reply(text="Paris"))
LATE_S = 0.7
"""Longer than what is no call of a model gets before a deadline passes."""


def slow_to_the_second(request: Request) -> Response:
    """Answer at once, but for one prompt: late, and with a gap in the stream."""
    response = PARIS(request)
    assert response is not None
    if b"second" not in request.body:
        return response
    chunks = [replace(chunk, after_s=LATE_S if number == 3 else 0.0) for number, chunk in enumerate(response.chunks)]
    return replace(response, chunks=tuple(chunks), delay_s=LATE_S)


async def asked(prompt: str, stack: str, *, is_streamed: bool) -> str:
    """Ask with a client that retries, and give the whole answer."""
    stand_in = anthropic.DefaultAioHttpClient() if stack == "aiohttp" else None
    async with anthropic.AsyncAnthropic(api_key="sk-none", http_client=stand_in) as client:
        messages = [{"role": "user", "content": prompt}]
        if is_streamed:
            async with client.messages.stream(model="m", max_tokens=50, messages=messages) as stream:
                return await stream.get_final_text()
        return (await client.messages.create(model="m", max_tokens=50, messages=messages)).content[0].text


async def both(stack: str, *, is_streamed: bool) -> list[str]:
    """Ask twice at once: the first is told to come back in 30 s, the second has a deadline of 20."""
    first_one = asyncio.create_task(asked("first", stack, is_streamed=is_streamed))
    await asyncio.sleep(0)
    async with asyncio.timeout(20):
        second = await asked("second", stack, is_streamed=is_streamed)
    return [await first_one, second]


@pytest.mark.parametrize("is_streamed", [False, True], ids=["whole", "streamed"])
@pytest.mark.parametrize("stack", ["httpx2", "aiohttp"])
async def test_a_live_call_meets_a_deadline_that_virtual_time_could_cross(
    tmp_path: Path, stack: str, is_streamed: bool
) -> None:
    """Recorded or replayed, both are answered, and the cassette holds no failure that never was."""
    path = tmp_path / "a.json"
    with Simulator(slow_to_the_second) as server:
        for mode in ("once", "none"):
            with use_cassette(path, mode=mode, upstream=upstream_to(server)) as replay:
                replay.inject(RateLimited(retry_after_s=30), on=first(1, when=lambda request: b"first" in request.body))
                assert await both(stack, is_streamed=is_streamed) == ["Paris", "Paris"]
            assert replay.calls.waits_s == [30.0]

    stored = load(path)
    assert stored is not None
    assert [isinstance(one.outcome, Response) and one.outcome.status for one in stored] == [200, 200]
