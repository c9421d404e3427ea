import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from llmreplay import faults
from llmreplay.core.errors import SettingError
from llmreplay.core.fault import FaultCannotApply
from llmreplay.core.model import Chunk, End, Response, TransportFailure, header
from llmreplay.core.streams import Wire, events_of

from .fault_doubles import (
    NAMES,
    a_body,
    a_context,
    a_stream,
    an_api,
    an_aws_stream,
    an_ndjson_stream,
    names_in,
    sse_raws,
)


@pytest.mark.parametrize("delivered", [0, 1, 6], ids=["no event", "one event", "all"])
def test_a_cut_delivers_whole_events_then_drops_the_connection(delivered):
    """A cut stream yields the promised events, unchanged, and ends as a closed peer."""
    cut = faults.CutAfter(events=delivered).apply(a_stream(), a_context())

    assert cut.chunks == a_stream().chunks[:delivered]
    assert cut.end is End.PEER_CLOSED


@pytest.mark.parametrize(
    ("end", "seen"),
    [("dropped", End.PEER_CLOSED), ("reset", End.RESET), ("clean", End.COMPLETE)],
    ids=["dropped", "reset", "clean"],
)
def test_a_cut_ends_as_asked(end, seen):
    """The body ends in the way named, with the same bytes."""
    cut = faults.CutAfter(events=2, end=end).apply(a_stream(), a_context())

    assert (cut.body, cut.end) == (b"".join(sse_raws()[:2]), seen)


@pytest.mark.parametrize(("n", "delivered"), [(1, 2), (3, 4)], ids=["first", "third"])
def test_a_cut_can_name_the_event(n, delivered):
    """Events are counted by name, and the named one still arrives."""
    cut = faults.CutAfter(event="delta", n=n).apply(a_stream(), a_context())

    assert names_in(cut) == list(NAMES[:delivered])


def test_a_cut_inside_an_event_delivers_half_of_it():
    """The client gets the first half of the next event's bytes and no more."""
    raws = sse_raws()

    cut = faults.CutAfter(events=2, inside="event").apply(a_stream(), a_context())

    assert cut.body == raws[0] + raws[1] + raws[2][: len(raws[2]) // 2]
    assert names_in(cut) == ["start", "delta"]


def test_the_part_of_an_event_that_a_recording_ends_with_can_be_cut():
    """A recording that is cut already can lose half of its last part, unless that is a single byte."""
    event = sse_raws()[0]
    fault = faults.CutAfter(events=1, inside="event")

    cut = fault.apply(a_stream(chunks=(Chunk(event + b"da"),)), a_context())

    assert cut.body == event + b"d"
    with pytest.raises(FaultCannotApply, match="no event follows"):
        fault.apply(a_stream(chunks=(Chunk(event + b"d"),)), a_context())


def test_a_cut_inside_a_character_leaves_bytes_that_are_no_text():
    """The last byte delivered is the first of a character that UTF-8 writes with two."""
    cut = faults.CutAfter(events=1, inside="character").apply(a_stream(), a_context())

    assert cut.body.endswith(b'"text": "\xc3')


def test_a_cut_splits_only_the_chunk_it_falls_into():
    """Chunks before the cut keep their bytes and times."""
    body = a_stream().body
    chunks = (Chunk(body[:5], 0.1), Chunk(body[5:200], 0.2), Chunk(body[200:], 0.3))
    stream = a_stream(chunks=chunks)
    at = len(sse_raws()[0])

    cut = faults.CutAfter(events=1).apply(stream, a_context())

    assert cut.chunks == (chunks[0], Chunk(body[5:at], 0.2))


@given(st.lists(st.integers(1, 90), min_size=1, max_size=20), st.integers(0, 6))
def test_a_cut_does_not_depend_on_the_chunks(sizes, delivered):
    """However the bytes arrived, the same events are delivered, byte for byte."""
    stream = faults.Rechunk(sizes=tuple(sizes)).apply(a_stream(), a_context())

    cut = faults.CutAfter(events=delivered).apply(stream, a_context())

    assert cut.body == b"".join(sse_raws()[:delivered])
    assert all(whole.data.startswith(part.data) for whole, part in zip(stream.chunks, cut.chunks, strict=False))


@given(st.integers(0, 5), st.sampled_from(["event", "character", None]))
def test_a_cut_is_a_prefix(delivered, inside):
    """Whatever is cut, the client gets the beginning of the body, at least the events promised."""
    try:
        cut = faults.CutAfter(events=delivered, inside=inside).apply(a_stream(), a_context())
    except FaultCannotApply:
        assert inside == "character"
        assert delivered >= 3
        return

    assert a_stream().body.startswith(cut.body)
    assert cut.body.startswith(b"".join(sse_raws()[:delivered]))
    assert len(cut.body) < len(a_stream().body)


@pytest.mark.parametrize(
    ("response", "wire"), [(an_ndjson_stream(), Wire.NDJSON), (an_aws_stream(), Wire.AWS)], ids=["ndjson", "aws"]
)
def test_other_wires_are_cut_between_their_events(response, wire):
    """Lines and frames are events as well; the content type says which."""
    cut = faults.CutAfter(events=1).apply(response, a_context())

    assert cut.chunks == response.chunks[:1]
    events, rest = events_of(wire, [cut.body])
    assert (len(events), rest) == (1, b"")


def test_the_row_says_how_to_cut_where_the_content_type_does_not():
    """A stream labelled as plain text is cut as its api's row says."""
    stream = a_stream(headers=(("content-type", "text/plain"),))

    cut = faults.CutAfter(events=2).apply(stream, a_context())

    assert names_in(cut) == ["start", "delta"]


def test_comments_are_no_events():
    """Keep-alives, which clients pass over, do not count."""
    stream = faults.Pings().apply(a_stream(), a_context())

    cut = faults.CutAfter(events=2).apply(stream, a_context())

    assert names_in(cut) == ["start", "delta"]


def test_a_cut_stream_keeps_a_length_that_it_does_not_reach():
    """The headers went out before the connection broke, so they still announce the whole body; a clean end does not."""
    stream = a_stream(headers=(*a_stream().headers, ("content-length", str(len(a_stream().body)))))

    dropped = faults.CutAfter(events=1).apply(stream, a_context())
    clean = faults.CutAfter(events=1, end="clean").apply(stream, a_context())

    assert header(dropped.headers, "content-length") == str(len(stream.body))
    assert header(clean.headers, "content-length") == str(len(clean.body))


def test_an_error_event_ends_the_stream_in_the_providers_words():
    """After the events promised comes the row's error, in a chunk of its own, and a clean end."""
    broken = faults.ErrorEvent(after=3, status=503).apply(a_stream(), a_context())

    assert broken.status == 200
    assert broken.chunks == (*a_stream().chunks[:3], Chunk(b"event: error\ndata: 503\n\n"))
    assert broken.end is End.COMPLETE


def test_an_error_event_is_an_overload_if_nothing_else_is_said():
    """The default is the most common error in mid-stream."""
    broken = faults.ErrorEvent(event="delta", n=2).apply(a_stream(), a_context())

    assert broken.chunks[3:] == (Chunk(b"event: error\ndata: 529\n\n"),)


@pytest.mark.parametrize(
    ("response", "wire", "name"),
    [
        (a_stream(), Wire.SSE, None),
        (an_ndjson_stream(), Wire.NDJSON, None),
        (an_aws_stream(), Wire.AWS, "internalServerException"),
    ],
    ids=["sse", "ndjson", "aws"],
)
def test_an_unknown_api_gets_a_plain_error_event(response, wire, name):
    """Where no row says how, the error is an event of the stream's own format with a JSON error."""
    broken = faults.ErrorEvent(after=1, status=500).apply(response, a_context(api=an_api(error_event=None)))

    last = events_of(wire, [broken.body])[0][-1]
    assert last.name == name
    assert json.loads(last.data) == {"error": {"code": 500, "type": "error", "message": "Internal Server Error"}}


@pytest.mark.parametrize(
    ("fault", "response", "changes", "reason"),
    [
        (
            faults.CutAfter(events=7),
            a_stream(),
            {},
            "CutAfter(events=7): the stream has 6 events (delta x3, start, usage, stop).",
        ),
        (
            faults.CutAfter(event="delta", n=4),
            a_stream(),
            {},
            ("CutAfter(event='delta', n=4): the stream has no event number 4 of name 'delta': "
            "it has 6 events (delta x3, start, usage, stop)."),
        ),
        (
            faults.CutAfter(events=6, end="clean"),
            a_stream(),
            {},
            "CutAfter(events=6, end='clean'): a clean end after all 6 events changes nothing.",
        ),
        (
            faults.CutAfter(events=6, inside="event"),
            a_stream(),
            {},
            "CutAfter(events=6, inside='event'): no event follows the 6 delivered ones, so none can be cut in two.",
        ),
        (
            faults.CutAfter(events=3, inside="character"),
            a_stream(),
            {},
            ("CutAfter(events=3, inside='character'): after event 3 no character takes several bytes: "
            "they are ASCII or escaped (\\u00e9)."),
        ),
        (
            faults.ErrorEvent(after=1),
            a_body(),
            {"is_streamed": False},
            "ErrorEvent(after=1): it changes a stream, and this call to acme.chat does not stream.",
        ),
        (
            faults.ErrorEvent(after=1),
            a_body(status=429),
            {},
            "ErrorEvent(after=1): it changes a stream, and this call was answered with status 429.",
        ),
        (
            faults.CutAfter(events=1),
            Response(200, (("content-type", "text/plain"),), (Chunk(b"x"),)),
            {"api": None},
            "CutAfter(events=1): how to cut a stream of content type 'text/plain' into events is not known.",
        ),
        (
            faults.CutAfter(events=1),
            TransportFailure(faults.ConnectError().apply(None, a_context()).kind),
            {},
            "CutAfter(events=1): the attempt got no response to change: it failed with connect_error.",
        ),
        (faults.CutAfter(events=1), None, {}, "CutAfter(events=1): there is no answer to change."),
    ],
    ids=[
        "short", "name", "nothing lost", "no next", "ascii", "no stream", "error", "unknown format", "failed", "none"
    ],
)  # fmt: skip
def test_a_cut_that_cannot_be_is_an_error_with_its_reason(fault, response, changes, reason):
    """Never silently nothing: the fault says what it found."""
    with pytest.raises(FaultCannotApply) as caught:
        fault.apply(response, a_context(**changes))

    assert str(caught.value) == reason


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (
            lambda: faults.CutAfter(),
            (
                "CutAfter(events=None, event=None): say where, in one of two ways: "
                'CutAfter(events=3), or CutAfter(event="content_block_delta", n=2).'
            ),
        ),
        (
            lambda: faults.ErrorEvent(after=1, event="delta"),
            (
                "ErrorEvent(after=1, event='delta'): say where, in one of two ways: "
                'ErrorEvent(after=3), or ErrorEvent(event="content_block_delta", n=2).'
            ),
        ),
        (lambda: faults.CutAfter(events=-1), "CutAfter(events=-1): events must be a whole number, 0 or more."),
        (lambda: faults.CutAfter(events=True), "CutAfter(events=True): events must be a whole number, 0 or more."),
        (lambda: faults.CutAfter(event=""), "CutAfter(event=''): event must be the name of an event, as text."),
        (lambda: faults.CutAfter(event="a", n=0), "CutAfter(n=0): n must be a whole number, 1 or more."),
        (
            lambda: faults.CutAfter(events=1, n=2),
            "CutAfter(n=2): n counts events of one name; give event= with it.",
        ),
        (
            lambda: faults.CutAfter(events=1, end="nice"),
            "CutAfter(end='nice'): choose end from 'dropped', 'reset', 'clean'.",
        ),
        (
            lambda: faults.CutAfter(events=1, inside="word"),
            "CutAfter(inside='word'): choose inside from None, 'event', 'character'.",
        ),
        (
            lambda: faults.ErrorEvent(after=1, status=200),
            "ErrorEvent(status=200): status must be a whole number, 400 or more.",
        ),
        (
            lambda: faults.ErrorEvent(after=1, status=600),
            "ErrorEvent(status=600): a status of an error is 400 to 599.",
        ),
    ],
    ids=["nowhere", "two places", "negative", "bool", "no name", "zero", "n alone", "end", "inside", "200", "600"],
)
def test_wrong_arguments_raise_where_they_are_written(make, message):
    """The error echoes the value and says what is allowed."""
    with pytest.raises(SettingError) as caught:
        make()

    assert str(caught.value) == message
