"""What a test run says to every `use_cassette` inside it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from llmreplay.core.faulting import AtRandom

if TYPE_CHECKING:
    from llmreplay.session.replay import Replay


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Ambience:
    """A test run, as `use_cassette` sees it.

    Attributes:
        root: Folder that relative paths begin at; None for the current one.
        ini: Settings that a keyword overrides.
        command_line: Settings that override a keyword.
        began_ns: When the run began, Unix nanoseconds; 0 if there is none.
        application_packages: Packages that are the application wherever they are installed.
        base_temp: The folder that `--basetemp` gives pytest for temporary folders; None if it gives none.
        opened: Called with every `Replay` that was opened; closes it where it raises. None if there is no run.
        closed: Called with every `Replay` that was closed; None if there is no run.
    """

    root: Path | None = None
    ini: Mapping[str, object] = field(default_factory=dict)
    command_line: Mapping[str, object] = field(default_factory=dict)
    began_ns: int = 0
    application_packages: tuple[str, ...] = ()
    base_temp: Path | None = None
    opened: Callable[[Replay], None] | None = None
    closed: Callable[[Replay], None] | None = None


class Ambiences:
    """The test runs under way: one inside the other where pytest runs in pytest.

    Attributes:
        at_random: Gives faults for every cassette that is opened; None for none.
        closing: Called with every `Replay` that is about to be closed, a test's, a fixture's or a block's; None if
            nobody asks.
    """

    def __init__(self) -> None:
        self.at_random: AtRandom | None = None
        self.closing: Callable[[Replay], None] | None = None
        self._entered = [Ambience()]

    @property
    def current(self) -> Ambience:
        """The innermost run; an empty one if there is none."""
        return self._entered[-1]

    def enter(self, ambience: Ambience) -> None:
        """Begin a run."""
        self._entered.append(ambience)

    def leave(self, ambience: Ambience) -> None:
        """End a run."""
        if ambience in self._entered:
            self._entered.remove(ambience)


AMBIENCES = Ambiences()
