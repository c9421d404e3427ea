"""Calls that a recording does not see the end of: those that outlive it, and those of forked children."""

from __future__ import annotations

import multiprocessing
import sys
import threading
import traceback
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from http.server import BaseHTTPRequestHandler, HTTPServer

import httpx2
import pytest

from llmreplay import use_cassette
from llmreplay.simulator import Simulator

PROVIDER = "https://api.anthropic.com"
ASKED = {"model": "claude-haiku-4-5", "max_tokens": 9, "messages": [{"role": "user", "content": "hi"}]}


def ask():
    with httpx2.Client(verify=False) as client:
        return client.post(f"{PROVIDER}/v1/messages", json=ASKED).status_code


def test_a_call_that_outlives_the_recording_is_told_and_leaves_nothing_behind(tmp_path):
    """Nobody can replay it, so the recording says so; its late answer makes no journal."""
    asked, gate = threading.Event(), threading.Event()

    class Slow(BaseHTTPRequestHandler):
        def do_POST(self):
            asked.set()
            gate.wait(10)
            self.send_response(200)
            self.send_header("content-length", "2")
            self.end_headers()
            self.wfile.write(b"{}")

        def log_message(self, *_):
            pass

    with HTTPServer(("127.0.0.1", 0), Slow) as server, ThreadPoolExecutor(2) as pool:
        pool.submit(server.handle_request)
        upstream = {PROVIDER: f"http://127.0.0.1:{server.server_port}"}
        with use_cassette(tmp_path / "a.json", mode="once", upstream=upstream) as replay:
            late = pool.submit(ask)
            assert asked.wait(10)
        gate.set()
        assert late.result(10) == 200

    assert list(tmp_path.iterdir()) == []
    [note] = replay.notes
    assert "1 request still waited for an answer when the recording ended" in note


def _ask_in_child():
    try:
        return ask()
    except BaseException as error:
        return "".join(traceback.format_exception(error))


@pytest.mark.skipif(sys.platform == "win32", reason="Windows forks no processes")
@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_calls_of_a_forked_child_are_not_recorded_and_a_refusal_there_says_why(tmp_path):
    """It has a copy of the cassette, which nobody writes: it leaves no journal, and recording again is no remedy."""
    fork = multiprocessing.get_context("fork")
    with (
        Simulator() as simulator,
        use_cassette(tmp_path / "a.json", mode="once", upstream={PROVIDER: simulator.url}),
        ProcessPoolExecutor(1, mp_context=fork) as pool,
    ):
        assert pool.submit(_ask_in_child).result(20) == 200

    assert list(tmp_path.iterdir()) == []
    with use_cassette(tmp_path / "a.json"), ProcessPoolExecutor(1, mp_context=fork) as pool:
        said = pool.submit(_ask_in_child).result(20)
    assert "UnmatchedRequest" in said
    assert "forked from the test's: calls of child processes are neither recorded nor replayed" in said
