"""The openai SDK, old and new: chat, responses and embeddings look on replay as they did live."""

from __future__ import annotations

import base64
import json
import struct

import openai
import pytest

from llmreplay.core.model import Chunk, Response
from llmreplay.simulator import script

from .sdk_variants import CHAT, EMBEDDER, EMBEDDINGS, RESPONSES, VARIANTS, chat_asks, of

WAYS = [one for one in VARIANTS if one.api.startswith("openai.")]
STREAMS = [*of(CHAT, "stream"), *of(RESPONSES, "stream", "helper")]
PROMPT = "Where is Paris? Où est Paris ? 🗼"


@pytest.mark.parametrize("variant", WAYS, ids=str)
def test_live_recorded_and_replayed_look_the_same(plainly_seen, record_then_replay, variant):
    """The client sees the same whether nobody listens, it is recorded, or it is replayed."""
    plain = plainly_seen(lambda: variant.run(PROMPT))

    twice = record_then_replay(lambda: variant.run(PROMPT))

    assert twice.live == plain
    assert twice.replayed == plain
    assert twice.calls.one().api == variant.api
    assert len(plain) > 3 or not variant.is_streamed


@pytest.mark.parametrize("variant", STREAMS, ids=str)
def test_real_streams_are_replayed_event_by_event(record_then_replay, real_streams, variant):
    """Recorded streams of the provider itself, cut into odd pieces, give the same events on replay."""
    path = "/v1/chat/completions" if variant.api == CHAT else "/v1/responses"
    streams = real_streams("openai.jsonl.gz", path)[:12]
    answers = script([stream.response(7 + number * 50) for number, stream in enumerate(streams)])

    twice = record_then_replay(lambda: [variant.see(stream.place) for stream in streams], answers)

    assert twice.replayed == twice.live
    assert sum(seen.error is None for seen in twice.live) > 8


def test_packed_embeddings_keep_every_bit(record_then_replay):
    """Vectors in base64, as the SDK asks for them, come back with the same numbers."""
    numbers = [0.1, -1e-30, 3.4e38, 0.0]
    packed = struct.pack("<4f", *numbers)
    exact = list(struct.unpack("<4f", packed))
    body = {
        "object": "list",
        "model": EMBEDDER,
        "usage": {"prompt_tokens": 2, "total_tokens": 2},
        "data": [{"object": "embedding", "index": 0, "embedding": base64.b64encode(packed).decode()}],
    }
    answer = Response(200, (("content-type", "application/json"),), (Chunk(json.dumps(body).encode()),))

    def ask():
        with openai.OpenAI() as client:
            return client.embeddings.create(model=EMBEDDER, input=["a"]).data[0].embedding

    twice = record_then_replay(ask, script([answer]))

    assert twice.live == twice.replayed == pytest.approx(exact, rel=1e-12)
    assert twice.calls.one().api == EMBEDDINGS


def test_usage_of_a_stream_is_seen_when_asked_for(record_then_replay):
    """With `include_usage` the last chunk's counts reach both the client and the call."""

    def ask():
        with openai.OpenAI() as client:
            stream = client.chat.completions.create(
                stream=True, stream_options={"include_usage": True}, **chat_asks("Hello?")
            )
            return [chunk.usage.completion_tokens for chunk in stream if chunk.usage]

    twice = record_then_replay(ask)

    assert twice.live == twice.replayed
    assert twice.replayed == [twice.calls.one().usage.output_tokens]


def test_listing_models_is_recorded_too(record_then_replay):
    """A GET of an endpoint that makes no answer is recorded and replayed, page and all."""
    page = b'{"object":"list","data":[{"id":"m-1","object":"model","created":1,"owned_by":"o"}]}'
    answer = Response(200, (("content-type", "application/json"),), (Chunk(page),))

    def ask():
        with openai.OpenAI() as client:
            return [model.id for model in client.models.list()]

    twice = record_then_replay(ask, script([answer]))

    assert twice.live == twice.replayed == ["m-1"]
