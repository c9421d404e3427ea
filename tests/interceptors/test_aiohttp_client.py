"""aiohttp: what a session sees without a recorder it sees while recording, and again on replay."""

from __future__ import annotations

import asyncio
import io
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from llmreplay import use_cassette
from llmreplay.core.model import Chunk, Response
from llmreplay.simulator import Simulator

from .seen_thrice import ASKS, EVENTS, JSON, PATH, PROVIDER, STREAM, ThreeTimes, alike, always, recorded_with


def run(work: Callable[[str], Any], base: str = PROVIDER) -> Any:
    """Do asynchronous work on a loop of its own; gives what it returns, or the exception as plain values."""

    async def outcome() -> Any:
        try:
            return await work(base)
        except Exception as error:
            return type(error), str(error).replace(base, "<provider>")

    return asyncio.run(outcome())


@pytest.fixture
def three_times(tmp_path: Path) -> ThreeTimes:
    """Give the function that does the same work three times."""
    return ThreeTimes(tmp_path / "three.json", run)


@pytest.fixture
def recorded(tmp_path: Path) -> Callable[..., use_cassette]:
    """Give the function that records answers to as many requests, and gives the cassette to replay."""

    def record(outcome: Any, **settings: Any) -> use_cassette:
        return recorded_with(tmp_path / "recorded.json", lambda: run(read_all), outcome, **settings)

    return record


async def read_all(base: str, **options: Any) -> Any:
    """Ask once, and give status and chunks."""
    async with aiohttp.ClientSession(**options) as session, session.post(base + PATH, json=ASKS) as response:
        return response.status, [chunk async for chunk in response.content.iter_any()]


# Answers


@pytest.mark.parametrize("coding", [None, "gzip", "deflate", "br"])
@pytest.mark.parametrize("outcome", [JSON, STREAM], ids=["json", "stream"])
def test_a_body_is_what_the_provider_sent(three_times, coding, outcome):
    """Whatever the content coding, a session reads the same bytes live and on replay."""

    async def work(base):
        async with aiohttp.ClientSession() as session, session.post(base + PATH, json=ASKS) as response:
            return response.status, response.reason, response.content_type, await response.read()

    seen = alike(three_times(work, outcome, compress=coding))

    assert seen == (200, "OK", outcome.headers[0][1], outcome.body)


def test_a_coding_that_aiohttp_cannot_undo_fails_again(three_times):
    """Where no package for zstd is installed, the error that aiohttp makes of it is recorded and raised again."""
    plain, live, replayed = three_times(read_all, JSON, compress="zstd")

    assert plain == live
    assert replayed == (live if isinstance(live[0], type) else (200, [JSON.body]))


def test_a_session_that_does_not_decompress_gets_plain_bytes_on_replay(three_times):
    """Recordings are decoded: without `content-encoding` there is nothing left to undo."""

    async def work(base):
        async with (
            aiohttp.ClientSession(auto_decompress=False) as session,
            session.post(base + PATH, json=ASKS) as response,
        ):
            return response.headers.get("content-encoding"), await response.read()

    _, live, replayed = three_times(work, JSON, compress="gzip")

    assert live[0] == "gzip"
    assert live[1].startswith(b"\x1f\x8b")
    assert replayed == (None, JSON.body)


READERS = {
    "any": lambda response: response.content.iter_any(),
    "chunks": lambda response: response.content.iter_chunks(),
    "lines": lambda response: response.content,
    "by 5": lambda response: response.content.iter_chunked(5),
}


@pytest.mark.parametrize("reader", READERS)
def test_a_stream_keeps_its_chunks(three_times, reader):
    """Every way of reading a stream gives the same pieces live and on replay, ends of HTTP chunks included."""

    async def work(base):
        async with aiohttp.ClientSession() as session, session.post(base + PATH, json=ASKS) as response:
            # aiohttp tells of HTTP's last chunk, which is empty, when it comes in a packet of its own.
            return [piece async for piece in READERS[reader](response) if piece != (b"", True)]

    seen = alike(three_times(work, STREAM))

    if reader == "any":
        assert seen == list(EVENTS)


def test_chunks_that_arrive_at_once_stay_apart(three_times):
    """HTTP's own chunks are recorded one by one, however the network joined or cut them."""
    sizes = [1, 300_000, 2, 70_000, 3]
    quick = Response(200, STREAM.headers, tuple(Chunk(b"x" * size) for size in sizes))

    async def work(base):
        whole, part = [], b""
        async with aiohttp.ClientSession() as session, session.post(base + PATH, json=ASKS) as response:
            async for data, is_end in response.content.iter_chunks():
                part += data
                # Where an end comes by itself, the client says so once more, with nothing.
                if is_end and part:
                    whole.append(len(part))
                    part = b""
        return whole

    assert alike(three_times(work, quick)) == sizes
    assert [len(chunk.data) for chunk in three_times.calls.one().last.outcome.chunks] == sizes


def test_while_recording_chunks_arrive_as_they_come(tmp_path):
    """The recorder does not hold a stream back: the first chunk is there long before the last is sent."""
    slow = replace(STREAM, chunks=(Chunk(b"first"), Chunk(b"last", 0.3)))

    async def work(base):
        loop = asyncio.get_running_loop()
        times = []
        async with aiohttp.ClientSession() as session, session.post(base + PATH, json=ASKS) as response:
            async for _ in response.content.iter_any():
                times.append(loop.time())
        return times[-1] - times[0]

    with (
        Simulator(always(slow)) as simulator,
        use_cassette(tmp_path / "slow.json", mode="once", upstream={PROVIDER: simulator.url}) as recording,
    ):
        apart_s = run(work)

    assert apart_s > 0.2
    assert recording.calls.one().last.outcome.chunks[1].after_s > 0.2


@pytest.mark.parametrize(("method", "status"), [("HEAD", 200), ("GET", 204), ("GET", 304)], ids=["HEAD", "204", "304"])
def test_an_answer_without_a_body_ends_at_once(three_times, method, status):
    """Nothing is read where HTTP allows no body, and the connection is let go."""

    async def work(base):
        async with aiohttp.ClientSession() as session:
            response = await session.request(method, f"{base}/v1/models")
            return response.status, response.closed, await response.read()

    assert alike(three_times(work, Response(status))) == (status, True, b"")


# What stays aiohttp's own


def test_redirects_are_followed_by_aiohttp(three_times):
    """Each hop is a recording of its own, and the history is kept."""
    away = Response(307, (("location", "/v1/elsewhere"),))

    async def work(base):
        async with aiohttp.ClientSession() as session, session.post(base + PATH, json=ASKS) as response:
            return response.url.path, [one.status for one in response.history], await response.json()

    assert alike(three_times(work, away, JSON)) == ("/v1/elsewhere", [307], {"id": "x1"})


def test_a_response_knows_the_providers_address_while_recording_from_a_stand_in(three_times):
    """With `upstream` the application still sees the address it asked."""

    async def work(base):
        async with aiohttp.ClientSession() as session, session.post(base + PATH, json=ASKS) as response:
            return str(response.url), str(response.request_info.url), response.request_info.headers["Host"]

    _, live, replayed = three_times(work, JSON)

    assert live[0] == replayed[0] == PROVIDER + PATH
    assert replayed[1:] == (PROVIDER + PATH, "api.openai.com")


def test_raise_for_status_raises(three_times):
    """A session that raises for errors raises its own exception with status and headers."""
    busy = Response(429, (("retry-after", "7"),), (Chunk(b"{}"),))

    async def work(base):
        async with aiohttp.ClientSession(raise_for_status=True) as session:
            try:
                await session.post(base + PATH, json=ASKS)
            except aiohttp.ClientResponseError as error:
                return error.status, error.message, error.headers["retry-after"]

    assert alike(three_times(work, busy)) == (429, "Too Many Requests", "7")


@pytest.mark.skipif(not hasattr(aiohttp, "ClientHandlerType"), reason="this aiohttp has no client middlewares")
def test_a_middleware_retries_through_the_seam(three_times):
    """A retry made by a client middleware is an attempt of its own, live and on replay."""

    async def retrying(request, handler):
        response = await handler(request)
        if response.status == 503:
            response.release()
            response = await handler(request)
        return response

    async def work(base):
        async with (
            aiohttp.ClientSession(middlewares=(retrying,)) as session,
            session.post(base + PATH, json=ASKS) as response,
        ):
            return response.status

    assert alike(three_times(work, Response(503, (), (Chunk(b"{}"),)), JSON)) == 200
    assert [one.status for one in three_times.calls.one().attempts] == [503, 200]


def test_traces_and_cookies_work(three_times):
    """A trace sees start, headers and end of the request; a cookie of the jar is sent."""

    async def work(base):
        seen = []
        trace = aiohttp.TraceConfig()

        async def note(name, *_):
            seen.append(name)

        for name in ("on_request_start", "on_request_headers_sent", "on_request_end"):
            getattr(trace, name).append(lambda *_, name=name: note(name))
        jar = aiohttp.CookieJar(unsafe=True)
        async with aiohttp.ClientSession(trace_configs=[trace], cookie_jar=jar, cookies={"one": "1"}) as session:
            await (await session.post(base + PATH, json=ASKS)).read()
        return seen

    assert alike(three_times(work, JSON)) == ["on_request_start", "on_request_headers_sent", "on_request_end"]
    assert all(("cookie", "one=1") in requests[0].headers for requests in three_times.requests)


async def _pieces():
    yield b'{"model": "gpt-5-mini", '
    yield b'"messages": []}'


def _form() -> aiohttp.FormData:
    form = aiohttp.FormData(boundary="b") if "boundary" in aiohttp.FormData.__init__.__annotations__ else None
    form = form or aiohttp.FormData()
    form.add_field("purpose", "batch")
    return form


BODIES = {
    "json": lambda: {"json": ASKS},
    "bytes": lambda: {"data": b'{"model": "gpt-5-mini"}'},
    "long bytes": lambda: {"data": io.BytesIO(b"x" * 3_000_000)},
    "text": lambda: {"data": "Grüße"},
    "file": lambda: {"data": io.BytesIO(b'{"model": "gpt-5-mini"}')},
    "pieces": lambda: {"data": _pieces()},
    "form": lambda: {"data": _form()},
    "none": dict,
    "expecting 100": lambda: {"json": ASKS, "expect100": True},
    "compressed": lambda: {"json": ASKS, "compress": "gzip"},
}


@pytest.mark.parametrize("body", BODIES)
def test_a_request_body_of_any_kind_is_sent_whole_and_matched(three_times, body):
    """The provider receives the same body with and without a recorder, and the replay finds it again."""

    async def work(base):
        async with aiohttp.ClientSession() as session, session.post(base + PATH, **BODIES[body]()) as response:
            return response.status

    assert alike(three_times(work, JSON)) == 200
    plain, live = three_times.requests
    assert plain[0].body == live[0].body
    assert (body == "none") == (not live[0].body)


def test_a_session_made_before_the_cassette_is_covered(recorded):
    """The patch is on the class: clients of any age replay."""
    cassette = recorded(JSON)

    async def work():
        async with aiohttp.ClientSession() as session:
            with cassette:
                return await (await session.post(PROVIDER + PATH, json=ASKS)).json()

    assert asyncio.run(work()) == {"id": "x1"}


def test_many_requests_at_once_each_get_their_own_answer(tmp_path):
    """Twenty concurrent requests are recorded and replayed, none lost, none swapped."""

    def answer(request):
        return replace(JSON, chunks=(Chunk(request.body),))

    async def work(base):
        async with aiohttp.ClientSession() as session:

            async def ask(number):
                async with session.post(base + PATH, json={**ASKS, "seed": number}) as response:
                    return (await response.json())["seed"]

            return await asyncio.gather(*map(ask, range(20)))

    path = tmp_path / "many.json"
    with Simulator(answer) as simulator, use_cassette(path, mode="once", upstream={PROVIDER: simulator.url}):
        assert run(work) == list(range(20))
    with use_cassette(path, mode="none") as replay:
        assert run(work) == list(range(20))

    assert len(replay.calls) == 20


def test_the_seam_is_taken_back():
    """After the last cassette closes, aiohttp's own method stands again."""
    original = aiohttp.BaseConnector.connect

    with use_cassette("unused.json", mode="live"):
        assert aiohttp.BaseConnector.connect is not original

    assert aiohttp.BaseConnector.connect is original
