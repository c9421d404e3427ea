"""Where the stand-ins are put: module attributes, names imported earlier, and retry objects made earlier."""

from __future__ import annotations

import asyncio
import datetime
import importlib
import os
import sys
import sysconfig
import threading
import time
from collections.abc import Collection, Iterable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

from llmreplay.core.clock import EXECUTOR_MODULES, CallerKind, caller_kind
from llmreplay.interceptors.clock_sleeps import ASYNCIO_SLEEP, OPEN, TIME_SLEEP, StandIn, TaskSleep
from llmreplay.interceptors.clock_time import VIRTUAL_FUNCTIONS, DatetimeView, TimeView

LIBRARY_FOLDERS: tuple[str, ...] = tuple(
    sorted({sysconfig.get_path(name) + os.sep for name in ("stdlib", "platstdlib")})
)
"""Folders of the standard library, each with a separator at its end."""

# They measure the time they have left with dates: backoff 2.2.1, read 2026-11-21.
_DATED_MODULES = frozenset({"backoff._sync", "backoff._async"})
_ABSENT = object()


@dataclass(frozen=True, slots=True)
class Binding:
    """A name that was given another value.

    Attributes:
        owner: Module or class.
        name: Attribute of it.
        ours: The value given.
        theirs: The value before; absent if there was none.
    """

    owner: Any
    name: str
    ours: object
    theirs: object

    def put(self) -> None:
        """Give the name our value."""
        setattr(self.owner, self.name, self.ours)

    def take_back(self) -> bool:
        """Give the name its old value, if it still has ours; say whether it had."""
        if vars(self.owner).get(self.name, _ABSENT) is not self.ours:
            return False
        if self.theirs is _ABSENT:
            delattr(self.owner, self.name)
        else:
            setattr(self.owner, self.name, self.theirs)
        return True


class Names:
    """All names that are ours while a clock is open; what was learnt about a module is kept for the next time."""

    def __init__(self) -> None:
        self._lock = threading.RLock()
        self._stand_ins: dict[int, StandIn] = {id(s.original): s for s in (TIME_SLEEP, ASYNCIO_SLEEP)}
        self._anyio_sleep: StandIn | None = None
        self._bindings: list[Binding] = []
        self._buried: set[tuple[int, str]] = set()
        self._datetime_view = DatetimeView()
        self._views: dict[int, object] = {}
        self._application_packages: tuple[str, ...] = ()
        self._seen: dict[str, ModuleType] = {}
        self._places: dict[str, tuple[str, ...]] = {}
        self._times: dict[str, tuple[str, ...]] = {}
        self._module_count = 0
        self._looked_at: list[object] = []

    def install(self) -> None:
        """Put the stand-ins in place."""
        with self._lock:
            # A fresh one each time: what a test puts into it must not reach the next.
            self._views = {id(time): TimeView(), **VIRTUAL_FUNCTIONS}
            self._put_stand_in(time, TIME_SLEEP)
            self._put_stand_in(asyncio.tasks, ASYNCIO_SLEEP)
            self._put_stand_in(asyncio, ASYNCIO_SLEEP)
            # Imported now, not when an SDK first does: its `sleep` would be missed then.
            with suppress(ImportError):
                self._put_anyio(importlib.import_module("anyio"))

    def uninstall(self) -> None:
        """Take back what is still ours; what somebody has put on top of it stays, and is inert."""
        with self._lock:
            while self._bindings:
                binding = self._bindings.pop()
                if not binding.take_back():
                    self._buried.add((id(binding.owner), binding.name))

    def bind(self, application_packages: tuple[str, ...]) -> None:
        """Give every SDK and every application module that imported a sleep by name the stand-in."""
        with self._lock:
            if application_packages != self._application_packages:
                self._application_packages = application_packages
                self._looked_at = []
                self._seen.clear()
                self._places.clear()
                self._times.clear()
            self._look_at_new_modules()
            for name, places in self._places.items():
                self._bind_places(self._seen[name], places)
            self._put_tenacity()

    def show_time(self) -> None:
        """Show virtual time to the application, which may measure how long an SDK made it wait; not to its tests."""
        with self._lock:
            if OPEN.clocks:
                self._look_at_new_modules()
                for name, places in self._times.items():
                    self._bind_places(self._seen[name], places)

    def follow(self, namespace: dict[str, Any]) -> None:
        """Show virtual time to a module whose sleep is virtual, and to SDKs imported since."""
        with self._lock:
            if not OPEN.clocks:
                return
            if len(sys.modules) != self._module_count:
                self.bind(self._application_packages)
            if self._views.keys().isdisjoint(map(id, list(namespace.values()))):
                return
            module = sys.modules.get(str(namespace.get("__name__")))
            if module is not None and issubclass(type(module), ModuleType) and _namespace(module) is namespace:
                self._bind_places(module, [place for place in namespace if id(namespace[place]) in self._views])

    def _put(self, owner: Any, name: str, ours: object) -> None:
        binding = Binding(owner, name, ours, vars(owner).get(name, _ABSENT))
        binding.put()
        self._bindings.append(binding)

    def _put_stand_in(self, owner: ModuleType, stand_in: StandIn) -> None:
        current, place = vars(owner)[stand_in.__name__], (id(owner), stand_in.__name__)
        if current is stand_in:
            self._buried.discard(place)
            self._bindings.append(Binding(owner, stand_in.__name__, stand_in, stand_in.theirs))
            return
        # What covers our stand-in calls it: were it covered in turn, the two would call each other for ever.
        if current is not stand_in.original and place in self._buried:
            return
        self._buried.discard(place)
        stand_in.theirs = current
        self._put(owner, stand_in.__name__, stand_in)

    def _put_anyio(self, anyio: ModuleType) -> None:
        if self._anyio_sleep is None:
            self._anyio_sleep = TaskSleep(anyio.sleep)
            self._stand_ins[id(anyio.sleep)] = self._anyio_sleep
        self._put_stand_in(anyio, self._anyio_sleep)

    def _put_tenacity(self) -> None:
        """Catch the sleep functions that tenacity's objects were given when they were made."""
        retrying = getattr(sys.modules.get("tenacity"), "BaseRetrying", None)
        if retrying is not None and "sleep" not in vars(retrying):
            self._put(retrying, "sleep", property(self._sleep_of, _set_sleep))

    def _sleep_of(self, retrying: Any) -> object:
        try:
            given = vars(retrying)["sleep"]
        except KeyError:
            raise AttributeError("sleep") from None
        return self._stand_ins.get(id(given), given)

    def _look_at_new_modules(self) -> None:
        # Every test does this, with thousands of modules: what is identical is equal, and that is told without a loop.
        if list(sys.modules.values()) == self._looked_at:
            return
        current = dict(sys.modules)
        self._looked_at = list(current.values())
        self._module_count = len(current)
        new = [name for name, module in current.items() if self._seen.get(name) is not module]
        for name in [name for name in self._seen if name not in current] + new:
            self._seen.pop(name, None)
            self._places.pop(name, None)
            self._times.pop(name, None)
        for name in new:
            module = current[name]
            # By type: what is no module may still say that it is one, as cffi's libraries do.
            if not issubclass(type(module), ModuleType):
                continue
            namespace = _namespace(module)
            if getattr(namespace.get("__spec__"), "_initializing", False):
                self._looked_at = []
                continue
            self._seen[name] = module
            self._look_at(name, namespace)

    def _look_at(self, name: str, namespace: dict[str, Any]) -> None:
        """Note the names in a module that hold a sleep, and those that hold the time: an SDK sees it from the start."""
        path = namespace.get("__file__")
        if not isinstance(path, str):
            return
        packages = self._application_packages
        kind = caller_kind(name, path, library_folders=LIBRARY_FOLDERS, application_packages=packages)
        if kind is CallerKind.OTHER:
            return
        wanted = set(self._stand_ins)
        if kind is CallerKind.RETRY:
            wanted.update(self._views)
        elif name not in EXECUTOR_MODULES and not _is_a_test(namespace, Path(path)):
            self._times[name] = _places_in(namespace, self._views)
        if name in _DATED_MODULES:
            wanted.add(id(datetime))
        if places := _places_in(namespace, wanted):
            self._places[name] = places

    def _bind_places(self, module: ModuleType, places: Iterable[str]) -> None:
        namespace = _namespace(module)
        for place in places:
            value = namespace.get(place)
            ours = self._stand_ins.get(id(value)) or self._views.get(id(value))
            if value is datetime:
                ours = self._datetime_view
            if ours is not None:
                self._put(module, place, ours)


def _is_a_test(namespace: dict[str, Any], path: Path) -> bool:
    """Say whether a module is one of the tests, which measure real time: their assertions are rewritten by pytest."""
    loader = type(getattr(namespace.get("__spec__"), "loader", None))
    return loader.__module__.startswith("_pytest.") or path.name == "conftest.py" or path.name.startswith("test_")


def _places_in(namespace: dict[str, Any], wanted: Collection[int]) -> tuple[str, ...]:
    """Give the names that hold one of these objects, told by their identities."""
    held = list(namespace.items())
    return tuple(name for name, value in held if id(value) in wanted)


def _set_sleep(retrying: Any, given: object) -> None:
    vars(retrying)["sleep"] = given


def _namespace(module: object) -> dict[str, Any]:
    # Past `__getattr__` and `__getattribute__`: asking a lazy module for its names would import it.
    namespace: dict[str, Any] = object.__getattribute__(module, "__dict__")
    return namespace


NAMES = Names()
