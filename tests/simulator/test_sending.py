"""Outcomes as they reach a client, whole, broken and compressed."""

from __future__ import annotations

import time

import httpx
import httpx2
import pytest

from llmreplay.core.errors import SettingError
from llmreplay.core.model import Chunk, End, Failure, Interaction, Request, Response, TransportFailure
from llmreplay.simulator import Simulator, script, serve_interactions

BODY = b'{"model": "m", "n": 1.0}'
SAME_BODY = b'{"n":1,"model":"m"}'
URL = "https://api.example.com/v1/chat?beta=true"
EVENTS = tuple(b'data: {"piece": %d}\n\n' % number for number in range(7))


def a_response(**fields):
    defaults = {"status": 200, "chunks": tuple(Chunk(event) for event in EVENTS)}
    return Response(**{**defaults, **fields})


def an_interaction(outcome, *, body=BODY):
    return Interaction(Request("POST", URL, (("content-type", "application/json"),), body), outcome)


def test_reason_phrase_is_the_recorded_one_once():
    """A recorded reason phrase is sent, and the next response on that connection has its own again."""
    interactions = [an_interaction(a_response(reason="Quite Fine")), an_interaction(a_response())]

    with Simulator(serve_interactions(interactions)) as simulator, httpx.Client() as client:
        reasons = [
            client.post(simulator.url + "/v1/chat?beta=true", content=SAME_BODY).reason_phrase for _ in interactions
        ]

    assert reasons == ["Quite Fine", "OK"]
    assert simulator.connections == 1


@pytest.mark.parametrize("library", [httpx, httpx2], ids=["httpx", "httpx2"])
@pytest.mark.parametrize(
    ("end", "error"),
    [(End.PEER_CLOSED, "RemoteProtocolError"), (End.RESET, "ReadError"), (End.READ_TIMEOUT, "ReadTimeout")],
    ids=["closed", "reset", "silent"],
)
def test_a_stream_breaks_as_it_was_recorded(ask, library, end, error):
    """A stream that broke delivers all its chunks, then breaks in the same way."""
    with Simulator(serve_interactions([an_interaction(a_response(end=end))])) as simulator:
        _, chunks, broken = ask(simulator, library=library, timeout=0.2)

    assert tuple(chunks) == EVENTS
    assert type(broken).__name__ == error


@pytest.mark.parametrize(
    ("kind", "error"),
    [
        (Failure.PROTOCOL_ERROR, httpx.RemoteProtocolError),
        (Failure.READ_ERROR, httpx.ReadError),
        (Failure.READ_TIMEOUT, httpx.ReadTimeout),
        (Failure.CLIENT_CLOSED, httpx.ReadTimeout),
    ],
    ids=lambda value: getattr(value, "value", ""),
)
def test_a_failure_comes_in_place_of_a_response(ask, kind, error):
    """A transport failure that a server can cause reaches the client as that failure."""
    with Simulator(script([TransportFailure(kind)])) as simulator:
        response, _, broken = ask(simulator, timeout=0.2)

    assert response is None
    assert type(broken) is error


@pytest.mark.parametrize("coding", ["gzip", "deflate", "br", "zstd"])
@pytest.mark.parametrize("library", [httpx, httpx2], ids=["httpx", "httpx2"])
def test_a_compressed_stream_decodes_chunk_by_chunk(ask, library, coding):
    """A compressed body names its coding, and every chunk can be decoded when it arrives."""
    if coding not in library.Client().headers["accept-encoding"]:
        pytest.skip(f"this {library.__name__} cannot decode {coding}")
    with Simulator(serve_interactions([an_interaction(a_response())]), compress=coding) as simulator:
        response, chunks, _ = ask(simulator, library=library)

    assert response.headers["content-encoding"] == coding
    assert tuple(chunks) == EVENTS


def test_an_unknown_coding_is_refused_at_once():
    """A content coding that we do not have is refused with those that we have."""
    with pytest.raises(SettingError, match=r"compress='lz4': choose from gzip, deflate, br, zstd, or None\."):
        Simulator(compress="lz4")


def test_a_body_without_chunks_has_no_body(ask):
    """A 204 arrives without body and without the headers of one, even when bodies are compressed."""
    recorded = a_response(status=204, chunks=())

    with Simulator(serve_interactions([an_interaction(recorded)]), compress="gzip") as simulator:
        response, chunks, _ = ask(simulator)

    assert response.status_code == 204
    assert chunks == []
    assert "content-encoding" not in response.headers


def test_chunks_do_not_wait_for_each_other():
    """Chunks leave at once: twenty responses of several small chunks take far less than their delayed ACKs would."""
    source = serve_interactions([an_interaction(a_response())], is_repeating=True)

    with Simulator(source) as simulator, httpx.Client() as client:
        started = time.perf_counter()
        for _ in range(20):
            client.post(simulator.url + "/v1/chat?beta=true", content=SAME_BODY)
        elapsed_s = time.perf_counter() - started

    assert elapsed_s < 0.4
