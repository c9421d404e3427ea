"""Where the virtual clock is put."""

import asyncio
import copy
import pickle
import sys
import textwrap
import time
from types import ModuleType

import anthropic
import anyio

from llmreplay.core.clock import ClockMode
from llmreplay.interceptors.clock import VirtualClock


def a_module(monkeypatch, name, path, source):
    """Import a module from text, as if it had been imported before the test."""
    module = ModuleType(name)
    module.__file__ = path
    exec(compile(textwrap.dedent(source), path, "exec"), vars(module))
    monkeypatch.setitem(sys.modules, name, module)
    return module


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


def test_an_application_sees_the_time_that_an_sdk_made_it_wait(monkeypatch):
    """A loop with a deadline of its own stops, though it never sleeps; real time is back with the end of the clock."""
    application = a_module(
        monkeypatch,
        "bot.deadline",
        "/home/me/bot/deadline.py",
        """
        import time
        from time import monotonic as now

        def both(): return time.monotonic(), now()
        """,
    )

    with VirtualClock() as clock:
        before = application.both()
        clock.sleep(60)
        after = application.both()

    assert [60 <= late - early < 90 for early, late in zip(before, after, strict=True)] == [True, True]
    assert (application.time, application.now) == (time, time.monotonic)


def test_tests_measure_real_time(monkeypatch):
    """A test that looks how long something took is not fooled: neither this one nor one that pytest did not rewrite."""
    other = a_module(monkeypatch, "bot.test_deadline", "/home/me/bot/test_deadline.py", "import time")

    with VirtualClock() as clock:
        began_s = other.time.monotonic(), time.monotonic()
        clock.sleep(60)
        took_s = other.time.monotonic() - began_s[0], time.monotonic() - began_s[1]

    assert max(took_s) < 30
