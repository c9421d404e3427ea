"""Answers drawn at random are such as the providers' SDKs accept, streamed and plain alike.

`ANSWERS=1000 pytest tests/strategies/test_answers.py` tries that many of each api.
"""

from __future__ import annotations

import json
import os
from random import Random
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, find, given, settings
from hypothesis import strategies as st
from sdk_doubles import ASKING, Provider

from llmreplay.core.api import Api
from llmreplay.core.errors import SettingError
from llmreplay.core.model import Outcome, Reply, Response, ToolCall, TransportFailure
from llmreplay.core.reading import answer_of, is_stream
from llmreplay.providers import APIS
from llmreplay.strategies import answers, outcomes, replies

pytest.importorskip("anthropic", reason="the anthropic SDK is not installed")
pytest.importorskip("openai", reason="the openai SDK is not installed")
httpx2 = pytest.importorskip("httpx2", reason="the SDKs' HTTP library is not installed")

SLOW_IS_FINE = settings(suppress_health_check=list(HealthCheck), max_examples=int(os.environ.get("ANSWERS", "15")))
TALKING = [api for api in APIS if api.build_response is not None and api.answer_from_events is not None]


def _arguments(call: ToolCall) -> object:
    """Read the arguments of a call; of one that was cut short, as they stand."""
    try:
        return json.loads(call.arguments)
    except ValueError:
        return call.arguments


@pytest.mark.parametrize("api", ASKING, ids=lambda api: api.name)
def test_the_sdk_reads_the_same_from_a_stream_as_from_a_body_and_the_call_log_agrees(api: Api) -> None:
    """Whatever is drawn, the SDK parses both forms into equal answers, and the call log says the same of both."""
    provider = Provider(api, httpx2)
    ask = ASKING[api](provider.client)

    @SLOW_IS_FINE
    @given(reply=replies(api))
    def holds(reply: Reply) -> None:
        provider.reply = reply

        plain, streamed = ask()

        assert streamed == plain
        logged = provider.logged
        assert (logged.text, len(logged.tool_calls)) == (reply.text, len(reply.tool_calls))
        assert list(map(_arguments, logged.tool_calls)) == list(map(_arguments, reply.tool_calls))
        assert logged.stop_reason == (reply.stop_reason or ("tool_use" if reply.tool_calls else "stop"))

    holds()


@pytest.mark.parametrize("api", TALKING, ids=lambda api: api.name)
@SLOW_IS_FINE
@given(data=st.data())
def test_every_answer_is_whole_and_says_what_it_costs(api: Api, data: st.DataObject) -> None:
    """An answer of any api reads as complete and without error, its usage adding up, streamed or not."""
    answer = answer_of(api, data.draw(answers(api)))

    assert answer.is_complete
    assert answer.error is None
    usage = answer.usage
    assert usage is not None
    assert (usage.cache_read_tokens or 0) + (usage.cache_write_tokens or 0) <= (usage.input_tokens or 0)
    assert (usage.output_reasoning_tokens or 0) <= (usage.output_tokens or 0)


def _found(strategy: st.SearchStrategy[Any], wanted: Any, *phases: Phase, within: int = 3000) -> Any:
    phases = phases or (Phase.generate,)
    return find(
        strategy,
        wanted,
        settings=settings(SLOW_IS_FINE, max_examples=within, database=None, phases=phases),
        random=Random(1),
    )


@pytest.mark.parametrize("stop_reason", ["length", "refusal", "stop_sequence", "context_window", "pause"])
def test_every_stop_reason_comes_up(stop_reason: str) -> None:
    """Each word that the api has for the end of an answer is drawn."""
    assert _found(replies("anthropic.messages"), lambda reply: reply.stop_reason == stop_reason)


@pytest.mark.parametrize(("name", "arguments"), [("anthropic.messages", "{}"), ("openai.chat.completions", "{")])
def test_a_tool_call_may_be_cut_short(name: str, arguments: str) -> None:
    """Where the tokens end, so does a call: in its midst, if the api can say so."""
    reply = _found(
        replies(name), lambda reply: reply.tool_calls and reply.stop_reason == "length", Phase.generate, Phase.shrink
    )

    assert [call.arguments for call in reply.tool_calls] == [arguments]


@pytest.mark.parametrize("api", ["anthropic.messages", "openai.embeddings"])
def test_an_outcome_shrinks_to_an_answer(api: str) -> None:
    """No response at all is no simpler than an answer; an api without stop reasons is drawn from, too."""
    outcome = _found(outcomes(api), lambda outcome: True, Phase.generate, Phase.shrink)

    assert isinstance(outcome, Response)
    assert outcome.status == 200


def test_a_reply_shrinks_to_what_matters() -> None:
    """The smallest reply with two tool calls has no text, no thinking, no arguments and no counts."""
    wanted = replies("anthropic.messages")
    reply = _found(wanted, lambda reply: len(reply.tool_calls) == 2, Phase.generate, Phase.shrink)

    assert (reply.text, reply.thinking, reply.usage.input_tokens) == ("", "", 0)
    assert [call.arguments for call in reply.tool_calls] == ["{}", "{}"]


@pytest.mark.parametrize("is_streamed", [True, False])
def test_only_the_form_that_is_asked_for_is_drawn(is_streamed: bool) -> None:
    """With `is_streamed` all answers are streams, or none is."""

    @SLOW_IS_FINE
    @given(response=answers("openai.chat.completions", is_streamed=is_streamed))
    def holds(response: Response) -> None:
        assert is_stream(response) is is_streamed

    holds()


@pytest.mark.parametrize(
    "wanted",
    [
        lambda outcome: isinstance(outcome, TransportFailure),
        lambda outcome: isinstance(outcome, Response) and outcome.status >= 400,
        lambda outcome: isinstance(outcome, Response) and outcome.status == 200 and outcome.end.value != "complete",
        lambda outcome: isinstance(outcome, Response) and outcome.status == 200 and not is_stream(outcome),
    ],
    ids=["no response", "an error", "a cut stream", "a whole body"],
)
def test_outcomes_are_of_every_sort(wanted: Any) -> None:
    """Answers, errors, broken streams and transport failures are all among the outcomes, and none is rare."""
    outcome: Outcome = _found(outcomes("anthropic.messages"), wanted, within=200)

    assert wanted(outcome)


def test_an_unknown_api_is_refused_with_those_that_exist() -> None:
    """A wrong name is echoed, and the right ones are listed."""
    with pytest.raises(SettingError, match=r"api='antropic': no such api\. .*anthropic\.messages"):
        answers("antropic")


def test_an_api_without_streams_is_refused_where_a_stream_is_asked_for() -> None:
    """No stream is made up for an endpoint that has none."""
    with pytest.raises(SettingError, match="this api has no streams"):
        answers("openai.embeddings", is_streamed=True)
