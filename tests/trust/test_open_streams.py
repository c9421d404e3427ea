"""Streams that the test leaves open are paid for, too: what came of them is recorded, and replayed as far."""

from __future__ import annotations

import asyncio
import gc
import threading
import time

import anthropic
import httpx2
import pytest
from trust_doubles import ANTHROPIC, a_message_stream, always, names_in

from llmreplay import use_cassette
from llmreplay.core.model import End
from llmreplay.storage.files import load

ASKED = {
    "model": "claude-haiku-4-5",
    "max_tokens": 9,
    "messages": [{"role": "user", "content": "hi"}],
    "stream": True,
}
LEFT = []
"""What nobody closes stays here, so that no garbage collection does."""
LOOPS = []
"""Loops of those, for after the test: when such a stream is freed, its loop gets the task to close it."""


def by_the_sdk():
    stream = anthropic.Anthropic(api_key="sk-any").messages.create(**ASKED)
    LEFT.append(stream)
    return [next(iter(stream)).to_json() for _ in range(1)]


def by_the_async_sdk():
    async def main():
        stream = await anthropic.AsyncAnthropic(api_key="sk-any").messages.create(**ASKED)
        LEFT.append(stream)
        return [(await anext(aiter(stream))).to_json()]

    loop = asyncio.new_event_loop()
    LOOPS.append(loop)
    return loop.run_until_complete(main())


def by_httpx2():
    client = httpx2.Client()
    answer = client.send(client.build_request("POST", f"{ANTHROPIC}/v1/messages", json=ASKED), stream=True)
    LEFT.extend([client, answer])
    return [next(answer.iter_raw())]


def by_requests():
    import requests

    answer = requests.post(f"{ANTHROPIC}/v1/messages", json=ASKED, stream=True, timeout=10)
    LEFT.append(answer)
    return [next(answer.iter_content(20))]


def without_reading():
    client = httpx2.Client()
    answer = client.send(client.build_request("POST", f"{ANTHROPIC}/v1/messages", json=ASKED), stream=True)
    LEFT.extend([client, answer])
    return [answer.status_code]


@pytest.fixture(autouse=True)
def let_go():
    """Let go of what was left open once the test is over."""
    yield
    LEFT.clear()
    gc.collect()
    while LOOPS:
        loop = LOOPS.pop()
        loop.run_until_complete(asyncio.sleep(0))
        loop.run_until_complete(loop.shutdown_asyncgens())
        loop.close()


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning", "ignore::ResourceWarning")
@pytest.mark.parametrize("work", [by_the_sdk, by_the_async_sdk, by_httpx2, by_requests, without_reading])
def test_what_came_of_a_stream_that_is_left_open_is_recorded(tmp_path, listener, work):
    """It is on the cassette as closed by the client, no journal is left, and the same work replays."""
    listener.answer = always(a_message_stream("It is a long answer." * 400, 5))
    path = tmp_path / "one.json"

    with use_cassette(path, mode="once", upstream=listener.upstream):
        live = work()
    with use_cassette(path, mode="none"):
        replayed = work()
    let_go_of = LEFT[:]
    LEFT.clear()
    del let_go_of
    gc.collect()

    (interaction,) = load(path)
    assert interaction.outcome.end is End.CLIENT_CLOSED
    assert replayed == live
    assert names_in(tmp_path) == ["one.json"]


def test_a_thread_that_reads_on_while_the_cassette_closes_records_once(tmp_path, listener):
    """A stream that is still being read is cut where it is; what the thread reads later is recorded nowhere."""
    listener.answer = always(a_message_stream("It is a long answer." * 200, 5))
    path = tmp_path / "one.json"
    began, pieces = threading.Event(), []

    def read():
        with httpx2.Client() as client, client.stream("POST", f"{ANTHROPIC}/v1/messages", json=ASKED) as answer:
            for piece in answer.iter_raw():
                pieces.append(piece)
                began.set()
                time.sleep(0.002)

    thread = threading.Thread(target=read)
    with use_cassette(path, mode="once", upstream=listener.upstream):
        thread.start()
        began.wait(10)
    thread.join()

    (interaction,) = load(path)
    recorded = interaction.outcome.body
    assert 0 < len(recorded) < len(b"".join(pieces))
    assert b"".join(pieces).startswith(recorded)
    assert names_in(tmp_path) == ["one.json"]
