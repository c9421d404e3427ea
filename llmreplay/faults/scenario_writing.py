"""Scenarios written as text: the inverse of `scenario_from_text`."""

from __future__ import annotations

import re
from decimal import Decimal
from itertools import groupby

from llmreplay.core.fault import Fault, Injection, Scenario
from llmreplay.faults.catalogue import entry_for_status, entry_of
from llmreplay.faults.code import changed_fields
from llmreplay.faults.scenario_text import MOST_ATTEMPTS
from llmreplay.faults.schedule import After, Always, First, Nth
from llmreplay.faults.statuses import Status

_BARE = re.compile(r"[A-Za-z_][\w./;-]*")
_EVENT = re.compile(r"[A-Za-z_][\w.-]*")
_ENDS_LIKE_A_COUNT = re.compile(r"x\d+$")


def text_of(scenario: Scenario) -> str | None:
    """Write a scenario as text that `scenario_from_text` reads as one of the same effect.

    Returns:
        None where text cannot say it: a condition, a probability, `every`, a body or headers, a fault of the
        user's own. `code_of` writes those.
    """
    last = 0
    for injection in scenario.injections:
        span = _span(injection)
        if span is None or span > MOST_ATTEMPTS:
            return None
        last = max(last, span)
    groups = [_group(scenario, attempt) for attempt in range(1, last + 2)]
    if None in groups:
        return None
    tail = groups.pop()
    entries = [_counted(str(group), len(list(run))) for group, run in groupby(groups)]
    if tail != "ok":
        entries.append(f"{tail}x*")
    return ", ".join(entries) or "ok"


def _span(injection: Injection) -> int | None:
    """Tell how many attempts a schedule speaks of one by one; None if it cannot be written."""
    schedule = injection.schedule
    if schedule.when is not None:
        return None
    if isinstance(schedule, (First, After)):
        return schedule.n
    if isinstance(schedule, Nth):
        return schedule.numbers[-1]
    return 0 if isinstance(schedule, Always) else None


def _counted(group: str, count: int) -> str:
    return group if count == 1 else f"{group}x{count}"


def _group(scenario: Scenario, attempt: int) -> str | None:
    """Write what happens to one attempt; None if a fault of it cannot be written."""
    hitting = [injection.fault for injection in scenario.injections if injection.schedule.hits(attempt, "")]
    written = [_fault_text(fault) for fault in hitting]
    return None if None in written else "+".join(map(str, written)) or "ok"


def _fault_text(fault: Fault) -> str | None:
    entry = entry_of(fault)
    if entry is None:
        return None
    changed = changed_fields(fault)
    name, main = entry.name, entry.main
    if entry.status is not None:
        name = str(entry.status)
    elif isinstance(fault, Status) and entry_for_status(fault.code) is None:
        name, main = str(changed.pop("code")), "retry_after_s"
    place = _place(changed, main)
    arguments: list[str] = []
    for key, value in changed.items():
        written = _value_text(value)
        if written is None:
            return None
        arguments.append(f"{key}={written}")
    return name + place + (f"({', '.join(arguments)})" if arguments else "")


def _place(changed: dict[str, object], main: str | None) -> str:
    """Take from the arguments those that can stand after `@`."""
    event = changed.get("event")
    if isinstance(event, str) and _EVENT.fullmatch(event):
        n = changed.get("n", 1)
        place = event if n == 1 else f"{event}:{n}"
        if not _ENDS_LIKE_A_COUNT.search(place):
            changed.pop("event")
            changed.pop("n", None)
            return f"@{place}"
        return ""
    if event is None and main in changed and not isinstance(changed[main], str):
        written = _value_text(changed[main])
        if written is not None:
            changed.pop(main)
            return f"@{written}"
    return ""


def _value_text(value: object) -> str | None:
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, (int, float)):
        return format(Decimal(repr(value)), "f")
    if isinstance(value, tuple) and value and all(isinstance(number, int) for number in value):
        return "/".join(map(str, value))
    if not isinstance(value, str):
        return None
    if _BARE.fullmatch(value) and value not in ("true", "false"):
        return value
    quote = next((mark for mark in "\"'" if mark not in value), None)
    return None if quote is None else f"{quote}{value}{quote}"
