"""Paths into JSON."""

import pytest

from llmreplay.core.errors import SettingError
from llmreplay.core.json_path import parse_json_path, remove

A_BODY = {
    "metadata": {"user_id": "u1", "team": "t1"},
    "messages": [{"id": 1, "content": "a"}, {"id": 2, "content": [{"id": 3, "odd key": 4}]}],
}


@pytest.mark.parametrize(
    ("path", "left"),
    [
        ("$.metadata.user_id", {**A_BODY, "metadata": {"team": "t1"}}),
        ("$.metadata", {"messages": A_BODY["messages"]}),
        ("$['metadata']['team']", {**A_BODY, "metadata": {"user_id": "u1"}}),
        ('$["metadata"]["team"]', {**A_BODY, "metadata": {"user_id": "u1"}}),
        ("$.messages[0]", {**A_BODY, "messages": A_BODY["messages"][1:]}),
        ("$.messages[-1]", {**A_BODY, "messages": A_BODY["messages"][:1]}),
        ("$.messages[*]", {**A_BODY, "messages": []}),
        (
            "$.messages[*].id",
            {**A_BODY, "messages": [{"content": "a"}, {"content": [{"id": 3, "odd key": 4}]}]},
        ),
        ("$..id", {**A_BODY, "messages": [{"content": "a"}, {"content": [{"odd key": 4}]}]}),
        ("$..['odd key']", {**A_BODY, "messages": [{"id": 1, "content": "a"}, {"id": 2, "content": [{"id": 3}]}]}),
        ("$.nothing.here", A_BODY),
        ("$.*", {}),
    ],
)
def test_remove_takes_out_what_a_path_names_and_nothing_else(path, left):
    """A path removes exactly the members it names, at the depth it names."""
    import copy

    tree = copy.deepcopy(A_BODY)

    remove(tree, [parse_json_path(path)])

    assert tree == left


@pytest.mark.parametrize(
    "text", ["metadata.user_id", "$", "$.", "$.a[", "$.a[x]", "$.a b", "$a", "", "$.a[*", "$..", "$...a"]
)
def test_a_path_that_cannot_be_read_is_echoed_with_the_forms_that_can(text):
    """A wrong path is an error that repeats it and shows right ones."""
    with pytest.raises(SettingError) as caught:
        parse_json_path(text)

    assert "$" in str(caught.value)
    assert repr(text) in str(caught.value) or text in str(caught.value)
