"""What the tests of faults stand on: small apis, contexts and streamed answers."""

from __future__ import annotations

import json
import re
from dataclasses import replace

from llmreplay.core.api import Api, ErrorReply
from llmreplay.core.fault import FaultContext
from llmreplay.core.model import Chunk, Request, Response
from llmreplay.core.streams import Wire, aws_frame, events_of, ndjson_line, sse_event

NAMES = ("start", "delta", "delta", "delta", "usage", "stop")


def an_api(**changes):
    """An api whose errors and terminal event are easy to tell from any other's."""
    row = Api(
        name="acme.chat",
        provider="acme",
        hosts=("api.acme.test",),
        path=re.compile("/v1/chat"),
        source="made up",
        wire=Wire.SSE,
        is_terminal=lambda event: event.name == "stop",
        error_reply=an_error_reply,
        error_event=lambda status: f"event: error\ndata: {status}\n\n".encode(),
    )
    return replace(row, **changes)


def an_error_reply(status, kind):
    """An error that says what it was asked for; overload is 507 here."""
    return ErrorReply(
        status=507 if kind == "overloaded" else status,
        headers=(("content-type", "application/json"), ("acme-id", "7"), ("Retry-After", "20")),
        body=f'{{"acme": [{status}, "{kind}"]}}'.encode(),
    )


def a_request(url="https://api.acme.test/v1/chat"):
    return Request("POST", url, (), b"{}")


def a_context(**changes):
    """A streamed call to the api above, by a client that waits 60 s for bytes and 5 s for a connection."""
    context = FaultContext(
        api=an_api(), request=a_request(), is_streamed=True, read_timeout_s=60.0, connect_timeout_s=5.0
    )
    return replace(context, **changes)


def sse_raws(names=NAMES):
    """The bytes of events, each with its number; the third says something that is not ASCII."""
    return [
        sse_event(name, json.dumps({"type": name, "n": n, "text": "é" if n == 3 else ""}, ensure_ascii=False))
        for n, name in enumerate(names, 1)
    ]


def a_stream(names=NAMES, **changes):
    """A streamed answer, one event a chunk, a tenth of a second between them."""
    response = Response(
        200,
        (("Content-Type", "text/event-stream; charset=utf-8"), ("acme-id", "1")),
        tuple(Chunk(raw, 0.1) for raw in sse_raws(names)),
    )
    return replace(response, **changes)


def an_ndjson_stream(count=4):
    lines = [ndjson_line(json.dumps({"n": n, "done": n == count})) for n in range(1, count + 1)]
    return Response(200, (("content-type", "application/x-ndjson"),), tuple(Chunk(line) for line in lines))


def an_aws_stream(*payloads):
    frames = [
        aws_frame(((":message-type", "event"), (":event-type", name)), json.dumps(value).encode())
        for name, value in payloads or (("messageStart", {"role": "assistant"}), ("messageStop", {"stopReason": "x"}))
    ]
    kind = (("content-type", "application/vnd.amazon.eventstream"),)
    return Response(200, kind, tuple(Chunk(frame) for frame in frames))


def a_body(data=b'{"answer": "Paris", "usage": {"tokens": 3}}', **changes):
    headers = (("content-type", "application/json"), ("content-length", str(len(data))))
    return replace(Response(200, headers, (Chunk(data, 0.4),)), **changes)


def names_in(response, wire=Wire.SSE):
    """The names of the events that a client reads."""
    events, _ = events_of(wire, (chunk.data for chunk in response.chunks))
    return [event.name for event in events if event.data]
