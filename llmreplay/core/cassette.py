"""A cassette in memory: interactions in order, what was played, what is new."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Protocol

from llmreplay.core.model import Headers, Outcome, Request


class Stored(Protocol):
    """An interaction that may read its parts each time they are asked for."""

    @property
    def request(self) -> Request:
        """As redacted."""
        ...

    @property
    def outcome(self) -> Outcome:
        """As received and redacted."""
        ...

    def headers_if_same(self, method: str, url: str, body: bytes) -> Headers | None:
        """Give the headers of the request, if all else in it is to the letter as given; else None."""
        ...

    @property
    def recorded_at(self) -> str:
        """UTC."""
        ...

    @property
    def during(self) -> str:
        """Part of the test that made it."""
        ...


@dataclass(slots=True)
class Track:
    """An interaction's place on the cassette.

    Attributes:
        number: From 1, as messages count.
        interaction: What stands there.
        plays: How often it was served.
    """

    number: int
    interaction: Stored
    plays: int = 0


class Cassette:
    """Interactions in order; each is served once.

    Fingerprints are made when a lookup needs them, in the order recorded, so that a replay in that order makes one
    for each call, however large the cassette is.
    """

    def __init__(
        self,
        interactions: Iterable[Stored],
        *,
        fingerprint_of: Callable[[Request], str],
        allow_repeats: bool = False,
    ) -> None:
        self.tracks = [Track(number, stored) for number, stored in enumerate(interactions, 1)]
        self._fingerprint_of = fingerprint_of
        self._allow_repeats = allow_repeats
        self._indexed = 0
        self._waiting: dict[str, deque[Track]] = {}
        self._last_played: dict[str, Track] = {}

    def again(self) -> Cassette:
        """Give the same recordings once more, each to be served as often as it is asked for."""
        recordings = (track.interaction for track in self.tracks)
        return Cassette(recordings, fingerprint_of=self._fingerprint_of, allow_repeats=True)

    def take(self, fingerprint: str) -> Track | None:
        """Serve the next recording of a request; None if there is none left."""
        track = self._next(fingerprint)
        if track is None:
            track = self._last_played.get(fingerprint) if self._allow_repeats else None
            if track is None:
                return None
        else:
            waiting = self._waiting[fingerprint]
            waiting.popleft()
            if not waiting:
                del self._waiting[fingerprint]
            self._last_played[fingerprint] = track
        track.plays += 1
        return track

    def take_next(self, is_asked: Callable[[Stored], bool]) -> Track | None:
        """Serve the recording whose turn it is, if it is what is asked, without a fingerprint.

        Args:
            is_asked: Says whether a recording has the same fingerprint as the request.

        Returns:
            None where only `take` can tell: there is another recording, or it may not be the first that matches.
        """
        if self._waiting or self._allow_repeats or self._indexed == len(self.tracks):
            return None
        track = self.tracks[self._indexed]
        if not is_asked(track.interaction):
            return None
        self._indexed += 1
        track.plays += 1
        return track

    def give_back(self, fingerprint: str, track: Track) -> None:
        """Undo a `take`: the next identical request gets the same recording."""
        track.plays -= 1
        if track.plays == 0:
            self._waiting.setdefault(fingerprint, deque()).appendleft(track)
            self._last_played.pop(fingerprint, None)

    def leave(self, fingerprint: str, interaction: Stored) -> None:
        """Serve an answer once more, to the next identical request, though it stands on no cassette yet."""
        self._waiting.setdefault(fingerprint, deque()).appendleft(Track(0, interaction))

    def unplayed(self) -> Sequence[Track]:
        """Give the recordings that nobody asked for, in order."""
        return [track for track in self.tracks if not track.plays]

    def _next(self, fingerprint: str) -> Track | None:
        waiting = self._waiting.get(fingerprint)
        if waiting:
            return waiting[0]
        while self._indexed < len(self.tracks):
            track = self.tracks[self._indexed]
            self._indexed += 1
            found = self._print(track)
            self._waiting.setdefault(found, deque()).append(track)
            if found == fingerprint:
                return track
        return None

    def _print(self, track: Track) -> str:
        return self._fingerprint_of(track.interaction.request)
