"""urllib3, requests and botocore: what a client sees without a recorder it sees recording, and again on replay."""

from __future__ import annotations

import io
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import requests
import urllib3
from urllib3.util import Retry

from llmreplay import faults, first, use_cassette
from llmreplay.core.model import Chunk, End, Response
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


# Answers


@pytest.mark.parametrize("coding", [None, "gzip", "deflate", "br"])
@pytest.mark.parametrize("outcome", [JSON, STREAM], ids=["json", "stream"])
def test_a_body_is_what_the_provider_sent(three_times, coding, outcome):
    """Whatever the content coding, the client reads the same bytes live and on replay."""
    assert alike(three_times(posted, outcome, compress=coding)) == (200, outcome.body)


def _by_urllib3(base: str, amount: int | None) -> list[bytes]:
    with urllib3.PoolManager() as pool:
        response = pool.request("POST", base + PATH, json=ASKS, preload_content=False)
        pieces = list(response.stream(amount))
        response.release_conn()
        return pieces


def _lines(base: str) -> list[bytes]:
    with urllib3.PoolManager() as pool, pool.request("POST", base + PATH, json=ASKS, preload_content=False) as response:
        return list(response)


def _by_requests(base: str, amount: int | None) -> list[bytes]:
    with requests.Session() as session, session.post(base + PATH, json=ASKS, stream=True) as response:
        return list(response.iter_content(amount))


READERS = {
    "as it comes": lambda base: _by_urllib3(base, None),
    "by 5": lambda base: _by_urllib3(base, 5),
    "lines": _lines,
    "requests": lambda base: _by_requests(base, None),
    "requests by 5": lambda base: _by_requests(base, 5),
}


@pytest.mark.parametrize("outcome", [JSON, STREAM], ids=["json", "stream"])
@pytest.mark.parametrize("reader", READERS)
def test_a_stream_keeps_its_chunks(three_times, reader, outcome):
    """Every way of reading gives the same pieces live and on replay."""
    seen = alike(three_times(READERS[reader], outcome))

    assert b"".join(seen) == outcome.body
    if reader == "as it comes" and outcome is STREAM:
        assert seen == list(EVENTS)
    assert three_times.calls.one().last.outcome.end is End.COMPLETE


def test_while_recording_chunks_arrive_as_they_come(tmp_path):
    """The recorder does not hold a stream back: the first chunk is there before the last is sent."""
    slow = replace(STREAM, chunks=(Chunk(b"first"), Chunk(b"last", 0.3)))
    times = []

    with (
        Simulator(always(slow)) as simulator,
        use_cassette(tmp_path / "slow.json", mode="once", upstream={PROVIDER: simulator.url}) as recording,
        requests.post(PROVIDER + PATH, json=ASKS, stream=True, timeout=5) as response,
    ):
        for _ in response.iter_content(None):
            times.append(time.perf_counter())

    assert times[-1] - times[0] > 0.2
    assert recording.calls.one().last.outcome.chunks[1].after_s > 0.2


@pytest.mark.parametrize(("method", "status"), [("HEAD", 200), ("GET", 204), ("GET", 304)], ids=["HEAD", "204", "304"])
def test_an_answer_without_a_body_ends_at_once(three_times, method, status):
    """Nothing is read where HTTP allows no body."""

    def work(base):
        response = requests.request(method, f"{base}/v1/models", timeout=5)
        return response.status_code, response.content

    assert alike(three_times(work, Response(status))) == (status, b"")
    assert three_times.calls.one().last.outcome.end is End.COMPLETE


BODIES: dict[str, Callable[[], dict[str, Any]]] = {
    "json": lambda: {"json": ASKS},
    "bytes": lambda: {"data": b'{"model": "gpt-5-mini"}'},
    "text": lambda: {"data": "Grüße".encode()},
    "file": lambda: {"data": io.BytesIO(b'{"model": "gpt-5-mini"}')},
    "pieces": lambda: {"data": iter([b'{"model": ', b'"gpt-5-mini"}'])},
    "none": dict,
}


@pytest.mark.parametrize("body", BODIES)
def test_a_request_body_of_any_kind_is_sent_whole(three_times, body):
    """The provider receives the same body with and without a recorder."""

    def work(base):
        return requests.post(base + PATH, timeout=5, **BODIES[body]()).status_code

    assert alike(three_times(work, JSON)) == 200
    plain, live = three_times.requests
    assert plain[0].body == live[0].body
    assert (body == "none") == (not live[0].body)


# What stays theirs


def test_urllib3_retries_through_the_seam(three_times):
    """A Retry of urllib3 makes attempts of one call: two that failed and one that did not."""
    busy = Response(503, (("retry-after", "0"),), (Chunk(b"{}"),))

    def work(base):
        with urllib3.PoolManager() as pool:
            retries = Retry(total=3, status_forcelist=[503], allowed_methods=None)
            response = pool.request("POST", base + PATH, json=ASKS, retries=retries)
            return response.status, len(response.retries.history)

    assert alike(three_times(work, busy, busy, JSON)) == (200, 2)
    assert [one.status for one in three_times.calls.one().attempts] == [503, 503, 200]


def test_a_retry_waits_in_virtual_time(recorded):
    """The provider's Retry-After is waited for by urllib3, on the test's clock."""
    began_s = time.perf_counter()

    with recorded(JSON) as replay, urllib3.PoolManager() as pool:
        replay.inject(faults.RateLimited(retry_after_s=60), on=first(2))
        retries = Retry(total=3, status_forcelist=[429], allowed_methods=None)
        response = pool.request("POST", PROVIDER + PATH, json=ASKS, retries=retries)

    assert response.status == 200
    assert replay.calls.waits_s == [60.0, 60.0]
    assert time.perf_counter() - began_s < 10


def test_redirects_and_cookies_are_those_of_requests(three_times):
    """Each hop is a recording of its own; the history is kept, and a cookie of the jar is sent."""
    away = Response(307, (("location", "/v1/elsewhere"),))

    def work(base):
        with requests.Session() as session:
            session.cookies.set("one", "1")
            response = session.post(base + PATH, json=ASKS)
            return response.url[len(base) :], [one.status_code for one in response.history], response.json()

    assert alike(three_times(work, away, JSON)) == ("/v1/elsewhere", [307], {"id": "x1"})
    assert all(("cookie", "one=1") in asked[0].headers for asked in three_times.requests)


def test_a_session_made_before_the_cassette_is_covered(recorded):
    """The patch is on the class: clients of any age replay, also twice over one pool."""
    with requests.Session() as session, recorded(JSON, allow_repeats=True):
        answers = [session.post(PROVIDER + PATH, json=ASKS).json() for _ in range(3)]

    assert answers == [{"id": "x1"}] * 3


def test_a_pool_is_reused_for_real_connections_after_a_replay(tmp_path, recorded):
    """Nothing of ours is left in a pool: a session that replayed talks to a real server afterwards."""
    with Simulator(always(JSON)) as simulator, requests.Session() as session:
        path = tmp_path / "local.json"
        with use_cassette(path, mode="once", hosts=["127.0.0.1"]):
            session.post(simulator.url + PATH, json=ASKS)
        with use_cassette(path, mode="none", hosts=["127.0.0.1"]):
            session.post(simulator.url + PATH, json=ASKS)
        assert session.post(simulator.url + PATH, json=ASKS).json() == {"id": "x1"}

        assert len(simulator.requests) == 2


def test_the_seam_is_taken_back():
    """After the last cassette closes, the pools' own methods stand again."""
    pools = (urllib3.HTTPConnectionPool, urllib3.HTTPSConnectionPool)
    original = [(pool._make_request, pool._prepare_proxy) for pool in pools]

    with use_cassette("unused.json", mode="live"):
        assert urllib3.HTTPConnectionPool._make_request is not original[0][0]

    assert [(pool._make_request, pool._prepare_proxy) for pool in pools] == original


def test_threads_neither_lose_nor_swap_calls(tmp_path):
    """Forty requests from eight threads over one session are recorded and replayed, each with its own answer."""

    def answer(request):
        return replace(JSON, chunks=(Chunk(request.body),))

    def work():
        with requests.Session() as session, ThreadPoolExecutor(8) as pool:

            def ask(number):
                return session.post(PROVIDER + PATH, json={**ASKS, "seed": number}).json()["seed"]

            return list(pool.map(ask, range(40)))

    path = tmp_path / "many.json"
    with Simulator(answer) as simulator, use_cassette(path, mode="once", upstream={PROVIDER: simulator.url}):
        assert work() == list(range(40))
    with use_cassette(path, mode="none") as replay:
        assert work() == list(range(40))

    assert len(replay.calls) == 40


def test_a_replay_digs_no_tunnel_to_a_proxy(recorded):
    """With a proxy configured, as offices have it, the answer still comes from the cassette."""
    with recorded(JSON), urllib3.ProxyManager("http://127.0.0.1:9") as pool:
        response = pool.request("POST", PROVIDER + PATH, json=ASKS)

    assert response.json() == {"id": "x1"}
