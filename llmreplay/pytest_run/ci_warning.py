"""The warning that a build server records: nobody commits what is recorded there."""

from __future__ import annotations

import os
import warnings

import pytest

from llmreplay.session import LlmReplayWarning, Replay


class CiWarning:
    """Warns when something is recorded while `CI` is set; once in a run."""

    def __init__(self) -> None:
        self._has_warned = False

    def __call__(self, replay: Replay) -> None:
        """Warn of a cassette that was opened, if it is recorded.

        Raises:
            pytest.fail.Exception: Warnings are errors; the cassette is closed again.
        """
        if self._has_warned or not replay.recorder.records or not _is_truthy(os.environ.get("CI")):
            return
        text = f"recording (mode {replay.mode}) while CI is set: what is recorded here is not committed."
        try:
            warnings.warn(LlmReplayWarning(text), stacklevel=3)
        except LlmReplayWarning:
            replay.close(passed=False)
            raise pytest.fail.Exception(f"LlmReplayWarning: {text}", pytrace=False) from None
        self._has_warned = True


def _is_truthy(value: str | None) -> bool:
    return value is not None and value.strip().lower() not in ("", "0", "false", "no")
