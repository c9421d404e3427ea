"""An embedded provider on loopback, to record from without a key, a bill or a network (extra `server`)."""

from __future__ import annotations

from llmreplay.simulator.made_up import make_up
from llmreplay.simulator.simulator import Simulator
from llmreplay.simulator.sources import Source, script, serve_interactions

__all__ = ["Simulator", "Source", "make_up", "script", "serve_interactions"]
