"""Secrets that a request has in its own fields, and as Python writes them in a report."""

from __future__ import annotations

import json

import pytest
from redaction_doubles import JSON, a_redactor, a_request, a_response

SECRET = "Rt5yHs83KdPq0VzXc61Mw"
FORM = (("content-type", "application/x-www-form-urlencoded"),)
PARTS = (("content-type", "multipart/form-data; boundary=b"),)


@pytest.mark.parametrize(
    ("headers", "body"),
    [
        (FORM, f"grant_type=refresh_token&refresh_token={SECRET}".encode()),
        (PARTS, f'--b\r\ncontent-disposition: form-data; name="api_key"\r\n\r\n{SECRET}\r\n--b--\r\n'.encode()),
        (JSON, json.dumps({"api_key": SECRET, "query": "x"}).encode()),
    ],
    ids=["form", "multipart", "json"],
)
def test_a_secret_field_that_the_provider_quotes_is_found_in_the_answer(headers, body):
    """What is secret in the request is secret in its answer, whatever that calls it."""
    redactor = a_redactor()

    redactor.request(a_request(body, headers=headers))
    answer = redactor.outcome(a_response(f'{{"error": "Invalid credential: {SECRET}"}}'.encode()))

    assert SECRET.encode() not in answer.body
    assert b"Invalid credential: REDACTED" in answer.body


def test_the_models_own_password_is_not_hunted():
    """In a tool's arguments it is redacted where it stands, and not looked for elsewhere: a replay would not know."""
    redactor = a_redactor()
    arguments = json.dumps({"password": SECRET})

    redactor.request(a_request({"messages": [{"tool_calls": [{"function": {"arguments": arguments}}]}]}))

    assert redactor.known == 0


@pytest.mark.parametrize(
    "text",
    [
        f"{{'client_secret': '{SECRET}', 'model': 'm'}}",
        f"self = <Client>, password = '{SECRET}'",
        f'Client(model="m", api_token="{SECRET}")',
        f"E   {{'password': '{SECRET}'}} == {{}}",
    ],
)
def test_python_writes_secrets_in_its_own_way(text):
    """A report shows dicts, arguments and variables as Python writes them."""
    assert SECRET not in a_redactor().text(text)
    assert "REDACTED" in a_redactor().text(text)


@pytest.mark.parametrize("text", ["{'model': 'a-model'}", "password=None", "secret = []", "{'password': 'YOUR_KEY'}"])
def test_what_is_no_secret_is_shown_as_it_is(text):
    """Other names, other values, and what stands for a value to fill in."""
    assert a_redactor().text(text) == text
