"""The embedded provider, asked over real sockets."""

from __future__ import annotations

import gzip
import json
import re
import subprocess
import sys
import threading
import time

import httpx
import httpx2
import pytest

from llmreplay.core.api import Api, ErrorReply
from llmreplay.core.errors import LlmReplayError, MissingExtra, SettingError
from llmreplay.core.model import Chunk, End, Failure, Interaction, Request, Response, TransportFailure
from llmreplay.simulator import Simulator, make_up, script, serve_interactions
from llmreplay.simulator.__main__ import main

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


def ask(simulator, *, body=SAME_BODY, path="/v1/chat?beta=true", library=httpx, timeout=5.0):
    """Send one request; give the response, its chunks and what broke."""
    chunks = []
    response = None
    with library.Client(timeout=timeout) as client:
        try:
            with client.stream("POST", simulator.url + path, content=body) as response:
                chunks.extend(response.iter_bytes())
        except library.TransportError as error:
            return response, chunks, error
    return response, chunks, None


@pytest.mark.parametrize("library", [httpx, httpx2], ids=["httpx", "httpx2"])
def test_recorded_chunks_arrive_as_they_were(library):
    """A recorded response arrives with its status, its bytes and its chunk boundaries."""
    recorded = a_response(status=201)

    with Simulator(serve_interactions([an_interaction(recorded)])) as simulator:
        response, chunks, _ = ask(simulator, library=library)

    assert response.status_code == 201
    assert tuple(chunks) == EVENTS


def test_headers_keep_order_case_and_repeats():
    """Headers arrive in order, spelled as recorded and repeated; those that frame the body are our own."""
    headers = (("X-One", "1"), ("set-cookie", "a=1"), ("Set-Cookie", "b=2"), ("content-length", "999"))

    with Simulator(serve_interactions([an_interaction(a_response(headers=headers))])) as simulator:
        response, _, _ = ask(simulator)

    assert response.headers.raw[:3] == [(b"X-One", b"1"), (b"set-cookie", b"a=1"), (b"Set-Cookie", b"b=2")]
    assert "content-length" not in response.headers


def test_reason_phrase_is_the_recorded_one_once():
    """A recorded reason phrase is sent, and the next response on that connection has its own again."""
    interactions = [an_interaction(a_response(reason="Quite Fine")), an_interaction(a_response())]

    with Simulator(serve_interactions(interactions)) as simulator, httpx.Client() as client:
        reasons = [
            client.post(simulator.url + "/v1/chat?beta=true", content=SAME_BODY).reason_phrase for _ in interactions
        ]

    assert reasons == ["Quite Fine", "OK"]
    assert simulator.connections == 1


def test_identical_requests_are_answered_in_order_then_not_at_all():
    """Recordings of one request are served in order, each once; after the last the request is unanswered."""
    interactions = [an_interaction(a_response(status=status)) for status in (200, 202)]

    with Simulator(serve_interactions(interactions)) as simulator:
        statuses = [ask(simulator)[0].status_code for _ in range(3)]

    assert statuses == [200, 202, 404]
    assert [request.body for request in simulator.unanswered] == [SAME_BODY]


def test_repeating_recordings_start_over():
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
def test_another_request_is_not_answered_from_the_recording(path, body):
    """A request that differs in path, query or meaning of the body gets a 404 that names it."""
    with Simulator(serve_interactions([an_interaction(a_response())])) as simulator:
        response, chunks, _ = ask(simulator, path=path, body=body)

    assert response.status_code == 404
    assert f"no answer to POST {simulator.url}{path}" in json.loads(b"".join(chunks))["error"]["message"]


@pytest.mark.parametrize("library", [httpx, httpx2], ids=["httpx", "httpx2"])
@pytest.mark.parametrize(
    ("end", "error"),
    [(End.PEER_CLOSED, "RemoteProtocolError"), (End.RESET, "ReadError"), (End.READ_TIMEOUT, "ReadTimeout")],
    ids=["closed", "reset", "silent"],
)
def test_a_stream_breaks_as_it_was_recorded(library, end, error):
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
    ],
    ids=lambda value: getattr(value, "value", ""),
)
def test_a_failure_comes_in_place_of_a_response(kind, error):
    """A transport failure that a server can cause reaches the client as that failure."""
    with Simulator(script([TransportFailure(kind)])) as simulator:
        response, _, broken = ask(simulator, timeout=0.2)

    assert response is None
    assert type(broken) is error


def test_a_failure_that_no_server_can_cause_is_refused_at_once():
    """A connection that cannot be made is refused where it is written, with what can be served instead."""
    with pytest.raises(SettingError) as refused:
        script([200, TransportFailure(Failure.CONNECT_TIMEOUT)])

    assert str(refused.value) == (
        "outcome 2: a server cannot cause 'connect_timeout', which happens before it is reached: choose from "
        "read_error, read_timeout, protocol_error, or inject the fault into the client's side."
    )


@pytest.mark.parametrize("coding", ["gzip", "deflate", "br", "zstd"])
@pytest.mark.parametrize("library", [httpx, httpx2], ids=["httpx", "httpx2"])
def test_a_compressed_stream_decodes_chunk_by_chunk(library, coding):
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


def test_a_body_without_chunks_has_no_body():
    """A 204 arrives without body and without the headers of one, even when bodies are compressed."""
    recorded = a_response(status=204, chunks=())

    with Simulator(serve_interactions([an_interaction(recorded)]), compress="gzip") as simulator:
        response, chunks, _ = ask(simulator)

    assert response.status_code == 204
    assert chunks == []
    assert "content-encoding" not in response.headers


def test_recorded_pauses_are_scaled():
    """Pauses between chunks pass in real time, scaled by the speed."""
    recorded = a_response(chunks=tuple(Chunk(event, after_s=1.0) for event in EVENTS[:4]))

    with Simulator(serve_interactions([an_interaction(recorded)], speed=0.01)) as simulator:
        started = time.perf_counter()
        ask(simulator)
        elapsed_s = time.perf_counter() - started

    assert 0.04 <= elapsed_s < 1.0


def test_a_script_is_followed_then_left():
    """A script gives its outcomes in order, words its errors as the provider does, then leaves the rest."""
    steps = [429, None, a_response(status=201)]

    with Simulator([script(steps, apis=[AN_API]), make_up([AN_API])]) as simulator:
        answers = [ask(simulator) for _ in range(4)]

    assert [response.status_code for response, _, _ in answers] == [429, 200, 201, 200]
    assert answers[0][0].headers["x-request-id"] == "req_1"
    assert answers[0][1] == [b'{"error": "slow down"}']


def test_requests_are_kept_as_they_arrived_decoded():
    """A request is kept with method, address, headers and its body after content decoding."""
    headers = {"content-encoding": "gzip", "x-trace": "7"}

    with Simulator(script([200])) as simulator:
        httpx.post(simulator.url + "/v1/a%20b?x=%2F", content=gzip.compress(BODY), headers=headers)

    (request,) = simulator.requests
    assert (request.method, request.url) == ("POST", f"{simulator.url}/v1/a%20b?x=%2F")
    assert ("x-trace", "7") in request.headers
    assert request.body == BODY


def test_connections_are_counted():
    """Every accepted TCP connection counts, and none counts that was not made."""
    with Simulator(script([200, 200])) as simulator:
        before = simulator.connections
        ask(simulator)
        ask(simulator)

    assert (before, simulator.connections) == (0, 2)


def test_stop_ends_streams_threads_and_listener():
    """Stopping cuts what still streams, ends the thread, frees the port, and may be repeated."""
    broken = []
    simulator = Simulator(script([a_response(end=End.READ_TIMEOUT)]))
    simulator.start()
    client = threading.Thread(target=lambda: broken.append(ask(simulator)[2]))
    client.start()
    while not simulator.requests:
        time.sleep(0.001)

    simulator.stop()
    simulator.stop()
    client.join(5)

    assert isinstance(broken[0], httpx.TransportError)
    assert not any(thread.name == "llmreplay-simulator" for thread in threading.enumerate())
    with pytest.raises(httpx.ConnectError):
        httpx.get(simulator.url)


def test_start_and_stop_are_fast():
    """Once its libraries are loaded, a simulator starts and stops in far less than the promised time."""
    with Simulator(script([])):
        pass

    started = time.perf_counter()
    with Simulator(script([])):
        pass

    assert time.perf_counter() - started < 0.3


def test_nothing_is_left_open():
    """A process that turns every warning into an error starts, uses and stops a simulator in silence."""
    code = (
        "import httpx\n"
        "from llmreplay.simulator import Simulator, script\n"
        "with Simulator(script([200])) as simulator:\n"
        "    client = httpx.Client()\n"
        "    print(client.get(simulator.url).status_code)\n"
        "client.close()\n"
    )

    done = subprocess.run(
        [sys.executable, "-X", "dev", "-W", "error", "-c", code], capture_output=True, text=True, check=False
    )

    assert (done.stdout, done.stderr.count("ResourceWarning"), done.returncode) == ("200\n", 0, 0), done.stderr


def test_a_source_that_fails_is_not_swallowed():
    """What a source raises is told to the client, without a retry, and raised again at the stop."""

    def broken(request):
        raise KeyError("weather")

    simulator = Simulator(broken)
    simulator.start()
    response, _, _ = ask(simulator)

    assert (response.status_code, response.headers["x-should-retry"]) == (500, "false")
    with pytest.raises(KeyError, match="weather"):
        simulator.stop()


def test_a_simulator_that_is_not_started_has_no_address():
    """Asking for the address before the start says how to start."""
    with pytest.raises(LlmReplayError, match="Use it as `with Simulator"):
        _ = Simulator(script([])).url


@pytest.mark.parametrize("missing", ["starlette", "uvicorn"])
def test_a_missing_library_names_the_extra(monkeypatch, missing):
    """Without starlette or uvicorn the start fails with the command that installs them."""
    for name in [name for name in sys.modules if name.split(".")[0] == missing]:
        monkeypatch.delitem(sys.modules, name)
    for name in ("application", "serving"):
        monkeypatch.delitem(sys.modules, f"llmreplay.simulator.{name}", raising=False)
    monkeypatch.setitem(sys.modules, missing, None)

    with pytest.raises(MissingExtra) as error:
        Simulator(script([])).start()

    assert str(error.value) == 'the simulator needs an extra: pip install "pytest-llmreplay[server]"'


def test_module_serves_until_it_is_told_to_stop(capsys):
    """The command prints its address, answers on it, and ends with 0."""
    until = threading.Event()
    codes = []
    thread = threading.Thread(target=lambda: codes.append(main(["--port", "0"], until=until)))

    thread.start()
    url = ""
    while not url:
        url = capsys.readouterr().out.strip()
    status = httpx.get(url).status_code
    until.set()
    thread.join(5)

    assert (status, codes) == (404, [0])
