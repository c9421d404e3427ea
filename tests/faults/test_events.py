import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from llmreplay import faults
from llmreplay.core.errors import SettingError
from llmreplay.core.fault import FaultCannotApply
from llmreplay.core.model import Chunk, Response
from llmreplay.core.streams import Wire, aws_frame, events_of, sse_event

from .fault_doubles import NAMES, a_body, a_context, a_stream, an_aws_stream, an_ndjson_stream, names_in, sse_raws

ALL = [faults.DropEvent, faults.DuplicateEvent, faults.SwapEvents, faults.CorruptEvent]


def test_a_dropped_event_is_all_that_goes():
    """The other chunks stay as they were; the time before the lost one passes before the next."""
    dropped = faults.DropEvent(n=2).apply(a_stream(), a_context())

    chunks = a_stream().chunks
    assert dropped.chunks == (chunks[0], Chunk(chunks[2].data, 0.2), *chunks[3:])


def test_a_duplicate_follows_its_original():
    """The event comes twice in a row, the second time at once and in a chunk of its own."""
    doubled = faults.DuplicateEvent(event="usage").apply(a_stream(), a_context())

    chunks = a_stream().chunks
    assert doubled.chunks == (*chunks[:5], Chunk(chunks[4].data), chunks[5])


def test_swapped_events_trade_places():
    """The third and fourth event come in the other order, each in the other's chunk."""
    swapped = faults.SwapEvents(n=4).apply(a_stream(), a_context())

    assert names_in(swapped) == ["start", "delta", "delta", "usage", "delta", "stop"]
    assert [chunk.after_s for chunk in swapped.chunks] == [0.1] * 6


def numbers_in(response):
    events, rest = events_of(Wire.SSE, [response.body])
    assert rest == b""
    return [json.loads(event.data)["n"] for event in events]


@given(st.lists(st.integers(1, 90), min_size=1, max_size=20), st.integers(1, 5))
def test_the_other_events_survive_whatever_the_chunks(sizes, n):
    """However the bytes arrived, exactly the named event is lost, doubled or swapped, and no other byte changes."""
    stream = faults.Rechunk(sizes=tuple(sizes)).apply(a_stream(), a_context())
    others = [number for number in range(1, 7) if number != n]

    dropped = faults.DropEvent(n=n).apply(stream, a_context())
    doubled = faults.DuplicateEvent(n=n).apply(stream, a_context())
    swapped = faults.SwapEvents(n=n).apply(stream, a_context())

    assert numbers_in(dropped) == others
    assert numbers_in(doubled) == sorted([*others, n, n])
    assert numbers_in(swapped) == [*range(1, n), n + 1, n, *range(n + 2, 7)]
    assert sum(c.after_s for c in doubled.chunks) == pytest.approx(sum(c.after_s for c in stream.chunks))


@given(st.lists(st.integers(1, 90), min_size=1, max_size=20), st.integers(1, 6))
def test_chunks_that_a_change_does_not_touch_keep_their_boundaries(sizes, n):
    """Chunks before the event and after it are the very same."""
    stream = faults.Rechunk(sizes=tuple(sizes)).apply(a_stream(), a_context())
    start = len(b"".join(sse_raws()[: n - 1]))
    stop = start + len(sse_raws()[n - 1])

    corrupt = faults.CorruptEvent(n=n).apply(stream, a_context())

    before, after, at = [], [], 0
    for chunk in stream.chunks:
        at += len(chunk.data)
        before += [chunk] if at <= start else []
        after += [chunk.data] if at - len(chunk.data) >= stop else []
    assert list(corrupt.chunks[: len(before)]) == before
    assert [chunk.data for chunk in corrupt.chunks[len(corrupt.chunks) - len(after) :]] == after


@pytest.mark.parametrize("n", range(1, 7))
def test_a_corrupt_event_is_no_json(n):
    """The event still is an event, with the same length and a payload that no JSON reader takes."""
    corrupt = faults.CorruptEvent(n=n).apply(a_stream(), a_context())

    events, rest = events_of(Wire.SSE, [corrupt.body])
    assert (len(events), rest) == (6, b"")
    assert len(corrupt.body) == len(a_stream().body)
    for number, event in enumerate(events, 1):
        if number == n:
            with pytest.raises(json.JSONDecodeError):
                json.loads(event.data)
        else:
            assert event.raw == sse_raws()[number - 1]


def test_a_corrupt_event_may_be_no_text():
    """The event holds a byte that UTF-8 has no use for, and the others are whole."""
    corrupt = faults.CorruptEvent(event="usage", damage="utf8").apply(a_stream(), a_context())

    assert corrupt.chunks[4].data.count(b"\xff") == 1
    with pytest.raises(UnicodeDecodeError):
        corrupt.chunks[4].data.decode()
    assert [*corrupt.chunks[:4], corrupt.chunks[5]] == [*a_stream().chunks[:4], a_stream().chunks[5]]


def test_a_corrupt_frame_has_the_right_checksum():
    """An AWS frame is damaged in its payload only, so that it is the JSON which fails."""
    corrupt = faults.CorruptEvent(event="messageStop").apply(an_aws_stream(), a_context())

    events, rest = events_of(Wire.AWS, [corrupt.body])
    assert [event.data for event in events] == ['{"role": "assistant"}', '{"stopReason": "x" ']
    assert rest == b""


@pytest.mark.parametrize(
    "stream",
    [
        Response(
            200,
            (("content-type", "application/vnd.amazon.eventstream"),),
            (Chunk(aws_frame(((":event-type", "ping"),), b"")),),
        ),
        Response(200, (("content-type", "text/event-stream"),), (Chunk(b"event: ping\n\n"),)),
    ],
    ids=["aws", "sse"],
)
def test_an_event_without_a_payload_cannot_be_corrupted(stream):
    """There is nothing in it to damage, and the fault says so."""
    with pytest.raises(FaultCannotApply, match="the event carries no"):
        faults.CorruptEvent(event="ping").apply(stream, a_context())


def test_lines_are_events_too():
    """NDJSON has no names, but numbers."""
    dropped = faults.DropEvent(n=2).apply(an_ndjson_stream(), a_context())

    assert dropped.body == b'{"n": 1, "done": false}\n{"n": 3, "done": false}\n{"n": 4, "done": true}\n'


def test_data_without_a_name_is_called_by_its_type():
    """Where the wire names no events, `type` in the JSON does, and `[DONE]` is called what it is."""
    raws = [sse_event(None, '{"type": "a"}'), sse_event(None, "plain text"), sse_event(None, "[DONE]")]
    stream = Response(200, a_stream().headers, tuple(Chunk(raw) for raw in raws))

    assert faults.DropEvent(event="a").apply(stream, a_context()).body == raws[1] + raws[2]
    assert faults.DropEvent(event="[DONE]").apply(stream, a_context()).body == raws[0] + raws[1]
    with pytest.raises(FaultCannotApply, match=r"it has 3 events \(a, \(unnamed\), \[DONE\]\)"):
        faults.DropEvent(event="b").apply(stream, a_context())


@pytest.mark.parametrize("make", ALL)
def test_a_stream_without_that_event_is_an_error(make):
    """The reason says how many events there are, and their names."""
    with pytest.raises(FaultCannotApply) as caught:
        make(n=9).apply(a_stream(), a_context())

    assert str(caught.value) == (
        f"{make.__name__}(n=9): the stream has no event number 9: it has 6 events (delta x3, start, usage, stop)."
    )


def test_the_last_event_has_none_to_swap_with():
    """Swapping needs two, and two that differ."""
    with pytest.raises(FaultCannotApply, match="event number 6 is the last"):
        faults.SwapEvents(n=6).apply(a_stream(), a_context())
    twins = faults.DuplicateEvent(n=1).apply(a_stream(), a_context())
    with pytest.raises(FaultCannotApply, match="events number 1 and 2 are equal"):
        faults.SwapEvents(n=1).apply(twins, a_context())


@pytest.mark.parametrize("make", ALL)
def test_a_call_that_does_not_stream_is_an_error(make):
    """A fault of events has nothing to do in a plain answer."""
    with pytest.raises(FaultCannotApply, match=r"does not stream\."):
        make().apply(a_body(), a_context(is_streamed=False))


@pytest.mark.parametrize("make", ALL)
@pytest.mark.parametrize("n", [0, -1, 1.5, "2", True], ids=repr)
def test_events_are_counted_from_one(make, n):
    """Any other number raises where it is written."""
    with pytest.raises(SettingError) as caught:
        make(n=n)

    assert str(caught.value) == f"{make.__name__}(n={n!r}): n must be a whole number, 1 or more."


def test_the_damage_is_one_of_two():
    """Another word is echoed with the words allowed."""
    with pytest.raises(SettingError) as caught:
        faults.CorruptEvent(damage="all")

    assert str(caught.value) == "CorruptEvent(damage='all'): choose damage from 'json', 'utf8'."


def test_the_names_are_as_the_tests_think():
    """The double streams what its list of names says."""
    assert names_in(a_stream()) == list(NAMES)
