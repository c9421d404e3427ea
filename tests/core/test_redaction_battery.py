"""A secret is planted in every place and every encoding known to leak, and must be nowhere afterwards."""

from __future__ import annotations

import base64
import gzip
import json
import zlib
from collections.abc import Callable
from urllib.parse import quote

import pytest

from llmreplay.core.aws_frames import aws_frame
from llmreplay.core.model import Chunk, Failure, Headers, Request, Response, TransportFailure
from llmreplay.core.redaction import Redactor

SECRET = "wJ9x/Qm2+Lr7Tz4Vb8Nc1Kd5Hs3Gf6Yp0a=Ue"
"""Of no known shape, and with characters that encodings change."""
RAW = SECRET.encode()
JSON_TYPE: Headers = (("content-type", "application/json"),)
SSE_TYPE: Headers = (("content-type", "text/event-stream"),)
URL = "https://api.example.com/v1/messages"


def a_request(*, url: str = URL, headers: Headers = JSON_TYPE, body: bytes = b"{}") -> Request:
    return Request("POST", url, headers, body)


def a_response(*pieces: bytes, headers: Headers = JSON_TYPE, status: int = 200) -> Response:
    return Response(status, headers, tuple(Chunk(piece) for piece in pieces))


def a_text_delta(text: str) -> bytes:
    event = {"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": text}}
    return b"event: content_block_delta\ndata: " + json.dumps(event).encode() + b"\n\n"


def a_chat_delta(text: str) -> bytes:
    return (
        b"data: " + json.dumps({"id": "c1", "choices": [{"index": 0, "delta": {"content": text}}]}).encode() + b"\n\n"
    )


def an_argument_delta(text: str) -> bytes:
    call = {"index": 1, "function": {"arguments": text}}
    return b"data: " + json.dumps({"choices": [{"index": 0, "delta": {"tool_calls": [call]}}]}).encode() + b"\n\n"


def cut(text: str, width: int) -> list[str]:
    return [text[start : start + width] for start in range(0, len(text), width)]


def aligned(offset: int) -> str:
    return base64.b64encode(b"~" * offset + RAW + b"and more").decode()


def wrapped(text: str, width: int = 76) -> str:
    return "\n".join(cut(text, width))


def utf8_escapes(text: str) -> str:
    return "".join(f"\\u{ord(character):04x}" for character in text)


LONG = "a picture, say " * 12 + SECRET + " and its end" * 9

ENCODED: dict[str, str] = {
    "plain": SECRET,
    "between other text": f"The key is {SECRET}, keep it.",
    "glued to letters": f"prefix{SECRET}suffix",
    "base64, aligned": aligned(0),
    "base64, one off": aligned(1),
    "base64, two off": aligned(2),
    "base64 for urls": base64.urlsafe_b64encode(b"k" + RAW).decode(),
    "base64 in lines": wrapped(base64.b64encode(LONG.encode()).decode()),
    "base64 in lines of 64": wrapped(base64.b64encode(LONG.encode()).decode(), 64),
    "data url": "data:image/png;base64," + base64.b64encode(b"\x89PNG" + RAW).decode(),
    "hex": RAW.hex(),
    "upper hex": RAW.hex().upper(),
    "percent": quote(SECRET, safe=""),
    "percent in small letters": quote(SECRET, safe="").replace("%2B", "%2b").replace("%2F", "%2f"),
    "every character percent": "".join(f"%{byte:02X}" for byte in RAW),
    "percent twice": quote(quote(SECRET, safe=""), safe=""),
    "html": "".join(f"&#{byte};" for byte in RAW),
    "html in hex": "".join(f"&#x{byte:x};" for byte in RAW),
    "unicode escapes in a text": utf8_escapes(SECRET),
    "escaped slash": SECRET.replace("/", "\\/"),
    "gzip in base64": base64.b64encode(gzip.compress(b"see: " + RAW, mtime=0)).decode(),
    "zlib in base64": base64.b64encode(zlib.compress(b"see: " + RAW)).decode(),
    "gzip in hex": gzip.compress(RAW, mtime=0).hex(),
    "json in json": json.dumps({"deep": json.dumps({"deeper": SECRET})}),
    "authorization header echoed": f"Authorization: Bearer {SECRET}",
    "curl command": f"curl -H 'x-api-key: {SECRET}' {URL}",
    "address of a redirect": f"{URL}?token={quote(SECRET, safe='')}&next=1",
}


def everywhere(body: Callable[[str], bytes]) -> dict[str, bytes]:
    return {name: body(text) for name, text in ENCODED.items()}


def seen_in(data: bytes) -> list[str]:
    """Name the encodings of the secret that can be read in bytes; written without the code under test."""
    text = data.decode("utf-8", "replace").lower().replace("\\/", "/").replace("\n", "").replace("\\n", "")
    bare = text.replace("\0", "")
    forms = {name: encoded.lower().replace("\n", "").replace("\\/", "/") for name, encoded in ENCODED.items()}
    forms = {name: form for name, form in forms.items() if "{" not in form and "redirect" not in name}
    inner = {
        f"inner {name}": form[8:40] for name, form in forms.items() if "base64" in name and "in base64" not in name
    }
    return [name for name, form in {**forms, **inner}.items() if form in text or form in bare]


def a_knowing_redactor() -> Redactor:
    redactor = Redactor()
    redactor.learn_from_request(a_request(headers=(("X-Api-Key", SECRET),)))
    return redactor


def assert_clean(data: bytes) -> None:
    assert seen_in(data) == []
    assert RAW[:14] not in data
    assert RAW[-14:] not in data


@pytest.mark.parametrize("name", ENCODED)
def test_an_encoded_secret_leaves_a_prompt(name):
    """A secret in a prompt is gone in whatever encoding, the body is still JSON and the rest of it untouched."""
    body = json.dumps(
        {"model": "m", "messages": [{"role": "user", "content": ENCODED[name]}], "max_tokens": 5}
    ).encode()

    redacted = a_knowing_redactor().request(a_request(body=body)).body

    assert_clean(redacted)
    assert {**json.loads(redacted), "messages": []} == {"model": "m", "messages": [], "max_tokens": 5}
    assert b"REDACTED" in redacted
    assert a_knowing_redactor().scan(body) is not None
    assert a_knowing_redactor().scan(redacted) is None


@pytest.mark.parametrize("name", ENCODED)
def test_an_encoded_secret_leaves_an_error_body(name):
    """A secret that a provider echoes in an error is gone, also where the body is cut into chunks of eleven bytes."""
    body = json.dumps({"error": {"type": "invalid", "message": ENCODED[name]}}).encode()
    pieces = [body[start : start + 11] for start in range(0, len(body), 11)]

    redacted = a_knowing_redactor().outcome(a_response(*pieces, status=401))

    assert_clean(redacted.body)
    assert json.loads(redacted.body)["error"]["type"] == "invalid"
    assert all(chunk.data for chunk in redacted.chunks)


@pytest.mark.parametrize(
    "name", ["plain", "base64, one off", "hex", "percent", "html", "json in json", "gzip in base64"]
)
@pytest.mark.parametrize("width", [1, 5, 19])
@pytest.mark.parametrize("delta", [a_text_delta, a_chat_delta, an_argument_delta])
def test_a_secret_in_pieces_leaves_a_stream(name, width, delta):
    """A secret that a stream brings in pieces is gone from the joined text, and every event is still an event."""
    text = f"It says {ENCODED[name]} and no more."
    stream = b"".join(map(delta, cut(text, width)))

    redacted = a_knowing_redactor().outcome(a_response(stream, headers=SSE_TYPE)).body

    events = [json.loads(line[6:]) for line in redacted.split(b"\n") if line.startswith(b"data: ")]
    joined = "".join(_text_of(event) for event in events)
    assert_clean(redacted)
    assert_clean(joined.encode())
    assert joined == a_knowing_redactor().text(text)
    assert len(events) == len(cut(text, width))


def _text_of(event: dict) -> str:
    if "delta" in event:
        return event["delta"]["text"]
    delta = event["choices"][0]["delta"]
    return delta["content"] if "content" in delta else delta["tool_calls"][0]["function"]["arguments"]


def an_inner_frame(text: str) -> bytes:
    inner = json.dumps({"type": "content_block_delta", "index": 0, "delta": {"text": text}}).encode()
    payload = json.dumps({"bytes": base64.b64encode(inner).decode(), "p": "abcd"}).encode()
    return aws_frame(((":event-type", "chunk"), (":message-type", "event")), payload)


def a_frame(text: str) -> bytes:
    payload = json.dumps({"contentBlockIndex": 0, "delta": {"text": text}}).encode()
    return aws_frame(((":event-type", "contentBlockDelta"), (":message-type", "event")), payload)


BINARY: dict[str, bytes] = {
    "raw": b"\xff\xfe\x00" + RAW + b"\x80\x81",
    "utf-16 little endian": b"\xff\xfe" + SECRET.encode("utf-16-le"),
    "utf-16 big endian": b"\xfe\xff" + SECRET.encode("utf-16-be"),
    "utf-32": SECRET.encode("utf-32"),
    "gzip": gzip.compress(b"text " + RAW, mtime=0),
    "gzip inside": b"\x89PNG\r\n" + gzip.compress(RAW, mtime=0) + b"\xffIEND",
    "zlib inside": b"%PDF \xe2\xe3 stream\n" + zlib.compress(RAW * 3) + b"\nendstream",
    "gzip of base64": gzip.compress(base64.b64encode(b"z" + RAW), mtime=0),
    "aws frames": b"".join(map(a_frame, cut(f"so {SECRET}.", 6))),
    "aws frames of base64": b"".join(map(an_inner_frame, cut(f"so {SECRET}.", 6))),
    "ndjson": b"".join(json.dumps({"message": {"content": piece}}).encode() + b"\n" for piece in cut(SECRET, 4)),
    "array of objects": json.dumps([{"candidates": [{"text": piece}]} for piece in cut(SECRET, 9)]).encode(),
    "events of plain text": b"".join(f"event: output\ndata: {piece}\n\n".encode() for piece in cut(SECRET, 9)),
    "comment in a stream": b": " + RAW + b"\n\ndata: {}\n\n",
}


@pytest.mark.parametrize("name", BINARY)
@pytest.mark.parametrize("width", [7, 100_000])
def test_a_secret_leaves_a_binary_answer(name, width):
    """A secret inside a picture, an archive or a binary stream is gone, however the bytes were cut."""
    data = BINARY[name]
    pieces = [data[start : start + width] for start in range(0, len(data), width)]

    redacted = a_knowing_redactor().outcome(a_response(*pieces, headers=())).body

    assert_clean(redacted)
    assert_clean(b"".join(_unpacked(redacted)))
    for fragment in cut(SECRET, 9)[:-1]:
        assert fragment.encode() not in redacted


def _unpacked(data: bytes) -> list[bytes]:
    texts = []
    for start in range(len(data)):
        try:
            texts.append(zlib.decompressobj(47).decompress(data[start:]))
        except zlib.error:
            continue
    return texts


PLACES: dict[str, Request | Response | TransportFailure] = {
    "authorization": a_request(headers=(("Authorization", f"Bearer {SECRET}"), *JSON_TYPE)),
    "x-api-key": a_request(headers=(("x-api-key", SECRET),)),
    "x-goog-api-key": a_request(headers=(("x-goog-api-key", SECRET),)),
    "header of a gateway": a_request(headers=(("cf-aig-authorization", f"Bearer {SECRET}"),)),
    "header of no name that we know": a_request(headers=(("x-acme-thing", SECRET),)),
    "allowed header": a_request(headers=(("anthropic-beta", f"tools,{SECRET}"),)),
    "cookie": a_request(headers=(("cookie", f"session={SECRET}; theme=dark"),)),
    "query": a_request(url=f"{URL}?key={quote(SECRET, safe='')}"),
    "query of another name": a_request(url=f"{URL}?x={quote(SECRET, safe='')}&y=1"),
    "path": a_request(url=f"https://api.example.com/keys/{quote(SECRET, safe='')}/use"),
    "fragment": a_request(url=f"{URL}#access_token={SECRET}"),
    "user info": a_request(url=f"https://me:{quote(SECRET, safe='')}@api.example.com/v1"),
    "json value": a_request(body=json.dumps({"a": [{"b": SECRET}]}).encode()),
    "json key": a_request(body=json.dumps({SECRET: 1}).encode()),
    "json in utf-16": a_request(body=json.dumps({"a": SECRET}).encode("utf-16")),
    "mcp server": a_request(body=json.dumps({"mcp_servers": [{"authorization_token": SECRET}]}).encode()),
    "form": a_request(
        headers=(("content-type", "application/x-www-form-urlencoded"),), body=f"a=1&b={quote(SECRET)}".encode()
    ),
    "multipart field": a_request(
        headers=(("content-type", "multipart/form-data; boundary=X"),),
        body=b'--X\r\nContent-Disposition: form-data; name="note"\r\n\r\n' + RAW + b"\r\n--X--\r\n",
    ),
    "multipart file": a_request(
        headers=(("content-type", "multipart/form-data; boundary=X"),),
        body=b'--X\r\nContent-Disposition: form-data; name="f"; filename="f.bin"\r\n\r\n\xff\x00'
        + RAW
        + b"\r\n--X--\r\n",
    ),
    "set-cookie": a_response(b"{}", headers=(("set-cookie", f"__cf_bm={SECRET}; path=/"),)),
    "echoed header": a_response(b"{}", headers=(("x-request-id", f"req for {SECRET}"),)),
    "location": a_response(b"", headers=(("location", f"{URL}?sig={quote(SECRET, safe='')}"),), status=307),
    "link": a_response(b"", headers=(("link", f"<{URL}?x={quote(SECRET, safe='')}>; rel=next"),)),
    "www-authenticate": a_response(
        b"", headers=(("www-authenticate", f'Bearer error="bad token {SECRET}"'),), status=401
    ),
    "html error page": a_response(f"<html><body>Bad key {SECRET}</body></html>".encode(), status=502),
    "plain text": a_response(f"upstream refused {SECRET}\n".encode(), status=502),
    "cut json": a_response(json.dumps({"error": SECRET}).encode()[:-4]),
    "exception of the client": TransportFailure(Failure.CONNECT_ERROR, f"cannot reach https://u:{SECRET}@host/v1"),
}


@pytest.mark.parametrize("name", PLACES)
def test_a_secret_leaves_a_place(name):
    """A secret is gone from every part of a request, a response or a failure."""
    place = PLACES[name]
    redactor = a_knowing_redactor()

    redacted = redactor.request(place) if isinstance(place, Request) else redactor.outcome(place)

    assert_clean(repr(redacted).replace("\\\\", "\\").encode())
    again = redactor.request(redacted) if isinstance(redacted, Request) else redactor.outcome(redacted)
    assert again == redacted
