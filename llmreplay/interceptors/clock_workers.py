"""Whether a thread pool is at work: its result may come before a deadline that virtual time would cross."""

from __future__ import annotations

import concurrent.futures.thread
import queue
import selectors
import socket
import sys
import threading
from collections import Counter
from collections.abc import Iterable
from types import CodeType, FrameType

from llmreplay.interceptors.guard_stack import module_of

_STARTING = frozenset({"_bootstrap", "_bootstrap_inner", "run", "set", "notify_all", "notify"})
_THREADING = threading.Thread.run.__code__.co_filename
_SELECTORS = selectors.SelectSelector.select.__code__.co_filename
_SOCKET = socket.socket.accept.__code__.co_filename
# A thread of asyncio's in which it waits for a child process, where the system has no better way.
_CHILD_WAIT = "_do_waitpid"
# Since then a queue gives work straight to a worker that waits for it, and holds none itself.
_HANDS_OVER = sys.version_info >= (3, 13)


def is_a_worker_busy(*, may_serve: bool) -> bool:
    """Say whether another thread, a worker of a pool, has work or is about to take some.

    Args:
        may_serve: Whether a worker that only waits for sockets, as a server or another loop does, counts too.

    Pools do not tell, and an application may have any number of them: their threads' stacks do.
    """
    here, loops = threading.get_ident(), _worker_loops()
    others = [frame for thread, frame in sys._current_frames().items() if thread != here]
    if any((may_serve or not _is_serving(frame)) and _is_at_work(frame, loops) for frame in others):
        return True
    return _HANDS_OVER and _is_one_handed_work(others)


def _is_one_handed_work(frames: Iterable[FrameType]) -> bool:
    """Say whether a worker that looks idle was handed work just now: its pool counts fewer idle ones than there are."""
    loop = getattr(vars(concurrent.futures.thread).get("_worker"), "__code__", None)
    idle = [frame.f_locals.get("executor_reference") for frame in frames if frame.f_code is loop]
    pools = Counter(pool for reference in idle if callable(reference) and (pool := reference()) is not None)
    return any(count > pool._idle_semaphore._value for pool, count in pools.items())


def is_busy_worker(innermost: FrameType) -> bool | None:
    """Say whether a worker of a pool, told by where its thread is, has work; None of a thread that is no worker."""
    loops = _worker_loops()
    frame: FrameType | None = innermost
    while frame is not None:
        if frame.f_code in loops:
            return _is_at_work(innermost, loops)
        frame = frame.f_back
    return None


def _is_serving(innermost: FrameType) -> bool:
    place = innermost.f_code
    return place.co_filename == _SELECTORS or (place.co_filename == _SOCKET and place.co_name == "accept")


def _is_at_work(innermost: FrameType, worker_loops: tuple[CodeType, ...]) -> bool:
    callee: FrameType | None = None
    frame: FrameType | None = innermost
    is_starting = True
    while frame is not None:
        if frame.f_code in worker_loops:
            is_waiting = callee is None or callee.f_code is queue.Queue.get.__code__
            return not is_waiting or _has_work(frame)
        if frame.f_code.co_name == _CHILD_WAIT and module_of(frame) == "asyncio.unix_events":
            return True
        is_starting &= frame.f_code.co_filename == _THREADING and frame.f_code.co_name in _STARTING
        callee, frame = frame, frame.f_back
    return is_starting


def _has_work(worker_loop: FrameType) -> bool:
    """Say whether a worker that looks idle holds a piece of work, or will find one in its queue."""
    names = worker_loop.f_locals
    if names.get("work_item") is not None or names.get("item") is not None:
        return True
    waiting = names.get("work_queue", getattr(names.get("self"), "queue", None))
    return waiting is not None and waiting.qsize() > 0


def _worker_loops() -> tuple[CodeType, ...]:
    """Give the code in which workers of the standard library's and anyio's pools wait for work."""
    pools = [vars(concurrent.futures.thread).get("_worker")]
    anyio = sys.modules.get("anyio._backends._asyncio")
    pools.append(getattr(getattr(anyio, "WorkerThread", None), "run", None))
    return tuple(pool.__code__ for pool in pools if pool is not None)
