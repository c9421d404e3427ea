"""httpx and httpx2 without an SDK: every answer that HTTP can carry is the same live and on replay."""

from __future__ import annotations

from collections.abc import Callable
from types import ModuleType
from typing import Any

import httpx
import pytest

from llmreplay import use_cassette
from llmreplay.core.errors import UnmatchedRequest
from llmreplay.core.model import Chunk, Response
from llmreplay.simulator import script

from .conftest import RecordThenReplay
from .plain_http import EVERY_BYTE, FETCH, fetched, fetched_async, in_pieces, text

ANSWERS = {
    "every byte": text(EVERY_BYTE, ("content-type", "application/octet-stream")),
    "bytes that are no UTF-8 in text": text(b"caf\xe9 \xff\xfe", ("content-type", "text/plain; charset=latin-1")),
    "no body": text(b"", ("x-trial-a", "1")),
    "204": text(b"", ("x-trial-a", "1"), status=204),
    "304": text(b"", ("etag", '"1"'), status=304),
    "500 as text": text(b"Oops", status=500),
    "unknown status": text(b"?", status=599),
    "repeated headers": text(b"x", ("x-trial-a", "1"), ("X-Trial-B", "b"), ("x-trial-a", "2"), ("x-trial-a", "1")),
    "empty header": text(b"x", ("x-trial-empty", ""), ("x-trial-after", "y")),
    "header beyond ASCII": text(b"x", ("x-trial-name", "Zoë ÿ"), ("x-trial-tab", "a\tb")),
    "own reason phrase": text(b"x", status=200, reason="Fine by me"),
    "reason phrase beyond ASCII": text(b"x", status=404, reason="Größe unbekannt"),
    "JSON with odd spelling": text(b'{ "b":1.0,"a":[1e3, "\\u00e9"],"a":null}\n', ("content-type", "application/json")),
    "JSON that is none": text(b'{"cut": ', ("content-type", "application/json")),
    "byte order mark": text(b'\xef\xbb\xbf{"a":1}', ("content-type", "application/json")),
    "many small chunks": in_pieces(EVERY_BYTE, 5),
}


@FETCH
@pytest.mark.parametrize("answer", ANSWERS)
def test_an_answer_comes_back_as_it_was(
    record_then_replay: RecordThenReplay, library: ModuleType, fetch: Callable[..., Any], answer: str
) -> None:
    """Status, reason, every header in order, and every byte are the same on replay."""
    twice = record_then_replay(fetch(library, "GET", "file"), script([ANSWERS[answer]]))

    assert twice.replayed == twice.live
    assert twice.live[3] == ANSWERS[answer].body


@FETCH
@pytest.mark.parametrize("method", ["HEAD", "OPTIONS", "PUT", "DELETE", "PATCH"])
def test_every_method_is_recorded(
    record_then_replay: RecordThenReplay, library: ModuleType, fetch: Callable[..., Any], method: str
) -> None:
    """Methods are told apart, and an answer to HEAD keeps its headers without a body."""
    answer = text(b"" if method == "HEAD" else b"done", ("x-trial-method", method))

    twice = record_then_replay(fetch(library, method, "file"), script([answer]))

    assert twice.replayed == twice.live
    with pytest.raises(UnmatchedRequest), use_cassette(twice.path, mode="none"):
        fetch(library, "POST", "file")()


def test_headers_without_a_meaning_are_left_out_unless_kept(
    record_then_replay: RecordThenReplay, library: ModuleType
) -> None:
    """A header that no client is known to read is not written down, but for one that `keep` names."""
    answer = text(b"x", ("x-trial-a", "1"), ("x-unheard-of", "2"))

    for keep, there in ([], False), (["x-unheard-of"], True):
        twice = record_then_replay(fetched(library, "GET", "file"), script([answer]), keep=keep)

        assert (b"x-unheard-of", b"2") in twice.live[2]
        assert ((b"x-unheard-of", b"2") in twice.replayed[2]) is there


def test_five_megabytes_come_back(record_then_replay: RecordThenReplay, library: ModuleType) -> None:
    """An answer of 5 MB to a request of 5 MB is recorded and replayed byte for byte."""
    big = b"".join(b"Line %d: \xc3\xa9\xc3\xa9n, %d.\n" % (number, number * 7919) for number in range(200_000))
    assert len(big) > 5_000_000
    answer = Response(200, (), tuple(Chunk(big[at : at + 262144]) for at in range(0, len(big), 262144)))

    fetch = fetched_async if library is httpx else fetched

    twice = record_then_replay(fetch(library, "POST", "file", content=big), script([answer]))

    assert twice.replayed == twice.live
    assert twice.live[3] == big
    assert record_then_replay.requests[0].body == big


def test_both_libraries_share_one_cassette(record_then_replay: RecordThenReplay) -> None:
    """What one library recorded the other is answered with: a cassette knows no library."""
    newer = pytest.importorskip("httpx2", reason="httpx2 is not installed")
    twice = record_then_replay(fetched(httpx, "GET", "file"), script([ANSWERS["repeated headers"]]))

    with use_cassette(twice.path, mode="none"):
        replayed = fetched(newer, "GET", "file")()

    assert replayed == twice.live
