"""What the calls tell of an SDK's answer is what the SDK itself tells, streamed or not, live or replayed."""

from __future__ import annotations

import json
from typing import Any

import anthropic
import openai
import pytest

from llmreplay.core.calls import Call
from llmreplay.core.model import Chunk, Reply, Response, ToolCall, Usage
from llmreplay.simulator import make_up, script

from .conftest import RecordThenReplay, says
from .sdk_variants import CHAT, CLAUDE, EMBEDDER, EMBEDDINGS, GPT, MESSAGES, RESPONSES, Variant, claude_asks, of

TOLD = Reply(
    text="Paris is the capital – of France.",
    tool_calls=(ToolCall("", "get_weather", '{"city": "Paris"}'),),
    usage=Usage(input_tokens=21, output_tokens=13),
)
MODELS = {MESSAGES: CLAUDE, CHAT: GPT, RESPONSES: GPT, EMBEDDINGS: EMBEDDER}
ASKED = [one for api in (MESSAGES, CHAT, RESPONSES) for one in of(api, "create", "stream", "helper")]


def told_by(call: Call) -> dict[str, Any]:
    """Give what a call tells that must not depend on when or how it was asked."""
    return {
        "api": call.api,
        "provider": call.provider,
        "model": call.model,
        "stop_reason": call.stop_reason,
        "raw_stop_reason": call.raw_stop_reason,
        "text": call.text,
        "tool_calls": [(use.name, json.loads(use.arguments)) for use in call.tool_calls],
        "error": call.error,
        "is_complete": call.is_complete,
        "usage": call.usage and (call.usage.input_tokens, call.usage.output_tokens),
    }


@pytest.mark.parametrize("variant", ASKED, ids=str)
def test_calls_tell_the_same_of_every_way_to_ask(record_then_replay: RecordThenReplay, variant: Variant) -> None:
    """Plain and streamed, live and replayed, a call tells the provider, model, words, tools and counts."""
    twice = record_then_replay(lambda: variant.run("Where is Paris?"), says(TOLD))

    told = told_by(twice.calls.one())
    assert told == told_by(twice.live_calls.one())
    # Chat streams carry no counts unless they are asked for.
    counts = None if variant.api == CHAT and variant.is_streamed else (21, 13)
    assert told == {
        "api": variant.api,
        "provider": variant.api.split(".")[0],
        "model": MODELS[variant.api],
        "stop_reason": "tool_use",
        "raw_stop_reason": {MESSAGES: "tool_use", CHAT: "tool_calls", RESPONSES: "completed"}[variant.api],
        "text": TOLD.text,
        "tool_calls": [("get_weather", {"city": "Paris"})],
        "error": None,
        "is_complete": True,
        "usage": counts,
    }


STOPS = {
    "stop": {MESSAGES: "end_turn", CHAT: "stop", RESPONSES: "completed"},
    "length": {MESSAGES: "max_tokens", CHAT: "length", RESPONSES: "max_output_tokens"},
}


@pytest.mark.parametrize("reason", STOPS)
@pytest.mark.parametrize("variant", [one for one in ASKED if one.way != "helper"], ids=str)
def test_stop_reasons_have_one_word(record_then_replay: RecordThenReplay, variant: Variant, reason: str) -> None:
    """The canonical reason is the same for all providers, the raw one is the provider's own."""
    twice = record_then_replay(lambda: variant.run("Go on?"), says(Reply(text="Well", stop_reason=reason)))

    call = twice.calls.one()
    assert (call.stop_reason, call.raw_stop_reason) == (reason, STOPS[reason][variant.api])


def test_anthropic_counts_are_those_of_the_sdk(record_then_replay: RecordThenReplay) -> None:
    """Input tokens include those read from and written to the cache, which the SDK reports apart."""
    usage = Usage(input_tokens=100, output_tokens=7, cache_read_tokens=60, cache_write_tokens=30)

    def ask() -> Any:
        with anthropic.Anthropic() as client:
            return client.messages.create(**claude_asks("Hello?")).usage

    twice = record_then_replay(ask, says(Reply(text="Hi.", usage=usage)))

    theirs, ours = twice.replayed, twice.calls.one().usage
    assert (theirs.input_tokens, theirs.cache_read_input_tokens, theirs.cache_creation_input_tokens) == (10, 60, 30)
    assert (ours.input_tokens, ours.cache_read_tokens, ours.cache_write_tokens, ours.output_tokens) == (100, 60, 30, 7)


def test_openai_counts_are_those_of_the_sdk(record_then_replay: RecordThenReplay) -> None:
    """Cached and reasoning tokens are told as parts of the totals, as the SDK tells them."""
    usage = Usage(input_tokens=100, output_tokens=70, cache_read_tokens=60, output_reasoning_tokens=50)

    def ask() -> Any:
        with openai.OpenAI() as client:
            return client.responses.create(model=GPT, input="Hello?").usage

    twice = record_then_replay(ask, says(Reply(text="Hi.", usage=usage)))

    theirs, ours = twice.replayed, twice.calls.one().usage
    assert theirs.input_tokens == ours.input_tokens == 100
    assert theirs.input_tokens_details.cached_tokens == ours.cache_read_tokens == 60
    assert theirs.output_tokens_details.reasoning_tokens == ours.output_reasoning_tokens == 50


def test_embeddings_tell_their_input_and_no_words(record_then_replay: RecordThenReplay) -> None:
    """An embedding has a model and input tokens, and neither text nor a stop reason."""
    variant = of(EMBEDDINGS, "create")[0]

    twice = record_then_replay(lambda: variant.run("Where is Paris?"))

    told = told_by(twice.calls.one())
    assert told == told_by(twice.live_calls.one())
    assert (told["api"], told["model"], told["text"], told["stop_reason"]) == (EMBEDDINGS, EMBEDDER, "", None)
    assert told["usage"][0] > 0


def test_sums_are_those_of_the_calls(record_then_replay: RecordThenReplay) -> None:
    """Tokens add up over calls; an unknown count is not taken for none."""
    first, second = of(MESSAGES, "create")[0], of(RESPONSES, "stream")[0]

    twice = record_then_replay(lambda: (first.run("One?"), second.run("Two?")), says(TOLD))

    assert twice.calls.usage.output_tokens == 26
    assert twice.calls.usage.input_tokens == 42
    assert twice.calls.where(provider="openai").one().api == RESPONSES


@pytest.mark.parametrize("variant", [one for one in ASKED if one.way == "stream"], ids=str)
def test_recorded_rhythm_is_told_in_seconds(record_then_replay: RecordThenReplay, variant: Variant) -> None:
    """While recording, the time to the first token is shorter than the whole; on replay neither takes long."""
    twice = record_then_replay(lambda: variant.run("Where is Paris?"), make_up(token_delay_s=0.005))

    live, replayed = twice.live_calls.one(), twice.calls.one()
    assert 0.005 <= live.time_to_first_token_s < live.duration_s
    assert 0 <= replayed.time_to_first_token_s <= replayed.duration_s < live.duration_s


def test_a_call_with_an_unknown_api_has_no_answer_but_an_outcome(record_then_replay: RecordThenReplay) -> None:
    """Traffic that no row describes is a call all the same: request, status and attempts are told."""
    page = Response(200, (("content-type", "application/json"),), (Chunk(b'{"n": 1}'),))

    def ask() -> None:
        with openai.OpenAI() as client:
            assert client.get("/unheard_of", cast_to=object) == {"n": 1}

    twice = record_then_replay(ask, script([page]))

    call = twice.calls.one()
    assert (call.api, call.usage, call.stop_reason, call.last.status) == (None, None, None, 200)
    assert call.request.url == "https://api.openai.com/v1/unheard_of"
