"""Virtual seconds of an asyncio loop: it jumps to its next timer when it would only wait for virtual sleeps."""

from __future__ import annotations

import asyncio
import math
import weakref
from collections.abc import Callable, Sized
from typing import Any

from llmreplay.interceptors.clock_stuck import Watch
from llmreplay.interceptors.clock_time import TIMELINE
from llmreplay.interceptors.clock_workers import is_a_worker_busy
from llmreplay.interceptors.dispatch import DISPATCH

IO_GRACE_S = 0.25
"""Real seconds that worker threads get before virtual time moves on; sockets, before a deadline passes."""
WORK_GRACE_S = 2.0
"""Real seconds that worker threads get before somebody's deadline passes."""
_SLICE_S = 0.005

FALLBACK = (
    "{loop} cannot be advanced: virtual waits on it end at once, and deadlines around them do not fire.\n"
    "  Run this test on asyncio's own loop, or set clock='real'."
)

_ATTRIBUTE = "_llmreplay_loop_time"


class LoopTime:
    """The virtual time of one loop.

    Attributes:
        offset_s: Virtual seconds that have passed on it. The loop keeps them for ever: its time may never go
            back, and a loop may outlive the test.
        watch: Looks out for the loop having nothing to wait for; None if nobody does.
    """

    def __init__(self, loop: Any) -> None:
        self.offset_s = 0.0
        self.watch: Watch | None = None
        self._loop = weakref.ref(loop)
        # Timers of virtual sleeps, with what says whether the clock that owns them is still open.
        self._sleepers: dict[asyncio.TimerHandle, Callable[[], bool]] = {}
        # Of those, the ones that something else is to end.
        self._patient: set[asyncio.TimerHandle] = set()
        self._real_select = loop._selector.select
        self._io = loop._selector
        loop.time = self.time
        self._io.select = self._select

    def time(self) -> float:
        """Give the loop's time, virtual seconds included."""
        loop = self._loop()
        # The class's own, looked up now: freezegun may have replaced it.
        return self.offset_s if loop is None else float(type(loop).time(loop)) + self.offset_s

    def advance(self, seconds: float) -> None:
        """Let virtual seconds pass on the loop and in its thread."""
        self.offset_s += seconds
        TIMELINE.advance(seconds)

    async def sleep(self, seconds: float, is_open: Callable[[], bool], *, is_patient: bool = False) -> None:
        """Sleep in virtual time; once `is_open` says no, in real time.

        Args:
            seconds: How long.
            is_open: Whether the clock that owns the sleep is.
            is_patient: Whether real work in flight gets as long in real time: it may be what ends the sleep.
        """
        loop = asyncio.get_running_loop()
        future: asyncio.Future[None] = loop.create_future()
        timer = loop.call_later(seconds, _wake, future)
        self._sleepers[timer] = is_open
        if is_patient:
            self._patient.add(timer)
        try:
            await future
        finally:
            self._sleepers.pop(timer, None)
            self._patient.discard(timer)
            timer.cancel()

    def _select(self, timeout: float | None = None) -> Any:
        if timeout is None and self.watch is not None and self.watch.is_on():
            return self.watch.select(self._loop(), self._real_select)
        if not self._sleepers or (timeout is not None and timeout <= 0) or not self._has_virtual_sleep():
            return self._real_select(timeout)
        events = self._real_select(0)
        timer = self._next_timer()
        if events or timer is None:
            return events or self._real_select(timeout)
        events = self._events_of_work_before(timer)
        if not events:
            # Past it by what a float can tell: a loop whose own time stands still, under freezegun, runs none that is
            # only reached.
            self.advance(self._seconds_until(timer) + 2 * math.ulp(timer.when()))
        return events

    def _events_of_work_before(self, timer: asyncio.TimerHandle) -> Any:
        """Give real work the real time it needs, within bounds, before a deadline passes."""
        events: Any = []
        is_patient = timer in self._patient
        is_ours = timer in self._sleepers and not is_patient
        until_s, spent_s = self._seconds_until(timer), 0.0
        while not events and spent_s < min(until_s, self._grace_s(is_ours=is_ours, is_patient=is_patient)):
            # In slices, for work may end without an event.
            events = self._real_select(min(_SLICE_S, until_s - spent_s))
            spent_s += _SLICE_S
        # Work may have ended between the last look for events and the look that found nobody at work.
        return events or self._real_select(0)

    def _has_virtual_sleep(self) -> bool:
        return any(is_open() for is_open in self._sleepers.values())

    def _next_timer(self) -> asyncio.TimerHandle | None:
        scheduled: list[asyncio.TimerHandle] = getattr(self._loop(), "_scheduled", [])
        return min((timer for timer in scheduled if not timer.cancelled()), default=None)

    def _seconds_until(self, timer: asyncio.TimerHandle) -> float:
        return max(0.0, timer.when() - self.time())

    def _grace_s(self, *, is_ours: bool, is_patient: bool) -> float:
        """Give the real seconds that work in flight gets before the next timer; 0 if there is none.

        An open socket is no work if nobody's deadline is at stake.
        """
        if DISPATCH.awaits_provider:
            return math.inf
        if is_a_worker_busy(may_serve=not is_ours):
            return math.inf if is_patient else IO_GRACE_S if is_ours else WORK_GRACE_S
        watched: Sized = getattr(self._io, "get_map", dict)() or ()
        # One is the loop's own pipe to itself.
        if is_ours or len(watched) <= 1:
            return 0.0
        return math.inf if is_patient else IO_GRACE_S


def loop_time(loop: asyncio.AbstractEventLoop) -> LoopTime | None:
    """Give a loop its virtual time; None if it is of a kind that cannot be advanced, such as uvloop's."""
    known: LoopTime | None = getattr(loop, _ATTRIBUTE, None)
    if known is not None:
        return known
    if not hasattr(getattr(loop, "_selector", None), "select") or not hasattr(loop, "_scheduled"):
        return None
    try:
        made = LoopTime(loop)
    except (AttributeError, TypeError):
        return None
    setattr(loop, _ATTRIBUTE, made)
    return made


def fallback_text(loop: asyncio.AbstractEventLoop) -> str:
    """Say what does not work on a loop that cannot be advanced."""
    return FALLBACK.format(loop=f"{type(loop).__module__}.{type(loop).__qualname__}")


def _wake(future: asyncio.Future[None]) -> None:
    if not future.done():
        future.set_result(None)
