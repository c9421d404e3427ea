"""What providers say that an answer cost."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from llmreplay.core.api import identify
from llmreplay.core.model import Answer, Json, Request
from llmreplay.core.streams import events_of, sse_event
from llmreplay.providers import APIS
from llmreplay.providers.stated_cost import cost_in

ROWS = {api.name: api for api in APIS}


@pytest.mark.parametrize(
    ("usage", "expected"),
    [
        ({"cost": 0.00129}, 0.00129),
        ({"cost": 0}, 0.0),
        ({"cost": 0.0001, "is_byok": False, "cost_details": {"upstream_inference_cost": 0.002}}, 0.0001),
        ({"cost": 0.0001, "is_byok": True, "cost_details": {"upstream_inference_cost": 0.002}}, 0.0021),
        ({"cost": 0.0001, "is_byok": True, "cost_details": {"upstream_inference_cost": None}}, None),
        ({"cost": {"request_cost": 0.005, "total_cost": 0.00512}}, 0.00512),
        ({"cost_in_usd_ticks": 6881000}, 0.0006881),
        ({"prompt_tokens": 5}, None),
        ({"cost": "0.1"}, None),
        ({"cost": True}, None),
        ({"cost": -1}, None),
        ({"cost": float("nan")}, None),
        ({"cost": 10**400}, None),
        (None, None),
    ],
    ids=str,
)
def test_a_stated_cost_is_read(usage: Json, expected: float | None) -> None:
    """A number, a total, or ticks; with a key of one's own what the vendor bills is added; all else is unknown."""
    assert cost_in(usage) == (None if expected is None else pytest.approx(expected))


STATING: dict[str, tuple[dict[str, Json], list[Json | str]]] = {
    "openrouter.chat.completions": (
        {"choices": [{"message": {"content": "A"}}], "usage": {"cost": 0.5}},
        [{"choices": [], "usage": {"cost": 0.5}}, "[DONE]"],
    ),
    "openrouter.messages": (
        {"type": "message", "content": [], "usage": {"cost": 0.5}},
        [
            {"type": "message_start", "message": {"usage": {"input_tokens": 5}}},
            {"type": "message_delta", "delta": {}, "usage": {"cost": 0.5}},
            {"type": "message_stop"},
        ],
    ),
    "openrouter.responses": (
        {"object": "response", "usage": {"cost": 0.5}},
        [{"type": "response.completed", "response": {"usage": {"cost": 0.5}}}],
    ),
    "openrouter.embeddings": ({"data": [], "usage": {"cost": 0.5}}, []),
}


@pytest.mark.parametrize("name", STATING)
def test_an_answer_carries_its_stated_cost(name: str) -> None:
    """Whole and streamed, under each of the protocols."""
    row, (body, stream) = ROWS[name], STATING[name]
    assert row.answer_from_body is not None

    answers = [row.answer_from_body(body)]
    if row.answer_from_events is not None and stream:
        data = [sse_event(None, event if isinstance(event, str) else json.dumps(event)) for event in stream]
        assert row.wire is not None
        answers.append(row.answer_from_events(events_of(row.wire, data)[0]))

    assert [answer.cost_usd for answer in answers] == [0.5] * len(answers)


@pytest.mark.parametrize(
    ("place", "cost_usd"),
    [
        ("openrouter:180", 0.0145476),
        ("perplexity:0", 0.00512),
        ("perplexity:11", 0.00937),
        ("xai:0", 0.0006881),
        ("vercel-gateway:0", 0.000543),
    ],
)
def test_recorded_answers_say_what_they_cost(recorded: Callable[[str], list[Any]], place: str, cost_usd: float) -> None:
    """The cost of recorded answers is the figure that stands in them; of a stream, the last."""
    provider, _, line = place.partition(":")
    exchange = next(one for one in recorded(provider) if one.place == f"{provider}.jsonl.gz:{line}")

    assert answered(exchange).cost_usd == pytest.approx(cost_usd)


def answered(exchange: Any) -> Answer:
    row = identify(Request(exchange.method, exchange.url), APIS)
    assert row is not None
    assert row.answer_from_body is not None
    if not exchange.stream:
        return row.answer_from_body(json.loads(exchange.body))
    assert row.answer_from_events is not None
    assert row.wire is not None
    return row.answer_from_events(events_of(row.wire, [exchange.body])[0])
