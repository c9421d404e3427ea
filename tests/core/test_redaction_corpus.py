"""Real exchanges without secrets: redaction changes no answer, and nothing twice."""

from __future__ import annotations

import base64
import gzip
import json
import re
from collections.abc import Iterator
from itertools import islice
from pathlib import Path

import pytest

from llmreplay.core.json_leaves import string_leaves
from llmreplay.core.model import Chunk, Request, Response
from llmreplay.core.redaction import Redactor

CORPUS = Path(__file__).parents[3] / "shared" / "corpus"
LARGEST_BYTES = 16_000
"""Of the bodies looked at here, so that the test stays quick; the text of larger ones is of the same kinds."""

TEXT_KEYS = frozenset(
    "text content thinking reasoning reasoning_content arguments partial_json output_text delta refusal response "  # noqa: SIM905
    "generated_text completion signature thoughtSignature encrypted_content id".split()
)

pytestmark = pytest.mark.skipif(not CORPUS.is_dir(), reason=f"the corpus of real exchanges is not there: {CORPUS}")


def an_exchange(line: str) -> tuple[Request, Response]:
    record = json.loads(line)

    def body(side: dict) -> bytes:
        return side.get("body_text", "").encode() or base64.b64decode(side.get("body_base64", ""))

    def headers(side: dict) -> tuple[tuple[str, str], ...]:
        return tuple((name, value) for name, value in side.get("headers", ()))

    sent, received = record["request"], record["response"]
    request = Request(sent["method"], sent["url"], headers(sent), body(sent))
    return request, Response(received["status"], headers(received), (Chunk(body(received)),))


def exchanges() -> Iterator[tuple[Request, Response]]:
    for path in sorted(CORPUS.glob("*.jsonl.gz")):
        with gzip.open(path, "rt", encoding="utf-8") as lines:
            small = (line for line in lines if len(line) < LARGEST_BYTES)
            yield from (an_exchange(line) for line in islice(small, 70))


def texts_in(body: bytes) -> list[bytes]:
    documents = re.findall(rb"(?m)^(?:data: ?)?([\[{].*)", body) if b"\n" in body else [body]
    leaves = [(document, leaf) for document in documents for leaf in string_leaves(document)]
    return [document[leaf.start : leaf.end] for document, leaf in leaves if leaf.steps and leaf.steps[-1] in TEXT_KEYS]


def test_no_answer_of_a_thousand_changes():
    """In more than a thousand real exchanges no text, tool argument, id or signature changes; twice equals once."""
    seen = 0
    for request, response in exchanges():
        redactor = Redactor()
        redactor.learn_from_request(request)
        redactor.learn_from_body(request)
        redactor.learn_from_response(response)
        seen += 1

        redacted = redactor.outcome(response)
        sent = redactor.request(request)

        assert isinstance(redacted, Response)
        assert redacted.body == response.body or texts_in(redacted.body) == texts_in(response.body)
        assert sent.body == request.body or texts_in(sent.body) == texts_in(request.body)
        assert redactor.outcome(redacted) == redacted
        assert redactor.request(sent) == sent
        assert redactor.scan(redacted.body) is None
    assert seen >= 1000
