"""Where the virtual clock is put, and that nothing of it stays behind."""

import asyncio
import copy
import inspect
import json
import pickle
import subprocess
import sys
import textwrap
import threading
import time
from datetime import UTC, datetime
from types import BuiltinFunctionType, ModuleType

import anthropic
import anyio
import backoff
import freezegun
import pytest
import stamina
import tenacity
import tenacity.nap
import time_machine

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


def a_module(monkeypatch, name, path, source):
    """Import a module from text, as if it had been imported before the test."""
    module = ModuleType(name)
    module.__file__ = path
    exec(compile(textwrap.dedent(source), path, "exec"), vars(module))
    monkeypatch.setitem(sys.modules, name, module)
    return module


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


def test_names_imported_before_the_test_are_virtual(monkeypatch):
    """`from time import sleep as nap` in an application's module, imported earlier, is virtual, then real again."""
    application = a_module(
        monkeypatch,
        "bot.retrying",
        "/home/me/bot/retrying.py",
        """
        from time import sleep as nap
        from asyncio import sleep
        from anyio import sleep as rest

        def wait(): nap(30)
        async def wait_async():
            await sleep(31)
            await rest(32)
        """,
    )

    with VirtualClock(is_retrying=lambda: True) as clock:
        application.wait()
        asyncio.run(application.wait_async())

    assert [(slept.asked_s, slept.caller) for slept in clock.sleeps] == [
        (30, "bot.retrying"),
        (31, "bot.retrying"),
        (32, "bot.retrying"),
    ]
    assert (application.nap, application.sleep, application.rest) == (time.sleep, asyncio.sleep, anyio.sleep)


def test_names_in_other_libraries_are_left_alone(monkeypatch):
    """A server in site-packages that imported `sleep` by name keeps the real one, and real time."""
    server = a_module(monkeypatch, "aserver", "/venv/site-packages/aserver.py", "import time\nfrom time import sleep")
    real = time.sleep

    with VirtualClock(ClockMode.VIRTUAL):
        assert server.sleep is real
        assert server.time is time


def test_own_packages_in_site_packages_are_the_application(monkeypatch):
    """A package named in `application_packages` is virtual where tox installed it, and only if named."""
    source = "from time import sleep\ndef wait(): sleep(0.01)"
    package = a_module(monkeypatch, "bot", "/tox/site-packages/bot.py", source)

    with VirtualClock(is_retrying=lambda: True) as unnamed:
        package.wait()
    with VirtualClock(is_retrying=lambda: True, application_packages=["bot"]) as named:
        package.wait()

    assert (len(unnamed.sleeps), len(named.sleeps)) == (0, 1)


def test_a_module_imported_under_the_clock_is_virtual_then_and_later(monkeypatch):
    """An application imported inside the test waits virtually there, and under the next clock."""
    with VirtualClock(is_retrying=lambda: True) as first:
        source = "from time import sleep, monotonic\ndef wait():\n  sleep(30); return monotonic()"
        application = a_module(monkeypatch, "bot", "/home/me/bot.py", source)
        began_s = application.monotonic()
        assert application.wait() - began_s >= 30
    with VirtualClock(is_retrying=lambda: True) as second:
        application.wait()

    assert (len(first.sleeps), len(second.sleeps)) == (1, 1)
    assert application.monotonic is time.monotonic


def test_an_sdk_imported_under_the_clock_sees_virtual_time(monkeypatch):
    """An elapsed-time loop in an SDK that is first imported inside the test ends in virtual time."""
    source = """
        import time
        def retry():
            began_s = time.time()
            while time.time() - began_s < 100:
                time.sleep(30)
        """
    with VirtualClock() as clock:
        sdk = a_module(monkeypatch, "mistralai.retries", "/venv/site-packages/mistralai/retries.py", source)
        sdk.retry()

    assert [slept.asked_s for slept in clock.sleeps] == [30] * 4
    assert sdk.time is time


def test_time_is_virtual_for_sdks_only():
    """An SDK sees the virtual seconds in every clock of `time`; the test and the rest of Python see none."""
    with VirtualClock() as clock:
        view = anthropic._base_client.time
        before = (view.time(), view.monotonic(), view.time_ns(), view.monotonic_ns(), time.time())
        clock.sleep(1000)
        after = (view.time(), view.monotonic(), view.time_ns(), view.monotonic_ns(), time.time())

        assert [1000 <= after[clock] - before[clock] < 1010 for clock in (0, 1)] == [True, True]
        assert [1000e9 <= after[clock] - before[clock] < 1010e9 for clock in (2, 3)] == [True, True]
        assert after[4] - before[4] < 10
        assert view.perf_counter is time.perf_counter


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


def test_each_test_starts_in_real_time():
    """The virtual seconds of one test are not seen by the next one's clock, in any thread."""
    with VirtualClock() as first:
        first.sleep(1000)
    with VirtualClock() as second:
        assert abs(second.time() - time.time()) < 5


def test_a_stand_in_is_copied_and_pickled_by_name():
    """A stand-in sent to another process is the function that it stands for there."""
    with VirtualClock():
        assert copy.deepcopy(time.sleep) is time.sleep
        assert pickle.loads(pickle.dumps(asyncio.sleep)) is asyncio.sleep
        assert "on the virtual clock" in repr(time.sleep)
        sent = pickle.dumps(time.sleep)

    assert pickle.loads(sent) is time.sleep


def test_a_stand_in_in_a_class_is_no_method():
    """`sleep = time.sleep` in a class body written under the clock works as with the built-in function."""
    with VirtualClock(is_retrying=lambda: True) as clock:

        class Retrier:
            sleep = time.sleep

        Retrier().sleep(30)

    assert [slept.asked_s for slept in clock.sleeps] == [30]


def test_a_lazy_module_is_not_woken(monkeypatch):
    """Looking for names to replace runs no module's own code."""

    class ALazyModule(ModuleType):
        def __getattribute__(self, name):
            raise AssertionError(name)

    monkeypatch.setitem(sys.modules, "alazymodule", ALazyModule("alazymodule"))
    monkeypatch.setitem(sys.modules, "nothing", None)

    with VirtualClock() as clock:
        assert clock.is_open


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
