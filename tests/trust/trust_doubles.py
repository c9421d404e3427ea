"""A secret, the ways in which it can be written, and a search that knows nothing of the code under test."""

from __future__ import annotations

import base64
import gzip
import html
import json
import re
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path
from urllib.parse import quote, unquote

from llmreplay.core.model import Chunk, Headers, Request, Response

SECRET = "wJ9x/Qm2+Lr7Tz4Vb8Nc1Kd5Hs3Gf6Yp0a=Ue"
"""Of no known shape, and with characters that encodings change."""
OTHER_SECRET = "zR4k+Vw8/Ht1Mb6Xc3Pq9Jd7Gs5Ly2Fn0e=Ka"
ANTHROPIC = "https://api.anthropic.com"
OPENAI = "https://api.openai.com"
GATEWAY = "https://gateway.example.com"
PROVIDERS = (ANTHROPIC, OPENAI, GATEWAY)

Encode = Callable[[str], str]


def aligned(offset: int) -> Encode:
    """Give the base64 of a secret that stands `offset` bytes inside something longer."""
    return lambda secret: base64.b64encode(b"~" * offset + secret.encode() + b"and more").decode()


ENCODINGS: dict[str, Encode] = {
    "plain": lambda secret: secret,
    "between other text": lambda secret: f"The key is {secret}, keep it.",
    "glued to letters": lambda secret: f"prefix{secret}suffix",
    "base64, aligned": aligned(0),
    "base64, one off": aligned(1),
    "base64, two off": aligned(2),
    "base64 for urls": lambda secret: base64.urlsafe_b64encode(b"k" + secret.encode()).decode(),
    "data url": lambda secret: "data:image/png;base64," + base64.b64encode(b"\x89PNG" + secret.encode()).decode(),
    "hex": lambda secret: secret.encode().hex(),
    "upper hex": lambda secret: secret.encode().hex().upper(),
    "percent": lambda secret: quote(secret, safe=""),
    "every character percent": lambda secret: "".join(f"%{byte:02x}" for byte in secret.encode()),
    "percent twice": lambda secret: quote(quote(secret, safe=""), safe=""),
    "html": lambda secret: "".join(f"&#{byte};" for byte in secret.encode()),
    "unicode escapes": lambda secret: "".join(f"\\u{ord(character):04x}" for character in secret),
    "escaped slash": lambda secret: secret.replace("/", "\\/"),
    "gzip in base64": lambda secret: base64.b64encode(gzip.compress(b"see: " + secret.encode(), mtime=0)).decode(),
    "zlib in base64": lambda secret: base64.b64encode(zlib.compress(b"see: " + secret.encode())).decode(),
    "json in json": lambda secret: json.dumps({"deep": json.dumps({"deeper": secret})}),
    "authorization echoed": lambda secret: f"Authorization: Bearer {secret}",
    "curl command": lambda secret: f"curl -H 'x-api-key: {secret}' {ANTHROPIC}/v1/messages",
    "url with a parameter": lambda secret: f"{GATEWAY}/cb?token={quote(secret, safe='')}&next=1",
    "url with user info": lambda secret: f"https://me:{quote(secret, safe='')}@gateway.example.com/",
}


def _bases(secret: bytes) -> Iterator[str]:
    for offset in range(3):
        first, last = (8 * offset + 5) // 6, 8 * (offset + len(secret)) // 6
        for encode in (base64.b64encode, base64.urlsafe_b64encode):
            yield encode(b"\0" * offset + secret)[first:last].decode()


def forms_of(secret: str) -> dict[str, str]:
    """Give the texts by which a secret can be known in a text that was read without its escapes."""
    bases = {f"base64 {number}": form for number, form in enumerate(_bases(secret.encode()))}
    zipped = {
        "gzip": ENCODINGS["gzip in base64"](secret),
        "zlib": ENCODINGS["zlib in base64"](secret),
    }
    return {"plain": secret, "hex": secret.encode().hex(), **bases, **zipped}


def _readings(text: str) -> Iterator[str]:
    """Give a text and what it says once its escapes are read, up to three deep."""
    for _ in range(4):
        yield text
        yield text.replace("\n", "").replace("\0", "")
        text = unquote(html.unescape(text))
        text = re.sub(r"\\+u([0-9a-fA-F]{4})", lambda match: chr(int(match[1], 16)), text)
        text = re.sub(r"\\+([/\"])", r"\1", text)


def seen_in(data: bytes | str, secret: str = SECRET) -> list[str]:
    """Name the forms of a secret that can be read in bytes, whole or the first 24 characters of it."""
    text = data if isinstance(data, str) else data.decode("utf-8", "replace")
    forms = forms_of(secret) | {"head": secret[:24]}
    found = []
    for reading in _readings(text):
        folded = reading.lower()
        found += [name for name, form in forms.items() if (form in reading or (name == "hex" and form in folded))]
    return sorted(set(found))


def leaks_below(folder: Path, secret: str = SECRET) -> list[str]:
    """Name the files below a folder that tell a secret, by content or by name, and how."""
    leaks = []
    for path in sorted(folder.rglob("*")):
        name = str(path.relative_to(folder))
        if seen_in(name, secret):
            leaks.append(f"name of {name}")
        if path.is_file():
            leaks += [f"{name}: {form}" for form in seen_in(path.read_bytes(), secret)]
    return leaks


def names_in(folder: Path) -> list[str]:
    """Name what lies in a folder."""
    return sorted(path.name for path in folder.iterdir())


# Answers of a provider


def json_answer(body: object, *, status: int = 200, headers: Headers = ()) -> Response:
    """Answer with JSON in one piece."""
    data = json.dumps(body).encode()
    return Response(status, (("content-type", "application/json"), *headers), (Chunk(data),))


def a_message(text: str) -> dict[str, object]:
    """Give Anthropic's body for a text."""
    return {
        "id": "msg_1", "type": "message", "role": "assistant", "model": "claude-haiku-4-5",
        "content": [{"type": "text", "text": text}], "stop_reason": "end_turn", "stop_sequence": None,
        "usage": {"input_tokens": 5, "output_tokens": 7},
    }  # fmt: skip


def message_events(deltas: list[dict[str, object]], block: dict[str, object]) -> list[bytes]:
    """Give Anthropic's events for a streamed block."""
    start = {**a_message(""), "content": [], "stop_reason": None}
    events: list[dict[str, object]] = [
        {"type": "message_start", "message": start},
        {"type": "content_block_start", "index": 0, "content_block": block},
        *({"type": "content_block_delta", "index": 0, "delta": delta} for delta in deltas),
        {"type": "content_block_stop", "index": 0},
        {"type": "message_delta", "delta": {"stop_reason": "end_turn", "stop_sequence": None},
         "usage": {"output_tokens": 7}},
        {"type": "message_stop"},
    ]  # fmt: skip
    return [f"event: {event['type']}\ndata: {json.dumps(event)}\n\n".encode() for event in events]


def a_message_stream(text: str, width: int) -> Response:
    """Stream a text, so many characters a delta, an event a chunk."""
    deltas: list[dict[str, object]] = [
        {"type": "text_delta", "text": text[at : at + width]} for at in range(0, len(text), width)
    ]
    events = message_events(deltas, {"type": "text", "text": ""})
    return Response(200, (("content-type", "text/event-stream"),), tuple(map(Chunk, events)))


def a_tool_stream(arguments: str, width: int) -> Response:
    """Stream a tool's arguments, so many characters a delta."""
    deltas: list[dict[str, object]] = [
        {"type": "input_json_delta", "partial_json": arguments[at : at + width]}
        for at in range(0, len(arguments), width)
    ]
    block: dict[str, object] = {"type": "tool_use", "id": "toolu_1", "name": "log_in", "input": {}}
    events = message_events(deltas, block)
    return Response(200, (("content-type", "text/event-stream"),), tuple(map(Chunk, events)))


def in_pieces(response: Response, width: int) -> Response:
    """Cut a body into chunks of so many bytes, whatever they cut."""
    body = response.body
    chunks = tuple(Chunk(body[at : at + width]) for at in range(0, len(body), width))
    return Response(response.status, response.headers, chunks, response.end)


def a_chat(text: str) -> dict[str, object]:
    """Give OpenAI's body for a text."""
    return {
        "id": "chatcmpl-1", "object": "chat.completion", "created": 1, "model": "gpt-5-mini",
        "choices": [{"index": 0, "finish_reason": "stop", "message": {"role": "assistant", "content": text}}],
        "usage": {"prompt_tokens": 5, "completion_tokens": 7, "total_tokens": 12},
    }  # fmt: skip


def a_chat_stream(text: str, width: int) -> Response:
    """Stream OpenAI's chunks of a text."""
    lines = [
        {"id": "c", "object": "chat.completion.chunk", "created": 1, "model": "gpt-5-mini",
         "choices": [{"index": 0, "delta": {"content": text[at : at + width]}, "finish_reason": None}]}
        for at in range(0, len(text), width)
    ]  # fmt: skip
    data = [f"data: {json.dumps(line)}\n\n".encode() for line in lines] + [b"data: [DONE]\n\n"]
    return Response(200, (("content-type", "text/event-stream"),), tuple(map(Chunk, data)))


Answering = Callable[[Request], Response]


def always(*responses: Response) -> Answering:
    """Answer with these in turn, the last one for ever."""
    waiting = list(responses)
    return lambda request: waiting.pop(0) if len(waiting) > 1 else waiting[0]
