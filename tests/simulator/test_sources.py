"""Recorded and scripted answers."""

from __future__ import annotations

import json
import re
import time

import httpx
import httpx2
import pytest

from llmreplay.core.api import Api, ErrorReply
from llmreplay.core.errors import SettingError
from llmreplay.core.model import Chunk, Failure, Interaction, Request, Response, TransportFailure
from llmreplay.simulator import Simulator, make_up, script, serve_interactions

BODY = b'{"model": "m", "n": 1.0}'
SAME_BODY = b'{"n":1,"model":"m"}'
URL = "https://api.example.com/v1/chat?beta=true"
EVENTS = tuple(b'data: {"piece": %d}\n\n' % number for number in range(7))

AN_API = Api(
    name="example.chat",
    provider="example",
    hosts=("api.example.com",),
    path=re.compile("/v1/chat"),
    source="made up for these tests",
    looks_like=lambda body: isinstance(body, dict) and "model" in body,
    error_reply=lambda status, kind: ErrorReply(
        status=status, headers=(("x-request-id", "req_1"),), body=b'{"error": "slow down"}'
    ),
    build_response=lambda reply, request, is_streamed: Response(200, (), (Chunk(reply.text.encode()),)),
)


def a_response(**fields):
    defaults = {"status": 200, "chunks": tuple(Chunk(event) for event in EVENTS)}
    return Response(**{**defaults, **fields})


def an_interaction(outcome, *, body=BODY):
    return Interaction(Request("POST", URL, (("content-type", "application/json"),), body), outcome)


def test_headers_keep_order_case_and_repeats(ask):
    """Headers arrive in order, spelled as recorded and repeated; those that frame the body are our own."""
    headers = (("X-One", "1"), ("set-cookie", "a=1"), ("Set-Cookie", "b=2"), ("content-length", "999"))

    with Simulator(serve_interactions([an_interaction(a_response(headers=headers))])) as simulator:
        response, _, _ = ask(simulator)

    assert response.headers.raw[:3] == [(b"X-One", b"1"), (b"set-cookie", b"a=1"), (b"Set-Cookie", b"b=2")]
    assert "content-length" not in response.headers


def test_identical_requests_are_answered_in_order_then_not_at_all(ask):
    """Recordings of one request are served in order, each once; after the last the request is unanswered."""
    interactions = [an_interaction(a_response(status=status)) for status in (200, 202)]

    with Simulator(serve_interactions(interactions)) as simulator:
        statuses = [ask(simulator)[0].status_code for _ in range(3)]

    assert statuses == [200, 202, 404]
    assert [request.body for request in simulator.unanswered] == [SAME_BODY]


def test_repeating_recordings_start_over(ask):
    """Recordings that repeat are served again from the first."""
    interactions = [an_interaction(a_response(status=status)) for status in (200, 202)]

    with Simulator(serve_interactions(interactions, is_repeating=True)) as simulator:
        statuses = [ask(simulator)[0].status_code for _ in range(3)]

    assert statuses == [200, 202, 200]


@pytest.mark.parametrize(
    ("path", "body"),
    [("/v1/chat", SAME_BODY), ("/v1/other?beta=true", SAME_BODY), ("/v1/chat?beta=true", b'{"model":"n","n":1}')],
    ids=["query", "path", "body"],
)
def test_another_request_is_not_answered_from_the_recording(ask, path, body):
    """A request that differs in path, query or meaning of the body gets a 404 that names it."""
    with Simulator(serve_interactions([an_interaction(a_response())])) as simulator:
        response, chunks, _ = ask(simulator, path=path, body=body)

    assert response.status_code == 404
    assert f"no answer to POST {simulator.url}{path}" in json.loads(b"".join(chunks))["error"]["message"]


def test_recorded_pauses_are_scaled(ask):
    """Pauses between chunks pass in real time, scaled by the speed."""
    recorded = a_response(chunks=tuple(Chunk(event, after_s=1.0) for event in EVENTS[:4]))

    with Simulator(serve_interactions([an_interaction(recorded)], speed=0.01)) as simulator:
        started = time.perf_counter()
        ask(simulator)
        elapsed_s = time.perf_counter() - started

    assert 0.04 <= elapsed_s < 1.0


def test_a_script_is_followed_then_left(ask):
    """A script gives its outcomes in order, words its errors as the provider does, then leaves the rest."""
    steps = [429, None, a_response(status=201)]

    with Simulator([script(steps, apis=[AN_API]), make_up([AN_API])]) as simulator:
        answers = [ask(simulator) for _ in range(4)]

    assert [response.status_code for response, _, _ in answers] == [429, 200, 201, 200]
    assert answers[0][0].headers["x-request-id"] == "req_1"
    assert answers[0][1] == [b'{"error": "slow down"}']


def test_a_failure_that_no_server_can_cause_is_refused_at_once():
    """A connection that cannot be made is refused where it is written, with what can be served instead."""
    with pytest.raises(SettingError) as refused:
        script([200, TransportFailure(Failure.CONNECT_TIMEOUT)])

    assert str(refused.value) == (
        "outcome 2: a server cannot cause 'connect_timeout', which happens before it is reached: choose from "
        "read_error, read_timeout, protocol_error, client_closed, or inject the fault into the client's side."
    )


@pytest.mark.parametrize("library", [httpx, httpx2], ids=["httpx", "httpx2"])
def test_recorded_chunks_arrive_as_they_were(ask, library):
    """A recorded response arrives with its status, its bytes and its chunk boundaries."""
    recorded = a_response(status=201)

    with Simulator(serve_interactions([an_interaction(recorded)])) as simulator:
        response, chunks, _ = ask(simulator, library=library)

    assert response.status_code == 201
    assert tuple(chunks) == EVENTS
