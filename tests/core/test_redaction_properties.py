"""What holds of redaction whatever the secret, its encoding and its place."""

from __future__ import annotations

import base64
import gzip
import json
import string
from itertools import pairwise
from urllib.parse import quote

from hypothesis import given, settings
from hypothesis import strategies as st

from llmreplay.core.matching import Rules, fingerprint
from llmreplay.core.model import Chunk, Request, Response
from llmreplay.core.placeholders import is_placeholder
from llmreplay.core.redaction import Redactor

QUICK = settings(max_examples=100, derandomize=True)
KEY_CHARACTERS = string.ascii_letters + string.digits + "+/=_-.~:"
SECRETS = st.builds(
    lambda head, tail: head + "7Q" + tail,
    st.text(KEY_CHARACTERS, min_size=6, max_size=20).map(lambda text: text.strip("=") or "abcdefg"),
    st.text(string.ascii_letters + string.digits, min_size=14, max_size=50),
)
# Not what says itself that it stands for a secret, such as k90000/PLACEHOLDER.
ODD_SECRETS = (
    st.text(st.characters(codec="utf-8", exclude_categories=("Cs", "Cc", "Z")), min_size=16, max_size=40)
    .map(lambda text: f"k9{text}")
    .filter(lambda text: not is_placeholder(text))
)
PROSE = st.text(st.sampled_from('abc xyz \n\t"\\/éß漢😀,.{}[]:%&=0123'), max_size=40)
ENCODINGS = {
    "plain": lambda secret: secret,
    "base64": lambda secret: base64.b64encode(secret.encode()).decode(),
    "base64, one off": lambda secret: base64.b64encode(b"." + secret.encode() + b".").decode(),
    "base64, two off": lambda secret: base64.urlsafe_b64encode(b".." + secret.encode() + b"..").decode(),
    "hex": lambda secret: secret.encode().hex(),
    "percent": lambda secret: quote(secret, safe=""),
    "every byte percent": lambda secret: "".join(f"%{byte:02x}" for byte in secret.encode()),
    "json": lambda secret: json.dumps(secret),
    "gzip": lambda secret: base64.b64encode(gzip.compress(secret.encode(), mtime=0)).decode(),
}
PLACED = st.lists(st.tuples(PROSE, st.sampled_from(sorted(ENCODINGS)), PROSE), min_size=1, max_size=4)


def a_body(text: str, *, is_ascii: bool = True) -> bytes:
    return json.dumps({"messages": [{"role": "user", "content": text}]}, ensure_ascii=is_ascii).encode()


def a_request(body: bytes) -> Request:
    return Request("POST", "https://api.example.com/v1/messages", (("content-type", "application/json"),), body)


def a_stream(pieces: list[str]) -> Response:
    events = (
        {"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": piece}} for piece in pieces
    )
    lines = (b"event: content_block_delta\ndata: " + json.dumps(event).encode() + b"\n\n" for event in events)
    return Response(200, (("content-type", "text/event-stream"),), tuple(map(Chunk, lines)))


def joined_text(response: Response) -> str:
    lines = [line for line in response.body.split(b"\n") if line.startswith(b"data: ")]
    return "".join(json.loads(line[6:])["delta"]["text"] for line in lines)


def cut_at(text: str, places: list[int]) -> list[str]:
    bounds = sorted({0, len(text), *(place % (len(text) + 1) for place in places)})
    return [text[a:b] for a, b in pairwise(bounds)]


@QUICK
@given(secret=SECRETS, placed=PLACED, is_ascii=st.booleans())
def test_no_encoding_of_a_known_secret_is_left(secret, placed, is_ascii):
    """Whatever the secret and wherever it stands in a text, none of its encodings is left, and JSON stays JSON."""
    forms = [(before, ENCODINGS[name](secret), after) for before, name, after in placed]
    text = " ".join(f"{before} {form} {after}" for before, form, after in forms)

    redacted = Redactor([secret]).request(a_request(a_body(text, is_ascii=is_ascii))).body

    content = json.loads(redacted)["messages"][0]["content"]
    assert secret not in content
    assert not any(form in content for _, form, _ in forms)
    assert Redactor([secret]).scan(redacted) is None


@QUICK
@given(secret=ODD_SECRETS, before=PROSE, after=PROSE, is_ascii=st.booleans())
def test_a_secret_of_any_characters_is_found(secret, before, after, is_ascii):
    """A password of quotes, backslashes and letters beyond ASCII is found in JSON, escaped or not."""
    body = a_body(before + secret + after, is_ascii=is_ascii)

    redacted = Redactor([secret]).request(a_request(body)).body

    assert secret not in json.loads(redacted)["messages"][0]["content"]


@QUICK
@given(secret=SECRETS, placed=PLACED, noise=st.text(max_size=60))
def test_redaction_is_idempotent(secret, placed, noise):
    """What is redacted is not changed by being redacted again: requests, responses and texts."""
    redactor = Redactor([secret])
    text = noise + "".join(f"{before}{ENCODINGS[name](secret)}{after}" for before, name, after in placed)
    body = a_body(text) if noise.isalnum() else text.encode("utf-8", "replace")

    once = redactor.request(a_request(body))
    outcome = redactor.outcome(Response(200, (), (Chunk(body[:7]), Chunk(body[7:]))))

    assert redactor.request(once) == once
    assert redactor.outcome(outcome) == outcome
    assert redactor.text(redactor.text(text)) == redactor.text(text)


@QUICK
@given(secret=SECRETS, placed=PLACED, places=st.lists(st.integers(0, 10_000), max_size=12))
def test_redacting_deltas_and_joining_is_joining_and_redacting(secret, placed, places):
    """However a stream cuts a text into deltas, what is left of them joined is the joined text redacted."""
    text = "".join(f"{before} {ENCODINGS[name](secret)} {after}" for before, name, after in placed)
    redactor = Redactor([secret])

    redacted = redactor.outcome(a_stream(cut_at(text, places)))

    assert joined_text(redacted) == redactor.text(text)
    assert secret not in joined_text(redacted)


@QUICK
@given(secret=SECRETS, before=PROSE, after=PROSE, places=st.lists(st.integers(0, 10_000), max_size=8))
def test_chunk_borders_do_not_hide_a_secret(secret, before, after, places):
    """However a body is cut into chunks, the redacted chunks joined are the same, and none of them is empty."""
    body = a_body(f"{before}{secret}{after}")
    bounds = sorted({0, len(body), *(place % (len(body) + 1) for place in places)})
    pieces = [body[a:b] for a, b in pairwise(bounds)]
    redactor = Redactor([secret])

    whole = redactor.outcome(Response(200, (), (Chunk(body),)))
    cut = redactor.outcome(Response(200, (), tuple(Chunk(piece, after_s=1.0) for piece in pieces)))

    assert cut.body == whole.body
    assert all(chunk.data for chunk in cut.chunks)
    assert sum(chunk.after_s for chunk in cut.chunks) <= len(pieces)


@QUICK
@given(recorded_key=SECRETS, replayed_key=SECRETS, placed=PLACED, arguments=PROSE)
def test_a_redacted_answer_in_the_next_request_matches(recorded_key, replayed_key, placed, arguments):
    """The next turn made of true answers matches the one made of redacted answers, under another key."""
    text = "".join(f"{before} {ENCODINGS[name](recorded_key)} {after}" for before, name, after in placed)
    tool_input = {"password": recorded_key, "note": arguments, "pin": 7}
    recording, replaying = Redactor([recorded_key]), Redactor([replayed_key])
    answer = json.dumps({"content": [{"text": text}, {"input": tool_input}], "arguments": json.dumps(tool_input)})

    def next_request(body: bytes) -> Request:
        return a_request(json.dumps({"messages": [json.loads(body), {"role": "user", "content": "go on"}]}).encode())

    true_request = recording.request(next_request(answer.encode()))
    redacted_answer = recording.outcome(Response(200, (), (Chunk(answer.encode()),))).body
    replayed_request = replaying.request(next_request(redacted_answer))

    assert fingerprint(true_request, Rules()) == fingerprint(replayed_request, Rules())


@QUICK
@given(text=st.text(max_size=200))
def test_text_without_secrets_is_left_alone(text):
    """Without a secret to know, prose is never touched."""
    body = a_body(text)

    assert Redactor(["sk-ant-api03-" + "Ab1Cd2Ef3" * 6]).request(a_request(body)).body == body


@QUICK
@given(old=st.text("ab c<é", min_size=1, max_size=30), new=st.text("ab c>漢", max_size=30))
def test_a_function_of_the_user_decides_the_text(old, new):
    """Whatever a user's function makes of a string, the string is that afterwards, and the JSON around it stays."""
    redactor = Redactor(redact=[lambda text: new if text == old else text])

    redacted = redactor.request(a_request(a_body(old, is_ascii=False))).body

    assert redacted == a_body(new, is_ascii=False)
