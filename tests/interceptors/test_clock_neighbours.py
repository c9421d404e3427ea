"""The virtual clock beside others that replace the same functions."""

import asyncio
import json
import subprocess
import sys
import time
from datetime import UTC, datetime

import anthropic
import anyio
import backoff
import freezegun
import tenacity
import tenacity.nap
import time_machine

from llmreplay.interceptors.clock import VirtualClock


def patched_places():
    """Give everything that a clock may replace, as it is now."""
    return (
        time.sleep,
        asyncio.sleep,
        asyncio.tasks.sleep,
        anyio.sleep,
        anthropic._base_client.time,
        tenacity.nap.time,
        backoff._sync.datetime,
        "sleep" in vars(tenacity.BaseRetrying),
    )


def test_a_patch_over_ours_is_not_taken_back(monkeypatch):
    """A test that replaces `time.sleep` under the clock keeps its own, and gets what SDKs ask for."""
    asked = []

    with VirtualClock() as clock:
        ours = time.sleep
        monkeypatch.setattr(time, "sleep", asked.append)
        anthropic._base_client.time.sleep(30)
    still = time.sleep
    monkeypatch.undo()

    assert asked == [30]
    assert clock.sleeps == []
    assert still == asked.append
    assert time.sleep is ours  # put back by monkeypatch, and without a clock it does what time.sleep does
    with VirtualClock():
        pass
    assert time.sleep is not ours


def test_a_wrapper_over_ours_does_not_go_round_in_circles(monkeypatch):
    """A wrapper that outlives the clock and calls what it wrapped still sleeps under the next clock."""
    calls = []

    def wrapped_by_somebody(inner):
        return lambda seconds: (calls.append(seconds), inner(seconds))

    with monkeypatch.context() as patch:
        with VirtualClock():
            patch.setattr(time, "sleep", wrapped_by_somebody(time.sleep))
        with VirtualClock(is_retrying=lambda: True) as clock:
            time.sleep(0.001)
    with VirtualClock():
        pass

    assert calls == [0.001]
    assert len(clock.sleeps) == 1


def test_a_patch_under_ours_gets_the_sleeps_that_are_not_virtual(monkeypatch):
    """A test that replaced `time.sleep` before the clock came still gets its own sleeps, not the SDK's."""
    asked = []
    monkeypatch.setattr(time, "sleep", asked.append)

    with VirtualClock() as clock:
        time.sleep(5)
        tenacity.nap.sleep(30)

    assert asked == [5]
    assert [slept.asked_s for slept in clock.sleeps] == [30]
    assert time.sleep == asked.append


def test_a_patch_inside_an_sdk_lasts_no_longer_than_the_test(monkeypatch):
    """`anthropic._base_client.time.sleep`, replaced by a test, is the test's, and gone with the clock."""
    asked = []

    with VirtualClock():
        anthropic._base_client.time.sleep = asked.append
        anthropic._base_client.time.sleep(30)
    with VirtualClock() as clock:
        anthropic._base_client.time.sleep(0.0)
        tenacity.nap.sleep(31)

    assert asked == [30]
    assert [slept.asked_s for slept in clock.sleeps] == [31]


def test_a_frozen_time_of_day_is_moved_on_by_waits():
    """Under freezegun an SDK sees the frozen date plus its waits; our own seconds go on."""
    before = patched_places()
    frozen = datetime(2030, 1, 1, tzinfo=UTC)

    with freezegun.freeze_time(frozen), VirtualClock() as clock:
        began_s = clock.now()
        tenacity.nap.sleep(30)
        seen_s, clock_s = anthropic._base_client.time.time(), clock.time()
        assert clock.now() > began_s + 30

    assert seen_s == clock_s == frozen.timestamp() + 30
    assert patched_places() == before


def test_freezing_inside_and_beyond_the_clock_leaves_nothing_behind():
    """A freezegun that starts under the clock and ends after it restores the same functions as ever."""
    before, monotonic = patched_places(), time.monotonic
    freezer = freezegun.freeze_time("2030-01-01")

    with VirtualClock():
        freezer.start()
    freezer.stop()

    assert patched_places() == before
    assert time.monotonic is monotonic


def test_travelling_with_time_machine_is_moved_on_by_waits():
    """Under time-machine an SDK sees the travelled date plus its waits."""
    with time_machine.travel(datetime(2030, 1, 1, tzinfo=UTC), tick=False), VirtualClock() as clock:
        tenacity.nap.sleep(30)

        assert anthropic._base_client.time.time() == datetime(2030, 1, 1, 0, 0, 30, tzinfo=UTC).timestamp()

    assert [slept.asked_s for slept in clock.sleeps] == [30]


IMPORTED_FROZEN = """
import freezegun, json, time
freezer = freezegun.freeze_time("2030-01-01")
freezer.start()
from llmreplay.interceptors.clock import VirtualClock
import tenacity.nap
clock = VirtualClock()
before = clock.now()
with clock:
    tenacity.nap.sleep(30)
freezer.stop()
with VirtualClock():
    pass
print(json.dumps([before > 0, clock.now() != before, type(time.monotonic).__name__, type(time.time).__name__]))
"""


def test_first_imported_in_frozen_time_the_clock_still_runs():
    """Our first import under freezegun leaves us real seconds and Python its real functions."""
    done = subprocess.run(
        [sys.executable, "-X", "dev", "-W", "error", "-c", IMPORTED_FROZEN], capture_output=True, text=True, check=False
    )

    assert done.stderr == ""
    function = "builtin_function_or_method"
    assert json.loads(done.stdout) == [True, True, function, function]
