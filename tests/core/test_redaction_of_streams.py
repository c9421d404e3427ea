"""Secrets across chunks, deltas and frames."""

from __future__ import annotations

import base64
import json
import re
from dataclasses import replace

import pytest
from redaction_doubles import OTHER, a_redactor, a_response

from llmreplay.core.aws_frames import aws_frame
from llmreplay.core.model import Failure, TransportFailure
from llmreplay.core.streams import Wire, decoder_for


def test_chunks_share_a_replacement():
    """A secret across chunks leaves as many chunks as there were, each with its time, and one token."""
    data = f'{{"a":"{OTHER}"}}'.encode()
    pieces = [data[start : start + 6] for start in range(0, len(data), 6)]

    redacted = a_redactor(OTHER).outcome(a_response(*pieces))

    assert redacted.body == b'{"a":"REDACTED"}'
    assert len(redacted.chunks) == len(pieces)
    assert {chunk.after_s for chunk in redacted.chunks} == {0.25}


def test_chunks_of_one_byte_lose_no_time():
    """Where a secret has more chunks than its token has letters, the time of those left out goes to the next."""
    data = f"<{OTHER}>".encode()

    redacted = a_redactor(OTHER).outcome(a_response(*(bytes((byte,)) for byte in data)))

    assert redacted.body == b"<REDACTED>"
    assert all(chunk.data for chunk in redacted.chunks)
    assert sum(chunk.after_s for chunk in redacted.chunks) == 0.25 * len(data)


def test_two_streamed_texts_are_not_taken_for_one():
    """Pieces with another index belong to another text, however they alternate."""
    half, rest = OTHER[:12], OTHER[12:]
    events = [(0, half), (1, "one "), (0, rest), (1, "two"), (0, " end")]
    lines = [f'data: {{"choices":[{{"index":{index},"delta":{{"content":"{text}"}}}}]}}\n\n' for index, text in events]

    redacted = a_redactor(OTHER).outcome(a_response("".join(lines).encode())).body

    texts = re.findall(rb'"index":(\d),"delta":{"content":"([^"]*)"', redacted)
    assert texts == [(b"0", b"REDACTED"), (b"1", b"one "), (b"0", b""), (b"1", b"two"), (b"0", b" end")]


def test_streamed_tool_arguments_go_by_name():
    """A password that streams in pieces of a tool's arguments goes, and the arguments joined are JSON."""
    arguments = json.dumps({"user": "ann", "password": "hunter2", "count": 3})
    pieces = [arguments[start : start + 4] for start in range(0, len(arguments), 4)]
    events = [{"index": 1, "delta": {"type": "input_json_delta", "partial_json": piece}} for piece in pieces]
    stream = "".join(f"data: {json.dumps(event)}\n\n" for event in events)

    redacted = a_redactor().outcome(a_response(stream.encode())).body

    joined = "".join(json.loads(line[6:])["delta"]["partial_json"] for line in redacted.split(b"\n") if line)
    assert json.loads(joined) == {"user": "ann", "password": "REDACTED", "count": 3}


@pytest.mark.parametrize("is_inner", [False, True], ids=["converse", "invoke"])
def test_aws_frames_stay_valid(is_inner):
    """A redacted event stream of AWS has right lengths and CRCs, and the joined text is without the secret."""
    pieces = ["it is ", OTHER[:10], OTHER[10:], "."]
    payloads = [json.dumps({"contentBlockIndex": 0, "delta": {"text": piece}}).encode() for piece in pieces]
    if is_inner:
        payloads = [json.dumps({"bytes": base64.b64encode(payload).decode()}).encode() for payload in payloads]
    stream = b"".join(aws_frame(((":event-type", "contentBlockDelta"),), payload) for payload in payloads)

    redacted = a_redactor(OTHER).outcome(a_response(stream[:50], stream[50:])).body

    found = [json.loads(event.data) for event in decoder_for(Wire.AWS).feed(redacted)]
    inner = [json.loads(base64.b64decode(event["bytes"])) if is_inner else event for event in found]
    assert "".join(event["delta"]["text"] for event in inner) == "it is REDACTED."


def test_a_failure_loses_its_secrets():
    """The text of a client's exception is redacted, and the rest of the failure stays."""
    failure = TransportFailure(Failure.READ_ERROR, f"GET https://a.com/?key={OTHER} failed", after_s=2.0)

    assert a_redactor().outcome(failure) == replace(failure, message="GET https://a.com/?key=REDACTED failed")


def test_a_frame_that_was_cut_keeps_no_secret():
    """The bytes of a frame that never came whole are searched too, and the whole frames before it stay."""
    whole = aws_frame(((":event-type", "contentBlockDelta"),), b'{"delta":{"text":"fine"}}')
    cut = aws_frame(((":event-type", "contentBlockDelta"),), f'{{"delta":{{"text":"{OTHER}"}}}}'.encode())[:-9]

    redacted = a_redactor(OTHER).outcome(a_response(whole, cut)).body

    assert redacted.startswith(whole)
    assert OTHER.encode() not in redacted
    assert b'"text":"REDACTED' in redacted
