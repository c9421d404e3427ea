"""Refusals as test failures: so that pytest reports them as itself and runs every finalizer."""

from __future__ import annotations

from functools import cache

import pytest

from llmreplay.core.errors import Refusal

Failed: type[BaseException] = pytest.fail.Exception


def as_test_failure(refusal: Refusal) -> BaseException:
    """Give a refusal that pytest, its async runners and Hypothesis take for a failed test.

    A bare `BaseException` would end the run of a shared event loop and skip finalizers.
    """
    if isinstance(refusal, Failed):
        return refusal
    kind = _failing(type(refusal))
    failure = kind.__new__(kind)
    failure.__dict__.update(refusal.__dict__)
    failure.args = refusal.args
    failure.__dict__.update(msg=str(refusal), pytrace=True)
    return failure


@cache
def _failing(kind: type[Refusal]) -> type[BaseException]:
    def text(self: BaseException) -> str:
        return str(self.args[0]) if self.args else ""

    return type(kind.__name__, (kind, Failed), {"__str__": text, "__repr__": text, "__module__": kind.__module__})
