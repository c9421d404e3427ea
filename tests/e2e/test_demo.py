"""`make demo`, as somebody new to the project runs it."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
EXAMPLES = ROOT / "examples"
# Whatever else is installed only makes pytest slower to start.
FEW_PLUGINS = {
    "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1",
    "PYTEST_ADDOPTS": "-p pytest_asyncio.plugin -p llmreplay.pytest_plugin",
}


@pytest.mark.skipif(not EXAMPLES.is_dir(), reason="the examples are not part of this copy of the sources")
def test_the_demo_records_and_replays(tmp_path):
    """The demo records from the simulator, replays the same offline without a key, and ends with 0."""
    shutil.copytree(EXAMPLES, tmp_path / "examples", ignore=shutil.ignore_patterns("__pycache__"))
    clean = {name: value for name, value in os.environ.items() if not name.endswith("_API_KEY")}

    done = subprocess.run(
        [sys.executable, tmp_path / "examples" / "demo.py"],
        env={**clean, **FEW_PLUGINS, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )

    assert done.returncode == 0, done.stdout + done.stderr
    assert "5 tests, 8 calls" in done.stdout
    assert done.stdout.count(" recorded ") >= 8
    assert done.stdout.count(" replayed ") >= 8
    cassettes = sorted((tmp_path / "build" / "demo" / "cassettes").rglob("*.json"))
    assert len(cassettes) == 5
    assert not any("127.0.0.1" in cassette.read_text("utf-8") for cassette in cassettes)
