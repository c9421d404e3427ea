"""When two requests are the same question."""

from collections import Counter
from dataclasses import replace
from urllib.parse import quote, quote_plus

import pytest
from doubles import A_CATALOGUE, URL, a_request, an_api
from hypothesis import given
from hypothesis import strategies as st

from llmreplay.core.errors import SettingError
from llmreplay.core.matching import Rules, fingerprint, rules_from
from llmreplay.core.model import Request


def same(one, other, ignore=(), normalize=()):
    """Say whether two requests have one fingerprint."""
    rules = rules_from(ignore, normalize, apis=A_CATALOGUE.apis, feature_headers=A_CATALOGUE.feature_headers)
    return fingerprint(one, rules) == fingerprint(other, rules)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (a_request(), a_request()),
        (a_request(), a_request(headers=[("authorization", "Bearer other"), ("x-retry", "2"), ("user-agent", "new")])),
        (a_request(url=URL + "?a=1&b=2"), a_request(url=URL + "?b=2&a=1")),
        (a_request(url=URL + "?a=%20"), a_request(url=URL + "?a=+")),
        (a_request(), a_request(url=URL.replace("https://api.example.ai", "https://API.example.ai:443"))),
        (a_request(url=URL + "/~a"), a_request(url=URL + "/%7e%61")),
        (a_request(url=URL + "/a%2fb"), a_request(url=URL + "/a%2Fb")),
        (a_request(), a_request(url=URL.replace("/v1/", "/v2/"))),
        (
            a_request(headers=[("example-beta", "a, b")]),
            a_request(headers=[("Example-Beta", "b"), ("example-beta", "a")]),
        ),
    ],
    ids=[
        "itself",
        "other headers",
        "query order",
        "query escapes",
        "host and port",
        "path escapes",
        "case of an escape",
        "api version",
        "beta as a set",
    ],
)
def test_what_does_not_count_does_not_change_the_fingerprint(one, other):
    """Headers, the order of the query and spellings of host and version make no other question."""
    assert same(one, other)


@pytest.mark.parametrize(
    "other",
    [
        a_request("ho"),
        a_request(temperature=0),
        replace(a_request(), method="PUT"),
        a_request(url=URL + "?a=1"),
        a_request(url=URL + "/more"),
        a_request(url=URL.replace("api.", "eu.")),
        a_request(url=URL.replace("https", "http")),
        a_request(headers=[("example-beta", "a")]),
        replace(a_request(), body=b""),
    ],
    ids=["prompt", "parameter", "method", "query", "path", "host", "scheme", "beta", "no body"],
)
def test_what_counts_changes_the_fingerprint(other):
    """Method, URL, feature headers and the whole body tell questions apart."""
    assert not same(a_request(), other)


def test_a_volatile_parameter_of_an_api_does_not_count():
    """A query parameter that its row calls volatile may come and go; any other may not."""
    rules = Rules(apis=(an_api(volatile_query=("beta",)),))
    plain, beta, other = (fingerprint(a_request(url=URL + query), rules) for query in ("", "?beta=true", "?x=1"))

    assert plain == beta != other


def test_a_query_is_a_multiset():
    """The same parameter twice is not the same as once."""
    assert not same(a_request(url=URL + "?a=1&a=1"), a_request(url=URL + "?a=1"))


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("?a=1%26b%3D2", "?a=1&b=2"),
        ("?a%3Db=c", "?a=b%3Dc"),
        ("?a=%2526", "?a=%26"),
        ("?a=%fe", "?a=%ff"),
        ("/a%2Fb", "/a/b"),
        ("/a%252Fb", "/a%2Fb"),
        ("/a%3Fb=c", "/a?b=c"),
        ("/%fe", "/%ff"),
    ],
    ids=[
        "pairs in a value",
        "end of a name",
        "escaped escape",
        "no UTF-8",
        "slash",
        "escaped slash",
        "query",
        "no text",
    ],
)
def test_an_escaped_character_is_not_what_it_would_be_bare(one, other):
    """What an address says is read, never its punctuation confused with its contents."""
    assert not same(a_request(url=URL + one), a_request(url=URL + other))


A_PAIR = st.tuples(st.text("a%&=+;1 ü", min_size=1, max_size=4), st.text("b%&=+?26 ü", max_size=4))


@given(st.lists(A_PAIR, min_size=1, max_size=3), st.lists(A_PAIR, min_size=1, max_size=3), st.randoms())
def test_the_pairs_of_a_query_decide_and_nothing_else(pairs, others, random):
    """Two queries are the same exactly if they hold the same pairs, equally often, however escaped."""

    def requested(pairs, escaped):
        return a_request(url=URL + "?" + "&".join(f"{escaped(name)}={escaped(value)}" for name, value in pairs))

    shuffled = random.sample(pairs, len(pairs))

    assert same(requested(pairs, quote), requested(shuffled, quote_plus))
    assert same(requested(pairs, quote), requested(others, quote)) == (Counter(pairs) == Counter(others))


@pytest.mark.parametrize(
    ("ignore", "other"),
    [
        (["$.user"], a_request(user="u2")),
        (["query:api-version"], a_request(url=URL + "?api-version=7")),
        (["query:api-*"], a_request(url=URL + "?api-version=7&api-x=1")),
        (["header:example-beta"], a_request(headers=[("example-beta", "b")])),
        (["host"], a_request(url="http://127.0.0.1:9" + URL.removeprefix("https://api.example.ai"))),
    ],
    ids=["path", "query", "query pattern", "header", "host"],
)
def test_ignored_parts_do_not_count(ignore, other):
    """Each kind of entry of `ignore` takes exactly its part out of the comparison."""
    assert same(a_request(), other, ignore=ignore)
    assert not same(a_request("another"), other, ignore=ignore)


@pytest.mark.parametrize(
    ("name", "one", "other"),
    [
        ("dates", "Today is 2026-11-21.", "Today is 2027-01-02."),
        ("dates", "at 2026-11-21T09:14:03.123Z", "at 2026-11-22T10:00:00+01:00"),
        ("dates", "Today is November 21, 2026", "Today is 2 May 2027"),
        ("uuids", "id 8f14e45f-ceea-467f-a1d7-6d0f0b1f3c11", "id 00000000-0000-4000-8000-000000000000"),
        ("tmp_path", "/tmp/pytest-of-me/pytest-3/test_a0/x.txt", "/tmp/pytest-of-ci/pytest-0/test_a1/x.txt"),
    ],
)
def test_ready_made_normalisers_even_out_what_they_name(name, one, other):
    """Dates, ids and temporary folders can be declared volatile by one word."""
    assert same(a_request(one), a_request(other), normalize=[name])
    assert not same(a_request(one), a_request(other))


def test_a_function_normalises_every_string_of_a_body():
    """A user's own function sees each string, keys apart."""
    assert same(a_request(["A", {"k": "B"}]), a_request(["a", {"k": "b"}]), normalize=[str.lower])
    assert not same(a_request({"K": "a"}), a_request({"k": "a"}), normalize=[str.lower])


def test_a_text_body_is_normalised_as_a_whole():
    """Bodies that are no JSON are evened out too."""
    one, other = (Request("POST", URL, (), f"on {day}".encode()) for day in ("2026-01-01", "2026-02-02"))

    assert same(one, other, normalize=["dates"])


@pytest.mark.parametrize(
    ("ignore", "normalize", "words"),
    [
        (["metadata"], [], "ignore='metadata': write a JSON path such as $.metadata.user_id"),
        (["query:"], [], "ignore='query:'"),
        (["$.a["], [], "cannot read '['"),
        ([], ["date"], "normalize='date': give a function from text to text, or one of dates, tmp_path, uuids."),
        ([], [7], "normalize=7"),
    ],
)
def test_a_rule_that_cannot_be_read_is_told_what_can(ignore, normalize, words):
    """A wrong entry is echoed with the forms that exist."""
    with pytest.raises(SettingError) as caught:
        rules_from(ignore, normalize, apis=(), feature_headers=())

    assert words in str(caught.value)
