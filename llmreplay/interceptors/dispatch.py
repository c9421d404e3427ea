"""Which recorder serves a request, and who made it."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, replace
from typing import Protocol
from weakref import WeakSet

from llmreplay.core.attempt import Origin
from llmreplay.core.errors import SeveralRecorders
from llmreplay.core.recorder import Recorder


class Pacer(Protocol):
    """Lets time pass, on the test's clock."""

    def sleep(self, seconds: float) -> None:
        """Wait in a thread."""
        ...

    async def sleep_async(self, seconds: float, *, is_patient: bool = False) -> None:
        """Wait in a task; patiently, if it may be real work that ends the wait."""
        ...

    def pace(self, after_s: float, speed: float) -> None:
        """Wait in a thread as a recorded chunk kept one waiting: in real time, `speed` times as long."""
        ...

    async def pace_async(self, after_s: float, speed: float) -> None:
        """Wait in a task as a recorded chunk kept one waiting: in real time, `speed` times as long."""
        ...


@dataclass(frozen=True, slots=True, eq=False)
class Opened:
    """A recorder in use.

    Attributes:
        recorder: It decides.
        pacer: Its clock.
        covers: An opened recorder that this one stands in for while it is open.
    """

    recorder: Recorder
    pacer: Pacer
    covers: Opened | None = None


class Dispatch:
    """The open recorders. A request belongs to its context's, else to the only open one."""

    def __init__(self) -> None:
        self._open: tuple[Opened, ...] = ()
        self._lock = threading.Lock()
        self._of_context: ContextVar[tuple[Opened, ...]] = ContextVar("llmreplay_opened", default=())
        self._sending: ContextVar[bool] = ContextVar("llmreplay_sending", default=False)
        self._under_way = 0
        self._waiting: list[Recorder] = []

    @property
    def is_idle(self) -> bool:
        """Whether no recorder is open."""
        return not self._open

    @property
    def is_sending(self) -> bool:
        """Whether anything of ours is on its way just now, in whatever thread or task."""
        return self._under_way > 0

    @property
    def awaits_provider(self) -> bool:
        """Whether a call that is recorded waits for a provider just now, in whatever thread or task."""
        return any(opened.recorder in self._waiting for opened in self._open)

    def open(self, opened: Opened) -> None:
        """Make a recorder the one of this context."""
        with self._lock:
            self._open = (*self._open, opened)
        self._of_context.set((*(one for one in self._of_context.get() if one in self._open), opened))

    def close(self, opened: Opened) -> None:
        """Take a recorder out, in whatever order they are closed."""
        with self._lock:
            self._open = tuple(one for one in self._open if one is not opened)

    def current(self, request_line: Callable[[], str]) -> Opened | None:
        """Give the recorder that a request belongs to; None if none is open or the request is one of ours.

        Args:
            request_line: Tells the request, for an error.

        Raises:
            SeveralRecorders: The context has none, and several are open.
        """
        candidates = self._open
        if not candidates or self._sending.get():
            return None
        if len(candidates) == 1:
            return candidates[0]
        for opened in reversed(self._of_context.get()):
            if opened in candidates:
                return _covering(opened, candidates)
        covered = {opened.covers for opened in candidates}
        candidates = tuple(opened for opened in candidates if opened not in covered)
        if len(candidates) == 1:
            return candidates[0]
        refusal = SeveralRecorders(request_line(), [opened.recorder.name for opened in candidates])
        for opened in candidates[1:]:
            opened.recorder.refuse(refusal)
        raise candidates[0].recorder.refuse(refusal)

    @contextmanager
    def sending(self) -> Iterator[None]:
        """Mark what happens inside as ours, so that a patch below our own does not plan it again."""
        token = self._sending.set(True)
        with self._lock:
            self._under_way += 1
        try:
            yield
        finally:
            with self._lock:
                self._under_way -= 1
            self._sending.reset(token)

    @contextmanager
    def awaiting(self, recorder: Recorder) -> Iterator[None]:
        """Mark what happens inside as a recorder's wait for a provider, which takes as long as it takes."""
        with self._lock:
            self._waiting.append(recorder)
        try:
            yield
        finally:
            with self._lock:
                self._waiting.remove(recorder)


def _covering(opened: Opened, candidates: Sequence[Opened]) -> Opened:
    """Give what stands in for a recorder now, else the recorder itself.

    The task of an async fixture may be as old as the test's cassette and know of nothing newer.
    """
    for other in candidates:
        if other.covers is opened:
            return _covering(other, candidates)
    return opened


DISPATCH = Dispatch()


# Copied to what a task or thread starts, `asyncio.to_thread` included.
_SLEEPER: ContextVar[int] = ContextVar("llmreplay_sleeper", default=0)


class _Here(threading.local):
    """What is known of a thread.

    Attributes:
        origin: The thread as the origin of requests.
    """

    def __init__(self) -> None:
        thread = threading.current_thread()
        self.origin = Origin(id(thread), lambda: not thread.is_alive())


_HERE = _Here()


def current_origin() -> Origin:
    """Give the identity of the running task, else of the thread."""
    if asyncio._get_running_loop() is not None:
        task = asyncio.current_task()
        if task is not None:
            return Origin(id(task), task.done, _SLEEPER.get(), _tasks_there)
    origin, sleeper = _HERE.origin, _SLEEPER.get()
    return origin if sleeper in (0, origin.key) else replace(origin, sleeper=sleeper)


def _tasks_there() -> Callable[[int], bool]:
    # Weakly: the identity of one that is gone may be another's.
    tasks = WeakSet(asyncio.all_tasks() if asyncio._get_running_loop() is not None else ())
    return lambda key: any(id(task) == key for task in tasks)


def sleeping_origin() -> Origin:
    """Give the identity of the running task, else of the thread, that has slept: those it starts may know."""
    origin = current_origin()
    _SLEEPER.set(origin.key)
    return origin
