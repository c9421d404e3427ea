"""The count of who reaches a provider during a replay can fail."""

from __future__ import annotations

from pathlib import Path

import pytest

pytest_plugins = ["pytester"]

CONFTEST = f"""
import sys
sys.path.insert(0, {str(Path(__file__).parents[1])!r})
from listening import replays_reach_nobody, simulators_seen
"""
SUITE = """
import httpx2
from llmreplay import use_cassette
from llmreplay.simulator import Simulator

def test_reaches(tmp_path):
    with Simulator() as simulator, use_cassette(tmp_path / "a.json"):
        httpx2.get(simulator.url)

def test_reaches_by_an_open_connection(tmp_path):
    with Simulator() as simulator, httpx2.Client() as client:
        client.get(simulator.url)
        with use_cassette(tmp_path / "a.json"):
            client.get(simulator.url)

def test_reaches_nobody(tmp_path):
    with Simulator() as simulator:
        httpx2.get(simulator.url)
        with use_cassette(tmp_path / "a.json"):
            pass
"""


def test_a_replay_that_reaches_a_provider_is_an_error(pytester, monkeypatch):
    """A connection or a request on an open one, made while a replay is open, is counted; others are not."""
    monkeypatch.setenv("PYTEST_DISABLE_PLUGIN_AUTOLOAD", "1")
    pytester.makeconftest(CONFTEST)
    pytester.makepyfile(SUITE)

    result = pytester.runpytest_inprocess("-p", "llmreplay", "-p", "no:warnings")

    result.assert_outcomes(passed=3, errors=2)
    result.stdout.fnmatch_lines(["*a replay reached the provider*"])


@pytest.fixture(autouse=True)
def replays_reach_nobody():
    """Count nothing here: the suite inside does, and its replays are to reach somebody."""
