"""OpenAI's transcriptions: bodies in JSON and in other formats, and streams."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from typing import Any

import pytest

from llmreplay.core.api import Api
from llmreplay.core.asked import Asked
from llmreplay.core.attempt import Attempt
from llmreplay.core.call import Call
from llmreplay.core.model import Chunk, End, Json, Request, Response, Usage
from llmreplay.core.reading import answer_of, asks_for_stream
from llmreplay.core.streams import sse_event
from llmreplay.providers import APIS

ROW: Api = next(api for api in APIS if api.name == "openai.audio.transcriptions")
TOKENS: Json = {
    "type": "tokens",
    "input_tokens": 54,
    "output_tokens": 16,
    "total_tokens": 70,
    "input_token_details": {"audio_tokens": 54, "text_tokens": 0},
}
COUNTED = Usage(input_tokens=54, output_tokens=16, input_audio_tokens=54)
STREAM: list[Json] = [
    {"type": "transcript.text.delta", "delta": "The sun"},
    {"type": "transcript.text.delta", "delta": " was."},
    {"type": "transcript.text.done", "text": "The sun was.", "usage": TOKENS},
]


def a_body(content: str, *, label: str = "application/json", end: End = End.COMPLETE) -> Response:
    return Response(200, (("content-type", label),), (Chunk(content.encode()),), end)


def a_stream(events: Sequence[Json]) -> Response:
    chunks = tuple(Chunk(sse_event(None, json.dumps(event))) for event in events)
    return Response(200, (("content-type", "text/event-stream"),), chunks)


def a_form(**fields: str) -> Request:
    parts = [f'--b\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{text}\r\n' for name, text in fields.items()]
    file = '--b\r\nContent-Disposition: form-data; name="file"; filename="a.mp3"\r\n\r\nname="stream"\r\n\r\ntrue\r\n'
    headers = (("Content-Type", "multipart/form-data; boundary=b"),)
    return Request(
        "POST", "https://api.openai.com/v1/audio/transcriptions", headers, "".join([*parts, file, "--b--"]).encode()
    )


@pytest.mark.parametrize(
    ("usage", "expected"), [(TOKENS, COUNTED), ({"type": "duration", "seconds": 6}, None)], ids=["tokens", "seconds"]
)
def test_a_transcription_is_read(usage: Json, expected: Usage | None) -> None:
    """Its text, and its tokens where it counts tokens and not seconds."""
    answer = answer_of(ROW, a_body(json.dumps({"text": "The sun was.", "usage": usage})))

    assert (answer.text, answer.usage, answer.is_complete, answer.error) == ("The sun was.", expected, True, None)


@pytest.mark.parametrize(
    "text", ["Hello.\n", "42\n", "WEBVTT\n\n00:00.000 --> 00:02.000\nHello.\n"], ids=["text", "number", "vtt"]
)
def test_a_format_that_is_no_json_is_read_as_text(text: str) -> None:
    """It is whole, whatever it looks like."""
    answer = answer_of(ROW, a_body(text, label="text/plain; charset=utf-8"))

    assert (answer.text, answer.is_complete, answer.error) == (text, True, None)


def test_a_text_that_broke_off_is_not_whole() -> None:
    """Nothing in it tells where it should have ended: the connection does."""
    answer = answer_of(ROW, a_body("Hel", label="text/plain", end=End.PEER_CLOSED))

    assert (answer.text, answer.is_complete, answer.error) == ("Hel", False, "peer_closed")


def test_json_that_is_labelled_as_text_is_json() -> None:
    """A wrong label changes nothing."""
    assert answer_of(ROW, a_body('{"text": "Hello."}', label="text/html")).text == "Hello."


def test_a_streamed_transcription_is_read() -> None:
    """It is whole with its last event, which has the tokens; cut before, it says what came so far."""
    whole, cut = answer_of(ROW, a_stream(STREAM)), answer_of(ROW, a_stream(STREAM[:-1]))

    assert (whole.text, whole.usage, whole.is_complete, whole.stop_reason) == ("The sun was.", COUNTED, True, None)
    assert (cut.text, cut.usage, cut.is_complete, cut.stop_reason) == ("The sun was.", None, False, "truncated")


@pytest.mark.parametrize(
    ("fields", "expected"), [({"stream": "true"}, True), ({"stream": "false"}, False), ({}, False)], ids=str
)
def test_a_form_asks_for_a_stream_in_a_field(fields: dict[str, str], expected: bool) -> None:
    """What stands in the file is no field."""
    assert asks_for_stream(ROW, a_form(model="whisper-1", **fields)) is expected


def test_the_model_of_a_form_is_that_of_its_field() -> None:
    """The answer does not name it, and a price needs it."""
    assert Call(Attempt(Asked(a_form(model="gpt-4o-transcribe")), ROW, 0.0)).model == "gpt-4o-transcribe"


@pytest.mark.parametrize(
    ("place", "text", "tokens"),
    [
        (117, "The sun was setting slowly, casting long shadows across the empty field.", (54, 16, 54)),
        (860, "Hello world, this is a test.", (17, 10, 17)),
    ],
    ids=["whole", "streamed"],
)
def test_recorded_transcriptions_are_read(
    recorded: Callable[[str], list[Any]], place: int, text: str, tokens: tuple[int, int, int]
) -> None:
    """One of each kind in the corpus."""
    exchange = next(one for one in recorded("openai") if one.place == f"openai.jsonl.gz:{place}")
    label = "text/event-stream" if exchange.stream else "application/json"

    answer = answer_of(ROW, Response(200, (("content-type", label),), (Chunk(exchange.body),)))

    usage = answer.usage
    assert usage is not None
    assert (answer.text, answer.is_complete) == (text, True)
    assert (usage.input_tokens, usage.output_tokens, usage.input_audio_tokens) == tokens
