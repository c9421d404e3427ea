"""Shared by the tests that try to break the whole: a provider that says anything, and settings of nobody else."""

from __future__ import annotations

import os
import ssl
import sys
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from weakref import WeakSet

import pytest

sys.path.insert(0, str(Path(__file__).parent))

from listening import Listener, replays_reach_nobody, simulators_seen  # noqa: F401

from llmreplay.simulator import Simulator


@pytest.fixture(autouse=True)
def no_settings_of_this_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    """Take away keys, addresses and settings that would be read from the environment."""
    for name in list(os.environ):
        if name.startswith(("ANTHROPIC_", "OPENAI_", "LLMREPLAY_")) or name in ("CI", "PYTEST_ADDOPTS"):
            monkeypatch.delenv(name)


@pytest.fixture(scope="session", autouse=True)
def one_tls_context() -> Iterator[None]:
    """Read the certificates of this machine once: every client does it again, 50 ms each, and needs none here."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(ssl, "create_default_context", cache(ssl.create_default_context))
        yield


@pytest.fixture(scope="session")
def listeners(simulators_seen: WeakSet[Simulator]) -> Iterator[dict[str, Listener]]:  # noqa: F811
    """Give two providers on loopback, of which one compresses what it says."""
    found: dict[str, Listener] = {}
    with (
        Simulator(lambda request: found["plain"].answer(request)) as plain,
        Simulator(lambda request: found["gzip"].answer(request), compress="gzip") as zipping,
    ):
        found |= {"plain": Listener(plain), "gzip": Listener(zipping)}
        yield found


@pytest.fixture
def listener(listeners: dict[str, Listener]) -> Iterator[Listener]:
    """Give a provider on loopback, with made-up answers until a test sets others."""
    listeners["plain"].reset()
    yield listeners["plain"]
    listeners["plain"].reset()
