"""Conversations: tool loops, chats of several turns, and prompts in parallel, identical and different."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from itertools import count
from threading import Lock
from typing import Any

import anthropic
import openai
import pytest

from llmreplay import use_cassette
from llmreplay.core.errors import UnmatchedRequest
from llmreplay.core.model import Outcome, Reply, Request

from .conftest import RecordThenReplay, says
from .sdk_variants import CLAUDE, GPT, MESSAGES, VARIANTS, Variant, chat_asks, claude_asks, of

SCHEMA = {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}
WEATHER = "9 °C and rain"


def claude_tool_loop() -> list[str]:
    """Ask, run the tool that is asked for, ask again."""
    tool = {"name": "get_weather", "description": "Weather of a city.", "input_schema": SCHEMA}
    messages: list[Any] = [{"role": "user", "content": "Weather in Paris?"}]
    seen = []
    with anthropic.Anthropic() as client:
        for _ in range(3):
            answer = client.messages.create(model=CLAUDE, max_tokens=99, tools=[tool], messages=messages)
            seen.append(answer.model_dump_json())
            uses = [block for block in answer.content if block.type == "tool_use"]
            if not uses:
                break
            results = [{"type": "tool_result", "tool_use_id": use.id, "content": WEATHER} for use in uses]
            messages += [{"role": "assistant", "content": answer.content}, {"role": "user", "content": results}]
    return seen


def claude_streamed_tool_loop() -> list[str]:
    """Do the same with streams."""
    tool = {"name": "get_weather", "description": "Weather of a city.", "input_schema": SCHEMA}
    messages: list[Any] = [{"role": "user", "content": "Weather in Paris?"}]
    seen = []
    with anthropic.Anthropic() as client:
        for _ in range(3):
            with client.messages.stream(model=CLAUDE, max_tokens=99, tools=[tool], messages=messages) as stream:
                answer = stream.get_final_message()
            seen.append(answer.model_dump_json(warnings=False))
            uses = [block for block in answer.content if block.type == "tool_use"]
            if not uses:
                break
            results = [{"type": "tool_result", "tool_use_id": use.id, "content": WEATHER} for use in uses]
            messages += [{"role": "assistant", "content": answer.content}, {"role": "user", "content": results}]
    return seen


def chat_tool_loop() -> list[str]:
    """Do the same with chat completions."""
    tool: Any = {"type": "function", "function": {"name": "get_weather", "parameters": SCHEMA}}
    messages: list[Any] = [{"role": "user", "content": "Weather in Paris?"}]
    seen = []
    with openai.OpenAI() as client:
        for _ in range(3):
            message = client.chat.completions.create(model=GPT, messages=messages, tools=[tool]).choices[0].message
            seen.append(message.model_dump_json())
            if not message.tool_calls:
                break
            messages.append(message)
            messages += [{"role": "tool", "tool_call_id": use.id, "content": WEATHER} for use in message.tool_calls]
    return seen


def responses_tool_loop() -> list[str]:
    """Do the same with responses."""
    tool: Any = {"type": "function", "name": "get_weather", "parameters": SCHEMA, "strict": False}
    turns: list[Any] = [{"role": "user", "content": "Weather in Paris?"}]
    seen = []
    with openai.OpenAI() as client:
        for _ in range(3):
            answer = client.responses.create(model=GPT, input=turns, tools=[tool])
            seen.append(answer.model_dump_json())
            uses = [item for item in answer.output if item.type == "function_call"]
            if not uses:
                break
            turns += answer.output
            turns += [{"type": "function_call_output", "call_id": use.call_id, "output": WEATHER} for use in uses]
    return seen


LOOPS = [claude_tool_loop, claude_streamed_tool_loop, chat_tool_loop, responses_tool_loop]


@pytest.mark.parametrize("loop", LOOPS, ids=lambda loop: loop.__name__)
def test_a_tool_loop_is_replayed_turn_by_turn(record_then_replay: RecordThenReplay, loop: Callable[[], Any]) -> None:
    """Each turn of a tool loop finds its own recording, and the calls tell the tool that was asked for."""
    twice = record_then_replay(loop)

    assert twice.replayed == twice.live
    assert twice.calls.stop_reasons == ["tool_use", "stop"]
    assert [use.name for use in twice.calls[0].tool_calls] == ["get_weather"]
    assert WEATHER in twice.calls[1].text


@pytest.mark.parametrize("loop", LOOPS, ids=lambda loop: loop.__name__)
def test_a_tool_with_another_result_is_refused(
    record_then_replay: RecordThenReplay, monkeypatch: pytest.MonkeyPatch, loop: Callable[[], Any]
) -> None:
    """When the tool gives something else than was recorded, the turn that sends it is refused, and says where."""
    twice = record_then_replay(loop)
    monkeypatch.setitem(globals(), "WEATHER", "30 °C and sun")

    with pytest.raises(UnmatchedRequest) as caught, use_cassette(twice.path, mode="none"):
        loop()

    assert "30 °C and sun" in str(caught.value)
    assert len(caught.value.differences) == 1


def chat_of_turns() -> list[str]:
    """Hold a chat in which every turn sends what was said before."""
    messages: list[Any] = []
    said = []
    with openai.OpenAI() as client:
        for question in ("Hello?", "And then?", "And then?", "Bye."):
            messages.append({"role": "user", "content": question})
            answer = client.chat.completions.create(model=GPT, messages=messages).choices[0].message.content or ""
            messages.append({"role": "assistant", "content": answer})
            said.append(answer)
    return said


def test_a_chat_of_several_turns_is_replayed_in_order(record_then_replay: RecordThenReplay) -> None:
    """A question asked twice in one chat gets the answer of its own turn."""
    twice = record_then_replay(chat_of_turns)

    assert twice.replayed == twice.live
    assert len(twice.calls) == 4
    assert [len(call.request_json["messages"]) for call in twice.calls] == [1, 3, 5, 7]


def numbered() -> Callable[[Request], Outcome | None]:
    """Give a source that says another number each time, so that two recordings are never the same."""
    numbers, lock = count(1), Lock()

    def answer(request: Request) -> Outcome | None:
        with lock:
            return says(Reply(text=f"number {next(numbers)}"))(request)

    return answer


def in_parallel(variant: Variant, prompts: list[str]) -> Callable[[], list[tuple[str, ...]]]:
    """Give the work of asking all prompts at once: tasks of one loop, or threads of a pool."""

    async def gathered() -> list[tuple[str, ...]]:
        return list(await asyncio.gather(*(variant.gather(prompt) for prompt in prompts)))

    def pooled() -> list[tuple[str, ...]]:
        with ThreadPoolExecutor(len(prompts)) as pool:
            return list(pool.map(variant.run, prompts))

    return (lambda: asyncio.run(gathered())) if variant.is_async else pooled


@pytest.mark.parametrize("variant", [one for one in VARIANTS if one.way in ("create", "stream")], ids=str)
def test_different_prompts_in_parallel_get_their_own_answers(
    record_then_replay: RecordThenReplay, variant: Variant
) -> None:
    """Whatever order tasks and threads run in, each prompt gets the answer that was recorded for it."""
    prompts = [f"Question {number}?" for number in range(6)]

    twice = record_then_replay(in_parallel(variant, prompts), numbered())

    assert twice.replayed == twice.live
    assert len(twice.calls) == len(prompts)
    assert all(len(call.attempts) == 1 for call in twice.calls)


@pytest.mark.parametrize("variant", of(MESSAGES, "create", "stream"), ids=str)
def test_identical_prompts_in_parallel_share_the_recordings(
    record_then_replay: RecordThenReplay, variant: Variant
) -> None:
    """The same prompt asked at the same time gets every recorded answer once, each as a call of its own."""
    twice = record_then_replay(in_parallel(variant, ["The same?"] * 5), numbered())

    assert sorted(twice.replayed) == sorted(twice.live)
    assert len(set(twice.live)) == 5
    assert [len(call.attempts) for call in twice.calls] == [1] * 5


def test_identical_prompts_one_after_the_other_come_in_order(record_then_replay: RecordThenReplay) -> None:
    """The same prompt asked again gets the next recording, and one time too many is refused."""
    variant = of(MESSAGES, "create")[0]

    twice = record_then_replay(lambda: [variant.run("The same?") for _ in range(3)], numbered())

    assert twice.replayed == twice.live
    assert len(set(twice.live)) == 3
    with pytest.raises(UnmatchedRequest), use_cassette(twice.path, mode="none"):
        assert [variant.run("The same?") for _ in range(4)] == twice.live


def test_two_providers_in_one_test_are_kept_apart(record_then_replay: RecordThenReplay) -> None:
    """Calls to two providers share a cassette and a list of calls, each with its own api."""

    def both() -> list[Any]:
        with anthropic.Anthropic() as claude, openai.OpenAI() as gpt:
            return [
                claude.messages.create(**claude_asks("Hello?")).content[0].text,
                gpt.chat.completions.create(**chat_asks("Hello?")).choices[0].message.content,
            ]

    twice = record_then_replay(both)

    assert twice.replayed == twice.live
    assert [call.provider for call in twice.calls] == ["anthropic", "openai"]
    assert twice.calls.texts == twice.live
