"""Faults over streams that real providers sent, where the shared corpus is beside the repository."""

import gzip
import json
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from llmreplay import faults
from llmreplay.core.api import identify
from llmreplay.core.fault import FaultCannotApply, FaultContext
from llmreplay.core.model import Chunk, Request, Response
from llmreplay.core.streams import events_of, wire_of
from llmreplay.providers.catalogue import APIS

CORPUS = Path(__file__).parents[3] / "shared" / "corpus"
MOST = 60


def api_at(provider, request):
    """Find the api of a request to a stand-in's host, by its path."""
    path = urlsplit(request.url).path
    return next((api for api in APIS if api.provider == provider and api.path.fullmatch(path)), None)


def recorded_streams(provider):
    """Give streamed exchanges of a provider as calls: context and answer, all in one chunk."""
    path = CORPUS / f"{provider}.jsonl.gz"
    if not path.is_file():
        pytest.skip("the shared corpus is not at shared/corpus beside the repository")
    found = []
    with gzip.open(path, "rt", encoding="utf-8") as lines:
        for line in lines:
            exchange = json.loads(line)
            request, response = exchange["request"], exchange["response"]
            if exchange["meta"].get("stream") not in ("sse", "ndjson") or "body_text" not in response:
                continue
            asked = Request(request["method"], request["url"], (), request.get("body_text", "").encode())
            headers = tuple((name, value) for name, value in response["headers"])
            answer = Response(response["status"], headers, (Chunk(response["body_text"].encode(), 0.5),))
            api = identify(asked, APIS) or api_at(provider, asked)
            kind = {name.lower(): value for name, value in headers}.get("content-type")
            if api is not None and response["status"] == 200 and wire_of(kind) is api.wire:
                found.append((FaultContext(api=api, request=asked, is_streamed=True, read_timeout_s=60.0), answer))
    assert found
    return found[:MOST]


EACH_PROVIDER = pytest.mark.parametrize("provider", ["anthropic", "openai", "gemini", "groq", "cohere", "ollama"])


def events_in(context, response):
    return events_of(context.api.wire, [chunk.data for chunk in response.chunks])[0]


@EACH_PROVIDER
def test_recorded_streams_can_be_cut_and_damaged(provider):
    """Each stream can lose, double, swap and damage an event, and what is not meant stays byte for byte."""
    for context, answer in recorded_streams(provider):
        heard = [event for event in events_in(context, answer) if event.data or event.name]
        assert faults.CutAfter(events=1).apply(answer, context).body == b"".join(
            event.raw for event in events_in(context, answer)[: events_in(context, answer).index(heard[0]) + 1]
        )
        assert len(faults.DropEvent(n=1).apply(answer, context).body) == len(answer.body) - len(heard[0].raw)
        assert len(faults.DuplicateEvent(n=1).apply(answer, context).body) == len(answer.body) + len(heard[0].raw)
        corrupt = events_in(context, faults.CorruptEvent(n=1).apply(answer, context))
        assert len(corrupt) == len(events_in(context, answer))
        assert sum(event.data != old.data for event, old in zip(corrupt, events_in(context, answer), strict=True)) == 1
        assert faults.Rechunk(seed=1).apply(answer, context).body == answer.body


@pytest.mark.parametrize("provider", ["anthropic", "openai", "groq"])
def test_recorded_usage_can_be_missing(provider):
    """Without usage an answer says the same; where none was recorded, the fault says that there is none."""
    bared = 0
    for context, answer in recorded_streams(provider):
        read = context.api.answer_from_events
        if read is None:
            continue
        said = read(events_in(context, answer))
        try:
            bare = read(events_in(context, faults.MissingUsage().apply(answer, context)))
        except FaultCannotApply:
            assert said.usage is None
            continue
        assert bare.usage is None
        assert (bare.text, bare.tool_calls, bare.stop_reason) == (said.text, said.tool_calls, said.stop_reason)
        bared += 1

    assert bared
