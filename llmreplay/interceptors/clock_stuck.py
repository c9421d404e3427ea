"""A loop that waits for what never comes: how that is known, and how its run is brought to an end."""

from __future__ import annotations

import asyncio
import os
import selectors
import socket
import stat
import sys
import threading
from asyncio.base_events import _run_until_complete_cb  # type: ignore[attr-defined]
from collections.abc import Callable, Mapping
from types import FrameType
from typing import Any
from weakref import WeakSet

from llmreplay.interceptors.clock_names import LIBRARY_FOLDERS
from llmreplay.interceptors.clock_time import UNPATCHED_TIME
from llmreplay.interceptors.clock_workers import is_busy_worker

GRACE_S = 1.0
"""Real seconds for which nothing may happen that could wake a loop, before it is given up."""
_SLICE_S = 0.02

_SELECTORS = selectors.SelectSelector.select.__code__.co_filename
_THREADING = threading.Thread.run.__code__.co_filename
_NO_LIMIT = (None, -1)
_TIME_LIMITED = frozenset({"wait", "wait_for", "_wait_for_tstate_lock", "join"})


class Watch:
    """Looks out for loops that nothing will ever wake.

    Attributes:
        is_on: Says whether it still looks out.
    """

    def __init__(self, refuse: Callable[[str], BaseException], is_on: Callable[[], bool]) -> None:
        """Begin to look out.

        Args:
            refuse: Notes that a loop was given up, told in words what it waits for, and gives what is raised there.
            is_on: Says whether it still looks out.
        """
        self.is_on = is_on
        self._refuse = refuse
        self._threads = WeakSet(threading.enumerate())
        # Not every thread is one of `threading`: a test runner's own may be none.
        self._numbers = frozenset(sys._current_frames())
        self._has_thrown = False

    def select(self, loop: Any, real_select: Callable[[float | None], Any]) -> Any:
        """Wait for events as a loop's selector does that has no timer; give the loop up if none can come.

        Raises:
            BaseException: What `refuse` gave, if the application swallowed that before.
        """
        still_until_s = UNPATCHED_TIME.monotonic() + GRACE_S
        while _has_only_itself(loop):
            events = real_select(_SLICE_S)
            if events or loop._ready or not self.is_on():
                return events
            now_s = UNPATCHED_TIME.monotonic()
            if self._may_another_thread_act():
                still_until_s = now_s + GRACE_S
            elif now_s >= still_until_s:
                self._give_up(loop)
                return ()
        return real_select(None)

    def _may_another_thread_act(self) -> bool:
        """Say whether a thread may wake the loop yet: one that does not itself wait for somebody else."""
        threads = {thread.ident: thread for thread in threading.enumerate()}
        here = threading.get_ident()
        return any(
            number != here and _may_act(frame, is_new=self._is_new(number, threads.get(number)))
            for number, frame in sys._current_frames().items()
        )

    def _is_new(self, number: int, thread: threading.Thread | None) -> bool:
        return number not in self._numbers if thread is None else thread not in self._threads

    def _give_up(self, loop: Any) -> None:
        task, waited_for = _wait_of(_main_task(loop))
        error = self._refuse(_place_of(task))
        if waited_for is None or waited_for.done() or self._has_thrown:
            # The application goes on after all that its tasks are told: the run itself has to end.
            raise error
        self._has_thrown = True
        waited_for.set_exception(error)


def _has_only_itself(loop: Any) -> bool:
    """Say whether a loop listens to nothing but its own pipe, and to no signals."""
    watched = loop._selector.get_map()
    return watched is not None and len(watched) <= 1 and not getattr(loop, "_signal_handlers", None)


def _may_act(innermost: FrameType, *, is_new: bool) -> bool:
    """Say whether a thread does something, or waits for time or input, and not for another thread.

    Args:
        innermost: Where it is.
        is_new: Whether it was started under watch. Of those that were there before, such as a test runner's own, a
            limited wait and whatever goes on in libraries are no sign of work for this test.
    """
    is_busy = is_busy_worker(innermost)
    if is_busy is not None:
        return is_busy
    place, names = innermost.f_code, innermost.f_locals
    if place.co_filename == _SELECTORS:
        return not _only_serves(names.get("self"), has_timer=names.get("timeout") not in _NO_LIMIT)
    if place.co_filename == _THREADING and place.co_name in _TIME_LIMITED:
        return is_new and names.get("timeout") not in _NO_LIMIT
    return is_new or not _is_library(place.co_filename)


def _only_serves(selector: Any, *, has_timer: bool) -> bool:
    """Say whether a selector waits for nothing but new connections, or for a word from another thread to its loop."""
    try:
        others = [key.fd for key in list(selector.get_map().values()) if not _listens(key.fd)]
        return not others or (len(others) == 1 and _is_socket(others[0]) and not has_timer)
    except (AttributeError, OSError, RuntimeError):
        # It was closed, or changed, meanwhile.
        return False


def _listens(number: int) -> bool:
    if not _is_socket(number):
        return False
    with socket.socket(fileno=os.dup(number)) as same:
        return bool(same.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN))


def _is_socket(number: int) -> bool:
    return stat.S_ISSOCK(os.fstat(number).st_mode)


def _is_library(path: str) -> bool:
    return path.startswith(("<", *LIBRARY_FOLDERS)) or "site-packages" in path or "dist-packages" in path


def _main_task(loop: Any) -> asyncio.Task[Any] | None:
    """Find the task that a loop's run ends with; under anyio's pytest plugin, the one that runs the tests."""
    for task in asyncio.all_tasks(loop):
        if any(callback[0] is _run_until_complete_cb for callback in getattr(task, "_callbacks", None) or ()):
            frame = getattr(task.get_coro(), "cr_frame", None)
            names: Mapping[str, Any] = {} if frame is None else frame.f_locals
            runner = getattr(names.get("self"), "_runner_task", None)
            return runner if isinstance(runner, asyncio.Task) else task
    return None


def _wait_of(task: asyncio.Task[Any] | None) -> tuple[asyncio.Task[Any] | None, asyncio.Future[Any] | None]:
    """Follow a task to the one that it waits for in the end, and give that one with what it waits for."""
    waited_for = getattr(task, "_fut_waiter", None)
    while isinstance(waited_for, asyncio.Task):
        task, waited_for = waited_for, getattr(waited_for, "_fut_waiter", None)
    return task, waited_for


def _place_of(task: asyncio.Task[Any] | None) -> str:
    """Tell where a task waits: the innermost line that is no library's."""
    place = "a task"
    step: Any = None if task is None else task.get_coro()
    while step is not None:
        frame = getattr(step, "cr_frame", None) or getattr(step, "gi_frame", None) or getattr(step, "ag_frame", None)
        if frame is not None and (place == "a task" or not _is_library(frame.f_code.co_filename)):
            place = f"{frame.f_code.co_name}, {frame.f_code.co_filename}:{frame.f_lineno},"
        step = getattr(step, "cr_await", None) or getattr(step, "gi_yieldfrom", None) or getattr(step, "ag_await", None)
    return place
