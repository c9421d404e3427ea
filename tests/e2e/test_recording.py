"""What the real SDKs record from the simulator over real sockets, they replay without it."""

from __future__ import annotations

import importlib
import time

import anthropic
import httpx
import openai
import pytest

from llmreplay import use_cassette
from llmreplay.core.attempt import Source
from llmreplay.core.model import Chunk, End, Failure, Response, TransportFailure
from llmreplay.simulator import Simulator, make_up, script

ANTHROPIC = "https://api.anthropic.com"
OPENAI = "https://api.openai.com"
QUESTION = [{"role": "user", "content": "What is the capital of France?"}]
CLAUDE = {"model": "claude-haiku-4-5", "max_tokens": 100, "messages": QUESTION}
GPT = {"model": "gpt-5-mini", "messages": QUESTION}
TOOL = {"name": "get_weather", "input_schema": {"type": "object", "properties": {"city": {"type": "string"}}}}


def recording(path, simulator, **settings):
    upstream = {ANTHROPIC: simulator.url, OPENAI: simulator.url}
    return use_cassette(path, mode="once", upstream=upstream, **settings)


def created():
    with anthropic.Anthropic(api_key="sk-any") as client:
        return client.messages.create(**CLAUDE).to_json()


def streamed():
    with anthropic.Anthropic(api_key="sk-any") as client, client.messages.stream(**CLAUDE) as stream:
        return [event.to_json() for event in stream]


def tool_loop():
    messages = list(QUESTION)
    answers = []
    with anthropic.Anthropic(api_key="sk-any") as client:
        for _ in range(2):
            message = client.messages.create(**{**CLAUDE, "messages": messages}, tools=[TOOL])
            answers.append(message.to_json())
            use = message.content[-1]
            if use.type == "tool_use":
                messages += [
                    {"role": "assistant", "content": message.content},
                    {"role": "user", "content": [{"type": "tool_result", "tool_use_id": use.id, "content": "9 °C"}]},
                ]
    return answers


def chatted():
    with openai.OpenAI(api_key="sk-any") as client:
        return [chunk.to_json() for chunk in client.chat.completions.create(**GPT, stream=True)]


def responded():
    with openai.OpenAI(api_key="sk-any") as client:
        return client.responses.create(model="gpt-5-mini", input="Hello").to_json()


def embedded():
    with openai.OpenAI(api_key="sk-any") as client:
        return client.embeddings.create(model="text-embedding-3-small", input=["one", "two"]).to_json()


@pytest.mark.parametrize("compress", [None, "gzip"], ids=["plain", "gzip"])
@pytest.mark.parametrize("ask", [created, streamed, tool_loop, chatted, responded, embedded])
def test_sync_clients_replay_what_they_recorded(tmp_path, ask, compress):
    """A sync client gets offline, event by event, what the simulator gave it, and no connection is made."""
    path = tmp_path / "cassette.json"
    with Simulator(compress=compress) as simulator:
        with recording(path, simulator):
            recorded = ask()
        before = simulator.connections

        with use_cassette(path, mode="none"):
            replayed = ask()

        assert replayed == recorded
        assert simulator.connections == before > 0


async def test_async_clients_replay_what_they_recorded(tmp_path):
    """Async clients of both SDKs get offline what the simulator gave them."""

    async def ask():
        async with anthropic.AsyncAnthropic(api_key="sk-any") as claude, openai.AsyncOpenAI(api_key="sk-any") as gpt:
            message = await claude.messages.create(**CLAUDE)
            stream = await gpt.chat.completions.create(**GPT, stream=True)
            return message.to_json(), [chunk.to_json() async for chunk in stream]

    path = tmp_path / "cassette.json"
    with Simulator() as simulator:
        async with recording(path, simulator):
            recorded = await ask()

    async with use_cassette(path, mode="none"):
        replayed = await ask()

    assert replayed == recorded


def test_a_cassette_names_the_provider_only(tmp_path):
    """A cassette recorded from the simulator carries the provider's address and no key."""
    path = tmp_path / "cassette.json"

    with Simulator() as simulator, recording(path, simulator):
        created()

    text = path.read_text("utf-8")
    assert f"{ANTHROPIC}/v1/messages" in text
    assert "127.0.0.1" not in text
    assert "sk-any" not in text


def test_a_retried_call_replays_as_the_same_attempts(tmp_path):
    """A 429 and the answer after it are recorded as two attempts of one call, and replayed with the same wait."""
    headers = (("retry-after-ms", "20"), ("content-type", "application/json"))
    too_many = Response(429, headers, (Chunk(b'{"type":"error"}'),))
    path = tmp_path / "cassette.json"

    with Simulator([script([too_many]), make_up()]) as simulator, recording(path, simulator) as first:
        recorded = created()
    with use_cassette(path, mode="none") as second:
        replayed = created()

    for replay in (first, second):
        assert [attempt.status for attempt in replay.calls.one().attempts] == [429, 200]
        assert replay.calls.waits_s == [0.02]
    assert replayed == recorded


@pytest.mark.parametrize(
    ("outcome", "error"),
    [
        (Response(200, (), (Chunk(b"data: 1\n\n"),), End.PEER_CLOSED), "RemoteProtocolError"),
        (Response(200, (), (Chunk(b"data: 1\n\n"),), End.RESET), "ReadError"),
        (Response(200, (), (Chunk(b"data: 1\n\n"),), End.READ_TIMEOUT), "ReadTimeout"),
        (TransportFailure(Failure.PROTOCOL_ERROR), "RemoteProtocolError"),
        (TransportFailure(Failure.READ_TIMEOUT), "ReadTimeout"),
    ],
    ids=["stream closed", "stream reset", "stream silent", "no answer", "silence"],
)
def test_a_broken_answer_breaks_again(tmp_path, outcome, error):
    """What broke on the socket while recording breaks in the same way, after the same bytes, in replay."""

    def ask():
        chunks = []
        with httpx.Client(timeout=0.2) as client:
            try:
                with client.stream("POST", f"{ANTHROPIC}/v1/messages", json=CLAUDE) as response:
                    chunks.extend(response.iter_bytes())
            except httpx.TransportError as broken:
                return chunks, type(broken).__name__
        return chunks, None

    path = tmp_path / "cassette.json"
    with Simulator(script([outcome])) as simulator, recording(path, simulator):
        recorded = ask()

    with use_cassette(path, mode="none"):
        replayed = ask()

    assert recorded[1] == error
    assert replayed == recorded


def test_a_stream_is_passed_on_while_it_is_recorded(tmp_path):
    """While recording, the client has the first event long before the simulator has sent the last."""
    with (
        Simulator(make_up(token_delay_s=0.02)) as simulator,
        recording(tmp_path / "cassette.json", simulator),
        anthropic.Anthropic(api_key="sk-any") as client,
        client.messages.create(**CLAUDE, stream=True) as stream,
    ):
        arrivals_s = [time.perf_counter() for _ in stream]

    assert len(arrivals_s) > 5
    assert arrivals_s[-1] - arrivals_s[0] > 0.02 * (len(arrivals_s) - 2) * 0.5


def test_a_client_that_broke_by_itself_is_no_outcome(tmp_path, monkeypatch):
    """A connection of a loop that is closed by now fails before it sends; the second try is all that is recorded."""
    failures = [RuntimeError("Event loop is closed")]
    transport = next(
        base for base in anthropic.DefaultHttpxClient.__mro__ if base.__module__.startswith("httpx")
    ).__module__.partition(".")[0]
    library = importlib.import_module(transport)
    send = library.HTTPTransport.handle_request

    def flaky(self, request):
        if failures:
            raise failures.pop()
        return send(self, request)

    monkeypatch.setattr(library.HTTPTransport, "handle_request", flaky)
    path = tmp_path / "broken.json"
    with Simulator() as simulator, recording(path, simulator) as replay:
        live = created()

    assert [attempt.source for attempt in replay.calls.attempts] == [Source.LIVE, Source.RECORDED]
    with use_cassette(path):
        assert created() == live
