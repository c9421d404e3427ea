"""The meaning of bodies."""

import json
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from llmreplay.core.canonical import canonical_body, json_tree

JSON_HEADERS = (("content-type", "application/json"),)
SCALARS = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text()
JSON_VALUES = st.recursive(
    SCALARS,
    lambda children: st.lists(children, max_size=4) | st.dictionaries(st.text(), children, max_size=4),
    max_leaves=20,
)


def meaning(text):
    """Give the canonical text of a JSON text."""
    return canonical_body(JSON_HEADERS, text if isinstance(text, bytes) else text.encode("utf-8", "surrogatepass"))


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ('{"a":1,"b":2}', '{ "b" : 2,\n "a" : 1 }'),
        ('["\\u00e9"]', '["é"]'),
        ('["\\/"]', '["/"]'),
        ("[1.0]", "[1]"),
        ("[1e3]", "[1000]"),
        ("[-0]", "[0]"),
        ("[-0.0]", "[0]"),
        ("[0.10]", "[0.1]"),
        ("[1E400]", "[10e399]"),
        ("[12345678901234567890.0]", "[12345678901234567890]"),
        ("[0.10000000000000000555111512312578270]", "[0.1000000000000000055511151231257827]"),
        ('{"a":1,"a":2}', '{"a": 1, "a": 2}'),
        ("[" + "1" + "0" * 5000 + "]", "[1e5000]"),
    ],
)
def test_spelling_does_not_matter(one, other):
    """Key order, white space, escapes and the spelling of numbers are not part of the meaning."""
    assert meaning(one) == meaning(other)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("[1]", "[true]"),
        ("[0]", "[false]"),
        ("[null]", "[]"),
        ('["1"]', "[1]"),
        ("[0.1]", "[0.1000000000000000055511151231257827]"),
        ("[9007199254740993]", "[9007199254740992]"),
        ("[9007199254740993.0]", "[9007199254740992.0]"),
        ("[1e400]", "[1e401]"),
        ('{"a":1,"a":2}', '{"a":2}'),
        ('{"a":1,"a":2}', '{"a":2,"a":1}'),
        ('["\\ud800"]', '["\\udfff"]'),
        ("[1,2]", "[2,1]"),
        ('{"a":{"b":1}}', '{"b":{"a":1}}'),
        ('["é"]', '["e\u0301"]'),
        ("[NaN]", "[Infinity]"),
        ("[1e400]", "[NaN]"),
        ("[" + "1" + "0" * 5000 + "]", "[1e5001]"),
    ],
)
def test_everything_else_matters(one, other):
    """Two bodies that mean something else have different canonical texts."""
    assert meaning(one) != meaning(other)


@given(JSON_VALUES, JSON_VALUES)
def test_canonical_text_agrees_with_json_equality(one, other):
    """Canonical texts are equal exactly if the decoded values are, with true and 1 told apart."""

    def strict(value):
        if isinstance(value, bool):
            return ("boolean", value)
        if isinstance(value, int | float):
            # As it is written, not as a float holds it: 1e23 is 10**23.
            return ("number", Decimal(repr(value)))
        if isinstance(value, list):
            return ("array", [strict(child) for child in value])
        if isinstance(value, dict):
            return ("object", {key: strict(child) for key, child in value.items()})
        return value

    assert (meaning(json.dumps([one])) == meaning(json.dumps([other]))) == (strict(one) == strict(other))


@given(JSON_VALUES)
def test_layout_never_matters(value):
    """Any layout of a value has the same canonical text."""
    compact = json.dumps([value], separators=(",", ":"), ensure_ascii=False)
    wide = json.dumps([value], indent=3, sort_keys=True)

    assert meaning(compact) == meaning(wide)


def test_multipart_is_compared_without_its_boundary():
    """Two uploads that differ only in their random boundary are the same."""
    bodies = [
        canonical_body(
            (("content-type", f"multipart/form-data; boundary={boundary}"),),
            f'--{boundary}\r\ncontent-disposition: form-data; name="x"\r\n\r\n{value}\r\n--{boundary}--\r\n'.encode(),
        )
        for boundary, value in (("abc", "1"), ('"def"', "1"), ("abc", "2"))
        for boundary in (boundary.strip('"'),)
    ]

    assert bodies[0] == bodies[1] != bodies[2]


@pytest.mark.parametrize("body", [b"\xff\xfe{", b"{not json", b"{" * 3000, b'["\xff"]', b"[NaN]"])
def test_a_body_that_is_no_json_is_compared_by_bytes(body):
    """What cannot be read as JSON still has an identity, and raises nothing."""
    assert canonical_body(JSON_HEADERS, body) == b"bytes:" + body


def test_json_tree_refuses_what_nests_too_deeply():
    """Deep nesting is an error of the value, never a crash of the interpreter."""
    with pytest.raises(ValueError, match="deep"):
        json_tree(b"[" * 100_000 + b"]" * 100_000)


def a_form(boundary, *contents):
    """Give the headers and the body of a form, a part for each content."""
    lines = b"".join(
        f'--{boundary}\r\nContent-Disposition: form-data; name="part{number}"\r\n\r\n'.encode() + content + b"\r\n"
        for number, content in enumerate(contents)
    )
    return (("content-type", f"multipart/form-data; boundary={boundary}"),), lines + f"--{boundary}--\r\n".encode()


def test_a_form_is_normalised_part_by_part():
    """A binary part does not keep the text of another from being normalised, and counts itself."""
    one = canonical_body(*a_form("b1", b"ASK", b"\x00\xffA"), normalize=[str.lower])

    assert one == canonical_body(*a_form("b2", b"ask", b"\x00\xffA"), normalize=[str.lower])
    assert one != canonical_body(*a_form("b2", b"ask", b"\x00\xffa"), normalize=[str.lower])
    assert one != canonical_body(*a_form("b2", b"asks", b"\x00\xffA"), normalize=[str.lower])
    assert one != canonical_body(*a_form("b2", b"ask\r\n", b"\x00\xffA"), normalize=[str.lower])


def test_a_normaliser_sees_the_content_of_a_part_alone():
    """What belongs to the form, line ends and boundary, is not shown to a function."""
    seen = []

    canonical_body(*a_form("b1", b"ask"), normalize=[lambda text: seen.append(text) or text])

    assert "ask" in seen
    assert not any("b1" in text for text in seen)


@given(st.lists(st.binary(max_size=8), max_size=3), st.lists(st.binary(max_size=8), max_size=3))
def test_normalising_nothing_tells_the_same_forms_apart(contents, others):
    """Part by part, two forms are the same exactly if they are so without a normaliser."""
    plain = canonical_body(*a_form("b1", *contents)) == canonical_body(*a_form("b2", *others))

    one, other = (
        canonical_body(*a_form(boundary, *parts), normalize=[str])
        for boundary, parts in (("b1", contents), ("b2", others))
    )

    assert (one == other) == plain == (contents == others)
