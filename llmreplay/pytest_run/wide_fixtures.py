"""Fixtures wider than a function: which own a cassette, and what it is called."""

from __future__ import annotations

import inspect
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from llmreplay.storage.names import fixture_cassette_name


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
                self._owned.update(one for one in definitions if one.scope != "function")

    def cassette_name(self, fixturedef: pytest.FixtureDef[Any], request: pytest.FixtureRequest) -> Path:
        """Name the cassette of a fixture: by where it is set up, or by where it is defined if that is anywhere."""
        name = fixturedef.argname
        if fixturedef.scope in ("module", "class"):
            file, _, inner = request.node.nodeid.partition("::")
            name = f"{inner.replace('::', '.')}.{name}" if inner else name
        else:
            file = self._defining_file(fixturedef)
        index = getattr(request, "param_index", 0) if hasattr(request, "param") else None
        return Path(fixture_cassette_name(file, name, None if index is None else str(index)))

    def _defining_file(self, fixturedef: pytest.FixtureDef[Any]) -> str:
        try:
            return Path(inspect.getfile(inspect.unwrap(fixturedef.func))).relative_to(self._root).as_posix()
        except (TypeError, ValueError):
            return "plugins"
