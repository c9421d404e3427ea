"""Record real LLM exchanges once; replay, break and assert on them offline.

Every public name is loaded when it is first used, so importing the package costs next to nothing.
"""

from __future__ import annotations

import sys
from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from llmreplay import assertions as assertions
    from llmreplay import faults as faults
    from llmreplay import strategies as strategies
    from llmreplay.core.errors import CassetteError as CassetteError
    from llmreplay.core.errors import LlmReplayError as LlmReplayError
    from llmreplay.core.errors import Refusal as Refusal
    from llmreplay.core.errors import SettingError as SettingError
    from llmreplay.core.errors import UnmatchedRequest as UnmatchedRequest
    from llmreplay.core.fault import Scenario as Scenario
    from llmreplay.core.model import Reply as Reply
    from llmreplay.core.model import ToolCall as ToolCall
    from llmreplay.core.model import Usage as Usage
    from llmreplay.faults.schedule import after as after
    from llmreplay.faults.schedule import always as always
    from llmreplay.faults.schedule import chance as chance
    from llmreplay.faults.schedule import every as every
    from llmreplay.faults.schedule import first as first
    from llmreplay.faults.schedule import nth as nth
    from llmreplay.session import Replay as Replay
    from llmreplay.session import scenario as scenario
    from llmreplay.session import use_cassette as use_cassette

__version__ = "0.1.0"

# Where each public name lives; an empty name stands for the module itself.
_HOMES = {
    "CassetteError": "llmreplay.core.errors",
    "LlmReplayError": "llmreplay.core.errors",
    "Refusal": "llmreplay.core.errors",
    "Replay": "llmreplay.session",
    "Reply": "llmreplay.core.model",
    "Scenario": "llmreplay.core.fault",
    "SettingError": "llmreplay.core.errors",
    "ToolCall": "llmreplay.core.model",
    "UnmatchedRequest": "llmreplay.core.errors",
    "Usage": "llmreplay.core.model",
    "after": "llmreplay.faults.schedule",
    "always": "llmreplay.faults.schedule",
    "assertions": "",
    "chance": "llmreplay.faults.schedule",
    "every": "llmreplay.faults.schedule",
    "faults": "",
    "first": "llmreplay.faults.schedule",
    "nth": "llmreplay.faults.schedule",
    "scenario": "llmreplay.session",
    "strategies": "",
    "use_cassette": "llmreplay.session",
}

# Without `strategies`, which needs an extra: `import *` and `help` ask for all that is named here.
__all__ = [
    "CassetteError",
    "LlmReplayError",
    "Refusal",
    "Replay",
    "Reply",
    "Scenario",
    "SettingError",
    "ToolCall",
    "UnmatchedRequest",
    "Usage",
    "__version__",
    "after",
    "always",
    "assertions",
    "chance",
    "every",
    "faults",
    "first",
    "nth",
    "scenario",
    "use_cassette",
]


def __getattr__(name: str) -> object:
    home = _HOMES.get(name)
    if home is None:
        raise AttributeError(f"module 'llmreplay' has no attribute {name!r}")
    plugin = sys.modules.get("llmreplay.pytest_plugin")
    if name == "use_cassette" and plugin is not None:
        plugin.begin_run()
    return getattr(import_module(home), name) if home else import_module(f"llmreplay.{name}")


def __dir__() -> list[str]:
    return sorted(__all__)
