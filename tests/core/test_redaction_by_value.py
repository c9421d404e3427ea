"""What is hunted because it was seen in a credential."""

from __future__ import annotations

import base64
import json
import threading

import pytest
from redaction_doubles import OTHER, a_redactor, a_request, a_response


@pytest.mark.parametrize(
    "headers",
    [
        (("Authorization", f"Bearer {OTHER}"),),
        (("authorization", OTHER),),
        (("proxy-authorization", "Basic " + base64.b64encode(f"user:{OTHER}".encode()).decode()),),
        (("api-key", OTHER),),
        (("x-portkey-virtual-key", OTHER),),
        (("cf-access-client-secret", OTHER),),
        (("x-auth-token", OTHER),),
        (("Cookie", f"a=b; session={OTHER}"),),
        (("OpenAI-Organization", f"{OTHER}"),),
        (("authorization", f"AWS4-HMAC-SHA256 Credential={OTHER}/20261121/eu, SignedHeaders=a;b, Signature=ab"),),
    ],
)
def test_a_credential_header_is_hunted(headers):
    """The value of any header that carries a credential or an account is hunted in bodies, its scheme not."""
    redactor = a_redactor()

    redactor.learn_from_request(a_request(headers=headers))

    assert redactor.text(f"got <{OTHER}> Bearer") == "got <REDACTED> Bearer"


@pytest.mark.parametrize(
    "url",
    [f"https://a.com/?key={OTHER}", f"https://a.com/?X-Amz-Credential={OTHER}%2F2026", f"https://u:{OTHER}@a.com/"],
)
def test_a_credential_in_a_url_is_hunted(url):
    """The value of a secret parameter and the password of a URL are hunted in bodies."""
    redactor = a_redactor()

    redactor.learn_from_request(a_request(url=url))

    assert redactor.text(f"got <{OTHER}>") == "got <REDACTED>"


def test_what_a_response_hands_out_is_hunted():
    """Cookies and OAuth tokens that a response brings are hunted from then on."""
    redactor = a_redactor()
    body = json.dumps({"access_token": OTHER, "token_type": "Bearer"}).encode()

    redactor.learn_from_response(a_response(body, headers=(("Set-Cookie", f"__cf_bm={OTHER[::-1]}; Path=/"),)))

    assert redactor.text(f"{OTHER} {OTHER[::-1]} Path") == "REDACTED REDACTED Path"


def test_an_mcp_token_is_hunted():
    """The token that a request hands to a tool server is hunted where the server's error echoes it."""
    redactor = a_redactor()

    redactor.request(a_request({"mcp_servers": [{"authorization_token": OTHER}]}))

    assert redactor.text(f"401 for {OTHER}") == "401 for REDACTED"


def test_a_tool_argument_is_not_hunted():
    """A password that the model repeats from the prompt is not hunted: in replay nobody would know it."""
    redactor = a_redactor()
    body = {"messages": [{"content": f"I am {OTHER}"}, {"input": {"password": OTHER}}]}

    redactor.learn_from_request(a_request(body))
    redactor.request(a_request(body))
    redactor.learn_from_response(a_response(json.dumps(body).encode()))

    assert redactor.text(OTHER) == OTHER


@pytest.mark.parametrize(
    "value",
    ["", "short", "elevenchars", "test-api-key", "sk-placeholder-000", "sk-ant-api03-placeholder", "REDACTED-value-1",
     "xxxxxxxxxxxxxxxxxxxx", "sk-xxxxxxxxxxxxxxxx", "your-api-key-here", "dummy-key-for-tests", "not-needed-here",
     "*************"],
)  # fmt: skip
def test_placeholders_and_short_values_are_not_learned(value):
    """A value that is short, or no secret at all, is not hunted: it would be found everywhere."""
    redactor = a_redactor()

    is_new = redactor.learn(value)

    assert not is_new
    assert redactor.text(f"say {value}!") == f"say {value}!"


def test_a_value_is_learned_once():
    """Learning says whether a value is new, from many threads at once too."""
    redactor = a_redactor()
    values = [f"{OTHER}{number:03}" for number in range(40)]
    news: list[bool] = []

    def learn_all() -> None:
        news.extend(redactor.learn(value) for value in values)

    threads = [threading.Thread(target=learn_all) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert sum(news) == 40
    assert all(redactor.text(value) == "REDACTED" for value in values)


def test_the_beginning_of_a_secret_goes_too():
    """An answer that was cut in the middle of a key does not keep the first half of it."""
    redactor = a_redactor(f"{OTHER}{OTHER[::-1]}")

    assert redactor.text(f"it is {OTHER}") == "it is REDACTED"
