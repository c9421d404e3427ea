"""Hundreds of calls at once, with random delays, over one cassette and over several: none wrong, lost or live."""

from __future__ import annotations

import asyncio
import json
import random
import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import httpx2
import pytest
from trust_doubles import ANTHROPIC, OPENAI, a_chat, a_message, a_message_stream, json_answer, names_in

from llmreplay import use_cassette
from llmreplay.storage.files import load

TASKS, THREADS, CALLS_A_THREAD, CASSETTES = 200, 32, 6, 4
NO_LIMITS = httpx2.Limits(max_connections=64)


def slowly(chance):
    """Answer each prompt by its own words, after a random delay, streamed or whole as it asks."""
    lock = threading.Lock()

    def answer(request):
        body = json.loads(request.body)
        text = f"You said {body['messages'][-1]['content']}."
        with lock:
            delay_s = chance.uniform(0, 0.02)
        if "chat" in request.url:
            response = json_answer(a_chat(text))
        else:
            response = a_message_stream(text, 5) if body.get("stream") else json_answer(a_message(text))
        first, *rest = response.chunks
        return replace(response, chunks=(replace(first, after_s=delay_s), *rest))

    return answer


def body_for(number, prompt):
    return {
        "model": "claude-haiku-4-5",
        "max_tokens": 9,
        "messages": [{"role": "user", "content": prompt}],
        **({"stream": True} if number % 3 == 0 else {}),
    }


def url_for(number):
    return f"{OPENAI}/v1/chat/completions" if number % 5 == 1 else f"{ANTHROPIC}/v1/messages"


def said(text):
    """Give the text of an answer, streamed or not."""
    if text.startswith("{"):
        body = json.loads(text)
        return body["content"][0]["text"] if "content" in body else body["choices"][0]["message"]["content"]
    lines = [json.loads(line[6:]) for line in text.splitlines() if line.startswith("data: ")]
    return "".join(line["delta"]["text"] for line in lines if line["type"] == "content_block_delta")


async def ask_async(client, number, prompt):
    answer = await client.post(url_for(number), json=body_for(number, prompt), headers={"x-api-key": "sk-any"})
    return said(answer.text) == f"You said {prompt}."


def ask(client, number, prompt):
    answer = client.post(url_for(number), json=body_for(number, prompt), headers={"x-api-key": "sk-any"})
    return said(answer.text) == f"You said {prompt}."


async def many_tasks(seed, numbers):
    """Ask in as many tasks, begun in a random order; every tenth prompt is the same."""
    chance = random.Random(seed)
    order = [*numbers]
    chance.shuffle(order)
    async with httpx2.AsyncClient(limits=NO_LIMITS, timeout=30) as client:

        async def one(number):
            await asyncio.sleep(chance.uniform(0, 0.01))
            return await ask_async(client, number, "the same" if number % 10 == 0 else f"task {number}")

        return await asyncio.gather(*map(one, order))


def many_threads(seed):
    """Ask in as many threads, each a few times; threads inherit no context."""
    chance = random.Random(seed)
    right = []
    with httpx2.Client(limits=NO_LIMITS, timeout=30) as client:

        def several(number):
            for turn in range(CALLS_A_THREAD):
                prompt = "the same" if turn == 0 else f"thread {number}, turn {turn}"
                right.append(ask(client, number, prompt))

        threads = [threading.Thread(target=several, args=(number,)) for number in range(THREADS)]
        chance.shuffle(threads)
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    return right


def prompts_of(path):
    return sorted(json.loads(one.request.body)["messages"][0]["content"] for one in load(path))


async def test_two_hundred_tasks_record_and_replay(tmp_path, listener):
    """Every task gets the answer to its own prompt, recorded and replayed, in another order each time."""
    listener.answer = slowly(random.Random(1))
    path = tmp_path / "one.json"
    async with use_cassette(path, mode="once", upstream=listener.upstream):
        recorded = await many_tasks(1, range(TASKS))
    sent = len(listener.requests)

    replays = []
    for seed in (2, 3):
        async with use_cassette(path, mode="none", upstream=listener.upstream) as replay:
            replays += await many_tasks(seed, range(TASKS))
        assert len(replay.calls) == TASKS

    assert recorded == [True] * TASKS
    assert replays == [True] * TASKS * 2
    assert len(load(path)) == TASKS
    assert len(listener.requests) == sent
    assert names_in(tmp_path) == ["one.json"]


async def test_tasks_that_find_half_of_it_record_the_rest(tmp_path, listener):
    """In mode new_episodes the tasks whose prompts are there replay, the others record, none twice."""
    listener.answer = slowly(random.Random(2))
    path = tmp_path / "one.json"
    async with use_cassette(path, mode="once", upstream=listener.upstream):
        await many_tasks(1, range(0, TASKS, 2))
    before = len(listener.requests)

    async with use_cassette(path, mode="new_episodes", upstream=listener.upstream):
        right = await many_tasks(2, range(TASKS))
    async with use_cassette(path, mode="none"):
        replayed = await many_tasks(3, range(TASKS))

    assert right == replayed == [True] * TASKS
    assert len(listener.requests) - before == TASKS // 2
    assert len(load(path)) == TASKS


def test_thirty_two_threads_record_and_replay(tmp_path, listener):
    """Every thread gets its own answers from the one cassette that is open, though it inherits no context."""
    listener.answer = slowly(random.Random(3))
    path = tmp_path / "one.json"
    with use_cassette(path, mode="once", upstream=listener.upstream):
        recorded = many_threads(1)
    sent = len(listener.requests)

    with use_cassette(path, mode="none", upstream=listener.upstream):
        replayed = many_threads(2)

    assert recorded == replayed == [True] * THREADS * CALLS_A_THREAD
    assert len(load(path)) == THREADS * CALLS_A_THREAD
    assert len(listener.requests) == sent


async def test_four_cassettes_in_four_tasks_stay_apart(tmp_path, listener):
    """Each task's subtasks use its cassette, though all four are open at once and close in another order."""
    listener.answer = slowly(random.Random(4))

    async def work(client, name, mode, chance):
        async with use_cassette(tmp_path / f"{name}.json", mode=mode, upstream=listener.upstream):
            await asyncio.sleep(chance.uniform(0, 0.02))
            asked = (ask_async(client, number, f"{name}, call {number}") for number in range(12))
            return await asyncio.gather(*asked)

    async def all_at_once(mode, seed):
        chance = random.Random(seed)
        async with httpx2.AsyncClient(limits=NO_LIMITS, timeout=30) as client:
            return await asyncio.gather(*(work(client, name, mode, chance) for name in "abcd"))

    recorded = await all_at_once("once", 1)
    sent = len(listener.requests)
    replayed = await all_at_once("none", 2)

    assert recorded == replayed == [[True] * 12] * CASSETTES
    for name in "abcd":
        assert prompts_of(tmp_path / f"{name}.json") == sorted(f"{name}, call {number}" for number in range(12))
    assert len(listener.requests) == sent


def test_four_cassettes_in_four_threads_stay_apart(tmp_path, listener):
    """Each thread's calls, and those of the workers that it hands its context, use the cassette it opened."""
    listener.answer = slowly(random.Random(5))
    all_open = threading.Barrier(CASSETTES)

    def work(name, mode):
        with (
            httpx2.Client(limits=NO_LIMITS, timeout=30) as client,
            use_cassette(tmp_path / f"{name}.json", mode=mode, upstream=listener.upstream),
        ):
            all_open.wait(10)
            right = [ask(client, number, f"{name}, call {number}") for number in range(12)]
            right.append(asyncio.run(asyncio.to_thread(ask, client, 12, f"{name}, call 12")))
            all_open.wait(10)
            return right

    def all_at_once(mode):
        with ThreadPoolExecutor(CASSETTES) as pool:
            return list(pool.map(work, "abcd", [mode] * CASSETTES))

    recorded = all_at_once("once")
    sent = len(listener.requests)
    replayed = all_at_once("none")

    assert recorded == replayed == [[True] * 13] * CASSETTES
    for name in "abcd":
        assert prompts_of(tmp_path / f"{name}.json") == sorted(f"{name}, call {number}" for number in range(13))
    assert len(listener.requests) == sent


@pytest.mark.parametrize("mode", ["once", "none"])
def test_a_thread_that_belongs_to_none_of_several_is_refused(tmp_path, listener, mode):
    """Of two open cassettes a thread without context gets neither, and both tests hear of it."""
    from llmreplay.core.errors import SeveralRecorders

    listener.answer = slowly(random.Random(6))
    sent, caught = len(listener.requests), []

    def stray():
        try:
            with httpx2.Client() as client:
                ask(client, 2, "whose is this?")
        except BaseException as error:
            caught.append(error)

    def both():
        with (
            use_cassette(tmp_path / "a.json", mode=mode, upstream=listener.upstream) as one,
            use_cassette(tmp_path / "b.json", mode=mode, upstream=listener.upstream) as other,
        ):
            thread = threading.Thread(target=stray)
            thread.start()
            thread.join()
            heard.extend(replay.recorder.refusals for replay in (one, other))

    heard = []
    with pytest.raises(SeveralRecorders):
        both()

    assert isinstance(caught[0], SeveralRecorders)
    assert [len(refusals) for refusals in heard] == [1, 1]
    assert len(listener.requests) == sent
