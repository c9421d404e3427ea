"""What the plugin does once a test asks for it; nothing of it is imported before."""

from __future__ import annotations

from llmreplay.pytest_run.missing_keys import advise_on_keys
from llmreplay.pytest_run.redacted import parameter_id
from llmreplay.pytest_run.run import Run
from llmreplay.pytest_run.said import session_placeholder_keys

__all__ = ["Run", "advise_on_keys", "parameter_id", "session_placeholder_keys"]
