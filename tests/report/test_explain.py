"""Why two requests differ, in words that fit on a line."""

import json

import pytest

from llmreplay.core.errors import Difference
from llmreplay.core.matching import Rules, rules_from
from llmreplay.core.model import Request
from llmreplay.report.explain import differences_between

URL = "https://api.example.ai/v1/files"


def differences(one, other, shown=str):
    """Give the differences between two requests."""
    return list(differences_between(Rules(), shown, one, other))


def a_text(body):
    """Give a request with a text as its body."""
    return Request("POST", URL, (("content-type", "text/plain"),), body.encode())


def a_form(boundary="b1", **parts):
    """Give a request with a multipart body."""
    lines = b"".join(
        f'--{boundary}\r\nContent-Disposition: form-data; name="{name}"; filename="a.bin"\r\n\r\n'.encode()
        + value
        + b"\r\n"
        for name, value in parts.items()
    )
    headers = (("content-type", f"multipart/form-data; boundary={boundary}"),)
    return Request("POST", URL, headers, lines + f"--{boundary}--\r\n".encode())


def test_a_form_is_compared_part_by_part():
    """What differs is named by its part; the boundary, which always differs, is not."""
    one = a_form("b1", purpose=b"batch", prompt=b"one\ntwo", file=b"\x00\xff\x01", gone=b"1")
    other = a_form("b2", purpose=b"batch", prompt=b"one\nthree", file=b"\x00\xff\x02\x03", new=b"\xff")

    assert differences(one, other) == [
        Difference("part:prompt", "one\\ntwo", "one\\nthree"),
        Difference("part:file", "3 bytes, from 2: 01", "4 bytes, from 2: 0203"),
        Difference("part:gone", "1", None),
        Difference("part:new", None, "1 bytes, from 0: ff"),
    ]


def test_the_head_of_a_part_is_compared_too():
    """Another file's name is a difference of its own."""
    one = a_form(file=b"x")
    other = Request(one.method, one.url, one.headers, one.body.replace(b"a.bin", b"b.bin"))

    (found,) = differences(one, other)

    assert found.path == "part:file head"
    assert 'filename="a.bin"' in found.recorded
    assert 'filename="b.bin"' in found.sent


def test_what_is_shown_of_a_part_is_redacted():
    """No difference shows more than may be shown."""
    found = differences(
        a_form(key=b"secret 1"), a_form(key=b"secret 2"), lambda text: text.replace("secret", "REDACTED")
    )

    assert found == [Difference("part:key", "REDACTED 1", "REDACTED 2")]


@pytest.mark.parametrize("ends", ["\n", "\r\n", "\t", "\x1b[2J", "\u2028"])
def test_line_ends_in_a_text_do_not_break_the_message(ends):
    """Whatever a text holds is shown on one line, shortened."""
    (found,) = differences(a_text(f"a{ends}b" * 40), a_text(f"a{ends}c" * 40))

    assert found.recorded.isprintable()
    assert found.sent.isprintable()
    assert len(found.recorded) <= 71
    assert found.recorded != found.sent


def test_a_text_on_one_line_is_shown_as_it_is():
    """Nothing is escaped that need not be."""
    assert differences(a_text('say "a\\b"'), a_text("ü")) == [Difference("body", 'say "a\\b"', "ü")]


@pytest.mark.parametrize(
    ("one", "other", "found"),
    [
        ("?a=1%26b%3D2", "?a=1&b=2", [Difference("query:a", "1&b=2", "1"), Difference("query:b", None, "2")]),
        ("?a=1&a=2", "?a=2&a=1", []),
        ("?a=1&a=2", "?a=1, 2", [Difference("query:a", "1, 2", "1, 2")]),
        ("?a=%fe", "?a=%ff", [Difference("query:a", "\\xfe", "\\xff")]),
    ],
    ids=["escaped", "order", "twice", "no UTF-8"],
)
def test_a_query_is_compared_pair_by_pair(one, other, found):
    """Every pair that makes two requests different is told, and no other."""
    assert differences(Request("GET", URL + one), Request("GET", URL + other)) == found


def test_what_does_not_count_is_no_difference():
    """What is ignored is left out, and texts are compared and shown as normalised."""

    def asked(version, text, **metadata):
        body = {"messages": [{"content": text}], "metadata": metadata, "tools": [{"id": metadata["user"]}]}
        url = f"https://{metadata['user']}.example.ai/v1/files?version={version}&page=1"
        return Request("POST", url, (("content-type", "application/json"),), json.dumps(body).encode())

    rules = rules_from(["$.metadata.user", "$..id", "query:vers*", "host"], ["dates"], apis=(), feature_headers=())
    one = asked("1", "On 2025-03-04, hello", user="a", team="x")
    other = asked("2", "On 2026-03-04, hi", user="b", team="y")

    assert list(differences_between(rules, str, one, other)) == [
        Difference("$.messages[0].content", '"On <date>, hello"', '"On <date>, hi"'),
        Difference("$.metadata.team", '"x"', '"y"'),
    ]


def test_forms_and_texts_are_compared_as_normalised():
    """A date in one part, or in a text that is no JSON, is no difference if dates are evened out."""
    rules = rules_from([], ["dates"], apis=(), feature_headers=())
    one = a_form(prompt=b"on 2025-03-04, hello", day=b"2025-03-04", file=b"\xff")
    other = a_form(prompt=b"on 2026-03-04, hi", day=b"2026-03-04", file=b"\xff")

    assert list(differences_between(rules, str, one, other)) == [
        Difference("part:prompt", "on <date>, hello", "on <date>, hi")
    ]
    assert list(differences_between(rules, str, a_text("2025-03-04: a"), a_text("2026-03-04: b"))) == [
        Difference("body", "<date>: a", "<date>: b")
    ]
    assert list(differences_between(rules, str, a_text("2025-03-04: a"), a_text("2026-03-04: a"))) == []
