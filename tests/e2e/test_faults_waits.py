"""Waits between attempts through the real SDKs and retry libraries: asked for in full, passed in no time."""

from __future__ import annotations

import asyncio
import time

import anthropic
import anyio
import backoff
import openai
import pytest
import stamina
import tenacity

from llmreplay import always, faults, first, use_cassette

from .sdk_variants import CHAT, MESSAGES, RESPONSES, of

BOTH = [MESSAGES, CHAT]
EACH_WAY = [*of(MESSAGES, "create", "stream"), *of(CHAT, "create", "stream"), *of(RESPONSES, "create", "stream")]
A_KEY = {"api_key": "not-a-key"}


@pytest.fixture
def replay(tmp_path):
    """A cassette that does not exist, for stubs."""
    with use_cassette(tmp_path / "none.json") as replay:
        yield replay


def ask(api, **client):
    """Ask once with the blocking client."""
    return of(api, "create")[0].run("hi", **A_KEY, **client)


async def ask_async(api, **client):
    """Ask once with the async client."""
    return await of(api, "create")[1].gather("hi", **A_KEY, **client)


@pytest.mark.parametrize("variant", EACH_WAY, ids=str)
def test_thirty_seconds_are_waited_three_times(replay, variant):
    """`Retry-After: 30` three times: three waits of 30 s, none of them real."""
    replay.reply("Hello")
    replay.inject(faults.RateLimited(retry_after_s=30), on=first(3))
    began_s = time.perf_counter()

    variant.run("hi", **A_KEY, max_retries=3)

    assert replay.calls.waits_s == [30.0, 30.0, 30.0]
    assert time.perf_counter() - began_s < 30
    replay.calls.assert_retried(3, statuses=[429, 429, 429])
    replay.calls.assert_honoured_retry_after()
    assert 90 <= replay.calls.one().duration_s < 110


FORMS = {
    "seconds": (faults.RateLimited(retry_after_s=30), (30, 30), (30, 30)),
    "a fraction": (faults.RateLimited(retry_after_s=1.5), (1.5, 1.5), (1.5, 1.5)),
    "milliseconds": (faults.RateLimited(retry_after_ms=2500), (2.5, 2.5), (2.5, 2.5)),
    "both": (faults.RateLimited(retry_after_s=30, retry_after_ms=250), (0.25, 0.25), (0.25, 0.25)),
    "a date": (faults.RateLimited(retry_after_date_s=40), (38, 40), (38, 40)),
    "a past date": (faults.RateLimited(retry_after_date_s=-40), (0.375, 0.5), (0.375, 0.5)),
    "zero": (faults.RateLimited(retry_after_s=0), (0.375, 0.5), (0.375, 0.5)),
    "negative": (faults.RateLimited(retry_after_s=-5), (0.375, 0.5), (0.375, 0.5)),
    "garbage": (faults.RateLimited(retry_after="soon"), (0.375, 0.5), (0.375, 0.5)),
    "absent": (faults.RateLimited(), (0.375, 0.5), (0.375, 0.5)),
    "two minutes": (faults.RateLimited(retry_after_s=120), (120, 120), (120, 120)),
    "longer": (faults.RateLimited(retry_after_s=121), (121, 121), None),
    "an hour": (faults.Overloaded(retry_after_s=3600), (3600, 3600), None),
}


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("api", BOTH)
def test_each_form_of_retry_after_is_taken_as_in_production(replay, api, form):
    """Honoured, or replaced by the SDK's own backoff, or, at openai above two minutes, not retried at all."""
    sdk = anthropic if api == MESSAGES else openai
    if form in ("two minutes", "longer", "an hour") and int(sdk.__version__.partition(".")[0]) < 2:
        pytest.skip("before its version 2 the SDK honours no more than a minute")
    fault, *expected = FORMS[form]
    waited = expected[BOTH.index(api)]
    replay.reply("Hello")
    replay.inject(fault)

    try:
        ask(api)
    except openai.APIStatusError:
        assert waited is None

    if waited is None:
        replay.calls.assert_not_retried()
    else:
        (wait_s,) = replay.calls.waits_s
        assert waited[0] - 0.001 <= wait_s <= waited[1] + 0.001


@pytest.mark.parametrize("api", BOTH)
def test_a_wait_until_a_date_is_seen_to_be_honoured(replay, api):
    """The answer has a date of its own, as a provider's has: the other is so far from it."""
    replay.reply("hello")
    replay.inject(faults.RateLimited(retry_after_date_s=30))

    of(api, "create")[0].run("hi", **A_KEY)

    replay.calls.assert_honoured_retry_after()


@pytest.mark.parametrize("api", BOTH)
def test_without_a_header_the_sdks_back_off(replay, api):
    """Half a second, doubled up to eight, a quarter less at most."""
    replay.inject(faults.Overloaded(), on=always)

    with pytest.raises((anthropic.APIStatusError, openai.APIStatusError)):
        ask(api, max_retries=6)

    replay.calls.assert_backoff(0.5, factor=2, max_s=8, jitter=0.25)
    replay.calls.assert_gave_up_after(7)


class Retrying:
    """The retry libraries, each giving up after a hundred seconds of waits of thirty."""

    tenacity = staticmethod(
        tenacity.retry(stop=tenacity.stop_after_delay(100), wait=tenacity.wait_fixed(30), reraise=True)
    )
    backoff = staticmethod(backoff.on_exception(backoff.constant, Exception, interval=30, jitter=None, max_time=100))
    stamina = staticmethod(
        stamina.retry(on=Exception, attempts=None, timeout=100, wait_initial=30, wait_max=30, wait_jitter=0)
    )


@pytest.mark.parametrize("is_async", [False, True], ids=["sync", "async"])
@pytest.mark.parametrize("library", ["tenacity", "backoff", "stamina"])
@pytest.mark.parametrize("api", BOTH)
def test_a_retry_library_around_an_sdk_makes_one_call(replay, api, library, is_async):
    """The library's attempts are one call, its waits are seen, and its limit of a hundred seconds is met."""
    retried = getattr(Retrying, library)
    work = retried(ask_async if is_async else ask)
    replay.inject(faults.ServerError(), on=always)

    with pytest.raises((anthropic.InternalServerError, openai.InternalServerError)):
        asyncio.run(work(api, max_retries=0)) if is_async else work(api, max_retries=0)

    call = replay.calls.one()
    assert 4 <= len(call.attempts) <= 5
    assert call.waits_s[:3] == [30, 30, 30]
    assert 90 <= call.duration_s <= 130


def test_waits_of_the_sdk_and_of_the_loop_around_it_add_up(replay):
    """A loop around an SDK that retries by itself: six attempts of one call, each with its own wait."""
    replay.inject(faults.RateLimited(retry_after_s=10), on=always)
    retried = tenacity.retry(stop=tenacity.stop_after_attempt(2), wait=tenacity.wait_fixed(60), reraise=True)

    with pytest.raises(anthropic.RateLimitError):
        retried(ask)(MESSAGES)

    assert replay.calls.one().waits_s == [10, 10, 60, 10, 10]


async def by_timeout(seconds, work):
    async with asyncio.timeout(seconds):
        return await work


async def by_wait_for(seconds, work):
    return await asyncio.wait_for(work, seconds)


async def by_fail_after(seconds, work):
    with anyio.fail_after(seconds):
        return await work


DEADLINES = pytest.mark.parametrize("within", [by_timeout, by_wait_for, by_fail_after])


@DEADLINES
@pytest.mark.parametrize("api", BOTH)
async def test_a_deadline_strikes_between_attempts(replay, api, within):
    """45 s allow one wait of 30 s and half of the next."""
    replay.inject(faults.RateLimited(retry_after_s=30), on=always)

    with pytest.raises(TimeoutError):
        await within(45, ask_async(api))

    assert len(replay.calls.one().attempts) == 2


@DEADLINES
@pytest.mark.parametrize("fault", [faults.Delay(30), faults.SlowFirstToken(30), faults.SlowStream(30)], ids=repr)
async def test_a_deadline_strikes_before_a_slow_answer_and_the_next_try_gets_it(replay, within, fault):
    """The application breaks off after ten seconds and asks again: one call, two attempts, one answer."""
    stream = of(MESSAGES, "stream")[1]
    replay.reply("Hello there")
    replay.inject(fault)

    with pytest.raises(TimeoutError):
        await within(10, stream.gather("hi", **A_KEY))
    await within(10, stream.gather("hi", **A_KEY))

    call = replay.calls.one()
    assert [attempt.faults for attempt in call.attempts] == [(type(fault).__name__,), ()]
    assert call.text == "Hello there"
    assert 9.5 < call.duration_s < 28


async def test_concurrent_deadlines_strike_in_their_order(replay):
    """Of three tasks that wait for a slow answer, the least patient gives up first."""
    order = []
    replay.reply("a", "b", "c")
    replay.inject(faults.Delay(50), on=always)

    async def wait(seconds):
        try:
            await by_timeout(seconds, ask_async(MESSAGES))
        except TimeoutError:
            order.append(seconds)

    began_s = asyncio.get_running_loop().time()
    await asyncio.gather(wait(40), wait(10), wait(20))

    assert order == [10, 20, 40]
    assert 40 <= asyncio.get_running_loop().time() - began_s < 69


@pytest.mark.parametrize("is_async", [False, True], ids=["sync", "async"])
@pytest.mark.parametrize("api", [MESSAGES, CHAT, RESPONSES])
@pytest.mark.parametrize(
    ("fault", "first_token_s", "duration_s"),
    [(faults.SlowFirstToken(7), 7, 7), (faults.Delay(7), 7, 7), (faults.SlowStream(2), 0, None)],
    ids=["slow first token", "delay", "slow stream"],
)
def test_slowness_is_measured_in_virtual_seconds(replay, api, fault, first_token_s, duration_s, is_async):
    """Time to the first token and duration are those that a user would have waited."""
    replay.reply("one two three four")
    replay.inject(fault)
    began_s = time.perf_counter()

    events = of(api, "stream")[is_async].run("hi", **A_KEY)

    call = replay.calls.one()
    assert first_token_s <= call.time_to_first_token_s < first_token_s + 6
    expected_s = 2 * (len(events) - 1) if duration_s is None else duration_s
    assert expected_s - 1 <= call.duration_s < expected_s + 8
    assert time.perf_counter() - began_s < 7


def test_a_real_clock_really_waits(tmp_path):
    """`clock="real"` lets the wait pass, and shows it all the same."""
    with use_cassette(tmp_path / "none.json", clock="real") as replay:
        replay.reply("Hello")
        replay.inject(faults.RateLimited(retry_after_ms=30))
        began_s = time.perf_counter()
        ask(MESSAGES)

    assert time.perf_counter() - began_s >= 0.03
    assert replay.calls.waits_s == [0.03]
