"""What users write about faults and stubs, turned into what the core takes."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import replace
from types import TracebackType
from typing import Self

from llmreplay.core.errors import SettingError
from llmreplay.core.fault import Fault, Injection, Scenario, Schedule
from llmreplay.core.faulting import Armed
from llmreplay.core.model import Reply, ToolCall
from llmreplay.core.stubbing import Stub
from llmreplay.faults import scenario_from_text
from llmreplay.faults.code import code_of_fault
from llmreplay.faults.schedule import When, first, selector_from
from llmreplay.session.made_up import apis_selected, check_reply
from llmreplay.session.respx_patterns import adapted


class Injected:
    """Faults in use; as a context manager, they end with it."""

    def __init__(self, armed: Sequence[Armed]) -> None:
        self._armed = armed

    @property
    def fired(self) -> int:
        """How many attempts they have changed so far."""
        return sum(armed.fired for armed in self._armed)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        for armed in self._armed:
            armed.is_armed = False


def injection_of(fault: object, on: object = None) -> Injection:
    """Check a fault and its schedule.

    Raises:
        SettingError: One of them is none.
    """
    if not isinstance(fault, Fault) or isinstance(fault, type):
        raise SettingError(f"{fault!r} is no fault: give one of llmreplay.faults, such as faults.Overloaded().")
    if on is None:
        return Injection(fault, first(1))
    if not isinstance(on, Schedule) or isinstance(on, type):
        raise SettingError(f"on={on!r}: give a schedule: first(2), nth(1, 3), every(2), after(1), always, chance(0.2).")
    return adapted(Injection(fault, on))


def described(injection: Injection) -> str:
    """Tell an injection as the code that makes it."""
    return f"inject(faults.{code_of_fault(injection.fault)}, on={injection.schedule!r})"


def scenario_of(given: object) -> Scenario:
    """Read the setting `faults`: a text, a scenario, a fault, a pair of fault and schedule, or several.

    Raises:
        SettingError: It is none of these.
    """
    if given is None or given == "":
        return Scenario()
    if isinstance(given, str):
        return scenario_from_text(given)
    if isinstance(given, Scenario):
        return Scenario(tuple(adapted(injection) for injection in given.injections))
    if isinstance(given, Injection):
        return Scenario((adapted(given),))
    if isinstance(given, tuple) and len(given) == 2 and isinstance(given[1], Schedule):
        return Scenario((injection_of(*given),))
    if isinstance(given, list | tuple):
        return Scenario(tuple(injection for one in given for injection in scenario_of(one).injections))
    return Scenario((injection_of(given),))


def stubs_of(
    answers: Sequence[str | Reply],
    like: Reply,
    tool_calls: Iterable[ToolCall | tuple[str, object]],
    when: When | None,
) -> list[Stub]:
    """Make the stubs that `Replay.reply` asks for.

    Raises:
        SettingError: Several texts share what can only belong to one, an answer is neither text nor `Reply`, no api
            that `when` selects could give it, or `when` selects none.
    """
    tools = tuple(_tool_call(tool, number) for number, tool in enumerate(tool_calls, 1))
    shared = replace(like, tool_calls=tools)
    if len(answers) > 1 and shared != Reply():
        raise SettingError("reply(): tool_calls, stop_reason, usage and thinking belong to one answer each.")
    wrong = [answer for answer in answers if not isinstance(answer, str | Reply)]
    if wrong:
        raise SettingError(f"reply({wrong[0]!r}): give texts, or Reply(...) values.")
    replies = [answer if isinstance(answer, Reply) else replace(shared, text=answer) for answer in answers or ("",)]
    selector = selector_from("reply", when)
    apis = apis_selected("reply", selector)
    for reply in replies:
        check_reply(reply, apis)
    return [Stub(replace(reply, id_seed=f"{reply.id_seed}:{n}"), selector) for n, reply in enumerate(replies)]


def _tool_call(tool: object, number: int) -> ToolCall:
    if isinstance(tool, ToolCall):
        return tool
    if isinstance(tool, tuple | list) and len(tool) == 2 and isinstance(tool[0], str):
        with suppress(TypeError, ValueError):
            arguments = tool[1] if isinstance(tool[1], str) else json.dumps(tool[1], ensure_ascii=False)
            return ToolCall("", tool[0], arguments)
    raise SettingError(
        f"reply(tool_calls=[{tool!r}]): give pairs of a name and arguments, ('get_weather', {{'city': 'Paris'}})."
    )
