"""The virtual clock under the SDKs."""

import asyncio
import threading
import time

import anthropic
import anyio
import httpx2
import openai
import pytest

from llmreplay.core.clock import ClockMode
from llmreplay.interceptors.clock import VirtualClock

MESSAGES = [{"role": "user", "content": "hi"}]


ANTHROPIC_ANSWER = {
    "id": "msg_1",
    "type": "message",
    "role": "assistant",
    "model": "claude",
    "content": [{"type": "text", "text": "Hello"}],
    "stop_reason": "end_turn",
    "stop_sequence": None,
    "usage": {"input_tokens": 1, "output_tokens": 1},
}


OPENAI_ANSWER = {
    "id": "c_1",
    "object": "chat.completion",
    "created": 1,
    "model": "gpt",
    "choices": [{"index": 0, "finish_reason": "stop", "message": {"role": "assistant", "content": "Hello"}}],
}


class AProvider:
    """Fails so many attempts of each call with `Retry-After: 30`, then answers."""

    def __init__(self) -> None:
        self.failures = 3
        self.retry_after = "30"
        self.attempts = 0

    def answer(self, request):
        self.attempts += 1
        if int(request.headers["x-stainless-retry-count"]) < self.failures:
            return httpx2.Response(429, headers={"retry-after": self.retry_after}, json={})
        is_anthropic = "/messages" in str(request.url)
        return httpx2.Response(200, json=ANTHROPIC_ANSWER if is_anthropic else OPENAI_ANSWER)


@pytest.fixture
def provider(monkeypatch):
    a_provider = AProvider()

    async def answer_async(transport, request):
        return a_provider.answer(request)

    monkeypatch.setattr(httpx2.HTTPTransport, "handle_request", lambda self, request: a_provider.answer(request))
    monkeypatch.setattr(httpx2.AsyncHTTPTransport, "handle_async_request", answer_async)
    return a_provider


def ask(sdk):
    if sdk == "anthropic":
        with anthropic.Anthropic(api_key="x", max_retries=3) as client:
            message = client.messages.create(model="claude", max_tokens=9, messages=MESSAGES)
        return message.content[0].text
    with openai.OpenAI(api_key="x", max_retries=3) as client:
        completion = client.chat.completions.create(model="gpt", messages=MESSAGES)
    return completion.choices[0].message.content


async def ask_async(sdk):
    if sdk == "anthropic":
        async with anthropic.AsyncAnthropic(api_key="x", max_retries=3) as client:
            message = await client.messages.create(model="claude", max_tokens=9, messages=MESSAGES)
        return message.content[0].text
    async with openai.AsyncOpenAI(api_key="x", max_retries=3) as client:
        completion = await client.chat.completions.create(model="gpt", messages=MESSAGES)
    return completion.choices[0].message.content


async def with_wait_for(seconds, sdk):
    return await asyncio.wait_for(ask_async(sdk), seconds)


async def with_timeout(seconds, sdk):
    async with asyncio.timeout(seconds):
        return await ask_async(sdk)


async def with_fail_after(seconds, sdk):
    with anyio.fail_after(seconds):
        return await ask_async(sdk)


both_sdks = pytest.mark.parametrize("sdk", ["anthropic", "openai"])


each_deadline = pytest.mark.parametrize("deadline", [with_wait_for, with_timeout, with_fail_after])


def real_seconds(action):
    began = time.perf_counter()
    action()
    return time.perf_counter() - began


@both_sdks
def test_retries_of_a_blocking_client_take_no_time(provider, sdk):
    """Three waits of 30 s are asked for, noted, and over in a moment."""
    with VirtualClock() as clock:
        began_s = clock.now()
        took_s = real_seconds(lambda: ask(sdk))
        passed_s = clock.now() - began_s

    assert provider.attempts == 4
    assert [slept.asked_s for slept in clock.sleeps] == [30, 30, 30]
    assert took_s < 2
    assert 90 <= passed_s < 92


@both_sdks
async def test_retries_of_an_async_client_take_no_time(provider, sdk):
    """Three waits of 30 s are asked for, noted, and over in a moment, for the loop as for us."""
    loop = asyncio.get_running_loop()
    began_s, began_real_s = loop.time(), time.perf_counter()

    with VirtualClock() as clock:
        assert await ask_async(sdk) == "Hello"

    assert [slept.asked_s for slept in clock.sleeps] == [30, 30, 30]
    assert time.perf_counter() - began_real_s < 2
    assert 90 <= loop.time() - began_s < 92


@both_sdks
@each_deadline
async def test_a_deadline_fires_between_retries(provider, sdk, deadline):
    """A deadline of 45 s fires at 45 virtual seconds, in the middle of the second wait of 30 s."""
    loop = asyncio.get_running_loop()
    began_s = loop.time()

    with VirtualClock() as clock, pytest.raises(TimeoutError):
        await deadline(45, sdk)

    first, second = clock.sleeps
    assert 45 <= loop.time() - began_s < 46
    assert (first.slept_s, first.is_cancelled) == (30, False)
    assert second.is_cancelled
    assert 14 < second.slept_s <= 15


@each_deadline
async def test_a_deadline_further_away_does_not_fire(provider, deadline):
    """A deadline of 100 s leaves 90 s of waits alone."""
    with VirtualClock():
        assert await deadline(100, "anthropic") == "Hello"


async def test_concurrent_waits_overlap(provider):
    """Ten calls that wait 90 s each take 90 virtual seconds together, not 900."""
    loop = asyncio.get_running_loop()
    began_s = loop.time()

    with VirtualClock() as clock:
        async with asyncio.timeout(95):
            await asyncio.gather(*(ask_async("anthropic") for _ in range(10)))

    assert [slept.asked_s for slept in clock.sleeps] == [30] * 30
    assert 90 <= loop.time() - began_s < 92


def test_threads_wait_apart(provider):
    """Eight threads note all their waits, and leave the time of this one where it was."""
    threads = [threading.Thread(target=ask, args=("anthropic",)) for _ in range(8)]

    with VirtualClock() as clock:
        began_s = clock.now()
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        passed_s = clock.now() - began_s

    assert [slept.asked_s for slept in clock.sleeps] == [30] * 24
    assert passed_s < 5


async def test_a_blocking_client_in_a_worker_thread_takes_no_time(provider):
    """`to_thread` around a client that waits 90 s answers at once."""
    with VirtualClock() as clock:
        async with asyncio.timeout(60):
            assert await asyncio.to_thread(ask, "anthropic") == "Hello"

    assert [slept.asked_s for slept in clock.sleeps] == [30, 30, 30]


async def test_a_background_task_ticks_in_order(provider):
    """A heartbeat every 10 s beats eight or nine times while a client waits 90 s."""
    beats = []

    async def beat():
        while True:
            await asyncio.sleep(10)
            beats.append(1)

    with VirtualClock():
        heart = asyncio.create_task(beat())
        await ask_async("openai")
        heart.cancel()

    assert len(beats) in (8, 9)


def test_a_date_in_retry_after_is_waited_for_once(provider):
    """A `Retry-After` date is met after one wait: the SDK's clock has moved as far as it slept."""
    provider.retry_after = time.strftime("%a, %d %b %Y %H:%M:%S GMT", time.gmtime(time.time() + 40))

    with VirtualClock() as clock:
        ask("anthropic")

    first, *others = [slept.asked_s for slept in clock.sleeps]
    assert 38 < first <= 40
    assert all(wait < 9 for wait in others)


async def test_a_cancelled_wait_is_noted_as_such(provider):
    """A task cancelled in its first wait leaves one sleep, cut short."""
    with VirtualClock() as clock:
        task = asyncio.create_task(ask_async("anthropic"))
        while not provider.attempts:
            await asyncio.sleep(0)
        for _ in range(20):
            await asyncio.sleep(0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    assert len(clock.sleeps) <= 1
    assert all(slept.is_cancelled for slept in clock.sleeps)


def test_in_real_mode_waits_are_real_and_noted(provider):
    """`clock="real"` lets the waits of an SDK pass, and still says what they were."""
    provider.retry_after, provider.failures = "0.02", 2

    with VirtualClock(ClockMode.REAL) as clock:
        began_s = clock.now()
        took_s = real_seconds(lambda: ask("anthropic"))
        passed_s = clock.now() - began_s

    assert [slept.asked_s for slept in clock.sleeps] == [0.02, 0.02]
    assert took_s >= 0.04
    assert passed_s < 5


async def test_in_real_mode_a_loop_keeps_its_own_time(provider):
    """`clock="real"` neither hooks the loop nor shows virtual time to anybody."""
    provider.retry_after, provider.failures = "0.02", 1
    loop = asyncio.get_running_loop()

    with VirtualClock(ClockMode.REAL) as clock:
        await ask_async("openai")
        await clock.sleep_async(0.001)
        assert anthropic._base_client.time is time

    assert [slept.asked_s for slept in clock.sleeps] == [0.02]
    assert "time" not in vars(loop)


def test_a_provider_that_asks_to_wait_is_really_waited_for(provider):
    """A wait is real while `is_live` says that a provider itself, not a recording, asked for it."""
    provider.retry_after, provider.failures = "0.03", 1

    with VirtualClock(is_live=lambda: True) as clock:
        took_s = real_seconds(lambda: ask("anthropic"))

    assert took_s >= 0.03
    assert len(clock.sleeps) == 1
