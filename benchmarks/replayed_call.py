"""Time per replayed call, through the real SDK, side by side."""

from __future__ import annotations

import gc
import random
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median

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
_WARM_UP_CALLS = 3
"""Opening leaves the SDK's own code out of the processor's caches: whoever is first would pay for it."""
_CHOOSER = random.Random(20)


@dataclass(slots=True)
class Measured:
    """What was measured of one contestant at one size.

    Attributes:
        name: The contestant's.
        count: Interactions on the cassette.
        body_bytes: Of a request and of an answer.
        call_us: Median time of a call, of each turn.
        ratios: The same over that of the limit's turn beside it.
        first_call_us: Time of the first call, of each repetition.
        open_ms: Time to open the cassette, of each repetition.
        played: The fewest calls that were played in a repetition.
        problem: Why there is no figure; empty if there is.
    """

    name: str
    count: int
    body_bytes: int
    call_us: list[float] = field(default_factory=list)
    ratios: list[float] = field(default_factory=list)
    first_call_us: list[float] = field(default_factory=list)
    open_ms: list[float] = field(default_factory=list)
    played: int = 0
    problem: str = ""

    @property
    def ratio(self) -> float | None:
        """The median of the ratios; None without figures."""
        return median(self.ratios) if self.ratios else None

    def add(self, times: Sequence[float], its: Sequence[float], *, is_first: bool) -> None:
        """Add the seconds of the calls of a turn, and those of the limit's beside it."""
        self.call_us.append(median(times) * 1e6)
        self.ratios.append(median(times) / median(its))
        if is_first:
            self.first_call_us.append(times[0] * 1e6)


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
    answers = _WARM_UP_CALLS + count
    with _opened(one, path, result) as client, limit.replaying(Path(), answers, result.body_bytes) as least_client:
        _times(least_client, [questions[0]] * _WARM_UP_CALLS, limit_s)
        played, spent_s = 0, 0.0
        while played < count and spent_s <= limit_s:
            turn = questions[played : played + _CALLS_IN_TURN]
            sides = [(client, limit_s - spent_s), (least_client, limit_s)]
            _CHOOSER.shuffle(sides)
            taken = {asking: _times(asking, turn, seconds) for asking, seconds in sides}
            times, its = taken[client], taken[least_client]
            result.add(times, its, is_first=not played)
            least.add(its, its, is_first=not played)
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
    result.add(times, its, is_first=True)
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
