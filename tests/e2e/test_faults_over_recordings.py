"""Faults while recording and over what was recorded; fallbacks, concurrent calls, selectors: through the real SDKs."""

from __future__ import annotations

import asyncio
import itertools

import anthropic
import openai
import pytest

from llmreplay import after, always, every, faults, first, nth, use_cassette
from llmreplay.core.attempt import Source
from llmreplay.core.model import End, header
from llmreplay.simulator import Simulator

from .conftest import upstream_to
from .sdk_variants import CHAT, GPT, MESSAGES, RESPONSES, chat_asks, claude_asks, of

A_KEY = {"api_key": "not-a-key"}
STREAMS = [variant for api in (MESSAGES, CHAT, RESPONSES) for variant in of(api, "stream")]
WHOLES = [variant for api in (MESSAGES, CHAT, RESPONSES) for variant in of(api, "create")]


def persistently(work):
    """Do the work until it goes well, at most four times, as an application's own retry loop does."""
    for _ in range(4):
        try:
            return work()
        except (anthropic.APIError, openai.APIError, ValueError, OSError) as error:
            failure = error
        except Exception as error:
            # What the SDKs let through as it is: httpx's errors in mid-stream.
            if not type(error).__module__.startswith("httpx"):
                raise
            failure = error
    raise failure


def recorded_and_replayed(path, work, *injections):
    """Record under faults, then replay under the same; give both replays and how many requests the provider got."""
    with Simulator() as simulator:
        settings = {"upstream": upstream_to(simulator), "faults": list(injections)}
        with use_cassette(path, mode="once", **settings) as recording:
            live = work()
        sent = len(simulator.requests)
        with use_cassette(path, mode="none", **settings) as replay:
            replayed = work()
    return (live, recording), (replayed, replay), sent


@pytest.mark.parametrize("variant", STREAMS, ids=str)
@pytest.mark.parametrize(
    "fault",
    [faults.CutAfter(events=3), faults.ErrorEvent(after=3), faults.Stall(after=3), faults.ClosedAfterRequest()],
    ids=lambda fault: type(fault).__name__,
)
def test_a_stream_fault_while_recording_leaves_a_whole_recording(tmp_path, variant, fault):
    """The provider's stream is drained and recorded whole, once; the retry gets it, and replay is the same."""
    path = tmp_path / "cut.json"

    (live, recording), (replayed, replay), sent = recorded_and_replayed(
        path, lambda: persistently(lambda: variant.run("hi", **A_KEY, max_retries=0)), (fault, first(1))
    )

    assert sent == 1
    assert len(recording.recorder.recorded) == 1
    assert recording.recorder.recorded[0].outcome.end is End.COMPLETE
    assert replayed == live
    assert [len(one.calls.one().attempts) for one in (recording, replay)] == [2, 2]
    assert [one.calls.one().is_complete for one in (recording, replay)] == [True, True]


@pytest.mark.parametrize("variant", WHOLES, ids=str)
def test_a_replaced_answer_is_not_asked_for_while_recording(tmp_path, variant):
    """Two faults cost nothing: one request is sent, after two virtual waits, and replay is the same."""
    (live, recording), (replayed, replay), sent = recorded_and_replayed(
        tmp_path / "replaced.json",
        lambda: variant.run("hi", **A_KEY),
        (faults.RateLimited(retry_after_s=20), first(2)),
    )

    assert sent == 1
    assert replayed == live
    for one in (recording, replay):
        assert one.calls.waits_s == [20, 20]
        assert [attempt.status for attempt in one.calls.attempts] == [429, 429, 200]
    assert [attempt.source for attempt in recording.calls.attempts] == [Source.FAULT, Source.FAULT, Source.RECORDED]


def test_a_call_that_never_got_an_answer_replays_without_a_recording(tmp_path):
    """Given up while recording, given up on replay: nothing was sent, nothing is missing."""

    def given_up():
        with pytest.raises(anthropic.APIStatusError) as caught:
            of(MESSAGES, "create")[0].run("hi", **A_KEY)
        return caught.value.status_code

    (live, recording), (replayed, replay), sent = recorded_and_replayed(
        tmp_path / "given-up.json", given_up, (faults.Overloaded(), always)
    )

    assert (live, replayed, sent) == (529, 529, 0)
    replay.calls.assert_gave_up_after(3)
    recording.calls.assert_gave_up_after(3)


def test_one_recording_serves_many_failure_tests(tmp_path):
    """Recorded once without faults, replayed under every one of these, each with its own end."""
    path = tmp_path / "one.json"
    variant = of(MESSAGES, "stream")[0]
    with Simulator() as simulator, use_cassette(path, mode="once", upstream=upstream_to(simulator)):
        whole = variant.run("hi", **A_KEY)

    for fault in (faults.Overloaded(), faults.ConnectError(), faults.CutAfter(events=2), faults.BadGzip()):
        with use_cassette(path) as replay:
            replay.inject(fault)
            assert persistently(lambda: variant.run("hi", **A_KEY)) == whole
            replay.calls.assert_retried(1)


def fallback(prompt):
    """Ask OpenAI, and Anthropic if that fails."""
    try:
        with openai.OpenAI(**A_KEY) as client:
            return client.chat.completions.create(**chat_asks(prompt)).choices[0].message.content
    except openai.APIError:
        with anthropic.Anthropic(**A_KEY) as client:
            return client.messages.create(**claude_asks(prompt)).content[0].text


async def fallback_async(prompt):
    """Ask OpenAI within a deadline, and Anthropic if that fails; each in a task of its own."""
    try:
        async with openai.AsyncOpenAI(**A_KEY) as client:
            work = client.chat.completions.create(**chat_asks(prompt))
            return (await asyncio.wait_for(work, 60)).choices[0].message.content
    except (openai.APIError, TimeoutError):
        async with anthropic.AsyncAnthropic(**A_KEY) as client:
            return (await asyncio.wait_for(client.messages.create(**claude_asks(prompt)), 60)).content[0].text


@pytest.mark.parametrize("ask", [fallback, lambda prompt: asyncio.run(fallback_async(prompt))], ids=["sync", "async"])
@pytest.mark.parametrize(
    "fault",
    [faults.Unavailable(), faults.ConnectError(), faults.Unauthorized()],
    ids=lambda fault: type(fault).__name__,
)
def test_a_fallback_to_another_provider_is_a_new_call(tmp_path, ask, fault):
    """The failed call and the one that took over are two, linked; recorded and replayed without OpenAI."""
    (live, _), (replayed, replay), sent = recorded_and_replayed(
        tmp_path / "fallback.json", lambda: ask("hi"), (fault, after(0, when="openai"))
    )

    assert (replayed, sent) == (live, 1)
    replay.calls.assert_fell_back("openai", "anthropic")
    failed, answered = replay.calls
    assert answered.fell_back_from is failed
    assert failed.fell_back_from is None


def on_try(number):
    """Select an SDK's tries by their number, 0 for the first."""
    return lambda request: header(request.headers, "x-stainless-retry-count") == str(number)


@pytest.mark.parametrize("is_threaded", [False, True], ids=["tasks", "threads"])
def test_concurrent_identical_calls_are_kept_apart(tmp_path, is_threaded):
    """Four identical prompts at once, all refused once and two again: four calls, each with its own retries."""
    variant = of(MESSAGES, "create")[not is_threaded]

    async def all_at_once():
        if is_threaded:
            return await asyncio.gather(*(asyncio.to_thread(variant.run, "hi", **A_KEY) for _ in range(4)))
        return await asyncio.gather(*(variant.gather("hi", **A_KEY) for _ in range(4)))

    with use_cassette(tmp_path / "none.json") as replay:
        replay.reply("a", "b", "c", "d")
        replay.inject(faults.RateLimited(retry_after_s=5), on=first(4, when=on_try(0)))
        replay.inject(faults.RateLimited(retry_after_s=9), on=nth(1, 3, when=on_try(1)))
        answers = asyncio.run(all_at_once())

    assert len(replay.calls) == 4
    assert all(call.last.status == 200 for call in replay.calls)
    for call in replay.calls:
        assert [attempt.retry_count for attempt in call.attempts] == list(range(len(call.attempts)))
        assert call.waits_s == [5.0, 9.0][: len(call.attempts) - 1]
        assert len({attempt.origin.key for attempt in call.attempts}) == 1
    assert sorted(replay.calls.texts) == ["a", "b", "c", "d"]
    assert len(answers) == 4


def test_inject_as_a_context_manager_ends_with_it(tmp_path):
    """Inside, every attempt is hit; outside, none."""
    with use_cassette(tmp_path / "none.json") as replay:
        replay.reply("a", "b")
        with replay.inject(faults.BadRequest(), on=always) as injected, pytest.raises(anthropic.BadRequestError):
            of(MESSAGES, "create")[0].run("hi", **A_KEY)
        of(MESSAGES, "create")[0].run("ho", **A_KEY)
        of(MESSAGES, "create")[0].run("ha", **A_KEY)

    assert injected.fired == 1
    assert [call.last.status for call in replay.calls] == [400, 200, 200]


@pytest.mark.parametrize("model", [GPT, "gpt-4o"])
def test_a_pattern_of_respx_selects_requests_of_the_sdks(tmp_path, model):
    """`M(json__model=...)` works for SDKs on httpx2, which respx itself does not see."""
    respx_patterns = pytest.importorskip("respx.patterns", reason="respx is not installed")
    pattern = respx_patterns.M(json__model="gpt-4o")

    with use_cassette(tmp_path / "none.json", on_unfired="ignore") as replay:
        replay.reply("Hello")
        replay.inject(faults.RateLimited(), on=first(1, when=pattern))
        with openai.OpenAI(**A_KEY) as client:
            client.chat.completions.create(**{**chat_asks("hi"), "model": model})

    assert len(replay.calls.one().attempts) == (2 if model == "gpt-4o" else 1)


@pytest.mark.parametrize(
    ("when", "hit"),
    [
        ("openai", ["openai.chat.completions", "openai.responses"]),
        ("openai.responses", ["openai.responses"]),
        ("*.messages", ["anthropic.messages"]),
        (lambda request: b'"input"' in request.body, ["openai.responses"]),
    ],
    ids=["provider", "api", "pattern", "function"],
)
def test_when_selects_by_provider_api_pattern_or_function(tmp_path, when, hit):
    """Only the calls that it selects are hit."""
    with use_cassette(tmp_path / "none.json") as replay:
        replay.reply("a", "b", "c")
        replay.inject(faults.RateLimited(), on=first(9, when=when))
        for api in (MESSAGES, CHAT, RESPONSES):
            try:
                of(api, "create")[0].run("hi", **A_KEY, max_retries=0)
            except (anthropic.RateLimitError, openai.RateLimitError):
                continue

    assert [call.api for call in replay.calls if call.last.status == 429] == hit


def test_several_faults_hit_one_attempt_in_order(tmp_path):
    """A slow first token and a cut after it: both are seen by the client, and named in the log."""
    variant = of(MESSAGES, "stream")[0]
    with use_cassette(tmp_path / "none.json") as replay:
        replay.reply("Hello there")
        replay.inject(faults.SlowFirstToken(3))
        replay.inject(faults.CutAfter(events=2))
        seen = variant.see("hi", **A_KEY)

    assert len(seen.items) == 2
    assert seen.error[0] == "RemoteProtocolError"
    assert replay.calls.one().attempts[0].faults == ("SlowFirstToken", "CutAfter")
    assert replay.calls.one().time_to_first_token_s >= 3


def test_errors_of_many_kinds_are_counted(tmp_path):
    """The report on retries tells calls, rate, attempts, waits and errors by kind."""
    with use_cassette(tmp_path / "none.json") as replay:
        replay.reply("a", "b")
        replay.inject(faults.Overloaded(retry_after_s=4), on=first(1))
        replay.inject(faults.ConnectError(), on=every(3))
        for prompt in itertools.islice("xyz", 2):
            of(MESSAGES, "create")[0].run(prompt, **A_KEY)

    report = replay.calls.retry_report()

    assert (report.calls, report.answered, report.attempts, report.success_rate) == (2, 2, 4, 1.0)
    assert report.errors == {"529": 1, "connect_error": 1}
    assert report.attempts_per_answer == 2.0
    assert report.waits_s[0] == 4
