"""Test suites that ask a stand-in provider, run by pytest inside pytest."""

from __future__ import annotations

import asyncio
import json
import os
import warnings
from collections.abc import Iterator
from pathlib import Path

import httpx
import httpx2
import pytest

from llmreplay.simulator import Simulator

# Loaded here once: an inner run forgets every module that it was the first to import.
_LATE = "anthropic openai deepdiff httpcore httpcore2 llmreplay.pytest_run llmreplay.simulator.application"
for _name in _LATE.split():
    __import__(_name)

MESSAGES = "https://api.anthropic.com/v1/messages"
PROVIDERS = ("https://api.anthropic.com", "https://api.openai.com")

ASKING = '''
import httpx2

CLIENT = httpx2.Client(verify=False, limits=httpx2.Limits(max_keepalive_connections=0))

def ask(text="hi", client=CLIENT):
    """Ask the provider over bare HTTP, so that no SDK retries or wraps anything."""
    body = {"model": "claude-haiku-4-5", "max_tokens": 50, "messages": [{"role": "user", "content": text}]}
    return client.post("https://api.anthropic.com/v1/messages", json=body).json()["content"][0]["text"]

async def ask_async(text="hi"):
    body = {"model": "claude-haiku-4-5", "max_tokens": 50, "messages": [{"role": "user", "content": text}]}
    async with httpx2.AsyncClient(verify=False) as client:
        response = await client.post("https://api.anthropic.com/v1/messages", json=body)
    return response.json()["content"][0]["text"]
'''


class Suite:
    """A test suite in a folder of its own, with a provider to record from."""

    def __init__(self, pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch, simulator: Simulator) -> None:
        self._monkeypatch = monkeypatch
        self.pytester = pytester
        self.plugins: list[str] = []
        self.simulator = simulator
        self.root = pytester.path
        self.upstream = "\n".join(f"{provider}={simulator.url}" for provider in PROVIDERS)
        # What the outer run says must not reach the inner one.
        for name in [*os.environ]:
            if name.startswith("LLMREPLAY_") or name in ("CI", "PYTEST_ADDOPTS", "PYTEST_XDIST_WORKER"):
                monkeypatch.delenv(name)
        # Other people's plugins take a second to load: a test names those that it needs.
        monkeypatch.setenv("PYTEST_DISABLE_PLUGIN_AUTOLOAD", "1")
        pytester.makepyfile(asking=ASKING)
        self.ini()

    def ini(self, *lines: str) -> None:
        """Write the ini file."""
        self.pytester.makeini("\n".join(["[pytest]", "pythonpath = .", *lines]))

    def run(self, *arguments: str, subprocess: bool = False) -> pytest.RunResult:
        """Run the suite as it is: nothing is said about recording."""
        plugins = [word for name in ("llmreplay", *self.plugins) for word in ("-p", name)]
        with warnings.catch_warnings():
            # Of the outer run's rules about warnings the inner one knows nothing.
            warnings.resetwarnings()
            words = (*plugins, "-p", "no:cacheprovider", *arguments)
            if subprocess:
                return self.pytester.runpytest_subprocess(*words)
            return self.pytester.runpytest_inprocess(*words, no_reraise_ctrlc=True)

    def record(self, *arguments: str, mode: str = "once", subprocess: bool = False) -> pytest.RunResult:
        """Run the suite with the stand-in provider to record from."""
        with self._monkeypatch.context() as patch:
            patch.setenv("LLMREPLAY_UPSTREAM", self.upstream)
            return self.run(f"--llmreplay-mode={mode}", *arguments, subprocess=subprocess)

    def recorded_and_replayed(self, passed: int, *arguments: str, mode: str = "once") -> pytest.RunResult:
        """Record, then replay; both must pass, and the replay must send nothing. Give the replay."""
        self.record(*arguments, mode=mode).assert_outcomes(passed=passed)
        sent = self.sent
        replayed = self.run(*arguments)
        replayed.assert_outcomes(passed=passed)
        assert self.sent == sent, "the replay reached the provider"
        return replayed

    @property
    def sent(self) -> int:
        """How many requests the provider got so far."""
        return len(self.simulator.requests)

    @property
    def cassettes(self) -> list[str]:
        """The cassettes that stand, by their path below `cassettes/`."""
        folder = self.root / "cassettes"
        return sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*.json"))

    @property
    def others(self) -> list[str]:
        """What else lies among the cassettes: journals, locks, what was kept aside."""
        folder = self.root / "cassettes"
        files = (path for path in folder.rglob("*") if path.is_file() and path.suffix != ".json")
        return sorted(path.relative_to(folder).as_posix() for path in files)

    def prompts(self, cassette: str) -> list[str]:
        """What was asked on a cassette, in order."""
        return prompts_of(self.root / "cassettes" / cassette)


def prompts_of(path: Path) -> list[str]:
    """Give what was asked on a cassette, in order."""
    interactions = json.loads(path.read_text("utf-8"))["interactions"]
    return [interaction["request"]["json"]["messages"][-1]["content"] for interaction in interactions]


@pytest.fixture(scope="module")
def simulator() -> Iterator[Simulator]:
    """Give a provider on loopback that answers any prompt; one for all tests of a file."""
    with Simulator() as running:
        asyncio.run(_warm_up(running.url))
        yield running


async def _warm_up(url: str) -> None:
    """Have the clients import what they import when they are first used, for the same reason."""
    for library in (httpx, httpx2):
        with library.Client(verify=False) as client:
            client.post(f"{url}/warm-up")
        async with library.AsyncClient(verify=False) as client:
            await client.post(f"{url}/warm-up")


@pytest.fixture
def suite(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch, simulator: Simulator) -> Suite:
    """Give an empty test suite with a provider to record from."""
    return Suite(pytester, monkeypatch, simulator)
