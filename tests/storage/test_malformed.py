"""A bad cassette is an error that names file, place and remedy; nothing of it is served."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from storage_doubles import an_interaction

from llmreplay.core.errors import CassetteError
from llmreplay.core.model import Failure, Interaction, Request, TransportFailure
from llmreplay.storage.codec import decode, encode
from llmreplay.storage.files import load
from llmreplay.storage.wire import PARTIAL_FORMAT

AN_EVENT = b'event: ping\ndata: {"type":"ping"}\n\n'
GOOD_VALUES = (
    an_interaction(b'{"answer":1}', recorded_at="2026-11-21T09:14:03Z"),
    an_interaction(AN_EVENT[:9], AN_EVENT[9:], b"\xff"),
    Interaction(Request("GET", "https://a", (), b"text"), TransportFailure(Failure.READ_ERROR, "é", 1.0)),
)
GOOD = encode(GOOD_VALUES)


def edited(old, new, count=1):
    assert old in GOOD, old
    return GOOD.replace(old, new, count)


NOT_OURS = {
    "empty": (b"", "it is empty"),
    "blank": (b" \r\n\n", "it is empty"),
    "Git LFS pointer": (b"version https://git-lfs.github.com/spec/v1\noid sha256:4d7a\nsize 1\n", "Git LFS pointer"),
    "git-crypt": (b"\x00GITCRYPT\x00\x12\x34", "encrypted by git-crypt"),
    "vcrpy in YAML": (b"interactions:\n- request:\n    body: null\n", "vcrpy cassette in YAML"),
    "vcrpy in YAML, empty": (b"interactions: []\nversion: 1\n", "vcrpy cassette in YAML"),
    "vcrpy in YAML, version first": (b"version: 1\ninteractions:\n- request: {}\n", "vcrpy cassette in YAML"),
    "vcrpy in YAML that would execute": (
        b"interactions:\n- !!python/object/apply:os.system ['exit 1']\n",
        "vcrpy cassette in YAML",
    ),
    "vcrpy in JSON": (b'{"version": 1, "interactions": []}', "of another tool"),
    "HAR": (b'{"log": {"version": "1.2", "entries": []}}', "a HAR file"),
    "go-vcr": (b'{"interactions": [], "version": 2}', "of another tool"),
    "UTF-16": (GOOD.decode().encode("utf-16"), "UTF-16"),
    "UTF-16 without mark": (GOOD.decode().encode("utf-16-le"), "UTF-16"),
    "UTF-32": (GOOD.decode().encode("utf-32"), "UTF-16 or UTF-32"),
    "Latin-1": (GOOD.decode().encode("latin-1"), "not UTF-8: byte 0xe9"),
    "gzip": (b"\x1f\x8b\x08\x00" + b"0" * 20, "compressed"),
    "zip": (b"PK\x03\x04" + b"0" * 20, "compressed"),
    "zstandard": (b"\x28\xb5\x2f\xfd" + b"0" * 20, "compressed"),
    "NUL bytes": (b"\x00" * 4096, "NUL bytes"),
    "one NUL byte": (b"\x00", "NUL bytes"),
    "HTML": (b"<!DOCTYPE html><html></html>", "HTML page"),
    "text": (b"hello", "no cassette, which is JSON and begins with {"),
    "pickle": (b"\x80\x04\x95\x10\x00", "not UTF-8: byte 0x80"),
    "newer format": (edited(b"llmreplay/1", b"llmreplay/2"), "has the format llmreplay/2"),
    "newer format and fields": (b'{"format": "llmreplay/12", "tracks": {}}', "has the format llmreplay/12"),
    "other format": (edited(b"llmreplay/1", b"replay"), "its format is 'replay'"),
    "partial recording": (encode(GOOD_VALUES, file_format=PARTIAL_FORMAT), "a recording that broke off"),
}

CONFLICT = b'<<<<<<< HEAD\n          "a": 1\n=======\n          "a": 2\n>>>>>>> branch\n'
BROKEN = {
    "merge conflict": (edited(b'          "model": "m"\n', CONFLICT), "unresolved merge conflict"),
    "merge conflict at the top": (b"<<<<<<< HEAD\n" + GOOD, "unresolved merge conflict"),
    "merge conflict with CRLF": (
        edited(b'          "model": "m"\n', CONFLICT).replace(b"\n", b"\r\n"),
        "unresolved merge conflict",
    ),
    "rest of a merge conflict": (edited(b"  ]\n}\n", b"  ]\n}\n>>>>>>> branch\n"), "unresolved merge conflict"),
    "trailing comma": (edited(b'"m"\n', b'"m",\n'), "trailing comma"),
    "missing comma": (edited(b'"GET",\n', b'"GET"\n'), "no JSON"),
    "missing bracket": (edited(b"  ]\n}\n", b"}\n"), "no JSON"),
    "two files": (GOOD + GOOD, "trailing characters"),
    "rubbish at the end": (GOOD + b"x", "trailing characters"),
    "NUL at the end": (GOOD + b"\x00", "trailing characters"),
    "NUL inside": (edited(b'"m"', b'"\x00"'), "no JSON"),
    "NaN": (edited(b"1.0", b"NaN"), "no JSON"),
    "Infinity": (edited(b"1.0", b"Infinity"), "no JSON"),
    "hexadecimal": (edited(b"200", b"0xc8"), "no JSON"),
    "leading zero": (edited(b"200", b"0200"), "no JSON"),
    "single quotes": (edited(b'"m"', b"'m'"), "no JSON"),
    "comment": (edited(b'"format"', b'// comment\n"format"'), "no JSON"),
    "unknown escape": (edited(b'"m"', b'"\\x6d"'), "no JSON"),
    "lone surrogate": (edited(b'"m"', b'"\\ud800"'), "JSON"),
    "lone low surrogate": (edited(b'"m"', b'"\\udc00"'), "surrogate"),
    "encoded surrogate": (edited(b'"m"', b'"\xed\xa0\x80"'), "not UTF-8: byte 0xed"),
    "line feed in a string": (edited(b'"m"', b'"m\n"'), "no JSON"),
    "no UTF-8": (edited(b'"m"', b'"\xff"'), "not UTF-8: byte 0xff"),
    "half a character": (edited(b'"m"', b'"\xc3"'), "not UTF-8: byte 0xc3"),
    "overlong encoding": (edited(b'"m"', b'"\xc0\x80"'), "not UTF-8: byte 0xc0"),
    "nested too deeply": (edited(b'"m"', b"[" * 100_000 + b"]" * 100_000), "nested too deeply"),
    "top is a list": (b"[" + GOOD + b"]", "expected `object`, got `array`"),
    "top is a string": (b'"llmreplay/1"', "expected `object`, got `str`"),
    "top is null": (b"null", "expected `object`, got `null`"),
}


def misfits():
    """Read the table of edits that each make one value wrong: what is replaced, by what, and the error's words."""
    for line in (Path(__file__).parent / "misfits.tsv").read_text("utf-8").splitlines()[1:]:
        name, *row = line.split("\t")
        old, new, place, words = (cell.replace("\\n", "\n").replace("\\\\", "\\") for cell in row)
        yield pytest.param(old.encode(), new.encode(), place, words, id=name)


HARMLESS = {
    "byte order mark": b"\xef\xbb\xbf" + GOOD,
    "CRLF": GOOD.replace(b"\n", b"\r\n"),
    "byte order mark and CRLF": b"\xef\xbb\xbf" + GOOD.replace(b"\n", b"\r\n"),
    "no line feed at the end": GOOD.rstrip(),
    "blank lines at the end": GOOD + b"\n\n",
    "compact": json.dumps(json.loads(GOOD), separators=(",", ":"), ensure_ascii=False).encode(),
    "indented by a formatter": json.dumps(json.loads(GOOD), indent=4, ensure_ascii=False).encode(),
    "escaped by a formatter": json.dumps(json.loads(GOOD), indent=2).encode(),
    "keys sorted": json.dumps(json.loads(GOOD), indent=2, sort_keys=True).encode(),
    "summary changed": edited(b'"recorded_at"', b'"summary": "by hand", "recorded_at"'),
    "defaults spelled out": edited(b'"recorded_at"', b'"during": "call", "recorded_at"'),
    "an integer for seconds": edited(b"1.0}", b"1}"),
    "an exponent for seconds": edited(b"0.5", b"5e-1"),
}


def refusal_of(data):
    with pytest.raises(CassetteError) as caught:
        decode(data, "cassettes/a.json")
    return caught.value


@pytest.mark.parametrize(("data", "words"), [*NOT_OURS.values(), *BROKEN.values()], ids=[*NOT_OURS, *BROKEN])
def test_a_file_that_is_no_cassette_is_named_with_its_reason_and_a_remedy(data, words):
    """What another tool, a crash or a merge left is recognised as that."""
    error = refusal_of(data)

    assert str(error).startswith("cassettes/a.json: ")
    assert words in error.found
    assert error.remedy.endswith((".", "rewrite", "once", "pull", "unlock", "pytest-llmreplay"))


@pytest.mark.parametrize(("old", "new", "place", "words"), list(misfits()))
def test_a_wrong_value_is_named_with_its_place(old, new, place, words):
    """The path into the file, what was expected and what to do; though only one value is wrong, none is served."""
    error = refusal_of(edited(old, new))

    assert place in error.place
    assert words in error.found
    assert error.remedy


@pytest.mark.parametrize("name", BROKEN)
def test_broken_json_is_named_with_its_line(name):
    """JSON that does not parse has a line and a byte, unless the whole file is of a wrong kind."""
    data, _ = BROKEN[name]

    error = refusal_of(data)

    assert error.place.startswith(("line ", "$")) or "nested too deeply" in error.found


@pytest.mark.parametrize("data", HARMLESS.values(), ids=HARMLESS)
def test_what_changes_no_value_is_read(data):
    """A checkout with CRLF, a formatter or a reviewer's summary leave every value as it was."""
    assert [one.interaction for one in decode(data, "a.json")] == list(GOOD_VALUES)


def test_the_text_of_an_error_says_file_place_fault_and_remedy():
    """The whole message, once."""
    error = refusal_of(edited(b"200", b'"200"'))

    assert str(error) == (
        "cassettes/a.json: $.interactions[0].response.status: expected `int`, got `str`\n"
        "  Correct it by hand. Restore it from version control, or delete it and record it again: "
        "pytest --llmreplay-mode=once"
    )


def test_a_value_that_is_none_of_a_few_is_told_with_those_that_may_stand_there():
    """Whoever edits a cassette by hand need not look them up."""
    error = refusal_of(edited(b'"end": "complete"', b'"end": "done"'))

    assert error.place == "$.interactions[0].response.end"
    assert error.found.startswith("invalid enum value 'done'; expected one of 'complete', 'client_closed', ")


def test_a_cassette_cut_at_any_byte_is_refused():
    """No beginning of a cassette passes for a cassette; the last line feed alone may be missing."""
    for length in range(len(GOOD) - 1):
        assert refusal_of(GOOD[:length]).remedy


def test_a_cassette_that_lost_any_byte_is_refused_or_harmless():
    """A byte left out is an error, or leaves a well-formed cassette of as many interactions."""
    for index in range(len(GOOD)):
        _refused_or_whole(GOOD[:index] + GOOD[index + 1 :])


@settings(max_examples=300)
@given(st.integers(0, len(GOOD) - 1), st.binary(max_size=3), st.integers(0, 40))
def test_no_edit_makes_anything_but_a_clear_error_or_a_whole_cassette(position, new, removed):
    """Bytes put in or taken out anywhere: never another exception, never a part of a cassette."""
    _refused_or_whole(GOOD[:position] + new + GOOD[position + removed :])


def _refused_or_whole(data):
    try:
        stored = decode(data, "a.json")
    except CassetteError:
        return
    for one in stored:
        assert one.interaction
    if b'"summary"' not in data:
        assert len(stored) == len(GOOD_VALUES)


def test_a_providers_own_duplicate_keys_are_no_error():
    """JSON of a provider may repeat a key, and keeps it, in an edited file too."""
    data = edited(b'"answer": 1', b'"data": 1, "data": 2').replace(b"0.5", b"5e-1")

    assert decode(data, "a.json")[0].outcome.body == b'{"data":1,"data":2}'


def test_a_folder_and_a_dangling_link_are_errors_and_not_absent(tmp_path):
    """Only nothing at all counts as no cassette."""
    (tmp_path / "folder.json").mkdir()
    (tmp_path / "link.json").symlink_to(tmp_path / "nothing.json")
    (tmp_path / "file").write_bytes(b"")

    assert load(tmp_path / "nothing.json") is None
    assert load(tmp_path / "no" / "folder.json") is None
    for name, words in [("folder.json", "a folder"), ("link.json", "No such file"), ("file/a.json", "Not a directory")]:
        with pytest.raises(CassetteError, match=words):
            load(tmp_path / name)
