"""Nothing of the virtual clock stays behind, in whatever order clocks close."""

import asyncio
import sys
import threading
import time
from types import BuiltinFunctionType, ModuleType

import anthropic
import anyio
import backoff
import pytest
import tenacity
import tenacity.nap

from llmreplay.core.clock import ClockMode
from llmreplay.interceptors.clock import VirtualClock


class AFailure(Exception):
    pass


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


def test_nothing_stays_behind():
    """After the clock every place it replaced holds again what it held, also after a failure."""
    before = patched_places()

    during = []

    def fail_under_a_clock():
        with VirtualClock():
            during.extend(patched_places())
            raise AFailure

    with pytest.raises(AFailure):
        fail_under_a_clock()

    assert isinstance(time.sleep, BuiltinFunctionType)
    assert all(one is not other for one, other in zip(before, during, strict=True))
    assert patched_places() == before


def test_install_and_uninstall_may_be_repeated():
    """A clock installed twice is uninstalled by one call, and uninstalling again does nothing."""
    before = patched_places()
    clock = VirtualClock()

    clock.install()
    clock.install()
    assert clock.is_open
    clock.uninstall()
    clock.uninstall()

    assert not clock.is_open
    assert patched_places() == before


@pytest.mark.parametrize("closed_first", ["inner", "outer"])
def test_the_innermost_clock_gets_the_wait_in_any_order_of_closing(closed_first):
    """Overlapping clocks: the innermost that is open notes the wait, and the last one restores everything."""
    before = patched_places()
    outer, inner = (VirtualClock(is_retrying=lambda: True) for _ in range(2))

    outer.install()
    time.sleep(1)
    inner.install()
    time.sleep(2)
    (inner if closed_first == "inner" else outer).uninstall()
    time.sleep(3)
    outer.uninstall()
    inner.uninstall()

    expected = {"inner": ([1, 3], [2]), "outer": ([1], [2, 3])}[closed_first]
    assert tuple([slept.asked_s for slept in clock.sleeps] for clock in (outer, inner)) == expected
    assert patched_places() == before


def test_an_outer_clock_hears_an_application_that_the_inner_does_not_wait_for():
    """A wait belongs to the clock whose call is failing; a real clock in between ends the search."""
    with VirtualClock(is_retrying=lambda: True) as outer, VirtualClock() as inner:
        time.sleep(30)
        with VirtualClock(ClockMode.REAL) as real:
            time.sleep(0.001)

    assert [len(clock.sleeps) for clock in (outer, inner, real)] == [1, 0, 0]


def test_each_test_starts_in_real_time():
    """The virtual seconds of one test are not seen by the next one's clock, in any thread."""
    with VirtualClock() as first:
        first.sleep(1000)
    with VirtualClock() as second:
        assert abs(second.time() - time.time()) < 5


def test_a_failing_installation_leaves_nothing_behind(monkeypatch):
    """An installation that breaks half-way raises, and takes back what it had put in place."""

    class ABrokenModule(ModuleType):
        @property
        def __dict__(self):
            raise AFailure

    before = patched_places()
    monkeypatch.setitem(sys.modules, "abrokenmodule", ABrokenModule("abrokenmodule"))

    with pytest.raises(AFailure):
        VirtualClock().install()

    assert patched_places() == before


def test_opening_and_closing_from_many_threads_restores_everything():
    """Clocks opened and closed by eight threads at once leave every place as it was."""
    before = patched_places()

    def open_and_close():
        for _ in range(20):
            with VirtualClock() as clock:
                tenacity.nap.sleep(1)
                clock.now()

    threads = [threading.Thread(target=open_and_close) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert patched_places() == before


def test_opening_is_cheap_with_many_modules(monkeypatch):
    """Opening and closing takes under 2 ms with 2,000 modules loaded, once they have been looked at."""
    for number in range(max(0, 2000 - len(sys.modules))):
        module = ModuleType(f"amodule{number}")
        module.__file__ = f"/home/me/amodule{number}.py"
        vars(module).update({f"name{name}": name for name in range(40)})
        monkeypatch.setitem(sys.modules, module.__name__, module)
    with VirtualClock():
        pass

    rounds = []
    for _ in range(20):
        began_s = time.perf_counter()
        with VirtualClock():
            pass
        rounds.append(time.perf_counter() - began_s)

    assert min(rounds) < (0.002 if sys.gettrace() is None else 0.02)
