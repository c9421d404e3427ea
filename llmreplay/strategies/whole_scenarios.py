"""Strategies of scenarios; they shrink to fewer faults, earlier, milder, for fewer attempts."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from hypothesis import strategies as st

from llmreplay.core.api import Api
from llmreplay.core.errors import SettingError
from llmreplay.core.fault import Fault, Injection, Scenario, Schedule
from llmreplay.faults.checks import check_count
from llmreplay.faults.schedule import after, always, first, nth
from llmreplay.strategies.single_faults import MOST_EVENTS, faults, harmless_faults

MOST_ATTEMPTS = 4


@dataclass(frozen=True, slots=True)
class _Slot:
    """When a fault happens.

    Attributes:
        skipped: Attempts between it and the fault before.
        times: Attempts that it hits; None for all to come.
        is_together: Whether it hits the same attempts as the fault before.
    """

    skipped: int = 0
    times: int | None = 1
    is_together: bool = False


@dataclass(frozen=True, slots=True)
class _Step:
    """One fault on its way into a scenario: what happens, to calls of which api (None for any), and when."""

    fault: Fault
    api: str | None
    slot: _Slot


def scenarios(
    max_faults: int = 3,
    kinds: Sequence[str] | None = None,
    apis: Sequence[str | Api] | None = None,
    *,
    min_faults: int = 0,
    attempts: int = MOST_ATTEMPTS,
    events: int = MOST_EVENTS,
    streams: bool = True,
) -> st.SearchStrategy[Scenario]:
    """Draw faults with their schedules.

    Args:
        max_faults: In one scenario.
        kinds: Of `KINDS`, or names of the catalogue; None for all.
        apis: Each fault hits calls to one of these only, and only these count in its schedule; None for any call.
        min_faults: In one scenario.
        attempts: Faults begin at one of the first so many.
        events: Faults at one event of a stream hit one of the first so many.
        streams: False leaves out what hits streams only.

    Raises:
        SettingError: An api or kind that does not exist, or a number that cannot be.
    """
    for name, count in {"max_faults": max_faults, "min_faults": min_faults, "attempts": attempts}.items():
        check_count("scenarios", name, count, at_least=0)
    given = (apis,) if isinstance(apis, str | Api) else apis
    names = None if given is None else [api.name if isinstance(api, Api) else api for api in given]
    if names is not None and not names:
        raise SettingError("scenarios(apis=()): name at least one api, or give none for any call.")
    hits = {name: faults(name, kinds, events=events, streams=streams) for name in names or (None,)}
    return _scenarios(hits, min_faults, max_faults, attempts)


def harmless_scenarios(
    max_faults: int = 2,
    apis: Sequence[str] | None = None,
    *,
    attempts: int = MOST_ATTEMPTS,
) -> st.SearchStrategy[Scenario]:
    """Draw changes of the way streams come that leave what they say: a client that reads well notices none.

    Args:
        max_faults: In one scenario; there is one at least.
        apis: The apis in use; they decide which keep-alives are usual.
        attempts: They begin at one of the first so many.
    """
    return _scenarios({None: harmless_faults(apis or ())}, 1, max_faults, attempts)


def _scenarios(
    hits: dict[str | None, st.SearchStrategy[Fault]], lowest: int, highest: int, attempts: int
) -> st.SearchStrategy[Scenario]:
    if not 0 <= lowest <= highest or attempts < 1:
        raise SettingError(
            f"scenarios(min_faults={lowest}, max_faults={highest}, attempts={attempts}): there must be room for them."
        )
    slots = st.sampled_from(_slots(attempts))
    steps = st.one_of([_step(name, fault, slots) for name, fault in hits.items()])
    return st.lists(steps, min_size=lowest, max_size=highest).map(_scenario_of)


@st.composite
def _step(draw: st.DrawFn, api: str | None, fault: st.SearchStrategy[Fault], slots: st.SearchStrategy[_Slot]) -> _Step:
    return _Step(draw(fault), api, draw(slots))


def _slots(attempts: int) -> list[_Slot]:
    """List the places of a fault behind the one before, the simplest first.

    Most are at once: faults in a row are what error handling is made for. One choice decides, for that shrinks best.
    """
    weight = max(1, attempts // 2)
    at_once = [*[_Slot()] * 8, *[_Slot(times=2)] * 2, _Slot(times=3), *[_Slot(times=None)] * 2]
    later = [_Slot(skipped, times) for skipped in range(1, attempts) for times in (1, 1, 2, None)]
    return [*(slot for slot in at_once for _ in range(weight)), *later, *[_Slot(is_together=True)] * (2 * weight)]


def _scenario_of(steps: Sequence[_Step]) -> Scenario:
    injections: list[Injection] = []
    following, hit = 1, (1, 1)
    for number, step in enumerate(steps):
        if not (step.slot.is_together and number):
            hit = (following + step.slot.skipped, step.slot.times or 0)
        injections.append(Injection(step.fault, _schedule(*hit, step.api)))
        if not hit[1]:
            break
        following = hit[0] + hit[1]
    return Scenario(tuple(injections))


def _schedule(attempt: int, times: int, api: str | None) -> Schedule:
    made: Any
    if not times:
        made = always if attempt == 1 else after(attempt - 1)
    else:
        made = first(times) if attempt == 1 else nth(*range(attempt, attempt + times))
    if api is None:
        return made  # type: ignore[no-any-return]
    return replace(made, when=always(when=api).when)  # type: ignore[no-any-return]
