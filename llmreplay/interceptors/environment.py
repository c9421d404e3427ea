"""Placeholder keys: SDKs refuse to start without one, and a replay needs none."""

from __future__ import annotations

import os
from collections.abc import Sequence


class PlaceholderKeys:
    """Sets unset key variables, and takes back what is still ours."""

    def __init__(self, variables: Sequence[tuple[str, str]]) -> None:
        self._variables = variables
        self._ours: dict[str, str] = {}

    def install(self) -> None:
        """Set the variables that are unset and have a placeholder."""
        for name, placeholder in self._variables:
            if placeholder and name not in os.environ:
                os.environ[name] = placeholder
                self._ours[name] = placeholder

    def uninstall(self) -> None:
        """Unset those whose value is still the placeholder."""
        while self._ours:
            name, placeholder = self._ours.popitem()
            if os.environ.get(name) == placeholder:
                del os.environ[name]
