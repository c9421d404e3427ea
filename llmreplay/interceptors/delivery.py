"""Handing a recorded body to a client: what it took so far, and how it ended; the same for every stack."""

from __future__ import annotations

from llmreplay.core.errors import FaultProblem
from llmreplay.core.model import Chunk, End, Response, TransportFailure
from llmreplay.core.plan import Answered
from llmreplay.interceptors.dispatch import Opened


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

    def took(self) -> None:
        """Note that the client has the next chunk."""
        if self.taken == 0 and self.plan.attempt is not None:
            self.opened.recorder.first_byte(self.plan.attempt)
        self.taken += 1

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


def pass_time(opened: Opened, delay_s: float, after_s: float = 0.0, speed: float = 0.0) -> None:
    """Wait as the recording did, then as a fault asks."""
    if speed and after_s:
        opened.pacer.pace(after_s, speed)
    if delay_s > 0:
        opened.pacer.sleep(delay_s)


async def pass_time_async(opened: Opened, delay_s: float, after_s: float = 0.0, speed: float = 0.0) -> None:
    """Wait as the recording did, then as a fault asks."""
    if speed and after_s:
        await opened.pacer.pace_async(after_s, speed)
    if delay_s > 0:
        await opened.pacer.sleep_async(delay_s)


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
