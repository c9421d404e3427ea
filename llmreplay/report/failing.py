"""Refusals as test failures: so that pytest reports them as itself and runs every finalizer."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from types import TracebackType
from typing import Any

import pytest

from llmreplay.core.errors import Refusal

Failed: type[BaseException] = pytest.fail.Exception


def as_test_failure(refusal: Refusal) -> BaseException:
    """Give a refusal that pytest, its async runners and Hypothesis take for a failed test.

    A bare `BaseException` would end the run of a shared event loop and skip finalizers.
    """
    if isinstance(refusal, Failed):
        return refusal
    return _failure_of(type(refusal), refusal.args, {**refusal.__dict__, "msg": str(refusal), "pytrace": True})


def _failure_of(kind: type, args: tuple[Any, ...], data: dict[str, Any]) -> BaseException:
    made = _failing(kind)
    failure = made.__new__(made)
    failure.__dict__.update(data)
    failure.args = args
    return failure


# One class for each kind, always the same: Hypothesis takes two classes for two failures.
@cache
def _failing(kind: type) -> type[BaseException]:
    # As pytest shows a builtin, so that the message begins with the name alone.
    def text(self: BaseException) -> str:
        return str(self.args[0]) if self.args else ""

    # Its class stands in no module: another process makes it anew from the kind, which does.
    def reduced(self: BaseException) -> tuple[Any, ...]:
        return _failure_of, (kind, self.args, dict(self.__dict__))

    own = {"__str__": text, "__repr__": text, "__reduce__": reduced, "__module__": "builtins"}
    made: type[BaseException] = type(kind.__name__, (kind, Failed), own)
    return made


def keep_own_frames(error: BaseException, is_own: Callable[[str], bool]) -> None:
    """Leave only the frames of files that are the user's own in a refusal's traceback; without any, show none.

    What lies between, the SDK's and ours, says nothing about why a request was refused.
    """
    own: TracebackType | None = None
    entry, entries = error.__traceback__, []
    while entry is not None:
        if is_own(entry.tb_frame.f_code.co_filename):
            entries.append(entry)
        entry = entry.tb_next
    for kept in reversed(entries):
        own = TracebackType(own, kept.tb_frame, kept.tb_lasti, kept.tb_lineno)
    if own is not None:
        error.__traceback__ = own
    else:
        error.__dict__["pytrace"] = False
