"""Redaction: what stays, what a user may change, and the last scan before writing."""

from __future__ import annotations

import base64
import json
import re
from time import perf_counter

import pytest
from redaction_doubles import JSON, OTHER, SECRET, a_redactor, a_request, a_response

from llmreplay.core.errors import SettingError
from llmreplay.core.redaction import Leak


@pytest.mark.parametrize(
    "body",
    [
        pytest.param({"max_tokens": 10, "usage": {"prompt_tokens": 1, "completion_tokens": 2}}, id="counts"),
        pytest.param({"logprobs": [{"token": " Hello", "logprob": -0.1, "bytes": [1]}]}, id="tokens of an answer"),
        pytest.param({"key": "source_url", "cache_key": "abc", "prompt_cache_key": "run-2024-11-21-a"}, id="keys"),
        pytest.param(
            {"idempotency_key": "5f0c2a9e-8d1b-4c3f", "public_key": "abc", "nextPageToken": "p2"}, id="more keys"
        ),
        pytest.param({"properties": {"password": {"type": "string"}, "api_key": {"type": "string"}}}, id="a schema"),
        pytest.param({"required": ["password", "api_key"]}, id="names in a list"),
        pytest.param(
            {"organization": "Acme Corporation", "project": "apollo-11", "account_id": "ACC-1234"}, id="words"
        ),
        pytest.param({"pwd": "/home/me/work", "auth": "none", "secret": None, "api_key": True}, id="no secrets"),
        pytest.param({"id": "msg_01XFDUDYJgAACzvnptvVoYEL", "tool_use_id": "toolu_01A09q90qw90lq917835lq9X"}, id="ids"),
        pytest.param(
            {"id": "chatcmpl-BLwLVvwDp4D8f1x2z3A4b5C6d7E8f", "call": "call_Ab3dE5fG7hI9jK1lM2nO4pQ6"}, id="more ids"
        ),
        pytest.param(
            {"request_id": "req_011CSHoEeqs5C35K2UUqR7Fy", "uuid": "8c6f2a1e-1b3d-4f5a-9c7e-0d2b4a6c8e1f"},
            id="requests",
        ),
        pytest.param({"signature": base64.b64encode(bytes(range(256)) * 4).decode()}, id="the signature of a thought"),
        pytest.param({"encrypted_content": "gAAAAABo" + "aB3dE5fG7-hI9jK1l_" * 40}, id="encrypted reasoning"),
        pytest.param({"text": "Spinner .sk-folding-cube .sk-cube1 { } task-12345678901234567890"}, id="css"),
        pytest.param(
            {"text": "Send `Authorization: Bearer YOUR_API_KEY` or `x-api-key: $ANTHROPIC_API_KEY`."}, id="docs"
        ),
        pytest.param({"text": 'config = {"api_key": "YOUR_API_KEY", "password": "<password>"}'}, id="code to fill in"),
        pytest.param({"text": "Bearer authentication and basic understanding are required"}, id="prose"),
        pytest.param({"text": "postgresql://user@localhost/db and me@example.com"}, id="addresses"),
        pytest.param({"text": "100% sure &amp; 5 %20 \\u0041 \u00e9\u6f22 \U0001f600 \t \x07"}, id="escapes"),
        pytest.param({"sha": "adc3b06f79f797d1c575d5479d6f5efe54a9e3b4", "fp": "fp_44709d6fcb"}, id="hashes"),
    ],
)
def test_harmless_values_stay(body):
    """Counts, ids, schemas and prose come back byte for byte, though their names or looks are near to a secret's."""
    redactor = a_redactor(SECRET)
    data = json.dumps(body).encode()

    redacted = redactor.outcome(a_response(data[:5], data[5:])), redactor.request(a_request(data))

    assert [redacted[0].body, redacted[1].body] == [data, data]
    assert redactor.scan(data) is None


def test_everything_but_the_secret_stays_byte_for_byte():
    """Odd layout, number spelling, duplicate keys and escapes around a secret are not touched."""
    data = b'{ "a" : 1.0E+2,"a":"\\u00e9\\/",\n\t"password" :  "hunter2" , "t":"x ' + SECRET.encode() + b'\\n" }\r\n'

    redacted = a_redactor(SECRET).request(a_request(data)).body

    assert redacted == b'{ "a" : 1.0E+2,"a":"\\u00e9\\/",\n\t"password" :  "REDACTED" , "t":"x REDACTED\\n" }\r\n'


def test_without_anything_to_hide_the_outcome_keeps_its_chunks():
    """A clean response keeps every chunk with its bytes and times."""
    response = a_response(b"data: {}\n\n", b"data: [DONE]\n\n", headers=(("content-type", "text/event-stream"),))

    assert a_redactor(SECRET).outcome(response) == response


def test_names_of_the_user_count_everywhere():
    """A name that a user adds is secret as a header, key, parameter and field, however it is spelled."""
    redactor = a_redactor(redact=["Customer-Id", "x"], allowed_request_headers=["customer-id"])
    headers = (("customer-id", "c1"), *JSON)

    redacted = redactor.request(
        a_request(
            {"customerId": "c1", "customer_id": 7, "x": "1"}, url="https://a.com/?customer_id=c1", headers=headers
        )
    )

    assert json.loads(redacted.body) == {"customerId": "REDACTED", "customer_id": "REDACTED", "x": "REDACTED"}
    assert redacted.url == "https://a.com/?customer_id=REDACTED"
    assert redacted.headers[0] == ("customer-id", "REDACTED")


def test_patterns_of_the_user_are_found_across_deltas():
    """A pattern of a user is found in a prompt and in a text that streams in pieces; a group limits it."""
    redactor = a_redactor(redact=[r"re:EMP-\d{4}", re.compile(r"(?i)badge (\w+)")])
    stream = "".join(f'data: {{"delta":{{"text":"{piece}"}}}}\n\n' for piece in ("I am EM", "P-12", "34. Bad", "ge A7"))

    redacted = redactor.outcome(a_response(stream.encode())).body

    assert re.findall(rb'"text":"([^"]*)"', redacted) == [b"I am REDACTED", b"", b". Bad", b"ge REDACTED"]
    assert redactor.text("EMP-1234, badge A7") == "REDACTED, badge REDACTED"


def test_functions_of_the_user_rewrite_strings():
    """A function of a user changes the strings of a body, whole or streamed, and nothing between them."""
    redactor = a_redactor(redact=[lambda text: text.replace("Ann Lee", "Jane Doe")])
    stream = "".join(f'data: {{"delta":{{"text":"{piece}"}}}}\n\n' for piece in ("Hi Ann", " Lee", "!"))

    body = redactor.request(a_request(b'{ "a": ["Ann Lee is Ann Lee", 1.0] }')).body
    streamed = redactor.outcome(a_response(stream.encode())).body

    assert body == b'{ "a": ["Jane Doe is Jane Doe", 1.0] }'
    assert b"".join(re.findall(rb'"text":"([^"]*)"', streamed)) == b"Hi Jane Doe!"


def test_a_kept_name_stays():
    """A field or header that a user keeps stays as it is, and its value is not hunted."""
    redactor = a_redactor(keep=["password", "OpenAI-Organization"])
    response = a_response(b'{"password":"abc"}', headers=(("openai-organization", "acme-workspace-77"),))

    redactor.learn_from_response(response)

    assert redactor.outcome(response) == response
    assert redactor.request(a_request(b'{"password":"abc"}')).body == b'{"password":"abc"}'


@pytest.mark.parametrize("rule", ["re:(", 7])
def test_a_wrong_rule_is_refused(rule):
    """A pattern that is none, and a rule of another type, are refused where the user wrote them."""
    with pytest.raises(SettingError, match="redact="):
        a_redactor(redact=[rule])


def test_the_scan_says_where_and_what_but_not_the_secret():
    """The last scan names line, byte, path and kind, and prints nothing of the secret."""
    redactor = a_redactor()
    redactor.learn(OTHER, origin="value of the header x-api-key")
    data = json.dumps({"interactions": [{"request": {"a": "fine"}}, {"b": ["x", f"<{OTHER}>"]}]}, indent=1).encode()

    leak = redactor.scan(data)

    assert leak == Leak(data.index(OTHER.encode()), 11, "value of the header x-api-key", "$.interactions[1].b[1]")
    assert str(leak) == f"value of the header x-api-key at line 11, byte {leak.offset}, $.interactions[1].b[1]"
    assert OTHER[:8] not in str(leak) + repr(leak) + repr(redactor._taints)


def test_redaction_is_quick():
    """A request of 24 kB without secrets takes far less than a request to a provider; the bound is a loose one."""
    prompt = "Tell me about the weather in Paris, please; then about Rome.\n" * 390
    body = json.dumps({"model": "m", "max_tokens": 99, "messages": [{"role": "user", "content": prompt}]}).encode()
    redactor = a_redactor(SECRET)
    request = a_request(body)

    def seconds() -> float:
        began = perf_counter()
        redactor.request(request)
        return perf_counter() - began

    assert min(seconds() for _ in range(30)) < 0.001
