"""One cassette's file and journal during a run: read, kept up to date, replaced or left alone."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from llmreplay.core.cassette import Stored
from llmreplay.core.errors import CassetteError, SecretFound
from llmreplay.core.keeping import keeping
from llmreplay.core.model import Interaction
from llmreplay.core.settings import Mode
from llmreplay.storage.codec import as_stored
from llmreplay.storage.files import check_writable, load, load_partial, not_yet_held, partial_path, save, save_partial
from llmreplay.storage.journal import Journal, discard_recovered, recover
from llmreplay.storage.lock import locked


@dataclass(frozen=True, slots=True, kw_only=True)
class TapeRules:
    """How a tape treats its file.

    Attributes:
        mode: Of the recorder.
        accept: Whether a recording replaces the cassette whatever it holds.
        to_accept: What the user types for that.
        is_shared: Whether the cassette has a name that the user gave, so that other tests may record on it, too.
        fails_unplayed: Whether a test that replays it fails for what only others ask.
        run_began_ns: Unix nanoseconds; what was recorded since was recorded by this test run, maybe by another
            worker; 0 if there is no run.
        summarise: Tells an interaction in one line.
        redacted: Takes out of an interaction what is known to be secret by now.
        scan: Looks for a secret in bytes that are about to be written; tells where, without it, or gives None.
    """

    mode: Mode
    accept: bool
    to_accept: str
    is_shared: bool
    fails_unplayed: bool
    run_began_ns: int
    summarise: Callable[[Stored], str]
    redacted: Callable[[Stored], Stored]
    scan: Callable[[bytes], object | None]


class Tape:
    """The file of a cassette, with its journal."""

    def __init__(self, path: Path, rules: TapeRules) -> None:
        self.path = path
        self.notes: list[str] = []
        # Notes that speak of a file which a later attempt of the same run may put away.
        self.asides: dict[str, str] = {}
        self._rules = rules
        self._journal: Journal | None = None
        self._pid = os.getpid()

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
        found = load(self.path)
        if self._rules.mode is Mode.REWRITE or (found is None and self._rules.mode is not Mode.NONE):
            check_writable(self.path)
        return found

    def is_of_this_run(self, interactions: Sequence[Stored] | None) -> bool:
        """Say whether a cassette was begun in this very test run."""
        began_ns = self._rules.run_began_ns
        if not began_ns or not interactions or self.path.stat().st_mtime_ns < began_ns:
            return False
        # The file may have been copied or added to since; interactions only know the second.
        began_at = datetime.fromtimestamp(began_ns // 10**9, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
        return all(one.recorded_at >= began_at for one in interactions)

    def keep(self, interaction: Interaction) -> None:
        """Write a finished interaction to the journal, at once; not one of a child that was forked meanwhile."""
        if os.getpid() != self._pid:
            return
        if self._journal is None:
            self._journal = Journal(self.path, check=self._refuse_secret)
        try:
            self._journal.append(interaction)
        except CassetteError as error:
            # The test goes on: the interaction is in memory, and the save at the end may still succeed.
            self._say_once(str(error))

    def rewrite(self, recorded: Sequence[Interaction]) -> None:
        """Write the journal anew: a secret was learnt after some of it was written."""
        if os.getpid() != self._pid:
            return
        if self._journal is None:
            self._journal = Journal(self.path, check=self._refuse_secret)
        try:
            self._journal.rewrite(recorded)
        except CassetteError as error:
            self._say_once(str(error))

    def _say_once(self, note: str) -> None:
        if note not in self.notes:
            self.notes.append(note)

    def _refuse_secret(self, data: bytes) -> None:
        leak = self._rules.scan(data)
        if leak is not None:
            raise SecretFound(
                str(self.path),
                f"not written, because a secret would have been: {leak}",
                'Name what holds it, so that it is taken out: redact=["field_name"], or redact=["re:pattern"].',
            )

    def finish(self, recorded: Sequence[Interaction], *, passed: bool) -> None:
        """Save what was recorded, or put it aside.

        Raises:
            CassetteError: It cannot be written; the journal stays, and the next run recovers it.
        """
        if recorded:
            try:
                with locked(self.path):
                    self._settle(recorded, passed=passed)
            except BaseException:
                if self._journal is not None:
                    self._journal.close()
                raise
        if self._journal is not None:
            self._journal.discard()
            self._journal = None

    def _settle(self, recorded: Sequence[Interaction], *, passed: bool) -> None:
        standing = load(self.path)
        is_joining = self.is_of_this_run(standing)
        mode = Mode.NEW_EPISODES if is_joining else self._rules.mode
        verdict = keeping(mode, standing, recorded, passed=passed, accept=self._rules.accept)
        if verdict.cassette is not None:
            self._save(verdict.cassette)
            self._clear_aside(recorded)
            if mode is Mode.REWRITE and self._rules.is_shared and not self._rules.accept:
                self._keep_of_others(standing or (), recorded)
            if is_joining and self._rules.is_shared and self._rules.fails_unplayed:
                self.notes.append(
                    f"{self.path}: several tests recorded on it. On replay each fails for what only the others ask: "
                    'give them on_unplayed="ignore", or a cassette each.'
                )
        elif verdict.aside:
            aside = self._put_aside(verdict.aside)
            kept = "no cassette was made" if standing is None else "the cassette stays as it was"
            self._note_aside(
                f"{self.path}: {kept}, because {verdict.reason}. What was recorded is in {aside.name}; "
                f"{self._rules.to_accept} takes a recording whatever it holds.",
                aside,
            )

    def _keep_of_others(self, standing: Sequence[Stored], recorded: Sequence[Interaction]) -> None:
        """Put aside what was taken out of a cassette that other tests may ask for."""
        others = _not_asked_again(standing, recorded)
        if others:
            self._put_aside_aloud(
                others,
                "that this test did not ask for went into {aside}. "
                "Do other tests share the cassette? Record them in the same run.",
            )

    def _save(self, interactions: Sequence[Stored]) -> None:
        try:
            save(self.path, interactions, self._rules.summarise, check=self._refuse_secret)
        except SecretFound:
            # It stood there already: what is secret was not known when it was recorded.
            cleaned = [self._rules.redacted(interaction) for interaction in interactions]
            save(self.path, cleaned, self._rules.summarise, check=self._refuse_secret)

    def _put_aside(self, interactions: Sequence[Stored]) -> Path:
        """Keep interactions where they are never replayed, beside those that an earlier run left there."""
        known = [self._rules.redacted(interaction) for interaction in interactions]
        together = (*_not_asked_again(self._aside(), known), *known)
        return save_partial(self.path, together, self._rules.summarise, check=self._refuse_secret)

    def _put_aside_aloud(self, interactions: Sequence[Stored], what: str) -> None:
        """Keep interactions aside and note it; `{aside}` in the text stands for the file's name."""
        aside = self._put_aside(interactions)
        count = "1 interaction" if len(interactions) == 1 else f"{len(interactions)} interactions"
        self._note_aside(f"{self.path}: {count} {what.replace('{aside}', aside.name)}", aside)

    def _note_aside(self, note: str, aside: Path) -> None:
        self.notes.append(note)
        self.asides[note] = str(aside.absolute())

    def _aside(self) -> Sequence[Stored]:
        try:
            return load_partial(self.path) or ()
        except CassetteError as error:
            self.notes.append(f"{error}\n  It was replaced.")
            return ()

    def _clear_aside(self, recorded: Sequence[Interaction]) -> None:
        """Remove what was put aside, but for what other tests of this run left there under a shared name."""
        aside = partial_path(self.path)
        began_ns = self._rules.run_began_ns
        if not aside.exists():
            return
        is_shared = bool(began_ns) and aside.stat().st_mtime_ns >= began_ns
        left = _not_asked_again(self._aside(), recorded) if is_shared else ()
        if left:
            save_partial(self.path, left, self._rules.summarise, check=self._refuse_secret)
        else:
            aside.unlink(missing_ok=True)

    def _recover(self) -> None:
        """Put aside what an interrupted run left in its journal."""
        if not recover(self.path):
            return
        with locked(self.path):
            # Another worker may have done it meanwhile.
            missing = not_yet_held(recover(self.path), load(self.path) or ())
            if missing:
                self._put_aside_aloud(
                    missing,
                    "of an interrupted recording found, and put into {aside}; "
                    "record again to replace what was broken off.",
                )
            discard_recovered(self.path)


def _not_asked_again(aside: Sequence[Stored], recorded: Sequence[Stored]) -> tuple[Stored, ...]:
    """Leave out what was put aside and asked anew since: the later answer stands for it."""
    asked = {as_stored(interaction).request for interaction in recorded}
    return tuple(interaction for interaction in aside if interaction.request not in asked)
