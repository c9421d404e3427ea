"""Refusals that a task group has wrapped: taken out again, before they reach whoever runs the test."""

from __future__ import annotations

import functools
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from llmreplay.core.errors import Refusal


@contextmanager
def ungrouped(item: pytest.Function) -> Iterator[None]:
    """Have the coroutine function of a test raise a refusal as itself, not in a group.

    A group that is no `Exception` would end the task in which anyio runs all tests and fixtures of a module.
    """
    original = item.obj

    @functools.wraps(original)
    async def run(*args: Any, **kwargs: Any) -> Any:
        try:
            return await original(*args, **kwargs)
        except BaseExceptionGroup as group:
            refusals, others = group.split(Refusal)
            if refusals is None:
                raise
            refusal = _first_of(refusals)
            if others is not None:
                refusal.add_note(f"It came in a group, with: {others.exceptions!r}")
            raise refusal from None

    item.obj = run
    try:
        yield
    finally:
        item.obj = original


def _first_of(group: BaseExceptionGroup[Any]) -> BaseException:
    first: BaseException = group.exceptions[0]
    return _first_of(first) if isinstance(first, BaseExceptionGroup) else first
