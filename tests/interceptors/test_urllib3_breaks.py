"""Broken answers, refusals and faults, as clients of urllib3 and requests meet them."""

from __future__ import annotations

import socket
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import requests
import urllib3
from urllib3.util import Timeout

from llmreplay import faults, first, use_cassette
from llmreplay.core.errors import ReadPastEnd, UnmatchedRequest
from llmreplay.core.model import Chunk, End, Failure, TransportFailure
from llmreplay.simulator import Simulator

from .seen_thrice import ASKS, EVENTS, JSON, PATH, PROVIDER, STREAM, ThreeTimes, alike, always, recorded_with


def run(work: Callable[[str], Any], base: str = PROVIDER) -> Any:
    """Do the work; gives what it returns, or the exception as plain values."""
    try:
        return work(base)
    except Exception as error:
        return type(error), type(getattr(error, "reason", error))


@pytest.fixture
def three_times(tmp_path: Path) -> ThreeTimes:
    """Give the function that does the same work three times."""
    return ThreeTimes(tmp_path / "three.json", run)


@pytest.fixture
def recorded(tmp_path: Path) -> Callable[..., use_cassette]:
    """Give the function that records an answer, and gives the cassette to replay."""

    def record(outcome: Any, **settings: Any) -> use_cassette:
        return recorded_with(tmp_path / "recorded.json", lambda: run(posted), outcome, **settings)

    return record


def posted(base: str, **options: Any) -> Any:
    """Ask once through urllib3."""
    with urllib3.PoolManager(retries=False) as pool:
        response = pool.request("POST", base + PATH, json=ASKS, **options)
        return response.status, response.data


# Broken answers

SHORT = Timeout(connect=5, read=0.15)


@pytest.mark.parametrize(
    ("end", "raised"),
    [
        (End.PEER_CLOSED, urllib3.exceptions.ProtocolError),
        (End.RESET, urllib3.exceptions.ProtocolError),
        (End.READ_TIMEOUT, urllib3.exceptions.ReadTimeoutError),
    ],
    ids=["closed", "reset", "silent"],
)
def test_a_broken_stream_breaks_again(three_times, end, raised):
    """The chunks before the break are read, then urllib3's own exception is raised, live and on replay."""
    broken = replace(STREAM, chunks=tuple(Chunk(event, 0.03) for event in EVENTS[:2]), end=end)

    def work(base):
        chunks = []
        with urllib3.PoolManager() as pool:
            response = pool.request("POST", base + PATH, json=ASKS, preload_content=False, timeout=SHORT)
            try:
                chunks.extend(iter(response.stream(None)))
            except Exception as error:
                return chunks, type(error)
            return chunks

    assert alike(three_times(work, broken)) == (list(EVENTS[:2]), raised)
    assert three_times.calls.one().last.outcome.end is end


@pytest.mark.parametrize(
    ("kind", "raised"),
    [
        (Failure.PROTOCOL_ERROR, urllib3.exceptions.ProtocolError),
        (Failure.READ_ERROR, urllib3.exceptions.ProtocolError),
        (Failure.READ_TIMEOUT, urllib3.exceptions.ReadTimeoutError),
    ],
    ids=["closed", "reset", "silent"],
)
def test_a_request_that_gets_no_response_fails_again(three_times, kind, raised):
    """A failure before the headers is recorded, and raised on replay with class and text."""

    def work(base):
        try:
            return posted(base, timeout=SHORT)
        except urllib3.exceptions.HTTPError as error:
            return type(error), str(error).split(": ", 1)[-1]

    seen = alike(three_times(work, TransportFailure(kind)))

    assert seen[0] is raised
    assert three_times.calls.one().last.outcome.kind is kind


def test_a_refused_connection_is_refused_again(tmp_path):
    """A connection that cannot be made is recorded, and raised again as urllib3 and requests raise it."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        url = f"http://127.0.0.1:{free.getsockname()[1]}"
    path = tmp_path / "refused.json"

    def work(base):
        return requests.post(base + PATH, json=ASKS, timeout=5)

    with use_cassette(path, mode="once", upstream={PROVIDER: url}):
        live = run(work)
    with use_cassette(path, mode="none") as replay:
        replayed = run(work)

    assert live[0] is replayed[0] is requests.ConnectionError
    assert replay.calls.one().last.outcome.message == "[Errno 111] Connection refused"


def test_a_stream_that_the_client_closed_ends_where_it_stopped_reading(three_times):
    """What the client took is kept; a client that wants more on replay is refused."""
    slow = replace(STREAM, chunks=tuple(Chunk(event, 0.05) for event in EVENTS))

    def work(base):
        with requests.post(base + PATH, json=ASKS, stream=True, timeout=5) as response:
            return next(response.iter_content(None))

    assert alike(three_times(work, slow)) == EVENTS[0]
    assert three_times.calls.one().last.outcome.end is End.CLIENT_CLOSED
    with pytest.raises(ReadPastEnd), use_cassette(three_times.path, mode="none"):
        posted(PROVIDER)


# Refusals and faults


@pytest.mark.parametrize("client", ["urllib3", "requests"])
def test_a_refusal_reaches_the_user_as_itself(recorded, client):
    """A request that was never recorded raises the refusal, whatever retries are set."""
    with pytest.raises(UnmatchedRequest) as caught, recorded(JSON) as replay:  # noqa: PT012
        if client == "urllib3":
            urllib3.PoolManager(retries=5).request("POST", PROVIDER + PATH, json={**ASKS, "model": "gpt-5"})
        else:
            requests.post(PROVIDER + PATH, json={**ASKS, "model": "gpt-5"}, timeout=5)

    assert 'recorded "gpt-5-mini"   sent "gpt-5"' in str(caught.value)
    assert len(replay.calls) == 1


@pytest.mark.parametrize(
    ("fault", "of_urllib3", "of_requests"),
    [
        (faults.ConnectError(), urllib3.exceptions.NewConnectionError, requests.ConnectionError),
        (faults.ConnectTimeout(), urllib3.exceptions.ConnectTimeoutError, requests.ConnectTimeout),
        (faults.ReadTimeout(), urllib3.exceptions.ReadTimeoutError, requests.ReadTimeout),
        (faults.ConnectionReset(), urllib3.exceptions.ProtocolError, requests.ConnectionError),
        (faults.ClosedAfterRequest(), urllib3.exceptions.ProtocolError, requests.ConnectionError),
    ],
    ids=lambda value: "" if isinstance(value, type) else type(value).__name__,
)
def test_a_transport_fault_is_the_clients_own_exception(recorded, fault, of_urllib3, of_requests):
    """Each failure is raised as the class that urllib3 and requests have for it; the next try is answered."""

    def by_requests(base):
        return requests.post(base + PATH, json=ASKS, timeout=(5, 60))

    with recorded(JSON) as replay:
        replay.inject(fault, on=first(2))
        raised = [run(lambda base: posted(base, timeout=Timeout(connect=5, read=60)))[0], run(by_requests)[0]]
        answered = run(posted)

    assert raised == [of_urllib3, of_requests]
    assert answered == (200, JSON.body)


@pytest.mark.parametrize(
    ("kind", "raised"),
    [
        (Failure.WRITE_TIMEOUT, urllib3.exceptions.ProtocolError),
        (Failure.WRITE_ERROR, urllib3.exceptions.ProtocolError),
        (Failure.POOL_TIMEOUT, urllib3.exceptions.EmptyPoolError),
    ],
    ids=lambda value: value.value if isinstance(value, Failure) else "",
)
def test_rare_failures_have_an_exception_too(recorded, kind, raised):
    """There is no failure that urllib3 cannot have, and none costs the pool a connection."""

    class Failing:
        replaces = True

        def apply(self, outcome, context):
            return TransportFailure(kind)

    with recorded(JSON) as replay, urllib3.PoolManager(maxsize=1, block=True, retries=False) as pool:
        replay.inject(Failing())
        with pytest.raises(raised):
            pool.request("POST", PROVIDER + PATH, json=ASKS)
        response = pool.request("POST", PROVIDER + PATH, json=ASKS, pool_timeout=1)

    assert response.status == 200


def test_a_stall_ends_with_the_clients_own_timeout(recorded):
    """A stream that falls silent raises after the client's read timeout, which takes no real time."""
    began_s = time.perf_counter()
    chunks = []

    def work(base):
        with requests.post(base + PATH, json=ASKS, stream=True, timeout=(5, 60)) as response:
            chunks.extend(response.iter_content(None))

    with recorded(STREAM, on_unplayed="ignore") as replay:
        replay.inject(faults.Stall(after=2))
        seen = run(work)

    assert seen[0] is requests.ConnectionError
    assert chunks == list(EVENTS[:2])
    assert time.perf_counter() - began_s < 10


def test_a_fault_while_recording_changes_the_answer_and_not_the_recording(tmp_path):
    """The client sees the cut stream; the cassette has the whole."""
    path = tmp_path / "whole.json"
    with (
        Simulator(always(STREAM)) as simulator,
        use_cassette(path, mode="once", upstream={PROVIDER: simulator.url}) as recording,
    ):
        recording.inject(faults.CutAfter(events=1))
        seen = run(posted)

    assert seen[0] is urllib3.exceptions.ProtocolError
    with use_cassette(path, mode="none"):
        assert run(posted) == (200, STREAM.body)


def test_a_coding_that_cannot_be_undone_breaks_the_body_as_urllib3_does(recorded):
    """A fault that names a wrong content coding makes urllib3 fail to decode."""
    with recorded(JSON, on_unplayed="ignore") as replay:
        replay.inject(faults.BadGzip())
        seen = run(posted)

    assert seen[0] is urllib3.exceptions.DecodeError
