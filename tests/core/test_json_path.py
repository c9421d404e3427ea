"""Paths into JSON."""

import copy
import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from llmreplay.core.errors import SettingError
from llmreplay.core.json_path import parse_json_path, places_of, remove

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
    tree = copy.deepcopy(A_BODY)

    remove(tree, [parse_json_path(path)])

    assert tree == left


@pytest.mark.parametrize(
    ("paths", "left"),
    [
        (["$[0]", "$[1]"], [{"c": [5, 6]}]),
        (["$[1]", "$[0]"], [{"c": [5, 6]}]),
        (["$[0]", "$[-3]"], ["b", {"c": [5, 6]}]),
        (["$[0]", "$[*]"], []),
        (["$[2]", "$[2].c[0]", "$..c"], ["a", "b"]),
        (["$..[0]", "$[2].c[1]"], ["b", {"c": []}]),
        (["$[0]", "$[2].c[0]"], ["b", {"c": [6]}]),
    ],
    ids=["two", "two, backwards", "one, twice", "with all", "with what is in it", "at any depth", "nested"],
)
def test_paths_mean_what_they_mean_alone(paths, left):
    """An index names the element that the user sees there, whatever the other paths take out."""
    tree = ["a", "b", {"c": [5, 6]}]

    remove(tree, [parse_json_path(path) for path in paths])

    assert tree == left


A_TREE = {"a": [[0, 1, 2], {"a": 3, "b": [4]}, 5], "b": {"a": [6, 7]}}
A_STEP = st.sampled_from([".a", ".b", "[0]", "[1]", "[-1]", "[*]", ".*", "..a", "..b", "..[0]", "..[-1]", "..*"])
A_PATH = st.lists(A_STEP, min_size=1, max_size=3).map(lambda steps: "$" + "".join(steps))


def leaves_left(paths):
    """Take the paths out of the tree; the leaves that are left are all different."""
    tree = copy.deepcopy(A_TREE)
    remove(tree, [parse_json_path(path) for path in paths])
    return {leaf for leaf in range(8) if str(leaf) in str(tree)}


@given(st.lists(A_PATH, max_size=4))
def test_several_paths_take_out_what_each_takes_out_alone(paths):
    """What is left is what every single path leaves, in any order of the paths."""
    left_by_each = set(range(8)).intersection(*(leaves_left([path]) for path in paths))

    for order in itertools.islice(itertools.permutations(paths), 6):
        assert leaves_left(order) == left_by_each


@pytest.mark.parametrize(
    "text", ["metadata.user_id", "$", "$.", "$.a[", "$.a[x]", "$.a b", "$a", "", "$.a[*", "$..", "$...a"]
)
def test_a_path_that_cannot_be_read_is_echoed_with_the_forms_that_can(text):
    """A wrong path is an error that repeats it and shows right ones."""
    with pytest.raises(SettingError) as caught:
        parse_json_path(text)

    assert "$" in str(caught.value)
    assert repr(text) in str(caught.value) or text in str(caught.value)


@given(A_PATH)
def test_the_places_of_a_path_are_what_it_takes_out(path):
    """Each leads to something that goes, and nothing else goes."""
    gone = set()
    for place in places_of(A_TREE, [parse_json_path(path)]):
        node = A_TREE
        for key in place:
            node = node[key]
        gone |= {leaf for leaf in range(8) if str(leaf) in str(node)}

    assert leaves_left([path]) == set(range(8)) - gone
