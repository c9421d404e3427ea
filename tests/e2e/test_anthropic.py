"""The anthropic SDK, old and new: what it saw live it sees again."""

from __future__ import annotations

import anthropic
import pytest

from llmreplay import use_cassette
from llmreplay.core.model import Chunk, Response, header
from llmreplay.simulator import Simulator, script

from .conftest import upstream_to
from .sdk_variants import MESSAGES, claude_asks, of

WAYS = of(MESSAGES)
STREAMS = of(MESSAGES, "stream", "helper")
PROMPT = "Where is Paris? Où est Paris ? 🗼"


@pytest.mark.parametrize("variant", WAYS, ids=str)
def test_live_recorded_and_replayed_look_the_same(plainly_seen, record_then_replay, variant):
    """The client sees the same whether nobody listens, it is recorded, or it is replayed."""
    plain = plainly_seen(lambda: variant.run(PROMPT))

    twice = record_then_replay(lambda: variant.run(PROMPT))

    assert twice.live == plain
    assert twice.replayed == plain
    assert twice.calls.one().api == MESSAGES
    assert len(plain) > 3 or not variant.is_streamed


@pytest.mark.parametrize("compress", ["gzip", "deflate", "br"])
def test_a_compressed_stream_is_replayed_as_it_was_decoded(record_then_replay, compress):
    """A stream that came compressed gives the same events on replay."""
    if compress == "br":
        pytest.importorskip("brotli", reason="without it the client asks for no brotli")
    variant = of(MESSAGES, "stream")[0]

    twice = record_then_replay(lambda: variant.run(PROMPT), compress=compress)

    assert twice.replayed == twice.live
    assert len(twice.live) > 3


@pytest.mark.parametrize("variant", STREAMS, ids=str)
def test_real_streams_are_replayed_event_by_event(record_then_replay, real_streams, variant):
    """Recorded streams of the provider itself, cut into odd pieces, give the same events on replay."""
    streams = real_streams("anthropic.jsonl.gz", "/v1/messages")[:12]
    answers = script([stream.response(7 + number * 50) for number, stream in enumerate(streams)])

    twice = record_then_replay(lambda: [variant.see(stream.place) for stream in streams], answers)

    assert twice.replayed == twice.live
    assert all(seen.error is None for seen in twice.live)
    assert all(call.is_complete for call in twice.calls)


def test_a_client_older_than_the_cassette_is_replayed(tmp_path):
    """A client that was made, and used, before the cassette was opened, is answered from it."""
    with Simulator() as simulator, anthropic.Anthropic(api_key="not-a-key", base_url=simulator.url) as client:
        first = client.messages.create(**claude_asks("Hello?"))
        settings = {"upstream": upstream_to(simulator)}
        with use_cassette(tmp_path / "older.json", mode="once", **settings):
            recorded = client.messages.create(**claude_asks("Hello?"))
        connections = simulator.connections
        with use_cassette(tmp_path / "older.json", mode="none", **settings):
            replayed = client.messages.create(**claude_asks("Hello?"))

        assert simulator.connections == connections
        assert recorded == replayed == first


def test_headers_of_the_answer_are_kept(record_then_replay):
    """The request's id and the rate-limit headers reach the client again."""
    told = (("content-type", "application/json"), ("request-id", "req_1"), ("anthropic-ratelimit-tokens-limit", "9"))
    body = b'{"id":"msg_1","type":"message","role":"assistant","model":"m","content":[],"stop_reason":"end_turn",'
    answer = Response(200, told, (Chunk(body + b'"stop_sequence":null,"usage":{"input_tokens":1,"output_tokens":2}}'),))

    def ask():
        with anthropic.Anthropic() as client:
            response = client.messages.with_raw_response.create(**claude_asks("Hello?"))
            return [response.headers.get(name) for name, _ in told], response.parse()._request_id

    twice = record_then_replay(ask, script([answer]))

    assert twice.live == twice.replayed == ([header(told, name) for name, _ in told], "req_1")


def test_counting_tokens_is_recorded_too(record_then_replay):
    """An endpoint that makes no answer is recorded and replayed like any other."""
    counted = Response(200, (("content-type", "application/json"),), (Chunk(b'{"input_tokens":14}'),))

    def ask():
        with anthropic.Anthropic() as client:
            asked = claude_asks("How long is this?")
            return client.messages.count_tokens(model=asked["model"], messages=asked["messages"]).input_tokens

    twice = record_then_replay(ask, script([counted]))

    assert twice.live == twice.replayed == 14
