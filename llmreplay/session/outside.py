"""Stepping out of a test: for what runs in its midst and is no part of it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from llmreplay.interceptors.clock_sleeps import in_real_time
from llmreplay.interceptors.dispatch import DISPATCH
from llmreplay.interceptors.guard_lifted import lifted


@contextmanager
def outside_the_test() -> Iterator[None]:
    """Let this thread, or this task, reach whom it likes inside the block: not refused, not recorded, in real time."""
    with lifted(), DISPATCH.sending(), in_real_time():
        yield
