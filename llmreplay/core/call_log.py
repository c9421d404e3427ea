"""The call log: which attempt belongs to which call."""

from __future__ import annotations

from collections.abc import Callable
from itertools import islice

from llmreplay.core.attempt import Attempt, Source
from llmreplay.core.calls import Call, Calls
from llmreplay.core.price import Price


class CallLog:
    """Groups attempts into calls as they begin.

    An attempt joins the oldest call that asks the same, whose last attempt failed and has ended. A retry that its SDK
    numbers joins only the attempt before it in number; a first try (0, or unnumbered) only one made by the same
    thread or task, or by one that is over where this one was not there yet: so the application's own retry loops
    count, and the first try of a concurrent, identical prompt is a call of its own.

    A wait before a retry is what its thread or task slept; else what the one slept that sent it to work; else what one
    slept that makes no calls itself.
    """

    def __init__(self, price_of: Callable[[Call], Price] = lambda call: Price()) -> None:
        self._price_of = price_of
        self._calls: list[Call] = []
        # Calls that are under way or failed, by what they ask; those answered are dropped when next looked at.
        self._unsettled: dict[str, list[Call]] = {}
        # Calls that began since: most are answered by now, and what they ask need not be made out.
        self._begun: list[Call] = []
        # Attempts whose calls are looked up when somebody asks, because that reads requests and answers. One thread
        # or task made them one after the other, and no other call is open: nothing can change in the meantime.
        self._waiting: list[Attempt] = []
        self._latest_of: dict[int, Call] = {}
        self._left: set[Call] = set()
        # By who slept: how many attempts had begun by then, and the seconds.
        self._sleeps: dict[int, list[tuple[int, float]]] = {}
        self._attempts = 0

    @property
    def calls(self) -> Calls:
        """All calls so far, in the order they began."""
        self._enter_waiting()
        for call in self._calls:
            _forsake(call)
        return Calls(self._calls)

    def is_retrying(self) -> bool:
        """Say whether a call has failed and is not answered yet."""
        return any(call.last.has_ended for call in self._all_unsettled())

    def last_failed_source(self) -> Source | None:
        """Give where the last failure came from that is not answered yet: a fault, if one made it; None if none is."""
        ended = [call.last for call in self._all_unsettled() if call.last.ended_s is not None]
        if not ended:
            return None
        last = max(ended, key=lambda attempt: attempt.ended_s or 0.0)
        return Source.FAULT if last.faults else last.source

    def slept(self, origin_key: int, asked_s: float) -> None:
        """Note a sleep; it is a wait of the next attempt from the same thread or task."""
        self._sleeps.setdefault(origin_key, []).append((self._attempts, asked_s))

    def begin(self, attempt: Attempt) -> None:
        """Enter an attempt that is about to be made."""
        if self._sleeps:
            origin = attempt.origin
            waits = self._sleeps.pop(origin.key, None) or self._sleeps.pop(origin.sleeper, None)
            if waits:
                attempt.wait_s = sum(asked_s for _, asked_s in waits)
        waiting = self._waiting
        if waiting and (waiting[-1].ended_s is None or waiting[-1].origin.key != attempt.origin.key):
            self._enter_waiting()
        self._waiting.append(attempt)
        self._attempts += 1
        if self._begun or self._unsettled or self._sleeps:
            self._enter_waiting()
            self._drop_some_answered()

    def _enter_waiting(self) -> None:
        waiting, self._waiting = self._waiting, []
        for attempt in waiting:
            self._enter(attempt)

    def _enter(self, attempt: Attempt) -> None:
        self._sort_begun()
        same = self._still_unsettled(attempt.fingerprint) if self._unsettled else []
        for asked_before in same:
            if asked_before.last.origin.key == attempt.origin.key:
                _forsake(asked_before)
        retried = [call for call in same if _retries(attempt, call.last)]
        # Of identical concurrent calls, one's own comes first: its failure said how long to wait.
        own = (call for call in retried if call.last.origin.key == attempt.origin.key)
        call = next(own, retried[0] if retried else None)
        if call is None:
            call = Call(attempt, self._call_left_by(attempt), self._price_of)
            self._calls.append(call)
            self._begun.append(call)
        else:
            if attempt.wait_s is None:
                attempt.wait_s = self._slept_by_others()
            call.attempts.append(attempt)
        self._latest_of[attempt.origin.key] = call

    def _slept_by_others(self) -> float:
        """Take what the one slept that makes no calls itself, but has a pool make them; 0 where that is unclear."""
        before = self._attempts - 1
        lately = {key: sum(s for at, s in slept if at == before) for key, slept in self._sleeps.items()}
        others = [key for key, slept_s in lately.items() if slept_s and key not in self._latest_of]
        if len(others) != 1:
            return 0.0
        del self._sleeps[others[0]]
        return lately[others[0]]

    def _drop_some_answered(self) -> None:
        """Look at more calls than begin, so that none is left at last where none is open."""
        for asked in list(islice(self._unsettled, 2)):
            self._still_unsettled(asked)

    def _sort_begun(self) -> None:
        for call in self._begun:
            if _is_unsettled(call):
                self._unsettled.setdefault(call.last.fingerprint, []).append(call)
        self._begun = []

    def _all_unsettled(self) -> list[Call]:
        self._enter_waiting()
        self._sort_begun()
        unsettled = [call for asked in list(self._unsettled) for call in self._still_unsettled(asked)]
        for call in unsettled:
            _forsake(call)
        return unsettled

    def _still_unsettled(self, asked: str) -> list[Call]:
        calls = self._unsettled.get(asked)
        if calls is None:
            return []
        left = [call for call in calls if _is_unsettled(call)]
        if left:
            self._unsettled[asked] = left
        else:
            del self._unsettled[asked]
        return left

    def _call_left_by(self, attempt: Attempt) -> Call | None:
        call = self._latest_of.get(attempt.origin.key)
        if call is None and self._calls and self._calls[-1].last.origin.is_over():
            call = self._calls[-1]
        if call is None or attempt.api is None or call in self._left:
            return None
        is_elsewhere = call.provider not in (None, attempt.api.provider)
        if not (is_elsewhere and call.last.has_ended and call.last.has_failed):
            return None
        self._left.add(call)
        return call


def _forsake(call: Call) -> None:
    """End the reading of a stream that reported an error, and that nobody closes."""
    if call.last.forsake is not None:
        call.last.forsake()


def _is_unsettled(call: Call) -> bool:
    return not call.last.has_ended or call.last.has_failed


def _retries(attempt: Attempt, last: Attempt) -> bool:
    if not last.has_ended:
        return False
    if attempt.retry_count:
        return last.retry_count == attempt.retry_count - 1
    origin = attempt.origin
    if last.origin.key == origin.key:
        return True
    if last.was_there(origin.key):
        return False
    # Sent by one that has slept since: any thread of a pool may be the one that is free.
    is_sent = attempt.wait_s is not None and origin.sleeper not in (0, origin.key)
    return last.origin.is_over() or is_sent
