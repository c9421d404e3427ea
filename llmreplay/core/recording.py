"""What was recorded in a run: in the order of the requests, and redacted with all that is known by now."""

from __future__ import annotations

from threading import RLock

from llmreplay.core.attempt import Attempt
from llmreplay.core.cassette import Stored
from llmreplay.core.model import Interaction
from llmreplay.core.surroundings import Redaction, Surroundings


class Recording:
    """Collects finished interactions and keeps each at once.

    A secret that is learnt late is taken out of what was kept before.
    """

    def __init__(self, redaction: Redaction, surroundings: Surroundings) -> None:
        self._redaction = redaction
        self._outside = surroundings
        # Held while an interaction is kept, which may take long; planning goes on meanwhile.
        self._lock = RLock()
        self._order: dict[int, int] = {}
        self._kept: list[tuple[int, Interaction]] = []
        self._known = redaction.known
        self._is_over = False

    @property
    def interactions(self) -> list[Interaction]:
        """All so far, in the order the requests were made."""
        with self._lock:
            return [interaction for _, interaction in sorted(self._kept, key=lambda pair: pair[0])]

    def end(self) -> None:
        """Keep nothing that comes from now on: what was kept is about to be written."""
        with self._lock:
            self._is_over = True

    def begin(self, attempt: Attempt) -> None:
        """Note an attempt's place in the order."""
        self._order[id(attempt)] = len(self._order)

    def add(self, attempt: Attempt, interaction: Interaction) -> None:
        """Keep what an attempt brought, unless the recording has ended."""
        with self._lock:
            if self._is_over:
                return
            self._kept.append((self._order[id(attempt)], interaction))
            knows_more, self._known = self._redaction.known > self._known, self._redaction.known
            if knows_more:
                self._kept = [(order, redacted(self._redaction, one)) for order, one in self._kept]
                self._outside.rewrite(self.interactions)
            else:
                self._outside.keep(interaction)


def redacted(redaction: Redaction, stored: Stored) -> Interaction:
    """Take out of an interaction what is known to be secret by now."""
    request, outcome = redaction.request(stored.request), redaction.outcome(stored.outcome)
    return Interaction(request, outcome, stored.recorded_at, stored.during)
