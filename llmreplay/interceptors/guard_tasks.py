"""Frames of asyncio tasks that wait for a lookup or connection made elsewhere.

An event loop looks names up in a worker thread, and some libraries connect in a task of their own: the stack of
the refused call then holds no line of the user's. The tasks that wait for it do.
"""

from __future__ import annotations

import gc
import inspect
import sys
from collections.abc import Iterator
from dataclasses import replace
from itertools import takewhile
from types import FrameType
from typing import TYPE_CHECKING

from llmreplay.interceptors.guard_policy import host_name
from llmreplay.interceptors.guard_stack import Origin, is_users_frame, module_of, origin_of, outward

if TYPE_CHECKING:
    import asyncio

_LOOP_RUNNERS = frozenset(
    (
        ("asyncio.base_events", "run_forever"),
        ("asyncio.base_events", "run_until_complete"),
        ("asyncio.runners", "run"),
    )
)


def origin_now(host: str, root: str) -> Origin:
    """Tell who asks for a host: from this thread's stack and, if that holds no line of the user's, from the tasks.

    Args:
        host: As `host_name` spells it.
        root: The folder that call sites are told relative to.
    """
    stack = tuple(outward(sys._getframe()))
    step = _within_loop(stack)
    origin = origin_of(step, root)
    if not origin.is_users and "asyncio" in sys.modules:
        chains = _chains()
        waiting = next((chain for chain in chains if _looks_up(chain, host)), ())
        if not any(map(is_users_frame, waiting)):
            waiting += _caller_of((*step, *waiting), chains)
        if waiting:
            return replace(origin_of((*step, *waiting), root), is_here=False)
    return origin if origin.is_users else origin_of(stack, root)


def _within_loop(stack: tuple[FrameType, ...]) -> tuple[FrameType, ...]:
    """Leave out the frames that run the event loop: they belong to no task."""
    return tuple(takewhile(lambda frame: (module_of(frame), frame.f_code.co_name) not in _LOOP_RUNNERS, stack))


def _caller_of(frames: tuple[FrameType, ...], chains: list[tuple[FrameType, ...]]) -> tuple[FrameType, ...]:
    """Find the task that waits for these frames: one in the same file of a library, else the only one there is."""
    candidates = {line: chain for chain in chains if (line := next(filter(is_users_frame, chain), None))}
    files = {frame.f_code.co_filename for frame in frames if "-packages" in frame.f_code.co_filename}
    for chain in candidates.values():
        if any(frame.f_code.co_filename in files for frame in chain):
            return chain
    return next(iter(candidates.values())) if len(candidates) == 1 else ()


def _looks_up(chain: tuple[FrameType, ...], host: str) -> bool:
    import asyncio

    lookup = asyncio.base_events.BaseEventLoop.getaddrinfo.__code__
    return any(frame.f_code is lookup and host_name(frame.f_locals.get("host")) == host for frame in chain)


def _chains() -> list[tuple[FrameType, ...]]:
    """List the frames of every task of every running loop, innermost first, the steps that run now included."""
    import asyncio

    running = asyncio.base_events.BaseEventLoop.run_forever.__code__
    chains: list[tuple[FrameType, ...]] = []
    loops = [asyncio._get_running_loop()]  # uvloop's own frames are not to be seen.
    for top in sys._current_frames().values():
        stack = tuple(outward(top))
        loop = next((frame.f_locals.get("self") for frame in stack if frame.f_code is running), None)
        if loop is not None:
            chains.append(_within_loop(stack))
            loops.append(loop)
    for loop in dict.fromkeys(filter(None, loops)):
        chains.extend(tuple(reversed(tuple(_awaited(task)))) for task in asyncio.all_tasks(loop))
    return chains


def _awaited(task: asyncio.Task[object]) -> Iterator[FrameType]:
    """Give the frames of a waiting task, outermost first."""
    step: object = task.get_coro()
    while step is not None:
        frame, inner = _frame_and_next(step)
        if frame is not None:
            yield frame
        if frame is None and inner is None:
            # `coroutine.__await__()` and an async generator's steps hide what they run; the collector sees it.
            inner = next((found for found in gc.get_referents(step) if _frame_and_next(found)[0]), None)
        step = inner


def _frame_and_next(step: object) -> tuple[FrameType | None, object]:
    if inspect.iscoroutine(step):
        return step.cr_frame, step.cr_await
    if inspect.isgenerator(step):
        return step.gi_frame, step.gi_yieldfrom
    if inspect.isasyncgen(step):
        return step.ag_frame, step.ag_await
    return None, None
