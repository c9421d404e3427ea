"""Hypothesis strategies (extra `fuzz`): faults, scenarios, answers and streams that shrink to what is simple."""

from __future__ import annotations

from llmreplay.core.errors import MissingExtra

try:
    import hypothesis as _hypothesis
except ImportError:
    raise MissingExtra("llmreplay.strategies", "fuzz") from None

from llmreplay.faults.kinds import KINDS
from llmreplay.strategies.answers import answers, outcomes, replies
from llmreplay.strategies.conversations import conversations
from llmreplay.strategies.rechunking import rechunkings
from llmreplay.strategies.retry_after import retry_after_values
from llmreplay.strategies.single_faults import faults, harmless_faults
from llmreplay.strategies.texts import texts
from llmreplay.strategies.whole_scenarios import harmless_scenarios, scenarios

__all__ = [
    "KINDS",
    "answers",
    "conversations",
    "faults",
    "harmless_faults",
    "harmless_scenarios",
    "outcomes",
    "rechunkings",
    "replies",
    "retry_after_values",
    "scenarios",
    "texts",
]

del _hypothesis
