"""Names of cassettes are legal everywhere, never shared, never outside the folder, and tell no secret."""

from __future__ import annotations

import re
from pathlib import PurePosixPath

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from llmreplay.storage.names import cassette_name, fixture_cassette_name

HASH = "[0-9a-f]{12}"


@pytest.mark.parametrize(
    ("test_file", "test_name", "expected"),
    [
        ("tests/test_a.py", "test_b", "tests/test_a/test_b.json"),
        ("tests/test_a.py", "TestAgent.test_b", "tests/test_a/TestAgent.test_b.json"),
        ("tests/test_a.py", "TestAgent::test_b", "tests/test_a/TestAgent.test_b.json"),
        ("tests/test_a.py", "Test.test_b", "tests/test_a/Test.test_b.json"),
        ("test_a.py", "test_b[openai-stream]", "test_a/test_b[openai-stream].json"),
        ("test_a.py", "test_b[gpt-4.1-mini]", "test_a/test_b[gpt-4.1-mini].json"),
        ("test_a.py", "test_b[2026-11-21]", "test_a/test_b[2026-11-21].json"),
        ("docs/use.md", "use.md", "docs/use.md/use.md.json"),
    ],
)
def test_a_plain_id_keeps_its_plain_name(test_file, test_name, expected):
    """What needs no change is the test's own id."""
    assert str(cassette_name(test_file, test_name)) == expected


@pytest.mark.parametrize(
    ("test_name", "slug"),
    [
        ("TestWeatherAgent.test_b", "TestWeatherAgent.test_b"),
        ("test_b[a/b]", "test_b-a-b"),
        ("test_b[a:b]", "test_b-a-b"),
        ("test_b[What is up?]", "test_b-What-is-up"),
        ("test_b[GPT]", "test_b-GPT"),
        ("test_é", "test_"),
        ("test_b[../../etc/passwd]", "test_b-etc-passwd"),
        ("../test_b", "test_b"),
        ("/test_b", "test_b"),
        ("con", "_con"),
        ("NUL.test", "_NUL.test"),
        ("com1", "_com1"),
        ("test_b.", "test_b"),
        ("test_b ", "test_b"),
        (".", "_"),
        ("..", "_"),
        ("", "_"),
        ("test_b[", "test_b"),
        ("test_b[a][b]", "test_b-a-b"),
        ("test_b[sk-ant-api03-Zm9vYmFyYmF6cXV4]", "test_b"),
        ("test_b[AKIAIOSFODNN7EXAMPLE]", "test_b"),
        ("test_b[Bearer 0123456789abcdef0123]", "test_b"),
        ("test_b[hunter2hunter2]", "test_b"),
        ("test_b[eyJhbGciOiJIUzI1NiJ9.e30.abc]", "test_b"),
        ("fixture.agent", "fixture.agent"),
        ("test-0123456789ab", "test-0123456789ab"),
        ("test_" + "x" * 300, "test_" + "x" * 81),
        ("test\x00\n\t", "test"),
        ("\ud800", "_"),
    ],
)
def test_any_other_id_becomes_a_slug_and_a_hash(test_name, slug):
    """ASCII, of bounded length, without what could be a secret, unlike any name that is plain."""
    name = cassette_name("test_a.py", test_name)

    assert name.parent == PurePosixPath("test_a")
    assert re.fullmatch(re.escape(slug) + f"-{HASH}" + r"\.json", name.name)


@pytest.mark.parametrize(
    ("test_file", "folder"),
    [
        ("../other/test_a.py", rf"outside-{HASH}/other/test_a"),
        ("/abs/test_a.py", rf"_-{HASH}/abs/test_a"),
        ("C:\\tests\\test_a.py", rf"C-tests-test_a-{HASH}"),
        ("tests/con/test_a.py", rf"tests/_con-{HASH}/test_a"),
        ("Tests/test_a.py", rf"Tests-{HASH}/test_a"),
        ("tests/.hidden/test_a.py", rf"tests/hidden-{HASH}/test_a"),
        ("tests/test a.py", rf"tests/test-a-{HASH}"),
        ("tests/a.json.py", rf"tests/a\.json-{HASH}"),
        ("tests/test_a", rf"tests/test_a-{HASH}"),
        ("", rf"_-{HASH}"),
    ],
)
def test_no_test_file_leads_out_of_the_folder(test_file, folder):
    """Each part of the path is a legal name of its own."""
    name = cassette_name(test_file, "test_b")

    assert re.fullmatch(folder, str(name.parent))


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ("test_b[a/b]", "test_b[a:b]"),
        ("test_b[a/b]", "test_b[a-b]"),
        ("test_b[A]", "test_b[a]"),
        ("test_B", "test_b"),
        ("TestAgent.test_b", "Testagent.test_b"),
        ("TestAgent.test_b", "testagent.test_b"),
        ("TESTAGENT.test_b", "testagent.test_b"),
        ("Test.test_b", "test.test_b"),
        ("test_b[é]", "test_b[e\u0301]"),
        ("test_b[]", "test_b"),
        ("test_b[sk-a0123456789012345]", "test_b[sk-b0123456789012345]"),
        ("test_" + "x" * 300, "test_" + "x" * 301),
        ("con", "_con"),
    ],
)
def test_two_ids_never_share_a_name(first, second):
    """What cleaning would map to one name stays two, on a file system without case too."""
    names = [str(cassette_name("test_a.py", name)).casefold() for name in (first, second)]

    assert names[0] != names[1]


@pytest.mark.parametrize(
    ("first", "second"),
    [("tests/Test_a.py", "tests/test_a.py"), ("tests/test_a.py", "tests/test_a"), ("a/b.py", "a b.py")],
)
def test_two_files_never_share_a_folder(first, second):
    """Test files that differ in case or suffix alone have a folder each."""
    names = [str(cassette_name(name, "test_b")).casefold() for name in (first, second)]

    assert names[0] != names[1]


def test_a_file_name_is_the_same_however_its_accents_are_composed():
    """A checkout on another system, which decomposes file names, finds the same cassette."""
    assert cassette_name("tests/é.py", "test_b") == cassette_name("tests/e\u0301.py", "test_b")


ids = st.text(max_size=30) | st.from_regex(r"(?i)(Test[a-c]{0,2}\.)?test_[ab](\[[a-b./: -]{0,3}\])?", fullmatch=True)


@settings(max_examples=300)
@given(ids, ids, ids)
def test_every_name_is_legal_and_inside_and_its_own(test_file, first, second):
    """Whatever the ids: ASCII parts that Windows takes too, none of them dots, and no name twice."""
    names = [cassette_name(test_file, name) for name in (first, second)]
    normal = [name.replace("::", ".", 1) if "[" not in name else name for name in (first, second)]

    for name in names:
        assert not name.is_absolute()
        for part in name.parts:
            assert re.fullmatch(r"[A-Za-z0-9_](?:[A-Za-z0-9_.\[\]-]*[A-Za-z0-9_])?", part)
            assert len(part) <= 106
            assert not re.match(r"(?i)(con|prn|aux|nul|com\d|lpt\d)(\.|$)", part)
    if "::" not in first + second and first != second:
        assert str(names[0]).casefold() != str(names[1]).casefold(), normal


def test_a_fixture_has_a_cassette_of_its_own():
    """Beside the tests of its file, under a name that no test has."""
    assert str(fixture_cassette_name("tests/test_a.py", "agent")) == "tests/test_a/fixture.agent.json"
    assert str(fixture_cassette_name("tests/test_a.py", "agent", "openai")) == "tests/test_a/fixture.agent[openai].json"
    assert re.fullmatch(rf"test_a/fixture\.agent-A-{HASH}\.json", str(fixture_cassette_name("test_a.py", "agent", "A")))
    assert re.fullmatch(rf"test_a/fixture\.Agent-{HASH}\.json", str(fixture_cassette_name("test_a.py", "Agent")))
    assert cassette_name("test_a.py", "fixture.agent") != fixture_cassette_name("test_a.py", "agent")
    assert cassette_name("test_a.py", "fixture.Agent") != fixture_cassette_name("test_a.py", "Agent")
