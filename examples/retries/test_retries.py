"""Tests of the retry loops: each lays faults over a recorded answer, and waits for nothing.

Record:  pytest examples/retries --llmreplay-mode=rewrite   (needs keys, or an `upstream` such as the simulator)
Run:     pytest examples/retries                            (offline, without keys)
"""

import asyncio

import anthropic
import openai
import pytest
from retry_loops import (
    CountingAssistant,
    ask_claude,
    ask_claude_async,
    ask_doubling,
    ask_either,
    ask_gpt,
    ask_gpt_async,
    ask_with_jitter,
)

from llmreplay import after, always, faults, first, nth

QUESTION = "What is the capital of France?"


@pytest.mark.parametrize("ask", [ask_claude, ask_gpt])
def test_the_sdk_waits_as_long_as_it_is_told(llmreplay, ask):
    """Three times thirty seconds, and then the answer."""
    llmreplay.inject(faults.RateLimited(retry_after_s=30), on=first(3))

    answer = ask(QUESTION)

    assert answer == llmreplay.calls.one().text
    assert llmreplay.calls.waits_s == [30.0, 30.0, 30.0]


@pytest.mark.parametrize("ask", [ask_claude_async, ask_gpt_async])
async def test_the_async_sdk_waits_as_long_as_it_is_told(llmreplay, ask):
    """Three times thirty seconds, and a deadline of two minutes that does not strike."""
    llmreplay.inject(faults.RateLimited(retry_after_s=30), on=first(3))

    async with asyncio.timeout(120):
        answer = await ask(QUESTION)

    assert answer == llmreplay.calls.one().text
    assert llmreplay.calls.waits_s == [30.0, 30.0, 30.0]


async def test_a_deadline_cuts_the_waits_short(llmreplay):
    """Forty-five seconds allow one wait of thirty, and half of the second."""
    llmreplay.inject(faults.RateLimited(retry_after_s=30), on=always)

    with pytest.raises(TimeoutError):
        async with asyncio.timeout(45):
            await ask_claude_async(QUESTION)

    assert len(llmreplay.calls.one().attempts) == 2


def test_jitter_honours_retry_after(llmreplay):
    """What the provider says comes before the loop's own backoff."""
    llmreplay.inject(faults.RateLimited(retry_after_s=30), on=first(3))

    ask_with_jitter(QUESTION)

    assert llmreplay.calls.waits_s == [30.0, 30.0, 30.0]
    llmreplay.calls.assert_honoured_retry_after()


def test_jitter_backs_off_from_an_overload(llmreplay):
    """One second, doubled each time, a fifth more or less; the call is one, with five attempts."""
    llmreplay.inject(faults.Overloaded(), on=first(4))

    ask_with_jitter(QUESTION)

    llmreplay.calls.assert_backoff(base_s=1, factor=2, jitter=0.2)
    llmreplay.calls.assert_retried(4, statuses=[529, 529, 529, 529])


@pytest.mark.parametrize(
    "fault", [faults.BadRequest(), faults.Unauthorized(), faults.ContextOverflow()], ids=["400", "401", "too long"]
)
def test_jitter_does_not_repeat_what_cannot_succeed(llmreplay, fault):
    """A request that is wrong stays wrong."""
    llmreplay.inject(fault)

    with pytest.raises(anthropic.APIStatusError):
        ask_with_jitter(QUESTION)

    llmreplay.calls.assert_not_retried()


def test_doubling_sleeps_one_two_four(llmreplay):
    """The application's own `time.sleep` is virtual between attempts."""
    llmreplay.inject(faults.ServerError(), on=first(2))
    llmreplay.inject(faults.ConnectionReset(), on=nth(3))

    ask_doubling(QUESTION)

    assert llmreplay.calls.waits_s == [1.0, 2.0, 4.0]
    llmreplay.calls.assert_retried(3, statuses=[500, 500, None])


def test_doubling_gives_up(llmreplay):
    """After four attempts and seven seconds the error is the application's."""
    llmreplay.inject(faults.ServerError(), on=always)

    with pytest.raises(openai.InternalServerError):
        ask_doubling(QUESTION)

    llmreplay.calls.assert_gave_up_after(4)
    llmreplay.calls.assert_waited(1, 2, 4)


def test_the_counter_counts_what_happened(llmreplay):
    """Its own count is that of the provider's side."""
    llmreplay.inject(faults.Overloaded(), on=first(1))
    llmreplay.inject(faults.ClosedAfterRequest(), on=after(1))
    assistant = CountingAssistant()

    with pytest.raises(anthropic.APIConnectionError):
        assistant.ask(QUESTION)

    report = llmreplay.calls.retry_report()
    assert assistant.attempts == report.attempts == 3
    assert assistant.errors == ["OverloadedError", "APIConnectionError", "APIConnectionError"]
    assert report.errors == {"protocol_error": 2, "529": 1}


@pytest.mark.parametrize(
    "fault",
    [faults.Unavailable(), faults.SpendCap(), faults.ConnectTimeout()],
    ids=["503", "no money", "no connection"],
)
def test_falls_back_to_the_other_provider(llmreplay, fault):
    """GPT is tried twice, then Claude answers."""
    llmreplay.inject(fault, on=after(0, when="openai"))

    answer = ask_either(QUESTION)

    llmreplay.calls.assert_fell_back("openai", "anthropic")
    assert answer == llmreplay.calls.last.text
    assert len(llmreplay.calls[0].attempts) == 2


def test_does_not_fall_back_without_need(llmreplay):
    """One lost connection is made up for by the SDK."""
    llmreplay.inject(faults.ConnectError(), on=first(1))

    ask_either(QUESTION)

    assert llmreplay.calls.one().provider == "openai"
