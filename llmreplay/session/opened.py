"""The cassettes in use, for what is said inside a test without naming one."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from llmreplay.session.replay import Replay


class OpenReplays:
    """The open cassettes, in the order opened."""

    def __init__(self) -> None:
        self._open: list[Replay] = []

    @property
    def innermost(self) -> Replay | None:
        """The one opened last; None if none is open."""
        return self._open[-1] if self._open else None

    def add(self, replay: Replay) -> None:
        """Note one that was opened."""
        self._open.append(replay)

    def remove(self, replay: Replay) -> None:
        """Forget one that is being closed."""
        if replay in self._open:
            self._open.remove(replay)


OPEN = OpenReplays()
