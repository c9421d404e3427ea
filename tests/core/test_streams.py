"""Streams are cut into events without losing a byte, however they arrive."""

from __future__ import annotations

import json
import struct
import zlib
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from llmreplay.core.streams import (
    Event,
    Wire,
    aws_frame,
    decoder_for,
    events_of,
    ndjson_line,
    sse_event,
    wire_of,
)


def said(events: list[Event]) -> list[tuple[str | None, str]]:
    return [(event.name, event.data) for event in events]


@pytest.mark.parametrize(
    ("stream", "expected"),
    [
        (b"event: a\ndata: 1\n\ndata: 2\n\n", [("a", "1"), (None, "2")]),
        (b"event: a\r\ndata: 1\r\n\r\ndata: 2\r\n\r\n", [("a", "1"), (None, "2")]),
        (b"event: a\rdata: 1\r\rdata: 2\r\r", [("a", "1"), (None, "2")]),
        (b"\xef\xbb\xbfdata: 1\n\n", [(None, "1")]),
        (b"data: 1\ndata: 2\n\n", [(None, "1\n2")]),
        (b"data:1\n\ndata:  2\n\n", [(None, "1"), (None, " 2")]),
        (b"data\n\n", [(None, "")]),
        (b": keep-alive\n\ndata: 1\n\n", [(None, ""), (None, "1")]),
        (b"id: 7\nretry: 10\nevent: a\ndata: x:y\n\n", [("a", "x:y")]),
        (b"data: 1\n\n\ndata: 2\n\n", [(None, "1"), (None, ""), (None, "2")]),
        ("data: a\u2028b\x85c\n\n".encode(), [(None, "a\u2028b\x85c")]),
        (b"data: \xff\n\n", [(None, "\ufffd")]),
    ],
    ids=[
        "LF",
        "CR LF",
        "CR",
        "BOM",
        "two data lines",
        "one space is removed",
        "no colon",
        "comment",
        "other fields",
        "extra blank line",
        "only CR and LF end lines",
        "not UTF-8",
    ],
)
def test_sse_is_cut_as_the_specification_says(stream: bytes, expected: list[tuple[str | None, str]]) -> None:
    """Each block of an SSE stream gives one event with its name and data, and nothing is left over."""
    events, rest = events_of(Wire.SSE, [stream])

    assert said(events) == expected
    assert b"".join(event.raw for event in events) == stream
    assert rest == b""


def test_an_event_is_given_as_soon_as_its_last_byte_is_there() -> None:
    """No event waits for the one after it."""
    decoder = decoder_for(Wire.SSE)

    assert decoder.feed(b"data: 1\r\n\r") == []
    assert said(decoder.feed(b"\n")) == [(None, "1")]
    assert decoder.rest == b""


def test_what_a_cut_leaves_is_the_rest() -> None:
    """Bytes of an event that never ended are no event, and are not lost."""
    events, rest = events_of(Wire.SSE, [b"data: 1\n\nda", "ta: é".encode()[:-1]])

    assert said(events) == [(None, "1")]
    assert rest == b"data: \xc3"


@given(
    st.lists(
        st.sampled_from(
            ["data: ä\u20ac😀", "event: x", ":", "data", "", "\n", "\r", "\r\n", "\r\r", "\n\n", "\ufeff", "{"]
        ),
        max_size=14,
    ),
    st.data(),
)
@settings(max_examples=300)
def test_sse_chunking_changes_nothing(parts: list[str], data: st.DataObject) -> None:
    """The same bytes, cut at any places, give the same events and the same rest, and no byte is lost."""
    stream = "".join(parts).encode()
    cuts = sorted(data.draw(st.lists(st.integers(0, len(stream)), max_size=6)))
    chunks = [stream[a:b] for a, b in pairwise([0, *cuts, len(stream)])]

    whole = events_of(Wire.SSE, [stream])

    assert events_of(Wire.SSE, chunks) == whole
    assert events_of(Wire.SSE, [stream[at : at + 1] for at in range(len(stream))]) == whole
    assert b"".join(event.raw for event in whole[0]) + whole[1] == stream


@given(st.text(st.characters(exclude_categories=["Cs"])), st.none() | st.from_regex(r"[a-z._]+", fullmatch=True))
def test_an_encoded_sse_event_reads_back(data: str, name: str | None) -> None:
    """What `sse_event` writes is one event with the same name and data, line ends become LF."""
    events, rest = events_of(Wire.SSE, [sse_event(name, data)])

    assert said(events) == [(name, data.replace("\r\n", "\n").replace("\r", "\n"))]
    assert rest == b""


def test_ndjson_gives_an_event_a_line() -> None:
    """Each line is an event; a last one without its line feed is the rest."""
    stream = ndjson_line('{"a":"é"}') + b"\r\n" + b'{"b":1}\r\n{"c"'

    events, rest = events_of(Wire.NDJSON, [stream[at : at + 3] for at in range(0, len(stream), 3)])

    assert said(events) == [(None, '{"a":"é"}'), (None, ""), (None, '{"b":1}')]
    assert b"".join(event.raw for event in events) + rest == stream
    assert rest == b'{"c"'


EVENT = ((":event-type", "contentBlockDelta"), (":content-type", "application/json"), (":message-type", "event"))
EXCEPTION = ((":exception-type", "throttlingException"), (":message-type", "exception"))
ERROR = ((":error-code", "InternalError"), (":error-message", "it broke"), (":message-type", "error"))


def test_a_line_of_ndjson_has_no_line_separator_inside() -> None:
    """U+2028 and U+2029, which some clients take for the end of a line, are escaped and read back the same."""
    said = "a\u2028b\u2029c"

    line = ndjson_line(json.dumps({"text": said}, ensure_ascii=False)).decode()

    assert len(line.splitlines()) == 1
    assert json.loads(line) == {"text": said}


def test_aws_frames_become_events() -> None:
    """Event, exception and error frames give their type and text, whatever the chunks."""
    stream = aws_frame(EVENT, '{"é":1}'.encode()) + aws_frame(EXCEPTION, b'{"message":"slow"}') + aws_frame(ERROR, b"")

    for size in (1, 7, len(stream)):
        events, rest = events_of(Wire.AWS, [stream[at : at + size] for at in range(0, len(stream), size)])

        assert said(events) == [
            ("contentBlockDelta", '{"é":1}'),
            ("throttlingException", '{"message":"slow"}'),
            ("InternalError", "it broke"),
        ]
        assert b"".join(event.raw for event in events) == stream
        assert rest == b""


def test_a_cut_aws_frame_is_the_rest() -> None:
    """A frame that is not whole is no event."""
    frame = aws_frame(EVENT, b"{}")

    for cut in range(len(frame)):
        assert events_of(Wire.AWS, [frame + frame[:cut]])[1] == frame[:cut]


@pytest.mark.parametrize("at", [0, 5, 9, 14, -8, -1], ids=["length", "headers", "crc", "header", "payload", "last crc"])
def test_a_corrupt_aws_frame_is_named_and_kept(at: int) -> None:
    """From the first broken frame on everything stays in the rest, and the decoder says why."""
    good, broken = aws_frame(EVENT, b'{"a":1}'), bytearray(aws_frame(EVENT, b'{"a":2}'))
    broken[at] ^= 0xFF
    decoder = decoder_for(Wire.AWS)

    events = decoder.feed(good + bytes(broken))

    assert said(events) == [("contentBlockDelta", '{"a":1}')]
    assert decoder.rest == bytes(broken)
    assert (decoder.malformed or "").startswith("AWS event stream: ")
    assert decoder.feed(good) == []


def test_every_aws_header_type_is_read() -> None:
    """Headers that are no strings are skipped over by their own length, so the ones after them are found."""
    values = b"".join(
        [
            b"\x01a\x00",
            b"\x01b\x01",
            b"\x01c\x02\xff",
            b"\x01d\x03\x00\x02",
            b"\x01e\x04\x00\x00\x00\x03",
            b"\x01f\x05" + (4).to_bytes(8, "big"),
            b"\x01g\x06\x00\x02\xab\xcd",
            b"\x01h\x08" + (5).to_bytes(8, "big"),
            b"\x01i\x09" + bytes(16),
            b"\x0b:event-type\x07\x00\x01x",
        ]
    )
    head = struct.pack(">II", 12 + len(values) + 4, len(values))
    head += struct.pack(">I", zlib.crc32(head)) + values
    frame = head + struct.pack(">I", zlib.crc32(head))

    events, rest = events_of(Wire.AWS, [frame])

    assert said(events) == [("x", "")]
    assert rest == b""


@pytest.mark.parametrize(
    ("content_type", "wire"),
    [
        ("text/event-stream; charset=utf-8", Wire.SSE),
        ("Text/Event-Stream", Wire.SSE),
        ("application/x-ndjson", Wire.NDJSON),
        ("application/vnd.amazon.eventstream", Wire.AWS),
        ("application/json", None),
        (None, None),
    ],
)
def test_the_wire_is_known_from_the_content_type(content_type: str | None, wire: Wire | None) -> None:
    """A content type tells how a body is cut into events, its parameters and case aside."""
    assert wire_of(content_type) is wire
