"""A request is recognised by method, host and path; on a stand-in's host by path and shape."""

from __future__ import annotations

import re

import pytest

from llmreplay.core.api import Api, identify, identify_stand_in
from llmreplay.core.model import Request

CHAT = Api(
    name="a.chat",
    provider="a",
    hosts=("api.a.com", "*.a.net"),
    path=re.compile("/v1/chat"),
    source="none",
    looks_like=lambda body: isinstance(body, dict) and "messages" in body,
)
MODELS = Api(
    name="a.models", provider="a", hosts=("api.a.com",), path=re.compile("/v1/models"), source="", method="GET"
)
APIS = (CHAT, MODELS)


@pytest.mark.parametrize(
    ("method", "url", "api"),
    [
        ("POST", "https://api.a.com/v1/chat", CHAT),
        ("POST", "https://API.A.com:443/v1/chat?x=1#y", CHAT),
        ("POST", "https://eu.a.net/v1/chat", CHAT),
        ("GET", "https://api.a.com/v1/models", MODELS),
        ("GET", "https://api.a.com/v1/chat", None),
        ("POST", "https://api.a.com/v1/chat/1", None),
        ("POST", "https://api.a.com.evil.org/v1/chat", None),
        ("POST", "https://b.com/v1/chat", None),
        ("POST", "/v1/chat", None),
    ],
)
def test_a_row_is_found_by_method_host_and_path(method: str, url: str, api: Api | None) -> None:
    """The whole path and one of the hosts must fit; query, port and case do not count."""
    assert identify(Request(method, url), APIS) is api


@pytest.mark.parametrize(
    ("path", "body", "api"),
    [
        ("/v1/chat", {"messages": []}, CHAT),
        ("/gateway/v1/chat", {"messages": []}, CHAT),
        ("/chat", {"messages": []}, CHAT),
        ("/v1/chat", {"text": "x"}, None),
        ("/v1/chat", None, None),
        ("/v1/chats", {"messages": []}, None),
        ("/v1/models", {"messages": []}, None),
    ],
)
def test_a_stand_in_needs_path_and_shape(path: str, body: object, api: Api | None) -> None:
    """A prefix before the path, or a missing `/v1`, is allowed; another shape, or a row without one, is not."""
    assert identify_stand_in(path, body, APIS) is api  # type: ignore[arg-type]
