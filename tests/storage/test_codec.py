"""What is written to a cassette reads back equal, and looks as the design says."""

from __future__ import annotations

import gzip
import json
from base64 import b64decode
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from storage_doubles import a_response, an_interaction, interactions

from llmreplay.core.model import Chunk, End, Failure, Interaction, Request, Response, TransportFailure
from llmreplay.storage.codec import as_stored, decode, encode

CORPUS = Path(__file__).parents[2].parent / "shared" / "corpus"

AS_WRITTEN = """\
{
  "format": "llmreplay/1",
  "interactions": [
    {
      "summary": "anthropic.messages -> end_turn",
      "recorded_at": "2026-11-21T09:14:03Z",
      "request": {
        "method": "POST",
        "url": "https://api.anthropic.com/v1/messages",
        "headers": {
          "anthropic-beta": ["a", "b"],
          "x-empty": ""
        },
        "json": {
          "model": "claude",
          "temperature": 1.0
        }
      },
      "response": {
        "status": 200,
        "reason": "Très bien",
        "headers": {
          "content-type": "text/event-stream"
        },
        "chunks": [
          {"after_s": 0.312, "cuts": [[41, 0.021]], "sse": [
            {"event": "message_start", "data": {"type": "message_start"   }},
            {"data": "[DONE]"}
          ]},
          {"after_s": 0.0, "text": ": ping\\n\\n"},
          {"after_s": 0.1, "base64": "/wA="}
        ],
        "end": "client_closed"
      }
    },
    {
      "during": "setup",
      "request": {
        "method": "GET",
        "url": "https://api.openai.com/v1/models",
        "text": "no JSON"
      },
      "response": {
        "status": 404,
        "chunks": [
          {"after_s": 0.5, "layout": "indent-4", "after": "\\n", "json": {
            "error": {}
          }}
        ],
        "end": "complete"
      }
    },
    {
      "request": {
        "method": "GET",
        "url": "https://api.openai.com/v1/models"
      },
      "failure": {"kind": "connect_error", "message": "refused", "after_s": 1.5}
    }
  ]
}
"""

STREAM = b'event: message_start\ndata: {"type": "message_start"   }\n\ndata: [DONE]\n\n'
AS_VALUES = (
    Interaction(
        Request(
            "POST",
            "https://api.anthropic.com/v1/messages",
            (("anthropic-beta", "a"), ("anthropic-beta", "b"), ("x-empty", "")),
            b'{"model":"claude","temperature":1.0}',
        ),
        Response(
            200,
            (("content-type", "text/event-stream"),),
            (
                Chunk(STREAM[:41], 0.312),
                Chunk(STREAM[41:], 0.021),
                Chunk(b": ping\n\n"),
                Chunk(b"\xff\x00", 0.1),
            ),
            End.CLIENT_CLOSED,
            "Très bien",
        ),
        "2026-11-21T09:14:03Z",
    ),
    Interaction(
        Request("GET", "https://api.openai.com/v1/models", (), b"no JSON"),
        Response(404, (), (Chunk(b'{\n    "error": {}\n}\n', 0.5),)),
        during="setup",
    ),
    Interaction(
        Request("GET", "https://api.openai.com/v1/models"),
        TransportFailure(Failure.CONNECT_ERROR, "refused", 1.5),
    ),
)


def summary_of_first(interaction):
    return "anthropic.messages -> end_turn" if interaction.recorded_at else ""


def test_a_cassette_is_written_for_the_eyes_of_a_reviewer():
    """One header a line, one event a line, JSON laid out, each interaction begun by its summary."""
    data = encode(AS_VALUES, summarise=summary_of_first)

    assert data.decode() == AS_WRITTEN


def test_a_cassette_reads_back_as_the_same_values():
    """The file above gives back every byte, boundary, delay, header and end."""
    stored = decode(AS_WRITTEN.encode(), "a.json")

    assert [one.interaction for one in stored] == list(AS_VALUES)
    assert [one.summary for one in stored] == ["anthropic.messages -> end_turn", "", ""]


@settings(max_examples=300)
@given(st.lists(interactions, max_size=3))
def test_any_interaction_survives_and_is_written_the_same_again(given_ones):
    """Whatever is written reads back equal, and what was read is written as the same bytes."""
    data = encode(given_ones, summarise=lambda one: "line one\nline two")

    stored = decode(data, "a.json")

    assert [one.interaction for one in stored] == [as_stored(one) for one in given_ones]
    assert [one.outcome for one in stored] == [one.outcome for one in given_ones]
    assert encode(stored) == data
    assert data.endswith(b"\n")
    assert b"\r" not in data


def test_an_outcome_is_kept_without_what_a_fault_added_and_in_microseconds():
    """Delays of faults are not recorded, and seconds that no clock gives are zero."""
    outcome = Response(
        200,
        chunks=(Chunk(b"a", 0.1234567, 9.0), Chunk(b"b", float("nan")), Chunk(b"c", -1.0)),
        delay_s=1.0,
        end_delay_s=2.0,
    )

    (stored,) = decode(encode([Interaction(Request("GET", "https://a.example"), outcome)]), "a.json")

    assert stored.outcome.chunks == (Chunk(b"a", 0.123457), Chunk(b"b"), Chunk(b"c"))
    assert (stored.outcome.delay_s, stored.outcome.end_delay_s) == (0.0, 0.0)


def test_request_and_outcome_are_read_only_when_asked_for():
    """Loading restores no body; what was asked for is held by nobody but who asked."""
    (stored,) = decode(encode([an_interaction()]), "a.json")

    assert stored.outcome == stored.outcome
    assert stored.outcome is not stored.outcome
    assert stored.request is not stored.request


def test_a_stored_interaction_is_shown_by_its_summary():
    """A debugger shows the line that the reader of the file sees."""
    (stored,) = decode(encode([an_interaction()], summarise=lambda one: "m -> end_turn"), "a.json")

    assert repr(stored) == "StoredInteraction('m -> end_turn')"


def test_an_empty_cassette_is_a_cassette():
    """A test that called nobody has a file without interactions."""
    assert decode(encode([]), "a.json") == ()


def test_an_interaction_equals_itself_as_stored_and_as_value():
    """A stored interaction compares as the value it holds."""
    (stored,) = decode(encode([an_interaction()]), "a.json")

    assert stored == an_interaction()
    assert stored == decode(encode([stored]), "a.json")[0]
    assert stored != an_interaction(b"other")
    assert hash(stored) == hash(an_interaction())


def exchanges_of(name):
    with gzip.open(CORPUS / name) as lines:
        for line in lines:
            exchange = json.loads(line)
            request, response = exchange["request"], exchange["response"]
            body = body_of(response)
            middle = len(body) // 2
            chunks = tuple(Chunk(part, 0.25) for part in (body[:middle], body[middle:]) if part)
            yield Interaction(
                Request(request["method"], request["url"], headers_of(request), body_of(request)),
                Response(response.get("status") or 200, headers_of(response), chunks),
            )


def headers_of(message):
    return tuple((name, value) for name, value in message.get("headers") or ())


def body_of(message):
    text = message.get("body_text")
    return b64decode(message.get("body_base64") or "") if text is None else text.encode()


@pytest.mark.skipif(not CORPUS.is_dir(), reason="the corpus of real exchanges is not beside the repository")
@pytest.mark.parametrize("name", ["anthropic", "openai", "gemini", "bedrock", "ollama", "openrouter"])
def test_real_exchanges_survive(name):
    """Every recorded answer of a provider comes back byte for byte from a cassette, written the same twice."""
    given_ones = list(exchanges_of(f"{name}.jsonl.gz"))

    data = encode(given_ones)
    stored = decode(data, "a.json")

    assert given_ones
    assert [one.outcome for one in stored] == [one.outcome for one in given_ones]
    assert encode(stored) == data


def test_when_the_client_left_stands_only_where_it_left():
    """A file says how long the client still waited, in microseconds, and nothing of it where the provider ended."""
    left = replace(an_interaction(), outcome=a_response(b"a", end=End.CLIENT_CLOSED, end_after_s=0.12345678))
    whole = replace(an_interaction(), outcome=a_response(b"a", end_after_s=0.12345678))

    written = encode([left]), encode([whole])

    assert b'"end_after_s": 0.123457' in written[0]
    assert b"end_after_s" not in written[1]
    assert decode(written[0], "a.json")[0].outcome.end_after_s == 0.123457
