"""A cassette in use, inside pytest and outside."""

from __future__ import annotations

from llmreplay.session.ambience import AMBIENCES, Ambience
from llmreplay.session.closing import closed_session
from llmreplay.session.parts import LlmReplayWarning, check
from llmreplay.session.replay import Replay
from llmreplay.session.scenario_block import MADE_UP, ON_UNMATCHED, scenario
from llmreplay.session.start import Start
from llmreplay.session.use_cassette import cassette_path, environment_settings, use_cassette

__all__ = [
    "AMBIENCES",
    "MADE_UP",
    "ON_UNMATCHED",
    "Ambience",
    "LlmReplayWarning",
    "Replay",
    "Start",
    "cassette_path",
    "check",
    "closed_session",
    "environment_settings",
    "scenario",
    "use_cassette",
]
