"""Stubs through the real SDKs: what a test makes up, each provider says in its own way, streamed or not."""

from __future__ import annotations

import json

import anthropic
import openai
import pytest

from llmreplay import Reply, SettingError, ToolCall, UnmatchedRequest, Usage, faults, first, nth, use_cassette
from llmreplay.core.errors import FaultProblem, ReplyProblem, Unplayed
from llmreplay.simulator import Simulator

from .conftest import upstream_to
from .sdk_variants import CHAT, CLAUDE, GPT, MESSAGES, RESPONSES, claude_asks, of

A_KEY = {"api_key": "not-a-key"}
EACH_WAY = [variant for api in (MESSAGES, CHAT, RESPONSES) for variant in of(api, "create", "stream", "helper")]
WEATHER = {"city": "Paris"}


@pytest.fixture
def replay(tmp_path):
    """A cassette that does not exist."""
    with use_cassette(tmp_path / "none.json") as replay:
        yield replay


@pytest.mark.parametrize("variant", EACH_WAY, ids=str)
def test_a_text_is_answered_as_the_client_asks(replay, variant):
    """Whole or streamed, sync or async: the text, its stop reason and its usage arrive."""
    replay.reply("Paris, près de la Seine", usage=Usage(input_tokens=11, output_tokens=7), stop_reason="length")

    variant.run("hi", **A_KEY)

    call = replay.calls.one()
    assert (call.text, call.stop_reason, call.is_complete) == ("Paris, près de la Seine", "length", True)
    # OpenAI's chat api reports usage in a stream only if it is asked to.
    if variant.api != CHAT or variant.way == "create":
        assert (call.usage.input_tokens, call.usage.output_tokens) == (11, 7)


def claude_loop(*, is_streamed):
    """An agent on Claude: asks until no tool is wanted any more."""
    messages = [{"role": "user", "content": "Weather in Paris?"}]
    with anthropic.Anthropic(**A_KEY) as client:
        while True:
            asked = {"model": CLAUDE, "max_tokens": 99, "messages": messages}
            if is_streamed:
                with client.messages.stream(**asked) as stream:
                    message = stream.get_final_message()
            else:
                message = client.messages.create(**asked)
            uses = [block for block in message.content if block.type == "tool_use"]
            if not uses:
                return message.content[0].text
            results = [{"type": "tool_result", "tool_use_id": use.id, "content": json.dumps(use.input)} for use in uses]
            messages += [{"role": "assistant", "content": message.content}, {"role": "user", "content": results}]


def gpt_loop(*, is_streamed):
    """An agent on GPT: asks until no tool is wanted any more."""
    messages = [{"role": "user", "content": "Weather in Paris?"}]
    with openai.OpenAI(**A_KEY) as client:
        while True:
            if is_streamed:
                with client.chat.completions.stream(model=GPT, messages=messages) as stream:
                    message = stream.get_final_completion().choices[0].message
            else:
                message = client.chat.completions.create(model=GPT, messages=messages).choices[0].message
            if not message.tool_calls:
                return message.content
            messages.append(message.model_dump(exclude_none=True))
            messages += [
                {"role": "tool", "tool_call_id": use.id, "content": use.function.arguments}
                for use in message.tool_calls
            ]


def responses_loop(*, is_streamed):
    """An agent on the Responses api: asks until no function is wanted any more."""
    items = [{"role": "user", "content": "Weather in Paris?"}]
    with openai.OpenAI(**A_KEY) as client:
        while True:
            if is_streamed:
                with client.responses.stream(model=GPT, input=items) as stream:
                    response = stream.get_final_response()
            else:
                response = client.responses.create(model=GPT, input=items)
            uses = [item for item in response.output if item.type == "function_call"]
            if not uses:
                return response.output_text
            items += [use.model_dump(include={"type", "call_id", "name", "arguments"}) for use in uses]
            items += [{"type": "function_call_output", "call_id": use.call_id, "output": use.arguments} for use in uses]


@pytest.mark.parametrize("is_streamed", [False, True], ids=["whole", "streamed"])
@pytest.mark.parametrize("loop", [claude_loop, gpt_loop, responses_loop], ids=lambda loop: loop.__name__)
def test_a_sequence_drives_an_agent_loop(replay, loop, is_streamed):
    """A tool call with its arguments, then an answer: every tool gets its result, and the history grows."""
    replay.reply(tool_calls=[("get_weather", WEATHER)])
    replay.reply("Rain.")

    assert loop(is_streamed=is_streamed) == "Rain."

    assert replay.calls.stop_reasons == ["tool_use", "stop"]
    assert json.loads(replay.calls[0].tool_calls[0].arguments) == WEATHER
    replay.calls.assert_tool_loop("get_weather")
    replay.calls.assert_history_grows()
    replay.calls.assert_all_streams_complete()


@pytest.mark.parametrize("loop", [claude_loop, gpt_loop, responses_loop], ids=lambda loop: loop.__name__)
def test_a_fault_over_a_stub_leaves_it_for_the_retry(replay, loop):
    """The loop gets through an overload and a lost answer with the same two stubs."""
    replay.reply(Reply(tool_calls=(ToolCall("", "get_weather", "{}"),)), "Rain.")
    replay.inject(faults.Overloaded())
    # The third attempt is the first of the second turn.
    replay.inject(faults.ClosedAfterRequest(), on=nth(3))

    assert loop(is_streamed=False) == "Rain."

    assert [len(call.attempts) for call in replay.calls] == [2, 2]


def test_a_stub_comes_before_the_recording(tmp_path):
    """What the test makes up is answered first; the recording is there for the next identical request."""
    path = tmp_path / "one.json"
    ask = of(MESSAGES, "create")[0]
    with Simulator() as simulator, use_cassette(path, mode="once", upstream=upstream_to(simulator)):
        ask.run("hi", **A_KEY)

    with use_cassette(path) as replay:
        replay.reply("made up")
        ask.run("hi", **A_KEY)
        ask.run("hi", **A_KEY)

    assert replay.calls.texts[0] == "made up"
    assert "made up." in replay.calls.texts[1]
    assert [attempt.source.value for attempt in replay.calls.attempts] == ["stub", "replayed"]


def test_when_says_which_requests_a_stub_is_for(replay):
    """Each provider gets the answer that is meant for it, whoever asks first."""
    replay.reply("from Claude", when="anthropic")
    replay.reply("from GPT", when="openai")

    for api in (CHAT, MESSAGES):
        of(api, "create")[0].run("hi", **A_KEY)

    assert replay.calls.texts == ["from GPT", "from Claude"]


def test_a_stub_that_nobody_asked_for_fails_the_test(tmp_path):
    """A reply too many means that the application asked less often than the test believes."""
    opened = use_cassette(tmp_path / "none.json")
    replay = opened.__enter__()
    replay.reply("a", "b")
    of(MESSAGES, "create")[0].run("hi", **A_KEY)

    with pytest.raises(Unplayed, match="1 of 2 made-up replies were never asked for"):
        opened.__exit__(None, None, None)


def test_a_refusal_tells_what_became_of_the_replies(tmp_path):
    """They were all given, or those that are left are for other requests."""
    ask = of(MESSAGES, "create")[0]
    settings = {"on_unplayed": "ignore", "on_unmatched": "ignore"}
    with use_cassette(tmp_path / "none.json", **settings) as replay:
        replay.reply("a")
        ask.run("hi", **A_KEY)
        with pytest.raises(UnmatchedRequest) as first:
            ask.run("hi", **A_KEY)
    with use_cassette(tmp_path / "none.json", **settings) as replay:
        replay.reply("a", "b", when="openai")
        with pytest.raises(UnmatchedRequest) as second:
            ask.run("hi", **A_KEY)

    assert "  replies   1 made up, all given\n" in str(first.value)
    assert "  replies   2 made up, 2 left, none for this request\n" in str(second.value)


@pytest.mark.parametrize(
    ("answers", "named", "said"),
    [
        (("a", "b"), {"stop_reason": "length"}, "belong to one answer each"),
        ((7,), {}, r"reply\(7\): give texts, or Reply"),
        (("a",), {"tool_calls": ["get_weather"]}, "give pairs of a name and arguments"),
        (("a",), {"tool_calls": [("get_weather", {1, 2})]}, "give pairs of a name and arguments"),
        (("a",), {"usage": {"input_tokens": 3}}, r"give Usage\(input_tokens"),
        (("a",), {"usage": Usage(input_tokens=1, cache_read_tokens=7)}, "must include the 7 tokens read"),
        (("a",), {"thinking": 3}, "thinking must be text"),
        (("a",), {"stop_reason": "max_tokens", "when": "anthropic"}, "has no such stop reason: choose from stop"),
        (("a",), {"when": "antropic"}, "no such api or provider. Did you mean 'anthropic'"),
    ],
    ids=["shared", "no text", "no pair", "no JSON", "no usage", "no sum", "no thought", "no reason", "no api"],
)
def test_a_reply_that_makes_no_sense_is_refused_where_it_is_written(replay, answers, named, said):
    """The error says what to give instead."""
    with pytest.raises(SettingError, match=said):
        replay.reply(*answers, **named)


@pytest.mark.parametrize("api", [MESSAGES, CHAT], ids=str)
def test_a_reply_that_the_api_cannot_give_is_refused_as_that_by_every_sdk(replay, api):
    """Some api could say it; the one that is asked cannot, and no SDK takes that for a failure to be retried."""
    replay.reply("a", tool_calls=[("get_weather", "no JSON")], stop_reason="pause" if api == CHAT else None)

    with pytest.raises(ReplyProblem, match=api.replace(".", r"\.")):
        of(api, "create")[0].run("hi", **A_KEY)

    assert len(replay.calls.attempts) == 1
    replay.recorder.refusals.clear()


def test_a_schedule_that_names_no_api_is_refused_where_it_is_put_to_use(replay):
    """It would hit nothing, and the test would not know why."""
    with pytest.raises(SettingError, match=r"first\(when='opnai'\).* Did you mean 'openai'"):
        replay.inject(faults.RateLimited(), on=first(1, when="opnai"))


def test_a_fault_that_cannot_take_the_answers_place_says_so_where_nothing_is_recorded(tmp_path):
    """Its reason, not the advice to record: a fault of this kind needs no recording."""
    client = anthropic.Anthropic(**A_KEY, timeout=None, max_retries=0)

    with use_cassette(tmp_path / "none.json", on_unmatched="ignore", on_unfired="ignore") as replay:
        replay.inject(faults.ReadTimeout())
        with pytest.raises(FaultProblem, match="the client set no read timeout"):
            client.messages.create(model="claude-haiku-4-5", max_tokens=5, messages=[{"role": "user", "content": "hi"}])


def test_the_same_stub_is_the_same_answer_in_every_run(tmp_path):
    """Ids and all other bytes follow from what the test says."""
    seen = []
    for name in ("a", "b"):
        with use_cassette(tmp_path / name) as replay, anthropic.Anthropic(**A_KEY) as client:
            replay.reply("Hello")
            seen.append(client.messages.create(**claude_asks("hi")).to_json())

    assert seen[0] == seen[1]
