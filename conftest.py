"""For every test of the project: pytest's own test bench, and the examples' modules."""

from __future__ import annotations

import gc
import os
import sys
from pathlib import Path

import hypothesis

# Until everything is imported and collected there is no garbage to speak of.
gc.disable()

# Most tests record, and the plugin warns of recording on a build server: there too the tests say when it is one.
os.environ.pop("CI", None)
# No test leaves this machine, and every client reads the world's authorities anew, 45 ms each: here there is only one.
os.environ["SSL_CERT_FILE"] = str(Path(__file__).parent / "tests" / "authority.pem")

# A busy machine fails no property: the first text that Hypothesis draws can take seconds.
hypothesis.settings.register_profile(
    "any_machine", deadline=None, suppress_health_check=[hypothesis.HealthCheck.too_slow]
)
hypothesis.settings.load_profile("any_machine")

pytest_plugins = ["pytester"]

# The examples import their application as a user's tests do, by its plain name.
for _name in ("quickstart", "retries"):
    sys.path.insert(0, str(Path(__file__).parent / "examples" / _name))


def pytest_collection_finish() -> None:
    """Spare the garbage collector what stays: it took a fifth of the time to look at every SDK's modules again."""
    gc.enable()
    gc.collect()
    gc.freeze()
