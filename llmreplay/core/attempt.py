"""An attempt: one request and its outcome, in this test run."""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from enum import Enum

from llmreplay.core.api import Api
from llmreplay.core.asked import Asked
from llmreplay.core.cassette import Stored
from llmreplay.core.model import COMPLETE, Answer, End, Outcome, Request, Response, header
from llmreplay.core.reading import answer_of, is_stream, put_down_answer


def _nobody(key: int) -> bool:
    return False


@dataclass(frozen=True, slots=True)
class Origin:
    """The thread or task that made a request.

    Attributes:
        key: The same for all requests of one thread or task.
        is_over: Whether it has come to its end.
        sleeper: Key of the thread or task that slept last in this context, which a helper of its own inherits.
        who_is_there: Asked when an attempt has failed; what it gives says of a key whether that one was there already.
    """

    key: int = 0
    is_over: Callable[[], bool] = lambda: False
    sleeper: int = 0
    who_is_there: Callable[[], Callable[[int], bool]] = lambda: _nobody


NOBODY = Origin()
"""Where it is not known who made a request."""


class Source(Enum):
    """Where an attempt's outcome came from."""

    REPLAYED = "replayed"
    RECORDED = "recorded"
    LIVE = "live"
    FAULT = "fault"
    STUB = "stub"
    REFUSED = "refused"


def _error_under_way() -> int:
    """Name the exception that is handled just now, in whatever frame; 0 for none, or for a generator's own end."""
    error = sys.exc_info()[1]
    return 0 if error is None or isinstance(error, GeneratorExit) else id(error)


@dataclass(slots=True, eq=False)
class Attempt:
    """One request and its outcome, in this test run.

    Attributes:
        asked: What the client asks.
        api: The row of its endpoint; None if no row describes it.
        started_s: Seconds on the test's clock.
        source: Where the outcome comes from.
        read_timeout_s: How long the client waits for bytes; None for ever.
        connect_timeout_s: How long the client waits for a connection; None for ever.
        first_byte_s: When the first chunk was handed to the client; None if none was.
        ended_s: When the client had the last of it; None while it is under way.
        faults: Names of the faults that hit it.
        wait_s: Seconds that were slept before it, as asked for.
        origin: The thread or task that made it.
        recorded_at: When its answer was recorded, UTC, `2026-11-21T09:14:03Z`; empty if it is none from a cassette, or
            the cassette does not say.
        leave: Leaves the answer that a fault was laid over for the next identical request; None if it has been left,
            or there is none to leave.
        is_put_down: Whether the client closed the stream in its midst without an error under way: it had what it
            wanted, which is no failure.
        was_there: Says of a thread or task, by its key, whether it was there when this failed: so it makes no retry.
        receiving: While a provider's answer is passed on: ends that, and records what came so far; else None.
        forsake: While the client reads a recording: ends that, if what it has so far reports an error; else None.
    """

    asked: Asked
    api: Api | None
    started_s: float
    source: Source = Source.REPLAYED
    read_timeout_s: float | None = None
    connect_timeout_s: float | None = None
    first_byte_s: float | None = None
    ended_s: float | None = None
    faults: tuple[str, ...] = ()
    wait_s: float | None = None
    origin: Origin = NOBODY
    recorded_at: str = ""
    leave: Callable[[], object] | None = None
    receiving: Callable[[End], object] | None = None
    forsake: Callable[[], object] | None = None
    is_put_down: bool = False
    was_there: Callable[[int], bool] = _nobody
    _began_under: int = field(default_factory=_error_under_way)
    _outcome: Outcome | None = None
    _recorded: Stored | None = None
    _answer: Answer | None = None

    @property
    def outcome(self) -> Outcome | None:
        """What the client got, redacted; None while it is under way, so that no open stream passes for a whole one."""
        if self.ended_s is None:
            return None
        if self._outcome is None and self._recorded is not None:
            return self._recorded.outcome
        return self._outcome

    @outcome.setter
    def outcome(self, outcome: Outcome | None) -> None:
        self._outcome, self._recorded, self._answer = outcome, None, None

    def gets(self, recorded: Stored, outcome: Outcome) -> None:
        """Note that the client gets a recording as it stands: once it has, the outcome is no longer kept in memory."""
        self._outcome, self._recorded, self._answer = outcome, recorded, None

    @property
    def request(self) -> Request:
        """As redacted."""
        return self.asked.request

    @property
    def fingerprint(self) -> str:
        """Identity of what it asks."""
        return self.asked.fingerprint

    @property
    def retry_count(self) -> int | None:
        """What the SDK says in its retry header; None if it says nothing."""
        return self.asked.retry_count

    @property
    def status(self) -> int | None:
        """HTTP status; None if no response came."""
        return self.outcome.status if isinstance(self.outcome, Response) else None

    @property
    def has_ended(self) -> bool:
        """Whether the client has all it will get."""
        return self.ended_s is not None

    @property
    def fell_short(self) -> bool:
        """Whether it ended without a whole answer: an error status, no response, a cut, erring or closed stream."""
        outcome = self.outcome
        return outcome is not None and _fails(outcome, lambda: self.answer)

    @property
    def has_failed(self) -> bool:
        """Whether it fell short, and not only because the client had what it wanted of a stream."""
        outcome = self.outcome
        return outcome is not None and _fails(outcome, lambda: self.answer, may_be_cut=self.is_put_down)

    def would_fail_with(self, outcome: Outcome) -> bool:
        """Say whether an outcome is an error or incomplete."""
        return _fails(outcome, lambda: answer_of(self.api, outcome))

    def leave_answer(self) -> None:
        """Leave the answer for the next identical request, once."""
        if self.leave is not None:
            self.leave()
            self.leave = None

    @property
    def answer(self) -> Answer:
        """What the outcome says."""
        if self._answer is None:
            outcome = self.outcome
            if outcome is None:
                return Answer(is_complete=False)
            is_closed = isinstance(outcome, Response) and outcome.end is End.CLIENT_CLOSED
            self._answer = (put_down_answer if is_closed else answer_of)(self.api, outcome)
        return self._answer

    def received(self, outcome: Outcome, now: float) -> None:
        """Note all that came from a provider, at the moment when it has ended."""
        self.outcome, self.ended_s = outcome, now
        if isinstance(outcome, Response):
            self._closed(len(outcome.chunks), outcome.end)
        self._look_around()

    def failed(self, now: float) -> None:
        """Note that the client got no response."""
        self.ended_s = now
        self._look_around()

    def delivered(self, chunks: int, end: End, now: float) -> None:
        """Note how much of the outcome the client took before it ended, if not all."""
        if end is not COMPLETE:
            self._closed(chunks, end)
        outcome = self._outcome
        if isinstance(outcome, Response) and (chunks < len(outcome.chunks) or end is not outcome.end):
            self.outcome = replace(outcome, chunks=outcome.chunks[:chunks], end=end)
        elif self._recorded is not None:
            self._outcome = None
        self.ended_s, self.forsake = now, None
        if end is not COMPLETE or (isinstance(outcome, Response) and outcome.status >= 400):
            self._look_around()

    def _look_around(self) -> None:
        self.was_there = self.origin.who_is_there()

    def _closed(self, chunks: int, end: End) -> None:
        # A client that has nothing yet gave up; and so did one that an error, a deadline's say, made close it.
        is_closed = end is End.CLIENT_CLOSED and chunks > 0
        self.is_put_down = is_closed and _error_under_way() in (0, self._began_under)


def _fails(outcome: Outcome, read: Callable[[], Answer], *, may_be_cut: bool = False) -> bool:
    if not isinstance(outcome, Response) or outcome.status >= 400:
        return True
    if outcome.end not in (End.COMPLETE, End.CLIENT_CLOSED):
        return True
    # No client can undo it, so that one which closed the stream did not have what it wanted.
    if header(outcome.headers, "content-encoding") is not None:
        return True
    answer = read()
    is_whole = answer.is_complete or may_be_cut
    return not is_whole or (is_stream(outcome) and answer.error is not None)
