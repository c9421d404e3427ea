"""Checks of arguments, where the user made them: every error echoes the value and says what is allowed."""

from __future__ import annotations

from collections.abc import Iterable
from math import isfinite

from llmreplay.core.errors import SettingError


def check_count(owner: str, name: str, value: object, *, at_least: int) -> None:
    """Accept a whole number of `at_least` or more.

    Raises:
        SettingError: Anything else, a bool included.
    """
    if isinstance(value, bool) or not isinstance(value, int) or value < at_least:
        raise SettingError(f"{owner}({name}={value!r}): {name} must be a whole number, {at_least} or more.")


def check_seconds(owner: str, name: str, value: object, *, above_zero: bool = False) -> None:
    """Accept a finite number of seconds, 0 or more (or above 0).

    Raises:
        SettingError: Anything else, a bool included.
    """
    number = not isinstance(value, bool) and isinstance(value, (int, float)) and isfinite(value)
    if not number or value < 0 or (above_zero and value == 0):  # type: ignore[operator]
        bound = "above 0" if above_zero else "0 or more"
        raise SettingError(f"{owner}({name}={value!r}): {name} must be a number of seconds, {bound}.")


def check_choice(owner: str, name: str, value: object, choices: Iterable[object]) -> None:
    """Accept one of `choices`.

    Raises:
        SettingError: Anything else.
    """
    allowed = tuple(choices)
    if value not in allowed:
        listed = ", ".join(repr(choice) for choice in allowed)
        raise SettingError(f"{owner}({name}={value!r}): choose {name} from {listed}.")


def check_bool(owner: str, name: str, value: object, *, or_none: bool = False) -> None:
    """Accept True and False, and None where that is allowed.

    Raises:
        SettingError: Anything else.
    """
    if not isinstance(value, bool) and not (or_none and value is None):
        allowed = "True, False or None" if or_none else "True or False"
        raise SettingError(f"{owner}({name}={value!r}): {name} must be {allowed}.")


def check_header_text(owner: str, name: str, value: object) -> None:
    """Accept text that may stand in an HTTP header: printable ASCII in one line.

    Raises:
        SettingError: Anything else.
    """
    if not isinstance(value, str) or not (value.isascii() and (value.isprintable() or value == "")):
        raise SettingError(f"{owner}({name}={value!r}): {name} must be printable ASCII text in one line.")
