"""Limits: when an application under faults is taken to have no end."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from llmreplay.core.attempt import Attempt
from llmreplay.core.errors import RanAway
from llmreplay.core.model import Reply
from llmreplay.core.recorder import Recorder
from llmreplay.core.retry_checks import retry_after_s

EVER_S = 1e7
_ANYTHING = Reply(text="This answer is made up, so that the application comes to its end.")


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """How far a test may go before it is stopped.

    Attributes:
        most_attempts: Attempts of all its calls together.
        deadline_s: Seconds on the test's clock, those that passed in no time included.
        excess_s: The same, less what it was made to wait: until an attempt had ended, and as `retry-after` said.
    """

    most_attempts: int = 1000
    deadline_s: float = EVER_S
    excess_s: float = EVER_S

    def passed(self, attempts: int, seconds: float, asked_s: float) -> RanAway | None:
        """Give the refusal for a test that has gone too far; None if it has not.

        Args:
            attempts: That it made.
            seconds: On its clock.
            asked_s: How many of them it was made to wait.
        """
        if attempts > self.most_attempts:
            return RanAway(
                f"{attempts} attempts were made",
                f"most_attempts={self.most_attempts}",
                "retries that multiply, or a loop",
            )
        if seconds > self.deadline_s:
            return RanAway(
                f"{seconds:.0f} s have passed on the test's clock",
                f"deadline_s={self.deadline_s:g}",
                "a wait without end",
            )
        if seconds - asked_s > self.excess_s:
            return RanAway(
                f"{seconds:.0f} s have passed on the test's clock",
                f"deadline_s={self.excess_s:g}, without the {asked_s:.0f} s that it was made to wait",
                "a wait without end",
            )
        return None


class Limiter:
    """Holds one recorder to limits, from now on."""

    def __init__(self, limits: Limits, recorder: Recorder, now: Callable[[], float]) -> None:
        self._limits = limits
        self._recorder = recorder
        self._now = now
        self._passed = 0
        self._restart()

    def _restart(self) -> None:
        self._began_s = self._now()
        self._attempts = 0
        self._asked_s = 0.0
        self._under_way: list[Attempt] = []

    def waits_for_ever(self, place: str) -> BaseException:
        """Note that an event loop was given up that nothing would have woken, and give what is raised in it."""
        ran_away = RanAway(f"{place} waits for what never comes", "", "an event or a queue that only a success fills")
        return self._recorder.refuse(ran_away)

    def check(self, attempt: Attempt | None = None) -> None:
        """Look at the limits, before an attempt or after a sleep.

        The refusal may be swallowed, by a bare `except:` in a loop of retries. After the first one no more faults are
        laid, and the limits begin anew; after another, whatever is asked for is answered.

        Raises:
            RanAway: One is passed; or what the recorder makes of that.
        """
        self._count_what_was_asked()
        if attempt is not None:
            self._attempts += 1
            self._under_way.append(attempt)
        ran_away = self._limits.passed(self._attempts, self._now() - self._began_s, self._asked_s)
        if ran_away is not None:
            self._let_end()
            raise self._recorder.refuse(ran_away)

    def _count_what_was_asked(self) -> None:
        left = []
        for attempt in self._under_way:
            if attempt.ended_s is None:
                left.append(attempt)
            else:
                self._asked_s += attempt.ended_s - attempt.started_s + (retry_after_s(attempt) or 0.0)
        self._under_way = left

    def _let_end(self) -> None:
        """Clear the way to the end for an application that swallows the refusal and goes on: it is judged there."""
        self._passed += 1
        self._restart()
        if self._passed == 1:
            self._recorder.faulting.stop()
        else:
            self._recorder.answer_all(_ANYTHING)
