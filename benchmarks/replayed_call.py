"""Time per replayed call, through the real SDK, side by side."""

from __future__ import annotations

import gc
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median

from contestants import Contestant
from material import ask, prompt, the_ordinary_client

# Enough calls for a median that stands still, shared out over repetitions in turn.
_CALLS = 1500
_MOST_REPETITIONS = 15
_FEWEST_REPETITIONS = 3


@dataclass(slots=True)
class Measured:
    """What was measured of one contestant at one size.

    Attributes:
        name: The contestant's.
        count: Interactions on the cassette.
        body_bytes: Of a request and of an answer.
        call_us: Median time of a call, of each repetition.
        first_call_us: Time of the first call, of each repetition.
        open_ms: Time to open the cassette, of each repetition.
        played: The fewest calls that were played in a repetition.
        problem: Why there is no figure; empty if there is.
    """

    name: str
    count: int
    body_bytes: int
    call_us: list[float] = field(default_factory=list)
    first_call_us: list[float] = field(default_factory=list)
    open_ms: list[float] = field(default_factory=list)
    played: int = 0
    problem: str = ""


def measure(
    contestants: Sequence[Contestant], paths: dict[str, Path], count: int, body_bytes: int, *, limit_s: float
) -> list[Measured]:
    """Time every call of a replay in the order recorded; contestants take turns, repetition by repetition.

    Args:
        contestants: The first of them is what the others are compared with.
        paths: A cassette for each contestant that has files, by name.
        count: Interactions on each cassette.
        body_bytes: Of a request and of an answer.
        limit_s: After so many seconds a contestant's repetition is broken off, and is its last.
    """
    questions = [prompt(number, body_bytes) for number in range(count)]
    results = {one.name: Measured(one.name, count, body_bytes) for one in contestants}
    repetitions = max(_FEWEST_REPETITIONS, min(_MOST_REPETITIONS, _CALLS // count))
    for repetition in range(repetitions):
        for one in _turned(contestants, repetition):
            result = results[one.name]
            if result.problem or (result.call_us and result.played < count):
                continue
            try:
                _replay(one, paths.get(one.name, Path()), questions, result, limit_s)
            except Exception as error:
                result.problem = f"{type(error).__name__}: {error}".splitlines()[0][:120]
    return list(results.values())


def _turned(contestants: Sequence[Contestant], by: int) -> list[Contestant]:
    by %= len(contestants)
    return [*contestants[by:], *contestants[:by]]


def _replay(one: Contestant, path: Path, questions: Sequence[str], result: Measured, limit_s: float) -> None:
    times: list[float] = []
    clock = time.perf_counter
    the_ordinary_client()
    replaying = one.replaying(path, len(questions), result.body_bytes)
    gc.collect()
    began = clock()
    with replaying as client:
        opened = clock()
        for question in questions:
            before = clock()
            ask(client, question)
            after = clock()
            times.append(after - before)
            if after - opened > limit_s:
                break
    result.open_ms.append((opened - began) * 1e3)
    result.first_call_us.append(times[0] * 1e6)
    result.call_us.append(median(times) * 1e6)
    result.played = min(result.played or len(times), len(times))


def ratio_to(limit: Measured, one: Measured) -> float | None:
    """Compare medians repetition by repetition, then take the median of that; None without figures."""
    pairs = zip(one.call_us, limit.call_us, strict=False)
    ratios = [mine / least for mine, least in pairs]
    return median(ratios) if ratios else None
