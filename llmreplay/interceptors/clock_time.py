"""Virtual seconds: how far each thread is ahead of real time, and views of `time` that say so."""

from __future__ import annotations

import datetime
import threading
import time
from collections.abc import Callable
from importlib.machinery import BuiltinImporter
from importlib.util import module_from_spec
from types import BuiltinFunctionType, ModuleType


class _Here(threading.local):
    """How far this thread is ahead, and since which restart."""

    generation = 0
    offset_s = 0.0


class Timeline:
    """How far each thread is ahead of real time; starts at zero whenever the first clock opens.

    Attributes:
        has_moved: Whether any thread may be ahead.
        on_first_move: Called before any thread is ahead.
    """

    def __init__(self) -> None:
        self.has_moved = False
        self.on_first_move: Callable[[], None] = lambda: None
        self._here = _Here()
        self._generation = 0

    def offset_s(self) -> float:
        """Give the virtual seconds that have passed in this thread."""
        here = self._here
        return here.offset_s if here.generation == self._generation else 0.0

    def advance(self, seconds: float) -> None:
        """Let virtual seconds pass in this thread."""
        if not self.has_moved:
            self.on_first_move()
        offset_s = self.offset_s()
        self._here.generation = self._generation
        self._here.offset_s = offset_s + seconds
        self.has_moved = True

    def restart(self) -> None:
        """Put every thread back to real time."""
        self.has_moved = False
        self._generation += 1


TIMELINE = Timeline()


def _unpatched_time() -> ModuleType:
    # freezegun replaces the functions in `time` and in every module that holds one, even while it is
    # imported; a second copy of the built-in module is out of its reach.
    spec = BuiltinImporter.find_spec("time")
    if spec is None or spec.loader is None:
        return time
    copy = module_from_spec(spec)
    spec.loader.exec_module(copy)
    return copy


UNPATCHED_TIME = _unpatched_time()


def virtual_time() -> float:
    """Give Unix seconds, virtual waits of this thread included."""
    return time.time() + TIMELINE.offset_s()


def virtual_time_ns() -> int:
    """Give Unix nanoseconds, virtual waits of this thread included."""
    return time.time_ns() + round(TIMELINE.offset_s() * 1e9)


def virtual_monotonic() -> float:
    """Give the monotonic clock's seconds, virtual waits of this thread included."""
    return time.monotonic() + TIMELINE.offset_s()


def virtual_monotonic_ns() -> int:
    """Give the monotonic clock's nanoseconds, virtual waits of this thread included."""
    return time.monotonic_ns() + round(TIMELINE.offset_s() * 1e9)


_REAL_FUNCTIONS = (
    (time.time, virtual_time),
    (time.time_ns, virtual_time_ns),
    (time.monotonic, virtual_monotonic),
    (time.monotonic_ns, virtual_monotonic_ns),
)
VIRTUAL_FUNCTIONS: dict[int, object] = {
    # Unless freezegun's: it takes those back itself.
    id(real): virtual
    for real, virtual in _REAL_FUNCTIONS
    if isinstance(real, BuiltinFunctionType)
}
"""What stands in for a function of `time`, by the identity of the function."""


class TimeView(ModuleType):
    """The `time` module as a module sees it whose waits are virtual; all else is the module's own."""

    def __init__(self) -> None:
        super().__init__("time", time.__doc__)
        self.time = virtual_time
        self.time_ns = virtual_time_ns
        self.monotonic = virtual_monotonic
        self.monotonic_ns = virtual_monotonic_ns

    # Looked up at each use: freezegun, or a test that replaces `time.sleep`, may change it at any time.
    def __getattr__(self, name: str) -> object:
        return getattr(time, name)


class VirtualDatetime(datetime.datetime):
    """A `datetime` whose `now` includes the virtual waits of this thread."""

    @classmethod
    def now(cls, tz: datetime.tzinfo | None = None) -> datetime.datetime:  # type: ignore[override]
        """Give the time of day, virtual waits of this thread included."""
        return datetime.datetime.now(tz) + datetime.timedelta(seconds=TIMELINE.offset_s())


class DatetimeView(ModuleType):
    """The `datetime` module as a module sees it that measures its waits with dates."""

    def __init__(self) -> None:
        super().__init__("datetime", datetime.__doc__)
        self.datetime = VirtualDatetime

    def __getattr__(self, name: str) -> object:
        return getattr(datetime, name)
