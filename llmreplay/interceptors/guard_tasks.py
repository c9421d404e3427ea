"""Frames of asyncio tasks that wait for a lookup or connection made elsewhere.

An event loop looks names up in a worker thread, and some libraries connect in a task of their own: the stack of
the refused call then holds no line of the user's. The tasks that wait for it do.
"""

from __future__ import annotations

import gc
import inspect
import sys
from collections.abc import Iterator
from types import FrameType
from typing import TYPE_CHECKING

from llmreplay.interceptors.guard_policy import host_name
from llmreplay.interceptors.guard_stack import Origin, is_users_frame, origin_of, outward, top_package

if TYPE_CHECKING:
    import asyncio

_NOT_TELLING = frozenset(("asyncio", "threading", "concurrent", "anyio", "socket", ""))


def origin_now(host: str, root: str) -> Origin:
    """Tell who asks for a host: from this thread's stack and, if that holds no line of the user's, from the tasks.

    Args:
        host: As `host_name` spells it.
        root: The folder that call sites are told relative to.
    """
    frames = tuple(outward(sys._getframe()))
    origin = origin_of(frames, root)
    if origin.is_users or "asyncio" not in sys.modules:
        return origin
    chains = _chains()
    waiting = next((chain for chain in chains if _looks_up(chain, host)), ())
    if not any(map(is_users_frame, waiting)):
        waiting += _caller_of((*frames, *waiting), chains)
    return origin_of((*frames, *waiting), root)


def _caller_of(frames: tuple[FrameType, ...], chains: list[tuple[FrameType, ...]]) -> tuple[FrameType, ...]:
    candidates = [chain for chain in chains if any(is_users_frame(frame) for frame in chain)]
    libraries = {top_package(frame) for frame in frames} - _NOT_TELLING
    for chain in candidates:
        if any(top_package(frame) in libraries for frame in chain):
            return chain
    return candidates[0] if len(candidates) == 1 else ()


def _looks_up(chain: tuple[FrameType, ...], host: str) -> bool:
    import asyncio

    lookup = asyncio.base_events.BaseEventLoop.getaddrinfo.__code__
    return any(frame.f_code is lookup and host_name(frame.f_locals.get("host")) == host for frame in chain)


def _chains() -> list[tuple[FrameType, ...]]:
    """List the frames of every task of every running loop, innermost first, and of the threads that run them."""
    import asyncio

    running = asyncio.base_events.BaseEventLoop.run_forever.__code__
    chains: list[tuple[FrameType, ...]] = []
    for top in sys._current_frames().values():
        stack = tuple(outward(top))
        loop = next((frame.f_locals.get("self") for frame in stack if frame.f_code is running), None)
        if loop is not None:
            chains.append(stack)
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
