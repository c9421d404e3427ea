"""A key is planted everywhere in real exchanges, and must be in no byte below the folder, however it is written."""

from __future__ import annotations

import contextlib
import json
import os
from collections.abc import Callable
from dataclasses import dataclass, field

import anthropic
import httpx2
import openai
import pytest
from trust_doubles import (
    ENCODINGS,
    GATEWAY,
    OTHER_SECRET,
    SECRET,
    Answering,
    a_chat,
    a_chat_stream,
    a_message,
    a_message_stream,
    a_tool_stream,
    always,
    in_pieces,
    json_answer,
    leaks_below,
    seen_in,
)

from llmreplay import use_cassette
from llmreplay.cli import main
from llmreplay.core.model import Chunk, End, Response

TOOL = {"name": "log_in", "description": "", "input_schema": {"type": "object", "properties": {}}}


def claude(key, *contents, **more):
    """Ask Anthropic's SDK turn by turn; give what came, an error as its text."""
    said, messages = [], []
    with anthropic.Anthropic(api_key=key, max_retries=0) as client:
        for content in contents:
            messages.append({"role": "user", "content": content})
            try:
                message = client.messages.create(
                    model="claude-haiku-4-5", max_tokens=50, messages=messages, tools=[TOOL], **more
                )
            except anthropic.APIError as error:
                return [*said, str(error), repr(getattr(error, "body", None))]
            said.append("".join(block.text for block in message.content if block.type == "text"))
            messages.append({"role": "assistant", "content": message.content})
    return said


def claude_streamed(key, content="hi"):
    with (
        anthropic.Anthropic(api_key=key, max_retries=0) as client,
        client.messages.stream(
            model="claude-haiku-4-5", max_tokens=50, messages=[{"role": "user", "content": content}]
        ) as stream,
    ):
        return [str(block) for block in stream.get_final_message().content]


def gpt(key, content="hi", **more):
    with openai.OpenAI(api_key=key, max_retries=0) as client:
        try:
            given = client.chat.completions.create(
                model="gpt-5-mini", messages=[{"role": "user", "content": content}], **more
            )
        except openai.APIError as error:
            return [str(error), repr(error.body)]
        if more.get("stream"):
            return ["".join(chunk.choices[0].delta.content or "" for chunk in given)]
        return [given.choices[0].message.content]


def sent(key, method="POST", url=f"{GATEWAY}/v1/things", *, follow=False, bearer=True, **more):
    """Ask over bare HTTP; give status, headers that a client reads, and body."""
    headers = {"authorization": f"Bearer {key}"} if bearer else {}
    with httpx2.Client(follow_redirects=follow) as client:
        answer = client.request(method, url, headers=headers | more.pop("headers", {}), **more)
        return [str(answer.status_code), answer.text]


@dataclass(frozen=True, slots=True)
class Place:
    """Where a key is planted.

    Attributes:
        ask: What the application does with its key; gives what it saw.
        answer: What the provider says.
        is_said: Whether the client sees the key in the answer while recording.
    """

    ask: Callable[[str], list[str]]
    answer: Answering = field(default_factory=lambda: always(json_answer(a_message("fine"))))
    is_said: bool = False


def body_of(text):
    return Response(200, (("content-type", "application/octet-stream"),), (Chunk(text),))


def a_picture(secret):
    """Give a PNG whose metadata holds a text, in base64."""
    import base64

    head = b"\x89PNG\r\n\x1a\n" + b"\0\0\0\rIHDR" + b"\0" * 17
    return base64.b64encode(head + b"\0\0\0\x30tEXtComment\0" + secret.encode() + b"\0IEND").decode()


def image(secret):
    source = {"type": "base64", "media_type": "image/png", "data": a_picture(secret)}
    return [{"type": "image", "source": source}, {"type": "text", "text": "What is this?"}]


def tool_use(secret):
    return json_answer(
        {**a_message(""), "content": [{"type": "tool_use", "id": "t", "name": "log_in", "input": {"k": secret}}]}
    )


def error_body(secret):
    return {"type": "error", "error": {"type": "authentication_error", "message": f"invalid x-api-key: {secret}"}}


def openai_error(secret):
    return {"error": {"message": f"Incorrect API key provided: {secret}.", "type": "x", "code": "invalid_api_key"}}


def refusal(secret):
    return {**a_message(f"I will not say {secret}."), "stop_reason": "refusal"}


FINE = always(json_answer({"ok": True}))
# While the key itself goes along in a header, as it does in every real exchange.
PLACES: dict[str, Place] = {
    "header of anthropic": Place(lambda key: claude(key, "hi")),
    "header of openai": Place(lambda key: gpt(key), always(json_answer(a_chat("fine")))),
    "header of a gateway": Place(lambda key: sent(key, headers={"x-portkey-api-key": key}), FINE),
    "cookie": Place(lambda key: sent(key, headers={"cookie": f"session={key}; b=1"}), FINE),
    "proxy authorization": Place(lambda key: sent(key, headers={"proxy-authorization": f"Basic {key}"}), FINE),
    "query, alone": Place(
        lambda key: sent(key, "GET", f"{GATEWAY}/v1/models", params={"key": key, "page": "1"}, bearer=False), FINE
    ),
    "query of another name": Place(lambda key: sent(key, "GET", f"{GATEWAY}/v1/models", params={"q": key}), FINE),
    "path": Place(lambda key: sent(key, "GET", f"{GATEWAY}/bot{key.replace('/', '%2F')}/me"), FINE),
    "user info of the url": Place(
        lambda key: sent(key, "GET", f"https://me:{key.replace('/', '%2F')}@gateway.example.com/x", bearer=False),
        FINE,
    ),
    "fragment of the url": Place(lambda key: sent(key, "GET", f"{GATEWAY}/x#access_token={key}"), FINE),
    "form": Place(lambda key: sent(key, data={"client_secret": key, "scope": "all"}), FINE),
    "form, another name": Place(lambda key: sent(key, data={"note": f"see {key}"}), FINE),
    "multipart field": Place(
        lambda key: sent(key, data={"api_key": key}, files={"f": ("a.txt", b"abc")}, headers=BOUNDARY), FINE
    ),
    "multipart file": Place(
        lambda key: sent(key, files={"f": ("a.txt", b"abc " + key.encode())}, headers=BOUNDARY), FINE
    ),
    "multipart file name": Place(lambda key: sent(key, files={"f": (f"{key}.txt", b"abc")}, headers=BOUNDARY), FINE),
    "binary body": Place(lambda key: sent(key, content=b"\xff\xfe\0" + key.encode() + b"\0\xff"), FINE),
    "utf-16 body": Place(lambda key: sent(key, content=key.encode("utf-16")), FINE),
    "json key": Place(lambda key: sent(key, json={"a": {"b": [{"password": key}]}}), FINE),
    "json name": Place(lambda key: sent(key, json={key: 1}), FINE),
    "mcp authorization token": Place(
        lambda key: sent("unrelated", json={"mcp_servers": [{"authorization_token": key}]}), FINE
    ),
    "system prompt": Place(lambda key: claude(key, "hi", system=f"The key is {key}.")),
    "tool description": Place(lambda key: claude(key, "hi", extra_body={"metadata": {"user_id": key}})),
    "picture": Place(lambda key: claude(key, image(key))),
    "second turn after the answer named it": Place(
        lambda key: claude(key, "What is it?", "Again!"), always(json_answer(a_message(f"It is {SECRET}."))), True
    ),
    "error of anthropic": Place(
        lambda key: claude(key, "hi"), always(json_answer(error_body(SECRET), status=401)), True
    ),
    "error of openai": Place(lambda key: gpt(key), always(json_answer(openai_error(SECRET), status=401)), True),
    "error that is html": Place(
        lambda key: sent(key),
        always(Response(502, (("content-type", "text/html"),), (Chunk(f"<p>{SECRET}</p>".encode()),))),
        True,
    ),
    "refusal": Place(lambda key: claude(key, "hi"), always(json_answer(refusal(SECRET))), True),
    "tool argument": Place(lambda key: claude(key, "hi"), always(tool_use(SECRET))),
    "tool argument of a stream": Place(
        claude_streamed, always(a_tool_stream(json.dumps({"k": SECRET}), 5)), True
    ),
    "deltas of anthropic": Place(claude_streamed, always(a_message_stream(f"It is {SECRET}, yes.", 4)), True),
    "deltas of one character": Place(claude_streamed, always(a_message_stream(f"It is {SECRET}, yes.", 1)), True),
    "deltas of base64": Place(claude_streamed, always(a_message_stream(ENCODINGS["base64, one off"](SECRET), 6))),
    "chunks of a stream": Place(
        claude_streamed, always(in_pieces(a_message_stream(f"It is {SECRET}, yes.", 80), 13)), True
    ),
    "chunks inside deltas": Place(
        claude_streamed, always(in_pieces(a_message_stream(f"It is {SECRET}, yes.", 3), 7)), True
    ),
    "deltas of openai": Place(
        lambda key: gpt(key, stream=True), always(a_chat_stream(f"It is {SECRET}, yes.", 4)), True
    ),
    "cut stream": Place(
        lambda key: cut_short(key),
        always(Response(200, (("content-type", "text/event-stream"),), (Chunk(f"data: {SECRET[:30]}".encode()),),
                        End.PEER_CLOSED)),
    ),
    "body in small chunks": Place(
        lambda key: sent(key), always(in_pieces(json_answer({"note": f"see {SECRET}"}), 3)), True
    ),
    "location of a redirect": Place(
        lambda key: sent(key),
        always(Response(302, (("location", f"{GATEWAY}/next?token={SECRET}"),), ())),
    ),
    "followed redirect": Place(
        lambda key: sent(key, "GET", follow=True),
        always(Response(302, (("location", f"{GATEWAY}/next?session_token=q8Zr{SECRET[:20].replace('/', '')}"),), ()),
               json_answer({"ok": 1})),
    ),
    "cookie that is set": Place(
        lambda key: sent(key), always(json_answer({"ok": 1}, headers=(("set-cookie", f"sid={SECRET}; Path=/"),)))
    ),
    "header that echoes": Place(
        lambda key: sent(key),
        always(json_answer({"ok": 1}, headers=(("x-request-id", SECRET), ("retry-after", SECRET), ("server", SECRET)))),
    ),
    "reason phrase": Place(
        lambda key: sent(key),
        always(Response(401, (("content-type", "text/plain"),), (Chunk(b"x"),), reason=f"No {SECRET}")),
    ),
    "binary answer": Place(lambda key: sent(key), always(body_of(b"\xff\0" + SECRET.encode() + b"\0\xff"))),
    "utf-16 answer": Place(lambda key: sent(key), always(body_of(SECRET.encode("utf-16")))),
    "key of a json answer": Place(lambda key: sent(key), always(json_answer({"data": {SECRET: SECRET}})), True),
}  # fmt: skip
BOUNDARY = {"content-type": "multipart/form-data; boundary=7f3a"}
for _name, _encode in ENCODINGS.items():
    PLACES[f"prompt, {_name}"] = Place(lambda key, encode=_encode: claude(key, encode(key)))
    _said = always(json_answer(a_message(_encode(SECRET))))
    PLACES[f"answer, {_name}"] = Place(lambda key: claude(key, "hi", "again"), _said, True)


def cut_short(key):
    with (
        contextlib.suppress(anthropic.APIError, httpx2.TransportError),
        httpx2.Client() as client,
        client.stream("POST", f"{GATEWAY}/v1/s", headers={"x-api-key": key}, json={}) as answer,
    ):
        return ["".join(answer.iter_text())]
    return ["broken"]


CASES = [
    (place, coding) for place in PLACES for coding in ("plain", "gzip") if coding == "plain" or PLACES[place].is_said
]


@pytest.mark.parametrize(("place", "coding"), CASES, ids=[f"{place}, {coding}" for place, coding in CASES])
def test_no_byte_tells_the_key(tmp_path, monkeypatch, capsys, listeners, place, coding):
    """Nothing written tells the key, neither while recording nor after; the client saw it, and replay matches."""
    monkeypatch.setenv("ANTHROPIC_API_KEY", SECRET)
    ask, answer = PLACES[place].ask, PLACES[place].answer
    listener = listeners[coding]
    listener.answer = answer
    path = tmp_path / "cassettes" / "one.json"

    with use_cassette(path, mode="once", upstream=listener.upstream) as recording:
        live = ask(SECRET)
        journal = leaks_below(tmp_path)
        table = recording.calls.table()
    written = leaks_below(tmp_path)
    assert main(["show", str(path)]) == 0
    shown = capsys.readouterr()

    assert path.is_file()
    assert (journal, written, seen_in(table), seen_in(shown.out + shown.err)) == ([], [], [], [])
    if PLACES[place].is_said:
        assert seen_in("\n".join(live)), "the client must see the true bytes while recording"
    for key, variable in ((SECRET, SECRET), (OTHER_SECRET, OTHER_SECRET), (OTHER_SECRET, None)):
        monkeypatch.setitem(os.environ, "ANTHROPIC_API_KEY", variable) if variable else monkeypatch.delenv(
            "ANTHROPIC_API_KEY"
        )
        with use_cassette(path, mode="none"):
            replayed = ask(key)
        assert len(replayed) == len(live)
        assert seen_in("\n".join(replayed)) == []
    assert leaks_below(tmp_path) == []


@pytest.mark.parametrize("encoding", ENCODINGS)
@pytest.mark.parametrize("written", [str, json.dumps, lambda text: json.dumps(json.dumps(text))], ids=["", "json", "2"])
def test_the_search_finds_what_it_is_to_find(encoding, written):
    """Every encoding of the key is seen by the search of these tests, and no other key is taken for it."""
    assert seen_in(written(ENCODINGS[encoding](SECRET)))
    assert seen_in(written(ENCODINGS[encoding](OTHER_SECRET))) == []
