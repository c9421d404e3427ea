"""Streams that end badly: recorded as what they were, and broken in the same way for the SDK on replay."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from contextlib import aclosing, closing
from dataclasses import replace
from itertools import islice
from typing import Any
from urllib.parse import urlsplit

import anthropic
import pytest

from llmreplay import use_cassette
from llmreplay.core.errors import ReadPastEnd
from llmreplay.core.model import Chunk, End, Failure, Reply, Request, Response, TransportFailure
from llmreplay.simulator import Source, script
from llmreplay.simulator.rows import row_for

from .conftest import RecordThenReplay
from .sdk_variants import CHAT, EMBEDDINGS, MESSAGES, RESPONSES, Seen, Variant, as_text, of

STREAMED = [one for api in (MESSAGES, CHAT, RESPONSES) for one in of(api, "stream", "helper")]
PLAIN = [one for api in (MESSAGES, CHAT, RESPONSES, EMBEDDINGS) for one in of(api, "create")]
LONG_S, SHORT_S = 5.0, 0.05


def whole(request: Request) -> Response:
    """Make up the answer that is about to be broken."""
    api = row_for(request)
    assert api is not None
    assert api.build_response is not None
    is_streamed = api.is_streamed is not None and api.is_streamed(urlsplit(request.url).path, json.loads(request.body))
    return api.build_response(Reply(text="Paris is in France, – ja!"), request, is_streamed)


def broken(after_chunks: int, end: End, *, inside: bool = False) -> Source:
    """Give a source whose streams end after so many chunks, or inside the next one."""

    def answer(request: Request) -> Response:
        response = whole(request)
        chunks = response.chunks[:after_chunks]
        if inside:
            chunks = (*chunks, Chunk(response.chunks[after_chunks].data[:-9]))
        return replace(response, chunks=chunks, end=end)

    return answer


ENDINGS = {
    "clean end, no terminal event": (broken(3, End.COMPLETE), End.COMPLETE),
    "clean end inside an event": (broken(3, End.COMPLETE, inside=True), End.COMPLETE),
    "dropped": (broken(3, End.PEER_CLOSED), End.PEER_CLOSED),
    "dropped inside an event": (broken(3, End.PEER_CLOSED, inside=True), End.PEER_CLOSED),
    "dropped after the headers": (broken(0, End.PEER_CLOSED), End.PEER_CLOSED),
    "reset": (broken(3, End.RESET), End.RESET),
    "silence": (broken(3, End.READ_TIMEOUT), End.READ_TIMEOUT),
}


def seen_by(variant: Variant, timeout: anthropic.Timeout) -> Callable[[], Seen]:
    """Give the work of one client, which does not retry."""
    return lambda: variant.see("Where is Paris?", max_retries=0, timeout=timeout)


def kinds(seen: Seen) -> tuple[Any, ...]:
    """Give what must be the same live and on replay: events and the classes of the exception and its cause."""
    return (seen.items, *(seen.error[::2] if seen.error else ()))


def timeout_for(end: object) -> anthropic.Timeout:
    """Give a timeout that strikes where it shall, and never while a busy machine connects."""
    return anthropic.Timeout(LONG_S, read=SHORT_S if end in (End.READ_TIMEOUT, Failure.READ_TIMEOUT) else LONG_S)


@pytest.mark.parametrize("ending", ENDINGS)
@pytest.mark.parametrize("variant", STREAMED, ids=str)
def test_a_broken_stream_breaks_again_at_the_same_place(
    plainly_seen: Any, record_then_replay: RecordThenReplay, variant: Variant, ending: str
) -> None:
    """The SDK gives the same events and raises the same exception unheard, recorded and replayed."""
    source, end = ENDINGS[ending]
    work = seen_by(variant, timeout_for(end))
    plain = plainly_seen(work, source)

    twice = record_then_replay(work, source)

    assert kinds(twice.live) == kinds(plain)
    assert kinds(twice.replayed) == kinds(plain)
    attempt = twice.calls.one().last
    assert attempt.outcome.end is end
    assert not twice.calls.one().is_complete
    assert not twice.live_calls.one().is_complete


@pytest.mark.parametrize(
    "kind", [Failure.READ_ERROR, Failure.READ_TIMEOUT, Failure.PROTOCOL_ERROR], ids=lambda kind: kind.value
)
@pytest.mark.parametrize("variant", [*PLAIN, *of(MESSAGES, "stream"), *of(CHAT, "stream")], ids=str)
def test_a_request_without_an_answer_fails_again(
    plainly_seen: Any, record_then_replay: RecordThenReplay, variant: Variant, kind: Failure
) -> None:
    """A connection that breaks before the headers raises the same exception unheard, recorded and replayed."""
    work = seen_by(variant, timeout_for(kind))
    plain = plainly_seen(work, script([TransportFailure(kind)]))

    twice = record_then_replay(work, script([TransportFailure(kind)]))

    assert kinds(twice.live) == kinds(plain)
    assert kinds(twice.replayed) == kinds(plain)
    assert twice.live.error is not None
    assert twice.calls.one().last.outcome.kind is kind


@pytest.mark.parametrize("end", [End.PEER_CLOSED, End.RESET, End.READ_TIMEOUT], ids=lambda end: end.value)
@pytest.mark.parametrize("variant", [of(MESSAGES, "create")[0], of(CHAT, "create")[1]], ids=str)
def test_a_cut_body_is_cut_again_and_retried_as_it_was(
    record_then_replay: RecordThenReplay, variant: Variant, end: End
) -> None:
    """An answer that breaks off in its body is recorded as that; the retry after it is replayed too, at once."""

    def first_cut(request: Request) -> Response | None:
        cut.append(request)
        response = whole(request)
        half = Chunk(response.body[: len(response.body) // 2])
        return replace(response, chunks=(half,), end=end) if len(cut) == 1 else response

    cut: list[Request] = []
    twice = record_then_replay(
        lambda: variant.see("Where is Paris?", max_retries=1, timeout=timeout_for(end)), first_cut
    )

    assert twice.replayed == twice.live
    assert [attempt.outcome.end for attempt in twice.calls.one().attempts] == [
        attempt.outcome.end for attempt in twice.live_calls.one().attempts
    ]
    assert twice.calls.one().attempts[0].outcome.end is end


EARLY = [*of(MESSAGES, "stream"), *of(CHAT, "stream"), *of(RESPONSES, "stream")]


def first_of(variant: Variant, count: int) -> Callable[[], list[str]]:
    """Give the work of a client that takes so many events and then closes the stream."""

    def take() -> list[str]:
        with closing(variant.ask({}, "Where is Paris?")) as events:
            return [as_text(event) for event in islice(events, count)]

    async def take_async() -> list[str]:
        async with aclosing(variant.ask({}, "Where is Paris?")) as events:
            return [as_text(await anext(events)) for _ in range(count)]

    return (lambda: asyncio.run(take_async())) if variant.is_async else take


def slowly(request: Request) -> Response:
    """Leave the stream open after the first events: who stops there never sees the rest."""
    return broken(6, End.CLIENT_CLOSED)(request)


@pytest.mark.parametrize("variant", EARLY, ids=str)
def test_a_client_that_stops_early_may_stop_again(record_then_replay: RecordThenReplay, variant: Variant) -> None:
    """A stream that the client closed is recorded as far as it was read, and replays to a client that stops there."""
    twice = record_then_replay(first_of(variant, 2), slowly)

    assert twice.replayed == twice.live
    assert len(twice.live) == 2
    assert twice.calls.one().last.outcome.end is End.CLIENT_CLOSED
    assert not twice.calls.one().is_complete


@pytest.mark.parametrize("variant", EARLY, ids=str)
def test_a_client_that_reads_on_is_refused(record_then_replay: RecordThenReplay, variant: Variant) -> None:
    """Past the point where the recorded client closed the stream, replay refuses: it gives no clean end."""
    twice = record_then_replay(first_of(variant, 2), slowly)

    with pytest.raises(ReadPastEnd), use_cassette(twice.path, mode="none"):
        variant.run("Where is Paris?")
