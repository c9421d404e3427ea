"""Endpoints under names that no provider has, endpoints that cost nothing, and streams that nobody can read."""

from __future__ import annotations

import json

import anthropic
import httpx
import openai
import pytest

from llmreplay import faults, use_cassette
from llmreplay.core.model import Chunk, Response
from llmreplay.simulator import Simulator, make_up

GATEWAY = "https://llm.corp.example/v1"
QUESTION = [{"role": "user", "content": "Weather in Paris?"}]


def sse(*texts):
    return Response(
        200, (("content-type", "text/event-stream"),), tuple(Chunk(f"data: {text}\n\n".encode()) for text in texts)
    )


def answers(request):
    if request.url.endswith("/count_tokens"):
        return Response(200, (("content-type", "application/json"),), (Chunk(b'{"input_tokens": 14}'),))
    if request.url.endswith("/v1/strange"):
        return sse(json.dumps({"said": "hello"}))
    if request.url.endswith("/api/embed"):
        return Response(200, (("content-type", "application/json"),), (Chunk(b'{"embeddings": [[0.1]]}'),))
    return None


@pytest.fixture(scope="module")
def simulator():
    with Simulator([answers, make_up()]) as running:
        yield running


@pytest.fixture
def recording(simulator, tmp_path):
    """Give a way to record, which says where it keeps what it records."""

    def record(**settings):
        hosts = ("https://llm.corp.example", "https://api.anthropic.com", "https://api.openai.com")
        upstream = dict.fromkeys((*hosts, "https://bedrock-runtime.us-east-1.amazonaws.com"), simulator.url)
        return use_cassette(tmp_path / "cassette.json", mode="once", upstream=upstream, **settings)

    return record


def asked(**more):
    with openai.OpenAI(base_url=GATEWAY, api_key="sk-any", max_retries=0) as client:
        return client.chat.completions.create(model="gpt-5-mini", messages=QUESTION, **more)


def test_a_gateway_is_known_by_what_it_is_asked(recording, tmp_path):
    """A company's own address speaks a provider's protocol: path and body tell which, and budgets count."""
    with recording(max_output_tokens=1000) as replay:
        asked()
    with use_cassette(tmp_path / "cassette.json", max_output_tokens=1000) as again:
        asked()

    assert again.calls.last.text == replay.calls.last.text != ""
    assert replay.calls.last.api == "openai.chat.completions"
    summary = json.loads((tmp_path / "cassette.json").read_text())["interactions"][0]["summary"]
    assert summary.startswith("openai.chat.completions gpt-5-mini -> stop")


def test_a_gateways_answers_can_be_made_up_and_broken(tmp_path):
    """Replies and stream faults find them, too."""
    with use_cassette(tmp_path / "none.json") as replay:
        replay.reply("Paris", "one two three")
        assert asked().choices[0].message.content == "Paris"
        replay.inject(faults.CutAfter(events=2, end="clean"))
        pieces = [chunk.choices[0].delta.content or "" for chunk in asked(stream=True) if chunk.choices]

    assert "".join(pieces) != "one two three"
    assert not replay.calls.last.is_complete


def test_a_text_completion_is_made_up(tmp_path):
    """Completions have replies as chats do, streamed or not."""
    with use_cassette(tmp_path / "none.json") as replay, openai.OpenAI(api_key="sk-any") as client:
        replay.reply("Hello there", "Hello there")
        whole = client.completions.create(model="gpt-3.5-turbo-instruct", prompt="hi")
        stream = client.completions.create(model="gpt-3.5-turbo-instruct", prompt="hi", stream=True)

        assert whole.choices[0].text == "Hello there" == "".join(chunk.choices[0].text for chunk in stream)
        replay.calls.assert_all_streams_complete()


@pytest.mark.parametrize("budget", [{"max_output_tokens": 1000}, {"max_cost_usd": 1}], ids=["tokens", "cost"])
def test_what_counts_tokens_spends_none(recording, budget):
    """A call that only counts is no reason to call a budget exceeded; nor is a page that is fetched."""
    pytest.importorskip("genai_prices")
    with recording(**budget) as replay, anthropic.Anthropic(api_key="sk-any") as client:
        client.messages.count_tokens(model="claude-haiku-4-5", messages=QUESTION)
        client.messages.create(model="claude-haiku-4-5", max_tokens=10, messages=QUESTION)
        httpx.get("https://llm.corp.example/health")

    assert len(replay.calls) == 3


def test_bedrocks_model_has_a_price(recording, monkeypatch):
    """Its path names the model, its answer does not."""
    boto3 = pytest.importorskip("boto3")
    pytest.importorskip("genai_prices")
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIAABCDEFGHIJKLMNOP")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "s" * 40)
    model = "anthropic.claude-3-haiku-20240307-v1:0"
    with recording(max_cost_usd=1) as replay:
        client = boto3.client("bedrock-runtime", region_name="us-east-1")
        client.converse(modelId=model, messages=[{"role": "user", "content": [{"text": "hi"}]}])

    assert replay.calls.last.model == model
    assert replay.calls.cost_usd


def test_a_stream_that_nobody_can_read_is_not_called_whole(recording):
    """Whether it was whole is unknown, and the check says so."""
    with recording() as replay, httpx.stream("POST", "https://llm.corp.example/v1/strange", json={"a": 1}) as response:
        list(response.iter_lines())

    with pytest.raises(AssertionError, match="how a stream like that of call 1 ends is not known"):
        replay.calls.assert_all_streams_complete()


def test_on_loopback_what_a_local_model_is_asked_is_recorded(simulator, tmp_path):
    """Chats, embeddings, completions and counts of a server on this machine are all kept."""
    asked_for = {
        "/api/chat": {"model": "m", "messages": QUESTION},
        "/api/embed": {"model": "m", "input": "a"},
        "/v1/completions": {"model": "m", "prompt": "a"},
        "/v1/messages/count_tokens": {"model": "m", "messages": QUESTION},
    }
    with use_cassette(tmp_path / "local.json", mode="once") as replay:
        for path, body in asked_for.items():
            httpx.post(simulator.url + path, json=body)
        httpx.get(f"{simulator.url}/health")

    assert len(replay.calls) == len(asked_for)
