"""Recording keeps nobody waiting: each chunk reaches the client before the provider sends the next."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path

import pytest

from llmreplay import faults, use_cassette
from llmreplay.core.model import Reply, Request
from llmreplay.providers import APIS

from .gated_server import GatedServer
from .sdk_variants import CHAT, MESSAGES, RESPONSES, Variant, as_text, of

VARIANTS = [one for api in (MESSAGES, CHAT, RESPONSES) for one in of(api, "stream", "helper")]
ADDRESSES = {
    MESSAGES: "https://api.anthropic.com/v1/messages",
    CHAT: "https://api.openai.com/v1/chat/completions",
    RESPONSES: "https://api.openai.com/v1/responses",
}


def pieces_of(api_name: str) -> list[bytes]:
    """Give a stream of the api, an event a piece."""
    api = next(api for api in APIS if api.name == api_name)
    assert api.build_response is not None
    request = Request("POST", ADDRESSES[api_name], (), b'{"model": "m", "stream": true}')
    response = api.build_response(Reply(text="One two three four five."), request, True)
    # The SDKs keep pings to themselves, so a client cannot tell that it has one.
    return [chunk.data for chunk in response.chunks if not chunk.data.startswith(b"event: ping")]


def letting_on(variant: Variant, server: GatedServer) -> Callable[[], list[str]]:
    """Give the work of a client that lets the server on only when it has seen an event of the piece before."""

    def read() -> list[str]:
        seen = []
        for event in variant.ask({"max_retries": 0, "timeout": 4}, "Where is Paris?"):
            seen.append(as_text(event))
            server.let_on()
        return seen

    async def read_async() -> list[str]:
        seen = []
        async for event in variant.ask({"max_retries": 0, "timeout": 4}, "Where is Paris?"):
            seen.append(as_text(event))
            server.let_on()
        return seen

    return (lambda: asyncio.run(read_async())) if variant.is_async else read


@pytest.mark.parametrize("mode", ["once", "live"])
@pytest.mark.parametrize("variant", VARIANTS, ids=str)
def test_a_chunk_is_passed_on_before_the_next_is_sent(tmp_path: Path, variant: Variant, mode: str) -> None:
    """A provider that waits until the client has the first event is not waited for: nothing is held back."""
    path = tmp_path / "cassette.json"
    with GatedServer(pieces_of(variant.api)) as server:
        upstream = {"https://api.anthropic.com": server.url, "https://api.openai.com": server.url}
        with use_cassette(path, mode=mode, upstream=upstream) as replay:
            seen = letting_on(variant, server)()

    assert not server.gave_up
    assert len(seen) > 3
    assert replay.calls.one().is_complete


def test_chunks_are_recorded_one_by_one(tmp_path: Path) -> None:
    """What arrived apart stands apart on the cassette, and comes apart on replay."""
    pieces = pieces_of(CHAT)
    path = tmp_path / "cassette.json"
    variant = of(CHAT, "stream")[0]
    with GatedServer(pieces) as server:
        for _ in pieces:
            server.let_on()
        with use_cassette(path, mode="once", upstream={"https://api.openai.com": server.url}) as recording:
            variant.run("Where is Paris?")
    with use_cassette(path, mode="none") as replay:
        variant.run("Where is Paris?")

    recorded = recording.calls.one().last.outcome.chunks
    replayed = replay.calls.one().last.outcome.chunks
    assert b"".join(chunk.data for chunk in recorded) == b"".join(pieces)
    assert [chunk.data for chunk in replayed] == [chunk.data for chunk in recorded]


@pytest.mark.parametrize("variant", of(MESSAGES, "stream"), ids=str)
def test_a_fault_over_a_live_stream_drains_it_first(tmp_path: Path, variant: Variant) -> None:
    """With a fault over the stream all of it is read before the client gets any: what is recorded is whole."""
    path = tmp_path / "cassette.json"
    pieces = pieces_of(MESSAGES)
    with GatedServer(pieces) as server:
        for _ in pieces:
            server.let_on()
        upstream = {"https://api.anthropic.com": server.url}
        with use_cassette(path, mode="once", upstream=upstream) as recording:
            recording.inject(faults.CutAfter(events=2))
            cut = variant.see("Where is Paris?", max_retries=0)
    with use_cassette(path, mode="none") as replay:
        whole = variant.see("Where is Paris?")

    assert len(cut.items) < len(whole.items)
    assert cut.error is not None
    assert whole.error is None
    assert replay.calls.one().is_complete
