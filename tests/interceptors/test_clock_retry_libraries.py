"""The virtual clock under retry libraries."""

import asyncio
import inspect
import time

import backoff
import pytest
import stamina
import tenacity
import tenacity.nap

from llmreplay.interceptors.clock import VirtualClock


class AFailure(Exception):
    pass


def failing_for(retrier):
    """Give a function that always fails, under a retry decorator."""

    @retrier
    def fail():
        raise AFailure

    return fail


def failing_task_for(retrier):
    """Give a coroutine function that always fails, under a retry decorator."""

    @retrier
    async def fail():
        raise AFailure

    return fail


def run(function):
    """Call a function, or run a coroutine function, that ends in `AFailure`."""
    with pytest.raises(AFailure):
        asyncio.run(function()) if inspect.iscoroutinefunction(function) else function()


either_kind = pytest.mark.parametrize("failing", [failing_for, failing_task_for], ids=["blocking", "async"])


@either_kind
def test_tenacity_waits_virtually_and_stops_in_time(failing):
    """`stop_after_delay(100)` with waits of 30 s stops after four waits."""
    function = failing(tenacity.retry(stop=tenacity.stop_after_delay(100), wait=tenacity.wait_fixed(30), reraise=True))

    with VirtualClock() as clock:
        run(function)

    assert [slept.asked_s for slept in clock.sleeps] == [30] * 4


@pytest.mark.parametrize(
    ("sleep", "failing"),
    [(time.sleep, failing_for), (tenacity.nap.sleep, failing_for), (asyncio.sleep, failing_task_for)],
    ids=["time.sleep", "tenacity.nap.sleep", "asyncio.sleep"],
)
def test_tenacity_given_a_sleep_function_before_the_test_waits_virtually(sleep, failing):
    """A `sleep=` argument that was bound when the decorator ran is virtual too."""
    function = failing(
        tenacity.retry(sleep=sleep, stop=tenacity.stop_after_attempt(3), wait=tenacity.wait_fixed(30), reraise=True)
    )

    with VirtualClock() as clock:
        run(function)

    assert [slept.asked_s for slept in clock.sleeps] == [30, 30]


def test_tenacity_decorator_made_under_the_clock_still_sees_a_coroutine_function():
    """`sleep=asyncio.sleep` written inside a test is taken for what it is: a coroutine function."""
    with VirtualClock() as clock:
        assert inspect.iscoroutinefunction(asyncio.sleep)
        assert asyncio.iscoroutinefunction(asyncio.sleep)
        assert not inspect.iscoroutinefunction(time.sleep)
        run(
            failing_task_for(
                tenacity.retry(
                    sleep=asyncio.sleep,
                    stop=tenacity.stop_after_attempt(2),
                    wait=tenacity.wait_fixed(30),
                    reraise=True,
                )
            )
        )

    assert [slept.asked_s for slept in clock.sleeps] == [30]


@either_kind
def test_backoff_waits_virtually_and_stops_in_time(failing):
    """`max_time=100` with waits of 30 s stops in time, the last wait cut to what is left."""
    function = failing(backoff.on_exception(backoff.constant, AFailure, interval=30, jitter=None, max_time=100))

    with VirtualClock() as clock:
        run(function)

    waits = [slept.asked_s for slept in clock.sleeps]
    assert waits[:3] == [30] * 3
    assert 9 < sum(waits[3:]) <= 10


@either_kind
def test_stamina_waits_virtually_and_stops_in_time(failing):
    """A time-out of 100 s with waits of 30 s stops after four waits."""
    with VirtualClock() as clock:
        run(
            failing(stamina.retry(on=AFailure, attempts=None, timeout=100, wait_initial=30, wait_max=30, wait_jitter=0))
        )

    waits = [slept.asked_s for slept in clock.sleeps]
    assert 3 <= len(waits) <= 4
    assert set(waits) == {30}
