"""The seam of httpx and httpx2: patched on the class, beside other people's patches, in whatever order."""

from __future__ import annotations

import asyncio
import functools
import json
import os
import socket
import subprocess
import sys
import threading
from contextlib import ExitStack
from pathlib import Path

import httpx
import httpx2
import pytest
import respx

from llmreplay import CassetteError, UnmatchedRequest, use_cassette
from llmreplay.core.model import Chunk, Failure, Response, TransportFailure
from llmreplay.simulator import Simulator, script

URL = "https://api.anthropic.com/v1/messages"
PROVIDER = "https://api.anthropic.com"
BODY = {"model": "claude-haiku-4-5", "max_tokens": 5, "messages": [{"role": "user", "content": "hi"}]}
LIBRARIES = pytest.mark.parametrize("library", [httpx, httpx2], ids=["httpx", "httpx2"])


@pytest.fixture(scope="module")
def provider():
    """Give a provider on loopback that answers any prompt."""
    with Simulator() as simulator:
        yield simulator


@pytest.fixture
def cassette(tmp_path, provider):
    """Give a cassette with one question to Claude and its answer."""
    path = tmp_path / "a.json"
    with use_cassette(path, mode="once", upstream={PROVIDER: provider.url}):
        httpx2.post(URL, json=BODY)
    return path


def originals():
    return [
        library.__dict__[owner].__dict__[name]
        for library in (httpx, httpx2)
        for owner, name in (("HTTPTransport", "handle_request"), ("AsyncHTTPTransport", "handle_async_request"))
    ]


def answer_of(response):
    return response.json()["content"][0]["text"]


# Where it is patched


@LIBRARIES
def test_clients_made_before_are_served_sync(cassette, library):
    """A client that was made, and had its transport, before the cassette was opened is answered from it."""
    with library.Client() as client, use_cassette(cassette):
        response = client.post(URL, json=BODY)

    assert response.status_code == 200
    assert answer_of(response).startswith("You asked")


@LIBRARIES
async def test_clients_made_before_are_served_async(cassette, library):
    """The same for the async client."""
    async with library.AsyncClient() as client, use_cassette(cassette):
        response = await client.post(URL, json=BODY)

    assert answer_of(response).startswith("You asked")


@LIBRARIES
def test_a_transport_of_the_users_own_is_served(cassette, library):
    """A subclass, a mounted transport and one that wraps another end at the class that is patched."""

    class Logging(library.HTTPTransport):
        def handle_request(self, request):
            seen.append(request.url.host)
            return super().handle_request(request)

    seen = []
    with use_cassette(cassette), library.Client(mounts={"https://": Logging(retries=1)}) as client:
        response = client.post(URL, json=BODY)

    assert response.status_code == 200
    assert seen == ["api.anthropic.com"]


def test_everything_is_put_back_when_the_last_cassette_closes(cassette, tmp_path):
    """The very same methods stand there again, whatever the order in which cassettes close, and when one fails."""
    before = originals()

    first, second = use_cassette(cassette, on_unplayed="ignore"), use_cassette(tmp_path / "b.json")
    first.__enter__()
    second.__enter__()
    during = originals()
    first.__exit__(None, None, None)
    between = originals()
    second.__exit__(None, None, None)

    assert originals() == before
    assert all(ours is not theirs for ours, theirs in zip(during, before, strict=True))
    assert between == during


def test_everything_is_put_back_when_a_save_fails(tmp_path, provider):
    """A cassette that cannot be written leaves no patch, no guard and no key behind."""
    before, environment = originals(), dict(os.environ)
    (tmp_path / "no_folder").write_text("a file")

    with (
        pytest.raises(CassetteError, match="no_folder"),
        use_cassette(tmp_path / "no_folder" / "a.json", mode="once", upstream={PROVIDER: provider.url}),
    ):
        httpx2.post(URL, json=BODY)

    assert originals() == before
    assert dict(os.environ) == environment


# Other people's patches


@LIBRARIES
@pytest.mark.parametrize("order", ["before", "after"])
def test_a_wrapper_of_somebody_else_may_come_before_or_after_ours(cassette, library, monkeypatch, order):
    """Instrumentation over ours sees the call; under ours it sees what is sent, so nothing; both are taken out."""
    seen = []

    def instrument(patch):
        original = library.HTTPTransport.handle_request

        def handle_request(self, request):
            seen.append(request.url.host)
            return original(self, request)

        patch.setattr(library.HTTPTransport, "handle_request", handle_request)

    before = originals()
    with monkeypatch.context() as patch, ExitStack() as stack:
        if order == "before":
            instrument(patch)
        stack.enter_context(use_cassette(cassette))
        if order == "after":
            instrument(patch)
        response = library.post(URL, json=BODY)
    # Theirs, taken out after ours, put our wrapper back: the next cassette finds it, and takes it out.
    with use_cassette(cassette, on_unplayed="ignore"):
        pass

    assert response.status_code == 200
    assert seen == (["api.anthropic.com"] if order == "after" else [])
    assert originals() == before


@LIBRARIES
@pytest.mark.parametrize("order", ["before", "after"])
def test_instrumentation_that_copies_our_attributes_outlives_every_cassette(cassette, library, monkeypatch, order):
    """Put on with functools.wraps, it is there in each later test, and every call is logged once."""
    seen, calls = [], []

    def instrument():
        original = library.HTTPTransport.handle_request

        @functools.wraps(original)
        def handle_request(self, request):
            seen.append(request.url.host)
            return original(self, request)

        monkeypatch.setattr(library.HTTPTransport, "handle_request", handle_request)
        return handle_request

    before = originals()
    theirs = instrument() if order == "before" else None
    for _ in range(3):
        with use_cassette(cassette) as replay:
            theirs = theirs or instrument()
            library.post(URL, json=BODY)
        calls.append(len(replay.calls))
    standing = library.HTTPTransport.handle_request
    monkeypatch.undo()
    with use_cassette(cassette, on_unplayed="ignore"):
        pass

    assert standing is theirs
    assert calls == [1, 1, 1]
    assert seen == (["api.anthropic.com"] * 3 if order == "after" else [])
    assert originals() == before


def test_a_wrapper_put_back_after_us_does_not_answer_for_a_closed_cassette(cassette, monkeypatch):
    """Whoever restores our wrapper after we left restores something that does nothing."""
    with ExitStack() as stack:
        stack.enter_context(use_cassette(cassette, on_unplayed="ignore"))
        ours = httpx2.HTTPTransport.handle_request
    monkeypatch.setattr(httpx2.HTTPTransport, "handle_request", ours)

    with pytest.raises(httpx2.ConnectError):
        httpx2.post(f"http://127.0.0.1:{a_closed_port()}/", json=BODY)
    with use_cassette(cassette) as replay:
        response = httpx2.post(URL, json=BODY)

    assert response.status_code == 200
    assert len(replay.calls) == 1


@pytest.mark.parametrize("order", ["before", "after"])
def test_respx_answers_what_it_routes_and_we_the_rest(cassette, order):
    """A respx router around or inside ours keeps its routes; what it passes through is answered by the cassette."""
    router = respx.mock(using="httpx", assert_all_mocked=False)
    router.get("https://elsewhere.example/").respond(204)
    router.route(host="api.anthropic.com").pass_through()

    with ExitStack() as stack:
        for context in (router, use_cassette(cassette)) if order == "before" else (use_cassette(cassette), router):
            stack.enter_context(context)
        routed = httpx.get("https://elsewhere.example/")
        replayed = httpx.post(URL, json=BODY)

    assert routed.status_code == 204
    assert answer_of(replayed).startswith("You asked")


@pytest.mark.parametrize("order", ["before", "after"])
@pytest.mark.parametrize("mode", ["once", "none"])
async def test_what_respx_routes_by_default_is_its_own_recording_or_not(tmp_path, cassette, order, mode):
    """Its default mocker answers below the transports: what it answered was recorded, and replayed past it."""
    path = cassette if mode == "none" else tmp_path / "new.json"
    router = respx.mock()
    route = router.get("https://elsewhere.example/").respond(204)
    ours = use_cassette(path, mode=mode, on_unplayed="ignore")

    with ExitStack() as stack:
        for context in (router, ours) if order == "before" else (ours, router):
            stack.enter_context(context)
        statuses = [httpx.get("https://elsewhere.example/").status_code]
        async with httpx.AsyncClient() as client:
            statuses.append((await client.get("https://elsewhere.example/")).status_code)
        if mode == "none":
            assert answer_of(httpx.post(URL, json=BODY)).startswith("You asked")
        assert (statuses, route.call_count) == ([204, 204], 2)

    assert path.exists() is (mode == "none")


@LIBRARIES
@pytest.mark.parametrize("order", ["before", "after"])
def test_a_mock_in_the_manner_of_pytest_httpx_is_taken_out_cleanly(cassette, library, order):
    """A mock that replaces the method and never calls the original takes over while it is outermost, no longer."""
    mocking = pytest.MonkeyPatch()
    before = originals()

    def mock():
        mocking.setattr(library.HTTPTransport, "handle_request", lambda self, request: library.Response(418))

    if order == "before":
        mock()
    with use_cassette(cassette) as replay:
        if order == "after":
            mock()
            taken_over = library.post(URL, json=BODY).status_code
            mocking.undo()
        replayed = library.post(URL, json=BODY).status_code
    mocking.undo()

    assert replayed == 200
    assert order == "before" or taken_over == 418
    assert len(replay.calls) == 1
    assert originals() == before


# Failures of the client's own


class RefusingProxy:
    """A proxy that digs no tunnel."""

    def __enter__(self):
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()
        return f"http://127.0.0.1:{self._listener.getsockname()[1]}"

    def __exit__(self, *_):
        self._thread.join(5)
        self._listener.close()

    def _serve(self):
        connection, _ = self._listener.accept()
        with connection:
            connection.recv(65536)
            connection.sendall(b"HTTP/1.1 403 Forbidden\r\ncontent-length: 0\r\n\r\n")


@LIBRARIES
@pytest.mark.parametrize("is_async", [False, True], ids=["sync", "async"])
def test_a_proxy_that_refuses_refuses_again(tmp_path, library, is_async):
    """The exception has its class and its text again, without the proxy."""

    async def ask_async(proxy):
        async with library.AsyncClient(proxy=proxy) as client:
            await client.post(URL, json=BODY)

    def ask(proxy):
        with pytest.raises(library.ProxyError, match=r"^403 Forbidden$"):
            asyncio.run(ask_async(proxy)) if is_async else library.post(URL, json=BODY, proxy=proxy)

    with RefusingProxy() as proxy, use_cassette(tmp_path / "a.json", mode="once"):
        ask(proxy)
    with use_cassette(tmp_path / "a.json") as replay:
        ask(proxy)

    assert replay.calls.one().last.outcome.kind is Failure.CONNECT_ERROR


@LIBRARIES
def test_a_request_that_breaks_http_breaks_it_again(tmp_path, library):
    """The client's own mistake is its own on replay too, not the provider's."""

    def ask():
        with pytest.raises(library.LocalProtocolError, match="Illegal header value"):
            library.post(URL, json=BODY, headers={"x-trial": "a\x00b"})

    with Simulator() as simulator, use_cassette(tmp_path / "a.json", mode="once", upstream={PROVIDER: simulator.url}):
        ask()
    with use_cassette(tmp_path / "a.json"):
        ask()


@LIBRARIES
@pytest.mark.parametrize("url", ["ftp://api.anthropic.com/v1/messages", "/v1/messages"], ids=["ftp", "no host"])
def test_an_address_that_no_client_can_reach_is_the_librarys_to_refuse(tmp_path, library, url):
    """It is an error of the client's, recorded never, and the same on replay."""
    path = tmp_path / "a.json"
    for mode in ("once", "none"):
        with use_cassette(path, mode=mode) as replay, pytest.raises(library.UnsupportedProtocol):
            library.post(url, json=BODY)
        assert len(replay.calls) == 0

    assert not path.exists()


# What is absent, late, or the same thing twice

LATE = """
import sys
assert not {"httpx", "httpx2"} & set(sys.modules), "the library itself imports a client"
from llmreplay import use_cassette
with use_cassette(sys.argv[1]) as replay:
    import NAME
    response = NAME.post("https://api.anthropic.com/v1/messages", json=BODY)
    assert response.status_code == 200
assert len(replay.calls) == 1
"""
ABSENT = """
import sys
sys.modules["OTHER"] = None
""" + LATE.replace('assert not {"httpx", "httpx2"} & set(sys.modules), "the library itself imports a client"\n', "")
ALIAS = """
import sys, httpx2
httpx2.alias_httpx()
import httpx
from llmreplay import use_cassette
before = httpx2.HTTPTransport.handle_request
for library in (httpx, httpx2):
    with use_cassette(sys.argv[1]) as replay:
        assert library.post("https://api.anthropic.com/v1/messages", json=BODY).status_code == 200
    assert len(replay.calls) == 1
assert httpx2.HTTPTransport.handle_request is before
"""


def in_a_process(program, cassette):
    done = subprocess.run(
        [sys.executable, "-c", f"BODY = {BODY!r}\n{program}", cassette], capture_output=True, text=True, timeout=30
    )
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("name", ["httpx", "httpx2"])
def test_a_library_imported_inside_the_block_is_served(cassette, name):
    """We import no client ourselves, and one that is imported only under an open cassette is patched in time."""
    in_a_process(LATE.replace("NAME", name), cassette)


@pytest.mark.parametrize(("name", "other"), [("httpx", "httpx2"), ("httpx2", "httpx")])
def test_either_library_may_be_absent(cassette, name, other):
    """Without the one, the other is served."""
    in_a_process(ABSENT.replace("OTHER", other).replace("NAME", name), cassette)


def test_both_libraries_may_be_one(cassette):
    """Where `httpx` is another name of `httpx2` it is patched once, and a call is one call."""
    in_a_process(ALIAS, cassette)


# Traffic


def test_upstream_sends_elsewhere_and_keeps_the_providers_address(tmp_path, provider):
    """The stand-in sees its own host, the client and the cassette the provider's."""
    path = tmp_path / "a.json"
    sent = len(provider.requests)

    with use_cassette(path, mode="once", upstream={PROVIDER: provider.url}):
        response = httpx2.post(URL + "?beta=true", json=BODY)

    (request,) = provider.requests[sent:]
    assert request.url == f"{provider.url}/v1/messages?beta=true"
    assert dict(request.headers)["host"] == provider.url.removeprefix("http://")
    assert str(response.url) == str(response.request.url) == URL + "?beta=true"
    assert provider.url not in path.read_text()
    assert URL in path.read_text()


@LIBRARIES
def test_credential_traffic_gets_a_placeholder_and_side_traffic_an_error_offline(cassette, library):
    """Offline, a token endpoint gives a token that opens nothing, and telemetry a plain connection error."""
    with use_cassette(cassette, on_unplayed="ignore") as replay:
        token = library.post("https://oauth2.googleapis.com/token", data={"grant_type": "refresh_token"}).json()
        with pytest.raises(library.ConnectError, match="side traffic is offline"):
            library.post("https://statsig.anthropic.com/v1/rgstr", json={})

    assert token["access_token"] == "llmreplay-placeholder"
    assert len(replay.calls) == 0
    assert replay.recorder.refusals == []


def test_loopback_is_nobodys_business_unless_it_looks_like_a_model(tmp_path):
    """A local service is passed through and never recorded; a model on loopback is recorded and replayed."""
    path = tmp_path / "a.json"
    health = Response(200, (("content-type", "text/plain"),), (Chunk(b"well"),))
    with Simulator(script([health, None, health])) as local:
        pass
    with Simulator([script([health]), lambda request: None]) as local, use_cassette(path, mode="once") as replay:
        assert httpx2.get(f"{local.url}/health").text == "well"
        assert len(replay.calls) == 0

    assert not path.exists()


# Failures


def a_closed_port():
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return listener.getsockname()[1]


def text_of(library, make, **settings):
    """Ask, which must fail; give the class and text of the exception."""
    with (
        use_cassette(**settings) as replay,
        library.Client(timeout=0.2) as client,
        pytest.raises(library.TransportError) as caught,
    ):
        make(client)
    assert caught.value.request.url.host == "api.anthropic.com"
    return type(caught.value).__name__, str(caught.value), len(replay.calls.one().attempts)


@LIBRARIES
@pytest.mark.parametrize(
    ("failure", "name"),
    [(None, "ConnectError"), (Failure.READ_ERROR, "ReadError"), (Failure.PROTOCOL_ERROR, "RemoteProtocolError")],
    ids=["nobody listens", "reset", "closed"],
)
def test_a_failure_to_connect_is_recorded_and_fails_again(tmp_path, library, failure, name):
    """No answer is an outcome, too: recorded with its text, replayed as the same exception without a connection."""
    path = tmp_path / "a.json"
    with ExitStack() as stack:
        url = f"http://127.0.0.1:{a_closed_port()}"
        if failure is not None:
            url = stack.enter_context(Simulator(script([TransportFailure(failure)]))).url
        recorded = text_of(
            library, lambda client: client.post(URL, json=BODY), path=path, mode="once", upstream={PROVIDER: url}
        )

    replayed = text_of(library, lambda client: client.post(URL, json=BODY), path=path)

    assert recorded[0] == name
    assert replayed == recorded
    assert json.loads(path.read_text())["interactions"][0].keys() >= {"failure"}


@LIBRARIES
def test_a_time_out_is_recorded_and_happens_again_at_once(tmp_path, library):
    """A provider that keeps silent for longer than the client waits is replayed without waiting."""
    path = tmp_path / "a.json"
    with Simulator(script([TransportFailure(Failure.READ_TIMEOUT)])) as silent:
        recorded = text_of(
            library, lambda client: client.post(URL, json=BODY), path=path, mode="once", upstream={PROVIDER: silent.url}
        )

    replayed = text_of(library, lambda client: client.post(URL, json=BODY), path=path)

    assert recorded[0] == "ReadTimeout"
    assert replayed == recorded


@LIBRARIES
async def test_a_refusal_is_raised_by_the_bare_client(cassette, library):
    """Sync and async, the bare client raises the refusal itself."""
    other = {**BODY, "max_tokens": 6}
    with use_cassette(cassette, on_unplayed="ignore", on_unmatched="ignore"):
        with pytest.raises(UnmatchedRequest, match=r"does not exist|already played"):
            library.post(URL, json=other)
        async with library.AsyncClient() as client:
            with pytest.raises(UnmatchedRequest):
                await client.post(URL, json=other)


def test_the_placeholder_of_a_key_is_never_sent(tmp_path, monkeypatch):
    """A recording without a key is refused before it leaves, and says which variable to set."""
    monkeypatch.setenv("ANTHROPIC_API_KEY", "sk-ant-api03-placeholder")

    with (
        use_cassette(tmp_path / "a.json", mode="once", on_unmatched="ignore"),
        pytest.raises(BaseException, match=r"Set +ANTHROPIC_API_KEY"),
    ):
        httpx2.post(URL, json=BODY, headers={"x-api-key": os.environ["ANTHROPIC_API_KEY"]})

    assert not Path(tmp_path / "a.json").exists()
