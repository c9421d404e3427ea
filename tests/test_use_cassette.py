"""`use_cassette`: a context manager and a decorator, sync and async, nested, overlapping, in threads and tasks."""

from __future__ import annotations

import asyncio
import contextvars
import gzip
import json
import os
import random
import threading
import time
import warnings
from collections import UserDict
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, HTTPServer

import httpx2
import pytest

from llmreplay import CassetteError, SettingError, UnmatchedRequest, faults, use_cassette
from llmreplay.core.errors import FaultProblem, SeveralRecorders, Unplayed
from llmreplay.core.settings import Settings
from llmreplay.session import AMBIENCES, Ambience, LlmReplayWarning
from llmreplay.session.parts import redactor_for
from llmreplay.session.use_cassette import environment_settings
from llmreplay.simulator import Simulator
from llmreplay.storage.codec import encode

MESSAGES = "https://api.anthropic.com/v1/messages"


@pytest.fixture(scope="module")
def simulator():
    """Give a provider on loopback that answers any prompt."""
    with Simulator() as running:
        yield running


@pytest.fixture(autouse=True)
def no_run(monkeypatch):
    """Take every `use_cassette` for one outside of pytest: no run says anything to it, refusals are raised bare."""
    nowhere = Ambience()
    AMBIENCES.enter(nowhere)
    monkeypatch.delenv("PYTEST_CURRENT_TEST")
    yield
    AMBIENCES.leave(nowhere)
    monkeypatch.setenv("PYTEST_CURRENT_TEST", "teardown")


@pytest.fixture
def upstream(simulator):
    """Give the setting that sends to the provider on loopback."""
    return {"https://api.anthropic.com": simulator.url}


def prompts_of(path):
    """Give what was asked on a cassette, in order."""
    interactions = json.loads(path.read_text("utf-8"))["interactions"]
    return [interaction["request"]["json"]["messages"][-1]["content"] for interaction in interactions]


def body(text):
    return {"model": "claude-haiku-4-5", "max_tokens": 9, "messages": [{"role": "user", "content": text}]}


def ask(text="hi"):
    """Ask, and say whether the answer is one to this question."""
    with httpx2.Client(verify=False) as client:
        response = client.post(MESSAGES, json=body(text))
    return text in response.json()["content"][0]["text"]


async def ask_async(text="hi", client=None):
    if client is not None:
        response = await client.post(MESSAGES, json=body(text))
        return f'"{text}"' in response.json()["content"][0]["text"]
    async with httpx2.AsyncClient(verify=False) as own:
        return await ask_async(text, own)


@pytest.fixture
def recorded(tmp_path, upstream):
    """Give a function that records questions into a cassette and gives its path."""

    def record(*questions, name="a.json"):
        path = tmp_path / name
        with use_cassette(path, mode="once", upstream=upstream):
            assert all(map(ask, questions))
        return path

    return record


# One cassette


def test_it_records_and_replays_as_a_context_manager(recorded, simulator):
    """What was recorded in a block is replayed in the next, without the provider."""
    path = recorded("one", "two")
    sent = len(simulator.requests)

    with use_cassette(path) as replay:
        assert ask("two")
        assert ask("one")

    assert len(simulator.requests) == sent
    assert len(replay.calls) == 2
    assert replay.mode == "none"


async def test_it_works_as_an_async_context_manager(tmp_path, upstream, simulator):
    """`async with` is the same."""
    for mode in ("once", "none"):
        async with use_cassette(tmp_path / "a.json", mode=mode, upstream=upstream) as replay:
            assert await ask_async("hello")
        assert len(replay.calls) == 1

    assert prompts_of(tmp_path / "a.json") == ["hello"]


def test_a_decorated_function_opens_the_cassette_anew_each_time(recorded):
    """Every call of a decorated function has every recording again; it keeps its name and its result."""
    path = recorded("one")

    @use_cassette(path)
    def work(number, *, twice=1):
        """Do it."""
        return ask("one") and number * twice

    assert [work(2), work(3, twice=2)] == [2, 6]
    assert (work.__name__, work.__doc__) == ("work", "Do it.")


async def test_decorated_coroutines_and_generators_are_covered_to_their_end(recorded):
    """The cassette of a decorated coroutine or generator is open while it runs, not while it is made."""
    path = recorded("one", "two")

    @use_cassette(path)
    async def work():
        return [await ask_async("one"), await ask_async("two")]

    @use_cassette(path)
    def give():
        yield ask("one")
        yield ask("two")

    @use_cassette(path)
    async def give_async():
        yield await ask_async("one")
        yield await ask_async("two")

    assert await asyncio.gather(work(), work()) == [[True, True]] * 2
    assert list(give()) == [True, True]
    assert [value async for value in give_async()] == [True, True]


def test_a_decorated_function_that_fails_raises_its_own_error(recorded):
    """An error passes through; recordings left unplayed by it are not complained about."""

    @use_cassette(recorded("one"))
    def work():
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        work()


def test_a_class_cannot_be_decorated(tmp_path):
    """A class is refused where it is decorated."""
    with pytest.raises(SettingError, match="cannot decorate the class Work"):

        @use_cassette(tmp_path / "a.json")
        class Work: ...


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"mode": "onse"}, r"use_cassette\(\): mode='onse': choose from"),
        ({"modus": 1}, r"use_cassette\(\): 'modus' is no setting\. Did you mean mode\?"),
        ({"ignore": ["$.a["]}, r"\$\.a\["),
        ({"faults": "429 times"}, "429 times"),
        ({"cassette": "b.json"}, r"use_cassette\(\): cassette='b\.json': its path is the first argument"),
    ],
)
def test_a_wrong_setting_is_refused_where_it_is_written(tmp_path, settings, message):
    """The mistake is told when `use_cassette` is called, before anything is opened."""
    with pytest.raises(SettingError, match=message):
        use_cassette(tmp_path / "a.json", **settings)


def test_the_environment_rules_but_not_over_an_explicit_mode(tmp_path, monkeypatch):
    """A variable overrides a keyword; a mode that is written here stays."""
    monkeypatch.setenv("LLMREPLAY_MODE", "live")
    monkeypatch.setenv("LLMREPLAY_SPEED", "2")

    with use_cassette(tmp_path / "a.json", speed=1) as replay:
        pass
    with use_cassette(tmp_path / "a.json", "none") as explicit:
        pass

    assert (replay.mode, replay.settings.speed) == ("live", 2.0)
    assert explicit.mode == "none"


def test_a_text_names_a_cassette_in_the_folder_and_a_path_stands_as_it_is(tmp_path, monkeypatch):
    """Names are looked up in `cassette_dir`, paths from the current folder."""
    monkeypatch.chdir(tmp_path)
    found = []
    for path in ("a.json", "cassettes/a.json", tmp_path / "b.json"):
        with use_cassette(path) as replay:
            found.append(replay.path.relative_to(tmp_path).as_posix())

    assert found == ["cassettes/a.json", "cassettes/a.json", "b.json"]


def test_a_refusal_names_the_cassette_and_what_to_type(recorded):
    """Outside pytest the command is the one that is written in code."""
    path = recorded("one")

    with pytest.raises(UnmatchedRequest) as caught, use_cassette(path):
        ask("another")

    assert f"use_cassette('{path}', mode='rewrite')" in str(caught.value)


@pytest.mark.parametrize("on_unplayed", ["error", "warn", "ignore"])
def test_unplayed_recordings_are_told_at_the_end(recorded, on_unplayed):
    """What nobody asked for raises, warns or passes, as was said."""
    path = recorded("one")
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        try:
            with use_cassette(path, on_unplayed=on_unplayed):
                pass
            raised = None
        except Unplayed as error:
            raised = error

    assert (raised is not None) == (on_unplayed == "error")
    assert [one.category for one in caught] == ([LlmReplayWarning] if on_unplayed == "warn" else [])


def test_a_swallowed_refusal_is_raised_at_the_end(recorded):
    """A block that caught its refusal does not end as if nothing had happened."""
    path = recorded("one")

    def work():
        with use_cassette(path):
            ask("one")
            with pytest.raises(BaseException):  # noqa: B017, PT011
                ask("another")

    with pytest.raises(UnmatchedRequest, match="no recorded interaction"):
        work()


def test_a_block_that_fails_keeps_its_recording_aside_and_says_so(tmp_path, upstream):
    """The error of the block carries a note with the name of the file."""
    path = tmp_path / "a.json"

    def work():
        with use_cassette(path, mode="once", upstream=upstream):
            ask("one")
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError) as caught:
        work()

    assert not path.exists()
    assert prompts_of(tmp_path / "a.json.llmreplay-partial") == ["one"]
    note = caught.value.__notes__[0]
    assert "What was recorded is in a.json.llmreplay-partial" in note
    assert "a.json', accept=True) takes a recording whatever it holds" in note


def test_a_recording_that_is_not_taken_warns(recorded, tmp_path, upstream, simulator):
    """A re-recording that brought nothing but an error leaves the cassette, and somebody hears of it."""
    path = recorded("one")
    before = path.read_bytes()

    with (
        pytest.warns(LlmReplayWarning, match="it brought errors where answers stood"),
        use_cassette(path, mode="rewrite", upstream={"https://api.anthropic.com": "http://127.0.0.1:1"}),
        pytest.raises(httpx2.ConnectError),
    ):
        ask("one")

    assert path.read_bytes() == before


def test_a_bad_cassette_is_told_when_it_is_opened(tmp_path):
    """A damaged file raises before anything is patched or closed."""
    path = tmp_path / "a.json"
    path.write_text('{"format": "llmreplay/1", "interactions": [')
    original = httpx2.HTTPTransport.handle_request

    with pytest.raises(CassetteError, match=r"a\.json: .*cut off"), use_cassette(path):
        pass

    assert httpx2.HTTPTransport.handle_request is original


# Several cassettes


def test_nested_blocks_are_served_from_the_inside_out(recorded):
    """The inner cassette answers inside, the outer one before and after."""
    outer, inner = recorded("outer", "outer again", name="outer.json"), recorded("inner", name="inner.json")

    with use_cassette(outer) as first:
        assert ask("outer")
        with use_cassette(inner) as second:
            assert ask("inner")
        assert ask("outer again")

    assert (len(first.calls), len(second.calls)) == (2, 1)


def test_what_an_inner_block_recorded_on_the_same_cassette_is_not_replaced(tmp_path, upstream):
    """Outside a run, too: `rewrite` takes the place of what stood there before the block, and of nothing newer."""
    path = tmp_path / "one.json"
    for _ in range(2):
        with use_cassette(path, mode="rewrite", upstream=upstream):
            ask("outer")
            with use_cassette(path, mode="rewrite", upstream=upstream):
                ask("inner")

        assert prompts_of(path) == ["inner", "outer"]


def test_overlapping_blocks_may_be_closed_in_any_order(recorded):
    """The one that was opened first may be closed first; each answers while it is the innermost that is open."""
    first, second = (use_cassette(recorded(text, name=f"{text}.json")) for text in ("one", "two"))

    first.__enter__()
    assert ask("one")
    second.__enter__()
    first.__exit__(None, None, None)
    assert ask("two")
    second.__exit__(None, None, None)


@pytest.mark.parametrize(
    ("address", "are_set"),
    [
        ("https://api.anthropic.com", (True, False)),
        ("https://my.openai.azure.com", (False, True)),
        ("https://gateway.example", (True, True)),
    ],
    ids=["anthropic", "azure", "anybody"],
)
def test_while_recording_only_the_stand_ins_own_keys_are_made_up(tmp_path, simulator, monkeypatch, address, are_set):
    """An application that takes the provider whose key it finds takes the same as without us."""
    names = ("ANTHROPIC_API_KEY", "AZURE_OPENAI_API_KEY")
    for name in names:
        monkeypatch.delenv(name, raising=False)

    with use_cassette(tmp_path / "a.json", mode="once", upstream={address: simulator.url}):
        found = tuple(name in os.environ for name in names)

    assert found == are_set
    assert not [name for name in (*names, "OPENAI_ADMIN_KEY") if name in os.environ]


def test_placeholder_keys_stay_while_anybody_needs_them(recorded, monkeypatch):
    """Of two overlapping blocks, the one that closes first does not take the other's keys away."""
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)
    path = recorded()
    first, second = use_cassette(path), use_cassette(path)
    seen = []

    first.__enter__()
    second.__enter__()
    first.__exit__(None, None, None)
    seen.append("OPENAI_API_KEY" in os.environ)
    second.__exit__(None, None, None)
    seen.append("OPENAI_API_KEY" in os.environ)

    assert seen == [True, False]


@pytest.mark.parametrize("blank", ["", "  "], ids=["empty", "white space"])
def test_a_blank_key_is_none_and_comes_back(recorded, monkeypatch, blank):
    """A secret that a CI does not have is an empty variable: a replay leaves it as it was."""
    monkeypatch.setenv("OPENAI_API_KEY", blank)
    first, second = use_cassette(recorded()), use_cassette(recorded())
    seen = []

    first.__enter__()
    second.__enter__()
    seen.append(os.environ["OPENAI_API_KEY"].strip() != "")
    first.__exit__(None, None, None)
    seen.append(os.environ["OPENAI_API_KEY"].strip() != "")
    second.__exit__(None, None, None)

    assert seen == [True, True]
    assert os.environ["OPENAI_API_KEY"] == blank


def test_a_key_that_the_test_sets_itself_is_left(recorded, monkeypatch):
    """Whoever sets a key while a cassette is open keeps it."""
    monkeypatch.setenv("OPENAI_API_KEY", "")

    with use_cassette(recorded()):
        os.environ["OPENAI_API_KEY"] = "sk-their-own"

    assert os.environ["OPENAI_API_KEY"] == "sk-their-own"


def test_a_thread_between_two_cassettes_is_refused_with_their_names(recorded):
    """A thread that belongs to neither of two open cassettes is refused by both; one that has the context is served."""
    first, second = recorded("one", name="one.json"), recorded("two", name="two.json")
    settings = {"on_unplayed": "ignore", "on_unmatched": "ignore"}
    with use_cassette(first, **settings), use_cassette(second, **settings), ThreadPoolExecutor(1) as pool:
        context = contextvars.copy_context()
        with pytest.raises(SeveralRecorders, match=r"one\.json, .*two\.json"):
            pool.submit(ask, "two").result()
        assert pool.submit(context.run, ask, "two").result()


async def test_four_cassettes_in_four_tasks_are_kept_apart(tmp_path, upstream, simulator):
    """Each task records and replays its own, sync and async, while the others are open."""
    everybody = asyncio.Barrier(4)

    async def work(number, mode):
        async with use_cassette(tmp_path / f"{number}.json", mode=mode, upstream=upstream) as replay:
            await everybody.wait()
            for turn in range(3):
                assert await ask_async(f"{number}-{turn}")
            assert await asyncio.to_thread(ask, f"{number}-thread")
            await everybody.wait()
        return len(replay.calls)

    recorded = await asyncio.gather(*(work(number, "once") for number in range(4)))
    sent = len(simulator.requests)
    replayed = await asyncio.gather(*(work(number, "none") for number in range(4)))

    assert recorded == replayed == [4] * 4
    assert len(simulator.requests) == sent
    for number in range(4):
        assert prompts_of(tmp_path / f"{number}.json") == [f"{number}-{turn}" for turn in (0, 1, 2, "thread")]


async def test_one_cassette_used_by_several_tasks_closes_the_right_one(recorded):
    """An object that several tasks entered gives each its own replay back, whoever leaves first."""
    cassette = use_cassette(recorded("one"))
    in_turn = [asyncio.Event(), asyncio.Event()]

    async def work(number):
        async with cassette as replay:
            assert await ask_async("one")
            in_turn[number].set()
            await in_turn[1 - number].wait()
            if number:
                await asyncio.sleep(0)
        return len(replay.calls)

    assert await asyncio.gather(work(0), work(1)) == [1, 1]


# Many at once


async def test_two_hundred_tasks_share_one_cassette(tmp_path, upstream, simulator):
    """Tasks with random delays record and replay: none wrong, none lost, none live."""
    dice = random.Random(7)
    delays = [dice.random() / 500 for _ in range(200)]

    async def work(number, client):
        await asyncio.sleep(delays[number])
        return await ask_async(f"task {number} of many", client)

    async def everybody(mode):
        async with (
            use_cassette(tmp_path / "a.json", mode=mode, upstream=upstream) as replay,
            httpx2.AsyncClient(verify=False, timeout=30) as client,
        ):
            right = await asyncio.gather(*(work(number, client) for number in range(200)))
        return sum(right), len(replay.calls)

    sent = len(simulator.requests)
    recorded = await everybody("once")
    arrived = len(simulator.requests) - sent
    replayed = await everybody("none")

    assert recorded == replayed == (200, 200)
    assert (arrived, len(simulator.requests) - sent) == (200, 200)
    assert sorted(prompts_of(tmp_path / "a.json")) == sorted(f"task {number} of many" for number in range(200))


def test_thirty_two_threads_share_one_cassette(tmp_path, upstream, simulator):
    """Threads with random delays, half of them asking the same, record and replay: none wrong, lost or live."""
    dice = random.Random(7)
    delays = [dice.random() / 200 for _ in range(32)]

    def work(number):
        time.sleep(delays[number])
        mine = ask(f"thread {number} of many")
        time.sleep(delays[-number])
        return mine and ask("the same for all")

    def everybody(mode):
        with (
            use_cassette(tmp_path / "a.json", mode=mode, upstream=upstream) as replay,
            ThreadPoolExecutor(32) as pool,
        ):
            right = list(pool.map(work, range(32)))
        return sum(right), len(replay.calls)

    recorded = everybody("once")
    sent = len(simulator.requests)
    replayed = everybody("none")

    assert recorded == replayed == (32, 64)
    assert len(simulator.requests) == sent
    assert prompts_of(tmp_path / "a.json").count("the same for all") == 32


def test_threads_that_open_and_close_cassettes_all_the_time_never_go_live(recorded, simulator):
    """However openings and closings interleave, every call is answered by its thread's cassette."""
    paths = [recorded(f"thread {number}", name=f"{number}.json") for number in range(8)]
    sent = len(simulator.requests)
    wrong = []

    def work(number):
        for _ in range(10):
            with use_cassette(paths[number]) as replay:
                if not ask(f"thread {number}") or len(replay.calls) != 1:
                    wrong.append(number)

    threads = [threading.Thread(target=work, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert wrong == []
    assert len(simulator.requests) == sent


@pytest.mark.parametrize("why", ["made up", "failed on purpose", "refused"])
def test_a_token_that_a_request_hands_on_is_hidden_wherever_it_was_answered_from(tmp_path, why):
    """A request that is no recording to the letter may carry what nobody may see."""
    token = "qP8wE6rT4yU2iO0pAsDfGhJk"
    server = {"type": "url", "name": "notes", "url": "https://mcp.example", "authorization_token": token}
    path = tmp_path / "a.json"
    path.write_bytes(encode([]))

    with use_cassette(path, on_unmatched="ignore") as replay:
        if why == "made up":
            replay.reply("hello")
        elif why == "failed on purpose":
            replay.inject(faults.Overloaded())
        with httpx2.Client(verify=False) as client, suppress(UnmatchedRequest):
            client.post(MESSAGES, json={**body("hi"), "mcp_servers": [server]})
        shown = replay.shown(f"401 for {token}")

    assert shown == "401 for REDACTED"


def test_a_variable_that_another_thread_takes_out_meanwhile_is_no_error(tmp_path, monkeypatch):
    """Another thread's cassette takes its own variables out of the environment when it is closed."""

    class Vanishing(UserDict):
        # That of the real one; UserDict's own looks twice.
        get = Mapping.get

        def __getitem__(self, name):
            if name.endswith(("_GUARD", "_KEY")):
                raise KeyError(name)
            return super().__getitem__(name)

    gone = {"LLMREPLAY_CHILD_GUARD": "[]", "ANTHROPIC_API_KEY": "test-key"}
    monkeypatch.setattr(os, "environ", Vanishing({**os.environ, **gone, "LLMREPLAY_ON_UNPLAYED": "warn"}))

    assert environment_settings() == {"on_unplayed": "warn"}
    assert redactor_for(Settings()).known == 0


def test_a_refusal_says_what_to_write_where_the_block_is_opened(recorded):
    """A marker has no say in a block that is opened with a path."""
    path = recorded("one", "two")

    with pytest.raises(Unplayed) as unplayed, use_cassette(path):
        ask("one")
    with pytest.raises(UnmatchedRequest) as unmatched, use_cassette(path, on_unplayed="ignore"):
        ask("other")
    with pytest.raises(Unplayed) as not_asked, use_cassette(path) as replay:
        replay.reply("a")
    with pytest.raises(FaultProblem) as unfired, use_cassette(path, on_unplayed="ignore") as replay:
        replay.inject(faults.RateLimited())

    assert f'use_cassette({str(path)!r}, on_unplayed="ignore")' in str(unplayed.value)
    assert f'use_cassette({str(path)!r}, on_unplayed="ignore")' in str(not_asked.value)
    assert f'use_cassette({str(path)!r}, on_unfired="ignore")' in str(unfired.value)
    assert f'use_cassette({str(path)!r}, ignore=["$.messages[*].content"])' in str(unmatched.value)


def test_an_open_stream_is_no_whole_answer(recorded):
    """What the client has not read yet is not told of: neither that it is complete, nor what it says."""
    path = recorded("one")

    with use_cassette(path) as replay, httpx2.Client(verify=False) as client:
        with client.stream("POST", MESSAGES, json=body("one")) as response:
            call = replay.calls.one()
            assert (call.is_complete, call.stop_reason, call.text) == (False, None, "")
            response.read()
        call = replay.calls.one()
        assert (call.is_complete, call.stop_reason) == (True, "stop")
        assert call.text


@pytest.mark.parametrize("data", [b"no gzip", gzip.compress(b'{"a":1}') + b"junk"], ids=["none", "junk at its end"])
def test_a_body_that_cannot_be_decoded_is_replayed_as_it_came(tmp_path, data):
    """The client gets the same error, or the same leniency of its own, as when it was recorded."""

    class Encoded(BaseHTTPRequestHandler):
        def do_POST(self):
            self.rfile.read(int(self.headers["content-length"]))
            self.send_response(200)
            for name, value in (("content-encoding", "gzip"), ("content-length", str(len(data)))):
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(data)

        def log_message(self, *_):
            pass

    def asked():
        with httpx2.Client(verify=False) as client:
            try:
                return client.post(MESSAGES, json=body("one")).content
            except httpx2.DecodingError:
                return "cannot be decoded"

    with HTTPServer(("127.0.0.1", 0), Encoded) as server, ThreadPoolExecutor(1) as pool:
        pool.submit(server.handle_request)
        upstream = {"https://api.anthropic.com": f"http://127.0.0.1:{server.server_port}"}
        with use_cassette(tmp_path / "a.json", mode="once", upstream=upstream):
            recorded = asked()
    with use_cassette(tmp_path / "a.json"):
        assert asked() == recorded
    assert recorded in ("cannot be decoded", b'{"a":1}')
