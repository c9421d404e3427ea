"""Faults and scenarios as Python code to paste."""

from __future__ import annotations

from dataclasses import fields, is_dataclass

from llmreplay.core.fault import Scenario


def changed_fields(fault: object) -> dict[str, object]:
    """Give the fields of a fault that differ from their defaults, in the order declared; it is a dataclass."""
    declared = fields(fault)  # type: ignore[arg-type]
    values = {field.name: getattr(fault, field.name) for field in declared}
    return {field.name: values[field.name] for field in declared if values[field.name] != field.default}


def code_of_fault(fault: object) -> str:
    """Write a fault as the shortest call that makes it: `CutAfter(events=7)`."""
    if not is_dataclass(fault):
        return repr(fault)
    changed = changed_fields(fault)
    arguments = ", ".join(f"{name}={value!r}" for name, value in changed.items())
    return f"{type(fault).__name__}({arguments})"


def code_of(scenario: Scenario) -> str:
    """Write a scenario as the lines of a test that inject it, one line a fault.

    A schedule with a predicate names the predicate only: its code is the user's own.
    """
    return "\n".join(
        f"llmreplay.inject({_name_of_home(injection.fault)}{code_of_fault(injection.fault)}, on={injection.schedule!r})"
        for injection in scenario.injections
    )


def _name_of_home(fault: object) -> str:
    return "faults." if type(fault).__module__.split(".")[0] == "llmreplay" else ""
