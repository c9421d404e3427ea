"""Record real LLM exchanges once; replay, break and assert on them offline.

Every public name is loaded when it is first used, so importing the package costs next to nothing.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from llmreplay.session import Replay as Replay
    from llmreplay.session import use_cassette as use_cassette

__version__ = "0.1.0"

_HOMES = {
    "Replay": "llmreplay.session",
    "use_cassette": "llmreplay.session",
}

__all__ = ["Replay", "__version__", "use_cassette"]


def __getattr__(name: str) -> object:
    home = _HOMES.get(name)
    if home is None:
        raise AttributeError(f"module 'llmreplay' has no attribute {name!r}")
    return getattr(import_module(home), name)


def __dir__() -> list[str]:
    return sorted(__all__)
