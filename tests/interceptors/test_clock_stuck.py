"""Loops that wait for what never comes are given up, and those that something may still wake are not."""

import _thread
import asyncio
import contextlib
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from llmreplay.interceptors import clock_stuck
from llmreplay.interceptors.clock import VirtualClock
from llmreplay.interceptors.clock_stuck import Watch

# A watch that fails to see that nothing will come waits for ever.
pytestmark = pytest.mark.timeout(120)


class GivenUp(BaseException):
    """Stands for the refusal of a recorder."""


@pytest.fixture(autouse=True)
def _hurry(monkeypatch):
    monkeypatch.setattr(clock_stuck, "GRACE_S", 0.1)


def run_watched(main, *, places=None):
    """Run a coroutine function on a loop of its own that is watched."""
    noted = [] if places is None else places

    def refuse(place):
        noted.append(place)
        return GivenUp(place)

    async def watched(clock):
        clock.watch(Watch(refuse, is_on=lambda: clock.is_open))
        return await main()

    with VirtualClock() as clock:
        return asyncio.run(watched(clock))


async def wait_for_an_event():
    await asyncio.Event().wait()


async def wait_for_a_queue():
    await asyncio.Queue().get()


async def wait_for_a_future():
    await asyncio.get_running_loop().create_future()


async def wait_for_a_task():
    await asyncio.create_task(wait_for_an_event())


async def wait_for_several():
    await asyncio.gather(wait_for_an_event(), wait_for_a_queue())


async def wait_in_a_group():
    async with asyncio.TaskGroup() as group:
        group.create_task(wait_for_an_event())


@pytest.mark.parametrize(
    "main",
    [
        wait_for_an_event,
        wait_for_a_queue,
        wait_for_a_future,
        wait_for_a_task,
        wait_for_several,
        wait_in_a_group,
    ],
)
def test_a_wait_that_nothing_ends_is_given_up(main):
    """The run ends with what is raised for it, and it is told once where it waited."""
    places = []

    with pytest.raises(GivenUp):
        run_watched(main, places=places)

    assert len(places) == 1
    assert f"{__file__}:" in places[0]


def test_a_thread_that_threading_does_not_know_is_no_new_one_if_it_was_there_before():
    """A worker of a test runner is read to by such a thread: what it waits for is no sign of work for a test."""
    lock = threading.Lock()
    lock.acquire()
    number = _thread.start_new_thread(lambda: lock.acquire(), ())
    while number not in sys._current_frames():
        time.sleep(0.01)

    before, after = Watch(GivenUp, lambda: True), Watch(GivenUp, lambda: True)
    before._numbers -= {number}
    lock.release()

    assert before._is_new(number, None)
    assert not after._is_new(number, None)


def test_a_wait_that_goes_on_after_it_was_given_up_is_ended_all_the_same():
    """An application that swallows what its task is told cannot keep its loop."""

    async def go_on():
        for _ in range(2):
            with contextlib.suppress(GivenUp, asyncio.CancelledError):
                await asyncio.Event().wait()

    with pytest.raises(GivenUp):
        run_watched(go_on)


def test_a_loop_is_its_own_again_once_the_clock_is_closed():
    """After the test a loop waits as long as it likes."""
    places = []

    async def main():
        with VirtualClock() as clock:
            clock.watch(Watch(places.append, is_on=lambda: clock.is_open))
        done = asyncio.Event()
        threading.Thread(target=wake_later, args=(asyncio.get_running_loop(), done.set)).start()
        await done.wait()
        return done.is_set()

    assert asyncio.run(main())
    assert places == []


def wake_later(loop, wake, after_s=0.4):
    """Wake a loop from another thread, after more real time than a still loop gets."""
    time.sleep(after_s)
    loop.call_soon_threadsafe(wake)


async def woken_by_a_thread():
    done = asyncio.Event()
    threading.Thread(target=wake_later, args=(asyncio.get_running_loop(), done.set)).start()
    await done.wait()


async def woken_by_a_timer_thread():
    loop, done = asyncio.get_running_loop(), asyncio.Event()
    threading.Timer(0.4, loop.call_soon_threadsafe, [done.set]).start()
    await done.wait()


async def woken_by_the_default_executor():
    await asyncio.to_thread(time.sleep, 0.4)


async def woken_by_a_pool_whose_work_waits():
    event = threading.Event()
    with ThreadPoolExecutor() as pool:
        waits = asyncio.get_running_loop().run_in_executor(pool, event.wait)
        threading.Timer(0.4, event.set).start()
        await waits


async def woken_by_a_process():
    process = await asyncio.create_subprocess_exec(sys.executable, "-S", "-c", "import time; time.sleep(0.4)")
    await process.wait()


async def woken_by_a_process_of_a_thread():
    await asyncio.to_thread(subprocess.run, [sys.executable, "-S", "-c", "import time; time.sleep(0.4)"], check=True)


async def woken_by_a_socket():
    loop = asyncio.get_running_loop()
    ours, theirs = socket.socketpair()
    with ours, theirs:
        ours.setblocking(False)
        threading.Timer(0.4, theirs.send, [b"x"]).start()
        await loop.sock_recv(ours, 1)


async def woken_by_a_signal():
    loop, done = asyncio.get_running_loop(), asyncio.Event()
    loop.add_signal_handler(signal.SIGUSR1, done.set)
    with subprocess.Popen(["sh", "-c", f"sleep 0.4; kill -USR1 {os.getpid()}"]):
        await done.wait()
    loop.remove_signal_handler(signal.SIGUSR1)


async def woken_by_another_loop():
    loop, done = asyncio.get_running_loop(), asyncio.Event()

    async def wake():
        await asyncio.sleep(0.4)
        loop.call_soon_threadsafe(done.set)

    threading.Thread(target=lambda: asyncio.run(wake())).start()
    await done.wait()


async def woken_by_a_real_timer():
    await asyncio.wait([asyncio.create_task(asyncio.sleep(0.4))])


@pytest.mark.parametrize(
    "main",
    [
        woken_by_a_thread,
        woken_by_a_timer_thread,
        woken_by_the_default_executor,
        woken_by_a_pool_whose_work_waits,
        woken_by_a_process,
        woken_by_a_process_of_a_thread,
        woken_by_a_socket,
        woken_by_a_signal,
        woken_by_another_loop,
        woken_by_a_real_timer,
    ],
)
def test_a_wait_that_something_ends_is_not_given_up(main):
    """However long it takes in real time: what may still wake the loop is waited for."""
    places = []

    run_watched(main, places=places)

    assert places == []


@pytest.mark.parametrize("wait", [lambda event: event.wait(), lambda event: event.wait(60)], ids=["for ever", "long"])
def test_a_thread_that_was_there_before_and_waits_keeps_nothing_alive(wait):
    """A timer of a test runner, or a worker that waits for work, wakes nobody."""
    event = threading.Event()
    threading.Thread(target=wait, args=(event,), daemon=True).start()

    try:
        with pytest.raises(GivenUp):
            run_watched(wait_for_an_event)
    finally:
        event.set()


def test_a_loop_of_another_thread_that_was_there_before_and_has_a_timer_may_wake_it():
    """A client that lives on a loop of its own in the background gets its time."""
    background = asyncio.new_event_loop()
    thread = threading.Thread(target=background.run_forever)
    thread.start()
    places = []

    async def main():
        return await asyncio.wrap_future(asyncio.run_coroutine_threadsafe(asyncio.sleep(0.4, "awake"), background))

    try:
        woken = run_watched(main, places=places)
    finally:
        background.call_soon_threadsafe(background.stop)
        thread.join()
        background.close()

    assert (woken, places) == ("awake", [])


def test_a_server_in_another_thread_keeps_nothing_alive():
    """A server that only waits for connections wakes no loop that has none."""
    server = asyncio.new_event_loop()
    serving = server.run_until_complete(asyncio.start_server(lambda reader, writer: None, "127.0.0.1", 0))
    thread = threading.Thread(target=server.run_forever)
    thread.start()

    try:
        with pytest.raises(GivenUp):
            run_watched(wait_for_an_event)
    finally:
        server.call_soon_threadsafe(serving.close)
        server.call_soon_threadsafe(server.stop)
        thread.join()
        server.close()
