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
        # What stood there: nothing, or a blank. A CI sets a secret that does not exist to an empty text.
        self._before: dict[str, str | None] = {}
        self._lock = Lock()

    def hold(self, name: str, placeholder: str) -> bool:
        """Set a variable if it is unset or blank; say whether its value is ours."""
        with self._lock:
            value = os.environ.get(name)
            is_ours = self._users[name] > 0 and value == placeholder
            if not is_ours:
                if value is not None and value.strip():
                    return False
                self._before[name] = value
            os.environ[name] = placeholder
            self._users[name] += 1
            return True

    def release(self, name: str, placeholder: str) -> None:
        """Put back what stood there when nobody needs it any more, unless somebody gave it another value."""
        with self._lock:
            self._users[name] -= 1
            if self._users[name]:
                return
            before = self._before.pop(name)
            if os.environ.get(name) != placeholder:
                return
            if before is None:
                del os.environ[name]
            else:
                os.environ[name] = before


_PLACEHOLDERS = _Placeholders()


class PlaceholderKeys:
    """Sets key variables that are unset or blank, and takes back what is still ours."""

    def __init__(self) -> None:
        self._ours: dict[str, str] = {}

    def install(self, variables: Sequence[tuple[str, str]]) -> None:
        """Set those of these variables, each with its placeholder, that are unset or blank."""
        for name, placeholder in variables:
            # Some are only known as secrets: with another one set, nobody needs them.
            if placeholder and _PLACEHOLDERS.hold(name, placeholder):
                self._ours[name] = placeholder

    def uninstall(self) -> None:
        """Put back those whose value is still the placeholder, once no other cassette needs them."""
        while self._ours:
            _PLACEHOLDERS.release(*self._ours.popitem())
