"""What stands in for `time.sleep`, `asyncio.sleep` and `anyio.sleep` while a clock is open."""

from __future__ import annotations

import asyncio
import sys
import time
from collections.abc import Awaitable, Callable, Coroutine, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from types import FrameType
from typing import Any, Protocol

from llmreplay.core.clock import is_span

# A sleep that passes in real time asks the next one down for it, `anyio.sleep` that of asyncio: one wait, not two.
# See tests/e2e/test_errors.py.
_IS_ASLEEP: ContextVar[bool] = ContextVar("llmreplay_is_asleep", default=False)


@contextmanager
def in_real_time() -> Iterator[None]:
    """Let every sleep of this thread, or this task, pass in real time inside the block, and note none."""
    token = _IS_ASLEEP.set(True)
    try:
        yield
    finally:
        _IS_ASLEEP.reset(token)


class Sleeper(Protocol):
    """A clock, as its stand-ins see it."""

    def hears(self, module: str, path: str) -> bool:
        """Say whether a sleep asked for by this module is a wait of this clock's test."""
        ...

    def wait(self, seconds: float, caller: str, really: Callable[[float], object]) -> None:
        """Carry out a blocking sleep; `really` sleeps in real time."""
        ...

    async def wait_async(self, seconds: float, caller: str, really: Callable[[float], Awaitable[object]]) -> None:
        """Carry out a sleep of a task; `really` sleeps in real time."""
        ...

    @property
    def is_real(self) -> bool:
        """Whether every sleep passes in real time."""
        ...


class OpenClocks:
    """The clocks that are installed, the innermost last."""

    def __init__(self) -> None:
        self.clocks: tuple[Sleeper, ...] = ()
        self.follow: Callable[[dict[str, Any]], None] = lambda namespace: None

    def heard(self, seconds: float, frame: FrameType) -> tuple[Sleeper, str] | None:
        """Give the clock that a sleep belongs to, and the module that asks; None if to none."""
        if not self.clocks or not is_span(seconds) or _IS_ASLEEP.get():
            return None
        module = str(frame.f_globals.get("__name__", ""))
        for clock in reversed(self.clocks):
            if clock.hears(module, frame.f_code.co_filename):
                if not clock.is_real:
                    self.follow(frame.f_globals)
                return clock, module
            if clock.is_real:
                return None
        return None


OPEN = OpenClocks()


class StandIn:
    """Stands in for a sleep function; without an open clock it does what the function does.

    An object, not a function: like the built-in `time.sleep`, it does not turn into a method in a class.

    Attributes:
        original: The function itself.
        theirs: What stood there when the clock came: the function, or what a test had put in its place.
    """

    def __init__(self, original: Callable[..., Any]) -> None:
        self.original = original
        self.theirs = original
        self.__doc__ = original.__doc__
        self.__name__ = original.__name__
        self.__qualname__ = original.__qualname__
        self.__module__ = original.__module__
        self.__wrapped__ = original
        # `inspect` takes an object with these for a function, so an `asyncio.sleep` given to a decorator
        # still counts as a coroutine function. See test_clock.py.
        for name in ("__code__", "__defaults__", "__kwdefaults__", "__annotations__"):
            if hasattr(original, name):
                setattr(self, name, getattr(original, name))

    # Pickled and copied by name, as a function is.
    def __reduce__(self) -> str:
        return self.__name__

    def __repr__(self) -> str:
        return f"<{self.__module__}.{self.__name__} on the virtual clock>"


class BlockingSleep(StandIn):
    """Stands in for `time.sleep`."""

    def __call__(self, seconds: float, /) -> None:
        """Sleep, in virtual time if the caller's waits are virtual."""
        heard = OPEN.heard(seconds, sys._getframe(1))
        if heard is None:
            self.theirs(seconds)
            return
        clock, caller = heard
        clock.wait(float(seconds), caller, self.theirs)


class TaskSleep(StandIn):
    """Stands in for `asyncio.sleep` and `anyio.sleep`; looks at who calls, not at who awaits."""

    def __call__(self, delay: float, *result: Any, **named: Any) -> Coroutine[Any, Any, Any]:
        """Give the coroutine that sleeps, in virtual time if the caller's waits are virtual."""
        # Without a loop of asyncio's this is trio, whose clock is left to trio.
        heard = OPEN.heard(delay, sys._getframe(1)) if _is_on_asyncio() else None
        if heard is None:
            return self.theirs(delay, *result, **named)  # type: ignore[no-any-return]
        clock, caller = heard
        return self._wait(clock, caller, float(delay), *result, **named)

    async def _wait(self, clock: Sleeper, caller: str, delay: float, result: Any = None) -> Any:
        _IS_ASLEEP.set(True)
        try:
            await clock.wait_async(delay, caller, self.theirs)
        finally:
            _IS_ASLEEP.set(False)
        return result


def _is_on_asyncio() -> bool:
    return asyncio._get_running_loop() is not None


TIME_SLEEP = BlockingSleep(time.sleep)
ASYNCIO_SLEEP = TaskSleep(asyncio.sleep)
