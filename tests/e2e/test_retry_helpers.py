"""Retry loops that have others make the calls, and identical prompts side by side."""

from __future__ import annotations

import asyncio
import concurrent.futures
import time

import anthropic
import pytest

from llmreplay import faults, first, use_cassette
from llmreplay.session import LlmReplayWarning


def once(text="Hi"):
    with anthropic.Anthropic(api_key="sk-any", max_retries=0) as client:
        message = client.messages.create(
            model="claude-haiku-4-5", max_tokens=9, messages=[{"role": "user", "content": text}]
        )
    return message.content[0].text


def retry_after(error):
    return float(error.response.headers["retry-after"])


async def in_a_thread(text="Hi"):
    while True:
        try:
            return await asyncio.to_thread(once, text)
        except anthropic.RateLimitError as error:
            await asyncio.sleep(retry_after(error))


def in_a_pool():
    with concurrent.futures.ThreadPoolExecutor(1) as pool:
        while True:
            try:
                return pool.submit(once).result()
            except anthropic.RateLimitError as error:
                time.sleep(retry_after(error))


def in_loops_of_their_own():
    async def asked():
        return once()

    while True:
        try:
            return asyncio.run(asked())
        except anthropic.RateLimitError as error:
            time.sleep(retry_after(error))


@pytest.mark.parametrize(
    "application",
    [lambda: asyncio.run(in_a_thread()), in_a_pool, in_loops_of_their_own],
    ids=["to_thread", "pool", "asyncio.run"],
)
def test_a_wait_belongs_to_the_call_whoever_makes_it(tmp_path, application):
    """A loop that sleeps here and asks there honoured `retry-after`, and its waits are told."""
    with use_cassette(tmp_path / "none.json") as replay:
        replay.reply("x")
        replay.inject(faults.RateLimited(retry_after_s=30), on=first(2))

        assert application() == "x"

        replay.calls.assert_waited(30, 30)
        replay.calls.assert_honoured_retry_after()


def test_several_loops_side_by_side_keep_their_own_waits(tmp_path):
    """Each task's thread is told by whose context it carries."""

    async def several():
        return await asyncio.gather(*(in_a_thread(text) for text in ("one", "two", "three")))

    with use_cassette(tmp_path / "none.json") as replay:
        replay.reply("x", "y", "z")
        replay.inject(faults.RateLimited(retry_after_s=30), on=first(3))

        assert sorted(asyncio.run(several())) == ["x", "y", "z"]

        assert sum(replay.calls.waits_s) == 90
        replay.calls.assert_honoured_retry_after()


async def quietly():
    try:
        async with anthropic.AsyncAnthropic(api_key="sk-any", max_retries=0) as client:
            message = await client.messages.create(
                model="claude-haiku-4-5", max_tokens=9, messages=[{"role": "user", "content": "Hi"}]
            )
        return message.content[0].text
    except anthropic.APIStatusError:
        return None


@pytest.mark.parametrize("at_once", [1, 3])
def test_identical_prompts_side_by_side_are_no_retries(tmp_path, at_once):
    """A task that was there when another failed asks for itself, even if it comes to it only later."""

    async def several():
        gate = asyncio.Semaphore(at_once)

        async def one():
            async with gate:
                return await quietly()

        return await asyncio.gather(*(one() for _ in range(3)))

    with use_cassette(tmp_path / "none.json") as replay:
        replay.reply("b", "c")
        replay.inject(faults.BadRequest(), on=first(1))

        assert sorted(map(str, asyncio.run(several()))) == ["None", "b", "c"]

        replay.calls.assert_not_retried()
        assert len(replay.calls) == 3


def test_a_task_that_is_made_after_a_failure_retries(tmp_path):
    """`wait_for` makes a task for each try: they are one call."""

    async def stubborn():
        while (text := await asyncio.wait_for(asyncio.create_task(quietly()), 60)) is None:
            pass
        return text

    with use_cassette(tmp_path / "none.json") as replay:
        replay.reply("x")
        replay.inject(faults.BadRequest(), on=first(2))

        assert asyncio.run(stubborn()) == "x"

        assert [attempt.status for attempt in replay.calls.one().attempts] == [400, 400, 200]


def under(path, *injected, raises, application):
    """Run an application under faults, all of them on its first attempt; give the faults that hit it."""
    with use_cassette(path, on_unfired="warn") as replay:
        for fault in injected:
            replay.inject(fault)
        with pytest.raises(raises):
            application()
    return replay.calls.one().last.faults


def test_a_client_that_gave_up_sees_no_status(tmp_path):
    """What would come after the client's own timeout it does not see, and the fault that made it has not fired."""
    with pytest.warns(LlmReplayWarning, match=r"never fired +inject\(faults\.RateLimited"):
        fired = under(
            tmp_path / "none.json",
            faults.Delay(700),
            faults.RateLimited(),
            raises=anthropic.APITimeoutError,
            application=once_with_timeout,
        )

    assert fired == ("Delay",)


def test_a_stream_fault_where_no_answer_is_left_has_not_fired(tmp_path):
    """A cut of an answer that a status takes the place of did nothing."""
    with pytest.warns(LlmReplayWarning, match=r"never fired +inject\(faults\.CutAfter"):
        fired = under(
            tmp_path / "none.json",
            faults.CutAfter(events=3),
            faults.RateLimited(),
            raises=anthropic.RateLimitError,
            application=once,
        )

    assert fired == ("RateLimited",)


def once_with_timeout():
    with anthropic.Anthropic(api_key="sk-any", max_retries=0, timeout=10) as client:
        client.messages.create(model="claude-haiku-4-5", max_tokens=9, messages=[{"role": "user", "content": "Hi"}])
