"""Time per replayed call, through the real SDK, side by side."""

from __future__ import annotations

import gc
import random
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from statistics import geometric_mean, median

import anthropic
from contestants import Contestant
from material import ask, prompt, the_ordinary_client

# Enough calls for a median that stands still, shared out over repetitions.
_CALLS = 12_000
_FEWEST_REPETITIONS = 3
_MOST_REPETITIONS = 1200
_CALLS_IN_TURN = 50
"""A contestant and the limit take turns so often, where both can be open: a machine that is busy for a second slows
down both."""
_CHOOSER = random.Random(20)


@dataclass(slots=True)
class Measured:
    """What was measured of one contestant at one size.

    Attributes:
        name: The contestant's.
        count: Interactions on the cassette.
        body_bytes: Of a request and of an answer.
        call_us: Median time of a call, of each turn.
        ratios_first: The same over that of the limit's turn beside it, where this one was the first of the two.
        ratios_second: Where it was the second.
        first_call_us: Time of the first call, of each repetition.
        open_ms: Time to open the cassette, of each repetition.
        played: The fewest calls that were played in a repetition.
        problem: Why there is no figure; empty if there is.
    """

    name: str
    count: int
    body_bytes: int
    call_us: list[float] = field(default_factory=list)
    ratios_first: list[float] = field(default_factory=list)
    ratios_second: list[float] = field(default_factory=list)
    first_call_us: list[float] = field(default_factory=list)
    open_ms: list[float] = field(default_factory=list)
    played: int = 0
    problem: str = ""

    @property
    def ratio(self) -> float | None:
        """The mean of the two medians of ratios; None without figures.

        Opening leaves the SDK's own code out of the processor's caches, and whoever is first pays for it: a tenth of a
        call and more, if the turn has ten of them. So the turns in which it was first weigh as much as the others.
        """
        medians = [median(ratios) for ratios in (self.ratios_first, self.ratios_second) if ratios]
        return geometric_mean(medians) if medians else None

    def add(self, times: Sequence[float], its: Sequence[float], *, was_first: bool) -> None:
        """Add the seconds of the calls of a turn, and those of the limit's beside it."""
        self.call_us.append(median(times) * 1e6)
        (self.ratios_first if was_first else self.ratios_second).append(median(times) / median(its))

    def opened(self, first_call_s: float) -> None:
        """Add the seconds of the first call of a repetition."""
        self.first_call_us.append(first_call_s * 1e6)


@contextmanager
def _little_garbage() -> Iterator[None]:
    """Leave what is loaded already out of garbage collection, which before each repetition would take 150 ms."""
    the_ordinary_client()
    gc.collect()
    gc.freeze()
    try:
        yield
    finally:
        gc.unfreeze()


@_little_garbage()
def measure(
    contestants: Sequence[Contestant], paths: dict[str, Path], count: int, body_bytes: int, *, limit_s: float
) -> list[Measured]:
    """Time every call of a replay in the order recorded, each contestant beside the first.

    Args:
        contestants: The first of them is what the others are compared with.
        paths: A cassette for each contestant that has files, by name.
        count: Interactions on each cassette.
        body_bytes: Of a request and of an answer.
        limit_s: After so many seconds of its own a contestant's repetition is broken off, and is its last; after as
            many in all it repeats no more.
    """
    limit, *others = contestants
    questions = [prompt(number, body_bytes) for number in range(count)]
    results = {one.name: Measured(one.name, count, body_bytes) for one in contestants}
    least = results[limit.name]
    least.played = count
    repetitions = max(_FEWEST_REPETITIONS, min(_MOST_REPETITIONS, _CALLS // count))
    for one in others:
        result = results[one.name]
        replay = _replay_by_itself if one.answers_all_clients else _replay_beside
        began = time.perf_counter()
        try:
            for repetition in range(1, repetitions + 1):
                replay(one, paths[one.name], questions, result, limit, least, limit_s)
                is_long = time.perf_counter() - began > limit_s and repetition >= _FEWEST_REPETITIONS
                if result.played < count or is_long:
                    break
        except Exception as error:
            result.problem = f"{type(error).__name__}: {error}".splitlines()[0][:120]
    return list(results.values())


def _replay_beside(
    one: Contestant,
    path: Path,
    questions: Sequence[str],
    result: Measured,
    limit: Contestant,
    least: Measured,
    limit_s: float,
) -> None:
    """Take turns with the limit while both are open."""
    count = len(questions)
    with _opened(one, path, result) as client, limit.replaying(Path(), count, result.body_bytes) as least_client:
        played, spent_s = 0, 0.0
        while played < count and spent_s <= limit_s:
            turn = questions[played : played + _CALLS_IN_TURN]
            sides = [(client, limit_s - spent_s), (least_client, limit_s)]
            _CHOOSER.shuffle(sides)
            taken = {asking: _times(asking, turn, seconds) for asking, seconds in sides}
            times, its = taken[client], taken[least_client]
            result.add(times, its, was_first=sides[0][0] is client)
            least.add(its, its, was_first=True)
            if not played:
                result.opened(times[0])
                least.opened(its[0])
            played += len(times)
            spent_s += sum(times)
    result.played = min(result.played or played, played)


def _replay_by_itself(
    one: Contestant,
    path: Path,
    questions: Sequence[str],
    result: Measured,
    limit: Contestant,
    least: Measured,
    limit_s: float,
) -> None:
    """Let the limit play all, then the contestant."""
    with limit.replaying(Path(), len(questions), result.body_bytes) as client:
        its = _times(client, questions, limit_s)
    with _opened(one, path, result) as client:
        times = _times(client, questions, limit_s)
    result.add(times, its, was_first=False)
    result.opened(times[0])
    result.played = min(result.played or len(times), len(times))


@contextmanager
def _opened(one: Contestant, path: Path, result: Measured) -> Iterator[anthropic.Anthropic]:
    gc.collect()
    began = time.perf_counter()
    with one.replaying(path, result.count, result.body_bytes) as client:
        result.open_ms.append((time.perf_counter() - began) * 1e3)
        yield client


def _times(client: anthropic.Anthropic, questions: Sequence[str], limit_s: float) -> list[float]:
    """Ask in order, until the time is up; give the seconds of each call."""
    clock = time.perf_counter
    times: list[float] = []
    began = clock()
    for question in questions:
        before = clock()
        ask(client, question)
        after = clock()
        times.append(after - before)
        if after - began > limit_s:
            break
    return times
