"""A file that looks as we write it is read piece by piece, and nothing of it is lost."""

from __future__ import annotations

import codecs
import gc
from io import BytesIO

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from storage_doubles import AN_EVENT, an_interaction, interactions

from llmreplay.core.errors import CassetteError
from llmreplay.storage import cutting
from llmreplay.storage.codec import as_stored, decode, decode_as_written, encode
from llmreplay.storage.files import load

HELD = (an_interaction(), an_interaction(AN_EVENT), an_interaction(b'{\n  "a": [\n    1\n  ]\n}\n', body=b'{"b":  2}'))


@settings(max_examples=300)
@given(st.lists(interactions, min_size=1, max_size=3), st.integers(1, 200))
def test_any_interaction_is_the_same_as_if_the_whole_were_read_at_once(given_ones, piece_bytes):
    """Wherever a piece of the file ends, and in any order and as often as an interaction is asked for."""
    data = encode(given_ones)
    strictly = decode(b" " + data, "a.json")

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(cutting, "_READ_BYTES", piece_bytes)
        stored = decode_as_written(BytesIO(data), "a.json")

    assert stored is not None
    assert [one.interaction for one in stored] == [one.interaction for one in strictly] == [*map(as_stored, given_ones)]
    for one, other in reversed(list(zip(stored, strictly, strict=True))):
        assert (one.outcome, one.request, one.outcome) == (other.outcome, other.request, other.outcome)
    assert encode(stored) == data


def test_white_space_of_our_own_is_taken_out_of_memory():
    """An interaction is kept as text without any; a provider's own white space stays."""
    plain, stream, laid_out = decode_as_written(BytesIO(encode(HELD)), "a.json")

    assert bytes(plain._held.request.json) == b'{"model":"m"}'
    assert b'{"type": "ping"   }' in bytes(stream._held)
    assert bytes(laid_out._held.response.chunks[0].json) == b'{"a":[1]}'
    assert laid_out.outcome.body == b'{\n  "a": [\n    1\n  ]\n}\n'


def test_what_stays_in_memory_is_nothing_that_the_garbage_collector_looks_at():
    """A large cassette would make each collection of the test run slower."""
    data = encode([an_interaction()] * 100)
    gc.collect()
    before = len(gc.get_objects())

    stored = decode_as_written(BytesIO(data), "a.json")
    gc.collect()

    assert len(stored) == 100
    assert len(gc.get_objects()) - before < 20


@pytest.mark.parametrize(
    "changed",
    [
        lambda data: codecs.BOM_UTF8 + data,
        lambda data: data.replace(b"\n", b"\r\n"),
        lambda data: data.replace(b'    {\n      "request"', b'    { "request"'),
    ],
    ids=["byte order mark", "CRLF", "laid out by hand"],
)
def test_what_is_laid_out_otherwise_is_read_as_it_stands(tmp_path, changed):
    """A checkout or an editor may change how a cassette looks."""
    path = tmp_path / "a.json"
    path.write_bytes(changed(encode(HELD)))

    assert decode_as_written(BytesIO(path.read_bytes()), "a.json") is None
    assert load(path) == decode(encode(HELD), "a.json")


@pytest.mark.parametrize(
    "changed",
    [
        lambda data: data.replace(b"llmreplay/1", b"llmreplay/9"),
        lambda data: data.replace(b'"url"', b'"method": "GET", "url"'),
        lambda data: data.replace(b'"status": 200', b'"status": 2000'),
        lambda data: data.replace(b"answer", b"answ\xff"),
        lambda data: data[:-20],
        lambda data: data[:-2] + b",\n",
        lambda data: b"",
    ],
    ids=["version", "key twice", "value", "not UTF-8", "cut", "another end", "empty"],
)
def test_what_is_wrong_is_told_of_the_file_as_it_stands(tmp_path, changed):
    """What was read before a fault was found has no say in where it is."""
    path = tmp_path / "a.json"
    path.write_bytes(changed(encode(HELD)))

    assert decode_as_written(BytesIO(path.read_bytes()), "a.json") is None
    with pytest.raises(CassetteError) as expected:
        decode(path.read_bytes(), str(path))
    with pytest.raises(CassetteError) as caught:
        load(path)

    assert str(caught.value) == str(expected.value)


@pytest.mark.parametrize("piece_bytes", [1, 2, 3, 1000])
def test_half_a_character_is_found_wherever_a_piece_ends(monkeypatch, piece_bytes):
    """What begins in one piece must go on in the next, even if that has nothing else than ASCII."""
    monkeypatch.setattr(cutting, "_READ_BYTES", piece_bytes)
    data = encode(HELD)

    assert decode_as_written(BytesIO(data.replace(b"answer", "é".encode())), "a.json") is not None
    assert decode_as_written(BytesIO(data.replace(b"answer", b"\xc3nothing\xa9")), "a.json") is None


FRAGMENTS = [b"", b"}", b",", b"\n", b"\xc3", b'"method": "GET", ', b'}\n    },\n    {\n      "', b"}\n    }\n  ]\n}\n"]


@settings(max_examples=500)
@given(st.integers(0, 10_000), st.integers(0, 60), st.sampled_from(FRAGMENTS), st.integers(1, 200))
def test_a_damaged_file_is_read_as_nothing_else(at, length, put, piece_bytes):
    """Whatever is lost of it or put into it: only what is an interaction if the whole is read at once."""
    data = encode(HELD)
    at %= len(data)
    damaged = data[:at] + put + data[at + length :]

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(cutting, "_READ_BYTES", piece_bytes)
        stored = decode_as_written(BytesIO(damaged), "a.json")

    if stored is not None:
        assert stored == decode(b" " + damaged, "a.json")
