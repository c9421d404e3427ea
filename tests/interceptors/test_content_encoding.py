"""Undoing `content-encoding`: whatever the chunks, and what is kept where it cannot be undone."""

from __future__ import annotations

import gzip
import sys
import zlib
from itertools import pairwise

import brotli
import pytest
import zstandard
from hypothesis import given
from hypothesis import strategies as st

from llmreplay.core.model import Chunk
from llmreplay.interceptors.content_encoding import BodyDecoder, decoded_body

BODY = b'{"text": "' + "Grüße, 世界. ".encode() * 40 + b'"}'


def raw_deflate(data):
    compressor = zlib.compressobj(wbits=-zlib.MAX_WBITS)
    return compressor.compress(data) + compressor.flush()


ENCODERS = {
    "gzip": gzip.compress,
    "x-gzip": gzip.compress,
    "deflate": zlib.compress,
    "deflate (raw)": raw_deflate,
    "br": brotli.compress,
    "zstd": zstandard.compress,
}


def headers_of(encoding, length=None):
    pairs = [("Content-Type", "application/json"), ("Content-Encoding", encoding), ("Transfer-Encoding", "chunked")]
    return (*pairs, *([("Content-Length", str(length))] if length is not None else []))


def decoded(headers, pieces, *, is_whole=True):
    decoder = BodyDecoder(headers)
    for number, piece in enumerate(pieces, 1):
        decoder.feed(piece, float(number))
    return decoder.result(is_whole=is_whole)


def cut(data, size):
    return [data[at : at + size] for at in range(0, len(data), size)]


@pytest.mark.parametrize("name", ENCODERS)
@pytest.mark.parametrize("size", [1, 7, 10_000], ids=["byte by byte", "small", "at once"])
def test_a_body_is_decoded_however_it_was_cut(name, size):
    """The bytes are the provider's, the headers no longer promise an encoding, and the length is the new one."""
    data = ENCODERS[name](BODY)

    headers, chunks = decoded(headers_of(name.partition(" ")[0], len(data)), cut(data, size))

    assert b"".join(chunk.data for chunk in chunks) == BODY
    assert all(chunk.data for chunk in chunks)
    assert headers == (("Content-Type", "application/json"), ("Content-Length", str(len(BODY))))


@pytest.mark.parametrize("name", ENCODERS)
def test_no_delay_is_lost_where_a_compressor_held_bytes_back(name):
    """Chunks that decode to nothing lend their delay to the next one, so the sum is what passed."""
    pieces = cut(ENCODERS[name](BODY), 5)

    _, chunks = decoded(headers_of(name.partition(" ")[0]), pieces)

    last_with_data = sum(chunk.after_s for chunk in chunks)
    passed = sum(range(1, len(pieces) + 1))
    assert last_with_data <= passed
    assert last_with_data >= passed - sum(range(len(pieces) - 3, len(pieces) + 1))


def test_a_flushed_stream_keeps_its_chunks():
    """A server that flushes after every event gives one chunk an event, as the client saw them."""
    compressor = zlib.compressobj(wbits=zlib.MAX_WBITS | 16)
    events = [b"data: 1\n\n", b"data: 2\n\n", b"data: 3\n\n"]
    pieces = [compressor.compress(event) + compressor.flush(zlib.Z_SYNC_FLUSH) for event in events]
    pieces.append(compressor.flush())

    _, chunks = decoded(headers_of("gzip"), pieces)

    assert [chunk.data for chunk in chunks] == events
    assert [chunk.after_s for chunk in chunks] == [1.0, 2.0, 3.0]


@pytest.mark.parametrize("name", ["gzip", "zstd"])
def test_several_members_in_a_row_are_one_body(name):
    """Compressed files that were appended to each other are decoded to the end."""
    data = ENCODERS[name](b"one ") + ENCODERS[name](b"two ") + ENCODERS[name](b"three")

    _, chunks = decoded(headers_of(name), cut(data, 11))

    assert b"".join(chunk.data for chunk in chunks) == b"one two three"


def test_encodings_upon_encodings_are_undone_in_turn():
    """What was encoded first is decoded last."""
    data = brotli.compress(gzip.compress(BODY))

    headers, chunks = decoded(headers_of("gzip, br"), cut(data, 9))

    assert b"".join(chunk.data for chunk in chunks) == BODY
    assert [name for name, _ in headers] == ["Content-Type"]


@pytest.mark.parametrize("encoding", ["gzip", "deflate", "br", "zstd"])
@pytest.mark.parametrize("size", [3, 10_000], ids=["pieces", "at once"])
def test_a_mislabelled_body_is_kept_as_it_came(encoding, size):
    """What is not encoded as its headers say stays as it is, headers and all: the client is to stumble over it."""
    headers = headers_of(encoding, len(BODY))

    kept, chunks = decoded(headers, cut(BODY, size))

    assert kept == headers
    assert b"".join(chunk.data for chunk in chunks) == BODY


@pytest.mark.parametrize("name", ENCODERS)
@pytest.mark.parametrize("missing", [1, 6])
def test_a_truncated_body_that_ended_well_is_kept_as_it_came(name, missing):
    """A body that is whole for HTTP and cut inside its compression fails in the client as it did."""
    data = ENCODERS[name](BODY)[:-missing]
    headers = headers_of(name.partition(" ")[0])

    kept, chunks = decoded(headers, cut(data, 13))

    assert kept == headers
    assert [chunk.data for chunk in chunks] == cut(data, 13)


@pytest.mark.parametrize("name", ENCODERS)
def test_a_body_that_broke_off_gives_what_could_be_decoded(name):
    """Of a stream that was cut, the client saw what had come, decoded."""
    pieces = cut(ENCODERS[name](BODY * 400), 50)

    headers, chunks = decoded(headers_of(name.partition(" ")[0]), pieces[:-1], is_whole=False)

    assert (BODY * 400).startswith(b"".join(chunk.data for chunk in chunks))
    assert [name for name, _ in headers] == ["Content-Type"]


@pytest.mark.parametrize("encoding", ["gzip", "deflate", "br", "zstd"])
@pytest.mark.parametrize("pieces", [[], [b""]], ids=["nothing", "an empty chunk"])
def test_an_empty_body_stays_empty_whatever_its_label(encoding, pieces):
    """A 204 or a HEAD may well be labelled."""
    headers, chunks = decoded(headers_of(encoding), pieces)

    assert chunks == ()
    assert [name for name, _ in headers] == ["Content-Type"]


def test_a_body_without_encoding_passes_as_it_is():
    """Identity is no encoding, and empty chunks are no chunks but lend their delay to the next."""
    headers, chunks = decoded(headers_of("identity", 6), [b"abc", b"", b"def"])

    assert chunks == (Chunk(b"abc", 1.0), Chunk(b"def", 5.0))
    assert headers == (("Content-Type", "application/json"), ("Content-Length", "6"))


def test_an_unknown_encoding_is_kept_as_it_came():
    """What nobody here can decode is the client's to decode."""
    headers = headers_of("compress")

    assert decoded(headers, [b"abc"]) == (headers, (Chunk(b"abc", 1.0),))


@pytest.mark.parametrize(("encoding", "library"), [("br", "brotli"), ("zstd", "zstandard")])
def test_an_encoding_whose_library_is_missing_is_kept_as_it_came(encoding, library, monkeypatch):
    """Without the library neither we nor the client can read it; nothing is lost, and nothing breaks."""
    monkeypatch.setitem(sys.modules, library, None)
    data = ENCODERS[encoding](BODY)
    headers = headers_of(encoding)

    assert decoded(headers, [data]) == (headers, (Chunk(data, 1.0),))


@pytest.mark.parametrize("name", ENCODERS)
def test_a_whole_request_body_is_decoded(name):
    """An encoded request is compared by what it says."""
    headers, body = decoded_body(headers_of(name.partition(" ")[0]), ENCODERS[name](BODY))

    assert body == BODY
    assert [key for key, _ in headers] == ["Content-Type"]


def test_a_request_that_cannot_be_decoded_is_left_alone():
    """Nothing is guessed."""
    headers = headers_of("gzip")

    assert decoded_body(headers, b"no gzip") == (headers, b"no gzip")


@given(
    data=st.binary(max_size=400),
    name=st.sampled_from(sorted(ENCODERS)),
    cuts=st.lists(st.integers(0, 500), max_size=8),
    noise=st.binary(max_size=3),
)
def test_any_bytes_in_any_pieces_are_decoded_or_kept(data, name, cuts, noise):
    """Either the original comes out, or every byte that came is kept; nothing in between, and nothing raises."""
    encoded = ENCODERS[name](data) + noise
    edges = [0, *sorted(min(at, len(encoded)) for at in cuts), len(encoded)]
    pieces = [encoded[start:end] for start, end in pairwise(edges)]

    headers, chunks = decoded(headers_of(name.partition(" ")[0]), pieces)

    came = b"".join(chunk.data for chunk in chunks)
    if any(key == "Content-Encoding" for key, _ in headers):
        assert came == encoded
    else:
        assert came == data or (noise and came.startswith(data))
