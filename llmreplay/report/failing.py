"""Refusals as test failures: so that pytest reports them as itself and runs every finalizer."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from types import TracebackType

import pytest

from llmreplay.core.errors import Refusal

Failed: type[BaseException] = pytest.fail.Exception


def as_test_failure(refusal: Refusal) -> BaseException:
    """Give a refusal that pytest, its async runners and Hypothesis take for a failed test.

    A bare `BaseException` would end the run of a shared event loop and skip finalizers.
    """
    if isinstance(refusal, Failed):
        return refusal
    given: type = type(refusal)
    kind = _failing(given)
    failure = kind.__new__(kind)
    failure.__dict__.update(refusal.__dict__)
    failure.args = refusal.args
    failure.__dict__.update(msg=str(refusal), pytrace=True)
    return failure


# One class for each kind, always the same: Hypothesis takes two classes for two failures.
@cache
def _failing(kind: type) -> type[BaseException]:
    # As pytest shows a builtin, so that the message begins with the name alone.
    def text(self: BaseException) -> str:
        return str(self.args[0]) if self.args else ""

    made: type[BaseException] = type(
        kind.__name__, (kind, Failed), {"__str__": text, "__repr__": text, "__module__": "builtins"}
    )
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
