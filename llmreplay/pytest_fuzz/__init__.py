"""Fuzzing inside pytest: a test as a property, and chaos for a suite."""

from __future__ import annotations

from llmreplay.pytest_fuzz.chaotic import Chaotic
from llmreplay.pytest_fuzz.fuzzing import Fuzzing

__all__ = ["Chaotic", "Fuzzing"]
