"""Exceptions as they are written in a test's module, and what must be imported there first."""

from __future__ import annotations

import builtins
import functools
import sys
from collections.abc import Mapping, Sequence
from types import ModuleType


def written(kinds: Sequence[type[BaseException]], names: Mapping[str, object]) -> tuple[str, tuple[str, ...]]:
    """Write exceptions as a tuple to paste into a module.

    Args:
        kinds: The exceptions.
        names: The module's globals.

    Returns:
        The tuple, and the imports that the module lacks for it.
    """
    found = [_name_and_import(kind, names) for kind in kinds]
    inside = ", ".join(name for name, _ in found)
    lacking = tuple(dict.fromkeys(line for _, line in found if line))
    return (f"({inside},)" if len(found) == 1 else f"({inside})"), lacking


def _name_and_import(kind: type[BaseException], names: Mapping[str, object]) -> tuple[str, str]:
    path = kind.__qualname__
    if _at(names, path) is kind or (path not in names and _at(vars(builtins), path) is kind):
        return path, ""
    bound = next((name for name, value in names.items() if value is kind), None)
    if bound is not None:
        return bound, ""
    modules = [(name, value) for name, value in names.items() if isinstance(value, ModuleType)]
    through = next((name for name, module in modules if _at(vars(module), path) is kind), None)
    if through is not None:
        return f"{through}.{path}", ""
    home = _home_of(kind)
    return f"{home}.{path}", f"import {home}"


def _at(names: Mapping[str, object], path: str) -> object:
    first, *rest = path.split(".")
    return functools.reduce(lambda value, name: getattr(value, name, None), rest, names.get(first))


def _home_of(kind: type[BaseException]) -> str:
    """Give the outermost module that has an exception: where users import it from."""
    parts = kind.__module__.split(".")
    outward = (".".join(parts[:count]) for count in range(1, len(parts) + 1))
    return next(
        (home for home in outward if home in sys.modules and _at(vars(sys.modules[home]), kind.__qualname__) is kind),
        kind.__module__,
    )
