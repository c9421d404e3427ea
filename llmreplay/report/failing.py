"""Refusals as test failures: so that pytest reports them as itself and runs every finalizer."""

from __future__ import annotations

from functools import cache

import pytest

from llmreplay.core.errors import Refusal


def as_test_failure(refusal: Refusal) -> BaseException:
    """Give a refusal that pytest, its async runners and Hypothesis take for a failed test.

    A bare `BaseException` would end the run of a shared event loop and skip finalizers.
    """
    if isinstance(refusal, pytest.fail.Exception):
        return refusal
    failure = _failing(type(refusal)).__new__(_failing(type(refusal)))
    failure.__dict__.update(refusal.__dict__)
    failure.args = refusal.args
    failure.msg = str(refusal)
    failure.pytrace = True
    return failure


@cache
def _failing(kind: type[Refusal]) -> type:
    def text(self: pytest.fail.Exception) -> str:
        return str(self.msg)

    return type(
        kind.__name__, (kind, pytest.fail.Exception), {"__str__": text, "__repr__": text, "__module__": kind.__module__}
    )
