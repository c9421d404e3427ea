"""Lifting the guard for what is no part of any test, such as the database of examples."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

_IS_LIFTED: ContextVar[bool] = ContextVar("llmreplay_guard_is_lifted", default=False)


def is_lifted() -> bool:
    """Say whether nothing is refused here and now."""
    return _IS_LIFTED.get()


@contextmanager
def lifted() -> Iterator[None]:
    """Refuse nothing to this thread, or this task, inside the block; others stay closed."""
    token = _IS_LIFTED.set(True)
    try:
        yield
    finally:
        _IS_LIFTED.reset(token)
