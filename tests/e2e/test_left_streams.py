"""Streams that an application leaves with what it wants: no failure, so no retry, no fallback, no virtual time."""

from __future__ import annotations

import asyncio
import time

import anthropic
import httpx
import openai
import pytest

from llmreplay import Usage, faults, first, use_cassette
from llmreplay.core.errors import BudgetExceeded
from llmreplay.simulator import Simulator

from .conftest import upstream_to
from .sdk_variants import MESSAGES, of

A_KEY = {"api_key": "not-a-key", "max_retries": 0}
ASKS = {"model": "gpt-5-mini", "messages": [{"role": "user", "content": "Where is Paris?"}]}
BOTH_KINDS = pytest.mark.parametrize("is_async", [False, True], ids=["sync", "async"])


def first_word(*, is_async: bool) -> str:
    """Read a stream up to its first word, and leave it."""
    return asyncio.run(_first_word_async()) if is_async else _first_word()


def _first_word() -> str:
    with openai.OpenAI(**A_KEY).chat.completions.create(**ASKS, stream=True) as stream:
        return next(word for event in stream if (word := event.choices[0].delta.content))


async def _first_word_async() -> str:
    async with openai.AsyncOpenAI(**A_KEY) as client:
        stream = await client.chat.completions.create(**ASKS, stream=True)
        async with stream:
            async for event in stream:
                if event.choices[0].delta.content:
                    return event.choices[0].delta.content
    raise AssertionError("no word came")


@pytest.fixture
def replay(tmp_path):
    """A cassette that does not exist."""
    with use_cassette(tmp_path / "none.json") as replay:
        yield replay


@BOTH_KINDS
def test_the_same_prompt_again_is_another_call(replay, is_async):
    """Nothing had failed, so nothing is retried."""
    replay.reply("Paris is in France", "Paris is in France")

    for _ in range(2):
        first_word(is_async=is_async)

    assert [len(call.attempts) for call in replay.calls] == [1, 1]
    replay.calls.assert_not_retried()
    assert [call.is_complete for call in replay.calls] == [False, False]


@BOTH_KINDS
def test_another_provider_is_no_fallback(replay, is_async):
    """An application that asks two providers has not fallen back."""
    replay.reply("Paris is in France", "Yes")

    first_word(is_async=is_async)
    of(MESSAGES, "create")[0].run("Sure?", api_key="not-a-key")

    assert replay.calls[1].fell_back_from is None


def test_a_sleep_after_it_is_real(replay):
    """Only waits before a retry take no time."""
    replay.reply("Paris is in France")
    first_word(is_async=False)

    began = time.perf_counter()
    time.sleep(0.05)

    assert time.perf_counter() - began >= 0.05


@BOTH_KINDS
def test_while_recording_as_well(tmp_path, is_async):
    """The log of the recording says what that of the replay says."""
    counts = []
    with Simulator() as simulator:
        for mode in ("once", "none"):
            with use_cassette(tmp_path / "one.json", mode=mode, upstream=upstream_to(simulator)) as replay:
                for _ in range(2):
                    first_word(is_async=is_async)
            counts.append([(len(call.attempts), call.is_complete, call.text) for call in replay.calls])

    assert counts[0] == counts[1]
    assert [attempts for attempts, _, _ in counts[0]] == [1, 1]


def test_one_that_an_error_made_close_has_failed(replay):
    """An application that cannot go on with what came tries again."""
    replay.reply("Paris is in France", "Paris is in France")

    def reads_badly() -> None:
        with openai.OpenAI(**A_KEY).chat.completions.create(**ASKS, stream=True) as stream:
            for event in stream:
                if event.choices[0].delta.content:
                    raise LookupError("not what was wanted")

    for _ in range(2):
        with pytest.raises(LookupError):
            reads_badly()

    assert len(replay.calls.one().attempts) == 2


def test_one_within_the_handling_of_an_older_error_has_not(replay):
    """What had failed before the call began says nothing of it."""
    replay.reply("Paris is in France", "Paris is in France")

    for _ in range(2):
        try:
            raise LookupError("before")
        except LookupError:
            first_word(is_async=False)

    replay.calls.assert_not_retried()


@pytest.mark.parametrize("budget", [{"max_output_tokens": 100}, {"max_cost_usd": 1.0}], ids=str)
def test_a_budget_fails_as_what_it_used_is_unknown(tmp_path, budget):
    """The counts stand at the end, which nobody read; providers charge what they sent all the same."""
    opened = use_cassette(tmp_path / "none.json", **budget)
    opened.__enter__().reply("Paris is in France")
    first_word(is_async=False)

    with pytest.raises(BudgetExceeded):
        opened.__exit__(None, None, None)


def test_a_budget_counts_what_an_incomplete_answer_reports(tmp_path):
    """`usage` adds it up, and so does the budget."""
    opened = use_cassette(tmp_path / "none.json", max_output_tokens=100)
    replay = opened.__enter__()
    replay.reply("Paris", usage=Usage(input_tokens=5, output_tokens=5000))
    replay.inject(faults.MissingTerminalEvent())
    with anthropic.Anthropic(**A_KEY).messages.create(
        model="claude-haiku-4-5", max_tokens=50, messages=ASKS["messages"], stream=True
    ) as stream:
        list(stream)

    assert replay.calls.usage.output_tokens == 5000
    with pytest.raises(BudgetExceeded, match="there were 5000"):
        opened.__exit__(None, None, None)


class KeptOpen:
    """An SDK that raises at an error in mid-stream, or at what it cannot read, and never closes the response."""

    def __init__(self):
        self._responses = []

    def ask(self):
        client = httpx.Client(verify=False)
        url = "https://api.groq.com/openai/v1/chat/completions"
        response = client.send(client.build_request("POST", url, json={**ASKS, "stream": True}), stream=True)
        self._responses.append((client, response))
        for line in response.iter_raw():
            if '"error"' in line.decode():
                raise UnicodeError("an error event")


@pytest.mark.parametrize(
    "fault", [faults.ErrorEvent(after=2), faults.CorruptEvent(n=2, damage="utf8")], ids=["an error", "no UTF-8"]
)
def test_one_whose_error_closes_nothing_has_failed_all_the_same(replay, fault):
    """The next try of the same thread is its retry, the wait between them is virtual, and it gets the answer."""
    replay.reply("Paris is in France")
    replay.inject(fault, on=first(1))
    sdk = KeptOpen()

    with pytest.raises(UnicodeError):
        sdk.ask()
    time.sleep(60)
    sdk.ask()

    replay.calls.assert_retried(1)
    assert replay.calls.waits_s == [60]
    assert replay.calls.one().attempts[0].answer.error


def test_one_whose_error_closes_nothing_is_told_when_no_other_try_follows(replay):
    """An error that a stream reported is the call's, though nobody closed it."""
    replay.reply("Paris is in France")
    replay.inject(faults.ErrorEvent(after=2))
    sdk = KeptOpen()

    with pytest.raises(UnicodeError):
        sdk.ask()

    assert replay.calls.one().error
    assert not replay.calls.one().is_complete


def left_at(reason: str) -> None:
    """Leave a stream with the event that tells why the model stopped."""
    if reason == "finish_reason":
        with openai.OpenAI(**A_KEY).chat.completions.create(**ASKS, stream=True) as stream:
            next(event for event in stream if event.choices and event.choices[0].finish_reason)
    else:
        ask = {"model": "claude-haiku-4-5", "max_tokens": 9, "messages": ASKS["messages"], "stream": True}
        with anthropic.Anthropic(**A_KEY).messages.create(**ask) as stream:
            next(event for event in stream if event.type == "message_delta")


@pytest.mark.parametrize("reason", ["finish_reason", "stop_reason"])
def test_one_left_with_its_stop_reason_is_whole(replay, reason):
    """The event that ends a stream says nothing more, and some frameworks do not wait for it."""
    replay.reply("Paris is in France")

    left_at(reason)

    replay.calls.assert_all_streams_complete()
    assert replay.calls.stop_reasons == ["stop"]
    assert replay.calls.one().text == "Paris is in France"
