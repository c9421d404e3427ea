"""What `@pytest.mark.llmreplay_fuzz(...)` and `@pytest.mark.llmreplay_invariant(...)` say."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Any

import pytest

from llmreplay.core.errors import SettingError
from llmreplay.core.fault import Scenario
from llmreplay.core.oracles import LIMITS, ORACLES
from llmreplay.session import ON_UNMATCHED

FUZZ, INVARIANT = "llmreplay_fuzz", "llmreplay_invariant"


@dataclass(frozen=True, slots=True, kw_only=True)
class FuzzSettings:
    """How a test is run as a property.

    Attributes:
        max_examples: Scenarios to try; None for as many as Hypothesis's profile says.
        max_faults: In one scenario.
        kinds: Of faults, or names of the catalogue; None for all.
        allowed: Exceptions that the test may raise under faults.
        seed: Of the search; None for that of `--llmreplay-seed`, else a new one, which the failure tells.
        on_unmatched: What becomes of a request that was never recorded.
        oracles: Names of what is checked besides: of `ORACLES` and `LIMITS`.
        most_attempts: Of all calls together; None for ten times as many as without faults if `storm` is an oracle.
        deadline_s: Seconds on the test's clock; None for 600 more than it was made to wait if `hang` is an oracle.
        examples: Scenarios, as text or objects, that are tried first.
        is_harmless: Whether only changes are drawn that leave what streams say.
    """

    max_examples: int | None = None
    max_faults: int = 3
    kinds: tuple[str, ...] | None = None
    allowed: tuple[type[BaseException], ...] = ()
    seed: int | None = None
    on_unmatched: str = "discard"
    oracles: tuple[str, ...] = ()
    most_attempts: int | None = None
    deadline_s: float | None = None
    examples: tuple[str | Scenario, ...] = ()
    is_harmless: bool = False


_COUNTS = {"max_examples": 0, "max_faults": 1, "seed": 0, "most_attempts": 1}
_UNSET = tuple(field.name for field in fields(FuzzSettings) if field.default is None)
_NAMES = tuple(field.name for field in fields(FuzzSettings) if field.name != "is_harmless")


def fuzz_settings_of(item: pytest.Item) -> tuple[FuzzSettings, ...]:
    """Read the markers of a test, of each kind the closest first; one entry for each kind that it has.

    Raises:
        SettingError: A setting that does not exist, or a value that it cannot have.
    """
    return tuple(
        _settings_said_by(name, markers) for name in (FUZZ, INVARIANT) if (markers := list(item.iter_markers(name)))
    )


def _settings_said_by(name: str, markers: Sequence[pytest.Mark]) -> FuzzSettings:
    said: dict[str, Any] = {}
    for marker in reversed(markers):
        if marker.args:
            raise SettingError(f"@pytest.mark.{name}{marker.args!r}: settings have names, such as max_examples=200.")
        said.update(marker.kwargs)
    checked: dict[str, Any] = {key: _checked(name, key, value) for key, value in said.items()}
    if name == INVARIANT:
        checked = {"on_unmatched": "fail", "max_faults": 2, **checked, "is_harmless": True}
    return FuzzSettings(**checked)


def _checked(marker: str, name: str, value: object) -> object:
    where = f"@pytest.mark.{marker}({name}={value!r})"
    if name not in _NAMES:
        raise SettingError(f"{where}: there is no such setting. Choose from {', '.join(_NAMES)}.")
    if name in _COUNTS and (value is not None or name not in _UNSET):
        if not isinstance(value, int) or isinstance(value, bool) or value < _COUNTS[name]:
            raise SettingError(f"{where}: give a whole number of {_COUNTS[name]} or more.")
        return value
    if name == "on_unmatched" and value not in ON_UNMATCHED:
        raise SettingError(f"{where}: choose from {', '.join(ON_UNMATCHED)}.")
    if name == "deadline_s" and value is not None and not (isinstance(value, int | float) and value > 0):
        raise SettingError(f"{where}: give seconds above 0.")
    if name == "oracles":
        return _oracles(where, value)
    if name == "allowed":
        kinds = value if isinstance(value, tuple | list) else (value,)
        if not all(isinstance(kind, type) and issubclass(kind, BaseException) for kind in kinds):
            raise SettingError(f"{where}: give exceptions that the application may raise: allowed=(AppError,).")
        return tuple(kinds)
    if name == "kinds" and value in ((), [], ""):
        raise SettingError(f"{where}: name a kind of fault, or leave it out for all.")
    if name == "examples" and value is None:
        raise SettingError(f"{where}: give scenarios, as text or objects, or leave it out.")
    if name in ("kinds", "examples") and value is not None:
        return tuple(value) if isinstance(value, tuple | list) else (value,)
    return value


def _oracles(where: str, value: object) -> tuple[str, ...]:
    known = (*ORACLES, *LIMITS)
    if value == "all":
        return known
    names = (value,) if isinstance(value, str) else tuple(value) if isinstance(value, tuple | list) else (None,)
    if any(name not in known for name in names):
        raise SettingError(f"{where}: choose from {', '.join(known)}, or say 'all'.")
    return names


def as_code(settings: Mapping[str, object]) -> str:
    """Write settings as the arguments of a marker."""
    return ", ".join(f"{name}={_literal(value)}" for name, value in settings.items())


def _literal(value: object) -> str:
    code = repr(value)
    # As a formatter writes it, where that is as short.
    return f'"{value}"' if isinstance(value, str) and code == f"'{value}'" and '"' not in value else code
