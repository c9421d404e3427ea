"""Threads that outlive the guard they were started under, and stay closed."""

from __future__ import annotations

import sys
import threading
from dataclasses import dataclass
from types import FrameType
from typing import Generic, TypeVar
from weakref import WeakKeyDictionary, WeakSet, ref

from llmreplay.interceptors.guard_stack import module_of, outward

Owner = TypeVar("Owner")

_WAITING = frozenset(("queue", "threading"))


@dataclass(frozen=True, slots=True)
class _Late(Generic[Owner]):
    """A thread that is still closed.

    Attributes:
        owner: The guard it was started under.
        job: The work that a pool's thread was busy with; None if all that the thread does counts.
    """

    owner: Owner
    job: ref[object] | None


class LateThreads(Generic[Owner]):
    """Which threads outlived which guard.

    A pool's thread serves whoever comes: it stays closed only for the work it was busy with, since an event loop
    that is shared by the session looks names up for later tests in a thread that an earlier one started.
    """

    def __init__(self) -> None:
        self._late: WeakKeyDictionary[threading.Thread, _Late[Owner]] = WeakKeyDictionary()

    def __bool__(self) -> bool:
        return bool(self._late)

    def remember(self, owner: Owner, before: WeakSet[threading.Thread]) -> None:
        """Note the threads that were started since `before` was taken and are still busy."""
        stacks = sys._current_frames()
        for thread in running_threads():
            if thread in before or thread in self._late or thread is threading.current_thread():
                continue
            stack = tuple(outward(stacks.get(thread.ident or 0)))
            if not _is_idle(stack):
                job = _job(stack)
                self._late[thread] = _Late(owner, ref(job) if job is not None else None)

    def inherit(self, target: object) -> None:
        """Note a thread that a late thread is about to start; `target` is its bootstrap."""
        owner = self.owner()
        thread = getattr(target, "__self__", None)
        if owner is not None and isinstance(thread, threading.Thread):
            self._late[thread] = _Late(owner, None)

    def owner(self) -> Owner | None:
        """Give the guard that the current thread still belongs to; None if it is free."""
        late = self._late.get(threading.current_thread()) if self._late else None
        if late is None:
            return None
        if late.job is None:
            return late.owner
        job = _job(tuple(outward(sys._getframe())))
        return late.owner if job is not None and job is late.job() else None


def running_threads() -> WeakSet[threading.Thread]:
    """Take note of the threads that run now."""
    return WeakSet(threading.enumerate())


def _is_idle(stack: tuple[FrameType, ...]) -> bool:
    """Say whether a thread is a pool's and waits for work."""
    inner = next((frame for frame in stack if module_of(frame) not in _WAITING), None)
    if inner is None:
        return False
    place = (module_of(inner), inner.f_code.co_name)
    return place in (("concurrent.futures.thread", "_worker"), ("anyio._backends._asyncio", "run"))


def _job(stack: tuple[FrameType, ...]) -> object | None:
    for frame in stack:
        if frame.f_code.co_name == "run" and module_of(frame) == "concurrent.futures.thread":
            job: object = frame.f_locals.get("self")
            return job
    return None
