"""Fixtures wider than a function: which own a cassette, and what it is called."""

from __future__ import annotations

import inspect
import re
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import pytest

from llmreplay.pytest_run.node_ids import node_id_of, path_from
from llmreplay.storage.names import fixture_cassette_name

_READS_AS_OTHER = re.compile(r"None|True|False|[-+.\d].*", re.DOTALL)


class WideFixtures:
    """The fixtures that tests of ours use and that outlive a test."""

    def __init__(self, root: Path) -> None:
        self._root = root
        self._owned: set[pytest.FixtureDef[Any]] = set()

    def __contains__(self, fixturedef: pytest.FixtureDef[Any]) -> bool:
        return fixturedef in self._owned

    def own(self, items: Sequence[pytest.Item]) -> None:
        """Note those that these tests use, whichever test sets them up."""
        for item in items:
            info = getattr(item, "_fixtureinfo", None)
            for definitions in info.name2fixturedefs.values() if info else ():
                self.own_definitions(definitions)

    def own_definitions(self, definitions: Iterable[pytest.FixtureDef[Any]]) -> None:
        """Note those of these fixtures that outlive a test."""
        self._owned.update(one for one in definitions if one.scope != "function")

    def cassette_name(self, fixturedef: pytest.FixtureDef[Any], request: pytest.FixtureRequest) -> Path:
        """Name the cassette of a fixture: by where it is set up, or by where it is defined if that is anywhere.

        A fixture that is defined in a class belongs to that class, and to each that inherits it.
        """
        file, _, classes = fixturedef.baseid.partition("::")
        if fixturedef.scope in ("module", "class"):
            file, _, inner = node_id_of(request.node).partition("::")
            classes = inner or classes
        elif not classes or not self._root.joinpath(file).exists():
            file = self._defining_file(fixturedef)
        name = ".".join([*classes.split("::"), fixturedef.argname]) if classes else fixturedef.argname
        return Path(fixture_cassette_name(file, name, _parameters(fixturedef, request)))

    def _defining_file(self, fixturedef: pytest.FixtureDef[Any]) -> str:
        try:
            file = Path(inspect.getfile(inspect.unwrap(fixturedef.func)))
        except TypeError:
            return "plugins"
        is_plugins = "site-packages" in file.parts and not file.is_relative_to(self._root)
        return "plugins" if is_plugins else path_from(self._root, file)


def _parameters(fixturedef: pytest.FixtureDef[Any], request: pytest.FixtureRequest) -> str | None:
    """Tell which parameters a fixture is set up with: its own, and those of the fixtures that it builds on."""
    item = request._pyfuncitem
    callspec = getattr(item, "callspec", None)
    indices: dict[str, int] = getattr(callspec, "indices", {})
    values: dict[str, object] = getattr(callspec, "params", {})
    definitions = item._fixtureinfo.name2fixturedefs
    seen: set[str] = set()
    waiting = [fixturedef.argname]
    while waiting:
        name = waiting.pop()
        if name not in seen:
            seen.add(name)
            waiting += [other for one in definitions.get(name, ()) for other in one.argnames]
    found = {
        name: _parameter(indices[name], values.get(name), definitions.get(name, ()))
        for name in sorted(seen)
        if name in indices
    }
    own = found.pop(fixturedef.argname, None)
    parts = [*([] if own is None else [own]), *(f"{name}{which}" for name, which in found.items())]
    return "-".join(parts) or None


def _parameter(index: int, value: object, definitions: Sequence[pytest.FixtureDef[Any]]) -> str:
    """Tell a parameter by what it is, so that one more before it renames no cassette; alike ones by their place too."""
    own = (definitions[-1].params if definitions else None) or ()
    text = _text_of(index, value)
    return text if [_text_of(*one) for one in enumerate(own)].count(text) < 2 else f"{text}-{index}"


def _text_of(index: int, value: object) -> str:
    if isinstance(value, str):
        # One that reads as another value, `"1"` or `"None"`, keeps its quotes.
        return repr(value) if _READS_AS_OTHER.fullmatch(value) else value
    return repr(value) if isinstance(value, int | float | bytes | None) else str(index)
