"""Patches on other people's classes: put in once, taken back only where they are still ours."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec
from importlib.util import find_spec
from threading import local
from types import ModuleType
from typing import Any

_MARK = "__llmreplay_mark__"


@dataclass(frozen=True, slots=True, eq=False)
class _Mark:
    """Says that a wrapper is ours: the one that it names, not one that carries the mark of what it wraps."""

    wrapper: Any
    original: Any


class Patches:
    """Replaces attributes of classes by wrappers of ours."""

    def __init__(self) -> None:
        self._done: list[tuple[Any, str, _Mark]] = []

    def replace(self, owner: Any, name: str, wrapper_of: Callable[[Any], Any]) -> None:
        """Put `wrapper_of(original)` in the place of an attribute, unless one of ours is there or below it already.

        Somebody may have kept our wrapper as their original, and put it back after we took it out, or wrapped it: it
        is used again, and theirs stays on top.
        """
        current = owner.__dict__[name]
        mark = _mark_below(current)
        if mark is None:
            mark = _Mark(wrapper_of(current), current)
            setattr(mark.wrapper, _MARK, mark)
            setattr(owner, name, mark.wrapper)
        if not any(done is mark for *_, done in self._done):
            self._done.append((owner, name, mark))

    def undo(self) -> None:
        """Put the originals back where our wrapper still stands."""
        while self._done:
            owner, name, mark = self._done.pop()
            if owner.__dict__.get(name) is mark.wrapper:
                setattr(owner, name, mark.original)


def _mark_below(current: Any) -> _Mark | None:
    """Find the mark of a wrapper of ours, under whatever others wrapped around it; None if there is none."""
    seen: list[Any] = []
    while current is not None and not any(one is current for one in seen):
        seen.append(current)
        # functools.wraps copies it, and a proxy of wrapt's kind passes it on: only our own wrapper is the one it names.
        mark = getattr(current, _MARK, None)
        if isinstance(mark, _Mark) and mark.wrapper is current:
            return mark
        current = getattr(current, "__wrapped__", None)
    return None


class _PatchingLoader(Loader):
    """Runs a module as its own loader would, then patches it."""

    def __init__(self, inner: Loader, then: Callable[[ModuleType], None]) -> None:
        self._inner = inner
        self._then = then

    def create_module(self, spec: ModuleSpec) -> ModuleType | None:
        return self._inner.create_module(spec)

    def exec_module(self, module: ModuleType) -> None:
        # Resources, sources and reloads of the module are its own loader's business.
        module.__loader__ = self._inner
        if module.__spec__ is not None:
            module.__spec__.loader = self._inner
        self._inner.exec_module(module)
        self._then(module)


class ImportWatch(MetaPathFinder):
    """Calls back when one of the named modules is imported."""

    def __init__(self, names: Sequence[str], then: Callable[[ModuleType], None]) -> None:
        self._names = frozenset(names)
        self._then = then
        self._here = local()

    def find_spec(self, name: str, path: object = None, target: object = None) -> ModuleSpec | None:
        """Find the module as everybody else would, and watch it load."""
        if name not in self._names or getattr(self._here, "is_looking", False):
            return None
        self._here.is_looking = True
        try:
            spec = find_spec(name)
        finally:
            self._here.is_looking = False
        if spec is not None and spec.loader is not None:
            spec.loader = _PatchingLoader(spec.loader, self._then)
        return spec

    def start(self) -> None:
        """Begin to watch."""
        if self not in sys.meta_path:
            sys.meta_path.insert(0, self)

    def stop(self) -> None:
        """Stop watching."""
        if self in sys.meta_path:
            sys.meta_path.remove(self)
