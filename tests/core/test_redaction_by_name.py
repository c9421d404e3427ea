"""What goes because of the name it stands under, and which headers are kept."""

from __future__ import annotations

import pytest
from redaction_doubles import a_redactor, a_request, a_response


@pytest.mark.parametrize(
    ("body", "redacted"),
    [
        ('{"api_key": "abc"}', '{"api_key": "REDACTED"}'),
        ('{"a":[{"Client-Secret":"abc"}]}', '{"a":[{"Client-Secret":"REDACTED"}]}'),
        ('{"secretAccessKey":"a\\"b\\\\"}', '{"secretAccessKey":"REDACTED"}'),
        ('{"password":12345}', '{"password":"REDACTED"}'),
        ('{"authorization":["Bearer x"]}', '{"authorization":["REDACTED"]}'),
        (
            '{"arguments":"{\\"password\\": \\"a b\\", \\"x\\": 1}"}',
            '{"arguments":"{\\"password\\": \\"a b\\", \\"x\\": 1}"}',
        ),
        (
            '{"arguments":"{\\"password\\": \\"a7b\\", \\"x\\": 1}"}',
            '{"arguments":"{\\"password\\": \\"REDACTED\\", \\"x\\": 1}"}',
        ),
        (
            '{"a":"{\\"b\\":\\"{\\\\\\"api_key\\\\\\":\\\\\\"k\\\\\\"}\\"}"}',
            '{"a":"{\\"b\\":\\"{\\\\\\"api_key\\\\\\":\\\\\\"REDACTED\\\\\\"}\\"}"}',
        ),
        ('{"arguments":"{\\"password\\": \\"a7b', '{"arguments":"{\\"password\\": \\"REDACTED'),
        ('{"organization_id":"8c6f2a1e-1b3d-4f5a-9c7e-0d2b4a6c8e1f"}', '{"organization_id":"REDACTED"}'),
        ('{"account_id":"123456789012"}', '{"account_id":"REDACTED"}'),
        ('{"token":"7f3c9a1e5d2b8f4c6a0e9d1b3f5a7c2e"}', '{"token":"REDACTED"}'),
    ],
)
def test_json_values_go_by_name(body, redacted):
    """A scalar under a secret name goes at any depth, also in JSON inside a string; JSON stays JSON."""
    redactor = a_redactor()

    assert redactor.request(a_request(body.encode())).body == redacted.encode()
    assert redactor.outcome(a_response(body.encode())).body == redacted.encode()


@pytest.mark.parametrize(
    ("url", "redacted"),
    [
        ("https://a.com/v1?key=abc&alt=sse", "https://a.com/v1?key=REDACTED&alt=sse"),
        ("https://a.com/v1?api%5Fkey=abc", "https://a.com/v1?api%5Fkey=REDACTED"),
        (
            "https://a.com/v1?X-Amz-Signature=a&X-Amz-Expires=3",
            "https://a.com/v1?X-Amz-Signature=REDACTED&X-Amz-Expires=3",
        ),
        ("https://u:p@a.com/v1", "https://REDACTED@a.com/v1"),
        ("https://a.com/v1/projects/my-project/locations/eu", "https://a.com/v1/projects/REDACTED/locations/eu"),
        ("https://a.com/v1?page_token=abc&keyword=x", "https://a.com/v1?page_token=abc&keyword=x"),
    ],
)
def test_urls_go_by_name(url, redacted):
    """Secret parameters, user info and the project of a URL go; its other parts stay."""
    redactor = a_redactor()

    assert redactor.request(a_request(url=url)).url == redacted
    assert redactor.text(f"cannot reach {url} now") == f"cannot reach {redacted} now"


def test_form_fields_go_by_name():
    """The secret fields of a URL-encoded form and of a multipart one go; the rest of the form stays."""
    form = a_request(
        b"grant_type=x&client_secret=abc&scope=y", headers=(("Content-Type", "application/x-www-form-urlencoded"),)
    )
    part = b'--B\r\nContent-Disposition: form-data; name="%s"\r\n\r\n%s\r\n'
    multipart = a_request(
        part % (b"api_key", b"abc") + part % (b"file", b"abc") + b"--B--\r\n",
        headers=(("content-type", "multipart/form-data; boundary=B"),),
    )

    redacted = [a_redactor().request(request).body for request in (form, multipart)]

    assert redacted[0] == b"grant_type=x&client_secret=REDACTED&scope=y"
    assert redacted[1] == part % (b"api_key", b"REDACTED") + part % (b"file", b"abc") + b"--B--\r\n"


def test_request_headers_are_an_allow_list():
    """Of a request only the content type and the headers that choose an API's version are kept."""
    headers = (
        ("Authorization", "Bearer x"),
        ("Content-Type", "a/b"),
        ("anthropic-beta", "t"),
        ("x-new", "1"),
        ("x-f", "2"),
    )

    kept = a_redactor(allowed_request_headers=["X-F"]).request(a_request(headers=headers)).headers

    assert kept == (("Content-Type", "a/b"), ("anthropic-beta", "t"), ("x-f", "2"))


def test_response_headers_that_carry_meaning_are_kept():
    """Retry, rate-limit and request-id headers stay; cookies, accounts, dates and infrastructure go."""
    kept = {"Content-Type": "a/b", "retry-after": "7", "retry-after-ms": "70", "x-should-retry": "true"}
    kept |= {"request-id": "req_1", "anthropic-ratelimit-tokens-reset": "1s", "x-ratelimit-limit-project-tokens": "5"}
    kept |= {"x-amzn-requestid": "r", "x-amzn-errortype": "Throttling", "openai-model": "m", "location": "/v1/x"}
    gone = {"set-cookie": "a=b", "openai-organization": "o", "openai-project": "p", "anthropic-organization-id": "i"}
    gone |= {"date": "now", "cf-ray": "r", "server": "s", "x-goog-user-project": "p", "x-auth-token": "t"}

    headers = a_redactor().outcome(a_response(b"{}", headers=tuple({**kept, **gone}.items()))).headers

    assert dict(headers) == kept


def test_the_encoding_of_a_body_that_could_not_be_decoded_is_kept():
    """It is named only then: without it, the bytes would be given to the client as if they were plain."""
    response = a_redactor().outcome(a_response(b"no gzip", headers=(("content-encoding", "gzip"),)))

    assert response.headers == (("content-encoding", "gzip"),)
