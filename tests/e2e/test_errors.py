"""Errors and the SDKs' own retries: recorded as attempts of one call, replayed with every wait in no time."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from typing import Any

import anthropic
import openai
import pytest

from llmreplay import use_cassette
from llmreplay.core.model import Chunk, Response
from llmreplay.simulator import Simulator, make_up, script

from .conftest import RecordThenReplay, upstream_to
from .sdk_variants import CHAT, EMBEDDINGS, MESSAGES, RESPONSES, Variant, of

PROMPT = "Where is Paris?"
CREATED = [one for api in (MESSAGES, CHAT, RESPONSES, EMBEDDINGS) for one in of(api, "create")]
STREAMED = [one for api in (MESSAGES, CHAT, RESPONSES) for one in of(api, "stream")]
QUICK_S = 5.0
"""Far less than the waits that are asked for, far more than a replay takes."""


def too_many(*headers: tuple[str, str]) -> Response:
    """Give a 429 with retry headers."""
    body = b'{"type":"error","error":{"type":"rate_limit_error","message":"Slow down."}}'
    return Response(429, (("content-type", "application/json"), *headers), (Chunk(body),))


@pytest.mark.parametrize("variant", [*CREATED, *STREAMED], ids=str)
def test_a_retried_429_is_one_call_with_two_attempts(record_then_replay: RecordThenReplay, variant: Variant) -> None:
    """The SDK's own retry is recorded and replayed as one call, its wait as the provider asked for it."""
    twice = record_then_replay(lambda: variant.run(PROMPT), script([too_many(("retry-after-ms", "15"))]), make_up())

    assert twice.replayed == twice.live
    for calls in (twice.live_calls, twice.calls):
        assert [attempt.status for attempt in calls.one().attempts] == [429, 200]
        assert calls.one().waits_s == [0.015]


def recorded_apart(path: Any, variant: Variant, *failures: Response | int) -> None:
    """Record failures and the answer after them with a client that does not retry, so that nobody waits."""
    with (
        Simulator([script(failures), make_up()]) as simulator,
        use_cassette(path, mode="once", upstream=upstream_to(simulator)),
    ):
        for _ in failures:
            assert variant.see(PROMPT, max_retries=0).error is not None
        variant.run(PROMPT, max_retries=0)


@pytest.mark.parametrize("variant", [*CREATED, *STREAMED], ids=str)
def test_a_long_retry_after_is_waited_for_virtually(tmp_path: Any, variant: Variant) -> None:
    """Half a minute and then a whole one, as the provider asked, pass at once on replay, and are told."""
    path = tmp_path / "cassette.json"
    recorded_apart(path, variant, too_many(("retry-after", "30")), too_many(("retry-after", "60")))
    began = time.perf_counter()

    with use_cassette(path, mode="none") as replay:
        variant.run(PROMPT)

    call = replay.calls.one()
    assert [attempt.status for attempt in call.attempts] == [429, 429, 200]
    assert call.waits_s == [30.0, 60.0]
    assert call.duration_s is not None
    assert call.duration_s >= 90
    assert time.perf_counter() - began < QUICK_S


@pytest.mark.parametrize("status", [500, 503, 529])
@pytest.mark.parametrize("variant", [*of(MESSAGES, "create"), *of(CHAT, "create")], ids=str)
def test_backoff_without_a_header_is_virtual_too(tmp_path: Any, variant: Variant, status: int) -> None:
    """Where the provider names no wait, the SDK's own back-off is told, grows, and takes no time."""
    path = tmp_path / "cassette.json"
    plain = Response(status, (("content-type", "application/json"),), (Chunk(b'{"error":{"message":"no"}}'),))
    recorded_apart(path, variant, plain, plain)

    with use_cassette(path, mode="none") as replay:
        variant.run(PROMPT)

    first, second = replay.calls.one().waits_s
    assert 0.375 <= first <= 0.5
    assert 0.75 <= second <= 1.0


ERRORS = {
    400: ("BadRequestError", "BadRequestError"),
    401: ("AuthenticationError", "AuthenticationError"),
    403: ("PermissionDeniedError", "PermissionDeniedError"),
    404: ("NotFoundError", "NotFoundError"),
    422: ("UnprocessableEntityError", "UnprocessableEntityError"),
}


@pytest.mark.parametrize("status", ERRORS)
@pytest.mark.parametrize("variant", [one for one in CREATED if not one.is_async], ids=str)
def test_an_error_of_the_client_is_raised_again_and_not_retried(
    plainly_seen: Callable[..., Any], record_then_replay: RecordThenReplay, variant: Variant, status: int
) -> None:
    """A 4xx is the same exception with the same text on replay, after one attempt."""
    plain = plainly_seen(lambda: variant.see(PROMPT), script([status]))

    twice = record_then_replay(lambda: variant.see(PROMPT), script([status]))

    assert twice.live == plain
    assert twice.replayed == plain
    assert plain.error is not None
    assert plain.error[0] == ERRORS[status][variant.api != MESSAGES]
    call = twice.calls.one()
    assert len(call.attempts) == 1
    assert call.error
    assert call.error.startswith(f"{status} ")
    assert call.error.partition(": ")[2] in plain.error[1]


@pytest.mark.parametrize("status", [429, 500, 529])
@pytest.mark.parametrize("variant", [*CREATED, *STREAMED], ids=str)
def test_an_error_of_the_provider_is_raised_again(
    plainly_seen: Callable[..., Any], record_then_replay: RecordThenReplay, variant: Variant, status: int
) -> None:
    """A client that does not retry gets the same exception on replay, with the provider's own words."""
    plain = plainly_seen(lambda: variant.see(PROMPT, max_retries=0), script([status]))

    twice = record_then_replay(lambda: variant.see(PROMPT, max_retries=0), script([status]))

    assert twice.live == plain
    assert twice.replayed == plain
    assert plain.error is not None
    assert f"{status}" in plain.error[1]
    assert twice.calls.one().last.status == status


def test_the_overload_of_one_client_keeps_no_other_waiting(tmp_path: Any) -> None:
    """Three clients told to wait a minute each wait it at the same time: the clock moves by one."""
    path = tmp_path / "cassette.json"
    prompts = [f"Question {number}?" for number in range(3)]

    def ask(client: Any, prompt: str) -> Any:
        message = [{"role": "user", "content": prompt}]
        return client.messages.create(model="claude-haiku-4-5", max_tokens=9, messages=message)

    with (
        Simulator([script([too_many(("retry-after", "60"))] * 3), make_up()]) as simulator,
        use_cassette(path, mode="once", upstream=upstream_to(simulator)),
        anthropic.Anthropic(max_retries=0) as client,
    ):
        for prompt in prompts:
            with pytest.raises(anthropic.RateLimitError):
                ask(client, prompt)
        for prompt in prompts:
            ask(client, prompt)

    async def all_at_once() -> None:
        async with anthropic.AsyncAnthropic() as client:
            await asyncio.gather(*(ask(client, prompt) for prompt in prompts))

    with use_cassette(path, mode="none") as replay:
        asyncio.run(all_at_once())

    assert [call.waits_s for call in replay.calls] == [[60.0]] * 3
    durations = [call.duration_s or 0.0 for call in replay.calls]
    assert all(60 <= duration < 61 for duration in durations)


def test_an_error_in_mid_stream_is_raised_again(record_then_replay: RecordThenReplay) -> None:
    """An `error` event after a 200 raises the same exception on replay, and the call tells it."""
    start = (
        b'event: message_start\ndata: {"type":"message_start","message":{"id":"msg_1","type":"message",'
        b'"role":"assistant","model":"m","content":[],"stop_reason":null,"stop_sequence":null,'
        b'"usage":{"input_tokens":3,"output_tokens":1}}}\n\n'
    )
    events = (
        start,
        b'event: error\ndata: {"type":"error","error":{"type":"overloaded_error","message":"Overloaded"}}\n\n',
    )
    answer = Response(200, (("content-type", "text/event-stream"),), tuple(map(Chunk, events)))
    variant = of(MESSAGES, "stream")[0]

    twice = record_then_replay(lambda: variant.see(PROMPT), script([answer]))

    assert twice.replayed == twice.live
    assert twice.live.error[0] == "APIStatusError"
    assert "Overloaded" in twice.calls.one().error
    assert len(twice.calls.one().attempts) == 1


def test_a_wrong_key_is_not_written_down(record_then_replay: RecordThenReplay) -> None:
    """A key that the provider quotes in its 401 is on the cassette nowhere."""
    key = "sk-proj-abcdefghijklmnopqrstuvwxyz0123456789ABCDEFGH"
    body = f'{{"error":{{"message":"Incorrect API key provided: {key}.","type":"invalid_request_error"}}}}'
    answer = Response(401, (("content-type", "application/json"),), (Chunk(body.encode()),))

    def ask() -> None:
        with openai.OpenAI(api_key=key) as client, pytest.raises(openai.AuthenticationError):
            client.embeddings.create(model="text-embedding-3-small", input="Hello?")

    twice = record_then_replay(ask, script([answer]))

    assert key not in twice.path.read_text("utf-8")
    assert twice.calls.one().last.status == 401
