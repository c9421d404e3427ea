"""`Take`: one run over a cassette in use; a fuzzed test has one for each scenario."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

from llmreplay.core.limits import Limiter
from llmreplay.core.recorder import Recorder
from llmreplay.core.stubbing import Stubs
from llmreplay.interceptors.clock import VirtualClock
from llmreplay.interceptors.dispatch import Opened
from llmreplay.session.scenarios import scenario_of
from llmreplay.session.start import Start


@dataclass(slots=True, eq=False)
class Take:
    """One run over a cassette.

    Attributes:
        opened: Its recorder, in use.
        clock: The test's.
        lasting: How many faults, the first in use, the setting `faults` asks for.
        limit: How far the application may go; None for any way.
        judged: How many refusals were seen so far.
    """

    opened: Opened
    clock: VirtualClock
    lasting: int = field(init=False)
    limit: Limiter | None = None
    judged: int = 0

    def __post_init__(self) -> None:
        self.lasting = len(self.recorder.faulting.armed)

    @property
    def recorder(self) -> Recorder:
        """The one that decides."""
        return self.opened.recorder

    def next(self, recorder: Recorder) -> Take:
        """Give another take, by another recorder in the same place."""
        recorder.phase = self.recorder.phase
        return Take(replace(self.opened, recorder=recorder), self.clock)

    def arm(self, start: Start) -> None:
        """Put to use what a start asks for.

        Raises:
            SettingError: Its scenario is none.
        """
        faulting = self.recorder.faulting
        faulting.inject(scenario_of(start.scenario).injections)
        self.limit = Limiter(start.limits, self.recorder, self.clock.now)
        faulting.before, faulting.at_random = self.limit.check, start.at_random
        self.recorder.stubs.otherwise = start.otherwise

    def disarm(self) -> None:
        """End what was put to use for this take: faults, limits and made-up answers; the setting `faults` stays."""
        faulting = self.recorder.faulting
        for armed in faulting.armed[self.lasting :]:
            armed.is_armed = False
        faulting.before = faulting.at_random = self.limit = None
        self.recorder.stubs = Stubs()
