"""Record real LLM exchanges once; replay, break and assert on them offline.

Every public name is loaded when it is first used, so importing the package costs next to nothing.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from llmreplay import faults as faults
    from llmreplay.faults.schedule import after as after
    from llmreplay.faults.schedule import always as always
    from llmreplay.faults.schedule import chance as chance
    from llmreplay.faults.schedule import every as every
    from llmreplay.faults.schedule import first as first
    from llmreplay.faults.schedule import nth as nth
    from llmreplay.session import Replay as Replay
    from llmreplay.session import use_cassette as use_cassette

__version__ = "0.1.0"

_SCHEDULE = "llmreplay.faults.schedule"
_HOMES = {
    "after": _SCHEDULE,
    "always": _SCHEDULE,
    "chance": _SCHEDULE,
    "every": _SCHEDULE,
    "first": _SCHEDULE,
    "nth": _SCHEDULE,
    "Replay": "llmreplay.session",
    "use_cassette": "llmreplay.session",
}

_MODULES = {"faults": "llmreplay.faults"}

__all__ = [
    "Replay",
    "__version__",
    "after",
    "always",
    "chance",
    "every",
    "faults",
    "first",
    "nth",
    "use_cassette",
]


def __getattr__(name: str) -> object:
    if name in _MODULES:
        return import_module(_MODULES[name])
    home = _HOMES.get(name)
    if home is None:
        raise AttributeError(f"module 'llmreplay' has no attribute {name!r}")
    return getattr(import_module(home), name)


def __dir__() -> list[str]:
    return sorted(__all__)
