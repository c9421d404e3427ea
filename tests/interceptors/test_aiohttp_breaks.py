"""Broken answers, refusals and faults, as a client of aiohttp meets them."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, ClassVar

import aiohttp
import pytest

from llmreplay import faults, first, use_cassette
from llmreplay.core.errors import FaultProblem, ReadPastEnd, UnmatchedRequest
from llmreplay.core.model import Chunk, End, Failure, TransportFailure
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


@asynccontextmanager
async def asking(base: str, timeout: aiohttp.ClientTimeout) -> AsyncIterator[Any]:
    """Ask once, and give the response."""
    async with aiohttp.ClientSession(timeout=timeout) as session, session.post(base + PATH, json=ASKS) as response:
        yield response


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
