"""For every test of the project: pytest's own test bench, and the examples' modules."""

from __future__ import annotations

import sys
from pathlib import Path

pytest_plugins = ["pytester"]

# The examples import their application as a user's tests do, by its plain name.
for _name in ("quickstart", "retries"):
    sys.path.insert(0, str(Path(__file__).parent / "examples" / _name))
