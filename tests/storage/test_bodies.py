"""Bodies survive: whatever bytes a provider sends are the bytes that come back."""

from __future__ import annotations

import json

import pytest
from storage_doubles import AN_EVENT, a_response, an_interaction

from llmreplay.core.model import Chunk, Interaction, Request, Response
from llmreplay.storage.codec import decode, encode

DEEP = b'{"a":' * 500 + b"1" + b"}" * 500
BODIES = {
    "empty": b"",
    "every byte value": bytes(range(256)),
    "invalid UTF-8": b"\xc3\x28\xf5\x80",
    "U+FFFE and U+FFFF": "\ufffe\uffff".encode(),
    "U+FFFE in JSON": b'{"a":"\xef\xbf\xbe\\ufffe"}',
    "line separators": "\u2028\u2029\x85\x0b".encode(),
    "NUL": b"\x00",
    "escaped NUL in JSON": b'{"a":"\\u0000"}',
    "lone surrogate escaped in JSON": b'{"a":"\\ud800"}',
    "surrogate encoded in JSON": b'{"a":"\xed\xa0\x80"}',
    "surrogate pair escaped in JSON": b'{"a":"\\ud83d\\ude00"}',
    "escapes nobody needs": b'{"\\u0061":"\\/\\u002F\xc3\xa9"}',
    "500-deep object": DEEP,
    "500-deep list": b"[" * 500 + b"]" * 500,
    "100-deep object": b'{"a":' * 100 + b"1" + b"}" * 100,
    "20,000-deep list": b"[" * 20_000 + b"]" * 20_000,
    "integer beyond floats": b'{"a":123456789012345678901234567890}',
    "integer of 5,000 digits": b'{"a":' + b"9" * 5000 + b"}",
    "decimal beyond floats": b'{"a":0.1000000000000000055511151231257827}',
    "number beyond range": b'{"a":1E+400,"b":-1e-400,"c":-0,"d":-0.0,"e":1.0}',
    "NaN, which is no JSON": b'{"a":NaN,"b":Infinity}',
    "duplicate keys": b'{"a":1,"a":2,"a":{"b":1,"b":2}}',
    "key order": b'{"z":1,"a":2,"\xc3\xa9":3}',
    "python spaces": b'{"a": [1, 2], "b": {}}',
    "indented by two": b'{\n  "a": [\n    1,\n    {}\n  ],\n  "b": []\n}',
    "indented by four, line at the end": b'{\n    "a": [\n        1\n    ]\n}\n',
    "indented by a tab": b'{\n\t"a": 1\n}',
    "indented with CRLF": b'{\r\n  "a": 1\r\n}',
    "space before colon": b'{"a" : 1}',
    "padded at the end": b'{"a":1       }',
    "white space around": b'\n    \n\n  {"a":1}\r\n\t',
    "byte order mark": b'\xef\xbb\xbf{"a":1}',
    "two documents": b'{"a":1}{"b":2}',
    "JSON lines": b'{"a":1}\n{"b": 2}\n',
    "JSON lines without the last feed": b'{"a":1}\n{"b":2}',
    "JSON lines with CRLF": b'{"a":1}\r\n{"b":2}\r\n',
    "JSON lines and a broken one": b'{"a":1}\nbroken\n{"b":2}\n',
    "JSON string": b'"a"',
    "JSON number": b"5",
    "JSON null": b"null",
    "white space only": b" \n\t",
    "unfinished JSON": b'{"a": [1, 2',
    "HTML": b"<html>\r\n<body>502</body>\r\n</html>",
    "looks like a cassette": encode([an_interaction()]),
    "events": AN_EVENT * 2 + b"data: [DONE]\n\n",
    "events with CRLF": AN_EVENT.replace(b"\n", b"\r\n") * 2,
    "events with CR": AN_EVENT.replace(b"\n", b"\r") * 2,
    "events with both": AN_EVENT + AN_EVENT.replace(b"\n", b"\r\n") + b"data: 1\r\n\n",
    "events without space": b'event:a\ndata:{"a":1}\n\n',
    "events with two spaces": b'data:  {"a":1}\n\n',
    "event of two data lines": b"data: a\ndata: b\n\n",
    "event with id and retry": b'id: 1\nretry: 5\nevent: a\ndata: {"a":1}\n\n',
    "event with data first": b'data: {"a":1}\nevent: a\n\n',
    "event of a name alone": b"event: a\n\n",
    "event of empty data": b"data: \n\ndata:\n\n",
    "event padded after its JSON": b'data: {"a":1}   \n\n',
    "event whose JSON is deep": b"data: " + DEEP + b"\n\n",
    "event with a lone surrogate": b'data: {"a":"\\udfff"}\n\n',
    "event with duplicate keys": b'data: {"a":1,"a":2}\n\n',
    "event that is no UTF-8": AN_EVENT + b"data: \xff\n\n",
    "event with CR in its data": b'data: {"a":\r1}\n\n',
    "comments": b": ping\n\n: ping\n\n",
    "comments and events": b": ping\n\n" + AN_EVENT + b":\n\n" + AN_EVENT,
    "too many blank lines": b"\n\n\n" + AN_EVENT + b"\n\n\n" + AN_EVENT,
    "unfinished event": AN_EVENT + b'event: ping\ndata: {"ty',
    "event of a string": b'data: "a"\n\ndata: 5\n\ndata: null\n\n',
}


def through_a_cassette(interaction):
    data = encode([interaction])
    (stored,) = decode(data, "a.json")
    assert encode([stored]) == data
    return stored


@pytest.mark.parametrize("body", BODIES.values(), ids=BODIES)
def test_a_response_body_comes_back_as_it_was(body):
    """In one chunk, in two halves and byte by byte, a body keeps its bytes and its boundaries."""
    ways = [[body], [body[: len(body) // 2], body[len(body) // 2 :]]]
    if len(body) < 1000:
        ways.append([body[index : index + 1] for index in range(len(body))])
    for chunks in ways:
        given_one = an_interaction(*chunks)

        assert through_a_cassette(given_one).outcome == given_one.outcome


@pytest.mark.parametrize("body", BODIES.values(), ids=BODIES)
def test_a_request_body_keeps_its_meaning(body):
    """A JSON request keeps its tokens and their order; any other keeps its bytes."""
    stored = through_a_cassette(an_interaction(body=body))

    if stored.request.body != body:
        assert tokens_of(stored.request.body) == tokens_of(body)


def tokens_of(body):
    return json.loads(body, object_pairs_hook=list, parse_float=str, parse_int=str)


@pytest.mark.parametrize("byte", range(0, 256, 5))
def test_a_split_inside_an_event_or_a_character_is_kept(byte):
    """Boundaries anywhere in a stream of events come back where they were."""
    stream = (AN_EVENT + 'data: {"text":"é😀"}\n\n'.encode()) * 4
    cut = byte % len(stream)
    given_one = an_interaction(stream[:cut], stream[cut : cut + 1], stream[cut + 1 :])

    assert through_a_cassette(given_one).outcome == given_one.outcome


def test_fifty_megabytes_survive():
    """Bodies have no size limit, whether JSON, text or neither."""
    megabyte = b"x" * (1 << 20)
    for body in (b'{"a":"' + megabyte * 50 + b'"}', b"\xff" + megabyte * 10):
        given_one = an_interaction(body)

        assert decode(encode([given_one]), "a.json")[0].outcome == given_one.outcome


@pytest.mark.parametrize(
    "headers",
    [
        (("a", "1"), ("a", "2")),
        (("a", "1"), ("b", "2"), ("a", "3")),
        (("Set-Cookie", "1"), ("set-cookie", "2")),
        (("a", ""),),
        (("", ""),),
        (("a", "é\x00\t\ufffe"),),
        (("a", "\udcff"), ("\udcff", "b")),
        (("a", "\udcff"), ("a", "b")),
        (("a", "\udcff"),),
        (),
    ],
    ids=[
        "repeat",
        "interleaved",
        "two spellings",
        "empty",
        "no name",
        "odd text",
        "surrogates",
        "mixed",
        "a surrogate",
        "none",
    ],
)
def test_headers_keep_order_case_and_repeats(headers):
    """Header pairs come back as they came, whatever is in them."""
    request = Request("GET", "https://a.example", headers)

    stored = through_a_cassette(Interaction(request, Response(200, headers, reason="Großartig \udcff")))

    assert stored.request.headers == headers
    assert stored.outcome.headers == headers
    assert stored.outcome.reason == "Großartig \udcff"


def test_a_header_that_repeats_stands_as_a_list_and_one_that_is_interleaved_as_pairs():
    """An object holds headers wherever it can hold their order."""
    plain = encode([Interaction(Request("GET", "https://a", (("a", "1"), ("a", "2"))), a_response())])
    pairs = encode([Interaction(Request("GET", "https://a", (("a", "1"), ("A", "2"))), a_response())])

    assert b'"a": ["1", "2"]' in plain
    assert b'["a", "1"],\n' in pairs


def test_empty_chunks_survive():
    """A chunk without bytes is kept where it was, though no interceptor records one."""
    chunks = (Chunk(b""), Chunk(AN_EVENT, 1.0), Chunk(b"", 2.0), Chunk(b"", 3.0))
    given_one = Interaction(Request("GET", "https://a"), Response(200, chunks=chunks))

    assert through_a_cassette(given_one).outcome.chunks == chunks


def test_a_request_of_json_is_laid_out_whatever_its_white_space():
    """The same request, however its client spaces it, is written the same."""
    first, second = (encode([an_interaction(body=body)]) for body in (b'{"a":[1,2]}', b'{ "a" : [1,\r\n 2] }'))

    assert first == second
