import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from llmreplay.faults.json_members import without_members

NAMES = frozenset({"u", "v"})
KEYS = st.sampled_from(["u", "v", "a", "b", 'ü\\"'])
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=3),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(KEYS, inner, max_size=4),
    max_leaves=8,
)


def pruned(value, depth):
    """The same by taking members out of decoded JSON."""
    if not isinstance(value, dict) or depth == 0:
        return value
    return {key: pruned(held, depth - 1) for key, held in value.items() if key not in NAMES or held is None}


@given(st.dictionaries(KEYS, VALUES, max_size=5), st.integers(1, 3), st.sampled_from([None, 1]), st.booleans())
def test_members_go_and_the_rest_still_means_the_same(value, depth, indent, ascii_only):
    """The text that is left decodes to the value without these members, in the same order."""
    text = json.dumps(value, indent=indent, ensure_ascii=ascii_only)

    left = without_members(text, NAMES, depth=depth)

    assert json.dumps(json.loads(left)) == json.dumps(pruned(value, depth))


@pytest.mark.parametrize(
    ("text", "left"),
    [
        ('{"u":1}', "{}"),
        ('{"u":1,"v":2}', "{}"),
        ('{"u":1, "a":1.50}', '{"a":1.50}'),
        ('{"a":1.50 , "u":1}', '{"a":1.50 }'),
        ('{"a":1, "u":1, "b":"\\/"}', '{"a":1, "b":"\\/"}'),
        ('{"a":1, "a":2, "u":3, "u":4}', '{"a":1, "a":2}'),
        ('[{"u":1}]', '[{"u":1}]'),
        (" { } ", " { } "),
    ],
    ids=["alone", "both", "first", "last", "middle", "repeated", "no object", "empty"],
)
def test_what_stays_is_untouched(text, left):
    """Spacing, spelling and repeated keys of the rest stay as they were."""
    assert without_members(text, NAMES, depth=2) == left


@pytest.mark.parametrize("text", ["", "{", '{"u":1', "[DONE]", '{"u":1} x'], ids=repr)
def test_text_that_is_no_json_is_refused(text):
    """Nothing is guessed about text that no JSON reader takes."""
    with pytest.raises(json.JSONDecodeError):
        without_members(text, NAMES, depth=2)
