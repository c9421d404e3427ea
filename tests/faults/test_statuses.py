import email.utils
import json

import pytest

from llmreplay import faults
from llmreplay.core.errors import SettingError
from llmreplay.core.fault import Fault
from llmreplay.core.model import header

from .fault_doubles import a_body, a_context, a_stream, an_api

NOW = 1_795_252_443.0


@pytest.mark.parametrize(
    ("fault", "status", "asked"),
    [
        (faults.RateLimited(), 429, [429, "None"]),
        (faults.Overloaded(), 507, [529, "overloaded"]),
        (faults.ServerError(), 500, [500, "None"]),
        (faults.Unavailable(), 503, [503, "None"]),
        (faults.BadRequest(), 400, [400, "None"]),
        (faults.Unauthorized(), 401, [401, "None"]),
        (faults.ContextOverflow(), 400, [400, "context_overflow"]),
        (faults.SpendCap(), 429, [429, "spend_cap"]),
        (faults.Status(418), 418, [418, "None"]),
        (faults.Status(429, kind="quota"), 429, [429, "quota"]),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, Fault) else "",
)
def test_a_status_fault_gives_the_providers_own_error(fault, status, asked):
    """The answer is what the api's row builds, with the row's status, id and body."""
    answer = fault.apply(a_stream(), a_context())

    assert fault.replaces
    assert answer.status == status
    assert json.loads(answer.body) == {"acme": asked}
    assert header(answer.headers, "acme-id") == "7"
    assert fault.apply(None, a_context()) == answer


@pytest.mark.parametrize(
    ("fault", "status", "kind", "message"),
    [
        (faults.Overloaded(), 503, "overloaded", "Overloaded"),
        (faults.RateLimited(), 429, "error", "Too Many Requests"),
        (faults.Status(599), 599, "error", "Status 599"),
        (faults.Status(529), 529, "error", "Overloaded"),
        (faults.SpendCap(), 429, "spend_cap", "The spend limit of this account has been reached."),
    ],
    ids=["overloaded", "429", "no phrase", "529", "spend cap"],
)
@pytest.mark.parametrize("api", [None, an_api(error_reply=None)], ids=["no row", "row without errors"])
def test_an_unknown_api_gets_a_plain_json_error(fault, status, kind, message, api):
    """Where no row says how an api reports errors, the body is JSON with code, type and message."""
    answer = fault.apply(None, a_context(api=api))

    assert answer.status == status
    assert header(answer.headers, "content-type") == "application/json"
    assert json.loads(answer.body) == {"error": {"code": status, "type": kind, "message": message}}


@pytest.mark.parametrize(
    ("advice", "headers"),
    [
        ({}, {}),
        ({"retry_after_s": 7}, {"retry-after": "7"}),
        ({"retry_after_s": 7.0}, {"retry-after": "7.0"}),
        ({"retry_after_s": 0.25}, {"retry-after": "0.25"}),
        ({"retry_after_s": 0}, {"retry-after": "0"}),
        ({"retry_after_s": -5}, {"retry-after": "-5"}),
        ({"retry_after_s": 1e18}, {"retry-after": "1000000000000000000"}),
        ({"retry_after_s": 1e-7}, {"retry-after": "0.0000001"}),
        ({"retry_after_ms": 1500}, {"retry-after-ms": "1500"}),
        ({"retry_after_s": 9, "retry_after_ms": 20}, {"retry-after": "9", "retry-after-ms": "20"}),
        ({"retry_after_date_s": 30}, {"retry-after": "Sat, 21 Nov 2026 09:14:33 GMT"}),
        ({"retry_after_date_s": -43}, {"retry-after": "Sat, 21 Nov 2026 09:13:20 GMT"}),
        ({"retry_after": "soon"}, {"retry-after": "soon"}),
        ({"retry_after": ""}, {"retry-after": ""}),
        ({"should_retry": True}, {"x-should-retry": "true"}),
        ({"should_retry": False}, {"x-should-retry": "false"}),
    ],
    ids=lambda value: "-".join(f"{key}={held}" for key, held in value.items()) or "absent",
)
@pytest.mark.parametrize("make", [faults.RateLimited, faults.Overloaded, faults.ServerError, faults.Unavailable])
def test_every_form_of_retry_advice_is_written(make, advice, headers):
    """The answer carries the advice in the form asked for, and no other, whatever the row's reply advised."""
    answer = make(**advice).apply(None, a_context(now=NOW))

    written = {key.lower(): value for key, value in answer.headers if "retry" in key.lower()}
    assert written == headers


def test_a_retry_date_is_that_far_from_now():
    """The HTTP date, parsed, is the recorder's now plus the seconds asked for."""
    answer = faults.RateLimited(retry_after_date_s=3600).apply(None, a_context(now=NOW))

    date = email.utils.parsedate_to_datetime(header(answer.headers, "retry-after"))
    assert date.timestamp() == NOW + 3600


@pytest.mark.parametrize("seconds", [3_162_240_000, -3_162_240_000], ids=["future", "past"])
def test_a_retry_date_may_be_a_hundred_years_away(seconds):
    """The farthest dates that are accepted can be written and read."""
    answer = faults.RateLimited(retry_after_date_s=seconds).apply(None, a_context(now=NOW))

    date = email.utils.parsedate_to_datetime(header(answer.headers, "retry-after"))
    assert date.timestamp() == NOW + seconds


def test_a_status_takes_a_body_and_headers_of_its_own():
    """What the user gives goes in the place of the provider's; the rest of the provider's headers stay."""
    fault = faults.Status(502, body="<h1>é</h1>", headers={"Content-Type": "text/html", "via": "proxy"})

    answer = fault.apply(None, a_context())

    assert answer.body == "<h1>é</h1>".encode()
    assert answer.headers == (("content-type", "text/html"), ("acme-id", "7"), ("via", "proxy"))


@pytest.mark.parametrize("code", [200, 204, 302], ids=str)
def test_a_status_that_is_no_error_has_no_body(code):
    """Below 400 the provider's errors do not apply, and without a body there are no bytes."""
    answer = faults.Status(code).apply(None, a_context())

    assert (answer.status, answer.headers, answer.chunks) == (code, (), ())


def test_a_status_keeps_a_delay_that_was_laid_before():
    """A slow error is an error that comes late."""
    late = faults.Delay(4).apply(a_body(), a_context())

    assert faults.ServerError().apply(late, a_context()).delay_s == 4


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (
            lambda: faults.RateLimited(retry_after_s=1, retry_after="1"),
            "RateLimited(retry_after_s=1, retry_after='1'): all of these set the retry-after header; choose one.",
        ),
        (
            lambda: faults.Overloaded(retry_after_s=float("nan")),
            (
                "Overloaded(retry_after_s=nan): retry_after_s must be a finite number. "
                'For anything else write the header as it is: retry_after="nan".'
            ),
        ),
        (
            lambda: faults.RateLimited(retry_after_date_s=1e12),
            (
                "RateLimited(retry_after_date_s=1000000000000.0): a date is at most a hundred years away "
                "(3162240000 seconds)."
            ),
        ),
        (
            lambda: faults.RateLimited(retry_after="a\nb"),
            "RateLimited(retry_after='a\\nb'): retry_after must be printable ASCII text in one line.",
        ),
        (
            lambda: faults.ServerError(should_retry="yes"),
            "ServerError(should_retry='yes'): should_retry must be True, False or None.",
        ),
        (lambda: faults.Status(99), "Status(code=99): code must be a whole number, 200 or more."),
        (lambda: faults.Status(600), "Status(code=600): a status is a number from 200 to 599."),
        (lambda: faults.Status(500, body=5), "Status(body=5): body must be text or bytes."),
        (
            lambda: faults.Status(500, headers="abc"),
            "Status(headers='abc'): give a mapping, or pairs of a name and a value.",
        ),
        (
            lambda: faults.Status(500, headers=None),
            "Status(headers=None): give a mapping, or pairs of a name and a value.",
        ),
        (
            lambda: faults.Status(429, kind="cap"),
            "Status(kind='cap'): choose kind from 'context_overflow', 'overloaded', 'quota', 'spend_cap'.",
        ),
    ],
    ids=[
        "two forms",
        "nan",
        "far date",
        "newline",
        "no bool",
        "code",
        "high code",
        "body",
        "no pairs",
        "no headers",
        "kind",
    ],
)
def test_wrong_arguments_raise_where_they_are_written(make, message):
    """The error echoes the value and says what is allowed."""
    with pytest.raises(SettingError) as caught:
        make()

    assert str(caught.value) == message
