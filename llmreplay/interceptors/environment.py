"""Placeholder keys: SDKs refuse to start without one, and a replay needs none."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Sequence
from threading import Lock


class _Placeholders:
    """The variables that were set for somebody; the environment is one for all cassettes that are open."""

    def __init__(self) -> None:
        self._users: Counter[str] = Counter()
        self._lock = Lock()

    def hold(self, name: str, placeholder: str) -> bool:
        """Set a variable if it is unset; say whether its value is ours."""
        with self._lock:
            is_ours = self._users[name] > 0 and os.environ.get(name) == placeholder
            if name in os.environ and not is_ours:
                return False
            os.environ[name] = placeholder
            self._users[name] += 1
            return True

    def release(self, name: str, placeholder: str) -> None:
        """Unset a variable when nobody needs it any more, unless somebody gave it another value."""
        with self._lock:
            self._users[name] -= 1
            if not self._users[name] and os.environ.get(name) == placeholder:
                del os.environ[name]


_PLACEHOLDERS = _Placeholders()


class PlaceholderKeys:
    """Sets unset key variables, and takes back what is still ours."""

    def __init__(self, variables: Sequence[tuple[str, str]]) -> None:
        self._variables = variables
        self._ours: dict[str, str] = {}

    def install(self) -> None:
        """Set the variables that are unset."""
        for name, placeholder in self._variables:
            if _PLACEHOLDERS.hold(name, placeholder):
                self._ours[name] = placeholder

    def uninstall(self) -> None:
        """Unset those whose value is still the placeholder, once no other cassette needs them."""
        while self._ours:
            _PLACEHOLDERS.release(*self._ours.popitem())
