"""`Take`: one run over a cassette in use; a fuzzed test has one for each scenario."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace

from llmreplay.core.clock import Sleep
from llmreplay.core.errors import Refusal
from llmreplay.core.faulting import Faulting
from llmreplay.core.limits import Limiter
from llmreplay.core.model import Interaction
from llmreplay.core.recorder import Recorder
from llmreplay.core.settings import Mode
from llmreplay.core.stubbing import Stubs
from llmreplay.interceptors.clock import VirtualClock
from llmreplay.interceptors.dispatch import Opened, sleeping_origin
from llmreplay.session.limiting import held_to
from llmreplay.session.scenarios import scenario_of
from llmreplay.session.start import Start
from llmreplay.storage.codec import as_stored


@dataclass(slots=True, eq=False)
class Take:
    """One run over a cassette.

    Attributes:
        opened: Its recorder, in use.
        clock: The test's.
        lasting: How many faults, the first in use, the setting `faults` asks for.
        limit: How far the application may go; None for any way.
        judged: How many refusals were seen so far.
        is_again: Whether it is judged already, or by who runs it: recordings that are left over fail nothing.
        is_begun: Whether it is recorded by a block that may run again.
        repeats: The one that is recorded, whose answers this one gives once more; None if it is none such.
    """

    opened: Opened
    clock: VirtualClock
    lasting: int = field(init=False)
    limit: Limiter | None = None
    judged: int = 0
    is_again: bool = False
    is_begun: bool = False
    repeats: Take | None = None

    def __post_init__(self) -> None:
        self.lasting = len(self.recorder.faulting.armed)

    @property
    def recorder(self) -> Recorder:
        """The one that decides."""
        return self.opened.recorder

    def slept(self, sleep: Sleep) -> None:
        """Note a wait of this thread or task, and hold it to the limits."""
        self.recorder.slept(sleeping_origin().key, sleep.asked_s)
        if self.limit is not None:
            self.limit.check()

    def refused_since(self) -> Sequence[Refusal]:
        """Give what was refused since the last time, which is seen with that."""
        refusals, seen = self.recorder.refusals, self.judged
        self.judged = len(refusals)
        return refusals[seen:]

    def recordings(self) -> tuple[Interaction, ...]:
        """Give what can be served again: what was there at the start, and what was recorded since."""
        # Read once, as they will be played over and over.
        there = (track.interaction for track in self.recorder.tracks)
        return tuple(as_stored(interaction) for interaction in (*there, *self.recorder.recorded))

    def begins_recording(self, start: Start) -> bool:
        """Say whether what follows is to be recorded, as nothing that may run again was yet; it gets no faults."""
        if not self.recorder.records or self.is_begun:
            return False
        self.is_begun = True
        self.arm(Start(limits=start.limits))
        return True

    def next(self, make: Callable[..., Recorder], faulting: Faulting) -> Take:
        """Give another take in the same place, by a recorder that is made with these faults."""
        settings, repeats = self.recorder.settings, None
        if self.recorder.records:
            settings, repeats = replace(settings, mode=Mode.NONE), self
        recorder = make(settings=settings, faulting=faulting)
        recorder.phase = self.recorder.phase
        return Take(replace(self.opened, recorder=recorder), self.clock, is_again=True, repeats=repeats)

    def arm(self, start: Start) -> None:
        """Put to use what a start asks for; while a test is recorded, it shows what it does without faults.

        Raises:
            SettingError: Its scenario is none.
        """
        faulting = self.recorder.faulting
        if self.repeats is None:
            faulting.inject(scenario_of(start.scenario).injections)
        self.limit = held_to(start.limits, self.recorder, self.clock, lambda limiter: limiter is self.limit)
        faulting.at_random = start.at_random
        self.recorder.stubs.otherwise = start.otherwise

    def disarm(self) -> None:
        """End what was put to use for this take: faults, limits and made-up answers; the setting `faults` stays."""
        faulting = self.recorder.faulting
        for armed in faulting.armed[self.lasting :]:
            armed.is_armed = False
        faulting.before = faulting.at_random = self.limit = None
        self.recorder.stubs = Stubs()
