"""Virtual time on event loops: the order of timers, and loops that cannot be advanced."""

import asyncio
import contextlib
import gc
import time
import weakref

import anyio
import anyio.to_thread
import pytest
import trio
import trio.testing
import uvloop

from llmreplay.core.clock import ClockMode
from llmreplay.interceptors.clock import VirtualClock
from llmreplay.interceptors.clock_loop import loop_time


async def test_timers_fire_in_the_order_of_their_time():
    """Sleeps of tasks started in any order end in the order of their time."""
    ended = []

    async def sleep_for(clock, seconds):
        await clock.sleep_async(seconds)
        ended.append(seconds)

    with VirtualClock() as clock:
        await asyncio.gather(*(sleep_for(clock, seconds) for seconds in (50, 10, 40, 20, 30)))

    assert ended == [10, 20, 30, 40, 50]


async def test_nested_deadlines_fire_inner_first():
    """Of two deadlines around a wait, the nearer one fires at its own time."""
    loop = asyncio.get_running_loop()
    began_s = loop.time()

    with VirtualClock() as clock:
        async with asyncio.timeout(40):
            with anyio.move_on_after(25) as inner:
                await clock.sleep_async(60)
            inner_s = loop.time() - began_s
            await clock.sleep_async(10)

    assert inner.cancelled_caught
    assert 25 <= inner_s < 26
    assert 35 <= loop.time() - began_s < 36


async def test_loop_time_never_goes_back():
    """A loop keeps its virtual seconds after the clock, and then runs at the pace of real time."""
    loop = asyncio.get_running_loop()
    began_s = loop.time()

    with VirtualClock() as clock:
        await clock.sleep_async(90)
    after_s, after_real_s = loop.time(), time.perf_counter()
    await asyncio.sleep(0.02)
    passed_s, passed_real_s = loop.time() - after_s, time.perf_counter() - after_real_s

    assert 90 <= after_s - began_s < 91
    assert passed_s >= 0.019
    assert abs(passed_s - passed_real_s) < 0.05


async def test_a_sleep_left_over_from_a_closed_clock_moves_nothing():
    """A task still in a virtual sleep when its clock closes does not hurry the next test on the loop."""
    with VirtualClock() as clock:
        left_over = asyncio.create_task(clock.sleep_async(1000))
        await asyncio.sleep(0)

    began_s = time.perf_counter()
    await asyncio.sleep(0.02)
    left_over.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await left_over

    assert time.perf_counter() - began_s >= 0.019


async def test_a_busy_loop_of_callbacks_is_not_held_up():
    """Ready callbacks run before time moves on: a task that only yields does so before the wait is over."""
    turns = []

    with VirtualClock() as clock:
        waits = asyncio.create_task(clock.sleep_async(90))
        for _ in range(50):
            await asyncio.sleep(0)
            turns.append(waits.done())
        await waits

    assert turns == [False] * 50


def test_loops_are_freed():
    """A loop that was advanced is freed like any other."""

    async def wait():
        with VirtualClock() as clock:
            await clock.sleep_async(30)

    loop = asyncio.new_event_loop()
    loop.run_until_complete(wait())
    loop.close()
    remains = weakref.ref(loop)
    del loop
    gc.collect()

    assert remains() is None


def test_uvloop_falls_back_and_says_so():
    """On uvloop a wait ends at once, elapsed time still counts, and the clock says what does not work."""

    async def wait(clock):
        began_s = clock.now()
        await asyncio.gather(clock.sleep_async(30), clock.sleep_async(30))
        return clock.now() - began_s

    with VirtualClock() as clock:
        assert clock.fallback is None
        passed_s = uvloop.run(wait(clock))

    assert 30 <= passed_s < 31
    assert clock.fallback == (
        "uvloop.Loop cannot be advanced: virtual waits on it end at once, and deadlines around them do not fire.\n"
        "  Run this test on asyncio's own loop, or set clock='real'."
    )


def test_uvloop_notes_waits_of_the_application():
    """On uvloop the waits of an application are noted as elsewhere."""

    async def wait():
        await asyncio.sleep(30)
        time.sleep(31)

    with VirtualClock(is_retrying=lambda: True) as clock:
        uvloop.run(wait())

    assert [slept.asked_s for slept in clock.sleeps] == [30, 31]


def test_a_loop_without_a_selector_is_not_advanced():
    """A loop of an unknown kind is left as it is."""

    class ALoop:
        pass

    assert loop_time(ALoop()) is None


def test_trio_is_left_alone():
    """Under trio, sleeps run on trio's own clock, and only there."""
    seen = []

    async def wait():
        began_s = trio.current_time()
        await anyio.sleep(30)
        await clock.sleep_async(31)
        await clock.pace_async(32, 1.0)
        seen.append(trio.current_time() - began_s)

    with VirtualClock(is_retrying=lambda: True) as clock:
        trio.run(wait, clock=trio.testing.MockClock(autojump_threshold=0))

    assert 93 <= seen[0] < 94
    assert clock.sleeps == []


@pytest.mark.parametrize("mode", list(ClockMode))
def test_each_run_of_a_loop_starts_anew(mode):
    """Loops made one after the other under one clock all work, whatever its mode."""

    async def wait(clock):
        await clock.sleep_async(0.001)
        return asyncio.get_running_loop().time()

    with VirtualClock(mode) as clock:
        times_s = [asyncio.run(wait(clock)) for _ in range(3)]

    assert times_s == sorted(times_s)


async def test_debug_mode_is_quiet(caplog):
    """A loop in debug mode does not take a virtual wait for a slow callback."""
    asyncio.get_running_loop().set_debug(True)

    with VirtualClock() as clock:
        await clock.sleep_async(90)

    assert caplog.records == []
