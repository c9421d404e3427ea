"""Handing a recorded body to a client: what it took so far, and how it ended; the same for every stack."""

from __future__ import annotations

import time
from dataclasses import replace

from llmreplay.core.attempt import Attempt, Source
from llmreplay.core.errors import FaultProblem, Refusal
from llmreplay.core.model import Chunk, End, Failure, Response, TransportFailure
from llmreplay.core.plan import Answered
from llmreplay.core.reading import answer_of, is_stream
from llmreplay.interceptors.dispatch import Opened

# A deadline of the client's strikes when it gave up, give or take what the machine needs.
_SPARE_S = 1.0


class Delivery:
    """One replayed response on its way to the client.

    Attributes:
        opened: The recorder that is told, and its clock.
        plan: What the client is to get.
        outcome: Its response.
        taken: Chunks that the client took so far.
        has_ended: Whether the recorder was told of the end.
    """

    def __init__(self, opened: Opened, plan: Answered, outcome: Response) -> None:
        self.opened = opened
        self.plan = plan
        self.outcome = outcome
        self.taken = 0
        self.has_ended = False

    @property
    def next_chunk(self) -> Chunk | None:
        """What the client gets next; None at the end."""
        return self.outcome.chunks[self.taken] if self.taken < len(self.outcome.chunks) else None

    @property
    def patience_s(self) -> float:
        """Seconds that a task waits at the end, past those of a fault: a deadline of the client's may strike there."""
        if self.outcome.end is not End.CLIENT_CLOSED:
            return 0.0
        chunks_s = sum(chunk.after_s for chunk in self.outcome.chunks)
        return _patience_s(self.plan, chunks_s, self.outcome.end_after_s)

    def took(self) -> None:
        """Note that the client has the next chunk."""
        attempt = self.plan.attempt
        if self.taken == 0 and attempt is not None:
            self.opened.recorder.first_byte(attempt)
            attempt.forsake = self._left_for_an_error
        self.taken += 1

    def _left_for_an_error(self) -> None:
        # Some SDKs raise at an event that reports an error, or that they cannot read, and never close the response.
        assert self.plan.attempt is not None, "only an attempt's reading is ended so"
        so_far = replace(self.outcome, chunks=self.outcome.chunks[: self.taken], end=End.CLIENT_CLOSED)
        if is_stream(so_far) and answer_of(self.plan.attempt.api, so_far).error is not None:
            self.left()

    def ended(self) -> End:
        """Note that the client reached the end, and give how the body ended.

        Raises:
            Refusal: The recorded client closed the stream here; what came next is unknown.
        """
        self.has_ended = True
        end, attempt, recorder = self.outcome.end, self.plan.attempt, self.opened.recorder
        if attempt is None:
            return End.COMPLETE
        if end is End.CLIENT_CLOSED:
            raise recorder.read_past_end(attempt, self.taken)
        recorder.delivered(attempt, self.taken, end)
        return end

    def left(self, end: End = End.CLIENT_CLOSED) -> None:
        """Note that the client wants no more; does nothing after the end."""
        if not self.has_ended:
            self.has_ended = True
            if self.plan.attempt is not None:
                self.opened.recorder.delivered(self.plan.attempt, self.taken, end)


def _patience_s(plan: Answered, paced_s: float, more_s: float = 0.0) -> float:
    """Give the seconds that the recorded client was patient, and one more, without those that replay waits anyway."""
    return paced_s * max(0.0, 1.0 - plan.speed) + more_s + _SPARE_S


def fail(opened: Opened, plan: Answered, failure: TransportFailure) -> None:
    """Let the time of a failure pass in a thread, and note that the client has it; the caller raises it.

    Raises:
        Refusal: The recorded client gave up; what would have come is unknown.
    """
    try:
        pass_time(opened, failure.delay_s, failure.after_s, plan.speed)
    finally:
        _failed(opened, plan)
    _refuse_more(opened, plan, failure)


async def fail_async(opened: Opened, plan: Answered, failure: TransportFailure) -> None:
    """Do as `fail` in a task; where the recorded client gave up, a deadline of this one may strike first."""
    patience_s = _patience_s(plan, failure.after_s) if failure.kind is Failure.CLIENT_CLOSED else 0.0
    try:
        await pass_time_async(opened, failure.delay_s, failure.after_s, plan.speed, patience_s)
    finally:
        _failed(opened, plan)
    _refuse_more(opened, plan, failure)


def _failed(opened: Opened, plan: Answered) -> None:
    if plan.attempt is not None:
        opened.recorder.failed(plan.attempt)


def _refuse_more(opened: Opened, plan: Answered, failure: TransportFailure) -> None:
    if failure.kind is Failure.CLIENT_CLOSED and plan.attempt is not None:
        raise opened.recorder.waits_past_end(plan.attempt, failure.after_s)


def gave_up(opened: Opened, attempt: Attempt, error: BaseException | None, sent_s: float) -> None:
    """Record that the client gave up before anything came.

    Args:
        opened: Records it.
        attempt: That was sent.
        error: What ended it: a cancellation, an interrupt, a timeout around the client; none of its library's own.
            None if it is not known.
        sent_s: When it was sent, monotonic seconds.
    """
    if isinstance(error, RuntimeError):
        # Not the provider's doing: a connection kept alive in a loop that is closed by now, say. A replay has none.
        attempt.source = Source.LIVE
    # What the guard refuses was never sent.
    if not isinstance(error, Refusal):
        what = "" if error is None else type(error).__name__
        opened.recorder.record(attempt, TransportFailure(Failure.CLIENT_CLOSED, what, time.monotonic() - sent_s))


def pass_time(opened: Opened, delay_s: float, after_s: float = 0.0, speed: float = 0.0) -> None:
    """Wait as the recording did, then as a fault asks."""
    if speed and after_s:
        opened.pacer.pace(after_s, speed)
    if delay_s > 0:
        opened.pacer.sleep(delay_s)


async def pass_time_async(
    opened: Opened, delay_s: float, after_s: float = 0.0, speed: float = 0.0, patience_s: float = 0.0
) -> None:
    """Wait as the recording did, then as a fault asks, then for what made the recorded client give up."""
    if speed and after_s:
        await opened.pacer.pace_async(after_s, speed)
    if delay_s > 0:
        await opened.pacer.sleep_async(delay_s)
    if patience_s > 0:
        await opened.pacer.sleep_async(patience_s, is_patient=True)


def cannot_express(opened: Opened, stack: str, failure: TransportFailure) -> BaseException:
    """Refuse to give a client a failure that its stack never has, rather than give it another."""
    text = (
        f"this outcome cannot be given to a client of {stack}, which has no such failure.\n\n"
        f"  outcome   {failure.kind.value}: {failure.message or 'no text'}\n"
        f"  stack     {stack}\n\n"
        "  From a fault?      inject one that this stack can have\n"
        "  From a cassette?   record it again with this client"
    )
    return opened.recorder.refuse(FaultProblem(text))
