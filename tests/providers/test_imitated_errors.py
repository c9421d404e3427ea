"""The errors of those who imitate OpenAI have the form of their own recorded ones."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from llmreplay.core.api import ErrorReply, identify
from llmreplay.core.model import Request, header
from llmreplay.providers import APIS

ROWS = {api.name: api for api in APIS}
FORMS = {
    "azure.chat.completions": {"error": {"code": "", "message": ""}},
    "cerebras.chat.completions": {"message": "", "type": "", "param": None, "code": ""},
    "databricks.chat.completions": {"error_code": 0, "message": ""},
    "deepseek.chat.completions": {"error": {"message": "", "type": "", "param": None, "code": ""}},
    "groq.chat.completions": {"error": {"message": "", "type": "", "code": ""}},
    "huggingface.chat.completions": {"error": ""},
    "openai-codex.responses": {"detail": ""},
    "openrouter.chat.completions": {"error": {"message": "", "code": 0}, "user_id": ""},
    "perplexity.chat.completions": {"error": {"message": "", "type": "", "code": 0}},
    "voyage.embeddings": {"detail": ""},
    "xai.responses": {"code": "", "error": ""},
    "zai.chat.completions": {"error": {"code": "", "message": ""}},
}


def reply_of(name: str, status: int, kind: str | None = None) -> ErrorReply:
    build = ROWS[name].error_reply
    assert build is not None
    return build(status, kind)


def form_of(value: Any) -> Any:
    """Give a value with nothing left but its members and their types."""
    if isinstance(value, dict):
        return {name: form_of(member) for name, member in value.items()}
    return None if value is None else type(value)()


@pytest.mark.parametrize("name", FORMS)
def test_an_error_has_the_providers_form(name: str) -> None:
    """A plain error has the members of the provider's own, each of its type, and names no page of OpenAI's."""
    reply = reply_of(name, 400)

    assert form_of(json.loads(reply.body)) == FORMS[name]
    assert b"openai" not in reply.body


@pytest.mark.parametrize("name", FORMS)
def test_a_limit_is_told_without_headers_of_openai(name: str) -> None:
    """A rate limit has no header that only OpenAI sends, and tells of no account at OpenAI."""
    reply = reply_of(name, 429)

    names = [header for header, _ in reply.headers]
    assert not [header for header in names if header.startswith(("x-ratelimit", "openai-"))]
    assert b"openai" not in reply.body


@pytest.mark.parametrize(
    ("provider", "line"),
    [
        ("azure", 60),
        ("azure", 111),
        ("cerebras", 17),
        ("databricks", 0),
        ("deepseek", 18),
        ("deepseek", 66),
        ("groq", 36),
        ("huggingface", 10),
        ("huggingface", 20),
        ("openai-codex", 14),
        ("openrouter", 67),
        ("openrouter", 154),
        ("openrouter", 219),
        ("perplexity", 18),
        ("voyage", 1),
        ("xai", 55),
        ("zai", 1),
        ("zai", 27),
    ],
)
def test_an_error_has_the_form_of_a_recorded_one(
    recorded: Callable[[str], list[Any]], provider: str, line: int
) -> None:
    """A made-up error of the same status has the members of the recorded one, and they are of the same types."""
    place = f"{provider}.jsonl.gz:{line}"
    exchange = next(exchange for exchange in recorded(provider) if exchange.place == place)
    api = identify(Request(exchange.method, exchange.url), APIS) or next(a for a in APIS if a.provider == provider)
    assert api.error_reply is not None

    reply = api.error_reply(exchange.status, None)

    assert reply.status == exchange.status
    assert form_of(json.loads(reply.body)) == form_of(json.loads(exchange.body))


def test_a_wrong_key_is_an_invalid_argument_of_xai() -> None:
    """XAI tells a wrong key with a 400 and words of its own."""
    reply = reply_of("xai.chat.completions", 401)

    assert reply.status == 400
    assert json.loads(reply.body) == {
        "code": "invalid-argument",
        "error": "Incorrect API key provided. You can obtain an API key from https://console.x.ai.",
    }


def test_an_overload_of_zai_is_a_429() -> None:
    """Z.ai says that it is overloaded with a code of its own, under the status of a rate limit."""
    reply = reply_of("zai.chat.completions", 529, "overloaded")

    assert (reply.status, json.loads(reply.body)["error"]["code"]) == (429, "1305")


def test_azure_names_the_request() -> None:
    """An error of Azure has the header by which its support finds a request."""
    assert header(reply_of("azure.chat.completions", 500).headers, "apim-request-id")
