"""A request that nothing matches fails as itself in every SDK: one attempt, no retry, no connection, its own text."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import anthropic
import anyio
import anyio.from_thread
import pytest

from llmreplay import use_cassette
from llmreplay.core.attempt import Source
from llmreplay.core.errors import UnmatchedRequest
from llmreplay.session import Replay
from llmreplay.simulator import Simulator

from .conftest import upstream_to
from .sdk_variants import CHAT, MESSAGES, VARIANTS, Variant, claude_asks, of

SYNC = of(MESSAGES, "create")[0]
ASYNC = of(MESSAGES, "create")[1]


@pytest.fixture(scope="module")
def provider() -> Iterator[Simulator]:
    """Give a provider that would answer, were it asked."""
    with Simulator() as simulator:
        yield simulator
        assert simulator.connections == 0, "something connected to the provider in a replay"


@pytest.fixture
def cassette(tmp_path: Path, provider: Simulator) -> Callable[..., use_cassette]:
    """Give an empty cassette to replay from, with a provider that listens behind it."""

    def empty(**settings: Any) -> use_cassette:
        return use_cassette(tmp_path / "empty.json", mode="none", upstream=upstream_to(provider), **settings)

    return empty


def refused_of(replay: Replay) -> list[tuple[Source, list[float]]]:
    """List where the outcome of each attempt came from, and what was waited before it."""
    return [(attempt.source, call.waits_s) for call in replay.calls for attempt in call.attempts]


ONCE_AND_AT_ONCE = [(Source.REFUSED, [])]


@pytest.mark.parametrize("variant", VARIANTS, ids=str)
def test_a_refusal_passes_through_every_client(cassette, variant):
    """The refusal itself reaches the test after one attempt, whatever the SDK does with exceptions."""
    with pytest.raises(UnmatchedRequest) as caught, cassette() as replay:  # noqa: PT012
        try:
            variant.run("A prompt nobody recorded")
        finally:
            attempts = refused_of(replay)

    assert attempts == ONCE_AND_AT_ONCE
    assert isinstance(caught.value, pytest.fail.Exception)
    assert f"({variant.api})" in str(caught.value)
    assert "no recorded interaction matches this request" in str(caught.value)


@pytest.mark.parametrize("variant", [*of(MESSAGES, "create", "stream"), *of(CHAT, "create", "stream")], ids=str)
def test_a_nearly_matching_recording_is_named(record_then_replay, tmp_path, variant):
    """Against a cassette with another prompt, the refusal tells both prompts, and the cassette is not played."""
    twice = record_then_replay(lambda: variant.run("Where is Paris?"))

    with pytest.raises(UnmatchedRequest) as caught, use_cassette(twice.path, mode="none"):
        variant.run("Where is Rome?")

    assert "Where is Paris?" in str(caught.value)
    assert "Where is Rome?" in str(caught.value)
    assert [difference.path for difference in caught.value.differences] == ["$.messages[0].content"]


@pytest.mark.parametrize("variant", [SYNC, ASYNC, *of(CHAT, "create")], ids=str)
def test_application_code_that_catches_exceptions_does_not_catch_it(cassette, variant):
    """`except Exception` around the client lets a refusal through."""

    def careful() -> str:
        try:
            variant.run("A prompt nobody recorded")
        except Exception:
            return "fallback"
        return "answer"

    with pytest.raises(UnmatchedRequest), cassette():
        careful()


def test_what_catches_everything_is_found_out_at_the_end(cassette):
    """A refusal swallowed by `except BaseException` is raised when the cassette closes."""
    with pytest.raises(UnmatchedRequest) as caught, cassette() as replay:  # noqa: PT012
        try:
            SYNC.run("A prompt nobody recorded")
        except BaseException as error:
            swallowed = error
        assert refused_of(replay) == ONCE_AND_AT_ONCE

    assert str(caught.value) == str(swallowed)


def test_a_refusal_in_a_pool_comes_out_of_its_future(cassette):
    """A worker thread's refusal is what `result()` raises."""
    with pytest.raises(UnmatchedRequest), cassette() as replay, ThreadPoolExecutor(1) as pool:  # noqa: PT012
        future = pool.submit(SYNC.run, "A prompt nobody recorded")
        error = future.exception()
        assert isinstance(error, UnmatchedRequest)
        assert refused_of(replay) == ONCE_AND_AT_ONCE
        future.result()


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
def test_a_refusal_that_dies_with_its_thread_is_raised_at_the_end(cassette):
    """Nobody sees what a bare thread raises, so the cassette raises it when it closes."""
    with pytest.raises(UnmatchedRequest), cassette():  # noqa: PT012
        thread = threading.Thread(target=SYNC.run, args=("A prompt nobody recorded",))
        thread.start()
        thread.join()


async def in_a_task(variant: Variant) -> None:
    await asyncio.create_task(variant.gather("A prompt nobody recorded"))


async def in_gather(variant: Variant) -> None:
    await asyncio.gather(variant.gather("A prompt nobody recorded"), asyncio.sleep(0))


async def gathered_as_values(variant: Variant) -> None:
    results = await asyncio.gather(variant.gather("A prompt nobody recorded"), return_exceptions=True)
    assert isinstance(results[0], UnmatchedRequest)


async def in_a_task_group(variant: Variant) -> None:
    async with asyncio.TaskGroup() as group:
        group.create_task(variant.gather("A prompt nobody recorded"))


async def in_a_task_group_of_anyio(variant: Variant) -> None:
    async with anyio.create_task_group() as group:
        group.start_soon(variant.gather, "A prompt nobody recorded")


async def with_a_deadline(variant: Variant) -> None:
    await asyncio.wait_for(variant.gather("A prompt nobody recorded"), timeout=5)


async def in_a_thread_of_the_loop(variant: Variant) -> None:
    await asyncio.to_thread(SYNC.run, "A prompt nobody recorded")


async def in_a_thread_of_anyio(variant: Variant) -> None:
    await anyio.to_thread.run_sync(SYNC.run, "A prompt nobody recorded")


async def forgotten(variant: Variant) -> None:
    task = asyncio.create_task(variant.gather("A prompt nobody recorded"))
    await asyncio.wait([task])
    task.exception()


PLACES = [
    in_a_task,
    in_gather,
    gathered_as_values,
    in_a_task_group,
    in_a_task_group_of_anyio,
    with_a_deadline,
    in_a_thread_of_the_loop,
    in_a_thread_of_anyio,
    forgotten,
]


@pytest.mark.parametrize("place", PLACES, ids=lambda place: place.__name__)
@pytest.mark.parametrize("variant", [ASYNC, of(CHAT, "create")[1]], ids=str)
def test_a_refusal_comes_out_of_every_place_of_async_code(cassette, place, variant):
    """A task, a group, a deadline or a thread may wrap a refusal, but never lose it or try again."""
    replays = []

    async def main() -> None:
        async with cassette() as replay:
            replays.append(replay)
            await place(variant)

    with pytest.raises(BaseException) as caught:  # noqa: PT011
        asyncio.run(main())

    error = caught.value
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    assert isinstance(error, UnmatchedRequest)
    assert refused_of(replays[0]) == ONCE_AND_AT_ONCE


def test_the_loop_of_a_refused_call_still_works(cassette):
    """After a refusal the same client and event loop go on answering."""

    async def run() -> None:
        async with anthropic.AsyncAnthropic(api_key="not-a-key") as client:
            for _ in range(2):
                with pytest.raises(UnmatchedRequest):
                    await client.messages.create(**claude_asks("A prompt nobody recorded"))

    with cassette(on_unmatched="ignore") as replay:
        asyncio.run(run())

    assert refused_of(replay) == ONCE_AND_AT_ONCE * 2
