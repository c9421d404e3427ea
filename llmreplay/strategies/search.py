"""The search for the smallest scenario under which something fails, done by Hypothesis."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from typing import TypeAlias

import hypothesis
from hypothesis import HealthCheck, Phase, Verbosity
from hypothesis import strategies as st
from hypothesis.database import ExampleDatabase

from llmreplay.core.fault import Fault, Scenario
from llmreplay.strategies.lessening import Lessening, Origin, origin_of

_History: TypeAlias = tuple[tuple[Fault, ...], ...]

_PHASES = (Phase.reuse, Phase.generate, Phase.target, Phase.shrink)


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """A scenario under which there is a problem.

    Attributes:
        scenario: The smallest that failed; of a flaky one, the last.
        is_flaky: Whether one that failed did not fail again.
        runs: How many were made to lessen it, after it had shrunk.
    """

    scenario: Scenario
    is_flaky: bool = False
    runs: int = 0


class _Broken(Exception):
    """Stands for a failure that Hypothesis would not catch."""


def smallest_failing(
    drawn: st.SearchStrategy[Scenario],
    problem_under: Callable[[Scenario], BaseException | None],
    attempts_made: Callable[[], int],
    *,
    key: str,
    seed: int,
    uses_database: bool = True,
    outside: Callable[[], AbstractContextManager[object]] = nullcontext,
    milder: Sequence[Fault] = (),
    max_examples: int | None = None,
) -> Found | None:
    """Look for a scenario under which there is a problem, and shrink it.

    Args:
        drawn: The scenarios.
        problem_under: Tries one.
        attempts_made: Gives how many attempts the last one tried came to; at first, the number without faults.
        key: Names what is tried, in the example database of Hypothesis's profile: what was found is tried first.
        seed: Of this search; the same seed tries the same, what the database holds apart.
        uses_database: Whether that is used at all.
        outside: Gives a context in which it is used: what a test must not do, a database may.
        milder: Faults that may take the place of what was drawn, mild to severe.
        max_examples: To be tried; None for as many as Hypothesis's profile says.

    Returns:
        The smallest one found; None if there is none.
    """
    profile = hypothesis.settings()
    failing: list[tuple[Scenario, Origin, int]] = []
    tried = Tried()
    tried.add(Scenario(), attempts_made())

    @hypothesis.settings(
        max_examples=profile.max_examples if max_examples is None else max_examples,
        database=_Shared(profile.database, key, outside) if profile.database is not None and uses_database else None,
        deadline=None,
        derandomize=False,
        verbosity=Verbosity.quiet,
        print_blob=False,
        report_multiple_bugs=False,
        phases=[phase for phase in _PHASES if phase in profile.phases],
        suppress_health_check=list(HealthCheck),
    )
    @hypothesis.seed(seed)  # innermost, for it would take the database away
    @hypothesis.given(scenario=drawn)
    def try_one(scenario: Scenario) -> None:
        # What would be the same again does not count; once one fails, each must be tried as it is.
        hypothesis.assume(failing or scenario not in tried)
        problem = problem_under(scenario)
        if problem is None:
            tried.add(scenario, attempts_made())
            return
        failing.append((scenario, origin_of(problem), attempts_made()))
        # The error itself tells two bugs apart, by its type and place.
        raise problem if isinstance(problem, Exception) else _Broken(type(problem).__name__) from problem

    try:
        try_one()
    except Exception as error:
        if not failing:
            raise
        if isinstance(error, hypothesis.errors.Flaky):
            return Found(scenario=failing[-1][0], is_flaky=True)
        lessening = Lessening(problem_under, attempts_made, tried.__contains__, milder)
        return Found(scenario=lessening.least(*failing[-1]), runs=lessening.runs)
    return None


class Tried:
    """The scenarios that were tried: those that do the same to every attempt that is made are the same.

    After a 401 at the first attempt no second is made, so whatever a scenario has in store for the second, it is one
    that was tried.
    """

    def __init__(self) -> None:
        self._histories: dict[int, set[_History]] = {}

    def add(self, scenario: Scenario, attempts: int) -> None:
        """Note a scenario, and how many attempts were made under it."""
        if not _has_conditions(scenario):
            self._histories.setdefault(attempts, set()).add(_history(scenario, attempts))

    def __contains__(self, scenario: Scenario) -> bool:
        if _has_conditions(scenario):
            return False
        return any(_history(scenario, attempts) in seen for attempts, seen in self._histories.items())


def _has_conditions(scenario: Scenario) -> bool:
    return any(injection.schedule.when is not None for injection in scenario.injections)


def _history(scenario: Scenario, attempts: int) -> _History:
    return tuple(
        tuple(injection.fault for injection in scenario.injections if injection.schedule.hits(number, ""))
        for number in range(1, attempts + 1)
    )


class _Shared(ExampleDatabase):
    """A part of an example database: what is kept there of one test."""

    def __init__(self, whole: ExampleDatabase, key: str, outside: Callable[[], AbstractContextManager[object]]) -> None:
        super().__init__()
        self._whole = whole
        self._prefix = f"llmreplay:{key}:".encode()
        self._outside = outside

    def save(self, key: bytes, value: bytes) -> None:
        with self._outside():
            self._whole.save(self._prefix + key, value)

    def fetch(self, key: bytes) -> Iterable[bytes]:
        with self._outside():
            # All at once: a database may reach out only when it is asked for the next one.
            return list(self._whole.fetch(self._prefix + key))

    def delete(self, key: bytes, value: bytes) -> None:
        with self._outside():
            self._whole.delete(self._prefix + key, value)

    def move(self, src: bytes, dest: bytes, value: bytes) -> None:
        with self._outside():
            self._whole.move(self._prefix + src, self._prefix + dest, value)
