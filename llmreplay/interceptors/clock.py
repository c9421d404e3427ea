"""The virtual clock: waits between attempts take no real time, and nothing that measures time is fooled."""

from __future__ import annotations

import asyncio
import sys
import threading
import time
from collections.abc import Awaitable, Callable, Sequence
from math import inf
from types import TracebackType
from typing import Any

from llmreplay.core.clock import CallerKind, ClockMode, Sleep, caller_kind, gap_s, is_span, is_wait
from llmreplay.interceptors.clock_loop import fallback_text, loop_time
from llmreplay.interceptors.clock_names import LIBRARY_FOLDERS, NAMES
from llmreplay.interceptors.clock_sleeps import ASYNCIO_SLEEP, OPEN
from llmreplay.interceptors.clock_stuck import Watch
from llmreplay.interceptors.clock_time import TIMELINE, UNPATCHED_TIME

_INSTALLING = threading.RLock()
_monotonic = UNPATCHED_TIME.monotonic


class VirtualClock:
    """The clock of one test.

    A blocking sleep moves its thread ahead; a task's sleep moves its loop ahead, timer by timer, whenever the
    loop would do nothing but wait. Threads do not share their time. Several clocks may be open, closed in any
    order; a sleep belongs to the innermost one that hears it.

    Attributes:
        mode: Which sleeps are virtual.
        is_real: Whether every sleep passes in real time.
        sleeps: Waits so far, in the order they ended.
        fallback: What does not work on the loop this test uses, and what to do; None if all works.
    """

    def __init__(
        self,
        mode: ClockMode = ClockMode.RETRIES,
        is_retrying: Callable[[], bool] = lambda: False,
        on_sleep: Callable[[Sleep], None] | None = None,
        application_packages: Sequence[str] = (),
        *,
        is_live: Callable[[], bool] = lambda: False,
    ) -> None:
        """Make a clock; nothing is patched before `install`.

        Args:
            mode: Which sleeps are virtual.
            is_retrying: Says whether a call has failed and is not answered yet.
            on_sleep: Told of every wait as it ends, in the thread or task that slept.
            application_packages: The user's own packages, wherever they are installed.
            is_live: Says whether a provider itself asks to wait, so that the wait must be real.
        """
        self.mode = mode
        self.is_real = mode is ClockMode.REAL
        self.sleeps: list[Sleep] = []
        self.fallback: str | None = None
        self._is_retrying = is_retrying
        self._on_sleep = on_sleep
        self._application_packages = tuple(application_packages)
        self._is_live = is_live

    # Opening and closing

    @property
    def is_open(self) -> bool:
        """Whether it is installed."""
        return self in OPEN.clocks

    def install(self) -> None:
        """Open the clock; does nothing if it is open."""
        with _INSTALLING:
            if self.is_open:
                return
            is_first = not OPEN.clocks
            OPEN.clocks = (*OPEN.clocks, self)
            try:
                if is_first:
                    TIMELINE.restart()
                    OPEN.follow = NAMES.follow
                    TIMELINE.on_first_move = NAMES.show_time
                    NAMES.install()
                if not self.is_real:
                    NAMES.bind(self._application_packages)
            except BaseException:
                self.uninstall()
                raise

    def uninstall(self) -> None:
        """Close the clock; the last one to close takes the patches back. Does nothing if it is closed."""
        with _INSTALLING:
            if not self.is_open:
                return
            OPEN.clocks = tuple(clock for clock in OPEN.clocks if clock is not self)
            if not OPEN.clocks:
                NAMES.uninstall()
                TIMELINE.restart()

    def rewind(self) -> None:
        """Forget the waits so far; threads are back at real time, unless another clock is open too."""
        with _INSTALLING:
            self.sleeps = []
            if OPEN.clocks == (self,):
                TIMELINE.restart()

    def watch(self, watch: Watch) -> None:
        """Have the running loop looked after, if there is one that can be, from now on."""
        loop = asyncio._get_running_loop()
        virtual = None if loop is None else loop_time(loop)
        if virtual is not None:
            virtual.watch = watch

    def __enter__(self) -> VirtualClock:
        self.install()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.uninstall()

    # Reading

    def now(self) -> float:
        """Give monotonic seconds, virtual waits of this thread included."""
        real: float = _monotonic()
        return real + TIMELINE.offset_s() if TIMELINE.has_moved and not self.is_real else real

    def time(self) -> float:
        """Give Unix seconds, virtual waits of this thread included."""
        return time.time() if self.is_real else time.time() + TIMELINE.offset_s()

    # Waiting on behalf of the recorder: not noted as a wait of the application

    def sleep(self, seconds: float) -> None:
        """Let seconds pass for this thread: none of them real, unless the mode is real."""
        if not _is_ahead(seconds):
            return
        if self.is_real:
            UNPATCHED_TIME.sleep(seconds)
            return
        loop = asyncio._get_running_loop()
        virtual = None if loop is None else loop_time(loop)
        if virtual is None:
            TIMELINE.advance(seconds)
        else:
            virtual.advance(seconds)
        # A real sleep lets other threads run; with none, it would only let other processes in.
        if threading.active_count() > 1:
            UNPATCHED_TIME.sleep(0)

    async def sleep_async(self, seconds: float, *, is_patient: bool = False) -> None:
        """Let seconds pass for this task; deadlines that lie in between fire first.

        Args:
            seconds: How long.
            is_patient: Whether real work in flight gets as long in real time: it may be what ends the wait.
        """
        if not _is_ahead(seconds):
            return
        loop = asyncio._get_running_loop()
        if self.is_real or loop is None:
            await _sleep_really(seconds)
            return
        virtual = loop_time(loop)
        if virtual is not None:
            await virtual.sleep(seconds, lambda: self.is_open, is_patient=is_patient)
            return
        self.fallback = fallback_text(loop)
        wakes_at = TIMELINE.offset_s() + seconds
        await _sleep_really(0)
        TIMELINE.advance(max(0.0, wakes_at - TIMELINE.offset_s()))

    def pace(self, after_s: float, speed: float) -> None:
        """Wait, in real time, for a replayed chunk recorded `after_s` after the one before; speed 0: not at all."""
        seconds = gap_s(after_s, speed)
        if _is_ahead(seconds):
            UNPATCHED_TIME.sleep(seconds)

    async def pace_async(self, after_s: float, speed: float) -> None:
        """Wait, in real time, for a replayed chunk recorded `after_s` after the one before; speed 0: not at all."""
        seconds = gap_s(after_s, speed)
        if _is_ahead(seconds):
            await _sleep_really(seconds)

    # Waiting on behalf of the code under test: what the stand-ins call

    def hears(self, module: str, path: str) -> bool:
        """Say whether a sleep asked for by this module is a wait of this clock's test."""
        kind = caller_kind(
            module, path, library_folders=LIBRARY_FOLDERS, application_packages=self._application_packages
        )
        return is_wait(kind, self.mode, is_retrying=kind is CallerKind.APPLICATION and self._is_retrying())

    def wait(self, seconds: float, caller: str, really: Callable[[float], object]) -> None:
        """Carry out a blocking sleep and note it."""
        started_s = self.now()
        try:
            if self.is_real or self._is_live():
                really(seconds)
            else:
                self.sleep(seconds)
        except BaseException:
            self._note(seconds, caller, started_s, is_cancelled=True)
            raise
        self._note(seconds, caller, started_s)

    async def wait_async(self, seconds: float, caller: str, really: Callable[[float], Awaitable[object]]) -> None:
        """Carry out a sleep of a task and note it."""
        started_s = self.now()
        try:
            if self.is_real or self._is_live():
                await really(seconds)
            else:
                await self.sleep_async(seconds)
        except BaseException:
            self._note(seconds, caller, started_s, is_cancelled=True)
            raise
        self._note(seconds, caller, started_s)

    def _note(self, asked_s: float, caller: str, started_s: float, *, is_cancelled: bool = False) -> None:
        slept_s = max(0.0, self.now() - started_s) if is_cancelled else asked_s
        slept = Sleep(asked_s=asked_s, slept_s=slept_s, caller=caller, started_s=started_s, is_cancelled=is_cancelled)
        self.sleeps.append(slept)
        if self._on_sleep is not None:
            self._on_sleep(slept)


def _is_ahead(seconds: float) -> bool:
    if seconds == inf:
        raise ValueError("sleep(inf): a virtual clock cannot reach the end of time; give a number of seconds.")
    return is_span(seconds)


async def _sleep_really(seconds: float) -> None:
    trio: Any = sys.modules.get("trio")
    if asyncio._get_running_loop() is None and trio is not None:
        await trio.sleep(seconds)
        return
    await ASYNCIO_SLEEP.original(seconds)
