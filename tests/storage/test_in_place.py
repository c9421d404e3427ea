"""A file is read in the memory that holds it, and nothing of it is lost."""

from __future__ import annotations

import codecs

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from storage_doubles import AN_EVENT, an_interaction, interactions

from llmreplay.core.errors import CassetteError
from llmreplay.storage import files
from llmreplay.storage.codec import decode, decode_in_place, encode
from llmreplay.storage.files import load, save

HELD = (an_interaction(), an_interaction(AN_EVENT), an_interaction(b'{\n  "a": [\n    1\n  ]\n}\n', body=b'{"b":  2}'))


@settings(max_examples=300, deadline=None)
@given(st.lists(interactions, min_size=1, max_size=3))
def test_any_interaction_read_in_place_is_the_same(given_ones):
    """What was packed restores as what was left as it stood, in any order and as often as it is asked for."""
    data = encode(given_ones)

    stored = decode_in_place(bytearray(data), "a.json")

    assert stored is not None
    assert [one.interaction for one in stored] == [one.interaction for one in decode(data, "a.json")]
    for one, other in reversed(list(zip(stored, decode(data, "a.json"), strict=True))):
        assert (one.outcome, one.request, one.outcome) == (other.outcome, other.request, other.outcome)
    assert encode(stored) == data


def test_white_space_of_our_own_is_taken_out_of_memory():
    """A packed interaction is read from text without any; a provider's own white space stays."""
    plain, stream, laid_out = decode_in_place(bytearray(encode(HELD)), "a.json")

    assert bytes(plain._held.request.json) == b'{"model":"m"}'
    assert b'{"type": "ping"   }' in bytes(stream._held)
    assert bytes(laid_out._held.response.chunks[0].json) == b'{"a":[1]}'
    assert laid_out.outcome.body == b'{\n  "a": [\n    1\n  ]\n}\n'


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

    assert decode_in_place(bytearray(path.read_bytes()), "a.json") is None
    assert load(path) == decode(encode(HELD), "a.json")


@pytest.mark.parametrize(
    "changed",
    [
        lambda data: data.replace(b"llmreplay/1", b"llmreplay/9"),
        lambda data: data.replace(b'"url"', b'"method": "GET", "url"'),
        lambda data: data.replace(b'"status": 200', b'"status": 2000'),
        lambda data: data.replace(b"answer", b"answ\xff"),
        lambda data: data[:-20],
        lambda data: b"",
    ],
    ids=["version", "key twice", "value", "not UTF-8", "cut", "empty"],
)
def test_what_is_wrong_is_told_of_the_file_as_it_stands(tmp_path, changed):
    """Nothing that was packed before a fault was found has a say in where it is."""
    path = tmp_path / "a.json"
    path.write_bytes(changed(encode(HELD)))

    assert decode_in_place(bytearray(path.read_bytes()), "a.json") is None
    with pytest.raises(CassetteError) as expected:
        decode(path.read_bytes(), str(path))
    with pytest.raises(CassetteError) as caught:
        load(path)

    assert str(caught.value) == str(expected.value)


def test_a_file_that_grows_or_shrinks_while_it_is_read_is_read_again(tmp_path, monkeypatch):
    """The size that a file had when it was opened is no promise."""
    path = tmp_path / "a.json"
    save(path, HELD)
    true_size = files.os.fstat
    for size in (10, 1_000_000):
        monkeypatch.setattr(files.os, "fstat", lambda handle, size=size: type("Stat", (), {"st_size": size})())

        assert [one.interaction for one in load(path)] == [one.interaction for one in decode(encode(HELD), "a")]

    monkeypatch.setattr(files.os, "fstat", true_size)
