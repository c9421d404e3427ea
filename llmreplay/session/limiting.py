"""Holding a recorder to limits: looked at before every attempt, and by every loop that attempts are made on."""

from __future__ import annotations

from collections.abc import Callable

from llmreplay.core.attempt import Attempt
from llmreplay.core.limits import Limiter, Limits
from llmreplay.core.recorder import Recorder
from llmreplay.interceptors.clock import VirtualClock
from llmreplay.interceptors.clock_stuck import Watch


def held_to(limits: Limits, recorder: Recorder, clock: VirtualClock, is_current: Callable[[Limiter], bool]) -> Limiter:
    """Hold a recorder to limits from now on.

    Args:
        limits: How far its test may go.
        recorder: Refuses what goes further.
        clock: Of its test.
        is_current: Says whether the limits are still those in use, so that a loop needs to be looked after.
    """
    limiter = Limiter(limits, recorder, clock.now)
    watch = Watch(limiter.waits_for_ever, is_on=lambda: clock.is_open and is_current(limiter))

    def before(attempt: Attempt) -> None:
        clock.watch(watch)
        limiter.check(attempt)

    recorder.faulting.before = before
    return limiter
