"""Bodies that break parsers go through redaction, journal, cassette and matching, and come out as they went in."""

from __future__ import annotations

import json
import time

import httpx2
import pytest
from trust_doubles import GATEWAY, always, in_pieces

from llmreplay import use_cassette
from llmreplay.core.model import Chunk, Response

JSON_TYPE, SSE_TYPE = "application/json", "text/event-stream"
DEEP = b'{"a":' * 500 + b"[]" + b"}" * 500
BODIES = {
    "empty": (b"", JSON_TYPE),
    "every byte": (bytes(range(256)) * 4, "application/octet-stream"),
    "every byte as json": (bytes(range(256)), JSON_TYPE),
    "invalid utf-8 in json": (b'{"a":"\xff\xfe\xc3("}', JSON_TYPE),
    "half a character": ('{"a":"😀"}'.encode()[:8], JSON_TYPE),
    "noncharacters": ('{"a":"\ufffe\uffff\ufeff"}'.encode(), JSON_TYPE),
    "lone surrogates": (rb'{"a":"\ud800","\udfff":"\ude00\ud83d"}', JSON_TYPE),
    "nul": (rb'{"a":"\u0000"}' + b"\0", JSON_TYPE),
    "500 deep": (DEEP, JSON_TYPE),
    "20,000 deep": (b"[" * 20_000 + b"]" * 20_000, JSON_TYPE),
    "500 deep in a text": (json.dumps({"arguments": DEEP.decode()}).encode(), JSON_TYPE),
    "duplicate keys": (b'{"a":1,"a":2,"b":{"c":1,"c":[]}}', JSON_TYPE),
    "numbers beyond floats": (b'{"a":1e400,"b":123456789012345678901234567890.10,"c":-0,"d":-0.0,"e":1E+2}', JSON_TYPE),
    "nan": (b'{"a":NaN,"b":-Infinity}', JSON_TYPE),
    "bom": (b'\xef\xbb\xbf{"a":1}', JSON_TYPE),
    "odd white space": (b' \t\r\n{ "a" :\r1 ,\n\n "b":[ ] }\r\n', JSON_TYPE),
    "cut json": (b'{"a":{"b":"c', JSON_TYPE),
    "two documents": (b'{"a":1}{"b":2}', JSON_TYPE),
    "utf-16": ('{"a":"é"}'.encode("utf-16"), JSON_TYPE),
    "a cassette": (b'{"format":"llmreplay/1","interactions":[]}', JSON_TYPE),
    "gzip in its beginning": (b"\x1f\x8b\x08\x00" + bytes(range(100)), "application/octet-stream"),
    "tokens of redaction": (b'{"api_key":"REDACTED","password":"REDACTEDREDACTED"}', JSON_TYPE),
    "events cut anywhere": (b"event: a\r\ndata: {}\r\r\n: c\n\ndata\n\nid:\x00\n\n\xef\xbb\xbfdata: 1\r\r", SSE_TYPE),
    "an event without an end": (b'data: {"a":1}\n\ndata: {"b":', SSE_TYPE),
    "wrong type": (b"\x89PNG\r\n\x1a\n", "text/html; charset=utf-16"),
}  # fmt: skip


def body_of(client, method, content, content_type):
    with client.stream(method, f"{GATEWAY}/v1/x", content=content, headers={"content-type": content_type}) as answer:
        return b"".join(answer.iter_bytes())


def pieces_of(client, content):
    with client.stream("POST", f"{GATEWAY}/v1/x", content=content) as answer:
        return list(answer.iter_bytes())


@pytest.mark.parametrize("name", BODIES)
def test_it_comes_out_as_it_went_in(tmp_path, listener, name):
    """As a request it matches itself and nothing else; as an answer, whole or in pieces, it has the same bytes."""
    body, content_type = BODIES[name]
    whole = Response(200, (("content-type", content_type),), (Chunk(body),) if body else ())
    in_threes = in_pieces(whole, 3) if len(body) < 3000 else in_pieces(whole, 999)
    path = tmp_path / "one.json"
    listener.answer = always(whole, in_threes)

    def work():
        with httpx2.Client() as client:
            return [body_of(client, "POST", body, content_type), pieces_of(client, b"other")]

    with use_cassette(path, mode="once", upstream=listener.upstream) as recording:
        live = work()
    sent = listener.requests[-2]
    with use_cassette(path, mode="none") as replay:
        replayed = work()
    with use_cassette(path, mode="new_episodes", upstream=listener.upstream) as again:
        assert work() == live

    assert sent.body == body
    assert live[0] == b"".join(live[1]) == body
    assert replayed == live
    assert len(recording.calls) == len(replay.calls) == 2
    assert again.recorder.recorded == []


def test_fifty_megabytes_up_and_down(tmp_path, listener):
    """An upload and a download of 50 MB are recorded and replayed byte for byte, in bearable time."""
    body = b'{"file":"' + b"abcdefgh01234567" * (50 * 65536) + b'"}'
    listener.answer = always(in_pieces(Response(200, (("content-type", JSON_TYPE),), (Chunk(body),)), 1 << 20))
    path = tmp_path / "one.json"
    seconds = []

    for mode in ("once", "none"):
        began = time.perf_counter()
        with use_cassette(path, mode=mode, upstream=listener.upstream), httpx2.Client(timeout=60) as client:
            assert body_of(client, "POST", body, JSON_TYPE) == body
        seconds.append(time.perf_counter() - began)

    print(f"\n50 MB up and down: recorded in {seconds[0]:.1f} s, replayed in {seconds[1]:.1f} s")
    assert path.stat().st_size < 2.2 * len(body)
    assert seconds[0] < 120, "a regular expression that goes back takes minutes"
