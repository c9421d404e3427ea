"""Calls for the tests of what is said and checked about them."""

from __future__ import annotations

import json
from dataclasses import replace
from itertools import count

from doubles import a_request, an_api

from llmreplay.core.asked import Asked
from llmreplay.core.attempt import Attempt, Source
from llmreplay.core.calls import Call, Calls
from llmreplay.core.model import Answer, Chunk, End, Failure, Response, ToolCall, TransportFailure, Usage
from llmreplay.core.price import Price
from llmreplay.core.streams import Wire

_SECONDS = count(100)


def reading(body):
    """Read the made-up answers of these tests."""
    usage = body.get("usage")
    return Answer(
        model=body.get("model"),
        text=body.get("text", ""),
        tool_calls=tuple(ToolCall(*tool) for tool in body.get("tools", ())),
        stop_reason=body.get("stop", "stop"),
        raw_stop_reason=body.get("stop", "stop"),
        usage=None if usage is None else Usage(**usage),
        cost_usd=body.get("cost_usd"),
        is_complete=body.get("whole", True),
    )


def an_attempt(
    outcome=200,
    *,
    wait_s=None,
    took_s=1.0,
    started_s=None,
    headers=(),
    provider="example",
    request=None,
    faults=(),
    source=Source.REPLAYED,
    **body,
):
    """An attempt that got a status, None for no response, or an outcome; the body says what the answer says."""
    if outcome is None:
        outcome = TransportFailure(Failure.CONNECT_ERROR, "refused")
    elif isinstance(outcome, int):
        said = {"text": "hello", **body} if outcome < 400 else {"error": {"type": "busy", "message": "try later"}}
        outcome = Response(
            outcome, (("content-type", "application/json"), *headers), (Chunk(json.dumps(said).encode()),)
        )
    started_s = float(next(_SECONDS)) if started_s is None else started_s
    api = replace(
        an_api(f"{provider}.chat", wire=Wire.SSE),
        answer_from_body=reading,
        answer_from_events=lambda events: reading(json.loads(events[-1].data)),
    )
    attempt = Attempt(
        Asked(request or a_request()),
        api,
        started_s,
        source,
        ended_s=started_s + took_s,
        faults=faults,
        wait_s=wait_s,
    )
    attempt.outcome = outcome
    return attempt


def a_stream(*, end=End.COMPLETE, **body):
    """A streamed answer of one event."""
    data = json.dumps({"text": "hello", **body})
    return Response(200, (("content-type", "text/event-stream"),), (Chunk(f"data: {data}\n\n".encode()),), end)


def a_call(*attempts, fell_back_from=None, price_usd=None, why_unpriced=""):
    """A call of these attempts; a status stands for an attempt that got it."""
    first, *others = (one if isinstance(one, Attempt) else an_attempt(one) for one in attempts)
    call = Call(first, fell_back_from, lambda call: Price(price_usd, why_unpriced))
    call.attempts += others
    return call


def calls_of(*calls):
    """Calls; a tuple of attempts stands for a call."""
    return Calls([call if isinstance(call, Call) else a_call(*call) for call in calls])
