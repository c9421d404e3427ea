"""On replay nothing connects to the provider, whoever asks and whenever the client was made."""

from __future__ import annotations

import asyncio
import os
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import anthropic
import openai
import pytest

from llmreplay import use_cassette
from llmreplay.core.errors import UnmatchedRequest
from llmreplay.simulator import Simulator

from .conftest import upstream_to
from .sdk_variants import VARIANTS, chat_asks, claude_asks

EACH = [(variant, f"Question {number}?") for number, variant in enumerate(VARIANTS)]


@pytest.fixture(scope="module")
def provider() -> Iterator[Simulator]:
    """Give a provider that goes on listening while its recordings are replayed."""
    with Simulator() as simulator:
        yield simulator


@pytest.fixture(scope="module")
def cassette(provider: Simulator, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Give a cassette with one recording of every variant."""
    path = tmp_path_factory.mktemp("offline") / "all.json"
    with use_cassette(path, mode="once", upstream=upstream_to(provider)):
        for variant, prompt in EACH:
            variant.run(prompt)
    return path


@pytest.fixture
def offline(provider: Simulator, cassette: Path) -> Iterator[Callable[..., use_cassette]]:
    """Give a function that replays the cassette; fails if the provider was connected to."""
    connections, requests = provider.connections, len(provider.requests)

    def replay(**settings: Any) -> use_cassette:
        settings = {"mode": "none", "upstream": upstream_to(provider), "on_unplayed": "ignore", **settings}
        return use_cassette(cassette, **settings)

    yield replay
    assert (provider.connections, len(provider.requests)) == (connections, requests)


def test_every_variant_is_replayed_offline(offline: Callable[..., use_cassette]) -> None:
    """All ways to ask, one after the other from one cassette, play all of it and connect to nobody."""
    with offline(on_unplayed="error") as replay:
        for variant, prompt in EACH:
            assert variant.run(prompt)

    assert len(replay.calls) == len(EACH)


def test_every_variant_is_replayed_in_threads(offline: Callable[..., use_cassette]) -> None:
    """Threads with event loops of their own, none of which inherited anything, are offline too."""
    seen: dict[str, Any] = {}

    def ask(variant: Any, prompt: str) -> None:
        seen[prompt] = variant.run(prompt)

    with offline():
        threads = [threading.Thread(target=ask, args=each) for each in EACH[::4]]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

    assert len(seen) == len(threads)


def test_a_client_with_an_open_connection_does_not_use_it(provider: Simulator, cassette: Path) -> None:
    """A client that holds a warm connection to the provider is answered from the cassette."""
    _, prompt = EACH[0]
    with anthropic.Anthropic(api_key="not-a-key", base_url=provider.url) as client:
        client.messages.create(**claude_asks(prompt))
        requests = len(provider.requests)
        with use_cassette(cassette, mode="none", upstream=upstream_to(provider), on_unplayed="ignore"):
            answer = client.messages.create(**claude_asks(prompt))

    assert answer.content[0].text
    assert len(provider.requests) == requests


def test_a_cassette_that_exists_is_not_recorded_over(offline: Callable[..., use_cassette], cassette: Path) -> None:
    """Mode `once` with a cassette replays, refuses what is not on it, and leaves the file alone."""
    before = cassette.read_bytes()
    variant, prompt = EACH[0]
    # Made in an earlier run: what this run recorded, it goes on with.
    os.utime(cassette, (0, 0))

    with pytest.raises(UnmatchedRequest), offline(mode="once"):  # noqa: PT012
        variant.run(prompt)
        variant.run("Nobody recorded this")

    assert cassette.read_bytes() == before


def test_no_key_is_needed(offline: Callable[..., use_cassette], monkeypatch: pytest.MonkeyPatch) -> None:
    """Clients made without any key are made and answered."""
    for name in ("ANTHROPIC_API_KEY", "OPENAI_API_KEY"):
        monkeypatch.delenv(name, raising=False)

    with offline():
        for variant, prompt in (EACH[0], EACH[-1]):
            assert variant.run(prompt)


def test_a_provider_that_is_gone_is_not_missed(cassette: Path) -> None:
    """Without an address to send to, and with the provider's own host out of reach, replay goes on."""
    with use_cassette(cassette, mode="none", on_unplayed="ignore", guard="strict") as replay:
        for variant, prompt in EACH[::5]:
            variant.run(prompt)

    assert len(replay.calls) == len(EACH[::5])


async def test_two_cassettes_of_two_tasks_are_kept_apart(
    offline: Callable[..., use_cassette],
) -> None:
    """Tasks that each replay a cassette of their own get its answers, in whatever order they end."""
    variants = [each for each in EACH if each[0].is_async][:4]

    async def ask(variant: Any, prompt: str) -> tuple[str, ...]:
        async with offline():
            await asyncio.sleep(0)
            answer: tuple[str, ...] = await variant.gather(prompt)
            await asyncio.sleep(0)
            return answer

    answers = await asyncio.gather(*(ask(*each) for each in variants))

    assert all(answers)


def test_clients_made_at_import_are_answered(offline: Callable[..., use_cassette]) -> None:
    """Clients made before any cassette, outside any test, are answered too."""
    create_prompt = next(prompt for variant, prompt in EACH if str(variant) == "openai.chat.completions-create-sync")

    with offline():
        answer = MADE_AT_IMPORT.chat.completions.create(**chat_asks(create_prompt))

    assert answer.choices[0].message.content


MADE_AT_IMPORT = openai.OpenAI(api_key="not-a-key")
