"""One cassette's file and journal during a run: read, kept up to date, replaced or left alone."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from llmreplay.core.cassette import Stored
from llmreplay.core.keeping import keeping
from llmreplay.core.model import Interaction
from llmreplay.core.settings import Mode
from llmreplay.storage.files import load, save
from llmreplay.storage.journal import Journal, recover
from llmreplay.storage.lock import locked

PARTIAL = ".llmreplay-partial.json"


@dataclass(frozen=True, slots=True, kw_only=True)
class TapeRules:
    """How a tape treats its file.

    Attributes:
        mode: Of the recorder.
        accept: Whether a recording replaces the cassette whatever it holds.
        run_began_at: UTC; what was recorded since was recorded by this test run, maybe by another worker.
        summarise: Tells an interaction in one line.
    """

    mode: Mode
    accept: bool
    run_began_at: str
    summarise: Callable[[Stored], str]


class Tape:
    """The file of a cassette, with its journal."""

    def __init__(self, path: Path, rules: TapeRules) -> None:
        self.path = path
        self.notes: list[str] = []
        self._rules = rules
        self._journal: Journal | None = None
        self._lost_journal = ""

    def load(self) -> Sequence[Stored] | None:
        """Read the cassette; None if there is none.

        In a recording mode what another test of this run recorded under the same name counts as new: it stays, and
        more is recorded beside it.

        Raises:
            CassetteError: There is something that is no cassette.
        """
        if self._rules.mode is Mode.LIVE:
            return None
        self._recover()
        return load(self.path)

    def is_of_this_run(self, interactions: Sequence[Stored] | None) -> bool:
        """Say whether a cassette was begun in this very test run."""
        began = self._rules.run_began_at
        return bool(began and interactions) and all(one.recorded_at >= began for one in interactions or ())

    def keep(self, interaction: Interaction) -> None:
        """Write a finished interaction to the journal, at once."""
        if self._journal is None:
            self._journal = Journal(self.path)
        try:
            self._journal.append(interaction)
        except OSError as error:
            # The test goes on: the interaction is in memory, and the save at the end may still succeed.
            self._lost_journal = f"{self.path}: the journal cannot be written ({error})"
            self.notes.append(self._lost_journal)

    def finish(self, recorded: Sequence[Interaction], *, passed: bool) -> None:
        """Save what was recorded, or put it aside.

        Raises:
            CassetteError: It cannot be written; the journal stays, and the next run recovers it.
        """
        if not recorded:
            self._close()
            return
        with locked(self.path):
            standing = load(self.path)
            mode = Mode.NEW_EPISODES if self.is_of_this_run(standing) else self._rules.mode
            verdict = keeping(mode, standing, recorded, passed=passed, accept=self._rules.accept)
            if verdict.cassette is not None:
                save(self.path, verdict.cassette, self._rules.summarise)
                self._partial.unlink(missing_ok=True)
            elif verdict.aside:
                save(self._partial, verdict.aside, self._rules.summarise)
                self.notes.append(self._note(verdict.reason, standing is not None))
        if self._journal is not None:
            self._journal.discard()
            self._journal = None

    def _note(self, reason: str, stands: bool) -> str:
        kept = "the cassette stays as it was" if stands else "no cassette was made"
        return (
            f"{self.path}: {kept}, because {reason}. What was recorded is in {self._partial.name}; "
            "--llmreplay-accept takes a recording whatever it holds."
        )

    @property
    def _partial(self) -> Path:
        return self.path.with_name(self.path.name.removesuffix(".json") + PARTIAL)

    def _close(self) -> None:
        if self._journal is not None:
            self._journal.close()

    def _recover(self) -> None:
        """Put what an interrupted run left in its journal aside."""
        found = recover(self.path)
        if not found:
            return
        with locked(self.path):
            save(self._partial, found, self._rules.summarise)
            Journal(self.path).discard()
        self.notes.append(
            f"{self.path}: recovered {len(found)} interactions of an interrupted recording into {self._partial.name}."
        )
