"""The embedded provider: its life, and what it keeps."""

from __future__ import annotations

import gzip
import io
import subprocess
import sys
import threading
import time

import httpx
import pytest

from llmreplay.core.errors import LlmReplayError, MissingExtra
from llmreplay.core.model import Chunk, End, Response
from llmreplay.simulator import Simulator, script
from llmreplay.simulator.__main__ import main

BODY = b'{"model": "m", "n": 1.0}'
EVENTS = tuple(b'data: {"piece": %d}\n\n' % number for number in range(7))


def a_response(**fields):
    defaults = {"status": 200, "chunks": tuple(Chunk(event) for event in EVENTS)}
    return Response(**{**defaults, **fields})


def test_requests_are_kept_as_they_arrived_decoded():
    """A request is kept with method, address, headers and its body after content decoding."""
    headers = {"content-encoding": "gzip", "x-trace": "7"}

    with Simulator(script([200])) as simulator:
        httpx.post(simulator.url + "/v1/a%20b?x=%2F", content=gzip.compress(BODY), headers=headers)

    (request,) = simulator.requests
    assert (request.method, request.url) == ("POST", f"{simulator.url}/v1/a%20b?x=%2F")
    assert ("x-trace", "7") in request.headers
    assert request.body == BODY


def test_connections_are_counted(ask):
    """Every accepted TCP connection counts, and none counts that was not made."""
    with Simulator(script([200, 200])) as simulator:
        before = simulator.connections
        ask(simulator)
        ask(simulator)

    assert (before, simulator.connections) == (0, 2)


def test_stop_ends_streams_threads_and_listener(ask):
    """Stopping cuts what still streams, ends the thread, frees the port, and may be repeated."""
    broken = []
    others = set(threading.enumerate())
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
    assert set(threading.enumerate()) <= others
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


def test_a_source_that_fails_is_not_swallowed(ask):
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


def test_module_serves_until_it_is_told_to_stop(monkeypatch):
    """The command prints its address, answers on it, and ends with 0."""
    # What `capsys` reads it also empties, and loses what another thread writes in between.
    said = io.StringIO()
    monkeypatch.setattr(sys, "stdout", said)
    until = threading.Event()
    codes = []
    thread = threading.Thread(target=lambda: codes.append(main(["--port", "0"], until=until)))

    thread.start()
    url = ""
    while not url and thread.is_alive():
        url = said.getvalue().strip()
    status = httpx.get(url).status_code
    until.set()
    thread.join(5)

    assert (status, codes) == (404, [0])
