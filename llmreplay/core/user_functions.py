"""Functions of the user's that settings name: what goes wrong in one is told as its own, never as the SDK's."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial, wraps
from typing import Any

from llmreplay.core.errors import SettingProblem


def text_function(setting: str, function: Callable[[str], str]) -> Callable[[str], str]:
    """Give a function from text to text that does what a user's does, or refuses.

    Args:
        setting: That names it: `normalize`, `redact`.
        function: The user's.

    Returns:
        A function that raises `SettingProblem` where the user's raises, or gives back something that is no text.
    """

    @wraps(function)
    def checked(text: str) -> str:
        try:
            given = function(text)
        except Exception as error:
            raise problem_in(setting, function, error) from error
        if not isinstance(given, str):
            raise SettingProblem(
                setting,
                place_of(function),
                f"gave {type(given).__name__} back, and must give a text: str",
                remedy="give the text itself back where there is nothing to change",
            )
        return given

    return checked


def problem_in(setting: str, function: object, error: Exception) -> SettingProblem:
    """Tell that a user's function raised."""
    return SettingProblem(setting, place_of(function), f"raised {type(error).__name__}", said=str(error))


def place_of(function: Any) -> str:
    """Name a function, with its file and line: `scrub  (tests/conftest.py:12)`; the name alone if it has none."""
    while isinstance(function, partial):
        function = function.func
    named = function if hasattr(function, "__qualname__") else type(function)
    called = function if hasattr(function, "__code__") else type(function).__call__
    code = getattr(called, "__code__", None)
    where = f"  ({code.co_filename}:{code.co_firstlineno})" if code is not None else ""
    return f"{named.__qualname__}{where}"
