"""SDKs on aiohttp: anthropic's and openai's aiohttp clients, and google-genai, whose async default it is."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import anthropic
import openai
import pytest

from llmreplay import faults, first, use_cassette
from llmreplay.core.errors import ReadPastEnd, UnmatchedRequest
from llmreplay.core.model import End, Failure, Reply, Request, Response, TransportFailure
from llmreplay.simulator import Simulator

from .conftest import RecordThenReplay, says
from .sdk_variants import CHAT, MESSAGES, RESPONSES, VARIANTS, Seen, Variant, of

pytest.importorskip("aiohttp", reason="aiohttp is not installed")

WAYS = [one for one in VARIANTS if one.is_async]
STREAMS = [one for api in (MESSAGES, CHAT, RESPONSES) for one in of(api, "stream") if one.is_async]
PROMPT = "Where is Paris? Où est Paris ?"
PARIS = says(Reply(text="Paris is in France, – ja!"))


def on_aiohttp(variant: Variant) -> dict[str, Any]:
    """Give the keyword argument that puts an SDK on aiohttp."""
    sdk = anthropic if variant.api == MESSAGES else openai
    return {"http_client": sdk.DefaultAioHttpClient(), "api_key": "sk-none", "max_retries": 0}


def kinds(seen: Seen) -> tuple[Any, ...]:
    """Give what must be the same live and on replay: events and the classes of the exception and its cause."""
    return (seen.items, *(seen.error[::2] if seen.error else ()))


@pytest.mark.parametrize("variant", WAYS, ids=str)
def test_live_recorded_and_replayed_look_the_same(plainly_seen, record_then_replay, variant):
    """Plain, streamed, by helper, raw: the client sees the same with and without a recorder, and on replay."""
    plain = plainly_seen(lambda: variant.run(PROMPT, **on_aiohttp(variant)))

    twice = record_then_replay(lambda: variant.run(PROMPT, **on_aiohttp(variant)))

    assert twice.live == plain
    assert twice.replayed == plain
    assert twice.calls.one().api == variant.api


def broken(end: End) -> Callable[[Request], Response]:
    """Give a source whose streams end badly after three chunks."""

    def answer(request: Request) -> Response:
        response = PARIS(request)
        assert response is not None
        return replace(response, chunks=response.chunks[:3], end=end)

    return answer


@pytest.mark.parametrize("end", [End.COMPLETE, End.PEER_CLOSED, End.RESET, End.READ_TIMEOUT], ids=lambda end: end.value)
@pytest.mark.parametrize("variant", STREAMS, ids=str)
def test_a_broken_stream_breaks_again_at_the_same_place(plainly_seen, record_then_replay, variant, end):
    """Events before the break and the exception's class are the same without a recorder, live and on replay."""
    timeout_s = 0.2 if end is End.READ_TIMEOUT else 5.0

    def work() -> Seen:
        return variant.see(PROMPT, timeout=timeout_s, **on_aiohttp(variant))

    plain = plainly_seen(work, broken(end))
    twice = record_then_replay(work, broken(end))

    assert kinds(twice.live) == kinds(plain)
    assert kinds(twice.replayed) == kinds(plain)
    assert (plain.error is None) == (end is End.COMPLETE)


@pytest.mark.parametrize(
    "kind", [Failure.PROTOCOL_ERROR, Failure.READ_ERROR, Failure.READ_TIMEOUT], ids=lambda kind: kind.value
)
@pytest.mark.parametrize("variant", STREAMS, ids=str)
def test_a_request_without_a_response_fails_again(plainly_seen, record_then_replay, variant, kind):
    """The SDK wraps the failure in the same exception without a recorder, live and on replay."""
    timeout_s = 0.2 if kind is Failure.READ_TIMEOUT else 5.0

    def work() -> Seen:
        return variant.see(PROMPT, timeout=timeout_s, **on_aiohttp(variant))

    plain = plainly_seen(work, lambda request: TransportFailure(kind))
    twice = record_then_replay(work, lambda request: TransportFailure(kind))

    assert kinds(twice.live) == kinds(twice.replayed) == kinds(plain)
    assert plain.error is not None


@pytest.mark.parametrize("variant", WAYS, ids=str)
def test_a_refusal_passes_through_every_client(tmp_path, variant):
    """The refusal itself reaches the test, after one attempt, though the SDK may retry."""
    with pytest.raises(UnmatchedRequest), use_cassette(tmp_path / "empty.json", mode="none") as replay:  # noqa: PT012
        try:
            variant.run(PROMPT, **{**on_aiohttp(variant), "max_retries": 2})
        finally:
            assert [len(call.attempts) for call in replay.calls] == [1]


@pytest.mark.parametrize("variant", STREAMS, ids=str)
def test_retries_wait_as_the_provider_asks_and_take_no_time(record_then_replay, variant):
    """An overloaded provider is asked again by the SDK, after the seconds that it named."""
    path = record_then_replay(lambda: variant.run(PROMPT, **on_aiohttp(variant)), PARIS).path

    with use_cassette(path, mode="none") as replay:
        replay.inject(faults.RateLimited(retry_after_s=7), on=first(2))
        seen = variant.run(PROMPT, **{**on_aiohttp(variant), "max_retries": 2})

    assert len(seen) > 3
    assert replay.calls.waits_s == [7.0, 7.0]


@pytest.mark.parametrize("variant", STREAMS, ids=str)
def test_a_connect_timeout_is_the_sdks_own_timeout(record_then_replay, variant):
    """The fault travels through aiohttp's exception and the SDK's adapter."""
    path = record_then_replay(lambda: variant.run(PROMPT, **on_aiohttp(variant)), PARIS).path

    with use_cassette(path, mode="none", on_unplayed="ignore") as replay:
        replay.inject(faults.ConnectTimeout())
        seen = variant.see(PROMPT, timeout=5.0, **on_aiohttp(variant))

    assert seen.error is not None
    assert seen.error[0] == "APITimeoutError"


# google-genai

# google-genai subclasses ClientSession, and some of its modules are older than this Python's typing.
OF_GOOGLE = pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::FutureWarning")
GEMINI = "https://generativelanguage.googleapis.com"


@pytest.fixture
def gemini(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Any]:
    """Give the function that does the same work without a recorder, recording and on replay."""
    pytest.importorskip("google.genai", reason="google-genai is not installed")
    for name in ("GOOGLE_API_KEY", "GEMINI_API_KEY", "GOOGLE_GEMINI_BASE_URL"):
        monkeypatch.delenv(name, raising=False)

    def three_times(work: Callable[[Any], Any], answer: Callable[[Request], Any]) -> list[Any]:
        path = tmp_path / "gemini.json"
        with Simulator(answer) as simulator:
            with monkeypatch.context() as patch:
                patch.setenv("GOOGLE_GEMINI_BASE_URL", simulator.url)
                seen = [ask(work)]
            upstream = {GEMINI: simulator.url}
            with use_cassette(path, mode="once", upstream=upstream):
                seen.append(ask(work))
            asked = len(simulator.requests)
            with use_cassette(path, mode="none", upstream=upstream):
                seen.append(ask(work))
            assert len(simulator.requests) == asked
        return seen

    return three_times


def ask(work: Callable[[Any], Any]) -> Any:
    """Ask Gemini on a loop of its own; gives what came, and the class of the exception that ended it."""
    from google import genai

    async def asked() -> Any:
        client = genai.Client(api_key="none").aio
        try:
            return await work(client)
        finally:
            await client.aclose()

    return asyncio.run(asked())


async def generated(client: Any) -> Any:
    """Ask for a whole answer."""
    answer = await client.models.generate_content(model="gemini-2.5-flash", contents=PROMPT)
    return answer.text, answer.usage_metadata.model_dump()


async def streamed(client: Any) -> Any:
    """Ask for a stream."""
    texts: list[Any] = []
    try:
        async for part in await client.models.generate_content_stream(model="gemini-2.5-flash", contents=PROMPT):
            texts.append(part.text)
    except Exception as error:
        texts.append(type(error).__name__)
    return texts


@OF_GOOGLE
@pytest.mark.parametrize("work", [generated, streamed])
def test_gemini_looks_the_same_each_time(gemini, work):
    """Google's async client, which is on aiohttp, sees the same without a recorder, live and on replay."""
    plain, live, replayed = gemini(work, PARIS)

    assert plain == live == replayed
    assert "Paris is in France" in "".join(map(str, plain))


@OF_GOOGLE
@pytest.mark.parametrize("end", [End.COMPLETE, End.PEER_CLOSED, End.RESET], ids=lambda end: end.value)
def test_a_broken_gemini_stream_breaks_again(gemini, end):
    """Parts before the break and the exception are the same each time."""

    def answer(request: Request) -> Response:
        response = PARIS(request)
        assert response is not None
        return replace(response, chunks=response.chunks[:1], end=end)

    plain, live, replayed = gemini(streamed, answer)

    assert plain == live == replayed
    assert ("ClientPayloadError" in plain) == (end is not End.COMPLETE)


@OF_GOOGLE
def test_gemini_is_refused_what_was_never_recorded(gemini, tmp_path):
    """The refusal reaches the test as itself."""
    with pytest.raises(UnmatchedRequest), use_cassette(tmp_path / "empty.json", mode="none"):
        ask(generated)


def test_a_reader_that_goes_on_where_the_recorded_one_stopped_is_refused(record_then_replay: RecordThenReplay):
    """A stream closed early while recording has no known end."""

    async def some() -> Any:
        client = openai.AsyncOpenAI(api_key="sk-none", http_client=openai.DefaultAioHttpClient())
        async with client, await client.chat.completions.create(**ASKS) as stream:
            async for event in stream:
                return event.id
        return None

    twice = record_then_replay(lambda: asyncio.run(some()), slow)

    assert twice.live == twice.replayed
    with pytest.raises(ReadPastEnd), use_cassette(twice.path, mode="none"):
        asyncio.run(_all_of())


ASKS = {"model": "gpt-5-mini", "stream": True, "messages": [{"role": "user", "content": PROMPT}]}


def slow(request: Request) -> Response:
    """Answer in chunks that are far enough apart to stop between them."""
    response = PARIS(request)
    assert response is not None
    return replace(response, chunks=tuple(replace(chunk, after_s=0.03) for chunk in response.chunks))


async def _all_of() -> list[Any]:
    async with openai.AsyncOpenAI(api_key="sk-none", http_client=openai.DefaultAioHttpClient()) as client:
        return [event async for event in await client.chat.completions.create(**ASKS)]
