"""The virtual clock under an application's own waits, and the recorder's delays."""

import asyncio
import sys
import time
from math import inf

import anyio
import pytest

from llmreplay.core.clock import Clock, ClockMode, Sleep
from llmreplay.interceptors.clock import VirtualClock


def real_seconds(action):
    began = time.perf_counter()
    action()
    return time.perf_counter() - began


def test_application_waits_are_virtual_while_a_call_is_failing():
    """`time.sleep(2 ** attempt)` in user code takes no time once a call has failed, and is noted."""
    with VirtualClock(is_retrying=lambda: True) as clock:
        took_s = real_seconds(lambda: [time.sleep(2**attempt) for attempt in range(4)])

    assert took_s < 1
    assert [slept.asked_s for slept in clock.sleeps] == [1, 2, 4, 8]
    assert {slept.caller for slept in clock.sleeps} == {__name__}


async def test_application_tasks_wait_virtually_while_a_call_is_failing():
    """`asyncio.sleep` and `anyio.sleep` in user code are virtual once a call has failed, in helpers too."""
    with VirtualClock(is_retrying=lambda: True) as clock:
        began_s = time.perf_counter()
        assert await asyncio.sleep(50, "result") == "result"
        assert await asyncio.wait_for(asyncio.sleep(delay=51), 52) is None
        await anyio.sleep(53)
        await asyncio.create_task(asyncio.sleep(54))
        await asyncio.to_thread(time.sleep, 55)

    assert time.perf_counter() - began_s < 2
    assert [slept.asked_s for slept in clock.sleeps] == [50, 51, 53, 54, 55]


async def test_other_waits_of_the_application_stay_real():
    """Without a failing call an application's sleeps take their time and are not noted."""
    with VirtualClock() as clock:
        began_s = time.perf_counter()
        time.sleep(0.02)
        await asyncio.sleep(0.02)
        await anyio.sleep(0.02)

    assert time.perf_counter() - began_s >= 0.055
    assert clock.sleeps == []


async def test_in_virtual_mode_every_wait_of_the_application_is_virtual():
    """`clock="virtual"` makes an application's sleeps virtual though nothing has failed."""
    with VirtualClock(ClockMode.VIRTUAL) as clock:
        began_s = time.perf_counter()
        time.sleep(60)
        await asyncio.sleep(60)

    assert time.perf_counter() - began_s < 1
    assert [slept.asked_s for slept in clock.sleeps] == [60, 60]


def test_each_wait_is_reported_as_it_ends():
    """`on_sleep` is told what was asked, by whom and when, before the caller goes on."""
    told: list[Sleep] = []

    with VirtualClock(is_retrying=lambda: True, on_sleep=told.append) as clock:
        began_s = clock.now()
        time.sleep(7)
        assert len(told) == 1

    (slept,) = told
    assert (slept.asked_s, slept.slept_s, slept.caller, slept.is_cancelled) == (7, 7, __name__, False)
    assert 0 <= slept.started_s - began_s < 1


def test_a_sleep_on_behalf_of_the_recorder_is_no_wait():
    """A delay that a fault or a chunk asks for moves the clock and is not noted as a wait."""
    with VirtualClock() as clock:
        began_s, began_unix_s = clock.now(), clock.time()
        clock.sleep(60)
        passed_s, passed_unix_s = clock.now() - began_s, clock.time() - began_unix_s

    assert 60 <= passed_s < 61
    assert 59 < passed_unix_s < 61
    assert clock.sleeps == []


async def test_a_delay_of_the_recorder_respects_deadlines():
    """A time-out of 45 s around a delay of 60 s fires at 45 virtual seconds."""
    loop = asyncio.get_running_loop()
    began_s = loop.time()

    with VirtualClock() as clock, pytest.raises(TimeoutError):
        async with asyncio.timeout(45):
            await clock.sleep_async(60)

    assert 45 <= loop.time() - began_s < 46


async def test_a_blocking_delay_inside_a_loop_moves_the_loop():
    """A client that blocks the loop for 60 virtual seconds makes a time-out of 45 s fire afterwards."""

    async def block():
        clock.sleep(60)
        await asyncio.sleep(0.001)

    with VirtualClock() as clock, pytest.raises(TimeoutError):
        await asyncio.wait_for(block(), 45)


@pytest.mark.parametrize("seconds", [0, -1])
async def test_a_delay_of_nothing_is_none(seconds):
    """A delay of zero or less returns at once."""
    with VirtualClock() as clock:
        began_s = clock.now()
        clock.sleep(seconds)
        await clock.sleep_async(seconds)

        assert clock.now() - began_s < 1


async def test_a_delay_without_end_is_refused():
    """A delay for ever is an error that says so: virtual time would never come back."""
    with VirtualClock() as clock, pytest.raises(ValueError, match="end of time; give a number of seconds"):
        clock.sleep(inf)


async def test_speed_paces_chunks_in_real_time():
    """Speed 0 lets a recorded gap pass unnoticed; any other speed takes that share of it in real time."""
    clock = VirtualClock()

    at_once_s = real_seconds(lambda: clock.pace(60, 0))
    began_s = time.perf_counter()
    clock.pace(0.02, 1.0)
    await clock.pace_async(0.01, 2)
    paced_s = time.perf_counter() - began_s
    await clock.pace_async(60, 0)

    assert at_once_s < 1
    assert 0.04 <= paced_s < 1


def test_a_bounded_loop_of_the_application_ends():
    """A loop that retries for 100 s and sleeps 30 s ends after four sleeps, not after 100 real seconds."""

    def retry_for(budget_s):
        began_s = time.monotonic()
        while time.monotonic() - began_s < budget_s:
            time.sleep(30)

    with VirtualClock(is_retrying=lambda: True) as clock:
        retry_for(100)

    assert [slept.asked_s for slept in clock.sleeps] == [30] * 4
    assert time is sys.modules["time"]


@pytest.mark.parametrize("seconds", [0, -1])
def test_a_sleep_of_nothing_is_left_to_the_real_function(seconds):
    """`time.sleep(0)` yields and `time.sleep(-1)` is an error, under the clock as without it."""
    with VirtualClock(ClockMode.VIRTUAL) as clock:
        if seconds < 0:
            with pytest.raises(ValueError, match="non-negative"):
                time.sleep(seconds)
        else:
            time.sleep(seconds)

    assert clock.sleeps == []


def test_it_is_a_clock():
    """A virtual clock gives seconds that a recorder can use, installed or not."""
    clock: Clock = VirtualClock()

    assert abs(clock.time() - time.time()) < 5
    assert clock.now() <= clock.now()
