"""aiohttp: what a session sees without a recorder it sees while recording, and again on replay."""

from __future__ import annotations

import asyncio
import io
import socket
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, ClassVar

import aiohttp
import pytest

from llmreplay import faults, first, use_cassette
from llmreplay.core.errors import FaultProblem, ReadPastEnd, UnmatchedRequest
from llmreplay.core.model import Chunk, End, Failure, Response, TransportFailure
from llmreplay.simulator import Simulator

PROVIDER = "https://api.openai.com"
PATH = "/v1/chat/completions"
ASKS = {"model": "gpt-5-mini", "stream": True, "messages": [{"role": "user", "content": "Where is Paris?"}]}
EVENTS = tuple(f"data: {number}\n\n".encode() for number in range(4))
SSE = (("content-type", "text/event-stream"),)
STREAM = Response(200, SSE, tuple(Chunk(event, 0.01) for event in EVENTS))
JSON = Response(200, (("content-type", "application/json"), ("x-request-id", "r1")), (Chunk(b'{"id": "x1"}'),))


def always(*outcomes: Any) -> Callable[[Any], Any]:
    """Give a source that answers with the outcomes in order, and with the last one from then on."""
    left = list(outcomes)
    return lambda request: left.pop(0) if len(left) > 1 else left[0]


def run(work: Callable[[str], Any], base: str = PROVIDER) -> Any:
    """Do asynchronous work on a loop of its own; gives what it returns, or the exception as plain values."""

    async def outcome() -> Any:
        try:
            return await work(base)
        except Exception as error:
            return type(error), str(error).replace(base, "<provider>")

    return asyncio.run(outcome())


@dataclass(slots=True)
class ThreeTimes:
    """Does the same work without a recorder, recording, and on replay."""

    path: Path
    requests: list[list[Any]] = field(default_factory=list)
    calls: Any = None

    def __call__(self, work: Callable[[str], Any], *outcomes: Any, compress: str | None = None) -> list[Any]:
        """Give what the work saw, each time."""
        seen = []
        with Simulator(always(*outcomes), compress=compress) as simulator:
            seen.append(run(work, simulator.url))
            self.requests.append(list(simulator.requests))
        with Simulator(always(*outcomes), compress=compress) as simulator:
            upstream = {PROVIDER: simulator.url}
            with use_cassette(self.path, mode="once", upstream=upstream):
                seen.append(run(work))
            self.requests.append(list(simulator.requests))
            with use_cassette(self.path, mode="none", upstream=upstream) as replay:
                seen.append(run(work))
            self.calls = replay.calls
            assert len(simulator.requests) == len(self.requests[1]), "the replay asked the provider"
        return seen


@pytest.fixture
def three_times(tmp_path: Path) -> ThreeTimes:
    """Give the function that does the same work three times."""
    return ThreeTimes(tmp_path / "three.json")


@pytest.fixture
def recorded(tmp_path: Path) -> Callable[..., use_cassette]:
    """Give the function that records answers to as many requests, and gives the cassette to replay."""

    def record(*outcomes: Any, **settings: Any) -> use_cassette:
        path = tmp_path / "recorded.json"
        with (
            Simulator(always(*outcomes)) as simulator,
            use_cassette(path, mode="once", upstream={PROVIDER: simulator.url}),
        ):
            for _ in outcomes:
                run(read_all)
        return use_cassette(path, mode="none", **settings)

    return record


async def read_all(base: str, **options: Any) -> Any:
    """Ask once, and give status and chunks."""
    async with aiohttp.ClientSession(**options) as session, session.post(base + PATH, json=ASKS) as response:
        return response.status, [chunk async for chunk in response.content.iter_any()]


@asynccontextmanager
async def asking(base: str, timeout: aiohttp.ClientTimeout) -> AsyncIterator[Any]:
    """Ask once, and give the response."""
    async with aiohttp.ClientSession(timeout=timeout) as session, session.post(base + PATH, json=ASKS) as response:
        yield response


def alike(seen: list[Any]) -> Any:
    """Give what was seen, once it is the same each time."""
    assert seen[0] == seen[1], "recording changes what the client sees"
    assert seen[1] == seen[2], "the replay differs from the recording"
    return seen[2]


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
            return [piece async for piece in READERS[reader](response)]

    seen = alike(three_times(work, STREAM))

    if reader == "any":
        assert seen == list(EVENTS)


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


# Broken answers

SHORT = aiohttp.ClientTimeout(sock_read=0.15)
TOTAL = aiohttp.ClientTimeout(total=0.3)


@pytest.mark.parametrize(
    ("end", "timeout", "raised"),
    [
        (End.PEER_CLOSED, SHORT, aiohttp.ClientPayloadError),
        (End.RESET, SHORT, aiohttp.ClientPayloadError),
        (End.READ_TIMEOUT, SHORT, aiohttp.SocketTimeoutError),
        (End.READ_TIMEOUT, TOTAL, TimeoutError),
    ],
    ids=["closed", "reset", "silent", "silent, total"],
)
def test_a_broken_stream_breaks_again(three_times, end, timeout, raised):
    """The chunks before the break are read, then the session's own exception is raised, live and on replay."""
    broken = replace(STREAM, chunks=tuple(Chunk(event, 0.03) for event in EVENTS[:2]), end=end)

    async def work(base):
        chunks = []
        async with asking(base, timeout) as response:
            try:
                async for chunk in response.content.iter_any():
                    chunks.append(chunk)
            except Exception as error:
                return chunks, type(error)
        return None

    assert alike(three_times(work, broken)) == (list(EVENTS[:2]), raised)
    assert three_times.calls.one().last.outcome.end is end


@pytest.mark.parametrize(
    ("kind", "timeout", "raised"),
    [
        (Failure.PROTOCOL_ERROR, SHORT, aiohttp.ServerDisconnectedError),
        (Failure.READ_ERROR, SHORT, aiohttp.ClientOSError),
        (Failure.READ_TIMEOUT, SHORT, aiohttp.SocketTimeoutError),
        (Failure.READ_TIMEOUT, TOTAL, TimeoutError),
    ],
    ids=["closed", "reset", "silent", "silent, total"],
)
def test_a_request_that_gets_no_response_fails_again(three_times, kind, timeout, raised):
    """A failure before the headers is recorded, and raised on replay with class and text."""

    async def work(base):
        return await read_all(base, timeout=timeout)

    seen = alike(three_times(work, TransportFailure(kind)))

    assert seen[0] is raised
    assert three_times.calls.one().last.outcome.kind is kind


def test_a_refused_connection_is_refused_again(tmp_path):
    """A connection that cannot be made is recorded, and its exception names the provider on replay."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        url = f"http://127.0.0.1:{free.getsockname()[1]}"
    path = tmp_path / "refused.json"

    with use_cassette(path, mode="once", upstream={PROVIDER: url}) as recording:
        live = run(read_all)
    with use_cassette(path, mode="none") as replay:
        replayed = run(read_all)

    assert live[0] is replayed[0] is aiohttp.ClientConnectorError
    assert replayed[1].startswith("Cannot connect to host api.openai.com:443 ssl:")
    assert recording.calls.one().last.outcome.message == replay.calls.one().last.outcome.message


def test_an_idempotent_request_is_tried_again_by_aiohttp(three_times):
    """Aiohttp's own retry of a GET whose connection dropped is two attempts, live and on replay."""

    async def work(base):
        async with aiohttp.ClientSession() as session, session.get(f"{base}/v1/models") as response:
            return response.status

    assert alike(three_times(work, TransportFailure(Failure.PROTOCOL_ERROR), JSON)) == 200
    assert sum(len(call.attempts) for call in three_times.calls) == 2


def test_a_stream_that_the_client_closed_ends_where_it_stopped_reading(three_times, tmp_path):
    """What the client took is kept; a client that wants more on replay is refused."""
    slow = replace(STREAM, chunks=tuple(Chunk(event, 0.05) for event in EVENTS))

    async def work(base):
        async with aiohttp.ClientSession() as session, session.post(base + PATH, json=ASKS) as response:
            return await response.content.readany()

    assert alike(three_times(work, slow)) == EVENTS[0]
    assert three_times.calls.one().last.outcome.end is End.CLIENT_CLOSED
    with pytest.raises(ReadPastEnd), use_cassette(three_times.path, mode="none"):
        run(read_all)


# Refusals


def test_a_refusal_reaches_the_user_as_itself(recorded):
    """A request that was never recorded raises the refusal, not an exception of aiohttp."""

    async def other(base):
        async with aiohttp.ClientSession() as session:
            await session.post(base + PATH, json={**ASKS, "model": "gpt-5"})

    with pytest.raises(UnmatchedRequest, match='recorded "gpt-5-mini"   sent "gpt-5"'), recorded(JSON):
        run(other)


def test_a_refusal_leaves_no_connection_behind(recorded):
    """The connector's pool is as free as before."""

    async def work():
        async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=1)) as session:
            for _ in range(3):
                with suppress(UnmatchedRequest):
                    await session.post(f"{PROVIDER}/v1/unknown", json={})
            return len(session.connector._acquired)

    with pytest.raises(UnmatchedRequest), recorded(JSON):
        assert asyncio.run(work()) == 0


# Faults


@pytest.mark.parametrize(
    ("fault", "raised"),
    [
        (faults.ConnectError(), aiohttp.ClientConnectorError),
        (faults.ConnectTimeout(), aiohttp.ConnectionTimeoutError),
        (faults.ReadTimeout(), aiohttp.SocketTimeoutError),
        (faults.ConnectionReset(), aiohttp.ClientOSError),
        (faults.ClosedAfterRequest(), aiohttp.ServerDisconnectedError),
    ],
    ids=lambda value: type(value).__name__ if not isinstance(value, type) else "",
)
def test_a_transport_fault_is_aiohttps_own_exception(recorded, fault, raised):
    """Each failure is raised as the class that aiohttp has for it; the next try is answered."""
    timeout = aiohttp.ClientTimeout(sock_connect=5, sock_read=60)

    async def work(base):
        return await read_all(base, timeout=timeout)

    with recorded(JSON) as replay:
        replay.inject(fault)
        failed, answered = run(work), run(work)

    assert failed[0] is raised
    assert answered == (200, [JSON.body])


@pytest.mark.parametrize(
    ("timeout", "raised"),
    [
        (aiohttp.ClientTimeout(sock_read=30), aiohttp.SocketTimeoutError),
        (aiohttp.ClientTimeout(total=30), TimeoutError),
    ],
    ids=["sock_read", "total"],
)
def test_a_stall_ends_with_the_clients_own_timeout(recorded, timeout, raised):
    """A stream that falls silent raises after the client's timeout, which takes no real time."""

    async def work(base):
        chunks = []
        async with asking(base, timeout) as response:
            try:
                async for chunk in response.content.iter_any():
                    chunks.append(chunk)
            except Exception as error:
                return len(chunks), type(error)
        return None

    with recorded(STREAM, on_unplayed="ignore") as replay:
        replay.inject(faults.Stall(after=2))
        seen = run(work)

    assert seen == (2, raised)


def test_a_read_that_is_broken_off_goes_on_waiting_for_the_same_chunk(recorded):
    """A deadline around one read does not make the provider begin again: the second read gets the late chunk."""

    async def work(base):
        loop = asyncio.get_running_loop()
        async with aiohttp.ClientSession() as session, session.post(base + PATH, json=ASKS) as response:
            began_s = loop.time()
            with pytest.raises(TimeoutError):
                await asyncio.wait_for(response.content.readany(), 5)
            data = await asyncio.wait_for(response.content.readany(), 5)
            await response.read()
            return data, loop.time() - began_s

    with recorded(STREAM) as replay:
        replay.inject(faults.SlowFirstToken(8))
        data, passed_s = run(work)

    assert data == EVENTS[0]
    assert passed_s == pytest.approx(8, abs=1)


def test_a_fault_while_recording_changes_the_answer_and_not_the_recording(tmp_path):
    """The client sees the cut stream; the cassette has the whole."""
    path = tmp_path / "whole.json"
    with (
        Simulator(always(STREAM)) as simulator,
        use_cassette(path, mode="once", upstream={PROVIDER: simulator.url}) as recording,
    ):
        recording.inject(faults.CutAfter(events=1))
        seen = run(read_all)

    assert seen[0] is aiohttp.ClientPayloadError
    with use_cassette(path, mode="none"):
        assert run(read_all) == (200, list(EVENTS))


def test_a_coding_that_cannot_be_undone_breaks_the_body_as_aiohttp_does(recorded):
    """A fault that names a wrong content coding makes aiohttp fail to decode."""
    with recorded(JSON, on_unplayed="ignore") as replay:
        replay.inject(faults.BadGzip())
        seen = run(read_all)

    assert seen[0] is aiohttp.ClientPayloadError
    assert "gzip" in seen[1]


@dataclass(frozen=True, slots=True)
class CannotWrite:
    """A failure that aiohttp does not have."""

    replaces: ClassVar[bool] = True

    def apply(self, outcome: Any, context: Any) -> TransportFailure:
        return TransportFailure(Failure.WRITE_TIMEOUT, "too slow")


def test_a_failure_that_aiohttp_does_not_have_is_refused(recorded):
    """There is no write timeout in aiohttp: the test fails and says so, instead of raising something else."""
    with pytest.raises(FaultProblem) as caught, recorded(JSON) as replay:  # noqa: PT012
        replay.inject(CannotWrite())
        run(read_all)

    assert str(caught.value) == (
        "this outcome cannot be given to a client of aiohttp, which has no such failure.\n\n"
        "  outcome   write_timeout: too slow\n"
        "  stack     aiohttp\n\n"
        "  From a fault?      inject one that this stack can have\n"
        "  From a cassette?   record it again with this client"
    )


def test_schedules_count_attempts_of_aiohttp(recorded):
    """The first two attempts are overloaded, the third is answered."""
    with recorded(JSON) as replay:
        replay.inject(faults.RateLimited(retry_after_s=3), on=first(2))
        statuses = [run(read_all)[0] for _ in range(3)]

    assert statuses == [429, 429, 200]
