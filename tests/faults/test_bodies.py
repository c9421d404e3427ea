import json
import zlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from llmreplay import faults
from llmreplay.core.errors import SettingError
from llmreplay.core.fault import FaultCannotApply
from llmreplay.core.model import End, header

from .fault_doubles import a_body, a_context, a_stream

PLAIN = a_context(is_streamed=False)
JSON = st.recursive(
    st.none() | st.integers() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=4,
)


@given(
    st.lists(JSON, max_size=3) | st.dictionaries(st.text(), JSON, max_size=3),
    st.sampled_from([b"", b" ", b"\n\n  \n\n\n\n\n"]),
)
def test_truncated_json_never_is_json(value, padding):
    """The body is the beginning of the recorded one, ends cleanly, and no JSON reader takes it."""
    whole = a_body(padding + json.dumps(value).encode() + padding)

    cut = faults.TruncatedJson().apply(whole, PLAIN)

    assert whole.body.startswith(cut.body)
    assert cut.end is End.COMPLETE
    assert header(cut.headers, "content-length") == str(len(cut.body))
    with pytest.raises(json.JSONDecodeError):
        json.loads(cut.body)


@pytest.mark.parametrize(
    ("answer", "context", "reason"),
    [
        (a_stream(), a_context(), "this call streams. Use CutAfter"),
        (a_body(b"<html>"), PLAIN, "is no JSON object or list"),
        (a_body(b"12"), PLAIN, "is no JSON object or list"),
        (a_body(chunks=()), PLAIN, "is no JSON object or list"),
    ],
    ids=["stream", "html", "number", "empty"],
)
def test_only_json_can_be_truncated(answer, context, reason):
    """Anything else is an error that says what it is."""
    with pytest.raises(FaultCannotApply, match=reason):
        faults.TruncatedJson().apply(answer, context)


@pytest.mark.parametrize(("status", "title"), [(502, b"502 Bad Gateway"), (503, b"503 Service"), (200, b"502 Bad")])
@pytest.mark.parametrize("context", [PLAIN, a_context()], ids=["plain", "streamed"])
def test_a_proxy_answers_with_its_page(status, title, context):
    """The page comes with the status asked for, and says bad gateway even where the status does not."""
    fault = faults.HtmlBody(status=status)

    page = fault.apply(None, context)

    assert fault.replaces
    assert page.status == status
    assert page.body.startswith(b"<html>")
    assert title in page.body
    assert header(page.headers, "content-type") == "text/html"
    assert header(page.headers, "content-length") == str(len(page.body))


def test_a_wrong_label_leaves_the_bytes():
    """Only the content type changes, in its place."""
    wrong = faults.WrongContentType().apply(a_stream(), a_context())

    assert wrong.chunks == a_stream().chunks
    assert wrong.headers == (("Content-Type", "text/plain; charset=utf-8"), ("acme-id", "1"))


def test_a_label_that_is_right_cannot_be_wrong():
    """Setting the content type that is there already changes nothing and says so."""
    with pytest.raises(FaultCannotApply, match="has that content type already"):
        faults.WrongContentType(content_type="application/json").apply(a_body(), PLAIN)


def test_an_empty_body_keeps_the_head():
    """Status and headers stay, the length becomes nought, and no byte comes."""
    empty = faults.EmptyBody().apply(a_body(status=201), PLAIN)

    assert (empty.status, empty.chunks, empty.end) == (201, (), End.COMPLETE)
    assert empty.headers == (("content-type", "application/json"), ("content-length", "0"))


def test_a_body_that_says_gzip_is_none():
    """The bytes stay, labelled as what no gzip reader takes them for."""
    bad = faults.BadGzip().apply(a_body(), PLAIN)

    assert header(bad.headers, "content-encoding") == "gzip"
    assert bad.chunks == a_body().chunks
    with pytest.raises(zlib.error):
        zlib.decompress(bad.body, wbits=31)


@pytest.mark.parametrize("fault", [faults.EmptyBody(), faults.BadGzip()], ids=["empty", "gzip"])
def test_an_empty_answer_has_nothing_to_lose(fault):
    """A body that is empty already is an error for a fault of bodies."""
    with pytest.raises(FaultCannotApply, match="is empty"):
        fault.apply(a_body(chunks=()), PLAIN)


def test_a_proxys_status_is_one_of_a_few():
    """Another is echoed with those allowed."""
    with pytest.raises(SettingError) as caught:
        faults.HtmlBody(status=418)

    assert str(caught.value) == "HtmlBody(status=418): choose status from 200, 403, 404, 500, 502, 503, 504."
