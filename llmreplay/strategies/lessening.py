"""A last pass over a scenario that fails: what of it can go, happen less often, or be milder."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import combinations, groupby
from typing import Any, TypeAlias

from llmreplay.core.fault import Fault, Injection, Scenario, Schedule
from llmreplay.faults.schedule import first, nth

Origin: TypeAlias = tuple[object, ...]
"""Where a problem comes from: equal for what is the same bug."""

MOST_RUNS = 60
"""Of one pass."""

_OF_EACH_KIND = 2
_MOST_HITS = 4


@dataclass(slots=True)
class Lessening:
    """A pass that takes whatever fails for the same reason and is less.

    Attributes:
        problem_under: Tries a scenario.
        attempts_made: Gives how many attempts the last one tried came to.
        is_known_to_pass: Says of a scenario that need not be tried that it passes.
        milder: Faults that may take another's place, mild to severe.
        runs: How many were made so far.
    """

    problem_under: Callable[[Scenario], BaseException | None]
    attempts_made: Callable[[], int]
    is_known_to_pass: Callable[[Scenario], bool]
    milder: Sequence[Fault]
    runs: int = 0

    def least(self, scenario: Scenario, origin: Origin, attempts: int) -> Scenario:
        """Lessen a scenario step by step, until no step fails as it does or enough runs were made.

        Args:
            scenario: It fails.
            origin: Of what was wrong under it.
            attempts: That were made under it.
        """
        seen = {scenario}
        smaller: Scenario | None = scenario
        while smaller is not None:
            scenario, smaller = smaller, None
            for candidate in _less(scenario, max(1, attempts), self.milder):
                if candidate in seen or self.is_known_to_pass(candidate):
                    continue
                if self.runs == MOST_RUNS:
                    return scenario
                seen.add(candidate)
                self.runs += 1
                found = self.problem_under(candidate)
                if found is not None and origin_of(found) == origin:
                    smaller, attempts = candidate, self.attempts_made()
                    break
        return scenario


def origin_of(problem: BaseException) -> Origin:
    """Tell two problems apart: by type and place, or by the first line of what was seen from outside.

    Call it before the problem is raised anew, for that gives it a place.
    """
    trace = problem.__traceback__
    if trace is None:
        return type(problem), re.sub(r"\d+", "#", str(problem).partition("\n")[0])
    while trace.tb_next is not None:
        trace = trace.tb_next
    return type(problem), trace.tb_frame.f_code.co_filename, trace.tb_lineno


def _less(scenario: Scenario, attempts: int, milder: Sequence[Fault]) -> Iterator[Scenario]:
    """Give scenarios that are less than one, the greatest steps first: without a fault, fewer hits, milder faults."""
    injections = scenario.injections
    for place in range(len(injections) if len(injections) > 1 else 0):
        yield Scenario((*injections[:place], *injections[place + 1 :]))
    for place, injection in enumerate(injections):
        for schedule in _fewer(injection.schedule, attempts):
            yield _with(scenario, place, replace(injection, schedule=schedule))
    for place, injection in enumerate(injections):
        for fault in _milder_than(injection.fault, milder):
            yield _with(scenario, place, replace(injection, fault=fault))


def _with(scenario: Scenario, place: int, injection: Injection) -> Scenario:
    return Scenario((*scenario.injections[:place], injection, *scenario.injections[place + 1 :]))


def _fewer(schedule: Schedule, attempts: int) -> Iterator[Schedule]:
    """Give schedules that hit fewer of so many attempts, the fewest and earliest first; one hit, but earlier."""
    if schedule.is_keyed:
        return
    hits = [number for number in range(1, attempts + 1) if schedule.hits(number, "")][:_MOST_HITS]
    goes_on = schedule.hits(attempts + 1, "") and schedule.hits(attempts + 2, "")
    if len(hits) == 1:
        for number in range(1, hits[0]):
            yield _at([number], schedule.when)
    for size in range(1, len(hits) + int(goes_on)):
        for numbers in combinations(hits, size):
            yield _at(numbers, schedule.when)


def _at(numbers: Sequence[int], when: Any) -> Schedule:
    return first(len(numbers), when=when) if numbers[-1] == len(numbers) else nth(*numbers, when=when)


def _milder_than(fault: Fault, milder: Sequence[Fault]) -> Iterator[Fault]:
    """Give faults that come before one: the mildest of each other kind, and those of its own."""
    for kind, alike in groupby(milder, type):
        faults = list(alike)
        if kind is not type(fault):
            yield from faults[:_OF_EACH_KIND]
            continue
        yield from faults[: faults.index(fault)] if fault in faults else ()
        return
