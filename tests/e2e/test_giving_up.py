"""An application that gives up: what its deadlines and its hedging made of a call, they make of the recording."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import anthropic
import httpx
import pytest
import urllib3

from llmreplay import use_cassette
from llmreplay.core.attempt import Source
from llmreplay.core.errors import ReadPastEnd, WaitsPastEnd
from llmreplay.core.model import End, Failure, Reply, Request, Response, TransportFailure
from llmreplay.simulator import Simulator
from llmreplay.storage.codec import decode

from .conftest import RecordThenReplay, says, upstream_to

PARIS = says(Reply(text="Paris is in France, – ja!"))
ASKS = {"model": "claude-haiku-4-5", "max_tokens": 50, "messages": [{"role": "user", "content": "Where is Paris?"}]}
STACKS = pytest.mark.parametrize("stack", ["httpx2", "aiohttp"])
DEADLINE_S = 0.2
LATE_S = 3.0


def a_client(stack: str) -> anthropic.AsyncAnthropic:
    """Give an SDK client on a stack."""
    if stack == "httpx2":
        return anthropic.AsyncAnthropic(api_key="sk-none", max_retries=0)
    pytest.importorskip("aiohttp", reason="aiohttp is not installed")
    return anthropic.AsyncAnthropic(api_key="sk-none", max_retries=0, http_client=anthropic.DefaultAioHttpClient())


def late(delay_s: float = LATE_S) -> Callable[[Request], Response]:
    """Give a source whose first answer takes long to begin; those after it come at once."""
    delays = [delay_s]

    def answer(request: Request) -> Response:
        response = PARIS(request)
        assert response is not None
        return replace(response, delay_s=delays.pop() if delays else 0.0)

    return answer


def stalling(after: int = 3) -> Callable[[Request], Response]:
    """Give a source whose stream stops for long after so many chunks."""

    def answer(request: Request) -> Response:
        response = PARIS(request)
        assert response is not None
        gaps = [LATE_S if index == after else 0.0 for index in range(len(response.chunks))]
        chunks = [replace(chunk, after_s=gap) for chunk, gap in zip(response.chunks, gaps, strict=True)]
        return replace(response, chunks=tuple(chunks))

    return answer


def outcome_of(twice: Any, number: int = 0) -> Any:
    """Give what stands on the cassette."""
    return decode(twice.path.read_bytes(), "cassette")[number].outcome


def timed(work: Callable[[], Any]) -> tuple[Any, float]:
    """Do the work, and say how many real seconds it took."""
    began = time.perf_counter()
    return work(), time.perf_counter() - began


async def _within_a_deadline(stack: str, deadline_s: float) -> str:
    async with a_client(stack) as client:
        try:
            async with asyncio.timeout(deadline_s):
                message = await client.messages.create(**ASKS)
        except TimeoutError:
            return "gave up"
        return message.content[0].text


async def _first_events(stack: str) -> list[str]:
    seen = []
    async with a_client(stack) as client:
        stream = await client.messages.create(**ASKS, stream=True)
        events = aiter(stream)
        try:
            while True:
                seen.append((await asyncio.wait_for(anext(events), DEADLINE_S)).type)
        except (TimeoutError, StopAsyncIteration) as error:
            seen.append(type(error).__name__)
        await stream.close()
    return seen


async def _hedged(stack: str, head_start_s: float) -> str:
    async with a_client(stack) as client:
        tasks = [asyncio.create_task(client.messages.create(**ASKS))]
        if head_start_s:
            await asyncio.wait(tasks, timeout=head_start_s)
        tasks.append(asyncio.create_task(client.messages.create(**ASKS)))
        done, pending = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        for task in pending:
            task.cancel()
        await asyncio.gather(*pending, return_exceptions=True)
        return f"{tasks.index(next(iter(done)))}: {next(iter(done)).result().content[0].text}"


@STACKS
def test_a_deadline_before_the_answer_strikes_again(record_then_replay: RecordThenReplay, stack: str):
    """Recorded as a client that gave up, the call is there for the same deadline, and counts as played."""
    twice = record_then_replay(lambda: asyncio.run(_within_a_deadline(stack, DEADLINE_S)), late())

    outcome = outcome_of(twice)
    assert twice.live == twice.replayed == "gave up"
    assert outcome.kind is Failure.CLIENT_CLOSED
    # Of the deadline, what the SDK needs before it sends is gone.
    assert 0.0 < outcome.after_s < LATE_S
    assert [attempt.source for attempt in twice.live_calls.attempts] == [Source.RECORDED]
    assert [attempt.source for attempt in twice.calls.attempts] == [Source.REPLAYED]
    assert twice.calls.attempts[0].has_ended


@STACKS
def test_a_long_deadline_takes_no_real_time(record_then_replay: RecordThenReplay, stack: str):
    """The recorded wait passes on the test's clock alone."""
    twice = record_then_replay(lambda: asyncio.run(_within_a_deadline(stack, 1.0)), late())

    with use_cassette(twice.path, mode="none"):
        seen, real_s = timed(lambda: asyncio.run(_within_a_deadline(stack, 1.0)))

    assert seen == "gave up"
    assert real_s < 0.9


@STACKS
def test_a_client_that_waits_on_is_told_that_the_recorded_one_gave_up(record_then_replay: RecordThenReplay, stack: str):
    """Whatever would have come is unknown, so nothing is made up."""
    twice = record_then_replay(lambda: asyncio.run(_within_a_deadline(stack, DEADLINE_S)), late())

    with pytest.raises(WaitsPastEnd, match=r"after 0\.\d+ s the client gave up.*[\s\S]*mode='rewrite'"):  # noqa: SIM117
        with use_cassette(twice.path, mode="none"):
            asyncio.run(_within_a_deadline(stack, 100.0))


@STACKS
def test_a_deadline_in_the_midst_of_a_stream_strikes_again(record_then_replay: RecordThenReplay, stack: str):
    """The events before it are the same, and the silence after them lasts as long, on the test's clock."""
    twice = record_then_replay(lambda: asyncio.run(_first_events(stack)), stalling())

    outcome = outcome_of(twice)
    assert twice.live == twice.replayed
    assert twice.live[-1] == "TimeoutError"
    assert outcome.end is End.CLIENT_CLOSED
    assert 0.0 < outcome.end_after_s < LATE_S
    assert len(outcome.chunks) == 3


@STACKS
@pytest.mark.parametrize("head_start_s", [0.0, 0.1], ids=["at once", "one after the other"])
def test_the_slower_of_two_hedged_calls_is_cancelled_again(
    record_then_replay: RecordThenReplay, stack: str, head_start_s: float
):
    """The loser's recording is played and cancelled; the winner is the same one."""
    twice = record_then_replay(lambda: asyncio.run(_hedged(stack, head_start_s)), late())

    winner = int(twice.live[0])
    assert twice.live == twice.replayed == f"{winner}: Paris is in France, – ja!"
    assert isinstance(outcome_of(twice, winner), Response)
    assert isinstance(outcome_of(twice, 1 - winner), TransportFailure)
    assert [attempt.source for attempt in twice.calls.attempts] == [Source.REPLAYED] * 2
    assert all(attempt.has_ended for attempt in twice.calls.attempts)


async def _in_a_thread() -> None:
    await asyncio.to_thread(time.sleep, 2 * DEADLINE_S)


async def _in_a_process() -> None:
    process = await asyncio.create_subprocess_exec("sleep", str(2 * DEADLINE_S), stdout=asyncio.subprocess.PIPE)
    assert process.stdout is not None
    await process.stdout.read()
    await process.wait()


async def _dropped_after(stack: str, work: Callable[[], Any], *, is_streamed: bool) -> str:
    async def draft(client: anthropic.AsyncAnthropic) -> str:
        if not is_streamed:
            return (await client.messages.create(**ASKS)).content[0].text
        return "".join([str(event) async for event in await client.messages.create(**ASKS, stream=True)])

    async with a_client(stack) as client:
        task = asyncio.create_task(draft(client))
        await asyncio.sleep(0)
        await work()
        task.cancel()
        return str((await asyncio.gather(task, return_exceptions=True))[0])


@STACKS
@pytest.mark.parametrize("work", [_in_a_thread, _in_a_process], ids=["thread", "process"])
@pytest.mark.parametrize("is_streamed", [False, True], ids=["whole", "streamed"])
def test_a_call_dropped_after_other_work_is_dropped_again(
    record_then_replay: RecordThenReplay, stack: str, work: Callable[[], Any], is_streamed: bool
):
    """The patience of the recorded client does not end before work that takes real time has had as much of it."""
    twice = record_then_replay(
        lambda: asyncio.run(_dropped_after(stack, work, is_streamed=is_streamed)), stalling() if is_streamed else late()
    )

    assert twice.live == twice.replayed
    assert "WaitsPastEnd" not in twice.replayed
    assert "ReadPastEnd" not in twice.replayed


@STACKS
def test_with_a_real_clock_the_deadline_strikes_in_real_time(record_then_replay: RecordThenReplay, stack: str):
    """The recorded client was patient for so long: this one gets as much, and no answer that was never there."""
    twice = record_then_replay(lambda: asyncio.run(_within_a_deadline(stack, DEADLINE_S)), late())

    with use_cassette(twice.path, mode="none", clock="real"):
        seen, real_s = timed(lambda: asyncio.run(_within_a_deadline(stack, DEADLINE_S)))

    assert seen == "gave up"
    assert real_s >= DEADLINE_S


def test_on_uvloop_a_real_clock_does_as_well(record_then_replay: RecordThenReplay):
    """As the message says, for a loop that cannot be moved on."""
    uvloop = pytest.importorskip("uvloop", reason="uvloop is not installed")

    twice = record_then_replay(lambda: asyncio.run(_within_a_deadline("httpx2", DEADLINE_S)), late())

    with (
        use_cassette(twice.path, mode="none", clock="real"),
        asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner,
    ):
        assert runner.run(_within_a_deadline("httpx2", DEADLINE_S)) == "gave up"


def test_a_reader_that_goes_on_is_refused_where_the_deadline_struck(record_then_replay: RecordThenReplay):
    """A client without a deadline gets no clean end, after the time that the recorded one waited."""

    async def all_events() -> None:
        async with a_client("httpx2") as client, client.messages.stream(**ASKS) as stream:
            async for _ in stream:
                pass

    twice = record_then_replay(lambda: asyncio.run(_first_events("httpx2")), stalling())

    with pytest.raises(ReadPastEnd, match="and read it to its end in there"), use_cassette(twice.path, mode="none"):
        asyncio.run(all_events())


class GaveUpError(BaseException):
    """Thrown into a thread from outside, as a timeout by signal is."""


def _sync_httpx() -> Any:
    return httpx.post("https://api.anthropic.com/v1/messages", json=ASKS, timeout=5)


def _sync_urllib3() -> Any:
    return urllib3.PoolManager().request("POST", "https://api.anthropic.com/v1/messages", json=ASKS, timeout=5.0)


@pytest.mark.parametrize(
    ("ask", "name"),
    [
        (_sync_httpx, "httpcore.ConnectionPool.handle_request"),
        (_sync_urllib3, "http.client.HTTPConnection.getresponse"),
    ],
    ids=["httpx", "urllib3"],
)
def test_an_interrupted_thread_is_recorded_and_refused_on_replay(tmp_path, monkeypatch, ask, name):
    """What interrupts goes on as it is; a thread cannot be cancelled, so its replay is refused at once."""

    def interrupted(*args: Any, **options: Any) -> Any:
        raise GaveUpError

    path = tmp_path / "a.json"
    with Simulator(PARIS) as simulator, monkeypatch.context() as patch:
        patch.setattr(name, interrupted)
        with use_cassette(path, mode="once", upstream=upstream_to(simulator)), pytest.raises(GaveUpError):
            ask()

    outcome = decode(path.read_bytes(), "cassette")[0].outcome
    assert (outcome.kind, outcome.message) == (Failure.CLIENT_CLOSED, "GaveUpError")
    with pytest.raises(WaitsPastEnd), use_cassette(path, mode="none"):
        ask()
