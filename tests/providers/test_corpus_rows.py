"""Every recorded answer that a row of the catalogue says it can read."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any
from urllib.parse import urlsplit

import pytest

from llmreplay.core.api import Api, identify, identify_stand_in
from llmreplay.core.model import Request
from llmreplay.core.streams import Wire, events_of
from llmreplay.providers import APIS

Recorded = Callable[[str], list[Any]]


def row_of(exchange: Any) -> Api | None:
    api = identify(Request(exchange.method, exchange.url), APIS)
    if api is not None or exchange.method != "POST":
        return api
    try:
        asked = json.loads(exchange.asked)
    except ValueError:
        return None
    return identify_stand_in(urlsplit(exchange.url).path, asked, APIS)


@pytest.mark.parametrize(
    "provider",
    [
        "anthropic",
        "azure",
        "bedrock",
        "cerebras",
        "cohere",
        "deepseek",
        "gemini",
        "github-copilot",
        "groq",
        "huggingface",
        "local-openai-compatible",
        "mistral",
        "ollama",
        "openai",
        "openrouter",
        "perplexity",
        "together",
        "vercel-gateway",
        "vertex",
        "voyage",
        "xai",
        "zai",
    ],
)
def test_every_recorded_answer_is_read(recorded: Recorded, provider: str) -> None:
    """Each recorded answer to a row that is read gives the stop reasons of its index, or an error, and never raises."""
    seen = 0
    for exchange in recorded(provider):
        api = row_of(exchange)
        if api is None or api.answer_from_body is None:
            continue
        if exchange.stream in [wire.value for wire in Wire] and exchange.status == 200:
            assert api.wire is not None
            assert api.answer_from_events is not None
            assert api.wire.value == exchange.stream
            events, rest = events_of(api.wire, [exchange.body])
            answer = api.answer_from_events(events)
            assert rest == b"", exchange.place
            assert answer.is_complete or answer.error, exchange.place
        else:
            try:
                body = json.loads(exchange.body)
            except ValueError:
                continue
            answer = api.answer_from_body(body)
        assert exchange.status == 200 or answer.error, exchange.place
        if exchange.stops and "responses" not in api.name:
            assert answer.raw_stop_reason in exchange.stops, exchange.place
        seen += 1
    assert seen
