import json

import pytest

from llmreplay import faults
from llmreplay.core.fault import FaultCannotApply
from llmreplay.core.model import Chunk, End, Response, header
from llmreplay.core.streams import Wire, events_of, sse_event

from .fault_doubles import a_body, a_context, a_stream, an_api, an_aws_stream, names_in


def a_stream_of(*payloads):
    return Response(
        200, (("content-type", "text/event-stream"),), tuple(Chunk(sse_event(None, text)) for text in payloads)
    )


def datas_in(response, wire=Wire.SSE):
    return [event.data for event in events_of(wire, [response.body])[0]]


def test_the_terminal_event_goes_and_the_end_stays_clean():
    """All but the events that the row calls terminal arrive, and the body ends as if all were well."""
    cut = faults.MissingTerminalEvent().apply(a_stream(), a_context())

    assert cut.chunks == a_stream().chunks[:5]
    assert cut.end is End.COMPLETE


@pytest.mark.parametrize(
    ("stream", "api", "reason"),
    [
        (a_stream(), None, "which event ends a stream of this api is not known"),
        (a_stream(), an_api(is_terminal=None), "which event ends a stream of this api is not known"),
        (a_stream(("start",)), an_api(), "the stream has no terminal event: its events are start."),
    ],
    ids=["no row", "row does not say", "none"],
)
def test_a_terminal_event_that_is_not_there_cannot_be_missing(stream, api, reason):
    """The fault says what it does not know or did not find."""
    with pytest.raises(FaultCannotApply) as caught:
        faults.MissingTerminalEvent().apply(stream, a_context(api=api))

    assert reason in str(caught.value)


def test_counts_go_and_every_other_byte_stays():
    """Usage is cut out of the text of each event: spacing, escapes and numbers stay as written."""
    stream = a_stream_of(
        '{"type":"message_start", "message":{"id" : "\\u00e9", "usage": {"input_tokens":9}}}',
        '{"usage":{"output_tokens":1.0},"x":1E2 }',
        '{"usage": null, "choices": [{"delta": {"usage": 1}}]}',
    )

    bare = faults.MissingUsage().apply(stream, a_context())

    assert datas_in(bare) == [
        '{"type":"message_start", "message":{"id" : "\\u00e9"}}',
        '{"x":1E2 }',
        '{"usage": null, "choices": [{"delta": {"usage": 1}}]}',
    ]


@pytest.mark.parametrize(
    ("stream", "wire", "kept"),
    [
        (
            a_stream_of('{"choices": [{}]}', '{"choices": [], "usage": {"total_tokens": 3}}', "[DONE]"),
            Wire.SSE,
            ['{"choices": [{}]}', "[DONE]"],
        ),
        (
            an_aws_stream(
                ("messageStop", {"stopReason": "x"}), ("metadata", {"usage": {"inputTokens": 1}, "metrics": {}})
            ),
            Wire.AWS,
            ['{"stopReason": "x"}', '{"metrics": {}}'],
        ),
        (
            an_aws_stream(("chunk", {"a": 1, "usage": {"inputTokens": 1}})),
            Wire.AWS,
            ['{"a": 1}'],
        ),
        (
            an_aws_stream(("chunk", {"bytes": "eyJ4IjoxLCJ1c2FnZSI6eyJuIjoyfX0=", "p": "abc"})),
            Wire.AWS,
            ['{"bytes": "eyJ4IjoxfQ==", "p": "abc"}'],
        ),
    ],
    ids=["chat's extra chunk", "metadata", "frame", "base64"],
)
def test_counts_go_as_the_wire_has_them(stream, wire, kept):
    """The extra chunk of the chat api goes as a whole; a frame without its counts is framed anew."""
    bare = faults.MissingUsage().apply(stream, a_context())

    assert datas_in(bare, wire) == kept


def test_a_whole_answer_loses_its_counts():
    """A body keeps everything else, and its length is announced as it is."""
    bare = faults.MissingUsage().apply(a_body(), a_context(is_streamed=False))

    assert bare.body == b'{"answer": "Paris"}'
    assert header(bare.headers, "content-length") == "19"
    assert bare.chunks[0].after_s == 0.4


@pytest.mark.parametrize(
    ("answer", "is_streamed", "reason"),
    [
        (a_stream(), True, "no event of the stream carries usage"),
        (a_body(b'{"a": {"b": {"usage": 1}}}'), False, "carries no usage"),
        (a_body(b"<html>"), False, "is not JSON"),
        (a_body(b"[1]"), False, "carries no usage"),
        (a_body(status=500), True, "was answered with status 500"),
    ],
    ids=["stream", "body", "html", "list", "error"],
)
def test_counts_that_are_not_there_cannot_be_missing(answer, is_streamed, reason):
    """An answer without usage is said to be one."""
    with pytest.raises(FaultCannotApply, match=reason):
        faults.MissingUsage().apply(answer, a_context(is_streamed=is_streamed))


def test_names_of_events_survive():
    """The usage event of a named stream stays an event of that name."""
    stream = a_stream()
    raw = sse_event("usage", json.dumps({"type": "usage", "usage": 5}))
    stream = Response(200, stream.headers, (*stream.chunks[:4], Chunk(raw), stream.chunks[5]))

    bare = faults.MissingUsage().apply(stream, a_context())

    assert names_in(bare) == ["start", "delta", "delta", "delta", "usage", "stop"]
