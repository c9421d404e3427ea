"""Verdicts: the refusals that need a story, made from what a recorder knows."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from urllib.parse import urlsplit

from llmreplay.core.api import Api
from llmreplay.core.attempt import Attempt
from llmreplay.core.cassette import Track
from llmreplay.core.errors import Difference, UnmatchedRequest, Unplayed
from llmreplay.core.explaining import matching_setting, nearest
from llmreplay.core.matching import Rules
from llmreplay.core.model import Request
from llmreplay.core.reading import summary_of
from llmreplay.core.remedy import Remedy


def request_line(attempt: Attempt) -> str:
    """Tell a request: method, URL and api."""
    name = f"  ({attempt.api.name})" if attempt.api else ""
    return f"{attempt.request.method} {attempt.request.url}{name}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdicts:
    """Makes the refusals of one cassette.

    Attributes:
        name: The cassette's path, as the user knows it.
        exists: Whether there is a cassette.
        tracks: What stands on it.
        rules: What counts in matching.
        fingerprint_of: Of a recorded request.
        explain: Differences between a recorded and a sent request.
        remedy: What to type.
    """

    name: str
    exists: bool
    tracks: Sequence[Track]
    rules: Rules
    fingerprint_of: Callable[[Request], str]
    explain: Callable[[Request, Request], Sequence[Difference]]
    remedy: Remedy

    def unplayed(self, left: Sequence[Track], apis: Sequence[Api]) -> Unplayed | None:
        """Tell which recordings nobody asked for; None if none but those of a teardown, which is still to come."""
        left = [track for track in left if track.interaction.during != "teardown"]
        if not left:
            return None
        lines = [f"{track.number}: {summary_of(apis, track.interaction)}" for track in left]
        on_purpose = self.remedy.setting('on_unplayed="ignore"')
        return Unplayed(
            "recorded interactions",
            f"cassette  {self.name}",
            lines,
            len(self.tracks),
            advice=self.remedy.rerun_in("rewrite"),
            on_purpose=on_purpose,
        )

    def unmatched(self, attempt: Attempt, replies: str) -> UnmatchedRequest:
        """Tell what differs from the nearest recording, and what to type.

        Args:
            attempt: Makes the request.
            replies: What became of answers that the test made up; empty if it made up none.
        """
        if not self.exists:
            return UnmatchedRequest(
                request=request_line(attempt),
                cassette=f"{self.name}: does not exist",
                nearest=None,
                differences=(),
                advice=[("Record it?", self.remedy.rerun_in("once"))],
                replies=replies,
            )
        best = nearest(attempt.request, self.tracks)
        words: str | None
        differences: tuple[Difference, ...] = ()
        if best is None:
            words, advice = None, [("Meant to change?", self.remedy.for_a_change)]
        elif self.fingerprint_of(best.interaction.request) == attempt.fingerprint:
            words = f"interaction {best.number}, which is the same and was already played"
            advice = [
                ("One request more?", self.remedy.rerun_in("new_episodes")),
                ("Any number?", self.remedy.setting("allow_repeats=True")),
            ]
        else:
            best = nearest(attempt.request, [track for track in self.tracks if not track.plays]) or best
            words, differences, advice = self._difference(best, attempt.request)
        if attempt.api is None:
            host = urlsplit(attempt.request.url).hostname or ""
            advice.append(("No call of a model?", self.remedy.setting(f'ignore_hosts=["{host}"]')))
        played = sum(1 for track in self.tracks if track.plays)
        count = f"{len(self.tracks)} interaction{'' if len(self.tracks) == 1 else 's'}, {played} already played"
        return UnmatchedRequest(
            request=request_line(attempt),
            cassette=f"{self.name}: {count}",
            nearest=words,
            differences=differences,
            advice=advice,
            replies=replies,
        )

    def _difference(self, best: Track, sent: Request) -> tuple[str, tuple[Difference, ...], list[tuple[str, str]]]:
        recorded = best.interaction.request
        differences = tuple(self.explain(recorded, sent))
        places = f"{len(differences)} place{'' if len(differences) == 1 else 's'}"
        advice = [("Meant to change?", self.remedy.for_a_change)]
        if best.plays:
            # No setting would help: it answers one request, and has.
            advice.insert(0, ("One request more?", self.remedy.rerun_in("new_episodes")))
            places += " and was already played"
        elif setting := matching_setting(recorded, sent, self.rules, differences):
            advice.append((setting[0], self.remedy.setting(setting[1])))
        return f"interaction {best.number}, which differs in {places}:", differences[:10], advice
